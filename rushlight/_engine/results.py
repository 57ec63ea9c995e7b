"""What a captured call gives back: how each tensor of its result is found again at each run."""

from collections.abc import Callable, Iterable
from copy import copy
from functools import partial
from typing import Any

from .._arrays.traced import Symbol
from .._core import dtypes
from .._core.devices import device
from .._core.hosted import Number
from .._core.kinds import known
from .._core.tape import Node, Port, TensorBase, make, ndarray
from .._core.views import edge
from .capture import Capture
from .graph import VIEWS

_PLAIN = (bool, int, float, complex, str, bytes, type(None), dtypes.dtype, device)


class Freed(Node):
    """Stands for the graph behind a result whose backward pass was part of the program."""

    __slots__ = ()


Freed.__name__ = Freed.__qualname__ = "CompiledBackward0"


def freed_node() -> Node:
    """A node that refuses a second backward pass, in PyTorch's words."""
    node = object.__new__(Freed)
    node.tick, node.extra, node.edges, node.shapes, node.saved = -1, None, (), None, None
    return node


class Results:
    """Reads a call's result while its trace is open, and collects the outputs it needs."""

    def __init__(self, capture: Capture, before: dict[int, Any]) -> None:
        self.capture, self.before = capture, before
        self.outputs: list[Symbol] = []
        self.wanting: list[TensorBase] = []  # results that carry a graph
        self.given: set[int] = set()  # ids of the tensors in the result
        self.places: dict[int, int] = {}  # id of one that was read -> its output

    def whole(self, result: Any) -> Callable[[Any, list], Any]:
        """A function (outputs, arguments) -> the result; what it makes takes its output's place."""
        self.given = {id(t) for t in tensors_in(result)}
        found = self.read(result)
        return found if isinstance(result, TensorBase) else lambda outs, args: found([*outs], args)

    def output(self, symbol: Symbol) -> int:
        """The number of an output that is this symbol."""
        self.outputs.append(symbol)
        return len(self.outputs) - 1

    def read(self, x: Any) -> Callable[[Any, list], Any]:
        """A function (outputs, arguments) -> a part of the result."""
        if isinstance(x, TensorBase):
            return self._tensor(x)
        if type(x) is Number:
            return lambda outs, args: x.find()
        if isinstance(x, _PLAIN):
            return lambda outs, args: x
        if isinstance(x, dict):
            parts = {k: self.read(v) for k, v in x.items()}
            empty = copy(x)  # a defaultdict or another class may want more than its items
            empty.clear()
            return lambda outs, args: _filled(empty, {k: p(outs, args) for k, p in parts.items()})
        if isinstance(x, (list, tuple)):
            each = [self.read(v) for v in x]
            kind = type(x)
            if hasattr(kind, "_fields"):
                return lambda outs, args: kind(*[p(outs, args) for p in each])
            return lambda outs, args: kind([p(outs, args) for p in each])
        if id(x) in self.before:
            return lambda outs, args: x
        return self.capture.stop(
            f"the result holds a {type(x).__name__}; return tensors, numbers, text, or lists, "
            "tuples and dictionaries of these"
        )

    def _tensor(self, t: TensorBase) -> Callable[[tuple, list], Any]:
        if (k := self.places.get(id(t))) is not None:
            return lambda outs, args: outs[k]
        capture, wanted = self.capture, edge(t)
        met = capture.met.get(id(t))
        if met is not None and met.root:
            return self._root(met)
        if (met is not None and id(t) not in capture.new) or id(t) in self.before:
            return lambda outs, args: t
        if (
            t.origin is not None
            and (wanted is None or id(t.origin[0]) in self.given)
            and (base := self._outside(t)) is not None
        ):
            record, params = t.origin[1], t.origin[2]
            return lambda outs, args: record.function(base(outs, args), **params)
        leaf = next((m for m in capture.met.values() if m.root and m.tensor.grad is t), None)
        if leaf is not None:
            of = self._root(leaf)
            return lambda outs, args: of(outs, args).grad
        return self._value(t, wanted)

    def _root(self, met: Any) -> Callable[[tuple, list], Any]:
        """How to find a tensor from outside."""
        how, what = next((h, w) for h, w, s in self.capture.inputs if s is met.symbol)
        if how == "arg":
            return lambda outs, args: args[what]
        return (lambda outs, args: what.grad) if how == "grad" else lambda outs, args: what

    def _outside(self, t: TensorBase) -> Any:
        """How to find what a view shows; None where it is not seen outside."""
        base: Any = t.origin and t.origin[0]
        met, new = self.capture.met.get(id(base)), id(base) in self.capture.new
        if id(base) in self.given or (new and self._lies(t.array, base)):
            return self._tensor(base)
        return None if met is None or new or base.needs is True else self._tensor(base)

    def _lies(self, a: Any, base: TensorBase) -> bool:
        """Whether a new base, as it is made, tells a view's strides: then nothing is moved."""
        if getattr(a, "contiguous", True) or base.array.size > a.size or edge(base) is not None:
            return False
        views = [made[0].id for made, word, *_ in self.capture.steps if word in VIEWS]
        return getattr(base.array, "id", -1) not in views

    def _value(self, t: TensorBase, wanted: Any) -> Callable[[tuple, list], Any]:
        capture, where, kind = self.capture, t.device, type(t)
        if kind is not known.tensor:
            return capture.stop(f"the result is a new {kind.__name__}; return a Tensor")
        if t.array.__class__ is ndarray:
            capture.capture(t)
        if t.array.__class__ is not Symbol:
            return capture.stop("the result belongs to a transform (vmap, jvp) around this call")
        k = self.places[id(t)] = self.output(t.array)
        if wanted is None:
            return partial(_plain, k, where)
        if not _is_freed(wanted):
            index = len(self.wanting)
            self.wanting.append(t)
            return lambda outs, args: _kept(k, outs, with_port(outs[k], where, outs[-1], index))
        return partial(_with_graph, k, where)


def tensors_in(x: Any) -> Iterable[TensorBase]:
    """The tensors in a result."""
    if isinstance(x, TensorBase):
        yield x
    elif isinstance(x, Iterable) and not isinstance(x, str):
        for part in x.values() if isinstance(x, dict) else x:
            yield from tensors_in(part)


def _filled(empty: dict, items: dict) -> dict:
    made = copy(empty)
    made.update(items)
    return made


def _kept(k: int, outs: Any, made: Any) -> Any:
    if outs.__class__ is list:
        outs[k] = made
    return made


def _plain(k: int, where: Any, outs: Any, _: Any) -> Any:
    return _kept(k, outs, make(outs[k], where))


def _with_graph(k: int, where: Any, outs: Any, _: Any) -> Any:
    made = make(outs[k], where, True)
    made.node = freed_node()
    return _kept(k, outs, made)


def with_port(array: Any, where: Any, node: Any, index: int) -> Any:
    """A result whose gradient goes to the node of the call (the last of its outputs)."""
    made = make(array, where, True)
    made.node = Port(node, index, len(node.saved[0].joint.seeds))
    return made


def _is_freed(where: Any) -> bool:
    """Whether a backward pass has gone over the graph behind a tensor."""
    todo, seen = [where.node if where.__class__ is Port else where], set()
    while todo:
        node = todo.pop()
        if not node.is_node or id(node) in seen:
            continue
        seen.add(id(node))
        if node.saved is None:
            return True
        todo += [e.node if e.__class__ is Port else e for e in node.edges if e is not None]
    return False
