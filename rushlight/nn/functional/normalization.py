"""Normalisations with PyTorch's arguments."""

from math import prod
from typing import Any

from ..._core.dtypes import finfo, float32
from ..._core.modes import no_grad
from ..._ops import norm as ops
from ..._tensor import Tensor
from .padding import pad
from .pooling import avg_pool2d, avg_pool3d


def _check_batch(count: int, size: str) -> None:
    if count == 1:
        raise ValueError(
            f"Expected more than 1 value per channel when training, got input size {size}; the "
            "variance of a single value is zero: give a larger batch, or call eval() on the model"
        )


def _check_kinds(input: Tensor, *given: Tensor | None) -> None:
    for t in given:
        if t is not None and t.array.dtype is not input.array.dtype:
            break
    else:
        return
    own, kinds = input.dtype, {t.dtype for t in given if t is not None}
    if not (kinds <= {own} or (own.itemsize == 2 and kinds == {float32})):
        other = next(kind for kind in kinds if kind is not own)
        raise RuntimeError(
            f"expected scalar type {own.type_name} but found {other.type_name}: statistics, weight "
            "and bias are of the input's dtype, or all float32 beside a half"
        )


def _follow(running: Tensor | None, new: Tensor, momentum: Any) -> None:
    """Move a running statistic towards the batch's."""
    if running is not None:
        new, alpha = new.to(running.dtype), momentum
        if isinstance(momentum, Tensor):
            new, alpha = new * momentum, 1
        running.mul_(1 - momentum).add_(new, alpha=alpha)


def batch_norm(
    input: Tensor, running_mean: Tensor | None, running_var: Tensor | None,
    weight: Tensor | None = None, bias: Tensor | None = None, training: bool = False,
    momentum: float = 0.1, eps: float = 1e-5,
) -> Tensor:  # fmt: skip
    """The input normalised per channel: by the batch's moments (training) or the running ones."""
    if input.shape == (0,):
        return input * 1
    if training:
        _check_batch(input.shape[0] * prod(input.shape[2:]), str(input.shape))
    channels = input.shape[1]
    given = running_mean, running_var, weight, bias
    for name, value in zip(("running_mean", "running_var", "weight", "bias"), given):
        if value is not None and value.numel() != channels:
            raise RuntimeError(f"{name} should contain {channels} elements not {value.numel()}")
    _check_kinds(input, *given)
    if not training:
        if running_mean is None or running_var is None:
            missing = "running_mean" if running_mean is None else "running_var"
            raise RuntimeError(
                f"{missing} must be defined in evaluation mode; pass it, or training=True"
            )
        return ops.batch_norm_inference(input, running_mean, running_var, weight, bias, eps)
    if eps.__class__ is float and eps <= 0:
        raise ValueError(f"batch_norm eps must be positive during training, but got {eps}")
    if not input.numel():
        like = input if weight is None else weight
        none = like.new_zeros(channels), like.new_ones(channels)
        return ops.batch_norm_inference(input, *none, weight, bias, eps)
    made, mean, var = ops.batch_norm_training(input, weight, bias, eps)
    if running_mean is not None or running_var is not None:
        n = input.numel() // channels
        with no_grad():
            _follow(running_mean, mean.detach(), momentum)
            _follow(running_var, var.detach() * (n / (n - 1)), momentum)
    return made


def _as_shape(normalized_shape: Any) -> tuple:
    if normalized_shape.__class__ is int:
        return (normalized_shape,)
    return tuple(normalized_shape)


