"""From Python's data to arrays: what `torch.tensor` makes of numbers, lists and NumPy's things.

A Python float stands for the default dtype, an int for int64; NumPy's scalars and tensors keep
their own dtype; a list takes the dtype to which its elements promote.
"""

from collections.abc import Sequence
from math import isfinite
from typing import Any

import numpy as np

from . import dtypes, modes
from .kinds import without_value
from .tape import TensorBase

_PLAIN = (int, float, bool, complex)
_PYTHON = set(_PLAIN)
_NATIVE = {dtypes.I64, dtypes.BOOL}
_FROM_PYTHON = {dtypes.I64, dtypes.BOOL, dtypes.F64, dtypes.complex128.numpy}
_TEXT = (str, bytes)
_SAFE = 1e38  # below float32's limit: what is smaller converts without overflow
_CARRIERS = {d.numpy for d in dtypes.ALL}


def array_of(data: Any, kind: Any = None) -> np.ndarray:
    """A new array with the elements of `data`, of dtype object `kind` or what the data asks for.

    Raises:
        TypeError, ValueError, RuntimeError: in PyTorch's words, for data that is no numbers, is
            ragged, or does not fit.
    """
    cls = data.__class__
    if modes.special and (trace := modes.local.trace) is not None:
        if isinstance(data, np.ndarray):
            without_value(data, "a tensor made of a NumPy array")
        if (made := trace.literal(array_of, data, kind)) is not None:
            return made
    if cls is list or cls is tuple:
        made = _regular(data)
        if made is None:
            return _nested(data, kind)
        if made.dtype is dtypes.F64 and made.ndim == 1 and _goes_into_float32(data, kind):
            return made.astype(dtypes.F32)
    elif cls in _PLAIN:
        if cls is float and -_SAFE < data < _SAFE and kind is None and _single():
            return np.array(data, dtypes.F32)
        if cls is int and not -(2**63) <= data < 2**63:
            return _nested(data, kind)
        made = np.asarray(data)
    elif isinstance(data, np.ndarray):
        check_array(data)
        own = dtypes.of(data.dtype)
        return np.array(data) if kind is None or kind is own else dtypes.cast(data, kind)
    else:
        return _other(data, kind)
    return converted(made, kind)


def _single() -> bool:
    return dtypes.get_default_dtype() is dtypes.float32


def _goes_into_float32(data: Any, kind: Any) -> bool:
    """Whether a short list of floats surely fits, so that no warning has to be silenced (3 us)."""
    if not (kind is dtypes.float32 or (kind is None and _single())) or len(data) > 64:
        return False
    return min(data) > -_SAFE and max(data) < _SAFE


def converted(made: np.ndarray, kind: Any) -> np.ndarray:
    """What NumPy made of Python's numbers, in `kind` or the dtype PyTorch gives such numbers."""
    if kind is None:
        if made.dtype in _NATIVE:
            return made
        usual = dtypes.get_default_dtype()
        kind = usual.to_complex() if made.dtype.kind == "c" else usual
    if made.dtype == kind.numpy:
        return made
    if kind.category == 1:
        check_range(made, kind, kind.name)
    elif kind.category == 2 and made.dtype.kind == "c":
        raise TypeError("must be real number, not complex")
    elif kind in dtypes.HALVES and made.dtype.kind in "fiu":
        with np.errstate(over="ignore"):
            made = made.astype(np.float32)
    return dtypes.cast(made, kind)


def check_range(values: np.ndarray, kind: Any, name: str) -> None:
    """Refuse numbers that an integer dtype cannot hold; unsigned ones take negatives that wrap."""
    if values.dtype.kind not in "iuf" or not values.size:
        return
    info = np.iinfo(kind.numpy)
    low = info.min if kind.is_signed else -int(info.max)
    small, large = values.min().item(), values.max().item()
    if not (low <= small and large <= info.max):  # written so that nan is refused
        raise RuntimeError(
            f"value cannot be converted to type {name} without overflow. The values reach from "
            f"{small} to {large}; {name} holds {info.min} to {info.max}."
        )


def check_array(array: np.ndarray) -> None:
    """Refuse NumPy arrays that no tensor can stand for."""
    if not array.dtype.isnative and array.dtype.names is None:
        raise ValueError(
            "given numpy array has byte order different from the native byte order. Conversion "
            "between byte orders is currently not supported. Use "
            "array.astype(array.dtype.newbyteorder('='))."
        )
    if array.dtype not in _CARRIERS:
        raise TypeError(
            f"can't convert np.ndarray of type numpy.{array.dtype.type.__name__}. "
            + dtypes.SUPPORTED
        )
    if any(s < 0 for s in array.strides):
        raise ValueError(
            "At least one stride in the given numpy array is negative, and tensors with negative "
            "strides are not currently supported. (You can probably work around this by making a "
            "copy of your array  with array.copy().) "
        )


def _regular(data: Any) -> np.ndarray | None:
    """NumPy's array of nested lists of Python numbers, None where it needs a closer look."""
    leaf = data
    while leaf.__class__ in (list, tuple):
        if not leaf:
            return None
        leaf = leaf[0]
    if leaf.__class__ not in _PLAIN:
        return None
    try:
        made = np.array(data)
    except Exception:  # ragged, or with tensors inside that NumPy may not read
        return None
    if made.dtype not in _FROM_PYTHON:
        return None
    if made.ndim == 1 and made.dtype is dtypes.F64 and not set(map(type, data)) <= _PYTHON:
        return None  # a NumPy scalar among floats: its dtype counts
    return made


