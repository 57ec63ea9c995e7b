"""手写数字识别 / Recognising handwritten digits: a whole program, from data to checkpoint.

    rushlight run examples/digits_cnn.py         # or: python examples/digits_cnn.py, with PyTorch

1,797 images of 8 x 8 pixels from scikit-learn (nothing is downloaded), a small convolutional
network, Adam with a one-cycle schedule, a checkpoint, and the accuracy on images never seen.
"""

import argparse
import os
import time

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split


class DigitNet(nn.Module):
    """Two convolutions, a pooling after each, and a small classifier."""

    def __init__(self, classes=10, width=24):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, width, 3, padding=1),  # (batch, width, 8, 8)
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.MaxPool2d(2),  # (batch, width, 4, 4)
            nn.Conv2d(width, 2 * width, 3, padding=1),
            nn.BatchNorm2d(2 * width),
            nn.ReLU(),
            nn.MaxPool2d(2),  # (batch, 2 * width, 2, 2)
        )
        self.head = nn.Sequential(
            nn.Flatten(),
            nn.Dropout(0.25),
            nn.Linear(8 * width, 64),
            nn.ReLU(),
            nn.Linear(64, classes),
        )

    def forward(self, x):
        return self.head(self.features(x))


def datasets(seed):
    """Training, validation and test images, 70 : 10 : 20."""
    digits = load_digits()
    images = torch.tensor(digits.images, dtype=torch.float32).unsqueeze(1) / 16  # 0 to 1
    labels = torch.tensor(digits.target, dtype=torch.int64)
    shuffled = torch.Generator().manual_seed(seed)
    return random_split(TensorDataset(images, labels), [0.7, 0.1, 0.2], generator=shuffled)


def train_epoch(model, loader, loss_of, optimizer, scheduler):
    """One pass over the training images; gives the mean loss."""
    model.train()
    total = 0.0
    for images, labels in loader:
        optimizer.zero_grad()
        loss = loss_of(model(images), labels)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimizer.step()
        scheduler.step()
        total += loss.item() * len(labels)
    return total / len(loader.dataset)


@torch.no_grad()
def accuracy(model, loader):
    """The share of images named rightly."""
    model.eval()
    right = sum((model(images).argmax(dim=1) == labels).sum().item() for images, labels in loader)
    return right / len(loader.dataset)


def options():
    parser = argparse.ArgumentParser(description="Train a small CNN on handwritten digits.")
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--lr", type=float, default=0.005)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--checkpoint", default="digits_cnn.pt")
    return parser.parse_args()


class OnDevice:
    """A loader whose batches are moved to the device."""

    def __init__(self, loader, device):
        self.loader, self.device, self.dataset = loader, device, loader.dataset

    def __len__(self):
        return len(self.loader)

    def __iter__(self):
        for batch in self.loader:
            yield [part.to(self.device) for part in batch]


def main():
    args = options()
    torch.manual_seed(args.seed)
    train, valid, test = datasets(args.seed)
    device = torch.device(args.device)
    training = OnDevice(DataLoader(train, batch_size=args.batch_size, shuffle=True), device)
    validation = OnDevice(DataLoader(valid, batch_size=256), device)

    model = DigitNet().to(device)
    print(model)
    print(
        f"{sum(p.numel() for p in model.parameters()):,} parameters, {len(train)} images, {device}"
    )
    loss_of = nn.CrossEntropyLoss(label_smoothing=0.05)
    optimizer = torch.optim.Adam(model.parameters(), lr=args.lr)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=args.lr, epochs=args.epochs, steps_per_epoch=len(training)
    )

    best = -1.0
    for epoch in range(1, args.epochs + 1):
        began = time.perf_counter()
        loss = train_epoch(model, training, loss_of, optimizer, scheduler)
        valid_accuracy = accuracy(model, validation)
        took = time.perf_counter() - began
        rate = scheduler.get_last_lr()[0]
        mark = ""
        if valid_accuracy >= best:
            best, mark = valid_accuracy, "  saved"
            torch.save(
                {"model": model.state_dict(), "epoch": epoch, "accuracy": best}, args.checkpoint
            )
        print(
            f"epoch {epoch:2d}/{args.epochs}  loss {loss:.4f}  validation {valid_accuracy:6.2%}  "
            f"lr {rate:.5f}  {took:.1f} s{mark}",
            flush=True,
        )

    checkpoint = torch.load(args.checkpoint, map_location=device)
    reloaded = DigitNet().to(device)
    print(reloaded.load_state_dict(checkpoint["model"]), "from epoch", checkpoint["epoch"])
    testing = OnDevice(DataLoader(test, batch_size=256), device)
    print(f"test accuracy: {accuracy(reloaded, testing):.2%} on {len(test)} images never seen")
    print("checkpoint:", os.path.abspath(args.checkpoint))


if __name__ == "__main__":
    main()
