"""Padding: more elements before and after each axis, constant or taken from the axis itself."""

from typing import Any

from .._core.op import op
from .dims import part
from .ranks import ranked

Widths = tuple[int, ...]


def per_axis(pad: Widths, ndim: int) -> list:
    """PyTorch's flat pad, last axis first, as (before, after) of each axis, first axis first."""
    pairs = [(pad[i], pad[i + 1]) for i in range(0, len(pad), 2)]
    return [(0, 0)] * (ndim - len(pairs)) + pairs[::-1]


def _within(widths: list, shape: tuple) -> tuple:
    """The key of what negative widths leave."""
    return tuple(slice(max(0, -a), n - max(0, -b)) for n, (a, b) in zip(shape, widths))


def _resized(m: Any, x: Any, widths: list, value: Any) -> Any:
    """x padded where widths are positive, cut where they are negative."""
    if any(a < 0 or b < 0 for a, b in widths):
        x = m.index(x, _within(widths, x.shape))
        widths = [(max(a, 0), max(b, 0)) for a, b in widths]
    return m.pad(x, widths, value)


@op("move", node="ConstantPadNdBackward0")
def constant_pad_nd(m, input, *, pad: Widths, value: float = 0):
    """The input with `value` around it; negative widths cut."""
    widths = per_axis(pad, len(input.shape))
    if len(pad) % 2 or len(pad) > 2 * len(input.shape):
        raise RuntimeError(
            "Length of pad should be no more than twice the number of dimensions of the input, and "
            f"even. Pad length is {len(pad)} while the input has {len(input.shape)} dimensions."
        )
    if any(n + a + b < 0 for n, (a, b) in zip(input.shape, widths)):
        raise RuntimeError(
            f"narrow(): length must be non-negative. The input size {list(input.shape)}, plus "
            f"negative padding {list(pad)}, is less than nothing"
        )
    return _resized(m, input, widths, value)


@constant_pad_nd.vjp("input")
def _(m, g, input_shape, pad):
    widths = [(-a, -b) for a, b in per_axis(pad, len(input_shape))]
    return _resized(m, g, widths, 0)


def _slice(m: Any, x: Any, axis: int, start: int, stop: int) -> Any:
    return m.index(x, part(axis, start, stop))


def _edge(m: Any, x: Any, axis: int, start: int, stop: int, count: int) -> Any:
    part = _slice(m, x, axis, start, stop)
    return m.broadcast_to(part, (*x.shape[:axis], count, *x.shape[axis + 1 :]))


def _mirrored(m: Any, x: Any, axis: int, before: int, after: int) -> list:
    n = x.shape[axis]
    head, tail = _slice(m, x, axis, 1, before + 1), _slice(m, x, axis, n - 1 - after, n - 1)
    return [m.flip(head, axis), x, m.flip(tail, axis)]


def _repeated(m: Any, x: Any, axis: int, before: int, after: int) -> list:
    n = x.shape[axis]
    return [_edge(m, x, axis, 0, 1, before), x, _edge(m, x, axis, n - 1, n, after)]


def _wrapped(m: Any, x: Any, axis: int, before: int, after: int) -> list:
    n = x.shape[axis]
    return [_slice(m, x, axis, n - before, n), x, _slice(m, x, axis, 0, after)]


def _each_axis(m: Any, x: Any, pad: Widths, extend: Any) -> Any:
    """x with what `extend` gives before and after it along each axis that grows."""
    for axis, (before, after) in enumerate(per_axis(pad, len(x.shape))):
        if before < 0 or after < 0:
            n = x.shape[axis]
            x = _slice(m, x, axis, max(0, -before), n - max(0, -after))
        if before > 0 or after > 0:
            parts = extend(m, x, axis, max(before, 0), max(after, 0))
            x = m.concat([p for p in parts if p.shape[axis]], axis=axis)
    return x


def _grown(pad: Widths) -> Widths:
    return tuple([max(p, 0) for p in pad])


def _cut(m: Any, x: Any, pad: Widths) -> Any:
    """What negative widths leave of an input already padded: what they cut may yet be copied."""
    return m.index(x, _within(per_axis(pad, len(x.shape)), x.shape)) if min(pad) < 0 else x


def _check_widths(x: Any, pad: Widths, whole: int) -> None:
    """Widths that take from the axis itself must be shorter than it (or, whole = 0, no longer)."""
    for axis, (before, after) in enumerate(per_axis(pad, len(x.shape))):
        n = x.shape[axis]
        if (before or after) and max(before, after) > n - whole:
            place = f"padding ({before}, {after}) at dimension {axis} of input {list(x.shape)}"
            if not whole:
                raise RuntimeError(
                    f"Padding value causes wrapping around more than once. It is {place}"
                )
            raise RuntimeError(
                f"Argument #{4 + 2 * (len(x.shape) - 1 - axis)}: Padding size should be less than "
                f"the corresponding input dimension, but got: {place}"
            )


@ranked("move", "ReflectionPad1DBackward0", "ReflectionPad2DBackward0", "ReflectionPad3DBackward0")
def reflection_pad(m, input, *, pad: Widths):
    """The input mirrored at its ends, the end elements not repeated."""
    _check_widths(input, pad, 1)
    return _cut(m, _each_axis(m, input, _grown(pad), _mirrored), pad)


@ranked(
    "move", "ReplicationPad1DBackward0", "ReplicationPad2DBackward0", "ReplicationPad3DBackward0"
)
def replication_pad(m, input, *, pad: Widths):
    """The input with its end elements repeated."""
    return _cut(m, _each_axis(m, input, _grown(pad), _repeated), pad)


@op("move", node="CopySlices")
def circular_pad(m, input, *, pad: Widths):
    """The input as if its ends were joined."""
    _check_widths(input, pad, 0)
    return _each_axis(m, input, pad, _wrapped)
