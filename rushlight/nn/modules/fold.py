"""Windows of images as columns, and back."""

from typing import Any

from .. import functional as F
from .module import Functional


class Fold(Functional):
    """Adds columns of windows up into images: the adjoint of `Unfold`."""

    __constants__ = ["output_size", "kernel_size", "dilation", "padding", "stride"]
    _repr_names = __constants__
    _function = F.fold

    def __init__(
        self, output_size: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0,
        stride: Any = 1,
    ) -> None:  # fmt: skip
        super().__init__()
        self.output_size = output_size
        self.kernel_size = kernel_size
        self.dilation = dilation
        self.padding = padding
        self.stride = stride


class Unfold(Functional):
    """Each window of the images as a column: (batch, channels * window, windows)."""

    __constants__ = ["kernel_size", "dilation", "padding", "stride"]
    _repr_names = __constants__
    _function = F.unfold

    def __init__(
        self, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.dilation = dilation
        self.padding = padding
        self.stride = stride
