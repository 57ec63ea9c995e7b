"""A trace of a running function: tensors it meets become inputs, what it changes outputs."""

import weakref
from collections.abc import Callable
from copy import copy
from functools import partial
from types import FunctionType
from typing import Any

import numpy as np

from .._arrays.numpy import UFUNCS
from .._arrays.traced import ANYWHERE, Body, Symbol, Trace, _symbols, users_line
from .._core import dtypes, modes
from .._core.hosted import Number
from .._core.literals import array_of
from .._core.spec import is_contiguous
from .._core.tape import Port, TensorBase, make, ndarray
from .._core.views import edge
from .graph import Graph, Step, Value
from .simplify import dead, even
from .straight import Straight

_STRIDED = frozenset({"as_strided", "unstrided", "write_strided"})


class Met:
    """A tensor whose memory is a symbol until the trace ends, and what it was before."""

    __slots__ = (
        "tensor", "wants", "memory", "symbol", "needs", "node", "origin", "version", "root",
        "grad",
    )  # fmt: skip

    def __init__(self, t: TensorBase, root: bool) -> None:
        self.tensor, self.memory, self.root = t, t.array, root
        self.needs, self.node, self.origin, self.version = t.needs, t.node, t.origin, t.version[0]
        self.symbol: Any = None
        self.grad = t.grad

    def restore(self) -> None:
        """Give the tensor its memory and its place on the tape back."""
        t = self.tensor
        t.array, t.needs, t.node, t.origin = self.memory, self.needs, self.node, self.origin
        t._grad = self.grad
        t.version[0] = self.version


class Host:
    """Numbers that Python works out before each run."""

    __slots__ = ("find", "touched", "box", "fixed")

    def __init__(self, find: Callable[[], dict], touched: list) -> None:
        self.find, self.touched = find, touched
        self.box: list[dict] = [{}]
        self.fixed: dict = {}  # what steered the trace: not numbers


def noted(touched: list) -> list[tuple]:
    """Dictionaries and small tensors as they are."""
    return [
        (x, dict(x), 0) if isinstance(x, dict) else (x, x.array.copy(), x.version[0])
        for x in touched
        if isinstance(x, dict) or x.array.__class__ is ndarray
    ]


def undone(notes: list[tuple]) -> None:
    """Put back what was noted."""
    for x, values, version in reversed(notes):
        if isinstance(x, dict):
            x.clear()
            x.update(values)
        else:
            x.array[...] = values
            x.version[0] = version


def _nodes(tensors: list) -> list:
    todo, seen = [t.node for t in tensors], {}
    while todo:
        node: Any = todo.pop()
        node = node.node if node.__class__ is Port else node
        if node is not None and node.is_node and id(node) not in seen:
            seen[id(node)] = node
            todo += node.edges
    return [*seen.values()]


def _mine(x: Any) -> bool:
    """Whether a number of the user's is, or is in, this."""
    return type(x) is Number or (x.__class__ in (list, tuple) and any(map(_mine, x)))


def _each(x: Any, now: bool = True) -> Any:
    """A copy of a tensor's data; with the numbers as they are now."""
    if x.__class__ in (list, tuple):
        return [_each(e, now) for e in x]
    return x.find() if now and type(x) is Number else x


def _bytes(find: Callable, dtype: Any) -> bytes:
    return np.asarray(find(), dtype).tobytes()


class Part:
    """A way to find a number: a host's, by its name."""

    __slots__ = ("host", "key")

    def __init__(self, host: Host, key: str) -> None:
        self.host, self.key = host, key

    def __call__(self) -> Any:
        return self.host.box[0][self.key]


