"""Pooling functions with PyTorch's arguments."""

from collections.abc import Callable
from typing import Any

from ..._ops import pool as ops
from ..._ops import pool_adaptive
from ..._ops.pool import pooled_size
from ..._tensor import Tensor
from .activations import relu


def _each(value: Any, axes: int, name: str, pool: str) -> tuple:
    """One number for all axes, or one for each."""
    if value.__class__ is int:
        return (value,) * axes
    if not isinstance(value, (tuple, list)):
        return (value.__index__(),) * axes
    if len(value) == 1:
        return (int(value[0]),) * axes
    if len(value) != axes:
        count = ("one", "two", "three")[axes - 1]
        raise RuntimeError(
            f"{pool}: {name} must either be a single int, or a tuple of {count} ints; got {value}"
        )
    return tuple(map(int, value))


def _check(
    name: str,
    input: Tensor,
    axes: int,
    kernel: tuple,
    stride: tuple,
    padding: tuple,
    dilation: tuple,
) -> None:
    if input.dim() not in (axes + 1, axes + 2):
        sizes = f"{axes + 1}D or {axes + 2}D (batch mode) tensor"
        if axes == 1:
            raise RuntimeError(
                f"{name}: Expected {sizes} with optional 0 dim batch size for input, but got:"
                f"{list(input.shape)}"
            )
        raise RuntimeError(
            f"non-empty {sizes} expected for input; {name} was given {list(input.shape)}"
        )
    for what, values in (("kernel size", kernel), ("stride", stride), ("dilation", dilation)):
        if min(values) < 1:
            verb = "not be zero" if what == "stride" else "be greater than zero"
            raise RuntimeError(f"{what} should {verb}, but got {list(values)}")
    for p, k, d in zip(padding, kernel, dilation):
        if p < 0:
            raise RuntimeError(f"pad must be non-negative, but got pad: {p}")
        if p > (d * (k - 1) + 1) // 2:
            if name == "max_pool1d":
                raise RuntimeError(
                    "max_pool1d() padding should be at most half of kernel size, but got "
                    f"padding={p} and kernel_size={k}"
                )
            raise RuntimeError(
                f"pad should be at most half of effective kernel size, but got pad={p}, "
                f"kernel_size={k} and dilation={d}"
            )


def _check_fit(
    name: str,
    input: Tensor,
    axes: int,
    kernel: tuple,
    stride: tuple,
    padding: tuple,
    dilation: tuple,
    ceil_mode: bool,
) -> None:
    sizes = input.shape[input.dim() - axes :]
    out = [
        pooled_size(n, k, s, p, d, ceil_mode)
        for n, k, s, p, d in zip(sizes, kernel, stride, padding, dilation)
    ]
    if min(out) < 1:
        if axes == 1:
            raise RuntimeError(
                f"{name}() Invalid computed output size: {out[0]}; the input has {sizes[0]} "
                "elements, and "
                f"a window reaches over {dilation[0] * (kernel[0] - 1) + 1}"
            )
        c = input.shape[-axes - 1]
        raise RuntimeError(
            f"Given input size: ({'x'.join(map(str, (c, *sizes)))}). Calculated output size: "
            f"({'x'.join(map(str, (c, *out)))}). Output size is too small"
        )


def _max(
    axes: int,
    input: Tensor,
    kernel_size: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
    ceil_mode: bool,
    return_indices: bool,
) -> Any:
    kernel = _each(kernel_size, axes, "kernel_size", f"max_pool{axes}d")
    stride = (
        kernel
        if stride is None or stride in ([], ())
        else _each(stride, axes, "stride", f"max_pool{axes}d")
    )
    padding, dilation = (
        _each(padding, axes, "padding", f"max_pool{axes}d"),
        _each(dilation, axes, "dilation", f"max_pool{axes}d"),
    )
    _check(f"max_pool{axes}d", input, axes, kernel, stride, padding, dilation)
    _check_fit(f"max_pool{axes}d", input, axes, kernel, stride, padding, dilation, ceil_mode)
    family = ops.pool_max_places if return_indices else ops.pool_max
    return family[axes](input, kernel, stride, padding, dilation, ceil_mode)


