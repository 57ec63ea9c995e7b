"""Rows found by their numbers: copied (an embedding), or written and added to (its gradient).

    take:  out[a, k, b] = x[a, index[k], b]
    put:   out = x, then out[a, index[k], b] = or += values[a, k, b], k in order

Numbers below 0 count from the end. That they are in range is checked before (fuse.py).
"""

from dataclasses import dataclass
from typing import Any

from ..builder import I64, POINTER, Function, Kind, Module, Val
from ..graph import Step, Value
from ..threads import barrier
from .nest import Operand, part
from .share import tasks

WORDS = {"take", "put"}
_TASK = 1 << 14  # elements that a thread copies at once
_LINE = 64  # bytes: threads that add up own whole lines of a row


@dataclass(slots=True)
class Gather:
    """A take or a put: `mode` is "take", "set" or "add"."""

    source: Operand
    index: Operand
    values: Operand | None
    out: Operand
    mode: str
    outer: int
    size: int  # of the axis that the numbers count
    count: int  # how many numbers there are
    inner: int

    @property
    def kind(self) -> Kind:
        """The kind of what is moved."""
        return self.out.kind


def parts(step: Step) -> dict[str, Any]:
    """A step's arguments by name."""
    names = ("x", "indices", "axis") if step.word == "take" else (
        "x", "indices", "values", "axis", "mode")  # fmt: skip
    return {"axis": 0, "mode": "set"} | dict(zip(names, step.args)) | step.params


def gathered(step: Step) -> bool:
    """Whether a step has a kernel: int64 numbers, whole rows, values of the same dtype."""
    given = parts(step)
    x, index = given["x"], given["indices"]
    if not isinstance(x, Value) or not isinstance(index, Value) or index.dtype.name != "int64":
        return False
    if x.size == 0 or index.size == 0 or given["axis"].__class__ is not int:
        return False
    if step.word == "take":
        return True
    values, out = given["values"], step.result
    axis = given["axis"] % x.ndim
    whole = (*x.shape[:axis], *index.shape, *x.shape[axis + 1 :])
    return (
        isinstance(values, Value)
        and given["mode"] in ("set", "add")
        and index.ndim == 1
        and values.dtype == x.dtype == out.dtype
        and values.shape == whole
        and (given["mode"] == "set" or x.dtype.kind in "fiu")
    )


def kernel(module: Module, told: Gather) -> str:
    """The name of the function (buffers, thread, threads, control, work) that moves the rows."""
    name = module.fresh("gather")
    f = module.function(name, "buffers:ptr me:i64 threads:i64 control:ptr work:ptr")
    writing = _Gather(f, told)
    if told.mode == "take":
        writing.take()
    else:
        writing.put()
    f.done()
    return name


class _Gather:
    """The writing of one kernel."""

    def __init__(self, f: Function, told: Gather) -> None:
        self.f, self.told, self.kind = f, told, told.kind
        self.lanes = f.target.lanes(self.kind.size)

    def _base(self, o: Operand) -> Val:
        at = self.f.load(self.f.args[0].shifted(o.buffer, I64), POINTER)
        return at.shifted(o.offset, o.kind)

    def _number(self, k: Val) -> Val:
        """The k-th number, counted from the start."""
        f, told = self.f, self.told
        found = f.load(self._base(told.index).shifted(k, told.index.kind), told.index.kind)
        return f.select(found < 0, found + told.size, found)

    def _moved(self, to: Val, at: Val, first: Val, last: Val, add: bool) -> None:
        """Elements first to last of a row, copied or added."""
        f, lanes, kind = self.f, self.lanes, self.kind

        def one(i: Val, n: int) -> None:
            x, place = f.load(at.shifted(i, kind), kind, n), to.shifted(i, kind)
            f.store(place, f.load(place, kind, n) + x if add else x)

        whole = first + (last - first) // lanes * lanes
        with f.loop(first, whole, lanes) as i:
            one(i, lanes)
        with f.loop(whole, last) as i:
            one(i, 1)

    def take(self) -> None:
        """Rows in any order: a task takes some of them."""
        f, told = self.f, self.told
        out, source = self._base(told.out), self._base(told.source)
        rows = told.outer * told.count
        group = max(min(_TASK // told.inner, rows), 1)
        with tasks(f, -(-rows // group)) as task:
            first = task * group
            with f.loop(first, f.least(first + group, rows)) as row:
                a, k = row // told.count, row % told.count
                at = (a * told.size + self._number(k)) * told.inner
                to = out.shifted(row * told.inner, self.kind)
                self._moved(to, source.shifted(at, self.kind), f.index(0), f.index(told.inner),
                            False)  # fmt: skip

    def put(self) -> None:
        """A copy first; then each thread goes through all numbers for its own part of the rows."""
        f, told = self.f, self.told
        assert told.values is not None
        _, me, threads, control, _ = f.args
        out, source, values = map(self._base, (told.out, told.source, told.values))
        total = told.outer * told.size * told.inner
        line = _LINE // self.kind.size
        if told.source.buffer != told.out.buffer:
            self._fill(out, source, *part(f, total, me, threads, line))
            f.call(barrier(f.module), control, threads)
        first, last = part(f, told.inner, me, threads, line)
        outer = (f.index(0), f.index(told.outer))
        if told.inner < 2 * line:  # rows too short to share: whole ones, or all by one thread
            first, last = f.index(0), f.index(told.inner)
            outer = part(f, told.outer, me, threads)
        with f.loop(*outer) as a, f.loop(0, told.count) as k:
            row = (a * told.size + self._number(k)) * told.inner
            at = (a * told.count + k) * told.inner
            self._moved(out.shifted(row, self.kind), values.shifted(at, self.kind), first, last,
                        told.mode == "add")  # fmt: skip

    def _fill(self, out: Val, source: Val, first: Val, last: Val) -> None:
        """What the rows hold before: the source, or one number everywhere."""
        if self.told.source.along:
            self._moved(out, source, first, last, False)
            return
        f, lanes, kind = self.f, self.lanes, self.kind
        x = f.load(source, kind)
        whole = first + (last - first) // lanes * lanes
        with f.loop(first, whole, lanes) as i:
            f.store(out.shifted(i, kind), f.spread(x, lanes))
        with f.loop(whole, last) as i:
            f.store(out.shifted(i, kind), x)
