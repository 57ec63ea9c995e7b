"""Compiled code on disk: named by what it was made from, checked before use, bounded in size."""

import hashlib
import os
import tempfile
from functools import cache
from pathlib import Path

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
    found = []
    for place, _, names in os.walk(Path(__file__).parent):
        for name in names:
            if name.endswith(".py"):
                stat = os.stat(os.path.join(place, name))
                found.append((name, stat.st_size, stat.st_mtime_ns))
    return key_of(*map(repr, sorted(found)))


def read(key: str) -> bytes | None:
    """What was kept under a key; None where there is nothing, or nothing whole."""
    path = _folder() / key
    try:
        if hasattr(os, "getuid") and path.stat().st_uid != os.getuid():
            return None  # not written by us: never run
        data = path.read_bytes()
    except OSError:
        return None
    body = data[len(_MAGIC) + 32 :]
    if not data.startswith(_MAGIC) or data[len(_MAGIC) :][:32] != hashlib.sha256(body).digest():
        return None
    try:
        os.utime(path)
    except OSError:
        pass
    return body


def write(key: str, body: bytes) -> bool:
    """Keep a body under a key, at once or not at all; whether it was kept (a disk may be full)."""
    folder = _folder()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if hasattr(os, "getuid") and folder.stat().st_uid != os.getuid():
            return False  # somebody else's folder: what lies there is not ours to run
        handle, name = tempfile.mkstemp(dir=folder)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(_MAGIC + hashlib.sha256(body).digest() + body)
            os.replace(name, folder / key)
        except BaseException:
            os.unlink(name)
            raise
        _trim(folder)
    except OSError:
        return False
    return True


def _folder() -> Path:
    return cache_folder() / "code"


def _trim(folder: Path) -> None:
    """Remove what was used longest ago until the rest is within the limit."""
    found = []
    for entry in os.scandir(folder):
        try:
            stat = entry.stat()
        except OSError:  # another process removed it
            continue
        found.append((stat.st_mtime, stat.st_size, entry.path))
    total = sum(size for _, size, _ in found)
    for _, size, path in sorted(found):
        if total <= LIMIT:
            break
        try:
            os.unlink(path)
        except OSError:
            pass
        total -= size
