"""Order: sort, argsort, topk, kthvalue, searchsorted, bucketize, isin."""

from typing import Any

from .._core.errors import dim_of
from .._core.kinds import DIFFERENTIABLE, speak
from .._core.op import filling, op
from .dims import at_indices
from .extrema import needs_elements, picking, scattered, scattered_along
from .refusal import BOOL, COMPLEX, refuse


def _orderable(m: Any, x: Any, name: str) -> None:
    if m.isdtype(x.dtype, "complex floating"):
        raise RuntimeError(
            f"{name} does not support complex dtypes on CPU; sort by input.abs() instead"
        )


@picking("sort", straight=True)
def sort(m, input, *, dim: int = -1, descending: bool = False, stable: bool = True):
    """Sorted values along `dim` and where they stood; equal ones keep their order, NaN is greatest.

    Differs: always stable, whatever `stable` says.
    """
    axis = dim_of(dim, len(input.shape))
    _orderable(m, input, " Sort")
    if not input.shape:
        return input + 0, m.full((), 0, m.int64)
    indices = m.argsort(input, axis, descending=descending)
    return m.take_along_axis(input, indices, axis), indices


sort.vjp("input")(scattered_along)


@op("reduce", differentiable=False)
def argsort(m, input, *, dim: int = -1, descending: bool = False, stable: bool = True):
    """Indices that sort the input along `dim`."""
    axis = dim_of(dim, len(input.shape))
    _orderable(m, input, " Sort")
    return m.argsort(input, axis, descending=descending)


@filling
def msort(input: Any) -> Any:
    """The input sorted along its first dimension."""
    return sort(input, 0)[0]


@picking("topk", straight=True)
def topk(m, input, *, k: int, dim: int = -1, largest: bool = True, sorted: bool = True):
    """The `k` largest (or smallest) elements along `dim`, in order, and where they stood."""
    axis = dim_of(dim, len(input.shape))
    _orderable(m, input, " topk")
    if m.isdtype(input.dtype, "bool"):
        raise RuntimeError("topk does not support bool dtypes on CPU; convert with input.int()")
    size = input.shape[axis] if input.shape else 1
    if not 0 <= k <= size:
        raise RuntimeError(
            f"selected index k out of range; k is {k} and dimension {dim} has {size} elements"
        )
    if not input.shape:
        return input + 0, m.full((), 0, m.int64)
    indices = m.leading(input, k, axis, largest)
    return m.take_along_axis(input, indices, axis), indices


topk.vjp("input")(scattered_along)


@picking("kthvalue")
def kthvalue(m, input, *, k: int, dim: int = -1, keepdim: bool = False):
    """The `k`-th smallest element along `dim` (counted from 1) and where it stood."""
    axis = dim_of(dim, len(input.shape))
    needs_elements("kthvalue", input.shape, dim)
    refuse("kthvalue_cpu", input, BOOL, COMPLEX)
    size = input.shape[axis] if input.shape else 1
    if not 1 <= k <= size:
        raise RuntimeError(
            f"kthvalue(): selected number k out of range for dimension {axis}; k is {k} and must be"
            f" from 1 to {size}"
        )
    if not input.shape:
        return input + 0, m.full((), 0, m.int64)
    indices = m.take(m.argsort(input, axis), m.full((1,), k - 1, m.int64), axis)
    return at_indices(m, input, indices, axis, keepdim)


kthvalue.vjp("input")(scattered)


def _right_of(right: bool, side: str | None) -> bool:
    if side not in (None, "left", "right"):
        raise RuntimeError(
            f"torch.searchsorted(): side can only be 'left' or 'right' but got {side}"
        )
    if side == "left" and right:
        raise RuntimeError(
            "torch.searchsorted(): side and right can't be set to opposites, got side of left while"
            " right was True"
        )
    return right or side == "right"


@op(None, differentiable=False)
def searchsorted(
    m, sorted_sequence, input, *, out_int32: bool = False, right: bool = False,
    side: str | None = None, sorter=None,
):  # fmt: skip
    """Where each value of `input` would go into sorted rows (the last axis) to keep them sorted."""
    right = _right_of(right, side)
    if sorter is not None:
        sorted_sequence = m.take_along_axis(sorted_sequence, getattr(sorter, "array", sorter), -1)
    if not hasattr(input, "shape"):
        input = m.full((), input, sorted_sequence.dtype)
    bounds, values = tuple(sorted_sequence.shape), tuple(input.shape)
    if len(bounds) != 1 and bounds[:-1] != values[:-1]:
        raise RuntimeError(
            "torch.searchsorted(): boundaries tensor should be 1 dimension or the first N-1"
            " dimensions of boundaries tensor and input value tensor must match, but we got"
            f" boundaries tensor {list(bounds)} and input value tensor {list(values)}"
        )
    found = m.searchsorted(sorted_sequence, input, right)
    return m.astype(found, m.int32) if out_int32 else found


@filling
def bucketize(input: Any, boundaries: Any, *, out_int32: bool = False, right: bool = False) -> Any:
    """The number of the bucket between sorted `boundaries` that each value falls into."""
    if boundaries.ndim != 1:
        raise RuntimeError(f"boundaries tensor must be 1 dimension, but got dim({boundaries.ndim})")
    return searchsorted(boundaries, input, out_int32=out_int32, right=right)


@filling
def isin(
    elements: Any, test_elements: Any, *, assume_unique: bool = False, invert: bool = False
) -> Any:
    """Whether each element is among `test_elements`."""
    if not hasattr(elements, "shape"):
        if not hasattr(test_elements, "shape"):
            raise TypeError(
                "isin() received an invalid combination of arguments - got two numbers, but "
                "expected at least one Tensor"
            )
        elements = DIFFERENTIABLE.full((), elements, test_elements.dtype)
    if not hasattr(test_elements, "shape"):
        return elements != test_elements if invert else elements == test_elements
    wanted = test_elements.reshape(-1).sort()[0]
    if wanted.shape[0]:
        place = searchsorted(wanted, elements).clamp(max=wanted.shape[0] - 1)
        found = wanted[place] == elements
    else:
        found = (elements == elements) & (elements != elements)
    return ~found if invert else found


speak(
    leading=lambda x, k, axis, largest: topk(x, k, axis, largest)[1],
    sort=lambda x, axis=-1, descending=False, stable=True: sort(x, axis, descending)[0],
    argsort=lambda x, axis=-1, descending=False, stable=True: argsort(x, axis, descending),
    searchsorted=lambda sorted, values, right=False: searchsorted(sorted, values, right=right),
)
