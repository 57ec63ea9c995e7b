"""Whether a captured program may run again: Python's state and the tensors from outside, compared.

The usual case, that nothing changed, must cost next to nothing: all that is guarded is compared by
identity, in machine code where the engine is. Only where something is another object is it looked
at piece by piece.
"""

from collections.abc import Callable
from types import CellType, FunctionType
from typing import Any

from .._arrays.traced import Symbol
from .._core.tape import ndarray
from . import steps
from .native import enabled
from .reach import Kept, Numbers, Reach, dictionary
from .steps import Row, Unknown


class Guards:
    """The state that a trace depended on.

    Args:
        reach: the containers and tensors that the function can reach.
        inputs: (how, what, symbol) of the program's inputs.
        mine: ids of the tensors given as arguments: the call's signature guards those.
        loose: where the user's numbers are that are inputs.
    """

    def __init__(
        self, reach: Reach, inputs: list[tuple], mine: set[int], loose: list[Kept]
    ) -> None:
        self.loose, self.found = loose, [k() for k in loose]
        self.groups = [k for k in reach.kept if type(k) is Numbers]
        self.kept = [k for k in reach.kept if type(k) is not Numbers]
        held = (h for i, h in reach.tensors.items() if i not in mine)
        self.leaves = [(h.tensor, h.grad is None) for h in held if h.needs is True]
        self.closed = [(what, what.needs, s) for how, what, s in inputs if how == "closed"]
        self.grads = [(what, s) for how, what, s in inputs if how == "grad"]
        self.numbers = [dict(g.owner) for g in self.groups]
        self._same = self._written()
        self.turn = 0  # how often something was another object

    def compared(self, row: Row, numbers: bool = False) -> None:
        """Steps that find everything the same object as now, on demand numbers too.

        Raises:
            Unknown: where steps cannot tell.
        """
        slots = steps.slots()
        if not (slots and enabled()):
            raise Unknown
        start = row.of(None)
        words: list[tuple[int, int]] = []  # where, what
        for k in [*self.kept, *self.groups, *self.loose * numbers]:
            owner = k.owner if (known := dictionary(k.owner)) is None else known
            at, whole = row.of(owner), numbers and type(k) is Numbers
            if owner.__class__ is CellType:
                words.append((at + steps.CELL, row.of(owner.cell_contents)))
                continue
            if whole or not k.loose:
                count = steps.USED if isinstance(owner, set) else steps.COUNT
                words.append((at + count, len(owner)))
            if isinstance(owner, dict):
                keys = owner if whole else k.keys
                if found := {key: owner[key] for key in keys if key in owner}:
                    row.step("at", at)
                    row.keys(found)
            elif isinstance(owner, list):
                words.append((at + steps.ITEMS, first := steps.word(owner, steps.ITEMS)))
                words += ((first + 8 * i, row.of(owner[i])) for i in k.keys)
            elif owner.__class__ is FunctionType:
                words += ((at + i, steps.word(owner, i)) for i in steps.CODE)
            elif k.keys:
                words += (
                    (at + steps.member(type(owner), key), row.of(getattr(owner, key, None)))
                    for key in k.keys
                )
            elif k.values:
                raise Unknown
        for t, none in self.leaves:
            row.step("at", row.of(t))
            if none:
                words.append((row.of(t) + slots["_grad"], start))
            else:
                row.step("other", slots["_grad"], start)
        for t, needs, _ in self.closed:
            told = {"array": t.array, "needs": needs, "node": None}
            words += ((row.of(t) + slots[name], row.of(x)) for name, x in told.items())
            words.append((row.of(t.array) + steps.DATA, t.array.ctypes.data))
        row.step("at", start)
        row.same((where - start, what) for where, what in words)

    def _written(self) -> Callable[[], bool]:
        """Whether everything is the same object still as now; never where that cannot be told."""
        row = Row(False)
        try:
            self.compared(row)
        except Exception:  # Unknown, or a compiler in trouble: that is told elsewhere
            return lambda: False
        row.step("hold", row.block(row.of(True)), 2)
        return row.function()

    def holds(self) -> bool:
        """Whether the program may run."""
        try:
            if not self._same():
                if not self._piecewise():
                    return False
                self._same = self._written()
                self.turn += 1
        except (KeyError, ValueError):  # a name, or a variable of a closure, is gone
            return False
        return all(fits(what.grad.array, s) for what, s in self.grads) if self.grads else True

    def _piecewise(self) -> bool:
        return (
            all(kept.same() for kept in self.kept)
            and all(map(Kept.same, self.groups))
            and all((t.grad is None) is none for t, none in self.leaves)
            and all(
                t.needs is needs and t.node is None and fits(t.array, symbol)
                for t, needs, symbol in self.closed
            )
        )

    def renumbered(self) -> bool | None:
        """Whether numbers are others than at the last question.

        None: an optimizer's became zero, or was: what it does may be something else.
        """
        changed = False
        for i, kept in enumerate(self.loose):
            if (x := kept()) is not self.found[i]:
                self.found[i], changed = x, True
        for i, group in enumerate(self.groups):
            found = dict(group.owner)
            if found != self.numbers[i]:
                if not group.like(self.numbers[i], found):
                    return None
                self.numbers[i], changed = found, True
        return changed


def fits(array: Any, symbol: Symbol) -> bool:
    """Whether an array has the shape, dtype and order that a trace saw."""
    if array.__class__ is not ndarray or array.shape != symbol.shape or array.dtype != symbol.dtype:
        return False
    if symbol.contiguous:
        return bool(array.flags.c_contiguous)
    return tuple(s // max(array.itemsize, 1) for s in array.strides) == symbol.strides
