"""Square matrices: inverse, solving, determinants."""

from typing import Any

from .._core.errors import LinAlgError
from .._core.kinds import DIFFERENTIABLE, speak
from .._core.op import composite, filling, op
from .dims import turned
from .matmul import adjoint_of
from .triangles import check_matrices, columns, holds_complex, lower, over_triangle, upper


def refuse_failed(m: Any, info: Any, name: str, sentence: str) -> None:
    """Raise for the first matrix whose `info` is not zero; `{k}` stands for the place."""

    def message() -> str:
        flat = m.reshape(info, (-1,))
        which = int(m.argmax(m.astype(flat != 0, m.int32), axis=0))
        batch = f"(Batch element {which}): " if len(info.shape) else ""
        return f"{name}: {batch}{sentence.format(k=int(m.index(flat, which)))}"

    m.check(info == 0, message, LinAlgError)


# -- inverse


@op("reduce", outputs=("inverse", "info"), returns="linalg_inv_ex", differentiable=("inverse",))
def linalg_inv_ex(m, A, *, check_errors=False):
    """Inverses of square matrices, and per matrix 0 or the place of the zero pivot.

    Args:
        A: (..., n, n).
        check_errors: raise where a matrix is singular; a name to raise under.
    """
    name = check_errors if isinstance(check_errors, str) else "linalg.inv_ex"
    check_matrices(A, name)
    inverse, info = m.inv(A)
    if check_errors:
        sentence = (
            "The diagonal element {k} is zero, the inversion could not be completed because the"
            " input matrix is singular."
        )
        refuse_failed(m, info, name, sentence)
    return inverse, info


@linalg_inv_ex.vjp("A")
def _(m, g, out):
    inverse = adjoint_of(m, out[0])
    return -m.matmul(m.matmul(inverse, g[0]), inverse)


@filling
def linalg_inv(A: Any) -> Any:
    """Inverses of square matrices.

    Raises:
        LinAlgError: where a matrix is singular.
    """
    return linalg_inv_ex(A, "linalg.inv")[0]


inverse = linalg_inv  # torch.inverse


# -- solving


def _is_vector(a: Any, shape: tuple) -> bool:
    """Whether the right side of this shape holds vectors, by PyTorch's rule."""
    return len(shape) == 1 or tuple(a.shape[:-1]) == tuple(shape)


def _sides_meet(a: Any, b: Any, left: bool, name: str) -> None:
    n = b.shape[-2] if left else b.shape[-1]
    if a.shape[-1] != n:
        raise RuntimeError(
            f"{name}: Incompatible shapes of A and B for the equation {'AX' if left else 'XA'} = B "
            f"({a.shape[-2]}x{a.shape[-1]} and {b.shape[-2]}x{b.shape[-1]})"
        )


def _solved(m: Any, a: Any, b: Any, left: bool) -> tuple[Any, Any]:
    """X of a X = b or X a = b."""
    if left:
        return m.solve(a, b)
    made, info = m.solve(turned(m, a), turned(m, b))
    return turned(m, made), info


@op("same", broadcasts=True, outputs=("result", "info"), returns="linalg_solve_ex",
    differentiable=("result",))  # fmt: skip
def linalg_solve_ex(m, A, B, *, left: bool = True, check_errors=False):
    """X of A X = B (or X A = B with left=False), and per matrix 0 or the place of the zero pivot.

    Args:
        A: (..., n, n).
        B: (..., n, k), or vectors (..., n).
        check_errors: raise where a matrix is singular; a name to raise under.
    """
    check_matrices(A, "linalg.solve")
    vector = left and _is_vector(A, B.shape)
    b = columns(m, B) if vector else B
    _sides_meet(A, b, left, "linalg.solve")
    made, info = _solved(m, A, b, left)
    if check_errors:
        name = check_errors if isinstance(check_errors, str) else "torch.linalg.solve_ex"
        sentence = "The solver failed because the input matrix is singular."
        refuse_failed(m, info, name, sentence)
    return (m.reshape(made, made.shape[:-1]) if vector else made), info


@linalg_solve_ex.vjp("B")
def _(m, g, A, B_shape, left):
    vector = left and _is_vector(A, B_shape)
    made = _solved(m, adjoint_of(m, A), columns(m, g[0]) if vector else g[0], left)[0]
    return m.reshape(made, made.shape[:-1]) if vector else made


