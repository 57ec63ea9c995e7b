"""Pooling functions with PyTorch's arguments."""

import math
from collections.abc import Callable
from typing import Any

from ..._core.naming import named
from ..._ops import pool as ops
from ..._ops import pool_adaptive
from ..._ops.pool import pooled_size
from ..._tensor import Tensor
from .activations import relu
from .sizes import each as _each


def _windows(pool: str, axes: int, kernel_size: Any, stride: Any, padding: Any) -> tuple:
    """(kernel, stride, padding) with one number for each axis; the stride may be the kernel's."""
    kernel = _each(kernel_size, axes, "kernel_size", pool)
    own = stride is None or stride in ([], ())
    stride = kernel if own else _each(stride, axes, "stride", pool)
    return kernel, stride, _each(padding, axes, "padding", pool)


def _check(name: str, input: Tensor, axes: int, window: tuple, ceil_mode: bool) -> None:
    kernel, stride, padding, dilation = window
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
    _check_fit(name, input, axes, window, ceil_mode)


def _check_fit(name: str, input: Tensor, axes: int, window: tuple, ceil_mode: bool) -> None:
    sizes = input.shape[input.dim() - axes :]
    out = [pooled_size(n, k, s, p, d, ceil_mode) for n, k, s, p, d in zip(sizes, *window)]
    if min(out) < 1:
        kernel, _, _, dilation = window
        if axes == 1:
            raise RuntimeError(
                f"{name}() Invalid computed output size: {out[0]}; the input has {sizes[0]} "
                f"elements, and a window reaches over {dilation[0] * (kernel[0] - 1) + 1}"
            )
        c = input.shape[-axes - 1]
        raise RuntimeError(
            f"Given input size: ({'x'.join(map(str, (c, *sizes)))}). Calculated output size: "
            f"({'x'.join(map(str, (c, *out)))}). Output size is too small"
        )


_PARTS = {1: "the last axis", 2: "the last two axes", 3: "the last three axes"}
_PLACES = {n: f"{'along' if n == 1 else 'over'} {what}" for n, what in _PARTS.items()}


def _max(axes: int):
    name = f"max_pool{axes}d"

    def max_pool(
        input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1,
        ceil_mode: bool = False, return_indices: bool = False,
    ) -> Any:  # fmt: skip
        window = _windows(name, axes, kernel_size, stride, padding)
        window = (*window, _each(dilation, axes, "dilation", name))
        _check(name, input, axes, window, ceil_mode)
        family = ops.pool_max_places if return_indices else ops.pool_max
        return family[axes](input, *window, ceil_mode)

    doc = f"The greatest of each window {_PLACES[axes]}; with `return_indices` its place."
    return named(max_pool, name, doc)


max_pool1d, max_pool2d, max_pool3d = _max(1), _max(2), _max(3)


