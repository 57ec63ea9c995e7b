"""Neighbouring groups as one native function: its buffers, its code, and the call of it."""

import ctypes
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np

from .._core import dtypes
from .._core.memory import give_back
from . import cache as disk
from . import families
from .builder import F32, I64, POINTER, Function, Module, Val
from .forked import mended
from .fuse import Fused
from .graph import Value
from .group import Group
from .kernels.share import PARTIALS
from .load import loaded
from .log import Clock, wanted
from .loops import Loop
from .nests import Nests, canonical
from .schedule import arranged
from .targets.host import compiled, host
from .threads import barrier, heed, pace, pool


def _head() -> int:
    """Where, in an array object, the address of its memory is; 0 where that is not known."""
    array, at = np.zeros(3), object.__basicsize__
    found = ctypes.c_int64.from_address(id(array) + at).value
    return at if found == array.__array_interface__["data"][0] else 0


HEAD = _head() if sys.implementation.name == "cpython" else 0
# Below this much work (elements, dear words counted ten times) waking others does not pay.
_ALONE = 60_000
# Below so much, about a millisecond, one thread may be quicker than two that wait for each other.
_SHORT = 30_000_000
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
        self.moves = list(nests.moves.values())
        wholes = [fused.moving[v].base for v in nests.moves]
        made |= {v.id: v for v in wholes if min(fused.born.get(v.id, [-1])) >= first}
        made = {i: v for i, v in made.items() if i in self.slots}
        self.fresh = [v for v in made.values() if max(readers.get(v.id, [-1])) > last]
        self.over = [(v, home[v]) for g in groups for v in g.made if v in home]
        leaves = {v.id for v in self.fresh}
        born, spans = fused.born, {v: fused.makers[v].span for v in made}
        used = {v: (*spans[v], *born.get(v, ()), *readers.get(v, ())) for v in made}
        lives = [
            (v.id, v.size * v.dtype.itemsize, min(used[v.id]), max(used[v.id]))
            for v in made.values()
            if v.id not in leaves
        ]
        offsets, size = arranged(lives)
        inner = set(offsets) | leaves
        self.given = [v for v in self.slots if v not in inner and v >= 0]
        moving = [v for v in self.given if v not in fixed] + [v.id for v in self.fresh]
        self.objects = {self.slots[v] for v in moving} if HEAD else set()
        self.refusals = [(g.at, g.refusal, g.where) for g in groups if g.refusal is not None]
        turns = [1 if g.loop is None else g.loop.count for g in groups]
        self.work = sum(n * families.work(k) for n, k in zip(turns, self.kernels))
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
        self._place(offsets, size, PARTIALS + scratch + 128, len(self.kernels))

    def _place(self, offsets: dict[int, int], size: int, scratch: int, kernels: int) -> None:
        self.offsets, self.size, self.scratch, self.count = offsets, size, scratch, kernels
        if size > _MUCH:
            give_back()
        self.arena = np.zeros(size + self.scratch, np.uint8)
        base = -(-self.arena.ctypes.data // 64) * 64
        self.table = (ctypes.c_int64 * (len(self.slots) + 4 + kernels))()
        self.address = ctypes.addressof(self.table)
        self.pace = pace() if self.work < _SHORT else None
        for v, at in offsets.items():
            self.table[self.slots[v]] = base + at
        self.table[len(self.slots)] = base + size

    def _compile(self) -> None:
        target = host()
        told = [*zip(self.kernels, self.places)]
        refused = [(at - self.groups[0].at, self.slots[v.id]) for at, v, _ in self.refusals]
        loops = [
            g.loop and (g.at - g.loop.first, g.loop.last - g.at, g.loop.count) for g in self.groups
        ]
        given = told, refused, self.clock is not None, sorted(self.objects), HEAD, loops, self.moves
        self.key = disk.key_of("program", target.key, repr(given))
        self._bind(disk.kept(self.key, lambda: compiled(self.text(), target)))

    def _bind(self, image: bytes) -> None:
        self.image = image  # what an export takes along
        self.code = loaded(image, ["program", "alone"])
        self.entry = self.code.addresses["program"]
        # It is done soon, and keeps Python's lock, as a door does (door.py): the two never meet.
        self.alone = ctypes.PYFUNCTYPE(None, ctypes.c_void_p)(self.code.addresses["alone"])

    # -- as a plan

    def told(self, streams: list) -> dict[str, Any]:
        """What a run needs beside the code, as plain values; streams by their numbers."""
        return {
            "key": self.key, "slots": [*self.slots.items()], "given": self.given,
            "streams": [(n, streams.index(s)) for n, s in self.streams.items()],
            "fresh": [(v.id, dtypes.of(v.dtype).name, v.shape) for v in self.fresh],
            "over": [(v, home.id) for v, home in self.over], "objects": sorted(self.objects),
            "refusals": [where for *_, where in self.refusals], "work": self.work,
            "threads": self.threads,
            "memory": ([*self.offsets.items()], self.size, self.scratch, self.count),
        }  # fmt: skip

    @classmethod
    def again(cls, told: dict[str, Any], streams: list) -> "Unit | None":
        """The same function from what was told; None where its code is gone."""
        image = disk.read(told["key"])
        if image is None:
            return None
        made = cls.__new__(cls)
        made.__dict__.update(
            told, clock=None, slots=dict(told["slots"]), objects={*told["objects"]}
        )
        made.streams = {n: streams[i] for n, i in told["streams"]}
        made.fresh = [Value(v, shape, dtypes.by_name(d).numpy) for v, d, shape in told["fresh"]]
        made.over = [(v, Value(home, (), np.int8)) for v, home in told["over"]]
        made.refusals = [(0, None, where) for where in told["refusals"]]
        offsets, *rest = told["memory"]
        made._place(dict(offsets), *rest)
        made._bind(image)
        mended(made)
        return made

    # -- the code

    def text(self) -> str:
        """The program in LLVM's words."""
        module, names = Module(host()), {}
        for kernel in self.kernels:  # equal ones are one
            if (key := repr(kernel)) not in names:
                names[key] = families.kernel(module, kernel)
        f = module.function("program", "buffers:ptr me:i64 threads:i64 control:ptr", shared=True)
        buffers, me, threads, control = f.args
        partials = f.load(buffers.shifted(len(self.slots), I64), POINTER)
        mine, since = f.buffer(I64, max(map(len, self.places))), 0
        around, turn = ExitStack(), None
        self.timer = f.var(I64, 1, 0), f.var(I64, 1, len(self.kernels))
        for at, (kernel, group) in enumerate(zip(self.kernels, self.groups)):
            if group.loop is not None and group.at == group.loop.first:
                turn = around.enter_context(self._turns(f, group.loop))
            if at or turn is not None:
                f.call(barrier(module), control, threads)
            if since > _LONG and f.target.python:
                heed(f, buffers.shifted(len(self.table) - 1, I64), me, threads, control)
                since = 0
            since += families.work(kernel)
            if self.clock is not None:
                self._stamp(f, at)
            for i, (slot, offset) in enumerate(self.places[at]):
                place = self._where(f, slot, turn)
                mine.write(i, place.shifted(offset) if offset else place)
            f.call(names[repr(kernel)], mine, me, threads, control, partials)
            for number, (asked, flag, _) in enumerate(self.refusals, 1):
                if asked == group.at:
                    f.call(barrier(module), control, threads)
                    self._refuse(f, flag, number)
            if group.loop is not None and group.at == group.loop.last:
                around.close()
                turn = None
        if self.clock is not None:
            self._stamp(f, len(self.kernels))
        f.done()
        one = module.function("alone", "buffers:ptr", shared=True)
        nobody = one.const(0, POINTER)
        one.call("program", one.args[0], one.const(0, I64), one.const(1, I64), nobody)
        one.done()
        return str(module)

    @contextmanager
    def _turns(self, f: Function, loop: Loop) -> Iterator[Val]:
        """The groups of a loop in turn, and now and then a look whether Ctrl-C was pressed."""
        buffers, me, threads, control = f.args
        first = self.groups[0].at
        work = sum(map(families.work, self.kernels[loop.first - first : loop.last - first + 1]))
        with f.loop(0, loop.count) as turn:
            if work * loop.count > _LONG and f.target.python:
                with f.when((turn % max(1, _LONG // work)).equals(0)):
                    heed(f, buffers.shifted(len(self.table) - 1, I64), me, threads, control)
            yield turn

    def _where(self, f: Function, slot: int, turn: Val | None) -> Val:
        """Where a buffer lies, in this turn of a loop."""
        if slot < 0:
            slot, start, stride, other = self.moves[-1 - slot]
            step = turn if other is None else (turn + other) & 1
            return self._where(f, slot, turn).shifted(step * stride + start)
        place = f.load(f.args[0].shifted(slot, I64), POINTER)
        if slot in self.objects:
            place = f.load(place.shifted(HEAD), POINTER)
        return place

    def _stamp(self, f: Function, at: int) -> None:
        """The first thread adds the counter's way to what ran until now; then runs kernel `at`."""
        buffers, me = f.args[:2]
        last, running = self.timer
        with f.when(me.equals(0)):
            now = f.target.ticks(f)
            place = buffers.shifted(running.get() + (len(self.slots) + 2), I64)
            f.store(place, f.load(place, I64) + (now - last.get()))
            last.set(now)
            running.set(at)

    def stamps(self) -> list[int]:
        """How far the counter went in each kernel in the last run; then they stand at 0."""
        first, n = len(self.slots) + 2, len(self.kernels)
        found, self.table[first : first + n] = self.table[first : first + n], [0] * n
        return found

    def _refuse(self, f: Function, flag: Value, number: int) -> None:
        """Leave where a condition does not hold; all threads read the same flag."""
        buffers = f.args[0]
        place = self._where(f, self.slots[flag.id], None)
        with f.when(f.load(place, F32).equals(0.0)):
            buffers.write(len(self.slots) + 1, f.const(number, I64))
            f.done()
            f.begin(f.label())

    def refused(self) -> str:
        """The line of the check that failed; the status is set back."""
        at, self.table[len(self.slots) + 1] = self.table[len(self.slots) + 1] - 1, 0
        return self.refusals[at][2]
