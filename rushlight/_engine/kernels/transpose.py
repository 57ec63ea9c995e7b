"""Pointwise work on operands that lie in order along different axes, a square tile at a time.

What lies across is read in its own order and turned in registers, into a tile in the nearest
cache; the tile's rows are then worked on like any others. A tile is as wide as a line of the cache,
so that no line is read or written twice.
"""

from typing import Any

from ..builder import BOOL, I8, I64, Function, Kind, Val
from .nest import Nest, Operand, Rows, along_axes, fetch, placed
from .share import tasks
from .totals import REDUCTIONS

_LINE = 64  # bytes
_LONG = 256  # bytes read at once where two operands cannot both be read in their own order
_TASK = 256  # elements of a task's rows and of its columns, about
_SMALL = 256  # elements: below, the code of tiles costs more than it saves
_STREAMED = 1 << 24  # bytes: an output that is larger than the caches passes them by


def _across(nest: Nest, axis: int) -> list[int]:
    """The values that lie in order along a leading axis and not along the rows."""
    return [
        v for v, o in nest.loads.items()
        if o.lead[axis] == 1 and o.along not in (0, 1) and nest.lead[axis] > 1
    ]  # fmt: skip


def suits(nest: Nest) -> bool:
    """Whether anything lies across rows that are stored along."""
    if any(s.word in REDUCTIONS or s.word == "position" for s in nest.steps):
        return False
    if not nest.lead or nest.rows * nest.length < _SMALL or nest.length < 2:
        return False
    stored = all(o.along == 1 for _, o in nest.stores)
    return stored and any(_across(nest, a) for a in range(len(nest.lead)))


