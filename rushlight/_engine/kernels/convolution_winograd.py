"""3 x 3 filters by Winograd's F(2 x 2, 3 x 3): 16 multiplications for 4 results instead of 36
(Lavin and Gray, 2015, arXiv:1509.09308).

A task is some rows of tiles and a strip of output channels. What its thread has transformed stays
in its memory for its next tasks, so that nobody waits. Results that are not finite are made anew
by the definition: where it gives infinity, inf - inf among the parts is NaN.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import product
from math import isqrt
from operator import add
from types import SimpleNamespace
from typing import Any

from ..builder import I64, Function, Val
from .convolution_follow import follower
from .convolution_shape import Convolution, axes, framing
from .convolution_tiles import Driver, address, driven, placed, stepped
from .matmul_tiles import tile
from .nest import fill, opened
from .packing import backwards, packer

_NEAR = 1 << 19  # bytes of all filters' parts that a thread keeps beside as many of tiles
_FAR = 4 << 20  # bytes of tiles where it makes some filters' parts for each task instead
_DEEP = 128  # channels of a sum made at once: such parts stay in the first cache
_PIECE = 32  # channels of filters that are turned at once


def suits(target: Any, c: Convolution) -> bool:
    """Whether what is saved outweighs the transforms: cycles of 16 lanes on Zen 4."""
    down, right = axes(c)
    filters, channels = c.filters[0] * c.filters[1], c.filters[0] + c.filters[1]
    rows, across = c.image[0] * ((down.outs + 1) // 2), (right.outs + 1) // 2
    transforms = rows * -(-across // 16) * channels * 125 + filters * (15 + rows * across)
    return (
        (c.kind.name, c.filters[2:], c.groups) == ("float", (3, 3), 1)
        and c.stride == c.dilation == (1, 1)
        and target.lanes(4) >= 8
        and transforms < filters * c.image[0] * down.outs * right.outs * 0.7
    )


def _layout(target: Any, c: Convolution) -> dict[str, int]:
    """Sizes, and where regions of a thread begin and end."""
    z, (down, right), size = SimpleNamespace(), axes(c), c.kind.size
    lanes = target.lanes(size)
    z.outs, z.inner = c.filters[:2] if c.word == "conv" else c.filters[1::-1]
    z.strips = -(-z.outs // target.rows)
    z.high = -(-z.outs // z.strips)
    z.side = -(-z.high // lanes) * lanes
    z.lines, z.across = (down.outs + 1) // 2, (right.outs + 1) // 2
    z.many, part = c.image[0] * z.lines, 16 * z.inner * size
    near = z.strips * z.side * part <= _NEAR

    def cost(rows: int) -> float:  # one vector of tiles by itself is dearer; so are more filters
        n = -(-rows * z.across // lanes)
        return n + n % 2 / 3 + (n > 0 and not near)

    most = min(z.many, max(1, (_NEAR if near else _FAR) // part // z.across))
    z.rows = min(range(1, most + 1), key=lambda r: (z.many // r * cost(r) + cost(z.many % r), -r))
    z.made, z.deep = (z.strips, z.inner) if near else (1, -(-z.inner // -(-z.inner // _DEEP)))
    slots = -(-z.rows * z.across // lanes)
    z.slots = (slots | (slots > 2)) * lanes  # not all in the same lines of a cache
    z.filters, z.tiles = z.deep * z.side + lanes, z.inner * z.slots + lanes
    z.sums, z.dense, pitch = z.high * z.slots + lanes, 2 * z.rows * right.outs, 2 * z.across + 2
    regions = {
        "turned": 9 * _PIECE * z.side, "frame": (2 * z.rows + 3) * pitch + 4 * lanes,
        "filters": 16 * z.filters * z.made, "tiles": 16 * z.tiles, "sums": 16 * z.sums,
        "dense": z.high * z.dense + right.outs + 2 * lanes,
    }  # fmt: skip
    places, z.end = placed({name: n * size for name, n in regions.items()})
    return {**vars(z), **places, **framing(c, c.first, pitch, 0, 0), "near": int(near)}


def workspace(target: Any, c: Convolution, threads: int) -> int:
    return _layout(target, c)["end"] * threads


def write(f: Function, c: Convolution) -> None:
    z, lead = _layout(f.target, c), c.second.lead[0]
    lie = (9, lead, 1, 8, -1) if c.word == "conv_input" else (lead, 9, _PIECE, 0, 1)
    wide, narrow = (tile(f.module, c.kind, z["high"], n, 1, z["side"], 0) for n in (2, 1))
    values = {
        **z, **dict(zip(("apart", "lead", "piece", "tap", "step"), lie)),
        "wide_at": address(f, wide), "narrow_at": address(f, narrow),
        "image_at": opened(f, c.first), "filters_at": opened(f, c.second),
        "follow_at": follower(f, c),
    }  # fmt: skip
    driven(f, _Winograd, c.kind, values)


def _filter(a: Val, b: Val, c: Val) -> tuple[Val, ...]:
    ends, middle = (a + c) * 0.5, b * 0.5
    return a, ends + middle, ends - middle, c


def _given(a: Val, b: Val, c: Val, d: Val) -> tuple[Val, ...]:
    return a - c, b + c, c - b, b - d


def _made(a: Val, b: Val, c: Val, d: Val) -> tuple[Val, ...]:
    return a + b + c, b - c - d


def _both(cells: list[Val], change: Callable[..., tuple[Val, ...]]) -> list[Val]:
    """A change of the columns, then of the rows, of a square."""
    n = isqrt(len(cells))
    columns = [change(*cells[i::n]) for i in range(n)]
    return [x for row in zip(*columns) for x in change(*row)]


class _Winograd(Driver):
    """The writing of that function."""

    def write(self) -> None:
        """Some rows of tiles and a strip of output channels after another."""
        f, z = self.f, self.z
        held, kept = f.var(I64, 1, -1), f.var(I64, 1, 0)
        with self.drawn(z.many.parts(z.rows) * z.strips) as item:
            block, strip = item // z.strips, item % z.strips
            self.first = block * z.rows
            self.last = f.least(self.first + z.rows, z.many)
            self.rows = self.last - self.first
            with f.when(held.get().compared("ne", block)), self._seen() as (c, place, _, seen):
                for k, x in enumerate(_both(seen, _given)):
                    self._part("tiles", k).write(c * z.slots + place, x)
            held.set(block)
            own = strip * (1 - z.near)
            with stepped(f, 0, z.inner, z.deep) as c:
                n = f.least(z.inner - c, z.deep)
                with f.when(kept.get().equals(0)):
                    with f.loop(0, z.made) as s:
                        self._filters(own + s, s * 16, c, n)
                    kept.set(z.near)
                self._sums((strip - own) * 16, c, n)
            self._finish(strip * z.high)

    def _part(self, name: str, k: Any) -> Val:
        """Where one of the 16 parts begins."""
        return self._region(name).shifted(getattr(self.z, name) * k, self.kind)

    def _live(self, row: Val) -> Val:
        """Output channels of the strip that begins with this one."""
        return self.f.least(self.z.outs - row, self.z.high)

    def _tap(self, t: int) -> Val:
        return self.z.step * t + self.z.tap

    def _filters(self, strip: Val, part: Val, start: Val, count: Val) -> None:
        """Parts of a strip's filters, for some channels; output channels side by side."""
        f, z, kind, lanes, made = self.f, self.z, self.kind, self.lanes, self._region("turned")
        row = strip * z.high
        source = z.filters_at.shifted(row * z.apart + start * z.lead, kind)
        pack = packer(f.module, kind, 0, 1)
        with stepped(f, 0, count, z.piece) as first:
            n, at = f.least(count - first, z.piece), source.shifted(first * z.lead, kind)
            f.call(pack, at, z.apart, 1, made, z.side, n * 9, self._live(row))
            with f.loop(0, n) as c, f.loop(0, z.side, lanes) as i:
                taps = [(c * 9 + self._tap(t)) * z.side + i for t in range(9)]
                to = self._part("filters", part).shifted((first + c) * z.side + i, kind)
                for k, x in enumerate(_both([made.read(j, kind, lanes) for j in taps], _filter)):
                    to.write(z.filters * k, x)

    @contextmanager
    def _runs(self) -> Iterator[tuple[Val, Val, Val, Val]]:
        """Rows of tiles of one image: the image, the first row, how many, those before them."""
        f, z = self.f, self.z
        with f.loop(self.first // z.lines, self.last.parts(z.lines)) as image:
            top = image * z.lines
            begin = f.select(self.first > top, self.first, top)
            rows = f.least(self.last, top + z.lines) - begin
            yield image, begin - top, rows, begin - self.first

    @contextmanager
    def _seen(self) -> Iterator[tuple[Val, Val, Val, list[Val]]]:
        """A channel, a vector of tiles: its place, its lanes, the 4 x 4 that they see."""
        f, z, kind, lanes, frame = self.f, self.z, self.kind, self.lanes, self._region("frame")
        with f.loop(0, z.inner) as c, self._runs() as (image, row, rows, before):
            source = z.image_at.shifted(image * z.s_image + c * z.s_channel, kind)
            self.framed(source, frame, (0, 1), (row * 2, f.index(0)), (rows * 2, z.across * 2))
            with f.loop(0, rows) as r, stepped(f, 0, z.across, lanes) as v:
                seen = []
                for line, i in product(range(4), (0, 2)):
                    at = frame.shifted((r * 2 + line) * z.pitch + v * 2 + i, kind)
                    low, high = at.read(0, kind, lanes), at.read(lanes, kind, lanes)
                    seen += [f.shuffle(low, high, range(j, 2 * lanes, 2)) for j in (0, 1)]
                yield c, (before + r) * z.across + v, self._there(v), seen

    def _there(self, v: Val) -> Val:
        """The lanes, from the tile v of a row on, that have a tile."""
        return self.f.first_lanes(self.f.least(self.z.across - v, self.lanes), self.lanes)

    def _sums(self, part: Val, start: Val, count: Val) -> None:
        """The products of all parts, for some channels."""
        f, z, kind, lanes = self.f, self.z, self.kind, self.lanes
        n = self.rows * z.across
        with f.loop(0, 16) as k, stepped(f, 0, n, 2 * lanes) as v:
            a, made = self._part("filters", part + k), self._part("sums", k).shifted(v, kind)
            b = self._part("tiles", k).shifted(start * z.slots + v, kind)
            name = f.select(n - v > lanes, z.wide_at, z.narrow_at)
            f.call(name, a, 1, z.side, b, z.slots, made, z.slots, count, start)

    def _finish(self, channel: Val) -> None:
        """What follows on results, which are made anew where some are not finite."""
        f, z, live = self.f, self.z, self._live(channel)
        with f.when(self._results(live).isnan(), rare=True):
            self._plainly(channel, live)
            self._results(live)
        with self._runs() as (image, row, rows, before):
            source = self._region("dense").shifted(before * 2 * z.outs_right, self.kind)
            f.call(
                z.follow_at, self.buffers, source, image, channel, live, z.dense * self.size,
                1, 0, row * 2 * z.outs_right, 0,
                f.least(rows * 2, z.outs_down - row * 2) * z.outs_right,
            )  # fmt: skip

    def _results(self, live: Val) -> Val:
        """A block's results in order; gives NaN if one is not finite, else zero."""
        f, z, kind, lanes = self.f, self.z, self.kind, self.lanes
        fault, order = f.var(kind, lanes, 0), [j // 2 + j % 2 * lanes for j in range(2 * lanes)]
        vectors = backwards(f, z.across, lanes)
        with f.loop(0, live) as i, f.loop(0, self.rows) as r, vectors as v:
            at = self._region("sums").shifted(i * z.slots + r * z.across + v, kind)
            made = _both([at.read(z.sums * k, kind, lanes) for k in range(16)], _made)
            total = made[0] + made[1] + made[2] + made[3]
            fault.set(fault.get() + f.select(self._there(v), total - total, 0))
            to = self._region("dense").shifted(i * z.dense + r * 2 * z.outs_right + v * 2, kind)
            for y, x in product((0, 1), (0, lanes)):
                line = f.shuffle(made[2 * y], made[2 * y + 1], order[x : x + lanes])
                to.write(z.outs_right * y + x, line)
        return f.folded(fault.get(), add)

    def _plainly(self, channel: Val, live: Val) -> None:
        """Sums that give the results of the definition: in the corners of the 4 x 4 parts."""
        f, z, kind, lanes = self.f, self.z, self.kind, self.lanes
        fill(f, self._region("sums"), 0, z.sums * 16, f.const(0, kind, lanes))
        with self._seen() as (c, place, mask, seen), f.loop(0, live) as i:
            row = (channel + i) * z.apart + c * z.lead
            taps = [f.spread(z.filters_at.read(row + self._tap(t), kind), lanes) for t in range(9)]
            for y, x in product((0, 1), (0, 1)):
                at = self._part("sums", 12 * y + 3 * x).shifted(i * z.slots + place, kind)
                total = f.load(at, kind, lanes, mask)
                for t, w in enumerate(taps):
                    one = seen[(y + t // 3) * 4 + x + t % 3]
                    total = f.fma(one, w if x == y else -w, total)  # results subtract the others
                f.store(at, total, mask)
