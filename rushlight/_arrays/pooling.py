"""Pooling, place by place of the window: words for all kinds of array, made of other words.

Each place of the window is one strided slice of the whole input: a handful of passes over large
arrays, where reducing tiny windows one by one would be slow.
"""

from collections.abc import Iterator
from itertools import product
from typing import Any

from .._core import dtypes

Sizes = tuple[int, ...]
WORDS = ("pool_max", "pool_sum", "unpool_max", "unpool_sum")


class Windows:
    """How `out` windows lie in the last axes of an array: the padding they need, what they see."""

    __slots__ = ("how", "out", "padded", "result", "shape", "widths", "window")

    def __init__(
        self, shape: Sizes, out: Sizes, window: Sizes, stride: Sizes, padding: Sizes,
        dilation: Sizes,
    ) -> None:  # fmt: skip
        self.shape, self.out, self.window = tuple(shape), tuple(out), window
        self.how = {"window": window, "stride": stride, "padding": padding, "dilation": dilation}
        lead = len(shape) - len(window)
        self.result = (*self.shape[:lead], *self.out)
        self.widths = [
            (p, max(0, (o - 1) * s + d * (k - 1) + 1 - n - p))
            for n, o, k, s, p, d in zip(shape[lead:], out, window, stride, padding, dilation)
        ]
        self.padded = (*shape[:lead], *(n + a + b for n, (a, b) in zip(shape[lead:], self.widths)))

    def taps(self, m: Any, x: Any, value: Any) -> list:
        """What each place of the window sees over all windows; the padding holds `value`."""
        if self.padded != self.shape:
            x = m.pad(x, [(0, 0)] * (len(x.shape) - len(self.widths)) + self.widths, value)
        return [m.index(x, self._key(place)) for place in self.places()]

    def places(self) -> Iterator:
        """The places of a window."""
        return product(*map(range, self.window))

    def _key(self, place: tuple) -> tuple:
        spans = zip(place, self.how["dilation"], self.how["stride"], self.out)
        return (..., *(slice(t * d, t * d + (o - 1) * s + 1, s) for t, d, s, o in spans))

    def untaps(self, m: Any, windows: Any) -> Any:
        """The adjoint: windows (..., *out, *window) added up into the input's shape."""
        made = m.unwindows(windows, self.padded, self.how["stride"], self.how["dilation"])
        if self.padded == self.shape:
            return made
        sizes = self.shape[len(self.shape) - len(self.out) :]
        return m.index(made, (..., *(slice(a, a + n) for (a, _), n in zip(self.widths, sizes))))


def lowest(m: Any, dtype: Any) -> Any:
    """What no element of a dtype is below."""
    if m.isdtype(dtype, "real floating"):
        return -float("inf")
    return dtypes.iinfo(dtypes.of(dtype)).min


def _windows(large: Sizes, small: Sizes, window: Sizes, **how: Sizes) -> Windows:
    return Windows(large, small[len(small) - len(window) :], window, **how)


def pool_max(m: Any, x: Any, *, shape: Sizes, **how: Sizes) -> Any:
    """The greatest element of each window, of NaN and others NaN; `shape` is the result's."""
    best, *rest = _windows(x.shape, shape, **how).taps(m, x, lowest(m, x.dtype))
    for part in rest or [best]:
        best = m.maximum(best, part)
    return best


def pool_sum(m: Any, x: Any, *, shape: Sizes, **how: Sizes) -> Any:
    """The sum of each window."""
    total, *rest = _windows(x.shape, shape, **how).taps(m, x, 0)
    for part in rest:
        total = total + part
    return total


def unpool_max(m: Any, g: Any, x: Any, best: Any, *, shape: Sizes, **how: Sizes) -> Any:
    """g put to the first place of each window of x that holds its greatest element, `best`."""
    plan, slopes, open_ = _windows(shape, g.shape, **how), [], None
    parts = plan.taps(m, x, lowest(m, x.dtype))
    for part in parts[:-1]:
        hit = part == best
        hit = hit if open_ is None else hit & open_
        open_ = ~hit if open_ is None else open_ & ~hit
        slopes.append(m.where(hit, g, 0))
    slopes.append(g if open_ is None else m.where(open_, g, 0))
    stacked = m.concat([m.reshape(s, (1, *s.shape)) for s in slopes], axis=0)
    axes, ndim = len(plan.window), len(g.shape)
    stacked = m.reshape(stacked, (*plan.window, *g.shape))
    order = (*range(axes, axes + ndim), *range(axes))
    return plan.untaps(m, m.permute_dims(stacked, order))


def unpool_sum(m: Any, g: Any, *, shape: Sizes, **how: Sizes) -> Any:
    """g put to all places of each window."""
    plan = _windows(shape, g.shape, **how)
    ones = (1,) * len(plan.window)
    windows = m.broadcast_to(m.reshape(g, (*g.shape, *ones)), (*g.shape, *plan.window))
    return plan.untaps(m, windows)
