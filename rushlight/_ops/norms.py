"""Norms of vectors and matrices, condition numbers, distances between rows."""

from math import inf
from typing import Any

from .._core.errors import dim_of
from .._core.op import composite, filling, op
from .dims import Dims, axes_of, keep, reduced_count, turned
from .joining import cat
from .linalg import linalg_inv_ex
from .magnitude import unit
from .spectra import linalg_svdvals
from .triangles import check_floats, check_matrices, columns, rows

Order = float | int | str | None


def _needs_identity(input: Any, ord: float, dim: Any) -> None:
    if (ord == inf or ord < 0) and 0 in input.shape and not reduced_count(input.shape, dim):
        raise RuntimeError(
            f"linalg.vector_norm cannot compute the {ord:g} norm on an empty tensor because the"
            f" operation does not have an identity; the input has shape {tuple(input.shape)}"
        )


@op("reduce")
def linalg_vector_norm(
    m, x, *, ord: float = 2, dim: Dims = None, keepdim: bool = False, dtype=None
):
    """(sum of |x|^ord)^(1/ord) over all or along `dim`; the largest for inf, how many for 0."""
    check_floats(x, "linalg.vector_norm")
    if dtype is not None:
        x = m.astype(x, dtype)
    _needs_identity(x, ord, dim)
    return _together(m, m.abs(x), ord, axes_of(dim, len(x.shape)), keepdim)


def _together(m: Any, size: Any, ord: float, axes: Any, keepdim: bool = False) -> Any:
    """The norm of order `ord` over some axes, from what each element has."""
    how = {"axis": axes, "keepdims": keepdim}
    if ord == inf:
        return m.max(size, **how)
    if ord == -inf:
        return m.min(size, **how)
    if ord == 0:
        return m.sum(m.astype(size != 0, size.dtype), **how)
    if ord == 1:
        return m.sum(size, **how)
    if ord == 2:
        return m.sqrt(m.sum(size * size, **how))
    return m.sum(size**ord, **how) ** (1 / ord)


@linalg_vector_norm.vjp("x")
def _(m, g, x, out, ord, dim, keepdim):
    shape = x.shape
    g, out = keep(m, g, shape, dim, keepdim), keep(m, out, shape, dim, keepdim)
    if ord == 0:
        return m.zeros_like(x)
    if ord == 1:
        return unit(m, x) * g
    if ord == 2:
        return x * _nearness(m, g, out)
    size = m.abs(x)
    if ord in (inf, -inf):
        hit = m.astype(size == out, g.dtype)
        return unit(m, x) * (hit * (g / m.sum(hit, axis=axes_of(dim, len(shape)), keepdims=True)))
    return unit(m, x) * _power_slope(m, g, size, out, ord)


def _power_slope(m: Any, g: Any, size: Any, out: Any, ord: float) -> Any:
    """The gradient for the sizes of which `out` is the norm of any other order."""
    none = (size == 0) | (out == 0)
    slope = m.where(none, 0, m.where(none, 1, size) ** (ord - 1))
    return slope * g * m.where(out == 0, 1, out) ** (1 - ord)


def _two_axes(A: Any, dim: Any) -> tuple[int, int]:
    if len(dim) != 2:
        raise RuntimeError(f"linalg.matrix_norm: dim must be a 2-tuple. Got {tuple(dim)}")
    row, col = dim_of(dim[0], A.ndim), dim_of(dim[1], A.ndim)
    if row == col:
        raise RuntimeError(f"linalg.matrix_norm: dims must be different. Got ({dim[0]}, {dim[1]})")
    return row, col


