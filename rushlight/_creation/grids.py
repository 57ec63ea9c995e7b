"""Tensors combined of others' elements: meshgrid, cartesian_prod, combinations, vander, polar."""

import itertools
import math
import warnings
from typing import Any

import numpy as np

from .._core import dtypes
from .._core.errors import wrong_argument
from .._core.tape import TensorBase, make
from .._ops.complex_numbers import check_parts
from .._ops.complex_numbers import complex as complex_of
from .._ops.dims import listed
from .._ops.joining import stack
from .filled import ones


def meshgrid(*tensors: Any, indexing: str | None = None) -> tuple:
    """Coordinate matrices of 1-dim tensors: one grid for each, all of the product's shape.

    Args:
        indexing: "ij" (the first tensor runs along dim 0) or "xy" (the first two exchanged).
    """
    parts: Any = listed(tensors)
    if not parts:
        raise RuntimeError("meshgrid expects a non-empty TensorList")
    if indexing is None:
        warnings.warn(
            "torch.meshgrid: in an upcoming release, it will be required to pass the indexing "
            "argument. Pass indexing='ij' to keep what this call does.",
            stacklevel=2,
        )
        indexing = "ij"
    if indexing not in ("ij", "xy"):
        raise RuntimeError(
            f'torch.meshgrid: indexing must be one of "xy" or "ij", but received: {indexing}'
        )
    _check_grid(parts)
    exchanged = indexing == "xy" and len(parts) >= 2
    ordered = [parts[1], parts[0], *parts[2:]] if exchanged else list(parts)
    sizes = tuple(math.prod(t.shape) for t in ordered)
    grids = []
    for i, t in enumerate(ordered):
        line = t.reshape((1,) * i + (sizes[i],) + (1,) * (len(sizes) - i - 1))
        grids.append(line.expand(sizes))
    if exchanged:
        grids = [grids[1], grids[0], *grids[2:]]
    return tuple(grids)


def _check_grid(parts: Any) -> None:
    for t in parts:
        if t.dtype is not parts[0].dtype:
            raise RuntimeError("meshgrid expects all tensors to have the same dtype")
        if t.device is not parts[0].device:
            raise RuntimeError("meshgrid expects all tensors to have the same device")
        if len(t.shape) > 1:
            raise RuntimeError(
                "torch.meshgrid: Expected 0D or 1D tensor in the tensor list but got: "
                f"a tensor of shape {list(t.shape)}"
            )


def _check_vector(t: Any) -> None:
    if len(t.shape) != 1:
        raise RuntimeError(f"Expect a 1D vector, but got shape {list(t.shape)}")


def cartesian_prod(*tensors: Any) -> Any:
    """All combinations of one element from each 1-dim tensor, one a row."""
    for t in tensors:
        _check_vector(t)
    if len(tensors) == 1:
        return tensors[0]
    grids = meshgrid(*tensors, indexing="ij")
    return stack([g.reshape((-1,)) for g in grids], 1)


def combinations(input: Any, r: int = 2, with_replacement: bool = False) -> Any:
    """All choices of `r` elements of a 1-dim tensor, in order, one a row."""
    _check_vector(input)
    if r < 0:
        raise RuntimeError(f"Expect a non-negative number, but got {r}")
    if r == 0:
        return input.new_empty(0)
    choose = itertools.combinations_with_replacement if with_replacement else itertools.combinations
    rows = list(choose(range(input.shape[0]), r))
    index = np.array(rows, np.int64).reshape(len(rows), r)
    return input[make(index, input.device)]


def vander(x: Any, N: int | None = None, increasing: bool = False) -> Any:
    """The Vandermonde matrix: powers of each element of `x` along a row."""
    if len(x.shape) != 1:
        raise RuntimeError(f"x must be a one-dimensional tensor. It has shape {list(x.shape)}.")
    count = x.shape[0] if N is None else N
    if count < 0:
        raise RuntimeError(f"N must be non-negative, got {count}")
    kind = dtypes.int64 if x.dtype.category < 2 else x.dtype
    made = ones((x.shape[0], count), dtype=kind, device=x.device)
    if count > 1:
        repeated = x.to(kind).unsqueeze(-1).expand((x.shape[0], count - 1))
        made[:, 1:] = repeated.cumprod(1)
    return made if increasing else made.flip((1,))


def polar(abs: Any, angle: Any, *, out: Any = None) -> Any:
    """Complex numbers of the given absolute values and angles."""
    for t in (abs, angle):
        if not isinstance(t, TensorBase):
            raise wrong_argument("polar", "angle" if t is angle else "abs", 0, "Tensor", t)
    check_parts(abs.dtype, angle.dtype)
    return complex_of(abs * angle.cos(), abs * angle.sin(), out=out)
