"""Twelve small training programs: each gives a step and its batches, for any module like torch."""

import math
from collections.abc import Callable
from typing import Any

Made = tuple[Callable, list[tuple], Any]  # a step, its batches, what it trains


def _classified(t: Any, net: Any, optimizer: Any, shape: tuple, classes: int = 5) -> Made:
    """A classifier trained on noise."""
    loss_of = t.nn.CrossEntropyLoss()

    def step(x: Any, y: Any) -> Any:
        loss = loss_of(net(x), y)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        return loss

    return step, [(t.randn(*shape), t.randint(0, classes, shape[:1])) for _ in range(4)], net


def mlp(t: Any) -> Made:
    nn = t.nn
    net = nn.Sequential(nn.Linear(20, 32), nn.ReLU(), nn.Linear(32, 5))
    return _classified(t, net, t.optim.SGD(net.parameters(), lr=0.05, momentum=0.9), (8, 20))


def lenet(t: Any) -> Made:
    nn = t.nn
    net = nn.Sequential(
        nn.Conv2d(1, 4, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 6, 3, padding=1), nn.Tanh(),
        nn.MaxPool2d(2), nn.Flatten(), nn.Linear(54, 16), nn.ReLU(), nn.Linear(16, 5),
    )  # fmt: skip
    return _classified(t, net, t.optim.Adam(net.parameters(), lr=0.01), (4, 1, 16, 16))


def resnet(t: Any) -> Made:
    nn = t.nn

    class Block(nn.Module):
        def __init__(self, i: int, o: int, stride: int) -> None:
            super().__init__()
            self.one = nn.Conv2d(i, o, 3, stride, 1, bias=False)
            self.norm1, self.norm2 = nn.BatchNorm2d(o), nn.BatchNorm2d(o)
            self.two = nn.Conv2d(o, o, 3, 1, 1, bias=False)
            self.short = nn.Conv2d(i, o, 1, stride, bias=False)

        def forward(self, x: Any) -> Any:
            y = t.relu(self.norm1(self.one(x)))
            return t.relu(self.norm2(self.two(y)) + self.short(x))

    net = nn.Sequential(
        nn.Conv2d(3, 6, 3, padding=1), nn.MaxPool2d(3, 2, 1), Block(6, 8, 1), Block(8, 12, 2),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(12, 5),
    )  # fmt: skip
    optimizer = t.optim.SGD(net.parameters(), lr=0.02, momentum=0.9, weight_decay=1e-4)
    return _classified(t, net, optimizer, (4, 3, 12, 12))


def vgg(t: Any) -> Made:
    nn = t.nn
    net = nn.Sequential(
        nn.Conv2d(3, 6, 3, padding=1), nn.ReLU(), nn.Conv2d(6, 6, 3, padding=1), nn.ReLU(),
        nn.MaxPool2d(2), nn.Conv2d(6, 8, 3, padding=1), nn.ReLU(), nn.AvgPool2d(2), nn.Flatten(),
        nn.Linear(32, 16), nn.ReLU(), nn.Dropout(0.3), nn.Linear(16, 5),
    )  # fmt: skip
    return _classified(t, net, t.optim.AdamW(net.parameters(), lr=0.01), (4, 3, 8, 8))


def vae(t: Any) -> Made:
    nn, F = t.nn, t.nn.functional
    encoder = nn.Sequential(nn.Linear(24, 16), nn.Tanh(), nn.Linear(16, 8))
    decoder = nn.Sequential(nn.Linear(4, 16), nn.ELU(), nn.Linear(16, 24), nn.Sigmoid())
    both = nn.ModuleList([encoder, decoder])
    optimizer = t.optim.Adam(both.parameters(), lr=0.01)

    def step(x: Any) -> Any:
        mean, log_var = encoder(x).chunk(2, dim=1)
        z = mean + t.randn_like(mean) * (0.5 * log_var).exp()
        fit = F.binary_cross_entropy(decoder(z), x, reduction="sum")
        loss = fit - 0.5 * (1 + log_var - mean.pow(2) - log_var.exp()).sum()
        optimizer.zero_grad()
        loss.backward()
        t.nn.utils.clip_grad_norm_(both.parameters(), 1.0)
        optimizer.step()
        return loss

    return step, [(t.rand(6, 24),) for _ in range(4)], both


def gan(t: Any) -> Made:
    nn, F = t.nn, t.nn.functional
    maker = nn.Sequential(nn.Linear(4, 16), nn.LeakyReLU(0.2), nn.Linear(16, 8))
    judge = nn.Sequential(nn.Linear(8, 16), nn.LeakyReLU(0.2), nn.Linear(16, 1))
    optimizers = [t.optim.Adam(m.parameters(), lr=0.01, betas=(0.5, 0.99)) for m in (maker, judge)]

    def step(x: Any, z: Any) -> Any:
        fake = maker(z)
        optimizers[1].zero_grad()
        true_loss = F.binary_cross_entropy_with_logits(judge(x), t.ones(len(x), 1))
        fake_loss = F.binary_cross_entropy_with_logits(judge(fake.detach()), t.zeros(len(x), 1))
        (true_loss + fake_loss).backward()
        optimizers[1].step()
        optimizers[0].zero_grad()
        loss = F.binary_cross_entropy_with_logits(judge(fake), t.ones(len(x), 1))
        loss.backward()
        optimizers[0].step()
        return loss + true_loss + fake_loss

    return step, [(t.randn(6, 8), t.randn(6, 4)) for _ in range(4)], nn.ModuleList([maker, judge])


