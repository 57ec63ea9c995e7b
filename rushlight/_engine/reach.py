"""The Python state that a function can reach: containers and tensors, kept, compared, put back.

A captured program holds only while this state is what it was; and a trace that is given up must
leave it as it was.
"""

import gc
import inspect
import pickle
import random
import sys
import types
from collections import deque
from collections.abc import Iterable
from dis import get_instructions, hasname
from functools import cache, partial, partialmethod
from typing import Any

import numpy as np

from .._arrays.traced import GraphBreak, users_line
from .._core.record import Op
from .._core.tape import TensorBase, ndarray
from .loose import other

LIMIT = 50_000  # entries looked at; a larger state is left unguarded beyond them
_SIMPLE = (bool, int, float, complex, str, bytes, type(None))
_ROOT = __name__.partition(".")[0]
_UNGUARDED = {"_plans", "_opt_called", "_stepping"}  # of optimizers: what they remember for speed
_FOREIGN = {_ROOT, "torch", "numpy", *sys.stdlib_module_names} - {"__main__"}
_BASES = {"builtins", "abc", "typing", f"{_ROOT}.nn.modules.module"}  # a user's class may have
_CALLED = "forward backward setup_context jvp vmap training".split()  # named by us
_GLOBALS = {"LOAD_GLOBAL", "STORE_GLOBAL", "DELETE_GLOBAL", "LOAD_NAME", "STORE_NAME"}
_MAKING = {"__init__", "__new__", "__repr__"}  # methods that steps do not call by themselves
_BY_NAME = set(
    "getattr hasattr setattr vars __dict__ __getattribute__ asdict deepcopy attrgetter "
    "methodcaller getmembers".split()
)
_PARTIAL = (partial, partialmethod)
_AROUND = (types.MethodType, types.BuiltinMethodType, staticmethod, classmethod, property)


class Kept:
    """A container as it was (`keys` None: all of a dictionary), or attributes of an object.

    loose: others may come.
    """

    __slots__ = ("owner", "keys", "values", "loose", "size")

    def __init__(self, owner: Any, keys: list | None = None, loose: bool = False) -> None:
        self.owner, self.loose = owner, loose
        self.keys: Any = () if keys is None else keys
        known = _held(owner)
        self.size = len(known or ())
        if keys is None and known is not None:
            self.keys = [*range(self.size)] if isinstance(known, list) else [*known]
        self.values = self._now()

    def _now(self) -> list:
        owner = self.owner
        if owner.__class__ is types.CellType:
            try:
                return [owner.cell_contents]
            except ValueError:
                return []
        if (known := dictionary(owner)) is not None:
            return [*map(known.get, self.keys)]
        if isinstance(owner, list):
            return [owner[i] for i in self.keys if i < len(owner)]
        if isinstance(owner, (set, deque)):
            return list(owner)
        return [getattr(owner, k, None) for k in self.keys]

    def same(self) -> bool:
        """Whether the same objects, or equal simple values, are in it still."""
        if not self.loose and len(_held(self.owner) or ()) != self.size:
            return False
        now = self._now()
        return len(now) == len(self.values) and all(map(alike, now, self.values))

    def others(self) -> list:
        """Under which keys something else is."""
        return [k for k, a, b in zip(self.keys, self.values, self._now()) if not alike(a, b)]

    def __call__(self) -> Any:
        """The one thing in it."""
        owner = self.owner
        if owner.__class__ is dict:
            return owner.get(self.keys[0])
        cell = owner.__class__ is types.CellType
        return owner.cell_contents if cell else next(iter(self._now()), None)

    def put(self, x: Any) -> None:
        """Let it have one thing."""
        self.values = [x]
        self.restore()

    def moved(self) -> list[tuple]:
        """(key, what has that alone) of numbers that are others; an optimizer's are seen to."""
        now = () if "params" in self.keys else zip(self.keys, self.values, self._now())
        return [(k, Kept(self.owner, [k], True)) for k, a, b in now if other(a, b)]

    def without(self, keys: list) -> "Kept | None":
        """The same but for a key; None for a closure's variable."""
        left = [k for k in self.keys if k not in keys]
        cell = self.owner.__class__ is types.CellType
        return None if cell else Kept(self.owner, left, self.loose)

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
            owner.update(zip(self.keys, self.values))
        elif isinstance(owner, list):
            if self.loose:
                owner[self.keys[0]] = self.values[0]
            else:
                owner[:] = self.values
        elif isinstance(owner, (set, deque)):
            owner.clear()
            (owner.update if isinstance(owner, set) else owner.extend)(self.values)
        else:
            for key, value in zip(self.keys, self.values):
                setattr(owner, key, value)


def _held(x: Any) -> Any:
    return x if isinstance(x, list) else dictionary(x)


