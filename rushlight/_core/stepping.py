"""Numbers at equal distances, with the roundings of PyTorch's vectorised CPU code.

PyTorch fills `arange` two vectors of 32 bytes at a time: each vector's first element is rounded
to the dtype, its others are that plus a multiple of the step; the rest is computed one by one.
`linspace` counts from the start in its first half and from the end in its second.
"""

from typing import Any

import numpy as np

from . import dtypes
from .fused import fused64, rounded


def steps(start: float, step: float, count: int, kind: Any) -> np.ndarray:
    """start, start + step, ... as `arange` makes them in a floating dtype."""
    lanes = 32 // kind.itemsize
    index = np.arange(count, dtype=np.float64)
    if start.is_integer() and step.is_integer() and _exact(start, step, count, kind):
        index *= step
        index += start
        return index.astype(kind.numpy)
    alone = _multiple(index, step, start, kind)
    whole = count // (2 * lanes) * 2 * lanes
    if not whole:
        return alone
    first = _multiple(index[:whole:lanes], step, start, kind)
    offsets = np.tile(index[:lanes], whole // lanes)
    base = dtypes.cast(np.repeat(first, lanes), dtypes.float64)
    alone[:whole] = _multiple(offsets, step, base, kind)
    return alone


def _exact(start: float, step: float, count: int, kind: Any) -> bool:
    """Whether every number is a whole one that the dtype holds exactly."""
    return kind not in dtypes.HALVES and abs(start) + abs(step) * count < 2.0**24


def _multiple(index: np.ndarray, step: Any, start: Any, kind: Any) -> np.ndarray:
    made = fused64(index, step, start) if kind is dtypes.float64 else start + index * step
    return rounded(made, kind)


def spaced(start: Any, end: Any, count: int, kind: Any) -> np.ndarray:
    """`count` numbers from start to end, as `linspace` makes them."""
    if count == 0:
        return np.empty(0, kind.numpy)
    if count == 1:
        return dtypes.cast(np.array([start]), kind)
    if kind.category == 3:
        part = kind.to_real()
        made = np.empty(count, kind.numpy)
        a, b = complex(start), complex(end)
        made.real = spaced(a.real, b.real, count, part)
        made.imag = spaced(a.imag, b.imag, count, part)
        return made
    if kind.category == 1:
        return dtypes.cast(_halfway(int(start), int(end), count, lambda x: x, fused64), kind)
    if kind is dtypes.float64:
        return _halfway(float(start), float(end), count, lambda x: x, fused64)
    if kind is dtypes.float32:
        return rounded(_halfway(start, end, count, lambda x: float(np.float32(x)), _plain), kind)
    return rounded(_halfway(start, end, count, lambda x: _through(x, kind), _each(kind)), kind)


def _halfway(start: Any, end: Any, count: int, narrow: Any, fused: Any) -> np.ndarray:
    """start + i * step in the first half, end - i * step in the second; `narrow` rounds numbers."""
    start, end = narrow(start), narrow(end)
    step = narrow(narrow(end - start) / narrow(count - 1))
    half = count // 2
    index = np.arange(count, dtype=np.float64)
    ahead = fused(index[:half], step, float(start))
    behind = fused(index[: count - half][::-1], -step, float(end))
    return np.concatenate([ahead, behind])


def _plain(x: np.ndarray, scale: float, shift: float) -> np.ndarray:
    return x * scale + shift  # float32 operands: exact until the caller rounds


def _through(value: Any, kind: Any) -> float:
    """A number as a half dtype has it."""
    return float(dtypes.cast(rounded(np.asarray(float(value)), kind), dtypes.float64))


def _each(kind: Any) -> Any:
    """A multiply and an add, each rounded to a half dtype, as arithmetic on halves is."""

    def narrow(x: np.ndarray) -> np.ndarray:
        return dtypes.cast(rounded(x, kind), dtypes.float64)

    return lambda x, scale, shift: narrow(narrow(narrow(x) * scale) + shift)
