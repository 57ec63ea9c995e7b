"""Fused loops: pointwise words over rows of any strides, with reductions along a row and what
follows from them, in as many sweeps over the row as the reductions depend on each other.

A row is one thread's; a single long row is shared by all, who leave the totals of their parts.
Short rows stay in registers from their first sweep to their last.
"""

from collections.abc import Callable
from typing import Any

from ..builder import I64, Function, Val
from . import columns, transpose
from .downwards import Downwards
from .nest import LINE, Nest, Operand, Rows, along_axes, before_line, fetch, pieces
from .plan import GRAIN, Plan, eased
from .share import COUNTER, PARTIALS, grouped, meet, tasks
from .totals import BLOCK, Total, now
from .words import DEAR, emitted

_INLINE = 4  # vectors: a shorter row is written out
_MOST = 256  # parts of a row that is shared
_ROW = 1 << 18  # bytes of a row's values that may be kept from sweep to sweep
# Rows that a thread takes at once, where there are tasks enough: it waits for its stores before it
# takes more, and what it fetched ahead shall not be another's (softmax, 4096 x 4096: 6.8 -> 4 ms).
_RUN, _TASKS = 16, 64
_FAR = 1 << 20  # elements: in smaller work rows need not be fetched ahead
_PAGE = 4096  # bytes: processors fetch ahead to its end by themselves (GELU 3.8 -> 3.1 ms)


def write(f: Function, nest: Nest) -> None:
    """The body of the kernel that runs a nest."""
    nest = _laid(nest)
    if not nest.sums and columns.suits(nest, f.target):
        columns.Columns(f, nest).write()
    elif not nest.sums and transpose.suits(nest):
        transpose.Tiles(f, nest).write()
    else:
        _Along(f, nest).write()


def workspace(nest: Nest, target: Any, threads: int) -> int:
    nest = _laid(nest)
    if not nest.sums and columns.suits(nest, target):
        return columns.workspace(nest, target, threads)
    plan = Plan(nest)
    down = Downwards(nest, plan)
    return _partials(nest, plan) + down.shared + (_kept(nest, plan) + down.own) * threads


def _laid(nest: Nest) -> Nest:
    """The nest with its axes in the order in which it is walked."""
    return eased(columns.merged(nest) if nest.sums else columns.turned(nest))


def work(nest: Nest) -> int:
    """How much a nest does, in elements: dear words count ten times."""
    dear = sum(10 if s.word in DEAR else 1 for s in nest.steps)
    memory = len(nest.loads) + len(nest.stores) + len(nest.sums)
    return nest.rows * nest.length * (dear + memory)


