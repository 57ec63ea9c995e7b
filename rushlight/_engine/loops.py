"""Loops along sequences: a step `scan` whose body is a graph of its own, run as kernels in turn.

    %8, %9 = scan([carried], [sequences], [others], body=..., count=35, reverse=False)

The body's inputs are what is carried, a part of each sequence, and the others; its outputs are the
next carried values, and a part of each result. The results are what is carried last, and sequences.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .graph import Graph, Step, Value


def _each(graph: Graph, rule: Callable[[Step], list[Step]]) -> Graph:
    """The graph with what `rule` gives for each loop; itself where it has none."""
    if all(step.word != "scan" for step in graph.steps):
        return graph
    steps = [s for step in graph.steps for s in (rule(step) if step.word == "scan" else [step])]
    return Graph(graph.inputs, steps, graph.outputs)


def slimmed(graph: Graph, simplify: Callable[[Graph], Graph]) -> Graph:
    """The graph with simpler bodies, that make and read only what is needed."""
    uses = graph.uses()

    def slim(step: Step) -> list[Step]:
        carried, body = len(step.args[0]), step.params["body"]
        kept = [k for k, v in enumerate(step.results) if k < carried or v.id in uses]
        body = simplify(Graph(body.inputs, body.steps, [body.outputs[k] for k in kept]))
        read, inputs, given = body.uses(), iter(body.inputs), []
        needed = []
        for part in step.args:
            pairs = [(v, x) for x, v in zip(part, inputs) if not given or v.id in read]
            needed += [v for v, _ in pairs]
            given.append([x for _, x in pairs])
        params = step.params | {"body": Graph(needed, body.steps, body.outputs)}
        results = tuple(step.results[k] for k in kept)
        return [Step(results, "scan", tuple(given), params, step.where)]

    return _each(graph, slim)


def unrolled(graph: Graph) -> Graph:
    """The graph with each loop's steps written out."""
    ids = graph.fresh()

    def new(steps: list[Step], like: Value, word: str, *args: Any) -> Value:
        made = like.again(next(ids))
        steps.append(Step((made,), word, args))
        return made

    def written(step: Step) -> list[Step]:
        (carry, xs, others), body, steps, made = step.args, step.params["body"], [], []
        places = range(step.params["count"])
        for t in reversed(places) if step.params["reverse"] else places:
            parts = [new(steps, v, "index", x, (t,)) for v, x in zip(body.inputs[len(carry) :], xs)]
            again, outputs = copied(body, [*carry, *parts, *others], ids)
            steps += again
            carry, ys = outputs[: len(carry)], outputs[len(carry) :]
            like = [Value(-1, (1, *y.shape), y.dtype) for y in ys]
            made.append([new(steps, v, "reshape", y, v.shape) for v, y in zip(like, ys)])
        joined = zip(*(made[::-1] if step.params["reverse"] else made))
        ends = [("copy", x) for x in carry] + [("concat", list(parts)) for parts in joined]
        return steps + [Step((v,), word, (x,)) for v, (word, x) in zip(step.results, ends)]

    return _each(graph, written)


def copied(body: Graph, given: list[Value], ids: Any) -> tuple[list[Step], list[Value]]:
    """The body's steps and outputs with other numbers, on these inputs."""
    stands = {v.id: x for v, x in zip(body.inputs, given)}
    steps = []
    for step in body.steps:
        for v in step.results:
            stands[v.id] = v.again(next(ids))
        fresh = step.replaced(lambda v: stands[v.id])
        steps.append(fresh.giving(*(stands[v.id] for v in step.results)))
    return steps, [stands[v.id] for v in body.outputs]


def hoisted(graph: Graph, prepared: Callable[[Graph, set[int]], Graph]) -> Graph:
    """The graph with prepared bodies; what is the same in each turn is done in front of the loop.

    Args:
        prepared: gives a body in words that kernels have, by the numbers of what never changes.
    """
    ids = graph.fresh()

    def moved(step: Step) -> list[Step]:
        body, before, kept = step.params["body"], [], []
        changing = sum(map(len, step.args[:2]))
        body = prepared(body, {v.id for v in body.inputs[changing:]})
        stands = {v.id: x for v, x in zip(body.inputs[changing:], step.args[2])}
        same = {v.id: v for v in body.inputs[changing:]}
        for s in body.steps:
            read = list(s.values())
            if s.effect or not read or any(v.id not in same for v in read):
                kept.append(s)
                continue
            fresh = s.replaced(lambda v: stands[v.id])
            for v in s.results:
                same[v.id], stands[v.id] = v, v.again(next(ids))
            before.append(fresh.giving(*(stands[v.id] for v in s.results)))
        body = Graph(body.inputs[:changing], kept, body.outputs)
        read = body.uses()
        body.inputs += (others := [v for v in same.values() if v.id in read])
        given = (*step.args[:2], [stands[v.id] for v in others])
        return [*before, step.by("scan", *given, **step.params | {"body": body})]

    return _each(graph, moved)


