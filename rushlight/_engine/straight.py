"""A graph as one straight line of NumPy calls, written over memory that has served its turn.

It runs everywhere; native kernels take its place where they are installed.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from .._arrays.numpy import NUMPY
from .._core import dtypes
from .graph import VIEWS, Graph, Step, Value
from .loops import unrolled

_FLOATS = (dtypes.F32, dtypes.F64)
_UFUNCS = {w: f for w in dir(NUMPY) if isinstance(f := getattr(NUMPY, w), np.ufunc) and f.nout == 1}
_NO_OUT = frozenset({"ldexp"})
_FOREIGN = frozenset({"alias", "call", "bits"})  # their results' memory is not ours to write on
KEPT = 1 << 14  # bytes from which memory is kept from run to run
_MAYBE = frozenset({"astype", "conj", "bitcast"})  # give back the memory of their argument at times


class Refused(Exception):
    """A `check` of the graph failed: nothing has been written."""


class Straight:
    """The function that a graph is, and its Python source.

    Args:
        graph: what to run.
        over: output number -> input whose memory it takes over once that is read no more.
    """

    def __init__(self, graph: Graph, over: dict[int, Value] | None = None) -> None:
        graph = unrolled(graph)
        self.graph, self.over = graph, over or {}
        self.scope: dict[str, Any] = {"__name__": "rushlight._core.op", "Refused": Refused}
        self.place: dict[int, str] = {}
        self.roots: dict[int, int] = {}  # a view's id -> the id of what owns its memory
        self.taken: set[int] = set()  # outputs that were written over their input
        self.owner: dict[str, int] = {}  # memory that is written again -> the id of what lies there
        self.kept: dict[tuple, list[str]] = {}  # shape and dtype -> memory kept from run to run
        self._lifetimes()
        self.lines = [line for at, step in enumerate(graph.steps) for line in self._line(at, step)]
        self.source = self._source()
        exec(compile(self.source, "<straight>", "exec"), self.scope)
        self.run: Callable[..., tuple] = self.scope["run"]

    def _lifetimes(self) -> None:
        """Who owns which memory, and which step reads it last (views read for their owner)."""
        graph = self.graph
        for v in graph.inputs:
            self.roots[v.id] = v.id
        for step in graph.steps:
            shown: Any = step.args[0] if step.word in VIEWS | _MAYBE and step.args else None
            for v in step.results:
                self.roots[v.id] = self.roots[shown.id] if shown.__class__ is Value else v.id
        self.last: dict[int, int] = {}
        for at, step in enumerate(graph.steps):
            for v in step.values():
                self.last[self.roots[v.id]] = at
        self.inputs = {v.id for v in graph.inputs}
        foreign = [s for s in graph.steps if s.word in _FOREIGN or len(s.results) > 1]
        self.constants = {v.id for s in foreign for v in s.results}
        self.outputs = {self.roots[v.id] for v in graph.outputs}
        effects = [at for at, s in enumerate(graph.steps) if s.effect]
        self.safe = effects[-1] if effects else -1  # before it nothing of the caller's is written
        self.wanted = self._wanted()
        self.given = {given.id for _, given in self.wanted.values()}  # inputs to be written over

    def _wanted(self) -> dict[int, tuple[int, Value]]:
        """Value -> (output number, input) for results that may be written over an input."""
        found: dict[int, tuple[int, Value]] = {}
        twice = [v.id for v in self.graph.outputs]
        for k, given in self.over.items():
            v = self.graph.outputs[k]
            if twice.count(v.id) == 1 and self.roots[v.id] == v.id and given.id not in self.outputs:
                found[v.id] = (k, given)
        return found

    def _name(self, a: Any) -> str:
        if a.__class__ is Value:
            return self.place.get(a.id, f"v{a.id}")
        if a.__class__ is list:
            return f"[{', '.join(map(self._name, a))}]"
        if (
            a is None
            or a.__class__ in (bool, int, str)
            or (a.__class__ is float and a == a and abs(a) < 1e300)
        ):
            return repr(a)
        if a.__class__ is tuple and all(x.__class__ in (int, bool) for x in a):
            return repr(a)
        if a.__class__ is tuple:
            return f"({''.join(self._name(x) + ', ' for x in a)})"
        name = f"c{len(self.scope)}"
        self.scope[name] = a
        return name

    def _dying(self, at: int, step: Step) -> Value | None:
        """An argument whose memory the result may take: its last reader is this step."""
        out = step.result
        for a in step.args:
            if a.__class__ is not Value or (a.shape, a.dtype) != (out.shape, out.dtype):
                continue
            if self.roots[a.id] != a.id or a.id in self.outputs | self.constants:
                continue
            if a.id in self.inputs and not (a.id in self.given and at > self.safe):
                continue
            if self.last[a.id] == at and a.strides == out.strides and a.contiguous:
                return a
        return None

    def _dead(self, name: str, at: int, now: bool = False) -> bool:
        """Whether what lies in some memory is read no more after step `at` (or, before it)."""
        there = self.owner.get(name)
        return there is None or self.last.get(there, -1) < at + now

    def _memory(self, at: int, out: Value) -> str | None:
        """Memory that the program keeps between runs: large blocks cost page faults when new."""
        if out.id in self.outputs or out.size * out.dtype.itemsize < KEPT or not out.contiguous:
            return None
        names = self.kept.setdefault((out.shape, out.dtype), [])
        for name in names:
            if self._dead(name, at):
                return name
        names.append(name := f"b{len(self.scope)}")
        self.scope[name] = np.empty(out.shape, out.dtype)
        return name

    def _target(self, at: int, step: Step) -> str | None:
        """Where the result of a ufunc is written, None for fresh memory."""
        out = step.result
        found = None
        if out.id in self.wanted and at > self.safe and step.word != "matmul":
            k, given = self.wanted[out.id]
            name = self._name(given)
            if (
                self.last.get(given.id, -1) <= at
                and given.contiguous
                and self._dead(name, at, True)
            ):
                self.taken.add(k)
                found = name
        if found is None and step.word != "matmul":
            dying = self._dying(at, step)
            found = None if dying is None else self._name(dying)
            if out.id in self.outputs and found in self.scope:
                found = None  # memory that is kept is never handed out
        if found is None:
            found = self._memory(at, out)
        if found is not None:
            self.owner[found] = out.id
        return found

    def _line(self, at: int, step: Step) -> list[str]:
        if step.word == "check":
            return [f"if not {self._name(step.args[0])}.all(): raise Refused({step.where!r})"]
        word, args = step.word, step.args
        if word == "call":
            word, args = f"call_{len(self.scope)}", args[1:]
        self.scope[word] = step.args[0] if step.word == "call" else getattr(NUMPY, word)
        if step.word in _UFUNCS and not step.params and step.word not in _NO_OUT:
            return [self._ufunc(at, step, word)]
        given = [self._name(a) for a in args]
        given += [f"{k}={self._name(v)}" for k, v in step.params.items()]
        made = ", ".join(f"v{v.id}" for v in step.results)
        if len(step.results) == 1 and step.result.shape == ():
            return [f"{made} = asarray({word}({', '.join(given)}))"]
        return [f"{made} = {word}({', '.join(given)})"]

    def _ufunc(self, at: int, step: Step, word: str) -> str:
        out = step.result
        given = ", ".join(self._name(self._scalar(a, step)) for a in step.args)
        target = self._target(at, step)
        if target is None:
            if out.shape == ():  # NumPy would give a scalar
                made = f"{word}({given}, out=...)" if _ELLIPSIS else f"asarray({word}({given}))"
                return f"v{out.id} = {made}"
            return f"v{out.id} = {word}({given})"
        self.place[out.id] = target
        # NumPy wants maximum(a, b, c) to mean three operands one day
        named = "out=" if word in ("maximum", "minimum", "matmul") else ""
        return f"{word}({given}, {named}{target})"

    def _scalar(self, a: Any, step: Step) -> Any:
        """A number as a 0-dim array of its partner's dtype: a third of the time for NumPy."""
        if a.__class__ not in (int, float):
            return a
        kinds = {x.dtype for x in step.args if x.__class__ is Value}
        if len(kinds) == 1 and (kind := kinds.pop()) in _FLOATS:
            return np.array(a, kind)
        return a

    def _source(self) -> str:
        self.scope["asarray"] = np.asarray
        heads = ", ".join(f"v{v.id}" for v in self.graph.inputs)
        rows = [f"def run({heads}):", *(f"    {line}" for line in self.lines)]
        made = ", ".join(self._returned(k, v) for k, v in enumerate(self.graph.outputs))
        rows.append(f"    return ({made},)" if made else "    return ()")
        return "\n".join(rows)

    def _returned(self, k: int, v: Value) -> str:
        """An output in memory of its own: no input's, no other output's, no constant's."""
        name, root = self._name(v), self.roots[v.id]
        if k in self.taken:
            return name
        shared = [self.roots[x.id] for x in self.graph.outputs].count(root) > 1
        outside = root in self.inputs or root in self.constants
        return f"{name}.copy()" if shared or outside or root != v.id else name


_ELLIPSIS = np.lib.NumpyVersion(np.__version__) >= "2.3.0"
