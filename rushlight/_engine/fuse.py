"""Which steps become one kernel: pointwise words and reductions over one shape, one nest of loops.

Groups run in the order in which they were begun; a step may join a group when all that it reads is
made no later. Views are no work: they only say where a kernel finds its elements.
"""

from collections.abc import Iterator
from copy import copy
from math import prod
from typing import Any

import numpy as np

from .._arrays.meta import MetaArray, spec
from .._arrays.numpy import NUMPY
from .._core.spec import contiguous_strides
from .attention import WORDS as ATTENTION
from .axes import along, falling, reshaped, same, trailing, walkable
from .builder import kind_of
from .graph import VIEWS, Graph, Step, Value
from .group import Group
from .kernels import convolution, gather, pooling, scan
from .kernels.totals import PLACES, REDUCTIONS, reducible
from .kernels.words import native
from .loops import Loop, Moving, placed

# What the kernels of these make is stored as it is.
_ALONE = gather.WORDS | ATTENTION | {"bits", "order"}
_NEAR = 24  # groups that are looked at for one to join
_GROWN = ("steps", "made", "full", "reduced", "way", "down")  # of a group, by steps that join it
_SEEN = VIEWS - {"real", "imag", "windows"}


class Fused:
    """The groups of a graph, and where each value lies.

    Args:
        graph: in words that kernels have.
        exact: the strides of its inputs are those of the arrays; else those lie in order.
    """

    def __init__(self, graph: Graph, exact: bool = False) -> None:
        self.graph, self.exact = graph, exact
        self.groups: list[Group] = []
        self.makers: dict[int, Group] = {}
        self.base: dict[int, Value] = {}
        self.seen: dict[int, MetaArray] = {}
        self.views: dict[int, Step] = {}
        self.checked: set = set()  # conditions, and (numbers, size) of rows found by number
        self.constants: dict[int, np.ndarray] = {}
        self.pending: dict[int, Step] = {}  # steps on inputs alone: they go where they are read
        self.pieces: dict[int, Value] = {}  # a value that lies inside another, made of pieces
        self.born: dict[int, list[int]] = {}  # that other one -> the groups that make its pieces
        self.moving: dict[int, Moving] = {}  # values in loops that lie elsewhere in each turn
        self.loop: Loop | None = None  # what the next groups belong to
        self.shared = {v for v, readers in graph.uses().items() if len(readers) > 1}
        self.ids = graph.fresh()
        for v in graph.inputs:
            self._own(v, v.strides if exact else None)
        for step in graph.steps:
            if step.word != "check" or not self._check(step):
                self._place(step)
        for v in list(self.pending):
            self._settle(v)

    def new(self, shape: tuple, dtype: Any) -> Value:
        """A value that no step has made yet."""
        return Value(next(self.ids), shape, dtype)

    def step(self, word: str, shape: tuple, dtype: Any, *args: Any) -> Value:
        """What one more step makes."""
        made = self.new(shape, dtype)
        self._place(Step((made,), word, args))
        return made

    def _own(self, v: Value, strides: tuple | None = None) -> None:
        self.base[v.id] = v
        self.seen[v.id] = MetaArray(v.shape, v.dtype, strides)

    def _check(self, step: Step) -> bool:
        """A refusal of values as a number that kernels work out: 1 where all conditions hold."""
        (holds,) = step.args
        if holds.__class__ is not Value or holds.dtype.name != "bool" or holds.size == 0:
            return False
        if holds.id in self.checked:
            return True
        self.checked.add(holds.id)
        number = self.step("astype", holds.shape, "float32", holds, np.dtype("float32"))
        if holds.shape:
            number = self.step("min", (), "float32", number)
        self._settle(number.id)
        group = self.makers[number.id]
        if group.refusal is not None:  # one question to a group: what is asked here comes after
            group = self._begun(())
            copied = self.new((), "float32")
            self._own(copied)
            group.add(Step((copied,), "add", (number, 0.0)), True)
            number, self.makers[copied.id] = copied, group
        group.refusal, group.where = number, step.where
        return True

    def _place(self, step: Step) -> None:
        if step.word in ("alias", "arange") and self._constant(step):
            return
        if step.word in _SEEN and self._view(step):
            return
        if step.word == "assemble":
            self._assemble(step)
            return
        if step.word == "scan":
            placed(self, step)
            return
        if step.word in ("reshape", "contiguous", "copy") and self._copied(step):
            return
        for v in step.results:
            if v.id not in self.pieces:
                self._own(v)
        if self._waits(step):
            self.pending[step.result.id] = step
            return
        group = self._group(step)
        for v in step.results:
            self.makers[v.id] = group

    def _waits(self, step: Step) -> bool:
        """Whether a step can be put off until somebody reads it: it reads inputs alone."""
        if len(step.results) != 1 or step.result.id in self.pieces or step.word in REDUCTIONS:
            return False
        return native(step) and all(self._ready(v) < 0 for v in step.values())

    def _settle(self, v: int) -> None:
        """Give a step that was put off a group now."""
        step = self.pending.pop(v, None)
        if step is not None:
            self.makers[v] = self._group(step)

    def _put_off(self, step: Step, found: dict[int, Step] | None = None) -> dict[int, Step]:
        """The steps put off that a step reads, those that they read first."""
        found = {} if found is None else found
        for v in step.values():
            base = self.base[v.id].id
            if base in self.pending and base not in found:
                self._put_off(self.pending[base], found)
                found[base] = self.pending[base]
        return found

    def _view(self, step: Step) -> bool:
        """Note where a view's elements lie; whether it is one (a reshape may be a copy)."""
        given = step.args[0]
        if given.__class__ is not Value:
            return False
        made: Any = spec(step.word, (self.seen[given.id], *step.args[1:]), step.params)
        if len(made) < 3:
            return False
        self.base[step.result.id] = self.base[given.id]
        self.seen[step.result.id] = MetaArray(*made)
        self.views[step.result.id] = step
        return True

    def _constant(self, step: Step) -> bool:
        """An array that is known now: read like an input."""
        if any(isinstance(a, Value) for a in step.args) or step.result.dtype.names is not None:
            return False
        made = step.args[0] if step.word == "alias" else NUMPY.arange(*step.args, **step.params)
        if made.__class__ is not np.ndarray:
            return False
        self._own(step.result)
        self.constants[step.result.id] = np.ascontiguousarray(made).reshape(made.shape)
        return True

    def _assemble(self, step: Step) -> None:
        """Each part of an assembled value is stored in its box by whatever makes it."""
        whole = step.result
        self._own(whole)
        lie = self.seen[whole.id].strides
        for part, box in zip(step.args[0], step.params["boxes"]):
            shape = tuple(b - a for a, b in box)
            piece = self.new(shape, whole.dtype)
            self.pieces[piece.id] = self.base[piece.id] = whole
            offset = sum(a * s for (a, _), s in zip(box, lie))
            self.seen[piece.id] = MetaArray(shape, whole.dtype, lie, offset)
            made = ("astype", (part,)) if part.__class__ is Value else ("full", (shape, part))
            self._place(Step((piece,), made[0], (*made[1], whole.dtype), {}, step.where))
            self.born.setdefault(whole.id, []).append(self.makers[piece.id].at)
            known = (self.makers[v] for v in (piece.id, whole.id) if v in self.makers)
            self.makers[whole.id] = max(known, key=lambda g: g.at)

    def _copied(self, step: Step) -> bool:
        """A copy in order, and what is left of the step as a view of it."""
        x = step.args[0]
        if x.__class__ is not Value or kind_of(x.dtype) is None or x.size == 0:
            return False
        if step.word != "reshape" and self.seen[x.id].contiguous and x.dtype == step.result.dtype:
            self.base[step.result.id], self.seen[step.result.id] = self.base[x.id], self.seen[x.id]
            self.views[step.result.id] = step.by("reshape", x, x.shape)
            return True
        copied = self.new(x.shape, x.dtype) if step.word == "reshape" else step.result
        self._place(Step((copied,), "astype", (x, x.dtype), {}, step.where))
        if step.word == "reshape":
            self._place(Step(step.results, "reshape", (copied, *step.args[1:]), step.params))
        return True

    # -- choosing a group

    def _ready(self, v: Value) -> int:
        """The first group in which a value can be read."""
        base = self.base[v.id]
        maker = self.makers.get(base.id)
        return -1 if maker is None else maker.at + (base.id in self.born)

    def _group(self, step: Step) -> Group:
        found = self._product(step)
        if found is not None:
            step, shape = found
            self._settle_all(self._put_off(step))
            group = self._begun(shape)
            group.product = step
            group.add(step, step.word not in ATTENTION)
            for inner in step.params.get("inner", ()):
                self._own(inner.result)
                group.add(inner, True)
            return group
        if falling(step) and along(self.seen[step.args[0].id], falling(step)) is None:
            step = step.replaced(self._in_order)
        put_off = self._put_off(step)
        if not self._emitted(step):
            self._settle_all(put_off)
            return self._numpy(step)
        steps = [*put_off.values(), step]
        latest = max((self._ready(v) for s in steps for v in s.values()), default=-1)
        for group in self._candidates(latest):
            if not group.native or group.at < latest or group.loop is not self.loop:
                continue
            if self._all_join(group, steps):
                return group
        if falling(step) and not put_off and (found := self._turned(step)) is not None:
            return found
        reduces = step.word in REDUCTIONS
        shape = (step.args[0] if reduces else step.result).shape
        group = self._begun(shape)
        if put_off:
            if self._all_join(group, steps):
                return group
            self.groups.pop()
            self._settle_all(put_off)
            return self._group(step)
        if reduces:
            group.reduced = falling(step) or trailing(step) or 0
        self._added(group, step, not reduces)
        return group

    def _turned(self, step: Step) -> Group | None:
        """A sum down columns as one along the rows of a view: what follows on it can join it."""
        x, k = step.args[0], falling(step)
        order = (*range(x.ndim - k, x.ndim), *range(x.ndim - k))
        v = self.step("permute_dims", tuple(x.shape[i] for i in order), x.dtype, x, order)
        if along(self.seen[v.id], x.ndim - k) is None:
            return None
        axes = tuple(range(k, x.ndim))
        self._place(step.by("sum", v, axis=axes))
        return self.makers[step.result.id]

    def _added(self, group: Group, step: Step, full: bool) -> None:
        group.add(step, full)
        if falling(step):
            group.down.add(step.result.id)

    def _begun(self, shape: tuple, native: bool = True) -> Group:
        self.groups.append(group := Group(len(self.groups), native, shape, self.loop))
        return group

    def _product(self, step: Step) -> tuple[Step, tuple] | None:
        """A step that has a kernel of its own kind to begin a group, and the group's shape."""
        if step.word in gather.WORDS:
            ordered = self._gathers(step)
            return None if ordered is None else (ordered, ordered.result.shape)
        if step.word == "order":
            x, count, _ = step.args
            self.checked.add((step.results[1].id, x.shape[-1]))
            return step.replaced(self._in_order), (*x.shape[:-1], count)
        if scan.scanned(step):
            return step, step.args[0].shape
        if (step.word == "matmul" and _multiplied(step)) or (
            step.word == "bits" and step.result.size
        ):
            return step, step.result.shape
        if step.word in ATTENTION:
            return step, step.params["shape"]
        return self._planes(step) if step.results else None  # a check of nothing

    def _planes(self, step: Step) -> tuple[Step, tuple] | None:
        """A convolution or pooling, and its result's shape, places of a plane as one axis.

        Filters lie in order, and so do the rows of what a pooling's gradient is made of.
        """
        made, axes = step.results[0], 0
        if step.word in pooling.WORDS and min(v.size for v in (made, *step.values())):
            axes = len(step.params["window"])
            if step.word.startswith("un"):
                uneven = [v for v in step.values() if self.seen[v.id].strides[-1] != 1]
                step = step.replaced(lambda v: self._in_order(v) if v in uneven else v)
        elif step.word in convolution.WORDS and convolution.convolved(step):
            axes = made.ndim - (1 if step.word == "conv_weight" else 2)
            if step.word != "conv_weight":
                filters = step.args[1]
                step = step.replaced(lambda v: self._in_order(v) if v is filters else v)
        lead = made.shape[: made.ndim - axes]
        return (step, (*lead, prod(made.shape[made.ndim - axes :]))) if axes else None

    def _gathers(self, step: Step) -> Step | None:
        """The step, what is written to in order, where elements found by number have a kernel.

        The numbers are checked, in a group before.
        """
        if not gather.gathered(step):
            return None
        self._settle_all(self._put_off(step))
        given = gather.parts(step)
        x, index = given["x"], given["indices"]
        if "values" in given:
            step = step.replaced(lambda v: self._in_order(v) if v is x else v)
        n = x.shape[given["axis"] % x.ndim]
        return step if self._in_range(index, n, step.where) else None

    def _in_range(self, index: Value, n: int, where: str) -> bool:
        """Let numbers be checked: from -n to below n, in a group before; False where they fail."""
        base = self.base[index.id]
        if base.size == index.size and self.seen[index.id].contiguous:
            index = base  # whatever its shape: what was checked at first is not asked late again
        known = self.constants.get(index.id)
        if known is not None:
            return bool((known >= -n).all() and (known < n).all())
        if (index.id, n) in self.checked:
            return True
        self.checked.add((index.id, n))
        told = index.shape, "bool"
        low, high = self.step("greater_equal", *told, index, -n), self.step("less", *told, index, n)
        both = self.step("bitwise_and", *told, low, high)
        self._check(Step((), "check", (both,), {}, where))
        return True

    def _in_order(self, v: Value) -> Value:
        """The value, or a copy of it whose elements lie in order."""
        if self.seen[v.id].contiguous:
            return v
        copied = self.step("astype", v.shape, v.dtype, v, v.dtype)
        self._settle(copied.id)
        return copied

    def _settle_all(self, put_off: dict[int, Step]) -> None:
        for v in put_off:
            self._settle(v)

    def _all_join(self, group: Group, steps: list[Step]) -> bool:
        before = {name: copy(getattr(group, name)) for name in _GROWN}
        for step in steps:
            if not self._joins(group, step):
                for name, was in before.items():
                    setattr(group, name, was)
                return False
        for step in steps:
            v = step.result.id
            if self.pending.pop(v, None) is not None:
                self.makers[v] = group
        return True

    def _candidates(self, latest: int) -> Iterator[Group]:
        """Groups that a step may join: the one that made its argument, then those begun of late."""
        if 0 <= latest < len(self.groups):
            yield self.groups[latest]
        yield from reversed(self.groups[max(latest + 1, len(self.groups) - _NEAR, 0) :])

    def _numpy(self, step: Step) -> Group:
        """The last group, if it is NumPy's; effects must keep their order anyway."""
        last = self.groups[-1] if self.groups else None
        if last is None or last.native or last.loop is not self.loop:
            last = self._begun((), False)
        last.add(step, False)
        return last

    def _emitted(self, step: Step) -> bool:
        if step.effect or len(step.results) != 1 or step.result.size == 0:
            return False
        if step.word in REDUCTIONS:
            if not reducible(step):
                return False
            k = trailing(step)
            rows = k is not None and along(self.seen[step.args[0].id], k) is not None
            return rows or falling(step) > 0
        return native(step)

    def _joins(self, group: Group, step: Step) -> bool:
        """Add a step to a group where its arguments are at hand there."""
        if group.product is not None and group.product.word in _ALONE:
            return False
        if falling(step):
            return self._falls(group, step)
        if step.word in REDUCTIONS:
            x, k = step.args[0], trailing(step)
            if (
                group.product
                or k is None
                or not (self._is_full(group, x) or self.base[x.id].id not in group.made)
                or x.shape != group.shape
                or group.reduced not in (0, k)
                or not (group.reduced or self._reducible(group, k) or self._walks(group, step, k))
                or not self._same_way(group, x, k)
            ):
                return False
            group.reduced = k
            group.add(step, False)
            return True
        full = self._fills(group, step)
        if not full and not self._thins(group, step):
            return False
        group.add(step, full)
        return True

    def _falls(self, group: Group, step: Step) -> bool:
        """Add a sum down the columns to a group that makes, or reads, what is summed."""
        x, axes = step.args[0], falling(step)
        if group.product is not None:
            return False
        if self.base[x.id].id in group.made:
            if not self._is_full(group, x):
                return False
            columns, n = prod(x.shape[x.ndim - axes :]), len(group.shape)
            axes = next((k for k in range(n + 1) if prod(group.shape[n - k :]) == columns), -1)
            if axes < 0:
                return False
        elif x.shape != group.shape or not self._reads(group, x):
            return False
        if group.way is not None or (
            group.reduced != axes and (group.reduced or not self._reducible(group, axes))
        ):
            return False
        group.reduced = axes
        self._added(group, step, False)
        return True

    def _same_way(self, group: Group, x: Value, k: int) -> bool:
        """Whether a reduction's argument lies along the rows where what the group reads does."""
        if self.base[x.id].id in group.made:
            return True
        if group.way is not None:
            return self._rowed(group, self.seen[x.id])
        ways = {
            along(self.seen[v.id], k) == 1
            for s in group.steps for v in s.values()
            if v.shape == group.shape and self.base[v.id].id not in group.made
        }  # fmt: skip
        return not ways or (along(self.seen[x.id], k) == 1) in ways

    def _reads(self, group: Group, v: Value) -> bool:
        """Whether a group reads a value as it is met at each place."""
        base, met = self.base[v.id].id, self.met(v, v.shape, group.shape)
        return met is not None and any(
            self.base[a.id].id == base
            and a.shape == v.shape
            and same(self.seen[a.id].strides, met.strides, v.shape)
            for s in group.steps for a in s.values()
        )  # fmt: skip

    def _fills(self, group: Group, step: Step) -> bool:
        """Whether a step has an element for each place of the group, and its arguments at hand."""
        shape, own = step.result.shape, group.shape
        if shape != own:
            product = group.product
            if not shape or not own or step.result.size != prod(own):
                return False
            if shape[-1] != own[-1] and not (product and shape == product.result.shape):
                return False
        place = self.stored(step.result, group)
        if not self._rowed(group, place):
            return False
        return all(self._at_hand(group, v, shape) for v in step.values())

    def _thins(self, group: Group, step: Step) -> bool:
        """Whether a step has one element for each row of a group that reduces."""
        if not group.reduced or not self._is_lead(group, step.result):
            return False
        return all(self._is_thin(group, v) for v in step.values())

    def _touched(self, group: Group) -> list[Any]:
        """Where what a group reads lies, and what it makes inside of others."""
        given = [
            self.met(v, s.result.shape, group.shape)
            for s in group.steps for v in s.values() if self.base[v.id].id not in group.made
        ]  # fmt: skip
        return given + [self.stored(v, group) for i, v in group.made.items() if i in self.pieces]

    def _reducible(self, group: Group, k: int) -> bool:
        """Whether all that a group reads has rows of evenly spaced elements."""
        return all(x is not None and along(x, k) is not None for x in self._touched(group))

    def _walks(self, group: Group, step: Step, k: int) -> bool:
        """Let a group walk along one of the axes that a reduction goes over."""
        made, words = self.base[step.args[0].id].id in group.made, {s.word for s in group.steps}
        if not made or step.word in PLACES or "position" in words:
            return False
        last, given = len(group.shape) - 1, self._touched(group)
        ways = [
            i for i in range(last, last - k, -1)
            if group.shape[i] > 1 and all(walkable(x, i) for x in given)
        ]  # fmt: skip
        # What is made lies in order along the last axis, should others read it.
        if ways and (ways[0] == last or self.shared.isdisjoint(group.made)):
            group.way = ways[0]
        return group.way is not None

    def _rowed(self, group: Group, x: MetaArray | None) -> bool:
        """Whether an array's elements can be met row by row where a group has rows."""
        if x is None or not group.reduced:
            return x is not None
        if group.way is not None:
            return walkable(x, group.way)
        return along(x, group.reduced) is not None

    def _at_hand(self, group: Group, v: Value, shape: tuple) -> bool:
        if self.base[v.id].id in group.down:
            return False
        if self.base[v.id].id in group.made:
            if self._is_full(group, v) and (v.shape == shape or v.shape == group.shape):
                return True
            rows = group.reduced > 0 and group.way is None
            return rows and shape == group.shape and self._is_spread(group, v)
        return self._rowed(group, self.met(v, shape, group.shape))

    def _is_full(self, group: Group, v: Value) -> bool:
        """The value itself over the whole shape, or a view that shows the same in order."""
        seen, base = self.seen[v.id], self.base[v.id]
        return base.id in group.full and not seen.offset and v.size == base.size and seen.contiguous

    def _is_spread(self, group: Group, v: Value) -> bool:
        """A value of one element for each row, as it is broadcast along the rows."""
        base = self.base[v.id]
        if base.id in group.full or self.seen[v.id].offset:
            return False
        over = self.over(v, group.shape)
        lead = contiguous_strides(group.lead) + (0,) * group.reduced
        return same(over.strides, lead, group.shape)

    def _is_lead(self, group: Group, v: Value) -> bool:
        return v.shape in (group.lead, group.lead + (1,) * group.reduced)

    def _is_thin(self, group: Group, v: Value) -> bool:
        """A value that has, or is broadcast to, one element for each row."""
        base = self.base[v.id]
        if base.id in group.full or base.id in group.down:
            return False
        if base.id in group.made:
            seen = self.seen[v.id]
            return self._is_lead(group, v) and seen.contiguous and not seen.offset
        return v.ndim <= len(group.lead) or self._is_lead(group, v)

    def over(self, v: Value, shape: tuple) -> MetaArray:
        """A value's elements as they are met when it is broadcast to a shape."""
        return MetaArray(*spec("broadcast_to", (self.seen[v.id], shape), {}))

    def met(self, v: Value, shape: tuple, group: tuple) -> MetaArray | None:
        """The same under a group's shape, whose elements are those of `shape` in order."""
        over = self.over(v, shape)
        return over if shape == group else reshaped(over, group)

    def stored(self, v: Value, group: Group) -> MetaArray | None:
        """Where a result with an element for each place of a group lies, under its shape."""
        place = self.seen[v.id]
        return place if v.shape == group.shape else reshaped(place, group.shape)


def _multiplied(step: Step) -> bool:
    """Whether a matrix product has a kernel: (batches of) matrices of one floating dtype."""
    a, b = step.args
    if a.__class__ is not Value or b.__class__ is not Value or a.ndim < 2 or b.ndim < 2:
        return False
    dtypes = {a.dtype.name, b.dtype.name}
    return dtypes in ({"float32"}, {"float64"}) and step.result.size > 0 and a.shape[-1] > 0
