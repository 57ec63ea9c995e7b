"""The error function, its relatives of the normal distribution, and their inverses."""

from math import pi, sqrt

from .._core.kinds import speak
from .._core.op import op
from .refusal import COMPLEX, refuse


@op("pointwise", floats=True)
def erf(m, input):
    """The error function: 2 / sqrt(pi) times the integral of exp(-t**2) from 0 to x."""
    refuse("erf_vml_cpu", input, COMPLEX)
    return m.erf(input)


@erf.vjp("input")
def _(m, g, input):
    return g * m.exp(-input * input) * (2 / sqrt(pi))


@op("pointwise", floats=True)
def erfc(m, input):
    """1 - erf(x), exact in the far tail."""
    refuse("erfc_vml_cpu", input, COMPLEX)
    return m.erfc(input)


@erfc.vjp("input")
def _(m, g, input):
    return g * m.exp(-input * input) * (-2 / sqrt(pi))


@op("pointwise", floats=True, node="SpecialErfcxBackward0")
def erfcx(m, input):
    """exp(x**2) * erfc(x)."""
    refuse("erfcx_cpu", input, COMPLEX)
    return m.erfcx(input)


@erfcx.vjp("input")
def _(m, g, input, out):
    return g * (input * out * 2 - 2 / sqrt(pi))


@op("pointwise", floats=True)
def erfinv(m, input):
    """The x with erf(x) = input."""
    refuse("erfinv_vml_cpu", input, COMPLEX)
    return m.erfinv(input)


@erfinv.vjp("input")
def _(m, g, out):
    return g * m.exp(out * out) * (sqrt(pi) / 2)


@op("pointwise", floats=True, node="MulBackward1")
def ndtr(m, input):
    """The probability that a normal variable is below x."""
    refuse("erf_vml_cpu", input, COMPLEX)
    return m.erfc(input * -sqrt(0.5)) * 0.5


@ndtr.vjp("input")
def _(m, g, input):
    return g * m.exp(input * input * -0.5) * (1 / sqrt(2 * pi))


@op("pointwise", floats=True, node="SpecialNdtriBackward0")
def ndtri(m, input):
    """The x below which a normal variable falls with the given probability."""
    refuse("ndtri_cpu", input, COMPLEX)
    return m.ndtri(input)


@ndtri.vjp("input")
def _(m, g, out):
    return g * m.exp(out * out * 0.5) * sqrt(2 * pi)


@op("pointwise", floats=True, node="SpecialLogNdtrBackward0")
def log_ndtr(m, input):
    """Logarithm of the probability that a normal variable is below x."""
    refuse("log_ndtr_cpu", input, COMPLEX)
    return m.log_ndtr(input)


@log_ndtr.vjp("input")
def _(m, g, input):
    return g / m.erfcx(input * -sqrt(0.5)) * sqrt(2 / pi)


speak(erf, erfc, erfcx, erfinv, ndtri, log_ndtr)
