"""The error function, its relatives of the normal distribution, and their inverses."""

import math
from collections.abc import Iterator
from math import erfc as erfc_of
from math import pi, sqrt
from typing import Any

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


@op("pointwise", floats=True)
def erf(m: Any, input: Any) -> Any:
    """The error function: 2 / sqrt(pi) times the integral of exp(-t**2) from 0 to x."""
    refuse("erf_vml_cpu", input, COMPLEX)
    return m.erf(input)


@erf.vjp("input")
def _(m: Any, g: Any, input: Any) -> Any:
    return g * m.exp(-input * input) * (2 / sqrt(pi))


@op("pointwise", floats=True)
def erfc(m: Any, input: Any) -> Any:
    """1 - erf(x), exact in the far tail."""
    refuse("erfc_vml_cpu", input, COMPLEX)
    return m.erfc(input)


@erfc.vjp("input")
def _(m: Any, g: Any, input: Any) -> Any:
    return g * m.exp(-input * input) * (-2 / sqrt(pi))


@op("pointwise", floats=True, node="SpecialErfcxBackward0")
def erfcx(m: Any, input: Any) -> Any:
    """exp(x**2) * erfc(x)."""
    refuse("erfcx_cpu", input, COMPLEX)
    return m.erfcx(input)


@erfcx.vjp("input")
def _(m: Any, g: Any, input: Any, out: Any) -> Any:
    return g * (input * out * 2 - 2 / sqrt(pi))


@op("pointwise", floats=True, domain=(-0.9, 0.9))
def erfinv(m: Any, input: Any) -> Any:
    """The x with erf(x) = input."""
    refuse("erfinv_vml_cpu", input, COMPLEX)
    return m.erfinv(input)


@erfinv.vjp("input")
def _(m: Any, g: Any, out: Any) -> Any:
    return g * m.exp(out * out) * (sqrt(pi) / 2)


@op("pointwise", floats=True, node="MulBackward1")
def ndtr(m: Any, input: Any) -> Any:
    """The probability that a normal variable is below x."""
    refuse("erf_vml_cpu", input, COMPLEX)
    return m.erfc(input * -sqrt(0.5)) * 0.5


@ndtr.vjp("input")
def _(m: Any, g: Any, input: Any) -> Any:
    return g * m.exp(input * input * -0.5) * (1 / sqrt(2 * pi))


@op("pointwise", floats=True, domain=(0.05, 0.95), node="SpecialNdtriBackward0")
def ndtri(m: Any, input: Any) -> Any:
    """The x below which a normal variable falls with the given probability."""
    refuse("ndtri_cpu", input, COMPLEX)
    return m.ndtri(input)


@ndtri.vjp("input")
def _(m: Any, g: Any, out: Any) -> Any:
    return g * m.exp(out * out * 0.5) * sqrt(2 * pi)


@op("pointwise", floats=True, node="SpecialLogNdtrBackward0")
def log_ndtr(m: Any, input: Any) -> Any:
    """Logarithm of the probability that a normal variable is below x."""
    refuse("log_ndtr_cpu", input, COMPLEX)
    return m.log_ndtr(input)


@log_ndtr.vjp("input")
def _(m: Any, g: Any, input: Any) -> Any:
    return g / m.erfcx(input * -sqrt(0.5)) * sqrt(2 / pi)


@erf.defined_as
def _(np: Any, input: Any) -> Any:
    return np.vectorize(math.erf, otypes=[float])(input)


@erfc.defined_as
def _(np: Any, input: Any) -> Any:
    return np.vectorize(math.erfc, otypes=[float])(input)


@erfcx.defined_as
def _(np: Any, input: Any) -> Any:
    return np.exp(input * input) * np.vectorize(math.erfc, otypes=[float])(input)


@ndtr.defined_as
def _(np: Any, input: Any) -> Any:
    return np.vectorize(_chance, otypes=[float])(input)


@log_ndtr.defined_as
def _(np: Any, input: Any) -> Any:
    return np.log(np.vectorize(_chance, otypes=[float])(input))


@ndtri.defined_as
def _(np: Any, input: Any) -> Any:
    return np.vectorize(_quantile, otypes=[float])(input)


@erfinv.defined_as
def _(np: Any, input: Any) -> Any:
    return np.vectorize(_quantile, otypes=[float])((input + 1) / 2) * sqrt(0.5)


@erf.errors
@erfc.errors
@erfcx.errors
@erfinv.errors
@ndtri.errors
@log_ndtr.errors
def _(draw: Any) -> Iterator:
    yield (
        (draw(3, dtype="complex"),), {}, NotImplementedError,
        "_cpu\" not implemented for 'ComplexFloat'",
    )  # fmt: skip


speak(erf=erf, erfc=erfc, erfcx=erfcx, erfinv=erfinv, ndtri=ndtri, log_ndtr=log_ndtr)
