"""Elementary functions: exponentials, logarithms, roots, circular and hyperbolic functions.

Derivatives of complex functions follow PyTorch's convention: the gradient is multiplied by the
conjugate of the derivative. `m.conj` is the identity on real arrays.
"""

from math import log as _log
from math import pi
from typing import Any

from .._core.kinds import speak
from .._core.op import op
from .refusal import BOOL, COMPLEX, INTEGER, is_complex_array, refuse

_elementary = op("pointwise", floats=True)


@_elementary
def exp(m, input):
    """e raised to each element."""
    return m.exp(input)


@exp.vjp("input")
def _(m, g, out):
    return g * m.conj(out)


@_elementary
def exp2(m, input):
    """2 raised to each element."""
    return m.exp2(input)


@exp2.vjp("input")
def _(m, g, out):
    return g * m.conj(out) * _log(2)


@_elementary
def expm1(m, input):
    """exp(x) - 1, exact for small x."""
    return m.expm1(input)


@expm1.vjp("input")
def _(m, g, out):
    return g * (m.conj(out) + 1)


@_elementary
def log(m, input):
    """Natural logarithm of each element."""
    return m.log(input)


@log.vjp("input")
def _(m, g, input):
    return g / m.conj(input)


@_elementary
def log2(m, input):
    """Logarithm to base 2 of each element."""
    return m.log2(input)


@log2.vjp("input")
def _(m, g, input):
    return g / (m.conj(input) * _log(2))


@_elementary
def log10(m, input):
    """Logarithm to base 10 of each element."""
    return m.log10(input)


@log10.vjp("input")
def _(m, g, input):
    return g / (m.conj(input) * _log(10))


@op("pointwise", floats=True, node="Log1PBackward0")
def log1p(m, input):
    """log(1 + x), exact for small x."""
    return m.log1p(input)


@log1p.vjp("input")
def _(m, g, input):
    return g / (m.conj(input) + 1)


@op("pointwise")
def logaddexp(m, input, other):
    """log(exp(input) + exp(other)), without overflow."""
    refuse("logaddexp_cpu", input, BOOL, INTEGER)
    if is_complex_array(m, input):
        return log_sum(m, input, other)
    return _sum_of_powers(m, input, other, 1.0)


@op("pointwise")
def logaddexp2(m, input, other):
    """Logarithm to base 2 of 2**input + 2**other, without overflow."""
    refuse("logaddexp2_cpu", input, BOOL, INTEGER, COMPLEX)
    return _sum_of_powers(m, input, other, _log(2))


def log_sum(m: Any, x: Any, y: Any) -> Any:
    """log(exp(x) + exp(y)) of complex numbers, on the branch of that with the larger real part."""
    less = m.real(x) < m.real(y)
    low, high = m.where(less, x, y), m.where(less, y, x)
    gap = m.where(low == high, 0, low - high)
    return high + m.log(m.exp(gap) + 1)


def _sum_of_powers(m: Any, x: Any, y: Any, base: float) -> Any:
    """The larger exponent and what the smaller adds; equal infinities have no difference."""
    gap = m.where(x == y, 0, m.abs(x - y))
    return m.maximum(x, y) + m.log1p(m.exp(gap * -base)) / base


@logaddexp.vjp("input")
def _(m, g, input, other):
    return g / (m.exp(m.conj(other - input)) + 1)


@logaddexp.vjp("other")
def _(m, g, input, other):
    return g / (m.exp(m.conj(input - other)) + 1)


@logaddexp2.vjp("input")
def _(m, g, input, other):
    return g / (m.exp2(other - input) + 1)


@logaddexp2.vjp("other")
def _(m, g, input, other):
    return g / (m.exp2(input - other) + 1)


@_elementary
def sqrt(m, input):
    """Square root of each element."""
    return m.sqrt(input)


@sqrt.vjp("input")
def _(m, g, out):
    return g / (m.conj(out) * 2)


@_elementary
def rsqrt(m, input):
    """1 / sqrt(x)."""
    return 1 / m.sqrt(input)


@rsqrt.vjp("input")
def _(m, g, out):
    root = m.conj(out)
    return g * (root * root * root) * -0.5


@_elementary
def reciprocal(m, input):
    """1 / x."""
    return 1 / input


@reciprocal.vjp("input")
def _(m, g, out):
    inverse = m.conj(out)
    return -g * (inverse * inverse)


@_elementary
def sin(m, input):
    """Sine of each element, in radians."""
    return m.sin(input)


@sin.vjp("input")
def _(m, g, input):
    return g * m.cos(m.conj(input))


@_elementary
def cos(m, input):
    """Cosine of each element, in radians."""
    return m.cos(input)


@cos.vjp("input")
def _(m, g, input):
    return -g * m.sin(m.conj(input))


@_elementary
def tan(m, input):
    """Tangent of each element, in radians."""
    return m.tan(input)


@tan.vjp("input")
def _(m, g, out):
    slope = m.conj(out)
    return g * (slope * slope + 1)


@_elementary
def asin(m, input):
    """The angle between -pi/2 and pi/2 with this sine."""
    return m.asin(input)


@asin.vjp("input")
def _(m, g, input):
    return g / m.conj(m.sqrt(1 - input * input))


