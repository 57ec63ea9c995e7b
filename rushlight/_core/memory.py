"""Memory of large arrays: where it begins, whose it is; freed blocks are kept for reuse."""

import os
import sys
from math import prod

import numpy as np

LINE = 64  # bytes of a cache line
_LINED = 1 << 22  # bytes: below, it is no gain
LARGE = 1 << 17  # bytes: glibc maps larger blocks afresh until told otherwise
_KEEP = {-3: 1 << 30, -1: (1 << 31) - 1}  # glibc's M_MMAP_THRESHOLD and M_TRIM_THRESHOLD
_asked = False


class Memory(np.ndarray):
    """The bytes behind one array that nobody else has: a view of that array holds the array.

    NumPy lets the base of a view be the array's own base, but not where that is of another class.
    """


def empty(shape: tuple, dtype: np.dtype) -> np.ndarray:
    """A new array; a large one begins on a line, where NumPy's own begins 16 bytes behind one.

    Rows of whole lines are then stored past the caches without ends of their own (layer norm,
    8192 x 768: 3.2 -> 2.5 ms).
    """
    size = prod(shape) * dtype.itemsize
    if size < _LINED:
        return np.empty(shape, dtype)
    room = Memory(size + LINE, np.uint8)
    return np.ndarray(shape, dtype, room, -room.__array_interface__["data"][0] % LINE)


def owner(x: np.ndarray) -> np.ndarray:
    """The array that owns the memory of `x`."""
    while isinstance(base := x.base, np.ndarray) and base.__class__ is not Memory:
        x = base
    return x


def keep_large_blocks() -> None:
    """Ask glibc to hand freed blocks out again and not to give them back to the system.

    Fresh memory costs more in page faults than most arithmetic. Done once, when the first large
    tensor is made; on other systems nothing happens. Set RUSHLIGHT_KEEP_MEMORY=0 to leave the C
    library's own rules. NumPy has loaded ctypes where there is one: nothing is imported here.
    """
    global _asked
    if not _asked:
        _asked = True
        for option, value in _KEEP.items():
            _call("mallopt", option, value)


def give_back() -> None:
    """Let the system have what was freed: after a step that is compiled now was run eagerly."""
    _call("malloc_trim", 0)


def _call(name: str, *args: int) -> None:
    """One of glibc's own functions, where that is the C library."""
    ctypes = sys.modules.get("ctypes")
    if ctypes is None or sys.platform != "linux" or os.environ.get("RUSHLIGHT_KEEP_MEMORY") == "0":
        return
    try:
        getattr(ctypes.CDLL(None), name)(*args)
    except (AttributeError, OSError):  # another C library
        return
