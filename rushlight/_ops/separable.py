"""Maps that act along one axis at a time: resampling and adaptive averages are small matrices."""

from math import prod
from typing import Any


def along(m: Any, matrix: Any, x: Any, axis: int) -> Any:
    """x with `matrix` (to, from) applied along `axis`."""
    if axis == len(x.shape) - 1:
        return m.matmul(x, m.permute_dims(matrix, (1, 0)))
    shape = x.shape
    flat = m.reshape(x, (*shape[: axis + 1], prod(shape[axis + 1 :])))  # (..., from, rest)
    return m.reshape(m.matmul(matrix, flat), (*shape[:axis], matrix.shape[0], *shape[axis + 1 :]))


def apply(m: Any, matrices: list, x: Any) -> Any:
    """x with one matrix along each of its last axes, in the order that keeps arrays small."""
    first = len(x.shape) - len(matrices)
    order = sorted(
        range(len(matrices)), key=lambda i: matrices[i].shape[0] / max(matrices[i].shape[1], 1)
    )
    for i in order:
        x = along(m, matrices[i], x, first + i)
    return x


def transposed(m: Any, matrices: list) -> list:
    return [m.permute_dims(a, (1, 0)) for a in matrices]


def choosing(m: Any, places: Any, weights: Any, size: int, dtype: Any) -> Any:
    """The matrix whose row i has weights[i] at column places[i]."""
    columns = m.reshape(m.arange(0, size, 1, m.int64), (1, size))
    hit = m.reshape(places, (-1, 1)) == columns
    if weights is None:
        return m.astype(hit, dtype)
    return m.where(hit, m.astype(m.reshape(weights, (-1, 1)), dtype), 0)
