"""Moving tensors between devices."""

from typing import Any

from .._core.devices import META
from .._core.kinds import known
from .._core.op import op
from .._core.tape import make, ndarray


@op("move", node="ToCopyBackward0", name="move_memory")
def _memory(m, input):
    """A copy of `input` in the memory of another device."""
    return m.copy(input)


@_memory.vjp("input")
def _(m, g):
    return g


def moved(input: Any, device: Any) -> Any:
    """`input` on another device, as part of the graph.

    Raises:
        NotImplementedError: from the meta device, whose tensors have no values to copy.
    """
    if device is META:
        m = known.meta
        return make(m.full(tuple(input.array.shape), 0, input.array.dtype), META)
    if input.array.__class__ is not ndarray and input.device is META:
        raise NotImplementedError(
            "Cannot copy out of meta tensor; no data! Use to_empty() to make the module's tensors "
            "on a device, and load or initialise them there."
        )
    made = _memory(input)
    made.device = device
    return made
