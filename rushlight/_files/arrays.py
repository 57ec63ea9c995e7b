"""NumPy's .npy and .npz files, both ways; arrays of Python objects are refused."""

from __future__ import annotations

import io
import re
import struct
import zlib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from .archive import STORED, Archive
from .records import DTYPES, Checkpoint, Storage, TensorRecord, contiguous, elements, fault, sizes
from .source import Source

MAGIC = b"\x93NUMPY"
_HEADER = 1 << 16  # NumPy itself refuses longer headers
_FIELDS = re.compile(  # as NumPy writes it; read by a pattern, because literal_eval compiles
    rb"\{\s*'descr':\s*'([<>|=]?\w{1,12})',\s*'fortran_order':\s*(True|False),\s*"
    rb"'shape':\s*\(((?:\d{1,19}L?,\s*){0,64}(?:\d{1,19}L?)?)\)\s*,?\s*\}\s*"
)
_KINDS = {
    code.replace("?", "b1"): name  # as NumPy writes it behind the byte order
    for name, (_, code) in DTYPES.items()
    if name
    in ("float64", "float32", "float16", "complex128", "complex64", "int64", "int32", "int16")
    or name in ("int8", "uint64", "uint32", "uint16", "uint8", "bool")
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

    def fetch() -> np.ndarray:
        bits = source.array(start, nbytes)
        if dtype.byteorder != ">":
            return bits
        unit = dtype.itemsize // (2 if dtype.kind == "c" else 1)
        return bits.view(f"u{unit}").byteswap().view(np.uint8)

    strides = contiguous(shape) if not order else tuple(reversed(contiguous(shape[::-1])))
    storage = Storage(key, name, nbytes, read=fetch)
    if dtype.byteorder != ">":
        storage.place = lambda: (source, start)
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


# -- writing -------------------------------------------------------------------------------


def write(
    put: Callable[[Any], Any], tensors: Mapping[str, TensorRecord], forget: bool = False
) -> None:
    """An uncompressed .npz of tensors by name; bfloat16 widens to float32, which NumPy knows.

    Raises:
        TypeError: for a dtype that NumPy does not have.
    """
    at, entries = 0, []
    for name, record in tensors.items():
        raw = f"{name}.npy".encode()
        data = _npy(name, record)
        crc = zlib.crc32(data)
        big = len(data) >= 0xFFFFFFFF
        extra = struct.pack("<HHQQ", 1, 16, len(data), len(data)) if big else b""
        size = min(len(data), 0xFFFFFFFF)
        local = struct.pack(
            "<4s5H3I2H", b"PK\3\4", 45, 0x800, 0, 0, 0x21, crc, size, size, len(raw), len(extra)
        )
        entries.append((raw, crc, len(data), at))
        for piece in (local + raw + extra, data):
            put(piece)
            at += len(piece)
        if forget and record.storage is not None:
            record.storage.release()
    _directory(put, entries, at)


def _directory(
    put: Callable[[Any], Any], entries: list[tuple[bytes, int, int, int]], start: int
) -> None:
    block = b""
    for raw, crc, size, at in entries:
        extra = struct.pack("<HHQQQ", 1, 24, size, size, at) if max(size, at) >= 0xFFFFFFFF else b""
        short = (0xFFFFFFFF,) * 3 if extra else (size, size, at)
        block += (
            struct.pack(
                "<4s6H3I5H2I",
                b"PK\1\2",
                45,
                45,
                0x800,
                0,
                0,
                0x21,
                crc,
                *short[:2],
                len(raw),
                len(extra),
                0,
                0,
                0,
                0,
                short[2],
            )
            + raw
            + extra
        )
    put(block)
    end, count = start + len(block), len(entries)
    put(struct.pack("<4sQ2H2I4Q", b"PK\6\6", 44, 45, 45, 0, 0, count, count, len(block), start))
    put(struct.pack("<4sIQI", b"PK\6\7", 0, end, 1))
    short = min(count, 0xFFFF)
    put(
        struct.pack(
            "<4s4H2IH",
            b"PK\5\6",
            0,
            0,
            short,
            short,
            min(len(block), 0xFFFFFFFF),
            min(start, 0xFFFFFFFF),
            0,
        )
    )


def _npy(name: str, record: TensorRecord) -> bytes:
    if record.dtype == "bfloat16":
        array = (record.array().astype(np.uint32) << np.uint32(16)).view(np.float32)
    elif np.dtype(DTYPES[record.dtype][1]).str[1:] in _KINDS and record.dtype in _KINDS.values():
        array = record.array()
    else:
        raise TypeError(f"NumPy has no dtype for {name!r}: {record.dtype}")
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, np.asarray(array), allow_pickle=False)
    return buffer.getvalue()