def dictionary(x: Any) -> Any:
    """What something's names are in; None where there are none."""
    if isinstance(x, type):
        return gc.get_referents(vars(x))[0]  # itself; only a class may write to it
    return vars(x) if isinstance(x, types.ModuleType) else x if isinstance(x, dict) else None


def alike(a: Any, b: Any) -> bool:
    """The same object, or equal simple values of one type."""
    if a is b:
        return True
    if type(a) is not type(b):
        return False
    if a.__class__ is tuple:
        return len(a) == len(b) and all(map(alike, a, b))
    return isinstance(a, _SIMPLE) and repr(a) == repr(b)  # -0.0 is not 0.0, nan is nan


class Numbers(Kept):
    """The options of an optimizer's group: numbers may change, but not from or to 0."""

    __slots__ = ()

    def __init__(self, owner: dict) -> None:
        super().__init__(owner, [k for k, v in owner.items() if not numeric(v)], loose=True)

    def like(self, before: dict, now: dict) -> bool:
        """Whether what was there differs in nothing but numbers."""
        pairs = [(a, now.get(k)) for k, a in before.items() if now.get(k) is not a]
        return all(
            bool(a) is bool(b) if numeric(a) and numeric(b) else alike(a, b) for a, b in pairs
        )


def numeric(value: Any) -> bool:
    """Whether an option is a number, or a tuple of some."""
    parts = value if value.__class__ is tuple else (value,)
    return bool(parts) and all(v.__class__ in (int, float) for v in parts)


