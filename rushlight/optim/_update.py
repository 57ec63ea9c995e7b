"""One update rule run on plain NumPy memory, in place and in blocks that stay in the cache.

A rule such as Adam's is written once, in the in-place words of `Flat`. `_values.py` has the same
words for tensors that are not plain memory.
"""

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy import ndarray

from .._arrays.meta import MetaArray
from .._core.quicken import Wish, counted
from .._core.views import written
from .._tensor import Tensor
from ._written import Symbols, signature, written_down

# An update makes several passes: over a block that stays in the cache they are quicker, unless it
# is so small that the calls count. Measured on the reference machine, a million elements of
# float32, SGD with momentum: 673 us in blocks of 131,072, 752 in one, 889 in blocks of 65,536.
BLOCK = 1 << 17
WHOLE = 1 << 19  # up to here one block: 89 us against 94 for 200,000 elements

add, subtract, multiply, divide = np.add, np.subtract, np.multiply, np.divide


class _Scratch(threading.local):
    """Buffers of this thread for what a rule computes on the way; reused from block to block."""

    def __init__(self) -> None:
        self.buffers: dict[tuple[int, int], ndarray] = {}
        self.used = 0

    def first(self, array: Any) -> Any:
        """The same, where nothing that was computed before is needed any more."""
        self.used = 0
        return self.like(array)

    def like(self, array: Any) -> Any:
        """An array to write to, of the shape and dtype of `array`."""
        if array.__class__ is not ndarray:
            return array.scratch()
        size = array.size
        if array.ndim != 1 or size > WHOLE:
            return np.empty_like(array)
        self.used = used = self.used + 1
        key = used, array.itemsize
        buffer = self.buffers.get(key)
        if buffer is None or buffer.size < size:
            buffer = self.buffers[key] = np.empty(size, array.dtype)
        return buffer if buffer.size == size else buffer[:size]


_scratch = _Scratch()


class Flat:
    """NumPy memory that a rule changes in place; other results go to scratch buffers."""

    __slots__ = ("array",)

    def __init__(self, array: ndarray) -> None:
        self.array = array

    def _fresh(self, word: Callable, *others: Any) -> "Flat":
        return Flat(word(self.array, *others, out=_scratch.like(self.array)))

    def _into(self, word: Callable, other: Any) -> "Flat":
        word(self.array, _plain(other), out=self.array)
        return self

    def mul_(self, other: Any) -> "Flat":
        return self._into(multiply, other)

    def div_(self, other: Any) -> "Flat":
        return self._into(divide, other)

    def maximum_(self, other: Any) -> "Flat":
        return self._into(np.maximum, other)

    def clamp_(self, low: float, high: float) -> "Flat":
        array = self.array
        np.maximum(array, low, out=array)
        np.minimum(array, high, out=array)
        return self

    def copy_(self, other: "Flat") -> "Flat":
        self.array[...] = other.array
        return self

    def add_(self, other: Any, alpha: float = 1) -> "Flat":
        other = _plain(other)
        if alpha != 1:
            other = multiply(other, alpha, out=_scratch.like(self.array))
        return self._into(add, other)

    def _add_term(self, word: Callable, first: "Flat", second: "Flat", value: float) -> "Flat":
        term = word(first.array, second.array, out=_scratch.like(self.array))
        if value != 1:
            multiply(term, value, out=term)
        return self._into(add, term)

    def addcmul_(self, first: "Flat", second: "Flat", value: float = 1) -> "Flat":
        return self._add_term(multiply, first, second, value)

    def addcdiv_(self, first: "Flat", second: "Flat", value: float = 1) -> "Flat":
        return self._add_term(divide, first, second, value)

    def lerp_(self, end: "Flat", weight: float) -> "Flat":
        way = subtract(end.array, self.array, out=_scratch.like(self.array))
        multiply(way, weight, out=way)
        return self._into(add, way)

    def add(self, other: Any, alpha: float = 1) -> "Flat":
        other = _plain(other)
        if alpha == 1:
            return self._fresh(add, other)
        scaled = multiply(other, alpha, out=_scratch.like(self.array))
        return Flat(add(self.array, scaled, out=scaled))

    def mul(self, other: Any) -> "Flat":
        return self._fresh(multiply, _plain(other))

    def sqrt(self) -> "Flat":
        return self._fresh(np.sqrt)

    def abs(self) -> "Flat":
        return self._fresh(np.absolute)

    def sign(self) -> "Flat":
        return self._fresh(np.sign)

    def neg(self) -> "Flat":
        return self._fresh(np.negative)

    def detach(self) -> "Flat":
        return self

    def by_sign(self, positive: Any, zero: Any, negative: Any) -> "Flat":
        """One of three, element by element; not-a-number stays as it is."""
        x = self.array
        other = np.where(x < 0, _plain(negative), np.where(x == 0, _plain(zero), x))
        return Flat(np.where(x > 0, _plain(positive), other).astype(x.dtype, copy=False))


def _plain(x: Any) -> Any:
    return x.array if x.__class__ is Flat else x


_lines: dict[tuple, Any] = {}  # rules written down, None for those that cannot be
_quick: dict[tuple, Callable] = {}  # (line, elements) -> the line over all of them at once


