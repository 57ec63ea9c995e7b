"""NumPy's .npy and .npz files, both ways; arrays of Python objects are refused."""

from __future__ import annotations

import io
import re
import struct
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from .archive import STORED, Archive
from .records import (
    DTYPES,
    Checkpoint,
    Storage,
    TensorRecord,
    contiguous,
    elements,
    fault,
    sizes,
)
from .source import Source
from .torchzip_writer import ZipWriter
from .values import decode

MAGIC = b"\x93NUMPY"
_HEADER = 1 << 16  # NumPy itself refuses longer headers
_FIELDS = re.compile(  # as NumPy writes it; read by a pattern, because literal_eval compiles
    rb"\{\s*'descr':\s*'([<>|=]?\w{1,12})',\s*'fortran_order':\s*(True|False),\s*"
    rb"'shape':\s*\(((?:\d{1,19}L?,\s*){0,64}(?:\d{1,19}L?)?)\)\s*,?\s*\}\s*"
)
_KINDS = {  # as NumPy writes it behind the byte order: the name
    DTYPES[name][1].replace("?", "b1"): name
    for name in (
        "float64 float32 float16 complex128 complex64 int64 int32 int16 int8 uint64 uint32 uint16 "
        "uint8 bool"
    ).split()
}


def read(source: Source) -> Checkpoint:
    """The one array of an .npy."""
    found = Checkpoint(_array(source, "array", source.where), "npy", source.where, source=source)
    found.storages["array"] = found.root.storage
    return found


def read_archive(archive: Archive) -> Checkpoint:
    """The arrays of an .npz by name."""
    source = archive.source
    found = Checkpoint({}, "npz", source.where, source=source)
    for name, entry in archive.entries.items():
        if not name.endswith(".npy"):
            raise fault(source.where, f"record {name!r:.200} is not an array", entry.header)
        key = name.removesuffix(".npy")
        where = f"{source.where}, record {name!r:.200}"
        if entry.method == STORED:
            record = _array(source.part(archive.locate(entry), entry.size, where), key, where)
        else:
            record = _array(Source(archive.array(entry).data, mapped=True), key, where)
        found.root[key], found.storages[key] = record, record.storage
    return found


def _array(source: Source, key: str, where: str) -> TensorRecord:
    """The array of one .npy, whose elements are read when they are asked for."""
    dtype, order, shape, start = _header(source, where)
    name = _KINDS.get(dtype.str[1:])
    if name is None:
        raise fault(where, f"dtype {dtype} has no counterpart (arrays of objects are never loaded)")
    nbytes = elements(shape, name, where) * dtype.itemsize
    if start + nbytes != source.size:
        raise fault(
            where,
            f"{dtype} of shape {shape} takes {nbytes} bytes; there are {source.size - start}",
            start,
        )

    strides = contiguous(shape) if not order else tuple(reversed(contiguous(shape[::-1])))
    storage = Storage(key, name, nbytes)
    storage.lies(lambda: (source, start), dtype.byteorder == ">")
    return TensorRecord(storage, name, 0, shape, strides)


def _header(source: Source, where: str) -> tuple[np.dtype, bool, tuple[int, ...], int]:
    """dtype, whether columns come first, shape, and where the elements begin."""
    data = source.read(0, min(source.size, _HEADER + 12))
    major = data[6] if len(data) > 11 else 0
    if data[:6] != MAGIC or major not in (1, 2, 3):
        raise fault(where, "not a NumPy array of a known version")
    layout, begin = ("<H", 10) if major == 1 else ("<I", 12)
    (length,) = struct.unpack_from(layout, data, 8)
    match = _FIELDS.fullmatch(data[begin : begin + length]) if length <= _HEADER else None
    if match is None:
        raise fault(where, "its header does not describe a plain array", begin)
    try:
        dtype = np.dtype(match[1].decode("ascii"))
    except (TypeError, ValueError) as error:
        raise fault(where, f"not a dtype ({str(error)[:100]})", begin) from None
    shape = tuple(int(size) for size in match[3].replace(b"L", b"").split(b",") if size.strip())
    return dtype, match[2] == b"True", sizes(shape, "shape", where), begin + length


# -- writing


def write(
    put: Callable[[Any], Any], tensors: Mapping[str, TensorRecord], forget: bool = False
) -> None:
    """An uncompressed .npz of tensors by name; bfloat16 widens to float32, which NumPy knows.

    Raises:
        TypeError: for a dtype that NumPy does not have.
    """
    zipped = ZipWriter(put)
    for name, record in tensors.items():
        zipped.record(f"{name}.npy", _npy(name, record))
        if forget and record.storage is not None:
            record.storage.release()
    zipped.finish()


def _npy(name: str, record: TensorRecord) -> bytes:
    if record.dtype != "bfloat16" and record.dtype not in _KINDS.values():
        raise TypeError(f"NumPy has no dtype for {name!r}: {record.dtype}")
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, np.asarray(decode(record)), allow_pickle=False)
    return buffer.getvalue()
