"""Approximate factors of large matrices, from random projections.

Source: Halko, Martinsson and Tropp, arXiv:0909.4061, algorithms 4.4 and 5.1.
"""

from typing import Any

from .._creation import randn
from .._ops.factors import linalg_qr
from .._ops.spectra import linalg_svd


def _basis(A: Any, q: int, niter: int) -> Any:
    """Orthonormal columns (m, q) whose span nearly holds that of A."""
    drawn = randn(A.shape[-1], q, dtype=A.dtype, device=A.device)
    Q = linalg_qr(A @ drawn).Q
    for _ in range(niter):
        Q = linalg_qr(A.mH @ Q).Q
        Q = linalg_qr(A @ Q).Q
    return Q


def svd_lowrank(A: Any, q: int | None = 6, niter: int | None = 2, M: Any = None) -> tuple:
    """U, S, V with U diag(S) V.mH near A (less M, where given), of rank `q`.

    Args:
        A: the matrix, (..., m, n).
        q: a little more than the rank that is wanted.
        niter: how often the guess is multiplied by A again; 2 is nearly always enough.
        M: what is taken from A, of a shape that broadcasts to A's.
    """
    A = A if M is None else A - M
    q = min(6 if q is None else q, *A.shape[-2:])
    wide = A.shape[-2] < A.shape[-1]
    B = A.mH if wide else A
    Q = _basis(B, q, 2 if niter is None else niter)
    U, S, Vh = linalg_svd(Q.mH @ B, full_matrices=False)
    U, V = Q @ U, Vh.mH
    return (V, S, U) if wide else (U, S, V)


def pca_lowrank(A: Any, q: int | None = None, center: bool = True, niter: int = 2) -> tuple:
    """The principal components of the rows of A: U, S, V of the centred matrix.

    Args:
        A: observations in rows, (..., m, n).
        q: how many components (6, or fewer where A is smaller).
        center: whether the mean row is taken off first.
    """
    m, n = A.shape[-2:]
    q = min(6, m, n) if q is None else q
    if not 0 <= q <= min(m, n):
        raise ValueError(
            f"q(={q}) must be non-negative integer and not greater than min(m, n)={min(m, n)}"
        )
    if niter < 0:
        raise ValueError(f"niter(={niter}) must be non-negative integer")
    return svd_lowrank(A - A.mean(-2, keepdim=True) if center else A, q, niter=niter)
