"""Views by explicit strides on NumPy arrays, checked against the memory that is there."""

from typing import Any

import numpy as np

from .._core.memory import owner


def tidy(a: Any) -> np.ndarray:
    """The array with its elements in order."""
    if a.__class__ is np.ndarray and a.flags.c_contiguous:
        return a
    return np.ascontiguousarray(a).reshape(np.shape(a))


def as_strided(x: np.ndarray, size: tuple, stride: tuple, offset: Any = None) -> np.ndarray:
    """The memory behind `x` at `offset` elements, under `size` and `stride` (in elements).

    Raises:
        RuntimeError: where that would leave the memory.
    """
    if len(size) != len(stride):
        raise RuntimeError("mismatch in length of strides and shape")
    base, k = owner(x), x.itemsize
    start = base.__array_interface__["data"][0]
    if offset is None:
        offset = (x.__array_interface__["data"][0] - start) // k
    last = offset + sum((n - 1) * s for n, s in zip(size, stride)) if all(size) else offset
    if min(stride, default=0) < 0 or offset < 0 or (all(size) and (last + 1) * k > base.nbytes):
        raise RuntimeError(
            f"setStorage: sizes {list(size)}, strides {list(stride)}, storage offset {offset}, and "
            f"itemsize {k} requiring a storage size of {(last + 1) * k} are out of bounds for "
            f"storage of size {base.nbytes}"
        )
    whole = base.flags.c_contiguous
    flat = np.ndarray((base.nbytes // k,), x.dtype, base, 0) if whole else base.ravel("K")
    return np.ndarray(size, x.dtype, flat, offset * k, tuple(s * k for s in stride))


def _grid(start: int, size: tuple, stride: tuple) -> np.ndarray:
    """The number of each element's place in memory."""
    made = np.full(size, start, np.int64)
    for i, (n, s) in enumerate(zip(size, stride)):
        made += (np.arange(n) * s).reshape([-1 if j == i else 1 for j in range(len(size))])
    return made


def _places(x: Any, size: tuple, stride: tuple, offset: Any) -> tuple[np.ndarray, np.ndarray, int]:
    """The places of a view's elements in x's memory, those of x, and what lies above them all."""
    base, k = owner(x), x.itemsize
    begin = (x.__array_interface__["data"][0] - base.__array_interface__["data"][0]) // k
    view = _grid(begin if offset is None else offset, size, stride)
    own = _grid(begin, x.shape, tuple(s // k for s in x.strides))
    return view, own, max(view.max(initial=0), own.max(initial=0)) + 1


def unstrided(g: np.ndarray, x: np.ndarray, size: tuple, stride: tuple, offset: Any) -> np.ndarray:
    """The adjoint of `as_strided`: what arrives at each element of `x`."""
    view, own, count = _places(x, size, stride, offset)
    total = np.zeros(count, g.dtype)
    np.add.at(total, view, g)
    return total[own]


def write_strided(
    x: np.ndarray, new: np.ndarray, size: tuple, stride: tuple, offset: Any
) -> np.ndarray:
    """x with the part that the view shows replaced by `new`."""
    view, own, count = _places(x, size, stride, offset)
    total = np.zeros(count, x.dtype)
    total[own] = x
    total[view] = new
    return total[own]
