"""Names for the tensors that a function reaches, from its variables, as a person writes them."""

import types
from collections import deque
from functools import partial
from typing import Any

from .._core.tape import TensorBase
from .reach import filled

_TABLES = ("_parameters", "_buffers", "_modules")
_ROOT = __name__.partition(".")[0]
_SIMPLE = (bool, int, float, complex, str, bytes, type(None), type, types.ModuleType)


class Naming:
    """Walks from a function: nearest names first.

    tensors: id -> its names, such as "net.0.weight"; groups: id of an optimizer's group -> a name.
    """

    def __init__(self, f: Any) -> None:
        self.tensors: dict[int, list[str]] = {}
        self.held: list[Any] = []  # the tensors that have names
        self.groups: dict[int, str] = {}
        self.seen: set[int] = set()
        self.used: dict[str, int] = {}
        self.optimizers: list[tuple[str, Any]] = []
        self.todo: deque = deque([("", f)])
        while self.todo:
            prefix, x = self.todo.popleft()
            self._visit(prefix, x)
        for prefix, optimizer in self.optimizers:
            self._optimizer(prefix, optimizer)

    def name(self, t: Any) -> str:
        """The first name of a tensor; "tensor" and a number where nothing leads to it."""
        if id(t) not in self.tensors:
            self._call(t, "tensor")
        return self.tensors[id(t)][0]

    def _call(self, t: Any, name: str) -> None:
        wanted, n = name or "tensor", 1
        name = wanted
        while self.used.get(name, id(t)) != id(t):
            n += 1
            name = f"{wanted}#{n}"
        self.used[name] = id(t)
        if id(t) not in self.tensors:
            self.held.append(t)
        names = self.tensors.setdefault(id(t), [])
        if name not in names:
            names.append(name)

    def _visit(self, prefix: str, x: Any) -> None:
        if isinstance(x, TensorBase):
            self._call(x, prefix)
            return
        if isinstance(x, _SIMPLE) or id(x) in self.seen:
            return
        self.seen.add(id(x))
        if isinstance(x, types.FunctionType):
            self._function(prefix, x)
        elif isinstance(x, types.MethodType):
            self.todo += [(prefix, x.__self__), (prefix, x.__func__)]
        elif isinstance(x, dict):
            self._items(prefix, x.items())
        elif isinstance(x, (list, tuple)):
            self._items(prefix, enumerate(x))
        elif isinstance(x, partial):
            self.todo += [(prefix, x.func), (prefix, x.args), (prefix, x.keywords)]
        elif isinstance(getattr(x, "__dict__", None), dict):
            self._object(prefix, x.__dict__, x)

    def _items(self, prefix: str, items: Any) -> None:
        self.todo += [(_joined(prefix, k), v) for k, v in items]

    def _function(self, prefix: str, f: Any) -> None:
        cells = zip(f.__code__.co_freevars, f.__closure__ or ())
        held = [(name, c.cell_contents) for name, c in cells if filled(c)]
        if (f.__module__ or "").partition(".")[0] != _ROOT:
            held += [(n, f.__globals__[n]) for n in f.__code__.co_names if n in f.__globals__]
        held += [("", d) for d in f.__defaults__ or ()]
        self._items(prefix, held)
        if hasattr(f, "__wrapped__"):
            self.todo.append((prefix, f.__wrapped__))

    def _object(self, prefix: str, own: dict, x: Any) -> None:
        if "param_groups" in own and "state" in own:
            self.optimizers.append((prefix, x))
            return
        for table in _TABLES:
            if isinstance(own.get(table), dict):
                self._items(prefix, own[table].items())
        self._items(prefix, [(k, v) for k, v in own.items() if k not in _TABLES])

    def _optimizer(self, prefix: str, optimizer: Any) -> None:
        groups = optimizer.param_groups
        for i, group in enumerate(groups):
            self.groups[id(group)] = prefix if len(groups) == 1 else _joined(prefix, i)
        for i, (param, state) in enumerate(optimizer.state.items()):
            whose = self.tensors[id(param)][0] if id(param) in self.tensors else str(i)
            for key, kept in state.items():
                if isinstance(kept, TensorBase):
                    self._call(kept, _joined(prefix, f"{whose}.{key}"))


def _joined(prefix: str, name: Any) -> str:
    return f"{prefix}.{name}" if prefix and name != "" else f"{prefix}{name}"
