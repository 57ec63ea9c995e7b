"""What a forked child must put right: locks of threads that it has not, work that nobody ends."""

import os
import threading
from functools import cache
from typing import Any
from weakref import WeakSet


@cache
def _things() -> WeakSet:
    made: WeakSet = WeakSet()
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=lambda: [x._at_fork_reinit() for x in list(made)])
    return made


def mended(thing: Any) -> Any:
    """The thing, whose `_at_fork_reinit` every forked child calls (Python's own locks have it)."""
    if hasattr(thing, "_at_fork_reinit"):
        _things().add(thing)
    return thing


def lock() -> Any:
    """A lock that is open in a forked child, whoever held it."""
    return mended(threading.Lock())


def rlock() -> Any:
    """The same for a lock that its holder may take again."""
    return mended(threading.RLock())


@cache
def awaited() -> Any:
    """The lock that whoever uses LLVM holds: a fork waits until it is free."""
    made = threading.RLock()
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(
            before=made.acquire, after_in_parent=made.release, after_in_child=made.release
        )
    return made
