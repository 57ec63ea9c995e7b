"""What differs between operating systems: executable memory, sleeping, and where caches lie."""

import ctypes
import os
import sys
from functools import cache
from pathlib import Path
from typing import Any

from .builder import I32, I64, Function, Val

LINUX, MAC, WINDOWS = (sys.platform.startswith(p) for p in ("linux", "darwin", "win"))


class _Futex:
    """Linux: the futex system call, through libc."""

    symbols = ("syscall",)

    def _call(self, f: Function, place: Val, operation: int, value: str) -> None:
        f.module.declared["syscall"] = "declare i64 @syscall(i64, ...)"
        number = 202 if f.target.triple.startswith("x86") else 98
        f.line(
            f"call i64 (i64, ...) @syscall(i64 {number}, ptr {place.name}, i32 {operation}, "
            f"i32 {value}, ptr null, ptr null, i32 0)"
        )

    def wait(self, f: Function, place: Val, seen: Val) -> None:
        self._call(f, place, 128, seen.name)  # FUTEX_WAIT | FUTEX_PRIVATE_FLAG

    def wake(self, f: Function, place: Val) -> None:
        self._call(f, place, 129, str(1 << 30))  # FUTEX_WAKE, all of them


class _Ulock:
    """macOS: the calls beneath its own condition variables."""

    symbols = ("__ulock_wait", "__ulock_wake")

    def wait(self, f: Function, place: Val, seen: Val) -> None:
        f.declare("__ulock_wait", "i32", ["i32", "ptr", "i64", "i32"])
        wide = f.cast(seen, I64) & 0xFFFFFFFF  # it compares 32 bits without a sign
        f.call("__ulock_wait", f.const(1, I32), place, wide, f.const(0, I32), result=I32)

    def wake(self, f: Function, place: Val) -> None:
        f.declare("__ulock_wake", "i32", ["i32", "ptr", "i64"])
        f.call("__ulock_wake", f.const(0x101, I32), place, f.const(0, I64), result=I32)


class _Address:
    """Windows: WaitOnAddress and its kin."""

    symbols = ("WaitOnAddress", "WakeByAddressAll")

    def wait(self, f: Function, place: Val, seen: Val) -> None:
        f.declare("WaitOnAddress", "i32", ["ptr", "ptr", "i64", "i32"])
        kept = f.buffer(I32, 1)
        f.store(kept, seen)
        f.call("WaitOnAddress", place, kept, f.const(4, I64), f.const(-1, I32), result=I32)

    def wake(self, f: Function, place: Val) -> None:
        f.declare("WakeByAddressAll", "void", ["ptr"])
        f.call("WakeByAddressAll", place)


class _Apart:
    """Linux: threads that spin for each other do not stay on one processor while another is idle.

    The scheduler may wake a thread beside the one that woke it, and leaves both there, in turns.
    """

    symbols = ("sched_getcpu", "sched_getaffinity", "sched_setaffinity")

    def note(self, f: Function, place: Val) -> None:
        """Note the processor that this thread is on."""
        f.store(place, f.known("sched_getcpu", I32, 1))

    def leave(self, f: Function, place: Val) -> None:
        """Move elsewhere if this thread is on the processor noted; where it may run stays so."""
        here = f.known("sched_getcpu", I32, 1)
        with f.when(here.equals(f.load(place, I32)) & (here < 64 * _MASK)):
            mask, asked = f.buffer(I64, _MASK), (f.const(0, I32), f.const(8 * _MASK, I64))
            word = mask.shifted(f.cast(here >> 6, I64), I64)
            got = f.known("sched_getaffinity", I32, 1, *asked, mask)
            with f.when(got.equals(0)):
                all_ = f.load(word, I64)
                one = f.op(I64, 1, f"shl i64 1, {f.cast(here & 63, I64).name}")
                f.store(word, all_ ^ one)
                f.known("sched_setaffinity", I32, 1, *asked, mask)
                f.store(word, all_)
                f.known("sched_setaffinity", I32, 1, *asked, mask)


class _Anywhere:
    """Elsewhere threads cannot be moved."""

    symbols = ()

    def note(self, f: Function, place: Val) -> None:
        """Nothing."""

    leave = note


