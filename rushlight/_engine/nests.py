"""From a group of steps to what a kernel is told: operands with strides, steps, stores."""

from dataclasses import fields, replace
from functools import partial
from math import prod
from typing import Any

from .._core.spec import contiguous_strides
from .attention import WORDS as ATTENTION
from .axes import along
from .builder import U64
from .fuse import Fused
from .graph import Step, Value
from .group import Group
from .kernels import convolution, gather, pooling, scan
from .kernels.attention import Attention
from .kernels.columns import merged
from .kernels.matmul import Product
from .kernels.nest import Nest, Operand, kind, placed
from .kernels.order import Order
from .kernels.random import Draw
from .kernels.totals import REDUCTIONS
from .kernels.words import joined

_NAMED = {"value", "place", "given"}  # fields of a kernel that are numbers of values


class Nests:
    """The descriptions of the kernels of one program, and the numbers of its buffers.

    Args:
        fused: the groups, and where values lie.
        kept: values that are stored, because somebody outside their group reads them.
        home: value -> the input in whose memory it is stored.
    """

    def __init__(self, fused: Fused, kept: set[int], home: dict[int, Value]) -> None:
        self.fused, self.kept, self.home = fused, kept, home
        self.slots: dict[int, int] = {}
        self.streams: dict[int, Any] = {}  # what random words come from, under numbers below 0
        # Values in loops have buffers -1, -2, ...: each a buffer, and how to go on from there.
        self.moves: dict[int, tuple] = {}

    def slot(self, v: Value) -> int:
        """The number of the buffer in which a value lies."""
        if v.id in self.fused.moving:
            where = self.fused.moving[v.id]
            self.moves[v.id] = self.slot(where.base), where.start, where.stride, where.turn
            return -1 - list(self.moves).index(v.id)
        v = self.home.get(v.id, v)
        return self.slots.setdefault(v.id, len(self.slots))

    def of(self, group: Group) -> Any:
        """The group's steps over rows: views become strides, values get one number for each use."""
        fused = self.fused
        row, lead = group.row, group.shape[: len(group.shape) - group.row]
        less = (0,) * (len(lead) - len(group.lead))  # strides of what is thin, where rows share it
        nest = Nest(lead, prod(group.shape[len(lead) :]))
        if group.reduced:
            nest.thin = set(group.made) - group.full - group.down
        uses: dict[tuple, Value] = {}

        def used(v: Value, shape: tuple, thin: bool) -> Value:
            base = fused.base[v.id]
            if base.id in group.made:
                return base
            over = fused.over(v, shape) if thin else fused.met(v, shape, group.shape)
            assert over is not None
            at = over.strides[: len(lead)]
            if thin:
                at = over.strides[: len(group.lead)] + less
            stride = 0 if thin or not row else along(over, row)
            key = (v.id, at, stride, thin)
            if key not in uses:
                uses[key] = mine = Value(-1 - len(uses), v.shape, v.dtype)
                assert stride is not None
                nest.loads[mine.id] = Operand(self.slot(base), over.offset, at, stride, kind(v))
                if thin:
                    nest.thin.add(mine.id)
            return uses[key]

        scanned: int | None = None
        for step in group.steps:
            if step is group.product:
                if step.word in scan.WORDS:
                    scanned = used(step.args[0], group.shape, False).id
                continue
            if step.word in REDUCTIONS:
                v, given = step.result, used(step.args[0], group.shape, False)
                if v.id not in group.down:
                    nest.steps.append(Step(step.results, step.word, (given,)))
                elif v.id in self.kept:  # summed down the columns
                    nest.sums.append((given.id, Operand(self.slot(v), 0, (), 1, kind(v))))
                continue
            thin, shape = step.result.id in nest.thin, step.result.shape
            nest.steps.append(step.replaced(partial(used, shape=shape, thin=thin)))
        nest.steps = joined(nest.steps)
        self._stores(group, nest)
        if group.product is not None:
            word = group.product.word
            if word in gather.WORDS:
                return self._gather(group.product)
            if word == "order":
                return self._order(group.product)
            if word == "bits":
                return self._draw(group.product)
            return self._product(group, nest, scanned)
        if group.way is not None:
            nest.totals = prod(group.lead)
            order = [i for i in range(len(lead)) if i != group.way]
            nest = placed(nest, [*order, group.way, len(lead)])
        return nest if row else _collapse(nest)

    def _stores(self, group: Group, nest: Nest) -> None:
        for v in group.made.values():
            whole = self.fused.pieces.get(v.id)
            if (v.id not in self.kept and whole is None) or v.id in group.down:
                continue
            full, row = v.id in group.full, group.row
            if whole is None:
                offset, strides = 0, contiguous_strides(group.shape if full else group.lead)
                step = int(full and row > 0)
            else:
                place = self.fused.stored(v, group) if full else self.fused.seen[v.id]
                assert place is not None
                offset, strides = place.offset, place.strides
                step = (along(place, row) or 0) if full and row else 0
            lead = len(nest.lead)
            strides = strides[:lead] if full else strides[: len(group.lead)]
            strides += (0,) * (lead - len(strides))
            stored = Operand(self.slot(whole or v), offset, strides, step, kind(v))
            nest.stores.append((v.id, stored))

    def _product(self, group: Group, nest: Nest, scanned: int | None) -> Any:
        """A matrix product, with the group's other steps to follow on each tile."""
        assert group.product is not None
        nest = _lengthwise(nest)
        if scanned is not None:
            return scan.described(group.product, scanned, nest)
        if group.product.word in ATTENTION:
            return self._attention(group.product, nest)
        if group.product.word != "matmul":
            return self._planes(group.product, nest)
        a, b = group.product.args
        batch = group.shape[:-2]
        packed = "columns" in group.product.params
        left = self._operand(a, (*batch, *a.shape[-2:]))
        right = self._operand(b, b.shape if packed else (*batch, *b.shape[-2:]))
        if packed:
            right.lead = right.lead[-1:]
        return Product(left, right, a.shape[-1], group.product.result.id, nest, packed)

    def _attention(self, step: Step, nest: Nest) -> Attention:
        """Scores made and used block by block, by the group's steps on them."""
        told, batch, made = step.params, step.params["shape"][:-2], []
        given = step.args[: 3 + (step.word == "attend_back")]
        for v, order in zip(step.results, told["orders"]):
            lie = contiguous_strides(v.shape)
            strides = [lie[order.index(i)] for i in range(v.ndim)]
            made.append(Operand(self.slot(v), 0, tuple(strides[:-1]), strides[-1], kind(v)))
        nest.stores = []
        return Attention(
            tuple(self._operand(v, (*batch, *v.shape[-2:])) for v in given), tuple(made),
            given[0].shape[-1], given[2].shape[-1], told["causal"], told["safe"],
            told["ends"], nest,
        )  # fmt: skip

    def _draw(self, step: Step) -> Draw:
        """Random words; their stream's state is a buffer like others."""
        _, width, stream = (*step.args, *step.params.values())
        known = (n for n, s in self.streams.items() if s is stream)
        number = next(known, -1 - len(self.streams))
        self.streams[number] = stream
        state = Operand(self.slots.setdefault(number, len(self.slots)), 0, (), 1, U64)
        return Draw(state, Operand(self.slot(step.result), 0, (), 1, U64), step.result.size, width)

    def _gather(self, step: Step) -> gather.Gather:
        """Elements found by number: each operand by its strides over all numbers there are."""
        given, out = gather.parts(step), step.result
        x, index, here = given["x"], given["indices"], given.get("values", out)
        axis, take, whole = given["axis"] % x.ndim, here is out, step.word in ("take", "put")
        shared, seen = (x if take else out), self.fused.seen
        strides = seen[x.id].strides if take else contiguous_strides(out.shape)
        before, after = strides[:axis], strides[axis + 1 :]
        numbers = seen[index.id].strides
        if whole:
            numbers = (0,) * axis + numbers + (0,) * len(after)

        def operand(v: Value, strides: tuple) -> Operand:
            at, base = seen[v.id].offset, self.fused.base[v.id]
            return Operand(self.slot(base), at, strides[:-1], (0, *strides)[-1], kind(v))

        return gather.Gather(
            "take" if take else given["mode"],
            operand(shared, before + (0,) * (index.ndim if whole else 1) + after),
            operand(index, numbers),
            operand(here, seen[here.id].strides),
            None if take else self._flat(x),
            here.shape or (1,), axis, x.shape[axis], strides[axis], out.size,
        )  # fmt: skip

    def _order(self, step: Step) -> Order:
        """Rows to sort; what nobody reads of the results is not stored."""
        x, count, descending = step.args
        values, indices = (self._flat(v) if v.id in self.kept else None for v in step.results)
        return Order(self._operand(x, x.shape), indices, values, x.shape[:-1], x.shape[-1], count,
                     descending)  # fmt: skip

    def _flat(self, v: Value) -> Operand:
        """Elements in order."""
        number, seen = self.slot(self.fused.base[v.id]), self.fused.seen[v.id]
        return Operand(number, seen.offset, (), 1, kind(v))

    def _planes(self, step: Step, nest: Nest) -> Any:
        """A convolution or a pooling, with the group's other steps to follow."""
        given = [self._operand(v, v.shape) for v in step.args if v.__class__ is Value]
        if step.word in pooling.WORDS:
            made = pooling.described(step, given, nest)
        else:
            made = convolution.described(step, given[0], given[1], nest)
        assert made is not None
        return made

    def _operand(self, v: Value, shape: tuple) -> Operand:
        number, over = self.slot(self.fused.base[v.id]), self.fused.over(v, shape)
        return Operand(number, over.offset, over.strides[:-1], over.strides[-1], kind(v))


