"""Samples into batches: tensors stacked, containers kept."""

import copy
import re
from collections.abc import Callable, Mapping, MutableMapping, MutableSequence, Sequence
from typing import Any

import numpy as np

from ..._core import modes
from ..._core.dtypes import float64
from ..._core.tape import make
from ..._creation.data import as_tensor, tensor
from ..._ops.joining import stack
from ..._tensor import Tensor

_text_or_objects = re.compile(r"[SaUO]")
_MESSAGE = (
    "default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; found {}"
)

CollateMap = dict[type | tuple[type, ...], Callable]


def default_convert(data: Any) -> Any:
    """The same nest of containers with its NumPy arrays and scalars as tensors."""
    if isinstance(data, Tensor):
        return data
    if isinstance(data, np.ndarray | np.generic):
        return data if _text_or_objects.search(data.dtype.str) else as_tensor(data)
    if isinstance(data, Mapping):
        return _like(data, {key: default_convert(data[key]) for key in data})
    if isinstance(data, Sequence) and not isinstance(data, str | bytes):
        return _like(data, [default_convert(item) for item in data])
    return data


def collate(batch: Any, *, collate_fn_map: CollateMap | None = None) -> Any:
    """A batch from samples; types in `collate_fn_map` go to their functions.

    Args:
        batch: samples of one structure.
        collate_fn_map: function of (batch, *, collate_fn_map) by type; a subclass matches too.

    Raises:
        TypeError: a type that is neither in the map nor a container.
        RuntimeError: sequences of different lengths.
    """
    first = batch[0]
    function = _function_for(first, collate_fn_map or {})
    if function is not None:
        return function(batch, collate_fn_map=collate_fn_map)

    def columns(samples: Any) -> Any:
        return collate(samples, collate_fn_map=collate_fn_map)

    if isinstance(first, Mapping):
        return _like(first, {key: columns([d[key] for d in batch]) for key in first})
    if isinstance(first, Sequence):
        sizes = {len(sample) for sample in batch}
        if len(sizes) > 1 and not hasattr(first, "_fields"):
            raise RuntimeError(
                "each element in list of batch should be of equal size; there are sizes "
                f"{sorted(sizes)}"
            )
        return _like(first, [columns(samples) for samples in zip(*batch)])
    raise TypeError(_MESSAGE.format(type(first)))


def _function_for(sample: Any, functions: CollateMap) -> Callable | None:
    matches = (f for kind, f in functions.items() if isinstance(sample, kind))
    return functions.get(type(sample)) or next(matches, None)


def _like(model: Any, items: dict | list) -> Any:
    """`items` in a container of the model's type with its other attributes, or as they are."""
    if isinstance(model, tuple):
        return type(model)(*items) if hasattr(model, "_fields") else items
    try:
        if not isinstance(model, MutableMapping | MutableSequence):
            return type(model)(items)
        made: Any = copy.copy(model)  # a plain constructor may want other arguments
        for key, item in items.items() if isinstance(items, dict) else enumerate(items):
            made[key] = item
    except TypeError:
        return items
    return made


def collate_tensor_fn(batch: Any, *, collate_fn_map: CollateMap | None = None) -> Tensor:
    """The tensors stacked along a new first axis."""
    made = _stacked_memory(batch)
    return stack(list(batch), 0) if made is None else made


def _stacked_memory(batch: Any) -> Tensor | None:
    """Plain tensors of one kind stacked at once; a batch is most often of these."""
    first = batch[0]
    array, device = first.array, first.device
    if array.__class__ is not np.ndarray or array.dtype.kind not in "biufc" or modes.special:
        return None
    for t in batch:
        a = t.array
        if a.__class__ is not np.ndarray or a.dtype != array.dtype or a.shape != array.shape:
            return None
        if t.__class__ is not Tensor or t.needs or t.device is not device:
            return None
    arrays = [t.array for t in batch]
    if array.ndim == 0:
        return make(np.array(arrays), device)
    return make(np.concatenate(arrays).reshape(len(arrays), *array.shape), device)


def collate_numpy_array_fn(batch: Any, *, collate_fn_map: CollateMap | None = None) -> Tensor:
    """The arrays as one tensor."""
    if _text_or_objects.search(batch[0].dtype.str):
        raise TypeError(_MESSAGE.format(batch[0].dtype))
    return collate([as_tensor(array) for array in batch], collate_fn_map=collate_fn_map)


def collate_numpy_scalar_fn(batch: Any, *, collate_fn_map: CollateMap | None = None) -> Tensor:
    """The NumPy scalars in one row, in their dtype."""
    return as_tensor(batch)


def collate_float_fn(batch: Any, *, collate_fn_map: CollateMap | None = None) -> Tensor:
    """The Python floats in one row, in float64."""
    return tensor(batch, dtype=float64)


def collate_int_fn(batch: Any, *, collate_fn_map: CollateMap | None = None) -> Tensor:
    """The Python integers (or booleans) in one row."""
    return tensor(batch)


def collate_str_fn(batch: Any, *, collate_fn_map: CollateMap | None = None) -> Any:
    """The strings as they are."""
    return batch


default_collate_fn_map: CollateMap = {
    Tensor: collate_tensor_fn, np.ndarray: collate_numpy_array_fn,
    (np.bool_, np.number, np.object_): collate_numpy_scalar_fn, float: collate_float_fn,
    int: collate_int_fn, str: collate_str_fn, bytes: collate_str_fn,
}  # fmt: skip


def is_default() -> bool:
    """Whether nobody has put a function of their own for tensors into the map."""
    return default_collate_fn_map.get(Tensor) is collate_tensor_fn


def default_collate(batch: Any) -> Any:
    """A batch from samples: tensors, arrays and numbers become tensors, containers stay.

    Args:
        batch: samples of one structure.
    """
    return collate(batch, collate_fn_map=default_collate_fn_map)
