"""The matrix product kernel beside torch.mm and numpy: time, rate, ratios (their time over ours).

    python benchmarks/products.py [part of a case's name ...]

A kernel is called as native.py calls a program, Python's part of the call included. Libraries work
in turns with a pause between them: threads that still wait for work in one would halve the other's
speed. A round is a slice of calls; the best round of each library is compared.
"""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from rushlight._engine import families
from rushlight._engine.builder import F32, F64, I64, POINTER, Module
from rushlight._engine.kernels import matmul
from rushlight._engine.kernels.rows import Nest, Operand
from rushlight._engine.load import loaded
from rushlight._engine.targets.host import compiled, host
from rushlight._engine.threads import barrier, pool

SLICE, PAUSE, ROUNDS = 0.01, 0.02, 7  # seconds, seconds, rounds
AFTER_NUMPY = 0.1  # OpenBLAS's threads wait for work for 2^26 cycles, and share the cores with ours
VALUE = 1  # the number of the product's value in its nest


@dataclass
class Case:
    """Sizes (batch, rows, inner, columns), which operands lie transposed, the element's type."""

    sizes: tuple[int, ...]
    turned: str = ""  # "a", "b" or "ab"
    dtype: str = "float32"
    target: float | None = None
    name: str = field(default="")

    def __post_init__(self) -> None:
        self.batch, self.rows, self.inner, self.columns = (1, *self.sizes)[-4:]
        note = f" {self.turned}^T" if self.turned else ""
        kind = "" if self.dtype == "float32" else " f64"
        self.name = "x".join(map(str, self.sizes)) + note + kind

    def arrays(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """a and b as they are multiplied (views), and memory for the result."""
        random = np.random.default_rng(0)

        def draw(turned: bool, *shape: int) -> np.ndarray:
            x = random.normal(size=(*shape[:-2], *shape[:-3:-1]) if turned else shape)
            x = x.astype(self.dtype)
            return x.swapaxes(-1, -2) if turned else x

        a = draw("a" in self.turned, self.batch, self.rows, self.inner)
        b = draw("b" in self.turned, self.batch, self.inner, self.columns)
        return a, b, np.empty((self.batch, self.rows, self.columns), self.dtype)


def operand(number: int, x: np.ndarray) -> Operand:
    """An array as a kernel sees it."""
    strides = tuple(s // x.itemsize for s in x.strides)
    return Operand(number, 0, strides[:-1], strides[-1], F32 if x.itemsize == 4 else F64)


def product_of(a: np.ndarray, b: np.ndarray, out: np.ndarray) -> matmul.Product:
    """out = a b."""
    nest = Nest(out.shape[:-1], out.shape[-1], stores=[(VALUE, operand(2, out))])
    return matmul.Product(operand(0, a), operand(1, b), a.shape[-1], VALUE, nest)


def text_of(products: list[matmul.Product], target: Any, slots: int) -> str:
    """The text of a program that runs products one after another."""
    module = Module(target)
    names = [families.kernel(module, p) for p in products]
    f = module.function("program", "buffers:ptr me:i64 threads:i64 control:ptr", shared=True)
    buffers, me, threads, control = f.args
    work = f.load(buffers.shifted(slots, I64), POINTER)
    for at, name in enumerate(names):
        if at:
            f.call(barrier(module), control, threads)
        f.call(name, buffers, me, threads, control, work)
    f.done()
    return str(module)


class Program:
    """Products compiled and bound to arrays: `run()` multiplies."""

    def __init__(self, products: list[matmul.Product], arrays: list[np.ndarray],
                 target: Any = None, threads: int = 2) -> None:  # fmt: skip
        target = target or host()
        began = time.perf_counter()
        text = text_of(products, target, len(arrays))
        self.lines = text.count("\n")
        wrote = time.perf_counter()
        image = compiled(text, target)
        self.wrote, self.took = wrote - began, time.perf_counter() - began
        self.code, self.threads = loaded(image, ["program"]), threads
        own = max(families.workspace(p, target, threads) for p in products)
        self.memory = np.zeros(matmul.PARTIALS + own + 128, np.uint8)
        base = -(-self.memory.ctypes.data // 64) * 64
        self.table = np.array([*(x.ctypes.data for x in arrays), base], np.int64)
        self.kept, self.entry = arrays, self.code.addresses["program"]
        self.address = self.table.ctypes.data

    def run(self) -> None:
        """One run."""
        pool().run(self.entry, self.address, self.threads)


def rounds(works: list[Callable[[], Any]]) -> list[float]:
    """The least time of one call of each."""
    best, counts = [1e9] * len(works), []
    for work in works:
        work()
        began = time.perf_counter()
        work()
        counts.append(max(1, int(SLICE / max(time.perf_counter() - began, 1e-6))))
    for _ in range(ROUNDS):
        for k, work in enumerate(works):
            time.sleep(PAUSE)
            work()
            began = time.perf_counter()
            for _ in range(counts[k]):
                work()
            best[k] = min(best[k], (time.perf_counter() - began) / counts[k])
    return best


CASES = [
    Case((1024, 1024, 1024), target=1.05), Case((2048, 2048, 2048), target=1.0),
    Case((64, 64, 64), target=2.0), Case((2, 784, 256), "b", target=6.0),
    Case((64, 784, 256), "b"), Case((64, 256, 10), "b"), Case((2, 256, 10), "b"),
    Case((256, 64, 784), "a"), Case((256, 2, 784), "a"), Case((64, 10, 256)),
    Case((2, 10, 256)), Case((10, 64, 256), "a"), Case((1024, 512, 2048)),
    Case((1024, 512, 2048), "b"), Case((512, 1024, 2048), "a"), Case((512, 1024, 2048), "ab"),
    Case((1024, 2048, 512), "b"), Case((1024, 512, 8192), "b"), Case((32, 256, 64, 256)),
    Case((32, 256, 64, 256), "b"), Case((32, 256, 256, 64)), Case((32, 256, 256, 64), "a"),
    Case((1, 1024, 4096)), Case((1, 1024, 4096), "b"), Case((4096, 1024, 1)),
    Case((1024, 4096, 1), "a"), Case((77, 131, 93)), Case((77, 131, 93), "ab"),
    Case((8, 8192, 16), "a"), Case((16, 8192, 64), "a"), Case((512, 512, 512)),
    Case((1024, 1024, 1024), dtype="float64"), Case((64, 64, 64), dtype="float64"),
    Case((64, 784, 256), "b", "float64"),
]  # fmt: skip


def main() -> None:
    """The table."""
    import torch

    torch.set_num_threads(2)
    for case in CASES:
        if sys.argv[1:] and not any(
            word == case.name or word in case.name.split() for word in sys.argv[1:]
        ):
            continue
        a, b, out = case.arrays()
        program = Program([product_of(a, b, out)], [a, b, out])
        ta, tb = (torch.from_numpy(x if case.batch > 1 else x[0]) for x in (a, b))
        plain = (a, b) if case.batch > 1 else (a[0], b[0])
        other = torch.bmm if case.batch > 1 else torch.mm
        program.run()
        wanted = a.astype("f8") @ b.astype("f8")
        wrong = np.abs(out - wanted).max() / np.abs(wanted).max()
        time.sleep(AFTER_NUMPY)
        ours, theirs = rounds([program.run, partial(other, ta, tb)])
        (numpys,) = rounds([partial(np.matmul, *plain)])
        flops = 2 * case.batch * case.rows * case.inner * case.columns
        goal = f" (>= {case.target})" if case.target else ""
        print(f"{case.name:<22} {1e6 * ours:9.1f} us {flops / ours / 1e9:6.1f} GF/s  "
              f"torch x{theirs / ours:5.2f}{goal:<10} numpy x{numpys / ours:5.2f}  "
              f"error {wrong:.0e}  {program.lines} lines, text {1e3 * program.wrote:.0f} "
              f"compiled {1e3 * program.took:.0f} ms", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
