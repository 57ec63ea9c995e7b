"""The gradient of a convolution for its filters: a matrix product summed over images and places.

Its rows are the filter's elements: the framed image, begun at each tap, gives them without a copy.
Its columns are output channels: the gradient of the result is transposed once. Where these are few,
the sum is cut into slices that are added up at the end.
"""

from dataclasses import dataclass
from math import prod
from typing import Any

from ..builder import I64, Function, Val
from .convolution_follow import follower
from .convolution_shape import Convolution, axes, framing, seen, strides
from .convolution_tiles import Driver, address, driven, placed, stepped, stored, sweep, turned
from .nest import opened
from .share import meet

_ROOM = 12 << 20  # bytes of framed images and transposed gradients at once
_PLACES = 1 << 16  # of a table
_DEEP = 256  # elements of a sum made at once: a tile's columns stay in the L1 cache
_ITEMS = 16


@dataclass(slots=True)
class Cut:
    """How the product is cut, and its frame's sizes."""

    height: int
    vectors: int
    width: int  # columns of a tile
    rows: int  # of a group: the elements of a filter
    panels: int
    columns: int  # of a group: its output channels
    tiles: int
    chunk: int  # panels that a thread takes
    slices: int
    images: int  # at once
    plane: int  # places of a result's plane
    pitch: int
    phase: int  # elements of one phase of a framed channel
    channel: int  # elements of a framed channel

    @property
    def held(self) -> int:
        """Rows of sums of one tile of columns: whole panels, and a vector more."""
        return self.panels * self.height + self.width


