"""Triangular factors of matrices: Cholesky, LU, QR."""

from collections.abc import Iterator
from typing import Any

from .._core.errors import LinAlgError
from .._core.kinds import DIFFERENTIABLE, speak
from .._core.op import composite, op
from .._core.record import named_result
from .linalg import definite, linalg_solve_triangular, refuse_failed
from .products import adjoint_of
from .triangles import (
    check_matrices,
    columns,
    diagonal_of,
    eye_like,
    lower,
    over_triangle,
    upper,
)

_upper = upper  # also the name of an argument


# -- Cholesky


@op("reduce", outputs=("L", "info"), returns="linalg_cholesky_ex", differentiable=("L",))
def linalg_cholesky_ex(m: Any, A: Any, *, upper: bool = False, check_errors: Any = False) -> Any:
    """Lower triangular L with A = L L^H (or the upper L^H), and per matrix 0 or the bad minor's order."""
    name = check_errors if isinstance(check_errors, str) else "linalg.cholesky_ex"
    check_matrices(m, A, name)
    factor, info = m.cholesky(adjoint_of(m, A) if upper else A)
    if check_errors:
        sentence = (
            "The factorization could not be completed because the input is not positive-definite (the "
            "leading minor of order {k} is not positive-definite)."
        )
        refuse_failed(m, info, name, sentence)
    return (adjoint_of(m, factor) if upper else factor), info


@linalg_cholesky_ex.vjp("A")
def _(m: Any, g: tuple, out: tuple, upper: bool) -> Any:
    factor, gl = (adjoint_of(m, out[0]), adjoint_of(m, g[0])) if upper else (out[0], g[0])
    inner = lower(m, m.matmul(adjoint_of(m, factor), gl))
    inner = (inner + adjoint_of(m, lower(m, inner, -1))) / 2
    return over_triangle(m, m.triangular_solve(adjoint_of(m, factor), inner, True), factor, False)


@composite
def linalg_cholesky(A: Any, *, upper: bool = False) -> Any:
    """Lower triangular L with A = L L^H, for positive-definite A; with upper=True its adjoint.

    Raises:
        LinAlgError: where a matrix is not positive-definite.
    """
    return linalg_cholesky_ex(A, upper, "linalg.cholesky")[0]


@linalg_cholesky.samples
@linalg_cholesky_ex.samples
def _(draw: Any) -> Iterator:
    yield (definite(draw, 3),), {}
    yield (definite(draw, 2, 3),), {"upper": True}


@linalg_cholesky.errors
def _(draw: Any) -> Iterator:
    yield (
        (draw(2, 2) * 0,),
        {},
        LinAlgError,
        (
            "linalg.cholesky: The factorization could not be completed because the input is not "
            "positive-definite (the leading minor of order 1 is not positive-definite)."
        ),
    )


@composite
def cholesky(input: Any, upper: bool = False) -> Any:
    """The older name of `torch.linalg.cholesky`."""
    return linalg_cholesky(input, upper=upper)


@cholesky.samples
def _(draw: Any) -> Iterator:
    yield (definite(draw, 3),), {}


@composite
def cholesky_solve(input: Any, L: Any, upper: bool = False) -> Any:
    """X of A X = input, where `L` is the Cholesky factor of A."""
    half = linalg_solve_triangular(L.mH if upper else L, input, upper=False)
    return linalg_solve_triangular(L if upper else L.mH, half, upper=True)


@cholesky_solve.samples
def _(draw: Any) -> Iterator:
    yield (draw(3, 2), linalg_cholesky(definite(draw, 3))), {}
    yield (draw(3, 2), linalg_cholesky(definite(draw, 3), upper=True)), {"upper": True}


@composite
def cholesky_inverse(L: Any, upper: bool = False) -> Any:
    """The inverse of A, where `L` is the Cholesky factor of A."""
    eye = DIFFERENTIABLE.broadcast_to(eye_like(DIFFERENTIABLE, L), L.shape)
    return cholesky_solve(eye, L, upper)


@cholesky_inverse.samples
def _(draw: Any) -> Iterator:
    yield (linalg_cholesky(definite(draw, 3)),), {}


# -- LU


@op("reduce", outputs=("LU", "pivots", "info"), returns="linalg_lu_factor_ex", keeps=("order",),
    differentiable=("LU",))  # fmt: skip
def linalg_lu_factor_ex(m: Any, A: Any, *, pivot: bool = True, check_errors: Any = False) -> Any:
    """L and U packed in one matrix, the row swapped with each row (from 1), per matrix 0 or a zero pivot."""
    check_matrices(m, A, "linalg.lu_factor", square=False)
    if not pivot:
        raise RuntimeError("linalg.lu_factor: LU without pivoting is not implemented on the CPU")
    packed, pivots, order = m.lu(A)
    zero = diagonal_of(m, packed) == 0
    place = (
        m.argmax(m.astype(zero, m.int32), axis=-1) + 1
        if zero.shape[-1]
        else m.full(A.shape[:-2], 0, m.int64)
    )
    info = m.astype(m.where(m.any(zero, axis=-1), place, 0), m.int32)
    return (packed, m.astype(pivots + 1, m.int32), info), order


