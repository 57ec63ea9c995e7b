"""Places as coordinates: of a fixed number of nonzero elements, and of flat indices."""

from typing import Any

from .._core import dtypes
from .._core.op import composite
from .indexing import nonzero
from .joining import cat


@composite
def nonzero_static(input: Any, *, size: int, fill_value: int = -1) -> Any:
    """The coordinates of the first `size` nonzero elements, then rows of `fill_value`."""
    if size < 0:
        raise RuntimeError(f"nonzero_static: 'size' must be an non-negative integer; it is {size}")
    if input.device.type == "meta":
        return input.new_empty((size, input.dim()), dtype=dtypes.int64)
    found = nonzero(input)[:size]
    missing = size - found.shape[0]
    return cat([found, found.new_full((missing, input.dim()), fill_value)]) if missing else found


@composite
def unravel_index(indices: Any, shape: Any) -> Any:
    """The coordinates, one tensor a dimension, of indices into a flattened tensor of `shape`."""
    sizes = [shape] if isinstance(shape, int) else [int(n) for n in shape]
    if indices.dtype.is_floating_point or indices.dtype.is_complex:
        raise ValueError("expected 'indices' to be integer dtype, but got " + str(indices.dtype))
    if any(n < 0 for n in sizes):
        raise ValueError(f"'shape' cannot have negative values, but got {tuple(sizes)}")
    made = []
    for n in reversed(sizes):
        made.append(indices % n)
        indices = indices.div(n, rounding_mode="floor")
    return tuple(reversed(made))
