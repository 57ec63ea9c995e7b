"""One captured call: the trace made, the graph run again, what it changed bound back."""

import gc
import types
from collections.abc import Callable, Iterable, MutableMapping
from contextlib import nullcontext
from functools import cached_property
from typing import Any

import numpy as np
from numpy.lib.array_utils import byte_bounds

from .._arrays.traced import GraphBreak, Symbol, users_line
from .._core import modes
from .._core.tape import TensorBase, make, ndarray
from .._core.views import written
from .apart import Apart
from .capture import Capture
from .door import Way
from .graph import Graph
from .guards import Guards
from .joint import Backward, Joint
from .log import say, wanted
from .native import runner
from .plans import planned
from .reach import Reach
from .results import Results
from .simplify import simplify
from .straight import Refused, Straight


class Unkept(Exception):
    """A trace that is not used again: it left new state behind (an optimizer's first step)."""


class Again(Exception):
    """What steered the trace is different now: it must be made anew. Nothing was changed."""


class Eagerly(Exception):
    """The run refused its values before it wrote anything: eager mode says what is wrong."""


class Program:
    """A function for arguments of one kind, as a graph over the tensors that it met."""

    def __init__(
        self, f: Callable, args: tuple, kwargs: dict, tensors: list, others: list,
        known: MutableMapping | None = None,
    ) -> None:  # fmt: skip
        """Trace `f`, and leave everything as it was; `known`: its other runners, by their graphs.

        Raises:
            GraphBreak: where Python needs a value.
            Unkept: where the trace left new state behind.
        """
        self.where, self.known = users_line(), {} if known is None else known
        reach = Reach([f, *others, *tensors])
        gradients = {id(h.grad): h.tensor for h in reach.tensors.values() if h.grad is not None}
        capture = Capture.__new__(Capture)
        self.way = Way(self)
        try:
            self._trace(capture, reach, gradients, f, args, kwargs, tensors)
            capture.withdraw()
            left = self._left(capture, reach)
        except (Exception, GraphBreak) as error:
            left = error.with_traceback(None)  # its frames hold the trace's tensors
        finally:
            if hasattr(capture, "met"):
                capture.withdraw()
                capture.restore()
            reach.restore()
        born = {id(t) for t in tensors}
        for key in [k for k in capture.met if k in capture.new]:
            del capture.met[key]
        if capture.alive(born):
            gc.collect()
            if alive := capture.alive(born):
                left = left or "it leaves new tensors alive"
                capture.settle(alive)
        if left is not None:
            raise Unkept(left) if isinstance(left, str) else left
        self.begun, self.withdraw = capture.begun, capture.withdraw
        try:
            if capture.begun:
                self._begin(capture.begun)
                reach = Reach([f, *others, *tensors])
            self._guards(reach, capture, tensors)
            self._compile(capture)
        except BaseException:
            capture.withdraw()
            raise

    # -- the trace

    def _trace(
        self, capture: Capture, reach: Reach, gradients: dict, f: Callable, args: tuple,
        kwargs: dict, tensors: list,
    ) -> None:  # fmt: skip
        before = modes.local.grad
        modes.count("special", 1)
        try:
            capture.__init__(tensors, gradients)
            modes.local.trace = capture
            result = f(*args, **kwargs)
            if capture.broken is not None:
                raise capture.broken
            if modes.local.grad is not before:
                capture.stop("it leaves gradients switched on or off")
            found = Results(capture, reach.seen)
            self.result = found.read(result)
            del result
            self.joint = Joint(capture, found.wanting) if found.wanting else None
            found.wanting.clear()
            self.changed = self._changed(capture, reach, found)
            self.gradients = self._gradients(capture, reach, found)
            self.count = len(found.outputs)
            self.symbols = found.outputs + (
                [g for *_, g in self.joint.leaves] if self.joint else []
            )
        finally:
            modes.local.trace = None
            modes.count("special", -1)
            if modes.local.grad is not before:
                modes._switch_grad(before)

    def _changed(self, capture: Capture, reach: Reach, found: Results) -> list[tuple]:
        """(how, what, output, input's symbol) of each outside tensor that was written to."""
        made, roots = [], {id(m.symbol): m for m in capture.met.values() if m.root}
        for held in reach.tensors.values():
            if id(held.tensor) not in capture.met and held.tensor.array is not held.array:
                capture.stop("a tensor from outside gets other data")
        shared = _overlapping(roots.values())
        for how, what, symbol in capture.inputs:
            met = roots.get(id(symbol))
            if met is None:
                continue
            t = met.tensor
            if t.node is not None or (t.needs is True) is not met.wants:
                capture.stop("a tensor from outside gets a graph or a new requires_grad")
            if t.array is symbol:
                continue
            if t.array.__class__ is not Symbol or (t.array.shape, t.array.dtype) != (
                symbol.shape,
                symbol.dtype,
            ):
                capture.stop("a tensor from outside gets other data")
            if id(met) in shared:
                capture.stop("two tensors share memory in a way that was not made by a view")
            made.append((how, what, found.output(t.array), symbol))
        return made

    def _gradients(self, capture: Capture, reach: Reach, found: Results) -> list[tuple]:
        """(leaf, output) of each gradient that is another tensor now; output None: it is gone."""
        made, done = [], set()
        held = [(h.tensor, h.grad) for h in reach.tensors.values()]
        held += [
            (m.tensor, m.grad) for m in capture.met.values() if id(m.tensor) not in capture.new
        ]
        place = {id(m.tensor): w for h, w, s in capture.inputs if h == "arg"
                 for m in capture.met.values() if m.symbol is s}  # fmt: skip
        for t, before in held:
            if id(t) in done or t.grad is before:
                continue
            if id(t) in capture.met and capture.met[id(t)].node is not None:
                capture.stop("a backward pass that goes on outside")
            done.add(id(t))
            leaf: Any = place.get(id(t), t)
            if t.grad is None:
                made.append((leaf, None, None))
                continue
            g = t.grad
            if g.needs is True:
                capture.stop("a gradient with a graph of its own")
            capture.capture(g)
            made.append((leaf, found.output(g.array), g.device))
        return made

    def _left(self, capture: Capture, reach: Reach) -> str | None:
        """What Python state the call changed."""
        kept = reach.changed()
        if kept is None:
            return None
        if isinstance(kept.owner, dict):
            now = [k for k, v in zip(kept.keys or (), kept.values) if kept.owner.get(k) is not v]
            return f"it changes Python state: {', '.join(map(str, now[:3])) or 'a dictionary'}"
        return f"it changes Python state: a {type(kept.owner).__name__}"

    def _begin(self, begun: list) -> None:
        """Let owners have the state that the first run begins with."""
        for owner, key, made in begun:
            owner[key] = made

    # -- guards

    def _guards(self, reach: Reach, capture: Capture, tensors: list) -> None:
        self.inputs = [*capture.inputs]
        self.guards = Guards(reach, self.inputs, {id(t) for t in tensors})
        self.holds = self.guards.holds
        self.hosts, self.conditions = capture.hosts, capture.conditions
        self.generators = [stream for stream, *_ in capture.streams.values()]
        self.keep = [
            x
            for x in reach.seen.values()
            if not isinstance(x, (TensorBase, ndarray, types.FrameType))
        ]

    # -- the run

    def _compile(self, capture: Capture) -> None:
        self.traced: Graph = capture.graph(self.symbols)
        self._built()

    @cached_property
    def graph(self) -> Graph:
        """The graph that is run; a plan does without it."""
        return simplify(self.traced)

    def _built(self) -> None:
        """Take the graph as the program."""
        if wanted("graph"):
            say(f"rushlight: {self.where}\n{self.graph}")
        values = {v.id: v for v in self.traced.inputs}
        over = {k: values[s.id] for _, _, k, s in self.changed}
        if self.joint is not None:
            written_to = {s.id for _, _, _, s in self.changed}
            self.back = Backward(self.joint, self.graph, self.count, written_to)
            self.runner, self.function, taken = None, self.back.forward, set()
        else:
            fixed = [s.id for how, _, s in self.inputs if how in ("closed", "number")]
            self.back, made = None, planned(
                self.traced, over, fixed, self.known,
                lambda: runner(self.graph, over, fixed, exact=True),
            )  # fmt: skip
            self.runner, self.function, taken = made, made.run, made.taken
        self.bound = [(how, what, k, k in taken) for how, what, k, _ in self.changed]
        self.numbers = [
            (np.zeros((), s.dtype), what) for how, what, s in self.inputs if how == "number"
        ]
        self.quiet = getattr(self.runner, "quiet", False)
        wet = [s for *_, s in self.changed]
        self.apart = Apart(self.inputs, wet) if wet else None
        # An optimizer's numbers follow from its groups alone, unless it counts steps in tensors.
        self.steady = all(not h.touched for h in self.hosts) and not any(
            isinstance(v, TensorBase) for g in self.guards.groups for v in g.owner.values()
        )
        if self.steady:
            for array, find in self.numbers:
                array[...] = find()

    def run(self, tensors: list) -> Any:
        """Run it on these arguments, bind back what it changed, and give its result.

        Raises:
            Again: where numbers that steered the trace are others now.
            Eagerly: where a value was refused.
        """
        undo = self._numbers() if self.numbers or self.conditions or self.hosts else []
        owners, numbers = self._owners(tensors), iter(self.numbers)
        arrays = [next(numbers)[0] if x is None else x.array for x in owners]
        if self.apart is not None and not self.apart.holds(arrays, self.guards.turn):
            _undo(undo)
            raise Eagerly
        try:
            with nullcontext() if self.quiet else np.errstate(all="ignore"):
                outs = self.function(*arrays)
        except Refused:
            _undo(undo)
            raise Eagerly from None
        except Exception:
            if any(taken for *_, taken in self.bound):
                raise
            _undo(undo)  # nothing was written yet: eager mode says what is wrong
            raise Eagerly from None
        if self.back is not None:
            outs = (*outs, self.back.node(outs, arrays, owners, tensors))
        return self.bind(outs, tensors)

    def _owners(self, tensors: list) -> list:
        """The tensors whose memory the program reads (None for a number)."""
        return [
            what if how == "closed" else tensors[what] if how == "arg"
            else what.grad if how == "grad" else None
            for how, what, _ in self.inputs if how != "seed"
        ]  # fmt: skip

    def values(self, arrays: list) -> dict[int, Any]:
        """Every value of a run on copies of these arrays, by its number."""
        every = [v for step in self.graph.steps for v in step.results]
        run = Straight(Graph(self.graph.inputs, self.graph.steps, every)).run
        with np.errstate(all="ignore"):
            return {v.id: o for v, o in zip(every, run(*[a.copy() for a in arrays]))}

    def described(self) -> str:
        """The graph, what its inputs and outputs are, as text."""
        rows = [f"{len(self.traced)} steps traced, {len(self.graph)} after simplifying"]
        for (how, what, _), v in zip(self.inputs, self.graph.inputs):
            told = f"{how} {what}" if how == "arg" else how
            rows.append(f"  {v.described()} is {told}")
        rows.append(str(self.graph))
        taken = sum(t for *_, t in self.bound)
        rows.append(
            f"writes {len(self.bound)} tensors ({taken} in place), {len(self.gradients)} gradients"
        )
        return "\n".join(rows)

    def _numbers(self) -> list:
        """Let Python work out this run's numbers, where they may be others than the last one's."""
        if self.steady:
            changed = self.guards.renumbered()
            if changed is None:
                raise Again
            if not changed:
                return []
        undo = []
        for host in self.hosts:
            undo += [(t, t.array.copy(), t.version[0]) for t in host.touched]
            found = host.box[0] = host.find()
            if any(found[k] is not v and found[k] != v for k, v in host.fixed.items()):
                _undo(undo)
                raise Again
        for ask, answer in self.conditions:
            if ask() != answer:
                _undo(undo)
                raise Again
        for array, find in self.numbers:
            array[...] = find()
        return undo

    def bind(self, outs: tuple, tensors: Any) -> Any:
        """The result; what the program changed is bound back."""
        for how, what, k, taken in self.bound:
            t = what if how == "closed" else tensors[what] if how == "arg" else what.grad
            if not taken:
                t.array[...] = outs[k]
            written(t)
        for leaf, k, where in self.gradients:
            t = tensors[leaf] if leaf.__class__ is int else leaf
            t.grad = None if k is None else make(outs[k], where)
        return self.result(outs, tensors)


def _overlapping(roots: Iterable) -> set[int]:
    """Those (by identity) whose memory lies where that of others does."""
    bounds = [(*byte_bounds(m.memory), id(m)) for m in roots if m.memory.size]
    found, end, last = set(), 0, 0
    for low, high, mine in sorted(bounds):
        if low < end:
            found |= {mine, last}
        if high > end:
            end, last = high, mine
    return found


def _undo(undo: list) -> None:
    for t, values, version in reversed(undo):
        t.array[...] = values
        t.version[0] = version


__all__ = ["Again", "Eagerly", "GraphBreak", "Program", "Unkept"]
