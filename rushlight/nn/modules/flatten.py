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
            _require_ints(unflattened_size)
        elif isinstance(dim, str):
            _require_pairs(unflattened_size)
        else:
            raise TypeError("invalid argument type for dim parameter")
        self.dim = dim
        self.unflattened_size = unflattened_size

    def forward(self, input: Tensor) -> Tensor:
        return input.unflatten(self.dim, self.unflattened_size)


def _require_ints(sizes: Any) -> None:
    if not isinstance(sizes, (tuple, list)):
        raise TypeError(
            f"unflattened_size must be a tuple of ints, but found type {type(sizes).__name__}"
        )
    for place, size in enumerate(sizes):
        if not isinstance(size, int):
            raise TypeError(
                "unflattened_size must be tuple of ints, "
                f"but found element of type {type(size).__name__} at pos {place}"
            )


def _require_pairs(sizes: Any) -> None:
    if not isinstance(sizes, tuple):
        raise TypeError(
            f"unflattened_size must be a tuple of tuples, but found type {type(sizes).__name__}"
        )
    for place, pair in enumerate(sizes):
        if not isinstance(pair, tuple):
            raise TypeError(
                "unflattened_size must be tuple of tuples, "
                f"but found element of type {type(pair).__name__} at pos {place}"
            )
