"""`out=`: how a result is written into a given tensor, and what cannot take it."""

import warnings
from typing import Any

import numpy as np

from . import dtypes, modes
from .errors import wrong_argument
from .kinds import namespace
from .record import Op
from .tape import TensorBase, ndarray
from .views import copy_, edge

# What converts to out's dtype, beside ops on floats and those of several operands
_CONVERTS = frozenset(
    "addr cholesky cholesky_solve column_stack cumprod cumsum diff dstack fft_hfft fft_hfft2 "
    "fft_hfftn fft_irfft fft_irfft2 fft_irfftn householder_product hstack inner joined linalg_cond "
    "linalg_householder_product linalg_matrix_rank linalg_pinv linalg_tensorinv linalg_tensorsolve "
    "logical_not logsumexp matrix_power max mean min nansum outer polygamma prod square stacked "
    "std sum var vstack".split()
)


def into(op: Op, out: Any, made: Any, flat: list, exact: bool = False) -> Any:
    """Write results into the tensors given as `out=`, as PyTorch does."""
    if isinstance(made, tuple):
        if not isinstance(out, (tuple, list)):
            raise wrong_argument(op.name, "out", 0, "tuple of Tensors", out)
        if len(out) != len(made):
            raise TypeError(f"expected tuple of {len(made)} elements but got {len(out)}")
        kept = [into(op, target, value, flat, True) for target, value in zip(out, made)]
        return type(made)(*kept) if hasattr(made, "_fields") else tuple(kept)
    if not isinstance(out, TensorBase):
        raise wrong_argument(op.name, "out", 0, "Tensor", out)
    tensors = [a for a in flat if isinstance(a, TensorBase)]
    if modes.records() and any(edge(a) is not None for a in [*tensors, out]):
        raise RuntimeError(
            f"{op.name}(): functions with out=... arguments don't support automatic "
            "differentiation, but one of the arguments requires grad."
        )
    wide = op.kind == "pointwise" and (op.floats or len(op.arrays) > 1)
    _check(op, out, made, tensors, exact or not (wide or op.name in _CONVERTS))
    if modes.local.trace is not None:
        modes.local.trace.capture(out)
    fit(out, made.array)
    return copy_(out, made)


def _check(op: Op, out: TensorBase, made: TensorBase, tensors: list, exact: bool) -> None:
    if out.device is not made.device:
        raise RuntimeError(
            f"{op.name}(): out= is on device {out.device}, the result on {made.device}"
        )
    have, want = dtypes.of(made.array.dtype), dtypes.of(out.array.dtype)
    if exact and have is not want:
        raise RuntimeError(
            f"Expected out tensor to have dtype {dtypes.in_c(have)}, but got {dtypes.in_c(want)} "
            f"instead; {op.name} converts nothing"
        )
    if not dtypes.can_cast(have, want):
        joins = op.name == "joined" or "stack" in op.name
        raise (TypeError if joins else RuntimeError)(
            f"result type {have.type_name} can't be cast to the desired output type "
            f"{want.type_name}"
        )
    if op.kind == "pointwise" and any(_partly(out.array, t.array) for t in tensors):
        raise RuntimeError(
            "unsupported operation: some elements of the input tensor and the written-to tensor "
            "refer to a single memory location. Please clone() the tensor"
        )


def _partly(a: Any, b: Any) -> bool:
    """Whether dense arrays share some memory and are not the same."""
    dense = a.__class__ is ndarray is b.__class__ and a.flags.forc and b.flags.forc
    if not dense or not np.may_share_memory(a, b):
        return False
    return (a.ctypes.data, a.strides, a.shape) != (b.ctypes.data, b.strides, b.shape)


def fit(out: TensorBase, array: Any, warns: bool = True) -> None:
    """Give `out` the array's shape, with a warning where it held something else."""
    old, shape = out.array, tuple(array.shape)
    if tuple(old.shape) == shape:
        return
    if old.size and warns:
        warnings.warn(
            f"An output with one or more elements was resized since it had shape {list(old.shape)}"
            f", which does not match the required output shape {list(shape)}. This is deprecated: "
            "give a tensor of that shape, or an empty one",
            stacklevel=5,
        )
    if old.__class__ is ndarray and array.size <= old.size:
        out.array = old.reshape(-1)[: array.size].reshape(shape)
    else:
        out.array = namespace(old).full(shape, 0, old.dtype)
    out.origin = None
