"""Singular values and eigenvalues, and what is built from them: pinv, rank, exponential."""

from math import prod
from typing import Any

from .._core.kinds import DIFFERENTIABLE, speak
from .._core.op import composite, filling, op
from .._core.record import named_result
from .linalg import linalg_inv, linalg_solve_ex
from .matmul import adjoint_of
from .triangles import (
    check_matrices,
    columns,
    diagonal_of,
    eye_like,
    holds_complex,
    on_diagonal,
    rows,
)


def _gaps(m: Any, v: Any) -> Any:
    """v[j] - v[i] off the diagonal, 1 on it."""
    gap = rows(m, v) - columns(m, v)
    return gap + eye_like(m, gap)


def _off_diagonal(m: Any, x: Any) -> Any:
    return x - eye_like(m, x) * x


# -- singular values


@op("reduce", outputs=("U", "S", "Vh"), returns="linalg_svd")
def linalg_svd(m, A, *, full_matrices: bool = True, driver: str | None = None):
    """U, singular values S (descending) and Vh with A = U diag(S) Vh.

    Args:
        A: (..., rows, cols).
        full_matrices: square U and Vh; else only as many vectors as there are singular values.
        driver: accepted for PyTorch's sake; it chooses a method on CUDA.
    """
    check_matrices(A, "linalg.svd", square=False)
    return tuple(m.svd(A, full_matrices))


def _first(m: Any, x: Any, count: int, axis: int) -> Any:
    if x is None or x.shape[axis] == count:
        return x
    return m.index(x, (..., slice(0, count)) if axis == -1 else (..., slice(0, count), slice(None)))


@linalg_svd.vjp("A")
def _(m, g, out):
    # Townsend, Differentiating the singular value decomposition (2016); complex as PyTorch has it
    S = out[1]
    k = S.shape[-1]
    U, Vh = _first(m, out[0], k, -1), _first(m, out[2], k, -2)
    gu, gs, gvh = _first(m, g[0], k, -1), g[1], _first(m, g[2], k, -2)
    if gu is None and gvh is None:
        return m.matmul(U * rows(m, m.astype(gs, U.dtype)), Vh)
    column = columns(m, S)
    gap = _gaps(m, S * S)
    inner = (
        m.astype(on_diagonal(m, gs), U.dtype)
        if gs is not None
        else m.zeros_like(m.matmul(Vh, adjoint_of(m, Vh)))
    )
    if gu is not None:
        turn = m.matmul(adjoint_of(m, U), gu)
        turn = turn - adjoint_of(m, turn)
        inner = inner + _off_diagonal(m, turn) / gap * rows(m, S)
        if holds_complex(m, U):
            inner = inner + eye_like(m, turn) * turn / (2 * column)
    if gvh is not None:
        turn = m.matmul(Vh, adjoint_of(m, gvh))
        turn = turn - adjoint_of(m, turn)
        inner = inner + column * (_off_diagonal(m, turn) / gap)
    made = m.matmul(m.matmul(U, inner), Vh)
    if gu is not None and U.shape[-2] > k:
        scaled = gu / rows(m, S)
        made = made + m.matmul(scaled - m.matmul(U, m.matmul(adjoint_of(m, U), scaled)), Vh)
    if gvh is not None and Vh.shape[-1] > k:
        scaled = gvh / column
        made = made + m.matmul(U, scaled - m.matmul(m.matmul(scaled, adjoint_of(m, Vh)), Vh))
    return made


@filling
def linalg_svdvals(A: Any, *, driver: str | None = None) -> Any:
    """Singular values of matrices, descending."""
    return linalg_svd(A, False)[1]


@filling
def svd(input: Any, some: bool = True, compute_uv: bool = True) -> tuple:
    """U, S and V with input = U diag(S) V^H; `some=False` gives square U and V."""
    U, S, Vh = linalg_svd(input, not some)
    made = named_result("svd", ("U", "S", "V"))
    if not compute_uv:
        return made(U.detach() * 0, S, Vh.mH.detach() * 0)
    return made(U, S, Vh.mH)


