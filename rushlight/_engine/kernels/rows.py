"""Fused loops: pointwise words over rows of any strides, with reductions along a row and what
follows from them, in as many sweeps over the row as the reductions depend on each other.

A row is given to one thread; a single long row is shared by all, who add up their parts.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ..builder import BOOL, F64, I64, POINTER, Function, Kind, Module, Val, kind_of
from ..graph import Step, Value
from ..threads import barrier
from .words import emit, number_of

REDUCTIONS = {"sum", "max", "min"}
_UNROLL = 4
_BLOCK = 4096  # elements that are added up in their own precision before float64 takes over


@dataclass(slots=True)
class Operand:
    """Elements in memory: the buffer's number, where they begin, strides of the rows and along."""

    buffer: int
    offset: int
    lead: tuple[int, ...]
    along: int
    kind: Kind


@dataclass(slots=True)
class Nest:
    """What one kernel does: rows of a shape, each of `length` elements."""

    lead: tuple[int, ...]
    length: int
    steps: list[Step] = field(default_factory=list)
    loads: dict[int, Operand] = field(default_factory=dict)  # by value
    stores: list[tuple[int, Operand]] = field(default_factory=list)
    thin: set[int] = field(default_factory=set)  # values with one element for each row
    shared: bool = False  # one row for all threads

    @property
    def rows(self) -> int:
        """How many rows there are."""
        n = 1
        for k in self.lead:
            n *= k
        return n


def kernel(module: Module, nest: Nest) -> str:
    """The name of the function (buffers, thread, threads, control, partials) that runs a nest."""
    name = module.fresh("rows")
    f = module.function(name, "buffers:ptr me:i64 threads:i64 control:ptr partials:ptr")
    Rows(f, nest).write()
    f.done()
    return name


