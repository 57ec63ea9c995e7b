"""What a row kernel does: a nest of loops over operands of any strides, and its values at a place.

`Rows` writes the values of one row at a time, as many elements as a vector has lanes; whoever walks
over the rows (rows.py, columns.py, transpose.py, a matrix product's tile) says where it stands.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from math import prod
from typing import Any

from ..builder import BOOL, I64, POINTER, Function, Kind, Val, kind_of
from ..graph import Step, Value
from .words import emitted

LINE = 64  # bytes of a cache's line
STREAMED = 1 << 24  # bytes: an output that is larger than the caches passes them by


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
    sums: list[tuple[int, Operand]] = field(default_factory=list)  # of all rows, at each place
    totals: int = 0  # that a reduction has, if it goes on from row to row: of neighbouring rows

    @property
    def rows(self) -> int:
        return prod(self.lead)

    @property
    def operands(self) -> list[Operand]:
        """What is loaded, then what is stored."""
        return [o for _, _, o in self.uses]

    def has(self, *words: str) -> bool:
        """Whether it has a step of these words."""
        return any(s.word in words for s in self.steps)

    @property
    def uses(self) -> list[tuple[int, str, Operand]]:
        """(value, "load" or "store", operand) of each."""
        return [
            *((v, "load", o) for v, o in self.loads.items()),
            *((v, "store", o) for v, o in self.stores),
        ]

    def moved(self, lead: Sequence[int], length: int, move: Callable[[Operand], Operand]) -> "Nest":
        """The nest with other sizes, its operands moved."""
        loads = {v: move(o) for v, o in self.loads.items()}
        stores = [(v, move(o)) for v, o in self.stores]
        return replace(self, lead=tuple(lead), length=length, loads=loads, stores=stores)

    def streams(self, o: Operand, lanes: int, target: Any) -> bool:
        """Whether a store, by whole vectors, is too large for the caches and new to them."""
        size = self.rows * self.length * o.kind.size
        known = any(x.buffer == o.buffer for x in self.loads.values())
        return size >= STREAMED and not known and o.kind.size * lanes == target.vector

    def lanes(self, target: Any) -> int:
        """How many elements are worked on at once: a vector of those that are not the widest."""
        sizes = {o.kind.size for o in self.operands if o.kind is not BOOL}
        return target.lanes(8 if sizes == {8} else 4)


def placed(nest: Nest, order: list[int]) -> Nest:
    """The nest with its axes in another order, the last of them along."""

    def moved(o: Operand) -> Operand:
        strides = [(*o.lead, o.along)[i] for i in order]
        return replace(o, lead=tuple(strides[:-1]), along=strides[-1])

    *lead, length = [(*nest.lead, nest.length)[i] for i in order]
    return nest.moved(lead, length, moved)


def along_axes(item: Val, sizes: tuple[int, ...]) -> list[Val]:
    """The index along each of some axes, of the item with this number."""
    places = []
    for at in reversed(range(len(sizes))):
        places.append(item % sizes[at] if at else item)
        item = item // sizes[at]
    return places[::-1]


def offset(o: Operand, places: Sequence[Val], start: Any = 0) -> Any:
    """How far the row at these places along the leading axes lies behind `start`."""
    for place, stride in zip(places, o.lead):
        if stride:
            start = place * stride + start
    return start


def opened(f: Function, o: Operand, places: Sequence[Val] = ()) -> Val:
    """Where an operand begins in a kernel's buffers, or its row at some places."""
    buffer = f.load(f.args[0].shifted(o.buffer, I64), POINTER)
    return buffer.shifted(offset(o, places, o.offset), o.kind)


def vectors(
    f: Function, first: Any, last: Val, lanes: int, body: Callable[[Val, Val | None], None],
    rest: int | None = None,
) -> None:  # fmt: skip
    """The body for each vector from first to last, and under a mask for the lanes that are left.

    Args:
        rest: how many these are if there are some, where it is known beforehand.
    """
    whole = first + (last - first) // lanes * lanes
    with f.loop(first, whole, lanes) as at:
        body(at, None)
    if rest != 0:
        with f.when(whole < last):
            body(whole, f.first_lanes(rest or last - whole, lanes))


