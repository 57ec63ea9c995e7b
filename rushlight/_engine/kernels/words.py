"""The pointwise words on values in registers: what NumPy's ufunc of that name gives."""

from collections.abc import Callable
from typing import Any

import numpy as np

from ..builder import BOOL, F32, Function, Kind, Val, kind_of
from ..graph import Step, Value
from .vmath import TABLE

_COMPARED = dict(
    equal="eq", not_equal="ne", less="lt", less_equal="le", greater="gt", greater_equal="ge"
)
_ARITHMETIC: dict[str, Callable] = dict(
    add=lambda f, a, b: a + b,
    subtract=lambda f, a, b: a - b,
    multiply=lambda f, a, b: a * b,
    maximum=lambda f, a, b: _extreme(f, a, b, "ge"),
    minimum=lambda f, a, b: _extreme(f, a, b, "le"),
    square=lambda f, a: a * a,
    negative=lambda f, a: -a,
)
_FLOATING: dict[str, Callable] = dict(
    divide=lambda f, a, b: a / b,
    abs=lambda f, a: f.math("fabs", a),
    sqrt=lambda f, a: f.math("sqrt", a),
    floor=lambda f, a: f.math("floor", a),
    ceil=lambda f, a: f.math("ceil", a),
    trunc=lambda f, a: f.math("trunc", a),
    round=lambda f, a: f.math("rint", a),
    sign=lambda f, a: f.select(a > 0, 1, f.select(a < 0, -1, f.select(a.equals(0), 0, a))),
)
_LOGIC: dict[str, Callable] = dict(
    logical_and=lambda f, a, b: a & b,
    logical_or=lambda f, a, b: a | b,
    logical_xor=lambda f, a, b: a ^ b,
    logical_not=lambda f, a: a ^ 1,
)
_BITS: dict[str, Callable] = dict(
    bitwise_and=lambda f, a, b: a & b, bitwise_or=lambda f, a, b: a | b,
    bitwise_xor=lambda f, a, b: a ^ b,
    bitwise_invert=lambda f, a: a ^ (1 if a.kind is BOOL else -1),
)  # fmt: skip
_TESTS: dict[str, Callable] = dict(
    isnan=lambda f, a: a.isnan(),
    isfinite=lambda f, a: f.math("fabs", a) < float("inf"),
    isinf=lambda f, a: f.math("fabs", a).equals(float("inf")),
)


def _extreme(f: Function, a: Val, b: Val, how: str) -> Val:
    """The larger or smaller one; NaN where either is."""
    keep = a.compared(how, b)
    return f.select(keep | a.isnan() if a.kind.floating else keep, a, b)


def number_of(a: Any) -> Any:
    """A Python number, where an argument is one or an array of one element; else None."""
    if isinstance(a, bool | int | float):
        return a
    if (
        isinstance(a, np.ndarray | np.generic)
        and a.size == 1
        and a.ndim == 0
        and a.dtype.kind in "biuf"
    ):
        return a.item()
    return None


def _common(args: tuple) -> np.dtype:
    """The dtype in which NumPy compares these."""
    given = [np.empty(0, a.dtype) if isinstance(a, Value) else a for a in args]
    return np.result_type(*given)


def native(step: Step) -> bool:
    """Whether a pointwise step can be emitted."""
    if len(step.results) != 1 or (step.params and step.word != "astype"):
        return False
    made = kind_of(step.result.dtype)
    kinds = [kind_of(a.dtype) for a in step.args if isinstance(a, Value)]
    plain = all(isinstance(a, Value) or number_of(a) is not None for a in step.args)
    if step.word == "position":
        return True
    if step.word == "full":
        return made is not None and number_of(step.args[1]) is not None
    if step.word == "astype":
        return made is not None and None not in kinds and _casts(kinds[0], made)
    if made is None or None in kinds or not kinds or not plain:
        return False
    if step.word == "pow":
        return made.floating and kinds == [made] and number_of(step.args[1]) in (1, 2)
    return _emits(step, made, kinds[0])


def _casts(old: Kind | None, new: Kind) -> bool:
    """Casts that mean the same everywhere: not from floating numbers to integers."""
    return old is not None and (new.floating or new is BOOL or not old.floating)


def _emits(step: Step, made: Kind, first: Kind | None) -> bool:
    word = step.word
    if word in ("where",) or word in _LOGIC:
        return True
    if word in _COMPARED:
        return kind_of(_common(step.args)) is not None
    if word in _TESTS:
        return first is not None and first.floating
    if word in _BITS:
        return not made.floating
    if word in _ARITHMETIC:
        return made is not BOOL
    return made.floating and (word in _FLOATING or word in TABLE.get(made, ()))


def emit(f: Function, step: Step, given: list[Any]) -> Val:
    """The step's result; `given` are values, or numbers where the step has them."""
    word, made = step.word, kind_of(step.result.dtype)
    assert made is not None
    lanes = max((v.lanes for v in given if isinstance(v, Val)), default=1)

    def as_kind(x: Any, kind: Kind) -> Val:
        return f.const(f.cast(x, kind) if isinstance(x, Val) else x, kind, lanes)

    if word == "full":
        return f.const(number_of(step.args[1]), made)
    if word == "astype":
        return f.cast(given[0], made)
    if word == "where":
        return f.select(as_kind(given[0], BOOL), as_kind(given[1], made), as_kind(given[2], made))
    if word in _LOGIC:
        return _LOGIC[word](f, *[as_kind(x, BOOL) for x in given])
    if word in _COMPARED:
        kind = kind_of(_common(step.args))
        assert kind is not None
        return as_kind(given[0], kind).compared(_COMPARED[word], as_kind(given[1], kind))
    if word in _TESTS:
        return _TESTS[word](f, given[0])
    if word == "pow":
        x = as_kind(given[0], made)
        return x * x if number_of(step.args[1]) == 2 else x
    action = _ARITHMETIC.get(word) or _FLOATING.get(word) or _BITS.get(word) or TABLE[made][word]
    return action(f, *[as_kind(x, made) for x in given])


# Words that cost more than loading their result again.
DEAR = frozenset(TABLE[F32])
