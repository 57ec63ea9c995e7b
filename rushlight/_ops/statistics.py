"""Spread and order statistics: var, std, median, mode, quantile, cov, corrcoef."""

from collections.abc import Iterator
from math import inf, nan
from typing import Any

from .._core import dtypes
from .._core.errors import dim_of
from .._core.kinds import DIFFERENTIABLE
from .._core.op import composite, op
from .dims import Dims, arange_along, axes_of, drop, keep, part, reduced_count
from .extrema import max_of_all, needs_elements, scattered

Correction = int | float | None


def _refuse_integers(m: Any, input: Any, name: str) -> None:
    if not m.isdtype(input.dtype, "real floating") and not m.isdtype(
        input.dtype, "complex floating"
    ):
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
    """Variance and mean along `dim`."""
    mean, away = _deviations(m, input, dim)
    if m.isdtype(input.dtype, "complex floating"):
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
def variance(
    m: Any, input: Any, *, dim: Dims = None, correction: Correction = None, keepdim: bool = False
) -> Any:
    """Variance of all elements, or along `dim`: squared deviations over (count - correction)."""
    _refuse_integers(m, input, "var")
    return _variance(m, input, dim, correction, keepdim)[0]


@variance.vjp("input")
def _(m: Any, g: Any, input: Any, dim: Any, correction: Any, keepdim: bool) -> Any:
    return _variance_gradient(m, g, input, dim, correction, keepdim)


@op("reduce", name="std")
def deviation(
    m: Any, input: Any, *, dim: Dims = None, correction: Correction = None, keepdim: bool = False
) -> Any:
    """Standard deviation of all elements, or along `dim`."""
    _refuse_integers(m, input, "std")
    return m.sqrt(_variance(m, input, dim, correction, keepdim)[0])


@deviation.vjp("input")
def _(m: Any, g: Any, input: Any, out: Any, dim: Any, correction: Any, keepdim: bool) -> Any:
    return _variance_gradient(m, _through_root(m, g, out), input, dim, correction, keepdim)


@op("reduce", name="var_mean", outputs=("var", "mean"))
def variance_and_mean(
    m: Any, input: Any, *, dim: Dims = None, correction: Correction = None, keepdim: bool = False
) -> Any:
    """Variance and mean together."""
    _refuse_integers(m, input, "var_mean")
    return _variance(m, input, dim, correction, keepdim)


@op("reduce", name="std_mean", outputs=("std", "mean"))
def deviation_and_mean(
    m: Any, input: Any, *, dim: Dims = None, correction: Correction = None, keepdim: bool = False
) -> Any:
    """Standard deviation and mean together."""
    _refuse_integers(m, input, "std_mean")
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
def _(m: Any, g: tuple, input: Any, dim: Any, correction: Any, keepdim: bool) -> Any:
    return _with_mean(m, g[0], g[1], input, dim, correction, keepdim)


@deviation_and_mean.vjp("input")
def _(m: Any, g: tuple, input: Any, out: tuple, dim: Any, correction: Any, keepdim: bool) -> Any:
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
            f"{name}() received an invalid combination of arguments - got both unbiased and correction; "
            "unbiased=True is correction=1"
        )
    return dim, int(unbiased)


@composite
def var(
    input: Any, dim: Dims = None, unbiased: bool | None = None, keepdim: bool = False, *,
    correction: Correction = None,
) -> Any:  # fmt: skip
    """Variance of all elements, or along `dim`: squared deviations over (count - correction)."""
    dim, correction = _form("var", dim, unbiased, correction)
    return variance(input, dim, correction, keepdim)


@composite
def std(
    input: Any, dim: Dims = None, unbiased: bool | None = None, keepdim: bool = False, *,
    correction: Correction = None,
) -> Any:  # fmt: skip
    """Standard deviation of all elements, or along `dim`."""
    dim, correction = _form("std", dim, unbiased, correction)
    return deviation(input, dim, correction, keepdim)


@composite
def var_mean(
    input: Any, dim: Dims = None, unbiased: bool | None = None, keepdim: bool = False, *,
    correction: Correction = None,
) -> tuple:  # fmt: skip
    """Variance and mean together."""
    dim, correction = _form("var_mean", dim, unbiased, correction)
    return variance_and_mean(input, dim, correction, keepdim)


@composite
def std_mean(
    input: Any, dim: Dims = None, unbiased: bool | None = None, keepdim: bool = False, *,
    correction: Correction = None,
) -> tuple:  # fmt: skip
    """Standard deviation and mean together."""
    dim, correction = _form("std_mean", dim, unbiased, correction)
    return deviation_and_mean(input, dim, correction, keepdim)


