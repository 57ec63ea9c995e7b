"""PyTorch's zip format, both ways: a pickle, and one record for the bytes of each storage."""

from __future__ import annotations

import os
import struct
import sys
import zlib
from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from .archive import STORED, Archive
from .meanings import Refused, storage_id
from .records import DTYPES, Checkpoint, Limits, Opaque, Storage, TensorRecord, fault
from .source import Source
from .unpickler import Unpickler

ALIGNMENT = 64
_MAX32 = 0xFFFFFFFF


def read(source: Source, limits: Limits | None = None, encoding: str = "utf-8") -> Checkpoint:
    """The checkpoint in records; the bytes of storages stay in the file until they are asked for.

    Raises:
        UnpicklingError: for a file that is damaged or made to deceive.
    """
    archive = Archive(source, limits)
    prefix = _prefix(archive)
    order = _byte_order(archive, prefix)
    kind = "torchscript" if f"{prefix}constants.pkl" in archive.entries else "torch"
    found = Checkpoint(None, kind, source.where, source=source)
    storages = _Storages(archive, prefix, order, found.storages)
    for name in ("version", ".format_version", ".data/serialization_id"):
        if prefix + name in archive.entries:
            found.metadata[name] = (
                archive.read(prefix + name, 256).decode("ascii", "replace").strip()
            )
    unpickler = Unpickler(
        archive.read(f"{prefix}data.pkl"),
        None,
        f"{source.where}, record data.pkl",
        encoding=encoding,
        limits=archive.limits,
        names=found.names,
        called=found.called,
        stored=source.size,
    )
    unpickler.persistent = lambda parts: storages.get(*storage_id(unpickler, parts))
    found.root = unpickler.load()
    if kind == "torchscript":
        found.root = script_weights(found.root, source.where)
    return found


def _prefix(archive: Archive) -> str:
    """The folder that all records of the archive lie in, with its slash."""
    pickles = [
        name for name in archive.entries if name.endswith("data.pkl") and name.count("/") <= 1
    ]
    if len(pickles) != 1:
        raise fault(
            archive.where, f"{len(pickles)} records called data.pkl; PyTorch's files have one"
        )
    return pickles[0].removesuffix("data.pkl")


def _byte_order(archive: Archive, prefix: str) -> str:
    name = prefix + "byteorder"
    order = (
        archive.read(name, 16).decode("ascii", "replace") if name in archive.entries else "little"
    )
    if order not in ("little", "big"):
        raise ValueError(f"Unknown endianness type: {order} (in {archive.where})")
    return order


class _Storages:
    """The storages of one archive by key, each made once."""

    def __init__(
        self, archive: Archive, prefix: str, order: str, found: dict[str, Storage]
    ) -> None:
        self.archive, self.prefix, self.order, self.found = archive, prefix, order, found

    def get(self, dtype: str, key: str, location: str, count: int) -> Storage:
        """The storage `key`, whose record must have exactly the bytes that are announced."""
        nbytes = count * DTYPES[dtype][0]
        known = self.found.get(key)
        if known is not None:
            if (known.dtype, known.nbytes, known.location) != (dtype, nbytes, location):
                raise Refused(f"storage {key[:40]!r} is announced twice, and not the same")
            return known
        storage = Storage(key, dtype, nbytes, location)
        name = f"{self.prefix}data/{key}"
        if nbytes or name in self.archive.entries:
            self._place(storage, name)
        else:
            storage.bits = np.empty(0, np.uint8)
        self.found[key] = storage
        return storage

    def _place(self, storage: Storage, name: str) -> None:
        entry = self.archive.entries.get(name)
        if entry is None:
            raise Refused(f"there is no record {name!r:.200} for storage {storage.key[:40]!r}")
        if entry.size != storage.nbytes:
            raise Refused(
                f"storage {storage.key[:40]!r} should have {storage.nbytes} bytes; its record has "
                f"{entry.size}"
            )
        if entry.method == STORED:
            storage.place = entry.header
        swap = self.order != sys.byteorder
        storage.reading(lambda: _ordered(self.archive.array(entry), storage.unit if swap else 1))


def _ordered(bits: np.ndarray, unit: int) -> np.ndarray:
    """The bytes in this machine's order."""
    return bits if unit == 1 else bits.view(f"u{unit}").byteswap().view(np.uint8)


def script_weights(root: Any, where: str) -> OrderedDict:
    """The parameters and buffers of a TorchScript module, by their dotted names."""
    found: OrderedDict = OrderedDict()
    todo: list[tuple[str, Any, int]] = [("", root, 0)]
    seen: set[int] = set()
    while todo:
        path, value, depth = todo.pop(0)
        if isinstance(value, TensorRecord):
            found[path] = value
        elif isinstance(value, Opaque) and isinstance(value.state, dict) and id(value) not in seen:
            seen.add(id(value))
            if depth > 100:
                raise fault(where, "modules are nested more than 100 deep")
            todo += [
                (f"{path}.{key}".lstrip("."), part, depth + 1) for key, part in value.state.items()
            ]
    return found


# -- writing -------------------------------------------------------------------------------


