"""Sorting, searching and counting words on NumPy arrays."""

from typing import Any

import numpy as np

I64 = np.dtype("int64")


def _reversed(x: np.ndarray, axis: int) -> np.ndarray:
    return x[(*(slice(None),) * (axis % x.ndim), slice(None, None, -1))]


def argsort(
    x: np.ndarray, axis: int = -1, descending: bool = False, stable: bool = True
) -> np.ndarray:
    """Indices that sort `x`; equal elements keep their order, NaN counts as the greatest."""
    if x.ndim == 0:
        return np.zeros((), I64)
    if not descending:
        return x.argsort(axis, kind="stable").astype(I64, copy=False)
    # the stable order of the reversed array, read backwards, is descending and stable
    n = x.shape[axis]
    back = _reversed(x, axis).argsort(axis, kind="stable")
    return np.ascontiguousarray(_reversed(n - 1 - back, axis)).astype(I64, copy=False)


def sort(
    x: np.ndarray, axis: int = -1, descending: bool = False, stable: bool = True
) -> np.ndarray:
    """Sorted values along `axis`, NaN last (first when descending)."""
    if x.ndim == 0:
        return x.copy()
    made = np.sort(x, axis, kind="stable")
    return np.ascontiguousarray(_reversed(made, axis)) if descending else made


def leading(x: np.ndarray, k: int, axis: int, largest: bool) -> np.ndarray:
    """Indices of the k largest (or smallest) along `axis`, in order; NaN counts as the greatest."""
    n = x.shape[axis]
    if k >= n // 8 or n < 64 or not k:  # a sort is as quick, and keeps the order of equal elements
        order = argsort(x, axis, largest)
        return np.ascontiguousarray(order[(slice(None),) * (axis % x.ndim) + (slice(k),)])
    found = np.argpartition(x, n - k if largest else k, axis)
    found = np.take(found, range(n - k, n) if largest else range(k), axis)
    found = np.sort(found, axis)
    order = argsort(np.take_along_axis(x, found, axis), axis, largest)
    return np.take_along_axis(found, order, axis).astype(I64, copy=False)


def _running(x: np.ndarray, axis: int, best: Any, reaches: Any) -> tuple[np.ndarray, np.ndarray]:
    if x.ndim == 0:
        return x.copy(), np.zeros((), I64)
    values = best.accumulate(x, axis)
    where = np.arange(x.shape[axis]).reshape(
        [-1 if i == axis % x.ndim else 1 for i in range(x.ndim)]
    )
    hit = reaches(x, values) | np.isnan(x)
    indices = np.maximum.accumulate(np.where(hit, where, 0), axis)
    return values, indices.astype(I64, copy=False)


def cumulative_max(x: np.ndarray, axis: int) -> tuple[np.ndarray, np.ndarray]:
    """Running maximum and the index of its latest occurrence."""
    return _running(x, axis, np.maximum, np.greater_equal)


def cumulative_min(x: np.ndarray, axis: int) -> tuple[np.ndarray, np.ndarray]:
    """Running minimum and the index of its latest occurrence."""
    return _running(x, axis, np.minimum, np.less_equal)


def searchsorted(sorted: np.ndarray, values: np.ndarray, right: bool = False) -> np.ndarray:
    """Where each value would be inserted in rows sorted along the last axis."""
    side = "right" if right else "left"
    if sorted.ndim == 1:
        return np.asarray(np.searchsorted(sorted, values, side), I64)
    rows, wanted = sorted.reshape(-1, sorted.shape[-1]), values.reshape(-1, values.shape[-1])
    found = [np.searchsorted(row, v, side) for row, v in zip(rows, wanted)]
    return np.asarray(found, I64).reshape(values.shape)


def add_rows(target: np.ndarray, indices: np.ndarray, rows: np.ndarray) -> None:
    """target[indices[k]] += rows[k], repeated indices included, in place.

    Sorting and adding runs of equal indices beats `np.add.at` once the rows are wide.
    """
    width = int(np.prod(target.shape[1:]))
    if width < 8 or len(indices) < 2:
        np.add.at(target, indices, rows)
        return
    indices = np.where(indices < 0, indices + len(target), indices)  # -1 is the last row, too
    order = np.argsort(indices, kind="stable")
    found = indices[order]
    starts = np.flatnonzero(np.concatenate(([True], found[1:] != found[:-1])))
    if len(starts) == len(indices):
        target[indices] += rows
    else:
        target[found[starts]] += np.add.reduceat(rows[order], starts, 0)


def unique(x: np.ndarray, axis: int | None = None) -> tuple:
    """Sorted distinct values (or slices), first indices, inverse, counts; each NaN is its own."""
    values, first, inverse, counts = np.unique(x, True, True, True, axis=axis, equal_nan=False)
    inverse = inverse.reshape(x.shape if axis is None else -1)
    return values, *(a.astype(I64, copy=False) for a in (first, inverse, counts))
