"""Convolution and sliding windows on ndarrays: columns laid out for one matrix product per block.

A convolution is a matrix product of the filters with a matrix of columns, one column per output
position, holding the part of the image under the filter there (Chellapilla, Puri and Simard, 2006).
The columns of a whole batch would be kernel-size times the input, so they are made for a block of
images at a time, in a buffer that is used again.
"""

from collections.abc import Iterator
from functools import lru_cache
from itertools import product
from math import prod
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import as_strided

from .._core import dtypes

BLOCK = 1 << 21  # elements of columns made at once: 8 MB of float32, within the last-level cache
SHELF = 2  # buffers kept for the next call

_shelf: list[np.ndarray] = []


def _borrow(count: int, dtype: np.dtype) -> tuple[np.ndarray, np.ndarray]:
    """(raw, array): memory for `count` elements; give `raw` back with _give_back."""
    size = count * dtype.itemsize
    try:
        raw = _shelf.pop()
    except IndexError:
        raw = np.empty(size, np.uint8)
    if raw.size < size:
        raw = np.empty(size, np.uint8)
    return raw, raw[:size].view(dtype)


def _give_back(raw: np.ndarray) -> None:
    if len(_shelf) < SHELF and raw.size <= 4 * 4 * BLOCK:
        _shelf.append(raw)


class Geometry(NamedTuple):
    """How the windows of one convolution lie in its padded input."""

    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    dilation: tuple[int, ...]
    padding: tuple[int, ...]
    padded: tuple[int, ...]  # spatial sizes of the input with its padding
    out: tuple[int, ...]  # spatial sizes of the output
    laid: tuple[int, ...]  # spatial sizes of the output as the columns have it
    run: int  # columns per image


