"""Native programs beside PyTorch: ratios (its time over ours), medians of alternating runs.

    python benchmarks/engine.py [words of the cases to run]

A native program's result is fresh memory in each call, as PyTorch's is.
"""

import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "engine"))
from graphs import Builder

from rushlight._engine import native
from rushlight._engine.graph import Graph


def array(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


def chain(torch: Any) -> tuple:
    """(x * y + z).relu().sum(), 10 M."""
    b, xs = Builder(), [array(10_000_000) for _ in range(3)]
    x, y, z = (b.input(a.shape) for a in xs)
    out = b.sum(b.maximum(b.add(b.multiply(x, y), z), 0.0))
    tx, ty, tz = map(torch.from_numpy, xs)
    return b, [out], xs, lambda: (tx * ty + tz).relu().sum()


def softmax(torch: Any) -> tuple:
    """softmax, 4096 x 4096."""
    b, xs = Builder(), [array(4096, 4096)]
    x = b.input(xs[0].shape)
    e = b.exp(b.subtract(x, b.max(x, axis=-1, keepdims=True)))
    t = torch.from_numpy(xs[0])
    return b, [b.divide(e, b.sum(e, axis=-1, keepdims=True))], xs, lambda: torch.softmax(t, -1)


def layer_norm(torch: Any) -> tuple:
    """layer norm, 8192 x 768."""
    b, xs = Builder(), [array(8192, 768), array(768), array(768)]
    x, w, c = (b.input(a.shape) for a in xs)
    centred = b.subtract(x, b.multiply(b.sum(x, axis=-1, keepdims=True), 1 / 768))
    square = b.multiply(b.sum(b.multiply(centred, centred), axis=-1, keepdims=True), 1 / 768)
    made = b.multiply(centred, b.divide(1.0, b.sqrt(b.add(square, 1e-5))))
    tx, tw, tc = map(torch.from_numpy, xs)
    mine = [b.add(b.multiply(made, w), c)]
    return b, mine, xs, lambda: torch.nn.functional.layer_norm(tx, (768,), tw, tc)


def gelu(torch: Any) -> tuple:
    """GELU through erf, 10 M."""
    b, xs = Builder(), [array(10_000_000)]
    x = b.input(xs[0].shape)
    made = b.multiply(b.multiply(x, 0.5), b.add(b.erf(b.multiply(x, 0.5**0.5)), 1.0))
    t = torch.from_numpy(xs[0])
    return b, [made], xs, lambda: torch.nn.functional.gelu(t)


def product(rows: int, inner: int, columns: int) -> Callable:
    def case(torch: Any) -> tuple:
        b, xs = Builder(), [array(rows, inner), array(inner, columns)]
        x, w = (b.input(a.shape) for a in xs)
        tx, tw = map(torch.from_numpy, xs)
        return b, [b.matmul(x, w)], xs, lambda: tx @ tw

    case.__doc__ = f"matrix product, {rows} x {inner} x {columns}."
    return case


CASES = [chain, softmax, layer_norm, gelu, product(64, 64, 64), product(1024, 1024, 1024),
         product(2, 784, 256), product(64, 784, 256)]  # fmt: skip


def measure(mine: Callable, theirs: Callable, seconds: float = 1.5) -> tuple[float, float]:
    """The best time of each, in alternation."""
    found: tuple[list, list] = ([], [])
    mine(), theirs()
    began = time.perf_counter()
    while time.perf_counter() - began < seconds or len(found[0]) < 5:
        for times, f in zip(found, (mine, theirs)):
            start = time.perf_counter()
            f()
            times.append(time.perf_counter() - start)
    return min(found[0]), min(found[1])


def main() -> None:
    import torch

    torch.set_num_threads(2)
    for case in CASES:
        name = (case.__doc__ or "").rstrip(".")
        if sys.argv[1:] and not any(word in name for word in sys.argv[1:]):
            continue
        b, outputs, arrays, theirs = case(torch)
        began = time.perf_counter()
        program = native.build(Graph(b.inputs, b.steps, outputs))
        assert program is not None
        took = time.perf_counter() - began
        ours, other = measure(partial(program.run, *arrays), theirs)
        print(f"{name:<36} {1e6 * ours:9.0f} us  torch {1e6 * other:9.0f} us  "
              f"x{other / ours:5.2f}  built in {1e3 * took:.0f} ms", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
