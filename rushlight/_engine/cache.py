"""Compiled code on disk: named by what it was made from, checked before use, bounded in size."""

import hashlib
import os
import stat
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

from .. import version
from .system import cache_folder

LIMIT = 256 * 1024 * 1024  # bytes; the files used longest ago go first
_MAGIC = b"rushlight object 1\n"


def key_of(*parts: str) -> str:
    """A name for what is made from these texts alone."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "little") + part.encode())
    return digest.hexdigest()


@cache
def emitter() -> str:
    """A name for the state of this package's own code: what it emitted before is not run again."""
    found, here = [], Path(__file__).parent
    for folder in (here, here.parent / "_arrays", here.parent / "_core"):
        for place, _, names in os.walk(folder):
            for name in names:
                if name.endswith(".py"):
                    stat = os.stat(os.path.join(place, name))
                    found.append((name, stat.st_size, stat.st_mtime_ns))
    return key_of(version.rushlight, *map(repr, sorted(found)))


def read(key: str) -> bytes | None:
    """What was kept under a key; None where there is nothing, or nothing whole."""
    folder = _folder()
    if folder is None:
        return None
    try:
        if not stat.S_ISREG(os.lstat(folder / key).st_mode):
            return None  # to open a pipe or a device may take for ever, or do something
        with open(folder / key, "rb", opener=_opened) as file:
            found = os.fstat(file.fileno())
            if not (_ours(found) and stat.S_ISREG(found.st_mode)):
                return None  # not written by us: never run
            data = file.read()
            _touched(file.fileno(), folder / key)
    except OSError:
        return None
    body = data[len(_MAGIC) + 32 :]
    whole = data[len(_MAGIC) :][:32] == _sum(key, body)
    return body if data.startswith(_MAGIC) and whole else None


def kept(key: str, make: Callable[[], bytes]) -> bytes:
    """What is under a key; made where it is not there."""
    found = read(key)
    if found is None:
        write(key, found := make())
    return found


def write(key: str, body: bytes) -> bool:
    """Keep a body under a key, at once or not at all; whether it was kept (a disk may be full)."""
    folder = _folder()
    if folder is None:
        return False
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.stat()
        if not _ours(found):
            return False  # somebody else's folder: what lies there is not ours to run
        if os.name == "posix" and found.st_mode & 0o077:
            folder.chmod(0o700)
        handle, name = tempfile.mkstemp(dir=folder)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(_MAGIC + (sum_ := _sum(key, body)) + body)
            os.replace(name, folder / key)
        except BaseException:
            os.unlink(name)
            raise
        # to look through 15,000 entries takes .3 s: about once in LIMIT / 16 bytes, over processes
        if int.from_bytes(sum_[:4], "big") * LIMIT < 16 * len(body) << 32:
            _trim(folder)
    except OSError:
        return False
    return True


def _opened(path: str, flags: int) -> int:
    """A file, without waiting should it be a pipe by now."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _sum(key: str, body: bytes) -> bytes:
    """What tells damage, and a file under another one's name."""
    return hashlib.sha256(key.encode() + body).digest()


def _ours(found: os.stat_result) -> bool:
    return not hasattr(os, "getuid") or found.st_uid == os.getuid()


def _touched(handle: int, path: Path) -> None:
    try:
        os.utime(handle if os.utime in os.supports_fd else path)
    except OSError:  # a file system for reading alone
        pass


def _folder() -> Path | None:
    """Where the files lie; None where this user has no home."""
    try:
        return cache_folder() / "code"
    except RuntimeError:
        return None


def _trim(folder: Path) -> None:
    """Remove what was used longest ago until the rest is within the limit."""
    found = []
    for entry in os.scandir(folder):
        try:
            told = entry.stat(follow_symlinks=False)
        except OSError:  # another process removed it
            continue
        found.append((told.st_mtime, told.st_size, entry.path))
    total = sum(size for _, size, _ in found)
    for _, size, path in sorted(found):
        if total <= LIMIT:
            break
        try:
            os.unlink(path)
        except OSError:
            pass
        total -= size
