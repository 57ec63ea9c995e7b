"""Parts of matrices that gradient rules of decompositions are made of."""

from typing import Any

from .._core import dtypes
from .dims import FLOATS
from .matmul import adjoint_of


def _places(m: Any, x: Any) -> tuple[Any, Any]:
    """Row and column numbers, to be compared."""
    rows, cols = x.shape[-2:]
    return m.reshape(m.arange(0, rows, 1, m.int64), (-1, 1)), m.arange(0, cols, 1, m.int64)


def lower(m: Any, x: Any, offset: int = 0) -> Any:
    """The lower triangle of matrices, up to the diagonal `offset`; zeros elsewhere."""
    row, col = _places(m, x)
    return m.where(col - row <= offset, x, 0)


def upper(m: Any, x: Any, offset: int = 0) -> Any:
    """The upper triangle of matrices, from the diagonal `offset`; zeros elsewhere."""
    row, col = _places(m, x)
    return m.where(col - row >= offset, x, 0)


def eye_like(m: Any, x: Any) -> Any:
    """One identity matrix of the size and dtype of the matrices in `x`."""
    row, col = _places(m, x)
    return m.astype(row == col, x.dtype)


def on_diagonal(m: Any, v: Any) -> Any:
    """Diagonal matrices from vectors."""
    column = columns(m, v)
    row, col = _places(m, m.broadcast_to(column, (*v.shape, v.shape[-1])))
    return m.where(row == col, column, 0)


def diagonal_of(m: Any, x: Any) -> Any:
    """The diagonals of matrices, as vectors."""
    n = len(x.shape)
    return m.diagonal(x, 0, n - 2, n - 1)


def columns(m: Any, v: Any) -> Any:
    """Vectors that scale the rows of a matrix."""
    return m.reshape(v, (*v.shape, 1))


def rows(m: Any, v: Any) -> Any:
    """Vectors that scale the columns of a matrix."""
    return m.reshape(v, (*v.shape[:-1], 1, v.shape[-1]))


def over_triangle(m: Any, x: Any, t: Any, upper: bool, unit: bool = False) -> Any:
    """x t^-1 for triangular `t`."""
    return adjoint_of(m, m.triangular_solve(adjoint_of(m, t), adjoint_of(m, x), not upper, unit))


def holds_complex(m: Any, x: Any) -> bool:
    """Whether an array holds complex numbers."""
    return m.isdtype(x.dtype, "complex floating")


def check_matrices(x: Any, name: str, square: bool = True, letter: str = "A") -> None:
    """Refuse what is no floating matrix (or no square one)."""
    if len(x.shape) < 2:
        raise RuntimeError(
            f"{name}: The input tensor {letter} must have at least 2 dimensions. Its shape is"
            f" {tuple(x.shape)}"
        )
    if square and x.shape[-1] != x.shape[-2]:
        raise RuntimeError(
            f"{name}: {letter} must be batches of square matrices, but they are {x.shape[-2]} by "
            f"{x.shape[-1]} matrices"
        )
    check_floats(x, name)


def check_floats(x: Any, name: str) -> None:
    """Refuse integers and masks."""
    if x.dtype not in FLOATS:
        raise RuntimeError(
            f"{name}: Expected a floating point or complex tensor as input. Got "
            f"{dtypes.of(x.dtype).type_name}; convert with .float()"
        )
