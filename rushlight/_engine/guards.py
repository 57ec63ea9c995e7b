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
from .._core import dtypes, modes, rng
from .._core.tape import TensorBase, ndarray
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
        self._same, self._refresh = self._written()
        self.turn = 0  # how often something was another object

    def _written(self) -> tuple[Callable[[], bool], Callable[[], None]]:
        """Two functions: whether everything is the same object still; take what there is now."""
        scope: dict[str, Any] = {"is_": is_}
        tests: list[str] = []
        reads: list[str] = []
        names: list[str] = []

        def name(x: Any) -> str:
            scope[made := f"x{len(scope)}"] = x
            return made

        def guard(read: str, test: str = "{read} is {name}") -> None:
            names.append(made := f"e{len(names)}")
            reads.append(read)
            tests.append(test.format(read=read, name=made))

        empty = [k.owner for k in self.kept if not k.values and hasattr(k.owner, "__len__")]
        if empty:
            tests.append(f"({' or '.join(map(name, empty))} or None) is None")
        for k in self.kept:
            owner = k.owner
            if owner.__class__ is CellType:
                guard(f"{name(owner)}.cell_contents")
            elif isinstance(owner, dict) and all(key.__class__ is str for key in k.keys or ()):
                at = name(owner)
                if not k.loose and k.values:
                    tests.append(f"len({at}) == {len(owner)}")
                for key in k.keys or ():
                    if key in owner:
                        guard(f"{at}[{key!r}]")
            elif k.values:
                at = f"{name(owner)}.values()" if isinstance(owner, dict) else name(owner)
                tests.append(f"len({at}) == {len(owner)}")
                guard(f"[*{at}]", f"all(map(is_, {at}, {{name}}))")
        for g in self.groups:
            for key in g.keys or ():
                guard(f"{name(g.owner)}[{key!r}]")
        for t, none in self.leaves:
            tests.append(f"{name(t)}.grad is {'None' if none else 'not None'}")
        for t, _, _ in self.closed:
            at = name(t)
            guard(f"{at}.array")
            guard(f"{at}.needs")
            tests.append(f"{at}.node is None")
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


def reader(args: tuple, kwargs: dict) -> Callable[[tuple], bool] | None:
    """A quick test whether positional arguments are of the same kind as these plain tensors.

    None where they are not all plain tensors without a graph: the signature tells such apart.
    """
    if modes.special or kwargs or not args or len({id(x) for x in args}) != len(args):
        return None
    scope: dict[str, Any] = {"ndarray": ndarray, "local": modes.local, "modes": modes}
    scope |= {"dtypes": dtypes, "rng": rng, "is_": is_, "n": len(args), "stream": rng.default()}
    scope |= {"default": dtypes.get_default_dtype(), "grad": modes.local.grad}
    scope |= {"inference": modes.local.inference}
    rows = [
        "not modes.special", "len(args) == n", "local.inference is inference",
        "dtypes._default is default", "rng.default() is stream",
    ]  # fmt: skip
    rows.append("not modes.no_grad_threads" if modes.local.grad and not modes.no_grad_threads
                else "local.grad is grad")  # fmt: skip
    for i, x in enumerate(args):
        if not isinstance(x, TensorBase) or x.array.__class__ is not ndarray:
            return None
        if x.needs is not False or x.grad is not None or not x.array.flags.c_contiguous:
            return None
        if x.origin is not None or not x._plain_subclass:
            return None
        scope |= {f"k{i}": type(x), f"s{i}": x.array.shape, f"d{i}": x.array.dtype}
        scope[f"w{i}"] = x.device
        rows += [
            f"(x := args[{i}]).__class__ is k{i}", "(a := x.array).__class__ is ndarray",
            f"a.shape == s{i}", f"a.dtype is d{i}", f"x.device is w{i}", "x.needs is False",
            "x.grad is None", "x.origin is None", "a.flags.c_contiguous",
        ]  # fmt: skip
        rows += [f"x is not args[{j}]" for j in range(i)]
    exec(f"def alike(args): return {' and '.join(rows)}", scope)
    return scope["alike"]
