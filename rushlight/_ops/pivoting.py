"""LU factors of matrices, and solving with them."""

from typing import Any

from .._core.kinds import speak
from .._core.op import composite, filling, op
from .._core.record import named_result
from .matmul import adjoint_of
from .triangles import check_matrices, columns, diagonal_of, eye_like, lower, over_triangle, upper


def _without_pivots(pivot: bool, name: str) -> None:
    if not pivot:
        raise RuntimeError(f"{name}: LU without pivoting is not implemented on the CPU")


def _first_zero(m: Any, packed: Any) -> Any:
    """Per matrix the 1-based place of the first zero on U's diagonal, 0 where there is none."""
    zero = diagonal_of(m, packed) == 0
    if not zero.shape[-1]:
        return m.full(packed.shape[:-2], 0, m.int32)
    place = m.argmax(m.astype(zero, m.int32), axis=-1) + 1
    return m.astype(m.where(m.any(zero, axis=-1), place, 0), m.int32)


@op(
    "reduce",
    outputs=("LU", "pivots", "info"),
    returns="linalg_lu_factor_ex",
    keeps=("order",),
    differentiable=("LU",),
)
def linalg_lu_factor_ex(m, A, *, pivot: bool = True, check_errors=False):
    """L and U packed in one matrix, the row swapped with each row, and the place of a zero in U.

    Rows and places count from 1; 0 says that there is no zero.
    """
    check_matrices(A, "linalg.lu_factor", square=False)
    _without_pivots(pivot, "linalg.lu_factor")
    packed, pivots, order = m.lu(A)
    info = _first_zero(m, packed)
    if check_errors:
        name = check_errors if isinstance(check_errors, str) else "torch.linalg.lu_factor_ex"
        m.check(info == 0, lambda: _zero_in_u(m, info, name))
    return (packed, m.astype(pivots + 1, m.int32), info), order


def _zero_in_u(m: Any, info: Any, name: str) -> str:
    k = int(m.max(info))
    return (
        f"{name}: U[{k},{k}] is zero and using it on lu_solve would result in a division by zero."
        " If you still want to perform the factorization, consider calling linalg.lu(A, pivot) or"
        " linalg.lu_factor_ex(A, pivot)"
    )


def _unordered(m: Any, x: Any, order: Any) -> Any:
    """Rows put back where pivoting took them from."""
    places = m.broadcast_to(columns(m, order), tuple(x.shape))
    return m.scatter(m.zeros_like(x), places, x, -2, "add")


def _gradient(m: Any, g: Any, packed: Any, order: Any) -> Any:
    """The gradient of A from that of the packed L and U, P L^-H [..] U^-H; square part first."""
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
    inner = m.triangular_solve(adjoint_of(m, L), inner, True, True)
    made = over_triangle(m, inner, adjoint_of(m, U), False)
    if rest is not None:
        made = m.concat([made, rest], axis=-1 if cols > n else -2)
    return _unordered(m, made, order)


@linalg_lu_factor_ex.vjp("A")
def _(m, g, out, order):
    return _gradient(m, g[0], out[0], order)


@filling
def linalg_lu_factor(A: Any, *, pivot: bool = True) -> Any:
    """L and U packed in one matrix, and the row swapped with each row (counted from 1)."""
    packed, pivots, _ = linalg_lu_factor_ex(A, pivot, "torch.linalg.lu_factor")
    return named_result("linalg_lu_factor", ("LU", "pivots"))(packed, pivots)


@composite
def lu(A: Any, pivot: bool = True, get_infos: bool = False) -> tuple:
    """The older name of `torch.linalg.lu_factor`: packed L and U, pivots and, if wanted, infos."""
    packed, pivots, info = linalg_lu_factor_ex(A, pivot)
    return (packed, pivots, info) if get_infos else (packed, pivots)


# -- the three factors


@op(None, differentiable=False)
def order_of(m, pivots, *, rows: int):
    """The order of all rows after the swaps that `pivots` tell, counted from 0."""
    return m.order_of(pivots, rows)