@var.samples
@std.samples
@var_mean.samples
@std_mean.samples
def _(draw: Any) -> Iterator:
    yield (draw(3, 4),), {}
    yield (draw(3, 4), 1), {"keepdim": True}
    yield (draw(3, 4), False), {}
    yield (draw(2, 3, 4),), {"dim": (0, 2), "correction": 2}


@var.errors
@std.errors
def _(draw: Any) -> Iterator:
    yield (
        (draw.ints(3, low=0, high=5),),
        {},
        RuntimeError,
        "std and var only support floating point and complex dtypes",
    )
    yield (
        (draw(3), 1),
        {},
        IndexError,
        "Dimension out of range (expected to be in range of [-1, 0], but got 1)",
    )


# -- order statistics


def _refuse_unordered(m: Any, x: Any, kernel: str) -> None:
    for kind in ("bool", "complex floating"):
        if m.isdtype(x.dtype, kind):
            raise NotImplementedError(f"\"{kernel}\" not implemented for '{dtypes.of(x.dtype).type_name}'; "
                                      "use an integer or real floating dtype")  # fmt: skip


def _middle(m: Any, input: Any, axis: int, skip_nan: bool) -> Any:
    """Index along `axis` (kept) of the lower median; of a NaN where one counts."""
    order = m.argsort(input, axis, False, True)
    size = input.shape[axis]
    half = (size - 1) // 2
    if not m.isdtype(input.dtype, "real floating"):
        return m.index(order, part(axis, half, half + 1))
    missing = m.sum(m.isnan(input), axis=axis, keepdims=True, dtype=m.int64)
    if skip_nan:
        place = m.maximum(m.floor_divide(size - 1 - missing, 2), 0)
    else:
        place = m.where(missing > 0, size - missing, half)
    return m.take_along_axis(order, place, axis)


def _median_along(m: Any, input: Any, dim: int, keepdim: bool, skip_nan: bool) -> tuple:
    axis = dim_of(dim, len(input.shape))
    _refuse_unordered(m, input, "median_out")
    if not input.shape:
        return input + 0, m.full((), 0, m.int64)
    needs_elements("median", input.shape, dim)
    indices = _middle(m, input, axis, skip_nan)
    values = m.take_along_axis(input, indices, axis)
    return drop(m, values, axis, keepdim), drop(m, indices, axis, keepdim)


def _median_of_all(m: Any, input: Any, skip_nan: bool) -> Any:
    _refuse_unordered(m, input, "median_cpu")
    flat = m.reshape(input, (-1,))
    if not flat.shape[0]:
        empty = (
            nan
            if m.isdtype(input.dtype, "real floating")
            else dtypes.iinfo(dtypes.of(input.dtype)).min
        )
        return m.full((), empty, input.dtype)
    return m.reshape(m.take_along_axis(flat, _middle(m, flat, 0, skip_nan), 0), ())


@op("reduce", name="median", node="MedianBackward0")
def median_of_all(m: Any, input: Any) -> Any:
    """Lower median of all elements."""
    return _median_of_all(m, input, False)


@op("reduce", name="nanmedian", node="NanmedianBackward0")
def nanmedian_of_all(m: Any, input: Any) -> Any:
    """Lower median of the elements that are not NaN."""
    return _median_of_all(m, input, True)


median_of_all.vjp("input")(max_of_all.op.rules["input"])
nanmedian_of_all.vjp("input")(max_of_all.op.rules["input"])


@op(
    "reduce", name="median", node="MedianBackward1", outputs=("values", "indices"), returns="median"
)
def median_along(m: Any, input: Any, *, dim: int, keepdim: bool = False) -> Any:
    """Lower medians along `dim` and where they stood."""
    return _median_along(m, input, dim, keepdim, False)


@op(
    "reduce",
    name="nanmedian",
    node="NanmedianBackward1",
    outputs=("values", "indices"),
    returns="nanmedian",
)
def nanmedian_along(m: Any, input: Any, *, dim: int, keepdim: bool = False) -> Any:
    """Lower medians along `dim` of what is not NaN, and where they stood."""
    return _median_along(m, input, dim, keepdim, True)


@median_along.vjp("input")
@nanmedian_along.vjp("input")
def _(m: Any, g: tuple, out: tuple, input_shape: tuple, dim: int, keepdim: bool) -> Any:
    return scattered(m, g[0], out[1], input_shape, dim, keepdim)


