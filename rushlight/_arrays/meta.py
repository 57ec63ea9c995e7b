"""Arrays without values: shape, dtype and strides alone (`device="meta"`, all shape checks)."""

from collections.abc import Callable
from typing import Any

import numpy as np

from .._core import dtypes
from .._core.errors import dim_of
from .._core.kinds import known
from .._core.spec import (
    broadcast_strides,
    contiguous_strides,
    filled,
    indexed,
    reshaped_strides,
)
from .abstract import Array, Namespace
from .numpy import NUMPY


class MetaArray(Array):
    """An array that has no elements, only their description."""

    __slots__ = ("shape", "dtype", "strides", "offset")

    def __init__(
        self, shape: Any, dtype: Any, strides: tuple | None = None, offset: int = 0
    ) -> None:
        self.shape, self.dtype = tuple(int(n) for n in shape), dtypes.carrier(dtype)
        self.strides = contiguous_strides(self.shape) if strides is None else strides
        self.offset = offset

    @property
    def names(self) -> "Meta":  # type: ignore[override]
        return META_WORDS


# -- views: shape, dtype, strides, offset


def _reshape(x: Any, shape: Any) -> tuple:
    shape = filled(shape, x.size)
    strides = reshaped_strides(x.shape, x.strides, shape)
    return (shape, x.dtype, strides, x.offset) if strides is not None else (shape, x.dtype)