def max_pool1d(
    input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """The greatest of each window along the last axis; with `return_indices` its place."""
    return _max(1, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def max_pool2d(
    input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """The greatest of each window over the last two axes; with `return_indices` its place."""
    return _max(2, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def max_pool3d(
    input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """The greatest of each window over the last three axes; with `return_indices` its place."""
    return _max(3, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def _with_indices(pool: Callable, name: str) -> Callable:
    def function(*args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
        return pool(*args, **{**kwargs, "return_indices": True})

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"`{pool.__name__}` that returns where each greatest element is, too."
    return function


max_pool1d_with_indices = _with_indices(max_pool1d, "max_pool1d_with_indices")
max_pool2d_with_indices = _with_indices(max_pool2d, "max_pool2d_with_indices")
max_pool3d_with_indices = _with_indices(max_pool3d, "max_pool3d_with_indices")


def _avg(
    axes: int,
    input: Tensor,
    kernel_size: Any,
    stride: Any,
    padding: Any,
    ceil_mode: bool,
    count_include_pad: bool,
    divisor_override: int | None,
) -> Tensor:
    kernel = _each(kernel_size, axes, "kernel_size", f"avg_pool{axes}d")
    stride = (
        kernel
        if stride is None or stride in ([], ())
        else _each(stride, axes, "stride", f"avg_pool{axes}d")
    )
    padding = _each(padding, axes, "padding", f"avg_pool{axes}d")
    if divisor_override == 0:
        raise RuntimeError("divisor must be not zero")
    _check(f"avg_pool{axes}d", input, axes, kernel, stride, padding, (1,) * axes)
    _check_fit(f"avg_pool{axes}d", input, axes, kernel, stride, padding, (1,) * axes, ceil_mode)
    return ops.pool_avg[axes](
        input, kernel, stride, padding, ceil_mode, count_include_pad, divisor_override
    )


def avg_pool1d(
    input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Tensor:
    """The mean of each window along the last axis."""
    return _avg(1, input, kernel_size, stride, padding, ceil_mode, count_include_pad, None)


def avg_pool2d(
    input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """The mean of each window over the last two axes."""
    return _avg(
        2, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override
    )


def avg_pool3d(
    input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """The mean of each window over the last three axes."""
    return _avg(
        3, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override
    )


def _adaptive_sizes(axes: int, input: Tensor, output_size: Any) -> tuple:
    """The sizes asked for; None keeps the input's."""
    sizes = tuple(input.shape[input.dim() - axes :])
    if not isinstance(output_size, (tuple, list)):
        output_size = (output_size,) * axes
    if len(output_size) != axes:
        raise RuntimeError(
            f"adaptive_avg_pool{axes}d: output_size must be {axes}; it has {len(output_size)} sizes"
        )
    return tuple(n if o is None else int(o) for o, n in zip(output_size, sizes))


def _check_adaptive(name: str, axes: int, input: Tensor) -> None:
    if input.dim() not in (axes + 1, axes + 2):
        raise RuntimeError(
            f"{name}{axes}d(): Expected {axes + 1}D or {axes + 2}D tensor, but got"
            f"{':' if 'max' in name else ''} {list(input.shape)}"
        )
    for i in range(1, axes + 1):
        if input.shape[-i] == 0:
            raise RuntimeError(
                f"{name}{axes}d(): Expected input to have non-zero size for non-batch dimensions, "
                "but "
                f"input has sizes {list(input.shape)} with dimension {input.dim() - i} being empty"
            )


def _adaptive_avg(axes: int, input: Tensor, output_size: Any) -> Tensor:
    _check_adaptive("adaptive_avg_pool", axes, input)
    size = _adaptive_sizes(axes, input, output_size)
    if axes > 1 and set(size) == {1}:
        return input.mean(tuple(range(-axes, 0)), keepdim=True)
    return pool_adaptive.pool_adaptive_avg[axes](input, size)


def adaptive_avg_pool1d(input: Tensor, output_size: Any) -> Tensor:
    """Means of windows that divide the last axis into `output_size` parts."""
    return _adaptive_avg(1, input, output_size)


def adaptive_avg_pool2d(input: Tensor, output_size: Any) -> Tensor:
    """Means of windows that divide the last two axes into `output_size` parts."""
    return _adaptive_avg(2, input, output_size)


def adaptive_avg_pool3d(input: Tensor, output_size: Any) -> Tensor:
    """Means of windows that divide the last three axes into `output_size` parts."""
    return _adaptive_avg(3, input, output_size)


def _adaptive_max(axes: int, input: Tensor, output_size: Any, return_indices: bool) -> Any:
    _check_adaptive("adaptive_max_pool", axes, input)
    size = _adaptive_sizes(axes, input, output_size)
    made = pool_adaptive.pool_adaptive_max[axes](input, size)
    return made if return_indices else made[0]


def adaptive_max_pool1d(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    """The greatest of windows that divide the last axis into `output_size` parts."""
    return _adaptive_max(1, input, output_size, return_indices)


def adaptive_max_pool2d(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    """The greatest of windows that divide the last two axes into `output_size` parts."""
    return _adaptive_max(2, input, output_size, return_indices)


def adaptive_max_pool3d(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    """The greatest of windows that divide the last three axes into `output_size` parts."""
    return _adaptive_max(3, input, output_size, return_indices)


adaptive_max_pool1d_with_indices = _with_indices(
    adaptive_max_pool1d, "adaptive_max_pool1d_with_indices"
)
adaptive_max_pool2d_with_indices = _with_indices(
    adaptive_max_pool2d, "adaptive_max_pool2d_with_indices"
)
adaptive_max_pool3d_with_indices = _with_indices(
    adaptive_max_pool3d, "adaptive_max_pool3d_with_indices"
)


def _lp(
    axes: int, input: Tensor, norm_type: float, kernel_size: Any, stride: Any, ceil_mode: bool
) -> Tensor:
    """The p-norm of each window: through the mean of the powers, times how many there are."""
    kernel = _each(kernel_size, axes, "kernel_size", f"lp_pool{axes}d")
    count = 1
    for k in kernel:
        count *= k
    mean = _avg(axes, input.pow(norm_type), kernel, stride, 0, ceil_mode, True, None)
    return (mean.sign() * relu(mean.abs())).mul(count).pow(1.0 / norm_type)


def lp_pool1d(
    input: Tensor, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False
) -> Tensor:
    """The p-norm of each window along the last axis."""
    return _lp(1, input, norm_type, kernel_size, stride, ceil_mode)


def lp_pool2d(
    input: Tensor, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False
) -> Tensor:
    """The p-norm of each window over the last two axes."""
    return _lp(2, input, norm_type, kernel_size, stride, ceil_mode)


def lp_pool3d(
    input: Tensor, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False
) -> Tensor:
    """The p-norm of each window over the last three axes."""
    return _lp(3, input, norm_type, kernel_size, stride, ceil_mode)


def _unpooled_size(
    input: Tensor, axes: int, kernel: tuple, stride: tuple, padding: tuple, asked: Any
) -> tuple:
    """The size that was pooled: the smallest possible one, or the one asked for, if near enough."""
    sizes = input.shape[input.dim() - axes :]
    least = tuple((n - 1) * s + k - 2 * p for n, s, k, p in zip(sizes, stride, kernel, padding))
    if asked is None:
        return least
    if len(asked) == axes + 2:
        asked = asked[2:]
    if len(asked) != axes:
        raise ValueError(
            f"output_size should be a sequence containing {axes} or {axes + 2} elements, but it "
            "has a "
            f"length of '{len(asked)}'"
        )
    for i, (given, n, s) in enumerate(zip(asked, least, stride)):
        if not n - s < given < n + s:
            raise ValueError(
                f'invalid output_size "{tuple(asked)}" '
                f"(dim {i} must be between {n - s} and {n + s})"
            )
    return tuple(map(int, asked))


def _unpool(
    axes: int,
    input: Tensor,
    indices: Tensor,
    kernel_size: Any,
    stride: Any,
    padding: Any,
    output_size: Any,
) -> Tensor:
    kernel = _each(kernel_size, axes, "kernel_size", f"max_unpool{axes}d")
    stride = (
        kernel
        if stride is None or stride == []
        else _each(stride, axes, "stride", f"max_unpool{axes}d")
    )
    padding = _each(padding, axes, "padding", f"max_unpool{axes}d")
    if input.shape != indices.shape:
        raise RuntimeError(
            "Expected shape of indices to be same as that of the input tensor "
            f"({list(input.shape)}) but "
            f"got indices tensor with shape: {list(indices.shape)}"
        )
    size = _unpooled_size(input, axes, kernel, stride, padding, output_size)
    return ops.unpool_max[axes](input, indices, size)


def max_unpool1d(
    input: Tensor,
    indices: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    output_size: Any = None,
) -> Tensor:
    """What max_pool1d took, back at its places among zeros."""
    return _unpool(1, input, indices, kernel_size, stride, padding, output_size)


def max_unpool2d(
    input: Tensor,
    indices: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    output_size: Any = None,
) -> Tensor:
    """What max_pool2d took, back at its places among zeros."""
    return _unpool(2, input, indices, kernel_size, stride, padding, output_size)


def max_unpool3d(
    input: Tensor,
    indices: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    output_size: Any = None,
) -> Tensor:
    """What max_pool3d took, back at its places among zeros."""
    return _unpool(3, input, indices, kernel_size, stride, padding, output_size)
