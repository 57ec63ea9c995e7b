"""Sorting, running sums, gathers and normal draws: compiled, beside PyTorch and plain NumPy.

`python benchmarks/order.py [WORD]`: rows whose names hold the word.
"""

import sys
from collections.abc import Callable
from typing import Any

from _harness import Peer, Result, Row, compare, told
from compiled import Work, made, on


def of(word: Callable, *shape: int, dtype: str = "float32") -> Callable[[Any], Work]:
    """`word` of random numbers."""

    def prepare(t: Any) -> Work:
        x = t.randn(*shape)
        return on(t, lambda x: word(t, x), x if dtype == "float32" else (x * 1e6).to(t.int64))

    return prepare


def normal(*shape: int) -> Callable[[Any], Work]:
    """Normal numbers."""
    return lambda t: made(t, lambda: t.randn(*shape) * 2)


def gather(t: Any) -> Work:
    x, i = t.randn(4096, 1024), t.randint(0, 1024, (4096, 256))
    return on(t, lambda x, i: x.gather(1, i), x, i)


def scatter(t: Any) -> Work:
    x, i, v = t.zeros(4096, 1024), t.randint(0, 1024, (4096, 256)), t.randn(4096, 256)
    return on(t, lambda x, i, v: x.scatter_add(1, i, v), x, i, v)


def search(t: Any) -> Work:
    edges, x = t.randn(10_000).sort()[0], t.randn(1_000_000)
    return on(t, lambda e, x: t.searchsorted(e, x), edges, x)


def unpool(t: Any) -> Work:
    F, x, g = t.nn.functional, t.randn(16, 32, 64, 64, requires_grad=True), t.randn(16, 32, 32, 32)
    run = made(t, lambda x, g: t.autograd.grad(F.max_pool2d(x, 2), x, g)[0])
    return lambda: run(x, g)


def half_product(t: Any) -> Work:
    x, w = t.randn(8, 4096).to(t.bfloat16), t.randn(4096, 4096).to(t.bfloat16)
    return on(t, lambda x, w: x @ w, x, w)


def half_sum(t: Any) -> Work:
    return on(t, lambda x: x.sum(-1), t.randn(4096, 4096).to(t.bfloat16))


ROWS = [
    Row("sort, 1 M", of(lambda t, x: t.sort(x), 1_000_000)),
    Row("sort, 1 M int64", of(lambda t, x: t.sort(x), 1_000_000, dtype="int64")),
    Row("sort, 4096 x 256", of(lambda t, x: t.sort(x), 4096, 256)),
    Row("sort, 4096 x 256, axis 0", of(lambda t, x: t.sort(x, 0), 4096, 256)),
    Row("argsort, 1000 x 16", of(lambda t, x: t.argsort(x), 1000, 16)),
    Row("topk(50), 20 x 32000", of(lambda t, x: t.topk(x, 50), 20, 32000)),
    Row("topk(5), 1000 x 1000", of(lambda t, x: t.topk(x, 5), 1000, 1000)),
    Row("cumsum, 10 M", of(lambda t, x: t.cumsum(x, 0), 10_000_000)),
    Row("cumsum, 4096 x 4096, axis 0", of(lambda t, x: t.cumsum(x, 0), 4096, 4096)),
    Row("cumsum, 4096 x 4096, axis 1", of(lambda t, x: t.cumsum(x, 1), 4096, 4096)),
    Row("cummax, 4096 x 1024, axis 1", of(lambda t, x: t.cummax(x, 1), 4096, 1024)),
    Row("flip, 4096 x 1024", of(lambda t, x: t.flip(x, (1,)), 4096, 1024)),
    Row("gather, 4096 x 256 of 1024", gather),
    Row("scatter_add, 4096 x 256 to 1024", scatter),
    Row("searchsorted, 1 M in 10000", search),
    Row("randn, 1 M", normal(1_000_000)),
    Row("max_pool2d backward, 16x32x64x64", unpool),
    Row("bfloat16 product, 8 x 4096 x 4096", half_product),
    Row("bfloat16 sum, 4096 x 4096", half_sum),
]


def main() -> None:
    """The table."""
    word = sys.argv[1] if len(sys.argv) > 1 else ""
    ours = Peer("rushlight", "order", BENCH_MODE="compiled")
    peers = [Peer("torch", "order"), Peer("rushlight", "order", RUSHLIGHT_ENGINE="0")]
    print("| work | compiled | PyTorch, times ours | NumPy, times ours |\n|---|---|---|---|")
    for row in ROWS:
        if word not in row.name:
            continue
        found = [compare(row, ours, peer) for peer in peers]
        cells = " | ".join(map(_cell, found))
        print(f"| {row.name} | {told(found[0].ours)} | {cells} |", flush=True)
    for peer in (ours, *peers):
        peer.close()


def _cell(found: Result) -> str:
    return found.missing or f"{told(found.theirs)}, {found.ratio:.2f}"


if __name__ == "__main__":
    main()
