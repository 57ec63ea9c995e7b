"""Reductions down columns: vectors lie across the rows of a nest, one total in each lane.

For sums over outer axes (what lies in order is the row of totals, not what is added up), and for
rows so short that a vector would hold little else than their end. Tall columns are walked in blocks
of a few rows, all columns of a block before the next, so that memory is read in its own order.
"""

from dataclasses import replace
from typing import Any

from ..builder import Function, Val
from ..graph import Step
from .nest import Nest, Operand, Rows, along_axes, pieces, placed, vectors
from .plan import GRAIN, Plan
from .share import PARTIALS, grouped, meet, tasks
from .totals import REDUCTIONS, Total, now
from .words import emitted

_SHORT = 16  # elements of a row: longer ones are better read along
_BLOCK = 64  # rows that are added up in their own precision
_TALL_BLOCK = 8  # rows of a tall column at once: as many streams as processors fetch ahead
_WIDE = 1024  # columns of a tall task: their totals stay in the nearest cache
_PARTS = 64  # tasks of a tall nest, about
_KEPT = 1 << 18  # bytes of values that may be kept from sweep to sweep


def _full(nest: Nest) -> list[Operand]:
    """The operands that have elements along the rows."""
    given = [o for v, o in nest.loads.items() if v not in nest.thin]
    return given + [o for v, o in nest.stores if v not in nest.thin]


def turned(nest: Nest) -> Nest:
    """The same nest, the axis that most operands are in order along put last: of the rows where
    there are reductions, of all where there are none."""
    n = len(nest.lead)
    if not n or nest.totals:
        return nest
    reduces = nest.has(*REDUCTIONS)
    strides = [(*o.lead, o.along) for o in _full(nest) + [o for _, o in nest.stores]]
    axes = range(n) if reduces else range(n + 1)
    best = max(axes, key=lambda a: (sum(s[a] == 1 for s in strides), a))
    if best < n - reduces and not nest.has("position"):
        order = [a for a in range(n + 1) if a != best]
        order.insert(n - reduces, best)
        nest = placed(nest, order)
    return merged(nest)


def merged(nest: Nest) -> Nest:
    """Neighbouring leading axes that all operands walk through as one become one."""
    at = 0
    while at + 1 < len(nest.lead):
        n = nest.lead[at + 1]
        if (
            nest.lead[at] != 1
            and n != 1
            and any(o.lead[at] != o.lead[at + 1] * n for o in nest.operands)
        ):
            at += 1
            continue
        gone = at + 1 if n == 1 else at

        def less(o: Operand, gone: int = gone) -> Operand:
            return replace(o, lead=o.lead[:gone] + o.lead[gone + 1 :])

        sizes = (*nest.lead[:at], nest.lead[at] * n, *nest.lead[at + 2 :])
        nest = nest.moved(sizes, nest.length, less)
    return nest


def suits(nest: Nest, target: Any) -> bool:
    """Whether vectors are better laid across the rows."""
    if not nest.lead or nest.lead[-1] == 1 or nest.totals or not nest.has(*REDUCTIONS):
        return False
    if nest.length == 1:
        return True
    large = [o for o in _full(nest) if o.along and o.lead[-1]]
    along, across = sum(o.along == 1 for o in large), sum(o.lead[-1] == 1 for o in large)
    return across > along