# -- eigenvalues


@op("reduce", outputs=("eigenvalues", "eigenvectors"), returns="linalg_eigh")
def linalg_eigh(m, A, *, UPLO: str = "L"):
    """Real eigenvalues (ascending) and orthonormal eigenvectors of Hermitian matrices.

    Only one triangle counts: the lower, or with UPLO="U" the upper.
    """
    if UPLO.upper() not in ("L", "U"):
        raise RuntimeError(f"Expected UPLO argument to be 'L' or 'U', but got {UPLO}")
    check_matrices(A, "linalg.eigh")
    values, vectors = m.eigh(adjoint_of(m, A) if UPLO.upper() == "U" else A)
    return values, vectors


@linalg_eigh.vjp("A")
def _(m, g, out):
    values, V = out
    gv, gl = g[1], g[0]
    inner = None if gl is None else m.astype(on_diagonal(m, gl), V.dtype)
    if gv is not None:
        turn = m.matmul(adjoint_of(m, V), gv)
        turn = _off_diagonal(m, turn - adjoint_of(m, turn)) / (2 * _gaps(m, values))
        inner = turn if inner is None else inner + turn
    return m.matmul(m.matmul(V, inner), adjoint_of(m, V))


@filling
def linalg_eigvalsh(A: Any, UPLO: str = "L") -> Any:
    """Eigenvalues of Hermitian matrices, ascending."""
    return linalg_eigh(A, UPLO)[0]


@op("reduce", outputs=("eigenvalues", "eigenvectors"), returns="linalg_eig")
def linalg_eig(m, A):
    """Complex eigenvalues and eigenvectors of square matrices, in no particular order."""
    check_matrices(A, "linalg.eig")
    values, vectors = m.eig(A)
    wide = A.dtype in (m.float64, m.complex128)
    kind = m.complex128 if wide else m.complex64
    return m.astype(values, kind), m.astype(vectors, kind)


@linalg_eig.vjp("A")
def _(m, g, out, A_dtype):
    # Boeddeker et al., On the computation of complex-valued gradients (2017), with norms of 1
    values, V = out
    gl, gv = g
    Vh = adjoint_of(m, V)
    inner = None if gl is None else on_diagonal(m, gl)
    if gv is not None:
        turn = m.matmul(Vh, gv)
        fixed = m.real(diagonal_of(m, turn))
        turn = turn - m.matmul(Vh, V * rows(m, m.astype(fixed, V.dtype)))
        turn = _off_diagonal(m, turn / m.conj(_gaps(m, values)))
        inner = turn if inner is None else inner + turn
    made = m.solve(Vh, m.matmul(inner, Vh))[0]
    return made if m.isdtype(A_dtype, "complex floating") else m.real(made)


@filling
def linalg_eigvals(A: Any) -> Any:
    """Complex eigenvalues of square matrices."""
    return linalg_eig(A)[0]


# -- pseudoinverse, rank, condition


def _cutoff(m: Any, largest: Any, shape: tuple, dtype: Any, atol: Any, rtol: Any) -> Any:
    """Below what a singular value counts as zero."""
    if rtol is None:
        rtol = 0.0 if atol is not None else max(shape[-2:]) * m.finfo(dtype).eps
    cut = largest * _per_matrix(m, rtol, largest.dtype)
    return cut if atol is None else m.maximum(cut, _per_matrix(m, atol, largest.dtype))


def _per_matrix(m: Any, bound: Any, dtype: Any) -> Any:
    """A number, or one for each matrix, to meet the matrices' singular values."""
    if not hasattr(bound, "shape"):
        return m.full((), float(bound), dtype)
    return m.reshape(m.astype(bound, dtype), (*bound.shape, 1))


