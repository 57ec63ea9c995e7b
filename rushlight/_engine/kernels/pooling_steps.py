"""Pooling found in a graph: its bodies are written tap by tap, and become one step each.

The new words are the engine's own: pool_max(x), pool_sum(x), unpool_max(g, x, out), unpool_sum(g),
all with window, stride, padding (before the first place), dilation. They take over the results of
the last steps that they stand for.
"""

from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Any

import numpy as np

from ..graph import EFFECTS, Graph, Step, Value
from .pooling import Pooling
from .rows import Nest, Operand

WORDS = frozenset({"pool_max", "pool_sum", "unpool_max", "unpool_sum"})
_JOINS = {"maximum": ("pool_max", -np.inf), "add": ("pool_sum", 0)}


@dataclass(frozen=True)
class Windows:
    """Where the windows of a pooling lie."""

    window: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[int, ...]
    dilation: tuple[int, ...]

    def begin(self, spans: list[list], out: tuple) -> bool:
        """Whether slices (first, step) are what the places of a window see, one after another."""
        rows = [[t * d for t in range(k)] for k, d in zip(self.window, self.dilation)]
        places = list(product(*rows))
        return len(spans) == len(places) and all(
            tuple(a for a, _ in seen) == place
            and all(b == t or n == 1 for (_, b), t, n in zip(seen, self.stride, out))
            for seen, place in zip(spans, places)
        )

    def params(self) -> dict[str, Any]:
        """As a step carries them."""
        return {
            "window": self.window, "stride": self.stride, "padding": self.padding,
            "dilation": self.dilation,
        }  # fmt: skip


def gathered(graph: Graph) -> Graph:
    """The same graph with one step for each pooling, without the steps that nobody needs then."""
    found = _Found(graph)
    steps = [found.replaced(step) for step in graph.steps]
    if not found.any:
        return graph
    return _needed(Graph(graph.inputs, steps, graph.outputs))


def _needed(graph: Graph) -> Graph:
    """Without steps whose results nobody reads, in an order in which they can run."""
    used = {v.id for v in graph.outputs}
    kept: list[Step] = []
    for step in reversed(graph.steps):
        if step.word in EFFECTS or any(v.id in used for v in step.results):
            kept.append(step)
            used.update(v.id for v in step.values())
    return Graph(graph.inputs, kept[::-1], graph.outputs)


