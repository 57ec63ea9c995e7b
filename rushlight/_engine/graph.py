"""The small graph that every pass reads and writes: values, steps in order, inputs and outputs.

A graph is in single assignment: each step makes new values, each value is made once. The words of
the steps are the vocabulary (`_arrays/numpy.py`), and `call`, which runs a Python function.

    inputs   %0: float32[2, 3], %1: float32[3]
    %2: float32[2, 3] = multiply(%0, %1)        # step.py:12
    %3: float32[] = sum(%2, axis=(0, 1))        # step.py:13
    outputs  %3
"""

from collections.abc import Callable, Iterable, Iterator
from hashlib import sha256
from itertools import count
from math import prod
from typing import Any

import numpy as np

from .._core import dtypes
from .._core.spec import contiguous_strides, is_contiguous

# Steps that move a random stream, run Python (`call`), or refuse values (`check`, one condition and
# no result): kept, and kept in order, whether used or not.
EFFECTS = frozenset({"bits", "call", "check"})
# Steps whose result shows the memory of their first argument.
VIEWS = frozenset(
    "permute_dims broadcast_to index diagonal windows alias as_strided reshape real imag".split()
)
_PLAIN = {bool, int, float, complex, str, type(None), slice, type(...)}


class Value:
    """An array that the graph knows: shape, dtype (NumPy's), strides (in elements)."""

    __slots__ = ("id", "shape", "dtype", "strides")

    def __init__(self, id: int, shape: tuple, dtype: Any, strides: tuple | None = None) -> None:
        self.id, self.shape, self.dtype = id, tuple(shape), np.dtype(dtype)
        self.strides = contiguous_strides(self.shape) if strides is None else tuple(strides)

    @property
    def size(self) -> int:
        return prod(self.shape)

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def contiguous(self) -> bool:
        """Whether the elements lie in order in memory."""
        return is_contiguous(self.shape, self.strides)

    def __repr__(self) -> str:
        return f"%{self.id}"

    def again(self, id: int) -> "Value":
        """The same under another number."""
        return Value(id, self.shape, self.dtype, self.strides)

    def described(self) -> str:
        """Name, dtype and shape; strides where they are not the usual ones."""
        odd = "" if self.contiguous else f" strides {list(self.strides)}"
        name = self.dtype.names[0] if self.dtype.names else self.dtype.name
        return f"%{self.id}: {name}{list(self.shape)}{odd}"


class Step:
    """One word: `results = word(*args, **params)`; `where` is the user's line, or "".

    An argument is a Value, a Python number, a NumPy array (a constant), None, a tuple (a shape, a
    key), or a list of any of these.
    """

    __slots__ = ("results", "word", "args", "params", "where")

    def __init__(
        self, results: tuple, word: str, args: tuple, params: dict | None = None, where: str = ""
    ) -> None:
        self.results, self.word, self.args = tuple(results), word, tuple(args)
        self.params, self.where = params or {}, where

    @property
    def result(self) -> Value:
        """The result of a step that has one."""
        (made,) = self.results
        return made

    @property
    def effect(self) -> bool:
        """Whether it does more than make its results."""
        return self.word in EFFECTS

    def values(self) -> Iterator[Value]:
        """The values it reads, one after another, those in lists and parameters too."""
        yield from _values(self.args)
        if self.params:
            yield from _values(self.params.values())

    def replaced(self, swap: Callable[[Value], Any]) -> "Step":
        """The same step, reading `swap(value)` for each value."""
        args = tuple(_swapped(a, swap) for a in self.args)
        params = {k: _swapped(v, swap) for k, v in self.params.items()}
        return Step(self.results, self.word, args, params, self.where)

    def by(self, word: str, *args: Any, **params: Any) -> "Step":
        """Another step that makes the same results."""
        return Step(self.results, word, args, params, self.where)

    def giving(self, *results: Value) -> "Step":
        """The same step, making other values."""
        return Step(results, self.word, self.args, self.params, self.where)

    def __repr__(self) -> str:
        """All of it but the user's line: what a kernel's text depends on."""
        return self.word + spelt([self.results, self.args, *self.params.items()], repr)

    def __str__(self) -> str:
        made = ", ".join(v.described() for v in self.results)
        given = [*map(_brief, self.args), *(f"{k}={_brief(v)}" for k, v in self.params.items())]
        text = f"{made} = " if made else ""
        text += f"{self.word}({', '.join(given)})"
        text = f"{text:<70}  # {self.where}" if self.where else text
        bodies = [str(v) for v in self.params.values() if v.__class__ is Graph]
        return "\n    ".join(line for part in (text, *bodies) for line in part.splitlines())


