"""What the axes of a step or an array say: sizes, strides, over which of them a reduction goes."""

from typing import Any

from .._arrays.meta import MetaArray, spec
from .graph import Step


def reshaped(x: MetaArray, shape: tuple) -> MetaArray | None:
    """The same elements under another shape; None where that takes a copy."""
    made: Any = spec("reshape", (x, shape), {})
    return MetaArray(*made) if len(made) > 2 else None


def chosen(axis: Any, n: int) -> set[int]:
    """The axes of n that an argument means, counted from the first; None is all."""
    if axis is None:
        return set(range(n))
    return {a % n for a in ((axis,) if isinstance(axis, int) else axis)}


def trailing(step: Step) -> int | None:
    """Over how many last axes a reduction goes; None where it is over others."""
    x = step.args[0]
    axis = step.params.get("axis", step.args[1] if len(step.args) > 1 else None)
    axes, n = chosen(axis, x.ndim), x.ndim
    k = len(axes)
    return k if k and axes == set(range(n - k, n)) else None


def falling(step: Step) -> int:
    """How many axes are left by a sum over the first ones; 0: it is no such sum."""
    if step.word != "sum" or not step.result.ndim or step.result.size == step.args[0].size:
        return 0
    return 0 if trailing(step) is not None else step.result.ndim


def along(x: MetaArray, k: int) -> int | None:
    """The stride along the last k axes taken as one; None where there is no one stride."""
    stride, size = None, 1
    for n, s in reversed([*zip(x.shape, x.strides)][x.ndim - k :]):
        if n == 1:
            continue
        if stride is None:
            stride = s
        elif s != stride * size:
            return None
        size *= n
    return 0 if stride is None else stride


def walkable(x: MetaArray, way: int) -> bool:
    """Whether no axis but this one has nearer neighbours, or an array has one element along it."""
    at = abs(x.strides[way])
    return not at or all(n == 1 or not s or abs(s) >= at for n, s in zip(x.shape, x.strides))


def same(a: tuple, b: tuple, shape: tuple) -> bool:
    """Whether two tuples of strides lead to the same places."""
    return all(s == t for s, t, n in zip(a, b, shape) if n != 1)
