"""The Python state that a function can reach: containers and tensors, kept, compared, put back.

A captured program holds only while this state is what it was; and a trace that is given up must
leave it as it was.
"""

import types
from collections import deque
from collections.abc import Iterable
from typing import Any

import numpy as np

from .._core.tape import TensorBase, ndarray

LIMIT = 50_000  # entries looked at; a larger state is left unguarded beyond them
_SIMPLE = (bool, int, float, complex, str, bytes, type(None))
_ROOT = __name__.partition(".")[0]
_UNGUARDED = {"_plans", "_opt_called", "_stepping"}  # of optimizers: what they remember for speed


class Kept:
    """A container as it was: `keys` None means all of a dictionary."""

    __slots__ = ("owner", "keys", "values", "ids", "loose")

    def __init__(self, owner: Any, keys: list | None, loose: bool = False) -> None:
        self.owner, self.keys, self.loose = owner, keys, loose
        self.values = self._now()
        self.ids = list(map(id, self.values))

    def _now(self) -> list:
        owner = self.owner
        if owner.__class__ is types.CellType:
            try:
                return [owner.cell_contents]
            except ValueError:
                return []
        if isinstance(owner, dict):
            if self.keys is None:
                self.keys = list(owner)
            get = owner.get
            return [get(k) for k in self.keys]
        return list(owner)

    def same(self) -> bool:
        """Whether the same objects, or equal simple values, are in it still."""
        owner = self.owner
        whole = isinstance(owner, dict) and not self.loose
        if whole and len(owner) != len(self.keys or ()):
            return False
        now = self._now()
        if list(map(id, now)) == self.ids:
            return True
        return len(now) == len(self.values) and all(map(alike, now, self.values))

    def restore(self) -> None:
        """Put back what was in it."""
        owner = self.owner
        if self.same():
            return
        if owner.__class__ is types.CellType:
            owner.cell_contents = self.values[0]
        elif isinstance(owner, dict):
            if not self.loose:
                owner.clear()
            owner.update(zip(self.keys or (), self.values))
        elif isinstance(owner, list):
            owner[:] = self.values
        elif isinstance(owner, (set, deque)):
            owner.clear()
            (owner.update if isinstance(owner, set) else owner.extend)(self.values)


def alike(a: Any, b: Any) -> bool:
    """The same object, or equal simple values of one type."""
    if a is b:
        return True
    if a.__class__ is not b.__class__:
        return False
    if a.__class__ is tuple:
        return len(a) == len(b) and all(map(alike, a, b))
    return isinstance(a, _SIMPLE) and (a == b or (a != a and b != b))


class Numbers(Kept):
    """The options of an optimizer's group: numbers may change, but not from or to 0."""

    __slots__ = ("zeros",)

    def __init__(self, owner: dict) -> None:
        fixed = [k for k, v in owner.items() if not _numeric(v)]
        super().__init__(owner, fixed, loose=True)
        self.zeros = [
            (k, not owner[k]) for k in owner if k not in fixed and owner[k].__class__ is not tuple
        ]

    def same(self) -> bool:
        owner = self.owner
        return super().same() and all((not owner.get(k)) is zero for k, zero in self.zeros)


def _numeric(v: Any) -> bool:
    if v.__class__ is tuple:
        return bool(v) and all(x.__class__ in (int, float) for x in v)
    return v.__class__ in (int, float)


class Held:
    """A tensor as it was; small ones with their values."""

    __slots__ = ("tensor", "array", "copy", "grad", "needs", "node", "version")

    def __init__(self, t: TensorBase) -> None:
        self.tensor, self.array, self.grad = t, t.array, t.grad
        self.needs, self.node, self.version = t.needs, t.node, t.version[0]
        small = t.array.__class__ is ndarray and t.array.size <= 1
        self.copy = t.array.copy() if small else None

    def restore(self) -> None:
        """Put back its slots, and the values of a small one."""
        t = self.tensor
        t.array, t.grad, t.needs, t.node = self.array, self.grad, self.needs, self.node
        t.version[0] = self.version
        if self.copy is not None and not np.array_equal(
            t.array, self.copy, equal_nan=t.array.dtype.kind in "fc"
        ):
            t.array[...] = self.copy


