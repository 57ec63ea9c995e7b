"""Pooling: the greatest or the mean of what each window sees, and windows that adapt to a size.

The work is done by words (`_arrays/pooling.py`), which kinds of array with kernels have their own.
"""

from functools import partial
from math import prod
from typing import Any

from .._arrays import pooling
from .._arrays.pooling import WORDS, Windows, lowest
from .._core.kinds import DIFFERENTIABLE, speak
from .dims import laid_along
from .ranks import ranked

Sizes = tuple[int, ...]


def pooled_size(n: int, k: int, s: int, p: int, d: int, ceil_mode: bool) -> int:
    """Windows along an axis; the last one must begin inside the input or its left padding."""
    room = n + 2 * p - d * (k - 1) - 1
    out = (room + (s - 1 if ceil_mode else 0)) // s + 1
    return out - 1 if ceil_mode and (out - 1) * s >= n + p else out


def _plan(
    shape: tuple, kernel: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes, ceil_mode: bool
) -> Windows:
    rows = zip(shape[len(shape) - len(kernel) :], kernel, stride, padding, dilation)
    out = tuple(pooled_size(*row, ceil_mode) for row in rows)
    return Windows(shape, out, kernel, stride, padding, dilation)


def _grid(m: Any, plan: Windows, rows: Any) -> Any:
    """Flat places in the input, from `rows(axis)`: each window's place along one axis."""
    flat, axes = 0, len(plan.out)
    sizes = plan.shape[len(plan.shape) - axes :]
    for axis in range(axes):
        flat = laid_along(m, rows(axis), axis, axes) * prod(sizes[axis + 1 :]) + flat
    return flat


def _starts(m: Any, plan: Windows, i: int) -> Any:
    """Where along an axis each window begins, before the input in its padding."""
    return m.arange(0, plan.out[i], 1, m.int64) * plan.how["stride"][i] - plan.widths[i][0]


def _places_of(m: Any, plan: Windows, tap: tuple) -> Any:
    """Where in the input a tap falls, for each window."""
    return _grid(m, plan, lambda i: _starts(m, plan, i) + tap[i] * plan.how["dilation"][i])


def _first_places(m: Any, plan: Windows) -> Any:
    """Where in the input each window's first tap outside the padding falls."""

    def rows(i: int) -> Any:
        start, d = _starts(m, plan, i), plan.how["dilation"][i]
        return m.where(start < 0, start + (d - 1 - start) // d * d, start)

    return _grid(m, plan, rows)


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


@ranked(None, *_MAX, straight=True)
def pool_max(
    m, input, *, window: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes,
    ceil_mode: bool = False,
):  # fmt: skip
    """The greatest element of each window over the last axes."""
    plan = _plan(input.shape, window, stride, padding, dilation, ceil_mode)
    return m.pool_max(input, shape=plan.result, **plan.how)


@pool_max.vjp("input")
def _(m, g, input, out, window, stride, padding, dilation):
    """To the first place of each window that holds its greatest element."""
    how = {"window": window, "stride": stride, "padding": padding, "dilation": dilation}
    return m.unpool_max(g, input, out, shape=tuple(input.shape), **how)


@ranked(None, *_MAX, outputs=("output", "indices"), differentiable=("output",))
def pool_max_places(
    m, input, *, window: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes,
    ceil_mode: bool = False,
):  # fmt: skip
    """pool_max, and where each greatest element is: a flat place in the pooled axes.

    Of equal elements the first counts; a NaN is greater than everything.
    """
    plan = _plan(input.shape, window, stride, padding, dilation, ceil_mode)
    best, *rest = plan.taps(m, input, lowest(m, input.dtype))
    where = m.broadcast_to(_first_places(m, plan), best.shape)
    for part, tap in zip(rest, list(plan.places())[1:]):
        better = (part > best) | (part != part)
        where = m.where(better, _places_of(m, plan, tap), where)
        best = m.maximum(best, part)
    return best * 1, where * 1


@pool_max_places.vjp("input")
def _(m, g, input_shape, out, window):
    return unpooled(m, g[0], out[1], input_shape, len(window), "add")


def _divisor(m: Any, plan: Windows, count_include_pad: bool, dtype: Any) -> Any:
    """How many elements each window averages over: a number where all are alike."""
    if not any(a or b for a, b in plan.widths) or (
        count_include_pad and all(a == b or b < a for a, b in plan.widths)
    ):
        return prod(plan.window)
    whole, axes = 1, len(plan.window)
    sizes = plan.shape[len(plan.shape) - axes :]
    for i, (n, k, (p, _)) in enumerate(zip(sizes, plan.window, plan.widths)):
        start = _starts(m, plan, i)
        end = m.minimum(start + k, n + p)
        count = end - start if count_include_pad else m.minimum(end, n) - m.maximum(start, 0)
        whole = laid_along(m, count, i, axes) * whole
    return m.astype(whole, dtype)


@ranked(None, "SqueezeBackward1", "AvgPool2DBackward0", "AvgPool3DBackward0", straight=True)
def pool_avg(
    m, input, *, window: Sizes, stride: Sizes, padding: Sizes, ceil_mode: bool = False,
    count_include_pad: bool = True, divisor_override: int | None = None,
):  # fmt: skip
    """The mean of each window over the last axes."""
    plan = _plan(input.shape, window, stride, padding, (1,) * len(window), ceil_mode)
    total = m.pool_sum(input, shape=plan.result, **plan.how)
    divisor = divisor_override or _divisor(m, plan, count_include_pad, input.dtype)
    if not m.isdtype(input.dtype, "integral"):
        return total / divisor
    turned = (total < 0) != (divisor < 0)
    quotient = m.abs(total) // abs(divisor)  # integers are divided towards zero
    return m.where(turned, -quotient, quotient)


@pool_avg.vjp("input")
def _(m, g, input_shape, window, stride, padding, ceil_mode, count_include_pad, divisor_override):
    plan = _plan(input_shape, window, stride, padding, (1,) * len(window), ceil_mode)
    g = g / (divisor_override or _divisor(m, plan, count_include_pad, g.dtype))
    return m.unpool_sum(g, shape=tuple(input_shape), **plan.how)


@ranked(None, "SqueezeBackward1", "MaxUnpool2DBackward0", "MaxUnpool3DBackward0")
def unpool_max(m, input, indices, *, shape: Sizes):
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
def _(m, g, input_shape, indices, shape):
    axes = len(shape)
    picked = m.take_along_axis(_flat(m, g, axes), _flat(m, indices, axes), len(input_shape) - axes)
    return m.reshape(picked, input_shape)


# on tensors, too, they are made of other words
speak(**{word: partial(getattr(pooling, word), DIFFERENTIABLE) for word in WORDS})
