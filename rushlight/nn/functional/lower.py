"""torch's own forms of some layers and losses, which `torch.nn.functional` builds on.

Their arguments stand in another order, and losses take their reduction as a number; without it
they are not reduced, which is PyTorch's way too.
"""

from collections.abc import Callable, Sequence
from typing import Any

from ..._ops import dropout as dropouts
from ..._tensor import Tensor
from . import class_losses, losses, normalization, tables

REDUCTIONS = ("none", "mean", "sum")  # by PyTorch's numbers


def reduction_of(number: int | str) -> str:
    """The name of a reduction that is given by its number (0, 1, 2)."""
    if isinstance(number, str):
        return number
    if number not in (0, 1, 2):
        raise ValueError(f"reduction is 0 (none), 1 (mean) or 2 (sum), not {number}")
    return REDUCTIONS[number]


def _as(function: Callable[..., Tensor], given: dict[str, Any]) -> Tensor:
    """A call by the names of the arguments, as `locals()` tells them."""
    given = {name: value for name, value in given.items() if "cudnn" not in name}
    if "reduction" in given:
        given["reduction"] = reduction_of(given["reduction"])
    return function(**given)


def batch_norm(
    input: Tensor, weight: Tensor | None, bias: Tensor | None, running_mean: Tensor | None,
    running_var: Tensor | None, training: bool, momentum: float, eps: float,
    cudnn_enabled: bool,
) -> Tensor:  # fmt: skip
    """The input normalised per channel."""
    return _as(normalization.batch_norm, locals())


def instance_norm(
    input: Tensor, weight: Tensor | None, bias: Tensor | None, running_mean: Tensor | None,
    running_var: Tensor | None, use_input_stats: bool, momentum: float, eps: float,
    cudnn_enabled: bool,
) -> Tensor:  # fmt: skip
    """Each channel of each element of the batch normalised by itself."""
    return _as(normalization.instance_norm, locals())


def layer_norm(
    input: Tensor, normalized_shape: Sequence[int], weight: Tensor | None = None,
    bias: Tensor | None = None, eps: float = 1e-5, cudnn_enable: bool = True,
) -> Tensor:  # fmt: skip
    """The input normalised over its last axes."""
    return _as(normalization.layer_norm, locals())


def group_norm(
    input: Tensor, num_groups: int, weight: Tensor | None = None, bias: Tensor | None = None,
    eps: float = 1e-5, cudnn_enabled: bool = True,
) -> Tensor:  # fmt: skip
    """The input normalised over groups of channels."""
    return _as(normalization.group_norm, locals())


def binary_cross_entropy_with_logits(
    input: Tensor, target: Tensor, weight: Tensor | None = None, pos_weight: Tensor | None = None,
    reduction: int = 0,
) -> Tensor:  # fmt: skip
    """The cross entropy of probabilities given by their log-odds."""
    return _as(losses.binary_cross_entropy_with_logits, locals())


def kl_div(
    input: Tensor, target: Tensor, reduction: int = 0, *, log_target: bool = False
) -> Tensor:
    """The Kullback-Leibler divergence of log-probabilities from a target."""
    if reduction == 1:  # here the mean over elements is meant, which the other form warns about
        return losses.kl_div(input, target, reduction="none", log_target=log_target).mean()
    return losses.kl_div(input, target, reduction=reduction_of(reduction), log_target=log_target)


def cosine_embedding_loss(
    input1: Tensor, input2: Tensor, target: Tensor, margin: float = 0.0, reduction: int = 0
) -> Tensor:
    """A loss of two inputs that should point the same way (1) or not (-1)."""
    return _as(class_losses.cosine_embedding_loss, locals())


def hinge_embedding_loss(
    input: Tensor, target: Tensor, margin: float = 1.0, reduction: int = 0
) -> Tensor:
    """A loss of distances that should be small (1) or large (-1)."""
    return _as(losses.hinge_embedding_loss, locals())


def margin_ranking_loss(
    input1: Tensor, input2: Tensor, target: Tensor, margin: float = 0.0, reduction: int = 0
) -> Tensor:
    """A loss of two scores of which the first should be larger (1) or smaller (-1)."""
    return _as(losses.margin_ranking_loss, locals())


def poisson_nll_loss(
    input: Tensor, target: Tensor, log_input: bool, full: bool, eps: float, reduction: int
) -> Tensor:
    """The negative log-likelihood of counts."""
    return _as(losses.poisson_nll_loss, locals())


def triplet_margin_loss(
    anchor: Tensor, positive: Tensor, negative: Tensor, margin: float = 1.0, p: float = 2.0,
    eps: float = 1e-6, swap: bool = False, reduction: int = 0,
) -> Tensor:  # fmt: skip
    """A loss of an anchor that should lie nearer to one input than to another."""
    return _as(class_losses.triplet_margin_loss, locals())


def ctc_loss(
    log_probs: Tensor, targets: Tensor, input_lengths: Any, target_lengths: Any, blank: int = 0,
    reduction: int = 0, zero_infinity: bool = False,
) -> Tensor:  # fmt: skip
    """The connectionist temporal classification loss."""
    return _as(class_losses.ctc_loss, locals())


def embedding_bag(
    weight: Tensor, indices: Tensor, offsets: Tensor, scale_grad_by_freq: bool = False,
    mode: int = 0, sparse: bool = False, per_sample_weights: Tensor | None = None,
    include_last_offset: bool = False, padding_idx: int | None = None,
) -> Tensor:  # fmt: skip
    """Sums (0), means (1) or maxima (2) of bags of rows.

    Differs: PyTorch's form gives three more tensors, which only its own gradient rule reads.
    """
    return tables.embedding_bag(
        indices, weight, offsets, scale_grad_by_freq=scale_grad_by_freq,
        mode=("sum", "mean", "max")[mode], sparse=sparse, per_sample_weights=per_sample_weights,
        include_last_offset=include_last_offset, padding_idx=padding_idx,
    )  # fmt: skip


def _dropped(function: Callable) -> Callable:
    def drop(input: Tensor, p: float, train: bool) -> Tensor:
        return function(input, p, train, inplace=True)

    drop.__name__, drop.__doc__ = f"{function.__name__}_", f"`{function.__name__}`, in place."
    return drop


dropout_ = _dropped(dropouts.dropout)
alpha_dropout_ = _dropped(dropouts.alpha_dropout)
feature_alpha_dropout_ = _dropped(dropouts.feature_alpha_dropout)
feature_dropout_ = _dropped(dropouts.dropout2d)