@lru_cache(512)
def geometry(
    size: tuple, kernel: tuple, stride: tuple, padding: tuple, dilation: tuple, channels: int
) -> Geometry:
    """Sizes for a convolution to `channels` output channels.

    With stride 1 the columns of one filter position are a single run of the padded plane, copied
    at once, if the positions between its rows are computed too and thrown away. This pays while
    rows are short and the product is cheap, as in LeNet.
    """
    padded = tuple(n + 2 * p for n, p in zip(size, padding))
    spans = [d * (k - 1) + 1 for k, d in zip(kernel, dilation)]
    out = tuple((n - r) // s + 1 for n, r, s in zip(padded, spans, stride))
    laid = (*out[:1], *padded[1:])
    run = 1 + sum((n - 1) * prod(padded[i + 1 :]) for i, n in enumerate(out))
    runs = set(stride) == {1} and channels <= 32 and 2 * run <= 3 * prod(out)
    if not runs:
        laid, run = out, prod(out)
    return Geometry(kernel, stride, dilation, padding, padded, out, laid, run)


def _plan(size: tuple, w: tuple, stride: Any, padding: Any, dilation: Any, groups: int) -> Geometry:
    made = geometry(
        tuple(size), tuple(w[2:]), tuple(stride), tuple(padding), tuple(dilation), w[0] // groups
    )
    if min(made.out) < 1:
        raise RuntimeError(f"convolution: a kernel {w[2:]} does not fit into an input {size}")
    return made


def _framed(x: np.ndarray, plan: Geometry) -> np.ndarray:
    """x within its zero padding, in one piece."""
    if not any(plan.padding):
        return np.ascontiguousarray(x)
    made = np.zeros((*x.shape[:2], *plan.padded), x.dtype)
    made[_inside(x.shape, plan)] = x
    return made


def _inside(shape: tuple, plan: Geometry) -> tuple:
    return (slice(None), slice(None), *(slice(p, p + n) for p, n in zip(plan.padding, shape[2:])))


def _overlaid(x: np.ndarray, shape: tuple, strides: tuple) -> np.ndarray:
    """A view of contiguous memory with other strides: as_strided at a tenth of its price."""
    return np.ndarray(shape, x.dtype, x, 0, strides)


def _columns(x: np.ndarray, plan: Geometry, out: np.ndarray) -> None:
    """Fill `out` (channels * kernel, images * run) from padded images (images, channels, ...)."""
    images, channels = x.shape[:2]
    n, c, *steps = x.strides
    taps = [s * d for s, d in zip(steps, plan.dilation)]
    if plan.laid is plan.out:
        shape, moves = plan.out, [s * t for s, t in zip(steps, plan.stride)]
    else:
        shape, moves = (plan.run,), [x.itemsize]
    view = _overlaid(x, (channels, *plan.kernel, images, *shape), (c, *taps, n, *moves))
    np.copyto(out.reshape(view.shape), view)


def _rows(g: np.ndarray, plan: Geometry, out: np.ndarray) -> np.ndarray:
    """Gradients (images, channels, ...) as the product has them: (channels, images * run)."""
    images, channels = g.shape[:2]
    if plan.laid is plan.out:
        if images == 1 and g.flags.c_contiguous:
            return g.reshape(channels, plan.run)
        np.copyto(out.reshape(channels, images, *plan.out), g.swapaxes(0, 1))
        return out
    out.fill(0)
    _as_laid(out, images, channels, plan)[...] = g
    return out


def _as_laid(flat: np.ndarray, images: int, channels: int, plan: Geometry) -> np.ndarray:
    """(channels, images * run) seen as (images, channels, *out), between-row positions left out."""
    step, inner = flat.itemsize, [prod(plan.laid[i + 1 :]) for i in range(len(plan.out))]
    strides = (plan.run * step, images * plan.run * step, *(n * step for n in inner))
    return _overlaid(flat, (images, channels, *plan.out), strides)


def _blocks(images: int, rows: int, o: int, run: int, dtype: np.dtype) -> Iterator[tuple]:
    """(images, count, columns, spare): a slice of images, how many columns they have, memory for
    `rows` of these and for `o` more.

    As many images at a time as BLOCK has room for.
    """
    most = max(1, min(images, BLOCK // max(rows * run, 1)))
    raw, memory = _borrow((rows + o) * run * min(images, most), dtype)
    for start in range(0, images, most):
        stop = min(images, start + most)
        count = (stop - start) * run
        spare = memory[rows * count : (rows + o) * count]
        yield slice(start, stop), count, memory[: rows * count], spare
    _give_back(raw)


def _pointlike(w: np.ndarray, stride: Any, padding: Any) -> bool:
    """Whether the filters look at one pixel each, side by side: a plain matrix product."""
    return prod(w.shape[2:]) == 1 and set(stride) == {1} and not any(padding)


def conv(
    x: np.ndarray, w: np.ndarray, stride: Any, padding: Any, dilation: Any, groups: int = 1
) -> np.ndarray:
    """Cross-correlation of x (n, c, ...) with filters w (o, c / groups, ...)."""
    n, c = x.shape[:2]
    o = w.shape[0]
    if _pointlike(w, stride, padding):
        images = x.reshape(n, groups, c // groups, -1)
        filters = w.reshape(groups, o // groups, c // groups)
        return np.matmul(filters, images).reshape(n, o, *x.shape[2:])
    plan = _plan(x.shape[2:], w.shape, stride, padding, dilation, groups)
    x, rows, run = _framed(x, plan), c * prod(plan.kernel), plan.run
    made, filters = np.empty((n, o, *plan.out), x.dtype), w.reshape(groups, o // groups, -1)
    for images, count, columns, result in _blocks(n, rows, o, run, x.dtype):
        _columns(x[images], plan, columns)
        direct = count == run and plan.laid is plan.out
        target = made[images.start] if direct else result
        np.matmul(
            filters, columns.reshape(groups, -1, count), out=target.reshape(groups, -1, count)
        )
        if not direct:
            made[images] = _as_laid(result, count // run, o, plan)
    return made


def conv_weight(
    g: np.ndarray, x: np.ndarray, shape: tuple, stride: Any, padding: Any, dilation: Any,
    groups: int = 1,
) -> np.ndarray:  # fmt: skip
    """Gradient of a convolution for its filters (of `shape`), from its result's gradient g."""
    n, c = x.shape[:2]
    o = g.shape[1]
    plan = _plan(x.shape[2:], shape, stride, padding, dilation, groups)
    x, rows, run = _framed(x, plan), c * prod(plan.kernel), plan.run
    made = np.zeros((groups, o // groups, rows // groups), x.dtype)
    for images, count, columns, spare in _blocks(n, rows, o, run, x.dtype):
        _columns(x[images], plan, columns)
        slopes = _rows(g[images], plan, spare).reshape(groups, -1, count)
        made += np.matmul(slopes, columns.reshape(groups, -1, count).swapaxes(1, 2))
    return made.reshape(shape)


def conv_input(
    g: np.ndarray, w: np.ndarray, shape: tuple, stride: Any, padding: Any, dilation: Any,
    groups: int = 1,
) -> np.ndarray:  # fmt: skip
    """Gradient of a convolution for its input (of `shape`): a transposed convolution."""
    n, c = shape[:2]
    o = w.shape[0]
    filters = w.reshape(groups, o // groups, -1).swapaxes(1, 2)
    if _pointlike(w, stride, padding):
        return np.matmul(filters, g.reshape(n, groups, o // groups, -1)).reshape(shape)
    plan = _plan(shape[2:], w.shape, stride, padding, dilation, groups)
    rows, run = c * prod(plan.kernel), plan.run
    made = np.zeros((n, c, *plan.padded), g.dtype)
    for images, count, columns, spare in _blocks(n, rows, o, run, g.dtype):
        slopes = _rows(g[images], plan, spare).reshape(groups, -1, count)
        np.matmul(filters, slopes, out=columns.reshape(groups, -1, count))
        _add_columns(columns, plan, made[images])
    return np.ascontiguousarray(made[_inside(shape, plan)]) if any(plan.padding) else made


def _add_columns(columns: np.ndarray, plan: Geometry, out: np.ndarray) -> None:
    """Add each column to the part of the padded images it was taken from."""
    images, channels = out.shape[:2]
    if plan.laid is plan.out:
        parts = columns.reshape(channels, *plan.kernel, images, *plan.out)
        for taps in product(*map(range, plan.kernel)):
            part = out[
                (slice(None), slice(None), *_under(taps, plan.dilation, plan.stride, plan.out))
            ]
            part += parts[(slice(None), *taps)].swapaxes(0, 1)
        return
    parts = columns.reshape(channels, *plan.kernel, images, plan.run)
    planes = out.reshape(images, channels, -1)
    steps = [prod(plan.padded[i + 1 :]) * d for i, d in enumerate(plan.dilation)]
    for taps in product(*map(range, plan.kernel)):
        first = sum(t * s for t, s in zip(taps, steps))
        part = planes[:, :, first : first + plan.run]
        part += parts[(slice(None), *taps)].swapaxes(0, 1)


def _under(taps: tuple, dilation: Any, stride: Any, out: Any) -> tuple:
    """The pixels that one tap of the kernel meets, over all output positions."""
    return tuple(
        slice(t * d, t * d + (n - 1) * s + 1, s) for t, d, s, n in zip(taps, dilation, stride, out)
    )


def windows(x: np.ndarray, size: Any, stride: Any, dilation: Any) -> np.ndarray:
    """(..., L) seen as (..., out, size) over the last len(size) axes: a view, nothing is copied."""
    axes = len(size)
    lead, last = x.shape[: x.ndim - axes], x.shape[x.ndim - axes :]
    out = [(n - d * (k - 1) - 1) // s + 1 for n, k, s, d in zip(last, size, stride, dilation)]
    steps = x.strides[x.ndim - axes :]
    strides = (*x.strides[: x.ndim - axes], *(t * s for t, s in zip(steps, stride)))
    strides += tuple(t * d for t, d in zip(steps, dilation))
    return as_strided(x, (*lead, *out, *size), strides)


def unwindows(g: np.ndarray, shape: Any, stride: Any, dilation: Any) -> np.ndarray:
    """The adjoint of `windows`: overlapping windows added up into zeros of `shape`."""
    if g.dtype == dtypes.BFLOAT16:
        return dtypes.to_bfloat16(unwindows(dtypes.from_bfloat16(g), shape, stride, dilation))
    axes = len(stride)
    out, size = g.shape[g.ndim - 2 * axes : g.ndim - axes], g.shape[g.ndim - axes :]
    made = np.zeros(shape, g.dtype)
    for taps in product(*map(range, size)):
        part = made[(..., *_under(taps, dilation, stride, out))]
        part += g[(..., *taps)]
    return made
