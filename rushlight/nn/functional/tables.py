"""Embeddings and one-hot vectors with PyTorch's arguments."""

from ..._core.kinds import holds
from ..._core.modes import no_grad
from ..._ops import embedding as ops
from ..._tensor import Tensor


def _padding(padding_idx: int | None, rows: int) -> int:
    """`padding_idx` counted from the front; -1 for none."""
    if padding_idx is None:
        return -1
    if not -rows <= padding_idx < rows:
        raise AssertionError(
            f"Padding_idx must be within num_embeddings; it is {padding_idx}, and there are {rows} "
            "rows"
        )
    return padding_idx % rows


def _hold_norms(weight: Tensor, indices: Tensor, max_norm: float, norm_type: float) -> None:
    """Shrink, in place, each looked-up row that is longer than `max_norm`."""
    with no_grad():
        used = indices.detach().reshape(-1)
        rows = weight.detach()[used]
        norms = rows.norm(norm_type, 1, keepdim=True)
        scale = (max_norm / (norms + 1e-7)).where(norms > max_norm, norms.new_ones(()))
        weight.index_copy_(0, used, rows * scale)


def embedding(
    input: Tensor, weight: Tensor, padding_idx: int | None = None, max_norm: float | None = None,
    norm_type: float = 2.0, scale_grad_by_freq: bool = False, sparse: bool = False,
) -> Tensor:  # fmt: skip
    """The rows of `weight` that the integers of `input` name.

    Args:
        padding_idx: a row that gets no gradient.
        max_norm: rows that are looked up and longer are shrunk to it, in place.
        scale_grad_by_freq: divide each row's gradient by how often it was looked up.
        sparse: accepted; gradients are dense.
    """
    padding = _padding(padding_idx, weight.shape[0])
    if max_norm is not None:
        _hold_norms(weight, input, max_norm, norm_type)
    return ops.embedding(weight, input, padding, scale_grad_by_freq, sparse)


def _check_bags(
    input: Tensor, offsets: Tensor | None, per_sample_weights: Tensor | None, mode: str
) -> None:
    if per_sample_weights is not None and input.shape != per_sample_weights.shape:
        raise ValueError(
            f"embedding_bag: If per_sample_weights ({tuple(per_sample_weights.shape)}) is not "
            f"None, then it must have the same shape as the input ({tuple(input.shape)})"
        )
    if input.dim() == 2 and offsets is not None:
        raise ValueError(
            "if input is 2D, then offsets has to be None, as input is treated is a mini-batch of "
            f"fixed length sequences. However, found offsets of type {type(offsets)}"
        )
    if input.dim() == 1:
        if offsets is None or not isinstance(offsets, Tensor):
            raise ValueError(f"offsets has to be a 1D Tensor but got {offsets}")
        if offsets.dim() != 1:
            raise ValueError("offsets has to be a 1D Tensor")
        if offsets.numel() and not holds(offsets[0] == 0):
            raise RuntimeError(
                "offsets[0] has to be 0, i.e., the first sequence in the mini-batch has to start "
                f"from position 0. However, got {int(offsets[0])}"
            )
    elif input.dim() != 2:
        raise ValueError(
            f"input has to be 1D or 2D Tensor, but got Tensor of dimension {input.dim()}"
        )
    if mode not in ("sum", "mean", "max"):
        raise ValueError("mode has to be one of sum, mean or max")
    if per_sample_weights is not None and mode != "sum":
        raise NotImplementedError(
            "embedding_bag: per_sample_weights was not None. per_sample_weights is only supported "
            f"for mode='sum' (got mode='{mode}'). Please open a feature request on GitHub."
        )


def embedding_bag(
    input: Tensor, weight: Tensor, offsets: Tensor | None = None, max_norm: float | None = None,
    norm_type: float = 2, scale_grad_by_freq: bool = False, mode: str = "mean",
    sparse: bool = False, per_sample_weights: Tensor | None = None,
    include_last_offset: bool = False, padding_idx: int | None = None,
) -> Tensor:  # fmt: skip
    """Sums, means or greatest of bags of rows, without keeping the rows apart.

    Args:
        input: indices: rows of bags (n, size), or all bags one after another.
        offsets: where in a 1-D `input` each bag begins.
        include_last_offset: the last offset is the end of the last bag.
        per_sample_weights: what each row is multiplied by (mode "sum").
    """
    _check_bags(input, offsets, per_sample_weights, mode)
    if input.dim() == 2:
        n, size = input.shape
        offsets = (input.new_ones(n) * size).cumsum(0) - size
        input = input.reshape(-1)
        per_sample_weights = None if per_sample_weights is None else per_sample_weights.reshape(-1)
    elif include_last_offset and offsets is not None:
        if not holds(offsets[-1:] >= len(input)):
            end = int(offsets[-1])
            input = input[:end]
            per_sample_weights = None if per_sample_weights is None else per_sample_weights[:end]
        offsets = offsets[:-1]
    assert offsets is not None  # _check_bags saw to it
    padding, bags = _padding(padding_idx, weight.shape[0]), offsets.shape[0]
    if max_norm is not None:
        _hold_norms(weight, input, max_norm, norm_type)
    if mode == "max":
        return ops.embedding_bag_max(weight, input, offsets, bags, padding)
    options = (bags, mode == "mean", scale_grad_by_freq, padding)
    return ops.embedding_bag_sum(weight, input, offsets, per_sample_weights, *options)


def one_hot(tensor: Tensor, num_classes: int = -1) -> Tensor:
    """Integers as vectors of zeros with a single one."""
    if str(tensor.dtype) != "torch.int64":
        raise RuntimeError(
            f"one_hot is only applicable to index tensor of type LongTensor. It has {tensor.dtype}"
        )
    if tensor.numel() == 0:
        if num_classes <= 0:
            raise RuntimeError("Can not infer total number of classes from empty tensor.")
        return tensor.new_zeros((*tensor.shape, num_classes))
    if not holds(tensor >= 0):
        raise RuntimeError(
            f"Class values must be non-negative. The least one is {int(tensor.min())}"
        )
    if num_classes == -1:
        num_classes = int(tensor.max()) + 1
    if not holds(tensor < num_classes):
        raise RuntimeError(
            "Class values must be smaller than num_classes. The greatest is "
            f"{int(tensor.max())}, and num_classes is {num_classes}"
        )
    return tensor.new_zeros((*tensor.shape, num_classes)).scatter_(-1, tensor.unsqueeze(-1), 1)
