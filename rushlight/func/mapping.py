"""vmap: a function of one example made a function of many at once."""

import functools
from collections.abc import Callable
from typing import Any

from .._arrays.batched import Batched, BatchedArray
from .._core import modes
from .._core.tape import make
from .._core.views import edge
from .._ops.joining import cat
from .._ops.views import movedim
from .levels import level
from .trees import flatten, is_tensor, spread, unflatten


def vmap(
    func: Callable, in_dims: Any = 0, out_dims: Any = 0, randomness: str = "error", *,
    chunk_size: int | None = None,
) -> Callable:  # fmt: skip
    """`func` mapped over an axis of its inputs.

    Args:
        in_dims: the axis to map of each input (None: the same for all), a number or a tree of them.
        out_dims: where the mapped axis goes in each output.
        randomness: what random ops do: "error", "same" or "different" for each example.
        chunk_size: how many examples to run at once.
    """
    if randomness not in ("error", "same", "different"):
        raise RuntimeError(
            "Only allowed values for randomness are 'error', 'different', or 'same'. Got "
            f"{randomness}"
        )

    @functools.wraps(func)
    def mapped(*args: Any, **kwargs: Any) -> Any:
        leaves, spec = flatten((args, kwargs))
        axes = spread(in_dims, args)
        axes += [0 if is_tensor(x) else None for x in leaves[len(axes) :]]
        size = _size(leaves, axes)
        moved = [
            movedim(x, a, 0) if a is not None and x.dim() > 1 else x for x, a in zip(leaves, axes)
        ]
        step = chunk_size or size
        parts = []
        for start in range(0, size, step):
            cut = slice(start, min(start + step, size))
            count = cut.stop - cut.start
            rows = [x[cut] if a is not None and count != size else x for x, a in zip(moved, axes)]
            parts.append(_run(func, rows, axes, spec, count, randomness))
        return _joined(parts, out_dims)

    return mapped


def _size(leaves: list, axes: list) -> int:
    sizes = []
    for x, a in zip(leaves, axes):
        if a is None:
            continue
        if not is_tensor(x):
            raise ValueError(
                f"vmap: Got in_dim={a} for an input but the input is of type {type(x).__name__}. "
                "We cannot vmap over non-Tensor arguments, please use None as the respective "
                "in_dim"
            )
        if not -x.dim() <= a < x.dim():
            raise ValueError(
                f"vmap: Got in_dim={a} for some input, but that input is a Tensor of "
                f"dimensionality {x.dim()} so expected in_dim to satisfy -{x.dim()} <= in_dim < "
                f"{x.dim()}."
            )
        sizes.append(x.shape[a])
    if not sizes:
        raise ValueError(
            "vmap: at least one input must be mapped: all in_dims are None or there is no tensor"
        )
    if len(set(sizes)) > 1:
        raise ValueError(
            "vmap: Expected all tensors to have the same size in the mapped dimension, got "
            f"sizes {sizes} for the mapped dimension"
        )
    return sizes[0]


def _run(func: Callable, rows: list, axes: list, spec: Any, size: int, randomness: str) -> tuple:
    """The leaves of what one call makes of `size` rows, and their tree."""
    with level() as depth:
        names = Batched(depth, size, randomness)
        inside = [
            x if a is None else make(BatchedArray(names, x), x.device) for x, a in zip(rows, axes)
        ]
        args, kwargs = unflatten(inside, spec)
        around = modes.local.mapped
        modes.local.mapped = (*around, names)
        try:
            made = func(*args, **kwargs)
        finally:
            modes.local.mapped = around
    leaves, shape = flatten(made)
    outs = []
    for x in leaves:
        if not is_tensor(x):
            raise ValueError(
                "vmap: the mapped function must only return Tensors, got type "
                f"{type(x).__name__}. Did you mean to return a Tensor?"
            )
        edge(x)  # a view sees what was written to its base
        outs.append(names._full(names.enter(x)))
    return outs, shape


def _joined(parts: list, out_dims: Any) -> Any:
    outs, spec = parts[0]
    if len(parts) > 1:
        outs = [cat([p[0][i] for p in parts], 0) for i in range(len(outs))]
    tree = unflatten(outs, spec)
    axes = spread(out_dims, tree)
    outs = [x if a in (0, None) else movedim(x, 0, a) for x, a in zip(outs, axes)]
    return unflatten(outs, spec)
