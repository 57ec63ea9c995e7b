"""Causal masks for queries and keys of different numbers."""

from ..._core.dtypes import bool_
from ..._creation import ones
from ..._tensor import Tensor


def causal_upper_left(*size: int) -> Tensor:
    """True where key j may be seen from query i: j <= i."""
    return ones(_two(size), dtype=bool_).tril()


def causal_lower_right(*size: int) -> Tensor:
    """The same, the last query seeing all keys."""
    queries, keys = _two(size)
    return ones((queries, keys), dtype=bool_).tril(diagonal=keys - queries)


def _two(size: tuple[int, ...]) -> tuple[int, int]:
    if len(size) != 2:
        raise AssertionError("causal masks only support 2D tensors")
    return size[0], size[1]
