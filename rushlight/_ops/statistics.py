"""Spread: variance and standard deviation, with and without the mean."""

from math import inf, nan
from typing import Any

from .._core.naming import named
from .._core.op import composite, op
from .dims import COMPLEX, FLOATS, Dims, axes_of, keep, reduced_count, spelt

Correction = int | float | None


def _refuse_integers(input: Any, name: str) -> None:
    if input.dtype not in FLOATS:
        who = "std and var" if name in ("std", "var") else name
        raise RuntimeError(
            f"{who} only support floating point and complex dtypes; convert with input.float()"
        )


def _deviations(m: Any, input: Any, dim: Any) -> tuple[Any, Any]:
    """The mean along `dim` (axes kept) and the input minus it."""
    total = m.sum(input, axis=axes_of(dim, len(input.shape)), keepdims=True)
    mean = m.divide(total, reduced_count(input.shape, dim))
    return mean, input - mean


def _ratio(number: float, shape: tuple, dim: Any, correction: Correction) -> float:
    """number / (count - correction), as floating point division has it at zero."""
    free = max(reduced_count(shape, dim) - (1 if correction is None else correction), 0)
    if free:
        return number / free
    return inf if number else nan


def _variance(
    m: Any, input: Any, dim: Any, correction: Correction, keepdim: bool
) -> tuple[Any, Any]:
    mean, away = _deviations(m, input, dim)
    if input.dtype in COMPLEX:
        square = m.real(away) * m.real(away) + m.imag(away) * m.imag(away)
    else:
        square = away * away
    axes = axes_of(dim, len(input.shape))
    total = m.sum(square, axis=axes, keepdims=keepdim)
    free = reduced_count(input.shape, dim) - (1 if correction is None else correction)
    return m.divide(total, max(free, 0)), mean if keepdim else m.reshape(mean, total.shape)


def _variance_gradient(
    m: Any, g: Any, input: Any, dim: Any, correction: Correction, keepdim: bool
) -> Any:
    _, away = _deviations(m, input, dim)
    return keep(m, g, input.shape, dim, keepdim) * _ratio(2.0, input.shape, dim, correction) * away


def _through_root(m: Any, g: Any, out: Any) -> Any:
    """The gradient that reaches the variance through its square root; none where that is zero."""
    flat = out == 0
    return m.where(flat, 0, g / (2 * m.where(flat, 1, out)))


@op("reduce", name="var")
def variance(m, input, *, dim: Dims = None, correction: Correction = None, keepdim: bool = False):
    """Variance of all elements, or along `dim`: squared deviations over (count - correction)."""
    _refuse_integers(input, "var")
    return _variance(m, input, dim, correction, keepdim)[0]


@variance.vjp("input")
def _(m, g, input, dim, correction, keepdim):
    return _variance_gradient(m, g, input, dim, correction, keepdim)


@op("reduce", name="std")
def deviation(m, input, *, dim: Dims = None, correction: Correction = None, keepdim: bool = False):
    """Standard deviation of all elements, or along `dim`."""
    _refuse_integers(input, "std")
    return m.sqrt(_variance(m, input, dim, correction, keepdim)[0])


@deviation.vjp("input")
def _(m, g, input, out, dim, correction, keepdim):
    return _variance_gradient(m, _through_root(m, g, out), input, dim, correction, keepdim)


@op("reduce", name="var_mean", outputs=("var", "mean"))
def variance_and_mean(
    m, input, *, dim: Dims = None, correction: Correction = None, keepdim: bool = False
):
    """Variance and mean together."""
    _refuse_integers(input, "var_mean")
    return _variance(m, input, dim, correction, keepdim)


@op("reduce", name="std_mean", outputs=("std", "mean"))
def deviation_and_mean(
    m, input, *, dim: Dims = None, correction: Correction = None, keepdim: bool = False
):
    """Standard deviation and mean together."""
    _refuse_integers(input, "std_mean")
    square, mean = _variance(m, input, dim, correction, keepdim)
    return m.sqrt(square), mean


def _with_mean(
    m: Any, first: Any, second: Any, input: Any, dim: Any, correction: Any, keepdim: bool
) -> Any:
    """The gradient of (variance, mean)."""
    parts = []
    if first is not None:
        parts.append(_variance_gradient(m, first, input, dim, correction, keepdim))
    if second is not None:
        share = keep(
            m, m.divide(second, reduced_count(input.shape, dim)), input.shape, dim, keepdim
        )
        parts.append(m.broadcast_to(share, input.shape))
    return parts[0] if len(parts) == 1 else parts[0] + parts[1]


@variance_and_mean.vjp("input")
def _(m, g, input, dim, correction, keepdim):
    return _with_mean(m, g[0], g[1], input, dim, correction, keepdim)


@deviation_and_mean.vjp("input")
def _(m, g, input, out, dim, correction, keepdim):
    first = None if g[0] is None else _through_root(m, g[0], out[0])
    return _with_mean(m, first, g[1], input, dim, correction, keepdim)


def _form(name: str, dim: Any, unbiased: Any, correction: Correction) -> tuple[Any, Correction]:
    """The dims and the correction meant by PyTorch's older and newer arguments."""
    if dim.__class__ is bool:
        dim, unbiased = None, dim
    if unbiased is None:
        return dim, correction
    if correction is not None:
        raise TypeError(
            f"{name}() received an invalid combination of arguments - got both unbiased and"
            " correction; unbiased=True is correction=1"
        )
    return dim, int(unbiased)


def _public(name: str, record: Any):
    """The public function of a record, with PyTorch's older arguments too."""

    def spread(
        input: Any, dim: Dims = None, unbiased: bool | None = None, keepdim: bool = False, *,
        correction: Correction = None, out: Any = None, **names: Any,
    ) -> Any:  # fmt: skip
        if names:
            dim, keepdim = spelt(name, dim, keepdim, names)
        dim, correction = _form(name, dim, unbiased, correction)
        return record(input, dim, correction, keepdim, out=out)

    return composite(named(spread, name, record.__doc__))


var, std = _public("var", variance), _public("std", deviation)
var_mean = _public("var_mean", variance_and_mean)
std_mean = _public("std_mean", deviation_and_mean)
