"""Losses that compare an output with a target, element by element, with PyTorch's arguments."""

import math
import warnings

from ..._core import modes
from ..._core.kinds import holds
from ..._core.modes import no_grad
from ..._ops import loss as ops
from ..._ops.activation import logsigmoid
from ..._tensor import Tensor
from ._reduction import legacy_get_string


def reduction_of(size_average: bool | None, reduce: bool | None, reduction: str) -> str:
    """`reduction`, or what the two older arguments say."""
    if size_average is not None or reduce is not None:
        return legacy_get_string(size_average, reduce)
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(
            f"{reduction} is not a valid value for reduction; take 'mean', 'sum' or 'none'"
        )
    return reduction


def reduced(each: Tensor, reduction: str) -> Tensor:
    """The mean or sum of a loss, or the loss of each element."""
    if reduction == "mean":
        return each.mean()
    if reduction == "sum":
        return each.sum()
    return each


def _warn_of_broadcast(input: Tensor, target: Tensor) -> None:
    if input.shape != target.shape:
        warnings.warn(
            f"Using a target size ({target.shape}) that is different to the input size "
            f"({input.shape}). This will likely lead to incorrect results due to broadcasting. "
            "Please ensure they have the same size.",
            stacklevel=3,
        )


def _check_weight(weight: Tensor, input: Tensor) -> None:
    if weight.shape != input.shape:
        raise ValueError(
            "Weights and input must have the same size. The weight has shape "
            f"{tuple(weight.shape)}, the input {tuple(input.shape)}"
        )


def _weighted(each: Tensor, weight: Tensor, reduction: str) -> Tensor:
    """A weighted loss: its mean is over the weights."""
    _check_weight(weight, each)
    each = each * weight
    return each.sum() / weight.sum() if reduction == "mean" else reduced(each, reduction)


