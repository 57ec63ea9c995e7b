"""Changes of dtype, copies, and the ops that writing in place is made of."""

from typing import Any

from .._core import dtypes, views
from .._core.kinds import speak
from .._core.op import op
from .._core.tape import fit
from .views import laid_like, strided_view


@op("move", node="ToCopyBackward0", name="cast")
def to_float(m, input, *, dtype):
    """`input` converted to a floating or complex dtype."""
    return m.astype(input, dtype)


@op("move", differentiable=False, name="cast")
def to_whole(m, input, *, dtype):
    """`input` converted to an integer dtype or bool, which carry no gradient."""
    return m.astype(input, dtype)


def cast(input: Any, dtype: Any) -> Any:
    """`input` converted to another dtype."""
    return to_float(input, dtype) if dtypes.of(dtype).category > 1 else to_whole(input, dtype)


@to_float.vjp("input")
def _(m, g, input_dtype):
    if m.isdtype(g.dtype, "complex floating") and not m.isdtype(input_dtype, "complex floating"):
        g = m.real(g)
    return m.astype(g, input_dtype)


@op("move", node="CloneBackward0")
def clone(m, input):
    """A copy that is part of the graph."""
    return m.copy(input)


@op("move", node="CloneBackward0")
def clone_in_order(m, input):
    """A copy whose elements lie in order in memory."""
    return m.contiguous(input)


@op("move", node="AliasBackward0")
def identity(m, input):
    """`input` under a node of its own."""
    return input


@clone.vjp("input")
@clone_in_order.vjp("input")
@identity.vjp("input")
def _(m, g):
    return g


@op("move", node="CopyBackwards")
def copied(m, input, source):
    """`source` in the shape of `input`: what a `copy_` leaves behind."""
    return m.broadcast_to(source, tuple(input.shape))


@copied.vjp("input")
def _(m, g):
    return m.zeros_like(g)


@copied.vjp("source")
def _(m, g, source_shape):
    return fit(m, g, source_shape)


@op("move", node="CopySlices")
def put(m, base, value, *, through, params):
    """`base` with the part that the view `through(base, **params)` shows replaced by `value`."""
    return through.put(m, base, value, **params)


@put.vjp("base")
def _(m, g, through, params):
    return through.put(m, g, m.zeros_like(through.body(m, g, **params)), **params)


@put.vjp("value")
def _(m, g, through, params):
    return through.body(m, g, **params)


@op("move", node="CopySlices")
def put_in_memory(m, base, value, *, through, params):
    """`put` through a view of the memory: the gradient must lie in memory as `base` does."""
    return through.put(m, base, value, **params)


@put_in_memory.vjp("base")
def _(m, g, base_layout, through, params):
    g = laid_like(m, g, base_layout)
    return through.put(m, g, m.zeros_like(through.body(m, g, **params)), **params)


@put_in_memory.vjp("value")
def _(m, g, base_layout, through, params):
    return through.body(m, laid_like(m, g, base_layout), **params)


def _put(base: Any, value: Any, through: Any, params: dict) -> Any:
    made = put_in_memory if through is strided_view.op else put
    return made(base, value, through=through, params=params)


views.helpers.update(cast=cast, copy=copied, put=_put, identity=identity, laid=laid_like)
speak(astype=cast, copy=clone, contiguous=clone_in_order)
