"""The zip container, read strictly: every claim of its directory is proven before it is used."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from operator import attrgetter

import numpy as np

from .records import Limits, fault
from .source import Source

_END = struct.Struct("<4s4H2IH")
_END64 = struct.Struct("<4sQ2H2I4Q")
_LOCATOR = struct.Struct("<4sIQI")
# Magic, flags, method, checksum, both sizes, then the lengths of what follows; versions and dates
# are passed over. The directory also has the disk's number and where the local header begins.
_ENTRY = struct.Struct("<4s4x2H4x3I4H6xI")
_LOCAL = struct.Struct("<4s2x2H4x3I2H")
_MAX16, _MAX32 = 0xFFFF, 0xFFFFFFFF
STORED, DEFLATED = 0, 8
_DEFERRED, _ENCRYPTED = 8, 1 | 64 | 8192  # flag bits: sizes follow the data; scrambled


@dataclass(slots=True)
class Entry:
    """One record of the directory."""

    name: str
    raw: bytes
    method: int
    crc: int
    packed: int  # bytes in the file
    size: int  # bytes when unpacked
    header: int  # where its local header begins
    limit: int = 0  # where the next record, or the directory, begins
    data: int = -1  # where its bytes begin, once the local header was checked


class Archive:
    """The records of a zip file by name.

    Raises:
        UnpicklingError: for a directory that is broken, lies, or overlaps itself.
    """

    def __init__(self, source: Source, limits: Limits | None = None) -> None:
        self.source, self.where = source, source.where
        self.limits = limits or Limits()
        start, size, count = self._end()
        self.entries = self._directory(start, size, count)
        self._no_overlap(start)
        self._no_bomb()

    def _fault(self, message: str, offset: int | None = None) -> Exception:
        return fault(self.where, message, offset)

    def _end(self) -> tuple[int, int, int]:
        """Where the directory begins, its bytes, and how many records it lists."""
        source = self.source
        tail_at = max(0, source.size - _END.size - _MAX16)
        tail = source.read(tail_at, source.size - tail_at)
        at = tail.rfind(b"PK\5\6")
        if at < 0 or len(tail) - at < _END.size:
            raise self._fault("no zip directory at its end (truncated file?)")
        _, disk, first, here, count, size, start, comment = _END.unpack_from(tail, at)
        end_at = tail_at + at
        if end_at + _END.size + comment != source.size:
            raise self._fault("bytes follow the end of the zip directory", end_at)
        if _MAX16 in (here, count) or _MAX32 in (size, start):
            disk, first, here, count, size, start, end_at = self._end64(end_at)
        if disk or first or here != count:
            raise self._fault("a zip archive in several parts cannot be loaded", end_at)
        if size > self.limits.directory:
            raise self._fault(
                f"the zip directory has {size} bytes; limits=Limits(directory=...) allows more",
                end_at,
            )
        if start + size > end_at or count * _ENTRY.size > size:
            raise self._fault(
                f"the zip directory ({count} records, {size} bytes at {start}) does not fit", end_at
            )
        between = end_at - start - size
        if between not in (0, _END64.size + _LOCATOR.size, _LOCATOR.size):
            raise self._fault(f"{between} bytes lie between the zip directory and its end", end_at)
        return start, size, count

    def _end64(self, end_at: int) -> tuple[int, int, int, int, int, int, int]:
        at = end_at - _LOCATOR.size
        if at < 0:
            raise self._fault("the zip64 locator is missing", end_at)
        magic, _, where, _ = _LOCATOR.unpack(self.source.read(at, _LOCATOR.size))
        if magic != b"PK\6\7" or where + _END64.size > at:
            raise self._fault("the zip64 locator is broken", at)
        found = _END64.unpack(self.source.read(where, _END64.size))
        if found[0] != b"PK\6\6":
            raise self._fault("the zip64 directory end is broken", where)
        _, _, _, _, disk, first, here, count, size, start = found
        return disk, first, here, count, size, start, where

    def _directory(self, start: int, size: int, count: int) -> dict[str, Entry]:
        block = self.source.read(start, size)
        entries: dict[str, Entry] = {}
        at = 0
        for _ in range(count):
            if at + _ENTRY.size > size:
                raise self._fault("the zip directory ends within a record", start + at)
            entry, length = self._entry(block, at, start + at)
            if entry.name in entries:
                raise self._fault(f"two records are called {entry.name!r:.200}", start + at)
            entries[entry.name] = entry
            at += length
        if at != size:
            raise self._fault(
                f"{size - at} bytes of the zip directory belong to no record", start + at
            )
        return entries

    def _entry(self, block: bytes, at: int, place: int) -> tuple[Entry, int]:
        """The record at `at` of the directory and how many bytes it takes."""
        magic, flags, method, crc, packed, size, names, extras, comment, disk, header = (
            _ENTRY.unpack_from(block, at)
        )
        length = _ENTRY.size + names + extras + comment
        if magic != b"PK\1\2" or at + length > len(block):
            raise self._fault("a record of the zip directory is broken", place)
        raw = block[at + _ENTRY.size : at + _ENTRY.size + names]
        if _MAX32 in (packed, size, header):
            extra = block[at + _ENTRY.size + names : at + _ENTRY.size + names + extras]
            packed, size, header = self._wide(extra, packed, size, header, place)
        name = _safe_name(raw)
        if name is None:
            raise self._fault(f"a record has the unsafe name {raw[:100]!r}", place)
        if flags & _ENCRYPTED or disk:
            raise self._fault(f"record {name!r:.200} is encrypted or on another disk", place)
        if method not in (STORED, DEFLATED):
            raise self._fault(f"record {name!r:.200} has the unknown compression {method}", place)
        if method == STORED and packed != size:
            raise self._fault(
                f"stored record {name!r:.200} has two sizes, {packed} and {size}", place
            )
        return Entry(name, raw, method, crc, packed, size, header), length

    def _wide(
        self, extra: bytes, packed: int, size: int, header: int, place: int
    ) -> tuple[int, int, int]:
        """The 64-bit numbers that replace those that say 0xFFFFFFFF."""
        at = 0
        while at + 4 <= len(extra):
            kind, length = struct.unpack_from("<HH", extra, at)
            if kind == 1:
                values = iter(
                    struct.unpack_from(f"<{min(length, len(extra) - at - 4) // 8}Q", extra, at + 4)
                )
                try:
                    size = next(values) if size == _MAX32 else size
                    packed = next(values) if packed == _MAX32 else packed
                    header = next(values) if header == _MAX32 else header
                except StopIteration:
                    break
                return packed, size, header
            at += 4 + length
        raise self._fault("a record's 64-bit sizes are missing", place)

    def _no_overlap(self, start: int) -> None:
        """Each record must end before the next begins."""
        limit = start
        for entry in sorted(self.entries.values(), key=attrgetter("header"), reverse=True):
            entry.limit, limit = limit, entry.header
            if limit + _LOCAL.size + len(entry.raw) + entry.packed > entry.limit:
                raise self._fault(f"record {entry.name!r:.200} overlaps what follows it", limit)
        if self.entries and limit != 0:
            raise self._fault("bytes lie before the first zip record", 0)

    def _no_bomb(self) -> None:
        packed = [e for e in self.entries.values() if e.method == DEFLATED]
        total = sum(e.size for e in packed)
        allowed = max(self.limits.inflated, self.limits.ratio * self.source.size)
        if total > allowed:
            raise self._fault(
                f"compressed records would unpack to {total} bytes from a file of "
                f"{self.source.size}; if you "
                "trust it, pass limits=rushlight.serialization.Limits(ratio=..., inflated=...)"
            )

    def locate(self, entry: Entry) -> int:
        """Where the record's bytes begin, once its local header agrees with the directory."""
        if entry.data >= 0:
            return entry.data
        count = _LOCAL.size + len(entry.raw)
        block = self.source.read(entry.header, count)
        magic, flags, method, crc, packed, size, names, extras = _LOCAL.unpack_from(block)
        deferred = flags & _DEFERRED
        elsewhere = (0, _MAX32) if deferred else (_MAX32,)  # where sizes are not
        agrees = (
            magic == b"PK\3\4"
            and block[_LOCAL.size :] == entry.raw
            and names == len(entry.raw)
            and method == entry.method
            and not flags & _ENCRYPTED
            and (packed == entry.packed or packed in elsewhere)
            and (size == entry.size or size in elsewhere)
            and (crc == entry.crc or deferred)
        )
        data = entry.header + count + extras
        if not agrees or data + entry.packed > entry.limit:
            raise self._fault(
                f"the local header of record {entry.name!r:.200} disagrees with the directory",
                entry.header,
            )
        entry.data = data
        return data

    def read(self, name: str, most: int | None = None) -> bytes:
        """A record's bytes, unpacked."""
        entry = self.find(name)
        if most is not None and entry.size > most:
            raise self._fault(
                f"record {name!r:.200} has {entry.size} bytes, more than {most}", entry.header
            )
        if entry.method == STORED:  # never through a mapping, which a file that shrinks takes away
            return self.source.read(self.locate(entry), entry.size)
        return self.array(entry).tobytes()

    def find(self, name: str) -> Entry:
        """The record called `name`.

        Raises:
            UnpicklingError: if there is none.
        """
        if name not in self.entries:
            raise self._fault(f"there is no record {name!r:.200}")
        return self.entries[name]

    def array(self, entry: Entry) -> np.ndarray:
        """A record's bytes as a flat array (a window of the file where it is mapped and stored)."""
        data = self.locate(entry)
        if entry.method == STORED:
            return self.source.array(data, entry.size)
        return self._inflate(entry, data)

    def _inflate(self, entry: Entry, data: int) -> np.ndarray:
        """Unpacks piece by piece: memory grows with what comes, not with what is announced."""
        packer, made, done, at = zlib.decompressobj(-15), bytearray(), 0, 0
        try:
            while at < entry.packed and not packer.eof:
                piece = self.source.read(data + at, min(1 << 20, entry.packed - at))
                at += len(piece)
                made += packer.decompress(piece, entry.size - done + 1)
                done = len(made)
                if done > entry.size or packer.unconsumed_tail:
                    raise self._fault(
                        f"record {entry.name!r:.200} unpacks to more than {entry.size} bytes", data
                    )
        except zlib.error as error:
            raise self._fault(f"record {entry.name!r:.200} is damaged ({error})", data) from None
        if done != entry.size or zlib.crc32(made) != entry.crc:
            raise self._fault(
                f"record {entry.name!r:.200} does not unpack to what the directory says", data
            )
        return np.frombuffer(made, np.uint8)


def _safe_name(raw: bytes) -> str | None:
    """The record's name, or None if it could mean a place outside a folder."""
    try:
        name = raw.decode("utf-8")
    except UnicodeDecodeError:
        return None
    unsafe = not name or name[0] == "/" or name[1:2] == ":" or "\\" in name or "\0" in name
    return None if unsafe or (".." in name and ".." in name.split("/")) else name
