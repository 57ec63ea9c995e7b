"""Losses over classes, sequences of labels and distances, with PyTorch's arguments."""

from collections.abc import Callable
from typing import Any

from ..._core import modes
from ..._core.dtypes import int64
from ..._core.errors import wrong_argument
from ..._core.kinds import foretold, holds
from ..._core.tape import ndarray
from ..._creation import arange, tensor
from ..._ops import class_loss as ops
from ..._ops import ctc
from ..._ops.softmaxes import log_softmax
from ..._tensor import Tensor
from .distances import pairwise_distance
from .losses import reduced, reduction_of

_MANY = 30_000  # logits from which one op that gives two tensors is quicker than two ops


def _class_error(input: Tensor, target: Tensor) -> Exception | None:
    """What does not fit between scores (n, classes, ...) and class indices (n, ...)."""
    n = input.dim()
    if n < 2:
        if n == 0:
            return ValueError(f"Expected 1 or more dimensions (got {n})")
        if target.dim() == 1 and target.shape[0] != 1:
            return ValueError(
                f"For 1D input, 1D target must have size 1, but got target size: {target.shape[0]}"
            )
        return (
            RuntimeError("0D or 1D target tensor expected, multi-target not supported")
            if target.dim() > 1
            else None
        )
    if target.dim() == 0 or input.shape[0] != target.shape[0]:
        got = target.shape[0] if target.dim() else 1
        return ValueError(
            f"Expected input batch_size ({input.shape[0]}) to match target batch_size ({got}). The "
            f"input has shape {list(input.shape)}, the target {list(target.shape)}"
        )
    if n == 2 and target.dim() != 1:
        return RuntimeError(
            "0D or 1D target tensor expected, multi-target not supported; targets are class "
            f"indices, one for each row, but the target has shape {list(target.shape)}"
        )
    if n > 2 and target.shape[1:] != input.shape[2:]:
        return RuntimeError(
            f"size mismatch (got input: {list(input.shape)} , target: {list(target.shape)}; "
            f"expected target {[input.shape[0], *input.shape[2:]]})"
        )
    return None


