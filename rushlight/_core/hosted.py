"""Numbers that Python works out anew for each run of a captured program: a learning rate, a count.

Eagerly they are the numbers themselves; under a trace they are inputs of the program.
"""

import operator
from collections.abc import Callable, Iterable
from typing import Any

from . import modes


class Number:
    """A number of this run, and how to find it in the next one.

    Arithmetic with Python's numbers stays in Python, in double precision; a comparison steers the
    program, so the trace notes it and looks again before each run.
    """

    __slots__ = ("value", "find", "trace")

    def __init__(self, value: Any, find: Callable[[], Any], trace: Any) -> None:
        self.value, self.find, self.trace = value, find, trace

    def tensor(self, like: Any) -> Any:
        """The number as a 0-dimensional tensor of the dtype of `like`, an input of the trace."""
        return self.trace.number(self, like)

    def _made(self, word: Callable, other: Any, swapped: bool = False) -> "Number":
        find, theirs = self.find, (other.find if other.__class__ is Number else lambda: other)
        again = (lambda: word(theirs(), find())) if swapped else (lambda: word(find(), theirs()))
        value = other.value if other.__class__ is Number else other
        made = word(value, self.value) if swapped else word(self.value, value)
        return Number(made, again, self.trace)

    def _asked(self, word: Callable, other: Any) -> bool:
        value, find = word(self.value, other), self.find
        self.trace.verify(lambda: word(find(), other), value)
        return value

    def __neg__(self) -> "Number":
        find = self.find
        return Number(-self.value, lambda: -find(), self.trace)

    def __bool__(self) -> bool:
        return self._asked(operator.ne, 0)

    __hash__ = None  # type: ignore[assignment]


def _arithmetic(word: Callable) -> tuple:
    return (lambda a, b: a._made(word, b)), (lambda a, b: a._made(word, b, True))


def _comparison(word: Callable) -> Callable:
    return lambda a, b: a._asked(word, b)


for _name in ("add", "sub", "mul", "truediv", "pow"):
    _forward, _reverse = _arithmetic(getattr(operator, _name))
    setattr(Number, f"__{_name}__", _forward)
    setattr(Number, f"__r{_name}__", _reverse)
for _name in ("eq", "ne", "lt", "le", "gt", "ge"):
    setattr(Number, f"__{_name}__", _comparison(getattr(operator, _name)))


def number(find: Callable[[], Any]) -> Any:
    """`find()`; under a trace an input that is `find()` at each run."""
    trace = modes.local.trace
    return find() if trace is None else numbers(lambda: {"": find()}, ())[""]


def numbers(find: Callable[[], dict], touched: Iterable = ()) -> dict:
    """`find()`, a dictionary; under a trace its numbers are inputs, all else must stay as it is.

    Args:
        find: works the dictionary out; it may count up the tensors in `touched`.
        touched: small tensors that `find` changes, put back where a run must be given up.
    """
    trace = modes.local.trace
    return find() if trace is None else trace.hosted(find, list(touched))
