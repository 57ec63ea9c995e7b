"""How deep transforms are nested, per thread: the outermost kind of array has the highest level."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

_state = threading.local()


@contextmanager
def level() -> Iterator[int]:
    """One transform deeper, for the time of a call."""
    before = getattr(_state, "depth", 0)
    _state.depth = before + 1
    try:
        yield before + 1
    finally:
        _state.depth = before
