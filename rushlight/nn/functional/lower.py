"""torch's own forms of some layers and losses, which `torch.nn.functional` builds on.

Their arguments stand in another order, and losses take their reduction as a number; without it
they are not reduced, which is PyTorch's way too.
"""

from collections.abc import Callable
from typing import Any

from ..._core.naming import named
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


def _form(function: Callable[..., Tensor], order: str):
    """torch's form: the arguments in their order, those after the stroke not needed."""
    name, (needed, _, _) = function.__name__, order.partition("|")
    names = order.replace("|", " ").split()

    def form(*args: Any, **kwargs: Any) -> Any:
        given = dict(zip(names, args)) | kwargs
        if len(args) + len(kwargs) > len(given) or not {*needed.split()} <= {*given} <= {*names}:
            raise TypeError(
                f"{name}() received an invalid combination of arguments; it takes "
                f"({', '.join(names)}), of which ({', '.join(needed.split())}) are needed"
            )
        if "reduction" in names:
            given["reduction"] = reduction_of(given.get("reduction", 0))
        return function(**{k: v for k, v in given.items() if "cudnn" not in k})

    return named(form, name, f"`nn.functional.{name}`, called as ({', '.join(names)}).")


_STATISTICS = "input weight bias running_mean running_var {} momentum eps cudnn_enabled"
batch_norm = _form(normalization.batch_norm, _STATISTICS.format("training"))
instance_norm = _form(normalization.instance_norm, _STATISTICS.format("use_input_stats"))
layer_norm = _form(
    normalization.layer_norm, "input normalized_shape | weight bias eps cudnn_enable"
)
group_norm = _form(normalization.group_norm, "input num_groups | weight bias eps cudnn_enabled")
binary_cross_entropy_with_logits = _form(
    losses.binary_cross_entropy_with_logits, "input target | weight pos_weight reduction"
)
cosine_embedding_loss = _form(
    class_losses.cosine_embedding_loss, "input1 input2 target | margin reduction"
)
hinge_embedding_loss = _form(losses.hinge_embedding_loss, "input target | margin reduction")
margin_ranking_loss = _form(losses.margin_ranking_loss, "input1 input2 target | margin reduction")
poisson_nll_loss = _form(losses.poisson_nll_loss, "input target log_input full eps reduction")
triplet_margin_loss = _form(
    class_losses.triplet_margin_loss, "anchor positive negative | margin p eps swap reduction"
)
ctc_loss = _form(
    class_losses.ctc_loss,
    "log_probs targets input_lengths target_lengths | blank reduction zero_infinity",
)


def kl_div(
    input: Tensor, target: Tensor, reduction: int = 0, *, log_target: bool = False
) -> Tensor:
    """The Kullback-Leibler divergence of log-probabilities from a target."""
    if reduction == 1:  # here the mean over elements is meant, which the other form warns about
        return losses.kl_div(input, target, reduction="none", log_target=log_target).mean()
    return losses.kl_div(input, target, reduction=reduction_of(reduction), log_target=log_target)


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

    name = function.__name__
    return named(drop, f"{name}_", f"`{name}`, in place.")


dropout_ = _dropped(dropouts.dropout)
alpha_dropout_ = _dropped(dropouts.alpha_dropout)
feature_alpha_dropout_ = _dropped(dropouts.feature_alpha_dropout)
feature_dropout_ = _dropped(dropouts.dropout2d)
