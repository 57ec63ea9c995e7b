"""A function of Python's in machine code, as a row of steps over Python's and NumPy's structures.

A step is a function of what the step before it found, of the call's own words, and of its record:
its address and three words. What it finds goes to the next; where it finds nothing, the call ends.
ctypes takes 0.5 us for a call, Python 20 ns for a comparison; a step takes two or three.
"""

import ctypes
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from inspect import ismemberdescriptor
from itertools import chain
from types import CellType
from typing import Any

import numpy as np

from .._core.tape import TensorBase
from . import cache as disk
from .builder import BOOL, I8, I32, I64, POINTER, Function, Kind, Module, Val
from .load import Code, loaded
from .targets.host import compiled, host
from .threads import MOST, RUNNING, WORKERS

# Where NumPy and CPython keep what an object has: `known` looks before anything relies on it.
KIND, DATA, AXES, SHAPE, DTYPE, FLAGS = 8, 16, 24, 32, 56, 64
MEMBER = 40  # of what a class has for a slot
ITEMS, CELL, COUNT, USED, VERSION = 24, 16, 16, 24, 24  # USED: of a set; VERSION: of a dictionary
CODE = 48, 56, 64  # of a function; defaults; those of names
VERSIONS = sys.version_info < (3, 13)  # each change of a dictionary gives it a number never seen
TIDY = 0x101  # of an array's flags: C-contiguous, aligned
FRAME = 64  # words of a call's own: the arguments' place, how many; then outputs
_FASTCALL = 0x80


class Unknown(Exception):
    """What steps cannot do, or not on this Python."""


class Row:
    """Steps being written down, and what must live as long as they do.

    miss: what the function gives where a step finds nothing.
    """

    def __init__(self, miss: Any) -> None:
        self.words: list[int] = [id(miss)]
        self.kept: list[Any] = [miss]

    def step(self, name: str, *words: int) -> None:
        """One more step."""
        self.words += [_code().addresses[name], *words, *[0] * (3 - len(words))]

    def of(self, x: Any) -> int:
        """The identity of an object that is kept from here on."""
        self.kept.append(x)
        return id(x)

    def block(self, *words: int) -> int:
        """The address of some words."""
        self.kept.append(made := (ctypes.c_int64 * len(words))(*words))
        return ctypes.addressof(made)

    def facts(self, name: str, facts: Iterable[tuple[int, ...]], third: int = 0) -> None:
        """A step over some facts of a few words each."""
        rows = [*facts]
        self.step(name, self.block(*chain(*rows)), len(rows), third)

    def same(self, facts: Iterable[tuple[int, ...]]) -> None:
        """Words behind what was found: how far, what, which bits of them, if not all."""
        self.facts("same", [(at, what, *(bits or [-1])) for at, what, *bits in facts])

    def array(self, *facts: tuple[int, ...]) -> None:
        """What was found is an array of NumPy's own class, its elements in order."""
        self.same([(KIND, id(np.ndarray)), (FLAGS, TIDY, TIDY), *facts])

    def keys(self, values: dict, absent: Any = ()) -> None:
        """The dictionary that was found has these values, or may have nothing under some keys."""
        facts = [(self.of(k), self.of(x), 0 if k in absent else id(x)) for k, x in values.items()]
        self.facts("keys", facts, -1 if VERSIONS else 0)

    def function(self) -> Callable:
        """The function: what the last step finds, or `miss`."""
        head = np.array([*self.words, 0], np.int64)
        make = ctypes.pythonapi.PyCFunction_NewEx
        make.restype = ctypes.py_object
        make.argtypes = [ctypes.c_void_p, ctypes.py_object, ctypes.py_object]
        return make(ctypes.addressof(_definition()), head, self.kept)


# -- machine code