def _unordered(m: Any, x: Any, order: Any) -> Any:
    """Rows put back where a pivoting took them from."""
    places = m.broadcast_to(columns(m, order), x.shape)
    return m.scatter(m.zeros_like(x), places, x, -2, "add")


@linalg_lu_factor_ex.vjp("A")
def _(m: Any, g: tuple, out: tuple, order: Any) -> Any:
    g, packed = g[0], out[0]
    rows, cols = packed.shape[-2:]
    n = min(rows, cols)
    top = (..., slice(0, n), slice(0, n))
    L, U = lower(m, m.index(packed, top), -1), upper(m, m.index(packed, top))
    L = L + eye_like(m, L)
    gl, gu = lower(m, m.index(g, top), -1), upper(m, m.index(g, top))
    rest = None
    if cols > n:  # U = [U1 U2] and P A = L [U1 U2]
        key = (..., slice(None), slice(n, None))
        rest = m.triangular_solve(adjoint_of(m, L), m.index(g, key), True, True)
        gl = gl - lower(m, m.matmul(rest, adjoint_of(m, m.index(packed, key))), -1)
    if rows > n:  # L = [L1; L2] and P A = [L1; L2] U
        key = (..., slice(n, None), slice(None))
        low = m.index(packed, key)
        rest = over_triangle(m, m.index(g, key), adjoint_of(m, U), False)
        gu = gu - upper(m, m.matmul(adjoint_of(m, low), rest))
    inner = lower(m, m.matmul(adjoint_of(m, L), gl), -1) + upper(m, m.matmul(gu, adjoint_of(m, U)))
    made = over_triangle(
        m, m.triangular_solve(adjoint_of(m, L), inner, True, True), adjoint_of(m, U), False
    )
    if rest is not None:
        made = m.concat([made, rest], axis=-1 if cols > n else -2)
    return _unordered(m, made, order)


@linalg_lu_factor_ex.samples
def _(draw: Any) -> Iterator:
    yield (draw(3, 3),), {}
    yield (draw(2, 4, 3),), {}
    yield (draw(3, 5),), {}


LUFactor = named_result("linalg_lu_factor", ("LU", "pivots"))
LU = named_result("linalg_lu", ("P", "L", "U"))
Unpacked = named_result("lu_unpack", ("P", "L", "U"))


@composite
def linalg_lu_factor(A: Any, *, pivot: bool = True) -> Any:
    """L and U packed in one matrix, and the row swapped with each row (counted from 1)."""
    packed, pivots, info = linalg_lu_factor_ex(A, pivot)

    def message() -> str:
        k = int(info.reshape(-1).max())
        return (
            f"torch.linalg.lu_factor: U[{k},{k}] is zero and using it on lu_solve would result in a "
            "division by zero. If you still want to perform the factorization, consider calling "
            "linalg.lu(A, pivot) or linalg.lu_factor_ex(A, pivot)"
        )

    DIFFERENTIABLE.check(info == 0, message)
    return LUFactor(packed, pivots)


@linalg_lu_factor.samples
def _(draw: Any) -> Iterator:
    yield (draw(3, 3),), {}
    yield (draw(2, 4, 3),), {}


@linalg_lu_factor.errors
def _(draw: Any) -> Iterator:
    yield (draw(2, 2) * 0,), {}, RuntimeError, "torch.linalg.lu_factor: U[1,1] is zero"


@op("reduce", differentiable=False)
def swapped(m: Any, input: Any, *, rows: int) -> Any:
    """The order of all rows after the swaps of an LU factorisation (counted from 1)."""
    return m.order_of(input - 1, rows)


def _parts(packed: Any, pivots: Any) -> tuple[Any, Any, Any]:
    """P, L and U with A = P L U."""
    m, n = DIFFERENTIABLE, min(packed.shape[-2:])
    rows = packed.shape[-2]
    order = swapped(pivots, rows)
    place = m.arange(0, rows, 1, m.int64).reshape(-1, 1)
    left = lower(m, packed[..., :n], -1)
    P = (place == order.unsqueeze(-2)).to(packed.dtype)
    return P, left + eye_like(m, left), upper(m, packed[..., :n, :])


@composite
def linalg_lu(A: Any, *, pivot: bool = True) -> Any:
    """P, L, U with A = P L U, P a permutation."""
    packed, pivots, _ = linalg_lu_factor_ex(A, pivot)
    return LU(*_parts(packed, pivots))


@linalg_lu.samples
def _(draw: Any) -> Iterator:
    yield (draw(3, 3),), {}
    yield (draw(2, 3, 4),), {}


@composite
def lu(A: Any, pivot: bool = True, get_infos: bool = False) -> tuple:
    """The older name of `torch.linalg.lu_factor`: packed L and U, pivots and, if asked for, infos."""
    packed, pivots, info = linalg_lu_factor_ex(A, pivot)
    return (packed, pivots, info) if get_infos else (packed, pivots)