class _Found:
    """The poolings of one graph."""

    def __init__(self, graph: Graph) -> None:
        self.makers, self.uses = graph.makers(), graph.uses()
        self.any = False

    def replaced(self, step: Step) -> Step:
        """The pooling that ends with a step, or the step."""
        made = None
        if step.word in _JOINS:
            made = self._pool(step)
        elif step.word == "unwindows":
            made = self._unpool(step, step, None)
        elif step.word == "index":
            made = self._cropped(step)
        self.any |= made is not None
        return made or step

    def _maker(self, v: Any, word: str) -> Step | None:
        step = self.makers.get(v.id) if v.__class__ is Value else None
        return step if step is not None and step.word == word else None

    # -- forwards

    def _pool(self, step: Step) -> Step | None:
        """A chain of maximum or add over all taps of one array."""
        if step.result.dtype.name not in ("float32", "float64"):
            return None
        taps, link = [], step
        while True:
            if len(link.args) != 2 or link.params:
                return None
            before, tap = link.args
            taps.insert(0, tap)
            deeper = self._maker(before, step.word)
            if deeper is None:
                taps.insert(0, before)
                break
            link = deeper
        word, value = _JOINS[step.word]
        seen = self._windows(taps, value)
        if seen is None or seen[0].dtype != step.result.dtype:
            return None
        source, windows = seen
        return Step(step.results, word, (source,), windows.params(), step.where)

    def _slices(self, taps: list, axes: int | None = None) -> tuple[Value, list[list]] | None:
        """The one array that taps are slices of, and for each its (first, step) along the axes."""
        steps = [self._maker(t, "index") for t in taps]
        found: list[list] = []
        for step in steps:
            if step is None or not _same(step.args[0], steps[0].args[0] if steps[0] else None):
                return None
            spans = _spans(step.args[1], step.args[0].shape, axes)
            if spans is None or (found and len(spans) != len(found[0])):
                return None
            found.append(spans)
        return (steps[0].args[0], found) if steps and steps[0] is not None else None

    def _windows(self, taps: list, value: Any) -> tuple[Value, Windows] | None:
        """The array that taps are slices of, in the order of the places of a window."""
        seen = self._slices(taps)
        if seen is None or len(taps) < 2 or not 1 <= len(seen[1][0]) <= 2:
            return None
        source, spans = seen
        axes = len(spans[0])
        out = taps[0].shape[taps[0].ndim - axes :]
        starts = [sorted({s[i][0] for s in spans}) for i in range(axes)]
        dilation = tuple(s[1] - s[0] if len(s) > 1 else 1 for s in starts)
        stride = tuple(spans[0][i][1] if out[i] > 1 else 1 for i in range(axes))
        source, padding = self._unpadded(source, axes, value)
        windows = Windows(tuple(map(len, starts)), stride, padding, dilation)
        return (source, windows) if windows.begin(spans, out) else None

    def _unpadded(self, source: Value, axes: int, value: Any) -> tuple[Value, tuple]:
        """What was padded with `value`, and how much before each of the last axes."""
        plain, pad = (source, (0,) * axes), self._maker(source, "pad")
        if pad is None:
            return plain
        given = dict(zip(("x", "widths", "value"), pad.args)) | pad.params
        first = len(given["widths"]) - axes
        lead, inner = given["widths"][:first], given["widths"][first:]
        fits = given["value"] == value and not any(a or b for a, b in lead)
        if given["x"].__class__ is not Value or not fits or any(min(w) < 0 for w in inner):
            return plain
        return given["x"], tuple(a for a, _ in inner)

    # -- backwards

    def _cropped(self, step: Step) -> Step | None:
        """The padding taken off the gradient for a padded array."""
        inner = self._maker(step.args[0], "unwindows")
        if inner is None or len(self.uses[inner.result.id]) != 1:
            return None
        axes = len(inner.args[2])
        spans = _spans(step.args[1], inner.result.shape, axes)
        if spans is None or any(s != 1 for _, s in spans):
            return None
        return self._unpool(step, inner, tuple(a for a, _ in spans))

    def _unpool(self, step: Step, inner: Step, crop: tuple | None) -> Step | None:
        """The gradient of a pooling: windows added up that are one array's or a maximum's."""
        if inner.params or len(inner.args) != 4 or step.result.dtype.name not in (
            "float32", "float64",
        ):  # fmt: skip
            return None
        g, _, stride, dilation = inner.args
        axes = len(stride)
        if axes > 2 or g.__class__ is not Value or inner.result.dtype != g.dtype:
            return None
        window = tuple(g.shape[len(g.shape) - axes :])
        windows = Windows(window, tuple(stride), crop or (0,) * axes, tuple(dilation))
        return self._spread(step, g, windows) or self._chosen(step, g, windows)

    def _spread(self, step: Step, g: Value, windows: Windows) -> Step | None:
        """One array in all places of each window."""
        wide, axes = self._maker(g, "broadcast_to"), len(windows.window)
        flat = self._maker(wide.args[0], "reshape") if wide is not None else None
        if flat is None or flat.args[0].__class__ is not Value:
            return None
        base = flat.args[0]
        if tuple(base.shape) != tuple(g.shape[: len(g.shape) - axes]):
            return None
        if tuple(flat.result.shape) != (*base.shape, *(1,) * axes):
            return None
        return Step(step.results, "unpool_sum", (base,), windows.params(), step.where)

    def _chosen(self, step: Step, g: Value, windows: Windows) -> Step | None:
        """One array where each tap is the first that equals the greatest."""
        turned = self._maker(g, "permute_dims")
        parts = self._stacked(turned, windows) if turned is not None else None
        if parts is None or len(parts) < 2:
            return None
        seen = self._first_hits(parts)
        if seen is None:
            return None
        slope, out, taps = seen
        source = self._pooled(taps, out, windows)
        if source is None or source.shape != step.result.shape:
            return None
        return Step(step.results, "unpool_max", (slope, source, out), windows.params(), step.where)

    def _stacked(self, turned: Step, windows: Windows) -> list | None:
        """The arrays that were stacked along new first axes, then these turned to be the last."""
        axes = len(windows.window)
        order, n = tuple(turned.args[1]), turned.result.ndim
        if order != (*range(axes, n), *range(axes)):
            return None
        shaped = self._maker(turned.args[0], "reshape")
        joined = self._maker(shaped.args[0] if shaped is not None else turned.args[0], "concat")
        if joined is None:
            return None
        given = dict(zip(("xs", "axis"), joined.args)) | joined.params
        if given.get("axis", 0) != 0 or len(given["xs"]) != prod(windows.window):
            return None
        shape, parts = turned.result.shape[: n - axes], []
        for x in given["xs"]:
            part = self._maker(x, "reshape")
            if part is None or tuple(part.args[0].shape) != tuple(shape):
                return None
            parts.append(part.args[0])
        return parts

    def _first_hits(self, parts: list) -> tuple[Any, Any, list] | None:
        """(g, out, taps) where each part is g at the first tap that equals out."""
        opened: Value | None = None
        slope = out = None
        taps = []
        for at, part in enumerate(parts):
            where = self._maker(part, "where")
            if where is None or len(where.args) != 3 or not _zero(where.args[2]):
                return None
            hit, g, _ = where.args
            if slope is None:
                slope = g
            if not _same(g, slope):
                return None
            if at == len(parts) - 1:
                return (slope, out, taps) if _same(hit, opened) else None
            equal = self._maker(hit, "equal") if opened is None else self._both(hit, opened)
            if equal is None or len(equal.args) != 2:
                return None
            tap, best = equal.args
            if out is None:
                out = best
            if not _same(best, out):
                return None
            taps.append(tap)
            opened = self._still_open(parts, at, hit, opened)
            if opened is None:
                return None
        return None

    def _both(self, hit: Any, opened: Value) -> Step | None:
        """The comparison in `equal & opened`."""
        both = self._maker(hit, "bitwise_and")
        if both is None or not _same(both.args[1], opened):
            return None
        return self._maker(both.args[0], "equal")

    def _still_open(self, parts: list, at: int, hit: Value, opened: Value | None) -> Value | None:
        """The value that holds where no tap so far was hit, as the next part reads it."""
        wanted = self._maker(parts[at + 1], "where")
        if wanted is None:
            return None
        mask = wanted.args[0]
        if at + 2 < len(parts):
            both = self._maker(mask, "bitwise_and")
            mask = both.args[1] if both is not None else None
        inverse = self._maker(mask, "bitwise_invert")
        if opened is None:
            return mask if inverse is not None and _same(inverse.args[0], hit) else None
        both = self._maker(mask, "bitwise_and")
        if both is None or not _same(both.args[0], opened):
            return None
        inverse = self._maker(both.args[1], "bitwise_invert")
        return mask if inverse is not None and _same(inverse.args[0], hit) else None

    def _pooled(self, taps: list, out: Value, windows: Windows) -> Value | None:
        """The array that windows see, given all taps but the last, which nobody compares."""
        axes = len(windows.window)
        seen = self._slices(taps, axes)
        if seen is None or any(tuple(t.shape) != tuple(out.shape) for t in taps):
            return None
        source, spans = seen
        last = [
            ((k - 1) * d, step)
            for k, d, (_, step) in zip(windows.window, windows.dilation, spans[0])
        ]
        if not windows.begin([*spans, last], out.shape[out.ndim - axes :]):
            return None
        source, padding = self._unpadded(source, axes, -np.inf)
        return source if padding == windows.padding else None