class Capture(Trace):
    """The trace of one call.

    inputs: (how, what, symbol), where how and what are "arg" and its position, "grad" and its leaf,
        "closed" and the tensor, "number" and a function that finds it, "seed" and None.
    """

    def __init__(self, arguments: list, gradients: dict[int, Any]) -> None:
        super().__init__()
        self.met: dict[int, Met] = {}
        self.new: dict[int, weakref.ref] = {}
        self.inputs: list[tuple[str, Any, Symbol]] = []
        self.hosts: list[Host] = []
        self.conditions: list[tuple] = []
        self.lines: list[str] = []  # of the conditions
        self.after: list[tuple] = []
        self.streams: dict[int, tuple] = {}
        self.calling = False
        self.undo: list[tuple] = []  # small tensors that `hosted` changed
        self.moved: list[tuple] = []  # dictionaries that it changed
        self.begun: list[tuple[dict, Any, Any]] = []  # (owner, key, what it keeps from now on)
        self.gradients = gradients  # id of a leaf's gradient -> the leaf
        self.numbers = self.over = False  # whether there are the user's; whether the trace ended
        for position, t in enumerate(arguments):
            if id(t) not in self.met:
                self._root(t, "arg", position)

    # -- tensors

    def capture(self, t: Any) -> None:
        """Swap t's memory for a symbol until the trace ends; a view is read from its base's."""
        if t.array.__class__ is not ndarray:
            return
        ref = self.new.get(id(t))
        if ref is not None and ref() is t:
            self._constant(t)
        elif t.origin is not None:
            self._view(t)
        elif id(t) in self.gradients:
            self._root(t, "grad", self.gradients[id(t)])
        else:
            self._root(t, "closed", t)

    def _root(self, t: TensorBase, how: str, what: Any) -> None:
        wants = edge(t) is not None
        if t.node is not None and how != "arg":
            self.stop("a tensor from outside carries a graph; detach it, or give it as an argument")
        met = self.met[id(t)] = Met(t, True)
        met.wants = wants
        if t.origin is not None or t.node is not None:  # for the trace it is a leaf
            t.origin, t.needs, t.node = None, wants, None
        array = t.array
        strides = tuple(s // max(array.itemsize, 1) for s in array.strides)
        at = -ANYWHERE if how == "arg" else t.storage_offset()
        met.symbol = self.symbol(array.shape, array.dtype, strides, at)
        self.inputs.append((how, what, met.symbol))
        t.array = met.symbol

    def _view(self, t: TensorBase) -> None:
        base, record, params, _ = t.origin
        if (
            t.node is not None
            and t.node is not base.node
            and t.needs is True
            and base.node is not None
        ):
            self.stop("a view from outside carries a graph; detach it, or give it as an argument")
        self.capture(base)
        met = self.met[id(t)] = Met(t, False)
        with modes.no_grad(), modes.subclass_off():
            t.array = record.function(base, **params).array
        met.symbol = t.array

    def _constant(self, t: TensorBase) -> None:
        """A tensor made inside: a constant of the program."""
        array = t.array
        met = self.met[id(t)] = Met(t, False)
        if (number := even(array)) is not None:
            made = self.apply("full", (array.shape, number, array.dtype), {})
        else:
            made = self.record("alias", (array.copy(),), {}, (array.shape, array.dtype))[0]
        met.symbol = t.array = made

    def value(self, t: Any) -> Any:
        """The values of a tensor that follow from constants alone."""
        if t.array.__class__ is not Symbol:
            ref = self.new.get(id(t))
            return t.array if ref is not None and ref() is t else None
        graph = self.graph([t.array])
        graph.steps = [s for s in graph.steps if not s.effect]
        graph = dead(graph)
        free = {*graph.uses()}.difference(v.id for s in graph.steps for v in s.results)
        inputs = [(v, i) for v, i in zip(graph.inputs, self.inputs) if v.id in free]
        if len(inputs) < len(free) or any(how != "number" for _, (how, *_) in inputs):
            return None
        for v, (_, find, _) in inputs:
            ask = partial(_bytes, find, v.dtype)
            self.verify(ask, ask())
        run = Straight(Graph([v for v, _ in inputs], graph.steps, graph.outputs)).run
        return run(*[np.asarray(find(), v.dtype) for v, (_, find, _) in inputs])[0]

    def born(self, t: Any) -> None:
        """Note a tensor that the trace made."""
        self.new[id(t)] = weakref.ref(t)

    # -- random numbers

    def apply(self, word: str, args: tuple, params: dict) -> Any:
        if word == "bits":
            self._moving(args[2])
        if word in _STRIDED:
            return self._strided(word, *args)
        if word == "full" and _mine(args[1]):
            made = self.literal(array_of, args[1], dtypes.of(args[2]))
            return self.copy(self.broadcast_to(made, args[0]))
        if self.numbers and (word in UFUNCS or word == "where"):
            given = args[1:] if word == "where" else args
            like = next((a.dtype for a in reversed(given) if a.__class__ is Symbol), None)
            if like is None:
                like = dtypes.I64 if all(a.__class__ is int for a in given) else dtypes.F64
            args = tuple(self._told(a, like) for a in args)
        return super().apply(word, args, params)

    def _strided(self, word: str, x: Any, y: Any, *where: Any) -> Any:
        """`as_strided` and its kin: by the numbers of elements in the memory that x shows."""
        x, y = (y, x) if word == "unstrided" else (x, y)
        size, stride, offset = (y, *where) if word == "as_strided" else where
        order = sorted(range(x.ndim), key=lambda i: -x.strides[i])
        shape, lie = (tuple(of[i] for i in order) for of in (x.shape, x.strides))
        first = 0 if offset is None else offset - x.offset
        last = first + sum((n - 1) * s for n, s in zip(size, stride))
        whole = is_contiguous(shape, lie) and (0 in size or 0 <= first <= last < x.size)
        if not whole:
            self.stop("as_strided shows more than its tensor, or is given the storage_offset of an "
                      "argument; view the whole tensor, and leave storage_offset out")  # fmt: skip
        reach = 1
        for s, n in sorted(zip(stride, size)) if word == "write_strided" else ():
            if n > 1 and s < reach:
                self.stop("as_strided is written to where its elements overlap; clone it")
            reach += (n - 1) * s
        at = self.full(size, first, self.int64)
        for i, (n, s) in enumerate(zip(size, stride)):
            own = [-1 if i == j else 1 for j in range(len(size))]
            at = at + self.reshape(self.arange(0, n, 1, self.int64) * s, own)
        at, adds = self.reshape(at, (-1,)), word == "unstrided"
        flat = self.full((x.size,), 0, y.dtype) if adds else self.permute_dims(x, order)
        flat = self.reshape(flat, (-1,))
        if word == "as_strided":
            made = copy(self.reshape(self.take(flat, at, 0), size))
            made.strides, made.offset = stride, x.offset + first
            return made
        y = self.reshape(self.broadcast_to(y, size), (-1,))
        made = self.put(flat, at, y, 0, "add" if adds else "set")
        return self.permute_dims(self.reshape(made, shape), [*map(order.index, range(x.ndim))])

    def literal(self, make: Callable, *given: Any) -> Any:
        """An array made of numbers of the user's, as an input; None where there are none."""
        if not _mine(given):
            return None
        held = _each(given, False)
        find = np.errstate(all="ignore")(lambda: make(*_each(held)))
        return self._input(find, (made := find()).shape, made.dtype)

    def record(self, word: str, args: tuple, params: dict, *specs: tuple) -> tuple:
        if self.numbers:
            args, specs = self._told(args), self._told(specs)
            params = {k: self._told(v) for k, v in params.items()}
        return super().record(word, args, params, *specs)

    def _told(self, a: Any, like: Any = None) -> Any:
        """A number of the user's as an input of a dtype that takes it; elsewhere it steers."""
        if type(a) is Number:
            whole = a.__class__ is int and like is dtypes.I64
            fits = like is dtypes.F32 or like is dtypes.F64 or whole
            return self._input(a.find, (), like) if fits else a.exact()
        kind: Any = a.__class__
        if kind is FunctionType:
            self._told([c.cell_contents for c in a.__closure__ or ()])
        return kind(map(self._told, a)) if kind in (list, tuple) else a

    def draws(self, stream: Any) -> None:
        """A stream is about to move: it is put back at the end, for the run to draw again."""
        if not self.calling:
            self.stop("random numbers are drawn or seeded outside the tensors' own functions")
        self._moving(stream)

    def _moving(self, stream: Any) -> None:
        if id(stream) not in self.streams:
            self.streams[id(stream)] = stream, stream.state_bytes(), stream.spare

    def drawn(self, fn: Callable, shape: tuple, dtype: Any, stream: Any, tensors: tuple) -> Any:
        """The result of a Python function that draws by the values of tensors, as a step."""
        for t in tensors:
            self.capture(t)
        given = [t.array for t in tensors]
        if any(a.__class__ is not Symbol for a in given):
            self.stop("random numbers drawn by values inside a transform")
        self._moving(stream)
        return self.record("call", (fn, *given), {}, (shape, dtype))[0]

    def call(self, fn: Callable[[], np.ndarray]) -> Any:
        """The result of a Python function that draws, as a step that calls it at each run."""
        self.calling = True
        try:
            made = fn()
        finally:
            self.calling = False
        return self.record("call", (fn,), {}, (made.shape, made.dtype))[0]

    # -- numbers of Python's

    def hosted(self, find: Callable[[], dict], touched: list) -> dict:
        """Run `find` outside the trace, and make inputs of the numbers it gives."""
        if self.after:
            self.stop("a schedule that a tensor's value steers is stepped before; do that last")
        host = Host(find, touched)
        for note in noted(touched):
            (self.moved if isinstance(note[0], dict) else self.undo).append(note)
        trace, modes.local.trace = modes.local.trace, None
        try:
            found = host.box[0] = find() or {}
        finally:
            modes.local.trace = trace
        self.hosts.append(host)
        made: dict = {}
        for key, value in found.items():
            if value.__class__ in (int, float):
                made[key] = Number(value, Part(host, key), self)
            elif isinstance(value, TensorBase):
                self.stop("a hyperparameter that is a tensor with a gradient")
            else:
                made[key] = host.fixed[key] = value
        return made

    def afterwards(self, act: Callable, t: TensorBase, touched: list) -> None:
        """After each run `act` is given the value of a tensor, on which nothing hangs."""
        self.capture(t)
        self.after.append((act, t.array, touched))

    def beginning(self, make: Callable[[], dict], owner: dict, key: TensorBase) -> dict:
        """Run `make` as if before the trace; where this is kept, the owner has what it gave."""
        met, now = self.met.get(id(key)), key.array
        trace, modes.local.trace = modes.local.trace, None
        key.array = now if met is None else met.memory
        try:
            made = make()
        finally:
            modes.local.trace, key.array = trace, now
        if made:
            self.begun.append((owner, key, made))
        return made

    def withdraw(self) -> None:
        """Take back what owners got, and what dictionaries became."""
        undone(self.moved)
        self.moved = []
        for owner, key, made in self.begun:
            if owner.get(key) is made:
                del owner[key]

    def number(self, n: Number, like: Any) -> Any:
        """The input that a number is, in the dtype of a tensor."""
        kind = dtypes.of(like.array.dtype)
        dtype = dtypes.F32 if kind in dtypes.HALVES else kind.numpy
        if dtype not in (dtypes.F32, dtypes.F64):
            self.stop(f"an optimizer of {dtype} parameters")
        return make(self._input(n.find, (), dtype), like.device)

    def _input(self, find: Callable, shape: tuple, dtype: Any) -> Symbol:
        """What Python finds before each run, as an input."""
        s = self.symbol(shape, dtype)
        self.inputs.append(("number", find, s))
        return s

    def stop(self, reason: str) -> Any:
        if self.over:
            raise RuntimeError(
                f"compile: {reason}, which was made while a function was captured; make it before"
            )
        return super().stop(reason)

    def verify(self, ask: Callable[[], Any], answer: Any) -> None:
        """A comparison of Python numbers steered the trace."""
        if not self.over:
            self.conditions.append((ask, answer))
            self.lines.append(users_line())

    # -- the end

    def restore(self) -> None:
        """Give all tensors and streams back what they had."""
        for met in reversed(self.met.values()):
            met.restore()
        undone(self.undo)
        for stream, state, spare in self.streams.values():
            stream.set_state_bytes(state)
            stream.spare = spare

    def alive(self, known: set[int]) -> list:
        """Tensors made inside that somebody still holds."""
        found = [r() for r in self.new.values()]
        return [t for t in found if t is not None and id(t) not in known]

    def settle(self, tensors: list) -> None:
        """Give tensors that outlive a trace which is given up their values, and their graphs."""
        self.over = True
        memory = {id(m.symbol): m.memory for m in self.met.values() if m.root}
        graph, steps = self.graph([]), []
        given = {
            v.id: memory[id(s)] if id(s) in memory else np.asarray(what(), s.dtype)
            for (how, what, s), v in zip(self.inputs, graph.inputs)
            if how != "seed"
        }
        inputs = [v for v in graph.inputs if v.id in given]
        known = {v.id: v for v in inputs}
        for step in graph.steps:
            if step.word != "check" and all(v.id in known for v in step.values()):
                known.update((v.id, v) for v in step.results)
                steps.append(step)
        nodes = _nodes(tensors)
        held = [[t.array for t in tensors], [n.saved for n in nodes]]
        found = {s.id: known[s.id] for s in _symbols(held) if s.id in known}
        needed = {*found}
        for step in reversed(steps):
            if any(v.id in needed for v in step.results):
                needed.update(v.id for v in step.values())
        steps = [s for s in steps if any(v.id in needed for v in s.results)]
        run = Straight(Graph(inputs, steps, [*found.values()])).run
        with np.errstate(all="ignore"):
            values = dict(zip(found, map(np.array, run(*given.values()))))

        def settled(a: Any) -> Any:
            if a.__class__ in (list, tuple):
                return a.__class__(map(settled, a))
            return values.get(a.id, a) if a.__class__ is Symbol else a

        for t in tensors:
            t.array = settled(t.array)
        for n in nodes:
            n.saved = settled(n.saved)

    def graph(self, outputs: list[Symbol]) -> Graph:
        """The program as a graph; unused inputs stay, so that positions hold."""
        values: dict[int, Value] = {}

        def value(s: Symbol) -> Value:
            if s.id not in values:
                values[s.id] = Value(s.id, s.shape, s.dtype, s.strides)
            return values[s.id]

        def plain(a: Any) -> Any:
            if a.__class__ is Symbol:
                return value(a)
            if a.__class__ in (list, tuple):
                return a.__class__(plain(x) for x in a)
            return written(a.inputs, a.steps, a.outputs) if a.__class__ is Body else a

        def written(inputs: list, noted: list, outputs: list) -> Graph:
            steps = [
                Step(plain(made), word, plain(args), {k: plain(v) for k, v in params.items()}, line)
                for made, word, args, params, line in noted
            ]
            return Graph(plain(inputs), steps, plain(outputs)).check()

        return written([s for _, _, s in self.inputs], self.steps, outputs)