@lu.samples
def _(draw: Any) -> Iterator:
    yield (draw(3, 3),), {}
    yield (draw(2, 4, 3),), {"get_infos": True}


@composite
def lu_unpack(
    LU_data: Any, LU_pivots: Any, unpack_data: bool = True, unpack_pivots: bool = True
) -> Any:
    """P, L, U from the packed result of `lu_factor`."""
    P, L, U = _parts(LU_data, LU_pivots)
    empty = LU_data[..., :0, :0]
    return Unpacked(P if unpack_pivots else empty, *((L, U) if unpack_data else (empty, empty)))


@lu_unpack.samples
def _(draw: Any) -> Iterator:
    yield tuple(linalg_lu_factor(draw(3, 3))), {}


@composite
def linalg_lu_solve(
    LU: Any, pivots: Any, B: Any, *, left: bool = True, adjoint: bool = False
) -> Any:
    """X of A X = B (or X A = B; A^H X = B) from the result of `lu_factor`."""
    if not left:
        return linalg_lu_solve(LU, pivots, B.mH, adjoint=not adjoint).mH
    P, L, U = _parts(LU, pivots)
    if adjoint:
        half = linalg_solve_triangular(U.mH, B, upper=False)
        return P @ linalg_solve_triangular(L.mH, half, upper=True, unitriangular=True)
    half = linalg_solve_triangular(L, P.mT @ B, upper=False, unitriangular=True)
    return linalg_solve_triangular(U, half, upper=True)


@linalg_lu_solve.samples
def _(draw: Any) -> Iterator:
    yield (*linalg_lu_factor(draw(3, 3)), draw(3, 2)), {}
    yield (*linalg_lu_factor(draw(3, 3)), draw(3, 2)), {"adjoint": True}
    yield (*linalg_lu_factor(draw(3, 3)), draw(2, 3)), {"left": False}


@composite
def lu_solve(input: Any, LU_data: Any, LU_pivots: Any) -> Any:
    """X of A X = input from the result of `lu_factor`."""
    return linalg_lu_solve(LU_data, LU_pivots, input)


@lu_solve.samples
def _(draw: Any) -> Iterator:
    yield (draw(3, 2), *linalg_lu_factor(draw(3, 3))), {}


# -- QR


@op("reduce", outputs=("Q", "R"), returns="linalg_qr")
def linalg_qr(m: Any, A: Any, *, mode: str = "reduced") -> Any:
    """Q with orthonormal columns and upper triangular R, A = Q R.

    Args:
        A: (..., rows, cols).
        mode: "reduced", "complete" (a square Q) or "r" (Q is empty).
    """
    if mode not in ("reduced", "complete", "r"):
        raise RuntimeError(
            f"qr received unrecognized mode '{mode}' but expected one of 'reduced' (default), 'r', or "
            "'complete'"
        )
    check_matrices(m, A, "linalg.qr", square=False)
    Q, R = m.qr(A, "complete" if mode == "complete" else "reduced")
    return (m.full((0,), 0, A.dtype) if mode == "r" else Q), R


@linalg_qr.vjp("A")
def _(m: Any, g: tuple, out: tuple, mode: str) -> Any:
    Q, R = out
    gq, gr = g
    if mode == "r":
        raise RuntimeError(
            "The derivative of linalg.qr depends on Q, which is not computed when mode='r'. Please use "
            "linalg.qr(A, mode='reduced') if you are going to require the derivative."
        )
    if mode == "complete" and Q.shape[-1] > R.shape[-1]:
        raise RuntimeError(
            "The QR decomposition is not differentiable when mode='complete' and nrows > ncols; use "
            "mode='reduced'"
        )
    n = Q.shape[-1]
    if R.shape[-1] == n:
        return _qr_gradient(m, gq, gr, Q, R)
    # wide: A = Q [R1 R2], and Q stands for what happens to the first columns
    first, second = (..., slice(None), slice(0, n)), (..., slice(None), slice(n, None))
    gq = m.zeros_like(Q) if gq is None else gq
    if gr is None:
        return m.concat([_qr_gradient(m, gq, None, Q, m.index(R, first)),
                         m.zeros_like(m.index(R, second))], axis=-1)  # fmt: skip
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


@linalg_qr.samples
def _(draw: Any) -> Iterator:
    yield (draw(3, 3),), {}
    yield (draw(2, 4, 3),), {}
    yield (draw(2, 4),), {}
    yield (draw(2, 4),), {"mode": "complete"}


@linalg_qr.errors
def _(draw: Any) -> Iterator:
    yield (draw(3, 4),), {"mode": "foo"}, RuntimeError, "qr received unrecognized mode 'foo'"


@composite
def qr(input: Any, some: bool = True) -> Any:
    """Q and R; `some=False` gives a square Q."""
    return linalg_qr(input, "reduced" if some else "complete")


@qr.samples
def _(draw: Any) -> Iterator:
    yield (draw(4, 3),), {}


speak(
    cholesky=lambda x: tuple(linalg_cholesky_ex(x)),
    qr=lambda x, mode="reduced": tuple(linalg_qr(x, mode)),
)
