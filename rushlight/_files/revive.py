"""From records to live objects: tensors, and instances of classes that the program already has."""

import sys
import types
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable
from enum import Enum
from operator import is_
from typing import Any

from .meanings import dtype_of
from .pickler import OURS
from .records import Global, Limits, Opaque, Storage, TensorRecord, fault, shown
from .standard import INERT, STANDARD, unknown
from .walk import PLAIN

DICTS = {dict, OrderedDict, defaultdict, Counter}
_BOXES = {list, dict, set, tuple}
# Built-in classes whose instances can be made without running anybody's code.
BASES = (dict, OrderedDict, defaultdict, list, set, tuple, int, float, str, bytes, object)


class Reviver:
    """Walks the records of one checkpoint, without recursion into containers, and makes them live.

    Args:
        tensor, storage: make what such a record becomes.
        dtype: gives the dtype of a name, None where there is none here.
        special: name -> function of (arguments), for our own classes that torch's names mean.
        functions: makes name -> function, those of ours that a model may hold as attributes.
        classes: name -> class that the user has allowed.
        search: also look among the classes that the program has imported.
        opaque: keep what cannot be rebuilt as `Opaque` instead of refusing.
    """

    def __init__(
        self, where: str, *, tensor: Callable[[TensorRecord], Any],
        storage: Callable[[Storage], Any], dtype: Callable[[str], Any],
        special: dict[str, Callable[..., Any]], functions: Callable[[], dict[str, Any]],
        classes: dict[str, Any], search: bool, opaque: bool, limits: Limits,
    ) -> None:  # fmt: skip
        self.where, self.make_tensor, self.make_storage = where, tensor, storage
        self.dtype, self.special, self.classes = dtype, special, classes
        self.functions = functions
        self.search, self.opaque, self.limits = search, opaque, limits
        self.done: dict[int, Any] = {}
        self.pending: list[Any] = []  # containers, and (how to fill, what)
        self.left: dict[str, str] = {}  # what stayed opaque, and why

    def revive(self, root: Any) -> Any:
        """The live object that the records describe."""
        try:
            made, depth = self.value(root, 0), 1
            while self.pending:
                if depth > self.limits.depth:
                    raise fault(
                        self.where,
                        f"containers are nested more than {self.limits.depth} deep; "
                        "limits=Limits(depth=...) allows more",
                    )
                level, self.pending = self.pending, []
                for item in level:
                    if fill := _FILLS.get(type(item)):
                        fill(self, item, depth)
                    else:
                        item[0](item[1], depth)
                depth += 1
        except RecursionError:
            raise fault(self.where, "tuples or calls are nested too deeply") from None
        return made

    def value(self, x: Any, depth: int) -> Any:
        """The live value of one record; containers are filled later."""
        kind = type(x)
        if kind in PLAIN or (kind in _BOXES and not x):
            return x
        made = self.done.get(id(x), self)
        if made is not self:
            return made
        if kind is TensorRecord:
            made = self._tensor(x, depth)
        elif kind in _FILLS:
            self.pending.append(made := x)
        elif kind in (tuple, frozenset):
            made = self._tuple(x, kind, depth)
        elif kind is Storage:
            made = self.make_storage(x)
        elif kind is Global:
            made = self._name(x)
        elif kind is Opaque:
            made = self._object(x, depth)
        else:
            made = x
        self.done[id(x)] = made
        return made

    # -- containers

    def _tuple(self, x: Any, kind: type, depth: int) -> Any:
        if depth > 200 and depth > self.limits.depth // 2:
            raise fault(self.where, "tuples are nested too deeply")
        if PLAIN.issuperset(map(type, x)):
            return x
        made = [self.value(part, depth + 1) for part in x]
        if all(map(is_, made, x)):
            return x
        return kind(made if kind is tuple else [self._key(new, old) for new, old in zip(made, x)])

    def _fill_list(self, target: Any, depth: int) -> None:
        if not PLAIN.issuperset(map(type, target)):
            for i, part in enumerate(target):
                target[i] = self.value(part, depth)

    def _fill_dict(self, target: Any, depth: int) -> None:
        if not PLAIN.issuperset(map(type, target)):
            items = [(self._key(self.value(key, depth), key), part) for key, part in target.items()]
            target.clear()
            for key, part in items:
                target[key] = part
        if not PLAIN.issuperset(map(type, target.values())):
            for key, part in target.items():
                target[key] = self.value(part, depth)
        own = getattr(target, "__dict__", None)
        if own:
            self._fill_dict(own, depth)

    def _fill_set(self, target: set, depth: int) -> None:
        made = [self._key(self.value(part, depth), part) for part in target]
        target.clear()
        target.update(made)

    def _key(self, made: Any, record: Any) -> Any:
        """A key must hash by code of Python or ours, never by code that a class brings."""
        hashed = getattr(type(made), "__hash__", None)
        home = str(getattr(hashed, "__module__", None) or "")
        known = home.partition(".")[0] in (OURS, "enum")
        if hashed is None or (isinstance(hashed, types.FunctionType) and not known):
            name = getattr(record, "name", type(record).__name__)
            self._leave(name, "a key with a hash of its own")
            return record
        return made

    # -- tensors and names

    def _tensor(self, record: TensorRecord, depth: int) -> Any:
        made = self.make_tensor(record)
        if made is record:
            why = "no tensor has this dtype here: the raw bits are kept"
            self._leave(f"torch.{record.dtype}", why)
        if record.subclass:
            self._leave(record.subclass, "loaded as a plain tensor")
        if record.state and made is not record:
            self.pending.append((self._tensor_state, (made, record.state)))
        return made

    def _tensor_state(self, target: tuple, depth: int) -> None:
        tensor, state = target
        if isinstance(state, tuple) and len(state) == 2:
            state = state[0]
        for key, part in (state or {}).items() if isinstance(state, dict) else ():
            if type(key) is str and not hasattr(type(tensor), key):
                tensor.__dict__[key] = self.value(part, depth)

    def _name(self, name: Global) -> Any:
        dtype = dtype_of(name)
        if dtype is not None and (found := self.dtype(dtype)) is not None:
            return found
        found = self.find(name.module, name.name)
        if isinstance(found, type):
            return found
        if (function := self._function(name.path)) is not None:
            return function
        if name.path not in INERT:
            self._leave(name.path, "a name that is not called or looked up")
        return name

    def _function(self, path: str) -> Any:
        """A function of ours, from our own table: what the file names is only a key."""
        return self.functions().get(path) if path.startswith("torch.") else None

    def find(self, module: str, name: str) -> Any:
        """A class that the program already has; nothing is imported.

        Only dictionaries are read on the way: no attribute hook of anybody runs.
        """
        allowed = self.classes.get(f"{module}.{name}")
        if allowed is not None:
            return allowed
        ours = module == "torch" or module.startswith("torch.")
        if not (self.search or ours):
            return None
        home = OURS + module[5:] if ours else module
        if not ours and home != "__main__" and home.partition(".")[0] in _STANDARD_MODULES:
            return None
        found: Any = sys.modules.get(home)
        for part in name.split("."):
            if type(found) is types.ModuleType:
                found = vars(found).get(part)
            elif isinstance(found, type):
                found = type.__getattribute__(found, "__dict__").get(part)
            else:
                return None
        return found

    # -- objects

    def _object(self, x: Opaque, depth: int) -> Any:
        if x.name == "builtins.getattr" and (made := self._method(x.args)) is not None:
            return made
        known = self.special.get(x.name) or STANDARD.get(x.name)
        if known is not None and not x.kwargs and not x.items:
            args, state = self.value(x.args, depth), self.value(x.state, depth)
            try:
                made = known(args, state)
            except (TypeError, ValueError, OverflowError, RuntimeError, LookupError):
                made = unknown
            if made is not unknown:
                if x.name.endswith("Namespace"):
                    self.pending.append(vars(made))
                return made
        cls = self._class(x)
        if cls is not None:
            return self._instance(x, cls, depth)
        refuses = x.made == "new" and self.search and not self.opaque
        if refuses and x.name.partition(".")[0] not in _STANDARD_MODULES:
            raise _missing(self.where, *x.name.rpartition(".")[::2])
        why = "a call that is not made" if x.made == "call" else "its class is not here"
        return self._refused(x, depth, why)

    def _method(self, args: tuple) -> Any:
        """PyTorch's way to name torch.tanh: getattr(_VariableFunctionsClass, "tanh")."""
        if len(args) != 2 or type(args[0]) is not Global or type(args[1]) is not str:
            return None
        return self._function(f"{args[0].path}.{args[1]}")

    def _class(self, x: Opaque) -> type | None:
        """The class of an instance, if the program has it and may use it here."""
        if not self.search and x.name not in self.classes:
            return None
        parts = x.name.split(".")
        for cut in range(len(parts) - 1, 0, -1):  # "package.module.Outer.Inner"
            found = self.find(".".join(parts[:cut]), ".".join(parts[cut:]))
            if isinstance(found, type):
                return found
        return None

    def _fill_opaque(self, x: Opaque, depth: int) -> None:
        x.args = self.value(x.args, depth)
        x.kwargs, x.state = self.value(x.kwargs, depth), self.value(x.state, depth)
        x.items = self.value(x.items, depth)

    def _instance(self, x: Opaque, cls: type, depth: int) -> Any:
        mro = type.__getattribute__(cls, "__mro__")
        base = next(kind for kind in mro if kind in BASES)
        foreign = [kind for kind in mro if not kind.__flags__ & (1 << 9) and kind not in BASES]
        if any("__del__" in type.__getattribute__(kind, "__dict__") for kind in mro):
            why = "its class has a __del__, which would run code on what the file says"
            return self._refused(x, depth, why)
        if issubclass(cls, Enum) and len(x.args) == 1:
            member = cls._value2member_map_.get(x.args[0]) if type(x.args[0]) in PLAIN else None
            return member if member is not None else self._refused(x, depth, "no such member")
        if foreign or (x.made == "call" and base is not tuple):
            return self._refused(x, depth, "it is made by a call, which is not made")
        args = self.value(x.args, depth)
        made = _allocate(base, cls, args)
        if made is None:
            return self._refused(x, depth, "its class cannot be made without running its code")
        self.pending.append((self._fill_instance, (made, base, x)))
        return made

    def _refused(self, x: Opaque, depth: int, why: str) -> Opaque:
        self._leave(x.name, why)
        self.pending.append((self._fill_opaque, x))
        return x

    def _fill_instance(self, target: tuple, depth: int) -> None:
        made, base, x = target
        for how, items in x.items:
            parts = [self.value(part, depth) for part in items]
            if how == "set" and issubclass(base, dict):
                for key, old, part in zip(parts[::2], items[::2], parts[1::2]):
                    base.__setitem__(made, self._key(key, old), part)
            elif how == "append" and base is list:
                list.extend(made, parts)
            elif how == "add" and base is set:
                set.update(made, [self._key(part, old) for part, old in zip(parts, items)])
        if x.state is not None:
            self.pending.append((self._set_state, (made, self.value(x.state, depth), x.name)))

    def _set_state(self, target: tuple, depth: int) -> Any:
        """Fills `__dict__` and slots; of all __setstate__ methods only our own is used."""
        made, state, name = target
        slots: Any = None
        if isinstance(state, tuple) and len(state) == 2:
            state, slots = state
        if not isinstance(state, (dict, type(None))) or not isinstance(slots, (dict, type(None))):
            raise fault(
                self.where,
                f"{name} restores itself by its own __setstate__ from a {type(state).__name__}, "
                "and code of a class is never run: pass opaque=True, or save a state_dict instead",
            )
        for kind in type(made).__mro__:
            restore = type.__getattribute__(kind, "__dict__").get("__setstate__")
            if restore is not None and kind.__module__.partition(".")[0] == OURS:
                return restore(made, state or {})
        if state:
            own = _member(made, "__dict__", types.GetSetDescriptorType)
            if own is None:
                raise fault(self.where, f"{name} has no __dict__ for its state")
            own.update(state)
        for key, part in (slots or {}).items():
            if not _member(made, key, types.MemberDescriptorType, part):
                raise fault(self.where, f"{name} has no slot {shown(key)}")

    def _leave(self, name: str, why: str) -> None:
        self.left.setdefault(name, why)


