"""Attention found in a graph: softmax(scores) v becomes one step, and its gradients another.

    out, peak = attend(q, kt, v, *given)
    dq, dk, dv = attend_back(q, kt, v, g, *given)

The scores begin as q kt; `inner` are the pointwise steps that follow on them (a scale, a mask) and
read `given`; `ends` are the values among theirs that the kernel provides or asks for. Backwards the
weights are made again from `peak`, the logarithm of the sum of a row's exponentials; what the
softmax takes off their slopes is the sum of g out. Steps are replaced where nobody else reads what
lies between them. A mask that is known to hide just what comes after each query is the kernel's.
"""

from math import inf
from typing import Any

import numpy as np

from .graph import Graph, Step, Value
from .kernels.words import native
from .simplify import call, dead

WORDS = frozenset({"attend", "attend_back"})
_FEW = 4  # queries for which products of rows are as good
_KNOWN = 1 << 24  # elements of a mask that is worked out beforehand
# word, what it reads: other steps, names of values, numbers. "e:exp" names what a step makes.
_SOFTMAX = ("divide", ("e:exp", ("subtract", "scores", ("max", "scores"))), ("sum", "e"))
_NOWHERE = ("where", ("nowhere:all", ("equal", "scores", -inf)), 0, "weights")
_CAUSAL = ("where", "mask", "bare", -inf), ("where", "mask", -inf, "bare")
_SLOPES = ("matmul", "g", "vt")
_BACK = ("subtract", ("w:multiply", "slopes", "weights"), ("multiply", "weights", ("sum", "w")))


def attended(graph: Graph) -> Graph:
    """The same graph with attention in the place of its parts."""
    facts, instead = _Facts(graph), {}
    for step in graph.steps:
        if step.word == "divide":
            try:
                instead |= _Attention(facts, step.result).replaced()
            except _Other:
                continue
    if not instead:
        return graph
    steps = [s for step in graph.steps for s in instead.get(id(step), (step,))]
    return dead(Graph(graph.inputs, steps, graph.outputs))


class _Other(Exception):
    """The steps are something else."""


def _need(*facts: Any) -> None:
    if not all(facts):
        raise _Other


def _swapped(axes: tuple) -> tuple:
    return (*axes[:-2], axes[-1], axes[-2])


def _last(step: Step) -> bool:
    """Whether a reduction is over the last axis alone, which stays as one of size 1."""
    last, axis = step.args[0].ndim - 1, step.params.get("axis")
    return step.params.get("keepdims") is True and axis in (-1, last, (-1,), (last,))


class _Facts:
    """Who makes and who reads the values of a graph."""

    def __init__(self, graph: Graph) -> None:
        self.makers = graph.makers()
        self.at = {id(s): n for n, s in enumerate(graph.steps)}
        self.readers: dict[int, list[Any]] = {v.id: [None] for v in graph.outputs}
        for step in graph.steps:
            for v in {v.id for v in step.values()}:
                self.readers.setdefault(v, []).append(step)
        self.ids = graph.fresh()
        self.lower: dict[int, bool | None] = {}

    def read(self, v: Value, word: str) -> list[Step]:
        """The steps of a word that read a value."""
        return [s for s in self.readers.get(v.id, ()) if s is not None and s.word == word]

    def alone(self, v: Value) -> Step | None:
        """The one step that reads a value."""
        readers = self.readers.get(v.id, ())
        return readers[0] if len(readers) == 1 else None

    def fits(self, a: Any, pattern: Any, named: dict[str, Value], steps: list[Step]) -> bool:
        """Whether a value is made as a pattern says; what its names mean, and the steps."""
        if pattern.__class__ is str:
            return a.__class__ is Value and named.setdefault(pattern, a).id == a.id
        if pattern.__class__ is not tuple:
            return self.number(a) == pattern
        (name, _, word), step = pattern[0].rpartition(":"), self._maker(a)
        if step is None or step.word != word or (word in ("sum", "max", "all") and not _last(step)):
            return False
        steps.append(step)
        if name:
            named[name] = a
        args = step.args
        if word == "multiply" and args[0].__class__ is Value and args[0] is named.get(pattern[2]):
            args = args[::-1]
        return all(self.fits(x, p, named, steps) for x, p in zip(args, pattern[1:]))

    def _maker(self, a: Any) -> Step | None:
        return self.makers.get(a.id) if a.__class__ is Value else None

    def number(self, a: Any) -> Any:
        """The number that an argument is everywhere; None where it is not known to be one."""
        step = self._maker(a)
        if step is not None and step.word == "full":
            return self.number(step.args[1])
        return a if a.__class__ in (int, float, bool) else None

    def root(self, v: Value, turned: bool = False) -> tuple[int, tuple]:
        """The value that another is a permuted view of, and its axes."""
        step, axes = self.makers.get(v.id), tuple(range(v.ndim))
        if step is not None and step.word == "permute_dims":
            v, axes = step.args[0], tuple(step.args[1])
        return v.id, _swapped(axes) if turned else axes

    def turned(self, a: Value, b: Value) -> bool:
        """Whether one is the other with its last two axes exchanged."""
        return self.root(a) == self.root(b, True)

    def triangle(self, mask: Value) -> bool | None:
        """Whether a mask is known to hold just up to each row's own place; False: just beyond."""
        if mask.id not in self.lower:
            self.lower[mask.id] = None
            try:
                known = np.asarray(self._worked_out(mask))
                lower = np.tri(*known.shape[-2:], dtype=bool)
                same = [t for t in (True, False) if (known == (lower == t)).all()]
                self.lower[mask.id] = same[0] if same and known.ndim > 1 else None
            except _Other:
                pass
        return self.lower[mask.id]

    def _worked_out(self, v: Value) -> Any:
        step = self.makers.get(v.id)
        if step is None or step.effect or len(step.results) > 1 or v.size > _KNOWN:
            raise _Other
        return call(step.replaced(self._worked_out))