class _Step:
    """A step being written."""

    def __init__(self, f: Function) -> None:
        self.f, (self.found, self.frame, self.record) = f, f.args

    def word(self, i: int, kind: Kind = POINTER) -> Val:
        """A word of the record, from 1."""
        return self.f.load(self.record.shifted(i, I64), kind)

    def at(self, place: Val, offset: Any = 0, kind: Kind = POINTER) -> Val:
        """What lies some bytes behind an address."""
        return self.f.load(place.shifted(offset, I8), kind)

    def call(self, name: str, *given: Val, result: Kind | None = POINTER) -> Any:
        """A function of Python's."""
        self.f.declare(name, result.name if result else "void", [a.type for a in given])
        return self.f.call(name, *given, result=result)

    def is_(self, a: Val, b: Val | None = None) -> Val:
        """Whether two addresses are one; without the other, whether there is none."""
        return self.f.op(BOOL, 1, f"icmp eq ptr {a.name}, {b.name if b else 'null'}")

    def only(self, right: Val, found: Val | None = None) -> Val:
        """What was found, where something holds; else nothing."""
        found = found or self.found
        return self.f.op(POINTER, 1, f"select i1 {right.name}, ptr {found.name}, ptr null")

    def end(self, when: Val, found: Val | None = None) -> None:
        """The step ends here where something holds: with nothing, if nothing is said."""
        with self.f.when(when, rare=True):
            self.f.done(found or self.f.const(0, POINTER))
            self.f.begin(self.f.label())

    def own(self, i: Val) -> Val:
        """The place of one of the call's own words."""
        return self.frame.shifted(i, I64)

    def kept(self, place: Val, x: Val | None = None) -> Val:
        """What was found, or x, put in a place."""
        self.f.store(place, x := x or self.found)
        return x

    def free(self, x: Val) -> Val:
        """Whether nobody but the row holds an object."""
        return self.f.load(x, I32).equals(1)


def _argument(s: _Step) -> Val:
    return s.at(s.f.load(s.frame, POINTER), s.word(1, I64))


@contextmanager
def _facts(s: _Step, size: int) -> Iterator[Val]:
    """The body for each of as many facts, of `size` words, as the second word says."""
    with s.f.loop(0, s.word(2, I64)) as i:
        yield s.word(1).shifted(i * size, I64)


def _apart(s: _Step) -> Val:
    """An array that does not begin in stretches of memory: from, how many bytes."""
    with _facts(s, 2) as fact:
        inside = s.at(s.found, DATA, I64) - s.at(fact, 0, I64)
        s.end(inside.compared("ge", 0) & inside.compared("lt", s.at(fact, 8, I64)))
    return s.found


def _same(s: _Step) -> Val:
    """Words behind what was found: how far, what, which bits of them."""
    with _facts(s, 3) as fact:
        now = s.at(s.found, s.at(fact, 0, I64), I64) & s.at(fact, 16, I64)
        s.end(now.compared("ne", s.at(fact, 8, I64)))
    return s.found


def _keys(s: _Step) -> Val:
    """A dictionary where keys have a value or another (0: none).

    The third word is the version of one where it was so; 0 on Pythons that keep none.
    """
    noted, now = s.word(3, I64), s.at(s.found, VERSION, I64)
    known = noted.compared("ne", 0)
    s.end(known & now.equals(noted), s.found)
    with _facts(s, 3) as fact:
        value = s.call("PyDict_GetItemWithError", s.found, s.at(fact))
        right = s.is_(value, s.at(fact, 8)) | s.is_(value, s.at(fact, 16))
        s.end(right ^ 1)
    s.f.store(s.record.shifted(3, I64), s.f.select(known, now, noted))
    return s.found


def _attribute(s: _Step) -> Val:
    """An attribute's value, which something else holds as well."""
    value = s.call("PyObject_GetAttr", s.found, s.word(1))
    s.end(s.is_(value))
    s.call("Py_DecRef", value, result=None)
    return value


def _ready(s: _Step) -> Val:
    """Two places of arrays, one of which nobody else holds; a function of Python's makes one so."""
    places = s.word(1)
    s.end(s.free(s.at(places)) | s.free(s.at(places, 8)), places)
    made = s.call("PyObject_CallNoArgs", s.word(2))
    s.end(s.is_(made))
    s.call("Py_DecRef", made, result=None)
    return places


def _take(s: _Step) -> Val:
    """The one that nobody else holds; its address goes to a place in the table."""
    first, second = s.at(s.word(1)), s.at(s.word(1), 8)
    one = s.f.op(POINTER, 1, f"select i1 {s.free(first).name}, ptr {first.name}, ptr {second.name}")
    s.f.store(s.word(2), one)
    return s.only(s.free(one), one)


