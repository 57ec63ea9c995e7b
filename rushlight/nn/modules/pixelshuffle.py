"""Channels into places and back."""

from .. import functional as F
from .module import Functional


class PixelShuffle(Functional):
    """(C r², H, W) to (C, H r, W r)."""

    __constants__ = ["upscale_factor"]
    _repr_names = __constants__
    _function = F.pixel_shuffle

    def __init__(self, upscale_factor: int) -> None:
        super().__init__()
        self.upscale_factor = upscale_factor


class PixelUnshuffle(Functional):
    """(C, H r, W r) to (C r², H, W)."""

    __constants__ = ["downscale_factor"]
    _repr_names = __constants__
    _function = F.pixel_unshuffle

    def __init__(self, downscale_factor: int) -> None:
        super().__init__()
        self.downscale_factor = downscale_factor