def _other(data: Any, kind: Any) -> np.ndarray:
    """Tensors, NumPy's scalars, buffers, and sequences of other classes."""
    if isinstance(data, TensorBase):
        own = values_of(data)
        return np.array(own) if kind is None else np.array(dtypes.cast(own, kind))
    if hasattr(data, "__array_interface__") or hasattr(data, "__array__"):
        return array_of(np.asarray(data), kind)
    return _nested(data, kind)


def values_of(t: Any) -> np.ndarray:
    """The NumPy values of a tensor.

    Raises:
        RuntimeError: for a tensor without values, or inside a transform.
    """
    if modes.special and modes.local.trace is not None:
        without_value(t.array, "the tensor's data")
    if t.array.__class__ is not np.ndarray:
        raise RuntimeError(
            f"Cannot copy out of a {t.device.type} tensor; no data! Values are needed here, and "
            f"this tensor has none ({type(t.array).__name__})."
        )
    return t.array


def _is_sequence(data: Any) -> bool:
    if isinstance(data, (TensorBase, *_TEXT)):
        return False
    if isinstance(data, np.ndarray):
        return data.ndim > 0
    if isinstance(data, (list, tuple, Sequence)):
        return True
    return hasattr(data, "__getitem__") and hasattr(data, "__len__") and not hasattr(data, "keys")


def _nested(data: Any, kind: Any) -> np.ndarray:
    """Element by element, with PyTorch's inference and its errors."""
    if isinstance(data, _TEXT):
        raise TypeError(f"new(): invalid data type '{type(data).__name__}'")
    shape = _sizes(data)
    wanted = kind or _inferred(data) or dtypes.get_default_dtype()
    leaves: list = []
    _collect(data, shape, 0, leaves, wanted)
    if wanted.category == 1:
        return _integers(leaves, wanted).reshape(shape)
    wide = {0: np.bool_, 2: np.float64, 3: np.complex128}[wanted.category]
    return converted(np.array(leaves, wide).reshape(shape), wanted)


def _integers(leaves: list, wanted: Any) -> np.ndarray:
    for value in leaves:
        if not -(2**63) <= value < 2 ** (64 if wanted is dtypes.uint64 else 63):
            raise ValueError(
                f"Overflow when unpacking long long. {value} does not fit into {wanted}; "
                "torch.float64 holds it approximately."
            )
    made = np.array(leaves, np.uint64 if any(v >= 2**63 for v in leaves) else np.int64)
    return converted(made, wanted)


def _sizes(data: Any) -> tuple:
    """The shape, by the first element of each level."""
    shape = []
    while _is_sequence(data):
        shape.append(len(data))
        if not shape[-1]:
            break
        data = data[0]
        if isinstance(data, _TEXT):
            raise ValueError(f"too many dimensions '{type(data).__name__}'")
    return tuple(shape)


def _inferred(data: Any) -> Any:
    """The dtype to which all elements promote; None where there are none."""
    if isinstance(data, TensorBase):
        return data.dtype
    if isinstance(data, (np.ndarray, np.generic)):
        check_array(np.asarray(data))
        return dtypes.of(data.dtype)
    if isinstance(data, _PLAIN):
        return dtypes.of_number(data)
    if _is_sequence(data):
        found = None
        for item in data:
            inner = _inferred(item)
            if inner is not None:
                found = inner if found is None else dtypes.promote_types(found, inner)
        return found
    if hasattr(data, "__index__"):
        return dtypes.int64
    if hasattr(data, "__float__"):
        return dtypes.get_default_dtype()
    if isinstance(data, str):
        raise TypeError("new(): invalid data type 'str'")
    raise RuntimeError(
        f"Could not infer dtype of {type(data).__name__}. A tensor is made of numbers: bools, "
        "ints, floats, complex numbers, NumPy scalars or arrays, or nested lists of them."
    )


def _collect(data: Any, shape: tuple, level: int, leaves: list, wanted: Any) -> None:
    """Append the elements in order, checking that the nesting is regular."""
    if level == len(shape):
        leaves.append(_number(data, wanted))
        return
    if not _is_sequence(data):
        raise TypeError(
            f"not a sequence: {data!r} stands at dim {level}, where a list of length "
            f"{shape[level]} is expected"
        )
    if len(data) != shape[level]:
        raise ValueError(
            f"expected sequence of length {shape[level]} at dim {level} (got {len(data)}). All "
            "lists of one level must have the same length."
        )
    for item in data:
        _collect(item, shape, level + 1, leaves, wanted)


def _number(value: Any, wanted: Any) -> Any:
    """One element as the Python number that `wanted` is made from."""
    if isinstance(value, TensorBase):
        array = values_of(value)
        if array.size != 1:
            raise ValueError(
                "only one element tensors can be converted to Python scalars. Stack tensors with "
                "torch.stack(list)."
            )
        array = dtypes.from_bfloat16(array) if array.dtype == dtypes.BFLOAT16 else array
        value = array.item()
    elif isinstance(value, (np.generic, np.ndarray)):
        value = value.item()
    if wanted.category == 3:
        return complex(value)
    if wanted.category == 2:
        return float(value)
    if wanted.category == 0:
        return bool(value)
    if isinstance(value, float):
        if not isfinite(value):
            raise RuntimeError(
                f"value cannot be converted to type {wanted.name} without overflow: {value}"
            )
        return int(value)
    if not hasattr(value, "__index__"):
        raise TypeError(f"'{type(value).__name__}' object cannot be interpreted as an integer")
    return value.__index__()