class Tiles:
    """The writing of one kernel."""

    def __init__(self, f: Function, nest: Nest) -> None:
        n = len(nest.lead)
        axis = max(range(n), key=lambda a: len(_across(nest, a)))
        order = [a for a in range(n) if a != axis]
        self.f, self.nest = f, placed(nest, [*order, axis, n])
        self.rows = Rows(f, self.nest)
        self.lanes = self.rows.lanes
        size = max(o.kind.size for o in [*nest.loads.values(), *(o for _, o in nest.stores)])
        others = any(
            o.along == 1 and v not in _across(self.nest, n - 1) for v, o in self.nest.loads.items()
        )
        self.side = max(self.lanes, (_LONG if others else _LINE) // max(size, 4))
        self.turned = {v: self._tile(self.nest.loads[v]) for v in _across(self.nest, n - 1)}
        self.streamed = self._streams()

    def _tile(self, o: Operand) -> tuple[Operand, Kind, Val]:
        """An operand that lies across, the kind of its bytes, and the memory of its tile."""
        kind = I8 if o.kind is BOOL else o.kind
        return o, kind, self.f.buffer(kind, self.side * self.side)

    def _streams(self) -> bool:
        """Whether the first store passes by the caches: large, each row aligned like the first."""
        _, o = self.nest.stores[0]
        size = self.nest.rows * self.nest.length * o.kind.size
        known = any(x.buffer == o.buffer for x in self.nest.loads.values())
        even = all(s * o.kind.size % _LINE == 0 for s in o.lead)
        whole = o.kind.size * self.lanes == self.f.target.vector
        return size >= _STREAMED and not known and even and whole

    def write(self) -> None:
        """Tasks of neighbouring tiles; in each, down the rows, which is along what lies across."""
        f, nest, side = self.f, self.nest, self.side
        height, width, many = nest.lead[-1], nest.length, max(_TASK // side, 1)
        down = -(-height // (side * many))
        wide = width // side + 2  # one more where the first is what lies before a whole line
        over = -(-wide // many)
        outer = nest.rows // height
        with tasks(f, outer * down * over) as task:
            places = along_axes(task // (down * over), self.nest.lead[:-1])
            top = task // over % down * (side * many)
            first = task % over * many
            self.rows.stand([*places, top])
            ahead = self._ahead() if self.streamed else f.index(0)
            with f.loop(first, f.least(first + many, wide)) as t:
                head = t.equals(0)
                left = f.select(head, 0, (t - 1) * side + ahead)
                live = f.select(head, ahead, f.least(f.index(width) - left, side))
                with f.when(live > 0):
                    end = f.least(top + side * many, height)
                    with f.loop(top, end, side) as row:
                        self._at(places, row, left, f.least(end - row, side), live)

    def _ahead(self) -> Val:
        """Elements of a row before its first whole line."""
        v, o = self.nest.stores[0]
        bits = self.f.op(I64, 1, f"ptrtoint ptr {self.rows.bases[v, 'store'].name} to i64")
        ahead = ((0 - bits) & (_LINE - 1)) // o.kind.size
        return self.f.least(ahead, self.nest.length)

    def _at(self, places: list, row: Val, left: Val, height: Val, width: Val) -> None:
        """One tile: whole, or under masks where it is cut."""
        f = self.f
        whole = height.equals(self.side) & width.equals(self.side)
        with f.when(whole):
            self._one(places, row, left, None, None)
        if self.streamed or self.nest.length % self.side or self.nest.lead[-1] % self.side:
            with f.when(whole ^ f.const(1, BOOL)):
                self._one(places, row, left, height, width)

    def _one(self, places: list, row: Val, left: Val, height: Any, width: Any) -> None:
        f, lanes, side = self.f, self.lanes, self.side
        self.rows.stand([*places, row])
        for v, (o, kind, tile) in self.turned.items():
            with f.loop(0, side, lanes) as j, f.loop(0, side, lanes) as i:
                self._turn(self.rows.bases[v, "load"], o, kind, tile, left, i, j, height, width)
        with f.loop(0, side if height is None else height) as i:
            if height is None and self.streamed:
                self._fetch(places, row, left, i)
            self.rows.stand([*places, row + i])
            for c in range(0, side, lanes):
                mask = None if width is None else f.first_lanes(width - c, lanes)
                values = {
                    v: f.load(tile.shifted(i * side + c, kind), o.kind, lanes)
                    for v, (o, kind, tile) in self.turned.items()
                }
                self._finish(left + c, values, mask)

    def _fetch(self, places: list, row: Val, left: Val, i: Val) -> None:
        """What the next tile will read of one of its rows and columns."""
        f, side = self.f, self.side
        self.rows.stand([*places, row])
        for v, o in self.nest.loads.items():
            if v in self.turned:
                place = (left + i) * o.along + side
            elif o.along == 1:
                place = (i + side) * o.lead[-1] + left
            else:
                continue
            fetch(f, self.rows.bases[v, "load"].shifted(place, o.kind))

    def _finish(self, at: Val, values: dict, mask: Val | None) -> None:
        for n, (v, o) in enumerate(self.nest.stores):
            x = self.rows.value(v, at, mask, values)
            self.rows.put(v, o, at, x, mask, self.streamed and n == 0)

    def _turn(self, base: Val, o: Operand, kind: Kind, tile: Val, left: Val, i: Val, j: Val,
              height: Any, width: Any) -> None:  # fmt: skip
        """A square of as many elements as a vector has lanes: its columns read, its rows kept."""
        f, lanes = self.f, self.lanes
        columns = []
        for r in range(lanes):
            place = left + j + r
            if width is not None:  # beyond the last column, that one again
                place = f.least(place, self.nest.length - 1)
            mask = None if height is None else f.first_lanes(height - i, lanes)
            at = base.shifted(place * o.along + i, kind)
            columns.append(f.load(at, kind, lanes, mask))
        for r, x in enumerate(turned(f, columns)):
            f.store(tile.shifted((i + r) * self.side + j, kind), x)


def turned(f: Function, vectors: list[Val]) -> list[Val]:
    """The columns of the square whose rows these are: halves change places, then quarters ..."""
    n, step = len(vectors), len(vectors) // 2
    while step:
        low = [p if p & step == 0 else n + p - step for p in range(n)]
        high = [p + step if p & step == 0 else n + p for p in range(n)]
        made = list(vectors)
        for i in range(n):
            if i & step == 0:
                a, b = vectors[i], vectors[i + step]
                made[i], made[i + step] = f.shuffle(a, b, low), f.shuffle(a, b, high)
        vectors, step = made, step // 2
    return vectors
