"""Pointwise work on operands that lie in order along different axes, a square tile at a time.

What lies across is read in its own order and turned in registers, some rows of the tile at a time;
they are then worked on like any others. A tile is as wide as a line of the cache, so that no line
is read or written twice; what comes from memory is read, and written, four lines at once.
"""

from typing import Any

from ..builder import BOOL, I8, Function, Kind, Val
from .nest import LINE, STREAMED, Nest, Operand, Rows, along_axes, before_line, fetch, placed
from .packing import transposed
from .share import tasks
from .totals import REDUCTIONS

# Bytes read at once from memory, or where two operands cannot both be read in their own order: of
# 4096 x 4096 numbers, 64 bytes at a time are read in 11 ms and written in 10, 256 in 5 and in 3.
_LONG = 256
_SOON = 8  # rows that are asked for before they are read
_TASK = 256  # elements of a task's rows and of its columns, about
_SMALL = 256  # elements: below, the code of tiles costs more than it saves


def _across(nest: Nest, axis: int) -> list[int]:
    """The values that lie in order along a leading axis and not along the rows."""
    return [
        v
        for v, o in nest.loads.items()
        if o.lead[axis] == 1 and o.along not in (0, 1) and nest.lead[axis] > 1
    ]


def suits(nest: Nest) -> bool:
    """Whether anything lies across rows that are stored along."""
    if nest.has(*REDUCTIONS, "position"):
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
        size = max(o.kind.size for o in nest.operands)
        across, loads = _across(self.nest, n - 1), self.nest.loads
        others = any(o.along == 1 and v not in across for v, o in loads.items())
        wide, small = (max(self.lanes, n // max(size, 4)) for n in (_LONG, LINE))
        self.large = not others and self._large(size, wide)
        self.side = wide if others or self.large else small
        self.deep = self.lanes if self.large else self.side  # rows that are turned at once
        self.turned = {v: self._strip(loads[v]) for v in across}
        self.streamed = self._streams()

    def _large(self, size: int, side: int) -> bool:
        """Whether it is memory's speed that counts, and most tiles are whole."""
        nest = self.nest
        most = min(nest.length, nest.lead[-1]) >= 4 * side
        return most and nest.rows * nest.length * size >= STREAMED

    def _strip(self, o: Operand) -> tuple[Operand, Kind, Val]:
        """An operand that lies across, the kind of its bytes, and memory for some turned rows."""
        kind = I8 if o.kind is BOOL else o.kind
        return o, kind, self.f.buffer(kind, self.deep * self.side)

    def _streams(self) -> bool:
        """Whether the first store passes by the caches: large, each row aligned like the first."""
        _, o = self.nest.stores[0]
        even = all(s * o.kind.size % LINE == 0 for s in o.lead)
        return even and self.nest.streams(o, self.lanes, self.f.target)

    def write(self) -> None:
        """Tasks of neighbouring tiles; in each, down the rows, which is along what lies across."""
        f, nest, side = self.f, self.nest, self.side
        height, width, many = nest.lead[-1], nest.length, max(_TASK // side, 1)
        high, many = (side * many**2, 1) if self.large else (side * many, many)
        down = -(-height // high)
        wide = width // side + 2  # one more where the first is what lies before a whole line
        over = -(-wide // many)
        outer = nest.rows // height
        with tasks(f, outer * down * over) as task:
            places = along_axes(task // (down * over), self.nest.lead[:-1])
            top = task // over % down * high
            first = task % over * many
            self.rows.stand([*places, top])
            ahead = self._ahead() if self.streamed else f.index(0)
            with f.loop(first, f.least(first + many, wide)) as t:
                head = t.equals(0)
                left = f.select(head, 0, (t - 1) * side + ahead)
                live = f.select(head, ahead, f.least(f.index(width) - left, side))
                with f.when(live > 0):
                    end = f.least(top + high, height)
                    with f.loop(top, end, side) as row:
                        self._at(places, row, left, f.least(end - row, side), live)

    def _ahead(self) -> Val:
        """Elements of a row before its first whole line."""
        v, o = self.nest.stores[0]
        ahead = before_line(self.f, self.rows.bases[v, "store"], o.kind)
        return self.f.least(ahead, self.nest.length)

    def _at(self, places: list, row: Val, left: Val, height: Val, width: Val) -> None:
        """One tile: whole, or under masks where it is cut."""
        f = self.f
        whole = height.equals(self.side) & width.equals(self.side)
        with f.when(whole):
            self._one(places, row, left, None, None)
        if self.streamed or self.nest.length % self.side or self.nest.lead[-1] % self.side:
            with f.when(whole ^ 1):
                self._one(places, row, left, height, width)

    def _one(self, places: list, row: Val, left: Val, height: Any, width: Any) -> None:
        f, lanes, side, deep = self.f, self.lanes, self.side, self.deep
        whole = height is None
        self.rows.stand([*places, row])
        near = {v: self._near(v, left, whole) for v in self.turned}
        with f.loop(0, side if whole else height, deep) as i:
            for v, (_, kind, strip) in self.turned.items():
                with f.loop(0, side if whole else width, lanes) as j, f.loop(0, deep, lanes) as k:
                    self._turn(*near[v], kind, strip, i, j, k, height, width)
            with f.loop(0, deep if whole else f.least(height - i, deep)) as k:
                if whole and (self.streamed or self.large):
                    self._fetch(places, row, left, i + k)
                self.rows.stand([*places, row + i + k])
                if whole:
                    for c in range(0, side, lanes):
                        self._finish(k * side + c, left + c, None)
                else:
                    with f.loop(0, width, lanes) as c:
                        self._finish(k * side + c, left + c, f.first_lanes(width - c, lanes))

    def _near(self, v: int, left: Val, whole: bool) -> tuple[Val, Any]:
        """Where a tile's columns begin that are to be turned, and how far apart they lie.

        Those of memory are brought to the nearest cache in order: where they are a power of two
        apart, they share few of its lines.
        """
        f, (o, kind, _) = self.f, self.turned[v]
        start = self.rows.bases[v, "load"].shifted(left * o.along, kind)
        if not whole or not self.large:
            return start, o.along
        made = f.buffer(kind, self.side * self.side)
        with f.loop(0, self.side) as i:
            at = start.shifted(i * o.along, kind)
            for k in range(0, self.side + 1, LINE // kind.size):  # it may begin within a line
                fetch(f, at.shifted(k + _SOON * o.along, kind))
            for k in range(0, self.side, self.lanes):
                x = at.read(k, kind, self.lanes)
                made.write(i * self.side + k, x)
        return made, self.side

    def _fetch(self, places: list, row: Val, left: Val, i: Val) -> None:
        """What the next tile will read first: a line of its columns, one of its rows."""
        f, side = self.f, self.side
        self.rows.stand([*places, row])
        for v, o in self.nest.loads.items():
            line = LINE // o.kind.size
            if v in self.turned:
                place = (left + i // (side // line)) * o.along + side + i % (side // line) * line
            elif o.along == 1:
                place = (i + side) * o.lead[-1] + left
            else:
                continue
            fetch(f, self.rows.bases[v, "load"].shifted(place, o.kind))

    def _finish(self, place: Val, at: Val, mask: Val | None) -> None:
        """What follows at one place of a row: `place` in the strips."""
        values: dict[int, Any] = {
            v: self.f.load(strip.shifted(place, kind), o.kind, self.lanes)
            for v, (o, kind, strip) in self.turned.items()
        }
        for n, (v, o) in enumerate(self.nest.stores):
            x = self.rows.value(v, at, mask, values)
            self.rows.put(v, o, at, x, mask, self.streamed and n == 0)

    def _turn(self, base: Val, apart: Any, kind: Kind, strip: Val, i: Val, j: Val, k: Val,
              height: Any, width: Any) -> None:  # fmt: skip
        """A square of as many elements as a vector has lanes: its columns read, its rows kept."""
        f, lanes, columns = self.f, self.lanes, []
        for r in range(lanes):
            place = j + r
            if width is not None:  # beyond the last column, that one again
                place = f.least(place, width - 1)
            mask = None if height is None else f.first_lanes(height - i - k, lanes)
            columns.append(base.read(place * apart + i + k, kind, lanes, mask))
        for r, x in enumerate(transposed(f, columns, halves=True)):
            strip.write((k + r) * self.side + j, x)
