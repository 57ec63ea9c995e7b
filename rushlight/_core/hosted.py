"""Numbers that Python works out anew for each run of a captured program: a learning rate, a count.

Eagerly they are the numbers themselves; under a trace they are inputs of the program. And what a
first run would make for all later ones: under a trace it is made beforehand.
"""

import operator
from collections.abc import Callable, Iterable
from typing import Any

from . import modes


class Fixed:
    """A way to find a number: it is always this one."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def __call__(self) -> Any:
        return self.value


class Combined:
    """A way to find a number: `word` of what other ways find (an export writes it down)."""

    __slots__ = ("word", "of")

    def __init__(self, word: Callable, *of: Callable[[], Any]) -> None:
        self.word, self.of = word, of

    def __call__(self) -> Any:
        return self.word(*[find() for find in self.of])


class Number:
    """A number of this run, and how to find it in the next one.

    Arithmetic with Python's numbers stays in Python, in double precision; a comparison steers the
    program, so the trace notes it and looks again before each run. Whatever else asks, Python's own
    functions too, gets the number itself, and steers by it.
    """

    __slots__ = ("value", "find", "trace")
    __array_ufunc__ = None
    __class__ = property(lambda self: self.value.__class__)  # type: ignore[assignment]

    def __init__(self, value: Any, find: Callable[[], Any], trace: Any) -> None:
        self.value, self.find, self.trace = value, find, trace

    def tensor(self, like: Any) -> Any:
        """The number as a 0-dimensional tensor of the dtype of `like`, an input of the trace."""
        return self.trace.number(self, like)

    def exact(self) -> Any:
        """The number itself, which the trace looks at again before each run."""
        self.trace.verify(self.find, self.value)
        return self.value

    def _made(self, word: Callable, other: Any, swapped: bool = False) -> Any:
        if not isinstance(other, (int, float)):
            return NotImplemented
        theirs = other.find if type(other) is Number else Fixed(other)
        value = other.value if type(other) is Number else other
        if swapped:
            return Number(word(value, self.value), Combined(word, theirs, self.find), self.trace)
        return Number(word(self.value, value), Combined(word, self.find, theirs), self.trace)

    def _asked(self, word: Callable, other: Any) -> bool:
        made = self._made(word, other)
        return made if made is NotImplemented else made.exact()

    def __neg__(self) -> "Number":
        return Number(-self.value, Combined(operator.neg, self.find), self.trace)

    def __abs__(self) -> Any:
        return -self if self._asked(operator.lt, 0) else self

    def __bool__(self) -> bool:
        return self._asked(operator.ne, 0)

    def __getattr__(self, name: str) -> Any:
        getattr(self.value, name)
        return getattr(self.exact(), name)


def _arithmetic(word: Callable) -> tuple:
    return (lambda a, b: a._made(word, b)), (lambda a, b: a._made(word, b, True))


def _comparison(word: Callable) -> Callable:
    return lambda a, b: a._asked(word, b)


for _name in ("add", "sub", "mul", "truediv", "pow", "floordiv", "mod", "rshift"):
    _forward, _reverse = _arithmetic(getattr(operator, _name))
    setattr(Number, f"__{_name}__", _forward)
    setattr(Number, f"__r{_name}__", _reverse)
for _name in ("eq", "ne", "lt", "le", "gt", "ge"):
    setattr(Number, f"__{_name}__", _comparison(getattr(operator, _name)))
for _name in {*dir(int), *dir(float)} - {*vars(Number), *vars(object)} | {
    "__hash__", "__str__", "__repr__", "__format__", "__reduce_ex__",
}:  # fmt: skip
    if _name[:2] == "__":
        setattr(Number, _name, lambda self, *a, by=_name: getattr(self.exact(), by)(*a))


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


def beginning(make: Callable[[], dict], owner: dict, key: Any) -> dict:
    """`make()`, the state of the tensor `key` that `owner` will keep; a trace finds it there."""
    trace = modes.local.trace
    return make() if trace is None else trace.beginning(make, owner, key)


def acted(act: Callable[[], None], touched: Callable[[], Iterable]) -> bool:
    """Whether a trace takes over: it acts now, and at each run in turn with the numbers.

    touched: gives the dictionaries and small tensors that it changes.
    """
    trace = modes.local.trace
    if trace is not None:
        trace.hosted(lambda: act() or {}, list(touched()))
    return trace is not None
