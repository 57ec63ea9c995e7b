"""Convolutions and image columns with PyTorch's arguments."""

from typing import Any

from ..._core import modes
from ..._core.dtypes import in_c
from ..._core.naming import named
from ..._ops import conv as ops
from ..._ops.padding import constant_pad_nd
from ..._tensor import Tensor
from .sizes import each as _each


def _batched(input: Tensor, axes: int, name: str) -> tuple[Tensor, bool]:
    """The input with a batch axis, and whether it had one."""
    ndim = input.dim()
    if ndim == axes + 2:
        return input, True
    if ndim == axes + 1:
        return input.unsqueeze(0), False
    raise RuntimeError(
        f"Expected {axes + 1}D (unbatched) or {axes + 2}D (batched) input to {name}, but got input "
        f"of size: {list(input.shape)}"
    )


def _check(
    input: Tensor, weight: Tensor, bias: Tensor | None, groups: int, transposed: bool
) -> None:
    if groups <= 0:
        raise RuntimeError("non-positive groups is not supported")
    if weight.dim() != input.dim():
        raise RuntimeError(
            f"expected stride to be a single integer value or a list of {weight.dim() - 2} values "
            f"to match the convolution dimensions, but got stride={[1] * (input.dim() - 2)}; the "
            f"weight has shape {list(weight.shape)}, the input {list(input.shape)}"
        )
    free = modes.special and modes.local.autocast is not None  # the op itself converts them
    if not free and bias is not None and input.dtype is not bias.dtype:
        raise RuntimeError(
            f"Input type ({_type(input)}) and bias type ({_type(bias)}) should be the same; "
            f"convert one of them, as in input.to({bias.dtype})"
        )
    if not free and input.dtype is not weight.dtype:
        raise RuntimeError(
            f"expected scalar type {input.dtype.type_name} but found {weight.dtype.type_name}; "
            "input and weight must have one type: convert one of them, as in "
            f"input.to({weight.dtype})"
        )
    given, wanted = input.shape[1], weight.shape[0] if transposed else weight.shape[1] * groups
    if given != wanted:
        raise RuntimeError(
            f"Given {'transposed=1' if transposed else f'groups={groups}'}, weight of size "
            f"{list(weight.shape)}, expected input{list(input.shape)} to have {wanted} channels, "
            f"but got {given} channels instead"
        )
    if weight.shape[0] % groups:
        raise RuntimeError(
            f"Given groups={groups}, expected weight to be divisible by {groups} at dimension 0, "
            f"but got weight of size [{list(weight.shape)}] instead"
        )
    out = weight.shape[1] * groups if transposed else weight.shape[0]
    if bias is not None and bias.shape != (out,):
        raise RuntimeError(
            f"Given {'transposed=1, ' if transposed else ''}weight of size {list(weight.shape)}, "
            f"expected bias to be 1-dimensional with {out} elements, but got bias of size "
            f"{list(bias.shape)} instead"
        )


def _type(x: Tensor) -> str:
    if x.device.type == "cpu":
        return in_c(x.dtype)
    return f"torch.{'cuda.' if x.device.type == 'cuda' else ''}{x.dtype.type_name}Tensor"


def _check_sizes(stride: tuple, padding: tuple, dilation: tuple) -> None:
    for name, values in (("stride", stride), ("padding", padding), ("dilation", dilation)):
        least, what = (0, "negative") if name == "padding" else (1, "non-positive")
        if min(values) < least:
            raise RuntimeError(f"{what} {name} is not supported; {name} is {list(values)}")


def _check_fit(input: Tensor, weight: Tensor, padding: tuple, dilation: tuple) -> None:
    room = [n + 2 * p for n, p in zip(input.shape[2:], padding)]
    reach = [d * (k - 1) + 1 for k, d in zip(weight.shape[2:], dilation)]
    if any(n < r for n, r in zip(room, reach)):
        raise RuntimeError(
            f"Calculated padded input size per channel: ({' x '.join(map(str, room))}). Kernel "
            f"size: ({' x '.join(map(str, reach))}). Kernel size can't be greater than actual "
            "input size"
        )


