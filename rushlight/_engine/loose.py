"""Numbers of the user's that changed between two traces: from then on they are inputs.

A trace meets them as `Number`s. One that steers Python (a branch, a shape) stays a guard.
"""

import builtins
import math
from collections.abc import Callable, Iterable
from dis import get_instructions, hasname
from functools import cache
from types import BuiltinFunctionType, CodeType, ModuleType
from typing import Any

from .._core.hosted import among


class Loose:
    """places: of an argument (position or name, then keys), or (an owner's id, key): what has it.

    stuck: what steered a trace, and the line.
    """

    def __init__(self) -> None:
        self.places: dict[tuple, Any] = {}
        self.stuck: dict[tuple, str] = {}
        self.last: dict = {}  # arguments

    def given(self, args: tuple, kwargs: dict) -> dict:
        """The arguments that are inputs."""
        found = {p: _at(args, kwargs, p) for p, x in self.places.items() if x is None}
        return {p: x for p, x in found.items() if _is_number(x)}

    def moved(self, args: tuple, kwargs: dict, programs: Iterable) -> bool:
        """Whether numbers differ that did not before."""
        before, self.last = self.last, _numbers({**dict(enumerate(args)), **kwargs})
        found: dict = {p: None for p, x in self.last.items() if other(before.get(p), x)}
        for kept in (k for program in programs for k in program.guards.kept):
            found |= {(id(kept.owner), k): one for k, one in kept.moved()}
        new = {p: x for p, x in found.items() if p not in self.places and p not in self.stuck}
        self.places |= new
        return bool(new)

    def stick(self, places: dict) -> None:
        """These are guards again, for good."""
        self.stuck |= places
        self.places = {p: x for p, x in self.places.items() if p not in self.stuck}

    def closed(self) -> dict[tuple, Any]:
        """What has numbers now and is no argument."""
        return {p: x for p, x in self.places.items() if x and _is_number(x())}


def placed(x: Any, given: dict, put: Callable | None = None, path: tuple = ()) -> Any:
    """Arguments with others in some places.

    put: writes them into lists and dictionaries (container, key, what); else those are copied.
    """
    if path in given:
        return given[path]
    if not isinstance(x, (dict, list, tuple)) or not any(p[: len(path)] == path for p in given):
        return x
    items = [*(x.items() if isinstance(x, dict) else enumerate(x))]
    made = {k: placed(v, given, put, (*path, k)) for k, v in items}
    if isinstance(x, tuple):
        return tuple.__new__(x.__class__, made.values())
    if put is None:
        return made if isinstance(x, dict) else [*made.values()]
    for k, v in items:
        if made[k] is not v:
            put(x, k, made[k])
    return x


def _at(args: tuple, kwargs: dict, path: tuple) -> Any:
    try:
        x: Any = kwargs if path[0].__class__ is str else args
        for key in path:
            x = x[key]
        return x
    except (LookupError, TypeError):
        return None


def _numbers(x: Any, path: tuple = ()) -> dict:
    found = {}
    for k, v in x.items() if isinstance(x, dict) else enumerate(x):
        if isinstance(v, (dict, list, tuple)):
            found |= _numbers(v, (*path, k))
        elif _is_number(v):
            found[(*path, k)] = v
    return found


@cache
def mathematics() -> dict[int, Any]:
    """For Python's `math` and its functions, by identity: such that take the user's numbers."""
    made: dict = {id(f): among(f) for f in vars(math).values() if type(f) is BuiltinFunctionType}
    module = made[id(math)] = ModuleType("math")
    vars(module).update((k, made.get(id(f), f)) for k, f in vars(math).items())
    return made


def taking(code: CodeType) -> CodeType:
    """Code whose calls of `float` and `int`, where it only calls them, take the user's numbers."""
    asked = [i for i in get_instructions(code) if i.opcode in hasname and i.argval in _KINDS]
    called = [i.opname == "LOAD_GLOBAL" and bool((i.arg or 0) & 1) for i in asked]
    only = {i.argval for i in asked} - {i.argval for i, yes in zip(asked, called) if not yes}
    vars(builtins).update({_KINDS[n]: among(getattr(builtins, n)) for n in only})
    return code.replace(
        co_names=tuple(_KINDS[n] if n in only else n for n in code.co_names),
        co_consts=tuple(taking(c) if type(c) is CodeType else c for c in code.co_consts),
    )


_KINDS = {n: f"rushlight {n}" for n in ("float", "int")}  # names that no program can say


def _is_number(x: Any) -> bool:
    return x.__class__ in (int, float)


def other(a: Any, b: Any) -> bool:
    """Whether these are two numbers of one type."""
    return _is_number(a) and type(a) is type(b) and repr(a) != repr(b)
