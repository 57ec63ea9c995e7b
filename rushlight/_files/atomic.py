"""Writing a file so that a reader sees the old one or the new one, whole, whatever happens."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
from collections.abc import Callable, Iterator
from typing import Any

_SMALL = 1 << 16


def save_to(target: Any, fill: Callable[[Callable[[Any], Any]], None]) -> None:
    """Calls `fill` with a function that takes bytes, and puts them into a path or file object."""
    if hasattr(target, "write"):
        fill(target.write)
        if hasattr(target, "flush"):
            target.flush()
        return
    with replacing(target) as put:
        fill(put)


@contextlib.contextmanager
def replacing(path: Any) -> Iterator[Callable[[Any], Any]]:
    """A function that writes bytes beside `path`; at a good end they take its place.

    Permissions of an old file stay; a symbolic link goes on pointing to the same place. If anything
    fails, the old file is as it was and nothing is left beside it.
    """
    place = os.path.realpath(os.fsdecode(os.fspath(path)))
    old = _status(place)
    if old is not None and not stat.S_ISREG(old.st_mode):
        with open(place, "wb", buffering=0) as stream:  # a pipe or device cannot be replaced
            put = _Writer(stream.fileno())
            yield put
            put.flush()
        return
    stem = place[:-40] if len(os.path.basename(place)) > 200 else place  # names have 255 bytes
    beside = f"{stem}.{secrets.token_hex(4)}.part"
    try:
        fd = os.open(
            beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666
        )
    except FileNotFoundError as error:
        folder = os.path.dirname(place)
        raise RuntimeError(f"Parent directory {folder} does not exist.") from error
    try:
        try:
            put = _Writer(fd)
            yield put
            put.flush()
            _keep_mode(fd, old)
            flush(fd)
        finally:
            os.close(fd)
        os.replace(beside, place)
    except BaseException as error:
        with contextlib.suppress(OSError):
            os.unlink(beside)
        if isinstance(error, OSError):
            raise _explained(error, place, old is not None) from error
        raise
    _flush_folder(os.path.dirname(place))


def flush(fd: int) -> None:
    """Waits until the bytes are on the disk."""
    os.fsync(fd)


def _status(place: str) -> os.stat_result | None:
    try:
        return os.stat(place)
    except FileNotFoundError:
        return None


def _keep_mode(fd: int, old: os.stat_result | None) -> None:
    if old is not None and hasattr(os, "fchmod"):
        os.fchmod(fd, stat.S_IMODE(old.st_mode))


class _Writer:
    """Writes every byte it is given; small pieces wait for a larger one."""

    def __init__(self, fd: int) -> None:
        self.fd, self.waiting = fd, bytearray()

    def __call__(self, data: Any) -> int:
        if len(data) < _SMALL:
            self.waiting += data
            if len(self.waiting) >= _SMALL:
                self.flush()
        else:
            self.flush()
            _all(self.fd, data)
        return len(data)

    def flush(self) -> None:
        """Writes what waits."""
        _all(self.fd, bytes(self.waiting))
        self.waiting.clear()


def _all(fd: int, data: Any) -> None:
    view = memoryview(data).cast("B") if len(data) else memoryview(b"")
    while len(view):
        view = view[os.write(fd, view[: 1 << 30]) :]


def _flush_folder(folder: str) -> None:
    """Makes the rename itself last; a file system that cannot do so is not an error."""
    with contextlib.suppress(OSError):
        fd = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)


def _explained(error: OSError, place: str, existed: bool) -> OSError:
    """The same error, saying what became of the old file."""
    fate = "the old file is unchanged" if existed else "nothing was left behind"
    why = error.strerror or str(error)
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        why = f"{why} (the new file needs room beside the old one)"
    return type(error)(error.errno, f"save failed: {why}; {fate}", place)
