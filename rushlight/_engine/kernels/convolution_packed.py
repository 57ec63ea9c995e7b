"""Convolutions of small maps: the columns of many images are laid out once, for all threads.

Where a map has few places, those between its rows would be a large part of all, and one image does
not fill the tiles. So all images' places become the columns of one matrix. Each thread lays out
some channels; then all meet, and each takes some columns and some output channels.
"""

from dataclasses import dataclass
from typing import Any

from ..builder import I64, Function, Val
from .convolution_forward import Pass, Tiled
from .convolution_shape import Convolution
from .convolution_tiles import ENTRY, driven, entries, pack, pair, placed, stepped, stored
from .nest import part
from .share import meet

_ROOM = 8 << 20  # bytes of columns that are laid out at once
_NEAR = 128 << 10  # bytes of a thread's filters or sums
_FRAMED = 32 << 10  # bytes of a thread's frames
_ITEMS = 12


@dataclass(slots=True)
class Layout:
    """How a convolution is cut into columns, and what memory that takes."""

    images: int  # whose columns are laid out at once
    plane: int  # columns of an image
    tiles: int
    width: int  # columns of a tile
    channels: int  # framed at once
    span: int  # tiles that a thread takes
    chunk: int  # panels that it takes
    pitch: int
    channel: int  # elements of a framed channel


