"""The table of compiled code's speed: `python benchmarks/compiled.py`.

Each line is one piece of work in up to four processes that take turns on two threads: PyTorch as
it is, PyTorch through `torch.compile` (forward pass and optimizer; its backward pass is compiled
with the forward one), JAX through `jax.jit` (`in_jax.py`), and Rushlight through
`rushlight.compile`, the whole step. Beside them the machine's limit: the time that the arithmetic,
or the memory traffic, takes at least.

Options: `--only WORD`, `--runs N`, `--rounds N`, `--no-compile` leaves torch.compile out (it takes
a minute for the large models), `--jax PYTHON` names an interpreter that has JAX.
"""

import argparse
import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from _harness import REST, Peer, Row, told
from models import decoder, gpt, language_model, lenet, mlp, resnet18

GFLOPS = float(os.environ.get("BENCH_GFLOPS", "200"))  # float32, two threads
GBYTES = float(os.environ.get("BENCH_GBYTES", "40"))  # memory, two threads
MODE = os.environ.get("BENCH_MODE", "")  # "compiled": through the framework's compile

Work = Callable[[], Any]


def made(t: Any, f: Callable) -> Callable:
    """The function, compiled where this process measures that."""
    return t.compile(f) if MODE else f


def on(t: Any, f: Callable, *tensors: Any) -> Work:
    """A function of tensors, without gradients."""
    run = made(t, f)

    def work() -> Any:
        with t.no_grad():
            return run(*tensors)

    return work


def training(t: Any, loss_of: Callable, optimizer: Any, *batch: Any) -> Work:
    """One training step; Rushlight compiles all of it, PyTorch what it can."""
    if t.__name__ != "torch":
        whole = made(t, _step(loss_of, optimizer))
        return lambda: whole(*batch)
    step = _step(made(t, loss_of), optimizer, made(t, optimizer.step))
    return lambda: step(*batch)


def _step(loss_of: Callable, optimizer: Any, update: Callable | None = None) -> Callable:
    updated: Callable = update or optimizer.step

    def step(*batch: Any) -> Any:
        loss = loss_of(*batch)
        loss.backward()
        updated()
        optimizer.zero_grad()
        return loss

    return step


def classifier(t: Any, net: Any, shape: tuple, classes: int, **options: Any) -> Work:
    optimizer = t.optim.SGD(net.parameters(), lr=1e-6, **options)  # far from denormal gradients
    x, y = t.randn(*shape), t.randint(0, classes, shape[:1])
    loss = t.nn.CrossEntropyLoss()
    return training(t, lambda x, y: loss(net(x), y), optimizer, x, y)


def mlp_step(batch: int) -> Callable[[Any], Work]:
    return lambda t: classifier(t, mlp(t.nn), (batch, 784), 10, momentum=0.9)


def lenet_step(t: Any) -> Work:
    return classifier(t, lenet(t.nn), (64, 1, 28, 28), 10, momentum=0.9)


def chain(t: Any) -> Work:
    x, y, z = (t.randn(10_000_000) for _ in range(3))
    return on(t, lambda x, y, z: (x * y + z).relu().sum(), x, y, z)


def gelu(t: Any) -> Work:
    return on(t, t.nn.functional.gelu, t.randn(10_000_000))


def softmax(t: Any) -> Work:
    return on(t, lambda x: t.softmax(x, -1), t.randn(4096, 4096))


def layer_norm(t: Any) -> Work:
    norm, x, g = t.nn.LayerNorm(768), t.randn(8192, 768, requires_grad=True), t.randn(8192, 768)

    def both(x: Any, g: Any) -> Any:
        return t.autograd.grad(norm(x), [x, norm.weight, norm.bias], g)

    if t.__name__ == "torch" and MODE:
        forward = t.compile(norm)
        return lambda: t.autograd.grad(forward(x), [x, norm.weight, norm.bias], g)
    run = made(t, both)
    return lambda: run(x, g)


def product(m: int, k: int, n: int) -> Callable[[Any], Work]:
    return lambda t: on(t, lambda a, b: a @ b, t.randn(m, k), t.randn(k, n))


def transpose(t: Any) -> Work:
    return on(t, lambda x: x.t().contiguous(), t.randn(4096, 4096))


def embedding(t: Any) -> Work:
    table, places = t.randn(8192, 512), t.randint(0, 8192, (8192,))
    return on(t, lambda w, i: t.nn.functional.embedding(i, w), table, places)


