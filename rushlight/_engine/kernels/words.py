"""The pointwise words on values in registers: what NumPy's ufunc of that name gives."""

from collections.abc import Callable
from math import sqrt
from typing import Any

import numpy as np

from ..builder import BOOL, F32, F64, Function, Kind, Val, kind_of
from ..graph import Step, Value
from .casts import cast
from .division import INTEGER_DIVISIONS, REAL_DIVISIONS
from .trig import TABLE
from .vmath import FORMAT, damped, gelu, logistic, magnitude, to_whole

_COMPARED = dict(
    equal="eq", not_equal="ne", less="lt", less_equal="le", greater="gt", greater_equal="ge"
)
_ARITHMETIC: dict[str, Callable] = dict(
    add=lambda f, a, b: a | b if a.kind is BOOL else a + b,
    subtract=lambda f, a, b: a - b,
    multiply=lambda f, a, b: a & b if a.kind is BOOL else a * b,
    maximum=lambda f, a, b: _extreme(f, a, b, "ge"),
    minimum=lambda f, a, b: _extreme(f, a, b, "le"),
    fmax=lambda f, a, b: _present(f, a, b, "ge"),
    fmin=lambda f, a, b: _present(f, a, b, "le"),
    square=lambda f, a: a & a if a.kind is BOOL else a * a,
    negative=lambda f, a: -a,
    abs=lambda f, a: magnitude(f, a) if a.kind.floating else _whole_size(f, a),
    sign=lambda f, a: _sign(f, a),
)
_BOOLEAN = frozenset("add multiply maximum minimum fmax fmin abs square".split())
_FLOATING: dict[str, Callable] = dict(
    divide=lambda f, a, b: a / b,
    sqrt=lambda f, a: f.math("sqrt", a),
    copysign=lambda f, a, b: f.math("copysign", a, b),
    nextafter=lambda f, a, b: _neighbour(f, a, b),
    gelu=gelu,
    logistic=logistic,
    damped=damped,
)
_ROUNDINGS = dict(floor="floor", ceil="ceil", trunc="trunc", round="rint")
_LOGIC: dict[str, Callable] = dict(
    logical_and=lambda f, a, b: a & b,
    logical_or=lambda f, a, b: a | b,
    logical_xor=lambda f, a, b: a ^ b,
    logical_not=lambda f, a: a ^ 1,
)
_BITS: dict[str, Callable] = dict(
    bitwise_and=lambda f, a, b: a & b,
    bitwise_or=lambda f, a, b: a | b,
    bitwise_xor=lambda f, a, b: a ^ b,
    bitwise_invert=lambda f, a: a ^ (1 if a.kind is BOOL else -1),
    bitwise_left_shift=lambda f, a, b: f.select(_fits(f, b), a << b, 0),
    bitwise_right_shift=lambda f, a, b: _right_shift(f, a, b),
)
_TESTS: dict[str, Callable] = dict(
    isnan=lambda f, a: a.isnan(),
    isfinite=lambda f, a: magnitude(f, a) < float("inf"),
    isinf=lambda f, a: magnitude(f, a).equals(float("inf")),
    signbit=lambda f, a: f.bits(a, FORMAT[a.kind].whole) < 0,
)
_ACTIONS = _ARITHMETIC | _FLOATING | _BITS | REAL_DIVISIONS
# x to the power of a number: as PyTorch and NumPy shorten them, NaN for the root of -inf.
_POWERS: dict[float, Callable] = {
    0: lambda f, x: f.like(1, x), 1: lambda f, x: x, 2: lambda f, x: x * x,
    3: lambda f, x: x * x * x, 4: lambda f, x: (x * x) * (x * x), -1: lambda f, x: 1 / x,
    0.5: lambda f, x: f.math("sqrt", x),
}  # fmt: skip
# Words that take any kind, 16 bits too.
_ANY = frozenset({"where", *_LOGIC})


def _extreme(f: Function, a: Val, b: Val, how: str) -> Val:
    """The larger or smaller one; NaN where either is."""
    if a.kind is BOOL:
        return a | b if how == "ge" else a & b
    keep = a.compared(how, b)
    return f.select(keep | a.isnan() if a.kind.floating else keep, a, b)


