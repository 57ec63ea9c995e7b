"""cuDNN's switches: kept as they are set. Convolutions here are exact and repeatable anyway."""

from collections.abc import Iterator
from contextlib import contextmanager

enabled = True
benchmark = False
benchmark_limit = 10
deterministic = False
allow_tf32 = True


def is_available() -> bool:
    """Whether cuDNN itself is there."""
    return False


def version() -> int | None:
    """cuDNN's version number, or `None`."""
    return None


@contextmanager
def flags(
    enabled: bool = False,
    benchmark: bool = False,
    benchmark_limit: int = 10,
    deterministic: bool = False,
    allow_tf32: bool = True,
) -> Iterator[None]:
    """A context with other switches."""
    names = ("enabled", "benchmark", "benchmark_limit", "deterministic", "allow_tf32")
    before = {name: globals()[name] for name in names}
    given = (enabled, benchmark, benchmark_limit, deterministic, allow_tf32)
    globals().update(zip(names, given))
    try:
        yield
    finally:
        globals().update(before)
