"""What slides over images, in plain loops: convolutions, windows, pooling."""

from collections.abc import Callable, Iterator, Sequence
from itertools import product
from math import ceil, floor
from typing import Any

import numpy as np

Array = np.ndarray
Sizes = Sequence[int]


def sources(place: Sizes, tap: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes) -> tuple:
    """Where in the input tap `tap` of the window at `place` falls: place s + tap d - p."""
    return tuple(i * s + k * d - p for i, k, s, p, d in zip(place, tap, stride, padding, dilation))


def inside(place: Sizes, sizes: Sizes) -> bool:
    """Whether a place is in the image."""
    return all(0 <= i < n for i, n in zip(place, sizes))


def out_sizes(
    sizes: Sizes, kernel: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes, up: bool = False
) -> tuple:
    """Windows along each axis; rounded up, the last must begin before the padding on the right."""
    made = []
    for n, k, s, p, d in zip(sizes, kernel, stride, padding, dilation):
        count = (ceil if up else floor)((n + 2 * p - d * (k - 1) - 1) / s) + 1
        made.append(count - 1 if up and (count - 1) * s >= n + p else count)
    return tuple(made)


def meetings(
    small: tuple, large: tuple, weight: tuple, groups: int,
    stride: Sizes, padding: Sizes, dilation: Sizes,
) -> Iterator[tuple]:  # fmt: skip
    """(place in the small image, place in the large one, place in the weight) of each product.

    Shapes: small (n, out, ...), large (n, in, ...), weight (out, in / groups, ...).
    """
    each_out, each_in = weight[0] // groups, weight[1]
    for n, o, c, *place in np.ndindex(small[0], weight[0], each_in, *small[2:]):
        for tap in np.ndindex(*weight[2:]):
            source = sources(place, tap, stride, padding, dilation)
            if inside(source, large[2:]):
                channel = o // each_out * each_in + c
                yield (n, o, *place), (n, channel, *source), (o, c, *tap)


def convolution(
    x: Array, w: Array, bias: Any = None, stride: Sizes = (1, 1), padding: Sizes = (0, 0),
    dilation: Sizes = (1, 1), groups: int = 1,
) -> Array:  # fmt: skip
    """Each output the sum of the products that meet there."""
    room = out_sizes(x.shape[2:], w.shape[2:], stride, padding, dilation)
    made = np.zeros((x.shape[0], w.shape[0], *room), x.dtype)
    for out, source, tap in meetings(
        made.shape, x.shape, w.shape, groups, stride, padding, dilation
    ):
        made[out] += x[source] * w[tap]
    return made if bias is None else made + bias.reshape(-1, *(1,) * len(room))


def convolution_back(
    g: Array, w: Array, bias: Any = None, shape: tuple = (), stride: Sizes = (1, 1),
    padding: Sizes = (0, 0), dilation: Sizes = (1, 1), groups: int = 1,
) -> Array:  # fmt: skip
    """The adjoint in the image: each product goes back to where it came from."""
    made = np.zeros(shape, g.dtype)
    for out, source, tap in meetings(g.shape, shape, w.shape, groups, stride, padding, dilation):
        made[source] += g[out] * w[tap]
    return made if bias is None else made + bias.reshape(-1, *(1,) * (len(shape) - 2))


def convolution_weight(
    g: Array, x: Array, shape: tuple, stride: Sizes, padding: Sizes, dilation: Sizes,
    groups: int = 1,
) -> Array:  # fmt: skip
    """The adjoint in the weight."""
    made = np.zeros(shape)
    for out, source, tap in meetings(g.shape, x.shape, shape, groups, stride, padding, dilation):
        made[tap] += g[out] * x[source]
    return made


def windows(x: Array, size: Sizes, stride: Sizes, dilation: Sizes) -> Array:
    """(..., windows, places in the window)."""
    axes, none = len(size), (0,) * len(size)
    room = out_sizes(x.shape[-axes:], size, stride, none, dilation)
    made = np.zeros((*x.shape[:-axes], *room, *size))
    for place, tap in product(np.ndindex(*room), np.ndindex(*size)):
        made[(..., *place, *tap)] = x[(..., *sources(place, tap, stride, none, dilation))]
    return made


def windows_back(g: Array, shape: tuple, stride: Sizes, dilation: Sizes) -> Array:
    """Each element of a window added where it was taken."""
    axes, made = len(stride), np.zeros(shape)
    room, size = g.shape[-2 * axes : -axes], g.shape[-axes:]
    for place, tap in product(np.ndindex(*room), np.ndindex(*size)):
        source = sources(place, tap, stride, (0,) * axes, dilation)
        made[(..., *source)] += g[(..., *place, *tap)]
    return made


def columns(x: Array, kernel_size: Sizes, dilation: Sizes, padding: Sizes, stride: Sizes) -> Array:
    """(n, channels x taps, windows), 0 from the padding."""
    room = out_sizes(x.shape[-2:], kernel_size, stride, padding, dilation)
    made = np.zeros((*x.shape[:2], *kernel_size, *room))
    for place, tap in product(np.ndindex(*room), np.ndindex(*kernel_size)):
        source = sources(place, tap, stride, padding, dilation)
        if inside(source, x.shape[-2:]):
            made[(..., *tap, *place)] = x[(..., *source)]
    return made.reshape(x.shape[0], -1, int(np.prod(room)))