def _run(s: _Step) -> Val:
    """The program; nothing where threads are missing, or where it refused its values.

    The block: entry, table, threads, status, the pool's control block, its function `run`, a pace.
    """
    f, block = s.f, s.word(1)
    entry, table, status, control, run, pace = (s.at(block, 8 * i) for i in (0, 1, 3, 4, 5, 6))
    workers = s.at(control, WORKERS, I64)
    threads = f.least(s.at(block, 16, I64), s.at(control, MOST, I64))
    several = threads > 1
    s.end(s.at(control, RUNNING, I64).compared("ne", 0) | (several & (workers < threads - 1)))
    with f.when(several):
        f.line(f"call void {run.name}(ptr {control.name}, ptr {entry.name}, ptr {table.name}, "
               f"i64 {threads.name}, i64 {workers.name}, ptr {pace.name})")  # fmt: skip
    with f.when(several ^ 1):
        f.line(f"call void {entry.name}(ptr {table.name}, i64 0, i64 1, ptr null)")
    refused = f.load(status, I64).compared("ne", 0)
    f.store(status, f.const(0, I64))
    return s.only(refused ^ 1, block)


def _hold(s: _Step) -> Val:
    """An object, with a reference more, from a place; also into one of the call's own words."""
    held = s.at(s.word(1))
    s.call("Py_IncRef", held, result=None)
    return s.kept(s.own(s.word(2, I64)), held)


def _tuple(s: _Step) -> Val:
    """The call's own words from the second on, as many as the word says."""
    made = s.call("PyTuple_New", s.word(1, I64))
    s.end(s.is_(made))
    with s.f.loop(0, s.word(1, I64)) as i:
        item = s.f.load(s.frame.shifted(i + 2, I64), POINTER)
        s.call("PyTuple_SetItem", made, i, item, result=I32)
    return made


def _written(s: _Step) -> Val:
    """A tensor whose version, in a slot, goes up by one."""
    versions, first = s.at(s.found, s.word(1, I64)), s.f.const(0, I64)
    now = s.call("PyLong_AsLongLong", s.call("PyList_GetItem", versions, first), result=I64)
    s.call("PyList_SetItem", versions, first, s.call("PyLong_FromLongLong", now + 1), result=I32)
    return s.found


def _first(s: _Step) -> Val:
    """A new list of a list's first item, in one of the call's own words."""
    first, end = (s.f.const(i, I64) for i in (0, 1))
    return s.kept(s.own(s.word(2, I64)), s.call("PyList_GetSlice", s.word(1), first, end))


def _new(s: _Step) -> Val:
    """An object of a class with slots: where, what (below FRAME: one of the call's own words)."""
    made = s.call("PyType_GenericAlloc", s.word(3), s.f.const(0, I64))
    s.end(s.is_(made))
    with _facts(s, 2) as fact:
        what = s.at(fact, 8, I64)
        own = what < FRAME
        x = s.at(s.f.select(own, s.own(what), fact.shifted(1, I64)))
        s.f.store(made.shifted(s.at(fact, 0, I64), I8), x)
        with s.f.when(own ^ 1):
            s.call("Py_IncRef", x, result=None)
    return made


_STEPS: dict[str, Callable[[_Step], Val]] = {
    "many": lambda s: s.only(s.f.load(s.frame.shifted(1, I64), I64).equals(s.word(1, I64))),
    "at": lambda s: s.word(1), "argument": _argument,
    "distinct": lambda s: s.only(s.is_(_argument(s), s.found) ^ 1),
    "follow": lambda s: s.at(s.found, s.word(1, I64)),
    "other": lambda s: s.only(s.is_(s.at(s.found, s.word(1, I64)), s.word(2)) ^ 1),
    "same": _same, "apart": _apart, "keys": _keys, "attribute": _attribute,
    "ready": _ready, "take": _take, "put": lambda s: s.kept(s.word(1)), "run": _run,
    "hold": _hold, "tuple": _tuple, "written": _written, "new": _new,
    "first": _first, "keep": lambda s: s.kept(s.own(s.word(1, I64))),
}  # fmt: skip


