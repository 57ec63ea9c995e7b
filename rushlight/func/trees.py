"""Nested tuples, lists and dicts of tensors, taken apart and put together again."""

from collections.abc import Callable
from typing import Any

from .._core.tape import TensorBase


def flatten(tree: Any) -> tuple[list, Any]:
    """The leaves of a tree, and what `unflatten` needs to build it again."""
    if isinstance(tree, dict):
        parts = [flatten(v) for v in tree.values()]
        keys = list(tree)
        return [x for p, _ in parts for x in p], (type(tree), keys, [s for _, s in parts])
    if isinstance(tree, (tuple, list)):
        parts = [flatten(v) for v in tree]
        return [x for p, _ in parts for x in p], (type(tree), None, [s for _, s in parts])
    return [tree], None


def unflatten(leaves: Any, spec: Any) -> Any:
    """The tree of `spec` with these leaves."""
    return _build(iter(leaves), spec)


def _build(leaves: Any, spec: Any) -> Any:
    if spec is None:
        return next(leaves)
    cls, keys, parts = spec
    made = [_build(leaves, s) for s in parts]
    if keys is not None:
        return cls(zip(keys, made))
    return cls(*made) if hasattr(cls, "_fields") else cls(made)


def tree_map(function: Callable, tree: Any) -> Any:
    """The tree with `function` applied to every leaf."""
    leaves, spec = flatten(tree)
    return unflatten([function(x) for x in leaves], spec)


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
