"""Between sparse values and dense tensors: spread, merged, picked, and a sparse matrix product.

The values lie along the first axis; integer vectors say where in the dense tensor each belongs.
"""

import math
from typing import Any

from .._core.op import op


def _added(m: Any, values: Any, places: Any, count: int) -> Any:
    """`count` rows of zeros, with the values added at their places."""
    return m.put(m.full((count, *values.shape[1:]), 0, values.dtype), places, values, 0, "add")


@op(None, node="ToDenseBackward0")
def spread(m, values, places, *, shape: tuple):
    """Zeros of `shape` with the values added at flat places of its leading dimensions."""
    count = math.prod(shape) // max(1, math.prod(values.shape[1:])) if math.prod(shape) else 0
    return m.reshape(_added(m, values, places, count), shape)


@spread.vjp("values")
def _(m, g, values_shape, places):
    return m.take(m.reshape(g, (-1, *values_shape[1:])), places, 0)


@op(None, node="CoalesceBackward0")
def merged(m, values, places, *, count: int):
    """The sums of the values that share a place, for `count` places."""
    return _added(m, values, places, count)


@merged.vjp("values")
def _(m, g, places):
    return m.take(g, places, 0)


@op(None, node="ToSparseBackward1")
def picked(m, input, places, *, dense: tuple):
    """The blocks of shape `dense` at flat places of the leading dimensions of `input`."""
    return m.take(m.reshape(input, (-1, *dense)), places, 0)


@picked.vjp("input")
def _(m, g, input_shape, places):
    count = math.prod(input_shape) // max(1, math.prod(g.shape[1:]))
    return m.reshape(_added(m, g, places, count), tuple(input_shape))


@op(None, node="SparseAddmmBackward0")
def sparse_mm(m, values, mat2, rows, columns, *, count: int):
    """The product of a sparse matrix of `count` rows, given by its elements, and a dense one."""
    return _added(m, m.reshape(values, (-1, 1)) * m.take(mat2, columns, 0), rows, count)


@sparse_mm.vjp("values")
def _(m, g, mat2, rows, columns):
    return m.sum(m.take(g, rows, 0) * m.conj(m.take(mat2, columns, 0)), 1)


@sparse_mm.vjp("mat2")
def _(m, g, mat2_shape, values, rows, columns):
    return _added(
        m, m.conj(m.reshape(values, (-1, 1))) * m.take(g, rows, 0), columns, mat2_shape[0]
    )


@op("move", node="SparseCooTensorWithDimsAndTensorsBackward0")
def entered(m, values):
    """The values, as those of a sparse tensor."""
    return values


@entered.vjp("values")
def _(m, g):
    return g
