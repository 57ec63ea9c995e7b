"""Element by element the larger or smaller of two, and numbers kept within bounds."""

from typing import Any

from .._core.kinds import speak
from .._core.op import composite, filling, op
from .refusal import (
    BOOL,
    COMPLEX,
    is_complex_array,
    is_integral_array,
    is_plain,
    not_implemented,
    refuse,
)


def _ordered(name: str, m: Any, x: Any) -> None:
    if not is_plain(x) and is_complex_array(m, x):
        raise RuntimeError(
            f"{name} not implemented for complex tensors. Complex numbers are not ordered: take "
            "their abs() or real part"
        )


@op("pointwise")
def maximum(m, input, other):
    """The larger of two elements, NaN if one of them is; equal ones share the gradient."""
    _ordered("maximum", m, input)
    return m.maximum(input, other)


@op("pointwise")
def minimum(m, input, other):
    """The smaller of two elements, NaN if one of them is; equal ones share the gradient."""
    _ordered("minimum", m, input)
    return m.minimum(input, other)


def _share(m: Any, g: Any, mine: Any, its: Any) -> Any:
    """All of `g` unless the other element wins, half of it where both are equal."""
    return m.where(mine == its, g * 0.5, m.where(mine < its, 0, g))


@maximum.vjp("input")
@minimum.vjp("other")
def _(m, g, input, other):
    return _share(m, g, input, other)


@maximum.vjp("other")
@minimum.vjp("input")
def _(m, g, input, other):
    return _share(m, g, other, input)


@op("pointwise")
def fmax(m, input, other):
    """The larger of two elements, or the one that is not NaN."""
    _ordered("fmax", m, input)
    return m.fmax(input, other)


@op("pointwise")
def fmin(m, input, other):
    """The smaller of two elements, or the one that is not NaN."""
    _ordered("fmin", m, input)
    return m.fmin(input, other)


@fmax.vjp("input")
def _(m, g, input, other):
    return m.where((input >= other) | m.isnan(other), g, 0)


@fmax.vjp("other")
def _(m, g, input, other):
    return m.where((input >= other) | m.isnan(other), 0, g)


@fmin.vjp("input")
def _(m, g, input, other):
    return m.where((input <= other) | m.isnan(other), g, 0)


@fmin.vjp("other")
def _(m, g, input, other):
    return m.where((input <= other) | m.isnan(other), 0, g)


def _bounded(m: Any, input: Any, min: Any, max: Any) -> Any:
    made = input if min is None else m.maximum(input, min)
    return made if max is None else m.minimum(made, max)


@op("pointwise", node="ClampBackward1")
def clamp_to_numbers(m, input, *, min: float | None, max: float | None):
    """clamp of a floating tensor to numbers: nothing to promote, so the short way is open."""
    return _bounded(m, input, min, max)


@op("pointwise", node=lambda numbers: f"ClampBackward{1 if numbers else 0}")
def clamp_to_tensors(m, input, min=None, max=None):
    """clamp in general: bounds that take part in promotion and have gradients."""
    if is_complex_array(m, input):
        raise NotImplementedError(
            "clamp is not supported for complex types; clamp input.real and input.imag apart"
        )
    if hasattr(min, "dtype") or hasattr(max, "dtype"):
        if min is not None and max is not None:
            refuse("clamp_cpu", input, BOOL)
    else:
        refuse("clamp_scalar_cpu", input, BOOL)
    return _bounded(m, input, min, max)


@composite
def clamp(input: Any, min: Any = None, max: Any = None, *, out: Any = None) -> Any:
    """Each element, raised to `min` and lowered to `max` where it lies outside; `max` wins."""
    if min is None and max is None:
        raise RuntimeError(
            "torch.clamp: At least one of 'min' or 'max' must not be None; give a number or a "
            "tensor, as in clamp(input, min=0)"
        )
    if min.__class__ in _NUMBERS and max.__class__ in _NUMBERS and input.is_floating_point():
        return clamp_to_numbers(input, min, max, out=out)
    return clamp_to_tensors(input, min, max, out=out)


