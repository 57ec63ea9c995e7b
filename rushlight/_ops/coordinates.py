"""Between sparse values and dense tensors: spread, merged, picked, and a sparse matrix product.

The values lie along the first axis; integer vectors say where in the dense tensor each belongs.
"""

import math
from collections.abc import Iterator
from typing import Any

from .._core.op import op


def _added(m: Any, values: Any, places: Any, count: int) -> Any:
    """`count` rows of zeros, with the values added at their places."""
    return m.put(m.full((count, *values.shape[1:]), 0, values.dtype), places, values, 0, "add")


@op(None, node="ToDenseBackward0")
def spread(m: Any, values: Any, places: Any, *, shape: tuple) -> Any:
    """Zeros of `shape` with the values added at flat places of its leading dimensions."""
    count = math.prod(shape) // max(1, math.prod(values.shape[1:])) if math.prod(shape) else 0
    return m.reshape(_added(m, values, places, count), shape)


@spread.vjp("values")
def _(m: Any, g: Any, values_shape: tuple, places: Any) -> Any:
    return m.take(m.reshape(g, (-1, *values_shape[1:])), places, 0)


@spread.samples
def _(draw: Any) -> Iterator:
    yield (draw(3), draw.ints(3, low=0, high=6)), {"shape": (2, 3)}
    yield (draw(3, 2), draw.ints(3, low=0, high=4)), {"shape": (2, 2, 2)}


@op(None, node="CoalesceBackward0")
def merged(m: Any, values: Any, places: Any, *, count: int) -> Any:
    """The sums of the values that share a place, for `count` places."""
    return _added(m, values, places, count)


@merged.vjp("values")
def _(m: Any, g: Any, places: Any) -> Any:
    return m.take(g, places, 0)


@merged.samples
def _(draw: Any) -> Iterator:
    yield (draw(4), draw.ints(4, low=0, high=3)), {"count": 3}


@op(None, node="ToSparseBackward1")
def picked(m: Any, input: Any, places: Any, *, dense: tuple) -> Any:
    """The blocks of shape `dense` at flat places of the leading dimensions of `input`."""
    return m.take(m.reshape(input, (-1, *dense)), places, 0)


@picked.vjp("input")
def _(m: Any, g: Any, input_shape: tuple, places: Any) -> Any:
    count = math.prod(input_shape) // max(1, math.prod(g.shape[1:]))
    return m.reshape(_added(m, g, places, count), tuple(input_shape))


@picked.samples
def _(draw: Any) -> Iterator:
    yield (draw(2, 3), draw.ints(4, low=0, high=6)), {"dense": ()}
    yield (draw(4, 3), draw.ints(2, low=0, high=4)), {"dense": (3,)}


@op(None, node="SparseAddmmBackward0")
def sparse_mm(m: Any, values: Any, mat2: Any, rows: Any, columns: Any, *, count: int) -> Any:
    """The product of a sparse matrix of `count` rows, given by its elements, and a dense one."""
    return _added(m, m.reshape(values, (-1, 1)) * m.take(mat2, columns, 0), rows, count)


@sparse_mm.vjp("values")
def _(m: Any, g: Any, mat2: Any, rows: Any, columns: Any) -> Any:
    return m.sum(m.take(g, rows, 0) * m.conj(m.take(mat2, columns, 0)), 1)


@sparse_mm.vjp("mat2")
def _(m: Any, g: Any, mat2_shape: tuple, values: Any, rows: Any, columns: Any) -> Any:
    return _added(
        m, m.conj(m.reshape(values, (-1, 1))) * m.take(g, rows, 0), columns, mat2_shape[0]
    )


@sparse_mm.samples
def _(draw: Any) -> Iterator:
    yield (
        (draw(3), draw(4, 2), draw.ints(3, low=0, high=5), draw.ints(3, low=0, high=4)),
        {"count": 5},
    )


@op("move", node="SparseCooTensorWithDimsAndTensorsBackward0")
def entered(m: Any, values: Any) -> Any:
    """The values, as those of a sparse tensor."""
    return values


@entered.vjp("values")
def _(m: Any, g: Any) -> Any:
    return g


@entered.samples
def _(draw: Any) -> Iterator:
    yield (draw(3),), {}