def pieces(f: Function, n: int, lanes: int) -> list[tuple[int, Val | None]]:
    """Where the vectors of n elements begin, and the mask of the last one if it is cut."""
    live = [(at, n - at) for at in range(0, n, lanes)]
    return [(at, f.first_lanes(left, lanes) if left < lanes else None) for at, left in live]


def fill(f: Function, at: Val, first: Any, last: Any, x: Val) -> None:
    """The same elements from first to last, vector by vector."""
    with f.loop(first, last, x.lanes) as i:
        at.write(i, x)


def runs(first: Any, last: Any, lanes: int) -> tuple[tuple, tuple]:
    """(start, stop, step): the whole vectors from first to last, what is left one by one."""
    whole = first + (last - first) // lanes * lanes
    return (first, whole, lanes), (whole, last, 1)


def fetch(f: Function, at: Val, write: int = 0, near: int = 2) -> None:
    """Ask for the line at an address, to be read soon or written (1): into the first cache (3), or
    the second (2)."""
    f.declare("llvm.prefetch.p0", "void", ["ptr", "i32", "i32", "i32"])
    f.line(f"call void @llvm.prefetch.p0({at}, i32 {write}, i32 {near}, i32 1)")


def before_line(f: Function, at: Val, kind: Kind) -> Val:
    """Elements from an address to the next whole line."""
    bits = f.op(I64, 1, f"ptrtoint {at} to i64")
    return ((0 - bits) & (LINE - 1)) // kind.size


