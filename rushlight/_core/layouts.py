"""The order in which elements lie in memory: what a memory format asks for, and its allocation."""

from typing import Any

import numpy as np

from .size import channels_last, channels_last_3d, contiguous_format, preserve_format, strided


def check_layout(given: Any) -> None:
    """Refuse layouts other than strided.

    Raises:
        RuntimeError: for a sparse layout, which Rushlight does not have.
    """
    if given is not None and given is not strided:
        raise RuntimeError(f"layout {given}: Rushlight has strided tensors only; leave layout= out")


def memory_order(array: Any) -> tuple[int, ...]:
    """The axes from the outermost in memory to the innermost.

    Axes of stride 0 tell nothing and keep their place, as in PyTorch.
    """
    shape, strides = array.shape, getattr(array, "strides", None)
    order = list(range(len(shape)))
    if strides is None:
        return tuple(order)
    for i in range(1, len(order)):  # insertion sort: few axes, and ties must not move
        at = i
        for j in range(i - 1, -1, -1):
            verdict = _outer(shape, strides, order[at], order[j])
            if verdict > 0:
                order[at], order[j] = order[j], order[at]
                at = j
            elif verdict < 0:
                break
    return tuple(order)


def _outer(shape: tuple, strides: tuple, a: int, b: int) -> int:
    """1 where axis `a` lies outside axis `b`, -1 where inside, 0 where nothing tells."""
    if not strides[a] or not strides[b] or shape[a] == 1 or shape[b] == 1:
        return 0
    if strides[a] == strides[b]:
        return 0
    return 1 if strides[a] > strides[b] else -1


def order_for(shape: tuple, wanted: Any, like: Any = None) -> tuple[int, ...] | None:
    """The order of axes in memory that a format asks for; None for the plain one.

    Raises:
        RuntimeError: where `channels_last` is asked for a tensor that is not of rank 4.
    """
    if wanted is None or wanted is contiguous_format:
        return None
    if wanted is preserve_format:
        if like.__class__ is not np.ndarray:
            if getattr(getattr(like, "names", None), "name", "") != "traced":
                return None
        elif like.flags.c_contiguous:
            return None
        order = memory_order(like)
        return None if order == tuple(range(len(order))) else order
    rank = {channels_last: 4, channels_last_3d: 5}.get(wanted)
    if rank is None:
        raise TypeError(f"argument 'memory_format' must be torch.memory_format, not {wanted!r}")
    if len(shape) != rank:
        raise RuntimeError(
            f"required rank {rank} tensor to use {wanted.name} format; given a shape of "
            f"{len(shape)} dimensions: {list(shape)}"
        )
    return (0, *range(2, rank), 1)


def laid_out(flat_maker: Any, shape: tuple, order: tuple[int, ...] | None) -> np.ndarray:
    """An array of `shape` whose axes lie in memory in `order`; `flat_maker` makes plain ones."""
    if order is None:
        return flat_maker(shape)
    made = flat_maker(tuple(shape[i] for i in order))
    return made.transpose(np.argsort(order))