@composite
def median(input: Any, dim: int | None = None, keepdim: bool = False) -> Any:
    """Lower median of all elements; or (values, indices) along `dim`."""
    return median_of_all(input) if dim is None else median_along(input, dim, keepdim)


@composite
def nanmedian(input: Any, dim: int | None = None, keepdim: bool = False) -> Any:
    """Lower median of what is not NaN; or (values, indices) along `dim`."""
    return nanmedian_of_all(input) if dim is None else nanmedian_along(input, dim, keepdim)


@median.samples
@nanmedian.samples
def _(draw: Any) -> Iterator:
    yield (draw(3, 4),), {}
    yield (draw(3, 5), 1), {}
    yield (draw(3, 4),), {"dim": 0, "keepdim": True}
    yield (draw(), 0), {}


@median.errors
def _(draw: Any) -> Iterator:
    yield (
        (draw(0, 3), 0),
        {},
        IndexError,
        "median(): Expected reduction dim 0 to have non-zero size.",
    )


@op("reduce", outputs=("values", "indices"), returns="mode")
def mode(m: Any, input: Any, *, dim: int = -1, keepdim: bool = False) -> Any:
    """Most frequent element along `dim` (the smallest of equals) and its last index."""
    axis = dim_of(dim, len(input.shape))
    if m.isdtype(input.dtype, "complex floating"):
        raise NotImplementedError(
            f"\"mode_cpu\" not implemented for '{dtypes.of(input.dtype).type_name}'; use real numbers"
        )
    if not input.shape:
        return input + 0, m.full((), 0, m.int64)
    needs_elements("mode", input.shape, dim)
    order = m.argsort(input, axis, False, True)
    x = m.take_along_axis(input, order, axis)
    place = arange_along(m, x.shape, axis)
    starts = m.index(x, part(axis, 1, None)) != m.index(x, part(axis, 0, x.shape[axis] - 1))
    first = m.full((*x.shape[:axis], 1, *x.shape[axis + 1 :]), True, m.bool)
    starts = m.concat([first, starts], axis=axis)
    begun, _ = m.cumulative_max(m.where(starts, place, 0), axis)
    best = m.argmax(place - begun, axis=axis, keepdims=True)
    indices = m.take_along_axis(order, best, axis)
    values = m.take_along_axis(input, indices, axis)
    return drop(m, values, axis, keepdim), drop(m, indices, axis, keepdim)


@mode.vjp("input")
def _(m: Any, g: tuple, out: tuple, input_shape: tuple, dim: int, keepdim: bool) -> Any:
    return scattered(m, g[0], out[1], input_shape, dim, keepdim)


@mode.samples
def _(draw: Any) -> Iterator:
    yield (draw.ints(3, 9, low=0, high=4),), {}
    yield (draw.ints(7, 3, low=0, high=4),), {"dim": 0, "keepdim": True}
    yield (draw(3, 4),), {}


# -- quantiles

_BETWEEN = ("linear", "lower", "higher", "midpoint", "nearest")


def _check_quantile(m: Any, name: str, input: Any, q: Any, interpolation: str) -> None:
    if input.dtype not in (m.float32, m.float64):
        raise RuntimeError(
            f"{name}() input tensor must be either float or double dtype, not {dtypes.of(input.dtype)}"
        )
    if 0 in input.shape:
        raise RuntimeError(
            f"{name}() input tensor must be non-empty; its shape is {tuple(input.shape)}"
        )
    if len(q.shape) > 1:
        raise RuntimeError(
            f"{name}() q must be a scalar or 1D tensor; its shape is {tuple(q.shape)}"
        )
    if q.dtype != input.dtype:
        raise RuntimeError(
            f"{name}() q tensor must be same dtype as the input tensor; it is {dtypes.of(q.dtype)}"
        )
    if interpolation not in _BETWEEN:
        raise RuntimeError(
            f"{name}() interpolation must be one of linear, lower, higher, midpoint or nearest, but got "
            f"{interpolation}"
        )
    m.check((q >= 0) & (q <= 1), f"{name}() q values must be in the range [0, 1]")


def _between(m: Any, rank: Any, interpolation: str) -> tuple[Any, Any]:
    """The whole ranks below, and the weight of the neighbour above."""
    if interpolation in ("lower", "higher", "nearest"):
        rank = {"lower": m.floor, "higher": m.ceil, "nearest": m.round}[interpolation](rank)
        return m.astype(rank, m.int64), None
    below = m.floor(rank)
    weight = rank - below
    return m.astype(below, m.int64), m.where(
        weight > 0, 0.5, 0.0
    ) if interpolation == "midpoint" else weight