def _bitcast(x: Any, dtype: Any) -> tuple:
    """A dtype of another size stretches or shrinks the last axis."""
    to = dtypes.carrier(dtype)
    if to.itemsize == x.dtype.itemsize:
        return x.shape, to
    return (*x.shape[:-1], x.shape[-1] * x.dtype.itemsize // to.itemsize), to


def _permute(x: Any, axes: Any) -> tuple:
    axes = [a % x.ndim for a in axes]
    return tuple(x.shape[a] for a in axes), x.dtype, tuple(x.strides[a] for a in axes), x.offset


def _broadcast(x: Any, shape: Any) -> tuple:
    shape = tuple(shape)
    return shape, x.dtype, broadcast_strides(x.shape, x.strides, shape), x.offset


def _index(x: Any, key: Any) -> tuple:
    shape, strides, offset = indexed(x.shape, x.strides, key)
    return shape, x.dtype, strides, x.offset + offset


def _diagonal(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> tuple:
    rows, cols = x.shape[axis1], x.shape[axis2]
    n = max(0, min(rows, cols - offset) if offset >= 0 else min(rows + offset, cols))
    rest = [i for i in range(x.ndim) if i not in (axis1, axis2)]
    start = (offset * x.strides[axis2] if offset >= 0 else -offset * x.strides[axis1]) if n else 0
    return (
        (*(x.shape[i] for i in rest), n), x.dtype,
        (*(x.strides[i] for i in rest), x.strides[axis1] + x.strides[axis2]), x.offset + start,
    )  # fmt: skip


def _windows(x: Any, size: tuple, stride: tuple, dilation: tuple) -> tuple:
    k = len(size)
    lead = x.ndim - k
    out = tuple(
        (n - d * (w - 1) - 1) // s + 1 for n, w, s, d in zip(x.shape[lead:], size, stride, dilation)
    )
    steps = x.strides[lead:]
    return (
        (*x.shape[:lead], *out, *size), x.dtype,
        (
            *x.strides[:lead],
            *(s * b for s, b in zip(stride, steps)),
            *(d * b for d, b in zip(dilation, steps)),
        ),
        x.offset,
    )  # fmt: skip


def _alias(x: Any) -> tuple:
    return x.shape, x.dtype, x.strides, x.offset


def _as_strided(x: Any, size: tuple, stride: tuple, offset: Any = None) -> tuple:
    return size, x.dtype, stride, x.offset if offset is None else offset


# -- what makes new arrays: shape and dtype


def _tiny(a: Any) -> Any:
    """A stand-in of one element per axis, to ask NumPy for a result's dtype."""
    return np.ones((1,) * len(a.shape), a.dtype) if hasattr(a, "shape") else a


def _stand_in(a: Any) -> Any:
    """A stand-in of the full shape on one element of memory."""
    if isinstance(a, list):
        return [_stand_in(x) for x in a]
    return np.broadcast_to(np.ones((), a.dtype), a.shape) if hasattr(a, "shape") else a


def _pointwise(word: str, args: tuple, params: dict) -> tuple:
    shape = np.broadcast_shapes(*[a.shape for a in args if hasattr(a, "shape")])
    with np.errstate(all="ignore"):
        made = getattr(NUMPY, word)(*[_tiny(a) for a in args], **params)
    if isinstance(made, tuple):
        return tuple((shape, m.dtype) for m in made)
    return shape, made.dtype


def _matmul(a: Any, b: Any) -> tuple:
    if a.shape[-1] != b.shape[-2:][0]:
        raise RuntimeError(f"matmul: shapes {a.shape} and {b.shape} do not meet")
    lead = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    columns = b.shape[1:][-1:]  # none of a vector
    return (*lead, *a.shape[-2:-1], *columns), np.result_type(a.dtype, b.dtype)


def _reduced(x: Any, axis: Any, keepdims: bool) -> tuple:
    n = x.ndim
    axis = range(n) if axis is None else axis
    axes = [dim_of(a, n) for a in ((axis,) if isinstance(axis, int) else axis)]
    return tuple(1 if i in axes else k for i, k in enumerate(x.shape) if keepdims or i not in axes)


def _sum(x: Any, axis: Any = None, keepdims: bool = False, dtype: Any = None) -> tuple:
    if dtype is None and x.dtype != dtypes.BFLOAT16:
        dtype = np.add.reduce(np.ones(1, x.dtype)).dtype
    return _reduced(x, axis, keepdims), dtype or x.dtype


def _extreme(x: Any, axis: Any = None, keepdims: bool = False) -> tuple:
    shape = _reduced(x, axis, keepdims)
    if 0 in x.shape and 0 not in shape:
        raise ValueError("zero-size array to reduction operation which has no identity")
    return shape, x.dtype


def _reduced_to(dtype: np.dtype) -> Callable:
    return lambda x, axis=None, keepdims=False: (_reduced(x, axis, keepdims), dtype)


_truth, _where_extreme = _reduced_to(dtypes.BOOL), _reduced_to(dtypes.I64)


def _same(x: Any, *_: Any, **__: Any) -> tuple:
    return x.shape, x.dtype


def _scan(x: Any, axis: int) -> tuple:
    return x.shape, np.add.accumulate(np.ones(1, x.dtype)).dtype


def _pair(x: Any, axis: int) -> tuple:
    return (x.shape, x.dtype), (x.shape, dtypes.I64)


def _concat(xs: Any, axis: int = 0) -> tuple:
    shape = list(xs[0].shape)
    shape[axis] = sum(x.shape[axis] for x in xs)
    kinds = [x.dtype for x in xs]
    return tuple(shape), kinds[0] if kinds[0] == dtypes.BFLOAT16 else np.result_type(*kinds)


def _pad(x: Any, widths: Any, value: Any = 0) -> tuple:
    return tuple(n + a + b for n, (a, b) in zip(x.shape, widths)), x.dtype


def _take(x: Any, indices: Any, axis: int = 0) -> tuple:
    at = axis % x.ndim
    return (*x.shape[:at], *indices.shape, *x.shape[at + 1 :]), x.dtype


def _conv(x: Any, w: Any, stride: Any, padding: Any, dilation: Any, groups: Any) -> tuple:
    sizes = zip(x.shape[2:], w.shape[2:], stride, padding, dilation)
    out = tuple((n + 2 * p - d * (k - 1) - 1) // s + 1 for n, k, s, p, d in sizes)
    return (x.shape[0], w.shape[0], *out), x.dtype


def _shaped(g: Any, x: Any, shape: Any, *_: Any, **__: Any) -> tuple:
    return tuple(shape), g.dtype


def _unwindows(g: Any, shape: Any, *_: Any, **__: Any) -> tuple:
    return tuple(shape), g.dtype


def _full(shape: Any, value: Any, dtype: Any) -> tuple:
    return tuple(shape), dtypes.carrier(dtype)


def _arange(start: Any, stop: Any = None, step: Any = 1, dtype: Any = dtypes.I64) -> tuple:
    if stop is None:
        start, stop = 0, start
    return (max(0, int(-(-(stop - start) // step))),), dtypes.carrier(dtype)


def _bits(shape: Any, width: int, stream: Any) -> tuple:
    return tuple(shape), np.dtype(f"uint{width}")


def _cast(x: Any, dtype: Any) -> tuple:
    return x.shape, dtypes.carrier(dtype)


def _factored(x: Any) -> tuple:
    """A decomposition as large as its matrices, and what it says about each of them."""
    return (x.shape, x.dtype), (x.shape[:-2], np.dtype("int32"))


def _unstrided(g: Any, x: Any, *_: Any) -> tuple:
    return x.shape, g.dtype


VIEWS: dict[str, Callable] = dict(
    reshape=_reshape, permute_dims=_permute, broadcast_to=_broadcast, index=_index,
    diagonal=_diagonal, windows=_windows, alias=_alias, as_strided=_as_strided,
)  # fmt: skip
MADE: dict[str, Any] = dict(
    matmul=_matmul, sum=_sum, prod=_sum, max=_extreme, min=_extreme, any=_truth, all=_truth,
    argmax=_where_extreme, argmin=_where_extreme, write=_same, set_diagonal=_same, copy=_same,
    contiguous=_same, flip=_same, put=_same, scatter=_same, zeros_like=_same, sort=_same,
    write_strided=_same, cumulative_sum=_scan, cumulative_prod=_scan, cumulative_max=_pair,
    cumulative_min=_pair, concat=_concat, pad=_pad, take=_take, conv=_conv, conv_input=_shaped,
    conv_weight=_shaped, unwindows=_unwindows, full=_full, arange=_arange, bits=_bits,
    astype=_cast, unstrided=_unstrided, cholesky=_factored, inv=_factored,
    argsort=lambda x, *_, **__: (x.shape, dtypes.I64),
    take_along_axis=lambda x, indices, axis: (indices.shape, x.dtype),
    bitcast=_bitcast,
    nonzero=None, unique=None,
)  # fmt: skip
_ELEMENTWISE = set(
    "where complex real imag conj angle erf erfinv lgamma digamma polygamma i0 i0e i1 i1e".split()
)


def spec(word: str, args: tuple, params: dict) -> tuple:
    """(shape, dtype) or (shape, dtype, strides, offset) of a result, or a tuple of these."""
    rule = VIEWS.get(word) or MADE.get(word)
    if rule is not None:
        return rule(*args, **params)
    if word in MADE:
        raise RuntimeError(f"{word}: its shape depends on values, and a meta tensor has none")
    if isinstance(getattr(NUMPY, word), np.ufunc) or word in _ELEMENTWISE:
        return _pointwise(word, args, params)
    with np.errstate(all="ignore"):
        made = getattr(NUMPY, word)(*_stand_in(list(args)), **params)
    if isinstance(made, tuple):
        return tuple((m.shape, m.dtype) for m in made)
    return made.shape, made.dtype


def several(made: tuple) -> bool:
    """Whether `spec` told of a tuple of results."""
    return bool(made and isinstance(made[0], tuple) and made[0] and isinstance(made[0][0], tuple))


class Meta(Namespace):
    """The vocabulary on arrays without values."""

    name = "meta"

    def apply(self, word: str, args: tuple, params: dict) -> Any:
        made = spec(word, args, params)
        if several(made):
            return tuple(MetaArray(*m) for m in made)
        return MetaArray(*made)

    def enter(self, t: Any) -> Any:
        """A tensor's array as one without values."""
        a = t.array
        if a.__class__ is MetaArray:
            return a
        return MetaArray(a.shape, a.dtype, tuple(s // max(a.itemsize, 1) for s in a.strides))

    def no_value(self, asked: str) -> str:
        return f"Tensor.{asked} cannot be called on meta tensors: they have a shape and no values"


META_WORDS = Meta()
known.meta = META_WORDS