@filling
def linalg_matrix_norm(
    A: Any, ord: Order = "fro", dim: Any = (-2, -1), keepdim: bool = False, *, dtype: Any = None
) -> Any:
    """Norms of matrices: "fro", "nuc", or the induced 1, 2 and inf norm (negative: smallest)."""
    check_matrices(A, "linalg.matrix_norm", square=False)
    row, col = _two_axes(A, dim)
    if dtype is not None:
        A = A.to(dtype)
    if ord == "fro":
        return linalg_vector_norm(A, 2, (row, col), keepdim)
    if ord in (1, -1, inf, -inf):
        summed, over = (row, col) if abs(ord) == 1 else (col, row)
        sums = linalg_vector_norm(A, 1, summed, keepdim)
        over -= not keepdim and over > summed
        return sums.amax((over,), keepdim) if ord > 0 else sums.amin((over,), keepdim)
    if ord not in (2, -2, "nuc"):
        raise RuntimeError(f"linalg.matrix_norm: Order {ord} not supported.")
    S = linalg_svdvals(A.movedim((row, col), (-2, -1)))
    made = S.sum(-1) if ord == "nuc" else (S.amax(-1) if ord == 2 else S.amin(-1))
    for axis in sorted((row, col)) if keepdim else ():
        made = made.unsqueeze(axis)
    return made


@filling
def linalg_norm(
    A: Any, ord: Order = None, dim: Dims = None, keepdim: bool = False, *, dtype: Any = None
) -> Any:
    """Norm of a vector, or of matrices where two dimensions are meant."""
    if ord is None:
        return linalg_vector_norm(A, 2, dim, keepdim, dtype)
    axes = (dim,) if isinstance(dim, int) else dim
    if axes is None and A.ndim not in (1, 2):
        raise RuntimeError(
            "linalg.norm: If dim is not specified but ord is, the input must be 1D or 2D. Got "
            f"{A.ndim}D."
        )
    if isinstance(ord, str) or len(axes if axes is not None else A.shape) == 2:
        return linalg_matrix_norm(A, ord, (-2, -1) if axes is None else axes, keepdim, dtype=dtype)
    return linalg_vector_norm(A, ord, dim, keepdim, dtype)


@composite
def norm(
    input: Any, p: Order = "fro", dim: Dims = None, keepdim: bool = False, out: Any = None,
    dtype: Any = None,
) -> Any:  # fmt: skip
    """Norm of all elements, or along `dim`; "nuc" sums the singular values of matrices."""
    if p == "nuc":
        return linalg_matrix_norm(
            input, "nuc", (-2, -1) if dim is None else dim, keepdim, dtype=dtype, out=out
        )
    order = 2.0 if p in ("fro", None) else p
    if isinstance(order, str):
        raise RuntimeError(f"only valid strings are 'fro' and 'nuc', found {p}")
    return linalg_vector_norm(input, order, dim, keepdim, dtype, out=out)


@filling
def linalg_cond(A: Any, p: Order = None) -> Any:
    """Condition numbers: largest over smallest singular value, or norm(A, p) norm(A^-1, p)."""
    if p is None or p in (2, -2):
        check_matrices(A, "linalg.cond", square=False)
        S = linalg_svdvals(A)
        first, end = S.narrow(-1, 0, 1), S.narrow(-1, -1, 1)
        return (end / first if p == -2 else first / end).squeeze(-1)
    check_matrices(A, "linalg.cond")
    inverse = linalg_inv_ex(A)[0]  # NaN where A is singular
    product = linalg_matrix_norm(A, p) * linalg_matrix_norm(inverse, p)
    return product.nan_to_num(inf, inf, -inf)


# -- distances between rows


def _pairs_meet(x1: Any, x2: Any) -> None:
    for name, x in (("X1", x1), ("X2", x2)):
        if len(x.shape) < 2:
            raise RuntimeError(
                f"cdist only supports at least 2D tensors, {name} got: {len(x.shape)}D"
            )
    if x1.shape[-1] != x2.shape[-1]:
        raise RuntimeError(
            f"X1 and X2 must have the same number of columns. X1: {x1.shape[-1]} X2: {x2.shape[-1]}"
        )


def _differences(m: Any, x1: Any, x2: Any) -> Any:
    """(..., rows1, rows2, columns)."""
    left = m.reshape(x1, (*x1.shape[:-1], 1, x1.shape[-1]))
    return left - m.reshape(x2, (*x2.shape[:-2], 1, *x2.shape[-2:]))