def part(f: Function, n: Any, me: Val, threads: Val, grain: int = 1) -> tuple[Val, Val]:
    """This thread's share of n things, in whole grains."""
    grains = -(-n // grain)
    first, last = me * grains // threads * grain, (me + 1) * grains // threads * grain
    return first, f.least(last, n)


def counted(mask: Val) -> int | None:
    """How many leading lanes a mask that is a constant has; None for one made as it runs."""
    return mask.name.count("true") if mask.name[0] in "<t" else None


class Rows:
    """The writing of what stands at places of a row; the work that follows a product uses it too.

    `values` hold what is known at a place already; what is made is added. A mask is of the leading
    lanes that lie within the row.
    """

    def __init__(self, f: Function, nest: Nest, lanes: int = 0) -> None:
        self.f, self.nest = f, nest
        self.lanes = lanes or nest.lanes(f.target)
        self.steps = {s.result.id: s for s in nest.steps}
        self.bases: dict[tuple, Val] = {}
        buffers = dict.fromkeys(o.buffer for o in nest.operands)
        self.pointers = {n: f.load(f.args[0].shifted(n, I64), POINTER) for n in buffers}
        self.kept: dict[int, tuple[Val, Kind]] = {}  # values of earlier sweeps, in memory

    def stand(self, places: list[Val]) -> None:
        """Turn to the row at these places along the leading axes."""
        self.bases = {
            (v, way): self.pointers[o.buffer].shifted(offset(o, places, o.offset), o.kind)
            for v, way, o in self.nest.uses
        }

    def finish(self, at: Val, values: dict[int, Any], mask: Val | None) -> None:
        """Store what follows from these values at one place of the row."""
        for v, o in self.nest.stores:
            self.put(v, o, at, self.value(v, at, mask, values), mask)

    def follow(
        self, value: int, kind: Kind, parts: Sequence[Val], at: Any, count: Val,
        rest: int | None = None,
    ) -> None:  # fmt: skip
        """Finish `count` places from `at` on, given a value that lies in memory.

        Args:
            parts: where its elements lie in order; of several places, a power of two, their sum.
            rest: as for `vectors`.
        """

        def body(i: Val, mask: Val | None) -> None:
            made = [x.read(i, kind, self.lanes) for x in parts]
            while len(made) > 1:
                made = [x + y for x, y in zip(made[::2], made[1::2])]
            self.finish(at + i, {value: made[0]}, mask)

        vectors(self.f, 0, count, self.lanes, body, rest)

    def backwards(self, n: int, given: Callable[[Val], dict[int, Any]]) -> None:
        """Finish a row of n places, the last ones first, with what is given at each.

        Vectors begin where lines of the first store do (update of 256 x 784 weights: 33 -> 21 us).
        The row's first and last one, which others overlap, are made before any and stored behind.
        """
        f, lanes, (v, o) = self.f, self.lanes, self.nest.stores[0]
        loads = self.nest.loads.items()
        alike = {v: self._get(v, x, f.index(0), None) for v, x in loads if x.along == 0}
        ends = [(at, {**alike, **given(at)}) for at in (f.index(0), f.index(n - lanes))]
        for at, values in ends:
            for made, _ in self.nest.stores:
                self.value(made, at, None, values)
        first = before_line(f, self.bases[v, "store"], o.kind) & (lanes - 1)
        last = first + (n - first) // lanes * lanes
        with f.loop(first, last, lanes) as i:
            at = first + last - lanes - i
            self.finish(at, {**alike, **given(at)}, None)
        for at, values in ends:
            self.finish(at, values, None)

    def value(self, v: int, at: Val, mask: Val | None, values: dict) -> Any:
        """The elements of a value at a place: loaded, kept from an earlier sweep, or made."""
        if v in values:
            return values[v]
        if v in self.kept:
            buffer, kind = self.kept[v]
            made = buffer.read(at, kind, self.lanes)
        elif v in self.nest.loads:
            made = self._get(v, self.nest.loads[v], at, mask)
        elif (step := self.steps[v]).word == "position":
            made = self.f.lanes_from(at, self.lanes)
        else:
            made = emitted(self.f, step, lambda a: self.value(a.id, at, mask, values))
        values[v] = made
        return made

    def _get(self, v: int, o: Operand, at: Val, mask: Val | None) -> Val:
        f, base = self.f, self.bases[v, "load"]
        if o.along == 0:
            return f.spread(f.load(base, o.kind), self.lanes)
        if o.along == 1:
            return base.read(at, o.kind, self.lanes, mask)
        if o.along == -1 and mask is None:
            x = base.read(1 - self.lanes - at, o.kind, self.lanes)
            return f.shuffle(x, x, range(self.lanes)[::-1])
        first, live = base.shifted(at * o.along, o.kind), self.lanes
        if mask is not None and (live := counted(mask) or 0) == 0:
            return self._strided(base, o, at)
        parts = [first.read(i * o.along, o.kind) for i in range(live)]
        return f.gathered(parts + parts[-1:] * (self.lanes - live))

    def _strided(self, base: Val, o: Operand, at: Val) -> Val:
        """Elements apart from each other; a lane beyond the row reads its last element."""
        f, last = self.f, self.f.index(self.nest.length - 1)
        places = [f.least(at + i, last) * o.along for i in range(self.lanes)]
        return f.gathered([base.read(p, o.kind) for p in places])

    def put(
        self, v: int, o: Operand, at: Val, x: Any, mask: Val | None, streaming: bool = False
    ) -> None:
        """Store elements of a value."""
        f, base = self.f, self.bases[v, "store"]
        x = f.const(x, o.kind, self.lanes)
        place = base.shifted(at * o.along if o.along != 1 else at, o.kind)
        live = None if mask is None else counted(mask)
        if o.along != 1 and self.lanes > 1:
            self._scatter(place, o, x, mask)
        elif live is None:
            f.store(place, x, mask, streaming and mask is None)
        else:
            store_first(f, place, x, live)

    def _scatter(self, place: Val, o: Operand, x: Val, mask: Val | None) -> None:
        f, live = self.f, self.lanes if mask is None else counted(mask)
        for i in range(self.lanes if live is None else live):
            spot = place.shifted(i * o.along, o.kind)
            if live is None and mask is not None:
                with f.when(f.lane(mask, i)):
                    f.store(spot, f.lane(x, i))
            else:
                f.store(spot, f.lane(x, i))


def store_first(f: Function, at: Val, x: Val, n: int) -> None:
    """Store the first n lanes in pieces of powers of two: masked stores are slow on many CPUs."""
    done, size = 0, x.lanes
    while done < n:
        while size > n - done:
            size //= 2
        piece = f.part(x, done, done + size)
        at.write(done, x if size == x.lanes else piece)
        done += size


def kind(v: Value) -> Kind:
    """The kind of a value that a kernel holds."""
    found = kind_of(v.dtype)
    assert found is not None
    return found