_FILLS: dict[type, Callable[[Reviver, Any, int], None]] = {
    list: Reviver._fill_list,
    deque: Reviver._fill_list,
    set: Reviver._fill_set,
    **dict.fromkeys(DICTS, Reviver._fill_dict),
}


def _member(made: Any, name: str, kind: type, *value: Any) -> Any:
    """Reads (or, with a value, sets) what C code keeps in an instance, past all properties."""
    for cls in type(made).__mro__:
        found = type.__getattribute__(cls, "__dict__").get(name)
        if type(found) is kind:
            if value:
                found.__set__(made, *value)
                return True
            return found.__get__(made)
    return None


def _allocate(base: Any, cls: type, args: tuple) -> Any:
    """An instance made by its built-in base alone; None where that needs more than we have."""
    try:
        if base in (tuple, int, float, str, bytes):
            if base is tuple:
                whole = len(args) == 1 and isinstance(args[0], (tuple, list))
                one = len(getattr(cls, "_fields", ())) == 1
                return tuple.__new__(cls, args[0] if whole and not one else args)
            return base.__new__(cls, *args) if all(type(a) in PLAIN for a in args) else None
        return base.__new__(cls)
    except TypeError:
        return None


def _missing(where: str, module: str, name: str) -> Exception:
    """PyTorch's error for a class that is not there, and what to do."""
    known, first = module in sys.modules, f"No module named {module!r}"
    if known:
        first = f"Can't get attribute {name!r} on module {module!r}"
    text = (
        f"{first}. {where} holds an instance of {module}.{name}. Instances are rebuilt only of "
        "classes that the running program has already imported: define it, or write `from "
        f"{module} import {name}`, before load. Or pass opaque=True: the tensors then load, and "
        "such objects come as plain records."
    )
    return AttributeError(text) if known else ModuleNotFoundError(text, name=module)


_STANDARD_MODULES = sys.stdlib_module_names - {"__main__"}
