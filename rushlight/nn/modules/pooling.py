"""Pooling layers."""

from collections.abc import Callable
from typing import Any

from ..._tensor import Tensor
from .. import functional as F
from .module import Functional, Module
from .utils import _ntuple, _single


class _MaxPoolNd(Functional):
    __constants__ = "kernel_size stride padding dilation return_indices ceil_mode".split()
    _repr_names = ("kernel_size", "stride", "padding", "dilation", "ceil_mode")
    _options = "kernel_size stride padding dilation ceil_mode return_indices"

    def __init__(
        self, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1,
        return_indices: bool = False, ceil_mode: bool = False,
    ) -> None:  # fmt: skip
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding = padding
        self.dilation = dilation
        self.return_indices = return_indices
        self.ceil_mode = ceil_mode


class MaxPool1d(_MaxPoolNd):
    """The greatest value in each window of sequences.

    Args:
        kernel_size: of the window; `stride` is the same unless given.
        padding: places of minus infinity on both sides.
        dilation: distance between the window's places.
        return_indices: whether the places of the maxima are returned too.
        ceil_mode: whether a window may reach over the end.
    """

    _function = F.max_pool1d


class MaxPool2d(_MaxPoolNd):
    """The greatest value in each window of images. Arguments as of `MaxPool1d`."""

    _function = F.max_pool2d


class MaxPool3d(_MaxPoolNd):
    """The greatest value in each window of volumes. Arguments as of `MaxPool1d`."""

    _function = F.max_pool3d


class _MaxUnpoolNd(Module):
    _repr_names = ("kernel_size", "stride", "padding")

    _axes: int
    _unpool: Callable

    def __init__(self, kernel_size: Any, stride: Any = None, padding: Any = 0) -> None:
        super().__init__()
        each = _ntuple(self._axes)
        self.kernel_size = each(kernel_size)
        self.stride = each(kernel_size if stride is None else stride)
        self.padding = each(padding)

    def forward(self, input: Tensor, indices: Tensor, output_size: Any = None) -> Tensor:
        return type(self)._unpool(
            input, indices, self.kernel_size, self.stride, self.padding, output_size
        )


class MaxUnpool1d(_MaxUnpoolNd):
    """Undoes `MaxPool1d(..., return_indices=True)`."""

    _axes = 1
    _unpool = F.max_unpool1d


class MaxUnpool2d(_MaxUnpoolNd):
    """Undoes `MaxPool2d(..., return_indices=True)`."""

    _axes = 2
    _unpool = F.max_unpool2d


class MaxUnpool3d(_MaxUnpoolNd):
    """Undoes `MaxPool3d(..., return_indices=True)`."""

    _axes = 3
    _unpool = F.max_unpool3d