@op("reduce", name="linalg_pinv", node="LinalgPinvBackward0")
def pseudoinverse(m, A, atol=None, rtol=None, *, hermitian: bool = False):
    """Pseudoinverses by the singular values, or by the eigenvalues where `hermitian`."""
    if 0 in A.shape:
        return m.full((*A.shape[:-2], A.shape[-1], A.shape[-2]), 0, A.dtype)
    if hermitian:
        values, U = m.eigh(A)
        S, Vh = m.abs(values), adjoint_of(m, U)
    else:
        U, S, Vh = m.svd(A, False)
        values = S
    large = _cutoff(m, m.max(S, axis=-1, keepdims=True), A.shape, A.dtype, atol, rtol) < S
    inverse = m.where(large, 1 / m.where(large, values, 1), 0)
    return m.matmul(adjoint_of(m, Vh) * rows(m, m.astype(inverse, A.dtype)), adjoint_of(m, U))


@filling
def linalg_pinv(A: Any, *, atol: Any = None, rtol: Any = None, hermitian: bool = False) -> Any:
    """Pseudoinverses: the least squares solution of A X = 1, least in norm.

    Args:
        A: (..., rows, cols).
        atol, rtol: singular values up to max(atol, rtol * the largest) count as zero.
        hermitian: whether A is Hermitian: only its lower triangles are read.
    """
    check_matrices(A, "linalg.pinv", square=hermitian)
    bounds = [
        b if b is None or hasattr(b, "shape") else A.new_full((), b, dtype=A.abs().dtype)
        for b in (atol, rtol)
    ]
    return pseudoinverse(A, *bounds, hermitian)


@pseudoinverse.vjp("A")
def _(m, g, A, out):
    # Golub and Pereyra (1973)
    gh, outh = adjoint_of(m, g), adjoint_of(m, out)
    k = m.matmul(gh, out)
    kh = m.matmul(k, outh)
    made = kh - adjoint_of(m, m.matmul(out, k)) - m.matmul(m.matmul(A, out), kh)
    return made + m.matmul(m.matmul(outh, out), gh - m.matmul(k, A))


@composite
def pinverse(input: Any, rcond: float = 1e-15) -> Any:
    """Pseudoinverses; singular values up to `rcond` times the largest count as zero."""
    return linalg_pinv(input, rtol=rcond)


@filling
def linalg_matrix_rank(
    A: Any, tol: Any = None, hermitian: bool = False, *, atol: Any = None, rtol: Any = None
) -> Any:
    """How many singular values are above max(atol, rtol * the largest)."""
    check_matrices(A, "linalg.matrix_rank", square=False)
    S = linalg_svd(A.detach(), False)[1]
    if not S.shape[-1]:
        return (S > 0).sum(-1)
    if tol is not None:
        atol, rtol = tol, 0.0
    cut = _cutoff(DIFFERENTIABLE, S.amax(-1, keepdim=True), A.shape, S.array.dtype, atol, rtol)
    return (cut < S).sum(-1)


@filling
def linalg_lstsq(A: Any, B: Any, rcond: float | None = None, *, driver: str | None = None) -> tuple:
    """Least squares solutions X of A X = B, with residuals, rank and singular values.

    Residuals are given where A has more rows than columns and full rank, but not with
    driver="gelsy" (the default); ranks with all but "gels"; singular values with "gelsd", "gelss".
    """
    vector = B.ndim == 1 or tuple(B.shape) == tuple(A.shape[:-1])
    b = B.unsqueeze(-1) if vector else B
    solution = linalg_pinv(A, rtol=rcond) @ b
    rank = linalg_matrix_rank(A, rtol=rcond)
    rows, cols = A.shape[-2:]
    away = A @ solution - b
    residuals = A.abs().reshape(-1)[:0]  # none
    S = residuals.detach()
    if driver in ("gelsd", "gelss"):
        S = linalg_svdvals(A.detach())
    if rows > cols and driver not in (None, "gelsy") and bool((rank == cols).all()):
        residuals = (away * away.conj()).real.sum(-2)
    rank = rank.reshape(-1)[:0] if driver == "gels" else rank
    fields = ("solution", "residuals", "rank", "singular_values")
    solution = solution.squeeze(-1) if vector else solution
    return named_result("linalg_lstsq", fields)(solution, residuals, rank, S)