def _text() -> str:
    """All steps, and what takes them one after another: (self: the head, arguments, how many)."""
    module = Module(host())
    for name, written in _STEPS.items():
        f = module.function(name, "found:ptr frame:ptr record:ptr", shared=True, result=POINTER)
        f.done(written(_Step(f)))
    f = module.function("row", "self:ptr args:ptr n:i64", shared=True, result=POINTER)
    self, args, n = f.args
    s = _Step(f)
    head, frame = s.at(self, DATA), f.buffer(I64, FRAME)
    f.store(frame, args)
    f.store(frame.shifted(1, I64), n)
    found, place = f.var(POINTER, 1, head), f.var(POINTER, 1, head.shifted(1, I64))
    with f.forever() as out:
        step = f.load(place.get(), POINTER)
        f.leave_if(s.is_(step), out)
        given = f"ptr {found.get().name}, ptr {frame.name}, ptr {place.get().name}"
        found.set(f.op(POINTER, 1, f"call ptr {step.name}({given})"))
        with f.when(s.is_(found.get()), rare=True):
            s.end(s.is_(s.call("PyErr_Occurred")) ^ 1)
            miss = f.load(head, POINTER)
            s.call("Py_IncRef", miss, result=None)
            f.done(miss)
            f.begin(f.label())
        place.set(place.get().shifted(4, I64))
    f.done(found.get())
    return str(module)


@cache
def _code() -> Code:
    target = host()
    key = disk.key_of("steps", target.key)
    image = disk.kept(key, lambda: compiled(_text(), target))
    return loaded(image, [*_STEPS, "row"])


class _Definition(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_char_p), ("call", ctypes.c_void_p),
        ("flags", ctypes.c_int), ("doc", ctypes.c_char_p),
    )  # fmt: skip


@cache
def _definition() -> _Definition:
    """What Python must know of the function: one for all rows, told apart by their heads."""
    made = _Definition(b"row", _code().addresses["row"], _FASTCALL, None)
    # A function reads it when it is freed, which may be after our modules at the end of Python.
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(made))
    return made


# -- what is known of this Python


@cache
def slots(kind: type = TensorBase) -> dict[str, int]:
    """Where tensors keep what; nothing where Python or NumPy is not what this file takes it for."""
    names = (n for n in kind.__slots__ if not n.startswith("__"))
    return {n: member(kind, n) for n in names} if known() else {}


def member(kind: type, name: str) -> int:
    """Where objects of a class keep a slot.

    Raises:
        Unknown: where the name is no slot (any more) in this class.
    """
    found = getattr(kind, name)
    if not ismemberdescriptor(found):
        raise Unknown
    return word(found, MEMBER, 16)


def word(x: Any, *offsets: int) -> int:
    """A word of an object, or of what that points to."""
    place = id(x)
    for offset in offsets:
        place = ctypes.c_int64.from_address(place + offset).value
    return place


@cache
def known() -> bool:
    """Whether arrays, lists and cells lie in memory as we read them, and references are counted."""
    if sys.implementation.name != "cpython" or not (3, 11) <= sys.version_info[:2] <= (3, 14):
        return False
    if not getattr(sys, "_is_gil_enabled", lambda: True)() or ctypes.sizeof(ctypes.c_void_p) != 8:
        return False
    f: Any = lambda a=0, *, b=0: a
    base, x = np.arange(24.0).reshape(4, 6), [object()]
    count = ctypes.c_uint32.from_address(id(x[0])).value
    odd = np.frombuffer(bytes(17), np.uint8)[1:].view(np.float64)
    arrays = (base, base.T, base[1:], base[:, 1:], odd)
    return (
        object.__basicsize__ == 16 and count == 1 and all(map(_understood, arrays))
        and word(x, ITEMS, 0) == id(x[0]) and word(CellType(x), CELL) == id(x)
        and [word(f, i) for i in CODE] == [*map(id, (f.__code__, f.__defaults__, f.__kwdefaults__))]
        and {word(x, COUNT), word(deque(x), COUNT), word({0: 0}, COUNT), word({0}, USED)} == {1}
        and all(map(_kept, TensorBase.__slots__))
    )  # fmt: skip


def _kept(name: str) -> bool:
    x, slot = object.__new__(TensorBase), TensorBase.__dict__[name]
    if not ismemberdescriptor(slot):  # what Python itself keeps
        return True
    slot.__set__(x, mark := object())
    return word(x, member(TensorBase, name)) == id(mark)


def _understood(a: np.ndarray) -> bool:
    flags = word(a, FLAGS)
    return (
        word(a, KIND) == id(np.ndarray)
        and word(a, DATA) == a.__array_interface__["data"][0]
        and word(a, AXES) & 0xFFFFFFFF == a.ndim
        and tuple(word(a, SHAPE, 8 * i) for i in range(a.ndim)) == a.shape
        and word(a, DTYPE) == id(a.dtype)
        and (bool(flags & 1), bool(flags & 0x100)) == (a.flags.c_contiguous, a.flags.aligned)
    )