def _with_indices(pool: Callable) -> Callable:
    def function(*args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
        return pool(*args, **{**kwargs, "return_indices": True})

    doc = f"`{pool.__name__}` that returns where each greatest element is, too."
    return named(function, f"{pool.__name__}_with_indices", doc)


max_pool1d_with_indices = _with_indices(max_pool1d)
max_pool2d_with_indices = _with_indices(max_pool2d)
max_pool3d_with_indices = _with_indices(max_pool3d)


def _avg(axes: int):
    name = f"avg_pool{axes}d"
    steps = (1,) * axes

    def avg_pool(
        input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0,
        ceil_mode: bool = False, count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> Tensor:  # fmt: skip
        window = _windows(name, axes, kernel_size, stride, padding)
        if divisor_override == 0:
            raise RuntimeError("divisor must be not zero")
        _check(name, input, axes, (*window, steps), ceil_mode)
        return ops.pool_avg[axes](input, *window, ceil_mode, count_include_pad, divisor_override)

    return named(avg_pool, name, f"The mean of each window {_PLACES[axes]}.")


_avg_pool1d, avg_pool2d, avg_pool3d = _avg(1), _avg(2), _avg(3)


def avg_pool1d(
    input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Tensor:  # fmt: skip
    """The mean of each window along the last axis."""
    return _avg_pool1d(input, kernel_size, stride, padding, ceil_mode, count_include_pad)


def _adaptive_sizes(axes: int, input: Tensor, output_size: Any) -> tuple:
    """The sizes asked for; None keeps the input's."""
    sizes = tuple(input.shape[input.dim() - axes :])
    if not isinstance(output_size, (tuple, list)):
        output_size = (output_size,) * axes
    if len(output_size) != axes:
        raise RuntimeError(
            f"adaptive_avg_pool{axes}d: output_size must be {axes}; it has {len(output_size)} sizes"
        )
    made = tuple(n if o is None else int(o) for o, n in zip(output_size, sizes))
    if made and min(made) < 0:
        raise RuntimeError(f"elements of output_size must be 0 or more but received {made}")
    return made


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
                f"but input has sizes {list(input.shape)} with dimension {input.dim() - i} being "
                "empty"
            )


def _adaptive_avg(axes: int):
    def adaptive_avg_pool(input: Tensor, output_size: Any) -> Tensor:
        _check_adaptive("adaptive_avg_pool", axes, input)
        size = _adaptive_sizes(axes, input, output_size)
        if axes > 1 and set(size) == {1}:
            return input.mean(tuple(range(-axes, 0)), keepdim=True)
        return pool_adaptive.pool_adaptive_avg[axes](input, size)

    doc = f"Means of windows that divide {_PARTS[axes]} into `output_size` parts."
    return named(adaptive_avg_pool, f"adaptive_avg_pool{axes}d", doc)


adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d = map(_adaptive_avg, (1, 2, 3))


def _adaptive_max(axes: int):
    def adaptive_max_pool(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
        _check_adaptive("adaptive_max_pool", axes, input)
        size = _adaptive_sizes(axes, input, output_size)
        made = pool_adaptive.pool_adaptive_max[axes](input, size)
        return made if return_indices else made[0]

    doc = f"The greatest of windows that divide {_PARTS[axes]} into `output_size` parts."
    return named(adaptive_max_pool, f"adaptive_max_pool{axes}d", doc)


adaptive_max_pool1d, adaptive_max_pool2d, adaptive_max_pool3d = map(_adaptive_max, (1, 2, 3))
adaptive_max_pool1d_with_indices = _with_indices(adaptive_max_pool1d)
adaptive_max_pool2d_with_indices = _with_indices(adaptive_max_pool2d)
adaptive_max_pool3d_with_indices = _with_indices(adaptive_max_pool3d)


def _lp(axes: int, avg_pool: Callable):
    name = f"lp_pool{axes}d"

    def lp_pool(
        input: Tensor, norm_type: float, kernel_size: Any, stride: Any = None,
        ceil_mode: bool = False,
    ) -> Tensor:  # fmt: skip
        kernel = _each(kernel_size, axes, "kernel_size", name)
        # Through the mean of the powers, times how many there are.
        mean = avg_pool(input.pow(float(norm_type)), kernel, stride, 0, ceil_mode)
        return (mean.sign() * relu(mean.abs())).mul(math.prod(kernel)).pow(1.0 / norm_type)

    return named(lp_pool, name, f"The p-norm of each window {_PLACES[axes]}.")


lp_pool1d, lp_pool2d, lp_pool3d = _lp(1, avg_pool1d), _lp(2, avg_pool2d), _lp(3, avg_pool3d)


def _unpooled_size(input: Tensor, axes: int, window: tuple, asked: Any) -> tuple:
    """The size that was pooled: the smallest possible one, or the one asked for, if near enough."""
    sizes, stride = input.shape[input.dim() - axes :], window[1]
    least = tuple((n - 1) * s + k - 2 * p for n, k, s, p in zip(sizes, *window))
    if asked is None:
        return least
    if len(asked) == axes + 2:
        asked = asked[2:]
    if len(asked) != axes:
        raise ValueError(
            f"output_size should be a sequence containing {axes} or {axes + 2} elements, but it "
            f"has a length of '{len(asked)}'"
        )
    for i, (given, n, s) in enumerate(zip(asked, least, stride)):
        if not n - s < given < n + s:
            raise ValueError(
                f'invalid output_size "{tuple(asked)}" '
                f"(dim {i} must be between {n - s} and {n + s})"
            )
    return tuple(map(int, asked))


def _unpool(axes: int):
    name = f"max_unpool{axes}d"

    def max_unpool(
        input: Tensor, indices: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0,
        output_size: Any = None,
    ) -> Tensor:  # fmt: skip
        window = _windows(name, axes, kernel_size, stride, padding)
        if input.shape != indices.shape:
            raise RuntimeError(
                "Expected shape of indices to be same as that of the input tensor "
                f"({list(input.shape)}) but got indices tensor with shape: {list(indices.shape)}"
            )
        size = _unpooled_size(input, axes, window, output_size)
        return ops.unpool_max[axes](input, indices, size)

    return named(max_unpool, name, f"What max_pool{axes}d took, back at its places among zeros.")


max_unpool1d, max_unpool2d, max_unpool3d = _unpool(1), _unpool(2), _unpool(3)
