"""Distances between vectors with PyTorch's arguments."""

from ..._ops.distance import difference_norms, pair_norms
from ..._ops.joining import cat
from ..._ops.views import broadcast_tensors
from ..._tensor import Tensor


def pairwise_distance(
    x1: Tensor, x2: Tensor, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False
) -> Tensor:
    """The p-norm of x1 - x2 + eps along the last axis."""
    return difference_norms(x1 - x2 + eps, p, keepdim)


def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """The cosine of the angle between vectors along `dim`; lengths count as `eps` at least."""
    if not (x1.is_floating_point() or x2.is_floating_point()):
        raise RuntimeError(
            f"expected common dtype to be floating point, yet common dtype is {x1.dtype.type_name}"
        )

    if x1.shape != x2.shape:
        x1, x2 = broadcast_tensors(x1, x2)  # lengths are those of what meets

    def unit(x: Tensor) -> Tensor:
        return x / x.norm(2, dim, keepdim=True).clamp_min(eps)

    return (unit(x1) * unit(x2)).sum(dim)


def pdist(input: Tensor, p: float = 2.0) -> Tensor:
    """The p-norm distances between all pairs of rows, i before j."""
    if input.dim() != 2:
        raise RuntimeError(f"pdist only supports 2D tensors, got: {input.dim()}D")
    if p < 0:
        raise RuntimeError("pdist only supports non-negative p values")
    n = input.shape[0]
    rows = [input[i + 1 :] - input[i] for i in range(n - 1)]
    if not rows:
        return input[:0].sum(1)  # nothing, and yet of the input
    return pair_norms(cat(rows, 0), p)
