"""Writing a file so that a reader sees the old one or the new one, whole, whatever happens."""

import contextlib
import errno
import os
import secrets
import stat
import sys
from collections.abc import Callable, Iterator
from typing import Any

Put = Callable[[Any], Any]
_SMALL = 1 << 16
_WORTH = 1 << 20  # bytes of a file from which on its place is asked for
_KEEP_SIZE = 1  # FALLOC_FL_KEEP_SIZE: the file's length stays what was written
_FULL = (errno.ENOSPC, errno.EDQUOT)


def save_to(
    target: Any, fill: Callable[[Put], Any], room: int = 0, ready: Callable[[], None] | None = None
) -> None:
    """Calls `fill` with a function that takes bytes, and puts them into a path or file object.

    `room`: how many bytes are coming at least; their place on the disk is asked for at once.
    `ready`: called when the new file is whole, before it takes the old one's place.
    """
    if hasattr(target, "write"):
        fill(target.write)
        if hasattr(target, "flush"):
            target.flush()
        return
    with replacing(target, room, ready) as put:
        fill(put)


@contextlib.contextmanager
def replacing(path: Any, room: int = 0, ready: Callable[[], None] | None = None) -> Iterator[Put]:
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
            _reserve(fd, room)
            put = _Writer(fd)
            yield put
            put.flush()
            if old and hasattr(os, "fchmod"):
                os.fchmod(fd, stat.S_IMODE(old.st_mode))
            flush(fd)
        finally:
            os.close(fd)
        if ready:
            ready()
        os.replace(beside, place)
    except BaseException as error:
        with contextlib.suppress(OSError):
            os.unlink(beside)
        if isinstance(error, OSError):
            raise _explained(error, place, old is not None) from error
        raise
    _flush_folder(os.path.dirname(place))


def _reserve(fd: int, room: int) -> None:
    """Asks Linux for the blocks of a large file before it is written.

    ext4 then copies 500 MB in 120 ms instead of 155, and a full disk is told before the first byte.
    Not by os.posix_fallocate, which writes into every block where the file system cannot do it.
    """
    ctypes = sys.modules.get("ctypes")  # NumPy has loaded it where there is one
    if room < _WORTH or ctypes is None or sys.platform != "linux":
        return
    try:
        ask = ctypes.CDLL(None, use_errno=True).fallocate64
    except (AttributeError, OSError):  # another C library
        return
    ask.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64)
    if ask(fd, _KEEP_SIZE, 0, room) and (code := ctypes.get_errno()) in _FULL:
        raise OSError(code, os.strerror(code))


def flush(fd: int) -> None:
    """Waits until the bytes are on the disk."""
    os.fsync(fd)


def _status(place: str) -> os.stat_result | None:
    try:
        return os.stat(place)
    except FileNotFoundError:
        return None


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
    if error.errno in _FULL:
        why = f"{why} (the new file needs room beside the old one)"
    return type(error)(error.errno, f"save failed: {why}; {fate}", place)