def layer_norm(
    input: Tensor,
    normalized_shape: Any,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """The input normalised over its last axes, which have `normalized_shape`."""
    return ops.layer_norm_native(input, weight, bias, _as_shape(normalized_shape), eps)


def group_norm(
    input: Tensor,
    num_groups: int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """The input (n, c, ...) normalised over each of `num_groups` groups of channels."""
    if input.dim() < 2:
        raise RuntimeError(
            f"Expected at least 2 dimensions for input tensor but received {input.dim()}"
        )
    n, channels = input.shape[:2]
    _check_batch(n * channels // num_groups * prod(input.shape[2:]), str(list(input.shape)))
    if channels % num_groups:
        raise RuntimeError(
            "Expected number of channels in input to be divisible by num_groups, but got input of "
            f"shape {list(input.shape)} and num_groups={num_groups}"
        )
    for name, given in (("weight", weight), ("bias", bias)):
        if given is not None and given.shape != (channels,):
            raise RuntimeError(
                f"Expected {name} to be a vector of size equal to the number of channels in input, "
                f"but got {name} of shape {list(given.shape)} and input of shape "
                f"{list(input.shape)}"
            )
    return ops.group_norm_native(input, weight, bias, num_groups, eps)


def instance_norm(
    input: Tensor, running_mean: Tensor | None = None, running_var: Tensor | None = None,
    weight: Tensor | None = None, bias: Tensor | None = None, use_input_stats: bool = True,
    momentum: float = 0.1, eps: float = 1e-5,
) -> Tensor:  # fmt: skip
    """Each channel of each element of the batch normalised by itself."""
    if use_input_stats and prod(input.shape[2:]) == 1:
        raise ValueError(
            "Expected more than 1 spatial element when training, got input size "
            f"torch.Size({list(input.shape)})"
        )
    n, c = input.shape[:2]

    def each(v: Tensor | None) -> Tensor | None:
        return None if v is None else v.repeat(n)

    mean, var = each(running_mean), each(running_var)
    folded = input.reshape(1, n * c, *input.shape[2:])
    made = batch_norm(folded, mean, var, each(weight), each(bias), use_input_stats, momentum, eps)
    with no_grad():
        for running, followed in ((running_mean, mean), (running_var, var)):
            if running is not None and followed is not None and use_input_stats:
                running.copy_(followed.view(n, c).mean(0))
    return made.view(input.shape)


def rms_norm(
    input: Tensor, normalized_shape: Any, weight: Tensor | None = None, eps: float | None = None
) -> Tensor:
    """The input over the root mean square of its last axes (Zhang and Sennrich, 2019)."""
    shape = _as_shape(normalized_shape)
    ops.check_tail(input, shape, weight, None)
    wide = input if input.dtype.itemsize > 2 else input.float()
    if eps is None:
        eps = finfo(wide.dtype).eps
    scale = (wide.square().mean(tuple(range(-len(shape), 0)), keepdim=True) + eps).rsqrt()
    made = wide * scale
    return (made if weight is None else made * weight).to(input.dtype)


def local_response_norm(
    input: Tensor, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> Tensor:
    """Each element over a power of the squares of `size` neighbouring channels."""
    if input.dim() < 3:
        raise ValueError(
            f"Expected 3D or higher dimensionality input (got {input.dim()} dimensions)"
        )
    if input.numel() == 0:
        return input
    squares = input.mul(input)
    before, after = size // 2, (size - 1) // 2
    if input.dim() == 3:
        near = avg_pool2d(
            pad(squares.unsqueeze(1), (0, 0, before, after)), (size, 1), stride=1
        ).squeeze(1)
    else:
        shape = input.shape
        flat = squares.view(shape[0], 1, shape[1], shape[2], -1)
        near = avg_pool3d(pad(flat, (0, 0, 0, 0, before, after)), (size, 1, 1), stride=1).squeeze(1)
        near = near.view(shape)
    return input / near.mul(alpha).add(k).pow(beta)


def normalize(
    input: Tensor, p: float = 2.0, dim: Any = 1, eps: float = 1e-12, out: Tensor | None = None
) -> Tensor:
    """The input over its p-norm along `dim`, which counts as `eps` at least."""
    norm = input.norm(p, dim, keepdim=True).clamp_min(eps).expand_as(input)
    return input.div(norm, out=out)
