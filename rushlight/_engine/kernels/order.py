"""Sorting: in which order the elements of rows stand, all of them or the first few.

An element becomes a whole number that is ordered as it is (NaN above all) and its place, so that
no two are equal and any way of sorting is a stable one: in 64 bits where both fit, else in two
numbers. Short rows go through a network of comparisons (Batcher, Spring Joint Computer Conference
1968), long ones are dealt out by one byte after another. Of a long row's first few, as many as
there is room for are sorted, then again with those that come before the last of them.
"""

from dataclasses import dataclass
from math import prod
from typing import Any

from ..builder import F32, I32, I64, POINTER, U8, Function, Val, once
from .nest import Operand, along_axes, opened, part, runs
from .share import PARTIALS, grouped, meet
from .vmath import FORMAT

_NETWORK = 512  # elements up to which comparisons are quicker than dealing out
_FEW = 2048  # from here on the first elements of a row are found by sorting all of it
_SHARED = 1 << 15  # elements of a row that all threads sort together
_GROUP = 1 << 11  # elements of short rows that a thread takes at once
_TABLE = 256 * 8  # bytes: how often each byte was met
_TOP = (1 << 63) - 1


@dataclass(slots=True)
class Order:
    """Rows of `size` elements: where the first `count` of each stand, and what they are."""

    source: Operand
    indices: Operand | None
    values: Operand | None
    rows: tuple[int, ...]
    size: int
    count: int
    descending: bool

    @property
    def columns(self) -> int:
        """Whole numbers that an element becomes."""
        return 2 if self.source.kind.size == 8 else 1

    @property
    def few(self) -> bool:
        """Whether the first are found without sorting the others."""
        return self.size > _NETWORK and self.count < min(self.size // 8, _FEW)

    @property
    def dealt(self) -> bool:
        """Whether rows are dealt out."""
        return self.size > _NETWORK and not self.few

    @property
    def room(self) -> int:
        """Elements that are sorted at once; a network wants a power of two."""
        n = 4 * self.count if self.few else self.size
        return n if self.dealt else 1 << max(n - 1, 31).bit_length()

    @property
    def shared(self) -> bool:
        """Whether all threads sort a row together."""
        return self.dealt and self.size >= _SHARED and prod(self.rows) < 4

    @property
    def bytes(self) -> int:
        """Memory for them, twice where they are dealt out."""
        return self.room * self.columns * 8 * (1 + self.dealt)


def workspace(told: Order, _target: Any, threads: int) -> int:
    return threads * _TABLE + told.bytes * (1 if told.shared else threads)


def work(told: Order) -> int:
    """About how much it does, in words on elements."""
    return prod(told.rows) * (told.size * (2 if told.few else 30) + told.count * 40)


def write(f: Function, told: Order) -> None:
    _Order(f, told).write()


class _Order:
    """The writing of one kernel."""

    def __init__(self, f: Function, told: Order) -> None:
        self.f, self.told = f, told
        _, me, threads, _, work = f.args
        table, room = work.shifted(PARTIALS), work.shifted(threads * _TABLE + PARTIALS)
        self.rank, self.ranks = (me, threads) if told.shared else (f.index(0), f.index(1))
        self.table = table if told.shared else table.shifted(me * _TABLE)
        self.room = room if told.shared else room.shifted(me * told.bytes)
        # In a network two columns lie one behind the other; what is dealt out lies side by side.
        self.step, self.apart = (told.columns, 1) if told.dealt else (1, told.room)
        self.network = "" if told.dealt else network(f.module, told.columns)

    def write(self) -> None:
        """Rows one after another, each by all threads or by one."""
        f, rows = self.f, prod(self.told.rows)
        if self.told.shared:
            with f.loop(0, rows) as row:
                self._row(row)
                self._meet()
            return
        group = max(_GROUP // self.told.size, 1)
        with grouped(f, rows, group) as row:
            self._row(row)

    def _meet(self) -> None:
        if self.told.shared:
            meet(self.f)

    def _row(self, row: Val) -> None:
        f, told, made = self.f, self.told, self.room
        source = opened(f, told.source, along_axes(row, told.rows))
        self._numbers(source, min(told.room, told.size))
        if told.dealt:
            made = self._deal()
        elif told.few:
            self._first_few(source)
        else:
            self._settle(told.size)
        self._deliver(row, source, made)

    # -- elements as whole numbers

    def _keys(self, source: Val, at: Val, lanes: int) -> Val:
        """A whole number for each element from `at` on that is ordered as they are."""
        f, o = self.f, self.told.source
        x = source.read(at * o.along, o.kind, lanes)
        if x.kind.storage:
            x = f.cast(x, F32)
        if x.kind.floating:
            nan, whole = x.isnan(), FORMAT[x.kind].whole
            most = (1 << 8 * whole.size - 1) - 1
            bits = f.bits(x + 0.0, whole)  # both zeros are one
            key = f.select(nan, most, bits ^ ((bits >> 8 * whole.size - 1) & most))
        else:
            key = f.cast(x, I64)
            if x.kind.family == "uint":
                key = key ^ -(1 << 63) if x.kind.size == 8 else key - (1 << 8 * x.kind.size - 1)
        return key ^ -1 if self.told.descending else key

    def _put(self, at: Val, key: Val, place: Val) -> None:
        """Elements from `at` on of what is sorted."""
        key = self.f.cast(key, I64)
        for c, x in enumerate([key, place] if self.told.columns == 2 else [(key << 32) | place]):
            self.room.write(at * self.step + c * self.apart, x)

    def _numbers(self, source: Val, n: int) -> None:
        """This thread's part of the first n elements."""
        f = self.f
        first, last = part(f, n, self.rank, self.ranks)
        lanes = f.target.lanes(8) if self.step == self.told.source.along == 1 else 1
        for start, stop, step in runs(first, last, lanes):
            with f.loop(start, stop, step) as i:
                self._put(i, self._keys(source, i, step), f.lanes_from(i, step))

    def _settle(self, n: Any) -> None:
        """Sort n elements; behind them stands what comes after all."""
        f, told = self.f, self.told
        with f.loop(n, told.room) as i:
            for c in range(told.columns):
                self.room.write(i + c * told.room, f.index(_TOP))
        f.call(self.network, self.room, told.room)

    def _first_few(self, source: Val) -> None:
        """The first `room` elements are there; the others are looked through."""
        f, told, n = self.f, self.told, self.told.room
        kind = I64 if told.columns == 2 or told.source.kind.family in ("int", "uint") else I32
        count, bound = f.var(I64, 1, n), f.var(kind)

        def settle() -> None:
            self._settle(count.get())
            count.set(told.count)
            last = self.room.read(told.count - 1, I64)
            bound.set(f.cast(last if told.columns == 2 else last >> 32, kind))

        settle()
        lanes = f.target.lanes(kind.size) if told.source.along == 1 else 1
        for start, stop, step in runs(n, told.size, lanes):
            with f.loop(start, stop, step) as i:
                key = self._keys(source, i, step)
                below = key < f.spread(bound.get(), step)
                with f.when(f.any(below), rare=True):
                    for lane in range(step):
                        with f.when(f.lane(below, lane)):
                            self._put(count.get(), f.lane(key, lane), i + lane)
                            count.set(count.get() + 1)
                    with f.when(count.get() > n - lanes):
                        settle()
        settle()

    # -- long rows

    def _deal(self) -> Val:
        """All elements sorted by one byte after another, the lowest first; gives where they lie."""
        f, told, columns, table = self.f, self.told, self.told.columns, self.table
        n, low = told.size, 4 if columns == 1 else 0
        high = low + (4 if told.source.kind.storage else told.source.kind.size)
        here, there = f.var(POINTER), f.var(POINTER)
        here.set(self.room)
        there.set(self.room.shifted(n * columns, I64))
        mine, places = table.shifted(self.rank * 256, I64), f.buffer(I64, 256)
        start, stop = part(f, n, self.rank, self.ranks)
        with f.loop(low, high) as byte:
            top = f.select(byte.equals(high - 1), f.index(128), 0)  # it tells the sign

            def digit(i: Any) -> Val:
                x = f.load(here.get().shifted(i * (8 * columns) + byte), U8)
                return f.cast(x, I64) ^ top

            with f.loop(0, 256) as d:
                mine.write(d, f.index(0))
            with f.loop(start, stop) as i:
                spot = mine.shifted(digit(i), I64)
                f.store(spot, f.load(spot, I64) + 1)
            self._meet()
            d, same = digit(f.index(0)), f.var(I64, 1, 0)
            with f.loop(0, self.ranks) as t:
                same.set(same.get() + table.read(t * 256 + d, I64))
            with f.when(same.get() < n):  # else all have the same byte
                self._lay_out(places)
                with f.loop(start, stop) as i:
                    spot = places.shifted(digit(i), I64)
                    x = here.get().read(i * columns, I64, columns)
                    at = f.load(spot, I64)
                    f.store(spot, at + 1)
                    there.get().write(at * columns, x)
                swap = here.get()
                here.set(there.get())
                there.set(swap)
            self._meet()
        return here.get()

    def _lay_out(self, places: Val) -> None:
        """Where this thread puts its first element with each byte."""
        f, total = self.f, self.f.var(I64, 1, 0)
        with f.loop(0, 256) as d, f.loop(0, self.ranks) as t:
            with f.when(t.equals(self.rank)):
                places.write(d, total.get())
            total.set(total.get() + self.table.read(t * 256 + d, I64))

    def _deliver(self, row: Val, source: Val, made: Val) -> None:
        f, told = self.f, self.told
        behind = self.apart * (told.columns - 1)
        with f.loop(*part(f, told.count, self.rank, self.ranks)) as i:
            place = made.read(i * self.step + behind, I64)
            if told.columns == 1:
                place = place & 0xFFFFFFFF
            at = row * told.count + i
            if told.indices is not None:
                opened(f, told.indices).write(at, place)
            if told.values is not None:
                o = told.source
                x = source.read(place * o.along, o.kind)
                opened(f, told.values).write(at, x)


@once("room:ptr n:i64")
def network(f: Function, columns: int) -> None:
    """A function (room, n) that sorts n elements, a power of two that whole vectors divide.

    Sorted blocks are joined to larger ones: each place is compared with its mirror image, then with
    places half as far away, and so on.
    """
    _Network(f, columns).write()


class _Network:
    """The writing of one network."""

    def __init__(self, f: Function, columns: int) -> None:
        self.f, self.columns = f, range(columns)
        self.room, self.n = f.args
        self.lanes = f.target.lanes(8)

    def write(self) -> None:
        """Blocks within vectors, then larger ones."""
        f, lanes, size = self.f, self.lanes, 2
        with f.loop(0, self.n, lanes) as i:
            x = self._load(i)
            while size <= lanes:
                x = self._halves(self._inside(x, size - 1), size // 4)
                size *= 2
            self._store(i, x)
        block = f.var(I64, 1, lanes)  # half of what is joined
        with f.forever() as out:
            f.leave_if(block.get() >= self.n, out)
            self._pass(block.get(), True)
            apart = f.var(I64, 1, block.get() >> 1)
            with f.forever() as inner:
                f.leave_if(apart.get() < lanes, inner)
                self._pass(apart.get(), False)
                apart.set(apart.get() >> 1)
            with f.loop(0, self.n, lanes) as i:
                self._store(i, self._halves(self._load(i), lanes // 2))
            block.set(block.get() << 1)

    def _load(self, at: Val) -> list[Val]:
        places = [self.room.shifted(at + self.n * c, I64) for c in self.columns]
        return [self.f.load(place, I64, self.lanes) for place in places]

    def _store(self, at: Val, x: list[Val]) -> None:
        for c in self.columns:
            self.room.write(at + self.n * c, x[c])

    def _below(self, a: list[Val], b: list[Val]) -> Val:
        """Whether elements come before others."""
        if len(a) == 1:
            return a[0] < b[0]
        return (a[0] < b[0]) | (a[0].equals(b[0]) & (a[1] < b[1]))

    def _turned(self, x: list[Val], mirrored: bool) -> list[Val]:
        return [self.f.shuffle(v, v, range(self.lanes)[::-1]) for v in x] if mirrored else x

    def _pass(self, apart: Val, mirrored: bool) -> None:
        """All pairs of places `apart` from each other, or mirrored in blocks twice as large."""
        f, lanes = self.f, self.lanes
        with f.loop(0, self.n >> 1, lanes) as i:
            inside = i & (apart - 1)
            low = i + i - inside
            high = low - inside - inside + apart + apart - lanes if mirrored else low + apart
            a, b = self._load(low), self._turned(self._load(high), mirrored)
            right = self._below(a, b)
            more = [f.select(right, y, x) for x, y in zip(a, b)]
            # Of a second select LLVM makes a masked store, which is slow on many CPUs.
            self._store(low, [x ^ y ^ z for x, y, z in zip(a, b, more)])
            self._store(high, self._turned(more, mirrored))

    def _halves(self, x: list[Val], apart: int) -> list[Val]:
        while apart:
            x = self._inside(x, apart)
            apart //= 2
        return x

    def _inside(self, x: list[Val], flips: int) -> list[Val]:
        """Each lane and the one whose number has these bits flipped, in order."""
        f, partners = self.f, [p ^ flips for p in range(self.lanes)]
        other = [f.shuffle(v, v, partners) for v in x]
        upper = f.mask([q < p for p, q in enumerate(partners)])
        stays = self._below(x, other) ^ upper
        return [f.select(stays, v, w) for v, w in zip(x, other)]
