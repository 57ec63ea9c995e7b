"""Numbers of the user's that changed between two traces: from then on they are inputs.

A trace meets them as `Number`s. One that steers Python (a branch, a shape) stays a guard.
"""

from collections.abc import Iterable
from typing import Any


class Loose:
    """places: a position, a name or (an owner's id, key) -> None, or what has it outside."""

    def __init__(self) -> None:
        self.places: dict[Any, Any] = {}
        self.stuck: set = set()  # what steered a trace
        self.last: dict = {}  # arguments

    def given(self, args: tuple, kwargs: dict) -> dict:
        """The arguments that are inputs."""
        every = _numbers(args, kwargs)
        return {p: every[p] for p in self.places if p in every}

    def moved(self, args: tuple, kwargs: dict, programs: Iterable) -> bool:
        """Whether numbers differ that did not before."""
        before, self.last = self.last, _numbers(args, kwargs)
        found: dict = {p: None for p, x in self.last.items() if other(before.get(p), x)}
        for kept in (k for program in programs for k in program.guards.kept):
            found |= {(id(kept.owner), k): one for k, one in kept.moved()}
        new = {p: x for p, x in found.items() if p not in self.places and p not in self.stuck}
        self.places |= new
        return bool(new)

    def stick(self, places: Iterable) -> None:
        """These are guards again, for good."""
        self.stuck.update(places)
        self.places = {p: x for p, x in self.places.items() if p not in self.stuck}

    def closed(self) -> dict[Any, Any]:
        """What has numbers now and is no argument."""
        return {p: x for p, x in self.places.items() if x and _is_number(x())}


def placed(args: tuple, kwargs: dict, given: dict) -> tuple[tuple, dict]:
    """The arguments with others in some places."""
    if given:
        args = tuple(given.get(i, x) for i, x in enumerate(args))
        kwargs = {k: given.get(k, x) for k, x in kwargs.items()}
    return args, kwargs


def _numbers(args: tuple, kwargs: dict) -> dict:
    return {p: x for p, x in [*enumerate(args), *kwargs.items()] if _is_number(x)}


def _is_number(x: Any) -> bool:
    return x.__class__ in (int, float)


def other(a: Any, b: Any) -> bool:
    """Whether these are two numbers of one type."""
    return _is_number(a) and type(a) is type(b) and repr(a) != repr(b)
