"""The error function, its relatives of the normal distribution, and their inverses."""

import math
from math import erfc as erfc_of
from math import pi, sqrt

from .._core.cases import case, complexes
from .._core.kinds import speak
from .._core.op import op
from .refusal import COMPLEX, refuse


def _chance(x: float) -> float:
    """The chance that a standard normal number is below x."""
    return 0.5 * erfc_of(-x * sqrt(0.5))


def _quantile(p: float) -> float:
    """The number below which a standard normal one lies with chance p, by bisection."""
    low, high = -40.0, 40.0
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if _chance(middle) < p else (low, middle)
    return (low + high) / 2


@op("pointwise", floats=True, reference="math.erf")
def erf(m, input):
    """The error function: 2 / sqrt(pi) times the integral of exp(-t**2) from 0 to x."""
    refuse("erf_vml_cpu", input, COMPLEX)
    return m.erf(input)


@erf.vjp("input")
def _(m, g, input):
    return g * m.exp(-input * input) * (2 / sqrt(pi))


@op("pointwise", floats=True, reference="math.erfc")
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


@op("pointwise", floats=True, domain=(-0.9, 0.9))
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


@op("pointwise", floats=True, domain=(0.05, 0.95), node="SpecialNdtriBackward0")
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


@erfcx.defined_as
def _(np, input):
    return np.exp(input * input) * np.vectorize(math.erfc, otypes=[float])(input)


ndtr.defined_as(lambda np, input: np.vectorize(_chance, otypes=[float])(input))
log_ndtr.defined_as(lambda np, input: np.log(np.vectorize(_chance, otypes=[float])(input)))
ndtri.defined_as(lambda np, input: np.vectorize(_quantile, otypes=[float])(input))


@erfinv.defined_as
def _(np, input):
    return np.vectorize(_quantile, otypes=[float])((input + 1) / 2) * sqrt(0.5)


for each in (erf, erfc, erfcx, erfinv, ndtri, log_ndtr):
    each.cases(case(complexes(3)).lacks("ComplexFloat"))


speak(erf=erf, erfc=erfc, erfcx=erfcx, erfinv=erfinv, ndtri=ndtri, log_ndtr=log_ndtr)