class Graph:
    """Inputs, steps in an order in which they can run, outputs."""

    __slots__ = ("inputs", "steps", "outputs")

    def __init__(
        self, inputs: Iterable[Value], steps: Iterable[Step], outputs: Iterable[Value]
    ) -> None:
        self.inputs, self.steps, self.outputs = list(inputs), list(steps), list(outputs)

    def uses(self) -> dict[int, list[int]]:
        """For each value's id, the numbers of the steps that read it (an output: len(steps))."""
        found: dict[int, list[int]] = {}
        for at, step in enumerate(self.steps):
            for v in step.values():
                places = found.setdefault(v.id, [])
                if not places or places[-1] != at:
                    places.append(at)
        for v in self.outputs:
            found.setdefault(v.id, []).append(len(self.steps))
        return found

    def makers(self) -> dict[int, Step]:
        """For each value's id, the step that makes it."""
        return {v.id: step for step in self.steps for v in step.results}

    def fresh(self) -> Iterator[int]:
        """Numbers for new values, which steps inside steps have not either."""
        steps = [x for s in self.steps for x in (s, *s.params.get("inner", ()))]
        known = [v.id for s in steps for v in s.results] + [v.id for v in self.inputs]
        return count(1 + max(known, default=0))

    def check(self) -> "Graph":
        """The graph itself, if each value is made once and before it is read.

        Raises:
            ValueError: naming the step and the value where it is not.
        """
        made: set[int] = set()
        for v in self.inputs:
            if v.id in made:
                raise ValueError(f"graph: {v} is an input twice")
            made.add(v.id)
        for at, step in enumerate(self.steps):
            for v in step.values():
                if v.id not in made:
                    raise ValueError(f"graph: step {at} ({step}) reads {v} before it is made")
            for v in step.results:
                if v.id in made:
                    raise ValueError(f"graph: step {at} ({step}) makes {v} a second time")
                made.add(v.id)
        for v in self.outputs:
            if v.id not in made:
                raise ValueError(f"graph: the output {v} is never made")
        return self

    def __len__(self) -> int:
        return len(self.steps)

    def __str__(self) -> str:
        rows = ["inputs   " + ", ".join(v.described() for v in self.inputs)]
        rows += [str(step) for step in self.steps]
        rows.append("outputs  " + ", ".join(map(str, self.outputs)))
        return "\n".join(rows)


def _values(args: Iterable[Any]) -> Iterator[Value]:
    for a in args:
        if a.__class__ is Value:
            yield a
        elif isinstance(a, (list, tuple)):
            yield from _values(a)


def _swapped(a: Any, swap: Callable[[Value], Any]) -> Any:
    if a.__class__ is Value:
        return swap(a)
    if a.__class__ in (list, tuple):
        return a.__class__(_swapped(x, swap) for x in a)
    return a


def spelt(a: Any, other: Callable[[Any], str]) -> str:
    """An argument as text, another one for another argument; `other` spells what has none here."""
    kind = a.__class__
    if kind is Value:
        return f"%{a.id}{a.dtype.char}"
    if kind is tuple or kind is list:
        inner = ",".join([spelt(x, other) for x in a])
        return f"({inner})" if kind is tuple else f"[{inner}]"
    if kind is Graph:
        steps = [[s.results, s.word, s.args, [*s.params.items()]] for s in a.steps]
        made = [v.described() for v in (*a.inputs, *(v for s in a.steps for v in s.results))]
        return spelt([a.inputs, made, steps, a.outputs], other)
    if kind in _PLAIN:
        return repr(a)  # 0.0 is not -0.0, 1 is not 1.0, nor is it True
    if isinstance(a, (np.ndarray, np.generic)):
        return f"{dtypes.of(a.dtype)}{a.shape}{sha256(a.tobytes()).hexdigest()}"
    return f"{dtypes.of(a)}" if isinstance(a, (np.dtype, dtypes.dtype)) else other(a)


def _brief(a: Any) -> str:
    """An argument as it is printed: an array by its shape, unless it is a single number."""
    if isinstance(a, np.ndarray):
        return f"const {a.dtype.name}{list(a.shape)}" if a.size != 1 else str(a.reshape(()))
    if isinstance(a, (list, tuple)):
        inner = ", ".join(_brief(x) for x in a)
        if isinstance(a, list):
            return f"[{inner}]"
        return f"({inner},)" if len(a) == 1 else f"({inner})"
    if isinstance(a, Graph):
        return f"{len(a)} steps"
    if callable(a) and hasattr(a, "__qualname__"):
        return a.__qualname__
    return repr(a)