class _Inner:
    """Steps on the scores, made again for one kernel, each over their whole shape."""

    def __init__(self, of: "_Attention") -> None:
        self.of, self.facts = of, of.facts
        self.steps: list[Step] = []
        self.given: dict[int, Value] = {}
        self.known: dict[int, Any] = {}
        self.hot: set[int] = set()
        self.product = of.product
        self.raw = self.new("scores")

    def new(self, word: str, *args: Any) -> Value:
        """A step more, and its result."""
        made = Value(next(self.facts.ids), self.of.shape, self.of.dtype)
        self.steps.append(Step((made,), word, args))
        self.hot.add(made.id)
        return made

    def read(self, v: Value) -> Value:
        """A value from memory."""
        return self.given.setdefault(v.id, v)

    def again(self, v: Value) -> Any:
        """A value made again, or read where it is no step on the scores or a mask's elements."""
        if v.id not in self.known:
            self.known[v.id] = self._again(v)
        return self.known[v.id]

    def _again(self, v: Value) -> Any:
        of, step, number = self.of, self.facts.makers.get(v.id), self.facts.number(v)
        if number is not None:
            return number
        if step is not None and step.word == "matmul" and self.product in (None, step):
            self.product = step
            of.gone.append(step)
            return self.raw if of.scale is None else self.new("multiply", self.raw, of.scale)
        if step is None or v.shape[-2:] != of.shape[-2:] or not native(step):
            return self.read(v)
        fresh = step.replaced(self.again)
        made = Value(next(self.facts.ids), of.shape, v.dtype)
        self.steps.append(fresh.giving(made))
        if any(a.id in self.hot for a in fresh.values()):
            self.hot.add(made.id)
            of.gone.append(step)
        return made


