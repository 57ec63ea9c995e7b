"""Convolutions, and their gradients for the image, from a copy of the image framed by zeros.

A thread takes a few rows of one image and some output channels. It copies what they read into
memory of its own, parted by the stride into phases, so that each tap of the filter sees the rows'
places one after another in memory, at a constant distance from one another. The tiles of the matrix
product read them there; the places between two rows are computed too and dropped.

The gradient for the image is the same pass over the gradient of the result, with the filter's taps
in the other order. Where the stride is above 1, each phase of the image meets its own taps.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Any

from ..builder import I64, Function, Val
from .convolution_follow import follower
from .convolution_shape import Convolution, axes, framing, seen
from .convolution_tiles import (
    ENTRY,
    Driver,
    address,
    driven,
    entries,
    pair,
    placed,
    shape,
    stepped,
    stored,
    sweep,
)
from .nest import opened

NEAR = 256 << 10  # bytes of a framed image: half of a core's second-level cache
_WIDE = 1024  # columns above which rows are cut
_DEEP = 288  # elements of a sum made at once: what a tile reads of the image stays in the L1 cache
_CLOSE = 20 << 10  # bytes of it
_ITEMS = 12  # to be shared by the threads, at least


@dataclass(slots=True)
class Plan:
    """How a pass is cut: rows and columns of a block, panels of a chunk, the frame's sizes."""

    height: int
    vectors: int
    panels: int  # of a group
    rows: int  # of a block
    columns: int
    pitch: int
    plane: int  # elements of one phase of one channel
    channel: int  # elements of one channel
    channels: int  # that are framed at once
    chunk: int  # panels that are done with one frame
    deep: int  # channels of a sum made at once


