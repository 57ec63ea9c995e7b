"""用 LSTM 预测序列 / Forecasting a series with an LSTM.

    rushlight run examples/lstm_series.py

The series is two tides of different periods with noise; the network sees 40 values and says the
next one, and is compared with the two forecasts that need no network at all.
"""

import argparse
import math

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, Subset


class Windows(Dataset):
    """Every stretch of `length` values, with the value that follows it."""

    def __init__(self, series, length):
        self.series, self.length = series, length

    def __len__(self):
        return len(self.series) - self.length

    def __getitem__(self, start):
        end = start + self.length
        return self.series[start:end].unsqueeze(-1), self.series[end]


class Forecaster(nn.Module):
    """An LSTM over the stretch; its last state says the next value, as a change of the last one."""

    def __init__(self, hidden=32, layers=2):
        super().__init__()
        self.lstm = nn.LSTM(1, hidden, num_layers=layers, batch_first=True, dropout=0.1)
        self.out = nn.Linear(hidden, 1)

    def forward(self, x):  # (batch, time, 1)
        states, _ = self.lstm(x)
        return x[:, -1, 0] + self.out(states[:, -1]).squeeze(-1)


def make_series(length, noise):
    """Two sines, one twelve times as slow, with noise of the given deviation."""
    t = torch.arange(length, dtype=torch.float32)
    tides = torch.sin(2 * math.pi * t / 25) + 0.5 * torch.sin(2 * math.pi * t / 300)
    return tides + noise * torch.randn(length)


@torch.no_grad()
def errors(model, loader):
    """Mean squared errors: the network's, "as now", and "as one period ago"."""
    model.eval()
    sums, count = torch.zeros(3), 0
    for stretch, target in loader:
        guesses = (model(stretch), stretch[:, -1, 0], stretch[:, -25, 0])
        sums += torch.stack([((guess - target) ** 2).sum() for guess in guesses])
        count += len(target)
    return (sums / count).tolist()


def options():
    parser = argparse.ArgumentParser(description="Forecast a noisy series with an LSTM.")
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--length", type=int, default=1500)
    parser.add_argument("--noise", type=float, default=0.05)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def main():
    args = options()
    torch.manual_seed(args.seed)
    windows = Windows(make_series(args.length, args.noise), 40)
    cut = len(windows) * 4 // 5  # the future is never seen in training
    training = DataLoader(Subset(windows, range(cut)), batch_size=32, shuffle=True)
    testing = DataLoader(Subset(windows, range(cut + 40, len(windows))), batch_size=128)

    model = Forecaster()
    print(model)
    optimizer = torch.optim.RMSprop(model.parameters(), lr=2e-3)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=args.epochs)
    loss_of = nn.SmoothL1Loss(beta=0.1)
    for epoch in range(1, args.epochs + 1):
        model.train()
        total = 0.0
        for stretch, target in training:
            optimizer.zero_grad()
            loss = loss_of(model(stretch), target)
            loss.backward()
            optimizer.step()
            total += loss.item() * len(target)
        scheduler.step()
        print(f"epoch {epoch:2d}  loss {total / cut:.5f}", flush=True)

    ours, as_now, as_before = errors(model, testing)
    print(f"mean squared error on the future: LSTM {ours:.5f}")
    print(f"   the value stays as it is now:  {as_now:.5f}")
    print(f"   as one period ago:             {as_before:.5f}")
    print(f"   noise alone (nobody is better): {args.noise**2:.5f}")


if __name__ == "__main__":
    main()
