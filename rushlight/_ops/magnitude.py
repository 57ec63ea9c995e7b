"""Size and sign: abs, sign, sgn, copysign, hypot, and numbers taken apart in binary."""

from math import log
from typing import Any

from .._core.kinds import speak
from .._core.op import op
from .refusal import BOOL, COMPLEX, INTEGER, is_complex_array, is_plain, refuse


def unit(m: Any, x: Any) -> Any:
    """x / |x| of complex numbers, 0 where x is 0."""
    size = m.abs(x)
    return m.where(size == 0, 0, x / m.where(size == 0, 1, size))


@op("pointwise")
def abs(m, input):
    """The size of each element; of a complex number its distance from 0."""
    refuse("abs_cpu", input, BOOL)
    return m.abs(input)


@abs.vjp("input")
def _(m, g, input):
    return g * (unit(m, input) if is_complex_array(m, input) else m.sign(input))


absolute = abs


@op("pointwise")
def sign(m, input):
    """-1, 0 or 1, as each element is negative, zero (or NaN) or positive."""
    if is_plain(input):
        return _direction(m, input)
    if is_complex_array(m, input):
        raise NotImplementedError(
            "Unlike NumPy, torch.sign is not intended to support complex numbers. Please use "
            "torch.sgn instead."
        )
    return _direction(m, input)


def _direction(m: Any, x: Any) -> Any:
    """-1, 0 or 1; NumPy gives NaN for NaN and knows no masks."""
    if m.isdtype(x.dtype, "bool"):
        return x | x
    return m.where(x == x, m.sign(x), 0)


@op("pointwise")
def sgn(m, input):
    """x / |x|, and 0 at 0: `sign` for complex numbers too."""
    return unit(m, input) if is_complex_array(m, input) else _direction(m, input)


@sign.vjp("input")
def _(m, g):
    return m.zeros_like(g)


@sgn.vjp("input")
def _(m, g, input):
    """The part of g across the direction of x, over |x|; nothing for real numbers."""
    if not is_complex_array(m, input):
        return m.zeros_like(g)
    size, way = m.abs(input), unit(m, input)
    along = m.real(m.conj(way) * g)
    return m.where(size == 0, 0, (g - way * along) / m.where(size == 0, 1, size))


@op("pointwise", differentiable=False)
def signbit(m, input):
    """Whether the sign bit of each element is set: True for -0.0."""
    if is_complex_array(m, input):
        raise NotImplementedError(
            "signbit is not implemented for complex tensors. Ask input.real and input.imag apart"
        )
    return m.signbit(input) if m.isdtype(input.dtype, "real floating") else input < 0


@op("pointwise", floats=True, node=lambda n: f"CopysignBackward{len(n)}")
def copysign(m, input, other):
    """The size of `input` with the sign of `other`."""
    refuse("copysign_cpu", input, COMPLEX)
    return m.copysign(input, other)


@copysign.vjp("input")
def _(m, g, input, out):
    return m.where(input == 0, 0, g * (out / m.where(input == 0, 1, input)))


@copysign.vjp("other")
def _(m, g):
    return m.zeros_like(g)


@op("pointwise")
def hypot(m, input, other):
    """The hypotenuse: sqrt(input**2 + other**2)."""
    refuse("hypot_cpu", input, BOOL, INTEGER, COMPLEX)
    return m.hypot(input, other)


@hypot.vjp("input")
def _(m, g, input, out):
    return g * (input / out)


@hypot.vjp("other")
def _(m, g, other, out):
    return g * (other / out)


@op("pointwise")
def nextafter(m, input, other):
    """The next number that the dtype can hold after `input`, towards `other`."""
    refuse("nextafter_cpu", input, BOOL, INTEGER, COMPLEX)
    return m.nextafter(input, other)


@nextafter.vjp("input")
def _(m, g, input, other):
    return m.where(input == other, 0, g)


@nextafter.vjp("other")
def _(m, g):
    return m.zeros_like(g)


@op("pointwise", floats=True)
def ldexp(m, input, other):
    """input * 2**other."""
    return input * m.exp2(other)


@ldexp.vjp("input")
def _(m, g, other):
    return g * m.conj(m.exp2(other))


@ldexp.vjp("other")
def _(m, g, out):
    return g * m.conj(out) * log(2)


@op("pointwise", outputs=("mantissa", "exponent"), returns="frexp", differentiable=("mantissa",))
def frexp(m, input):
    """A mantissa of size 0.5 to 1 and a whole exponent: mantissa * 2**exponent is `input`."""
    if not m.isdtype(input.dtype, "real floating"):
        raise RuntimeError(
            "torch.frexp() only supports floating-point dtypes; convert with input.float()"
        )
    return m.frexp(input)


@frexp.vjp("input")
def _(m, g, out):
    return g[0] / m.exp2(m.astype(out[1], g[0].dtype))


speak(abs, copysign, hypot, nextafter, signbit, ldexp, frexp, sign=sgn)
