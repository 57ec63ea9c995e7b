"""Batches divided among devices, and put together again."""

from collections.abc import Sequence
from typing import Any

from ..._core.devices import device
from ..._ops.joining import cat
from ..._tensor import Tensor


def place_of(target: Any) -> device:
    """A device, which may be given as the number of a GPU."""
    return device("cuda", target) if isinstance(target, int) else device(target)


def scatter(inputs: Any, target_gpus: Sequence[Any], dim: int = 0) -> list[Any]:
    """`inputs` once for each device: tensors in parts along `dim`, all else repeated."""
    places = [place_of(target) for target in target_gpus]
    return _scattered(inputs, places, dim)


def _scattered(value: Any, places: list[device], dim: int) -> list[Any]:
    if isinstance(value, Tensor):
        parts = value.chunk(len(places), dim)
        return [part.to(place) for part, place in zip(parts, places)]
    if isinstance(value, tuple) and value:
        rows = zip(*(_scattered(v, places, dim) for v in value))
        make = type(value)._make if hasattr(value, "_make") else tuple
        return [make(row) for row in rows]
    if isinstance(value, list) and value:
        return [list(row) for row in zip(*(_scattered(v, places, dim) for v in value))]
    if isinstance(value, dict) and value:
        rows = zip(*(_scattered(v, places, dim) for v in value.values()))
        return [type(value)(zip(value, row)) for row in rows]
    return [value for _ in places]


def gather(outputs: Sequence[Any], target_device: Any, dim: int = 0) -> Any:
    """The outputs of several devices as one, on `target_device`."""
    place, first = place_of(target_device), outputs[0]
    if isinstance(first, Tensor):
        given = [out.reshape(1) if out.dim() == 0 else out for out in outputs]
        return cat([out.to(place) for out in given], dim)
    if first is None:
        return None
    if isinstance(first, dict):
        return type(first)((k, gather([out[k] for out in outputs], place, dim)) for k in first)
    rows = [gather(list(row), place, dim) for row in zip(*outputs)]
    return type(first)._make(rows) if hasattr(first, "_make") else type(first)(rows)
