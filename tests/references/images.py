"""Resampling and sampling of images: each output pixel a weighted sum over all input pixels."""

from collections.abc import Callable
from typing import Any

import numpy as np

Array = np.ndarray


def hat(t: Array) -> Array:
    """1 - |t| within 1: linear interpolation."""
    return np.maximum(1 - np.abs(t), 0)


def cubic(a: float) -> Callable[[Array], Array]:
    """Keys' kernel (1981) with slope a at 1."""

    def made(t: Array) -> Array:
        t = np.abs(t)
        near = (a + 2) * t**3 - (a + 3) * t**2 + 1
        far = a * t**3 - 5 * a * t**2 + 8 * a * t - 4 * a
        return np.where(t < 1, near, np.where(t < 2, far, 0))

    return made


KEYS, SMOOTH = cubic(-0.75), cubic(-0.5)


def ratio_of(n: int, out: int, scale: float | None, align_corners: bool) -> float:
    """Input pixels per output pixel."""
    if align_corners:
        return (n - 1) / (out - 1) if out > 1 else 0.0
    return 1 / scale if scale else n / out


def places(n: int, out: int, scale: float | None, align_corners: bool) -> Array:
    """Where the centres of output pixels lie, in input pixels."""
    ratio = ratio_of(n, out, scale, align_corners)
    return np.arange(out) * ratio if align_corners else (np.arange(out) + 0.5) * ratio - 0.5


def nearest(shift: float) -> Callable[..., Array]:
    """Weights of the pixel that holds (i + shift) ratio."""

    def made(n: int, out: int, scale: float | None, align_corners: bool) -> Array:
        source = np.floor((np.arange(out) + shift) * ratio_of(n, out, scale, False))
        return np.arange(n) == np.minimum(source, n - 1)[:, None]

    return made


def linear_weights(n: int, out: int, scale: float | None, align_corners: bool) -> Array:
    """Hats around the places, which are held inside the image."""
    source = np.clip(places(n, out, scale, align_corners), 0, n - 1)
    return hat(source[:, None] - np.arange(n))


def cubic_weights(n: int, out: int, scale: float | None, align_corners: bool) -> Array:
    """Keys' kernels; pixels beyond the image are those at its end."""
    source = places(n, out, scale, align_corners)
    made = np.zeros((out, n))
    for pixel in range(-3, n + 3):
        made[:, min(max(pixel, 0), n - 1)] += KEYS(source - pixel)
    return made


def smooth(kernel: Callable[[Array], Array]) -> Callable[..., Array]:
    """Kernels as wide as an output pixel, of the image's pixels alone, adding up to 1."""

    def made(n: int, out: int, scale: float | None, align_corners: bool) -> Array:
        ratio = ratio_of(n, out, scale, align_corners)
        centres = (np.arange(out) + 0.5) * ratio
        weights = kernel((centres[:, None] - np.arange(n) - 0.5) / max(ratio, 1))
        return weights / weights.sum(1, keepdims=True)

    return made


def resampled(weights: Callable[..., Array]) -> Callable[..., Array]:
    """The last axes, one by one, by the weights of each."""

    def made(input: Array, size: tuple, scales: tuple, align_corners: bool = False) -> Array:
        for axis, out, scale in zip(range(-len(size), 0), size, scales):
            matrix = weights(input.shape[axis], out, scale, align_corners)
            input = np.moveaxis(np.tensordot(matrix, input, (1, axis)), 0, axis)
        return input

    return made


def grid_sampled(input: Array, grid: Array, align_corners: bool = False, **_: Any) -> Array:
    """Hats around the places named from -1 to 1, last axis first; 0 outside the image."""
    sizes, made = input.shape[2:], np.zeros((*input.shape[:2], *grid.shape[1:-1]))
    for n, *place in np.ndindex(*grid.shape[:-1]):
        total = input[n]
        for coordinate, size in reversed(list(zip(grid[(n, *place)][::-1], sizes))):
            x = (
                (coordinate + 1) * (size - 1) / 2
                if align_corners
                else (coordinate + 1) * size / 2 - 0.5
            )
            total = total @ hat(x - np.arange(size))
        made[(n, slice(None), *place)] = total
    return made


def affine_grid(theta: Array, sizes: tuple, align_corners: bool = False) -> Array:
    """theta (x, y, z, 1) for the pixels' centres, -1 and 1 being outer centres or edges."""
    axes = [
        np.linspace(-1, 1, n) if align_corners else (2 * np.arange(n) + 1) / n - 1 for n in sizes
    ]
    made = np.zeros((len(theta), *sizes, len(sizes)))
    for place in np.ndindex(*sizes):
        point = [axis[i] for axis, i in zip(axes, place)][::-1]
        made[(slice(None), *place)] = theta @ np.array([*point, 1.0])
    return made


KINDS: dict[str, tuple[Callable[..., Array], int]] = {  # weights, and up to how many axes
    "nearest": (nearest(0.0), 3),
    "nearest_exact": (nearest(0.5), 3),
    "linear": (linear_weights, 3),
    "cubic": (cubic_weights, 2),
    "smooth_linear": (smooth(hat), 2),
    "smooth_cubic": (smooth(SMOOTH), 2),
}
VALUES: dict[str, Callable] = {
    **{
        f"resample_{kind}{d}d": resampled(weights)
        for kind, (weights, most) in KINDS.items()
        for d in range(1, most + 1)
    },
    **{f"grid_sample_of{d}d": grid_sampled for d in (1, 2, 3)},
    **{f"affine_places{d}d": affine_grid for d in (1, 2, 3)},
}
