"""Running sums, products and extrema along an axis, and what follows on each of their elements.

Along the last axis a vector is scanned by log2(lanes) shifted joins; a long row is shared: the
totals of its parts first, then each part from what came before it. Along another axis neighbours
run side by side.
"""

from dataclasses import dataclass
from typing import Any

from ..builder import BOOL, F32, F64, I32, I64, Function, Kind, Val, kind_of
from ..graph import Step, Value
from . import rows
from .nest import Nest, Rows, along_axes, fill, kind, vectors
from .share import PARTIALS, grouped, meet, tasks
from .totals import now, start

WORDS = {f"cumulative_{w}": w for w in ("sum", "prod", "max", "min")}
_STRIP = 512  # neighbours that run side by side: their states stay in the first cache
_PART = 1 << 14  # elements of a long row that a thread takes at once
_LONG = 4  # parts: a shorter row is one thread's
_GROUP = 1 << 12  # elements of short rows that it takes


@dataclass(slots=True)
class Scan:
    """The nest loads `given`; `value` and `place`, where extrema stood, are what is made of it."""

    word: str
    axis: int
    given: int
    value: int
    place: int | None
    kind: Kind  # of the result
    nest: Nest


def scanned(step: Step) -> bool:
    """Whether a step has a kernel: real numbers along one of several axes."""
    x: Any = step.args[0] if step.word in WORDS else None
    if x.__class__ is not Value or not x.ndim or not x.size:
        return False
    given, made = kind_of(x.dtype), kind_of(step.results[0].dtype)
    ready = not any(k is None or k is BOOL or k.storage for k in (given, made))
    return ready and max(x.shape) < 1 << 31


def described(step: Step, source: int, nest: Nest) -> Scan:
    """A step over rows of its shape, for the kernel."""
    x, axis = (*step.args, *step.params.values())
    value, *place = step.results
    return Scan(WORDS[step.word], axis % x.ndim, source, value.id, place[0].id if place else None,
                kind(value), nest)  # fmt: skip


