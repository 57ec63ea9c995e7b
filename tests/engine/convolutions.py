"""One convolution as a program of its own, run by the pool, for tests and timings."""

from itertools import count
from typing import Any

import numpy as np

from rushlight._arrays import convolution as reference
from rushlight._core.spec import contiguous_strides
from rushlight._engine import families
from rushlight._engine.builder import I64, POINTER, Kind, Module, kind_of
from rushlight._engine.graph import Step, Value
from rushlight._engine.kernels import convolution
from rushlight._engine.kernels.rows import Nest, Operand
from rushlight._engine.kernels.share import PARTIALS
from rushlight._engine.load import loaded
from rushlight._engine.targets.host import compiled, host
from rushlight._engine.threads import pool


def shape_of(word: str, image: tuple, filters: tuple, how: tuple) -> tuple:
    """The shape of a convolution's result."""
    stride, padding, dilation, _ = how
    outs = (
        (n + 2 * p - d * (k - 1) - 1) // s + 1
        for n, k, s, p, d in zip(image[2:], filters[2:], stride, padding, dilation)
    )
    return (image[0], filters[0], *outs)


def step_of(word: str, image: tuple, filters: tuple, how: tuple, dtype: Any) -> Step:
    """A step of a graph: `how` is (stride, padding, dilation, groups)."""
    out = shape_of(word, image, filters, how)
    a, b, made = {
        "conv": (image, filters, out), "conv_input": (out, filters, image),
        "conv_weight": (out, image, filters),
    }[word]  # fmt: skip
    first, second, result = (Value(i, s, dtype) for i, s in enumerate((a, b, made)))
    given = (first, second) if word == "conv" else (first, second, made)
    return Step((result,), word, (*given, *how))


def operand(number: int, shape: tuple, strides: tuple, dtype: Any) -> Operand:
    return Operand(number, 0, strides[:-1], strides[-1], kind(dtype))


def kind(dtype: Any) -> Kind:
    found = kind_of(np.dtype(dtype))
    assert found is not None
    return found


class Convolved:
    """A convolution alone, with a bias and relu behind it where `follows`."""

    def __init__(
        self, word: str, image: tuple, filters: tuple, how: tuple, dtype: Any = "float32",
        follows: bool = False, target: Any = None, threads: int = 2, strides: Any = None,
    ) -> None:  # fmt: skip
        self.step = step = step_of(word, image, filters, how, np.dtype(dtype))
        self.target, self.threads = target or host(), threads
        assert convolution.convolved(step)
        made = step.result
        plane = int(np.prod(made.shape[1 if word == "conv_weight" else 2 :]))
        lead = made.shape[: 1 if word == "conv_weight" else 2]
        self.nest = nest = Nest(lead, plane)
        value, at = made, count(100)
        self.bias = np.asarray(np.random.default_rng(1).normal(size=lead[-1]), dtype)
        if follows:
            bias = Value(next(at), (lead[-1],), made.dtype)
            steps = (0,) * (len(lead) - 1) + (1,)
            nest.loads[bias.id] = Operand(3, 0, steps, 0, kind(made.dtype))
            for word_, args in (("add", (bias,)), ("maximum", (0,))):
                result = Value(next(at), made.shape, made.dtype)
                nest.steps.append(Step((result,), word_, (value, *args)))
                value = result
        steps = contiguous_strides((*lead, plane))
        nest.stores.append((value.id, Operand(2, 0, steps[:-1], 1, kind(made.dtype))))
        operands = []
        for i, v in enumerate(step.args[:2]):
            strided = (strides or {}).get(i, contiguous_strides(v.shape))
            operands.append(operand(i, v.shape, strided, v.dtype))
        found = convolution.described(step, operands[0], operands[1], nest)
        assert found is not None
        self.described = found

    def text(self) -> str:
        module = Module(self.target)
        name = families.kernel(module, self.described)
        f = module.function("program", "buffers:ptr me:i64 threads:i64 control:ptr", shared=True)
        f.call(name, *f.args, f.load(f.args[0].shifted(4, I64), POINTER))
        f.done()
        return str(module)

    def compile(self) -> "Convolved":
        self.code = loaded(compiled(self.text(), self.target), ["program"])
        size = convolution.workspace(self.described, self.target, self.threads) + PARTIALS
        self.work = np.zeros(size + 128, np.uint8)
        self.base = -(-self.work.ctypes.data // 64) * 64
        end = self.base - self.work.ctypes.data + size
        self.guard = self.work[end : end + 64]
        self.guard[:] = 7
        self.out = np.full(self.step.result.shape, np.nan, self.step.result.dtype)
        return self

    def bind(self, first: np.ndarray, second: np.ndarray) -> Any:
        """What runs it on these arrays."""
        self.kept = (first, second)
        addresses = [a.ctypes.data for a in (first, second, self.out, self.bias)] + [self.base]
        self.table = np.array(addresses, np.int64)
        mine, entry, table, threads = (
            pool(), self.code.addresses["program"], self.table.ctypes.data, self.threads,
        )  # fmt: skip
        return lambda: mine.run(entry, table, threads)


def expected(step: Step, first: np.ndarray, second: np.ndarray, bias: Any = None) -> np.ndarray:
    """The same in NumPy's float64, rounded once."""
    given = [first.astype("f8"), second.astype("f8"), *step.args[2:]]
    made = getattr(reference, step.word)(*given)
    if bias is not None:
        wide = (-1, *(1,) * (made.ndim - 1))
        made = np.maximum(made + bias.reshape(wide if step.word == "conv_weight" else wide[:-1]), 0)
    return made.astype(first.dtype)
