"""Sums down the columns beside other work on the rows: each row is added to a row of sums while it
is in the nearest cache, the sums of all parts of the rows are joined in the end.

They are made in their own precision for a block of rows at most, and in float64 from there on.
"""

from collections.abc import Callable
from typing import Any

from ..._core.memory import LINE
from ..builder import F64, Function, Kind, Val
from .nest import Nest, fill, opened, store_first
from .plan import GRAIN, Plan
from .share import meet, tasks

_BLOCK = 64  # rows that are added up in their own precision
_PARTS = 64  # of all rows: a part is one thread's
_LEAST = 8  # rows of a part: fewer have little to add to its sums
_JOINED = 128  # columns whose parts a thread joins at once


class Downwards:
    """The sums of one nest.

    shared, own: bytes of scratch memory, of all threads together and of each.
    """

    def __init__(self, nest: Nest, plan: Plan) -> None:
        self.nest = nest
        fair = max(GRAIN // (nest.length * plan.cost), -(-nest.rows // _PARTS))
        self.height = max(fair, min(_LEAST, -(-nest.rows // 2)))
        self.parts = -(-nest.rows // self.height)
        self.pitch = (nest.length * 8 // LINE + 4) * LINE  # a row of sums, a vector beyond it
        self.own = len(nest.sums) * self.pitch
        self.shared = self.parts * self.own

    def lie(self, f: Function, shared: Val, own: Val) -> None:
        """Where the scratch memory is."""
        self.f, self.lanes, self.totals, self.block = f, f.target.lanes(8), shared, own

    def write(self, row: Callable[[Val], None]) -> None:
        """All rows, part by part; then the sums."""
        f, length, sums = self.f, self.nest.length, self.nest.sums
        for n, (_, o) in enumerate(sums):
            self._clear(self._row(self.block, n), o.kind)
        with tasks(f, self.parts) as task:
            first = task * self.height
            last = f.least(first + self.height, self.nest.rows)
            part = self.totals.shifted(task * self.own)
            for n in range(len(sums)):
                self._clear(self._row(part, n), F64)
            with f.loop(first, last, _BLOCK) as at:
                with f.loop(at, f.least(at + _BLOCK, last)) as r:
                    row(r)
                for n, (_, o) in enumerate(sums):
                    self._close(self._row(self.block, n), self._row(part, n), o.kind)
            if self.parts == 1:
                self._join(f.index(0), f.index(length))
        if self.parts > 1:
            meet(f)
            with tasks(f, -(-length // _JOINED)) as task:
                self._join(task * _JOINED, f.least(task * _JOINED + _JOINED, length))

    def add(self, n: int, at: Val, x: Any, lanes: int, mask: Val | None) -> None:
        """Elements of a row added to a sum."""
        f, kind = self.f, self.nest.sums[n][1].kind
        x = f.const(x, kind, lanes)
        if mask is not None:
            x = f.select(mask, x, f.const(-0.0, kind, lanes))
        place = self._row(self.block, n).shifted(at, kind)
        f.store(place, f.load(place, kind, lanes) + x)

    def _row(self, base: Val, n: int) -> Val:
        return base.shifted(n * self.pitch)

    def _clear(self, row: Val, kind: Kind) -> None:
        zeros = self.f.const(-0.0, kind, self.lanes)
        fill(self.f, row, 0, self.nest.length + 2 * self.lanes, zeros)

    def _close(self, row: Val, total: Val, kind: Kind) -> None:
        """The end of a block: its sums go to those of the part."""
        f, lanes = self.f, self.lanes
        with f.loop(0, self.nest.length, lanes) as at:
            mine, place = row.shifted(at, kind), total.shifted(at, F64)
            x = f.cast(f.load(mine, kind, lanes), F64)
            f.store(place, f.load(place, F64, lanes) + x)
            f.store(mine, f.const(-0.0, kind, lanes))

    def _join(self, first: Val, last: Val) -> None:
        """The sums of some columns, of all parts in their order."""
        f, length, lanes = self.f, self.nest.length, self.lanes
        whole = length // lanes * lanes
        with f.loop(first, f.least(last, whole), lanes) as at:
            self._joined(at, lanes)
        if whole < length:
            with f.when(last.equals(length)):
                self._joined(f.index(whole), length - whole)

    def _joined(self, at: Val, live: int) -> None:
        f = self.f
        for n, (_, o) in enumerate(self.nest.sums):
            total, row = f.var(F64, self.lanes, -0.0), self._row(self.totals, n).shifted(at, F64)
            with f.loop(0, self.parts) as part:
                x = f.load(row.shifted(part * self.own), F64, self.lanes)
                total.set(total.get() + x)
            store_first(f, opened(f, o).shifted(at, o.kind), f.cast(total.get(), o.kind), live)
