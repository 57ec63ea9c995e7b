"""What array code says, found by running it on probes: bodies and rules that are a single word."""

from collections.abc import Callable
from typing import Any

import numpy as np

from .dtypes import F32, I64
from .kinds import known
from .record import Op


class _Probe:
    """An array that remembers the one word that made it."""

    __array_ufunc__ = None

    def __init__(self, word: str = "", args: tuple = ()) -> None:
        self.word, self.args = word, args

    def __bool__(self) -> bool:
        raise TypeError("its value is not known")


class _Real(_Probe):
    dtype = F32


class Whole(_Probe):
    dtype = I64


_OPERATORS = dict(
    add="add", sub="subtract", mul="multiply", truediv="divide", neg="negative", pow="pow",
    matmul="matmul", eq="equal", ne="not_equal", lt="less", le="less_equal", gt="greater",
    ge="greater_equal",
)  # fmt: skip
for _dunder, _word in _OPERATORS.items():
    setattr(_Probe, f"__{_dunder}__", lambda *a, _w=_word: _Probe(_w, a))


class _Prober:
    def __getattr__(self, word: str) -> Callable:
        return lambda *a, **k: _Probe() if k else _Probe(word, a)


class _RealProber(_Prober):
    conj = staticmethod(lambda x: x)


def _said(body: Callable, m: Any, given: list, params: dict | None = None) -> Any:
    """The places among the probes given of what a body says, and NumPy's function for its word."""
    try:
        made = body(m, *given, **(params or {}))
        at = {id(probe): i for i, probe in enumerate([*given, *(params or {}).values()])}
        if id(made) in at:
            return [at[id(made)]], None
        return [at[id(a)] for a in made.args], getattr(known.numpy, made.word)
    except Exception:  # it looks at values or sizes, or says more than a word
        return [], None


def single_word(op: Op, kind: type = _Probe) -> Any:
    """The ufunc that a body is on the op's own arguments in order; for a view, whatever word."""
    view = op.kind == "view"
    if op.keeps or op.lists or op.outputs or (op.params and not view and op.kind != "pointwise"):
        return None
    params = {p: _Probe() if view else op.defaults.get(p, _Probe()) for p in op.params}
    at, word = _said(op.body, _Prober(), [kind() for _ in op.arrays], params)
    if at != list(range(len(op.arrays) + view * len(params))):
        return None
    return word if view or isinstance(word, np.ufunc) else None


def rule_word(rule: Callable, names: list[str]) -> tuple[Any, list[str]] | None:
    """The ufunc that a rule is on arrays of float32 (None: it hands one on), and on which."""
    given = ["g", *names]
    at, word = _said(rule, _RealProber(), [_Real() for _ in given])
    if not at or not (word is None or isinstance(word, np.ufunc)):
        return None
    return word, [given[i] for i in at]