def _same_padding(
    input: Tensor, weight: Tensor, stride: tuple, dilation: tuple
) -> tuple[Tensor, tuple]:
    """(input, padding) so that the output has the input's size; an odd element goes after."""
    if set(stride) != {1}:
        raise RuntimeError("padding='same' is not supported for strided convolutions")
    total = [d * (k - 1) for k, d in zip(weight.shape[2:], dilation)]
    if any(t % 2 for t in total):
        input = constant_pad_nd(input, tuple(x for t in total[::-1] for x in (0, t % 2)))
    return input, tuple(t // 2 for t in total)


def _convolution(axes: int, images: str, filters: str):
    name = f"conv{axes}d"

    def conv(
        input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Any = 1,
        padding: Any = 0, dilation: Any = 1, groups: int = 1,
    ) -> Tensor:  # fmt: skip
        input, whole = _batched(input, axes, name)
        stride = _each(stride, axes, "stride")
        dilation = _each(dilation, axes, "dilation")
        if padding.__class__ is not str:
            padding = _each(padding, axes, "padding")
        elif padding == "same":
            input, padding = _same_padding(input, weight, stride, dilation)
        elif padding == "valid":
            padding = (0,) * axes
        else:
            raise RuntimeError(f"Invalid padding string: '{padding}'; use 'same' or 'valid'")
        _check(input, weight, bias, groups, False)
        _check_sizes(stride, padding, dilation)
        _check_fit(input, weight, padding, dilation)
        made = ops.convolve(input, weight, bias, stride, padding, dilation, groups)
        return made if whole else made.squeeze(0)

    return named(conv, name, f"Cross-correlation of {images} with filters {filters}.")


conv1d = _convolution(1, "sequences (n, c, length)", "(o, c / groups, k)")
conv2d = _convolution(2, "images (n, c, h, w)", "(o, c / groups, kh, kw)")
conv3d = _convolution(3, "volumes (n, c, d, h, w)", "(o, c / groups, kd, kh, kw)")


def _named(name: str, values: tuple) -> str:
    """Sizes by axis, as in "stride_height: 1 stride_width: 2"."""
    axes = ("depth", "height", "width")[-len(values) :]
    return " ".join(f"{name}_{axis}: {value}" for axis, value in zip(axes, values))


def _transposed(axes: int, filters: str):
    name = f"conv_transpose{axes}d"

    def conv_transpose(
        input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Any = 1,
        padding: Any = 0, output_padding: Any = 0, groups: int = 1, dilation: Any = 1,
    ) -> Tensor:  # fmt: skip
        input, whole = _batched(input, axes, name)
        stride, padding = _each(stride, axes, "stride"), _each(padding, axes, "padding")
        dilation = _each(dilation, axes, "dilation")
        more = _each(output_padding, axes, "output_padding")
        _check(input, weight, bias, groups, True)
        _check_sizes(stride, padding, dilation)
        sizes = _transposed_sizes(input, weight, stride, padding, dilation, more)
        shape = (input.shape[0], weight.shape[1] * groups, *sizes)
        far = any(extra >= s for extra, s in zip(more, stride))
        make = _transposed_far if far else ops.convolve_transposed
        made = make(input, weight, bias, shape, stride, padding, dilation, groups)
        return made if whole else made.squeeze(0)

    return named(conv_transpose, name, f"The transpose of conv{axes}d, with filters {filters}.")


def _transposed_sizes(
    input: Tensor, weight: Tensor, stride: tuple, padding: tuple, dilation: tuple, more: tuple
) -> list[int]:
    """The sizes that a transposed convolution gives, where they are possible."""
    if any(extra >= max(s, d) for extra, s, d in zip(more, stride, dilation)):
        given = ("output_padding", more), ("stride", stride), ("dilation", dilation)
        raise RuntimeError(
            "output padding must be smaller than either stride or dilation, but got "
            + " ".join(_named(name, values) for name, values in given)
        )
    sizes = [
        (n - 1) * s - 2 * p + d * (k - 1) + extra + 1
        for n, s, p, d, k, extra in zip(
            input.shape[2:], stride, padding, dilation, weight.shape[2:], more
        )
    ]
    if min(sizes) < 1:
        raise RuntimeError(
            f"Given input size per channel: ({' x '.join(map(str, input.shape[2:]))}). Calculated "
            f"output size per channel: ({' x '.join(map(str, sizes))}). Output size is too small"
        )
    return sizes


def _transposed_far(
    input: Tensor, weight: Tensor, bias: Tensor | None, shape: tuple, stride: tuple, padding: tuple,
    dilation: tuple, groups: int,
) -> Tensor:  # fmt: skip
    """Where a size asked for reaches over the last step of a window: nothing falls there."""
    rows = zip(input.shape[2:], stride, dilation, weight.shape[2:])
    whole = [(n - 1) * s + d * (k - 1) + 1 for n, s, d, k in rows]
    none = (0,) * len(stride)
    made = ops.convolve_transposed(
        input, weight, None, (*shape[:2], *whole), stride, none, dilation, groups
    )
    cuts: list[int] = []
    for p, n, size in zip(padding[::-1], whole[::-1], shape[:1:-1]):
        cuts += (-p, size - n + p)
    made = constant_pad_nd(made, tuple(cuts))
    return made if bias is None else made + bias.reshape((-1, *(1 for _ in stride)))


conv_transpose1d = _transposed(1, "(c, o / groups, k)")
conv_transpose2d = _transposed(2, "(c, o / groups, kh, kw)")
conv_transpose3d = _transposed(3, "(c, o / groups, kd, kh, kw)")


def unfold(
    input: Tensor, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1
) -> Tensor:
    """Images (n, c, h, w) as columns (n, c * kernel, positions) of sliding patches."""
    if input.dim() not in (3, 4):
        raise RuntimeError(
            "Expected 3D or 4D (batch mode) tensor with possibly 0 batch size and other non-zero "
            f"dimensions for input, but got: {list(input.shape)}"
        )
    window = _patches(kernel_size=kernel_size, dilation=dilation, padding=padding, stride=stride)
    return ops.im2col(input, *window)


def fold(
    input: Tensor, output_size: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0,
    stride: Any = 1,
) -> Tensor:  # fmt: skip
    """Columns (n, c * kernel, positions) put back as images, overlapping patches added."""
    if input.dim() not in (2, 3):
        raise RuntimeError(
            "Expected 2D or 3D (batch mode) tensor for input with possibly 0 batch size and "
            f"non-zero dimensions for input, but got: {list(input.shape)}"
        )
    sizes = {"output_size": output_size, "kernel_size": kernel_size}
    sizes = _patches(**sizes, dilation=dilation, padding=padding, stride=stride)
    _check_fold(input, *sizes)
    return ops.col2im(input, *sizes)


def _patches(**given: Any) -> list[tuple]:
    return [_each(value, 2, name) for name, value in given.items()]


def _check_fold(
    input: Tensor, output_size: tuple, kernel: tuple, dilation: tuple, padding: tuple, stride: tuple
) -> None:
    rows, columns = input.shape[-2:]
    if rows % (kernel[0] * kernel[1]):
        raise RuntimeError(
            "Expected size of input's dimension 1 to be divisible by the product of kernel_size, "
            f"but got input.size(1)={rows} and kernel_size=({kernel[0]}, {kernel[1]})."
        )
    blocks = [
        (n + 2 * p - d * (k - 1) - 1) // s + 1
        for n, p, d, k, s in zip(output_size, padding, dilation, kernel, stride)
    ]
    if columns != blocks[0] * blocks[1]:
        raise RuntimeError(
            f"Given {output_size=}, kernel_size={kernel}, {dilation=}, {padding=}, {stride=}, "
            "expected size of input's dimension 2 to match the calculated number of sliding blocks "
            f"{blocks[0]} * {blocks[1]} = {blocks[0] * blocks[1]}, but got input.size(2)={columns}."
        )