def part(f: Function, n: int, me: Val, threads: Val, grain: int = 1) -> tuple[Val, Val]:
    """This thread's share of n things, in whole grains."""
    grains = -(-n // grain)
    first, last = me * grains // threads * grain, (me + 1) * grains // threads * grain
    return first, f.least(last, n)


class Rows:
    """The writing of one kernel, or of what follows on a row of a matrix product."""

    def __init__(self, f: Function, nest: Nest, lanes: int = 0) -> None:
        self.f, self.nest = f, nest
        self.buffers, self.me, self.threads, self.control, self.partials = f.args
        kinds = [o.kind for o in nest.loads.values()] + [o.kind for _, o in nest.stores]
        wide = all(k.size == 8 for k in kinds if k is not BOOL) and any(k.size == 8 for k in kinds)
        self.lanes = lanes or f.target.lanes(8 if wide else 4)
        self.levels = self._levels()
        self.steps = {s.result.id: s for s in nest.steps}
        self.thin: dict[int, Val] = {}
        self.bases: dict[tuple, Val] = {}

    def _levels(self) -> dict[int, int]:
        """For each value, how many sweeps must be over before it can be had."""
        levels = dict.fromkeys(self.nest.loads, 0)
        for step in self.nest.steps:
            level = max((levels.get(v.id, 0) for v in step.values()), default=0)
            levels[step.result.id] = level + (step.word in REDUCTIONS)
        return levels

    def write(self) -> None:
        """The loop over rows."""
        f, nest = self.f, self.nest
        if nest.shared or not nest.lead:
            first, last = part(f, nest.length, self.me, self.threads, 64)
            self._row(f.index(0), first, last, True)
            return
        first, last = part(f, nest.rows, self.me, self.threads)
        with f.loop(first, last) as row:
            self._row(row, f.index(0), f.index(nest.length), False)

    # -- one row

    def _row(self, row: Val, start: Val, stop: Val, shared: bool) -> None:
        self.thin = {}
        self.stand(self._places(row))
        top = max(self.levels.values(), default=0)
        for level in range(top + 1):
            self._thin(level)
            reductions = [
                s for s in self.nest.steps
                if s.word in REDUCTIONS and self.levels[s.result.id] == level + 1
            ]  # fmt: skip
            stores = [
                (v, o)
                for v, o in self.nest.stores
                if v not in self.nest.thin and self.levels[v] == level
            ]
            if reductions or stores:
                self._sweep(reductions, stores, start, stop, shared)
        self._store_thin(shared)

    def stand(self, places: list[Val]) -> None:
        """Turn to the row at these places along the leading axes."""
        self.bases = {}
        for value, o in self.nest.loads.items():
            self.bases[value, "load"] = self._base(o, places)
        for value, o in self.nest.stores:
            self.bases[value, "store"] = self._base(o, places)

    def finish(self, at: Val, values: dict[int, Any], mask: Val | None) -> None:
        """Store what follows from these values at one place of the row."""
        for v, o in self.nest.stores:
            x = self._value(v, at, mask, values)
            self._put(v, o, at, self.f.const(x, o.kind, self.lanes), mask)

    def _places(self, row: Val) -> list[Val]:
        """The row's index along each leading axis."""
        places, lead = [], self.nest.lead
        for at in reversed(range(len(lead))):
            places.append(row % lead[at] if at else row)
            row = row // lead[at]
        return places[::-1]

    def _base(self, o: Operand, places: list[Val]) -> Val:
        f = self.f
        at = f.load(self.buffers.shifted(o.buffer, I64), POINTER)
        offset: Any = o.offset
        for place, stride in zip(places, o.lead):
            if stride:
                offset = place * stride + offset
        return at.shifted(offset, o.kind)

    def _thin(self, level: int) -> None:
        """Values with one element for this row that can be had now."""
        for value, o in self.nest.loads.items():
            if value in self.nest.thin and value not in self.thin:
                self.thin[value] = self.f.load(self.bases[value, "load"], o.kind)
        for step in self.nest.steps:
            v = step.result.id
            if v in self.nest.thin and step.word not in REDUCTIONS and self.levels[v] == level:
                given = [
                    self.thin[a.id] if isinstance(a, Value) else number_of(a) for a in step.args
                ]
                self.thin[v] = emit(self.f, step, given)

    def _store_thin(self, shared: bool) -> None:
        f = self.f
        stores = [(v, o) for v, o in self.nest.stores if v in self.nest.thin]
        if not stores:
            return

        def write() -> None:
            for v, _ in stores:
                f.store(self.bases[v, "store"], self.thin[v])

        if shared:
            with f.when(self.me.equals(0)):
                write()
        else:
            write()

    # -- one sweep

    def _sweep(self, reductions: list, stores: list, start: Val, stop: Val, shared: bool) -> None:
        f, lanes = self.f, self.lanes
        totals = [_Total(f, s, lanes) for s in reductions]
        spread = {v: f.spread(x, lanes) for v, x in self.thin.items()}
        block = _BLOCK if any(t.word == "sum" for t in totals) else 1 << 40
        if self.nest.length <= block:
            block = 1 << 40

        def body(at: Val, unit: int, mask: Val | None) -> None:
            values = dict(spread)
            for total in totals:
                total.add(unit, self._value(total.argument, at, mask, values), mask)
            for v, o in stores:
                x = self._value(v, at, mask, values)
                self._put(v, o, at, f.const(x, o.kind, lanes), mask)

        def chunk(first: Val, last: Val) -> None:
            for total in totals:
                total.begin()
            step = _UNROLL * lanes
            whole = first + (last - first) // step * step
            with f.loop(first, whole, step) as i:
                for unit in range(_UNROLL):
                    body(i + unit * lanes, unit, None)
            vectors = whole + (last - whole) // lanes * lanes
            with f.loop(whole, vectors, lanes) as i:
                body(i, 0, None)
            with f.when(vectors < last):
                body(vectors, 0, f.first_lanes(last - vectors, lanes))
            for total in totals:
                total.end()

        if block < 1 << 40:
            with f.loop(start, stop, block) as at:
                chunk(at, f.least(at + block, stop))
        else:
            chunk(start, stop)
        for k, total in enumerate(totals):
            found = self._joined(total, k) if shared else total.result()
            self.thin[total.made] = found

    def _joined(self, total: "_Total", k: int) -> Val:
        """The total of all threads' parts: each writes its own, waits, and reads all of them."""
        f = self.f
        wait = barrier(f.module)
        place = self.partials.shifted(k, I64)
        f.store(place.shifted(self.me * 8, I64), total.whole.get())
        f.call(wait, self.control, self.threads)
        joined = f.var(total.whole.kind, 1, f.load(place, total.whole.kind))
        with f.loop(1, self.threads) as t:
            other = f.load(place.shifted(t * 8, I64), total.whole.kind)
            joined.set(total.join(joined.get(), other))
        f.call(wait, self.control, self.threads)
        return f.cast(joined.get(), total.kind)

    def _value(self, v: int, at: Val, mask: Val | None, values: dict) -> Any:
        if v in values:
            return values[v]
        if v in self.nest.loads:
            made = self._get(v, self.nest.loads[v], at, mask)
        elif (step := self.steps[v]).word == "position":
            made = self.f.lanes_from(at, self.lanes)
        else:
            given = [
                self._value(a.id, at, mask, values) if isinstance(a, Value) else number_of(a)
                for a in step.args
            ]
            made = emit(self.f, step, given)
        values[v] = made
        return made

    def _get(self, v: int, o: Operand, at: Val, mask: Val | None) -> Val:
        f, base = self.f, self.bases[v, "load"]
        if o.along == 0:
            return f.spread(f.load(base, o.kind), self.lanes)
        if o.along == 1:
            return f.load(base.shifted(at, o.kind), o.kind, self.lanes, mask)
        parts = []
        last = f.index(self.nest.length - 1)
        for i in range(self.lanes):  # a lane beyond the row reads its last element
            place = f.least(at + i, last) if mask is not None else at + i
            parts.append(f.load(base.shifted(place * o.along, o.kind), o.kind))
        return f.gathered(parts)

    def _put(self, v: int, o: Operand, at: Val, x: Val, mask: Val | None) -> None:
        f, base = self.f, self.bases[v, "store"]
        f.store(base.shifted(at * o.along if o.along != 1 else at, o.kind), x, mask)


class _Total:
    """A reduction in the making: vectors in the loop, one number after each block."""

    def __init__(self, f: Function, step: Step, lanes: int) -> None:
        self.f, self.word, self.made = f, step.word, step.result.id
        (value,) = [a for a in step.args if isinstance(a, Value)][:1]
        self.argument = value.id
        kind = kind_of(value.dtype)
        assert kind is not None
        self.kind, self.lanes = kind, lanes
        joins: dict[str, Callable[[Val, Val], Val]] = dict(
            sum=lambda a, b: a + b, max=self._larger, min=self._smaller
        )
        self.join = joins[self.word]
        self.start = {"sum": 0.0, "max": float("-inf"), "min": float("inf")}[self.word]
        self.units = [f.var(kind, lanes) for _ in range(_UNROLL)]
        self.whole = f.var(F64 if self.word == "sum" else kind, 1, self.start)

    def _larger(self, a: Val, b: Val) -> Val:
        return self.f.select((a > b) | a.isnan(), a, b)

    def _smaller(self, a: Val, b: Val) -> Val:
        return self.f.select((a < b) | a.isnan(), a, b)

    def begin(self) -> None:
        """Before a block."""
        for unit in self.units:
            unit.set(self.start)

    def add(self, unit: int, x: Any, mask: Val | None) -> None:
        """A vector more."""
        f, place = self.f, self.units[unit]
        x = f.const(x, self.kind, self.lanes)
        if mask is not None:
            x = f.select(mask, x, f.const(self.start, self.kind, self.lanes))
        place.set(self.join(place.get(), x))

    def end(self) -> None:
        """After a block: its sum, in float64 from here on."""
        f = self.f
        a, b, c, d = (u.get() for u in self.units)
        block = f.folded(self.join(self.join(a, b), self.join(c, d)), self.join)
        self.whole.set(self.join(self.whole.get(), f.cast(block, self.whole.kind)))

    def result(self) -> Val:
        """The total, in the kind of its elements."""
        return self.f.cast(self.whole.get(), self.kind)
