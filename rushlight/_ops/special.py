"""Special functions: the gamma family, Bessel functions, entropies."""

from collections.abc import Callable
from math import inf, log, pi
from typing import Any

from .._core.kinds import speak
from .._core.op import filling, op
from .refusal import BOOL, COMPLEX, INTEGER, refuse


@op("pointwise", floats=True)
def lgamma(m, input):
    """log |gamma(x)|."""
    refuse("lgamma_vml_cpu", input, COMPLEX)
    return m.lgamma(input)


@lgamma.vjp("input")
def _(m, g, input):
    return g * m.digamma(input)


@op("pointwise", floats=True)
def digamma(m, input):
    """The derivative of lgamma."""
    refuse("digamma", input, COMPLEX)
    return m.digamma(input)


@digamma.vjp("input")
def _(m, g, input):
    return g * m.polygamma(1, input)


@op("pointwise", floats=True, name="polygamma")
def _polygamma(m, input, *, n: int):
    """The derivative of order n of digamma."""
    refuse("polygamma", input, COMPLEX)
    return m.polygamma(n, input)


@_polygamma.vjp("input")
def _(m, g, input, n):
    return g * m.polygamma(n + 1, input)


@filling
def polygamma(n: int, input: Any) -> Any:
    """The derivative of order n of digamma."""
    if hasattr(n, "dtype"):  # as a method the tensor comes first
        n, input = input, n
    if n < 0:
        raise RuntimeError(f"polygamma(n, x) does not support negative n. Got n={n}")
    return _polygamma(input, n)


@op("pointwise", floats=True)
def mvlgamma(m, input, *, p: int):
    """Logarithm of the multivariate gamma function of dimension p."""
    refuse("mvlgamma", input, COMPLEX)
    if p < 1:
        raise RuntimeError(f"p has to be greater than or equal to 1; got p={p}")
    made = m.lgamma(input)
    for j in range(1, p):
        made = made + m.lgamma(input - 0.5 * j)
    return made + 0.25 * p * (p - 1) * log(pi)


@mvlgamma.vjp("input")
def _(m, g, input, p):
    slope = m.digamma(input)
    for j in range(1, p):
        slope = slope + m.digamma(input - 0.5 * j)
    return g * slope


@op("pointwise", floats=True)
def i0(m, input):
    """The modified Bessel function of the first kind, of order 0."""
    refuse("i0_vml_cpu", input, COMPLEX)
    return m.i0(input)


@i0.vjp("input")
def _(m, g, input):
    return g * m.i1(input)


@op("pointwise", floats=True, node="SpecialI0EBackward0")
def i0e(m, input):
    """exp(-|x|) I0(x)."""
    refuse("i0e_cpu", input, COMPLEX)
    return m.i0e(input)


@i0e.vjp("input")
def _(m, g, input, out):
    return g * (m.i1e(input) - m.sign(input) * out)


def _over(m: Any, y: Any, x: Any) -> Any:
    """y / x, and the limit 1/2 of I1(x) / x at 0."""
    zero = x == 0
    return m.where(zero, 0.5, y / m.where(zero, 1, x))


@op("pointwise", floats=True, node="SpecialI1Backward0")
def i1(m, input):
    """The modified Bessel function of the first kind, of order 1."""
    refuse("i1_cpu", input, COMPLEX)
    return m.i1(input)


@i1.vjp("input")
def _(m, g, input, out):
    return g * (m.i0(input) - _over(m, out, input))


@op("pointwise", floats=True, node="SpecialI1EBackward0")
def i1e(m, input):
    """exp(-|x|) I1(x)."""
    refuse("i1e_cpu", input, COMPLEX)
    return m.i1e(input)


@i1e.vjp("input")
def _(m, g, input, out):
    return g * (m.i0e(input) - m.sign(input) * out - _over(m, out, input))


@op("pointwise", floats=True, node="SpecialEntrBackward0")
def entr(m, input):
    """-x log(x): 0 at 0, -inf below."""
    refuse("entr_cpu", input, COMPLEX)
    outside = m.where(input == 0, 0, m.full((), -inf, input.dtype))
    inside = m.where(input > 0, -input * m.log(input), outside)
    return m.where(m.isnan(input), input, inside)


@entr.vjp("input")
def _(m, g, input):
    return g * (-1 - m.log(input))


