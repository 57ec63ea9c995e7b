"""Pooling: the greatest or the mean of what each window sees, and windows that adapt to a size.

Windows are walked by their taps, one strided slice of the whole input per place in the kernel: a
handful of passes over large arrays, where reducing tiny windows one by one would be slow.
"""

from collections.abc import Iterator
from itertools import product
from math import prod
from typing import Any

from .._core import dtypes
from .ranks import ranked

Sizes = tuple[int, ...]


def pooled_size(n: int, k: int, s: int, p: int, d: int, ceil_mode: bool) -> int:
    """Windows along an axis; the last one must begin inside the input or its left padding."""
    room = n + 2 * p - d * (k - 1) - 1
    out = (room + (s - 1 if ceil_mode else 0)) // s + 1
    return out - 1 if ceil_mode and (out - 1) * s >= n + p else out


class _Plan:
    """One pooling of one input: its output sizes, its padding, and the taps of its windows."""

    __slots__ = ("shape", "kernel", "stride", "padding", "dilation", "out", "widths", "padded")

    def __init__(
        self,
        shape: tuple,
        kernel: Sizes,
        stride: Sizes,
        padding: Sizes,
        dilation: Sizes,
        ceil_mode: bool,
    ) -> None:
        self.shape, self.kernel, self.stride = shape, kernel, stride
        self.padding, self.dilation = padding, dilation
        rows = list(zip(shape[len(shape) - len(kernel) :], kernel, stride, padding, dilation))
        self.out = tuple(pooled_size(n, k, s, p, d, ceil_mode) for n, k, s, p, d in rows)
        self.widths = [
            (p, max(0, (o - 1) * s + d * (k - 1) + 1 - n - p))
            for o, (n, k, s, p, d) in zip(self.out, rows)
        ]
        lead = len(shape) - len(kernel)
        self.padded = (*shape[:lead], *(n + a + b for n, (a, b) in zip(shape[lead:], self.widths)))

    def taps(self, m: Any, x: Any, value: Any) -> list:
        """What each place of the kernel sees over all windows; the padding holds `value`."""
        if self.padded != self.shape:
            x = m.pad(x, [(0, 0)] * (len(x.shape) - len(self.widths)) + self.widths, value)
        return [m.index(x, self._key(place)) for place in self.places()]

    def places(self) -> Iterator:
        return product(*map(range, self.kernel))

    def _key(self, place: tuple) -> tuple:
        spans = zip(place, self.dilation, self.stride, self.out)
        return (..., *(slice(t * d, t * d + (o - 1) * s + 1, s) for t, d, s, o in spans))

    def untaps(self, m: Any, windows: Any) -> Any:
        """The adjoint: windows (..., *out, *kernel) added up into the input's shape."""
        made = m.unwindows(windows, self.padded, self.stride, self.dilation)
        if self.padded == self.shape:
            return made
        sizes = self.shape[len(self.shape) - len(self.out) :]
        return m.index(made, (..., *(slice(a, a + n) for (a, _), n in zip(self.widths, sizes))))

    def grid(self, m: Any, rows: Any) -> Any:
        """Flat places in the input, from `rows(axis)`: each window's place along one axis."""
        flat, axes = 0, len(self.out)
        sizes = self.shape[len(self.shape) - axes :]
        for axis in range(axes):
            along = m.reshape(rows(axis), tuple(-1 if i == axis else 1 for i in range(axes)))
            flat = along * prod(sizes[axis + 1 :]) + flat
        return flat

    def places_of(self, m: Any, tap: tuple) -> Any:
        """Where in the input a tap falls, for each window."""
        p, d, s = self.padding, self.dilation, self.stride
        return self.grid(
            m, lambda i: m.arange(0, self.out[i], 1, m.int64) * s[i] + (tap[i] * d[i] - p[i])
        )

    def first_places(self, m: Any) -> Any:
        """Where in the input each window's first tap outside the padding falls."""

        def rows(i: int) -> Any:
            start, d = (
                m.arange(0, self.out[i], 1, m.int64) * self.stride[i] - self.padding[i],
                self.dilation[i],
            )
            return m.where(start < 0, start + (d - 1 - start) // d * d, start)

        return self.grid(m, rows)


def _lowest(m: Any, dtype: Any) -> Any:
    """What no element of a dtype is below."""
    if m.isdtype(dtype, "real floating"):
        return -float("inf")
    return dtypes.iinfo(dtypes.of(dtype)).min


def _flat(m: Any, x: Any, axes: int) -> Any:
    """x with its last `axes` axes made one."""
    return m.reshape(x, (*x.shape[: len(x.shape) - axes], prod(x.shape[len(x.shape) - axes :])))


def unpooled(m: Any, values: Any, places: Any, shape: tuple, axes: int, mode: str) -> Any:
    """Zeros of `shape` with values put, or added, at flat places of the last `axes` axes."""
    lead = shape[: len(shape) - axes]
    zeros = m.full((*lead, prod(shape[len(shape) - axes :])), 0, values.dtype)
    made = m.scatter(zeros, _flat(m, places, axes), _flat(m, values, axes), len(lead), mode)
    return m.reshape(made, shape)


# PyTorch pools one axis as two, of which it squeezes one away: its node names say so
_MAX = "SqueezeBackward1", "MaxPool2DWithIndicesBackward0", "MaxPool3DWithIndicesBackward0"


@ranked(None, *_MAX)
def pool_max(
    m: Any,
    input: Any,
    *,
    window: Sizes,
    stride: Sizes,
    padding: Sizes,
    dilation: Sizes,
    ceil_mode: bool = False,
) -> Any:
    """The greatest element of each window over the last axes."""
    plan = _Plan(input.shape, window, stride, padding, dilation, ceil_mode)
    best, *rest = plan.taps(m, input, _lowest(m, input.dtype))
    for part in rest or [best]:
        best = m.maximum(best, part)
    return best


@pool_max.vjp("input")
def _(
    m: Any,
    g: Any,
    input: Any,
    out: Any,
    window: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
    ceil_mode: bool,
) -> Any:
    """To the first place of each window that holds its greatest element."""
    plan = _Plan(input.shape, window, stride, padding, dilation, ceil_mode)
    parts, open_, slopes = plan.taps(m, input, _lowest(m, input.dtype)), None, []
    for part in parts[:-1]:
        hit = part == out
        hit = hit if open_ is None else hit & open_
        open_ = ~hit if open_ is None else open_ & ~hit
        slopes.append(m.where(hit, g, 0))
    slopes.append(g if open_ is None else m.where(open_, g, 0))
    stacked = m.concat([m.reshape(s, (1, *s.shape)) for s in slopes], axis=0)
    axes, ndim = len(window), len(g.shape)
    stacked = m.reshape(stacked, (*window, *g.shape))
    order = (*range(axes, axes + ndim), *range(axes))
    return plan.untaps(m, m.permute_dims(stacked, order))


@ranked(None, *_MAX, outputs=("output", "indices"), differentiable=("output",))
def pool_max_places(
    m: Any,
    input: Any,
    *,
    window: Sizes,
    stride: Sizes,
    padding: Sizes,
    dilation: Sizes,
    ceil_mode: bool = False,
) -> Any:
    """pool_max, and where each greatest element is: a flat place in the pooled axes.

    Of equal elements the first counts; a NaN is greater than everything.
    """
    plan = _Plan(input.shape, window, stride, padding, dilation, ceil_mode)
    best, *rest = plan.taps(m, input, _lowest(m, input.dtype))
    where = m.broadcast_to(plan.first_places(m), best.shape)
    for part, tap in zip(rest, list(plan.places())[1:]):
        better = (part > best) | (part != part)
        where = m.where(better, plan.places_of(m, tap), where)
        best = m.maximum(best, part)
    return best * 1, where * 1


@pool_max_places.vjp("input")
def _(m: Any, g: Any, input_shape: tuple, out: Any, window: Any) -> Any:
    return unpooled(m, g[0], out[1], input_shape, len(window), "add")


_ONE = {"window": (2,), "stride": (2,), "padding": (0,), "dilation": (1,)}
_TWO = {"window": (2, 3), "stride": (1, 2), "padding": (1, 1), "dilation": (1, 2)}


@pool_max.samples
@pool_max_places.samples
def _(draw: Any) -> Iterator:
    yield (draw(2, 5),), _ONE
    yield (draw(2, 5),), {**_ONE, "ceil_mode": True}
    yield (draw(1, 2, 4, 6),), _TWO
    yield (
        (draw(1, 3, 3, 4),),
        {"window": (2, 2, 2), "stride": (1, 1, 2), "padding": (0, 0, 1), "dilation": (1, 1, 1)},
    )


def _divisor(m: Any, plan: _Plan, count_include_pad: bool, dtype: Any) -> Any:
    """How many elements each window averages over: a number where all are alike."""
    if not any(a or b for a, b in plan.widths) or (
        count_include_pad and all(a == b or b < a for a, b in plan.widths)
    ):
        return prod(plan.kernel)
    whole, axes = 1, len(plan.kernel)
    sizes = plan.shape[len(plan.shape) - axes :]
    for i, (n, k, s, p, o) in enumerate(
        zip(sizes, plan.kernel, plan.stride, plan.padding, plan.out)
    ):
        start = m.arange(0, o, 1, m.int64) * s - p
        end = m.minimum(start + k, n + p)
        count = end - start if count_include_pad else m.minimum(end, n) - m.maximum(start, 0)
        whole = m.reshape(count, tuple(-1 if j == i else 1 for j in range(axes))) * whole
    return m.astype(whole, dtype)


@ranked(None, "SqueezeBackward1", "AvgPool2DBackward0", "AvgPool3DBackward0")
def pool_avg(
    m: Any,
    input: Any,
    *,
    window: Sizes,
    stride: Sizes,
    padding: Sizes,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Any:
    """The mean of each window over the last axes."""
    plan = _Plan(input.shape, window, stride, padding, (1,) * len(window), ceil_mode)
    total, *rest = plan.taps(m, input, 0)
    for part in rest:
        total = total + part
    divisor = divisor_override or _divisor(m, plan, count_include_pad, input.dtype)
    if not m.isdtype(input.dtype, "integral"):
        return total / divisor
    turned = (total < 0) != (divisor < 0)
    quotient = m.abs(total) // abs(divisor)  # integers are divided towards zero
    return m.where(turned, -quotient, quotient)


@pool_avg.vjp("input")
def _(
    m: Any,
    g: Any,
    input_shape: tuple,
    window: Any,
    stride: Any,
    padding: Any,
    ceil_mode: bool,
    count_include_pad: bool,
    divisor_override: Any,
) -> Any:
    plan = _Plan(input_shape, window, stride, padding, (1,) * len(window), ceil_mode)
    g = g / (divisor_override or _divisor(m, plan, count_include_pad, g.dtype))
    windows = m.broadcast_to(m.reshape(g, (*g.shape, *(1,) * len(window))), (*g.shape, *window))
    return plan.untaps(m, windows)


@pool_avg.samples
def _(draw: Any) -> Iterator:
    yield (draw(2, 5),), {"window": (2,), "stride": (2,), "padding": (0,)}
    yield (draw(2, 5),), {"window": (2,), "stride": (2,), "padding": (1,), "ceil_mode": True}
    two = {"window": (2, 3), "stride": (1, 2), "padding": (1, 1)}
    yield (draw(1, 2, 4, 6),), {**two, "count_include_pad": False}
    yield (draw(1, 2, 4, 6),), {**two, "divisor_override": 5}
    yield (draw(1, 3, 3, 4),), {"window": (2, 2, 2), "stride": (1, 1, 2), "padding": (0, 0, 1)}


@ranked(None, "SqueezeBackward1", "MaxUnpool2DBackward0", "MaxUnpool3DBackward0")
def unpool_max(m: Any, input: Any, indices: Any, *, shape: Sizes) -> Any:
    """Zeros of `shape` (the pooled axes) with each element back at the place it came from."""
    lead, room = input.shape[: len(input.shape) - len(shape)], prod(shape)
    m.check(
        (indices >= 0) & (indices < room),
        lambda: (
            f"Found an invalid max index: {int(indices.max())} (output volumes are of size "
            f"{'x'.join(map(str, shape))}); indices come from a max_pool with return_indices=True"
        ),
    )
    return unpooled(m, input, indices, (*lead, *shape), len(shape), "set")


@unpool_max.vjp("input")
def _(m: Any, g: Any, input_shape: tuple, indices: Any, shape: Any) -> Any:
    axes = len(shape)
    picked = m.take_along_axis(_flat(m, g, axes), _flat(m, indices, axes), len(input_shape) - axes)
    return m.reshape(picked, input_shape)


@unpool_max.samples
def _(draw: Any) -> Iterator:
    yield (draw(2, 1), draw.ints(2, 1, low=0, high=4)), {"shape": (4,)}
    yield (draw(2, 1, 1), draw.ints(2, 1, 1, low=0, high=6)), {"shape": (2, 3)}
