"""Smaller graphs, equal bit for bit: constants, exact algebra, common steps, dead steps."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .._arrays.numpy import NUMPY
from .graph import Graph, Step, Value, spelt
from .loops import slimmed

FOLDED = 4096  # elements up to which a constant result is worked out beforehand
_KEPT = frozenset({"full", "arange"})  # made where they are used: a kernel folds them in


def simplify(graph: Graph) -> Graph:
    """The graph after all passes."""
    for one in (fold, algebra, common, dead):
        graph = one(graph)
    slim = slimmed(graph, simplify)
    return graph if slim is graph else dead(slim)


def rewritten(graph: Graph, rule: Callable[[Step, "Rewrite"], Any]) -> Graph:
    """The graph with each step replaced by what `rule(step, rewrite)` gives.

    A rule gives a step (the same or another), or a Value or an array that stands for the result.
    """
    rewrite = Rewrite()
    for step in graph.steps:
        if any(v.id in rewrite.stands for v in step.values()):
            step = step.replaced(rewrite.now)
        made = rule(step, rewrite)
        if made.__class__ is Step:
            rewrite.add(made)
        else:
            rewrite.stands[step.result.id] = made
    outputs = [rewrite.output(v) for v in graph.outputs]
    return Graph(graph.inputs, rewrite.steps, outputs)


class Rewrite:
    """A graph being rewritten: the new steps, and what stands for values that went."""

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self.stands: dict[int, Any] = {}  # a Value's id -> another Value, or an array
        self.makers: dict[int, Step] = {}

    def now(self, v: Value) -> Any:
        return self.stands.get(v.id, v)

    def add(self, step: Step) -> None:
        self.steps.append(step)
        for v in step.results:
            self.makers[v.id] = step

    def output(self, v: Value) -> Value:
        """What stands for an output: a constant is made by a step again."""
        made = self.now(v)
        if made.__class__ is Value:
            return made
        self.add(Step((v,), "alias", (made,)))
        del self.stands[v.id]
        return v

    def maker(self, a: Any) -> Step | None:
        """The step that makes a value, None for inputs, constants and numbers."""
        return self.makers.get(a.id) if a.__class__ is Value else None


def dead(graph: Graph) -> Graph:
    """Without steps that nobody needs; effects stay."""
    needed = {v.id for v in graph.outputs}
    kept: list[Step] = []
    for step in reversed(graph.steps):
        if step.effect or any(v.id in needed for v in step.results):
            kept.append(step)
            needed.update(v.id for v in step.values())
    return Graph(graph.inputs, kept[::-1], graph.outputs)


def common(graph: Graph) -> Graph:
    """Equal steps once."""
    seen: dict[str, Step] = {}
    stands: dict[int, Value] = {}
    steps = []
    for step in graph.steps:
        if stands:
            step = step.replaced(lambda v: stands.get(v.id, v))
        if step.effect or not step.results:
            steps.append(step)
            continue
        given = step.args, *map(tuple, sorted(step.params.items()))
        key = f"{step.word} {spelt(given, lambda x: f'{type(x)} {id(x)}')}"
        first = seen.setdefault(key, step)
        if first is step:
            steps.append(step)
        else:
            stands.update(zip((v.id for v in step.results), first.results))
    return Graph(graph.inputs, steps, [stands.get(v.id, v) for v in graph.outputs])


def fold(graph: Graph) -> Graph:
    """Small results of constants, worked out now."""
    return rewritten(graph, _folded)


def _folded(step: Step, rewrite: Rewrite) -> Any:
    if step.effect or len(step.results) != 1 or step.word in _KEPT:
        return step
    makers = [rewrite.maker(v) for v in step.values()]
    if not all(map(_is_full, makers)) or step.result.size > FOLDED or not makers:
        return step
    with np.errstate(all="ignore"):
        made = call(step.replaced(lambda v: call(rewrite.makers[v.id])))
    return _constant(made, step)


def _is_full(maker: Step | None, kinds: tuple = (int, float, bool)) -> bool:
    return maker is not None and maker.word == "full" and maker.args[1].__class__ in kinds


def _constant(made: Any, step: Step) -> Any:
    """A folded array: as `full` where all its elements are one number."""
    made = np.ascontiguousarray(np.asarray(made))
    v, number = step.result, even(made)
    if number is not None:
        return step.by("full", v.shape, number, v.dtype)
    return step.by("alias", made.reshape(v.shape))


def even(array: Any) -> Any:
    """The number that all elements are; None where there is none, or a zero has a sign."""
    if not array.size or array.dtype.kind not in "fiub":
        return None
    first = array.flat[0]
    signed = first == 0 and array.dtype.kind == "f" and np.signbit(array).any()
    return None if signed or (array != first).any() else first.item()


def call(step: Step) -> Any:
    """A step, whose arguments are arrays, on NumPy."""
    return getattr(NUMPY, step.word)(*step.args, **step.params)


def algebra(graph: Graph) -> Graph:
    """Steps that change nothing, or undo each other: only where the result is exactly equal."""
    return rewritten(graph, _simpler)


def _simpler(step: Step, rewrite: Rewrite) -> Any:
    rule = _RULES.get(step.word)
    if rule is None:
        return step
    made = rule(step, rewrite)
    v = step.result
    other = made.__class__ is Value and (made.shape, made.dtype) != (v.shape, v.dtype)
    return step if made is None or other else made


def _number(a: Any, rewrite: Rewrite) -> Any:
    """The number that an argument is everywhere, None where it is not known to be one."""
    if a.__class__ in (int, float):
        return a
    maker = rewrite.maker(a)
    if maker is not None and maker.word == "broadcast_to":
        maker = rewrite.maker(maker.args[0])
    return maker.args[1] if maker is not None and _is_full(maker, (int, float)) else None


def _times(step: Step, rewrite: Rewrite) -> Any:
    a, b = step.args
    if _number(b, rewrite) == 1:
        return a
    return b if _number(a, rewrite) == 1 else None


def _over(step: Step, rewrite: Rewrite) -> Any:
    a, b = step.args
    return a if _number(b, rewrite) == 1 else None


def _plus(step: Step, rewrite: Rewrite) -> Any:
    """x + -0.0 is x; x + 0.0 is not where x is -0.0; integers have one zero."""
    for a, b in (step.args, step.args[::-1]):
        if _is_zero(_number(b, rewrite), step, -1):
            return a
    return None


def _minus(step: Step, rewrite: Rewrite) -> Any:
    a, b = step.args
    return a if _is_zero(_number(b, rewrite), step, 1) else None


def _is_zero(n: Any, step: Step, sign: int) -> bool:
    return n == 0 and (step.result.dtype.kind in "iu" or math.copysign(1, n) == sign)


def _opposite(step: Step, rewrite: Rewrite) -> Any:
    maker = rewrite.maker(step.args[0])
    return maker.args[0] if maker is not None and maker.word == "negative" else None


def _same_shape(step: Step, rewrite: Rewrite) -> Any:
    x = step.args[0]
    if x.__class__ is not Value:
        return None
    if x.shape == step.result.shape:
        return x
    maker = rewrite.maker(x)
    if step.word == "reshape" and maker is not None and maker.word == "reshape":
        first, shape = maker.args[0], step.result.shape
        if first.__class__ is Value:
            return first if first.shape == shape else step.by("reshape", first, shape)
    return None


def _permuted(step: Step, rewrite: Rewrite) -> Any:
    x, axes = step.args[0], step.params.get("axes") or step.args[1]
    if axes is None or x.__class__ is not Value:
        return None
    axes = tuple(a % x.ndim for a in axes)
    maker = rewrite.maker(x)
    if maker is not None and maker.word == "permute_dims" and len(maker.args) == 2:
        inner, first = maker.args[0], tuple(a % x.ndim for a in maker.args[1])
        if inner.__class__ is Value:
            x, axes = inner, tuple(first[a] for a in axes)
            step = step.by("permute_dims", x, axes)
    return x if axes == tuple(range(len(axes))) else step


def _cast(step: Step, rewrite: Rewrite) -> Any:
    x = step.args[0]
    return x if x.__class__ is Value and x.dtype == step.result.dtype else None


def _of_real(step: Step, rewrite: Rewrite) -> Any:
    """The conjugate, or the real part, of real numbers."""
    x = step.args[0]
    return x if x.__class__ is Value and x.dtype.kind not in "cV" else None


def _copied(step: Step, rewrite: Rewrite) -> Any:
    """A copy is the same value: whatever runs the graph gives results memory of their own."""
    x = step.args[0]
    if x.__class__ is not Value:
        return None
    return x if step.word != "contiguous" or x.contiguous else None


def _whole(step: Step, rewrite: Rewrite) -> Any:
    x = step.args[0]
    key: Any = step.args[1] if len(step.args) > 1 else step.params.get("key")
    parts = key if isinstance(key, tuple) else (key,)
    everything = all(k is Ellipsis or k == slice(None) for k in parts)
    return x if everything and x.__class__ is Value else None


def _zeros(step: Step, rewrite: Rewrite) -> Any:
    """Zeros like another array are zeros of its shape."""
    v = step.result
    return step.by("full", v.shape, 0, v.dtype) if v.dtype.names is None else None


_RULES: dict[str, Callable[[Step, Rewrite], Any]] = {
    "multiply": _times, "divide": _over, "add": _plus, "subtract": _minus, "negative": _opposite,
    "reshape": _same_shape, "broadcast_to": _same_shape, "permute_dims": _permuted,
    "astype": _cast, "copy": _copied, "contiguous": _copied, "alias": _copied, "index": _whole,
    "conj": _of_real, "real": _of_real, "zeros_like": _zeros,
}  # fmt: skip