@linalg_solve_ex.vjp("A")
def _(m, g, A, B_shape, out, left):
    vector = left and _is_vector(A, B_shape)
    gb, x = (columns(m, g[0]), columns(m, out[0])) if vector else (g[0], out[0])
    made = _solved(m, adjoint_of(m, A), gb, left)[0]
    return -(m.matmul(made, adjoint_of(m, x)) if left else m.matmul(adjoint_of(m, x), made))


@filling
def linalg_solve(A: Any, B: Any, *, left: bool = True) -> Any:
    """X of A X = B for square A, or of X A = B with left=False.

    Raises:
        LinAlgError: where a matrix is singular.
    """
    return linalg_solve_ex(A, B, left, "torch.linalg.solve")[0]


@op("same", broadcasts=True)
def linalg_solve_triangular(
    m, A, B, *, upper: bool, left: bool = True, unitriangular: bool = False
):
    """X of A X = B (or X A = B) for triangular A, of which the other triangle does not count."""
    check_matrices(A, "linalg.solve_triangular")
    _sides_meet(A, B, left, "linalg.solve_triangular")
    return _substituted(m, A, B, upper, left, unitriangular)


def _substituted(m: Any, a: Any, b: Any, is_upper: bool, left: bool, unit: bool) -> Any:
    if left:
        return m.triangular_solve(a, b, is_upper, unit)
    return over_triangle(m, b, a, is_upper, unit)


@linalg_solve_triangular.vjp("B")
def _(m, g, A, upper, left, unitriangular):
    return _substituted(m, adjoint_of(m, A), g, not upper, left, unitriangular)


_upper = upper


@linalg_solve_triangular.vjp("A")
def _(m, g, A, out, upper, left, unitriangular):
    made = _substituted(m, adjoint_of(m, A), g, not upper, left, unitriangular)
    full = -(m.matmul(made, adjoint_of(m, out)) if left else m.matmul(adjoint_of(m, out), made))
    skip = 1 if unitriangular else 0
    return _upper(m, full, skip) if upper else lower(m, full, -skip)


# -- determinants


@op("reduce")
def linalg_det(m, A):
    """Determinants of square matrices."""
    check_matrices(A, "linalg.det")
    return m.det(A)


@linalg_det.vjp("A")
def _(m, g, A):
    return m.reshape(g, (*g.shape, 1, 1)) * m.conj(m.cofactors(A))


@op("reduce")
def cofactors(m, A):
    """The derivative of the determinant by each element."""
    return m.cofactors(A)


@cofactors.vjp("A")
def _(m, g, A, out):
    # C = det(A) W with W = A^-T, so dC = <W, dA> C - C dA^T W; here is that map's adjoint
    w = turned(m, m.inv(A)[0])
    g = m.conj(g)
    whole = m.sum(g * out, axis=(-2, -1), keepdims=True)
    return m.conj(whole * w - m.matmul(m.matmul(w, turned(m, g)), out))


@op("reduce", outputs=("sign", "logabsdet"), returns="linalg_slogdet")
def linalg_slogdet(m, A):
    """Sign and logarithm of the absolute value of determinants."""
    check_matrices(A, "linalg.slogdet")
    return tuple(m.slogdet(A))


@linalg_slogdet.vjp("A")
def _(m, g, A, out):
    factor = g[1]
    if holds_complex(m, A):
        zero = m.full(A.shape[:-2], 0, m.real(A).dtype)
        turn = zero if g[0] is None else m.imag(m.conj(g[0]) * out[0])
        factor = m.complex(zero if factor is None else factor, -turn)
    if factor is None:  # the sign of a real determinant does not move
        return m.zeros_like(A)
    return m.reshape(factor, (*factor.shape, 1, 1)) * adjoint_of(m, m.inv(A)[0])


@composite
def logdet(input: Any) -> Any:
    """Logarithm of determinants; NaN where they are negative."""
    sign, size = linalg_slogdet(input)
    if sign.is_complex():
        return sign.log() + size
    return DIFFERENTIABLE.where(sign == -1, float("nan"), size)


det, slogdet = linalg_det, linalg_slogdet  # torch.det, torch.slogdet


speak(
    cofactors,
    inv=linalg_inv_ex,
    solve=linalg_solve_ex,
    triangular_solve=lambda a, b, upper=False, unit=False: linalg_solve_triangular(
        a, b, upper, True, unit
    ),
    det=linalg_det,
    slogdet=linalg_slogdet,
)
