"""Convolutions and transposed convolutions over one, two and three axes."""

from typing import Any

from ..._tensor import Tensor
from .. import functional as F
from .. import init
from ..parameter import add_parameters
from .lazy import Lazy
from .module import Module
from .utils import _ntuple, _reverse_repeat_tuple, unusual

_PADDINGS = {"same", "valid"}
_MODES = {"zeros", "reflect", "replicate", "circular"}


class _ConvNd(Module):
    """What all convolutions share: sizes, parameters, printing.

    The weight starts uniform in ±1/sqrt(fan_in), and so does the bias.
    """

    __constants__ = (
        "stride padding dilation groups padding_mode output_padding in_channels out_channels "
        "kernel_size"
    ).split()
    _axes: int

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: tuple, stride: tuple, padding: Any,
        dilation: tuple, transposed: bool, output_padding: tuple, groups: int, bias: bool,
        padding_mode: str, device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__()
        _check(in_channels, out_channels, stride, padding, groups, padding_mode)
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = kernel_size
        self.stride = stride
        self.padding = padding
        self.dilation = dilation
        self.transposed = transposed
        self.output_padding = output_padding
        self.groups = groups
        self.padding_mode = padding_mode
        self._reversed_padding_repeated_twice = _for_pad(padding, kernel_size, dilation)
        place = {"device": device, "dtype": dtype}
        shift = (out_channels,) if bias else None
        add_parameters(self, place, weight=self._weight_shape(), bias=shift)
        self.reset_parameters()

    def _weight_shape(self) -> tuple[int, ...]:
        ends = (self.in_channels, self.out_channels)
        first, second = ends if self.transposed else ends[::-1]
        return (first, second // self.groups, *self.kernel_size)

    def reset_parameters(self) -> None:
        """Draw the parameters anew."""
        init._uniform_by_fan_in(self.weight, self.bias)

    def extra_repr(self) -> str:
        text = f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}"
        zeros, ones = (0,) * len(self.dilation), (1,) * len(self.dilation)
        text += f", stride={self.stride}"
        text += unusual(self, padding=zeros, dilation=ones, output_padding=zeros, groups=1)
        text += ", bias=False" if self.bias is None else ""
        return text + unusual(self, padding_mode="zeros")

    def __setstate__(self, state: dict) -> None:
        super().__setstate__(state)
        self.__dict__.setdefault("padding_mode", "zeros")


def _check(
    in_channels: int, out_channels: int, stride: tuple, padding: Any, groups: int, mode: str
) -> None:
    if groups <= 0:
        raise ValueError("groups must be a positive integer")
    if in_channels % groups:
        raise ValueError("in_channels must be divisible by groups")
    if out_channels % groups:
        raise ValueError("out_channels must be divisible by groups")
    if isinstance(padding, str):
        if padding not in _PADDINGS:
            raise ValueError(f"Invalid padding string {padding!r}, should be one of {_PADDINGS}")
        if padding == "same" and any(step != 1 for step in stride):
            raise ValueError("padding='same' is not supported for strided convolutions")
    if mode not in _MODES:
        raise ValueError(f"padding_mode must be one of {_MODES}, but got padding_mode='{mode}'")


