"""Elements found by their numbers: read (an embedding), or written and added to (its gradient).

    take:             out[a, k, b] = x[a, index[k], b]
    put:              out = x, then out[a, index[k], b] = or += values[a, k, b], k in order
    take_along_axis:  out[a, k, b] = x[a, index[a, k, b], b]
    scatter:          out = x, then out[a, index[a, k, b], b] = or += values[a, k, b], k in order

Numbers below 0 count from the end. That they are in range is checked before (fuse.py). Threads that
write never meet: they take leading axes apart, or parts of the last one.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import Any

from ..builder import BOOL, I64, Function, Val, kind_of
from ..graph import Step, Value
from .nest import LINE, STREAMED, Operand, along_axes, before_line, fetch, offset, opened, part
from .share import meet, tasks
from .totals import larger, smaller

_READ, _WRITTEN = ("x", "indices", "axis"), ("x", "indices", "values", "axis", "mode")
_NAMES = {"take": _READ, "take_along_axis": _READ, "put": _WRITTEN, "scatter": _WRITTEN}
WORDS = set(_NAMES)
_JOINS: dict[str, Callable[[Function, Val, Val], Val]] = {
    "add": lambda f, a, b: a + b,
    "mul": lambda f, a, b: a * b,
    "max": larger,
    "min": smaller,
}
_TASK = 1 << 14  # elements that a thread moves at once
_LINES = 256  # elements: threads that share the last axis take so many of it


@dataclass(slots=True)
class Gather:
    """For each element of `shape`, its number in `index`, one in `here`, and one that many elements
    may share: that far along `many`, whose counted axis has `length` and `step`.

    mode: "take" reads the shared ones, others write to them; `before` is what they are at first,
        `size` elements in order.
    outer: how many of the leading axes lie outside the counted one.
    """

    mode: str
    many: Operand
    index: Operand
    here: Operand
    before: Operand | None
    shape: tuple[int, ...]
    outer: int
    length: int
    step: int
    size: int


def parts(step: Step) -> dict[str, Any]:
    """A step's arguments by name."""
    return {"axis": 0, "mode": "set"} | dict(zip(_NAMES[step.word], step.args)) | step.params


def gathered(step: Step) -> bool:
    """Whether a step has a kernel: int64 numbers, values of the same dtype for all of them."""
    given = parts(step)
    x, index, values = given["x"], given["indices"], given.get("values")
    if not isinstance(x, Value) or not isinstance(index, Value) or index.dtype.name != "int64":
        return False
    kind = kind_of(x.dtype)
    if not x.size or not index.size or kind is None or given["axis"].__class__ is not int:
        return False
    if "values" not in given:
        return True
    shape, axis = index.shape, given["axis"] % x.ndim
    if step.word == "put":
        shape = (*x.shape[:axis], *index.shape, *x.shape[axis + 1 :])
    joins = given["mode"] in _JOINS and kind is not BOOL and not kind.storage
    return (
        isinstance(values, Value)
        and (given["mode"] == "set" or joins)
        and values.dtype == x.dtype == step.result.dtype
        and values.shape == shape
        and (step.word == "scatter" or index.ndim == 1)
    )


def work(told: Gather) -> int:
    """How much it does: an element that is found alone counts four."""
    moved = prod(told.shape) * (4 if told.index.along else 1)
    return moved + (told.size if told.before is not None else 0)


def write(f: Function, told: Gather) -> None:
    """The body of the kernel that moves elements."""
    _, me, threads, _, _ = f.args
    if told.before is not None and told.before.buffer != told.many.buffer:
        first, last = part(f, told.size, me, threads, 64)
        _run(f, told, opened(f, told.many), opened(f, told.before), first, last)
        meet(f)
    _Moves(f, told).write()