def _by_number(name: str) -> Callable[[tuple], str]:
    """PyTorch numbers the node by the argument that is a number: none 0, `input` 1, `other` 2."""
    return lambda numbers: f"{name}Backward{1 if 'input' in numbers else 2 * ('other' in numbers)}"


@op("pointwise", floats=True, node=_by_number("Xlogy"))
def xlogy(m, input, other):
    """input * log(other), and 0 where input is 0."""
    _real_pair("xlogy_cpu", input, other)
    return _times(m, input, m.log(_array(m, other, input)), other)


@xlogy.vjp("input")
def _(m, g, input, other):
    nothing = (input == 0) & (other <= 0)
    return m.where(nothing, 0, g * m.log(_array(m, other, g)))


@xlogy.vjp("other")
def _(m, g, input, other):
    return g * input / other


@op("pointwise", floats=True, node=_by_number("SpecialXlog1Py"))
def xlog1py(m, input, other):
    """input * log(1 + other), and 0 where input is 0."""
    _real_pair("xlog1py_cpu", input, other)
    return _times(m, input, m.log1p(_array(m, other, input)), other)


@xlog1py.vjp("input")
def _(m, g, input, other):
    nothing = (input == 0) & (other <= -1)
    return m.where(nothing, 0, g * m.log1p(_array(m, other, g)))


@xlog1py.vjp("other")
def _(m, g, input, other):
    return g * input / (other + 1)


def _real_pair(kernel: str, input: Any, other: Any) -> None:
    refuse(kernel, input, COMPLEX)
    refuse(kernel, other, COMPLEX)


def _array(m: Any, x: Any, like: Any) -> Any:
    """A number as an array, where a word on numbers alone would answer in float64."""
    return x if hasattr(x, "dtype") else m.full((), x, like.dtype)


def _times(m: Any, x: Any, y: Any, other: Any) -> Any:
    """x * y, where a zero x wins over an infinite y, but not over an `other` that is NaN."""
    return m.where((x == 0) & (other == other), 0, x * y)


@op("pointwise", floats=True, name="zeta", node=_by_number("SpecialZeta"))
def zeta(m, input, other):
    """Hurwitz's zeta function: the sum over k >= 0 of (k + other)**-input."""
    _real_pair("zeta_cpu", input, other)
    return m.zeta(_array(m, input, other), _array(m, other, input))


@zeta.vjp("input")
def _(m, g):
    raise NotImplementedError(
        "the derivative for 'zeta' is not implemented. It has one for `other`: detach() `input`"
    )


@zeta.vjp("other")
def _(m, g, input, other):
    return g * -input * m.zeta(input + 1, _array(m, other, g))


@op("pointwise", node="IgammaBackward0")
def gammainc(m, input, other):
    """The regularised lower incomplete gamma function P(input, other)."""
    refuse("igamma_cpu", input, BOOL, INTEGER, COMPLEX)
    return m.gammainc(input, other)


@op("pointwise", node="IgammacBackward0")
def gammaincc(m, input, other):
    """The regularised upper incomplete gamma function Q(input, other)."""
    refuse("igammac_cpu", input, BOOL, INTEGER, COMPLEX)
    return m.gammaincc(input, other)


@gammainc.vjp("input")
def _(m, g):
    raise _no_slope("igamma")


@gammaincc.vjp("input")
def _(m, g):
    raise _no_slope("igammac")


def _no_slope(name: str) -> NotImplementedError:
    return NotImplementedError(
        f"the derivative for '{name}: input' is not implemented. It has one for `other` only: "
        "detach() `input`"
    )


def _density(m: Any, a: Any, x: Any) -> Any:
    """The slope of P in x: x**(a - 1) exp(-x) / gamma(a)."""
    return m.exp(m.log(x) * (a - 1) - x - m.lgamma(a))


@gammainc.vjp("other")
def _(m, g, input, other):
    return g * _density(m, input, other)


@gammaincc.vjp("other")
def _(m, g, input, other):
    return -g * _density(m, input, other)


# PyTorch's other names: torch.special's for what torch has too, and torch's for torch.special's
psi, gammaln, multigammaln, igamma, igammac = digamma, lgamma, mvlgamma, gammainc, gammaincc


speak(lgamma, digamma, polygamma, i0, i0e, i1, i1e, zeta, gammainc, gammaincc)
