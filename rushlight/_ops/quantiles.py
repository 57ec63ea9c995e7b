"""Order statistics: median, mode, quantile."""

from math import nan
from typing import Any

from .._core import dtypes
from .._core.errors import dim_of
from .._core.kinds import DIFFERENTIABLE
from .._core.naming import named
from .._core.op import composite, op
from .dims import arange_along, at_indices, itself, kept_shape, last, part, spelt
from .extrema import max_of_all, needs_elements, picking, scattered, whole
from .refusal import BOOL, COMPLEX, refuse


def _middle(m: Any, input: Any, axis: int, skip_nan: bool) -> Any:
    """Index along `axis` (kept) of the lower median; of a NaN where one counts."""
    order = m.argsort(input, axis)
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
    needs_elements("median", input.shape, dim)
    refuse("median_out", input, BOOL, COMPLEX)
    if not input.shape:
        return input + 0, m.full((), 0, m.int64)
    return at_indices(m, input, _middle(m, input, axis, skip_nan), axis, keepdim)


def _median_of_all(m: Any, input: Any, skip_nan: bool) -> Any:
    flat = m.reshape(input, (-1,))
    if not flat.shape[0]:  # NaN, as the processor converts it: small integers by way of int32
        kind = dtypes.of(input.dtype)
        wide = kind.category == 1 and kind.itemsize > 2
        empty = dtypes.iinfo(kind).min if wide else 0 if kind.category == 1 else nan
        return m.full((), empty, input.dtype)
    refuse("median_cpu", input, BOOL, COMPLEX)
    return m.reshape(m.take_along_axis(flat, _middle(m, flat, 0, skip_nan), 0), ())


@op("reduce", name="median", node="MedianBackward0")
def median_of_all(m, input):
    """Lower median of all elements."""
    return _median_of_all(m, input, False)


@op("reduce", name="nanmedian", node="NanmedianBackward0")
def nanmedian_of_all(m, input):
    """Lower median of the elements that are not NaN."""
    return _median_of_all(m, input, True)


median_of_all.vjp("input")(max_of_all.op.rules["input"])
nanmedian_of_all.vjp("input")(max_of_all.op.rules["input"])


@picking("median", "MedianBackward1")
def median_along(m, input, *, dim: int, keepdim: bool = False):
    """Lower medians along `dim` and where they stood."""
    return _median_along(m, input, dim, keepdim, False)


@picking("nanmedian", "NanmedianBackward1")
def nanmedian_along(m, input, *, dim: int, keepdim: bool = False):
    """Lower medians along `dim` of what is not NaN, and where they stood."""
    return _median_along(m, input, dim, keepdim, True)


for each in (median_along, nanmedian_along):
    each.vjp("input")(scattered)


def _median(name: str, of_all: Any, along: Any, says: str):
    """The public function with and without `dim`."""

    def median(input: Any, dim: int | None = None, keepdim: bool = False, **names: Any) -> Any:
        if names:
            dim, keepdim = spelt(name, dim, keepdim, names)
        return (
            along(input, whole(name, dim), keepdim) if keepdim or dim is not None else of_all(input)
        )

    return composite(named(median, name, says))


median = _median(
    "median",
    median_of_all,
    median_along,
    "Lower median of all elements; or (values, indices) along `dim`.",
)
nanmedian = _median(
    "nanmedian",
    nanmedian_of_all,
    nanmedian_along,
    "Lower median of what is not NaN; or (values, indices) along `dim`.",
)


