"""Writes PyTorch's zip format: a pickle, and one record for the bytes of each storage."""

import os
import struct
import sys
import threading
import zlib
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from .crc import crc32
from .records import Storage

ALIGNMENT = 64
_MAX32 = 0xFFFFFFFF
_WORTH, _SMALL = 1 << 22, 1 << 16  # bytes of a file, and of a storage, that a thread is worth
_AHEAD = 4  # storages: more of them would have to lie in memory when they come from a file


class ZipWriter:
    """Writes stored records one behind the other, as PyTorch lays them out; never seeks.

    Without `checksums` 0 is written for each record's CRC-32, which unzip notices.
    """

    def __init__(
        self, write: Callable[[Any], Any], prefix: str = "", checksums: bool = True
    ) -> None:
        self.write, self.folder, self.checksums = write, f"{prefix}/" if prefix else "", checksums
        self.at = 0
        self.entries: list[tuple[bytes, int, int, int]] = []

    def _put(self, data: Any) -> None:
        self.write(data)
        self.at += len(data)

    def record(self, name: str, data: Any, crc: Callable[[], int] | None = None) -> None:
        """One record; `crc` gives its checksum when it is known from elsewhere."""
        raw, header, size = f"{self.folder}{name}".encode(), self.at, len(data)
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
            value = (crc() if crc else crc32(data)) if self.checksums else 0
            wide = size >= _MAX32 or header >= _MAX32
            self._put(struct.pack("<4sI2Q" if wide else "<4s3I", b"PK\7\x08", value, size, size))
        self.entries.append((raw, header, size, value))

    def finish(self) -> None:
        """The directory and its end, in both widths, as PyTorch writes them."""
        start = self.at
        for raw, header, size, crc in self.entries:
            (short, place), extra = _wide(size, header)
            how = 45 if extra else 0, 0x0808 if size else 0x0800, 0, 0, 0
            lengths = len(raw), len(extra), 0, 0, 0, 0
            facts = (0, *how, crc, short, short, *lengths, place)
            self._put(struct.pack("<4s6H3I5H2I", b"PK\1\2", *facts) + raw + extra)
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
    put: Callable[[Any], Any], pickled: bytes, storages: Iterable[Storage], prefix: str = "archive",
    checksums: bool = True, progress: Any = None, forget: bool = False,
) -> None:  # fmt: skip
    """Writes the whole archive through `put`; storages stream from where they lie.

    `forget`: the storages come from a file that stays open; give their memory back one by one.
    """
    zipped = ZipWriter(put, prefix, checksums)
    zipped.record("data.pkl", pickled)
    zipped.record(".format_version", b"1")
    zipped.record(".storage_alignment", str(ALIGNMENT).encode())
    zipped.record("byteorder", sys.byteorder.encode())
    listed = list(storages)
    with _Checksums(listed, checksums) as sums:
        for number, storage in enumerate(listed):
            sum_of = sums.of(number)
            zipped.record(f"data/{number}", storage.bits.data, sum_of)
            if forget:
                storage.release()
            if progress:
                progress(storage.nbytes)
    zipped.record("version", b"3\n")
    mark = zlib.crc32(pickled), zlib.crc32(b"".join(raw for raw, *_ in zipped.entries))
    zipped.record(".data/serialization_id", f"{mark[0]:020d}{mark[1]:020d}".encode())
    zipped.finish()


class _Checksums:
    """CRC-32 of large storages, worked out by a second thread while the first one writes.

    Where the writing thread would wait for a sum, it takes the next ones over instead.
    """

    def __init__(self, storages: list[Storage], wanted: bool) -> None:
        large = [number for number, s in enumerate(storages) if s.nbytes > _SMALL]
        if not wanted or sum(s.nbytes for s in storages) <= _WORTH or (os.cpu_count() or 1) < 2:
            large = []
        self.storages, self.todo = storages, deque(large)
        self.sums: dict[int, Any] = {}
        self.room = threading.Semaphore(_AHEAD)
        self.thread = threading.Thread(target=self._work)

    def __enter__(self) -> "_Checksums":
        if self.todo:
            from concurrent.futures import Future  # optional: not in every Python

            self.sums = {number: Future() for number in self.todo}
            self.thread.start()
        return self

    def _work(self) -> None:
        while self._one():
            pass

    def _one(self, wait: bool = True) -> bool:
        """Works out the next sum, if one is left and not too many storages are ahead."""
        if not self.room.acquire(wait):
            return False
        try:
            number = self.todo.popleft()
        except IndexError:
            return False
        try:
            self.sums[number].set_result(crc32(self.storages[number].bits))
        except BaseException as error:
            self.sums[number].set_exception(error)
        return True

    def of(self, number: int) -> Callable[[], int] | None:
        """A function that gives one checksum; None where it is quicker to work it out."""
        return (lambda: self._sum(number)) if number in self.sums else None

    def _sum(self, number: int) -> int:
        while not self.sums[number].done() and self._one(wait=False):
            pass
        found = self.sums.pop(number).result()
        self.room.release()
        return found

    def __exit__(self, *_: Any) -> None:
        if self.thread.ident:
            self.todo.clear()
            self.room.release()
            self.thread.join()