def columns_back(
    x: Array, output_size: Sizes, kernel_size: Sizes, dilation: Sizes, padding: Sizes,
    stride: Sizes,
) -> Array:  # fmt: skip
    """The adjoint of `columns`."""
    room = out_sizes(output_size, kernel_size, stride, padding, dilation)
    x = x.reshape(x.shape[0], -1, *kernel_size, *room)
    made = np.zeros((*x.shape[:2], *output_size))
    for place, tap in product(np.ndindex(*room), np.ndindex(*kernel_size)):
        source = sources(place, tap, stride, padding, dilation)
        if inside(source, output_size):
            made[(..., *source)] += x[(..., *tap, *place)]
    return made


def pooled(
    x: Array, window: Sizes, stride: Sizes, padding: Sizes, dilation: Any = None,
    ceil_mode: bool = False,
) -> tuple[Array, Array]:  # fmt: skip
    """(greatest element of each window, its flat place; the first of equals)."""
    axes = len(window)
    sizes, dilation = x.shape[-axes:], dilation or (1,) * axes
    room = out_sizes(sizes, window, stride, padding, dilation, ceil_mode)
    best = np.zeros((*x.shape[:-axes], *room))
    where = np.zeros(best.shape, int)
    for *lead, place in product(np.ndindex(*x.shape[:-axes]), np.ndindex(*room)):
        taps = (sources(place, tap, stride, padding, dilation) for tap in np.ndindex(*window))
        found = max((s for s in taps if inside(s, sizes)), key=lambda s: x[(*lead[0], *s)])
        best[(*lead[0], *place)] = x[(*lead[0], *found)]
        where[(*lead[0], *place)] = np.ravel_multi_index(found, sizes)
    return best, where


def averaged(
    x: Array, window: Sizes, stride: Sizes, padding: Sizes, ceil_mode: bool = False,
    count_include_pad: bool = True, divisor_override: int | None = None,
) -> Array:  # fmt: skip
    """Sums of windows over the places that they have in the padded image, or in the image."""
    axes = len(window)
    sizes, ones = x.shape[-axes:], (1,) * axes
    room = out_sizes(sizes, window, stride, padding, ones, ceil_mode)
    made = np.zeros((*x.shape[:-axes], *room))
    padded = tuple(n + 2 * p for n, p in zip(sizes, padding))
    for place in np.ndindex(*room):
        taps = [sources(place, tap, stride, padding, ones) for tap in np.ndindex(*window)]
        seen = [x[(..., *s)] for s in taps if inside(s, sizes)]
        held = sum(inside([i + p for i, p in zip(s, padding)], padded) for s in taps)
        made[(..., *place)] = np.sum(seen, 0) / (
            divisor_override or (held if count_include_pad else len(seen))
        )
    return made


def adaptive(x: Array, output_size: Sizes) -> Iterator[tuple[tuple, list[tuple]]]:
    """(place, the places that it sums up): from floor(i n / o) up to ceil((i + 1) n / o)."""
    sizes = x.shape[-len(output_size) :]
    for place in np.ndindex(*output_size):
        spans = [
            range(floor(i * n / o), ceil((i + 1) * n / o))
            for i, n, o in zip(place, sizes, output_size)
        ]
        yield place, list(product(*spans))


def adaptive_average(x: Array, output_size: Sizes) -> Array:
    """Means of the parts."""
    made = np.zeros((*x.shape[: -len(output_size)], *output_size))
    for place, seen in adaptive(x, output_size):
        made[(..., *place)] = np.mean([x[(..., *s)] for s in seen], 0)
    return made


def adaptive_greatest(x: Array, output_size: Sizes) -> tuple[Array, Array]:
    """(greatest of each part, its flat place)."""
    sizes = x.shape[-len(output_size) :]
    best = np.zeros((*x.shape[: -len(output_size)], *output_size))
    where = np.zeros(best.shape, int)
    for place, seen in adaptive(x, output_size):
        values = np.stack([x[(..., *s)] for s in seen])
        flat = np.array([np.ravel_multi_index(s, sizes) for s in seen])
        best[(..., *place)], where[(..., *place)] = values.max(0), flat[values.argmax(0)]
    return best, where


VALUES: dict[str, Callable] = {
    "convolve": convolution,
    "convolve_transposed": convolution_back,
    "convolution_for_input": convolution_back,
    "convolution_for_weight": convolution_weight,
    "windows": windows,
    "unwindows": windows_back,
    "im2col": columns,
    "col2im": columns_back,
    **{f"pool_max{d}d": lambda *args, **kwargs: pooled(*args, **kwargs)[0] for d in (1, 2, 3)},
    **{f"pool_max_places{d}d": pooled for d in (1, 2, 3)},
    **{f"pool_avg{d}d": averaged for d in (1, 2, 3)},
    **{f"pool_adaptive_avg{d}d": adaptive_average for d in (1, 2, 3)},
    **{f"pool_adaptive_max{d}d": adaptive_greatest for d in (1, 2, 3)},
}
