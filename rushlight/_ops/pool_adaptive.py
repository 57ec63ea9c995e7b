"""Adaptive pooling: as many windows as the output has places, of whatever size that takes."""

from itertools import product
from math import prod
from typing import Any

from .dims import laid_along
from .pool import unpooled
from .ranks import ranked
from .separable import apply, transposed

Sizes = tuple[int, ...]


def _bounds(m: Any, size: int, out: int) -> tuple:
    """(start, end) of each window along an axis: floor(i n / o) and ceil((i + 1) n / o)."""
    i = m.arange(0, out, 1, m.int64)
    return i * size // out, ((i + 1) * size + (out - 1)) // out


def _averages(m: Any, shape: tuple, output_size: Sizes, dtype: Any) -> list:
    """For each axis the matrix that averages its windows."""
    made = []
    for size, out in zip(shape[len(shape) - len(output_size) :], output_size):
        start, end = (m.reshape(b, (-1, 1)) for b in _bounds(m, size, out))
        place = m.reshape(m.arange(0, size, 1, m.int64), (1, size))
        inside = m.astype((place >= start) & (place < end), dtype)
        made.append(inside / m.astype(end - start, dtype))
    return made


@ranked(None, "SqueezeBackward1", "AdaptiveAvgPool2DBackward0", "AdaptiveAvgPool3DBackward0")
def pool_adaptive_avg(m, input, *, output_size: Sizes):
    """Means of windows that divide the last axes into `output_size` parts."""
    return apply(m, _averages(m, input.shape, output_size, input.dtype), input)


@pool_adaptive_avg.vjp("input")
def _(m, g, input_shape, output_size):
    return apply(m, transposed(m, _averages(m, input_shape, output_size, g.dtype)), g)


def _window_places(m: Any, size: int, out: int) -> list:
    """Along one axis: for t = 0, 1 ..., each window's place t; past its end, its last one again."""
    start, end = _bounds(m, size, out)
    longest = max((-(-(i + 1) * size // out) - i * size // out for i in range(out)), default=0)
    return [m.minimum(start + t, end - 1) for t in range(longest)]


@ranked(
    None,
    "SqueezeBackward1",
    "AdaptiveMaxPool2DBackward0",
    "AdaptiveMaxPool3DBackward0",
    outputs=("output", "indices"),
    differentiable=("output",),
)
def pool_adaptive_max(m, input, *, output_size: Sizes):
    """The greatest elements of windows that divide the last axes, and their flat places."""
    axes = len(output_size)
    first, sizes = len(input.shape) - axes, input.shape[len(input.shape) - axes :]
    steps = [_window_places(m, n, o) for n, o in zip(sizes, output_size)]
    best: Any = None
    where: Any = None
    for places in product(*steps):
        part, flat = input, 0
        for i, place in enumerate(places):
            part = m.take(part, place, first + i)
            flat = laid_along(m, place, i, axes) * prod(sizes[i + 1 :]) + flat
        if best is None:
            best, where = part, m.broadcast_to(flat, part.shape)
            continue
        better = (part > best) | (part != part)
        where, best = m.where(better, flat, where), m.maximum(best, part)
    return best, where * 1


@pool_adaptive_max.vjp("input")
def _(m, g, input_shape, out, output_size):
    return unpooled(m, g[0], out[1], input_shape, len(output_size), "add")
