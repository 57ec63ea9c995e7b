"""Triangular factors of matrices: Cholesky and QR."""

from typing import Any

from .._core.kinds import speak
from .._core.op import filling, op
from .linalg import refuse_failed
from .matmul import adjoint_of
from .triangles import check_matrices, eye_like, lower, over_triangle, upper

# -- Cholesky


@op("reduce", outputs=("L", "info"), returns="linalg_cholesky_ex", differentiable=("L",))
def linalg_cholesky_ex(m, A, *, upper: bool = False, check_errors=False):
    """Lower triangular L with A = L L^H (or the upper L^H), and 0 or a bad minor's order."""
    name = check_errors if isinstance(check_errors, str) else "linalg.cholesky_ex"
    check_matrices(A, name)
    factor, info = m.cholesky(adjoint_of(m, A) if upper else A)
    if check_errors:
        sentence = (
            "The factorization could not be completed because the input is not positive-definite"
            " (the leading minor of order {k} is not positive-definite)."
        )
        refuse_failed(m, info, name, sentence)
    return (adjoint_of(m, factor) if upper else factor), info


@linalg_cholesky_ex.vjp("A")
def _(m, g, out, upper):
    factor, gl = (adjoint_of(m, out[0]), adjoint_of(m, g[0])) if upper else (out[0], g[0])
    inner = lower(m, m.matmul(adjoint_of(m, factor), gl))
    inner = (inner + adjoint_of(m, lower(m, inner, -1))) / 2
    return over_triangle(m, m.triangular_solve(adjoint_of(m, factor), inner, True), factor, False)


@filling
def linalg_cholesky(A: Any, *, upper: bool = False) -> Any:
    """Lower triangular L with A = L L^H, for positive-definite A; with upper=True its adjoint.

    Raises:
        LinAlgError: where a matrix is not positive-definite.
    """
    return linalg_cholesky_ex(A, upper, "linalg.cholesky")[0]


@filling
def cholesky(input: Any, upper: bool = False) -> Any:
    """The older name of `torch.linalg.cholesky`."""
    return linalg_cholesky(input, upper=upper)


@op("same", broadcasts=True)
def cholesky_solve(m, input, input2, *, upper: bool = False):
    """X of A X = input, where `input2` is the Cholesky factor of A."""
    check_matrices(input2, "cholesky_solve")
    return _cholesky_solved(m, input, input2, upper)


def _cholesky_solved(m: Any, b: Any, factor: Any, is_upper: bool) -> Any:
    low = adjoint_of(m, factor) if is_upper else factor
    return m.triangular_solve(adjoint_of(m, low), m.triangular_solve(low, b, False), True)


def _factor_slope(m: Any, change: Any, factor: Any, is_upper: bool) -> Any:
    """The gradient for a factor of A; all of the factor counts, as in PyTorch."""
    both = change + adjoint_of(m, change)
    return -(m.matmul(factor, both) if is_upper else m.matmul(both, factor))


@cholesky_solve.vjp("input")
def _(m, g, input2, upper):
    return _cholesky_solved(m, g, input2, upper)


@cholesky_solve.vjp("input2")
def _(m, g, input2, out, upper):
    change = m.matmul(_cholesky_solved(m, g, input2, upper), adjoint_of(m, out))
    return _factor_slope(m, change, input2, upper)


@op("reduce")
def cholesky_inverse(m, L, *, upper: bool = False):
    """The inverse of A, where `L` is the Cholesky factor of A."""
    check_matrices(L, "cholesky_inverse")
    return _cholesky_solved(m, m.broadcast_to(eye_like(m, L), tuple(L.shape)), L, upper)


@cholesky_inverse.vjp("L")
def _(m, g, L, out, upper):
    return _factor_slope(m, m.matmul(out, m.matmul(g, out)), L, upper)


# -- QR


@op("reduce", outputs=("Q", "R"), returns="linalg_qr")
def linalg_qr(m, A, *, mode: str = "reduced"):
    """Q with orthonormal columns and upper triangular R, A = Q R.

    Args:
        A: (..., rows, cols).
        mode: "reduced", "complete" (a square Q) or "r" (Q is empty).
    """
    if mode not in ("reduced", "complete", "r"):
        raise RuntimeError(
            f"qr received unrecognized mode '{mode}' but expected one of 'reduced' (default), 'r',"
            " or 'complete'"
        )
    check_matrices(A, "linalg.qr", square=False)
    Q, R = m.qr(A, "complete" if mode == "complete" else "reduced")
    return (m.full((0,), 0, A.dtype) if mode == "r" else Q), R


@linalg_qr.vjp("A")
def _(m, g, out, mode):
    Q, R = out
    gq, gr = g
    if mode == "r":
        raise RuntimeError(
            "The derivative of linalg.qr depends on Q, which is not computed when mode='r'. Please"
            " use linalg.qr(A, mode='reduced') if you are going to require the derivative."
        )
    if mode == "complete" and Q.shape[-1] > R.shape[-1]:
        raise RuntimeError(
            "The QR decomposition is not differentiable when mode='complete' and nrows > ncols; use"
            " mode='reduced'"
        )
    n = Q.shape[-1]
    if R.shape[-1] == n:
        return _qr_gradient(m, gq, gr, Q, R)
    # wide: A = Q [R1 R2], and Q stands for what happens to the first columns
    first, second = (..., slice(None), slice(0, n)), (..., slice(None), slice(n, None))
    gq = m.zeros_like(Q) if gq is None else gq
    if gr is None:
        return m.concat(
            [_qr_gradient(m, gq, None, Q, m.index(R, first)), m.zeros_like(m.index(R, second))],
            axis=-1,
        )
    rest = m.matmul(Q, m.index(gr, second))
    gq = gq + m.matmul(m.matmul(Q, m.index(R, second)), adjoint_of(m, m.index(gr, second)))
    made = _qr_gradient(m, gq, m.index(gr, first), Q, m.index(R, first))
    return m.concat([made, rest], axis=-1)


def _qr_gradient(m: Any, gq: Any, gr: Any, Q: Any, R: Any) -> Any:
    """For R square: [gQ + Q copyltu(gR R^H - Q^H gQ)] R^-H (Walter and Lehmann 2018)."""
    inner = None if gr is None else m.matmul(gr, adjoint_of(m, R))
    if gq is not None:
        turned = m.matmul(adjoint_of(m, Q), gq)
        inner = -turned if inner is None else inner - turned
    inner = upper(m, inner)
    strict = upper(m, inner, 1)
    diagonal = inner - strict
    inner = strict + adjoint_of(m, strict) + (diagonal + adjoint_of(m, diagonal)) / 2
    made = m.matmul(Q, inner)
    return over_triangle(m, made if gq is None else gq + made, adjoint_of(m, R), False)


@filling
def qr(input: Any, some: bool = True) -> Any:
    """Q and R; `some=False` gives a square Q."""
    return linalg_qr(input, "reduced" if some else "complete")


speak(cholesky=linalg_cholesky_ex, qr=linalg_qr)