# -- powers and exponentials


@op("reduce")
def linalg_matrix_exp(m, A):
    """Exponentials of square matrices: 1 + A + A^2/2! + ..."""
    check_matrices(A, "linalg.matrix_exp")
    return m.matrix_exp(A)


@linalg_matrix_exp.vjp("A")
def _(m, g, A):
    # exp of [[A^H, G], [0, A^H]] holds the derivative in its corner (Mathias 1996)
    n = A.shape[-1]
    ah = adjoint_of(m, A)
    top, bottom = m.concat([ah, g], axis=-1), m.concat([m.zeros_like(ah), ah], axis=-1)
    whole = m.matrix_exp(m.concat([top, bottom], axis=-2))
    return m.index(whole, (..., slice(0, n), slice(n, None)))


@filling
def matrix_power(A: Any, n: int) -> Any:
    """The n-th power of square matrices; negative n takes the inverse."""
    check_matrices(A, "linalg.matrix_power")
    if n == 0:
        return A * 0 + eye_like(DIFFERENTIABLE, A)
    if n < 0:
        A, n = linalg_inv(A), -n
    made = None
    while n:
        if n & 1:
            made = A if made is None else made @ A
        n >>= 1
        A = A @ A if n else A
    return made


@op("reduce")
def linalg_householder_product(m, A, tau):
    """The first columns of the product of reflections 1 - tau v v^H, v in the columns of A."""
    check_matrices(A, "torch.linalg.householder_product", square=False)
    size, cols = A.shape[-2:]
    full = m.broadcast_to(m.index(A, (..., slice(0, 1))), (*A.shape[:-1], size))
    made = m.broadcast_to(eye_like(m, full), full.shape)
    for k in range(tau.shape[-1] - 1, -1, -1):
        below = m.index(A, (..., slice(k + 1, None), slice(k, k + 1)))
        head = m.full((*A.shape[:-2], k, 1), 0, A.dtype)
        one = m.full((*A.shape[:-2], 1, 1), 1, A.dtype)
        v = m.concat([head, one, below], axis=-2)
        scale = m.reshape(m.index(tau, (..., k)), (*A.shape[:-2], 1, 1))
        made = made - scale * m.matmul(v, m.matmul(adjoint_of(m, v), made))
    return m.index(made, (..., slice(0, cols)))


@filling
def linalg_tensorinv(A: Any, ind: int = 2) -> Any:
    """The inverse of A as a map between its first `ind` dimensions and the others."""
    if ind <= 0:
        raise RuntimeError(f"Expected a strictly positive integer for 'ind', got {ind}")
    left, right = tuple(A.shape[:ind]), tuple(A.shape[ind:])
    p, q = prod(left), prod(right)
    if p != q:
        raise RuntimeError(
            "Expected self to satisfy the requirement prod(self.shape[ind:]) =="
            f" prod(self.shape[:ind]), but got {q} != {p}"
        )
    return linalg_inv(A.reshape(p, q)).reshape(right + left)


@filling
def linalg_tensorsolve(A: Any, B: Any, dims: Any = None) -> Any:
    """X with tensordot(A, X, X.ndim) = B."""
    if dims is not None:
        A = A.movedim(tuple(dims), tuple(range(A.ndim - len(dims), A.ndim)))
    rest = tuple(A.shape[B.ndim :])
    n = prod(rest)
    return linalg_solve_ex(A.reshape(-1, n), B.reshape(-1), True, "torch.linalg.solve")[0].reshape(
        rest
    )


matrix_exp = linalg_matrix_exp  # torch.matrix_exp
orgqr = linalg_householder_product  # torch.orgqr


speak(
    svd=lambda x, full_matrices=False: linalg_svd(x, full_matrices),
    eigh=linalg_eigh,
    eig=linalg_eig,
    matrix_exp=linalg_matrix_exp,
)