@picking("mode")
def mode(m, input, *, dim: int = -1, keepdim: bool = False):
    """Most frequent element along `dim` (the smallest of equals) and its last index."""
    axis = dim_of(dim, len(input.shape))
    needs_elements("mode", input.shape, dim)
    refuse("mode_cpu", input, COMPLEX)
    if not input.shape:
        return itself(m, input), m.full((), 0, m.int64)
    order = m.argsort(input, axis)
    x = m.take_along_axis(input, order, axis)
    place = arange_along(m, x.shape, axis)
    starts = m.index(x, part(axis, 1, None)) != m.index(x, part(axis, 0, x.shape[axis] - 1))
    first = m.full((*x.shape[:axis], 1, *x.shape[axis + 1 :]), True, m.bool)
    starts = m.concat([first, starts], axis=axis)
    begun, _ = m.cumulative_max(m.where(starts, place, 0), axis)
    best = m.argmax(place - begun, axis=axis, keepdims=True)
    return at_indices(m, input, m.take_along_axis(order, best, axis), axis, keepdim)


mode.vjp("input")(scattered)


# -- quantiles

_BETWEEN = ("linear", "lower", "higher", "midpoint", "nearest")


def _check_quantile(m: Any, name: str, input: Any, q: Any, interpolation: str) -> None:
    if input.dtype not in (m.float32, m.float64):
        raise RuntimeError(
            f"{name}() input tensor must be either float or double dtype, not"
            f" {dtypes.of(input.dtype)}"
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
            f"{name}() interpolation must be one of linear, lower, higher, midpoint or nearest, but"
            f" got {interpolation}"
        )
    m.check((q >= 0) & (q <= 1), f"{name}() q values must be in the range [0, 1]")


def _between(m: Any, rank: Any, interpolation: str) -> tuple[Any, Any]:
    """The whole ranks below, and the weight of the neighbour above."""
    if interpolation in ("lower", "higher", "nearest"):
        rank = {"lower": m.floor, "higher": m.ceil, "nearest": m.round}[interpolation](rank)
        return m.astype(rank, m.int64), None
    below = m.floor(rank)
    weight = rank - below
    return m.astype(below, m.int64), (
        m.astype(weight > 0, weight.dtype) / 2 if interpolation == "midpoint" else weight
    )


def _quantiles(
    m: Any, input: Any, q: Any, dim: Any, keepdim: bool, interpolation: str, skip_nan: bool
) -> Any:
    shape = tuple(input.shape)
    axis = 0 if dim is None or not shape else dim_of(dim, len(shape))
    x = input if dim is not None and shape else m.reshape(input, (-1,))
    x = last(m, x, axis)
    x = m.take_along_axis(x, m.argsort(x, -1), -1)  # (..., size)
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
    rest = kept_shape(shape, dim)
    if not keepdim:
        rest = () if dim is None else (*shape[:axis], *shape[axis + 1 :])
    n = len(found.shape)
    return m.reshape(m.permute_dims(found, (n - 1, *range(n - 1))), (*q.shape, *rest))


def _as_quantile(name: str, input: Any, q: Any) -> Any:
    if hasattr(q, "shape"):
        return q
    if not 0 <= q <= 1:
        raise RuntimeError(f"{name}() q must be in the range [0, 1] but got {q}")
    return DIFFERENTIABLE.full((), q, input.dtype)


def _quantile(name: str, skip_nan: bool, says: str):
    """The record, and the public function, which takes a number for q too."""

    @op(None, name=name, node="SqueezeBackward4")
    def quantiles(
        m, input, q, *, dim: int | None = None, keepdim: bool = False, interpolation: str = "linear"
    ):
        """Values below which the fractions `q` of the elements lie."""
        _check_quantile(m, name, input, q, interpolation)
        return _quantiles(m, input, q, dim, keepdim, interpolation, skip_nan)

    def quantile(
        input: Any, q: Any, dim: int | None = None, keepdim: bool = False, *,
        interpolation: str = "linear", out: Any = None,
    ) -> Any:  # fmt: skip
        q = _as_quantile(name, input, q)
        return quantiles(input, q, dim, keepdim, interpolation, out=out)

    return composite(named(quantile, name, says))


quantile = _quantile(
    "quantile",
    False,
    "Values below which fractions `q` of the elements lie; a 1-D `q` adds a first dimension.",
)
nanquantile = _quantile("nanquantile", True, "Like `quantile`, without the elements that are NaN.")