class Reach:
    """Everything reachable from some objects, looked at once."""

    def __init__(self, roots: Iterable[Any]) -> None:
        self.kept: list[Kept] = []
        self.tensors: dict[int, Held] = {}
        self.seen: dict[int, Any] = {}
        self.reads_groups = False
        todo = list(roots)
        groups: list[tuple] = []
        while todo and len(self.seen) < LIMIT:
            x = todo.pop()
            if isinstance(x, _SIMPLE) or id(x) in self.seen:
                continue
            self.seen[id(x)] = x
            self._visit(x, todo, groups)
        for group, elementwise in groups:
            plain = elementwise and not self.reads_groups
            self.kept.append(Numbers(group) if plain else Kept(group, None))

    def _visit(self, x: Any, todo: list, groups: list) -> None:
        if getattr(type(x), "_opaque", False):
            return
        if isinstance(x, TensorBase):
            self._tensor(x, todo)
        elif isinstance(x, types.FunctionType):
            self._function(x, todo)
        elif isinstance(x, types.MethodType):
            todo += [x.__self__, x.__func__]
        elif isinstance(x, dict):
            self._keep(x, None, todo)
            todo += list(x)
        elif isinstance(x, (list, set, deque)):
            self._keep(x, None, todo)
        elif isinstance(x, (tuple, frozenset)):
            todo += list(x)
        elif isinstance(x, (types.ModuleType, type, np.ndarray)):
            return
        elif hasattr(x, "func") and hasattr(x, "keywords"):  # functools.partial
            todo += [x.func, x.args, x.keywords]
        elif hasattr(x, "__dict__"):
            self._object(x, todo, groups)

    def _keep(self, x: Any, keys: list | None, todo: list, loose: bool = False) -> None:
        if len(x) if hasattr(x, "__len__") else True:
            todo += (kept := Kept(x, keys, loose)).values
        else:
            kept = Kept(x, keys, loose)
        self.kept.append(kept)

    def _tensor(self, t: TensorBase, todo: list) -> None:
        self.tensors[id(t)] = Held(t)
        if t.grad is not None:
            todo.append(t.grad)
        if t.__dict__:
            self._keep(t.__dict__, None, todo)

    def _function(self, f: Any, todo: list) -> None:
        if (f.__module__ or "").partition(".")[0] == _ROOT:
            todo += [c.cell_contents for c in f.__closure__ or () if filled(c)]
            return
        for cell in f.__closure__ or ():
            self._keep(cell, None, todo)
        todo += [*(f.__defaults__ or ()), *(f.__kwdefaults__ or {}).values()]
        names = _names(f.__code__)
        self.reads_groups = self.reads_groups or "param_groups" in names
        found = [n for n in names if n in f.__globals__]
        if found:
            self._keep(f.__globals__, found, todo, loose=True)
        if hasattr(f, "__wrapped__"):
            todo.append(f.__wrapped__)

    def _object(self, x: Any, todo: list, groups: list) -> None:
        own = x.__dict__
        if isinstance(own, dict):
            optimizer = "param_groups" in own and "state" in own
            if optimizer:
                elementwise = hasattr(x, "rule") and hasattr(x, "numbers")
                for group in own["param_groups"]:
                    groups.append((group, elementwise))
                    self.seen[id(group)] = group
                    todo.append(group["params"])
            skipped = [k for k in own if k in _UNGUARDED]
            keys = [k for k in own if k not in _UNGUARDED] if skipped else None
            self._keep(own, keys, todo, loose=bool(skipped))

    def restore(self) -> None:
        """Put everything back."""
        for held in self.tensors.values():
            held.restore()
        for kept in self.kept:
            kept.restore()

    def changed(self) -> Kept | None:
        """A container that is not what it was."""
        return next((k for k in self.kept if not k.same()), None)


def filled(cell: Any) -> bool:
    """Whether a closure's variable has a value."""
    try:
        return cell.cell_contents is not cell
    except ValueError:
        return False


def _names(code: Any) -> list[str]:
    """The names that a function and those written inside it read."""
    found = list(code.co_names)
    for const in code.co_consts:
        if isinstance(const, types.CodeType):
            found += _names(const)
    return found
