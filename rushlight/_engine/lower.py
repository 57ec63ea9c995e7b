"""Words that kernels have in another form: gathers along a row as comparisons, reductions over
outer axes as reductions over inner ones of a view."""

from typing import Any

import numpy as np

from .._arrays.meta import MetaArray, spec
from .axes import chosen
from .builder import F32, F64, kind_of
from .graph import Graph, Step, Value
from .kernels.gather import parts
from .kernels.totals import REDUCTIONS
from .kernels.words import DEAR, native
from .simplify import dead

_WIDE = 1 << 16  # elements of a row: beyond, comparing each with an index costs more than a gather
_DEEP = 12  # steps that a reduction takes along into its own order
_FALLING = 1 << 14  # columns whose sums a thread keeps beside the rows
_ONE_AXIS = {"argmax", "argmin"}
_WIDER = np.dtype("float32")


def lowered(graph: Graph) -> Graph:
    """The same graph in words that kernels have."""
    lower = _Lower(graph)
    for step in _early(graph):
        lower.add(step)
    return dead(Graph(graph.inputs, lower.steps, graph.outputs))


def _early(graph: Graph) -> list[Step]:
    """The steps, what is asked of the inputs first: nothing that reads it has to wait for that.

    The loss and its gradient are one sweep then: the targets are checked before, not between.
    """
    known, alone, asked = {v.id for v in graph.inputs}, [], set()
    for step in graph.steps:
        if step.word == "call":
            break
        if step.word != "bits" and all(v.id in known for v in step.values()):
            known.update(v.id for v in step.results)
            alone.append(step)
        elif step.word == "check":
            break
    front = []
    for step in reversed(alone):
        if step.word == "check" or any(v.id in asked for v in step.results):
            asked.update(v.id for v in step.values())
            front.append(step)
    moved = set(map(id, front))
    return front[::-1] + [step for step in graph.steps if id(step) not in moved]