def cost(target: Any, s: Pass) -> float:
    """Of laying out and multiplying, for each useful multiplication, as `Pass.cost`."""
    made, high, wide = layout(target, s), s.down.count, s.right.count
    n, places = made.images, s.taps * s.inner
    pieces = n * high * -(-wide // s.lanes) + made.tiles
    columns = n * made.plane
    cycles = s.cycles(s.plan.vectors, columns, n, high, wide) + pieces * places * 7
    return cycles * s.lanes / (columns * s.rows * places) + 0.1  # read from further away


def layout(target: Any, s: Pass) -> Layout:
    """The cut of a pass."""
    p, plane = s.plan, s.down.count * s.right.count
    width = p.vectors * s.lanes
    images = max(1, min(s.images, _ROOM // (s.inner * s.taps * plane * s.size)))
    tiles = -(-images * plane // width)
    pitch = s.right.pitch()
    channel = s.phases * (s.down.count + s.down.reach) * pitch
    channels = max(1, min(-(-s.inner // 8), _FRAMED // (images * channel * s.size)))
    spans = range(min(-(-tiles // 2), 8), 0, -1)  # two at least: threads have their own columns
    span = next((n for n in spans if len(s.parts) == 1 or n * width % plane == 0), tiles)
    wanted = -(-_ITEMS // -(-tiles // span))
    held = len(s.parts) * p.height * span * width * s.size
    most = max(1, min(_NEAR // held, _NEAR // (p.height * p.deep * s.taps * s.size)))
    chunk = min(most, max(1, -(-p.panels // wanted)))
    return Layout(images, plane, tiles, width, channels, span, chunk, pitch, channel)


def _placed(s: Pass, cut: Layout) -> tuple[dict[str, int], int]:
    """Where each region of a thread begins, and where the last ends."""
    p, wide, vector = s.plan, len(s.parts), s.lanes * s.size
    pieces = (cut.images * s.down.count * -(-s.right.count // s.lanes) + 2 * cut.tiles) * 2
    return placed({
        "rows": p.height * 8,
        "columns": s.inner * s.taps * ENTRY,
        "framed": cut.channels * s.taps * ENTRY,
        "pieces": (pieces + 8) * 8,
        "begins": (cut.tiles + 1) * 8,
        "sums": wide * cut.chunk * p.height * cut.span * cut.width * s.size,
        "dense": wide * cut.plane * s.size + 2 * vector if wide > 1 else 0,
        "frame": cut.images * cut.channels * cut.channel * s.size + 4 * vector + cut.pitch * 8,
    })  # fmt: skip


def workspace(target: Any, c: Convolution, threads: int) -> int:
    s = Pass(target, c)
    cut = layout(target, s)
    shared = s.inner * s.taps * cut.tiles * cut.width * s.size + 2 * s.lanes * s.size
    return _placed(s, cut)[1] * threads + shared


def write(f: Function, c: Convolution) -> None:
    s = Pass(f.target, c)
    cut, size = layout(f.target, s), s.size
    tapped = s.tapped(cut.pitch, cut.channel // s.phases)
    row = cut.width * size
    values = {
        **s.told(f, _placed(s, cut), cut.pitch, cut.channel),
        "together": cut.images, "plane": cut.plane, "tiles": cut.tiles, "framed": cut.channels,
        "span": cut.span, "chunk": cut.chunk, "across": cut.span * cut.width,
        "held": cut.chunk * s.plan.height * cut.span * cut.width, "lead": s.lead,
        "near_at": stored(f, [pair(0, at) for part in tapped for _, at in part]),
        "far_at": stored(f, [pair(at, t * row) for p in tapped for t, (at, _) in enumerate(p)]),
        "counts_at": stored(f, map(len, tapped)),
    }  # fmt: skip
    driven(f, _Packed, c.kind, values, s.plan.vectors)


class _Packed(Tiled):
    """The writing of the function that they share, whose tiles are as wide."""

    def write(self) -> None:
        """A group of images after another: lay out, meet, multiply, meet."""
        f, z = self.f, self.z
        self._tables()
        self._pieces()
        spans = z.tiles.parts(z.span)
        chunks = z.panels.parts(z.chunk)
        with stepped(f, 0, z.images, z.together) as first:
            live = f.least(z.images - first, z.together)
            pieces, sides = z.inner.parts(z.framed), f.least(spans, self.threads)
            with self.drawn(sides * pieces) as item:  # a thread's spans lie in its own cache
                begin, end = part(f, spans, item // pieces, sides)
                self._lay_out(first, live, (begin * z.span, end * z.span), item % pieces * z.framed)
            meet(f)
            with self.drawn(spans * chunks) as item:
                self._multiply(first, live, item // chunks * z.span, item % chunks * z.chunk)
            meet(f)

    # -- tables

    def _tables(self) -> None:
        f, z, size = self.f, self.z, self.size
        with self.parts() as (_, taps, before):
            near, far = (
                self._region(name).shifted(before * count, I64)
                for name, count in (("framed", z.framed), ("columns", z.inner))
            )
            above = f.const(1 << 32, I64)
            entries(
                f, near, z.framed, z.near_at.shifted(before, I64), taps, above * z.channel * size
            )
            entries(f, far, z.inner, z.far_at.shifted(before, I64), taps,
                    z.lead + above * (taps * (self.width * size)))  # fmt: skip
        self.begins()

    def _pieces(self) -> None:
        """Each tile's pieces: no longer than a vector, none across the end of a row or a tile."""
        f, z, size, width = self.f, self.z, self.size, self.width
        pieces, begins = self._region("pieces"), self._region("begins")
        many = f.var(I64, 1, 0)
        f.store(begins, f.index(0))
        with f.loop(0, z.together * z.count_down) as row:
            image, u = row // z.count_down, row % z.count_down
            source = image * (z.framed * z.channel) + u * z.pitch
            done = f.var(I64, 1, 0)
            with f.forever() as out:
                v = done.get()
                f.leave_if(v >= z.count_right, out)
                place = (row * z.count_right + v) % width
                count = f.least(f.least(z.count_right - v, width - place), self.lanes)
                at = pieces.shifted(many.get(), I64)
                f.store(at, (source + v) * size + ((place * size) << 32))
                many.set(many.get() + 1)
                done.set(v + count)
                tile = (row * z.count_right + v) // width
                begins.write(tile + 1, many.get())

    # -- columns

    def _lay_out(self, first: Val, live: Val, tiles: tuple[Val, Val], channel: Val) -> None:
        """Some channels of some tiles: their images framed, then laid out tile by tile."""
        f, z, kind = self.f, self.z, self.kind
        channels, start, columns = f.least(z.inner - channel, z.framed), tiles[0], live * z.plane
        stop = f.least(tiles[1], columns.parts(self.width))
        end = f.least(stop * self.width, columns)
        with f.loop(start * self.width // z.plane, end.parts(z.plane)) as image:
            source = (first + image) * z.s_image + channel * z.s_channel
            target = self._region("frame").shifted(image * z.framed * z.channel, kind)
            self.framed(z.image_at.shifted(source, kind), target, (0, channels))
        name = pack(f.module, kind, self.width)
        with self.parts() as (_, taps, before), f.when(taps > 0), f.loop(start, stop) as tile:
            begin, end = (self._region("begins").read(tile + i, I64) for i in range(2))
            row = before * z.inner * z.tiles + tile * taps * z.inner + channel * taps
            f.call(
                name, self._region("framed").shifted(before * z.framed, I64), channels * taps,
                self._region("frame"), self._region("pieces").shifted(begin, I64), end - begin,
                self.ours.shifted(row * self.width, kind),
            )  # fmt: skip

    # -- products

    def _multiply(self, first: Val, live: Val, tile: Val, panel: Val) -> None:
        """Some panels times some tiles, and what follows."""
        f, z = self.f, self.z
        start = tile * self.width
        stop = f.least(start + z.span * self.width, live * z.plane)
        vectors = (stop - start).parts(self.lanes)
        last = f.least(panel + z.chunk, z.panels)
        a = z.filters_at.shifted(panel * z.height * z.row)
        with self.parts() as (part, taps, before):
            table = self._region("columns").shifted(before * z.inner, I64)
            row = before * z.inner * z.tiles + tile * taps * z.inner
            b = self.ours.shifted(row * self.width, self.kind)
            out = self._region("sums").shifted(part * z.held, self.kind)
            self.sums(a, b, table, taps, out, (panel, last, vectors))
        row = panel * z.height
        count = f.least(last * z.height, z.outs) - row
        whole = 0, 0, z.count_down, z.count_right
        with f.loop(start // z.plane, stop.parts(z.plane)) as image:
            with f.when(z.parts.equals(1)):
                self._follow(first + image, row, count, image * z.plane, start, stop)
            with f.when(z.parts > 1), f.loop(0, count) as i:
                begin = i * z.across + image * z.plane - start
                self.joined(first + image, row + i, begin, z.count_right, whole)

    def place(self, v: Val, taps: Val) -> Val:
        """In the tile that a vector is of."""
        row = v // self.vectors * (taps * self.z.inner)
        return row * self.width + v % self.vectors * self.lanes

    def _follow(self, image: Val, row: Val, rows: Val, here: Val, start: Val, stop: Val) -> None:
        """The part of an image that is among the columns."""
        f, z = self.f, self.z
        begin = f.select(start > here, start, here)
        source = self._region("sums").shifted(begin - start, self.kind)
        f.call(
            z.follow_at, self.buffers, source, image, row, rows, z.across * self.size,
            1, 0, begin - here, 0, f.least(stop, here + z.plane) - begin,
        )  # fmt: skip