class _Attention:
    """A softmax over scores, and all that is made for it alone."""

    def __init__(self, facts: _Facts, weights: Value) -> None:
        self.facts, self.weights, self.mixed = facts, weights, weights
        self.gone: list[Step] = []  # steps that nobody else needs
        self.product: Step | None = None
        self.scale: float | None = None
        named = {"weights": weights}
        _need(facts.fits(weights, _SOFTMAX, named, self.gone))
        for step in facts.read(weights, "where"):
            _need(facts.fits(step.result, _NOWHERE, named, self.gone))
            self.mixed = step.result
        self.scores, self.nowhere = named["scores"], named.get("nowhere")
        self.shape, self.dtype = self.scores.shape, self.scores.dtype
        _need(self.dtype.name in ("float32", "float64"), len(self.shape) > 1)
        _need(self.shape[-2] > _FEW, self.scores.size)
        mixing = [s for s in facts.read(self.mixed, "matmul") if s.args[0].id == self.mixed.id]
        _need(len(mixing) == 1)
        self.mixing = mixing[0]
        self.v, self.out = self.mixing.args[1], self.mixing.result
        self.mask: Value | None = None
        for pattern, lower in zip(_CAUSAL, (True, False)):
            found, steps = {}, []
            fits = facts.fits(self.scores, pattern, found, steps)
            if fits and facts.triangle(found["mask"]) is lower:
                self.scores, self.mask = found["bare"], found["mask"]
                self.gone += steps
        self.product = self._product()
        self.q, self.kt = self.product.args
        _need(self.out.size, self.q.shape[-1], self.out.shape[:-2] == self.shape[:-2])
        _need({v.dtype for v in (self.q, self.kt, self.v)} == {self.dtype})

    def _product(self) -> Step:
        """The product that the scores are made of."""
        inner = _Inner(self)
        inner.again(self.scores)
        if inner.product is None or inner.product.result.shape != self.shape:
            raise _Other
        return inner.product

    def replaced(self) -> dict[int, list[Step]]:
        """For each step that goes, those that stand for it."""
        facts, mine = self.facts, {id(s) for s in (*self.gone, self.mixing)}
        readers = facts.readers[self.weights.id] + facts.readers[self.mixed.id]
        back = _Back(self) if any(id(s) not in mine for s in readers) else None
        source = self.q
        scaling = facts.makers.get(source.id)
        if scaling is not None and scaling.word == "multiply":
            x, scale = scaling.args
            plain = x.__class__ is Value and x.dtype == self.dtype and x.shape == source.shape
            if plain and scale.__class__ is float and (back is None or back.unscaled(scale)):
                source, self.scale = x, scale
        inner = _Inner(self)
        ends = inner.raw, inner.again(self.scores)
        peak = Value(next(facts.ids), (*self.shape[:-1], 1), self.dtype)
        results = [(self.out, False), (peak, False)][: 1 + (back is not None)]
        given = (source, self.kt, self.v)
        ended = {id(self.mixing): self.written("attend", results, given, inner, ends)}
        if back is not None:
            ended |= back.replaced(given, peak)
        gone = {id(s): s for s in self.gone if id(s) not in ended}
        for step in gone.values():
            readers = facts.readers.get(step.result.id, ())
            _need(*(id(r) in gone or id(r) in ended for r in readers))
        return ended | {s: [] for s in gone}

    def written(
        self, word: str, results: list, given: tuple, inner: _Inner, ends: tuple
    ) -> list[Step]:
        """The new step, and its results as views of what it makes."""
        laid = [self._laid(*result) for result in results]
        params = {
            "shape": self.shape, "inner": inner.steps, "ends": tuple(v.id for v in ends),
            "safe": self.nowhere is not None, "causal": self.mask is not None,
            "orders": [order for _, order, _ in laid],
        }  # fmt: skip
        given = (*given, *inner.given.values())
        step = Step(tuple(v for v, _, _ in laid), word, given, params, self.mixing.where)
        return [step, *(view for _, _, views in laid for view in views)]

    def _laid(self, v: Value, turned: bool) -> tuple[Value, tuple, list[Step]]:
        """What a kernel makes for a value or its transpose: heads side by side in a row, where
        the value's readers turn them so."""
        order = usual = tuple(range(v.ndim))
        if v.ndim > 2 and self.facts.read(v, "permute_dims"):
            order = (*usual[:-3], v.ndim - 2, v.ndim - 3, v.ndim - 1)
        axes, shape = (_swapped(usual), _swapped(v.shape)) if turned else (usual, v.shape)
        if (order, axes) == (usual, usual) or None in self.facts.readers.get(v.id, ()):
            _need(not turned)
            return v, usual, []
        made = Value(next(self.facts.ids), tuple(shape[a] for a in order), v.dtype)
        return made, order, [Step((v,), "permute_dims", (made, tuple(order[a] for a in axes)))]


