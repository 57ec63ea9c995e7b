"""Resampling and shuffling of images with PyTorch's arguments."""

import math
import warnings
from typing import Any

from ..._core.naming import named
from ..._ops import grid, resample, shuffling
from ..._tensor import Tensor
from .pooling import adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d

pixel_shuffle, pixel_unshuffle = shuffling.pixel_shuffle, shuffling.pixel_unshuffle
channel_shuffle = native_channel_shuffle = shuffling.channel_shuffle

_SMOOTH = {"linear": 1, "bilinear": 2, "trilinear": 3, "bicubic": 2}  # modes, and their axes
_ADAPTIVE = (adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d)


def _sizes(
    input: Tensor, size: Any, scale_factor: Any, recompute_scale_factor: bool | None
) -> tuple[tuple, tuple]:
    """(output sizes, scales): scales are None where the sizes say everything."""
    axes = input.dim() - 2
    if size is not None and scale_factor is not None:
        raise ValueError("only one of size or scale_factor should be defined")
    if size is None and scale_factor is None:
        raise ValueError("either size or scale_factor should be defined")
    given, name = (size, "size") if size is not None else (scale_factor, "scale_factor")
    if isinstance(given, (tuple, list)):
        if len(given) != axes:
            what, short, of, letter = "scale_factor", "scale_factor", "of shape", "s"
            if name == "size":
                what, short, of, letter = "output", "output size", "of", "o"
            raise ValueError(
                f"Input and {what} must have the same number of spatial dimensions, but got input "
                f"with spatial dimensions of {list(input.shape[2:])} and {short} {of} {given}. "
                f"Please provide input tensor in (N, C, d1, d2, ...,dK) format and {short} in "
                f"({letter}1, {letter}2, ...,{letter}K) format."
            )
        each: list[Any] = list(given)
    else:
        each = [given] * axes
    if name == "size":
        if recompute_scale_factor:
            raise ValueError("recompute_scale_factor is not meaningful with an explicit size.")
        return tuple(int(n) for n in each), (None,) * axes
    sizes = tuple(math.floor(n * float(s)) for n, s in zip(input.shape[2:], each))
    return sizes, (None,) * axes if recompute_scale_factor else tuple(map(float, each))


def _check_align(mode: str, align_corners: bool | None) -> bool:
    if mode in ("nearest", "area", "nearest-exact"):
        if align_corners is not None:
            raise ValueError(
                "align_corners option can only be set with the interpolating modes: linear | "
                "bilinear | bicubic | trilinear"
            )
        return False
    return bool(align_corners)


