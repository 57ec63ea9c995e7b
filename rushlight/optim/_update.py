"""One update rule, run on plain NumPy memory in place or on any tensor as values.

A rule such as Adam's is written once, with the in-place words of the two carriers below. `Flat`
carries it out on blocks of memory that stay in the cache; `Value` on tensors of any dtype, device
or kind, without writing over anything, so that it can be differentiated and traced.
"""

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy import ndarray

from .._core import modes
from .._core.views import written
from .._ops.complex_numbers import view_as_complex, view_as_real
from .._tensor import Tensor

# An update makes several passes. 65,536 elements of float32 are 256 KiB: four such blocks fit the
# second-level cache (1 MiB on the reference machine), while the calls are still long (10 us).
BLOCK = 1 << 16
WHOLE = 1 << 18  # up to here one block: the third-level cache holds it, and calls are saved


class _Scratch(threading.local):
    """Buffers of this thread for what a rule computes on the way; reused from block to block."""

    def __init__(self) -> None:
        self.buffers: dict[tuple[Any, int], ndarray] = {}
        self.used = 0

    def like(self, array: ndarray) -> ndarray:
        """An array to write to, of the shape and dtype of `array`."""
        size = array.size
        if array.ndim != 1 or size > WHOLE:
            return np.empty_like(array)
        key = array.dtype, self.used
        self.used += 1
        buffer = self.buffers.get(key)
        if buffer is None or buffer.size < size:
            buffer = self.buffers[key] = np.empty(size, array.dtype)
        return buffer if buffer.size == size else buffer[:size]


_scratch = _Scratch()


class Flat:
    """NumPy memory that a rule changes in place; results go to scratch buffers."""

    __slots__ = ("array",)

    def __init__(self, array: ndarray) -> None:
        self.array = array

    def _apply(self, word: Callable, *others: Any) -> "Flat":
        word(self.array, *others, out=self.array)
        return self

    def _fresh(self, word: Callable, *others: Any) -> "Flat":
        made = _scratch.like(self.array)
        word(self.array, *others, out=made)
        return Flat(made)

    def mul_(self, other: Any) -> "Flat":
        return self._apply(np.multiply, _plain(other))

    def div_(self, other: Any) -> "Flat":
        return self._apply(np.divide, _plain(other))

    def maximum_(self, other: Any) -> "Flat":
        return self._apply(np.maximum, _plain(other))

    def add_(self, other: Any, alpha: float = 1) -> "Flat":
        other = _plain(other)
        if alpha == 1:
            return self._apply(np.add, other)
        scaled = _scratch.like(self.array)
        np.multiply(other, alpha, scaled)
        return self._apply(np.add, scaled)

    def addcmul_(self, first: "Flat", second: "Flat", value: float = 1) -> "Flat":
        return self._add_scaled(np.multiply, first, second, value)

    def addcdiv_(self, first: "Flat", second: "Flat", value: float = 1) -> "Flat":
        return self._add_scaled(np.divide, first, second, value)

    def _add_scaled(self, word: Callable, first: "Flat", second: "Flat", value: float) -> "Flat":
        term = _scratch.like(self.array)
        word(first.array, second.array, term)
        if value != 1:
            np.multiply(term, value, term)
        return self._apply(np.add, term)

    def lerp_(self, end: "Flat", weight: float) -> "Flat":
        step = _scratch.like(self.array)
        np.subtract(end.array, self.array, step)
        np.multiply(step, weight, step)
        return self._apply(np.add, step)

    def clamp_(self, low: float, high: float) -> "Flat":
        self._apply(np.maximum, low)
        return self._apply(np.minimum, high)

    def copy_(self, other: "Flat") -> "Flat":
        self.array[...] = other.array
        return self

    def add(self, other: Any, alpha: float = 1) -> "Flat":
        other = _plain(other)
        if alpha == 1:
            return self._fresh(np.add, other)
        scaled = _scratch.like(self.array)
        np.multiply(other, alpha, scaled)
        np.add(self.array, scaled, scaled)
        return Flat(scaled)

    def mul(self, other: Any) -> "Flat":
        return self._fresh(np.multiply, _plain(other))

    def sqrt(self) -> "Flat":
        return self._fresh(np.sqrt)

    def abs(self) -> "Flat":
        return self._fresh(np.absolute)

    def sign(self) -> "Flat":
        return self._fresh(np.sign)

    def detach(self) -> "Flat":
        return self

    def neg(self) -> "Flat":
        return self._fresh(np.negative)

    def by_sign(self, positive: Any, zero: Any, negative: Any) -> "Flat":
        """One of three, element by element; not-a-number stays as it is."""
        x = self.array
        other = np.where(x < 0, _plain(negative), np.where(x == 0, _plain(zero), x))
        return Flat(np.where(x > 0, _plain(positive), other).astype(x.dtype, copy=False))


