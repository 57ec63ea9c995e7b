"""Where the bytes of a checkpoint come from: a regular file, a file object, bytes, or a mapping."""

from __future__ import annotations

import copy
import io
import os
import stat
import sys
from typing import Any

import numpy as np

from .records import fault

PIECE = 8 << 20  # bytes that one thread reads at a time


class Source:
    """Random access to `size` bytes, beginning at `base` of a file or of bytes in memory.

    Args:
        given: a path, an object with read, seek and tell, or bytes.
        mapped: map the file into memory instead of reading it.
    """

    def __init__(self, given: Any, mapped: bool = False) -> None:
        self.where = "checkpoint"
        self.base, self.fd = 0, -1
        self.file: Any = None
        self.whole: Source | None = None
        self.view: memoryview | None = None
        self.mapped = mapped
        if isinstance(given, (str, os.PathLike)):
            self._open(os.fspath(given))
        elif isinstance(given, (bytes, bytearray, memoryview)):
            self.view = memoryview(given).cast("B")
            self.size = len(self.view)
        else:
            self._adopt(given)

    def _open(self, path: Any) -> None:
        self.where = os.fsdecode(path)
        # A FIFO would wait for a writer for ever: open without waiting, then look what it is.
        self.fd = os.open(
            path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
        )
        found = os.fstat(self.fd)
        if not stat.S_ISREG(found.st_mode):
            self.close()
            if stat.S_ISDIR(found.st_mode):
                raise IsADirectoryError(f"{self.where} is a folder, not a checkpoint file")
            raise ValueError(f"{self.where} is a pipe or device, not a regular file")
        self.size = found.st_size
        if self.mapped and self.size:
            self._map()

    def _map(self) -> None:
        import mmap  # optional: not on every platform

        # Private pages: writing to a tensor never reaches the file. No memory is set aside for
        # them, so a file may be larger than all there is.
        how: dict[str, int] = {"access": mmap.ACCESS_COPY}
        if sys.platform == "linux":
            how = {"flags": mmap.MAP_PRIVATE | getattr(mmap, "MAP_NORESERVE", 0x4000)}
        self.view = memoryview(mmap.mmap(self.fd, self.size, **how))

    def _adopt(self, file: Any) -> None:
        if isinstance(file, io.BytesIO):
            start = file.tell()
            self.view = memoryview(file.getvalue())[start:]
            self.size, self.file, self.base = len(self.view), file, start
            return
        for need in ("read", "seek", "tell"):
            if not hasattr(file, need):
                raise AttributeError(
                    f"'{type(file).__name__}' object has no attribute '{need}'. You can only "
                    "torch.load from a file that is seekable. Please pre-load the data into a "
                    "buffer like io.BytesIO and try to load from it instead."
                )
        try:
            self.base = file.tell()
            self.size = file.seek(0, 2) - self.base
            file.seek(self.base)
        except io.UnsupportedOperation as error:
            raise type(error)(
                f"{error}. You can only torch.load from a file that is seekable. Please pre-load "
                "the data into a buffer like io.BytesIO and try to load from it instead."
            ) from None
        self.file = file
        self.where = str(getattr(file, "name", "file object"))

    @property
    def stored(self) -> int:
        """Bytes of the whole file, as it lies on the disk."""
        return self.size if self.whole is None else self.whole.stored

    def read(self, offset: int, count: int) -> bytes:
        """Exactly `count` bytes at `offset`.

        Raises:
            UnpicklingError: where the file does not have them.
        """
        self.need(offset, count)
        if self.fd >= 0:  # also where the file is mapped: a page that is gone would end the process
            if count >= PIECE or not PREADV:
                buffer = bytearray(count)
                self.into(offset, memoryview(buffer))
                return bytes(buffer)
            found = os.pread(self.fd, count, self.base + offset)
        elif self.view is not None:
            return bytes(self.view[offset : offset + count])
        else:
            self.file.seek(self.base + offset)
            found = self.file.read(count)
        if len(found) != count:
            raise fault(self.where, f"{count} bytes wanted, {len(found)} read: it shrank", offset)
        return found

    def all(self) -> bytes | memoryview:
        """The whole file, read even where it is mapped; single bytes of `bytes` come quicker."""
        if self.view is None or self.fd >= 0:
            return self.read(0, self.size)
        return self.view

    def into(self, offset: int, target: memoryview) -> None:
        """Fills `target` with the bytes at `offset`."""
        done, count = 0, len(target)
        self.need(offset, count)
        if self.fd < 0 and self.view is not None:
            target[:] = self.view[offset : offset + count]
            return
        if self.fd < 0:
            self.file.seek(self.base + offset)
        while done < count:
            piece = target[done : done + PIECE]
            if self.fd >= 0:
                got = self._fetch(self.base + offset + done, piece)
            elif hasattr(self.file, "readinto"):
                got = self.file.readinto(piece)
            else:
                data = self.file.read(len(piece))
                got = len(data)
                piece[:got] = data
            if not got:
                raise fault(self.where, f"{count} bytes wanted, {done} read: it shrank", offset)
            done += got

    def _fetch(self, offset: int, piece: memoryview) -> int:
        if PREADV:
            return os.preadv(self.fd, [piece], offset)
        os.lseek(self.fd, offset, 0)
        data = os.read(self.fd, len(piece))
        piece[: len(data)] = data
        return len(data)

    def need(self, offset: int, count: int) -> None:
        """Refuses what lies outside the file."""
        if offset < 0 or count < 0 or offset + count > self.size:
            raise fault(
                self.where, f"{count} bytes wanted where the file ends at {self.size}", offset
            )

    def still(self, end: int) -> None:
        """Refuses to touch mapped pages that the file has lost since it was mapped."""
        if self.fd >= 0 and (now := os.lseek(self.fd, 0, os.SEEK_END)) < self.base + end:
            raise fault(self.where, f"the file shrank to {now} bytes while it was mapped", end)

    def array(self, offset: int, count: int) -> np.ndarray:
        """The bytes at `offset` as a fresh array, or as a window of the mapping."""
        self.need(offset, count)
        if self.mapped and self.view is not None:
            self.still(offset + count)
            return np.frombuffer(self.view, np.uint8, count, offset)
        found = np.empty(count, np.uint8)
        self.into(offset, found.data)
        return found

    def part(self, offset: int, count: int, what: str) -> Source:
        """A run of this source as a source of its own."""
        self.need(offset, count)
        made = copy.copy(self)
        made.whole = self  # keeps the file open
        made.where, made.size = f"{self.where}, {what}", count
        if self.view is not None:
            made.view = self.view[offset : offset + count]
        made.base = self.base + offset
        return made

    def close(self) -> None:
        """Gives the file back (a mapping lives as long as its arrays)."""
        if self.fd >= 0 and not self.mapped and self.whole is None:
            os.close(self.fd)
            self.fd = -1

    def __del__(self) -> None:
        if getattr(self, "fd", -1) >= 0 and self.whole is None:
            os.close(self.fd)

    def finish(self, offset: int) -> None:
        """Leaves a file object behind the byte at `offset`, as reading it in order would."""
        if self.file is not None:
            self.file.seek(self.base + offset)


PREADV = hasattr(os, "preadv")