def _width(nest: Nest, plan: Plan, lanes: int) -> int:
    """Columns side by side: whole vectors."""
    return min(4 if sum(plan.costs) <= 8 else 1, -(-nest.lead[-1] // lanes)) * lanes


def _kept(nest: Nest, plan: Plan, lanes: int) -> int:
    """Bytes of a thread's for values that outlive a sweep."""
    size = len(plan.kept) * nest.length * _width(nest, plan, lanes) * 8
    return size if size <= _KEPT else 0


def workspace(nest: Nest, target: Any, threads: int) -> int:
    plan, lanes = Plan(nest, across=True), nest.lanes(target)
    if (tall := _Shape.of(nest, plan, lanes)) is not None:
        return tall.bytes * (threads if tall.parts == 1 else 1)
    return _kept(nest, plan, lanes) * threads


class _Shape:
    """How a tall nest is cut into tasks: chunks of columns, parts of their length."""

    def __init__(self, nest: Nest, plan: Plan, lanes: int) -> None:
        self.columns, width = nest.lead[-1], _width(nest, plan, lanes)
        self.outer = nest.rows // self.columns
        self.chunk = min(_WIDE // width * width, -(-self.columns // width) * width)
        self.chunks = -(-self.columns // self.chunk)
        made = min(max(nest.rows * nest.length * plan.cost // GRAIN, 1), _PARTS)
        parts = max(made // (self.outer * self.chunks), 1)
        self.height = max(-(-nest.length // parts), 2 * _BLOCK)
        self.height = -(-self.height // _BLOCK) * _BLOCK
        self.parts = -(-nest.length // self.height)
        self.stride = -(-self.columns // lanes) * lanes  # states of one part: whole vectors
        cells = self.chunk if self.parts == 1 else self.outer * self.parts * self.stride
        self.apart = (cells + 2 * lanes) * 8 // 64 * 64 + 64
        self.bytes = self.apart * 2 * len(plan.reductions(0))

    @classmethod
    def of(cls, nest: Nest, plan: Plan, lanes: int) -> "_Shape | None":
        """None where a nest is not tall, or more than totals."""
        small = nest.rows * nest.length < 1 << 16 or nest.length < 4
        return None if small or plan.sweeps != 1 or plan.stores(0) else cls(nest, plan, lanes)


class Columns:
    """The writing of one kernel."""

    def __init__(self, f: Function, nest: Nest) -> None:
        self.f, self.nest, self.plan = f, nest, Plan(nest, across=True)
        _, self.me, _, _, self.work = f.args
        n = len(nest.lead)
        across = placed(nest, [*range(n - 1), n, n - 1])  # the last two axes changed about
        self.rows = Rows(f, across, nest.lanes(f.target))
        self.lanes = self.rows.lanes
        self.outer: list[Val] = []
        self.thin: list[dict] = []
        self.units: list[tuple[int, Val | None]] = []
        self.position = [s.result.id for s in nest.steps if s.word == "position"]
        self._place_buffers()

    def _place_buffers(self) -> None:
        size = _kept(self.nest, self.plan, self.lanes)
        if not size:
            self.plan.kept.clear()
        at = self.work.shifted(self.me * size + PARTIALS)
        each = size // max(len(self.plan.kept), 1)
        self.buffers = {v: at.shifted(i * each) for i, v in enumerate(self.plan.kept)}

    def write(self) -> None:
        """The loop over blocks of columns."""
        f, nest, plan, lanes = self.f, self.nest, self.plan, self.lanes
        if (tall := _Shape.of(nest, plan, lanes)) is not None:
            _Tall(self, tall).write()
            return
        columns = nest.lead[-1]
        width = _width(nest, plan, lanes)
        full, rest = columns // width, columns % width
        blocks = full + (rest > 0)
        many = nest.rows // columns * blocks
        group = min(max(GRAIN // (nest.length * width * plan.cost), 1), many)
        with grouped(f, many, group) as item:
            self.outer = along_axes(item // blocks, self.nest.lead[:-1])
            block = item % blocks
            if full:
                with f.when(block < full):
                    self._block(block * width, pieces(f, width, lanes))
            if rest:
                with f.when(block >= full):
                    self._block(f.index(full * width), pieces(f, rest, lanes))

    # -- a block of columns

    def _block(self, column: Val, units: list) -> None:
        f, plan = self.f, self.plan
        self.units, self.thin = units, [{} for _ in units]
        for level in range(plan.sweeps):
            self.find_thin(level, column)
            totals = [Column(f, s, self.lanes, len(units)) for s in plan.reductions(level)]
            self._sweep(level, totals, column)
            for total in totals:
                for unit, known in enumerate(self.thin):
                    known[total.made] = total.result(unit)
        self.store_thin(column)

    def find_thin(self, level: int, column: Val) -> None:
        """Values with one element for each column that can be had now."""
        f, nest, rows = self.f, self.nest, self.rows
        if level == 0:
            rows.stand([*self.outer, f.index(0)])
        for (at, mask), known in zip(self.units, self.thin):
            for v in nest.loads:
                if v in nest.thin and v not in known:
                    rows.value(v, column + at, mask, known)
            for step in self.plan.thin(level):
                known[step.result.id] = emitted(f, step, lambda a, known=known: known[a.id])

    def store_thin(self, column: Val) -> None:
        """What is left of each column."""
        self.find_thin(self.plan.sweeps, column)
        self.rows.stand([*self.outer, self.f.index(0)])
        for v, o in self.rows.nest.stores:
            if v in self.nest.thin:
                for (at, mask), known in zip(self.units, self.thin):
                    self.rows.put(v, o, column + at, known[v], mask)

    def _sweep(self, level: int, totals: list["Column"], column: Val) -> None:
        f, n = self.f, self.nest.length
        blocks = n > _BLOCK and any(t.wide is not t.kind for t in totals)
        for total in totals:
            total.open(blocks)
        if not blocks:
            with f.loop(0, n) as k:
                self._step(level, totals, column, k)
            return
        with f.loop(0, n, _BLOCK) as at:
            with f.loop(at, f.least(at + _BLOCK, n)) as k:
                self._step(level, totals, column, k)
            for total in totals:
                total.close()

    def _step(self, level: int, totals: list["Column"], column: Val, k: Val) -> None:
        f, rows, plan, lanes = self.f, self.rows, self.plan, self.lanes
        stores = [
            (v, o)
            for v, o in rows.nest.stores
            if v not in self.nest.thin and plan.levels[v] == level
        ]
        rows.stand([*self.outer, k])
        for unit, (at, mask) in enumerate(self.units):
            values, cell = self.values(unit, k), (k * len(self.units) + unit) * lanes
            for v, s in plan.kept.items():
                if s < level:
                    values[v] = self.buffers[v].read(cell, plan.kind(v), lanes)
            for total in totals:
                x = rows.value(total.argument, column + at, mask, values)
                total.add(total.units[unit], total.lifted(x, k, None))
            for v, o in stores:
                rows.put(v, o, column + at, rows.value(v, column + at, mask, values), mask)
            for v in plan.saved(level):
                x = f.const(rows.value(v, column + at, mask, values), plan.kind(v), lanes)
                self.buffers[v].write(cell, x)

    def values(self, unit: int, k: Val) -> dict:
        """What is known at a row of a vector's columns."""
        return self.thin[unit] | dict.fromkeys(self.position, k)


class Column(Total):
    """A reduction down columns: a state for each vector of them, and one for blocks before."""

    def __init__(self, f: Function, step: Step, lanes: int, units: int) -> None:
        super().__init__(f, step, lanes, units)
        self.wholes = [self.vars(lanes, wide=True) for _ in range(units)]

    def close(self) -> None:
        for state, whole in zip(self.units, self.wholes):
            self.add(whole, self.widened(now(state)))
            self.begin(state)

    def result(self, unit: int) -> Val:
        """What the columns of a vector come to."""
        state = self.wholes[unit] if self.blocks else self.units[unit]
        return self.result_of(now(state))


class _Tall:
    """The way down tall columns: states in memory, blocks of rows added to them in turn."""

    def __init__(self, owner: Columns, shape: _Shape) -> None:
        self.c, self.shape, self.f = owner, shape, owner.f
        steps = owner.plan.reductions(0)
        self.width = _width(owner.nest, owner.plan, owner.lanes)
        self.reps = 4 // (self.width // owner.lanes)
        self.totals = [
            Column(self.f, s, owner.lanes, self.width // owner.lanes * self.reps) for s in steps
        ]

    def write(self) -> None:
        """Tasks, and the joining of their parts."""
        f, s, c = self.f, self.shape, self.c
        with tasks(f, s.outer * s.chunks * s.parts) as task:
            part, item = task % s.parts, task // s.parts
            c.outer = along_axes(item // s.chunks, c.nest.lead[:-1])
            first = item % s.chunks * s.chunk
            last = f.least(first + s.chunk, s.columns)
            self.base = self._base(item // s.chunks * s.parts + part, first)
            self._begin(first, last)
            top = part * s.height
            end = f.least(top + s.height, c.nest.length)
            with f.loop(top, end, _TALL_BLOCK) as k:
                self._block(k, f.least(k + _TALL_BLOCK, end), first, last)
            if s.parts == 1:
                self._end(first, last, 1)
        if s.parts > 1:
            meet(f)
            with tasks(f, s.outer * s.chunks) as item:
                c.outer = along_axes(item // s.chunks, c.nest.lead[:-1])
                first = item % s.chunks * s.chunk
                self.base = self._base(item // s.chunks * s.parts, first)
                self._end(first, f.least(first + s.chunk, s.columns), s.parts)

    def _base(self, number: Val, first: Val) -> Val:
        """Where the states of a task begin: its thread's own, or among those of all parts."""
        s, c = self.shape, self.c
        own = c.me * s.bytes if s.parts == 1 else (number * s.stride + first) * 8
        return c.work.shifted(own + PARTIALS)

    def _place(self, r: int, column: Val) -> Val:
        """Where the states of a column are, each lane in eight bytes' room."""
        return self.base.shifted(column * 8 + r * 2 * self.shape.apart)

    def _begin(self, first: Val, last: Val) -> None:
        f, lanes = self.f, self.c.lanes
        with f.loop(0, last - first, lanes) as at:
            for r, total in enumerate(self.totals):
                state = [f.const(x, k, lanes) for x, k in zip(total.start, total.wides)]
                total.put(self._place(r, at), state, self.shape.apart)

    def _block(self, top: Val, end: Val, first: Val, last: Val) -> None:
        f, c, s = self.f, self.c, self.shape
        whole = s.columns // self.width * self.width
        if whole:
            with f.loop(first, f.least(last, whole), self.width) as column:
                self._columns(top, end, column, first, pieces(f, self.width, c.lanes))
        if s.columns > whole:
            with f.when(last.equals(s.columns)):
                rest = pieces(f, s.columns - whole, c.lanes)
                self._columns(top, end, f.index(whole), first, rest)

    def _columns(self, top: Val, end: Val, column: Val, first: Val, units: list) -> None:
        f, c, n = self.f, self.c, len(units)
        reps = self.reps if n * self.reps <= len(self.totals[0].units) else 1
        c.units, c.thin = units, [{} for _ in units]
        c.find_thin(0, column)
        for total in self.totals:
            total.open(False)
        even = top + (end - top) // reps * reps
        with f.loop(top, even, reps) as k:
            for rep in range(reps):
                self._row(k + rep, column, rep * n)
        if reps > 1 and c.nest.length % reps:
            with f.loop(even, end) as k:
                self._row(k, column, 0)
        for r, total in enumerate(self.totals):
            for unit, (at, _) in enumerate(units):
                state = now(total.units[unit])
                for rep in range(1, reps):
                    state = total.join(now(total.units[rep * n + unit]), state)
                place = self._place(r, column - first + at)
                before = total.got(place, c.lanes, self.shape.apart)
                total.put(place, total.join(total.widened(state), before), self.shape.apart)

    def _row(self, k: Val, column: Val, first: int) -> None:
        c = self.c
        c.rows.stand([*c.outer, k])
        for unit, (at, mask) in enumerate(c.units):
            values = c.values(unit, k)
            for total in self.totals:
                x = c.rows.value(total.argument, column + at, mask, values)
                total.add(total.units[first + unit], total.lifted(x, k, None))

    def _end(self, first: Val, last: Val, parts: int) -> None:
        """The states of all parts joined, and what follows on them."""
        body = lambda column, mask: self._finish(column, first, [(0, mask)], parts)
        vectors(self.f, first, last, self.c.lanes, body, self.shape.columns % self.c.lanes)

    def _finish(self, column: Val, first: Val, units: list, parts: int) -> None:
        f, c = self.f, self.c
        c.units, c.thin = units, [{}]
        c.find_thin(0, column)
        for r, total in enumerate(self.totals):
            whole = total.wholes[0]
            total.begin(whole)
            with f.loop(0, parts) as part:
                place = self._place(r, column - first + part * self.shape.stride)
                total.add(whole, total.got(place, c.lanes, self.shape.apart))
            c.thin[0][total.made] = total.result_of(now(whole))
        c.find_thin(1, column)
        c.store_thin(column)
