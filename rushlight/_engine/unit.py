"""Neighbouring groups as one native function: its buffers, its code, and the call of it."""

import ctypes
import sys

import numpy as np

from .._core.memory import give_back
from . import cache as disk
from . import families
from .builder import F32, I8, I64, POINTER, Function, Module
from .forked import mended
from .fuse import Fused, Group
from .graph import Value
from .kernels.share import PARTIALS
from .load import loaded
from .log import Clock, wanted
from .nests import Nests, canonical, described
from .schedule import arranged
from .targets.host import compiled, host
from .threads import barrier, heed, pool


def _head() -> int:
    """Where, in an array object, the address of its memory is; 0 where that is not known."""
    array, at = np.zeros(3), object.__basicsize__
    found = ctypes.c_int64.from_address(id(array) + at).value
    return at if found == array.__array_interface__["data"][0] else 0


HEAD = _head() if sys.implementation.name == "cpython" else 0
# Below this much work (elements, dear words counted ten times) waking others does not pay.
_ALONE = 60_000
# After so much, about 0.2 s on two threads, a program asks whether Ctrl-C was pressed.
_LONG = 2_000_000_000
_MUCH = 1 << 25  # bytes of an arena


class Unit:
    """One native function over a table of buffers.

    The table holds the addresses of all buffers, then of the scratch memory, then the status: 0, or
    1 + the number of the check that failed (nothing that outlives the program was written then).
    Its last word is not 0 where a signal's handler raised and the program was left.

    Args:
        fused: all groups of the graph.
        groups: those of this function.
        readers: value -> the numbers of the groups that read it (one past the last: an output).
        home: value -> the input that it is written over.
        fixed: inputs that are the same array mostly: the table holds their memory's address. For
            other arrays it holds that of the array itself, in which the program looks.
    """

    def __init__(
        self, fused: Fused, groups: list[Group], readers: dict[int, list[int]],
        home: dict[int, Value], fixed: set[int],
    ) -> None:  # fmt: skip
        self.groups = groups
        first, last = groups[0].at, groups[-1].at
        made = {v.id: v for g in groups for v in g.made.values()}
        parts = [fused.pieces[v] for v in made if v in fused.pieces]
        made |= {v.id: v for v in parts if min(fused.born[v.id]) >= first}
        kept = {v for g in groups for v in g.made if any(r != g.at for r in readers.get(v, ()))}
        nests = Nests(fused, kept, home)
        made_of = [canonical(nests.of(group)) for group in groups]
        self.kernels, self.places = [k for k, _ in made_of], [p for _, p in made_of]
        self.slots, self.streams = nests.slots, nests.streams
        made = {i: v for i, v in made.items() if i in self.slots}
        self.fresh = [v for v in made.values() if max(readers.get(v.id, [-1])) > last]
        self.over = [(v, home[v]) for g in groups for v in g.made if v in home]
        leaves = {v.id for v in self.fresh}
        lives = [
            (v.id, v.size * v.dtype.itemsize, min(fused.born.get(v.id, [fused.makers[v.id].at])),
             max(readers.get(v.id, [first])))
            for v in made.values() if v.id not in leaves
        ]  # fmt: skip
        offsets, size = arranged(lives)
        inner = set(offsets) | leaves
        self.given = [v for v in self.slots if v not in inner and v >= 0]
        moving = [v for v in self.given if v not in fixed] + [v.id for v in self.fresh]
        self.objects = {self.slots[v] for v in moving} if HEAD else set()
        self.refusals = [(g.at, g.refusal, g.where) for g in groups if g.refusal is not None]
        self.work = sum(map(families.work, self.kernels))
        self.clock = Clock(groups) if wanted("time") else None
        self._memory(offsets, size)
        self._compile()
        mended(self)

    def _at_fork_reinit(self) -> None:
        """In a forked child nobody ends what another thread began: counts of tasks start anew."""
        self.arena[-self.scratch :] = 0

    def _memory(self, offsets: dict[int, int], size: int) -> None:
        """One arena for what lives inside, and room for what kernels put aside."""
        self.threads = 1 if self.work < _ALONE else pool().room
        scratch = max(families.workspace(k, host(), self.threads) for k in self.kernels)
        self.scratch = PARTIALS + scratch + 128
        if size > _MUCH:
            give_back()
        self.arena = np.zeros(size + self.scratch, np.uint8)
        base = -(-self.arena.ctypes.data // 64) * 64
        self.table = (ctypes.c_int64 * (len(self.slots) + 4 + len(self.kernels)))()
        self.address = ctypes.addressof(self.table)
        for v, at in offsets.items():
            self.table[self.slots[v]] = base + at
        self.table[len(self.slots)] = base + size

    def _compile(self) -> None:
        target = host()
        told = [*zip(map(described, self.kernels), self.places)]
        refused = [(at - self.groups[0].at, self.slots[v.id]) for at, v, _ in self.refusals]
        key = disk.key_of(
            "program", target.key,
            repr((told, refused, self.clock is not None, sorted(self.objects), HEAD)),
        )  # fmt: skip
        image = disk.read(key)
        if image is None:
            image = compiled(self.text(), target)
            disk.write(key, image)
        self.image = image  # what an export takes along
        self.code = loaded(image, ["program", "alone"])
        self.entry = self.code.addresses["program"]
        # It is done soon, and keeps Python's lock, as a door does (door.py): the two never meet.
        self.alone = ctypes.PYFUNCTYPE(None, ctypes.c_void_p)(self.code.addresses["alone"])

    def text(self) -> str:
        """The program in LLVM's words."""
        module, names = Module(host()), {}
        for kernel in self.kernels:  # equal ones are one
            key = repr(described(kernel))
            if key not in names:
                names[key] = families.kernel(module, kernel)
        f = module.function("program", "buffers:ptr me:i64 threads:i64 control:ptr", shared=True)
        buffers, me, threads, control = f.args
        partials = f.load(buffers.shifted(len(self.slots), I64), POINTER)
        mine, since = f.buffer(I64, max(map(len, self.places))), 0
        for at, (kernel, group) in enumerate(zip(self.kernels, self.groups)):
            if at:
                f.call(barrier(module), control, threads)
            if since > _LONG and f.target.python:
                heed(f, buffers.shifted(len(self.table) - 1, I64), me, threads, control)
                since = 0
            since += families.work(kernel)
            if self.clock is not None:
                self._stamp(f, at)
            for i, (slot, offset) in enumerate(self.places[at]):
                place = f.load(buffers.shifted(slot, I64), POINTER)
                if slot in self.objects:
                    place = f.load(place.shifted(HEAD, I8), POINTER)
                f.store(mine.shifted(i, I64), place.shifted(offset, I8) if offset else place)
            f.call(names[repr(described(kernel))], mine, me, threads, control, partials)
            for number, (asked, flag, _) in enumerate(self.refusals, 1):
                if asked == group.at:
                    f.call(barrier(module), control, threads)
                    self._refuse(f, flag, number)
        if self.clock is not None:
            self._stamp(f, len(self.kernels))
        f.done()
        one = module.function("alone", "buffers:ptr", shared=True)
        nobody = one.const(0, POINTER)
        one.call("program", one.args[0], one.const(0, I64), one.const(1, I64), nobody)
        one.done()
        return str(module)

    def _stamp(self, f: Function, at: int) -> None:
        """The counter's value, written down by the first thread."""
        buffers, me = f.args[:2]
        with f.when(me.equals(0)):
            now = f.known("llvm.readcyclecounter", I64, 1)
            f.store(buffers.shifted(len(self.slots) + 2 + at, I64), now)

    def stamps(self) -> list[int]:
        """The counter before the first kernel and after each, of the last run."""
        return list(self.table[len(self.slots) + 2 : -1])

    def _refuse(self, f: Function, flag: Value, number: int) -> None:
        """Leave where a condition does not hold; all threads read the same flag."""
        buffers = f.args[0]
        place = f.load(buffers.shifted(self.slots[flag.id], I64), POINTER)
        with f.when(f.load(place, F32).equals(0.0)):
            f.store(buffers.shifted(len(self.slots) + 1, I64), f.const(number, I64))
            f.done()
            f.begin(f.label())

    def refused(self) -> str:
        """The line of the check that failed; the status is set back."""
        at, self.table[len(self.slots) + 1] = self.table[len(self.slots) + 1] - 1, 0
        return self.refusals[at][2]
