"""Sampling an image at places given by a grid, and the grids of affine maps."""

from itertools import product
from math import prod
from typing import Any

from .dims import laid_along
from .ranks import ranked
from .resample import cubic_weights


def _pixels(x: Any, size: int, align_corners: bool) -> Any:
    """Coordinates as pixels: -1 and 1 are the outer pixels' centres, or their edges."""
    return (x + 1) * ((size - 1) / 2) if align_corners else ((x + 1) * size - 1) * 0.5


def _mirrored(m: Any, x: Any, low: float, high: float) -> Any:
    """x folded back between two mirrors."""
    span = high - low
    if span <= 0:
        return x * 0
    distance = m.abs(x - low)
    turns = m.floor(distance / span)
    rest = distance - turns * span
    even = turns - m.floor(turns * 0.5) * 2 == 0
    return m.where(even, rest, span - rest) + low


def _held(m: Any, x: Any, size: int) -> Any:
    return m.minimum(m.maximum(x, 0), size - 1)


def _padded_place(m: Any, x: Any, size: int, padding_mode: str, align_corners: bool) -> Any:
    """A pixel coordinate, brought into the image as `padding_mode` says."""
    if padding_mode == "border":
        return _held(m, x, size)
    if padding_mode == "reflection":
        low, high = (0.0, size - 1.0) if align_corners else (-0.5, size - 0.5)
        return _held(m, _mirrored(m, x, low, high), size)
    return x


def _values(m: Any, flat: Any, places: list, sizes: tuple) -> Any:
    """Pixels (n, c, count) at places (n, count) of each axis; 0 outside the image."""
    inside, where = None, 0
    for i, (place, size) in enumerate(zip(places, sizes)):
        here = (place >= 0) & (place < size)
        inside = here if inside is None else inside & here
        where = _held(m, place, size) * prod(sizes[i + 1 :]) + where
    n, c, count = flat.shape[0], flat.shape[1], where.shape[1]
    index = m.broadcast_to(m.reshape(where, (n, 1, count)), (n, c, count))
    return m.where(m.reshape(inside, (n, 1, count)), m.take_along_axis(flat, index, 2), 0)


def _sample_linear(m: Any, flat: Any, axes: list, sizes: tuple) -> Any:
    """Means of the corners around each place."""
    lower = [m.floor(x) for x in axes]
    total = 0
    for corner in product((0, 1), repeat=len(axes)):
        weight, places = 1, []
        for bit, x, low in zip(corner, axes, lower):
            weight = (x - low if bit else 1 - (x - low)) * weight
            places.append(m.astype(low, m.int64) + bit)
        values = _values(m, flat, places, sizes)
        total = values * m.reshape(weight, (weight.shape[0], 1, weight.shape[1])) + total
    return total


def _sample_cubic(
    m: Any, flat: Any, axes: list, sizes: tuple, padding_mode: str, align_corners: bool
) -> Any:
    """Cubic means of the 16 pixels around each place; each pixel's place is padded by itself."""
    lower = [m.floor(x) for x in axes]
    weights = [cubic_weights(x - low) for x, low in zip(axes, lower)]
    total = 0
    for taps in product(range(4), repeat=2):
        places, weight = [], 1
        for tap, low, w, size in zip(taps, lower, weights, sizes):
            place = _padded_place(m, low + (tap - 1), size, padding_mode, align_corners)
            places.append(m.astype(place, m.int64))
            weight = w[tap] * weight
        values = _values(m, flat, places, sizes)
        total = values * m.reshape(weight, (weight.shape[0], 1, weight.shape[1])) + total
    return total


@ranked("same", "GridSampler1DBackward0", "GridSampler2DBackward0", "GridSampler3DBackward0")
def grid_sample_of(
    m, input, grid, *, mode: str = "bilinear", padding_mode: str = "zeros",
    align_corners: bool = False, axes: tuple = (),
):  # fmt: skip
    """The input (n, c, ...) at the places that `grid` (n, ..., axes) names, from -1 to 1.

    The grid's last axis counts from the input's last axis to its first: x, y (and z).
    """
    sizes, out = input.shape[2:], grid.shape[1:-1]
    n, c = input.shape[:2]
    flat = m.reshape(input, (n, c, prod(sizes)))
    places = []
    for i, size in enumerate(sizes):
        x = m.reshape(m.index(grid, (..., len(sizes) - 1 - i)), (n, prod(out)))
        x = _pixels(x, size, align_corners)
        places.append(
            x if mode == "bicubic" else _padded_place(m, x, size, padding_mode, align_corners)
        )
    if mode == "nearest":
        made = _values(m, flat, [m.astype(m.round(x), m.int64) for x in places], sizes)
    elif mode == "bicubic":
        made = _sample_cubic(m, flat, places, sizes, padding_mode, align_corners)
    else:
        made = _sample_linear(m, flat, places, sizes)
    return m.reshape(made, (n, c, *out))


def _base(m: Any, sizes: tuple, align_corners: bool, dtype: Any) -> Any:
    """The places of all output pixels, (count, axes + 1), with a last column of ones."""
    columns = []
    for i in reversed(range(len(sizes))):
        size = sizes[i]
        x = (
            m.arange(0, size, 1, dtype) * (2 / max(size - 1, 1)) - 1
            if size > 1
            else m.full((1,), 0, dtype)
        )
        if not align_corners:
            x = x * ((size - 1) / size)
        x = laid_along(m, x, i, len(sizes))
        columns.append(m.reshape(m.broadcast_to(x, sizes), (-1, 1)))
    columns.append(m.full((prod(sizes), 1), 1, dtype))
    return m.concat(columns, axis=1)


@ranked(
    None,
    "AffineGridGeneratorBackward0",
    "AffineGridGeneratorBackward0",
    "AffineGridGeneratorBackward0",
)
def affine_places(m, theta, *, sizes: tuple, align_corners: bool = False):
    """Where affine maps theta (n, axes, axes + 1) take pixels from: (n, *sizes, axes)."""
    base = _base(m, sizes, align_corners, theta.dtype)
    made = m.matmul(base, m.permute_dims(theta, (0, 2, 1)))
    return m.reshape(made, (theta.shape[0], *sizes, len(sizes)))


@affine_places.vjp("theta")
def _(m, g, theta_shape, sizes, align_corners):
    base = _base(m, sizes, align_corners, g.dtype)
    g = m.reshape(g, (theta_shape[0], base.shape[0], len(sizes)))
    return m.matmul(m.permute_dims(g, (0, 2, 1)), base)