def _lengthwise(nest: Nest) -> Nest:
    """The nest whose last leading axis is the length of a row."""
    along = lambda o: replace(o, lead=o.lead[:-1], along=o.lead[-1])
    return nest.moved(nest.lead[:-1], nest.lead[-1], along)


def _collapse(nest: Nest) -> Nest:
    """Axes that all operands walk through as one become one; the last is the length of a row."""
    if not nest.lead:
        nest = nest.moved((1,), 1, lambda o: replace(o, lead=(1,)))
    if nest.has("position"):
        return merged(_lengthwise(nest))
    return _lengthwise(merged(nest))


def canonical(kernel: Any) -> tuple[Any, list[tuple[int, int]]]:
    """The kernel over buffers 0, 1, ... of its own, and where those lie: (buffer, byte) of each.

    Equal work at other places, a layer and the next one, becomes the same kernel.
    """
    ids: dict[int, int] = {}
    places: dict[tuple[int, int], int] = {}

    def value(i: int) -> int:
        return ids.setdefault(i, len(ids))

    def renamed(v: Value) -> Value:
        return v.again(value(v.id))

    def operand(o: Operand) -> Operand:
        at = places.setdefault((o.buffer, o.offset * o.kind.size), len(places))
        return replace(o, buffer=at, offset=0)

    def told(x: Any) -> Any:
        if isinstance(x, Operand):
            return operand(x)
        if isinstance(x, tuple):
            return tuple(map(told, x))
        if not isinstance(x, Nest):
            return x
        loads = {value(i): operand(o) for i, o in x.loads.items()}
        steps = [s.replaced(renamed).giving(*map(renamed, s.results)) for s in x.steps]
        stores = [(value(i), operand(o)) for i, o in x.stores]
        sums = [(value(i), operand(o)) for i, o in x.sums]
        thin = {value(i) for i in sorted(x.thin)}
        return replace(x, loads=loads, steps=steps, stores=stores, sums=sums, thin=thin)

    if isinstance(kernel, Nest):
        return told(kernel), list(places)
    given = {f.name: getattr(kernel, f.name) for f in fields(kernel)}
    made = {k: value(x) if k in _NAMED and x is not None else told(x) for k, x in given.items()}
    if "ends" in given:
        made["ends"] = tuple(map(value, given["ends"]))
    return replace(kernel, **made), list(places)