SLEEP_CALL: Any = _Address() if WINDOWS else _Ulock() if MAC else _Futex()
PLACES: Any = _Apart() if LINUX else _Anywhere()
_MASK = 16  # words of a set of processors: 1024 of them
# LLVM writes calls of these by itself; the last lets another thread have the core.
_C = ("memset", "memcpy", "memmove")
YIELD = "SwitchToThread" if WINDOWS else "sched_yield"
# Python's stable interface: its lock and its signals (threads.py), its objects (door_steps.py).
_PYTHON = (
    "PyEval_SaveThread", "PyEval_RestoreThread", "PyGILState_Ensure", "PyGILState_Release",
    "PyErr_CheckSignals", "PyErr_Occurred", "Py_IncRef", "Py_DecRef", "PyDict_GetItemWithError",
    "PyObject_GetAttr", "PyType_GenericAlloc", "PyObject_CallNoArgs", "PyLong_AsLongLong",
    "PyLong_FromLongLong", "PyList_GetSlice", "PyList_GetItem", "PyList_SetItem", "PyTuple_New",
    "PyTuple_SetItem",
)  # fmt: skip


@cache
def symbols() -> dict[str, int]:
    """Addresses of the functions of the system that compiled code may call."""
    names = ("msvcrt", "kernel32", "api-ms-win-core-synch-l1-2-0") if WINDOWS else (None,)
    libraries = [ctypes.CDLL(n) for n in names]
    found = {}
    for name in (*_C, YIELD, *SLEEP_CALL.symbols, *PLACES.symbols):
        for library in libraries:
            if hasattr(library, name):
                found[name] = _address(getattr(library, name))
                break
    python = getattr(ctypes, "pythonapi", None)
    return found | {n: _address(getattr(python, n)) for n in _PYTHON if hasattr(python, n)}


def _address(f: Any) -> int:
    return ctypes.cast(f, ctypes.c_void_p).value or 0


class Pages:
    """Memory of whole pages: written first, then executed and no longer writable."""

    def __init__(self, size: int) -> None:
        self.size = (size + 16383) & -16384
        if WINDOWS:
            self.address = _windows("VirtualAlloc")(None, self.size, 0x3000, 0x04)
        else:
            private = 0x02 | (0x1000 if MAC else 0x20)  # MAP_PRIVATE | MAP_ANONYMOUS
            self.address = _libc("mmap")(None, self.size, 3, private, -1, 0)
        if not self.address or self.address == ctypes.c_void_p(-1).value:
            raise MemoryError(f"engine: the system gave no {self.size} bytes for machine code")

    def seal(self) -> None:
        """Readable and executable from here on."""
        if WINDOWS:
            before = ctypes.c_ulong()
            done = _windows("VirtualProtect")(self.address, self.size, 0x20, ctypes.byref(before))
        else:
            done = _libc("mprotect")(self.address, self.size, 5) == 0
        if not done:
            raise MemoryError("engine: the system allows no new machine code in this process")


def _libc(name: str) -> Any:
    f = getattr(ctypes.CDLL(None, use_errno=True), name)
    f.restype = ctypes.c_void_p if name == "mmap" else ctypes.c_int
    f.argtypes = {
        "mmap": [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long],
        "mprotect": [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int],
    }[name]
    return f


def _windows(name: str) -> Any:
    f = getattr(ctypes.WinDLL("kernel32"), name)
    f.restype = ctypes.c_void_p
    f.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_ulong, ctypes.c_void_p]
    return f


def cache_folder() -> Path:
    """Where this platform keeps what can be made again; RUSHLIGHT_CACHE names another place.

    The places are those that the library platformdirs knows, which is not needed for three lines.

    Raises:
        RuntimeError: where the user has no home.
    """
    if chosen := os.environ.get("RUSHLIGHT_CACHE"):
        return Path(chosen)
    if WINDOWS:
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
        return base / "rushlight" / "Cache"
    if MAC:
        return Path.home() / "Library" / "Caches" / "rushlight"
    chosen = os.environ.get("XDG_CACHE_HOME", "").strip()
    if not os.path.isabs(chosen):  # not valid, says the specification
        chosen = Path.home() / ".cache"
    return Path(chosen) / "rushlight"


def mapped() -> bool:
    """Whether our own loader knows this system's object files."""
    return LINUX and os.uname().machine in ("x86_64", "aarch64")
