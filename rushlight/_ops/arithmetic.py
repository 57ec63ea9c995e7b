"""Addition, multiplication and their kin."""

from typing import Any

from .._core.dtypes import F32
from .._core.kinds import speak
from .._core.op import op
from .refusal import BOOL, refuse


@op("pointwise")
def add(m, input, other, *, alpha=1):
    """The sum `input + alpha * other`, element by element."""
    return input + other if alpha == 1 else input + other * _factor(m, input, alpha)


@add.vjp("other")
def _(m, g, alpha):
    return g if alpha == 1 else g * alpha


def _factor(m: Any, input: Any, alpha: Any) -> Any:
    """alpha, refused where it would make integers float."""
    dtype = getattr(input, "dtype", None)
    if isinstance(alpha, float) and dtype is not None and m.isdtype(dtype, "integral"):
        raise RuntimeError(
            "For integral input tensors, argument alpha must not be a floating point number."
        )
    return alpha


@op("pointwise")
def sub(m, input, other, *, alpha=1):
    """The difference `input - alpha * other`, element by element."""
    return input - other if alpha == 1 else input - other * _factor(m, input, alpha)


@op("pointwise", node=lambda numbers: f"RsubBackward{int(bool(numbers))}")
def rsub(m, input, other, *, alpha=1):
    """The difference `other - alpha * input`, element by element."""
    return other - input if alpha == 1 else other - input * _factor(m, input, alpha)


@sub.vjp("other")
@rsub.vjp("input")
def _(m, g, alpha):
    return -g if alpha == 1 else g * -alpha


@add.vjp("input")
@sub.vjp("input")
@rsub.vjp("other")
def _(m, g):
    return g


@op("pointwise")
def mul(m, input, other):
    """The product of `input` and `other`, element by element."""
    return input * other


@mul.vjp("input")
def _(m, g, other):
    return g * other if g.dtype is F32 else g * conjugate(m, other)


@mul.vjp("other")
def _(m, g, input):
    return g * input if g.dtype is F32 else g * conjugate(m, input)


def conjugate(m: Any, x: Any) -> Any:
    """The conjugate of an array or a Python number."""
    return x.conjugate() if isinstance(x, (int, float, complex)) else m.conj(x)


@op("pointwise", floats=lambda params: params["rounding_mode"] is None)
def div(m, input, other, *, rounding_mode=None):
    """The quotient `input / other`; rounded to whole numbers by `rounding_mode` "floor" or "trunc".

    Raises:
        RuntimeError: for another rounding mode, or integers divided by zero while rounding.
    """
    if rounding_mode is None:
        return m.divide(input, other)
    if rounding_mode not in ("floor", "trunc"):
        raise RuntimeError(
            "div expected rounding_mode to be one of None, 'trunc', or 'floor' but found "
            f"'{rounding_mode}'"
        )
    whole = _is_integral(m, input, other)
    if whole:
        m.check(other != 0, "ZeroDivisionError", RuntimeError)
    if rounding_mode == "trunc" and not whole:
        return m.trunc(input / other)
    q = m.floor_divide(input, other)
    if rounding_mode == "floor":
        return q
    inexact = (q * other) != input
    return m.where(inexact & (q < 0), q + 1, q)


def _is_integral(m: Any, *values: Any) -> bool:
    return not any(
        isinstance(v, float) or (hasattr(v, "dtype") and not m.isdtype(v.dtype, "integral"))
        for v in values
    )


@div.vjp("input")
def _(m, g, other, rounding_mode):
    return g / conjugate(m, other) if rounding_mode is None else m.zeros_like(g)


@div.vjp("other")
def _(m, g, input, other, rounding_mode):
    if rounding_mode is not None:
        return m.zeros_like(g)
    return -g * conjugate(m, (input / other) / other)


@op("pointwise")
def neg(m, input):
    """The negative of each element."""
    return -input


@neg.vjp("input")
def _(m, g):
    return -g


def _pow_node(numbers: tuple) -> str:
    if "exponent" in numbers:
        return "PowBackward0"
    return "PowBackward2" if "input" in numbers else "PowBackward1"


@op("pointwise", node=_pow_node)
def pow(m, input, exponent):
    """`input` to the power `exponent`, element by element.

    Raises:
        RuntimeError: for integers to negative integer powers.
    """
    if isinstance(exponent, (int, float)):
        return _power_by_number(m, input, exponent)
    refuse("pow", exponent, BOOL)
    if _is_integral(m, input, exponent):
        m.check(exponent >= 0, "Integers to negative integer powers are not allowed.", RuntimeError)
    return m.pow(input, exponent)


def _power_by_number(m: Any, x: Any, exponent: Any) -> Any:
    if exponent == 2:
        return x * x
    if exponent == 3:
        return x * x * x
    if exponent == 1:
        return x * 1
    if _is_integral(m, x, exponent) and exponent < 0:
        raise RuntimeError("Integers to negative integer powers are not allowed.")
    if m.isdtype(x.dtype, "real floating"):
        if exponent == 0.5:
            return m.sqrt(x)
        if exponent == -1:
            return 1 / x
    return m.pow(x, exponent)


@pow.vjp("input")
def _(m, g, input, exponent):
    if isinstance(exponent, (int, float, complex)):
        if exponent == 0:
            return m.zeros_like(g)
        if exponent == 2:
            return g * (m.conj(input) * 2)
        return g * m.conj(exponent * m.pow(input, exponent - 1))
    slope = exponent * m.pow(input, exponent - 1)
    return g * m.conj(m.where(exponent == 0, m.zeros_like(slope), slope))


@pow.vjp("exponent")
def _(m, g, input, exponent, out):
    if isinstance(input, (int, float, complex)):
        base = m.log(m.full((), input, out.dtype))
        return g * m.conj(out * base) if input != 0 else m.zeros_like(g)
    zero = (
        (input == 0) & (exponent >= 0)
        if not m.isdtype(out.dtype, "complex floating")
        else input == 0
    )
    safe = m.where(input == 0, m.full((), 1, out.dtype), input)
    return m.where(zero, m.zeros_like(out), g * m.conj(out * m.log(safe)))


# PyTorch's longer names
subtract, multiply, divide, true_divide, negative = sub, mul, div, div, neg

speak(add, pow, subtract=sub, multiply=mul, divide=div, negative=neg)