def _lu(x: Any) -> tuple:
    """The word `lu` on tensors: packed factors, swaps counted from 0, the order of the rows."""
    packed, pivots, _ = linalg_lu_factor_ex(x)
    swaps = pivots.long() - 1
    return packed, swaps, order_of(swaps, x.shape[-2])


speak(order_of, lu=_lu)


def _permutation(m: Any, order: Any, dtype: Any) -> Any:
    """P with P[order[k], k] = 1."""
    place = m.reshape(m.arange(0, order.shape[-1], 1, m.int64), (-1, 1))
    return m.astype(place == m.reshape(order, (*order.shape[:-1], 1, order.shape[-1])), dtype)


def _triangles(m: Any, packed: Any) -> tuple[Any, Any]:
    n = min(packed.shape[-2:])
    left = lower(m, m.index(packed, (..., slice(0, n))), -1)
    return left + eye_like(m, left), upper(m, m.index(packed, (..., slice(0, n), slice(None))))


@op(
    "reduce",
    outputs=("P", "L", "U"),
    returns="linalg_lu",
    keeps=("order",),
    differentiable=("L", "U"),
)
def linalg_lu(m, A, *, pivot: bool = True):
    """P, L, U with A = P L U, P a permutation."""
    check_matrices(A, "linalg.lu", square=False)
    _without_pivots(pivot, "linalg.lu")
    packed, _, order = m.lu(A)
    return (_permutation(m, order, A.dtype), *_triangles(m, packed)), order


def _padded(m: Any, x: Any, rows: int, cols: int) -> Any:
    """A matrix filled up with zeros below and to the right."""
    lead = [(0, 0)] * (len(x.shape) - 2)
    return m.pad(x, [*lead, (0, rows - x.shape[-2]), (0, cols - x.shape[-1])])


@linalg_lu.vjp("A")
def _(m, g, out, order):
    _, L, U = out
    rows, cols = L.shape[-2], U.shape[-1]
    gl = m.zeros_like(L) if g[1] is None else g[1]
    gu = m.zeros_like(U) if g[2] is None else g[2]
    packed = _padded(m, lower(m, L, -1), rows, cols) + _padded(m, U, rows, cols)
    whole = _padded(m, lower(m, gl, -1), rows, cols) + _padded(m, upper(m, gu), rows, cols)
    return _gradient(m, whole, packed, order)


@op("reduce", outputs=("P", "L", "U"), returns="lu_unpack", differentiable=("L", "U"))
def lu_unpack(m, LU_data, LU_pivots, *, unpack_data: bool = True, unpack_pivots: bool = True):
    """P, L, U from the packed result of `lu_factor`."""
    none = m.full((0,), 0, LU_data.dtype)
    P = none
    if unpack_pivots:
        order = m.order_of(LU_pivots - 1, LU_data.shape[-2])
        P = _permutation(m, order, LU_data.dtype)
    return (P, *_triangles(m, LU_data)) if unpack_data else (P, none, none)


@op(None)
def linalg_lu_solve(m, LU, pivots, B, *, left: bool = True, adjoint: bool = False):
    """X of A X = B (or X A = B; with `adjoint` of A^H X = B) from the result of `lu_factor`."""
    check_matrices(LU, "linalg.lu_solve", letter="LU")
    P = _permutation(m, m.order_of(pivots - 1, LU.shape[-2]), LU.dtype)
    b = B if left else adjoint_of(m, B)
    if adjoint == left:  # A^H X = B, or (A^H X^H = B^H)^H
        half = m.triangular_solve(adjoint_of(m, LU), b, False)
        made = m.matmul(P, m.triangular_solve(adjoint_of(m, LU), half, True, True))
    else:
        half = m.triangular_solve(LU, m.matmul(adjoint_of(m, P), b), False, True)
        made = m.triangular_solve(LU, half, True)
    return made if left else adjoint_of(m, made)


@filling
def lu_solve(input: Any, LU_data: Any, LU_pivots: Any) -> Any:
    """X of A X = input from the result of `lu_factor`."""
    return linalg_lu_solve(LU_data, LU_pivots, input)