clip = clamp
_NUMBERS = (float, int, type(None))
# its in-place form must know that the rules want the old value
clamp.op.arrays, clamp.op.rules = clamp_to_tensors.op.arrays, clamp_to_tensors.op.rules


@clamp_to_numbers.vjp("input")
@clamp_to_tensors.vjp("input")
def _(m, g, input, min, max):
    inside = input <= max if min is None else input >= min
    if min is not None and max is not None:
        inside = inside & (input <= max)
    return m.where(inside, g, 0)


@clamp_to_tensors.vjp("min")
def _(m, g, input, min, max):
    raised = input < min
    return m.where(raised if max is None else raised & (min < max), g, 0)


@clamp_to_tensors.vjp("max")
def _(m, g, input, min, max):
    lowered = input > max
    return m.where(lowered if min is None else lowered | (max < min), g, 0)


@op("pointwise", node=lambda numbers: f"ClampMinBackward{int(not numbers)}")
def clamp_min(m, input, min):
    """Each element, raised to `min` where it lies below."""
    refuse("maximum_cpu", input, COMPLEX)
    return m.maximum(input, min)


@clamp_min.vjp("input")
def _(m, g, input, min):
    return m.where(input >= min, g, 0)


@clamp_min.vjp("min")
def _(m, g, input, min):
    return m.where(input < min, g, 0)


@op("pointwise", node=lambda numbers: f"ClampMaxBackward{int(not numbers)}")
def clamp_max(m, input, max):
    """Each element, lowered to `max` where it lies above."""
    refuse("minimum_cpu", input, COMPLEX)
    return m.minimum(input, max)


@clamp_max.vjp("input")
def _(m, g, input, max):
    return m.where(input <= max, g, 0)


@clamp_max.vjp("max")
def _(m, g, input, max):
    return m.where(input > max, g, 0)


@op("pointwise")
def nan_to_num(
    m, input, *, nan: float | None = None, posinf: float | None = None, neginf: float | None = None
):
    """Each element, with NaN and the infinities replaced: by 0 and the largest finite numbers."""
    if is_complex_array(m, input):
        parts = [_finite(m, x, nan, posinf, neginf) for x in (m.real(input), m.imag(input))]
        return m.complex(*parts)
    return _finite(m, input, nan, posinf, neginf)


def _finite(m: Any, x: Any, nan: Any, posinf: Any, neginf: Any) -> Any:
    if is_integral_array(m, x):
        return x | x
    limits = m.finfo(x.dtype)
    x = m.where(m.isnan(x), 0.0 if nan is None else nan, x)
    high, low = (
        (limits.max if posinf is None else posinf),
        (limits.min if neginf is None else neginf),
    )
    return m.where(m.isinf(x), m.where(x > 0, high, m.where(x < 0, low, x)), x)


@nan_to_num.vjp("input")
def _(m, g, input):
    return m.where(m.isfinite(input), g, 0)


@op("pointwise", node="NotImplemented")
def _step(m, input, values):
    """heaviside for operands of one dtype."""
    return m.where(input == 0, values, m.astype(input > 0, input.dtype))


@_step.vjp("input", "values")
def _(m, g):
    raise not_implemented("heaviside")


@filling
def heaviside(input: Any, values: Any) -> Any:
    """0 for negative elements, 1 for positive ones, `values` for zeros."""
    if input.is_complex() or values.is_complex():
        raise RuntimeError(
            "heaviside is not yet implemented for complex tensors. Complex numbers have no sign"
        )
    if input.dtype is not values.dtype:
        raise RuntimeError(
            "heaviside is not yet implemented for tensors with different dtypes. input is "
            f"{input.dtype}, values is {values.dtype}: convert with values.to(input.dtype)"
        )
    return _step(input, values)


speak(maximum, minimum, fmax, fmin)