# -- groups that run in turn


@dataclass(slots=True)
class Loop:
    """Groups that run `count` times: their first and last number."""

    first: int
    last: int
    count: int


@dataclass(slots=True)
class Moving:
    """Where a value lies in turn t: in `base`, `start + t * stride` bytes from its beginning.

    Carried values have two places: there it is `start + (t + turn) % 2 * stride`.
    """

    base: Value
    start: int
    stride: int
    turn: int | None = None


def placed(fused: Any, step: Step) -> None:
    """Put a loop's body into groups of its own."""
    init, xs, others = step.args
    count, reverse, body = step.params["count"], step.params["reverse"], step.params["body"]
    for v in step.values():
        fused._settle(fused.base[v.id].id)
    pairs = [_pair(fused, v) for v in init]
    carry = [_moving(fused, v, Moving(pair, 0, _bytes(v), 0)) for v, pair in zip(init, pairs)]
    parts = [_part(fused, x, count, reverse) for x in xs]
    before = set(fused.pending)
    loop = fused.loop = Loop(len(fused.groups), 0, count)
    steps, outputs = copied(body, [*carry, *parts, *others], fused.ids)
    for s in steps:
        fused._place(s)
    wholes = list(step.results[len(init) :])
    for y, whole in zip(outputs[len(init) :], wholes):
        fused._own(whole)
        size = _bytes(y)
        first, stride = ((count - 1) * size, -size) if reverse else (0, size)
        _stored(fused, y, Moving(whole, first, stride))
    for v, pair in zip(outputs, pairs):
        _stored(fused, v, Moving(pair, 0, _bytes(v), 1))
    for v in set(fused.pending) - before:
        fused._settle(v)
    loop.last, fused.loop = len(fused.groups) - 1, None
    for whole in (*pairs, *wholes):
        fused.makers[whole.id] = fused.groups[-1]
        fused.born.setdefault(whole.id, [loop.first]).append(loop.last)
    for v, pair in zip(step.results, pairs):
        fused._place(Step((v,), "index", (pair, (count % 2,))))


def _bytes(v: Value) -> int:
    return v.size * v.dtype.itemsize


def _moving(fused: Any, like: Value, where: Moving, strides: tuple | None = None) -> Value:
    """A value that lies elsewhere in each turn."""
    made = fused.new(like.shape, like.dtype)
    fused._own(made, strides)
    fused.moving[made.id] = where
    return made


def _part(fused: Any, x: Value, count: int, reverse: bool) -> Value:
    """A sequence's part, where the sequence lies."""
    seen, size = fused.seen[x.id], x.dtype.itemsize
    stride, start = seen.strides[0] * size, seen.offset * size
    if reverse:
        start, stride = start + (count - 1) * stride, -stride
    like = Value(-1, x.shape[1:], x.dtype)
    return _moving(fused, like, Moving(fused.base[x.id], start, stride), seen.strides[1:])


def _pair(fused: Any, first: Value) -> Value:
    """Room for a carried value before and after a turn, the first one in its place."""
    pair, piece = fused.new((2, *first.shape), first.dtype), fused.new(first.shape, first.dtype)
    fused._own(pair)
    fused._own(piece)
    fused.base[piece.id] = fused.pieces[piece.id] = pair
    fused._place(Step((piece,), "astype", (first, first.dtype)))
    fused.born[pair.id] = [fused.makers[piece.id].at]
    return pair


def _stored(fused: Any, v: Value, where: Moving) -> None:
    """Let a value be made where it belongs, or copied there."""
    fused._settle(v.id)
    maker = fused.makers.get(v.id)
    own = maker is not None and maker.loop is fused.loop and fused.base[v.id].id == v.id
    if own and v.id not in fused.moving:
        fused.moving[v.id] = where
        return
    there = _moving(fused, v, where)
    fused._place(Step((there,), "astype", (v, v.dtype)))
    fused._settle(there.id)
