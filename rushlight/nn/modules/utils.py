"""Sizes given once for several axes."""

from collections.abc import Callable, Iterable
from itertools import repeat
from typing import Any


def _ntuple(n: int, name: str = "parse") -> Callable[[Any], tuple]:
    def parse(x: Any) -> tuple:
        return tuple(x) if isinstance(x, Iterable) else tuple(repeat(x, n))

    parse.__name__ = name
    return parse


def unusual(module: Any, **usual: Any) -> str:
    """The attributes that have another value than the usual one, as printed."""
    values = {name: getattr(module, name) for name in usual}
    return "".join(f", {name}={v}" for name, v in values.items() if v != usual[name])


_single = _ntuple(1, "_single")
_pair = _ntuple(2, "_pair")
_triple = _ntuple(3, "_triple")
_quadruple = _ntuple(4, "_quadruple")


def _reverse_repeat_tuple(t: tuple, n: int) -> tuple:
    """The entries from last to first, each `n` times: F.pad's order."""
    return tuple(x for x in reversed(t) for _ in range(n))