@_elementary
def acos(m, input):
    """The angle between 0 and pi with this cosine."""
    return m.acos(input)


@acos.vjp("input")
def _(m, g, input):
    return -g / m.conj(m.sqrt(1 - input * input))


@_elementary
def atan(m, input):
    """The angle between -pi/2 and pi/2 with this tangent."""
    return m.atan(input)


@atan.vjp("input")
def _(m, g, input):
    x = m.conj(input)
    return g / (x * x + 1)


@_elementary
def atan2(m, input, other):
    """The angle of the point with height `input` and width `other`, between -pi and pi."""
    refuse("atan2_cpu", input, COMPLEX)
    return m.atan2(input, other)


def _inverse_square(m: Any, x: Any, y: Any) -> Any:
    """1 / (x**2 + y**2), and 0 at the origin, where the angle has no slope."""
    square = x * x + y * y
    return m.where(square == 0, 0, 1 / square)


@atan2.vjp("input")
def _(m, g, input, other):
    return g * other * _inverse_square(m, input, other)


@atan2.vjp("other")
def _(m, g, input, other):
    return -g * input * _inverse_square(m, input, other)


@_elementary
def sinh(m, input):
    """Hyperbolic sine of each element."""
    return m.sinh(input)


@sinh.vjp("input")
def _(m, g, input):
    return g * m.cosh(m.conj(input))


@_elementary
def cosh(m, input):
    """Hyperbolic cosine of each element."""
    return m.cosh(input)


@cosh.vjp("input")
def _(m, g, input):
    return g * m.sinh(m.conj(input))


@_elementary
def tanh(m, input):
    """Hyperbolic tangent of each element."""
    return m.tanh(input)


@tanh.vjp("input")
def _(m, g, out):
    slope = m.conj(out)
    return g * (1 - slope * slope)


@_elementary
def asinh(m, input):
    """The number with this hyperbolic sine."""
    return m.asinh(input)


@asinh.vjp("input")
def _(m, g, input):
    return g / m.conj(m.sqrt(input * input + 1))


@_elementary
def acosh(m, input):
    """The positive number with this hyperbolic cosine."""
    return m.acosh(input)


@acosh.vjp("input")
def _(m, g, input):
    """The two roots apart: sqrt(x**2 - 1) would leave the branch that acosh is on."""
    return g / m.conj(m.sqrt(input - 1) * m.sqrt(input + 1))


@_elementary
def atanh(m, input):
    """The number with this hyperbolic tangent."""
    return m.atanh(input)


@atanh.vjp("input")
def _(m, g, input):
    x = m.conj(input)
    return g / (1 - x * x)


arcsin, arccos, arctan, arctan2 = asin, acos, atan, atan2
arcsinh, arccosh, arctanh = asinh, acosh, atanh


@_elementary
def sigmoid(m, input):
    """The logistic function: 1 / (1 + exp(-x))."""
    return 1 / (m.exp(-input) + 1)


@sigmoid.vjp("input")
def _(m, g, out):
    slope = m.conj(out)
    return g * (slope * (1 - slope))


@_elementary
def logit(m, input, *, eps: float | None = None):
    """The inverse of sigmoid, log(x / (1 - x)); x is first clamped to eps .. 1 - eps, if given."""
    refuse("logit_cpu", input, COMPLEX)
    if eps is not None:
        input = m.minimum(m.maximum(input, eps), 1 - eps)
    return m.log(input / (1 - input))


@logit.vjp("input")
def _(m, g, input, eps):
    slope = g / (input * (1 - input))
    if eps is None:
        return m.where((input < 0) | (input > 1), float("nan"), slope)
    return m.where((input < eps) | (input > 1 - eps), 0, slope)


@op("pointwise", floats=True)
def sinc(m, input):
    """sin(pi x) / (pi x), and 1 at 0."""
    x = input * pi
    zero = x == 0
    return m.where(zero, 1, m.sin(x) / m.where(zero, 1, x))


@sinc.vjp("input")
def _(m, g, input):
    x = m.conj(input) * pi
    zero = x == 0
    safe = m.where(zero, 1, x)
    slope = (m.cos(x) * x - m.sin(x)) / (safe * safe) * pi
    return m.where(zero, 0, g * slope)


@op("pointwise", floats=True, node="Deg2RadBackward0")
def deg2rad(m, input):
    """Degrees in radians."""
    _real("deg2rad", m, input)
    return input * (pi / 180)


@deg2rad.vjp("input")
def _(m, g):
    return g * (pi / 180)


@op("pointwise", floats=True, node="Rad2DegBackward0")
def rad2deg(m, input):
    """Radians in degrees."""
    _real("rad2deg", m, input)
    return input * (180 / pi)


@rad2deg.vjp("input")
def _(m, g):
    return g * (180 / pi)


def _real(name: str, m: Any, input: Any) -> None:
    if is_complex_array(m, input):
        raise RuntimeError(
            f"{name} is not supported for complex tensors. Convert the angle: {name}(input.angle())"
        )


speak(
    exp, exp2, expm1, log, log1p, log2, log10, sqrt, sin, cos, tan, asin, acos, atan, atan2, sinh,
    cosh, tanh, asinh, acosh, atanh,
)  # fmt: skip