class Value:
    """A tensor that a rule replaces step by step; nothing is written over until the end."""

    __slots__ = ("tensor",)

    def __init__(self, tensor: Tensor) -> None:
        self.tensor = tensor

    def _become(self, tensor: Tensor) -> "Value":
        self.tensor = tensor
        return self

    def mul_(self, other: Any) -> "Value":
        return self._become(self.tensor * _raw(other))

    def div_(self, other: Any) -> "Value":
        return self._become(self.tensor / _raw(other))

    def maximum_(self, other: "Value") -> "Value":
        return self._become(self.tensor.maximum(other.tensor))

    def add_(self, other: Any, alpha: Any = 1) -> "Value":
        return self._become(self.add(other, alpha).tensor)

    def addcmul_(self, first: "Value", second: "Value", value: Any = 1) -> "Value":
        return self._become(self.tensor + first.tensor * second.tensor * value)

    def addcdiv_(self, first: "Value", second: "Value", value: Any = 1) -> "Value":
        return self._become(self.tensor + first.tensor / second.tensor * value)

    def lerp_(self, end: "Value", weight: Any) -> "Value":
        return self._become(self.tensor + (end.tensor - self.tensor) * weight)

    def clamp_(self, low: float, high: float) -> "Value":
        return self._become(self.tensor.clamp(low, high))

    def copy_(self, other: "Value") -> "Value":
        return self._become(other.tensor)

    def add(self, other: Any, alpha: Any = 1) -> "Value":
        other = _raw(other)
        return Value(self.tensor + (other if _is_one(alpha) else other * alpha))

    def mul(self, other: Any) -> "Value":
        return Value(self.tensor * _raw(other))

    def sqrt(self) -> "Value":
        return Value(self.tensor.sqrt())

    def abs(self) -> "Value":
        return Value(self.tensor.abs())

    def sign(self) -> "Value":
        return Value(self.tensor.sign())

    def detach(self) -> "Value":
        return Value(self.tensor.detach())

    def neg(self) -> "Value":
        return Value(-self.tensor)

    def by_sign(self, positive: Any, zero: Any, negative: Any) -> "Value":
        """One of three, element by element; not-a-number stays as it is."""
        x = self.tensor
        chosen = x.clone()
        for where, value in ((x > 0, positive), (x == 0, zero), (x < 0, negative)):
            value = _raw(value)
            if not isinstance(value, Tensor):
                value = x.new_full((), value)
            chosen = value.where(where, chosen)
        return Value(chosen)


def _plain(x: Any) -> Any:
    return x.array if x.__class__ is Flat else x


def _is_one(x: Any) -> bool:
    return x.__class__ is int and x == 1


def _raw(x: Any) -> Any:
    return x.tensor if x.__class__ is Value else x


def run(
    rule: Callable,
    param: Tensor,
    grad: Tensor,
    state: dict[str, Tensor],
    numbers: dict[str, Any],
    *,
    maximize: bool,
    differentiable: bool,
) -> dict[str, Tensor]:
    """Carry out `rule` on a parameter and its state.

    Returns the state's tensors: the same ones, changed, or new ones in differentiable mode.
    """
    if not differentiable and not modes.special:  # a trace must see tensors, not memory
        arrays = [param.array, grad.array, *[tensor.array for tensor in state.values()]]
        if _all_plain(arrays):
            _run_in_place(rule, arrays, state, numbers, maximize)
            written(param)
            for tensor in state.values():
                written(tensor)
            return state
    return _run_on_values(rule, param, grad, state, numbers, maximize, differentiable)


def _all_plain(arrays: list[Any]) -> bool:
    """Whether all are NumPy memory of the parameter's shape, all float32 or all float64."""
    first = arrays[0]
    dtype, shape = first.dtype, first.shape
    if first.__class__ is not ndarray or dtype.char not in "fd":
        return False
    return all(a.__class__ is ndarray and a.dtype == dtype and a.shape == shape for a in arrays)


def _run_in_place(
    rule: Callable, arrays: list[ndarray], state: dict[str, Tensor], numbers: dict, maximize: bool
) -> None:
    param, grad, *kept = arrays
    size = param.size
    if param.flags.c_contiguous and all(array.flags.c_contiguous for array in kept):
        arrays = [array.reshape(-1) for array in (param, np.ascontiguousarray(grad), *kept)]
    elif size > WHOLE:
        size = WHOLE  # an odd layout: one block of the whole, with scratch of its own
    step = size if size <= WHOLE else BLOCK
    for start in range(0, size, step or 1):
        _scratch.used = 0
        parts = arrays if step >= size else [a[start : start + step] for a in arrays]
        param_part, grad_part, *kept_parts = map(Flat, parts)
        if maximize:
            grad_part = grad_part.neg()
        rule(param_part, grad_part, dict(zip(state, kept_parts, strict=True)), **numbers)


def _run_on_values(
    rule: Callable,
    param: Tensor,
    grad: Tensor,
    state: dict[str, Tensor],
    numbers: dict,
    maximize: bool,
    differentiable: bool,
) -> dict[str, Tensor]:
    target, kept = param, state
    is_complex = param.is_complex()
    if is_complex:  # a complex number is two independent real ones
        target, grad = view_as_real(param), view_as_real(grad)
        kept = {name: view_as_real(tensor) for name, tensor in state.items()}
    values = {name: Value(tensor) for name, tensor in kept.items()}
    result = Value(target.clone() if differentiable else target)
    rule(result, Value(-grad if maximize else grad), values, **numbers)
    target.copy_(result.tensor)
    if differentiable:
        return {
            name: view_as_complex(value.tensor) if is_complex else value.tensor
            for name, value in values.items()
        }
    with modes.no_grad():
        for name, value in values.items():
            if value.tensor is not kept[name]:
                kept[name].copy_(value.tensor)
    return state
