"""Trees of tensors: `flatten` and `unflatten` are `utils._pytree`'s, and axes spread over them."""

from typing import Any

from .._core.tape import TensorBase
from ..utils._pytree import tree_flatten as flatten
from ..utils._pytree import tree_unflatten as unflatten

__all__ = ["flatten", "is_tensor", "spread", "unflatten"]


def spread(axes: Any, tree: Any) -> list:
    """One axis for each leaf of `tree`, from a number or a tree of numbers over it."""
    if axes is None or isinstance(axes, int):
        return [axes] * len(flatten(tree)[0])
    if isinstance(tree, dict):
        return [a for k in tree for a in spread(axes[k], tree[k])]
    if not isinstance(tree, (tuple, list)) or len(axes) != len(tree):
        raise ValueError(
            f"in_dims is not compatible with the structure of inputs: {axes} against "
            f"{type(tree).__name__}"
        )
    return [a for x, t in zip(axes, tree) for a in spread(x, t)]


def is_tensor(x: Any) -> bool:
    """Whether a leaf is a tensor."""
    return isinstance(x, TensorBase)
