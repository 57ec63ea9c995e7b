"""What all convolutions are made of: tiles of sums in registers, images framed by zeros, tables.

These functions are shared by all convolutions of a module: sizes are arguments, not constants.

A tile is height rows of one operand times a few vectors of the other. Where the k-th element of a
row lies, and where the k-th vectors lie, is read from a table of byte offsets: so one function
serves any filter, stride and dilation (indirect convolution: Dukhan, 2019), and nothing is laid
out as a matrix of columns.
"""

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from ..builder import I32, I64, POINTER, U32, Function, Kind, Val, once
from .nest import fill, vectors
from .packing import transposed
from .share import GIVEN, PARTIALS, drawn

_UNROLL = 4
ENTRY = 8  # bytes of a table's entry: the offset of a row's element, that of the vectors


def shape(target: Any, rows: int) -> tuple[int, int]:
    """(height, vectors) of a tile for so many rows: accumulators fill the registers."""
    if rows >= target.rows:  # about as many in each, so that threads have as much to do
        return -(-rows // -(-rows // target.rows)), target.columns
    registers = (target.rows + 1) * target.columns
    return rows, max(target.columns, registers // (rows + 1))


@once("a:ptr rows:ptr table:ptr n:i64 b:ptr out:ptr pitch:i64 more:bool")
def sums(f: Function, kind: Kind, height: int, vectors: int) -> None:
    """Makes one tile:

    out[i][j] (+)= sum over k of rows[i][table[k].0] * b[table[k].1 + j], i < height.

    Its arguments: `a` and for each row its offset from there, the table and its length, b, where
    the tile goes, the bytes between its rows, whether it is added to what is there.
    """
    a, rows, table, n, b, out, pitch, more = f.args
    lanes = f.target.lanes(kind.size)
    total = [[f.var(kind, lanes, 0) for _ in range(vectors)] for _ in range(height)]
    starts = [a.shifted(rows.read(i, I64)) for i in range(height)]

    def step(entry: Val, at: int) -> None:
        one, other = (f.cast(f.load(entry.shifted(2 * at + i, I32), U32), I64) for i in range(2))
        line = b.shifted(other)
        across = [line.read(v * lanes, kind, lanes) for v in range(vectors)]
        for i in range(height):
            x = f.spread(f.load(starts[i].shifted(one), kind), lanes)
            for v in range(vectors):
                total[i][v].set(f.fma(x, across[v], total[i][v].get()))

    whole = n // _UNROLL * _UNROLL
    with f.loop(0, whole, _UNROLL) as k:
        entry = table.shifted(k, I64)
        for u in range(_UNROLL):
            step(entry, u)
    with f.loop(whole, n) as k:
        step(table.shifted(k, I64), 0)

    def places() -> Iterator[tuple]:
        for i in range(height):
            row = out.shifted(pitch * i)
            for v in range(vectors):
                yield row.shifted(v * lanes, kind), total[i][v]

    with f.when(more):
        for at, place in places():
            place.set(place.get() + f.load(at, kind, lanes))
    for at, place in places():
        f.store(at, place.get())


@once(
    "a:ptr rows:ptr table:ptr n:i64 b:ptr out:ptr pitch:i64 more:bool whole:i64 last:bool "
    "down:i64 turn:i64 under:i64"
)
def sweep(f: Function, kind: Kind, height: int, rest: int, vectors: int) -> None:
    """Makes tiles below one another, the last of `rest` rows.

    Its arguments: those of `sums`, then how many tiles are whole, whether the last follows, and the
    bytes from one to the next in `a`, in `rows` and in `out`.
    """
    a, rows, *same, out, pitch, more, whole, last, down, turn, under = f.args

    def tile(high: int, at: Val) -> None:
        f.call(
            sums(f.module, kind, high, vectors), a.shifted(at * down),
            rows.shifted(at * turn), *same, out.shifted(at * under), pitch, more,
        )  # fmt: skip

    with f.loop(0, whole) as at:
        tile(height, at)
    if rest:
        with f.when(last):
            tile(rest, whole)


@once(
    "src:ptr dst:ptr height:i64 width:i64 line:i64 along:i64 top:i64 left:i64 down:i64 "
    "right:i64 rows:i64 columns:i64 pitch:i64"
)
def frame(f: Function, kind: Kind, infinite: bool) -> None:
    """Copies a part of an image; outside are zeros, or -infinity.

    dst[r][c] = src[(top + r * down) * line + (left + c * right) * along] for r < rows, c < columns.
    Rows may overlap in dst (`pitch` below `columns`); up to a vector beyond the last is written.
    """
    src, dst, height, width, line, along = f.args[:6]
    top, left, down, right, rows, columns, pitch = f.args[6:]
    lanes = f.target.lanes(kind.size)

    def bounded(x: Val, low: Any, high: Val) -> Val:
        x = f.select(x < low, low, x)
        return f.select(x > high, high, x)

    first = bounded((right - 1 - left) // right, 0, columns)
    last = bounded((width - left + right - 1) // right, first, columns)
    step = right * along
    with f.loop(0, rows) as r:
        y, to = top + r * down, dst.shifted(r * pitch, kind)
        inside = (y >= 0) & (y < height)
        begin, end = f.select(inside, first, columns), f.select(inside, last, columns)
        nothing = f.const(float("-inf") if infinite else 0.0, kind, lanes)
        fill(f, to, 0, begin, nothing)
        row = src.shifted(y * line + left * along, kind)
        with f.when(step.equals(1)):
            copy = lambda c, mask: to.write(c, row.read(c, kind, lanes, mask))
            vectors(f, begin, end, lanes, copy)
        with f.when(step.compared("ne", 1)):
            pairs = f.select(step.equals(2), (end - begin).parts(lanes) * lanes, 0)
            with f.loop(begin, begin + pairs, lanes) as c:
                left = (end - c) * 2 - 1
                two = [
                    row.read(c * 2 + i, kind, lanes, f.first_lanes(left - i, lanes))
                    for i in (0, lanes)
                ]
                to.write(c, f.shuffle(two[0], two[1], range(0, 2 * lanes, 2)))
            with f.loop(begin + pairs, end) as c:
                to.write(c, row.read(c * step, kind))
        fill(f, to, end, columns, nothing)


@once("table:ptr n:i64 frame:ptr pieces:ptr count:i64 out:ptr")
def pack(f: Function, kind: Kind, width: int) -> None:
    """Lays out the columns of one tile, an element of a sum a row.

    A row is put together from pieces, pairs of bytes (where in the frame, where in the row), each
    as long as a vector: what a piece writes too much, the next ones write again. What the last row
    writes too much would be another thread's.
    """
    table, n, source, pieces, count, out = f.args
    lanes = f.target.lanes(kind.size)
    spare = f.buffer(kind, width + lanes)
    with f.loop(0, n) as k:
        at = source.shifted(f.cast(f.load(table.shifted(k * 2 + 1, I32), U32), I64))
        row = f.select(k.equals(n - 1), spare, out.shifted(k * width, kind))
        with f.loop(0, count) as piece:
            place = pieces.shifted(piece, I64)
            come, go = (f.cast(f.load(place.shifted(i, I32), U32), I64) for i in range(2))
            f.store(row.shifted(go), f.load(at.shifted(come), kind, lanes))
    last = out.shifted((n - 1) * width, kind)
    with f.loop(0, width, lanes) as j:
        last.write(j, spare.read(j, kind, lanes))


@once("src:ptr dst:ptr rows:i64 columns:i64 down:i64 along:i64 pitch:i64")
def turned(f: Function, kind: Kind) -> None:
    """Transposes: dst[c * pitch + r] = src[r * down + c * along].

    Rows are written by whole vectors, so that some beyond the last are, with what is in no row.
    """
    src, dst, rows, columns, down, along, pitch = f.args
    lanes = f.target.lanes(kind.size)
    last = rows - 1
    with f.loop(0, rows, lanes) as r:
        lines = [src.shifted(f.least(r + i, last) * down, kind) for i in range(lanes)]
        whole = f.select(along.equals(1), columns // lanes * lanes, 0)
        with f.loop(0, whole, lanes) as c:
            block = [line.read(c, kind, lanes) for line in lines]
            for i, x in enumerate(transposed(f, block, halves=True)):
                dst.write((c + i) * pitch + r, x)
        with f.loop(whole, columns) as c:
            column = [line.read(c * along, kind) for line in lines]
            dst.write(c * pitch + r, f.gathered(column))


def entries(f: Function, table: Val, channels: Val, taps: Val, count: Val, step: Val) -> None:
    """Fill a table: for each channel each tap's pair of offsets, moved by `step` for each channel.

    All offsets are bytes. A pair is one number: its halves do not run over.
    """
    with f.loop(0, channels) as c:
        row = table.shifted(c * count, I64)
        with f.loop(0, count) as t:
            x = taps.read(t, I64) + c * step
            row.write(t, x)


def pair(one: int, other: int) -> int:
    """Two offsets as a table has them."""
    return one + (other << 32)


# -- what one convolution tells the functions that all share


def stored(f: Function, values: Iterable[Any]) -> Val:
    """Numbers and addresses in memory, one after another."""
    values = list(values)
    at = f.buffer(I64, max(len(values), 1))
    for i, x in enumerate(values):
        at.write(i, f.index(x))
    return at


def address(f: Function, name: str) -> Val:
    """Where a function is."""
    return Val(f, POINTER, 1, f"@{name}")


class Sizes:
    """What `stored` wrote, by name: addresses have names that end with _at."""

    def __init__(self, f: Function, at: Val, names: Iterable[str]) -> None:
        self._known = {
            name: f.load(at.shifted(i, I64), POINTER if name.endswith("_at") else I64)
            for i, name in enumerate(names)
        }

    def __getattr__(self, name: str) -> Val:
        return self._known[name]


@contextmanager
def stepped(f: Function, start: Any, stop: Val, step: Any) -> Iterator[Val]:
    """A loop whose step is known as it runs."""
    with f.loop(0, (stop - start).parts(step)) as k:
        yield start + k * step


def placed(sizes: dict[str, int]) -> tuple[dict[str, int], int]:
    """Where regions of so many bytes begin (o_ and the name), and where the last one ends."""
    places, end = {}, 0
    for name, n in sizes.items():
        places[f"o_{name}"] = end
        end += -(-n // 64) * 64
    return places, end


class Driver:
    """The writing of a function that convolutions of one kind share: its sizes are told to it."""

    def __init__(self, f: Function, kind: Kind, names: tuple[str, ...], vectors: int) -> None:
        sizes, self.buffers, self.me, self.threads, _, self.work = f.args
        self.f, self.kind, self.size, self.lanes = f, kind, kind.size, f.target.lanes(kind.size)
        self.vectors, self.width = vectors, vectors * self.lanes
        self.z = Sizes(f, sizes, names)
        self.mine = self.work.shifted(self.me * self.z.end + PARTIALS)
        self.ours = self.work.shifted(self.threads * self.z.end + PARTIALS)

    def drawn(self, n: Val) -> AbstractContextManager[Val]:
        """The body for each of n tasks that this thread takes."""
        return drawn(self.f, self.work, self.me, self.threads, n)

    def _region(self, name: str) -> Val:
        return self.mine.shifted(getattr(self.z, f"o_{name}"))

    def framed(
        self, source: Val, target: Val, channels: tuple, at: tuple | None = None,
        extent: tuple | None = None,
    ) -> None:  # fmt: skip
        """Channels from one to another copied with zeros around them, phase by phase.

        Args:
            at: the first place (of each part) that is computed from the copy.
            extent: how many rows and columns of places are.
        """
        f, z, kind = self.f, self.z, self.kind
        top, left = z.start_down, z.start_right
        if at is not None:
            top, left = at[0] * z.step_down + top, at[1] * z.step_right + left
        rows, columns = extent or (z.count_down, z.count_right)
        with f.loop(*channels) as c, f.loop(0, z.phases_down) as y, f.loop(0, z.phases_right) as x:
            place = c * z.channel + (y * z.phases_right + x) * z.phase
            f.call(
                frame(f.module, kind, False), source.shifted(c * z.s_channel, kind),
                target.shifted(place, kind), z.size_down, z.size_right, z.s_line, z.s_along,
                top + y * z.between_down, left + x * z.between_right, z.step_down, z.step_right,
                rows + z.read_down, columns + z.read_right, z.pitch,
            )  # fmt: skip

    def write(self) -> None:
        """All that this thread takes."""


def driven(
    f: Function, writing: type[Driver], kind: Kind, values: dict[str, Any], vectors: int = 0
) -> None:
    """A kernel that calls the shared function, written at its first use in a module.

    Args:
        values: what the function is told.
        vectors: in the row of a tile, where there are functions for several such widths.
    """
    name = f"convolved{writing.__name__.lower()}_{kind.name}{f'_{vectors}' if vectors else ''}"
    write = lambda g: writing(g, kind, tuple(values), vectors).write()
    f.module.once(name, f"sizes:ptr {GIVEN}", write)
    f.call(name, stored(f, values.values()), *f.args)
