"""Panels of a matrix copied side by side, as the tiles of a matrix product read them.

A panel is some elements wide; its elements at one place of the sum lie next to each other, the
next place `down` elements further on. One function serves all products of a module.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ..builder import POINTER, Function, Kind, Module, Val, once
from .nest import fetch

_AHEAD = 12  # places of the sum that are asked for before they are copied: rows lie pages apart
PARAMS = "source:ptr apart:i64 step:i64 made:ptr down:i64 n:i64 live:i64"


def packer(module: Module, kind: Kind, apart: int, step: int) -> str:
    """The name of the function (see PARAMS) that packs a panel.

    Args:
        module: where it is written, once for each way of lying.
        kind: of the elements.
        apart: the stride from one element of the width to the next.
        step: the stride along the sum, which has n places; `live` elements of the width are filled.
    """
    return (_across if apart == 1 else _turned if step == 1 else _any)(module, kind)


@once(PARAMS)
def _across(f: Function, kind: Kind) -> None:
    """Elements of the width lie in order: vectors for each place of the sum."""
    source, _, step, made, down, n, live = f.args
    lanes = f.target.lanes(kind.size)

    def copy(first: Any, vectors: int, mask: Val | None) -> None:
        at = f.var(POINTER, 1, source.shifted(first, kind))
        to = f.var(POINTER, 1, made.shifted(first, kind))
        with f.loop(0, n):
            soon(f, at.get().shifted(step * _AHEAD, kind), 0)
            for v in range(vectors):
                x = at.get().read(v * lanes, kind, lanes, mask)
                to.get().write(v * lanes, x)
            at.set(at.get().shifted(step, kind))
            to.set(to.get().shifted(down, kind))

    usual = live.equals(2 * lanes)
    with f.when(usual):
        copy(0, 2, None)
    with f.when(usual ^ 1), backwards(f, live, lanes) as first:
        copy(first, 1, f.first_lanes(live - first, lanes))


@once("source:ptr step:i64 made:ptr apart:i64 high:i64 n:i64 count:i64")
def strips_packer(f: Function, kind: Kind) -> None:
    """Packs `count` strips, `high` elements wide, side by side.

    Elements of the width lie in order, and a vector holds a strip's. One place of the sum after
    another is read as it lies: rows that are a power of two apart share few lines of a cache, so
    what one strip reads would be gone before the next one does. A strip is followed by room for a
    vector's overhang; a vector of the last strip ends before the elements do.
    """
    source, step, made, apart, high, n, count = f.args
    lanes = f.target.lanes(kind.size)
    with f.loop(0, n) as k:
        at = f.var(POINTER, 1, source.shifted(k * step, kind))
        to = f.var(POINTER, 1, made.shifted(k * high, kind))
        with f.loop(0, count):
            soon(f, at.get().shifted(step * _AHEAD, kind), 0)
            f.store(to.get(), f.load(at.get(), kind, lanes))
            at.set(at.get().shifted(high, kind))
            to.set(to.get().shifted(apart, kind))


@contextmanager
def backwards(f: Function, live: Val, lanes: int) -> Iterator[Val]:
    """Where each vector of the width begins, the last one first: what it writes beyond the width
    is the next place's beginning, which is still to be written."""
    vectors = live.parts(lanes)
    with f.loop(0, vectors) as i:
        yield (vectors - 1 - i) * lanes


@once(PARAMS)
def _turned(f: Function, kind: Kind) -> None:
    """Elements along the sum lie in order: small squares are transposed, side by side in a vector.

    A square is one of 128 bits, the part of a vector that all processors shuffle at once: 16 moves
    for 8 x 8 numbers where whole squares take 24, and LLVM is done in a quarter of the time.
    Elements that are not filled get the last one's: a tile never stores what it makes of them.
    """
    source, apart, _, made, down, n, live = f.args
    lanes, side = f.target.lanes(kind.size), 16 // kind.size
    whole = n // side * side
    with backwards(f, live, lanes) as first:
        rows = [source.shifted(f.least(live - 1, first + i) * apart, kind) for i in range(lanes)]
        to = f.var(POINTER, 1, made.shifted(first, kind))
        with f.loop(0, whole, side) as k:
            given = [row.read(k, kind, side) for row in rows]
            for line in transposed(f, [joined(f, given[i::side]) for i in range(side)]):
                f.store(to.get(), line)
                to.set(to.get().shifted(down, kind))
    rest = (source.shifted(whole, kind), apart, f.index(1), made.shifted(whole * down, kind))
    _one_by_one(f, kind, *rest, down, n - whole, live)


@once(PARAMS)
def _any(f: Function, kind: Kind) -> None:
    _one_by_one(f, kind, *f.args)


def _one_by_one(f: Function, kind: Kind, source: Val, apart: Val, step: Val, made: Val, down: Val,
                n: Val, live: Val) -> None:  # fmt: skip
    with f.loop(0, n) as k, f.loop(0, live) as i:
        x = source.read(k * step + i * apart, kind)
        made.write(k * down + i, x)


def joined(f: Function, parts: list[Val]) -> Val:
    """Vectors, a power of two of them, one behind another as one."""
    while len(parts) > 1:
        order = range(2 * parts[0].lanes)
        parts = [f.shuffle(x, y, order) for x, y in zip(parts[::2], parts[1::2])]
    return parts[0]


def transposed(f: Function, rows: list[Val], halves: bool = False) -> list[Val]:
    """Squares that lie side by side in vectors, each transposed, in the place of the rows.

    Neighbours change places, then blocks of twice the size; or `halves` first, then quarters ...
    """
    lanes, n = rows[0].lanes, len(rows)
    reaches = [1 << i for i in range(n.bit_length() - 1)]
    for reach in reaches[::-1] if halves else reaches:
        low = [lanes + i - reach if i & reach else i for i in range(lanes)]
        high = [lanes + i if i & reach else i + reach for i in range(lanes)]
        for i in range(n):
            if not i & reach:
                x, y = rows[i], rows[i + reach]
                rows[i], rows[i + reach] = f.shuffle(x, y, low), f.shuffle(x, y, high)
    return rows


def soon(f: Function, at: Val, write: int) -> None:
    """A hint that this line of memory will be read, or written (1), from the first cache."""
    fetch(f, at, write, 3)
