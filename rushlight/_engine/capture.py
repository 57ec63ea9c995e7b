"""A trace of a running function: tensors it meets become inputs, what it changes outputs."""

import weakref
from collections.abc import Callable
from typing import Any

import numpy as np

from .._arrays.traced import Body, Symbol, Trace
from .._core import dtypes, modes
from .._core.hosted import Number
from .._core.tape import TensorBase, make, ndarray
from .._core.views import edge
from .graph import Graph, Step, Value
from .simplify import dead, even
from .straight import Straight


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
        t.grad = self.grad
        t.version[0] = self.version


class Host:
    """Numbers that Python works out before each run."""

    __slots__ = ("find", "touched", "box", "fixed")

    def __init__(self, find: Callable[[], dict], touched: list) -> None:
        self.find, self.touched = find, touched
        self.box: list[dict] = [{}]
        self.fixed: dict = {}  # what steered the trace: not numbers


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
        self.streams: dict[int, tuple] = {}
        self.calling = False
        self.undo: list[tuple] = []  # small tensors that `hosted` changed
        self.begun: list[tuple[dict, Any, Any]] = []  # (owner, key, what it keeps from now on)
        self.gradients = gradients  # id of a leaf's gradient -> the leaf
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
            self.stop("a tensor that was made outside and carries a graph")
        met = self.met[id(t)] = Met(t, True)
        met.wants = wants
        if t.origin is not None or t.node is not None:  # for the trace it is a leaf
            t.origin, t.needs, t.node = None, wants, None
        array = t.array
        strides = tuple(s // max(array.itemsize, 1) for s in array.strides)
        met.symbol = self.symbol(array.shape, array.dtype, strides)
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
            self.stop("a view that was made outside and carries a graph")
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

    def born(self, t: Any) -> None:
        """Note a tensor that the trace made."""
        self.new[id(t)] = weakref.ref(t)

    # -- random numbers

    def apply(self, word: str, args: tuple, params: dict) -> Any:
        if word == "bits":
            stream = args[2]
            self.streams.setdefault(id(stream), (stream, stream.state_bytes(), stream.spare))
        return super().apply(word, args, params)

    def draws(self, stream: Any) -> None:
        """A stream is about to move: it is put back at the end, for the run to draw again."""
        if not self.calling:
            self.stop("random numbers drawn outside the tensors' own functions")
        if id(stream) not in self.streams:
            self.streams[id(stream)] = stream, stream.state_bytes(), stream.spare

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
        host = Host(find, touched)
        self.undo += [
            (t, t.array.copy(), t.version[0]) for t in touched if t.array.__class__ is ndarray
        ]
        trace, modes.local.trace = modes.local.trace, None
        try:
            found = host.box[0] = find()
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
        """Take back what owners got."""
        for owner, key, made in self.begun:
            if owner.get(key) is made:
                del owner[key]

    def number(self, n: Number, like: Any) -> Any:
        """The input that a number is, in the dtype of a tensor."""
        kind = dtypes.of(like.array.dtype)
        dtype = dtypes.F32 if kind in dtypes.HALVES else kind.numpy
        if dtype not in (dtypes.F32, dtypes.F64):
            self.stop(f"an optimizer of {dtype} parameters")
        s = self.symbol((), dtype)
        self.inputs.append(("number", n.find, s))
        return make(s, like.device)

    def verify(self, ask: Callable[[], Any], answer: Any) -> None:
        """A comparison of Python numbers steered the trace."""
        self.conditions.append((ask, answer))

    # -- the end

    def restore(self) -> None:
        """Give all tensors and streams back what they had."""
        for met in reversed(self.met.values()):
            met.restore()
        for t, values, version in reversed(self.undo):
            t.array[...] = values
            t.version[0] = version
        for stream, state, spare in self.streams.values():
            stream.set_state_bytes(state)
            stream.spare = spare

    def alive(self, known: set[int]) -> list:
        """Tensors made inside that somebody still holds."""
        found = [r() for r in self.new.values()]
        return [t for t in found if t is not None and id(t) not in known]

    def settle(self, tensors: list) -> None:
        """Give tensors that outlive a trace which is given up their values."""
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
            if not step.effect and all(v.id in known for v in step.values()):
                known.update((v.id, v) for v in step.results)
                steps.append(step)
        found = [t for t in tensors if t.node is None and getattr(t.array, "id", None) in known]
        run = Straight(dead(Graph(inputs, steps, [known[t.array.id] for t in found]))).run
        with np.errstate(all="ignore"):
            for t, value in zip(found, run(*given.values())):
                t.array = np.array(value)

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