def _run(
    f: Function, told: Gather, to: Val, at: Val, first: Val, last: Val, mode: str = "set",
    soon: Val | None = None,
) -> None:  # fmt: skip
    """Elements first to last of a row, moved or joined to those that are there.

    Args:
        soon: the row that is moved next: nothing but its number tells where it lies.
    """
    kind = told.many.kind
    streamed = mode == "take" and prod(told.shape) * kind.size >= STREAMED
    lanes = f.target.lanes(kind.size)
    line = max(lanes, LINE // kind.size)
    begin = first
    if streamed:
        begin = f.least(first + before_line(f, to.shifted(first, kind), kind), last)
    lines = begin + (last - begin) // line * line
    whole = lines + (last - lines) // lanes * lanes
    ways = [(begin, lines, line, lanes), (lines, whole, lanes, lanes), (whole, last, 1, 1)]
    for start, stop, step, n in [(first, begin, 1, 1)] * streamed + ways:
        with f.loop(start, stop, step) as i:
            if soon is not None and step == line:
                fetch(f, soon.shifted(i, kind))
            for j in range(0, step, n):
                x, place = at.read(i + j, kind, n), to.shifted(i + j, kind)
                x = _JOINS[mode](f, f.load(place, kind, n), x) if mode in _JOINS else x
                f.store(place, x, streaming=streamed and step == line)


class _Moves:
    """The writing of what is found by number."""

    def __init__(self, f: Function, told: Gather) -> None:
        self.f, self.told = f, told
        self.operands = (told.many, told.index, told.here)
        self.bases = [opened(f, o) for o in self.operands]

    def write(self) -> None:
        """Tasks of some leading axes, or of a part of the last one."""
        f, told = self.f, self.told
        *lead, length = told.shape
        outer, inner = prod(lead[: told.outer]), prod(lead[told.outer :])
        meet = told.mode != "take" and told.outer == len(lead)  # a row's places, with each other
        if told.mode == "take":
            outer, inner = outer * inner, 1
        group = max(1, _TASK // (inner * length))
        chunk = length if meet or outer > 1 else min(length, max(_TASK // inner, _LINES))
        chunks = -(-length // chunk)
        whole = told.index.along == 0 and told.many.along == told.here.along == 1
        move = self._whole if whole else self._each
        with tasks(f, -(-outer // group) * chunks) as task:
            first, start = task // chunks * group, task % chunks * chunk
            last = f.least(first + group, outer)
            with f.loop(first * inner, last * inner) as row:
                move(row, start, f.least(start + chunk, length))

    def _rows(self, row: Val) -> list[Val]:
        places = along_axes(row, self.told.shape[:-1])
        pairs = zip(self.bases, self.operands)
        return [base.shifted(offset(o, places), o.kind) for base, o in pairs]

    def _whole(self, row: Val, first: Val, last: Val) -> None:
        """A row that one number tells; the next one is on its way meanwhile."""
        f, told, rows = self.f, self.told, prod(self.told.shape[:-1])
        (there, here), (soon, _) = (self._found(r) for r in (row, f.least(row + 1, rows - 1)))
        to, at = (here, there) if told.mode == "take" else (there, here)
        _run(f, told, to, at, first, last, told.mode, soon)

    def _found(self, row: Val) -> tuple[Val, Val]:
        many, index, here = self._rows(row)
        away = self._number(index, self.f.index(0)) * self.told.step
        return many.shifted(away, self.told.many.kind), here

    def _each(self, row: Val, first: Val, last: Val) -> None:
        """A row of which each element has a number."""
        f, told = self.f, self.told
        many, index, here = self._rows(row)
        take, kind = told.mode == "take", told.many.kind
        with f.loop(first, last) as i:
            away = self._number(index, i) * told.step + i * told.many.along
            there, mine = many.shifted(away, kind), here.shifted(i * told.here.along, kind)
            x = f.load(there if take else mine, kind)
            if told.mode in _JOINS:
                x = _JOINS[told.mode](f, f.load(there, kind), x)
            f.store(mine if take else there, x)

    def _number(self, index: Val, i: Val) -> Val:
        """The number at a place of a row, counted from the start."""
        k = index.read(i * self.told.index.along, I64)
        return self.f.select(k < 0, k + self.told.length, k)
