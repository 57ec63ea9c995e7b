"""Rounding to whole numbers, and division with a whole quotient."""

from typing import Any

from .._core.kinds import speak
from .._core.op import op
from .refusal import BOOL, COMPLEX, INTEGER, is_integral_array, is_plain, not_implemented, refuse


def _rounded(m: Any, kernel: str, word: Any, input: Any) -> Any:
    """`word(input)`; integers are whole already, and a result is never its argument's memory."""
    if is_plain(input):
        return word(input)
    if kernel.startswith("round"):
        refuse(f"{kernel}_vml_cpu", input, BOOL, COMPLEX)
    else:
        refuse(f"{kernel}_vml_cpu", input, BOOL)
        _refuse_complex(kernel, m, input)
    return input + 0 if is_integral_array(m, input) else word(input)


def _refuse_complex(name: str, m: Any, input: Any) -> None:
    if m.isdtype(input.dtype, "complex floating"):
        raise NotImplementedError(
            f"{name} is not supported for complex inputs; round input.real and input.imag apart"
        )


@op("pointwise")
def floor(m, input):
    """The largest whole number not above each element."""
    return _rounded(m, "floor", m.floor, input)


@op("pointwise")
def ceil(m, input):
    """The smallest whole number not below each element."""
    return _rounded(m, "ceil", m.ceil, input)


@op("pointwise")
def trunc(m, input):
    """Each element without its fraction: rounded towards zero."""
    return _rounded(m, "trunc", m.trunc, input)


fix = trunc


@op("pointwise")
def round(m, input, *, decimals: int = 0):
    """The nearest whole number, halves to the even one; or the nearest 10**-decimals."""
    if decimals == 0:
        return _rounded(m, "round", m.round, input)
    refuse("round_vml_cpu", input, BOOL, INTEGER, COMPLEX)
    scale = 10.0 ** abs(decimals)
    return m.round(input * scale) / scale if decimals > 0 else m.round(input / scale) * scale


@floor.vjp("input")
@ceil.vjp("input")
@trunc.vjp("input")
@round.vjp("input")
def _(m, g):
    return m.zeros_like(g)


@op("pointwise")
def frac(m, input):
    """The fraction of each element, with its sign."""
    refuse("frac_cpu", input, BOOL, INTEGER, COMPLEX)
    return input - m.trunc(input)


def _whole_quotient(m: Any, kernel: str, input: Any, other: Any) -> None:
    """What division with a whole quotient refuses: masks, complex numbers, integers by zero."""
    array = other if hasattr(other, "dtype") else input
    refuse(kernel, array, BOOL, COMPLEX)
    if is_integral_array(m, array):
        m.check(other != 0, "ZeroDivisionError: `other` has a zero", RuntimeError)


@op("pointwise", node="NotImplemented")
def floor_divide(m, input, other):
    """The quotient, rounded down."""
    _whole_quotient(m, "div_floor_cpu", input, other)
    return m.floor_divide(input, other)


@floor_divide.vjp("input", "other")
def _(m, g):
    raise not_implemented("floor_divide")


@op("pointwise", node=lambda n: f"RemainderBackward{int('other' not in n)}")
def remainder(m, input, other):
    """What division with the quotient rounded down leaves: it has the sign of `other`."""
    _whole_quotient(m, "remainder_cpu", input, other)
    return m.remainder(input, other)


@remainder.vjp("other")
def _(m, g, input, other):
    return -g * m.floor(input / other)


@op("pointwise", node=lambda n: f"FmodBackward{int('other' not in n)}")
def fmod(m, input, other):
    """What division with the quotient rounded towards zero leaves: it has the sign of `input`."""
    _whole_quotient(m, "fmod_cpu", input, other)
    return m.fmod(input, other)


@frac.vjp("input")
@remainder.vjp("input")
@fmod.vjp("input")
def _(m, g):
    return g


@fmod.vjp("other")
def _(m, g, input, other):
    return -g * m.trunc(input / other)


speak(floor, ceil, trunc, round, floor_divide, remainder, fmod)