def _grain(nest: Nest, plan: Plan) -> int:
    """Elements of a long row that a thread takes at once: whole lines."""
    fair = max(GRAIN // plan.cost, 1024, -(-nest.length // _MOST))
    return -(-fair // 1024) * 1024


def _cut(nest: Nest, plan: Plan) -> tuple[int, int, int]:
    """Of rows that share a total, how many a task takes, and how much of each; tasks of a total."""
    rows, n, grain = nest.rows // nest.totals, nest.length, _grain(nest, plan)
    if nest.totals >= _TASKS:
        return rows, n, 1
    across = max(min(-(-n // grain), _MOST // rows), 1)  # of few and long rows, a part of one
    height = max(grain // n, -(-rows // _MOST), 1)
    wide = n if across == 1 else -(-n // (across * 1024)) * 1024
    return height, wide, -(-rows // height) * -(-n // wide)


def _partials(nest: Nest, plan: Plan) -> int:
    """Bytes for the totals of a shared row's parts, or of rows that share one."""
    parts = -(-nest.length // _grain(nest, plan))
    if shared := 0 < nest.totals < nest.rows:
        parts = _cut(nest, plan)[2] * nest.totals
    made = sum(len(plan.reductions(level)) for level in range(plan.sweeps))
    alone = (nest.rows == 1 and not nest.sums) or shared
    return (parts * made * 16 + COUNTER + 63) // 64 * 64 if alone else 0


def _row_bytes(nest: Nest, plan: Plan, v: int) -> int:
    """Bytes for a row of a kept value, and a vector beyond its end."""
    return (nest.length * plan.kind(v).size + 127) // 64 * 64


def _kept(nest: Nest, plan: Plan) -> int:
    total = sum(_row_bytes(nest, plan, v) for v in plan.kept)
    return total if total <= _ROW else 0


class _Along:
    """The writing of a kernel whose vectors lie along the rows."""

    def __init__(self, f: Function, nest: Nest) -> None:
        self.f, self.nest, self.plan = f, nest, Plan(nest)
        _, self.me, _, _, self.work = f.args
        self.rows = Rows(f, nest)
        self.lanes = self.rows.lanes
        self.thin: dict[int, Val] = {}
        self.short: list[dict] | None = None  # what is known at each vector of a short row
        self.buffers: dict[int, Val] = {}
        self.down = Downwards(nest, self.plan)
        self._place_buffers()

    def _place_buffers(self) -> None:
        """Memory of this thread's own for values that outlive a sweep."""
        size = _kept(self.nest, self.plan)
        own, first = size + self.down.own, PARTIALS + _partials(self.nest, self.plan)
        at = self.me * own + (first + self.down.shared)
        self.down.lie(self.f, self.work.shifted(first), self.work.shifted(at))
        at = at + self.down.own
        shared = self.nest.rows == 1 and self.nest.length > _grain(self.nest, self.plan)
        if not size or self.nest.length <= _INLINE * self.lanes or shared:
            self.plan.kept.clear()
            return
        for v in self.plan.kept:
            self.buffers[v] = self.work.shifted(at)
            at = at + _row_bytes(self.nest, self.plan, v)

    def write(self) -> None:
        """The loop over rows, or over parts of them."""
        f, nest, plan = self.f, self.nest, self.plan
        grain = _grain(nest, plan)
        alone = not any(plan.reductions(level) for level in range(plan.sweeps))
        if nest.sums:
            self.down.write(self._row)
        elif 0 < nest.totals < nest.rows:
            self._walk()
        elif nest.length > grain and nest.rows == 1 and not alone:
            self._shared(grain)
        elif nest.length > grain and alone:
            self._chunks(grain)
        else:
            fair = max(GRAIN // (nest.length * plan.cost), 1)
            run = min(_RUN, nest.rows // _TASKS)
            with grouped(f, nest.rows, min(max(fair, run), nest.rows)) as row:
                self._row(row)

    # -- one row

    def _row(self, row: Val) -> None:
        nest, lanes = self.nest, self.lanes
        self._stand(row)
        vectors = -(-nest.length // lanes)
        self.short = [{} for _ in range(vectors)] if vectors <= _INLINE else None
        for level in range(self.plan.sweeps):
            self._find_thin(level)
            totals = self._totals(level)
            body = self._body(level, totals)
            if self.short is not None:
                self._written_out(body)
            elif self._streams(level):
                for total in totals:
                    total.open(True)
                self._ragged(level, totals, body, self.f.index(0), self.f.index(nest.length))
            else:
                self._whole(level, totals, body)
            for total in totals:
                self.thin[total.made] = total.result()
        self._end()

    def _stand(self, row: Val) -> None:
        self.thin, self.rows.kept = {}, {}
        self.rows.stand(along_axes(row, self.nest.lead))

    def _end(self) -> None:
        self._find_thin(self.plan.sweeps)
        for v, o in self.nest.stores:
            if v in self.nest.thin:
                self.f.store(self.rows.bases[v, "store"], self.f.const(self.thin[v], o.kind))

    def _find_thin(self, level: int) -> None:
        """Values with one element for this row that can be had now."""
        for v, o in self.nest.loads.items():
            if v in self.nest.thin and v not in self.thin:
                self.thin[v] = self.f.load(self.rows.bases[v, "load"], o.kind)
        for step in self.plan.thin(level):
            self.thin[step.result.id] = emitted(self.f, step, lambda a: self.thin[a.id])

    # -- one sweep

    def _totals(self, level: int) -> list["_Sum"]:
        units = self._unroll() if self.short is None else len(self.short)
        return [_Sum(self.f, s, self.lanes, units) for s in self.plan.reductions(level)]

    def _unroll(self) -> int:
        """Vectors that are worked on side by side (GELU 6.5 -> 5.2 ms with four of them)."""
        return 4 if self.short is None else 1

    def _body(self, level: int, totals: list["_Sum"]) -> Callable:
        f, lanes, rows = self.f, self.lanes, self.rows
        spread = {v: f.spread(x, lanes) for v, x in self.thin.items()}
        stores, saved = self.plan.stores(level), self.plan.saved(level)
        streamed, ahead = self._streams(level), self._ahead(level)
        summed = self.plan.sums(level)
        kind, kept = self.plan.kind, self.plan.kept.items()
        rows.kept = {v: (self.buffers[v], kind(v)) for v, s in kept if s < level}

        def body(at: Val, unit: int, mask: Val | None, wide: int = 1) -> None:
            """`wide` vectors as one value: LLVM cuts it up, and works on the parts side by side."""
            lanes = rows.lanes = self.lanes * wide
            known = spread if wide == 1 else {v: f.spread(x, lanes) for v, x in self.thin.items()}
            values = dict(known) if self.short is None else self.short[unit]
            values.update(known)
            for o, place in ahead:
                if unit * lanes * o.kind.size % LINE == 0:
                    for line in range(0, lanes, LINE // o.kind.size):
                        fetch(f, place.shifted(at + line, o.kind))
            for total in totals:
                x = rows.value(total.argument, at, mask, values)
                for k in range(wide):
                    here = at + k * self.lanes
                    place = f.lanes_from(here, self.lanes) if total.placed else None
                    cut = part_of(f, x, k, wide)
                    total.add(total.units[unit + k], total.lifted(cut, place, mask))
            for n, (v, o) in enumerate(stores):
                x = rows.value(v, at, mask, values)
                rows.put(v, o, at, x, mask, streamed and n == 0)
            for n, (v, _) in enumerate(summed):
                self.down.add(n, at, rows.value(v, at, mask, values), lanes, mask)
            for v in saved:
                x = f.const(rows.value(v, at, mask, values), kind(v), lanes)
                self.buffers[v].write(at, x)
            rows.lanes = self.lanes

        return body

    def _ahead(self, level: int) -> list[tuple[Operand, Val]]:
        """Where to fetch: a second sweep, what the next row's first one will read; dear work that
        passes by the caches, a page on."""
        nest, far = self.nest, self.plan.costs[level] >= 10 and self._streams(level)
        found = [(v, o) for v, o in nest.loads.items() if v not in nest.thin and o.along == 1]
        if level == 1 and nest.lead and nest.rows * nest.length >= _FAR and nest.length >= 256:
            ahead = [(v, o, o.lead[-1]) for v, o in found if o.lead[-1] >= nest.length]
        else:
            ahead = [(v, o, _PAGE // o.kind.size) for v, o in found if far]
        return [(o, self.rows.bases[v, "load"].shifted(n, o.kind)) for v, o, n in ahead]

    def _streams(self, level: int) -> bool:
        """Whether the first store of a sweep is too large for the caches, and new to them."""
        stores, nest = self.plan.stores(level), self.nest
        if not stores or nest.length <= _INLINE * self.lanes or stores[0][1].along != 1:
            return False
        return nest.streams(stores[0][1], self.lanes, self.f.target)

    # -- ways along a row

    def _written_out(self, body: Callable) -> None:
        """Each vector of a short row by itself."""
        for unit, (at, mask) in enumerate(pieces(self.f, self.nest.length, self.lanes)):
            body(self.f.index(at), unit, mask)

    def _whole(self, level: int, totals: list, body: Callable) -> None:
        """A row of known length: what is left of it first, then several vectors at once."""
        blocks = self.nest.length > BLOCK and any(t.wide is not t.kind for t in totals)
        for total in totals:
            total.open(blocks)
        self._swept(totals, body, blocks)

    def _swept(self, totals: list, body: Callable, blocks: bool) -> None:
        f, n, lanes = self.f, self.nest.length, self.lanes
        step = self._unroll() * lanes
        main, vectors = n // step * step, n // lanes * lanes
        if main < vectors:
            with f.loop(main, vectors, lanes) as i:
                body(i, 0, None)
        if vectors < n:
            body(f.index(vectors), 0, f.first_lanes(n - vectors, lanes))
        self._main(totals, body, f.index(0), f.index(main), step, blocks)

    def _main(
        self, totals: list, body: Callable, first: Val, last: Val, step: int, blocks: bool
    ) -> None:
        f, lanes = self.f, self.lanes

        def units(start: Val, stop: Val) -> None:
            with f.loop(start, stop, step) as i:
                body(i, 0, None, step // lanes)

        if not blocks:
            units(first, last)
            return
        once = f.select(last > first, last, first + 1)  # the rest's totals are counted here too
        with f.loop(first, once, BLOCK) as at:
            units(at, f.least(at + BLOCK, last))
            for total in totals:
                total.close()

    def _ragged(self, level: int, totals: list, body: Callable, start: Val, stop: Val) -> None:
        """A part of a row: its ends under masks, and between them whole vectors, which are aligned
        where they pass by the caches."""
        f, lanes, n = self.f, self.lanes, self.nest.length
        step = self._unroll() * lanes
        streams = self._streams(level)
        first = f.least(start + self._unaligned(level, start), stop) if streams else start
        main = first + (stop - first) // step * step
        if streams or n % step:
            heads = LINE // f.target.vector if streams else 0
            left = (stop - main).parts(lanes)
            with f.loop(f.select(first > start, f.index(-heads), 0), left) as j:
                head = j < 0
                at = f.select(head, start + (j + heads) * lanes, main + j * lanes)
                live = f.least(f.select(head, first, stop) - at, lanes)
                body(at, 0, f.first_lanes(live, lanes))
        self._main(totals, body, first, main, step, bool(totals))

    def _unaligned(self, level: int, start: Val) -> Val:
        """Elements before the next whole line: half lines cost more than they save."""
        f, (v, o) = self.f, self.plan.stores(level)[0]
        at = self.rows.bases[v, "store"].shifted(start, o.kind)
        return before_line(f, at, o.kind)

    # -- parts of rows

    def _chunks(self, grain: int) -> None:
        """Pointwise work on long rows, a chunk at a time."""
        f, n = self.f, self.nest.length
        chunks = -(-n // grain)
        with tasks(f, chunks * self.nest.rows) as task:
            self._stand(task // chunks)
            start = task % chunks * grain
            for level in range(self.plan.sweeps):
                body = self._body(level, [])
                self._ragged(level, [], body, start, f.least(start + grain, n))

    def _shared(self, grain: int) -> None:
        """One row for all threads: totals of its parts, in memory, then of all of them."""
        f, plan, n = self.f, self.plan, self.nest.length
        parts, area = -(-n // grain), COUNTER
        self._stand(f.index(0))
        for level in range(plan.sweeps):
            self._find_thin(level)
            totals = self._totals(level)
            body = self._body(level, totals)
            with tasks(f, parts) as task:
                start = task * grain
                for total in totals:
                    total.open(True)
                self._ragged(level, totals, body, start, f.least(start + grain, n))
                for k, total in enumerate(totals):
                    place = self.work.shifted(task * 8 + (area + k * parts * 16))
                    total.put(place, now(total.whole), parts * 8)
            if totals:
                meet(f)
            for k, total in enumerate(totals):
                place = self.work.shifted(area + k * parts * 16)
                self.thin[total.made] = self._joined(total, place, parts)
            area += len(totals) * parts * 16
        with f.when(self.me.equals(0)):
            self._end()

    def _walk(self) -> None:
        """Rows that share a total: parts of them for all threads, as a shared row's."""
        f, nest, n = self.f, self.nest, self.nest.length
        rows, (height, wide, parts) = nest.rows // nest.totals, _cut(nest, self.plan)
        totals, across, step = self._totals(0), -(-n // wide), self._unroll() * self.lanes
        most = n // step + -(-(n % step) // self.lanes)  # what one lane adds up in a row
        tall = max(BLOCK // (step * most), 1)
        size = max(GRAIN // (rows * n * self.plan.cost), 1) if parts == 1 else 1
        with grouped(f, nest.totals * parts, size) as item:
            part, first = item // parts * rows, item % parts // across * height
            start, last = item % across * wide, f.least(first + height, rows)
            for total in totals:
                total.open(True)
            with f.loop(first, last, tall) as at:
                with f.loop(at, f.least(at + tall, last)) as r:
                    self._stand(part + r)
                    self._find_thin(0)
                    body = self._body(0, totals)
                    if across > 1 or self._streams(0):
                        self._ragged(0, totals, body, start, f.least(start + wide, n))
                    else:
                        self._swept(totals, body, n > BLOCK)
                for total in totals:
                    total.close()
            for k, total in enumerate(totals):
                total.put(self._place(k, item, parts), now(total.whole), 0)
        meet(f)
        with grouped(f, nest.totals, _MOST) as item:
            self._stand(item * rows)
            self._find_thin(0)
            for k, total in enumerate(totals):
                place = self._place(k, item * parts, parts)
                self.thin[total.made] = self._joined(total, place, parts)
            self._end()

    def _place(self, k: int, item: Val, parts: int) -> Val:
        """Where the k-th total of a part is."""
        return self.work.shifted(item * 8 + (COUNTER + k * self.nest.totals * parts * 8))

    def _joined(self, total: "_Sum", place: Val, parts: int) -> Val:
        """The total of all parts, in their order: it does not depend on who made which."""
        total.begin(total.whole)
        with self.f.loop(0, parts) as k:
            total.add(total.whole, total.got(place.shifted(k, I64), 1, parts * 8))
        return total.result_of(now(total.whole))


def part_of(f: Function, x: Any, k: int, n: int) -> Any:
    """The k-th of n equal parts of a wide value."""
    if n == 1 or not isinstance(x, Val) or x.lanes == 1:
        return x
    size = x.lanes // n
    return f.part(x, k * size, (k + 1) * size)


class _Sum(Total):
    """A reduction along a row: a state for each vector side by side, one for blocks before."""

    def __init__(self, f: Function, step: Any, lanes: int, units: int) -> None:
        super().__init__(f, step, lanes, units)
        self.whole = self.vars(1, wide=True)
        self.wholes = [self.whole]
        self.open(False)

    def close(self) -> None:
        self.add(self.whole, self.widened(self.folded(self.units)))
        for state in self.units:
            self.begin(state)

    def result(self) -> Val:
        return self.result_of(now(self.whole) if self.blocks else self.folded(self.units))