class _Lower:
    """The new steps, as they are made."""

    def __init__(self, graph: Graph) -> None:
        self.ids, self.steps = graph.fresh(), []
        self.makers = graph.makers()
        self.outputs = {v.id for v in graph.outputs}
        self.readers: dict[int, list[Step]] = {}
        self.done: set[int] = set()  # steps whose results others make
        for step in graph.steps:
            for v in step.values():
                self.readers.setdefault(v.id, []).append(step)

    def new(self, word: str, args: tuple, shape: tuple, dtype: Any, strides: Any = None) -> Value:
        """A step more, and its result."""
        made = Value(next(self.ids), shape, dtype, strides)
        self.steps.append(Step((made,), word, args))
        return made

    def view(self, word: str, x: Value, *args: Any) -> Value:
        """A view of a value."""
        made: Any = spec(word, (MetaArray(x.shape, x.dtype, x.strides), *args), {})
        return self.new(word, (x, *args), *made[:3])

    def add(self, step: Step) -> None:
        """A step, or what it becomes."""
        if id(step) in self.done:
            return
        form = self._reduced if step.word in REDUCTIONS else getattr(self, f"_{step.word}", None)
        if form is None or not form(step):
            self.steps.append(step)

    # -- reductions over outer axes

    def _reduced(self, step: Step) -> bool:
        """One run of neighbouring axes after another, the last first, each moved to the end."""
        given = dict(zip(("x", "axis", "keepdims", "dtype"), step.args)) | step.params
        x, axis = given["x"], given.get("axis")
        if x.__class__ is Value and (kind_of(x.dtype) or F32).storage:  # numbers in float32 alone
            wide = self.new("astype", (x, _WIDER), x.shape, _WIDER)
            made = Value(next(self.ids), step.result.shape, _WIDER)
            self.add(step.by(step.word, wide, axis, given.get("keepdims", False)).giving(made))
            self.steps.append(step.by("astype", made, step.result.dtype))
            return True
        if x.__class__ is not Value or axis is None or x.size == 0:
            return False
        axes = sorted(chosen(axis, x.ndim))
        trailing = not axes or axes == list(range(axes[0], x.ndim))
        if trailing or (step.word in _ONE_AXIS and len(axes) != 1):
            return False
        outer, keeps = len(axes), given.get("keepdims")
        if step.word == "sum" and axes == list(range(outer)) and self._falls(step, x, outer):
            made = Value(next(self.ids), x.shape[outer:], x.dtype) if keeps else step.result
            self.steps.append(Step((made,), "sum", (x,), {"axis": tuple(axes)}, step.where))
            x = made
        else:
            runs = [[axes.pop()]]
            while axes:
                if axes[-1] == runs[-1][0] - 1:
                    runs[-1].insert(0, axes.pop())
                else:
                    runs.append([axes.pop()])
            for run in runs:
                x = self._run(step, x, run, run is runs[-1] and not keeps)
        if keeps:
            self.steps.append(step.by("reshape", x, step.result.shape))
        return True

    def _falls(self, step: Step, x: Value, outer: int) -> bool:
        """Whether a sum over the first axes is left beside other work on the rows of x.

        Not where that work waits for the sum: then it is better done column by column.
        """
        kind, columns = kind_of(x.dtype), MetaArray(x.shape[outer:], x.dtype).size
        if kind not in (F32, F64) or x.dtype != step.result.dtype or not 1 < columns <= _FALLING:
            return False
        todo, seen = [step.result], set()
        while todo:
            v = todo.pop()
            if v.size >= x.size or len(seen) > _DEEP:
                return False
            for reader in self.readers.get(v.id, ()) if v.size > 1 else ():
                if id(reader) not in seen:
                    seen.add(id(reader))
                    todo += reader.results
        return True

    def _run(self, step: Step, x: Value, run: list[int], last: bool) -> Value:
        """x reduced over neighbouring axes; the last time as the step's own result."""
        kept = [i for i in range(x.ndim) if i not in run]
        if run[-1] != x.ndim - 1:
            x = self._turned(x, (*kept, *run), {}, [0])
        shape = x.shape[: len(kept)]
        inner = tuple(range(len(kept), x.ndim))
        axis: Any = inner[0] if step.word in _ONE_AXIS else inner
        named = step.params.get("dtype", step.args[3] if len(step.args) > 3 else None)
        params = {"axis": axis} | ({"dtype": named} if named is not None else {})
        made = step.result if last else Value(next(self.ids), shape, step.result.dtype)
        self.steps.append(Step((made,), step.word, (x,), params, step.where))
        return made

    def _turned(self, x: Value, order: tuple, known: dict, met: list[int]) -> Value:
        """x with its axes in another order: made so where that saves storing it, else a view."""
        if x.id in known:
            return known[x.id]
        step = self.makers.get(x.id)
        met[0] += 1
        if step is None or met[0] > _DEEP or not self._taken_along(step):
            known[x.id] = self.view("permute_dims", x, order)
            return known[x.id]

        def moved(v: Value) -> Value:
            if v.shape != x.shape:
                v = self.view("broadcast_to", v, x.shape)
                return self.view("permute_dims", v, order)
            return self._turned(v, order, known, met)

        fresh = step.replaced(moved)
        shape = tuple(x.shape[i] for i in order)
        made = Value(next(self.ids), shape, x.dtype)
        self.steps.append(fresh.giving(made))
        known[x.id] = made
        return made

    def _taken_along(self, step: Step) -> bool:
        """Whether a value is made again for a reduction, because nobody needs it in memory."""
        v = step.results[0]
        if not native(step) or step.effect or step.word in ("position", "full"):
            return False
        if v.id in self.outputs or not any(True for _ in step.values()):
            return False
        others = self.readers.get(v.id, [])
        if not all(native(s) or s.word in REDUCTIONS for s in others):
            return False
        if len(others) == 1:
            return True
        large = {a.id for a in step.values() if a.size == v.size}
        return step.word not in DEAR and len(large) <= 1  # made from one array, as that one is read

    # -- order

    def _flip(self, step: Step) -> bool:
        x, axis = (*step.args, *step.params.values())
        if x.__class__ is not Value or not x.size or not x.ndim:
            return False
        axes = chosen(axis, x.ndim)
        key = tuple(slice(None, None, -1 if i in axes else None) for i in range(x.ndim))
        if step.result.id in self.outputs:  # what leaves the program is in order anyway
            self.steps.append(step.by("copy", self.view("index", x, key)))
        else:
            self.steps.append(step.by("index", x, key))
        return True

    def _argsort(self, step: Step) -> bool:
        return self._order(step, None, *_sorting(step))

    def _sort(self, step: Step) -> bool:
        return self._order(None, step, *_sorting(step))

    def _leading(self, step: Step) -> bool:
        x, count, axis, largest = (*step.args, *step.params.values())
        return count > 0 and self._order(step, None, x, axis, count, largest)

    def _order(
        self, places: Step | None, values: Step | None, x: Any, axis: int, count: Any, down: Any
    ) -> bool:
        """One step, `order`: (values, places) of the first `count` along the last axis."""
        if x.__class__ is not Value or kind_of(x.dtype) is None or not x.size or not x.ndim:
            return False
        axis %= x.ndim
        along = ((axis,), (axis - x.ndim,))
        for other in self.readers.get(places.result.id, ()) if places is not None else ():
            # Who takes the values by these numbers gets them at once.
            if other.word == "take_along_axis" and other.args[0] is x and other.args[2:] in along:
                values = other
                self.done.add(id(other))
                break
        order = [i for i in range(x.ndim) if i != axis] + [axis]
        back = tuple(map(order.index, range(x.ndim)))
        given = self.view("permute_dims", x, tuple(order)) if axis != order[axis] else x
        shape = (*given.shape[:-1], count or given.shape[-1])
        made, later = [], []
        for step, dtype in ((values, x.dtype), (places, "int64")):
            if step is not None and given is x:
                made.append(step.result)
                continue
            made.append(Value(next(self.ids), shape, dtype))
            if step is not None:
                later.append((step, made[-1]))
        self.steps.append(Step(tuple(made), "order", (given, shape[-1], bool(down))))
        for step, value in later:
            turned = self.view("permute_dims", value, back)
            self.steps.append(step.by("copy", turned))
        return True

    # -- gathers along a row

    def _hits(self, shape: tuple, index: Any) -> Value | None:
        """Where the place along the last axis is the row's index (negative ones from the end)."""
        if index.__class__ is not Value or index.dtype.name != "int64" or len(shape) < 1:
            return None
        if index.shape != (*shape[:-1], 1) or shape[-1] > _WIDE or 0 in shape:
            return None
        below = self.new("less", (index, 0), index.shape, "bool")
        wrapped = self.new("add", (index, shape[-1]), index.shape, "int64")
        index = self.new("where", (below, wrapped, index), index.shape, "int64")
        place = self.new("position", (), shape, "int64")
        return self.new("equal", (index, place), shape, "bool")

    def _take_along_axis(self, step: Step) -> bool:
        given = parts(step)
        x, index, axis = given["x"], given["indices"], given["axis"]
        if x.__class__ is not Value or x.dtype.kind != "f" or axis not in (-1, x.ndim - 1):
            return False
        hits = self._hits(x.shape, index)
        if hits is None:
            return False
        chosen = self.new("where", (hits, x, 0), x.shape, x.dtype)
        self.steps.append(step.by("sum", chosen, axis=-1, keepdims=True))
        return True

    def _scatter(self, step: Step) -> bool:
        given = parts(step)
        x, values = given["x"], given["values"]
        if given["mode"] != "set" or given["axis"] not in (-1, step.result.ndim - 1):
            return False
        if x.__class__ is not Value or values.__class__ is not Value:
            return False
        if values.shape != given["indices"].shape:
            return False
        hits = self._hits(x.shape, given["indices"])
        if hits is None:
            return False
        self.steps.append(step.by("where", hits, values, x))
        return True


def _sorting(step: Step) -> tuple:
    """A sort's array, axis, how many are wanted, whether the greatest come first."""
    given = {"axis": -1, "descending": False} | dict(zip(("x", "axis", "descending"), step.args))
    given |= step.params
    return given["x"], given["axis"], None, given["descending"]
