"""The leanest call of a native function from Python: arrays in, and what is done is done.

A method of CPython's own calling convention, in machine code: it reads the addresses out of the
arrays themselves and never lets go of the interpreter's lock. ctypes takes 0.5 us and NumPy 0.25 us
more for each address: as much as the work on a small array.
"""

import ctypes
import sys
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from . import cache as disk
from .builder import BOOL, I32, I64, POINTER, Module, Val
from .load import Code, loaded
from .targets.host import compiled, host

# Where an ndarray keeps its class, its elements' address and its flags: NumPy's C headers, whose
# layout is part of its binary interface. `_laid_out` looks before anything relies on it.
_KIND, _DATA, _FLAGS = object.__basicsize__ - 8, object.__basicsize__, object.__basicsize__ + 48
_TIDY = 0x101  # C-contiguous, aligned
_PROGRAM, _TABLE, _CLASS, _YES, _NO, _COUNT, _STATUS, _SLOTS = range(8)  # words of the head
_FASTCALL = 0x80


class _Definition(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_char_p), ("call", ctypes.c_void_p),
        ("flags", ctypes.c_int), ("doc", ctypes.c_char_p),
    )  # fmt: skip


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
    if not _laid_out():
        return None
    head = np.zeros(_SLOTS + len(slots), np.int64)
    place = ctypes.addressof(table)
    head[:_SLOTS] = (
        entry, place, id(np.ndarray), id(True), id(False), _count_up(), place + 8 * status,
    )  # fmt: skip
    head[_SLOTS:] = [2 * slot + whole for slot, whole in slots]
    make = ctypes.pythonapi.PyCFunction_NewEx
    make.restype = ctypes.py_object
    make.argtypes = [ctypes.c_void_p, ctypes.py_object, ctypes.c_void_p]
    return make(ctypes.addressof(_definition()), head, None)


@cache
def _laid_out() -> bool:
    """Whether arrays are what this file takes them for."""
    if sys.implementation.name != "cpython" or not getattr(sys, "_is_gil_enabled", lambda: True)():
        return False
    if object.__basicsize__ != 16 or ctypes.sizeof(ctypes.c_void_p) != 8:
        return False
    base = np.arange(24.0).reshape(4, 6)
    odd = np.frombuffer(bytes(17), np.uint8)[1:].view(np.float64)
    arrays = (base, base.T, base[1:], base[:, 1:], np.array(1.0), odd)
    return all(map(_understood, arrays))


def _understood(a: np.ndarray) -> bool:
    flags = ctypes.c_int.from_address(id(a) + _FLAGS).value
    return (
        ctypes.c_int64.from_address(id(a) + _KIND).value == id(np.ndarray)
        and ctypes.c_int64.from_address(id(a) + _DATA).value == a.__array_interface__["data"][0]
        and bool(flags & 1) == a.flags.c_contiguous
        and bool(flags & 0x100) == a.flags.aligned
    )


def _count_up() -> int:
    return ctypes.cast(ctypes.pythonapi.Py_IncRef, ctypes.c_void_p).value or 0


@cache
def _definition() -> _Definition:
    """What Python must know of the function: one for all leaves, told apart by their heads."""
    return _Definition(b"leaf", _code().addresses["leaf"], _FASTCALL, None)


@cache
def _code() -> Code:
    target = host()
    text = _text()
    key = disk.key_of("leaf", target.key, text)
    image = disk.read(key)
    if image is None:
        image = compiled(text, target)
        disk.write(key, image)
    return loaded(image, ["leaf"])


def _text() -> str:
    """The function in LLVM's words: (self: the head as an array, arguments, how many)."""
    module = Module(host())
    f = module.function("leaf", "self:ptr args:ptr n:i64", shared=True, result=POINTER)
    self, args, n = f.args
    head = f.load(self.shifted(_DATA, BOOL), POINTER)

    def word(i: int) -> Val:
        return f.load(head.shifted(i, I64), POINTER)

    def give(x: Val) -> None:
        f.line(f"call void {word(_COUNT).name}(ptr {x.name})")
        f.done(x)
        f.begin(f.label())

    table, kind = word(_TABLE), f.load(head.shifted(_CLASS, I64), I64)
    with f.loop(0, n) as i:
        a = f.load(args.shifted(i, I64), POINTER)
        with f.when(f.load(a.shifted(_KIND, BOOL), I64).compared("ne", kind), rare=True):
            give(word(_NO))
        flags = f.load(a.shifted(_FLAGS, BOOL), I32) & _TIDY
        with f.when(flags.compared("ne", _TIDY), rare=True):
            give(word(_NO))
        slot = f.load(head.shifted(i + _SLOTS, I64), I64)
        whole = f.op(I64, 1, f"ptrtoint ptr {a.name} to i64")
        place = f.select((slot & 1).equals(1), whole, f.load(a.shifted(_DATA, BOOL), I64))
        f.store(table.shifted(slot >> 1, I64), place)
    f.line(f"call void {word(_PROGRAM).name}(ptr {table.name}, i64 0, i64 1, ptr null)")
    status = word(_STATUS)
    with f.when(f.load(status, I64).compared("ne", 0), rare=True):
        f.store(status, f.const(0, I64))
        give(word(_NO))
    give(word(_YES))
    f.line("unreachable")
    return str(module)
