"""Words that kernels have in another form: gathers along a row as comparisons, sums over outer axes
as sums over inner ones of a view."""

from itertools import count
from typing import Any

from .graph import Graph, Step, Value

_SMALL = 1 << 16  # elements: beyond, walking down columns costs more than NumPy's blocks


def lowered(graph: Graph) -> Graph:
    """The same graph in words that kernels have."""
    top = max((v.id for s in graph.steps for v in s.results), default=0)
    top = max([top, *(v.id for v in graph.inputs)])
    lower = _Lower(top + 1)
    for step in graph.steps:
        lower.add(step)
    return Graph(graph.inputs, lower.steps, graph.outputs)


class _Lower:
    """The new steps, as they are made."""

    def __init__(self, first: int) -> None:
        self.ids, self.steps = count(first), []

    def new(
        self, word: str, args: tuple, shape: tuple, dtype: Any, strides: Any = None, **params: Any
    ) -> Value:
        """A step more, and its result."""
        made = Value(next(self.ids), shape, dtype, strides)
        self.steps.append(Step((made,), word, args, params))
        return made

    def add(self, step: Step) -> None:
        """A step, or what it becomes."""
        form = getattr(self, f"_{step.word}", None)
        if form is None or not form(step):
            self.steps.append(step)

    def _sum(self, step: Step) -> bool:
        x, axis = (
            step.args[0],
            step.params.get("axis", step.args[1] if len(step.args) > 1 else None),
        )
        if axis is None or x.size > _SMALL or step.params.get("keepdims"):
            return False
        axes = {a % x.ndim for a in ((axis,) if isinstance(axis, int) else axis)}
        if not axes or (x.ndim - 1) in axes:
            return False
        order = tuple(i for i in range(x.ndim) if i not in axes) + tuple(sorted(axes))
        turned = self.new(
            "permute_dims", (x, order), tuple(x.shape[i] for i in order), x.dtype,
            tuple(x.strides[i] for i in order),
        )  # fmt: skip
        inner = tuple(range(x.ndim - len(axes), x.ndim))
        rest = {k: v for k, v in step.params.items() if k != "axis"}
        self.steps.append(Step(step.results, "sum", (turned,), {"axis": inner, **rest}, step.where))
        return True

    def _hits(self, shape: tuple, index: Any) -> Value | None:
        """Where the place along the last axis is the row's index (negative ones from the end)."""
        if index.__class__ is not Value or index.dtype.name != "int64" or len(shape) < 1:
            return None
        if tuple(index.shape) != (*shape[:-1], 1) or shape[-1] > _SMALL:
            return None
        below = self.new("less", (index, 0), index.shape, "bool")
        wrapped = self.new("add", (index, shape[-1]), index.shape, "int64")
        index = self.new("where", (below, wrapped, index), index.shape, "int64")
        place = self.new("position", (), shape, "int64")
        return self.new("equal", (place, index), shape, "bool")

    def _take_along_axis(self, step: Step) -> bool:
        x, index, *rest = step.args
        axis = rest[0] if rest else step.params.get("axis")
        if x.__class__ is not Value or x.dtype.kind != "f" or axis not in (-1, x.ndim - 1):
            return False
        hits = self._hits(x.shape, index)
        if hits is None:
            return False
        chosen = self.new("where", (hits, x, 0), x.shape, x.dtype)
        self.steps.append(
            Step(step.results, "sum", (chosen,), {"axis": -1, "keepdims": True}, step.where)
        )
        return True

    def _scatter(self, step: Step) -> bool:
        given = dict(zip(("x", "indices", "values", "axis", "mode"), step.args)) | step.params
        x, values = given["x"], given["values"]
        if given.get("mode", "set") != "set" or given["axis"] not in (-1, step.result.ndim - 1):
            return False
        if (
            x.__class__ is not Value
            or values.__class__ is not Value
            or values.shape != given["indices"].shape
        ):
            return False
        hits = self._hits(x.shape, given["indices"])
        if hits is None:
            return False
        self.steps.append(Step(step.results, "where", (hits, values, x), {}, step.where))
        return True