def interpolate(
    input: Tensor, size: Any = None, scale_factor: Any = None, mode: str = "nearest",
    align_corners: bool | None = None, recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Tensor:  # fmt: skip
    """The input (n, c, ...) resampled to `size`, or by `scale_factor`.

    Args:
        mode: "nearest", "nearest-exact", "linear", "bilinear", "bicubic", "trilinear" or "area".
        align_corners: whether the outer pixels' centres, not their edges, lie on each other.
        recompute_scale_factor: take the scale from the sizes instead of `scale_factor`.
        antialias: smooth when shrinking (bilinear and bicubic).
    """
    align = _check_align(mode, align_corners)
    axes = input.dim() - 2
    sizes, scales = _sizes(input, size, scale_factor, recompute_scale_factor)
    if antialias and not (mode in ("bilinear", "bicubic") and axes == 2):
        raise ValueError(
            "Anti-alias option is restricted to bilinear and bicubic modes and requires a 4-D "
            "tensor as input"
        )
    if axes in (1, 2, 3):
        if mode == "area":
            return _ADAPTIVE[axes - 1](input, sizes)
        if mode == "nearest":
            return resample.resample_nearest[axes](input, sizes, scales)
        if mode == "nearest-exact":
            return resample.resample_nearest_exact[axes](input, sizes, scales)
        if _SMOOTH.get(mode) == axes:
            plain, wide = resample.resample_linear, resample.resample_smooth_linear
            if mode == "bicubic":
                plain, wide = resample.resample_cubic, resample.resample_smooth_cubic
            return (wide if antialias else plain)[axes](input, sizes, scales, align)
    if mode in _SMOOTH:
        raise NotImplementedError(
            f"Got {input.dim()}D input, but {mode} mode needs {_SMOOTH[mode] + 2}D input"
        )
    raise NotImplementedError(
        f"Input Error: Only 3D, 4D and 5D input Tensors supported (got {input.dim()}D) for the "
        "modes: nearest | linear | bilinear | bicubic | trilinear | lanczos | area | nearest-exact "
        f"(got {mode})"
    )


def _warn_of_name(old: str) -> None:
    warnings.warn(
        f"`nn.functional.{old}` is deprecated. Use `nn.functional.interpolate` instead.",
        stacklevel=3,
    )


def upsample(
    input: Tensor,
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
) -> Tensor:
    """An older name of `interpolate`."""
    _warn_of_name("upsample")
    return interpolate(input, size, scale_factor, mode, align_corners)


def _older(name: str, mode: str, align_corners: bool | None = None):
    def upsample(input: Tensor, size: Any = None, scale_factor: Any = None) -> Tensor:
        _warn_of_name(name)
        return interpolate(input, size, scale_factor, mode, align_corners)

    return named(upsample, name, f"An older name of `interpolate` with mode {mode!r}.")


upsample_nearest = _older("upsample_nearest", "nearest")
upsample_bilinear = _older("upsample_bilinear", "bilinear", True)


_ALIGN_WARNING = (
    "Default grid_sample and affine_grid behavior has changed to align_corners=False since 1.3.0. "
    "Please specify align_corners=True if the old behavior is desired. See the documentation of "
    "grid_sample for details."
)


def grid_sample(
    input: Tensor,
    grid: Tensor,
    mode: str = "bilinear",
    padding_mode: str = "zeros",
    align_corners: bool | None = None,
) -> Tensor:
    """The input at the places that `grid` (n, ..., axes) names, from -1 to 1, x first."""
    if mode not in ("bilinear", "nearest", "bicubic"):
        raise ValueError(
            "nn.functional.grid_sample(): expected mode to be 'bilinear', 'nearest' or 'bicubic', "
            f"but got: '{mode}'"
        )
    if padding_mode not in ("zeros", "border", "reflection"):
        raise ValueError(
            "nn.functional.grid_sample(): expected padding_mode to be 'zeros', 'border', or "
            f"'reflection', but got: '{padding_mode}'"
        )
    if align_corners is None:
        warnings.warn(_ALIGN_WARNING, stacklevel=2)
        align_corners = False
    _check_grid(input, grid, mode)
    axes = tuple(range(2, input.dim()))
    return _sampler[len(axes)](input, grid, mode, padding_mode, align_corners, axes)


def _check_grid(input: Tensor, where: Tensor, mode: str) -> None:
    if input.dim() not in (4, 5) or input.dim() != where.dim():
        raise RuntimeError(
            "grid_sampler(): expected 4D or 5D input and grid with same number of dimensions, but "
            f"got input with sizes {list(input.shape)} and grid with sizes {list(where.shape)}"
        )
    if input.shape[0] != where.shape[0]:
        raise RuntimeError(
            "grid_sampler(): expected grid and input to have same batch size, but got input with "
            f"sizes {list(input.shape)} and grid with sizes {list(where.shape)}"
        )
    if where.shape[-1] != input.dim() - 2:
        raise RuntimeError(
            f"grid_sampler(): expected grid to have size {input.dim() - 2} in last dimension, but "
            f"got grid with sizes {list(where.shape)}"
        )
    if mode == "bicubic" and input.dim() == 5:
        raise RuntimeError("grid_sampler(): bicubic interpolation only supports 4D input")


_sampler = grid.grid_sample_of


def affine_grid(theta: Tensor, size: Any, align_corners: bool | None = None) -> Tensor:
    """The grid (n, ..., axes) by which affine maps theta take an image of `size` (n, c, ...)."""
    if align_corners is None:
        warnings.warn(_ALIGN_WARNING, stacklevel=2)
        align_corners = False
    if not theta.is_floating_point():
        raise ValueError(f"Expected theta to have floating point type, but got {theta.dtype}")
    axes = len(size) - 2
    if axes not in (2, 3):
        raise NotImplementedError(
            "affine_grid only supports 4D and 5D sizes, for 2D and 3D affine transforms, "
            f"respectively. Got size {tuple(size)}."
        )
    if theta.shape != (size[0], axes, axes + 1):
        raise ValueError(
            f"Expected a batch of {axes}D affine matrices of shape Nx{axes}x{axes + 1} for size "
            f"{tuple(size)}. Got {theta.shape}."
        )
    return grid.affine_places[axes](theta, tuple(map(int, size[2:])), bool(align_corners))
