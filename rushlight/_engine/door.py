"""The quick way into a captured program: guards, table and outputs as one row of steps (steps.py).

Where a step finds something else than it was told, the call goes the long way (compiled.py), as it
does on Pythons that are not known well enough. The interpreter's lock is held all the time, so that
no other thread sees a call half done: only programs that are done soon have a door.
"""

import ctypes
from collections.abc import Callable
from functools import partial
from time import monotonic
from typing import Any

import numpy as np

from .._core import dtypes, modes
from .._core.memory import empty
from .._core.tape import Node, TensorBase, ndarray
from . import steps
from .capture import undone
from .steps import Row, Unknown
from .threads import code, pool
from .unit import HEAD, Unit

MISS = object()  # what a door gives where the call must go the long way
_SOON = 30_000_000  # work of about a millisecond
_NUMBERS = (int, float, bool)
_STILL = 16  # calls whose numbers stay, from which on they are compared and not asked for
_TWICE = 1 << 20  # bytes of an output up to which there are two to take turns


class Way:
    """The door of one program, made anew where what it was told has changed."""

    def __init__(self, program: Any) -> None:
        self.program, self.door = program, None
        self.calls, self.patience, self.made = 0, 2, 0.0
        self.turn, self.seen = (ctypes.c_int64 * 1)(), 1  # how often numbers were worked out
        self.still = 0  # calls

    def now(self, args: tuple, lock: Any) -> Callable | None:
        """The door after a call went the long way; where many do, it is seldom made anew."""
        self.calls += 1
        if self.calls >= self.patience:
            self.patience = 2 * self.patience if monotonic() < self.made + 1 else 2
            self.calls, self.made = 0, monotonic()
            try:
                self.door = self._made(args, lock)
            except Unknown:
                self.door, self.patience = None, float("inf")
        return self.door

    def _made(self, args: tuple, lock: Any) -> Callable:
        program, before, self.seen = self.program, self.seen, self.turn[0]
        if before >= self.seen and program.steady:
            return _door(program, args)
        given = [(p, p[0]) for p in program.given]
        native = _door(program, args, numbers=False)

        def call(*now: Any) -> Any:
            if modes.special or len(now) != len(args):
                return MISS
            with lock:  # nobody else's numbers come between
                undo: list = []
                for place, i in given:
                    program.given[place] = now[i]
                if not self._found(undo) or (made := native(*now)) is MISS:
                    undone(undo)
                    return MISS
            return made

        return call

    def _found(self, undo: list) -> bool:
        """Whether this run's numbers are there, and change now and then."""
        before = self.turn[0]
        try:
            self.program._numbers(undo)
        except Exception:
            return False
        self.still = self.still + 1 if self.turn[0] == before else 0
        return self.still < _STILL


def _door(program: Any, args: tuple, numbers: bool = True) -> Callable:
    """The program's door, where numbers are as they are now, or else are seen to."""
    unit, row = _unit(program), Row(MISS)
    taken = {k for _, _, k, _ in program.bound}
    outputs = program.runner.graph.outputs
    outs = {k: v for k, v in enumerate(outputs) if k not in taken}
    fresh = {v.id for v in unit.fresh}
    if not fresh.issuperset(ids := {v.id for v in outs.values()}) or len(ids) < len(outs):
        raise Unknown
    table = (ctypes.c_int64 * len(unit.table))(*unit.table)
    start = ctypes.addressof(table)
    row.kept += [table, program.runner]
    place = {v: start + 8 * slot for v, slot in unit.slots.items()}
    pairs = {k: _pair(row, v.shape, v.dtype) for k, v in outs.items()}
    _modes(row)
    _arguments(row, program, args, place)
    program.guards.compared(row, numbers)  # other ones go the long way
    if numbers and program.numbers:
        row.step("at", ctypes.addressof(turn := program.way.turn))
        row.same([(0, turn[0])])
    for k, v in outs.items():
        row.step("take", pairs[k], place[v.id])
    control, run = pool().control, code().addresses["run"]
    status = start + 8 * (len(unit.slots) + 1)
    pace = ctypes.addressof(unit.pace) if unit.pace else 0
    row.step("run", row.block(unit.entry, start, unit.threads, status, control, run, pace))
    later = program.gradients or program.after
    plain = program.result.__class__ is partial and not later
    if plain and not any(t.origin for _, t, *_ in program.bound):  # a view has others' versions
        _finish(row, program, place)
        return row.function()
    none = row.block(row.of(None))
    for k, v in enumerate(outputs):
        row.step("hold", place[v.id] if k in outs else none, k + 2)
    row.step("tuple", len(outputs))
    native = row.function()
    bind = program.bind if program.bound or later else program.result

    places = [i for i, x in enumerate(args) if isinstance(x, TensorBase)]

    def call(*args: Any) -> Any:
        outs = native(*args)
        return MISS if outs is MISS else bind(outs, [args[i] for i in places])

    return call


def _finish(row: Row, program: Any, place: dict) -> None:
    """What was written has other versions; the one output is in a tensor like all of its kind."""
    k, _ = program.result.args
    like, own = program.result({k: None}, ()), {"array": 2, "version": 3}
    row.step("hold", place[program.runner.graph.outputs[k].id], own["array"])
    for _, t, *_ in program.bound:
        row.step("at", row.of(t))
        row.step("written", steps.slots()["version"])
    row.step("first", row.of([0]), own["version"])
    if like.node:
        _new(row, like.node, Node, {})
        own["node"] = 4
        row.step("keep", own["node"])
    _new(row, like, TensorBase, own)