def lstm_step(t: Any) -> Work:
    net = language_model(t)
    optimizer = t.optim.SGD(net.parameters(), lr=0.1)
    x, y = t.randint(0, 1000, (35, 20)), t.randint(0, 1000, (35, 20))
    F = t.nn.functional
    loss_of = lambda x, y: F.cross_entropy(net(x).view(-1, 1000), y.view(-1))
    return training(t, loss_of, optimizer, x, y)


def resnet_forward(t: Any) -> Work:
    net = resnet18(t.nn).eval()
    return on(t, lambda x: net(x), t.randn(1, 3, 224, 224))


def resnet_step(t: Any) -> Work:
    return classifier(t, resnet18(t.nn, 10), (8, 3, 64, 64), 10, momentum=0.9)


def gpt_forward(t: Any) -> Work:
    net = gpt(t)
    return on(t, lambda x: net(x), t.randint(0, 8192, (4, 256)))


def gpt_step(t: Any) -> Work:
    net = gpt(t)
    optimizer = t.optim.AdamW(net.parameters(), lr=3e-4)
    x, y = t.randint(0, 8192, (4, 256)), t.randint(0, 8192, (4, 256))
    F = t.nn.functional
    loss_of = lambda x, y: F.cross_entropy(net(x).view(-1, 8192), y.view(-1))
    return training(t, loss_of, optimizer, x, y)


def decoding(t: Any) -> Work:
    step = decoder(t)
    caches = [(t.zeros(1, 8, 256, 64), t.zeros(1, 8, 256, 64)) for _ in range(4)]
    places = t.arange(256)
    run = made(t, step)

    def work() -> Any:
        with t.no_grad():
            for i in range(100, 108):
                place = places[i : i + 1]
                run(place, place, (places <= place)[None, None, None], caches)

    return work


MB = 1e6


ROWS = [
    Row("MLP step, batch 2", mlp_step(2), 15),
    Row("MLP step, batch 64", mlp_step(64), 2.5),
    Row("MLP step, batch 1024", mlp_step(1024), 1.3),
    Row("LeNet step, batch 64", lenet_step, 1.8),
    Row("(x*y+z).relu().sum(), 10 M", chain, 12),
    Row("GELU, 10 M", gelu, 7),
    Row("softmax, 4096 x 4096", softmax, 5),
    Row("layer norm 8192 x 768, both ways", layer_norm, 2.5),
    Row("matrix product, 1024 cubed", product(1024, 1024, 1024), 1.05),
    Row("matrix product, 64 cubed", product(64, 64, 64), 2),
    Row("matrix product, 2x784x256", product(2, 784, 256), 6),
    Row("transposed copy, 4096 x 4096", transpose, 10),
    Row("embedding, 8192 of 512", embedding, 1.2),
    Row("LSTM language model step", lstm_step, 1.5),
    Row("ResNet-18 forward, 224", resnet_forward, 1.4),
    Row("ResNet-18 step, 64, batch 8", resnet_step, 1.1),
    Row("GPT forward", gpt_forward, 1.2),
    Row("GPT step, AdamW", gpt_step, 1.2),
    Row("GPT decoding, 8 tokens", decoding, 4),
]
# Against the better compiler; floating-point operations and bytes that the work cannot do without.
FACTS: dict[str, tuple[float, float, float]] = {
    "MLP step, batch 2": (6, 6 * 2 * 203_264, 5 * 814_080),
    "MLP step, batch 64": (1.8, 6 * 64 * 203_264 - 2 * 64 * 200_704, 5 * 814_080),
    "MLP step, batch 1024": (1.15, 6 * 1024 * 203_264 - 2 * 1024 * 200_704, 5 * 814_080),
    "LeNet step, batch 64": (2.5, 6 * 64 * 416_520, 0),
    "(x*y+z).relu().sum(), 10 M": (1.0, 0, 120 * MB),
    "GELU, 10 M": (6, 0, 80 * MB),
    "softmax, 4096 x 4096": (5, 0, 134 * MB),
    "layer norm 8192 x 768, both ways": (2.5, 0, 4 * 25.2 * MB),
    "matrix product, 1024 cubed": (1.0, 2 * 1024**3, 0),
    "matrix product, 64 cubed": (1.0, 2 * 64**3, 0),
    "matrix product, 2x784x256": (1.0, 2 * 2 * 784 * 256, 0),
    "transposed copy, 4096 x 4096": (5, 0, 134 * MB),
    "embedding, 8192 of 512": (1.0, 0, 33.5 * MB),
    "LSTM language model step": (1.2, 6 * 700 * (2 * 524_288 + 256_000), 0),
    "ResNet-18 forward, 224": (1.0, 2 * 1.814e9, 0),
    "ResNet-18 step, 64, batch 8": (1.3, 6 * 8 * 0.149e9, 0),
    "GPT forward": (1.2, 2 * 1024 * (4 * 12 * 512**2 + 512 * 8192) + 4 * 4 * 256**2 * 512 * 4, 0),
    "GPT step, AdamW": (1.2, 6 * 1024 * (4 * 12 * 512**2 + 512 * 8192) + 12 * 4 * 256**2 * 512 * 4,
                        0),
    "GPT decoding, 8 tokens": (2, 0, 8 * 4 * (4 * 12 * 512**2 + 512 * 8192)),
}  # fmt: skip