def cut(target: Any, c: Convolution) -> Cut:
    """The cut of a product."""
    down, right = axes(c)
    lanes, size = target.lanes(c.kind.size), c.kind.size
    columns, rows = c.filters[0] // c.groups, prod(c.filters[1:])
    vectors = min(target.columns, -(-columns // lanes))
    height = min(rows, target.rows * target.columns // vectors)
    panels, width = -(-rows // height), vectors * lanes
    tiles, plane = -(-columns // width), down.outs * right.outs
    pitch = right.pitch()
    phase = (down.count + down.reach) * pitch
    # A frame's last row ends beyond its plane, where another thread's channel must not begin.
    behind = right.count + right.reach - pitch + lanes
    channel = len(down.starts) * len(right.starts) * phase + behind
    each = (c.image[1] * channel + plane * c.groups * tiles * width) * size
    images = max(1, min(c.image[0], _ROOM // each, _PLACES // plane))
    chunk = max(1, min(32, panels * tiles * c.groups // _ITEMS))
    made = -(-panels // chunk) * tiles * c.groups
    slices = -(-_ITEMS // made)
    if images > 1 and each * images > 2 * c.groups * rows * columns * size:
        slices = max(slices, 2)  # threads multiply what they copied: it lies in their caches
    slices = max(1, min(slices, images * plane // (2 * _DEEP)))
    return Cut(
        height, vectors, width, rows, panels, columns, tiles, chunk, slices, images, plane, pitch,
        phase, channel,
    )  # fmt: skip


def _regions(c: Convolution, k: Cut) -> tuple[dict[str, int], int, dict[str, int], int]:
    """Where each thread's own regions begin and end, then where those of all do."""
    size, many = c.kind.size, c.groups * k.tiles
    slack = 8 * k.width * size
    own = placed({
        "sums": (k.chunk * k.height + k.width) * k.width * size,
        "dense": k.width * (k.chunk * k.height + k.width) * size,
    })  # fmt: skip
    shared = placed({
        "rows": (k.rows + k.height) * 8,
        "table": k.images * k.plane * 8,
        "frame": k.images * c.image[1] * k.channel * size + slack + 8 * k.pitch * size,
        "columns": many * k.images * k.plane * k.width * size + slack,
        "parts": 0 if _direct(c, k) else k.slices * many * k.held * k.width * size,
    })  # fmt: skip
    return *own, *shared


def _direct(c: Convolution, k: Cut) -> bool:
    """Whether each sum is made at once."""
    return k.slices == 1 and k.images == c.image[0]


def workspace(target: Any, c: Convolution, threads: int) -> int:
    _, end, _, last = _regions(c, cut(target, c))
    return end * threads + last


def write(f: Function, c: Convolution) -> None:
    down, right = axes(c)
    k, size = cut(f.target, c), c.kind.size
    own, end, shared, _ = _regions(c, k)
    each = seen(down.parts[0], right.parts[0], len(right.starts), k.phase, k.pitch)
    values = {
        **own, **shared, "end": end, **framing(c, c.second, k.pitch, k.phase, k.channel),
        "height": k.height, "outs": k.rows, "whole": k.rows // k.height, "panels": k.panels,
        "columns": k.columns, "tiles": k.tiles, "groups": c.groups, "chunk": k.chunk,
        "slices": k.slices, "together": k.images, "images": c.image[0], "plane": k.plane,
        "held": k.held,
        "direct": int(_direct(c, k)), "cuts": -(-_ITEMS // k.images), "channels": c.image[1],
        "inner": c.filters[1], "taps": len(each),
        **strides("g", c.first),
        "slope_at": opened(f, c.first), "image_at": opened(f, c.second),
        "sweep_at": address(f, sweep(f.module, c.kind, k.height, k.rows % k.height, k.vectors)),
        "follow_at": follower(f, c),
        "taps_at": stored(f, [at * size for at in each]),
    }  # fmt: skip
    driven(f, _Weight, c.kind, values, k.vectors)


class _Weight(Driver):
    """The writing of the function that they share, whose tiles are as wide."""

    def _shared(self, name: str) -> Val:
        return self.ours.shifted(getattr(self.z, f"o_{name}"))

    def write(self) -> None:
        """A group of images after another: copy, meet, multiply, meet; then add the parts up."""
        f, z = self.f, self.z
        self.many = z.groups * z.tiles  # tiles of columns
        self.slices = f.select(self.threads > 1, z.slices, 1)
        chunks = z.panels.parts(z.chunk)
        with f.when(self.me.equals(0)):
            self._rows()
        with stepped(f, 0, z.images, z.together) as first:
            live = f.least(z.images - first, z.together)
            with self.drawn(live * z.cuts) as item:
                self._copy(first, item // z.cuts, item % z.cuts)
            meet(f)
            with self.drawn(self.slices * self.many * chunks) as item:
                tile, panel = item // chunks % self.many, item % chunks * z.chunk
                self._multiply(first, live, item // (chunks * self.many), tile, panel)
            meet(f)
        with f.when(z.direct.equals(0)), self.drawn(self.many * chunks) as item:
            self._add(item // chunks, item % chunks * z.chunk)

    # -- copies

    def _rows(self) -> None:
        """Where each element of a filter begins in a framed image."""
        f, z, rows = self.f, self.z, self._shared("rows")
        with f.loop(0, z.inner) as c, f.loop(0, z.taps) as t:
            at = c * (z.channel * self.size) + z.taps_at.read(t, I64)
            rows.write(c * z.taps + t, at)

    def _copy(self, first: Val, image: Val, part: Val) -> None:
        """A part of an image's channels framed, of its gradient's transposed."""
        f, z, kind, many = self.f, self.z, self.kind, self.many
        source = z.image_at.shifted((first + image) * z.s_image, kind)
        target = self._shared("frame").shifted(image * z.channels * z.channel, kind)
        channels = part * z.channels // z.cuts, (part + 1) * z.channels // z.cuts
        self.framed(source, target, channels)
        with f.loop(part * many // z.cuts, (part + 1) * many // z.cuts) as tile:
            self._transposed(first, image, tile)
        with f.when(part.equals(0)):
            self._table(image)

    def _transposed(self, first: Val, image: Val, tile: Val) -> None:
        """One tile's columns: for each place the gradients of its output channels."""
        f, z, kind, width = self.f, self.z, self.kind, self.width
        at = tile % z.tiles * width
        channel = tile // z.tiles * z.columns + at
        source = z.slope_at.shifted((first + image) * z.g_image + channel * z.g_channel, kind)
        row = (tile * z.together + image) * z.plane
        target = self._shared("columns").shifted(row * width, kind)
        flat = z.g_line.equals(z.count_right * z.g_along)
        with f.loop(0, f.select(flat, 1, z.count_down)) as u:
            f.call(
                turned(f.module, kind), source.shifted(u * z.g_line, kind),
                target.shifted(u * z.count_right * width, kind), f.least(z.columns - at, width),
                f.select(flat, z.plane, z.count_right), z.g_channel, z.g_along, width,
            )  # fmt: skip

    def _table(self, image: Val) -> None:
        """For each place: where it is in the frame, and its row of columns."""
        f, z, size = self.f, self.z, self.size
        table = self._shared("table").shifted(image * z.plane, I64)
        before = image * (z.channels * z.channel)
        with f.loop(0, z.count_down) as u, f.loop(0, z.count_right) as v:
            place = u * z.count_right + v
            one = (before + u * z.pitch + v) * size
            other = (image * z.plane + place) * (self.width * size)
            table.write(place, one + (other << 32))

    # -- products

    def _multiply(self, first: Val, live: Val, piece: Val, tile: Val, panel: Val) -> None:
        """Some panels of one tile of columns, over a slice of the sum."""
        f, z, kind, size = self.f, self.z, self.kind, self.size
        places = live * z.plane
        begin, end = piece * places // self.slices, (piece + 1) * places // self.slices
        last = f.least(panel + z.chunk, z.panels)
        a = self._shared("frame").shifted(tile // z.tiles * z.inner * z.channel, kind)
        b = self._shared("columns").shifted(tile * z.together * z.plane * self.width, kind)
        own = z.direct.compared("ne", 0)
        out = f.select(own, self._region("sums"), self._part(piece, tile, panel))
        with f.loop(begin, end, _DEEP) as at:
            f.call(
                z.sweep_at, a, self._shared("rows").shifted(panel * z.height, I64),
                self._shared("table").shifted(at, I64), f.least(end - at, _DEEP), b, out,
                self.width * size, (first > 0) | (at > begin),
                f.least(last, z.whole) - panel, last > z.whole, 0, z.height * 8,
                z.height * (self.width * size),
            )  # fmt: skip
        with f.when(own):
            self._follow(out, tile, panel)

    def _part(self, piece: Any, tile: Val, panel: Val) -> Val:
        """Where a slice's sums of some panels lie."""
        row = (piece * self.many + tile) * self.z.held + panel * self.z.height
        return self._shared("parts").shifted(row * self.width, self.kind)

    def _add(self, tile: Val, panel: Val) -> None:
        """All slices' sums of some panels, and what follows."""
        f, z, kind = self.f, self.z, self.kind
        out = self._part(0, tile, panel)
        count = (f.least(panel + z.chunk, z.panels) - panel) * z.height * self.width
        with f.loop(1, self.slices) as piece:
            other = self._part(piece, tile, panel)
            with f.loop(0, count, self.lanes) as j:
                place = out.shifted(j, kind)
                x = other.read(j, kind, self.lanes)
                f.store(place, f.load(place, kind, self.lanes) + x)
        self._follow(out, tile, panel)

    def _follow(self, sums: Val, tile: Val, panel: Val) -> None:
        """Transpose sums so that a filter's elements lie in order, and do what follows on them."""
        f, z, width = self.f, self.z, self.width
        at = panel * z.height
        count = f.least(z.outs - at, z.chunk * z.height)
        channel = tile % z.tiles * width
        live = f.least(z.columns - channel, width)
        dense, pitch = self._region("dense"), z.chunk * z.height + width
        f.call(turned(f.module, self.kind), sums, dense, count, live, width, 1, pitch)
        f.call(
            z.follow_at, self.buffers, dense, 0, tile // z.tiles * z.columns + channel, live,
            pitch * self.size, 1, 0, at, 0, count,
        )  # fmt: skip