def _quicker(line: Callable, arrays: list, operands: tuple, step: int) -> Callable:
    """A written line over whole arrays, block by block, until a quicker one takes its place."""
    count, size = len(arrays), arrays[0].size
    key = line, size
    places = (0, *range(2, count))  # all but the gradient

    def whole(*values: Any) -> None:
        for start in range(0, size, step):
            line(*[a[start : start + step] for a in values[:count]], *values[count:])

    def body(m: Any, *values: Any) -> tuple:
        cells = [Symbols(m, v) for v in values]
        line(*cells)
        return tuple(cells[i].symbol for i in places)

    def put(made: Callable) -> None:
        _quick[key] = made

    given: list = [MetaArray(a.shape, a.dtype) for a in (*arrays, *operands)]
    wish = Wish(body, given, {}, line if size <= step else whole, put, places)
    put(counted(wish, size * count))
    return _quick[key]


class Plan:
    """A parameter's memory and that of its state, looked at and cut up once.

    It holds as long as `fits` says that the tensors still have the same arrays.
    """

    __slots__ = (
        "array", "arrays", "blocks", "flat", "kept", "line", "names", "operands", "param", "size",
        "values",
    )  # fmt: skip

    def __init__(self, param: Tensor, state: dict[str, Tensor]) -> None:
        self.param, self.array = param, param.array
        self.values: Any = None  # the numbers of the last step, and the line for them
        self.line: Callable | None = None
        self.operands: tuple = ()
        self.kept = [(name, tensor, tensor.array) for name, tensor in state.items()]
        arrays = [self.array, *(array for _, _, array in self.kept)]
        self.flat = all(array.flags.c_contiguous for array in arrays)
        if self.flat:
            arrays = [array.reshape(-1) for array in arrays]
        self.arrays, size = arrays, self.array.size
        # An odd layout is one block with scratch of its own, whatever its size.
        self.size = BLOCK if self.flat and size > WHOLE else size
        starts = range(0, size, self.size) if size else ()
        names = self.names = [name for name, _, _ in self.kept]
        self.blocks = []
        for start in starts:
            parts = arrays if self.size == size else [a[start : start + self.size] for a in arrays]
            first, *rest = map(Flat, parts)
            self.blocks.append((start, first, dict(zip(names, rest))))

    def fits(self, param: Tensor, state: dict[str, Any]) -> bool:
        """Whether the tensors are where they were."""
        if self.param is not param or self.array is not param.array:
            return False
        for name, tensor, array in self.kept:
            if state.get(name) is not tensor or tensor.array is not array:
                return False
        return True

    def _line(self, rule: Callable, numbers: dict[str, Any], maximize: bool) -> Any:
        """The rule written down for numbers of this sort, None where it cannot be."""
        dtype = self.array.dtype
        key = (rule, dtype, maximize, *self.names, *signature(numbers.values()))
        line = _lines.get(key, key)
        if line is key:
            line = written_down(rule, Flat, dtype, self.names, numbers, maximize, _scratch)
            _lines[key] = line
        return line

    def run(self, rule: Callable, grad: Any, numbers: dict[str, Any], maximize: bool) -> bool:
        """Carry out `rule` on every block; False if the gradient is no memory of this kind."""
        array = self.array
        if grad.__class__ is not ndarray or grad.shape != array.shape:
            return False
        if grad.dtype is not array.dtype and grad.dtype != array.dtype:
            return False
        if self.flat and grad.ndim != 1:
            grad = grad.reshape(-1)
        values = (rule, maximize, *numbers.values())
        if values != self.values:
            self.values, self.line, self.operands = values, None, ()
            if (found := self._line(rule, numbers, maximize)) is not None:
                self.line, self.operands = found[0], found[1](**numbers)
        param, *kept = self.arrays
        if self.line is None:
            self._blockwise(rule, grad, numbers, maximize)
        elif not self.flat:
            self.line(param, grad, *kept, *self.operands)
        elif grad.size:
            quick = _quick.get((self.line, grad.size))
            if quick is None:
                quick = _quicker(self.line, [param, grad, *kept], self.operands, self.size)
            quick(param, grad, *kept, *self.operands)
        written(self.param)
        for _, tensor, _ in self.kept:
            written(tensor)
        return True

    def _blockwise(
        self, rule: Callable, grad: ndarray, numbers: dict[str, Any], maximize: bool
    ) -> None:
        whole = self.size == grad.size
        for start, param, state in self.blocks:
            part = Flat(grad if whole else grad[start : start + self.size])
            _scratch.used = 0
            rule(param, part.neg() if maximize else part, state, **numbers)


def plan_of(param: Tensor, state: dict[str, Tensor]) -> Plan | None:
    """A plan, if all is writable NumPy memory of one shape, in float32 or float64."""
    array = param.array
    if array.__class__ is not ndarray or array.dtype.char not in "fd":
        return None
    for kept in (array, *(tensor.array for tensor in state.values())):
        if kept.__class__ is not ndarray or kept.dtype != array.dtype or kept.shape != array.shape:
            return None
        if 0 in kept.strides and kept.size > 1 and not kept.flags.c_contiguous:
            return None  # elements that share memory: the tensor's own writing refuses them
    return Plan(param, state)
