"""Calls that a program would not make again: a trace that meets one ends.

They are looked for where a function reads a name that may lead to one: watching doubles a trace.
"""

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from .._arrays.traced import HERE

_NAMES = frozenset(
    "print input open write flush log debug info warning error critical exception environ getenv "
    "time perf_counter monotonic sleep now today urandom uuid4 os sys datetime logging".split()
)
_MODULES = frozenset("time io _io posix nt _socket _posixsubprocess".split())
_PYTHONS = {"Logger.handle": "logging"}
_PYTHONS |= dict.fromkeys(("_Environ.__getitem__", "_Environ.__setitem__"), "os.environ")


@contextmanager
def watching(trace: Any, names: set[str]) -> Iterator[None]:
    """Inside, such a call ends the trace before it is made."""
    if names.isdisjoint(_NAMES):
        yield
        return
    other: Any = sys.getprofile()
    if other and not callable(other) and not hasattr(other, "enable"):
        trace.stop("a profiler runs, beside which calls cannot be watched")

    def seen(frame: Any, event: str, what: Any) -> None:
        called = _called(frame, event, what)
        caller = frame if event == "c_call" else frame.f_back
        if called and caller and not caller.f_code.co_filename.startswith((HERE, warned)):
            trace.stop(f"{called} must run at each call; move it out of the function")

    warned = sys.modules["warnings"].__file__ or ""
    collects = gc.isenabled()
    gc.disable()  # what is freed at random has effects of its own
    sys.setprofile(seen)
    try:
        yield
    finally:
        other.enable() if hasattr(other, "enable") else sys.setprofile(other)
        if collects:
            gc.enable()


def _called(frame: Any, event: str, what: Any) -> str | None:
    if event == "call":
        return _PYTHONS.get(frame.f_code.co_qualname)
    if event != "c_call":
        return None
    owner = getattr(what, "__self__", None)
    kind = owner if isinstance(owner, type) else type(owner)
    where, name = what.__module__ or kind.__module__, what.__name__
    clock = where == "datetime" and name in ("now", "today", "utcnow")
    found = clock or what is print or what is input or (where in _MODULES and name != "fspath")
    return f"{name}()" if found else None
