"""Matrices put together and taken apart: trace, block_diag, vecdot, powers."""

from collections.abc import Iterator
from typing import Any

from .._core import dtypes
from .._core.op import composite, op
from .joining import cat


@op("reduce")
def trace(m: Any, input: Any) -> Any:
    """Sum of a matrix's diagonal; integers add up in int64."""
    if len(input.shape) != 2:
        raise RuntimeError(f"trace: expected a matrix, but got tensor with dim {len(input.shape)}")
    whole = not (
        m.isdtype(input.dtype, "real floating") or m.isdtype(input.dtype, "complex floating")
    )
    return m.sum(m.diagonal(input, 0, 0, 1), dtype=m.int64 if whole else None)


@trace.vjp("input")
def _(m: Any, g: Any, input_shape: tuple) -> Any:
    rows, cols = input_shape
    here = m.reshape(m.arange(0, rows, 1, m.int64), (-1, 1)) == m.arange(0, cols, 1, m.int64)
    return m.where(here, g, 0)


@trace.defined_as
def _(np: Any, input: Any) -> Any:
    return np.trace(input)


@trace.samples
def _(draw: Any) -> Iterator:
    yield (draw(3, 3),), {}
    yield (draw(2, 4),), {}
    yield (draw.ints(3, 3, low=0, high=9),), {}


@trace.errors
def _(draw: Any) -> Iterator:
    yield (draw(2),), {}, RuntimeError, "trace: expected a matrix, but got tensor with dim 1"


def _block_keys(shapes: list) -> tuple[list, tuple]:
    """Where each matrix lies in a block diagonal, and the size of the whole."""
    keys, row, col = [], 0, 0
    for rows, cols in shapes:
        keys.append((slice(row, row + rows), slice(col, col + cols)))
        row, col = row + rows, col + cols
    return keys, (row, col)


def _as_matrix(shape: tuple) -> tuple:
    return (1,) * (2 - len(shape)) + tuple(shape)


@op(None, name="block_diag")
def blocks_of(m: Any, tensors: list) -> Any:
    """A matrix with the given ones along its diagonal."""
    for i, x in enumerate(tensors):
        if len(x.shape) > 2:
            raise RuntimeError(
                f"torch.block_diag: Input tensors must have 2 or fewer dimensions. Input {i} has "
                f"{len(x.shape)} dimensions"
            )
    kind = dtypes.result_dtype(tensors)
    keys, shape = _block_keys([_as_matrix(x.shape) for x in tensors])
    made = m.full(shape, 0, kind)
    for x, key in zip(tensors, keys, strict=True):
        made = m.write(made, m.reshape(m.astype(x, kind), _as_matrix(x.shape)), key)
    return made


@blocks_of.vjp("tensors")
def _(m: Any, g: Any, tensors_shape: list, tensors_dtype: list) -> list:
    keys, _ = _block_keys([_as_matrix(s) for s in tensors_shape])
    return [
        m.astype(m.reshape(m.index(g, key), tuple(shape)), kind)
        for key, shape, kind in zip(keys, tensors_shape, tensors_dtype, strict=True)
    ]


@composite
def block_diag(*tensors: Any) -> Any:
    """A matrix with the given ones along its diagonal."""
    given = tensors[0] if len(tensors) == 1 and isinstance(tensors[0], (list, tuple)) else tensors
    return blocks_of(list(given))


@block_diag.samples
def _(draw: Any) -> Iterator:
    yield (draw(2, 3), draw(3, 1), draw(2)), {}
    yield (draw(), draw(2, 2)), {}


@block_diag.errors
def _(draw: Any) -> Iterator:
    yield (
        (draw(2, 3, 4),),
        {},
        RuntimeError,
        "torch.block_diag: Input tensors must have 2 or fewer dimensions. Input 0 has 3 dimensions",
    )


@composite
def linalg_vecdot(x: Any, y: Any, *, dim: int = -1) -> Any:
    """Dot products along `dim`, the first argument conjugated."""
    return (x.conj() * y).sum(dim) if x.is_complex() else (x * y).sum(dim)


@linalg_vecdot.defined_as
def _(np: Any, x: Any, y: Any, dim: int = -1) -> Any:
    return np.sum(np.conj(x) * y, dim)


@linalg_vecdot.samples
def _(draw: Any) -> Iterator:
    yield (draw(3, 4), draw(3, 4)), {}
    yield (draw(3, 4), draw(4)), {}
    yield (draw(3, 4), draw(3, 1)), {"dim": 0}


@composite
def linalg_vander(x: Any, *, N: int | None = None) -> Any:
    """Powers 0, 1, 2 ... of vectors' elements as the columns of matrices."""
    if not x.ndim:
        x = x.unsqueeze(0)
    count = x.shape[-1] if N is None else N
    column = x.unsqueeze(-1)
    ones = column * 0 + 1
    powers = column.expand(*x.shape, max(count - 1, 0)).cumprod(-1)
    return cat([ones, powers], -1) if count else ones[..., :0]


@linalg_vander.samples
def _(draw: Any) -> Iterator:
    yield (draw(2, 4),), {}
    yield (draw(4),), {"N": 2}
    yield (draw(),), {"N": 2}
