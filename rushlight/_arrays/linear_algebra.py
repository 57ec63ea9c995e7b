"""Matrix decompositions on NumPy arrays, with NumPy's LAPACK; matrices are the last two axes.

A word that can meet an impossible matrix answers with `info` beside its result: per matrix 0, or
the 1-based place where the elimination stopped. It never raises; the op says what is wrong.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

Array = np.ndarray
I32, I64 = np.dtype("int32"), np.dtype("int64")


def _stack(x: Array) -> Array:
    return x.reshape(-1, *x.shape[-2:])


def _each(
    x: Array, work: Callable[[Array], Array], where: Callable[[Array], int]
) -> tuple[Array, Array]:
    """`work` on a whole batch; where LAPACK refuses, matrix by matrix, to find out which."""
    batch = x.shape[:-2]
    try:
        return work(x), np.zeros(batch, I32)
    except np.linalg.LinAlgError:
        made, info = np.full(x.shape, np.nan, x.dtype), np.zeros(batch, I32)
        for matrix, target, flag in zip(_stack(x), _stack(made), info.reshape(-1, 1)):
            try:
                target[...] = work(matrix)
            except np.linalg.LinAlgError:
                flag[...] = where(matrix)
        return made, info


def _bad_minor(x: Array) -> int:
    """The order of the first leading minor that is not positive-definite."""
    for k in range(1, len(x) + 1):
        try:
            np.linalg.cholesky(x[:k, :k])
        except np.linalg.LinAlgError:
            return k
    return len(x)


def _zero_pivot(x: Array) -> int:
    """The 1-based place of the first pivot that is zero."""
    zeros = np.flatnonzero(np.diagonal(lu(x)[0]) == 0)
    return int(zeros[0]) + 1 if len(zeros) else len(x)


def cholesky(x: Array) -> tuple[Array, Array]:
    """Lower L with x = L L^H, and info."""
    return _each(x, np.linalg.cholesky, _bad_minor)


def inv(x: Array) -> tuple[Array, Array]:
    """The inverse, and info."""
    return _each(x, np.linalg.inv, _zero_pivot)


def solve(a: Array, b: Array) -> tuple[Array, Array]:
    """X of a X = b for matrices b, and info."""
    info = np.zeros(a.shape[:-2], I32)
    if not b.shape[-1]:
        shape = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
        return np.zeros((*shape, *b.shape[-2:]), b.dtype), info
    try:
        return np.linalg.solve(a, b), info
    except np.linalg.LinAlgError:
        inverse, info = inv(a)
        return np.matmul(inverse, b), info


det, slogdet = np.linalg.det, np.linalg.slogdet
eig, eigh = np.linalg.eig, np.linalg.eigh


def qr(x: Array, mode: Any = "reduced") -> tuple:
    """Q and R; mode "reduced" or "complete"."""
    return tuple(np.linalg.qr(x, mode))


def svd(x: Array, full_matrices: bool = False) -> tuple:
    """U, singular values descending, V^H."""
    return tuple(np.linalg.svd(x, full_matrices))


def triangular_solve(a: Array, b: Array, upper: bool = False, unit: bool = False) -> Array:
    """X of a X = b by substitution, where only one triangle of `a` counts."""
    n = a.shape[-1]
    shape = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    x = np.array(np.broadcast_to(b, (*shape, *b.shape[-2:])), np.result_type(a, b))
    for i in range(n - 1, -1, -1) if upper else range(n):
        known = slice(i + 1, n) if upper else slice(0, i)
        row = x[..., i, :] - np.matmul(a[..., i : i + 1, known], x[..., known, :])[..., 0, :]
        x[..., i, :] = row if unit else row / a[..., i, i, None]
    return x


def lu(x: Array) -> tuple[Array, Array, Array]:
    """Packed L and U by partial pivoting, the row swapped with each row, and the order of all rows.

    x[..., order, :] = L U.
    """
    made = np.array(x)
    rows, cols = made.shape[-2:]
    flat = _stack(made)
    pivots = np.zeros((len(flat), min(rows, cols)), I64)
    for matrix, swaps in zip(flat, pivots):
        for k in range(min(rows, cols)):
            column = matrix[k:, k]  # LAPACK's measure of a complex pivot: |re| + |im|
            pivot = k + int(np.argmax(np.abs(column.real) + np.abs(column.imag)))
            swaps[k] = pivot
            if pivot != k:
                matrix[[k, pivot]] = matrix[[pivot, k]]
            if matrix[k, k] != 0:
                matrix[k + 1 :, k] /= matrix[k, k]
                matrix[k + 1 :, k + 1 :] -= np.outer(matrix[k + 1 :, k], matrix[k, k + 1 :])
    pivots = pivots.reshape(*made.shape[:-2], -1)
    return flat.reshape(made.shape), pivots, order_of(pivots, rows)


def order_of(pivots: Array, rows: int) -> Array:
    """The order of all rows after the swaps that `pivots` (0-based) tell."""
    flat = pivots.reshape(-1, pivots.shape[-1])
    order = np.tile(np.arange(rows, dtype=I64), (len(flat), 1))
    for line, swaps in zip(order, flat):
        for k, pivot in enumerate(swaps):
            line[[k, pivot]] = line[[pivot, k]]
    return order.reshape(*pivots.shape[:-1], rows)


def cofactors(x: Array) -> Array:
    """The derivative of det by each element: det(x) x^-T, also where x is singular."""
    d = np.linalg.det(x)
    if np.all(np.isfinite(d) & (d != 0)):
        try:
            return d[..., None, None] * np.swapaxes(np.linalg.inv(x), -1, -2)
        except np.linalg.LinAlgError:
            pass
    u, s, vh = np.linalg.svd(x)
    n = s.shape[-1]
    others = np.where(np.eye(n, dtype=bool), 1, s[..., None, :]).prod(-1)
    sign = np.linalg.det(u) * np.linalg.det(vh)
    scaled = np.conj(u) * (sign[..., None] * others)[..., None, :]
    return np.matmul(scaled, np.conj(vh)).astype(x.dtype)


def matrix_exp(x: Array) -> Array:
    """The matrix exponential by scaling, a Taylor polynomial of degree 18, and squaring.

    After scaling the 1-norm is at most 1, where the first term left out is below 1/19! = 8e-18.
    """
    if 0 in x.shape:
        return np.array(x)
    size = np.abs(x).sum(-2).max(-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        steps = np.maximum(np.ceil(np.log2(size)), 0)
    steps = np.where(np.isfinite(steps), steps, 0).astype(int)
    scaled = x / np.exp2(steps)[..., None, None].astype(x.real.dtype)
    eye = np.eye(x.shape[-1], dtype=x.dtype)
    made = eye + scaled / 18
    for k in range(17, 0, -1):
        made = eye + np.matmul(scaled, made) / k
    for k in range(int(steps.max())):
        made = np.where((k < steps)[..., None, None], np.matmul(made, made), made)
    return made