def _present(f: Function, a: Val, b: Val, how: str) -> Val:
    """The larger or smaller one; the other where one is NaN."""
    if not a.kind.floating:
        return _extreme(f, a, b, how)
    return f.select(a.compared(how, b) | b.isnan(), a, b)


def _whole_size(f: Function, a: Val) -> Val:
    return f.select(a < 0, -a, a) if a.kind.family == "int" else a


def _sign(f: Function, a: Val) -> Val:
    """-1, 0 or 1; NaN stays."""
    positive = f.select(a > 0, f.like(1, a), 0)
    if a.kind.family == "uint":
        return positive
    made = f.select(a < 0, -1, positive)
    return f.select(a.isnan(), a, made) if a.kind.floating else made


def _fits(f: Function, shift: Val) -> Val:
    """Whether a shift is from 0 to below the width."""
    width = 8 * shift.kind.size
    if shift.kind.family == "uint":
        return shift < width
    return (shift & -width).equals(0)


def _right_shift(f: Function, a: Val, b: Val) -> Val:
    """a shifted; by too much, its sign alone."""
    far = f.select(a < 0, f.like(-1, a), 0) if a.kind.family == "int" else 0
    return f.select(_fits(f, b), a >> b, far)


def _neighbour(f: Function, a: Val, b: Val) -> Val:
    whole = FORMAT[a.kind].whole
    bits = f.bits(a, whole)
    outwards = (a < b) ^ (bits < 0)
    moved = f.bits(bits + f.select(outwards, f.like(1, bits), -1), a.kind)
    least = f.math("copysign", f.bits(f.like(1, bits), a.kind), b)
    moved = f.select(a.equals(0.0), least, moved)
    moved = f.select(a.equals(b), b, moved)
    return f.select(a.isnan() | b.isnan(), a + b, moved)


def number_of(a: Any) -> Any:
    """A Python number, where an argument is one or an array of one element; else None."""
    if isinstance(a, bool | int | float):
        return a
    known = isinstance(a, np.ndarray | np.generic) and a.ndim == 0 and a.dtype.kind in "biuf"
    return a.item() if known else None


def _common(args: tuple) -> Kind | None:
    """The kind in which NumPy compares these; None where it has a way of its own."""
    given = [np.empty(0, a.dtype) if isinstance(a, Value) else a for a in args]
    try:
        dtype = np.result_type(*given)
    except OverflowError:
        return None
    if dtype.kind in "iu":
        info = np.iinfo(dtype)
        if not all(isinstance(a, Value) or info.min <= number_of(a) <= info.max for a in args):
            return None
    whole = all(a.dtype.kind in "biu" if isinstance(a, Value) else isinstance(a, int) for a in args)
    return None if whole and dtype.kind == "f" else kind_of(dtype)  # signed, unsigned 64 bits


def native(step: Step) -> bool:
    """Whether a pointwise step can be emitted."""
    if len(step.results) != 1 or (step.params and step.word not in ("astype", "bitcast")):
        return False
    made, word = kind_of(step.result.dtype), step.word
    if word == "position":
        return True
    if word == "full":
        return made is not None and number_of(step.args[1]) is not None
    kinds = [kind_of(a.dtype) for a in step.args if isinstance(a, Value)]
    if made is None or None in kinds or not kinds:
        return False
    if word in ("astype", "bitcast"):
        same = [k for k in kinds if k is not None and k.size == made.size]
        return word == "astype" or (bool(same) and BOOL not in (made, *kinds))
    if not all(isinstance(a, Value) or number_of(a) is not None for a in step.args):
        return False
    if word in _ANY:
        return True
    if any(k is None or k.storage for k in (made, *kinds)):
        return False
    return _emits(step, made, kinds)


def _emits(step: Step, made: Kind, kinds: list) -> bool:
    word = step.word
    if word in _COMPARED:
        return _common(step.args) is not None
    if word in _TESTS:
        return True
    if word == "pow":
        return _power_is_known(step, made, kinds)
    if word in INTEGER_DIVISIONS and not made.floating:
        return made is not BOOL and _divides(number_of(step.args[1]), made)
    if word in REAL_DIVISIONS:
        return made is F32
    if word in _BITS:
        return not made.floating and (made is not BOOL or "shift" not in word)
    if word in _ARITHMETIC:
        return made is not BOOL or word in _BOOLEAN
    if word in _ROUNDINGS:
        return made is not BOOL and (made.floating or word != "round")
    return made.floating and (word in _FLOATING or word in TABLE[made])


