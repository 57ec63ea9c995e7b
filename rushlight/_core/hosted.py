"""Numbers that Python works out anew for each run of a captured program: a learning rate, a count.

Eagerly they are the numbers themselves; under a trace they are inputs of the program. And what a
first run would make for all later ones: under a trace it is made beforehand.
"""

import math
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

    def __call__(self, *first: Any) -> Any:
        return self.word(*first, *[find() for find in self.of])


class Number:
    """A number of this run, and how to find it in the next one.

    Arithmetic with Python's numbers stays in Python, in double precision; a comparison steers the
    program, so the trace notes it and looks again before each run. Whatever else asks gets the
    number itself, and steers by it.
    """

    __slots__ = ("value", "find", "trace")
    __array_ufunc__ = None
    __class__ = property(lambda self: self.value.__class__)

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
        return computed(word, *((other, self) if swapped else (self, other)))

    def __bool__(self) -> bool:
        return self != 0

    def __divmod__(self, other: Any) -> tuple:
        return self // other, self % other

    def __rdivmod__(self, other: Any) -> tuple:
        return other // self, other % self

    def __getattr__(self, name: str) -> Any:
        getattr(self.value, name)
        return getattr(self.exact(), name)


def computed(word: Callable, *given: Any) -> Any:
    """`word` of numbers, the user's among them: one of his, or what steers the program."""
    mine = [x for x in given if type(x) is Number]
    value = word(*[x.value if type(x) is Number else x for x in given])
    find = Combined(word, *ways(given))
    made = Number(value, find, mine[0].trace)
    if word is operator.pow and all(x.__class__ is int for x in given):  # 2 ** -1 is a float
        made.trace.verify(Combined(type, find), type(value))
    return made if value.__class__ in (int, float) else made.exact()


def ways(given: Iterable) -> list[Callable[[], Any]]:
    """How to find these at each run."""
    return [x.find if type(x) is Number else Fixed(x) for x in given]


def among(word: Callable) -> Callable:
    """A function of numbers that takes the user's too."""

    def call(*given: Any, **named: Any) -> Any:
        mine = not named and any(type(x) is Number for x in given)
        return computed(word, *given) if mine else word(*given, **named)

    return call


real = among(float)


def _two(word: Callable) -> tuple:
    return (lambda a, b: a._made(word, b)), (lambda a, b: a._made(word, b, True))


for _name in "add sub mul truediv pow floordiv mod rshift eq ne lt le gt ge".split():
    _forward, _reverse = _two(getattr(operator, _name))
    setattr(Number, f"__{_name}__", _forward)
    setattr(Number, f"__r{_name}__", _reverse)
for _word in (operator.neg, operator.pos, abs, round, math.floor, math.ceil, math.trunc):
    setattr(Number, f"__{_word.__name__}__", lambda *a, by=_word: computed(by, *a))
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


def acted(act: Callable, touched: Callable[[], Iterable], value: Any = None) -> bool:
    """Whether a trace takes over: it acts now, and at each run in turn with the numbers.

    touched: gives the dictionaries and small tensors that it changes.
    value: a tensor whose value it is given, so after each run.
    """
    trace = modes.local.trace
    if trace is not None and value is not None:
        trace.afterwards(act, value, list(touched()))
    elif trace is not None:
        trace.hosted(act, list(touched()))
    return trace is not None