class ZipWriter:
    """Writes stored records one behind the other, as PyTorch lays them out; never seeks.

    Args:
        write: takes bytes-like objects.
        prefix: the folder of all records.
        checksums: compute each record's CRC-32 (otherwise 0 is written, which unzip notices).
    """

    def __init__(self, write: Callable[[Any], Any], prefix: str, checksums: bool = True) -> None:
        self.write, self.prefix, self.checksums = write, prefix, checksums
        self.at = 0
        self.entries: list[tuple[bytes, int, int, int]] = []

    def _put(self, data: Any) -> None:
        self.write(data)
        self.at += len(data)

    def record(self, name: str, data: Any, crc: Callable[[], int] | None = None) -> None:
        """One record; `crc` gives its checksum when it is known from elsewhere."""
        raw, header, size = f"{self.prefix}/{name}".encode(), self.at, len(data)
        begins = header + 30 + len(raw) + 4
        padding = -begins % ALIGNMENT
        flags = 0x0808 if size else 0x0800
        self._put(
            struct.pack("<4s5H3I2H", b"PK\3\4", 0, flags, 0, 0, 0, 0, 0, 0, len(raw), 4 + padding)
        )
        self._put(raw + b"FB" + struct.pack("<H", padding) + b"Z" * padding)
        if size:
            self._put(data)
        value = 0
        if size:
            value = (crc() if crc else zlib.crc32(data)) if self.checksums else 0
            wide = size >= _MAX32 or header >= _MAX32
            self._put(struct.pack("<4sI2Q" if wide else "<4s3I", b"PK\7\x08", value, size, size))
        self.entries.append((raw, header, size, value))

    def finish(self) -> None:
        """The directory and its end, in both widths, as PyTorch writes them."""
        start = self.at
        for raw, header, size, crc in self.entries:
            wide, extra = _wide(size, header)
            self._put(
                struct.pack(
                    "<4s6H3I5H2I",
                    b"PK\1\2",
                    0,
                    45 if extra else 0,
                    0x0808 if size else 0x0800,
                    0,
                    0,
                    0,
                    crc,
                    wide[0],
                    wide[0],
                    len(raw),
                    len(extra),
                    0,
                    0,
                    0,
                    0,
                    wide[1],
                )
                + raw
                + extra
            )
        size, count, end = self.at - start, len(self.entries), self.at
        self._put(
            struct.pack("<4sQ2H2I4Q", b"PK\6\6", 44, 798, 45, 0, 0, count, count, size, start)
        )
        self._put(struct.pack("<4sIQI", b"PK\6\7", 0, end, 1))
        short = min(count, 0xFFFF)
        last = (min(size, _MAX32), min(start, _MAX32))
        self._put(struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, short, short, *last, 0))


def _wide(size: int, header: int) -> tuple[tuple[int, int], bytes]:
    """The 32-bit size and place, and the extra field that holds what does not fit."""
    values = ([size, size] if size >= _MAX32 else []) + ([header] if header >= _MAX32 else [])
    extra = struct.pack(f"<HH{len(values)}Q", 1, 8 * len(values), *values) if values else b""
    return (min(size, _MAX32), min(header, _MAX32)), extra


def write(
    put: Callable[[Any], Any],
    pickled: bytes,
    storages: Iterable[Storage],
    prefix: str = "archive",
    checksums: bool = True,
    progress: Any = None,
) -> None:
    """Writes the whole archive through `put`; storages stream from where they lie."""
    zipped = ZipWriter(put, prefix, checksums)
    zipped.record("data.pkl", pickled)
    zipped.record(".format_version", b"1")
    zipped.record(".storage_alignment", str(ALIGNMENT).encode())
    zipped.record("byteorder", sys.byteorder.encode())
    listed = list(storages)
    with _Checksums(listed, checksums) as sums:
        for number, storage in enumerate(listed):
            zipped.record(f"data/{number}", storage.bits.data, sums.of(number))
            if progress:
                progress(storage.nbytes)
    zipped.record("version", b"3\n")
    mark = zlib.crc32(pickled), zlib.crc32(b"".join(raw for raw, *_ in zipped.entries))
    zipped.record(".data/serialization_id", f"{mark[0]:020d}{mark[1]:020d}".encode())
    zipped.finish()


class _Checksums:
    """CRC-32 of the storages, worked out by two threads while the first one writes."""

    def __init__(self, storages: list[Storage], wanted: bool) -> None:
        self.storages, self.pool, self.jobs = storages, None, []
        self.wanted = (
            wanted and sum(s.nbytes for s in storages) > 1 << 22 and (os.cpu_count() or 1) > 1
        )

    def __enter__(self) -> _Checksums:
        if self.wanted:
            from concurrent.futures import ThreadPoolExecutor  # optional: not in every Python

            self.pool = ThreadPoolExecutor(2)
            self.jobs = [self.pool.submit(lambda s=s: zlib.crc32(s.bits)) for s in self.storages]
        return self

    def of(self, number: int) -> Callable[[], int] | None:
        """A function that waits for one checksum."""
        return self.jobs[number].result if self.jobs else None

    def __exit__(self, *_: Any) -> None:
        if self.pool:
            self.pool.shutdown(cancel_futures=True)
