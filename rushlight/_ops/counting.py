"""Counting: bincount, histc, histogram, unique, unique_consecutive."""

from typing import Any

from .._core.errors import dim_of
from .._core.op import composite, op
from .dims import part
from .refusal import BOOL, COMPLEX, FLOAT, INTEGER, refuse


@op(None, differentiable=False)
def bincount(m, input, weights=None, *, minlength: int = 0):
    """How often each of 0, 1, 2 ... occurs in a vector of integers, or the sum of `weights`."""
    refuse("bincount_cpu", input, BOOL, FLOAT, COMPLEX)
    refused = "bincount only supports 1-d non-negative integral inputs."
    if len(input.shape) != 1:
        raise RuntimeError(f"{refused} The input has shape {tuple(input.shape)}")
    if minlength < 0:
        raise RuntimeError(f"minlength should be >= 0, not {minlength}")
    m.check(input >= 0, f"{refused} The input has a negative element")
    if weights is not None and weights.shape != input.shape:
        raise RuntimeError(
            "weights should be 1-d and have the same length as input; their shapes are "
            f"{tuple(weights.shape)} and {tuple(input.shape)}"
        )
    size = max(int(m.max(input)) + 1 if input.shape[0] else 0, minlength)
    if weights is None:
        return m.put(m.full((size,), 0, m.int64), input, 1, 0, "add")
    kind = m.float32 if weights.dtype == m.float32 else m.float64
    return m.put(m.full((size,), 0, kind), input, m.astype(weights, kind), 0, "add")


def _ends(m: Any, x: Any, low: float, high: float, room: float) -> tuple[Any, Any]:
    """The range to divide into bins, from the data where none is given; `room` around one value."""
    if low == high and x.shape[0]:
        low, high = m.min(x), m.max(x)
        equal = low == high
        return m.where(equal, low - room, low), m.where(equal, high + room, high)
    if low == high:
        low, high = low - room, high + room
    return m.full((), low, x.dtype), m.full((), high, x.dtype)


def _counts(m: Any, x: Any, edges: Any, weight: Any) -> Any:
    """How much falls between neighbouring `edges`; the last bin holds its right edge too."""
    bins = edges.shape[0] - 1
    place = m.searchsorted(edges, x, True) - 1
    last = m.index(edges, bins)
    place = m.where(x == last, bins - 1, place)
    place = m.where((place < 0) | (place > bins) | (x != x), bins, place)
    full = m.put(m.full((bins + 1,), 0, x.dtype), place, 1 if weight is None else weight, 0, "add")
    return m.index(full, slice(0, bins))


def _edges(m: Any, low: Any, high: Any, bins: int, dtype: Any) -> Any:
    steps = m.astype(m.arange(0, bins + 1, 1, m.int64), dtype) / bins
    return m.where(steps == 1, high, low + steps * (high - low))


@op("reduce", differentiable=False)
def histc(m, input, *, bins: int = 100, min: float = 0, max: float = 0):
    """Counts of the elements in `bins` equal parts of [min, max], or of their own range."""
    refuse("histogram_cpu", input, BOOL, INTEGER, COMPLEX)
    if bins <= 0:
        raise RuntimeError(f"torch.histogram(): bins must be > 0, but got {bins} for dimension 0")
    if min > max:
        raise RuntimeError(f"torch.histc: max must be larger than min; min is {min}, max is {max}")
    x = m.reshape(input, (-1,))
    low, high = _ends(m, x, min, max, 1)
    return _counts(m, x, _edges(m, low, high, bins, x.dtype), None)


@op(None, differentiable=False, outputs=("hist", "bin_edges"), returns="histogram")
def histogram(m, input, bins, weight=None, *, range=None, density: bool = False):
    """Counts of the elements between bin edges, and the edges."""
    refuse("histogramdd", input, BOOL, INTEGER, COMPLEX)
    x = m.reshape(input, (-1,))
    if hasattr(bins, "shape"):
        edges = bins
    else:
        low, high = (0, 0) if range is None else range
        edges = _edges(m, *_ends(m, x, low, high, 0.5), bins, x.dtype)
    hist = _counts(m, x, edges, None if weight is None else m.reshape(weight, (-1,)))
    if density:
        widths = m.index(edges, slice(1, None)) - m.index(edges, slice(0, -1))
        hist = hist / (m.sum(hist) * widths)
    return hist, edges


# -- distinct values


@op("reduce", differentiable=False, outputs=("values", "inverse", "counts"))
def distinct(m, input, *, dim: int | None = None):
    """Sorted distinct elements (or slices along `dim`), where each went, and how often it came."""
    refuse("unique", input, COMPLEX)
    if dim is not None:
        if not input.shape:
            raise IndexError(f"Dimension specified as {dim} but tensor has no dimensions")
        dim = dim_of(dim, len(input.shape))
        if 0 in (*input.shape[:dim], *input.shape[dim + 1 :]):
            raise RuntimeError(
                "There are 0 sized dimensions, and they aren't selected, so unique cannot be"
                f" applied; the input has shape {tuple(input.shape)} and dim is {dim}"
            )
    values, _, inverse, counts = m.unique(input, dim)
    return values, inverse, counts


@op("reduce", differentiable=False, outputs=("values", "inverse", "counts"))
def runs(m, input, *, dim: int | None = None):
    """Elements (or slices along `dim`) that differ from the one before, places, run lengths."""
    shape = tuple(input.shape)
    axis = 0 if dim is None else dim_of(dim, len(shape))
    x = m.reshape(input, (-1,)) if dim is None else input
    size = x.shape[axis]
    others = tuple(i for i in range(len(x.shape)) if i != axis)
    if size:
        new = m.index(x, part(axis, 1, None)) != m.index(x, part(axis, 0, size - 1))
        new = m.any(new, axis=others) if others else new
        new = m.concat([m.full((1,), True, m.bool), new], axis=0)
    else:
        new = m.full((0,), True, m.bool)
    first = m.reshape(m.nonzero(new), (-1,))
    inverse = m.cumulative_sum(m.astype(new, m.int64), 0)
    ends = m.concat([m.index(first, slice(1, None)), m.full((1,), size, m.int64)], axis=0)
    counts = (ends if first.shape[0] else m.full((0,), 0, m.int64)) - first
    inverse = inverse - 1
    return m.take(x, first, axis), m.reshape(inverse, shape) if dim is None else inverse, counts


def _picked(made: tuple, return_inverse: bool, return_counts: bool) -> Any:
    values, inverse, counts = made
    if not (return_inverse or return_counts):
        return values
    return (values, *([inverse] if return_inverse else []), *([counts] if return_counts else []))


@composite
def unique(
    input: Any,
    sorted: bool = True,
    return_inverse: bool = False,
    return_counts: bool = False,
    dim: int | None = None,
) -> Any:
    """Distinct elements in order, or distinct slices along `dim`.

    Returns:
        The elements; with `return_inverse` and `return_counts` a tuple of them, the place of each
        input element among them, and how often each occurs.
    """
    return _picked(distinct(input, dim), return_inverse, return_counts)


@composite
def unique_consecutive(
    input: Any, return_inverse: bool = False, return_counts: bool = False, dim: int | None = None
) -> Any:
    """The elements without those equal to the one just before; arguments as in `unique`."""
    return _picked(runs(input, dim), return_inverse, return_counts)
