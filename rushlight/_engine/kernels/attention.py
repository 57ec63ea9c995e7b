"""Attention in blocks: scores and weights stay in the caches, forwards and backwards.

A task takes some queries (backwards: all of them) through the keys, a block of these at a time.
Operands are laid out in scratch memory, rows an odd number of lines apart, so that all products are
tiles of matmul_tiles.py; a strip of scores at a time becomes weights and is used. Forwards a row's
maximum and sum are kept up to date, and what it mixed so far is scaled when the maximum grows
(Milakov and Gimelshein, 2018; Dao and others, 2022). What a causal row must not see is not made.
"""

from dataclasses import dataclass
from math import inf, prod
from typing import Any

from ..._core.memory import LINE
from ..builder import Function, Kind, Val
from .matmul_tiles import tile
from .nest import Nest, Operand, Rows, along_axes, fill, opened, vectors
from .packing import packer
from .share import PARTIALS, tasks
from .vmath import exp, log

_ROOM = 1 << 17  # bytes of a block's keys and values: a quarter of a second cache of 512 KB
_QUERIES = 256  # that a task takes through the keys
_STRIP = 12  # queries whose scores are made at once: they stay in the first cache
_STRIP_BACK = 48  # backwards they are what two products sum over


@dataclass(slots=True)
class Attention:
    """out, peak = softmax(nest(q kt)) v, or the gradients, where g is given.

    Leading strides are those of the batch and of rows. `ends` are values of the nest: the product
    and the scores; backwards the products q kt and g vt, the weights, the slopes of q kt.
    """

    operands: tuple[Operand, ...]  # q, kt, v, g
    made: tuple[Operand, ...]  # out, peak; the gradients of q, k, v
    width: int
    mixed: int  # the width of v
    causal: bool
    safe: bool  # a row that sees nothing mixes zeros
    ends: tuple[int, ...]
    nest: Nest

    @property
    def kind(self) -> Kind:
        return self.operands[0].kind


def write(f: Function, told: Attention) -> None:
    (_Forward if len(told.operands) == 3 else _Backward)(f, told).write()


def workspace(told: Attention, target: Any, threads: int) -> int:
    return _Plan(told, target).bytes * threads


def work(told: Attention) -> int:
    each = (told.width + told.mixed) // (8 if len(told.operands) == 3 else 3) + 20
    return told.nest.rows * told.nest.length * each // (1 + told.causal)


def _up(n: Any, unit: int) -> Any:
    """n rounded up to whole units."""
    return (n + (unit - 1)) // unit * unit


