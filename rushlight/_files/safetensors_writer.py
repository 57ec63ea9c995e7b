"""Writes the safetensors format: a JSON header, then the bytes of all tensors."""

import json
import struct
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from .records import TensorRecord
from .safetensors import NAMES, PACKED

CODES = {name: code for code, name in NAMES.items()}


def write(
    put: Callable[[Any], Any],
    tensors: Mapping[str, TensorRecord],
    metadata: Mapping[str, str] | None = None,
    progress: Any = None,
    forget: bool = False,
) -> None:
    """Writes tensors by name; the widest dtypes come first, so that every tensor is aligned.

    Raises:
        TypeError: for a dtype that the format does not have.
    """
    for name, record in tensors.items():
        if record.dtype not in CODES or record.storage is None:
            raise TypeError(
                f"safetensors has no way to write {name!r}: {record.dtype} on {record.device}"
            )
    ranks = {dtype: rank for rank, dtype in enumerate(CODES)}
    order = sorted(tensors, key=lambda name: (ranks[tensors[name].dtype], name))
    header: dict[str, Any] = {"__metadata__": dict(metadata)} if metadata else {}
    at = 0
    for name in order:
        record = tensors[name]
        span = [at, at + record.nbytes]
        code, shape = CODES[record.dtype], list(record.shape)
        if code == PACKED:
            shape = [*shape[:-1], 2 * sum(shape[-1:])]
        header[name] = {"dtype": code, "shape": shape, "data_offsets": span}
        at = span[1]
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    put(struct.pack("<Q", len(text)) + text)
    for name in order:
        if tensors[name].nbytes:
            put(plain_bytes(tensors[name]))
            if forget:
                tensors[name].storage.release()
        if progress:
            progress(tensors[name].nbytes)


def plain_bytes(record: TensorRecord) -> memoryview:
    """The elements in row-major order, little-endian, without a copy where they lie so already."""
    array = np.ascontiguousarray(record.resolved(record.array()))
    if array.dtype.byteorder == ">" or (array.dtype.byteorder == "=" and np.little_endian is False):
        array = array.byteswap()
    return array.reshape(-1).view(np.uint8).data