def _divides(divisor: Any, kind: Kind) -> bool:
    """Whether integers are divided by a number that cannot fail."""
    if divisor.__class__ is not int or not divisor:
        return False
    least = 0 if kind.family == "uint" else -(1 << 8 * kind.size - 1)
    return least <= divisor < 1 << 8 * kind.size - 1


def _power_is_known(step: Step, made: Kind, kinds: list) -> bool:
    exponent = number_of(step.args[1])
    if exponent in _POWERS and isinstance(step.args[0], Value):
        return made.floating or (made is not BOOL and exponent in (0, 1, 2, 3, 4))
    return made is F32


def joined(steps: list[Step]) -> list[Step]:
    """The steps; the last one of GELU, x / 2 (erf(x sqrt(1/2)) + 1), as a word of its own; so those
    of sigmoid and SiLU."""
    makers = {
        s.result.id: (s.word, *s.args) for s in steps if kind_of(s.result.dtype) in (F32, F64)
    }

    def made(a: Any) -> tuple:
        return makers.get(a.id, ()) if a.__class__ is Value else ()

    def one(step: Step) -> Step:
        match step.word, *map(made, step.args):
            case "multiply", ("multiply", x, 0.5), ("add", e, 1):
                match made(e):
                    case "erf", b if made(b) == ("multiply", x, sqrt(0.5)):
                        return step.by("gelu", x) if x.dtype.itemsize == 4 else step
            case "divide", _, ("add", e, 1):
                match step.args[0], made(e):
                    case 1, ("exp", y):
                        return step.by("logistic", y)
                    case x, ("exp", y) if made(y) == ("negative", x):
                        return step.by("damped", y)
        return step

    return list(map(one, steps))


def emit(f: Function, step: Step, given: list[Any]) -> Val:
    """The step's result; `given` are values, or numbers where the step has them."""
    word, made = step.word, kind_of(step.result.dtype)
    assert made is not None
    lanes = max((v.lanes for v in given if isinstance(v, Val)), default=1)

    def as_kind(x: Any, kind: Kind) -> Val:
        return f.const(cast(f, x, kind) if isinstance(x, Val) else x, kind, lanes)

    if word == "full":
        return f.const(number_of(step.args[1]), made)
    if word == "astype":
        return cast(f, given[0], made)
    if word == "bitcast":
        return f.bits(given[0], made)
    if word == "where":
        return f.select(as_kind(given[0], BOOL), as_kind(given[1], made), as_kind(given[2], made))
    if word in _LOGIC:
        return _LOGIC[word](f, *[as_kind(x, BOOL) for x in given])
    if word in _COMPARED:
        kind = _common(step.args)
        assert kind is not None
        return as_kind(given[0], kind).compared(_COMPARED[word], as_kind(given[1], kind))
    if word in _TESTS:
        return _tested(f, word, given[0])
    if word == "pow" and (exponent := number_of(step.args[1])) in _POWERS:
        return _POWERS[exponent](f, as_kind(given[0], made))
    if word in INTEGER_DIVISIONS and not made.floating:
        return INTEGER_DIVISIONS[word](f, as_kind(given[0], made), number_of(step.args[1]))
    if word in _ROUNDINGS:
        x = as_kind(given[0], made)
        return to_whole(f, x, _ROUNDINGS[word]) if made.floating else x
    action = _ACTIONS[word] if word in _ACTIONS else TABLE[made][word]
    return action(f, *[as_kind(x, made) for x in given])


def emitted(f: Function, step: Step, value: Callable[[Value], Any]) -> Val:
    """The step's result, by what `value` gives for each value that it reads."""
    return emit(f, step, [value(a) if isinstance(a, Value) else number_of(a) for a in step.args])


def _tested(f: Function, word: str, x: Val) -> Val:
    """A question to one number; an integer is finite."""
    if x.kind.floating:
        return _TESTS[word](f, x)
    if word == "signbit":
        return x < 0 if x.kind.family == "int" else f.const(False, BOOL, x.lanes)
    return f.const(word == "isfinite", BOOL, x.lanes)


# Words that cost more than loading their result again.
DEAR = frozenset({*TABLE[F32], *TABLE[F64], "pow", "gelu", "logistic", "damped", *REAL_DIVISIONS})