def _for_pad(padding: Any, kernel_size: tuple, dilation: tuple) -> Any:
    """The padding in F.pad's order (last axis first, both sides)."""
    if not isinstance(padding, str):
        return _reverse_repeat_tuple(padding, 2)
    sides: list[int] = []
    for step, size in zip(dilation[::-1], kernel_size[::-1]):
        total = step * (size - 1) if padding == "same" else 0
        sides += [total // 2, total - total // 2]
    return sides


class _Conv(_ConvNd):
    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: Any, stride: Any = 1,
        padding: Any = 0, dilation: Any = 1, groups: int = 1, bias: bool = True,
        padding_mode: str = "zeros", device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        each = _ntuple(self._axes)
        padding = padding if isinstance(padding, str) else each(padding)
        window = (each(kernel_size), each(stride), padding, each(dilation))
        rest = (False, each(0), groups, bias, padding_mode, device, dtype)
        super().__init__(in_channels, out_channels, *window, *rest)

    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        convolve = _CONVOLUTIONS[self._axes]
        if self.padding_mode == "zeros":
            return convolve(
                input, weight, bias, self.stride, self.padding, self.dilation, self.groups
            )
        padded = F.pad(input, self._reversed_padding_repeated_twice, mode=self.padding_mode)
        return convolve(padded, weight, bias, self.stride, 0, self.dilation, self.groups)

    def forward(self, input: Tensor) -> Tensor:
        return self._conv_forward(input, self.weight, self.bias)


class Conv1d(_Conv):
    """Convolution over sequences: (batch, channels, length).

    Args:
        in_channels, out_channels: channels of input and output.
        kernel_size, stride, dilation: of the window.
        padding: zeros on both sides, or "same", or "valid".
        groups: into how many independent parts the channels fall.
        bias: whether a learned bias is added.
        padding_mode: "zeros", "reflect", "replicate" or "circular".
    """

    _axes = 1


class Conv2d(_Conv):
    """Convolution over images: (batch, channels, height, width). Arguments as of `Conv1d`."""

    _axes = 2


class Conv3d(_Conv):
    """Convolution over volumes: (batch, channels, depth, height, width). As `Conv1d`."""

    _axes = 3


class _ConvTransposeNd(_ConvNd):
    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: Any, stride: Any = 1,
        padding: Any = 0, output_padding: Any = 0, groups: int = 1, bias: bool = True,
        dilation: Any = 1, padding_mode: str = "zeros", device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        if padding_mode != "zeros":
            raise ValueError(f'Only "zeros" padding mode is supported for {type(self).__name__}')
        each = _ntuple(self._axes)
        window = (each(kernel_size), each(stride), each(padding), each(dilation))
        rest = (True, each(output_padding), groups, bias, padding_mode, device, dtype)
        super().__init__(in_channels, out_channels, *window, *rest)

    def _output_padding(self, input: Tensor, output_size: Any) -> Any:
        """What must be added at one side for the output to have the size asked for."""
        if output_size is None:
            return self.output_padding
        axes = self._axes
        before = 2 if input.dim() == axes + 2 else 1
        if len(output_size) == before + axes:
            output_size = output_size[before:]
        if len(output_size) != axes:
            raise ValueError(
                f"ConvTranspose{axes}D: for {input.dim()}D input, output_size must have {axes} or "
                f"{before + axes} elements (got {len(output_size)})"
            )
        least = [
            (input.shape[before + i] - 1) * self.stride[i]
            - 2 * self.padding[i]
            + self.dilation[i] * (self.kernel_size[i] - 1)
            + 1
            for i in range(axes)
        ]
        most = [size + step - 1 for size, step in zip(least, self.stride)]
        if any(not a <= s <= b for a, s, b in zip(least, output_size, most)):
            raise ValueError(
                f"requested an output size of {output_size}, but valid sizes range from {least} to "
                f"{most} (for an input of {input.size()[2:]})"
            )
        return [size - a for size, a in zip(output_size, least)]

    def forward(self, input: Tensor, output_size: Any = None) -> Tensor:
        more = self._output_padding(input, output_size)
        window = (self.stride, self.padding, more, self.groups, self.dilation)
        return _TRANSPOSED[self._axes](input, self.weight, self.bias, *window)


class ConvTranspose1d(_ConvTransposeNd):
    """The gradient of a `Conv1d` towards its input, as a layer: it enlarges sequences.

    Args as of `Conv1d`, and `output_padding`: how much is added to one side of the output.
    """

    _axes = 1


class ConvTranspose2d(_ConvTransposeNd):
    """The gradient of a `Conv2d` towards its input, as a layer: it enlarges images."""

    _axes = 2


class ConvTranspose3d(_ConvTransposeNd):
    """The gradient of a `Conv3d` towards its input, as a layer: it enlarges volumes."""

    _axes = 3


_CONVOLUTIONS: dict[int, Any] = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
_TRANSPOSED: dict[int, Any] = {1: F.conv_transpose1d, 2: F.conv_transpose2d, 3: F.conv_transpose3d}


class _LazyConvXdMixin(Lazy):
    _learned = "in_channels"

    def initialize_parameters(self: Any, input: Tensor, *args: Any, **kwargs: Any) -> None:
        """Take `in_channels` from the input."""
        if not self.has_uninitialized_params():
            return
        self.in_channels = self._get_in_channels(input)
        if self.in_channels % self.groups:
            raise ValueError("in_channels must be divisible by groups")
        self._materialize(self._weight_shape(), (self.out_channels,))

    def _get_in_channels(self: Any, input: Tensor) -> int:
        axes = self._axes
        if input.dim() not in (axes + 1, axes + 2):
            raise RuntimeError(
                f"Expected {axes + 1}D (unbatched) or {axes + 2}D (batched) input to "
                f"{type(self).__name__}, but got input of size: {input.shape}"
            )
        return input.shape[-axes - 1]


class _LazyConv(_LazyConvXdMixin):
    def __init__(
        self, out_channels: int, kernel_size: Any, stride: Any = 1, padding: Any = 0,
        dilation: Any = 1, groups: int = 1, bias: bool = True, padding_mode: str = "zeros",
        device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        window = (kernel_size, stride, padding, dilation)
        place = {"device": device, "dtype": dtype}
        super().__init__(0, 0, *window, groups, False, padding_mode, **place)
        self.out_channels = out_channels
        self._wait(True, bias, place)


class _LazyConvTranspose(_LazyConvXdMixin):
    def __init__(
        self, out_channels: int, kernel_size: Any, stride: Any = 1, padding: Any = 0,
        output_padding: Any = 0, groups: int = 1, bias: bool = True, dilation: Any = 1,
        padding_mode: str = "zeros", device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        window = (kernel_size, stride, padding, output_padding)
        rest = (groups, False, dilation, padding_mode)
        place = {"device": device, "dtype": dtype}
        super().__init__(0, 0, *window, *rest, **place)
        self.out_channels = out_channels
        self._wait(True, bias, place)


class LazyConv1d(_LazyConv, Conv1d):
    """A `Conv1d` that learns `in_channels` from its first input."""

    cls_to_become = Conv1d


class LazyConv2d(_LazyConv, Conv2d):
    """A `Conv2d` that learns `in_channels` from its first input."""

    cls_to_become = Conv2d


class LazyConv3d(_LazyConv, Conv3d):
    """A `Conv3d` that learns `in_channels` from its first input."""

    cls_to_become = Conv3d


class LazyConvTranspose1d(_LazyConvTranspose, ConvTranspose1d):
    """A `ConvTranspose1d` that learns `in_channels` from its first input."""

    cls_to_become = ConvTranspose1d


class LazyConvTranspose2d(_LazyConvTranspose, ConvTranspose2d):
    """A `ConvTranspose2d` that learns `in_channels` from its first input."""

    cls_to_become = ConvTranspose2d


class LazyConvTranspose3d(_LazyConvTranspose, ConvTranspose3d):
    """A `ConvTranspose3d` that learns `in_channels` from its first input."""

    cls_to_become = ConvTranspose3d