def _use_product(x1: Any, x2: Any, p: float, mode: str | None) -> bool:
    """Whether |a|^2 + |b|^2 - 2ab is the way, as PyTorch chooses."""
    if p != 2 or mode == "donot_use_mm_for_euclid_dist":
        return False
    return mode == "use_mm_for_euclid_dist" or x1.shape[-2] > 25 or x2.shape[-2] > 25


@op("same", broadcasts=True, autocast="float32")
def cdist(m, x1, x2, *, p: float = 2.0, compute_mode: str | None = None):
    """The p-norm distance between every row of x1 and every row of x2: (..., rows1, rows2)."""
    _pairs_meet(x1, x2)
    if p < 0:
        raise RuntimeError(f"cdist only supports non-negative p values; p is {p}")
    if _use_product(x1, x2, p, compute_mode):
        a, b = m.sum(x1 * x1, axis=-1), m.sum(x2 * x2, axis=-1)
        cross = m.matmul(x1, turned(m, x2))
        square = columns(m, a) + rows(m, b) - 2 * cross
        return m.sqrt(m.maximum(square, 0))
    size = m.abs(_differences(m, x1, x2))
    return _together(m, size, p if size.shape[-1] else 1, -1)


def _pulls(m: Any, g: Any, x1: Any, x2: Any, out: Any, p: float) -> Any:
    """The gradient of every difference: (..., rows1, rows2, columns)."""
    away = _differences(m, x1, x2)
    last = lambda x: columns(m, x)
    if p == 0:
        return away * 0
    if p == 1:
        return m.sign(away) * last(g)
    size = m.abs(away)
    if p == inf:
        return m.sign(away) * m.astype(size == last(out), g.dtype) * last(g)
    return m.sign(away) * _power_slope(m, last(g), size, last(out), p)


def _nearness(m: Any, g: Any, out: Any) -> Any:
    """g / out, and nothing where that is zero: where rows coincide, vectors vanish."""
    flat = out == 0
    return m.where(flat, 0, g / m.where(flat, 1, out))


@cdist.vjp("x1")
def _(m, g, x1, x2, out, p):
    if p == 2:
        near = _nearness(m, g, out)
        return x1 * m.sum(near, axis=-1, keepdims=True) - m.matmul(near, x2)
    return m.sum(_pulls(m, g, x1, x2, out, p), axis=-2)


@cdist.vjp("x2")
def _(m, g, x1, x2, out, p):
    if p == 2:
        near = turned(m, _nearness(m, g, out))
        return x2 * m.sum(near, axis=-1, keepdims=True) - m.matmul(near, x1)
    return -m.sum(_pulls(m, g, x1, x2, out, p), axis=-3)


@composite
def pdist(input: Any, p: float = 2.0) -> Any:
    """The p-norm distance between every two rows of a matrix: 0 and 1, 0 and 2, ... 1 and 2, ..."""
    if input.ndim != 2:
        raise RuntimeError(f"pdist only supports 2D tensors, got: {input.ndim}D")
    if p < 0:
        raise RuntimeError(f"pdist only supports non-negative p values; p is {p}")
    if input.shape[0] < 2:
        return input.reshape(-1)[:0]
    away = cat([input[i] - input[i + 1 :] for i in range(input.shape[0] - 1)])
    return linalg_vector_norm(away, p, 1)


@op("reduce")
def renorm(m, input, *, p: float, dim: int, maxnorm: float):
    """The input with each slice along `dim` whose p-norm is above `maxnorm` scaled down to it."""
    axis = dim_of(dim, len(input.shape))
    if len(input.shape) < 2:
        raise RuntimeError(
            f"renorm: input needs at least 2 dimensions, got {len(input.shape)} dimensions"
        )
    axes = tuple(i for i in range(len(input.shape)) if i != axis)
    size = _together(m, m.abs(input), p, axes, True)
    large = size > maxnorm
    return input * m.where(large, maxnorm / (m.where(large, size, 1) + 1e-7), 1)
