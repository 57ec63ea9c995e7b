"""The gradient for filters that see few channels each: sums of products along rows of planes.

A group's framed channels and its gradients lie as they are; vectors run along a row of places, some
taps at a time in registers, and their lanes are added up at the end.
"""

from math import prod
from typing import Any

from ..builder import I64, Function, Kind, Val, once
from .convolution_follow import follower
from .convolution_shape import Convolution, axes, framing, seen, strides
from .convolution_tiles import Driver, driven, placed, stored
from .nest import opened

_TAPS = 5  # in registers at once: a load for each, and one for the gradient


def suits(target: Any, c: Convolution) -> bool:
    """Whether groups have so few output channels that most lanes of a tile would be idle."""
    return (
        c.word == "conv_weight"
        and c.groups > 1
        and c.filters[0] // c.groups * 2 < target.lanes(c.kind.size)
        and prod(c.filters[1:]) <= 256
    )


def _layout(target: Any, c: Convolution) -> dict[str, int]:
    """Sizes of a group, and where a thread's regions begin."""
    (down, right), lanes, size = axes(c), target.lanes(c.kind.size), c.kind.size
    columns, rows = c.filters[0] // c.groups, prod(c.filters[1:])
    pitch = right.pitch()
    phase = (down.count + down.reach) * pitch
    channel = len(down.starts) * len(right.starts) * phase
    held = -(-rows // _TAPS) * _TAPS
    places, end = placed({
        "taps": held * 8,
        "sums": columns * held * lanes * size,
        "dense": (columns * rows + lanes) * size,
        "frame": (c.filters[1] * channel + pitch + 4 * lanes) * size,
    })  # fmt: skip
    sizes = {"held": held, "columns": columns, "rows": rows}
    return {**places, "end": end, **framing(c, c.second, pitch, phase, channel), **sizes}


def workspace(target: Any, c: Convolution, threads: int) -> int:
    return _layout(target, c)["end"] * threads


def write(f: Function, c: Convolution) -> None:
    (down, right), z = axes(c), _layout(f.target, c)
    each = seen(down.parts[0], right.parts[0], len(right.starts), z["phase"], z["pitch"])
    taps = [(k * z["channel"] + at) * c.kind.size for k in range(c.filters[1]) for at in each]
    taps += taps[-1:] * (z["held"] - len(taps))
    values = {
        **z, "images": c.image[0], "groups": c.groups, "inner": c.filters[1],
        **strides("g", c.first),
        "slope_at": opened(f, c.first), "image_at": opened(f, c.second),
        "follow_at": follower(f, c),
        "taps_at": stored(f, taps),
    }  # fmt: skip
    driven(f, _Depthwise, c.kind, values)


class _Depthwise(Driver):
    """The writing of that function."""

    def write(self) -> None:
        """A group after another, over all images."""
        f, z, kind = self.f, self.z, self.kind
        with self.drawn(z.groups) as group:
            sums, nothing = self._region("sums"), f.const(0, kind, self.lanes)
            with f.loop(0, z.columns * z.held) as i:
                sums.write(i * self.lanes, nothing)
            with f.loop(0, z.images) as image:
                first = image * z.s_image + group * z.inner * z.s_channel
                source = z.image_at.shifted(first, kind)
                self.framed(source, self._region("frame"), (0, z.inner))
                with f.loop(0, z.columns) as o:
                    self._products(image, group * z.columns + o, o)
            self._finish(group)

    def _products(self, image: Val, channel: Val, o: Val) -> None:
        f, z, kind = self.f, self.z, self.kind
        slope = z.slope_at.shifted(image * z.g_image + channel * z.g_channel, kind)
        with f.loop(0, z.held, _TAPS) as t:
            f.call(
                _dots(f.module, kind), self._region("frame"), z.taps_at.shifted(t, I64),
                self._region("sums").shifted((o * z.held + t) * self.lanes, kind), slope,
                z.count_down, z.count_right, z.pitch, z.g_line, z.g_along,
            )  # fmt: skip

    def _finish(self, group: Val) -> None:
        """Lanes added up, a filter's elements in order, and what follows."""
        f, z, kind = self.f, self.z, self.kind
        dense = self._region("dense")
        with f.loop(0, z.columns) as o, f.loop(0, z.rows) as j:
            at = self._region("sums").shifted((o * z.held + j) * self.lanes, kind)
            total = f.folded(f.load(at, kind, self.lanes), lambda a, b: a + b)
            dense.write(o * z.rows + j, total)
        f.call(
            z.follow_at, self.buffers, dense, 0, group * z.columns, z.columns,
            z.rows * self.size, 1, 0, 0, 0, z.rows,
        )  # fmt: skip


@once("frame:ptr taps:ptr sums:ptr g:ptr rows:i64 columns:i64 pitch:i64 line:i64 along:i64")
def _dots(f: Function, kind: Kind) -> None:
    """Adds products to a few taps' sums, a vector for each:

    sums[t] += sum over u, v of frame[taps[t] + u * pitch + v] * g[u * line + v * along].
    """
    source, taps, sums, g, rows, columns, pitch, line, along = f.args
    lanes = f.target.lanes(kind.size)
    starts = [source.shifted(taps.read(t, I64)) for t in range(_TAPS)]
    total = [f.var(kind, lanes, sums.read(t * lanes, kind, lanes)) for t in range(_TAPS)]

    def add(u: Val, v: Val, slope: Val, mask: Val | None) -> None:
        for start, place in zip(starts, total):
            x = start.read(u * pitch + v, kind, lanes, mask)
            place.set(f.fma(slope, x, place.get()))

    with f.loop(0, rows) as u:
        row = g.shifted(u * line, kind)
        whole = f.select(along.equals(1), columns // lanes * lanes, 0)
        with f.loop(0, whole, lanes) as v:
            add(u, v, row.read(v, kind, lanes), None)
        rest = f.select(along.equals(1), f.index(lanes), 1)
        with f.loop(0, (columns - whole).parts(rest)) as k:
            v = whole + k * rest
            mask = f.first_lanes(f.least(columns - v, rest), lanes)
            add(u, v, row.read(v * along, kind, lanes, mask), mask)
    for t, place in enumerate(total):
        sums.write(t * lanes, place.get())
