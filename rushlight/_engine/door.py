"""The quick way into a captured program: guards, table and outputs as one row of steps (steps.py).

Where a step finds something else than it was told, the call goes the long way (compiled.py), as it
does on Pythons that are not known well enough. The interpreter's lock is held all the time, so that
no other thread sees a call half done: only programs that are done soon have a door.
"""

import ctypes
from collections.abc import Callable
from time import monotonic
from typing import Any

import numpy as np

from .._core import dtypes, modes
from .._core.tape import TensorBase, ndarray
from . import steps
from .schedule import empty
from .steps import Row
from .threads import code, pool
from .unit import HEAD, Unit

MISS = object()  # what a door gives where the call must go the long way
_SOON = 30_000_000  # work of about a millisecond
_TWICE = 1 << 20  # bytes of an output up to which there are two to take turns


class _Unknown(Exception):
    """A program that cannot have a door."""


class Way:
    """The door of one program, made anew where what it was told has changed."""

    def __init__(self, program: Any) -> None:
        self.program, self.door = program, None
        self.calls, self.patience, self.made = 0, 2, 0.0

    def now(self, args: tuple) -> Callable | None:
        """The door after a call went the long way; where many do, it is seldom made anew."""
        self.calls += 1
        if self.calls >= self.patience:
            self.patience = 2 * self.patience if monotonic() < self.made + 1 else 2
            self.calls, self.made = 0, monotonic()
            try:
                self.door = _door(self.program, args)
            except _Unknown:
                self.door, self.patience = None, float("inf")
        return self.door


def _door(program: Any, args: tuple) -> Callable:
    unit, row = _unit(program), Row(MISS)
    taken = {k for _, _, k, _ in program.bound}
    outputs = program.runner.graph.outputs
    outs = {k: v for k, v in enumerate(outputs) if k not in taken}
    fresh = {v.id for v in unit.fresh}
    if not fresh.issuperset(ids := {v.id for v in outs.values()}) or len(ids) < len(outs):
        raise _Unknown
    table = (ctypes.c_int64 * len(unit.table))(*unit.table)
    start = ctypes.addressof(table)
    row.kept += [table, program.runner]
    place = {v: start + 8 * slot for v, slot in unit.slots.items()}
    pairs = {k: _pair(row, v.shape, v.dtype) for k, v in outs.items()}
    _modes(row)
    _arguments(row, program, args, place)
    _guards(row, program)
    for k, v in outs.items():
        row.step("take", pairs[k], place[v.id])
    control, run = pool().control, code().addresses["run"]
    status = start + 8 * (len(unit.slots) + 1)
    pace = ctypes.addressof(unit.pace) if unit.pace else 0
    row.step("run", row.block(unit.entry, start, unit.threads, status, control, run, pace))
    none = row.block(row.of(None))
    for k, v in enumerate(outputs):
        row.step("hold", place[v.id] if k in outs else none, k + 2)
    row.step("tuple", len(outputs))
    native = row.function()
    bind = program.bind if program.bound or program.gradients else program.result

    def call(*args: Any) -> Any:
        outs = native(*args)
        return MISS if outs is MISS else bind(outs, args)

    return call


def _unit(program: Any) -> Unit:
    """The one native function that a program is, where nothing but tensors goes in."""
    parts = getattr(program.runner, "parts", [])
    if len(parts) != 1 or not isinstance(parts[0], Unit) or not HEAD or not steps.slots():
        raise _Unknown
    (unit,) = parts
    numbers = program.hosts or program.conditions or program.numbers
    if (
        unit.work > _SOON or unit.streams or unit.clock is not None
        or any(how not in ("arg", "closed", "number") for how, *_ in program.inputs)
        or any(how != "closed" or not there for how, _, _, there in program.bound)
        or (numbers and not program.steady)
        or (program.apart is not None and program.apart.clash)
        or len(program.runner.graph.outputs) > steps.FRAME - 2
    ):  # fmt: skip
        raise _Unknown
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


def _key(row: Row, key: Any, value: Any, absent: bool = False) -> None:
    """The dictionary that was found has this under a key, or may have nothing there."""
    value = row.of(value)
    row.step("key", row.of(key), value, 0 if absent else value)


def _modes(row: Row) -> None:
    """No trace, no transform; gradients as they were; the default dtype."""
    row.step("at", row.of(modes.__dict__))
    _key(row, "special", 0)
    row.step("at", row.of(dtypes.__dict__))
    _key(row, "_default", dtypes.get_default_dtype())
    row.step("at", row.of(modes.local))
    row.step("attribute", row.of("__dict__"))
    for name in ("grad", "inference", "mapped"):
        now = getattr(modes.local, name)
        _key(row, name, now, absent=now is getattr(type(modes.local), name))


def _slot(row: Row, name: str, x: Any) -> None:
    """The tensor that was found has this in a slot."""
    row.step("same", (steps.slots() or {})[name], row.of(x))


def _arguments(row: Row, program: Any, args: tuple, place: dict) -> None:
    """The arguments: plain tensors without a graph, apart from what is written; in the table."""
    row.step("many", len(args))
    symbols = {what: s for how, what, s in program.inputs if how == "arg"}
    wet = [t.array for _, t, *_ in program.bound]
    for i, x in enumerate(args):
        if not isinstance(x, TensorBase) or x.array.__class__ is not ndarray or i not in symbols:
            raise _Unknown
        if (
            x.needs is not False
            or x.node
            or x.grad is not None
            or x.origin
            or not x._plain_subclass
        ):
            raise _Unknown
        array = x.array
        row.step("argument", 8 * i)
        row.step("same", steps.KIND, row.of(type(x)))
        for j in range(i):
            row.step("distinct", 8 * j)
        for name in ("needs", "node", "grad", "origin", "device"):
            _slot(row, name, getattr(x, name))
        row.step("follow", (steps.slots() or {})["array"])
        row.array()
        row.step("same", steps.DTYPE, row.of(array.dtype))
        row.step("bits", steps.AXES, 0xFFFFFFFF, array.ndim)
        if slot := place.get(symbols[i].id):
            row.step("put", slot)
        for other in wet:
            before = array.nbytes - 1
            row.step("apart", other.ctypes.data - before, other.nbytes + before)
        for k, n in enumerate(array.shape):
            if not k:
                row.step("follow", steps.SHAPE)
            row.step("same", 8 * k, n)


def _guards(row: Row, program: Any) -> None:
    """What Python's state and the tensors from outside were."""
    for kind, owner, told in program.guards.facts:
        row.step("at", row.of(owner))
        if kind == "length":
            row.step("size", told)
        elif kind == "cell":
            row.step("same", steps.CELL, row.of(owner.cell_contents))
        elif kind == "key":
            _key(row, told, owner[told])
        elif kind == "slot":
            _slot(row, told, getattr(owner, told))
        elif kind == "no":
            _slot(row, told, None)
        elif isinstance(owner, list):
            row.step("follow", steps.ITEMS)
            for i, x in enumerate(owner):
                row.step("same", 8 * i, row.of(x))
        elif isinstance(owner, dict):
            for k, x in owner.items():
                _key(row, k, x)
        else:
            raise _Unknown
    for group in program.guards.groups:  # numbers: other ones go the long way
        row.step("at", row.of(group.owner))
        row.step("size", len(group.owner))
        for k, x in group.owner.items():
            _key(row, k, x)
    for how, what, _ in program.inputs:
        if how == "closed":  # its address is in the table
            row.step("at", row.of(what.array))
            row.step("same", steps.DATA, what.array.ctypes.data)


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