def mse_loss(
    input: Tensor, target: Tensor, size_average: bool | None = None, reduce: bool | None = None,
    reduction: str = "mean", weight: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """The mean of the squared differences."""
    _warn_of_broadcast(input, target)
    reduction = reduction_of(size_average, reduce, reduction)
    if weight is not None:
        return _weighted(ops.mse_loss(input, target, "none"), weight, reduction)
    return ops.mse_loss(input, target, reduction)


def l1_loss(
    input: Tensor, target: Tensor, size_average: bool | None = None, reduce: bool | None = None,
    reduction: str = "mean", weight: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """The mean of the absolute differences."""
    _warn_of_broadcast(input, target)
    reduction = reduction_of(size_average, reduce, reduction)
    if modes.special and modes.local.autocast is not None:  # autocast takes losses in float32
        input, target = input.float(), target.float()
    each = (input - target).abs()
    return reduced(each, reduction) if weight is None else _weighted(each, weight, reduction)


def smooth_l1_loss(
    input: Tensor, target: Tensor, size_average: bool | None = None, reduce: bool | None = None,
    reduction: str = "mean", beta: float = 1.0,
) -> Tensor:  # fmt: skip
    """Half squares over `beta` where the difference is below it, absolute differences beyond."""
    reduction = reduction_of(size_average, reduce, reduction)
    if beta == 0.0:
        return l1_loss(input, target, reduction=reduction)
    _warn_of_broadcast(input, target)
    return ops.smooth_l1_loss(input, target, reduction, beta)


def huber_loss(
    input: Tensor,
    target: Tensor,
    reduction: str = "mean",
    delta: float = 1.0,
    weight: Tensor | None = None,
) -> Tensor:
    """Half squares where the difference is below `delta`, linear beyond."""
    _warn_of_broadcast(input, target)
    reduction = reduction_of(None, None, reduction)
    if weight is not None:
        _check_weight(weight, input)
        return reduced(ops.huber_loss(input, target, "none", delta) * weight, reduction)
    return ops.huber_loss(input, target, reduction, delta)


def binary_cross_entropy(
    input: Tensor, target: Tensor, weight: Tensor | None = None, size_average: bool | None = None,
    reduce: bool | None = None, reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """-(t log p + (1 - t) log(1 - p)) for probabilities p."""
    reduction = reduction_of(size_average, reduce, reduction)
    if target.shape != input.shape:
        raise ValueError(
            f"Using a target size ({target.shape}) that is different to the input size "
            f"({input.shape}) is deprecated. Please ensure they have the same size."
        )
    if target.dtype is not input.dtype:
        raise RuntimeError(
            f"Found dtype {target.dtype.type_name} but expected {input.dtype.type_name}; convert "
            f"the target, as in target.to({input.dtype})"
        )
    if weight is not None:
        weight = weight.expand(input.shape).to(input.dtype)
    return ops.binary_cross_entropy(input, target, weight, reduction)


def binary_cross_entropy_with_logits(
    input: Tensor, target: Tensor, weight: Tensor | None = None, size_average: bool | None = None,
    reduce: bool | None = None, reduction: str = "mean", pos_weight: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """Binary cross entropy of sigmoid(input), computed without overflow."""
    reduction = reduction_of(size_average, reduce, reduction)
    if target.shape != input.shape:
        raise ValueError(
            f"Target size ({target.shape}) must be the same as input size ({input.shape}); reshape "
            "one of them, as in input.squeeze(1) or target.unsqueeze(1)"
        )
    if target.dtype.category == 1:
        raise RuntimeError(
            f"result type {input.dtype.type_name} can't be cast to the desired output type "
            f"{target.dtype.type_name}; convert the target, as in target.float()"
        )
    weight = None if weight is None else weight.to(input.dtype)
    return ops.logits_cross_entropy(input, target, weight, pos_weight, reduction)


def kl_div(
    input: Tensor, target: Tensor, size_average: bool | None = None, reduce: bool | None = None,
    reduction: str = "mean", log_target: bool = False,
) -> Tensor:  # fmt: skip
    """target * (log target - input), for an input of log-probabilities."""
    if size_average is not None or reduce is not None:
        reduction = legacy_get_string(size_average, reduce)
    elif reduction == "mean":
        warnings.warn(
            "reduction: 'mean' divides the total loss by both the batch size and the support size."
            "'batchmean' divides only by the batch size, and aligns with the KL div math "
            "definition."
            "'mean' will be changed to behave the same as 'batchmean' in the next major release.",
            stacklevel=2,
        )
    each = target.exp() * (target - input) if log_target else target.xlogy(target) - target * input
    if reduction == "batchmean":
        return each.sum() / input.shape[0] if input.dim() else each.sum()
    return reduced(each, reduction_of(None, None, reduction))


def poisson_nll_loss(
    input: Tensor, target: Tensor, log_input: bool = True, full: bool = False,
    size_average: bool | None = None, eps: float = 1e-8, reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """Minus the log-likelihood of counts under Poisson rates exp(input), or input.

    Args:
        full: add Stirling's approximation of log(target!).
    """
    reduction = reduction_of(size_average, reduce, reduction)
    if log_input:
        each = input.exp() - target * input
    else:
        each = input - target * (input + eps).log()
    if full:
        stirling = target * target.log() - target + 0.5 * (2 * math.pi * target).log()
        each = each + stirling.masked_fill(target <= 1, 0)
    return reduced(each, reduction)


def gaussian_nll_loss(
    input: Tensor, target: Tensor, var: Tensor | float, full: bool = False, eps: float = 1e-6,
    reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """Minus the log-likelihood of targets under normal distributions of mean `input`."""
    if isinstance(var, float):
        var = input.new_full(input.shape, var)
    if not holds(~(var < 0)):
        raise ValueError("var has negative entry/entries")
    if var.shape != input.shape:
        if input.shape[:-1] == var.shape:
            var = var.unsqueeze(-1)
        elif len(var.shape) != len(input.shape) or any(
            v not in (1, n) for v, n in zip(var.shape, input.shape)
        ):
            raise ValueError(
                f"var is of incorrect size; it has shape {tuple(var.shape)}, input "
                f"{tuple(input.shape)}"
            )
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(f"{reduction} is not valid")
    held = var.clone()
    with no_grad():  # held off zero going forward; the gradient goes straight back
        held.clamp_(min=eps)
    each = 0.5 * (held.log() + (input - target) ** 2 / held)
    if full:
        each = each + 0.5 * math.log(2 * math.pi)
    return reduced(each, reduction)


def soft_margin_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """log(1 + exp(-target * input)), for targets of -1 and 1."""
    return ops.soft_margin_loss(input, target, reduction_of(size_average, reduce, reduction))


def multilabel_soft_margin_loss(
    input: Tensor, target: Tensor, weight: Tensor | None = None, size_average: bool | None = None,
    reduce: bool | None = None, reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """Binary cross entropy of each class's logit, averaged over the classes."""
    reduction = reduction_of(size_average, reduce, reduction)
    each = -(target * logsigmoid(input) + (1 - target) * logsigmoid(-input))
    if weight is not None:
        each = each * weight
    axis = input.dim() - 1
    return reduced(each.sum(axis) / input.shape[axis], reduction)


def hinge_embedding_loss(
    input: Tensor, target: Tensor, margin: float = 1.0, size_average: bool | None = None,
    reduce: bool | None = None, reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """The input where the target is 1, max(0, margin - input) where it is -1."""
    reduction = reduction_of(size_average, reduce, reduction)
    far = (margin - input).clamp_min(0).masked_fill(target == 1, 0.0)
    near = input.masked_fill(target == -1, 0.0)
    return reduced(far + near, reduction)


def margin_ranking_loss(
    input1: Tensor, input2: Tensor, target: Tensor, margin: float = 0,
    size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """max(0, -target * (input1 - input2) + margin)."""
    reduction = reduction_of(size_average, reduce, reduction)
    if not input1.dim() == input2.dim() == target.dim():
        raise RuntimeError(
            "margin_ranking_loss : All input tensors should have same dimension but got sizes: "
            f"input1: {input1.shape}, input2: {input2.shape}, target: {target.shape} "
        )
    return reduced((-target * (input1 - input2) + margin).clamp_min(0), reduction)
