"""Basic keys: views by whole numbers, slices and None, and the op that writes through them."""

from typing import Any

from .._core.errors import dim_of
from .._core.kinds import speak
from .._core.op import composite, op
from .._core.tape import fit


@op("view", node="SliceBackward0")
def sliced(m, input, *, key):
    """`input[key]` for a basic key: whole numbers, slices, None and Ellipsis."""
    return m.index(input, key)


@sliced.vjp("input")
def _(m, g, input_shape, key):
    return m.write(m.full(input_shape, 0, g.dtype), g, key)


@sliced.writes
def _(m, x, new, key):
    return m.write(x, new, key)


def _like_sliced(node: str, name: str) -> Any:
    """The same record under the node name that PyTorch gives for this sort of key."""
    made = op("view", node=node, name=name)(sliced.op.body)
    made.op.rules, made.op.put = sliced.op.rules, sliced.op.put
    return made


picked = _like_sliced("SelectBackward0", "picked")
widened = _like_sliced("UnsqueezeBackward0", "widened")
aliased = _like_sliced("AliasBackward0", "aliased")


@composite
def select(input, dim, index):
    """The slice of `input` at `index` along `dim`, without that dimension."""
    if not input.shape:
        raise IndexError("select() cannot be applied to a 0-dim tensor.")
    at = dim_of(dim, len(input.shape))
    n = input.shape[at]
    if not -n <= index < n:
        raise IndexError(
            f"select(): index {index} out of range for tensor of size {list(input.shape)} at "
            f"dimension {at}"
        )
    return picked(input, (*(slice(None),) * at, int(index)))


@composite
def narrow(input, dim, start, length):
    """`length` slices of `input` from `start` along `dim`."""
    at = dim_of(dim, len(input.shape))
    n, start = input.shape[at], int(start)
    if not -n <= start <= n:
        raise IndexError(
            f"Dimension out of range (expected to be in range of [{-n}, {n}], but got {start})"
        )
    start = start + n if start < 0 else start
    if length < 0:
        raise RuntimeError("narrow(): length must be non-negative.")
    if start + length > n:
        raise RuntimeError(f"start ({start}) + length ({length}) exceeds dimension size ({n}).")
    return sliced(input, (*(slice(None),) * at, slice(start, start + length)))


@op("move", node="SliceScatterBackward0")
def write(m, input, value, *, key):
    """`input` with `input[key]` replaced by `value`, for a basic key."""
    return m.write(input, value, key)


@write.vjp("input")
def _(m, g, key):
    return m.write(g, m.full((), 0, g.dtype), key)


@write.vjp("value")
def _(m, g, value_shape, key):
    return fit(m, m.index(g, key), value_shape)


speak(write, index=sliced)
