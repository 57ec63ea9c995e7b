"""One update rule run on tensors as values: any dtype, any device, differentiable, traceable.

The words are those of `Flat`, but nothing is written over until the end.
"""

from collections.abc import Callable
from typing import Any

from .._core import modes
from .._core.hosted import Number
from .._ops.complex_numbers import view_as_complex, view_as_real
from .._ops.indexing import where
from .._tensor import Tensor


class Value:
    """A tensor that a rule replaces step by step."""

    __slots__ = ("tensor",)

    def __init__(self, tensor: Any) -> None:
        self.tensor = tensor

    def _become(self, tensor: Any) -> "Value":
        self.tensor = tensor
        return self

    def _raw(self, x: Any) -> Any:
        """The tensor or number that `x` holds; a captured number as a tensor of this dtype."""
        if x.__class__ is Value:
            return x.tensor
        return x.tensor(self.tensor) if type(x) is Number else x

    def mul_(self, other: Any) -> "Value":
        return self._become(self.tensor * self._raw(other))

    def div_(self, other: Any) -> "Value":
        return self._become(self.tensor / self._raw(other))

    def maximum_(self, other: "Value") -> "Value":
        return self._become(self.tensor.maximum(other.tensor))

    def clamp_(self, low: float, high: float) -> "Value":
        return self._become(self.tensor.clamp(self._raw(low), self._raw(high)))

    def copy_(self, other: "Value") -> "Value":
        return self._become(other.tensor)

    def add_(self, other: Any, alpha: Any = 1) -> "Value":
        return self._become(self.add(other, alpha).tensor)

    def addcmul_(self, first: "Value", second: "Value", value: Any = 1) -> "Value":
        return self._become(self.tensor + first.tensor * second.tensor * self._raw(value))

    def addcdiv_(self, first: "Value", second: "Value", value: Any = 1) -> "Value":
        return self._become(self.tensor + first.tensor / second.tensor * self._raw(value))

    def lerp_(self, end: "Value", weight: Any) -> "Value":
        return self._become(self.tensor + (end.tensor - self.tensor) * self._raw(weight))

    def add(self, other: Any, alpha: Any = 1) -> "Value":
        other = self._raw(other)
        one = alpha.__class__ is int and alpha == 1
        return Value(self.tensor + (other if one else other * self._raw(alpha)))

    def mul(self, other: Any) -> "Value":
        return Value(self.tensor * self._raw(other))

    def sqrt(self) -> "Value":
        return Value(self.tensor.sqrt())

    def abs(self) -> "Value":
        return Value(self.tensor.abs())

    def sign(self) -> "Value":
        return Value(self.tensor.sign())

    def neg(self) -> "Value":
        return Value(-self.tensor)

    def detach(self) -> "Value":
        return Value(self.tensor.detach())

    def by_sign(self, positive: Any, zero: Any, negative: Any) -> "Value":
        """One of three, element by element; not-a-number stays as it is."""
        x = self.tensor
        chosen = x
        for holds, value in ((x > 0, positive), (x == 0, zero), (x < 0, negative)):
            value = self._raw(value)
            if not isinstance(value, Tensor):
                value = x.new_full((), value)
            chosen = where(holds, value, chosen)
        return Value(chosen)


def run_on_values(
    rule: Callable, param: Any, grad: Any, state: dict[str, Tensor], numbers: dict[str, Any],
    maximize: bool, differentiable: bool,
) -> dict[str, Tensor]:  # fmt: skip
    """Carry out `rule`; the parameter is written at the end.

    Returns the state's tensors: the same ones, written to, or new ones in differentiable mode.
    """
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