def _same(a: Any, b: Any) -> bool:
    """Whether two arguments are one value."""
    return a.__class__ is Value and b.__class__ is Value and a.id == b.id


def _zero(x: Any) -> bool:
    """Whether an argument is the number 0."""
    return isinstance(x, (int, float)) and x == 0


def _spans(key: Any, shape: tuple, axes: int | None = None) -> list[tuple[int, int]] | None:
    """(first, step) along the last axes of a key that takes slices of these only."""
    key = key if isinstance(key, tuple) else (key,)
    if not key or key[0] is not Ellipsis or not all(isinstance(k, slice) for k in key[1:]):
        return None
    n = len(key) - 1
    if n == 0 or n > len(shape) or (axes is not None and n != axes):
        return None
    found = []
    for k, size in zip(key[1:], shape[len(shape) - n :]):
        start, _, step = k.indices(size)
        if step < 1:
            return None
        found.append((start, step))
    return found


def described(step: Step, operands: list[Operand], nest: Nest) -> Pooling | None:
    """A step of WORDS, its operands as they lie in memory and what follows, for the kernel.

    Args:
        step: one that `gathered` made.
        operands: its arguments; each one's `lead` holds the strides of all axes but the last.
        nest: what follows; its leading axes are the result's before the pooled ones, its length a
            plane.

    Returns:
        None where a gradient's rows do not lie in order.
    """
    p, axes = step.params, len(step.params["window"])
    large, small = step.args[0].shape, step.result.shape
    if step.word.startswith("un"):
        large, small = small, large
        if any(o.along != 1 for o, v in zip(operands, step.args) if v.shape == small):
            return None
    if axes == 1:
        operands = [Operand(o.buffer, o.offset, (*o.lead, 0), o.along, o.kind) for o in operands]

    def two(given: tuple, other: int) -> tuple[int, int]:
        return tuple(given) if axes == 2 else (other, given[0])

    first, second, third, *_ = *operands, None, None
    return Pooling(
        step.word, first, second, third, two(large[len(large) - axes :], 1),
        two(small[len(small) - axes :], 1), two(p["window"], 1), two(p["stride"], 1),
        two(p["padding"], 0), two(p["dilation"], 1), step.result.id, nest,
    )  # fmt: skip
