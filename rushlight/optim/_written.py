"""An update rule written down: the NumPy calls that it makes on plain memory, with nothing between.

A rule runs once on names in the place of arrays and numbers; what it does is noted, and from then
on the notes are carried out. Four parameters of 8 elements, SGD with momentum: 43 -> 25 us.
"""

import operator
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from .._core.plan import build


class NotWritten(Exception):
    """The rule looks at values, or uses a word that has no place to write to."""


class Given:
    """A number that is known at each step: its name, or an expression of names."""

    __slots__ = ("derived", "text")

    def __init__(self, text: str, derived: bool = True) -> None:
        self.text, self.derived = text, derived

    def __neg__(self) -> "Given":
        return Given(f"(-{self.text})")

    def __bool__(self) -> bool:
        return self.__ne__(0)

    def __ne__(self, other: object) -> bool:
        """Numbers that are 0 or 1 are part of the signature: this one is neither."""
        if other not in (0, 1) or (self.derived and other == 0):
            raise NotWritten
        return True

    def __eq__(self, other: object) -> bool:
        raise NotWritten

    __hash__ = None  # type: ignore[assignment]


def _arithmetic(sign: str) -> tuple[Callable, Callable]:
    def text(x: Any) -> str:
        return x.text if x.__class__ is Given else repr(x)

    return (
        lambda a, b: Given(f"({text(a)} {sign} {text(b)})"),
        lambda a, b: Given(f"({text(b)} {sign} {text(a)})"),
    )


for _name, _sign in dict(add="+", sub="-", mul="*", truediv="/", pow="**").items():
    _forward, _reverse = _arithmetic(_sign)
    setattr(Given, f"__{_name}__", _forward)
    setattr(Given, f"__r{_name}__", _reverse)


class Notes:
    """What a rule did, and how much room it took for what it computes on the way."""

    def __init__(self, dtype: np.dtype) -> None:
        self.calls: list[str] = []
        self.numbers: dict[str, str] = {}  # expression -> the name of its array
        self.scope: dict[str, Any] = {"array": np.array, "dtype": dtype}
        self.rooms = 0

    def spelt(self, x: Any) -> str:
        """An operand as source; numbers meet NumPy as arrays, at half the price."""
        if x.__class__ is Memory:
            return x.name
        text = x.text if x.__class__ is Given else repr(operator.pos(x))
        return self.numbers.setdefault(text, f"k{len(self.numbers)}")


class Memory:
    """A name in the place of an array of a parameter's size."""

    __slots__ = ("name", "notes")

    def __init__(self, notes: Notes, name: str) -> None:
        self.notes, self.name = notes, name

    def scratch(self) -> "Memory":
        """Room for a result on the way."""
        self.notes.rooms += 1
        return Memory(self.notes, f"s{self.notes.rooms - 1}")

    def __array_ufunc__(
        self, ufunc: np.ufunc, method: str, *inputs: Any, out: tuple = (), **options: Any
    ) -> Any:
        if method != "__call__" or len(out) != 1 or out[0].__class__ is not Memory or options:
            raise NotWritten
        notes = self.notes
        notes.scope[ufunc.__name__] = ufunc
        given = ", ".join(map(notes.spelt, inputs))
        notes.calls.append(f"{ufunc.__name__}({given}, out={out[0].name})")
        return out[0]

    def __setitem__(self, key: Any, value: Any) -> None:
        if key is not Ellipsis:
            raise NotWritten
        self.notes.calls.append(f"{self.name}[...] = {self.notes.spelt(value)}")


_NAMED = {"absolute": "abs"}  # ufuncs that the vocabulary calls otherwise


class Symbols:
    """A traced array in the place of memory that a written line changes."""

    __slots__ = ("m", "symbol")

    def __init__(self, m: Any, symbol: Any = None) -> None:
        self.m, self.symbol = m, symbol

    def scratch(self) -> "Symbols":
        """Room for a result on the way."""
        return Symbols(self.m)

    def __array_ufunc__(
        self, ufunc: np.ufunc, method: str, *inputs: Any, out: tuple = (), **options: Any
    ) -> Any:
        word = getattr(self.m, _NAMED.get(ufunc.__name__, ufunc.__name__))
        out[0].symbol = word(*[x.symbol if x.__class__ is Symbols else x for x in inputs])
        return out[0]

    def __setitem__(self, key: Any, value: Any) -> None:
        self.symbol = value.symbol


def signature(numbers: Iterable) -> tuple:
    """What a rule may branch on: which numbers are missing, flags, 0 or 1."""
    return tuple(
        [
            v if v is None or (v.__class__ in _PLAIN and v in (0, 1)) else v.__class__
            for v in numbers
        ]
    )


def written_down(
    rule: Callable, wrap: Callable, dtype: np.dtype, state: list[str], numbers: dict[str, Any],
    maximize: bool, room: Any,
) -> tuple[Callable, Callable] | None:  # fmt: skip
    """`line(param, grad, state..., operands...)` and `operands(numbers...)`.

    None where the rule cannot be written down.

    Args:
        wrap: gives an array the words that the rule speaks.
        room: gives memory `like` an array for what is computed on the way, the `first` afresh.
    """
    notes = Notes(dtype)
    given = {
        name: Given(name, derived=False) if v.__class__ in (float, int) and v not in (0, 1) else v
        for name, v in numbers.items()
    }
    param, grad = (wrap(Memory(notes, name)) for name in ("param", "grad"))
    kept = {name: wrap(Memory(notes, name)) for name in state}
    try:
        if not all(v is None or v.__class__ in (Given, *_PLAIN) for v in given.values()):
            raise NotWritten
        rule(param, grad.neg() if maximize else grad, kept, **given)
    except Exception:
        return None
    notes.scope.update(first=room.first, like=room.like)
    lines = [f"def line({', '.join(['param', 'grad', *state, *notes.numbers.values()])}):"]
    lines += [f"    s{i} = {'like' if i else 'first'}(param)" for i in range(notes.rooms)]
    lines += [f"    {call}" for call in notes.calls]
    made = "".join(f"array({text}, dtype), " for text in notes.numbers)
    numbered = f"def numbered({', '.join(numbers)}):\n    return ({made})"
    return build("\n".join(lines), notes.scope), build(numbered, notes.scope)


_PLAIN = (float, int, bool)