class Pass:
    """The sizes of one pass, and what follows from them."""

    def __init__(self, target: Any, c: Convolution) -> None:
        self.c, self.lanes, self.size = c, target.lanes(c.kind.size), c.kind.size
        self.down, self.right = axes(c)
        o, self.taps = c.filters[0] // c.groups, prod(c.filters[2:])
        turned = c.word == "conv_input"
        self.rows, self.inner = (c.filters[1], o) if turned else (o, c.filters[1])
        self.images = c.image[0]
        self.parts = list(product(self.down.parts, self.right.parts))
        self.phases = len(self.down.starts) * len(self.right.starts)
        self.plan = self._cut(target)

    def _cut(self, target: Any) -> Plan:
        height, vectors = shape(target, self.rows)
        panels = -(-self.rows // height)
        columns, pitch = self.right.count, self.right.pitch()
        if columns > _WIDE:
            columns = _WIDE // 2
            pitch = columns + self.right.reach
        groups = 1
        if self.c.groups > 1:
            whole = self.inner * self._channel(self.down.count, pitch) * self.size
            groups = max(1, min(self.c.groups, NEAR // 2 // whole))
        many = self.c.groups * panels
        rows = self._height(vectors, columns, pitch, self.inner * groups, self.images * many)
        blocks = self.images * -(-self.down.count // rows) * -(-self.right.count // columns)
        chunk = -(-many // max(1, min(many, -(-_ITEMS // blocks))))
        if self.c.groups > 1:
            chunk = min(groups, max(1, chunk // panels)) * panels
        channel = self._channel(rows, pitch)
        channels = self.inner * (max(1, chunk // panels) if self.c.groups > 1 else 1)
        return Plan(
            height, vectors, panels, rows, columns, pitch, channel // self.phases, channel,
            channels, chunk, self._deep(),
        )  # fmt: skip

    def _deep(self) -> int:
        """Channels of a sum that are added up at once."""
        lines = 160 * max(map(len, self.down.parts))  # bytes that a tile reads of a channel, about
        most = max(1, min(_DEEP // self.taps, _CLOSE // lines))
        return -(-self.inner // -(-self.inner // most))

    def _channel(self, rows: int, pitch: int) -> int:
        return self.phases * (rows + self.down.reach) * pitch

    def _height(self, vectors: int, columns: int, pitch: int, channels: int, tasks: int) -> int:
        """Rows of a block: few columns are lost behind its last, its frame stays near, and there
        are enough tasks (that many for a block), of which threads lose half of one each."""
        best, chosen = float("inf"), 1
        useful = self.down.count * self.right.count * self.rows * self.taps * self.inner
        for rows in range(1, self.down.count + 1):
            if rows > 1 and channels * self._channel(rows, pitch) * self.size > NEAR:
                break
            blocks, spread = -(-self.down.count // rows), (rows - 1) * pitch + columns
            cycles = blocks * self.cycles(vectors, spread, 1, rows, columns)
            if (late := cycles * (1 + 1 / (tasks * blocks))) < best:
                best, chosen, self.cost = late, rows, cycles * self.lanes / useful
        return chosen

    def cycles(self, vectors: int, columns: int, frames: int, rows: int, wide: int) -> float:
        """Of sums over some columns, for which so many frames of rows are copied (on Zen 4)."""
        n, deep = -(-columns // self.lanes), -(-self.inner // self._deep())
        tiles = (n // vectors + n % vectors * (2 / 3)) * vectors
        sums = tiles * self.inner * self.taps + n * len(self.parts) * deep * 23
        lines = (rows + self.down.reach) * -(-(wide + self.right.reach) // self.lanes)
        framed = self.inner * self.phases * (lines * 14 + 27)
        return sums * self.rows + frames * (framed + self.rows * 27)

    # -- memory of a thread, in bytes

    @property
    def across(self) -> int:
        """Columns of a row of sums: whole tiles."""
        p = self.plan
        return -(-((p.rows - 1) * p.pitch + p.columns) // self.lanes) * self.lanes

    @property
    def held(self) -> int:
        """Panels whose sums are held at once."""
        return self.plan.chunk if self.c.groups == 1 else self.plan.panels

    def layout(self) -> tuple[dict[str, int], int]:
        """Where each region begins, and where the last ends."""
        p, slack = self.plan, (self.across + 4 * self.lanes) * self.size
        dense = p.rows * p.columns * len(self.parts) + 4 * self.lanes
        return placed({
            "rows": p.height * 8,
            "tables": self.inner * self.taps * ENTRY,
            "sums": len(self.parts) * self.held * p.height * self.across * self.size,
            "dense": dense * self.size if len(self.parts) > 1 else 0,
            "frame": p.channels * p.channel * self.size + slack,
        })  # fmt: skip

    # -- what all kernels are told

    @property
    def lead(self) -> int:
        """Bytes from channel to channel of a filter."""
        turned = self.c.word == "conv_input"
        return (self.c.second.lead[0] if turned else self.taps) * self.size

    def told(self, f: Function, placed: tuple, pitch: int, channel: int) -> dict[str, Any]:
        """Sizes, addresses, where regions begin, how an image is framed."""
        c, p, (places, end) = self.c, self.plan, placed
        row, outer = c.second.lead[0] * self.size, self.rows
        if c.word == "conv_input":
            row, outer = self.taps * self.size, self.inner
        wide, narrow = (
            address(f, sweep(f.module, c.kind, p.height, self.rows % p.height, vectors))
            for vectors in (p.vectors, 1)
        )
        return {
            "images": self.images, "inner": self.inner, "outs": self.rows,
            "height": p.height, "whole": self.rows // p.height, "panels": p.panels,
            "deep": p.deep, "row": row, "group": outer * c.second.lead[0] * self.size,
            "parts": len(self.parts), "parts_down": len(self.down.parts),
            "parts_right": len(self.right.parts),
            "image_at": opened(f, c.first), "filters_at": opened(f, c.second), "wide_at": wide,
            "narrow_at": narrow, "follow_at": follower(f, c), **places, "end": end,
            **framing(c, c.first, pitch, channel // self.phases, channel),
        }  # fmt: skip

    def tapped(self, pitch: int, phase: int) -> list[list[tuple[int, int]]]:
        """For each part, each tap: where its element is in a filter, where it begins in a frame."""
        wide, across, size = self.c.filters[3], len(self.right.starts), self.size
        made = []
        for down, right in self.parts:
            elements = [(i * wide + j) * size for i, _, _ in down for j, _, _ in right]
            places = [at * size for at in seen(down, right, across, phase, pitch)]
            made.append(list(zip(elements, places)))
        return made


def workspace(target: Any, c: Convolution, threads: int) -> int:
    return Pass(target, c).layout()[1] * threads


def write(f: Function, c: Convolution) -> None:
    s = Pass(f.target, c)
    p = s.plan
    tapped = s.tapped(p.pitch, p.plane)
    flat = p.pitch == s.right.outs == p.columns and len(tapped) == 1
    values = {
        **s.told(f, s.layout(), p.pitch, p.channel),
        "vectors": p.vectors, "many": c.groups * p.panels, "chunk": p.chunk,
        "grouped": int(c.groups > 1), "rows": p.rows, "columns": p.columns,
        "framed": p.channels,
        "channels": c.groups * s.inner,
        "across": s.across, "held": s.held * p.height * s.across, "flat": int(flat),
        "lead": pair(s.lead, p.channel * s.size),
        "taps_at": stored(f, [pair(*t) for part in tapped for t in part]),
        "counts_at": stored(f, map(len, tapped)),
    }  # fmt: skip
    driven(f, _Forward, c.kind, values)


class Tiled(Driver):
    """The writing of a function that makes sums by tiles, part by part, in a thread's memory."""

    @contextmanager
    def parts(self) -> Iterator[tuple[Val, Val, Val]]:
        """The body for each part: its number, its taps, the taps of those before it."""
        f, z, done = self.f, self.z, self.f.var(I64, 1, 0)
        with f.loop(0, z.parts) as part:
            taps = z.counts_at.read(part, I64)
            yield part, taps, done.get()
            done.set(done.get() + taps)

    def begins(self) -> None:
        """The offsets of a tile's rows."""
        with self.f.loop(0, self.z.height) as i:
            self._region("rows").write(i, i * self.z.row)

    def place(self, v: Val, taps: Val) -> Val:
        """Where the columns of a vector begin."""
        return v * self.lanes

    def sums(self, a: Val, b: Val, table: Val, taps: Val, out: Val, extent: tuple) -> None:
        """The tiles of one part: panels from one to another, over some vectors of columns."""
        f, z, (first, last, vectors) = self.f, self.z, extent
        wide = self.vectors or z.vectors
        whole, odd = f.least(last, z.whole) - first, last > z.whole
        full = vectors // wide * wide
        with stepped(f, 0, z.inner, z.deep) as channel:
            n, entry = f.least(z.inner - channel, z.deep) * taps, channel * taps
            for name, begin, end, step in (
                (z.wide_at, 0, full, wide), (z.narrow_at, full, vectors, f.index(1)),
            ):  # fmt: skip
                with stepped(f, begin, end, step) as v:
                    f.call(
                        name, a, self._region("rows"), table.shifted(entry, I64), n,
                        b.shifted(self.place(v, taps), self.kind),
                        out.shifted(v * self.lanes, self.kind), z.across * self.size, channel > 0,
                        whole, odd, z.height * z.row, 0, z.height * z.across * self.size,
                    )  # fmt: skip

    def joined(self, image: Val, row: Val, start: Val, pitch: Val, block: tuple) -> None:
        """What follows where parts lie between one another: they are put in order first.

        Args:
            start: where the first part's row of sums begins; lines lie `pitch` from each other.
            block: first line and column of a part, and how many.
        """
        f, z, kind, lanes = self.f, self.z, self.kind, self.lanes
        u, v, rows, columns = block
        wide, dense, pair = columns * z.parts_right, self._region("dense"), z.parts_right.equals(2)
        with f.loop(0, rows) as r, f.loop(0, z.parts_down) as y:
            line = dense.shifted((r * z.parts_down + y) * wide, kind)
            at = y * z.parts_right * z.held + start + r * pitch
            sums = self._region("sums").shifted(at, kind)
            with f.when(pair), f.loop(0, columns, lanes) as j:  # the next line covers what is over
                two = [sums.read(j + i, kind, lanes) for i in (0, z.held)]
                for i in (0, lanes):
                    order = [(i + k) // 2 + k % 2 * lanes for k in range(lanes)]
                    line.write(j * 2 + i, f.shuffle(two[0], two[1], order))
            with f.when(pair ^ 1), f.loop(0, z.parts_right) as x, f.loop(0, columns) as j:
                line.write(j * z.parts_right + x, sums.read(x * z.held + j, kind))
        y, x = u * z.parts_down, v * z.parts_right
        f.call(
            z.follow_at, self.buffers, dense, image, row, 1, 0,
            f.least(z.outs_down - y, rows * z.parts_down), wide * self.size, y * z.outs_right + x,
            z.outs_right, f.least(z.outs_right - x, wide),
        )  # fmt: skip


class _Forward(Tiled):
    """The writing of that function."""

    def write(self) -> None:
        f, z = self.f, self.z
        self._tables()
        downs = z.count_down.parts(z.rows)
        acrosses = z.count_right.parts(z.columns)
        chunks = z.many.parts(z.chunk)
        framed = f.var(I64, 1, -1)
        with self.drawn(z.images * downs * acrosses * chunks) as item:
            chunk, block = item % chunks, item // chunks
            across, rest = block % acrosses, block // acrosses
            u, v = rest % downs * z.rows, across * z.columns
            rows, columns = f.least(z.count_down - u, z.rows), f.least(z.count_right - v, z.columns)
            first = chunk * z.chunk
            last = f.least(first + z.chunk, z.many)
            begin, where = first // z.panels, (rest // downs, u, v, rows, columns)
            now = f.select(z.grouped > 0, item, block)
            with f.when(framed.get().compared("ne", now)):
                source = where[0] * z.s_image + begin * z.inner * z.s_channel
                channels = f.least(z.framed, z.channels - begin * z.inner)
                self.framed(
                    z.image_at.shifted(source, self.kind), self._region("frame"), (0, channels),
                    (u, v), (rows, columns),
                )  # fmt: skip
                framed.set(now)
            with f.loop(begin, last.parts(z.panels)) as group:
                before = group * z.panels
                start = f.select(first > before, first - before, 0)
                self._panels(start, f.least(last - before, z.panels), group, group - begin, where)

    # -- what is the same for all blocks

    def _tables(self) -> None:
        """The table of each part, one behind another; the offsets of a tile's rows."""
        f, z = self.f, self.z
        with self.parts() as (_, taps, before):
            table = self._region("tables").shifted(before * z.inner, I64)
            entries(f, table, z.inner, z.taps_at.shifted(before, I64), taps, z.lead)
        self.begins()

    # -- panels: the rows of a tile, over all columns of a block

    def _panels(self, first: Val, last: Val, group: Val, near: Val, where: tuple) -> None:
        """Panels of one group: their sums, a few channels at a time, and what follows."""
        f, z, kind = self.f, self.z, self.kind
        image, *block = where
        _, _, rows, columns = block
        a = z.filters_at.shifted(group * z.group + first * z.height * z.row)
        b = self._region("frame").shifted(near * z.inner * z.channel, kind)
        vectors = ((rows - 1) * z.pitch + columns).parts(self.lanes)
        with self.parts() as (part, taps, before):
            table = self._region("tables").shifted(before * z.inner, I64)
            out = self._region("sums").shifted(part * z.held, kind)
            self.sums(a, b, table, taps, out, (first, last, vectors))
        row, live = first * z.height, f.least(last * z.height, z.outs) - first * z.height
        with f.when(z.parts.equals(1)):
            self._follow((image, group * z.outs + row, live), tuple(block))
        with f.when(z.parts > 1), f.loop(0, live) as i:
            channel = group * z.outs + row + i
            self.joined(image, channel, i * z.across, z.pitch, tuple(block))

    def _follow(self, rows_of: tuple, block: tuple) -> None:
        """What follows on some output channels: row after row of the block, or all at once."""
        f, z, size = self.f, self.z, self.size
        u, v, rows, columns = block
        flat = z.flat > 0
        f.call(
            z.follow_at, self.buffers, self._region("sums"), *rows_of, z.across * size,
            f.select(flat, 1, rows), z.pitch * size, u * z.outs_right + v, z.outs_right,
            f.select(flat, rows * columns, columns),
        )  # fmt: skip