def _quantiles(
    m: Any, input: Any, q: Any, dim: Any, keepdim: bool, interpolation: str, skip_nan: bool
) -> Any:
    shape = tuple(input.shape)
    axis = 0 if dim is None or not shape else dim_of(dim, len(shape))
    x = input if dim is not None and shape else m.reshape(input, (-1,))
    x = m.permute_dims(x, (*[i for i in range(len(x.shape)) if i != axis], axis))
    x = m.take_along_axis(x, m.argsort(x, -1, False, True), -1)  # (..., size)
    missing = m.sum(m.isnan(x), axis=-1, keepdims=True, dtype=m.int64)
    valid = m.maximum(x.shape[-1] - 1 - missing, 0) if skip_nan else x.shape[-1] - 1
    rank = m.reshape(q, (-1,)) * (m.astype(valid, q.dtype) if skip_nan else valid)
    rank = m.broadcast_to(rank, (*x.shape[:-1], rank.shape[-1]))
    below, weight = _between(m, rank, interpolation)
    found = m.take_along_axis(x, below, -1)
    if weight is not None:
        above = m.take_along_axis(x, m.minimum(below + 1, x.shape[-1] - 1), -1)
        found = found + m.where(weight > 0, weight * (above - found), 0)
    if not skip_nan:
        found = m.where(missing > 0, m.index(x, (..., slice(-1, None))), found)
    kept = tuple(
        [1] * len(shape) if dim is None else [1 if i == axis else n for i, n in enumerate(shape)]
    )
    rest = kept if keepdim else (() if dim is None else (*shape[:axis], *shape[axis + 1 :]))
    n = len(found.shape)
    return m.reshape(m.permute_dims(found, (n - 1, *range(n - 1))), (*q.shape, *rest))


def _as_quantile(name: str, input: Any, q: Any) -> Any:
    if hasattr(q, "shape"):
        return q
    if not 0 <= q <= 1:
        raise RuntimeError(f"{name}() q must be in the range [0, 1] but got {q}")
    return DIFFERENTIABLE.full((), q, input.dtype)


@op(None, name="quantile", node="SqueezeBackward4")
def quantiles(
    m: Any,
    input: Any,
    q: Any,
    *,
    dim: int | None = None,
    keepdim: bool = False,
    interpolation: str = "linear",
) -> Any:
    """Values below which the fractions `q` of the elements lie."""
    _check_quantile(m, "quantile", input, q, interpolation)
    return _quantiles(m, input, q, dim, keepdim, interpolation, False)


@op(None, name="nanquantile", node="SqueezeBackward4")
def nanquantiles(
    m: Any,
    input: Any,
    q: Any,
    *,
    dim: int | None = None,
    keepdim: bool = False,
    interpolation: str = "linear",
) -> Any:
    """Values below which the fractions `q` of what is not NaN lie."""
    _check_quantile(m, "nanquantile", input, q, interpolation)
    return _quantiles(m, input, q, dim, keepdim, interpolation, True)


@composite
def quantile(
    input: Any,
    q: Any,
    dim: int | None = None,
    keepdim: bool = False,
    *,
    interpolation: str = "linear",
) -> Any:
    """Values below which the fractions `q` of the elements lie; a 1-D `q` adds a first dimension."""
    return quantiles(input, _as_quantile("quantile", input, q), dim, keepdim, interpolation)


@composite
def nanquantile(
    input: Any,
    q: Any,
    dim: int | None = None,
    keepdim: bool = False,
    *,
    interpolation: str = "linear",
) -> Any:
    """Like `quantile`, without the elements that are NaN."""
    return nanquantiles(input, _as_quantile("nanquantile", input, q), dim, keepdim, interpolation)


@quantile.samples
@nanquantile.samples
def _(draw: Any) -> Iterator:
    yield (draw(3, 5), 0.3), {}
    yield (draw(3, 5), 0.5), {"dim": 0, "keepdim": True}
    for interpolation in _BETWEEN:
        yield (draw(3, 5), 0.4), {"dim": 1, "interpolation": interpolation}


@quantile.errors
def _(draw: Any) -> Iterator:
    yield (draw(3), 1.5), {}, RuntimeError, "quantile() q must be in the range [0, 1] but got 1.5"
    yield (
        (draw.ints(3, low=0, high=5), 0.5),
        {},
        RuntimeError,
        "quantile() input tensor must be either float or double dtype",
    )
