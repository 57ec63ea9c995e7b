"""Convolutions of small maps: the columns of many images are laid out once, for all threads.

Where a map has few places, those between its rows would be a large part of all, and one image does
not fill the tiles. So all images' places become the columns of one matrix. Each thread lays out
some channels; then all meet, and each takes some columns and some output channels.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from ..builder import I64, Module, Val
from ..threads import barrier
from .convolution_forward import Pass
from .convolution_shape import Convolution
from .convolution_tiles import (
    BYTE,
    ENTRY,
    Driver,
    call,
    driver,
    entries,
    frame,
    jump,
    pack,
    pair,
    placed,
    stepped,
    stored,
)  # fmt: skip
from .share import begun, drawn

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
    """Of laying out and multiplying, for each useful multiplication."""
    lanes, plane = s.lanes, s.down.count * s.right.count
    made = layout(target, s)
    vectors = -(-made.images * plane // lanes)
    tiles = vectors // s.plan.vectors + vectors % s.plan.vectors * (2 / 3)
    lost = tiles * s.plan.vectors * lanes / (made.images * plane)
    pieces = made.width / min(lanes, s.right.count)
    return lost * (1 + (2 + 2.5 * pieces) / s.rows / (s.plan.vectors / 2))


def layout(target: Any, s: Pass) -> Layout:
    """The cut of a pass."""
    p, plane = s.plan, s.down.count * s.right.count
    width = p.vectors * s.lanes
    images = max(1, min(s.images, _ROOM // (s.inner * s.taps * plane * s.size)))
    tiles = -(-images * plane // width)
    pitch = s.right.pitch()
    channel = s.phases * (s.down.count + s.down.reach) * pitch
    channels = max(1, min(-(-s.inner // 8), _FRAMED // (images * channel * s.size)))
    span = min(tiles, 8)
    if len(s.parts) > 1 and span * width % plane:
        span = tiles
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
        "dense": wide * cut.plane * s.size + vector if wide > 1 else 0,
        "frame": cut.images * cut.channels * cut.channel * s.size + 4 * vector + cut.pitch * 8,
    })  # fmt: skip


def workspace(target: Any, c: Convolution, threads: int) -> int:
    """Bytes of working memory behind the first PARTIALS."""
    s = Pass(target, c)
    cut = layout(target, s)
    shared = s.inner * s.taps * cut.tiles * cut.width * s.size + 2 * s.lanes * s.size
    return _placed(s, cut)[1] * threads + shared


def kernel(module: Module, c: Convolution) -> str:
    """The name of the function (buffers, thread, threads, control, work) that convolves."""
    f = begun(module, c.word)
    s = Pass(module.target, c)
    cut, size = layout(module.target, s), s.size
    places, end = _placed(s, cut)
    tapped = s.tapped(cut.pitch, cut.channel // s.phases)
    lead = (c.second.lead[0] if c.word == "conv_input" else s.taps) * size
    row = cut.width * size
    values = {
        **s.numbers(), **s.pointers(f), **{f"o_{k}": v for k, v in places.items()}, "end": end,
        "together": cut.images, "plane": cut.plane, "tiles": cut.tiles, "framed": cut.channels,
        "span": cut.span, "chunk": cut.chunk, "pitch": cut.pitch, "channel": cut.channel,
        "phase": cut.channel // s.phases, "across": cut.span * cut.width,
        "held": cut.chunk * s.plan.height * cut.span * cut.width, "lead": lead,
        "near_at": stored(f, [pair(0, at) for part in tapped for _, at in part]),
        "far_at": stored(
            f, [pair(at, t * row) for part in tapped for t, (at, _) in enumerate(part)]
        ),
        "counts_at": stored(f, map(len, tapped)),
    }  # fmt: skip
    shared = driver(module, _Packed, c.kind, tuple(values), s.plan.vectors)
    call(f, shared, stored(f, values.values()), *f.args)
    f.done()
    return f.name


class _Packed(Driver):
    """The writing of the function that they share, whose tiles are as wide."""

    def write(self) -> None:
        """A group of images after another: lay out, meet, multiply, meet."""
        f, z = self.f, self.z
        self._tables()
        self._pieces()
        wait = barrier(f.module)
        spans = (z.tiles + (z.span - 1)) // z.span
        chunks = (z.panels + (z.chunk - 1)) // z.chunk
        with stepped(f, f.index(0), z.images, z.together) as first:
            live = f.least(z.images - first, z.together)
            with drawn(f, self.work, self.threads, (z.inner + (z.framed - 1)) // z.framed) as item:
                self._lay_out(first, live, item * z.framed)
            f.call(wait, self.control, self.threads)
            with drawn(f, self.work, self.threads, spans * chunks) as item:
                self._multiply(first, live, item // chunks * z.span, item % chunks * z.chunk)
            f.call(wait, self.control, self.threads)

    # -- tables

    @contextmanager
    def _parts(self) -> Iterator[tuple[Val, Val, Val]]:
        """The body for each part: its number, its taps, the taps of those before it."""
        f, z, done = self.f, self.z, self.f.var(I64, 1, 0)
        with f.loop(0, z.parts) as part:
            taps = f.load(z.counts_at.shifted(part, I64), I64)
            yield part, taps, done.get()
            done.set(done.get() + taps)

    def _tables(self) -> None:
        f, z, size = self.f, self.z, self.size
        with self._parts() as (_, taps, before):
            near, far = (
                self._region(name).shifted(before * count, I64)
                for name, count in (("framed", z.framed), ("columns", z.inner))
            )
            above = f.const(1 << 32, I64)
            entries(f, near, z.framed, z.near_at.shifted(before, I64), taps,
                    above * z.channel * size)  # fmt: skip
            entries(f, far, z.inner, z.far_at.shifted(before, I64), taps,
                    z.lead + above * (taps * (self.width * size)))  # fmt: skip
        with f.loop(0, z.height) as i:
            f.store(self._region("rows").shifted(i, I64), i * z.row)

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
                f.store(begins.shifted(tile + 1, I64), many.get())

    # -- columns

    def _lay_out(self, first: Val, live: Val, channel: Val) -> None:
        """Some channels of all images: framed, then laid out tile by tile."""
        f, z, kind = self.f, self.z, self.kind
        channels = f.least(z.inner - channel, z.framed)
        self._frame(first, live, channel, channels)
        name = pack(f.module, kind, self.width)
        tiles = (live * z.plane + (self.width - 1)) // self.width
        with self._parts() as (_, taps, before), f.when(taps > 0), f.loop(0, tiles) as tile:
            begin, end = (
                f.load(self._region("begins").shifted(tile + i, I64), I64) for i in range(2)
            )
            row = before * z.inner * z.tiles + tile * taps * z.inner + channel * taps
            call(
                f, name, self._region("framed").shifted(before * z.framed, I64), channels * taps,
                self._region("frame"), self._region("pieces").shifted(begin, I64), end - begin,
                self.ours.shifted(row * self.width, kind),
            )  # fmt: skip

    def _frame(self, first: Val, live: Val, channel: Val, channels: Val) -> None:
        f, z, kind = self.f, self.z, self.kind
        with (
            f.loop(0, live) as image,
            f.loop(0, channels) as c,
            f.loop(0, z.phases_down) as y,
            f.loop(0, z.phases_right) as x,
        ):
            src = z.image_at.shifted(
                (first + image) * z.s_image + (channel + c) * z.s_channel, kind
            )
            at = (image * z.framed + c) * z.channel + (y * z.phases_right + x) * z.phase
            call(
                f, frame(f.module, kind), src, self._region("frame").shifted(at, kind),
                z.size_down, z.size_right, z.s_line, z.s_along,
                z.start_down + y * z.between_down, z.start_right + x * z.between_right,
                z.step_down, z.step_right, z.count_down + z.read_down,
                z.count_right + z.read_right, z.pitch,
            )  # fmt: skip

    # -- products

    def _multiply(self, first: Val, live: Val, tile: Val, panel: Val) -> None:
        """Some panels times some tiles, and what follows."""
        f, z = self.f, self.z
        start = tile * self.width
        stop = f.least(start + z.span * self.width, live * z.plane)
        vectors = (stop - start + (self.lanes - 1)) // self.lanes
        last = f.least(panel + z.chunk, z.panels)
        with self._parts() as (part, taps, before):
            table = self._region("columns").shifted(before * z.inner, I64)
            row = before * z.inner * z.tiles + tile * taps * z.inner
            b = self.ours.shifted(row * self.width, self.kind)
            out = self._region("sums").shifted(part * z.held, self.kind)
            self._sums((panel, last), vectors, table, taps, b, out)
        row = panel * z.height
        count = f.least(last * z.height, z.outs) - row
        with f.loop(start // z.plane, (stop + (z.plane - 1)) // z.plane) as image:
            with f.when(z.parts.equals(1)):
                self._follow(first + image, row, count, image * z.plane, start, stop)
            with f.when(z.parts > 1), f.loop(0, count) as i:
                self._follow_parts(first + image, row + i, i, image * z.plane - start)

    def _sums(self, panels: tuple, vectors: Val, table: Val, taps: Val, b: Val, out: Val) -> None:
        """The tiles of one part, into the thread's sums."""
        f, z, kind, (panel, last) = self.f, self.z, self.kind, panels
        a = z.filters_at.shifted(panel * z.height * z.row, BYTE)
        whole, odd = f.least(last, z.whole) - panel, last > z.whole
        full = vectors // self.vectors * self.vectors
        with stepped(f, f.index(0), z.inner, z.deep) as channel:
            n, entry = f.least(z.inner - channel, z.deep) * taps, channel * taps
            for name, begin, end, step in (
                (z.wide_at, f.index(0), full, self.vectors), (z.narrow_at, full, vectors, 1),
            ):  # fmt: skip
                with f.loop(begin, end, step) as v:
                    row = v // self.vectors * (taps * z.inner)
                    at = row * self.width + v % self.vectors * self.lanes
                    jump(
                        f, name, a, self._region("rows"), table.shifted(entry, I64), n,
                        b.shifted(at, kind), out.shifted(v * self.lanes, kind),
                        z.across * self.size, channel > 0, whole, odd, z.height * z.row,
                        f.index(0), z.height * z.across * self.size,
                    )  # fmt: skip

    def _follow(self, image: Val, row: Val, rows: Val, here: Val, start: Val, stop: Val) -> None:
        """The part of an image that is among the columns."""
        f, z = self.f, self.z
        begin = f.select(start > here, start, here)
        source = self._region("sums").shifted(begin - start, self.kind)
        none = f.index(0)
        jump(
            f, z.follow_at, self.buffers, source, image, row, rows, z.across * self.size,
            f.index(1), none, begin - here, none, f.least(stop, here + z.plane) - begin,
        )  # fmt: skip

    def _follow_parts(self, image: Val, row: Val, i: Val, here: Val) -> None:
        """An image whose parts lie between one another: they are put in order first."""
        f, z, kind = self.f, self.z, self.kind
        dense, wide = self._region("dense"), z.count_right * z.parts_right
        with f.loop(0, z.parts_down) as y, f.loop(0, z.parts_right) as x:
            part = (y * z.parts_right + x) * z.held
            source = self._region("sums").shifted(part + i * z.across + here, kind)
            with f.loop(0, z.count_down) as r, f.loop(0, z.count_right) as j:
                to = dense.shifted((r * z.parts_down + y) * wide + j * z.parts_right + x, kind)
                f.store(to, f.load(source.shifted(r * z.count_right + j, kind), kind))
        none = f.index(0)
        jump(
            f, z.follow_at, self.buffers, dense, image, row, f.index(1), none, z.outs_down,
            wide * self.size, none, z.outs_right, z.outs_right,
        )  # fmt: skip
