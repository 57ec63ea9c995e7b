"""Padding layers: on each side of each of the last axes, `padding` places."""

from typing import Any

from ..._tensor import Tensor
from .. import functional as F
from .module import Functional
from .utils import _ntuple


class _PadNd(Functional):
    __constants__ = ["padding"]
    _repr_values = __constants__
    _function, _options = F.pad, "padding _mode"
    _axes: int
    _mode: str

    def __init__(self, padding: Any) -> None:
        super().__init__()
        self.padding = _ntuple(2 * self._axes)(padding)


class _ConstantPadNd(_PadNd):
    __constants__ = ["padding", "value"]
    _repr_values, _repr_names = (), __constants__
    _function, _options, _mode = F.pad, "padding _mode value", "constant"

    def __init__(self, padding: Any, value: float) -> None:
        super().__init__(padding)
        self.value = value


class _ZeroPad(_ConstantPadNd):
    _repr_values, _repr_names = ("padding",), ()

    def __init__(self, padding: Any) -> None:
        super().__init__(padding, 0.0)


class ConstantPad1d(_ConstantPadNd):
    """Pads sequences with `value`."""

    _axes = 1


class ConstantPad2d(_ConstantPadNd):
    """Pads images with `value`: (left, right, top, bottom)."""

    _axes = 2


class ConstantPad3d(_ConstantPadNd):
    """Pads volumes with `value`."""

    _axes = 3


class ZeroPad1d(_ZeroPad, ConstantPad1d):
    """Pads sequences with zeros."""


class ZeroPad2d(_ZeroPad, ConstantPad2d):
    """Pads images with zeros."""


class ZeroPad3d(_ZeroPad, ConstantPad3d):
    """Pads volumes with zeros."""


class ReflectionPad1d(_PadNd):
    """Pads sequences with their mirror image."""

    _axes, _mode = 1, "reflect"


class ReflectionPad2d(_PadNd):
    """Pads images with their mirror image."""

    _axes, _mode = 2, "reflect"


class ReflectionPad3d(_PadNd):
    """Pads volumes with their mirror image."""

    _axes, _mode = 3, "reflect"


class ReplicationPad1d(_PadNd):
    """Pads sequences with their last value."""

    _axes, _mode = 1, "replicate"


class ReplicationPad2d(_PadNd):
    """Pads images with their border."""

    _axes, _mode = 2, "replicate"


class ReplicationPad3d(_PadNd):
    """Pads volumes with their border."""

    _axes, _mode = 3, "replicate"


class _CircularPadNd(_PadNd):
    _mode = "circular"

    def forward(self, input: Tensor) -> Tensor:
        low = self._axes + 1
        if input.dim() not in (low, low + 1):
            raise ValueError(f"expected {low}D or {low + 1}D input (got {input.dim()}D input)")
        return super().forward(input)


class CircularPad1d(_CircularPadNd):
    """Pads sequences with their other end."""

    _axes = 1


class CircularPad2d(_CircularPadNd):
    """Pads images with their other side."""

    _axes = 2


class CircularPad3d(_CircularPadNd):
    """Pads volumes with their other side."""

    _axes = 3