class _Back:
    """The gradients of an attention."""

    def __init__(self, of: _Attention) -> None:
        self.of, self.facts, facts = of, of.facts, of.facts
        named = {"weights": of.weights}
        slopes = _SLOPES if of.nowhere is None else ("where", "nowhere", 0, _SLOPES)
        if of.nowhere is not None:
            named["nowhere"] = of.nowhere
        ends = (
            r.result
            for s in facts.read(of.weights, "multiply")
            for r in facts.read(s.result, "subtract")
        )
        self.slope = next((v for v in ends if facts.fits(v, _BACK, named, of.gone)), of.weights)
        _need("slopes" in named and facts.fits(named["slopes"], slopes, named, of.gone))
        self.g = named["g"]
        _need(self.g.shape == of.out.shape, facts.turned(named["vt"], of.v))
        self.path, self.slopes = self._path()
        over = [s for s in facts.read(self.slopes, "matmul") if s.args[0].id == self.slopes.id]
        _need(len(over) < 2, *(facts.turned(s.args[1], of.kt) for s in over))
        self.products = [(over[0], False) if over else None]
        self.products += [self._across(self.slopes, of.q), self._across(of.mixed, self.g)]

    def _path(self) -> tuple[list[Step], Value]:
        """The steps from the softmax's slopes to those of the product, and these."""
        path, v = [], self.slope
        while (step := self.facts.alone(v)) is not None and native(step):
            path.append(step)
            v = step.result
        return path, v

    def _across(self, x: Value, other: Value) -> tuple[Step, bool] | None:
        """The product of x, its last axes exchanged, with another; True: its transpose."""
        facts = self.facts
        for view in facts.read(x, "permute_dims"):
            step = facts.alone(view.result)
            if step is None or step.word != "matmul" or step.args[0].id != view.result.id:
                raise _Other
            _need(facts.turned(view.result, x), facts.root(step.args[1]) == facts.root(other))
            self.of.gone.append(view)
            return step, False
        for step in facts.read(x, "matmul"):
            if step.args[1].id == x.id:
                _need(facts.turned(step.args[0], other))
                return step, True
        return None

    def unscaled(self, scale: float) -> bool:
        """Whether the gradient of scaled queries is only made to be scaled itself."""
        first = self.products[0]
        if first is None:
            return True
        step = self.facts.alone(first[0].result)
        if step is None or step.word != "multiply" or step.args[1] != scale:
            return False
        self.of.gone.append(first[0])
        self.products[0] = step, False
        return True

    def replaced(self, given: tuple, peak: Value) -> dict[int, list[Step]]:
        """For each of the last steps, those that stand for it."""
        of, facts, inner = self.of, self.facts, _Inner(self.of)
        both = Value(next(facts.ids), of.out.shape, of.dtype)
        share = Value(next(facts.ids), peak.shape, of.dtype)
        steps = [
            Step((both,), "multiply", (self.g, of.out)),
            Step((share,), "sum", (both,), {"axis": -1, "keepdims": True}),
        ]
        raw, scores = inner.new("scores"), inner.again(of.scores)
        weights = inner.new("exp", inner.new("subtract", scores, inner.read(peak)))
        slope = inner.new("multiply", weights, inner.new("subtract", raw, inner.read(share)))
        inner.known[self.slope.id] = slope
        for step in self.path:
            if of.mask is not None and step.word == "where" and step.args[0].id == of.mask.id:
                kept, hidden = step.args[1:] if facts.triangle(of.mask) else step.args[:0:-1]
                _need(facts.number(hidden) == 0)
                inner.known[step.result.id] = inner.again(kept)
                of.gone.append(step)
        slopes = inner.again(self.slopes)
        slopes = slopes if of.scale is None else inner.new("multiply", slopes, of.scale)
        shapes = of.q.shape, _swapped(of.kt.shape), of.v.shape
        results = [
            (Value(next(facts.ids), shape, of.dtype), False) if p is None else (p[0].result, p[1])
            for p, shape in zip(self.products, shapes)
        ]
        _need(*((_swapped(v.shape) if t else v.shape) == s for (v, t), s in zip(results, shapes)))
        given = (*given, self.g)
        steps += of.written("attend_back", results, given, inner, (inner.raw, raw, weights, slopes))
        ends = sorted((p[0] for p in self.products if p), key=lambda s: facts.at[id(s)])
        _need(ends)
        read = *given, *inner.given.values()
        early = [facts.makers[v.id] for v in read if v.id in facts.makers]
        _need(*(facts.at[id(s)] < facts.at[id(ends[0])] for s in (*early, of.mixing)))
        return {id(s): steps if s is ends[0] else [] for s in ends}