class Drawn:
    """A stream of Python's or NumPy's random numbers as it was."""

    def __init__(self, owner: Any) -> None:
        self.owner = getattr(owner, "bit_generator", owner)
        self.state = self._now()

    def _now(self) -> bytes:
        return pickle.dumps(self.owner.__getstate__())

    def same(self) -> bool:
        return self._now() == self.state

    def restore(self) -> None:
        self.owner.__setstate__(pickle.loads(self.state))


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
        t.array, t._grad, t.needs, t.node = self.array, self.grad, self.needs, self.node
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
        self.names: set[str] = {*_CALLED}  # of attributes that functions read
        self.called: set[str] = set()  # other names too
        self.asks = False  # for type()
        self.spaces: dict[int, Any] = {}  # of which only what functions name counts
        self.schedules: list[Any] = []  # guarded where more than their `step` is named
        self.aside: list[Any] = [Drawn(random._inst)]  # not guarded, but put back
        if "numpy.random.mtrand" in sys.modules:
            self.aside.append(Drawn(sys.modules["numpy.random.mtrand"]._rand))
        todo = list(roots)
        groups: list[tuple] = []
        while todo and len(self.seen) < LIMIT:
            x = todo.pop()
            if self._new(x):
                self.seen[id(x)] = x
                self._visit(x, todo, groups)
            if not todo:
                found = (dictionary(s)[k] for s in self.spaces.values() for k in self._named(s))
                todo += filter(self._new, found)
        for x in self.schedules:
            if not self.names.isdisjoint({*dir(x)} - {"step", "optimizer"}):
                self.kept.append(Kept(vars(x), None))
        for x in self.spaces.values():
            self.kept.append(Kept(x, self._named(x), isinstance(x, types.ModuleType)))
        for group, elementwise in groups:
            plain = elementwise and "param_groups" not in self.names
            self.kept.append(Numbers(group) if plain else Kept(group, None))
            self.aside.append(Kept(group, None))

    def _new(self, x: Any) -> bool:
        return not isinstance(x, _SIMPLE) and id(x) not in self.seen

    def _visit(self, x: Any, todo: list, groups: list) -> None:
        if getattr(type(x), "_opaque", False) or isinstance(x, Op):
            return
        if isinstance(x, TensorBase):
            self._tensor(x, todo)
        elif isinstance(x, types.FunctionType):
            self._function(x, todo)
        elif isinstance(x, _AROUND):
            todo += [getattr(x, k, None) for k in ("__self__", "__func__", "fget", "fset")]
        elif isinstance(x, dict):
            self._keep(x, None, todo)
            todo += list(x)
        elif isinstance(x, (list, set, deque)):
            self._keep(x, None, todo)
        elif isinstance(x, (tuple, frozenset)):
            todo += list(x)
        elif isinstance(x, types.ModuleType):
            if _users(x.__name__):
                self.spaces[id(x)] = x
        elif isinstance(x, type):
            todo += [vars(c).get("__init__") for c in self._classes(x)]
        elif isinstance(x, _PARTIAL):
            todo += [x.func, x.args, x.keywords]
        elif isinstance(x, np.ndarray) or (hasattr(x, "__next__") and not hasattr(x, "__dict__")):
            raise GraphBreak(f"it reads a {type(x).__name__} from outside", users_line())
        else:
            self.names |= _BY_NAME if type(x).__module__ == "operator" else set()  # attrgetter
            if isinstance(x, random.Random) or hasattr(type(x), "standard_normal"):
                self.aside.append(Drawn(x))
            self._object(x, todo, groups)

    def _classes(self, kind: type) -> list[type]:
        """The user's classes among a class and its bases, which take part from here on."""
        made = [c for c in kind.__mro__ if _users(c.__module__)]
        self.spaces.update((id(c), c) for c in made)
        return made

    def _named(self, space: Any) -> list[str]:
        """What counts of an object's dictionary, a class or a module."""
        if isinstance(space, dict):
            every = not self.names.isdisjoint(_BY_NAME)
            return [k for k in space if every or k in self.names or k[:1] == "_"]
        own = {k for k, v in dictionary(space).items() if type(v) is types.FunctionType} - _MAKING
        return [k for k in dictionary(space) if k in self.names or (k[:2] == "__" and k in own)]

    def _keep(self, x: Any, keys: list | None, todo: list, loose: bool = False) -> None:
        self.kept.append(kept := Kept(x, keys, loose))
        todo += kept.values

    def _tensor(self, t: TensorBase, todo: list) -> None:
        self.tensors[id(t)] = Held(t)
        if t.grad is not None:
            todo.append(t.grad)
        if t.__dict__ or t.needs is True:  # hooks, of which there may be some later
            self._keep(t.__dict__, None, todo)

    def _function(self, f: Any, todo: list) -> None:
        if (f.__module__ or "").partition(".")[0] == _ROOT:
            todo += [c.cell_contents for c in f.__closure__ or () if filled(c)]
            return
        if _users(f.__module__ or ""):  # redefined, as notebooks do, it is the same function
            self.kept.append(Kept(f, ["__code__", "__defaults__", "__kwdefaults__"], True))
        for cell, name in zip(f.__closure__ or (), f.__code__.co_freevars):
            self._keep(cell, [name], todo)
        todo += [*(f.__defaults__ or ()), *(f.__kwdefaults__ or {}).values()]
        attributes, names = _names(f.__code__)
        self.names |= attributes | names & _BY_NAME
        self.called |= attributes | names
        self.asks |= "type" in names
        found = [n for n in names if n in f.__globals__]
        if found:
            self._keep(f.__globals__, found, todo, loose=True)
        if hasattr(f, "__wrapped__"):
            todo.append(f.__wrapped__)

    def _object(self, x: Any, todo: list, groups: list) -> None:
        if getattr(type(x), "_replays", False) and not _users(type(x).step.__module__):
            self.schedules.append(x)
            todo += [x.optimizer, getattr(x, "_schedulers", None)]
            return
        mine, own = self._classes(type(x)), getattr(x, "__dict__", None)
        slots = (k for c in mine for k, v in vars(c).items() if inspect.ismemberdescriptor(v))
        if found := [k for k in slots if hasattr(x, k)]:
            self._keep(x, found, todo, loose=True)
        if not isinstance(own, dict):
            return
        optimizer = "param_groups" in own and "state" in own
        if optimizer:
            elementwise = hasattr(x, "rule") and hasattr(x, "numbers")
            for group in own["param_groups"]:
                groups.append((group, elementwise))
                self.seen[id(group)] = group
                todo.append(group["params"])
        elif mine and all(c in mine or c.__module__ in _BASES for c in type(x).__mro__):
            self.aside.append(Kept(own, None))
            self.spaces[id(own)] = own
            return
        skipped = [k for k in own if k in _UNGUARDED]
        keys = [k for k in own if k not in _UNGUARDED] if skipped else None
        self._keep(own, keys, todo, loose=bool(skipped))

    def restore(self) -> None:
        for held in self.tensors.values():
            held.restore()
        for kept in [*self.kept, *self.aside]:
            kept.restore()

    def changed(self) -> Kept | None:
        """A container that is not what it was."""
        return next((k for k in [*self.kept, *self.aside] if not k.same()), None)


def _users(module: str) -> bool:
    return module.partition(".")[0] not in _FOREIGN


def filled(cell: Any) -> bool:
    """Whether a closure's variable has a value."""
    try:
        return cell.cell_contents is not cell
    except ValueError:
        return False


@cache
def _names(code: Any) -> tuple[set[str], set[str]]:
    """What a function and those written inside it read: names of attributes, other names."""
    inner = [_names(c) for c in code.co_consts if isinstance(c, types.CodeType)]
    named = [i for i in get_instructions(code) if i.opcode in hasname]
    names = {i.argval for i in named if i.opname in _GLOBALS}
    attributes = {i.argval for i in named if i.opname not in _GLOBALS}
    return attributes.union(*(a for a, _ in inner)), names.union(*(n for _, n in inner))
