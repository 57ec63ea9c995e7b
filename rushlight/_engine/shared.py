"""Operands that several small products share: their panels are packed once, not in each product."""

from collections.abc import Container
from math import prod
from typing import Any

from .._arrays.meta import MetaArray, spec
from .graph import Graph, Step, Value
from .kernels.matmul import panel_width
from .kernels.nest import kind
from .targets.host import host

_SHARERS = 3  # products from which packing apart from them pays
_ROWS = 64  # of a product: with more, packing is a small part of the work


def shared(graph: Graph, often: Container[int] = ()) -> Graph:
    """The same graph: a right operand of several products is copied into panels, side by side.

    Such a product's second argument has the shape (panels, inner, width) then, and its parameter
    `columns` says how many there are.

    Args:
        graph: the program, or a loop's body.
        often: the numbers of values that are operands again and again.
    """
    sharers: dict[int, list[Step]] = {}
    for step in graph.steps:
        if step.word == "matmul" and _small(step):
            sharers.setdefault(step.args[1].id, []).append(step)
    several = {v: s for v, s in sharers.items() if len(s) >= _SHARERS or v in often}
    widths = {v: width for v, s in several.items() if (width := _width(s))}
    if not widths:
        return graph
    ids, steps, panels = graph.fresh(), [], {}

    def new(word: str, x: Value, *args: Any) -> Value:
        given: Any = MetaArray(x.shape, x.dtype, x.strides)
        shape, dtype, *strides = spec(word, (given, *args), {})[:3]
        made = Value(next(ids), shape, dtype, strides[0] if strides else None)
        steps.append(Step((made,), word, (x, *args)))
        return made

    for step in graph.steps:
        if step.word == "matmul" and _small(step) and step.args[1].id in widths:
            b = step.args[1]
            if b.id not in panels:
                inner, columns = b.shape
                split = new("reshape", b, (inner, columns // widths[b.id], widths[b.id]))
                panels[b.id] = new("contiguous", new("permute_dims", split, (1, 0, 2)))
            step = step.by("matmul", step.args[0], panels[b.id], columns=b.shape[1])
        steps.append(step)
    return Graph(graph.inputs, steps, graph.outputs)


def _small(step: Step) -> bool:
    """Whether a product of two matrices has few rows."""
    a, b = step.args
    if a.__class__ is not Value or b.__class__ is not Value or a.ndim != 2 or b.ndim != 2:
        return False
    floats = {a.dtype.name, b.dtype.name} in ({"float32"}, {"float64"})
    return floats and a.shape[0] <= _ROWS and prod(b.shape) > 0


def _width(steps: list[Step]) -> int:
    """The width of the panels that all these products read; 0 where they are not packed."""
    widths = set()
    for step in steps:
        rows, columns = step.result.shape
        widths.add(panel_width(host(), rows, columns, kind(step.result)))
    width = widths.pop()
    return width if not widths and width and steps[0].result.shape[1] % width == 0 else 0