def _new(row: Row, like: Any, base: type, own: dict) -> None:
    """An object like another, with the call's own words in some slots."""
    facts = [
        (at, own.get(name) or row.of(getattr(like, name))) for name, at in steps.slots(base).items()
    ]
    row.facts("new", facts, row.of(type(like)))


def _unit(program: Any) -> Unit:
    """The one native function that a program is, where nothing but tensors goes in."""
    parts = getattr(program.runner, "parts", [])
    if len(parts) != 1 or not isinstance(parts[0], Unit) or not HEAD or not steps.slots():
        raise Unknown
    (unit,) = parts
    if (
        unit.work > _SOON or unit.streams or unit.clock is not None
        or any(how not in ("arg", "closed", "number") for how, *_ in program.inputs)
        or any(how != "closed" or not there for how, _, _, there in program.bound)
        or (program.apart is not None and program.apart.clash)
        or len(program.runner.graph.outputs) > steps.FRAME - 2
    ):  # fmt: skip
        raise Unknown
    return unit


def _pair(row: Row, shape: tuple, dtype: np.dtype) -> int:
    """The place of two arrays for an output, one of which is free when the step is done.

    Two, for who calls again mostly holds the last result until he has the next.
    """
    both = [empty(shape, dtype), MISS]
    row.kept.append(words := (ctypes.c_int64 * 2)(*map(id, both)))

    def more() -> None:
        both[:] = empty(shape, dtype), both[0] if both[0].nbytes <= _TWICE else MISS
        words[:] = [*map(id, both)]

    row.step("ready", ctypes.addressof(words), row.of(more))
    return ctypes.addressof(words)


def _modes(row: Row) -> None:
    """No trace, no transform; gradients as they were; the default dtype."""
    row.step("at", row.of(modes.__dict__))
    row.keys({"special": 0})
    row.step("at", row.of(dtypes.__dict__))
    row.keys({"_default": dtypes.get_default_dtype()})
    local = modes.local
    row.step("at", row.of(local))
    row.step("attribute", row.of("__dict__"))
    now = {name: getattr(local, name) for name in ("grad", "inference", "mapped")}
    row.keys(now, [name for name, x in now.items() if x is getattr(type(local), name)])


def _arguments(row: Row, program: Any, args: tuple, place: dict) -> None:
    """The arguments: plain tensors without a graph, apart from what is written; in the table."""
    row.step("many", len(args))
    symbols = {what: s for how, what, s in program.inputs if how == "arg"}
    wet, slots = [t.array for _, t, *_ in program.bound], steps.slots()
    before: list[int] = []  # places of tensors
    for i, x in enumerate(args):
        row.step("argument", 8 * i)
        if (i,) in program.given or x is None:
            row.same([(steps.KIND, row.of(x.__class__))])
            continue
        if x.__class__ is float or (x.__class__ in _NUMBERS and abs(x) < 2**30):
            facts = [(steps.KIND, -1), (16, -1), (24, 0xFFFFFFFF)]  # an int: size, its one digit
            facts = facts[:2] if x.__class__ is float else facts
            row.same((at, steps.word(x, at) & bits, bits) for at, bits in facts)
            continue
        if (
            not isinstance(x, TensorBase) or x.array.__class__ is not ndarray
            or len(before) not in symbols
            or x.needs is not False or x.node or x.grad is not None or x.origin
            or not x._plain_subclass
        ):  # fmt: skip
            raise Unknown
        array = x.array
        for at in before:
            row.step("distinct", at)
        before.append(8 * i)
        told = ((slots[n], row.of(getattr(x, n))) for n in slots if n not in ("array", "version"))
        row.same([(steps.KIND, row.of(type(x))), *told])
        row.step("follow", slots["array"])
        row.array((steps.DTYPE, row.of(array.dtype)), (steps.AXES, array.ndim, 0xFFFFFFFF))
        if slot := place.get(symbols[len(before) - 1].id):
            row.step("put", slot)
        room = array.nbytes - 1
        row.facts("apart", ((x.ctypes.data - room, x.nbytes + room) for x in wet))
        if array.ndim:
            row.step("follow", steps.SHAPE)
            row.same((8 * k, n) for k, n in enumerate(array.shape))


def leaf(entry: int, table: Any, slots: list[tuple[int, bool]], status: int) -> Callable | None:
    """A function of as many arrays as there are slots: whether it ran to its end.

    It has not where an array's elements do not lie in order (nothing was done then), or where the
    program refused them. None where this Python or this NumPy is not known well enough.

    Args:
        entry: the program's address.
        table: its buffers (ctypes); kept alive by the caller.
        slots: for each array, its place in the table, and whether the program takes the array's own
            address there (else that of its elements).
        status: the place where the program says that it refused.
    """
    if not steps.known():
        return None
    row, start = Row(False), ctypes.addressof(table)
    row.step("many", len(slots))
    for i, (slot, whole) in enumerate(slots):
        row.step("argument", 8 * i)
        row.array()
        if not whole:
            row.step("follow", steps.DATA)
        row.step("put", start + 8 * slot)
    nobody = row.block(*[0] * 64)
    row.step("run", row.block(entry, start, 1, start + 8 * status, nobody, 0, 0))
    row.step("hold", row.block(row.of(True)), 2)
    return row.function()
