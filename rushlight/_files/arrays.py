"""NumPy's .npy and .npz files, both ways; arrays of Python objects come as records."""

from __future__ import annotations

import io
import json
import math
import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from .archive import STORED, Archive
from .records import DTYPES, Checkpoint, Opaque, Storage, TensorRecord, contiguous, fault, sizes
from .source import Source
from .standard import CODE, record_of
from .torchzip_writer import ZipWriter
from .unpickler import unpickler_of
from .values import decode

MAGIC = b"\x93NUMPY"
_HEADER = 1 << 16  # NumPy itself refuses longer headers
# A header's Python as JSON (literal_eval compiles, which no reader here does).
_WORDS = {"(": "[", ")": "]", "'": '"', "True": "true", "False": "false"}
_PYTHON = re.compile(r"[()']|\bTrue\b|\bFalse\b|(?<=\d)L\b|,(?=\s*[\])}])")
_KINDS = {  # as NumPy writes it behind the byte order: the name
    DTYPES[name][1].replace("?", "b1"): name
    for name in (
        "float64 float32 float16 complex128 complex64 int64 int32 int16 int8 uint64 uint32 uint16 "
        "uint8 bool"
    ).split()
}


def read(source: Source) -> Checkpoint:
    """The one array of an .npy."""
    found = Checkpoint(None, "npy", source.where, source=source)
    found.root = _array(found, source, "array", source.where)
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
            inner = source.part(archive.locate(entry), entry.size, where)
        else:
            inner = Source(archive.array(entry).data, mapped=True)
        found.root[key] = _array(found, inner, key, where)
    return found


def _array(found: Checkpoint, source: Source, key: str, where: str) -> Any:
    """The array of one .npy, whose elements are read when they are asked for.

    What no tensor can hold (text, dates, structures) becomes a NumPy array, objects stay records.
    """
    dtype, order, shape, start = _header(source, where)
    if dtype.hasobject:
        return unpickler_of(found, source.all(), where, start=start).load()
    name = _KINDS.get(dtype.str[1:]) if dtype.names is None else None
    nbytes = math.prod(shape) * dtype.itemsize
    if start + nbytes != source.size or len(shape) > 64:
        raise fault(
            where,
            f"{dtype} of shape {shape} takes {nbytes} bytes; there are {source.size - start}",
            start,
        )
    if name is None:
        parts = source.read(start, nbytes), dtype, shape, "F" if order else "C"
        return Opaque("numpy.core.numeric._frombuffer", parts, made="call")
    strides = contiguous(shape) if not order else tuple(reversed(contiguous(shape[::-1])))
    found.storages[key] = storage = Storage(key, name, nbytes)
    storage.lies(lambda: (source, start), dtype.byteorder == ">")
    return TensorRecord(storage, name, 0, shape, strides)


def _header(source: Source, where: str) -> tuple[np.dtype, bool, tuple[int, ...], int]:
    """dtype, whether columns come first, shape, and where the elements begin."""
    data = source.read(0, min(source.size, _HEADER + 12))
    major = data[6] if len(data) > 11 else 0
    if data[:6] != MAGIC or major not in (1, 2, 3):
        raise fault(where, "not a NumPy array of a known version")
    begin, end = header_span(data)
    try:
        text = data[begin : min(end, begin + _HEADER + 1)].decode(
            "utf-8" if major == 3 else "latin1"
        )
        said = json.loads(_PYTHON.sub(lambda match: _WORDS.get(match[0], ""), text))
        dtype, order, shape = _dtype(said.pop("descr")), said["fortran_order"], said["shape"]
    except (TypeError, ValueError, LookupError, AttributeError, RecursionError) as error:
        why = f"its header does not describe an array ({str(error)[:100]})"
        raise fault(where, why, begin) from None
    return dtype, order is True, sizes(shape, "shape", where), end


def header_span(data: bytes) -> tuple[int, int]:
    """Where the text of a header begins, and where the elements do."""
    begin = 10 if data[6] == 1 else 12
    return begin, begin + int.from_bytes(data[8:begin], "little")


def _dtype(given: Any) -> np.dtype:
    """The dtype that a header describes: a code, or (name, dtype, shape) of each field."""
    if type(given) is str:
        code = given.lstrip("<>|=")
        if code == "O" or CODE.fullmatch(re.sub(r"\[\w+\]$", "", code)):
            return np.dtype(given)
        raise ValueError(f"not a plain dtype: {given[:40]!r}")
    at, names, kinds, offsets = 0, [], [], []
    for name, kind, *shape in given:
        kind = np.dtype((_dtype(kind), tuple(*shape)))
        if name:  # what has none lies between the others
            names, kinds, offsets = [*names, name], [*kinds, kind], [*offsets, at]
        at += kind.itemsize
    return record_of(names, kinds, offsets, at)


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
