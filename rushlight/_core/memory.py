"""Large blocks are kept for reuse: fresh memory costs more in page faults than most arithmetic."""

import os
import sys

LARGE = 1 << 17  # bytes: glibc maps larger blocks afresh until told otherwise
_KEEP = {-3: 1 << 30, -1: (1 << 31) - 1}  # glibc's M_MMAP_THRESHOLD and M_TRIM_THRESHOLD
_asked = False


def keep_large_blocks() -> None:
    """Ask glibc to hand freed blocks out again and not to give them back to the system.

    Done once, when the first large tensor is made; on other systems nothing happens. Set
    RUSHLIGHT_KEEP_MEMORY=0 to leave the C library's own rules. NumPy has loaded ctypes where there
    is one, so that nothing is imported here.
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
