"""An event file: records with lengths and checksums, in TensorFlow's TFRecord format."""

import itertools
import os
import platform
import struct
import time
from pathlib import Path

from . import messages

_numbers = itertools.count()


def _table() -> list[int]:
    made = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)  # Castagnoli's polynomial, reversed
        made.append(byte)
    return made


_TABLE = _table()


def crc32c(data: bytes) -> int:
    """The Castagnoli checksum (RFC 3720, appendix B.4)."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ _TABLE[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


def masked(crc: int) -> int:
    """A checksum as it is stored beside data that may hold checksums: turned, and shifted away."""
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def record(data: bytes) -> bytes:
    """Length, its checksum, the data, its checksum."""
    length = struct.pack("<Q", len(data))
    sums = (struct.pack("<I", masked(crc32c(part))) for part in (length, data))
    return length + next(sums) + data + next(sums)


class EventFile:
    """A file that grows by events.

    Args:
        folder: where the file is made.
        max_queue: how many events wait in memory at most.
        flush_secs: how long they wait at most, in seconds.
        suffix: the end of the file's name.
    """

    def __init__(
        self, folder: str, max_queue: int = 10, flush_secs: float = 120, suffix: str = ""
    ) -> None:
        Path(folder).mkdir(parents=True, exist_ok=True)
        stamp, host = f"{int(time.time()):010d}", platform.node() or "localhost"
        name = f"events.out.tfevents.{stamp}.{host}.{os.getpid()}.{next(_numbers)}{suffix}"
        self.path = os.path.join(folder, name)
        self._file = open(self.path, "wb")  # noqa: SIM115  (closed by close)
        self._max, self._seconds = max_queue, flush_secs
        self._waiting, self._flushed = 0, time.monotonic()
        self._file.write(record(messages.event(time.time(), None, version="brain.Event:2")))
        self.flush()

    def add(self, summary: bytes, step: int | None, walltime: float | None) -> None:
        """Appends an event."""
        at = time.time() if walltime is None else walltime
        self._file.write(record(messages.event(at, step, summary=summary)))
        self._waiting += 1
        if self._waiting > self._max or time.monotonic() - self._flushed > self._seconds:
            self.flush()

    def purge(self, step: int) -> None:
        """Marks a new start: TensorBoard hides what earlier files have from this step on."""
        self._file.write(record(messages.event(time.time(), step, started=True)))

    def flush(self) -> None:
        """Hands all events to the system."""
        self._file.flush()
        self._waiting, self._flushed = 0, time.monotonic()

    def close(self) -> None:
        """Flushes and closes."""
        self._file.close()
