"""Whether a captured program may run again: Python's state and the tensors from outside, compared.

The usual case, that nothing changed, must cost next to nothing: all that is guarded is compared by
identity, by code written for it (20 ns an entry). Only where something is another object is it
looked at piece by piece.
"""

from collections.abc import Callable
from operator import is_
from types import CellType
from typing import Any

from .._arrays.traced import Symbol
from .._core.tape import ndarray
from .reach import Kept, Numbers, Reach


class Guards:
    """The state that a trace depended on.

    Args:
        reach: the containers and tensors that the function can reach.
        inputs: (how, what, symbol) of the program's inputs.
        mine: ids of the tensors given as arguments: the call's signature guards those.
    """

    def __init__(self, reach: Reach, inputs: list[tuple], mine: set[int]) -> None:
        self.groups = [k for k in reach.kept if type(k) is Numbers]
        self.kept = [k for k in reach.kept if type(k) is not Numbers]
        self.leaves = [
            (h.tensor, h.grad is None)
            for i, h in reach.tensors.items()
            if h.needs is True and i not in mine
        ]
        self.closed = [(what, what.needs, s) for how, what, s in inputs if how == "closed"]
        self.grads = [(what, s) for how, what, s in inputs if how == "grad"]
        self.numbers = [list(g.owner.values()) for g in self.groups]
        self.facts = self._facts()
        self._same, self._refresh = self._written()
        self.turn = 0  # how often something was another object

    def _facts(self) -> list[tuple[str, Any, Any]]:
        """(kind, of what, what) of all that must be the same object still."""
        made: list[tuple] = []
        for k in self.kept:
            owner = k.owner
            if owner.__class__ is CellType:
                made.append(("cell", owner, None))
                continue
            if not k.loose:
                made.append(("length", owner, len(owner)))
            if isinstance(owner, dict) and all(key.__class__ is str for key in k.keys or ()):
                made += [("key", owner, key) for key in k.keys or () if key in owner]
            elif k.values:
                made.append(("items", owner, None))
        made += [("key", g.owner, key) for g in self.groups for key in g.keys or ()]
        made += [("no" if none else "some", t, "grad") for t, none in self.leaves]
        for t, _, _ in self.closed:
            made += [("slot", t, "array"), ("slot", t, "needs"), ("no", t, "node")]
        return made

    def _written(self) -> tuple[Callable[[], bool], Callable[[], None]]:
        """Two functions: whether everything is the same object still; take what there is now."""
        scope: dict[str, Any] = {"is_": is_}
        tests: list[str] = []
        reads: list[str] = []
        names: list[str] = []

        def name(x: Any) -> str:
            scope[made := f"x{id(x)}"] = x
            return made

        def guard(read: str, test: str = "{read} is {name}") -> None:
            names.append(made := f"e{len(names)}")
            reads.append(read)
            tests.append(test.format(read=read, name=made))

        empty = [owner for kind, owner, n in self.facts if kind == "length" and not n]
        if empty:
            tests.append(f"({' or '.join(map(name, empty))} or None) is None")
        for kind, owner, told in self.facts:
            if kind == "length" and not told:
                continue
            at = name(owner)
            if kind == "length":
                tests.append(f"len({at}) == {told}")
            elif kind == "items":
                at = f"{at}.values()" if isinstance(owner, dict) else at
                guard(f"[*{at}]", f"all(map(is_, {at}, {{name}}))")
            elif kind in ("no", "some"):
                tests.append(f"{at}.{told} is {'not ' * (kind == 'some')}None")
            else:
                guard(
                    at + {"cell": ".cell_contents", "key": f"[{told!r}]", "slot": f".{told}"}[kind]
                )
        exec(f"def same(): return {' and '.join(tests) or True}", scope)
        exec(f"def read(): return [{', '.join(reads)}]", scope)
        same, read = scope["same"], scope["read"]

        def refresh() -> None:
            scope.update(zip(names, read()))

        refresh()
        return same, refresh

    def holds(self) -> bool:
        """Whether the program may run."""
        try:
            if not self._same():
                if not self._piecewise():
                    return False
                self._refresh()
                self.turn += 1
        except (KeyError, ValueError):  # a name, or a variable of a closure, is gone
            return False
        return all(fits(what.grad.array, s) for what, s in self.grads) if self.grads else True

    def _piecewise(self) -> bool:
        for kept in self.kept:
            if not kept.same():
                return False
        for group in self.groups:
            if not Kept.same(group):
                return False
        for t, none in self.leaves:
            if (t.grad is None) is not none:
                return False
        for t, needs, symbol in self.closed:
            if t.needs is not needs or t.node is not None or not fits(t.array, symbol):
                return False
        return True

    def renumbered(self) -> bool | None:
        """Whether an optimizer's numbers are others than at the last question.

        None: one became zero, or was: what the optimizer does may be something else.
        """
        changed = False
        for i, group in enumerate(self.groups):
            found = list(group.owner.values())
            if found != self.numbers[i]:
                if not group.same():
                    return None
                self.numbers[i], changed = found, True
        return changed


def fits(array: Any, symbol: Symbol) -> bool:
    """Whether an array has the shape, dtype and order that a trace saw."""
    if array.__class__ is not ndarray or array.shape != symbol.shape or array.dtype != symbol.dtype:
        return False
    return (
        bool(array.flags.c_contiguous)
        if symbol.contiguous
        else (tuple(s // max(array.itemsize, 1) for s in array.strides) == symbol.strides)
    )
