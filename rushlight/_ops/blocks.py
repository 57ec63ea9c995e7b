"""Matrices put together and taken apart: trace, block_diag, vecdot, powers."""

from typing import Any

from .._core import dtypes
from .._core.op import composite, filling, op
from .dims import FLOATS, listed
from .joining import cat


@op("reduce")
def trace(m, input):
    """Sum of a matrix's diagonal; integers add up in int64."""
    if len(input.shape) != 2:
        raise RuntimeError(f"trace: expected a matrix, but got tensor with dim {len(input.shape)}")
    return m.sum(m.diagonal(input, 0, 0, 1), dtype=None if input.dtype in FLOATS else m.int64)


@trace.vjp("input")
def _(m, g, input_shape):
    rows, cols = input_shape
    here = m.reshape(m.arange(0, rows, 1, m.int64), (-1, 1)) == m.arange(0, cols, 1, m.int64)
    return m.where(here, g, 0)


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
def blocks_of(m, tensors: list):
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
    for x, key in zip(tensors, keys):
        made = m.write(made, m.reshape(m.astype(x, kind), _as_matrix(x.shape)), key)
    return made


@blocks_of.vjp("tensors")
def _(m, g, tensors_shape, tensors_dtype):
    keys, _ = _block_keys([_as_matrix(s) for s in tensors_shape])
    return [
        m.astype(m.reshape(m.index(g, key), tuple(shape)), kind)
        for key, shape, kind in zip(keys, tensors_shape, tensors_dtype)
    ]


@composite
def block_diag(*tensors: Any) -> Any:
    """A matrix with the given ones along its diagonal."""
    return blocks_of(list(listed(tensors)))


@filling
def linalg_vecdot(x: Any, y: Any, *, dim: int = -1) -> Any:
    """Dot products along `dim`, the first argument conjugated."""
    return (x.conj() * y).sum(dim) if x.is_complex() else (x * y).sum(dim)


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
