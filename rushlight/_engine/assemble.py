"""Arrays put together from parts: joined, padded, or written to piece by piece.

`concat`, `pad` and `write` become one step, `assemble`: values, and for each the box of the result
that it fills; no two boxes meet, together they are everything. A kernel that makes such a value can
then store it in its box at once, and nothing is copied.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from .._core.spec import indexed
from .builder import kind_of
from .graph import Graph, Step, Value
from .kernels.words import native

Box = tuple[tuple[int, int], ...]  # (first, one past the last) along each axis
_KEYS = {int, slice, type(None), type(...)}
_SPLIT = 8  # parts for each of which a word is written
_PARTS = 64  # beyond, so many pieces are better joined by NumPy


@dataclass(slots=True)
class Filling:
    """What is known of an assembled value: parts (a value, or the number of empty space), boxes."""

    parts: list[tuple[Any, Box]]
    empty: Any = None


def assembled(graph: Graph) -> Graph:
    """The same graph with `assemble` in the place of joins, pads and writes."""
    made = _Assemble(graph)
    for step in graph.steps:
        made.add(step)
    return Graph(graph.inputs, made.steps, graph.outputs)


class _Assemble:
    """The new steps, as they are made; assembled values are held back until somebody reads them."""

    def __init__(self, graph: Graph) -> None:
        self.ids = graph.fresh()
        self.uses = Counter(v.id for step in graph.steps for v in step.values())
        self.uses.update([v.id for v in graph.outputs] * 2)
        self.steps: list[Step] = []
        self.numbers: dict[int, Any] = {}  # values that are one number everywhere
        self.held: dict[int, tuple[Step, Filling]] = {}

    def add(self, step: Step) -> None:
        """A step, or its parts."""
        if step.word == "full" and step.args[1].__class__ in (int, float, bool):
            self.numbers[step.result.id] = step.args[1]
        filling = self._filling(step) or self._by_parts(step)
        if filling is None or len(filling.parts) > _PARTS:
            for v in step.values():
                self._release(v)
            self.steps.append(step)
            return
        self.held[step.result.id] = step, filling
        if self.uses[step.result.id] != 1:
            self._release(step.result)

    def _filling(self, step: Step) -> Filling | None:
        form = getattr(self, f"_{step.word}", None)
        if form is None or len(step.results) != 1 or step.result.size == 0:
            return None
        return form(step) if kind_of(step.result.dtype) is not None else None

    def _release(self, v: Value) -> None:
        """Write down a value that was held back."""
        if v.id not in self.held:
            return
        step, filling = self.held.pop(v.id)
        parts = list(filling.parts)
        if filling.empty is not None:
            rest = _rest(step.result.shape, [b for _, b in parts])
            parts += [(filling.empty, box) for box in rest]
        for part, _ in parts:
            if part.__class__ is Value:
                self._release(part)
        boxes = tuple(box for _, box in parts)
        self.steps.append(step.by("assemble", [p for p, _ in parts], boxes=boxes))

    # -- words

    def _concat(self, step: Step) -> Filling | None:
        given, axis = step.args[0], step.params.get("axis", (*step.args, 0)[1])
        if any(v.__class__ is not Value or v.dtype != step.result.dtype for v in given):
            return None
        axis, at, parts = axis % step.result.ndim, 0, []
        for v in given:
            box = [(0, n) for n in v.shape]
            box[axis] = (at, at + v.shape[axis])
            at += v.shape[axis]
            if v.size:
                parts.append((v, tuple(box)))
        return Filling(parts)

    def _pad(self, step: Step) -> Filling | None:
        x, widths, value, *_ = (*step.args, step.params.get("value", 0))
        if x.__class__ is not Value or value.__class__ not in (int, float, bool):
            return None
        if any(a < 0 or b < 0 for a, b in widths):
            return None
        box = tuple((a, a + n) for (a, _), n in zip(widths, x.shape))
        return Filling([(x, box)] if x.size else [], value)

    def _write(self, step: Step) -> Filling | None:
        x, value, key = (*step.args, step.params.get("key"))[:3]
        if not isinstance(x, Value):
            return None
        box, shape = _box(x, key)
        if box is None:
            return None
        if isinstance(value, Value):
            value = self._shaped(value, shape, tuple(b - a for a, b in box), step)
        elif value.__class__ not in (int, float, bool):
            return None
        if value is None:
            return None
        mine = (value, box)
        held = self.held.get(x.id)
        if held is not None and self.uses[x.id] == 1:
            known = held[1]
            if known.empty is not None and all(_apart(box, b) for _, b in known.parts):
                del self.held[x.id]
                return Filling([*known.parts, mine], known.empty)
        if x.id in self.numbers:
            return Filling([mine], self.numbers[x.id])
        self._release(x)
        rest = [(self._part(x, b, step), b) for b in _rest(x.shape, [box])]
        return Filling([mine, *rest])

    def _add(self, step: Step) -> Filling | None:
        """Zeros with something in one place, and zeros with something in another: both."""
        a, b = step.args
        if a is b or any(x.__class__ is not Value or x.id not in self.held for x in (a, b)):
            return None
        one, other = self.held[a.id][1], self.held[b.id][1]
        if not self.uses[a.id] == self.uses[b.id] == 1 or a.shape != b.shape:
            return None
        if one.empty != 0 or other.empty != 0:
            return None
        parts = one.parts + other.parts
        boxes = [b for _, b in parts]
        if not all(_apart(*pair) for pair in combinations(boxes, 2)):
            return None
        del self.held[a.id], self.held[b.id]
        return Filling(parts, one.empty)

    def _by_parts(self, step: Step) -> Filling | None:
        """A word for each element of what is joined: part by part, as other kernels make them."""
        joined = [v for v in step.values() if v.id in self.held and self.uses[v.id] == 1]
        if len(joined) != 1 or step.word in ("position", "full") or not native(step):
            return None
        (whole,) = joined
        filling, shape = self.held[whole.id][1], whole.shape
        parts = filling.parts
        if filling.empty is not None or len(parts) > _SPLIT or step.result.shape != shape:
            return None
        if any(p.__class__ is not Value for p, _ in parts):
            return None
        others = [v for v in step.values() if v is not whole]
        if any(v.shape not in (shape, ()) or v.id in self.held for v in others):
            return None
        del self.held[whole.id]
        made = []
        for part, box in parts:
            self._release(part)

            def swapped(v: Value, part: Value = part, box: Box = box) -> Value:
                if v is whole:
                    return part
                return self._part(v, box, step) if v.shape else v

            fresh = step.replaced(swapped)
            v = Value(next(self.ids), part.shape, step.result.dtype)
            self.steps.append(fresh.giving(v))
            made.append((v, box))
        return Filling(made)

    # -- parts

    def _new(self, word: str, x: Value, to: tuple, shape: tuple, where: str) -> Value:
        made = Value(next(self.ids), shape, x.dtype)
        self.steps.append(Step((made,), word, (x, to), {}, where))
        return made

    def _part(self, x: Value, box: Box, step: Step) -> Value:
        key = tuple(slice(a, b) for a, b in box)
        return self._new("index", x, key, tuple(b - a for a, b in box), step.where)

    def _shaped(self, v: Value, shape: tuple, full: tuple, step: Step) -> Value | None:
        """What is written, as large as its box."""
        if v.dtype != step.result.dtype:
            return None
        self._release(v)
        if v.shape != shape:
            v = self._new("broadcast_to", v, shape, shape, step.where)
        return v if shape == full else self._new("reshape", v, full, full, step.where)


def _box(x: Value, key: Any) -> tuple[Box | None, tuple]:
    """The box that a key takes (None for steps and other keys), and the shape of its view."""
    parts = key if isinstance(key, tuple) else (key,)
    if not all(k.__class__ in _KEYS for k in parts):
        return None, ()
    shape = indexed(x.shape, x.strides, key)[0]
    used = sum(k is not None and k is not Ellipsis for k in parts)
    box: list[tuple[int, int]] = []
    for k in parts:
        n = x.shape[len(box)] if len(box) < x.ndim else 0
        if k is Ellipsis:
            box += [(0, m) for m in x.shape[len(box) : len(box) + x.ndim - used]]
        elif k.__class__ is int:
            box.append((k % n, k % n + 1))
        elif k is not None:
            start, stop, step = k.indices(n)
            if step != 1 or stop <= start:
                return None, ()
            box.append((start, stop))
    box += [(0, m) for m in x.shape[len(box) :]]
    return tuple(box), tuple(shape)


def _apart(a: Box, b: Box) -> bool:
    return any(y[1] <= x[0] or x[1] <= y[0] for x, y in zip(a, b))


def _rest(shape: tuple, boxes: Iterable[Box]) -> list[Box]:
    """Boxes that fill what these leave of a shape."""
    free: list[Box] = [tuple((0, n) for n in shape)]
    for box in boxes:
        free = [piece for space in free for piece in _without(space, box)]
    return free


def _without(space: Box, box: Box) -> Iterator[Box]:
    if _apart(space, box):
        yield space
        return
    space_now = list(space)
    for axis, ((low, high), (a, b)) in enumerate(zip(space, box)):
        if low < a:
            yield (*space_now[:axis], (low, a), *space_now[axis + 1 :])
        if b < high:
            yield (*space_now[:axis], (b, high), *space_now[axis + 1 :])
        space_now[axis] = (max(low, a), min(high, b))