class _Plan:
    """Sizes of blocks, and the areas of scratch memory: (rows, elements from row to row)."""

    def __init__(self, told: Attention, target: Any) -> None:
        size, back = told.kind.size, len(told.operands) == 4
        self.lanes, self.high = target.lanes(size), target.rows
        self.wide = target.columns * self.lanes
        self.queries, self.keys = told.nest.lead[-1], told.nest.length
        self.items = prod(told.nest.lead[:-1])
        most = max(_ROOM // (size * (told.width + told.mixed) * (1 + back)), 1)
        self.block = min(_up(self.keys, self.wide), max(most // self.wide, 1) * self.wide)
        self.strip = _up(_STRIP_BACK if back else _STRIP, self.high)
        self.chunk = self.queries
        if not back:
            few = self.items * -(-self.queries // _QUERIES) < 8
            self.chunk = min(_up(_QUERIES // 4 if few else _QUERIES, self.strip), self.queries)

        def apart(n: int) -> int:
            lines = -(-_up(n, self.wide) * size // LINE)
            return (lines + 1 - lines % 2) * LINE // size

        q, v = apart(told.width), apart(told.mixed)
        s = apart(_up(self.block, self.high) + self.lanes)
        rows, keys = _up(self.chunk, self.strip), _up(self.block, self.high)
        self.areas = {"q": (self.strip, q), "kt": (told.width, s), "s": (self.strip, s)}
        if back:
            self.areas |= {
                "k": (self.block, q), "vt": (told.mixed, s), "g": (self.strip, v),
                "t": (self.strip, s), "dq": (rows, q), "dk": (keys, q), "dv": (keys, v),
            }  # fmt: skip
        else:
            self.areas |= {"v": (self.block, v), "o": (rows, v), "top": (rows, 1), "sum": (rows, 1)}
        self.bytes = sum(_up(n * w * size, LINE) for n, w in self.areas.values())


class _Writer:
    """What both ways have in common."""

    def __init__(self, f: Function, told: Attention) -> None:
        self.f, self.told, self.kind = f, told, told.kind
        self.p = _Plan(told, f.target)
        self.lanes = self.p.lanes
        _, me, _, _, work = f.args
        at, self.room, self.apart = work.shifted(me * self.p.bytes + PARTIALS), {}, {}
        for name, (n, apart) in self.p.areas.items():
            self.room[name], self.apart[name] = at, apart
            at = at.shifted(_up(n * apart * self.kind.size, LINE))
        self.rows = Rows(f, told.nest, self.lanes)

    def stand(self, item: Val) -> None:
        """Turn to one of the batch."""
        f, told = self.f, self.told
        self.places = along_axes(item, told.nest.lead[:-1])
        self.given = [opened(f, o, self.places) for o in told.operands]
        self.made = [opened(f, o, self.places) for o in told.made]

    def laid(self, name: str, which: int, turned: bool, first: Val, n: Any, live: Any) -> None:
        """An operand's elements in an area: n rows of `live`.

        From the row `first` on; turned, they are columns of it, from the column `first` on.
        """
        f, o = self.f, self.told.operands[which]
        row, along = (o.along, o.lead[-1]) if turned else (o.lead[-1], o.along)
        step = along if name in ("kt", "vt") else row  # what `first` counts
        source = self.given[which].shifted(first * step, self.kind)
        pack = packer(f.module, self.kind, along, row)
        f.call(pack, source, along, row, self.room[name], self.apart[name], n, live)

    def product(
        self, a: str, turned: bool, b: str, made: str, rows: Any, columns: Any, n: Any, more: Any,
        first: Any = 0,
    ) -> None:  # fmt: skip
        """An area's rows, from `first` on, get (or more of) the sums over n places, in tiles."""
        f, kind, down = self.f, self.kind, self.apart[made]
        apart, along = (1, self.apart[a]) if turned else (self.apart[a], 1)
        lies = (1, 0, 0) if turned else (0, 1, 0)
        multiply = tile(f.module, kind, self.p.high, f.target.columns, *lies)
        step, to = self.apart[b], self.room[made].shifted(first * f.index(down), kind)
        with f.loop(0, columns, self.p.wide) as c, f.loop(0, rows, self.p.high) as r:
            f.call(
                multiply, self.room[a].shifted(r * apart, kind), apart, along,
                self.room[b].shifted(c, kind), step, to.shifted(r * down + c, kind),
                down, n, more,
            )  # fmt: skip

    def seen(self, n: Val, row: Val, j: Val) -> Val:
        """How many of n keys from j on a query sees."""
        if not self.told.causal:
            return n
        n = self.f.least(n, row + 1 - j)
        return self.f.select(n > 0, n, 0)

    def cleared(self, at: Val, first: Any, last: Any) -> None:
        fill(self.f, at, first, last, self.f.const(0, self.kind, self.lanes))

    def copied(self, made: int, row: Val, source: Val, n: int, scale: Val | None = None) -> None:
        """A row of a result, from scratch memory."""
        f, kind = self.f, self.kind
        to = self.made[made].shifted(row * self.told.made[made].lead[-1], kind)

        def copy(at: Val, mask: Val | None) -> None:
            x = source.read(at, kind, self.lanes)
            to.write(at, x if scale is None else x * f.spread(scale, x.lanes), mask)

        vectors(f, 0, f.index(n), self.lanes, copy)

    def strip_row(self, name: str, r: Val) -> Val:
        """Where a row of an area begins."""
        return self.room[name].shifted(r * self.apart[name], self.kind)


class _Forward(_Writer):
    """Weights, and what they mix."""

    def write(self) -> None:
        """The tasks of this thread: some queries each."""
        f, p, told = self.f, self.p, self.told
        chunks = -(-p.queries // p.chunk)
        with tasks(f, p.items * chunks) as task:
            first = task % chunks * p.chunk
            self.stand(task // chunks)
            rows = f.least(p.queries - first, p.chunk)
            keys = f.least(first + rows, p.keys) if told.causal else f.index(p.keys)
            with f.loop(0, keys, p.block) as j:
                n = f.least(keys - j, p.block)
                self.laid("kt", 1, False, j, told.width, n)
                self.laid("v", 2, False, j, n, told.mixed)
                with f.loop(0, rows, p.strip) as i:
                    live = self.seen(n, first + i + (p.strip - 1), j)
                    with f.when(live > 0):
                        self._strip(first, i, f.least(rows - i, p.strip), j, live)
            with f.loop(0, rows) as r:
                self._finish(first + r, r)

    def _strip(self, first: Val, i: Val, rows: Val, j: Val, live: Val) -> None:
        """Scores of some rows and one block of keys; what they mix is added."""
        self.laid("q", 0, False, first + i, rows, self.told.width)
        self.product("q", False, "kt", "s", rows, live, self.told.width, 0)
        with self.f.loop(0, rows) as r:
            self._weights(first + i + r, i + r, self.strip_row("s", r), j, live)
        self.product("s", False, "v", "o", rows, self.told.mixed, live, j, i)

    def _weights(self, row: Val, r: Val, at: Val, j: Val, live: Val) -> None:
        """Exponentials of a row's scores in their place, its maximum and sum, and their effect."""
        f, kind, lanes = self.f, self.kind, self.lanes
        raw, scores = self.told.ends
        self.rows.stand([*self.places, row])
        n, most, total = self.seen(live, row, j), f.var(kind, lanes, -inf), f.var(kind, lanes, 0)

        def score(i: Val, mask: Val | None) -> None:
            place = at.shifted(i, kind)
            values = {raw: f.load(place, kind, lanes)}
            x = self.rows.value(scores, j + i, mask, values)
            x = x if mask is None else f.select(mask, x, -inf)
            f.store(place, x)
            most.set(f.select(x > most.get(), x, most.get()))

        vectors(f, 0, n, lanes, score)
        tops, sums = self.room["top"].shifted(r, kind), self.room["sum"].shifted(r, kind)
        before = f.select(j.equals(0), f.const(-inf, kind), f.load(tops, kind))
        top = f.folded(most.get(), lambda a, b: f.select(a > b, a, b))
        top = f.select(top > before, top, before)
        still = f.spread(f.select(top.equals(-inf), 0, top), lanes)  # no NaN where nothing is seen
        end = _up(n, lanes)
        with f.loop(0, end, lanes) as i:
            x = exp(f, at.read(i, kind, lanes) - still)
            at.write(i, x)
            total.set(total.get() + x)
        self.cleared(at, end, live)
        f.store(tops, top)
        less = exp(f, f.spread(before, lanes) - still)
        with f.when(j > 0), f.loop(0, self.told.mixed, lanes) as i:
            place = self.strip_row("o", r).shifted(i, kind)
            f.store(place, f.load(place, kind, lanes) * less)
        earlier = f.select(j > 0, f.load(sums, kind) * f.lane(less, 0), 0.0)
        f.store(sums, earlier + f.folded(total.get(), lambda a, b: a + b))

    def _finish(self, row: Val, r: Val) -> None:
        """What a row mixed, over its sum; and the logarithm of this."""
        f, kind = self.f, self.kind
        sum = self.room["sum"].read(r, kind)
        scale, empty = f.const(1, kind) / sum, sum.equals(0)
        if self.told.safe:
            scale = f.select(empty, 0, scale)
        self.copied(0, row, self.strip_row("o", r), self.told.mixed, scale)
        if len(self.made) > 1:
            peak = self.room["top"].read(r, kind) + log(f, sum)
            if self.told.safe:
                peak = f.select(empty, inf, peak)
            self.made[1].write(row * self.told.made[1].lead[-1], peak)


class _Backward(_Writer):
    """The gradients of queries, keys and values."""

    def write(self) -> None:
        """The tasks of this thread: one of the batch each."""
        f, p, told = self.f, self.p, self.told
        with tasks(f, p.items) as item:
            self.stand(item)
            self._nothing("dq")
            with f.loop(0, p.keys, p.block) as j:
                n = f.least(p.keys - j, p.block)
                self.laid("kt", 1, False, j, told.width, n)
                self.laid("k", 1, True, j, n, told.width)
                self.laid("vt", 2, True, j, told.mixed, n)
                self._nothing("dk")
                self._nothing("dv")
                start = j // p.strip * p.strip if told.causal else 0
                with f.loop(start, p.queries, p.strip) as i:
                    live = self.seen(n, i + (p.strip - 1), j)
                    self._strip(i, f.least(p.queries - i, p.strip), j, live)
                with f.loop(0, n) as r:
                    self.copied(1, j + r, self.strip_row("dk", r), told.width)
                    self.copied(2, j + r, self.strip_row("dv", r), told.mixed)
            with f.loop(0, p.queries) as r:
                self.copied(0, r, self.strip_row("dq", r), told.width)

    def _nothing(self, name: str) -> None:
        rows, apart = self.p.areas[name]
        self.cleared(self.room[name], 0, rows * apart)

    def _strip(self, i: Val, rows: Val, j: Val, live: Val) -> None:
        """What some rows and one block of keys add to all gradients."""
        f, told = self.f, self.told
        self.laid("q", 0, False, i, rows, told.width)
        self.laid("g", 3, False, i, rows, told.mixed)
        self.product("q", False, "kt", "s", rows, live, told.width, 0)
        self.product("g", False, "vt", "t", rows, live, told.mixed, 0)
        with f.loop(0, rows) as r:
            self._slopes(i + r, self.strip_row("s", r), self.strip_row("t", r), j, live)
        self.product("t", False, "k", "dq", rows, told.width, live, 1, i)
        self.product("t", True, "q", "dk", live, told.width, rows, 1)
        self.product("s", True, "g", "dv", live, told.mixed, rows, 1)

    def _slopes(self, row: Val, s: Val, t: Val, j: Val, live: Val) -> None:
        """A row's weights and the slopes of its products, in the place of these."""
        f, kind, lanes = self.f, self.kind, self.lanes
        self.rows.stand([*self.places, row])
        n = self.seen(live, row, j)

        def made(i: Val, mask: Val | None) -> None:
            places = s.shifted(i, kind), t.shifted(i, kind)
            values = {v: f.load(at, kind, lanes) for v, at in zip(self.told.ends, places)}
            for at, v in zip(places, self.told.ends[2:]):
                x = self.rows.value(v, j + i, mask, values)
                f.store(at, x if mask is None else f.select(mask, x, 0.0))

        vectors(f, 0, n, lanes, made)
        for at in (s, t):
            self.cleared(at, _up(n, lanes), _up(live, self.p.high))