class _AvgPoolNd(Functional):
    __constants__ = ["kernel_size", "stride", "padding", "ceil_mode", "count_include_pad"]
    _repr_names = ("kernel_size", "stride", "padding")
    _as_sizes: Callable = staticmethod(lambda given: given)

    def __init__(
        self, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:  # fmt: skip
        super().__init__()
        self.kernel_size = self._as_sizes(kernel_size)
        self.stride = self._as_sizes(kernel_size if stride is None else stride)
        self.padding = self._as_sizes(padding)
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad


class AvgPool1d(_AvgPoolNd):
    """The mean of each window of sequences."""

    _function = F.avg_pool1d
    _as_sizes = staticmethod(_single)


class _AvgPoolOfSpace(_AvgPoolNd):
    __constants__ = [*_AvgPoolNd.__constants__, "divisor_override"]

    def __init__(
        self, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False,
        count_include_pad: bool = True, divisor_override: int | None = None,
    ) -> None:  # fmt: skip
        super().__init__(kernel_size, stride, padding, ceil_mode, count_include_pad)
        self.divisor_override = divisor_override


class AvgPool2d(_AvgPoolOfSpace):
    """The mean of each window of images."""

    _function = F.avg_pool2d


class AvgPool3d(_AvgPoolOfSpace):
    """The mean of each window of volumes."""

    _function = F.avg_pool3d


class _FractionalMaxPoolNd(Functional):
    __constants__ = ["kernel_size", "return_indices", "output_size", "output_ratio"]
    _options = "kernel_size output_size output_ratio return_indices _random_samples"
    _axes: int

    def __init__(
        self, kernel_size: Any, output_size: Any = None, output_ratio: Any = None,
        return_indices: bool = False, _random_samples: Tensor | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        name, each = type(self).__name__, _ntuple(self._axes)
        self.kernel_size = each(kernel_size)
        if any(size <= 0 for size in self.kernel_size) and self._axes == 3:
            raise ValueError(f"kernel_size must be greater than 0, but got {kernel_size}")
        self.return_indices = return_indices
        self.register_buffer("_random_samples", _random_samples)
        self.output_size = None if output_size is None else each(output_size)
        self.output_ratio = None if output_ratio is None else each(output_ratio)
        if output_size is None and output_ratio is None:
            raise ValueError(
                f"{name} requires specifying either an output size, or a pooling ratio"
            )
        if output_size is not None and output_ratio is not None:
            raise ValueError("only one of output_size and output_ratio may be specified")
        if self.output_ratio is not None and not all(0 < r < 1 for r in self.output_ratio):
            raise ValueError(f"output_ratio must be between 0 and 1 (got {output_ratio})")


class FractionalMaxPool2d(_FractionalMaxPoolNd):
    """Fractional max pooling of images."""

    _axes = 2
    _function = F.fractional_max_pool2d


class FractionalMaxPool3d(_FractionalMaxPoolNd):
    """Fractional max pooling of volumes."""

    _axes = 3
    _function = F.fractional_max_pool3d


class _LPPoolNd(Functional):
    __constants__ = ["norm_type", "kernel_size", "stride", "ceil_mode"]
    _repr_names = __constants__

    def __init__(
        self, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False
    ) -> None:
        super().__init__()
        self.norm_type = norm_type
        self.kernel_size = kernel_size
        self.stride = stride
        self.ceil_mode = ceil_mode


class LPPool1d(_LPPoolNd):
    """The p-norm of each window of sequences."""

    _function = F.lp_pool1d


class LPPool2d(_LPPoolNd):
    """The p-norm of each window of images."""

    _function = F.lp_pool2d


class LPPool3d(_LPPoolNd):
    """The p-norm of each window of volumes."""

    _function = F.lp_pool3d


class _AdaptivePoolNd(Functional):
    __constants__ = ["output_size"]
    _repr_names = __constants__

    def __init__(self, output_size: Any) -> None:
        super().__init__()
        self.output_size = output_size


class _AdaptiveMaxPoolNd(_AdaptivePoolNd):
    __constants__ = ["output_size", "return_indices"]

    def __init__(self, output_size: Any, return_indices: bool = False) -> None:
        super().__init__(output_size)
        self.return_indices = return_indices


class AdaptiveMaxPool1d(_AdaptiveMaxPoolNd):
    """The greatest value in each of `output_size` windows of sequences."""

    _function = F.adaptive_max_pool1d


class AdaptiveMaxPool2d(_AdaptiveMaxPoolNd):
    """The greatest value in each of `output_size` windows of images."""

    _function = F.adaptive_max_pool2d


class AdaptiveMaxPool3d(_AdaptiveMaxPoolNd):
    """The greatest value in each of `output_size` windows of volumes."""

    _function = F.adaptive_max_pool3d


class AdaptiveAvgPool1d(_AdaptivePoolNd):
    """The mean of each of `output_size` windows of sequences."""

    _function = F.adaptive_avg_pool1d


class AdaptiveAvgPool2d(_AdaptivePoolNd):
    """The mean of each of `output_size` windows of images."""

    _function = F.adaptive_avg_pool2d


class AdaptiveAvgPool3d(_AdaptivePoolNd):
    """The mean of each of `output_size` windows of volumes."""

    _function = F.adaptive_avg_pool3d
