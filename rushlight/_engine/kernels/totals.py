"""Reductions in the making: what is carried along, how two parts join, what comes out in the end.

A state is a list of values: one for most words, the best value and its place for argmax. Sums of
float32 are made in float32 for a block of elements at most, and in float64 from there on.
"""

from collections.abc import Callable
from math import inf
from typing import Any

import numpy as np

from ..builder import BOOL, F32, F64, I32, I64, Function, Kind, Val, Var, kind_of
from ..graph import Step, Value
from .nest import kind

REDUCTIONS = {"sum", "max", "min", "prod", "any", "all", "argmax", "argmin"}
BLOCK = 4096  # elements of a row that are added up in their own precision (numpy's error and less)
PLACES = {"argmax", "argmin"}


def reducible(step: Step) -> bool:
    """Whether a reduction's kinds have a kernel (over which axes is another question)."""
    x: Any = step.args[0] if step.args else None
    if x.__class__ is not Value or x.size == 0 or len(step.results) != 1:
        return False
    given, made, word = kind_of(x.dtype), kind_of(step.result.dtype), step.word
    if word not in REDUCTIONS or given is None or made is None:
        return False
    if word in ("sum", "prod"):
        # As NumPy: in the result's own kind; from floating numbers to integers nobody asks for.
        return made is not BOOL and (made.floating or not given.floating)
    if word in PLACES:
        return made is I64 and x.size < 1 << 31
    return word in ("any", "all") or given == made


def start(word: str, of: Kind) -> Any:
    """What changes nothing that it is joined with."""
    known = {"sum": -0.0 if of.floating else 0, "prod": 1, "all": 1, "any": 0}
    if word in known:
        return known[word]
    top = word in ("min", "argmin")
    if of.floating:
        return inf if top else -inf
    info = np.iinfo(f"{of.family}{8 * of.size}")
    return int(info.max if top else info.min)


def larger(f: Function, a: Val, b: Val) -> Val:
    """The larger one; NaN where either is."""
    more = f.select(a > b, a, b)
    return f.select(a.isnan(), a, more) if a.kind.floating else more


def smaller(f: Function, a: Val, b: Val) -> Val:
    """The smaller one; NaN where either is."""
    less = f.select(a < b, a, b)
    return f.select(a.isnan(), a, less) if a.kind.floating else less


def now(state: list[Var]) -> list[Val]:
    """What a state is at this point."""
    return [v.get() for v in state]


class Total:
    """One reduction: its word, its kinds, a state for each of some vectors.

    `wholes` are those of the blocks before, where there are `blocks`.
    """

    wholes: list[list[Var]]

    def __init__(self, f: Function, step: Step, lanes: int, units: int) -> None:
        self.f, self.word, self.made, self.lanes = f, step.word, step.result.id, lanes
        given, made = kind(step.args[0]), kind(step.result)
        self.argument, self.result_kind, self.kind = step.args[0].id, made, given
        if step.word in ("any", "all") or given is BOOL:
            self.kind = I32
        if step.word in ("sum", "prod"):
            self.kind = made
        self.wide = F64 if (self.word, self.kind) == ("sum", F32) else self.kind
        place = [I32] if self.placed else []
        self.kinds, self.wides = [self.kind, *place], [self.wide, *place]
        self.start = [start(self.word, self.kind), 0][: len(self.kinds)]
        self.units, self.blocks = [self.vars(lanes) for _ in range(units)], False

    @property
    def placed(self) -> bool:
        """Whether a state tells a place."""
        return self.word in PLACES

    # -- states

    def vars(self, lanes: int, wide: bool = False) -> list[Var]:
        """Places for a state."""
        return [self.f.var(k, lanes) for k in (self.wides if wide else self.kinds)]

    def begin(self, state: list[Var]) -> None:
        """Nothing yet."""
        for var, x in zip(state, self.start):
            var.set(x)

    def open(self, blocks: bool) -> None:
        """Nothing yet; whether blocks will be closed before the end."""
        self.blocks = blocks
        for state in self.units + (self.wholes if blocks else []):
            self.begin(state)

    def lifted(self, x: Any, place: Val | None, mask: Val | None) -> list[Val]:
        """Elements as a state; `place` is where all lanes stand, or each lane's own."""
        f, lanes = self.f, self.lanes
        if isinstance(x, Val):
            test = f.cast(x, BOOL) if self.word in ("any", "all") else x
            x = f.cast(f.spread(test, lanes), self.kind)
        else:
            if self.word in ("any", "all"):
                x = int(bool(x))
            x = f.const(x, self.kind, lanes)
        if mask is not None:
            x = f.select(mask, x, f.const(self.start[0], self.kind, lanes))
        if not self.placed:
            return [x]
        assert place is not None
        return [x, f.const(f.cast(place, I32), I32, lanes)]

    def join(self, a: list[Val], b: list[Val]) -> list[Val]:
        """Two states as one; in an argmax `a` counts as the later one unless places say else."""
        f, x, y = self.f, a[0], b[0]
        if self.placed:
            return self._join_places(a, b)
        made: Callable[[], Val] = dict(
            sum=lambda: x + y, prod=lambda: x * y, any=lambda: x | y, all=lambda: x & y,
            max=lambda: larger(f, x, y), min=lambda: smaller(f, x, y),
        )[self.word]  # fmt: skip
        return [made()]

    def _join_places(self, a: list[Val], b: list[Val]) -> list[Val]:
        """The better value, and of equal ones the first; NaN is best."""
        f, x, y = self.f, a[0], b[0]
        better, same = (x > y if self.word == "argmax" else x < y), x.equals(y)
        if x.kind.floating:
            mine, other = x.isnan(), y.isnan()
            better, same = better | (mine & (other ^ 1)), same | (mine & other)
        take = better | (same & (a[1] < b[1]))
        return [f.select(take, x, y), f.select(take, a[1], b[1])]

    def add(self, state: list[Var], x: list[Val]) -> None:
        """A state joined to a place's own."""
        for var, v in zip(state, self.join(x, now(state))):
            var.set(v)

    def widened(self, state: list[Val]) -> list[Val]:
        """The state of a block, as it is joined to others."""
        return [self.f.cast(x, k) for x, k in zip(state, self.wides)]

    def folded(self, states: list[list[Var]]) -> list[Val]:
        """The states of several vectors as that of one element."""
        parts = list(map(now, states))
        while len(parts) > 1:
            pairs = [self.join(a, b) for a, b in zip(parts[::2], parts[1::2])]
            parts = pairs + parts[2 * len(pairs) :]
        state, n = parts[0], self.lanes
        while n > 1:
            n //= 2
            later, first = ([self.f.part(x, i, i + n) for x in state] for i in (n, 0))
            state = self.join(later, first)
        return state

    def result_of(self, state: list[Val]) -> Val:
        """What a state comes to, in the kind of the step's result."""
        return self.f.cast(state[-1], self.result_kind)

    # -- states in memory

    def put(self, at: Val, state: list[Val], apart: int) -> None:
        """A state stored, its parts `apart` bytes from each other."""
        for i, x in enumerate(state):
            self.f.store(at.shifted(i * apart), x)

    def got(self, at: Val, lanes: int, apart: int) -> list[Val]:
        """A state of several neighbours, loaded."""
        f = self.f
        return [f.load(at.shifted(i * apart), k, lanes) for i, k in enumerate(self.wides)]