def _recurrent(t: Any, kind: str, layers: int) -> Made:
    nn, F = t.nn, t.nn.functional

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.words = nn.Embedding(11, 8)
            self.cells = getattr(nn, kind)(8, 12, layers, batch_first=True)
            self.out = nn.Linear(12, 11)

        def forward(self, x: Any) -> Any:
            return self.out(self.cells(self.words(x))[0])

    net = Model()
    optimizer = t.optim.RMSprop(net.parameters(), lr=0.01)

    def step(x: Any) -> Any:
        loss = F.cross_entropy(net(x[:, :-1]).reshape(-1, 11), x[:, 1:].reshape(-1))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    return step, [(t.randint(0, 11, (4, 7)),) for _ in range(4)], net


def lstm(t: Any) -> Made:
    return _recurrent(t, "LSTM", 2)


def gru(t: Any) -> Made:
    return _recurrent(t, "GRU", 1)


def encoder(t: Any) -> Made:
    nn = t.nn

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            layer = nn.TransformerEncoderLayer(16, 4, 32, dropout=0.1, batch_first=True)
            self.layers = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
            self.out = nn.Linear(16, 5)

        def forward(self, x: Any) -> Any:
            return self.out(self.layers(x).mean(1))

    net = Model()
    return _classified(t, net, t.optim.NAdam(net.parameters(), lr=0.002), (4, 6, 16))


def gpt(t: Any) -> Made:
    nn, F = t.nn, t.nn.functional

    class Block(nn.Module):
        def __init__(self, width: int, heads: int) -> None:
            super().__init__()
            self.heads = heads
            self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
            self.qkv, self.mix = nn.Linear(width, 3 * width), nn.Linear(width, width)
            self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

        def forward(self, x: Any) -> Any:
            b, n, c = x.shape
            q, k, v = self.qkv(self.norm1(x)).split(c, dim=2)
            q, k, v = (y.view(b, n, self.heads, c // self.heads).transpose(1, 2) for y in (q, k, v))
            y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
            x = x + self.mix(y.transpose(1, 2).contiguous().view(b, n, c))
            return x + self.down(F.gelu(self.up(self.norm2(x))))

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.words, self.places = nn.Embedding(13, 16), nn.Embedding(8, 16)
            self.blocks = nn.ModuleList([Block(16, 2) for _ in range(2)])
            self.norm, self.head = nn.LayerNorm(16), nn.Linear(16, 13, bias=False)
            self.head.weight = self.words.weight

        def forward(self, x: Any) -> Any:
            x = self.words(x) + self.places(t.arange(x.shape[1]))
            for block in self.blocks:
                x = block(x)
            return self.head(self.norm(x))

    net = Model()
    optimizer = t.optim.AdamW(net.parameters(), lr=0.003, betas=(0.9, 0.95))

    def step(x: Any) -> Any:
        logits = net(x[:, :-1])
        loss = F.cross_entropy(logits.view(-1, 13), x[:, 1:].reshape(-1))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        return loss

    return step, [(t.randint(0, 13, (3, 9)),) for _ in range(4)], net


def unet(t: Any) -> Made:
    nn, F = t.nn, t.nn.functional

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.down1, self.down2 = nn.Conv2d(1, 4, 3, padding=1), nn.Conv2d(4, 8, 3, padding=1)
            self.up = nn.ConvTranspose2d(8, 4, 2, stride=2)
            self.norm = nn.GroupNorm(2, 8)
            self.last = nn.Conv2d(8, 1, 3, padding=1)

        def forward(self, x: Any) -> Any:
            one = F.silu(self.down1(x))
            two = F.silu(self.down2(F.max_pool2d(one, 2)))
            up = self.up(self.norm(two))
            wide = F.interpolate(two[:, :4], scale_factor=2, mode="nearest")
            return self.last(t.cat([one, up + wide], dim=1))

    net = Model()
    optimizer = t.optim.Adam(net.parameters(), lr=0.01)

    def step(x: Any, y: Any) -> Any:
        optimizer.zero_grad()
        loss = F.mse_loss(net(x), y)
        loss.backward()
        optimizer.step()
        return loss

    return step, [(t.randn(2, 1, 8, 8), t.randn(2, 1, 8, 8)) for _ in range(4)], net


def dqn(t: Any) -> Made:
    nn, F = t.nn, t.nn.functional
    nets = [nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 3)) for _ in range(2)]
    nets[1].load_state_dict(nets[0].state_dict())
    optimizer = t.optim.Adam(nets[0].parameters(), lr=0.01)

    def step(seen: Any, action: Any, reward: Any, after: Any, done: Any) -> Any:
        value = nets[0](seen).gather(1, action.unsqueeze(1)).squeeze(1)
        with t.no_grad():
            best = nets[1](after).max(1).values
            target = reward + 0.9 * best * (1 - done)
        loss = F.smooth_l1_loss(value, target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        with t.no_grad():
            for slow, fast in zip(nets[1].parameters(), nets[0].parameters()):
                slow.mul_(0.95).add_(fast, alpha=0.05)
        return loss

    batches = [
        (t.randn(8, 6), t.randint(0, 3, (8,)), t.randn(8), t.randn(8, 6), (t.rand(8) < 0.2).float())
        for _ in range(4)
    ]
    return step, batches, nn.ModuleList(nets)


PROGRAMS = [mlp, lenet, resnet, vgg, vae, gan, lstm, gru, encoder, gpt, unet, dqn]


def losses(t: Any, make: Callable, run: Callable, steps: int = 20) -> list[float]:
    """The losses of `steps` steps from one seed; `run` is given the step and returns another."""
    t.manual_seed(0)
    step, batches, _ = make(t)
    step = run(step)
    t.manual_seed(1)
    return [step(*batches[i % len(batches)]).item() for i in range(steps)]


def finite(values: list[float]) -> bool:
    """Whether all are numbers."""
    return all(map(math.isfinite, values))
