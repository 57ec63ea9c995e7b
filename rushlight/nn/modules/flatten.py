"""Several axes into one, and one into several."""

from typing import Any

from ..._tensor import Tensor
from .module import Module


class Flatten(Module):
    """Axes `start_dim` to `end_dim` as one; the first, the batch, stays."""

    __constants__ = ["start_dim", "end_dim"]
    _repr_names = __constants__

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        super().__init__()
        self.start_dim = start_dim
        self.end_dim = end_dim

    def forward(self, input: Tensor) -> Tensor:
        return input.flatten(self.start_dim, self.end_dim)


class Unflatten(Module):
    """Axis `dim` as several axes of the given sizes."""

    __constants__ = ["dim", "unflattened_size"]
    _repr_names = __constants__

    def __init__(self, dim: Any, unflattened_size: Any) -> None:
        super().__init__()
        if isinstance(dim, int):
            _require(unflattened_size, (tuple, list), int)
        elif isinstance(dim, str):
            _require(unflattened_size, (tuple,), tuple)
        else:
            raise TypeError("invalid argument type for dim parameter")
        self.dim = dim
        self.unflattened_size = unflattened_size

    def forward(self, input: Tensor) -> Tensor:
        return input.unflatten(self.dim, self.unflattened_size)


def _require(sizes: Any, kinds: tuple[type, ...], each: type) -> None:
    """Refuse sizes that are of none of these kinds, and those that hold anything but `each`."""
    if not isinstance(sizes, kinds):
        raise TypeError(
            f"unflattened_size must be a tuple of {each.__name__}s, but found type "
            f"{type(sizes).__name__}"
        )
    for place, size in enumerate(sizes):
        if not isinstance(size, each):
            raise TypeError(
                f"unflattened_size must be tuple of {each.__name__}s, "
                f"but found element of type {type(size).__name__} at pos {place}"
            )