def _parts(told: Scan) -> int:
    """Parts of a row that is shared; 0 where rows are not."""
    nest, parts = told.nest, -(-told.nest.length // _PART)
    return parts if told.axis == len(nest.lead) and nest.rows < _LONG <= parts else 0


def workspace(told: Scan, _target: Any, _threads: int) -> int:
    """Bytes of scratch memory for the totals of parts, behind the first PARTIALS."""
    return 16 * _parts(told)


def work(told: Scan) -> int:
    return rows.work(told.nest) + 4 * told.nest.rows * told.nest.length


def write(f: Function, told: Scan) -> None:
    writing = _Scan(f, told)
    if told.axis < len(told.nest.lead):
        writing.across()
    elif _parts(told):
        writing.shared()
    else:
        writing.along()


class _Scan:
    """The writing of one kernel. A state is a value, for extrema also its place."""

    def __init__(self, f: Function, told: Scan) -> None:
        self.f, self.told, self.nest = f, told, told.nest
        self.rows = Rows(f, told.nest)
        self.lanes = self.rows.lanes
        made = told.kind
        kind = F64 if made is F32 and told.word in ("sum", "prod") else made
        self.placed = told.word in ("max", "min")
        self.kinds = [kind, I32] if self.placed else [kind]
        self.start = [start(told.word, kind), 0][: len(self.kinds)]

    def _join(self, a: list[Val], b: list[Val]) -> list[Val]:
        """What comes to be of a state and a later one: of equal extrema the later, of NaN too."""
        (x, *_), (y, *_) = a, b
        if not self.placed:
            return [x + y if self.told.word == "sum" else x * y]
        later = y >= x if self.told.word == "max" else y <= x
        if y.kind.floating:
            later = later | y.isnan()
        return [self.f.select(later, q, p) for p, q in zip(a, b)]

    def _read(self, at: Val, place: Val, mask: Val | None) -> list[Val]:
        """The elements at a place of a row as states; `place` is theirs along the axis."""
        f = self.f
        x = f.cast(self.rows.value(self.told.given, at, mask, {}), self.kinds[0])
        return [x, place] if self.placed else [x]

    def _finish(self, at: Val, state: list[Val], mask: Val | None) -> None:
        f, told = self.f, self.told
        values = {told.value: f.cast(state[0], told.kind)}
        if told.place is not None:
            values[told.place] = f.cast(state[1], I64)
        self.rows.finish(at, values, mask)

    # -- along the last axis

    def along(self) -> None:
        """Each row by one thread."""
        f, nest = self.f, self.nest
        group = min(max(_GROUP // nest.length, 1), nest.rows)
        with grouped(f, nest.rows, group) as row:
            self.rows.stand(along_axes(row, nest.lead))
            carry = self._vars()
            self._walk(f.index(0), f.index(nest.length), carry, True)

    def shared(self) -> None:
        """Each row by all threads: totals of its parts, then the parts."""
        f, parts, n = self.f, _parts(self.told), self.nest.length
        room = f.args[-1].shifted(PARTIALS)
        with f.loop(0, self.nest.rows) as row:
            self.rows.stand(along_axes(row, self.nest.lead))
            for store in (False, True):
                with tasks(f, parts) as task:
                    carry, start = self._vars(), task * _PART
                    if store:
                        with f.loop(0, task) as k:
                            self._add(carry, self._kept(room, k))
                    self._walk(start, f.least(start + _PART, n), carry, store)
                    if not store:
                        for i, var in enumerate(carry):
                            f.store(room.shifted(task * 16 + 8 * i), var.get())
                meet(f)

    def _kept(self, room: Val, k: Val) -> list[Val]:
        f = self.f
        return [f.load(room.shifted(k * 16 + 8 * i), x) for i, x in enumerate(self.kinds)]

    def _vars(self) -> list:
        return [self.f.var(k, 1, x) for k, x in zip(self.kinds, self.start)]

    def _add(self, state: list, x: list[Val]) -> None:
        for var, v in zip(state, self._join(now(state), x)):
            var.set(v)

    def _walk(self, first: Val, last: Val, carry: list, store: bool) -> None:
        """Elements first to last of a row, scanned on from a state."""
        body = lambda at, mask: self._vector(at, carry, mask, store)
        vectors(self.f, first, last, self.lanes, body)

    def _vector(self, at: Val, carry: list, mask: Val | None, store: bool) -> None:
        f, lanes = self.f, self.lanes
        state = self._read(at, f.lanes_from(f.cast(at, I32), lanes), mask)
        if mask is not None:
            state = [f.select(mask, x, s) for x, s in zip(state, self.start)]
        step = 1
        while step < lanes:
            order = [max(i + lanes - step, lanes - 1) for i in range(lanes)]
            before = [
                f.shuffle(f.const(s, x.kind, lanes), x, order) for x, s in zip(state, self.start)
            ]
            state = self._join(before, state)
            step *= 2
        if store:
            held = [f.spread(var.get(), lanes) for var in carry]
            self._finish(at, self._join(held, state), mask)
        self._add(carry, [f.lane(x, lanes - 1) for x in state])

    # -- along another axis

    def across(self) -> None:
        """Strips of the last axis, one element of the scanned one after another."""
        f, nest, axis = self.f, self.nest, self.told.axis
        strips = -(-nest.length // _STRIP)
        sizes = tuple(1 if i == axis else n for i, n in enumerate(nest.lead))
        held = [f.buffer(k, min(-(-nest.length // 64) * 64, _STRIP)) for k in self.kinds]
        with tasks(f, nest.rows // nest.lead[axis] * strips) as task:
            places, first = along_axes(task // strips, sizes), task % strips * _STRIP
            n = f.least(f.index(nest.length) - first, _STRIP)
            for start, room, kind in zip(self.start, held, self.kinds):
                fill(f, room, 0, n, f.const(start, kind, self.lanes))
            with f.loop(0, nest.lead[axis]) as k:
                self.rows.stand([k if i == axis else p for i, p in enumerate(places)])
                body = lambda i, mask, k=k: self._side_by_side(held, first, i, k, mask)
                vectors(f, 0, n, self.lanes, body, nest.length % self.lanes)

    def _side_by_side(self, held: list, first: Val, i: Val, k: Val, mask: Val | None) -> None:
        f, lanes = self.f, self.lanes
        rooms = [room.shifted(i, kind) for room, kind in zip(held, self.kinds)]
        state = [f.load(room, kind, lanes) for room, kind in zip(rooms, self.kinds)]
        state = self._join(state, self._read(first + i, f.spread(f.cast(k, I32), lanes), mask))
        for room, made in zip(rooms, state):
            f.store(room, made)
        self._finish(first + i, state, mask)