def limit(name: str) -> float:
    """The seconds that a row takes at least on this machine."""
    _, operations, traffic = FACTS[name]
    return max(operations / GFLOPS / 1e9, traffic / GBYTES / 1e9)


@dataclass(frozen=True)
class Found:
    """What a peer gave: seconds of its turns, and of the first call."""

    turns: list[float]
    first: float

    @property
    def median(self) -> float:
        return statistics.median(self.turns)

    def over(self, ours: "Found") -> float:
        """Its time over ours: the median of those of neighbouring turns."""
        return statistics.median(b / a for a, b in zip(ours.turns, self.turns, strict=True))


def measured(row: Row, peers: dict[str, Peer], rounds: int) -> dict[str, Found]:
    """What each peer that can do it gave; each second round goes backwards."""
    ready: dict[str, int] = {}
    found: dict[str, Found] = {}
    for name, peer in peers.items():
        answer = peer.ask(row=row.name)
        if "missing" in answer:
            print(f"  {name}: {answer['missing']}", flush=True)
        else:
            ready[name], found[name] = answer["number"], Found([], answer["first"])
    for _ in range(rounds):
        for name, number in ready.items():
            time.sleep(REST)
            answer = peers[name].ask(number=number)
            found[name].turns.append(answer.get("seconds", float("inf")))
        ready = dict(reversed(ready.items()))
    return found


def line(row: Row, found: dict[str, Found]) -> str:
    """The row of the table."""
    ours = found.get("ours")
    if ours is None:
        return f"| {row.name} | - |" + " - |" * 5

    def beside(name: str, target: float | None = None) -> str:
        if name not in found:
            return "-"
        ratio = found[name].over(ours)
        if target is None:
            return f"{told(found[name].median)}, {ratio:.2f}"
        below = " (below)" if ratio < target else ""
        return f"{told(found[name].median)}, {ratio:.2f} of {target}{below}"

    compilers = [name for name in ("compiled", "jax") if name in found]
    best = min(compilers, key=lambda name: found[name].over(ours), default=None)
    targets: dict[str | None, float] = {best: FACTS[row.name][0]}  # the better one counts
    return (
        f"| {row.name} | {told(ours.median)} | {100 * limit(row.name) / ours.median:.0f} % | "
        f"{beside('torch', row.target)} | {beside('compiled', targets.get('compiled'))} | "
        f"{beside('jax', targets.get('jax'))} | {told(ours.first)} |"
    )


HEAD = (
    "| work | Rushlight | of the limit | PyTorch, times ours | torch.compile, times ours | "
    "JAX, times ours | first call |\n|---|---|---|---|---|---|---|"
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="")
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--no-compile", action="store_true")
    parser.add_argument("--jax", metavar="PYTHON")
    options = parser.parse_args()
    for _ in range(options.runs):
        peers = {"ours": Peer("rushlight", "compiled", BENCH_MODE="compiled")}
        peers["torch"] = Peer("torch", "compiled")
        if not options.no_compile:
            peers["compiled"] = Peer("torch", "compiled", BENCH_MODE="compiled")
        if options.jax:
            peers["jax"] = Peer("jax", "in_jax", python=options.jax)
        print(HEAD, flush=True)
        for row in ROWS:
            if options.only in row.name:
                print(line(row, measured(row, peers, options.rounds)), flush=True)
        for peer in peers.values():
            peer.close()


if __name__ == "__main__":
    main()
