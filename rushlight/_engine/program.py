"""One captured call: the trace made, the graph run again, what it changed bound back."""

import gc
import types
from collections.abc import Callable, Iterable, MutableMapping
from contextlib import nullcontext
from ctypes import memmove, string_at
from functools import cached_property, partial
from typing import Any

import numpy as np
from numpy.lib.array_utils import byte_bounds

from .._arrays.traced import GraphBreak, Symbol, users_line
from .._core import modes
from .._core.devices import CPU
from .._core.hosted import Combined, Number
from .._core.tape import TensorBase, make, ndarray
from .._core.views import overlapping, written
from .apart import Apart
from .capture import Capture, noted, undone
from .door import Way
from .effects import watching
from .graph import Graph
from .guards import Guards
from .joint import Backward, Joint
from .log import say, wanted
from .loose import mathematics, placed, taking
from .native import outline, runner, state_of
from .plans import planned
from .reach import Kept, Numbers, Reach, alike
from .results import Results
from .simplify import simplify
from .straight import Refused

_TWISTER = 4 * 624 + 4  # bytes of a random stream's state: its words and a position
_REPLACED = "a tensor from outside gets other memory (.data, set_); write into it with copy_"


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
        known: MutableMapping | None = None, given: dict | None = None,
        closed: dict[Any, Kept] | None = None,
    ) -> None:  # fmt: skip
        """Trace `f`, and leave everything as it was.

        Args:
            known: its other runners, by their graphs.
            given, closed: numbers that are inputs: arguments, and what has others.

        Raises:
            GraphBreak: where Python needs a value.
            Unkept: where the trace left new state behind.
        """
        self.where, self.known = users_line(), {} if known is None else known
        reach = Reach([f, *others, *tensors])
        reach.aside += map(Kept, _containers((args, kwargs)))
        self.given, self.closed = given or {}, closed or {}
        self.places: dict = {p: partial(self.given.get, p) for p in self.given} | self.closed
        if self.places and reach.asks:
            raise TypeError("type() would tell the numbers that are inputs from others")
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
                left = left or "it keeps a new tensor (a cache, a list); return it"
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
            result = self._called(capture, reach, f, args, kwargs)
            if capture.broken is not None:
                raise capture.broken
            if modes.local.grad is not before:
                capture.stop("it leaves gradients switched on or off")
            found = Results(capture, reach.seen)
            self.result = found.whole(result)
            del result
            self.joint = Joint(capture, found.wanting) if found.wanting else None
            found.wanting.clear()
            self.changed = self._changed(capture, reach, found)
            self.gradients = self._gradients(capture, reach, found)
            self.after = [(act, found.output(s), touched) for act, s, touched in capture.after]
            self.count = len(found.outputs)
            leaves = self.joint.leaves if self.joint else []
            self.symbols = found.outputs + [g for *_, g in leaves]
        finally:
            modes.local.trace = None
            modes.count("special", -1)
            if modes.local.grad is not before:
                modes._switch_grad(before)

    def _called(
        self, capture: Capture, reach: Reach, f: Callable, args: tuple, kwargs: dict
    ) -> Any:
        """f's result, where the numbers that are inputs are told as such."""
        made = {p: Number(find(), find, capture) for p, find in self.places.items()}
        capture.numbers, done = bool(made), []

        def put(owner: Any, key: Any, x: Any) -> None:
            done.append((kept := Kept(owner, [key], True), kept(), x))
            kept.put(x)

        try:
            for kept in reach.kept if made else ():
                if isinstance(kept.owner, types.FunctionType):
                    if not {"float", "int"} & {*kept.owner.__globals__}:
                        put(kept.owner, "__code__", taking(kept.owner.__code__))
                elif isinstance(kept.owner, dict):
                    for key, x in zip(kept.keys, kept.values):
                        if id(x) in mathematics():
                            put(kept.owner, key, mathematics()[id(x)])
            for p, place in self.closed.items():
                put(place.owner, place.keys[0], made[p])
            args = placed(args, made, put)
            kwargs = placed(kwargs, made, put)
            with watching(capture, reach.called):
                return f(*args, **kwargs)
        finally:
            for kept, before, x in reversed(done):
                if kept() is x:
                    kept.put(before)

    def _changed(self, capture: Capture, reach: Reach, found: Results) -> list[tuple]:
        """(how, what, output, input's symbol) of each outside tensor that was written to."""
        made, roots = [], {id(m.symbol): m for m in capture.met.values() if m.root}
        for held in reach.tensors.values():
            needs = held.needs, held.tensor.needs
            if needs in ((True, False), (False, True)) and id(held.tensor) in capture.met:
                capture.stop("a tensor from outside gets a new requires_grad; do it before")
            if id(held.tensor) not in capture.met and held.tensor.array is not held.array:
                capture.stop(_REPLACED)
        shared = _overlapping(roots.values())
        for how, what, symbol in capture.inputs:
            met = roots.get(id(symbol))
            if met is None:
                continue
            t = met.tensor
            if t.node is not None or (t.needs is True) is not met.wants:
                capture.stop(
                    "a tensor from outside gets a graph or a new requires_grad; do it before"
                )
            if t.array is symbol:
                continue
            like = symbol.shape, symbol.dtype
            if t.array.__class__ is not Symbol or (t.array.shape, t.array.dtype) != like:
                capture.stop(_REPLACED)
            wide = (s == 0 and n > 1 for s, n in zip(symbol.strides, symbol.shape))
            if symbol.size > 1 and any(wide):
                raise overlapping()
            if id(met) in shared:
                capture.stop(
                    "two tensors share memory, and neither was made as a view of the other"
                )
            made.append((how, what, found.output(t.array), symbol))
        return made

    def _gradients(self, capture: Capture, reach: Reach, found: Results) -> list[tuple]:
        """(leaf, output) of each gradient that is another tensor now; output None: it is gone."""
        made, done = [], set()
        met = (m for m in capture.met.values() if id(m.tensor) not in capture.new)
        held = [(h.tensor, h.grad) for h in (*reach.tensors.values(), *met)]
        place = {id(m.tensor): w for h, w, s in capture.inputs if h == "arg"
                 for m in capture.met.values() if m.symbol is s}  # fmt: skip
        for t, before in held:
            if id(t) in done or t.grad is before:
                continue
            if id(t) in capture.met and capture.met[id(t)].node is not None:
                capture.stop("a backward pass goes on outside; detach what comes in")
            done.add(id(t))
            leaf: Any = place.get(id(t), t)
            if t.grad is None:
                made.append((leaf, None, None))
                continue
            g = t.grad
            if g.needs is True:
                capture.stop("a gradient keeps a graph of its own (create_graph)")
            capture.capture(g)
            made.append((leaf, found.output(g.array), g.device))
        return made

    def _left(self, capture: Capture, reach: Reach) -> str | None:
        """What Python state the call changed."""
        acts = [h.touched for h in capture.hosts] + [touched for *_, touched in capture.after]
        moved = {id(x) for touched in acts for x in touched}
        if any(id(k.owner) in moved and type(k) is not Numbers for k in reach.kept):
            return "it reads what a schedule changes"
        kept = reach.changed()
        if kept is None:
            return None
        if isinstance(kept.owner, dict):
            now = [k for k, v in zip(kept.keys, kept.values) if kept.owner.get(k) is not v]
            told = ", ".join(map(str, now[:3])) or "a dictionary"
            return f"it changes Python state at each call: {told}; do that outside"
        return (
            f"it changes Python state at each call: a {type(kept.owner).__name__}; do that outside"
        )

    def _begin(self, begun: list) -> None:
        """Let owners have the state that the first run begins with."""
        for owner, key, made in begun:
            owner[key] = made

    # -- guards

    def _guards(self, reach: Reach, capture: Capture, tensors: list) -> None:
        self.inputs = [*capture.inputs]
        asked = [ask for ask, _ in capture.conditions]
        found = [*zip(capture.conditions, capture.lines)][::-1]
        self.steers = {p: line for p, x in self.places.items() for (ask, answer), line in found
                       if not isinstance(answer, (bool, type)) and _hangs(ask, x)}  # fmt: skip
        self.stuck = {p: self.steers[p] for p, x in self.places.items() if x in asked}
        loose = [k for p, k in self.closed.items() if p not in self.stuck]
        for one in loose:
            left = [k.without(one.keys) if k.owner is one.owner else k for k in reach.kept]
            reach.kept = [k for k in left if k is not None]
            capture.verify(Combined(type, one), type(one()))
        capture.over = True
        self.guards = Guards(reach, self.inputs, {id(t) for t in tensors}, loose)
        self.holds = self.guards.holds
        self.hosts, self.conditions = capture.hosts, capture.conditions
        self.generators = [stream for stream, *_ in capture.streams.values()]
        left = TensorBase, ndarray, types.FrameType
        self.keep = [x for x in reach.seen.values() if not isinstance(x, left)]

    # -- the run

    def _compile(self, capture: Capture) -> None:
        self.traced: Graph = capture.graph(self.symbols)
        self._built()

    @cached_property
    def graph(self) -> Graph:
        """The graph that is run; a plan does without it."""
        return simplify(self.traced)

    def _built(self) -> None:
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
            (array := np.zeros(s.shape, s.dtype), _first(array), what)
            for how, what, s in self.inputs
            if how == "number"
        ]
        self.quiet = getattr(self.runner, "quiet", False)
        wet = [s for *_, s in self.changed]
        self.apart = Apart(self.inputs, wet) if wet else None
        # An optimizer's numbers follow from its groups alone, unless it counts steps in tensors.
        options = (v for g in self.guards.groups for v in g.owner.values())
        counted = any(h.touched for h in self.hosts)
        self.steady = not (self.given or counted or any(isinstance(v, TensorBase) for v in options))
        self.stale = True  # whether numbers may be others than those that are there

    def run(self, tensors: list) -> Any:
        """Run it on these arguments, bind back what it changed, and give its result.

        Raises:
            Again: where numbers that steered the trace are others now.
            Eagerly: where a value was refused.
        """
        undo: list = []
        try:
            if self.numbers or self.conditions or self.hosts:
                self._numbers(undo)
        except Exception:  # a number that cannot be found, too, takes another way through Python
            undone(undo)
            raise Again from None
        owners = self.owners(tensors)
        arrays = self._arrays(owners)
        if self.apart is not None and not self.apart.holds(arrays, self.guards.turn):
            undone(undo)
            raise Eagerly
        streams = [(s, string_at(state_of(s), _TWISTER), s.spare) for s in self.generators]
        try:
            with nullcontext() if self.quiet else np.errstate(all="ignore"):
                outs = self.function(*arrays)
        except Exception as error:
            if not isinstance(error, Refused) and any(taken for *_, taken in self.bound):
                raise
            undone(undo)  # nothing was written yet: eager mode says what is wrong
            for stream, memory, stream.spare in streams:
                memmove(state_of(stream), memory, _TWISTER)
            raise Eagerly(*error.args if isinstance(error, Refused) else ()) from None
        if self.back is not None:
            outs = (*outs, self.back.node(outs, arrays, owners, tensors))
        return self.bind(outs, tensors)

    def _arrays(self, owners: list) -> list:
        numbers = iter(self.numbers)
        return [next(numbers)[0] if x is None else x.array for x in owners]

    def owners(self, tensors: list) -> list:
        """The tensors whose memory the program reads (None for a number)."""
        return [
            what if how == "closed" else tensors[what] if how == "arg"
            else what.grad if how == "grad" else None
            for how, what, _ in self.inputs if how != "seed"
        ]  # fmt: skip

    def values(self, arrays: list) -> dict[int, Any]:
        """Every value of a run on copies of these arrays, by its number."""
        graph = self.graph
        every = [v for step in graph.steps for v in step.results]
        run = runner(Graph(graph.inputs, graph.steps, every)).run
        with np.errstate(all="ignore"):
            return {v.id: o for v, o in zip(every, run(*[a.copy() for a in arrays]))}

    def outcome(self, tensors: list) -> dict[int, Any]:
        """The outputs of the program itself, in the same way; what it writes over is changed."""
        made = self.graph if self.back is None else self.back.runs[0][0]
        with np.errstate(all="ignore"):
            outs = self.function(*self._arrays(self.owners(tensors)))
            return {v.id: np.array(o) for v, o in zip(made.outputs, outs)}

    def described(self) -> str:
        """The graph, what its inputs and outputs are, its kernels and buffers, as text."""
        rows = [f"{len(self.traced)} steps traced, {len(self.graph)} after simplifying"]
        for (how, what, _), v in zip(self.inputs, self.graph.inputs):
            told = f"{how} {what}" if how == "arg" else how
            rows.append(f"  {v.described()} is {told}")
        rows.append(str(self.graph))
        taken, back = sum(t for *_, t in self.bound), self.back
        runs: Any = [(self.graph, self.runner)] if back is None else back.runs
        rows += [outline(*run) for run in runs]
        rows.append(
            f"writes {len(self.bound)} tensors ({taken} in place), {len(self.gradients)} gradients"
        )
        return "\n".join(rows)

    def _numbers(self, undo: list) -> None:
        """Let Python work out this run's numbers, where they may be others than the last one's."""
        stale, self.stale = self.stale, True  # also where this is given up
        changed = self.guards.renumbered()
        if changed is None:
            raise Again
        if self.steady and not (changed or stale):
            self.stale = False
            return
        for host in self.hosts:
            if host.touched:
                undo += noted(host.touched)
            found = host.box[0] = host.find()
            for key, value in host.fixed.items():
                if found[key] is not value and found[key] != value:
                    raise Again
        for ask, answer in self.conditions:
            if (now := ask()) is not answer and not alike(now, answer):
                raise Again
        self.way.turn[0] += 1
        for _, place, find in self.numbers:
            place[0] = find()
        self.stale = False

    def bind(self, outs: tuple, tensors: Any) -> Any:
        """The result; what the program changed is bound back."""
        for how, what, k, taken in self.bound:
            t = what if how == "closed" else tensors[what] if how == "arg" else what.grad
            if not taken:
                t.array[...] = outs[k]
            written(t)
        for leaf, k, where in self.gradients:
            t = tensors[leaf] if leaf.__class__ is int else leaf
            t._grad = None if k is None else make(outs[k], where)
        for act, k, _ in self.after:
            act(make(outs[k], CPU).item())
        return self.result(outs, tensors)


def _first(array: ndarray) -> Any:
    """What a number is written to as its first item, without a warning where it can be."""
    row = array[None]
    return row.data if not array.ndim and array.dtype.char in "fdl" else row


def _hangs(ask: Any, place: Any) -> bool:
    """Whether an answer follows from what is in a place."""
    return ask is place or any(_hangs(x, place) for x in getattr(ask, "of", ()))


def _containers(x: Any) -> Iterable:
    """The lists and dictionaries among arguments, which the function might change."""
    for each in x.values() if isinstance(x, dict) else x if isinstance(x, (list, tuple)) else ():
        yield from [each] if isinstance(each, (list, dict)) else ()
        yield from _containers(each)


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


__all__ = ["Again", "Eagerly", "GraphBreak", "Program", "Unkept"]