def nll_loss(
    input: Tensor, target: Tensor, weight: Tensor | None = None, size_average: bool | None = None,
    ignore_index: int = -100, reduce: bool | None = None, reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """Minus each target's log-probability; a mean is over the targets' weights.

    Args:
        input: log-probabilities (n, classes), (classes,) or (n, classes, ...).
        target: class indices (n,), () or (n, ...).
        ignore_index: a target that counts for nothing.
    """
    reduction = reduction_of(size_average, reduce, reduction)
    return _nll(input, target, weight, reduction, ignore_index)


def _check_weight(input: Tensor, weight: Tensor | None) -> None:
    if weight is None or weight.dtype is input.dtype or modes.local.autocast is not None:
        return
    raise RuntimeError(
        f"expected scalar type {input.dtype.type_name} but found {weight.dtype.type_name}; convert "
        f"the weight, as in weight.to({input.dtype})"
    )


def _nll(
    input: Tensor, target: Tensor, weight: Tensor | None, reduction: str, ignore_index: int
) -> Tensor:
    _check_weight(input, weight)
    shape, places = input.shape, target.shape
    fits = len(shape) == 2 and len(places) == 1 and shape[0] == places[0]
    if not fits and (error := _class_error(input, target)):
        raise error
    if fits or len(shape) == 1:
        return ops.nll_loss(input, target, weight, reduction, ignore_index)
    if len(shape) == 4:
        return ops.nll_loss2d(input, target, weight, reduction, ignore_index)
    n, c = shape[:2]
    flat = input.reshape(n, c, 1, -1), target.reshape(n, 1, -1)
    made = ops.nll_loss2d(*flat, weight, reduction, ignore_index)
    return made.view(target.shape) if reduction == "none" else made


def _plain(input: Tensor, target: Tensor) -> bool:
    """Whether nothing is to be traced or cast."""
    return (
        not modes.special
        and getattr(input, "array", None).__class__ is ndarray is target.array.__class__
        and input.device is target.device
    )


def cross_entropy(
    input: Tensor, target: Tensor, weight: Tensor | None = None, size_average: bool | None = None,
    ignore_index: int = -100, reduce: bool | None = None, reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:  # fmt: skip
    """Cross entropy between logits and class indices, or class probabilities.

    Args:
        input: logits (n, classes), (classes,) or (n, classes, ...).
        target: class indices (n,), () or (n, ...); or probabilities shaped like the input.
        weight: what each class counts.
        ignore_index: a target that counts for nothing.
        label_smoothing: the part of the target spread evenly over all classes.
    """
    reduction = reduction_of(size_average, reduce, reduction)
    try:
        shape, places = input.array.shape, target.array.shape
    except AttributeError:  # a subclass that wants to see calls hides it
        if not hasattr(target, "dim"):
            raise wrong_argument("cross_entropy_loss", "target", 2, "Tensor", target) from None
        shape, places = input.shape, target.shape
    if label_smoothing:
        if not 0.0 <= label_smoothing <= 1.0:
            raise RuntimeError(
                f"label_smoothing must be between 0.0 and 1.0. Got: {label_smoothing:g}"
            )
    elif weight is None and len(shape) == 2 and places == shape[:1] and _plain(input, target):
        if not (input.needs and modes.records()):
            return ops.undifferentiated_cross_entropy(input, target, reduction, ignore_index)
        if input.array.size > _MANY:
            return ops.recorded_cross_entropy(input, target, reduction, ignore_index)[0]
    dim = 0 if len(shape) == 1 else 1
    if shape == places:
        return _with_probabilities(
            input, target, weight, reduction, ignore_index, label_smoothing, dim
        )
    if modes.special and modes.local.autocast is not None:  # autocast takes losses in float32
        input = input.float()
    log_p = log_softmax(input, dim)
    if label_smoothing:
        return _smoothed(log_p, target, weight, reduction, ignore_index, label_smoothing, dim)
    return _nll(log_p, target, weight, reduction, ignore_index)


def _across(weight: Tensor, input: Tensor, dim: int) -> Tensor:
    return weight.view([-1 if i == dim else 1 for i in range(input.dim())])


def _with_probabilities(
    input: Tensor, target: Tensor, weight: Tensor | None, reduction: str, ignore_index: int,
    label_smoothing: float, dim: int,
) -> Tensor:  # fmt: skip
    if not target.is_floating_point():
        raise RuntimeError(
            "Expected floating point type for target with class probabilities, got "
            f"{target.dtype.type_name}; for class indices the target has no class axis: expected "
            f"shape {[*input.shape[:dim], *input.shape[dim + 1 :]]}"
        )
    if ignore_index >= 0:
        raise RuntimeError("ignore_index is not supported for floating point target")
    log_p, classes = log_softmax(input, dim), input.shape[dim]
    if label_smoothing:
        target = target * (1 - label_smoothing) + label_smoothing / classes
    each = log_p * target
    if weight is not None:
        each = each * _across(weight, input, dim)
    if reduction == "mean":
        return ops.per_item(-each.sum(), input.numel() // classes)
    return reduced(-each.sum(dim), reduction) if reduction != "sum" else -each.sum()


def _smoothed(
    log_p: Tensor, target: Tensor, weight: Tensor | None, reduction: str, ignore_index: int,
    label_smoothing: float, dim: int,
) -> Tensor:  # fmt: skip
    """Part of the loss at the target, the rest at the mean of all classes."""
    at_target = _nll(log_p, target, weight, reduction, ignore_index)
    spread = log_p if weight is None else log_p * _across(weight, log_p, dim)
    everywhere = -spread.sum(dim)
    ignored = target == ignore_index
    everywhere = everywhere.masked_fill(ignored, 0.0)
    if reduction == "mean":
        if weight is None:
            count = (~ignored).sum()
        else:
            count = weight[target.masked_fill(ignored, 0)].masked_fill(ignored, 0.0).sum()
        everywhere = everywhere.sum() / count
    elif reduction == "sum":
        everywhere = everywhere.sum()
    classes = log_p.shape[dim]
    return (1 - label_smoothing) * at_target + everywhere * (label_smoothing / classes)


def multi_margin_loss(
    input: Tensor, target: Tensor, p: int = 1, margin: float = 1.0, weight: Tensor | None = None,
    size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """Sum over wrong classes of max(0, margin - x[right] + x[wrong]) ** p, over the class count."""
    reduction = reduction_of(size_average, reduce, reduction)
    if p not in (1, 2):
        raise ValueError("only p == 1 and p == 2 supported")
    if weight is not None and weight.dim() != 1:
        raise ValueError("weight must be one-dimensional")
    _check_weight(input, weight)
    rows = input.shape[0] if input.dim() == 2 else 1
    if target.dim() > 1 or target.numel() != rows:
        raise RuntimeError(
            "multi_margin_loss: target tensor should be 1-D with size equal to the number of input "
            f"samples (batch size). Expected target size [{rows}], but got {list(target.shape)}. "
            f"Input has shape {list(input.shape)}."
        )
    return ops.multi_margin_loss(input, target, weight, p, margin, reduction)


def multilabel_margin_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Sum over labels and others of max(0, 1 - (x[label] - x[other])), over the class count."""
    if target.shape != input.shape:
        raise RuntimeError(
            f"inconsistent target size: {list(target.shape)} for input of size: {list(input.shape)}"
        )
    return ops.multilabel_margin_loss(input, target, reduction_of(size_average, reduce, reduction))


def cosine_embedding_loss(
    input1: Tensor, input2: Tensor, target: Tensor, margin: float = 0,
    size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """1 - cos where the target is 1, max(0, cos - margin) where it is -1."""
    reduction = reduction_of(size_average, reduce, reduction)
    if target.dim() > 1:
        raise RuntimeError("0D or 1D target tensor expected, multi-target not supported")
    if target.dim() + 1 != input1.dim() or target.dim() + 1 != input2.dim():
        raise RuntimeError(
            f"{target.dim()}D target tensor expects {target.dim() + 1}D input tensors, but found "
            f"inputs with sizes {list(input1.shape)} and {list(input2.shape)}."
        )
    eps = 1e-12  # PyTorch's, which keeps zero vectors finite
    dim = target.dim()
    product = (input1 * input2).sum(dim)
    lengths = ((input1 * input1).sum(dim) + eps) * ((input2 * input2).sum(dim) + eps)
    cos = product / lengths.sqrt()
    near = (1 - cos).masked_fill(target != 1, 0.0)
    far = (cos - margin).clamp_min(0).masked_fill(target != -1, 0.0)
    return reduced(near + far, reduction)


def triplet_margin_loss(
    anchor: Tensor, positive: Tensor, negative: Tensor, margin: float = 1.0, p: float = 2,
    eps: float = 1e-6, swap: bool = False, size_average: bool | None = None,
    reduce: bool | None = None, reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """max(0, |anchor - positive| - |anchor - negative| + margin)."""
    return triplet_margin_with_distance_loss(
        anchor, positive, negative, distance_function=lambda a, b: pairwise_distance(a, b, p, eps),
        margin=margin, swap=swap, reduction=reduction_of(size_average, reduce, reduction),
    )  # fmt: skip


def triplet_margin_with_distance_loss(
    anchor: Tensor, positive: Tensor, negative: Tensor, *,
    distance_function: Callable[[Tensor, Tensor], Tensor] | None = None, margin: float = 1.0,
    swap: bool = False, reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """The triplet loss with a distance of one's own (by default the Euclidean one)."""
    reduction = reduction_of(None, None, reduction)
    if margin <= 0:
        raise ValueError(f"margin must be greater than 0, got {margin}")
    a, b, c = anchor.dim(), positive.dim(), negative.dim()
    if not a == b == c:
        raise RuntimeError(
            "The anchor, positive, and negative tensors are expected to have the same number of "
            f"dimensions, but got: anchor {a}D, positive {b}D, and negative {c}D inputs"
        )
    distance = distance_function or pairwise_distance
    near, far = distance(anchor, positive), distance(anchor, negative)
    if swap:
        far = far.minimum(distance(positive, negative))
    return reduced((margin + near - far).clamp_min(0), reduction)


def _lengths(given: Any, name: str, device: Any) -> Tensor:
    if isinstance(given, Tensor):
        if given.is_floating_point():
            raise RuntimeError(f"{name} must be integral")
        return given.reshape(-1).to(device, int64)
    given = [given] if isinstance(given, int) else [int(n) for n in given]
    return tensor(given, dtype=int64, device=device)


def _label_rows(targets: Tensor, lengths: Tensor, time: int) -> Tensor:
    """Labels one after another as rows (n, longest), padded with zeros.

    Rows of a length that is not known yet are as long as time: more cannot be said in it.
    """
    count = len(targets)
    longest = int(lengths.max()) if foretold(lengths) and len(lengths) else min(count, time)
    places = arange(longest, device=targets.device)
    if not count:
        return targets.new_zeros((len(lengths), longest))
    starts = (lengths.cumsum(0) - lengths).unsqueeze(1)
    rows = targets[(starts + places).clamp(max=count - 1)]
    return rows.masked_fill(places >= lengths.unsqueeze(1), 0)


def ctc_loss(
    log_probs: Tensor, targets: Tensor, input_lengths: Any, target_lengths: Any, blank: int = 0,
    reduction: str = "mean", zero_infinity: bool = False,
) -> Tensor:  # fmt: skip
    """Connectionist temporal classification (Graves et al., 2006).

    Args:
        log_probs: (time, n, classes) or (time, classes), after log_softmax.
        targets: labels (n, longest), or all labels one after another.
        input_lengths, target_lengths: how much of each row counts.
        zero_infinity: impossible alignments cost nothing instead of infinity.
    """
    whole, reduction = log_probs.dim() == 3, reduction_of(None, None, reduction)
    steps = _lengths(input_lengths, "input_lengths", log_probs.device)
    labels = _lengths(target_lengths, "target_lengths", log_probs.device)
    if not whole:
        log_probs = log_probs.unsqueeze(1)
        targets = targets.unsqueeze(0) if targets.dim() == 1 else targets
    _check_ctc(log_probs, targets, steps, labels, blank)
    if targets.dim() == 1:
        targets = _label_rows(targets, labels, log_probs.shape[0])
    each = ctc.ctc(log_probs, targets.long(), steps, labels, blank, zero_infinity)
    if reduction == "mean":
        return (each / labels.clamp(min=1)).mean()
    return reduced(each if whole else each.squeeze(0), reduction)


def _check_ctc(
    log_probs: Tensor, targets: Tensor, steps: Tensor, labels: Tensor, blank: int
) -> None:
    time, n, classes = log_probs.shape
    if not 0 <= blank < classes:
        raise RuntimeError(
            f"blank must be in label range; it is {blank}, and there are {classes} classes"
        )
    for name, lengths in (("input_lengths", steps), ("target_lengths", labels)):
        if len(lengths) != n:
            raise RuntimeError(
                f"{name} must be of size batch_size; it has {len(lengths)} values, the batch {n}"
            )
    if not holds(steps <= time):
        raise RuntimeError(
            f"Expected input_lengths to have value at most {time}, but got value "
            f"{int(steps.max())} (while checking arguments for ctc_loss_allocate_outputs)"
        )
    rows, size = targets.dim() == 2, targets.shape[-1]
    if not holds(labels <= size if rows else labels.sum() == size):
        wanted = f"at least {int(labels.max())}" if rows else int(labels.sum())
        raise RuntimeError(
            f"Expected tensor to have size {wanted} at dimension {int(rows)}, but got size {size} "
            "for argument #2 'targets' (while checking arguments for ctc_loss_allocate_outputs)"
        )
