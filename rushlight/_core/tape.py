"""The tape: the tensor's data, the nodes that record calls, and the one backward walk."""

import heapq
import itertools
import warnings
from collections.abc import Callable, Iterable
from sys import getrefcount
from typing import Any, NoReturn

import numpy as np

from . import dtypes, modes
from .devices import CPU, device
from .kinds import known
from .memory import Memory

ndarray = np.ndarray
ASK = "ask"  # `needs` of a view whose base records nothing yet: truthy, so a call asks `edge`
ticks = itertools.count()


class TensorBase:
    """The tensor's data and nothing else; the methods are in _tensor.py.

    array: an array of any kind.
    needs: whether a gradient is wanted (True, False, or ASK for a view that must look at its base).
    node: the node or port that made it, None for a leaf.
    version: a one-element list, shared by all views of one memory.
    origin: of a view, (base, op, params, version at which `node` was made); else None.
    """

    __slots__ = (
        "array", "needs", "node", "version", "origin", "device", "_grad", "__dict__", "__weakref__",
    )  # fmt: skip
    array: Any
    needs: Any
    node: "Node | Port | None"
    version: list
    origin: Any
    device: device
    grad: Any  # as the user sees `_grad`
    _grad: Any
    is_node = False
    _plain_subclass = True  # False where a subclass wants to see calls (`__torch_function__`)


class Node:
    """One recorded call: who made it (plan), what its rules need (saved), whence it came (edges).

    Each plan has its own subclass, so that `type(y.grad_fn).__name__` is PyTorch's. A `__getattr__`
    here would make every look at an attribute three times as dear: a backward pass lives on them.
    """

    __slots__ = ("saved", "edges", "shapes", "tick", "extra", "__weakref__")
    plan: Any
    saved: Any
    edges: tuple
    shapes: Any
    tick: int
    extra: "Extra | None"
    only: int | None = None  # the argument whose gradient `plain` gives alone; None: gives all
    is_node = True

    def plain(self, g: Any) -> Any:
        """What the rules give on NumPy arrays; a plan puts its own way in the place of this."""
        return self.plan.run(known.numpy, g, self, None)

    def name(self) -> str:
        """The node's name, such as `AddBackward0`."""
        return type(self).__name__

    def __repr__(self) -> str:
        return f"<{type(self).__name__} object at {id(self):#x}>"

    @property
    def next_functions(self) -> tuple:
        """The nodes that gradients go to, each with the number of its output."""
        return tuple(public_edge(e) for e in self.edges)

    @property
    def metadata(self) -> dict:
        """A place for the user's own notes."""
        return extra_of(self).metadata

    @property
    def saved_tensors(self) -> tuple:
        """What an `autograd.Function` kept."""
        return self.plan.saved_tensors(self)

    def register_hook(self, hook: Callable) -> "Handle":
        """Call hook(grad_inputs, grad_outputs) after this node; it may return new grad_inputs."""
        return Handle(extra_of(self).after, hook)

    def register_prehook(self, hook: Callable) -> "Handle":
        """Call hook(grad_outputs) before this node; it may return new grad_outputs."""
        return Handle(extra_of(self).before, hook)


class Port:
    """One of several outputs of a node."""

    __slots__ = ("node", "index", "count")
    is_node = True

    def __init__(self, node: Node, index: int, count: int) -> None:
        self.node, self.index, self.count = node, index, count


class AccumulateGrad:
    """What a leaf looks like to someone who follows `next_functions` to the end."""

    def __init__(self, variable: TensorBase) -> None:
        self.variable = variable

    next_functions = ()

    def name(self) -> str:
        """The node's name as PyTorch prints it."""
        return "torch::autograd::AccumulateGrad"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, AccumulateGrad) and other.variable is self.variable

    def __hash__(self) -> int:
        return id(self.variable)


class Extra:
    """What few nodes have: hooks, notes, tensors that retain their gradient, a traceback."""

    __slots__ = ("tensors", "before", "after", "metadata", "retained", "trace", "packed")

    def __init__(self) -> None:
        self.tensors: dict[int, dict] = {}  # output number -> its tensors' hooks
        self.before: dict = {}
        self.after: dict = {}
        self.metadata: dict = {}
        self.retained: dict[int, Any] = {}  # output number -> weak reference to the tensor
        self.trace: str | None = None  # where the op was called, in anomaly mode
        self.packed: Any = None  # what saved-tensor hooks made of `saved`


class Handle:
    """Takes a hook away again with `remove()`; also a context manager."""

    _ids = itertools.count()

    def __init__(self, hooks: dict, hook: Any) -> None:
        self.id = next(self._ids)
        self.hooks = hooks
        hooks[self.id] = hook

    def remove(self) -> None:
        """Take the hook away; again is harmless."""
        self.hooks.pop(self.id, None)

    def __enter__(self) -> "Handle":
        return self

    def __exit__(self, *_: Any) -> None:
        self.remove()


def extra_of(node: Node) -> Extra:
    """The node's extras, made when first asked for."""
    if node.extra is None:
        node.extra = Extra()
    return node.extra


def public_edge(edge: Any) -> tuple:
    """The node and output number of a place that gradients go to."""
    if edge is None:
        return None, 0
    if edge.__class__ is Port:
        return edge.node, edge.index
    return (edge, 0) if edge.is_node else (AccumulateGrad(edge), 0)


def make(array: Any, where: device = CPU, needs: bool = False) -> Any:
    """A plain tensor around an array (NumPy scalars become 0-dim arrays)."""
    t = object.__new__(known.tensor)
    if array.__class__ is not ndarray and isinstance(array, np.generic):
        array = np.asarray(array)
    t.array, t.version, t.device = array, [0], where
    t.needs, t.node, t.origin = needs, None, None
    t._grad = None
    if modes.special and modes.local.trace is not None:
        modes.local.trace.born(t)
    return t


def stale(node: Node, kept: Any, found: int, expected: int) -> None:
    """Refuse a backward pass over a value that was overwritten."""
    array = getattr(kept, "array", kept)
    origin = ""
    made_by = getattr(kept, "node", None)
    if made_by is not None:
        index = made_by.index if made_by.__class__ is Port else 0
        maker = made_by.node if made_by.__class__ is Port else made_by
        origin = f", which is output {index} of {type(maker).__name__.removesuffix('Backward0')},"
    elif kept is array:
        origin = f", which is output 0 of {type(node).__name__.removesuffix('Backward0')},"
    raise RuntimeError(
        "one of the variables needed for gradient computation has been modified by an inplace "
        f"operation: [torch.{dtypes.of(array.dtype).type_name}Tensor {list(array.shape)}]{origin} "
        f"is at version {found}; expected version {expected} instead. Hint: enable anomaly "
        "detection to find the operation that failed to compute its gradient, with "
        "torch.autograd.set_detect_anomaly(True, check_nan=False)."
    )


def freed() -> NoReturn:
    """Refuse a second walk over a graph whose kept values are gone."""
    raise RuntimeError(
        "Trying to backward through the graph a second time (or directly access saved tensors "
        "after they have already been freed). Saved intermediate values of the graph are freed "
        "when you call .backward() or autograd.grad(). Specify retain_graph=True if you need to "
        "backward through the graph a second time or if you need to access saved tensors after "
        "calling backward."
    )


def fit(m: Any, g: Any, shape: tuple) -> Any:
    """Sum `g` over the axes that broadcasting added or stretched: the only place for it."""
    extra = len(g.shape) - len(shape)
    axes = tuple(range(extra)) + tuple(
        i + extra for i, n in enumerate(shape) if n == 1 and g.shape[i + extra] != 1
    )
    if axes:
        g = m.sum(g, axis=axes, keepdims=True)
    return m.reshape(g, shape) if extra else g


def fitted(m: Any, grads: Any, shapes: tuple) -> list:
    """Gradients in their arguments' shapes, where broadcasting had changed them."""
    return [
        g if g is None or g.shape == shape else fit(m, g, shape) for g, shape in zip(grads, shapes)
    ]


def before(node: Node, g: Any, wrap: Callable, unwrap: Callable) -> Any:
    """Run what waits on a node's incoming gradient: tensor hooks, prehooks, retained gradients."""
    extra = node.extra
    assert extra is not None
    many = isinstance(g, list)
    gs = list(g) if many else [g]
    for index, hooks in extra.tensors.items():
        for hook in list(hooks.values()):
            if gs[index] is not None:
                gs[index] = hooked(hook, gs[index], wrap, unwrap)
    if extra.before:
        for hook in list(extra.before.values()):
            made = hook(_each(wrap, gs))
            if made is not None:
                gs = list(_each(unwrap, made))
    for index, ref in extra.retained.items():
        tensor = ref()
        if tensor is not None and gs[index] is not None:
            new = wrap(gs[index])
            tensor._grad = new if tensor._grad is None else tensor._grad + new
    return gs if many else gs[0]


def hooked(hook: Callable, g: Any, wrap: Callable, unwrap: Callable) -> Any:
    """A gradient after a hook, which may give another one of its shape."""
    made = hook(wrap(g))
    if made is None:
        return g
    if tuple(made.shape) != tuple(g.shape):
        name = getattr(hook, "__name__", hook)
        raise RuntimeError(f"hook '{name}' has changed the size of value ({list(g.shape)})")
    return unwrap(made)


def _each(change: Callable, given: Any) -> tuple:
    """The gradients, one or several, changed where there is one."""
    several = given if isinstance(given, (tuple, list)) else (given,)
    return tuple(None if x is None else change(x) for x in several)


def after(node: Node, grads: Any, g: Any, wrap: Callable, unwrap: Callable) -> Any:
    """Run a node's own hooks on what it hands on."""
    assert node.extra is not None
    for hook in list(node.extra.after.values()):
        made = hook(_each(wrap, grads), _each(wrap, g))
        if made is not None:
            grads = list(_each(unwrap, made))
    return grads


def _deliver(pending: dict, heap: list, leaves: dict, edge: Any, g: Any) -> None:
    """Add a gradient to what waits at one edge."""
    if edge.__class__ is Port:
        tick = -edge.node.tick
        if tick not in pending:
            pending[tick] = [edge.node, [None] * edge.count]
            heapq.heappush(heap, tick)
        slots, i = pending[tick][1], edge.index
        slots[i] = g if slots[i] is None else added(slots[i], g)
    elif edge.is_node:
        tick = -edge.tick
        if tick in pending:
            pending[tick][1] = added(pending[tick][1], g)
        else:
            pending[tick] = [edge, g]
            heapq.heappush(heap, tick)
    else:
        held = leaves.get(edge)
        leaves[edge] = g if held is None else added(held, g)


def added(a: Any, b: Any) -> Any:
    """The sum of two gradients; bfloat16 carriers are added in float32."""
    try:
        return a + b
    except TypeError:
        if (m := getattr(a, "names", None) or getattr(b, "names", None)) is not None:
            return m.astype(m.astype(a, dtypes.F32) + m.astype(b, dtypes.F32), dtypes.BFLOAT16)
        return dtypes.to_bfloat16(dtypes.from_bfloat16(a) + dtypes.from_bfloat16(b))


class Walk:
    """One backward pass: what it keeps, and where it stops."""

    __slots__ = ("m", "retain", "lift", "wrap", "unwrap", "sinks", "needed", "found")

    def __init__(self, m: Any, retain: bool, lift: Any, wrap: Callable, unwrap: Callable) -> None:
        self.m, self.retain, self.lift = m, retain, lift
        self.wrap, self.unwrap = wrap, unwrap
        self.sinks: dict = {}  # (node, output number) whose gradient the caller asked for
        self.needed: set | None = None  # nodes on a way to what was asked for; None: all
        self.found: dict = {}

    def ask(self, edges: Iterable, roots: Iterable) -> None:
        """Stop at these edges, and visit only nodes that lead to them."""
        targets = set()
        for edge in edges:
            if edge is None:
                continue
            if edge.__class__ is Port:
                self.sinks[edge.node, edge.index] = None
                targets.add(edge.node)
            else:
                if edge.is_node:
                    self.sinks[edge, 0] = None
                targets.add(edge)
        self.needed = _leading_to(targets, roots)

    def run(self, roots: Iterable[tuple[Any, Any]]) -> dict:
        """Carry each (edge, gradient) back to the leaves; returns {leaf: gradient}.

        A consumer is always younger than what it consumes, so taking the youngest pending node
        first visits each node once, after all its consumers: no counting pass, no recursion.
        """
        pending: dict = {}
        heap: list = []
        leaves: dict = {}
        for edge, g in roots:
            _deliver(pending, heap, leaves, edge, g)
        push, pop, m, retain = heapq.heappush, heapq.heappop, self.m, self.retain
        quick = m is known.numpy and self.needed is None and not modes.local.anomaly
        # One pending node is kept out of the heap: in a chain it is always the next.
        ready, ready_tick, ready_g = None, 0, None
        while heap or ready is not None:
            if ready is None or (heap and heap[0] < ready_tick):
                if ready is not None:
                    pending[ready_tick] = [ready, ready_g]
                    push(heap, ready_tick)
                node, g = pending.pop(pop(heap))
            else:
                node, g = ready, ready_g
            ready = ready_g = None
            if quick and node.extra is None:
                if node.saved is None:
                    freed()
                g, at = node.plain(g), node.only
                shapes = node.shapes
                if at is None:
                    each = zip(node.edges, g if shapes is None else fitted(m, g, shapes))
                elif shapes is None or g is None or g.shape == shapes[at]:
                    each = ((node.edges[at], g),)
                else:
                    each = ((node.edges[at], fit(m, g, shapes[at])),)
                if not retain:
                    node.saved = None if node.saved else ()
            else:
                each = zip(node.edges, self._visit(node, g))
            for edge, gi in each:
                if edge is None or gi is None:
                    continue
                if edge is ready:
                    ready_g = added(ready_g, gi)
                elif edge.__class__ is Port or not edge.is_node:
                    _deliver(pending, heap, leaves, edge, gi)
                else:
                    tick = -edge.tick
                    if tick in pending:
                        pending[tick][1] = added(pending[tick][1], gi)
                    elif ready is None:
                        ready, ready_tick, ready_g = edge, tick, gi
                    else:
                        pending[tick] = [edge, gi]
                        push(heap, tick)
        return leaves

    def _visit(self, node: Node, g: Any) -> Any:
        """One node with hooks, in anomaly mode, or in a walk that was asked for certain inputs."""
        if node.extra is not None:
            g = before(node, g, self.wrap, self.unwrap)
            if node.extra.packed is not None and node.saved is not None:
                node.saved = node.extra.packed.opened()
        if self.needed is not None and self._stops(node, g):
            return ()
        if node.saved is None:
            freed()
        if modes.local.anomaly:
            grads = watched(self.m, g, node, self.lift)
        elif self.m is known.numpy:
            grads = node.plain(g)
            if node.only is not None:
                grads = [grads if i == node.only else None for i in range(len(node.edges))]
        else:
            grads = node.plan.run(self.m, g, node, self.lift)
        if node.shapes is not None:
            grads = fitted(self.m, grads, node.shapes)
        if not self.retain:
            node.saved = None if node.saved else ()
        if node.extra is not None and node.extra.after:
            grads = after(node, grads, g, self.wrap, self.unwrap)
        return grads

    def _stops(self, node: Node, g: Any) -> bool:
        for index, value in enumerate(g if isinstance(g, list) else [g]):
            if (node, index) in self.sinks:
                self.found[node, index] = value
        assert self.needed is not None
        return node not in self.needed


def watched(m: Any, g: Any, node: Node, lift: Any) -> Any:
    """Run a node in anomaly mode: a failure or a NaN names the line of the forward pass."""
    try:
        grads = node.plan.run(m, g, node, lift)
    except Exception:
        warnings.warn(_blame(node), stacklevel=2)
        raise
    if modes.local.anomaly == "nan":
        for i, gi in enumerate(grads):
            array = getattr(gi, "array", gi)
            if array.__class__ is ndarray and array.dtype.kind in "fc" and np.isnan(array).any():
                warnings.warn(_blame(node), stacklevel=2)
                raise RuntimeError(
                    f"Function '{type(node).__name__}' returned nan values in its {i}th output."
                )
    return grads


def _blame(node: Node) -> str:
    trace = node.extra.trace if node.extra is not None else None
    where = (
        f"Traceback of forward call that caused the error:\n{trace}"
        if trace
        else ("No forward pass information: enable detect_anomaly() during the forward pass.")
    )
    return f"Error detected in {type(node).__name__}. {where}"


def _leading_to(targets: set, roots: Iterable) -> set:
    """The nodes from which some target is reached (targets only if others lie behind)."""
    seen: dict = {}
    stack = [e.node if e.__class__ is Port else e for e in roots]
    while stack:
        node = stack.pop()
        if not node.is_node or node in seen:
            continue
        seen[node] = [e.node if e.__class__ is Port else e for e in node.edges if e is not None]
        stack += seen[node]
    needed: set = set()
    for node in sorted(seen, key=lambda n: n.tick):
        if any(e in needed or e in targets for e in seen[node]):
            needed.add(node)
    return needed


def owned(array: Any) -> Any:
    """The array itself where nobody else holds it, else a copy: a gradient must be its own."""
    if array.__class__ is not ndarray:
        return array
    base = array.base
    if (base is None or base.__class__ is Memory) and getrefcount(array) <= _FREE:
        return array
    return array.copy()


def _calibrate() -> int:
    """What getrefcount says inside `owned` about an array that only its caller holds."""
    seen = []

    def probe(array: Any) -> None:
        seen.append(getrefcount(array))

    def caller() -> None:
        leaves = {0: np.empty(1)}
        _, g = leaves.popitem()
        probe(g)

    caller()
    return seen[0]


_FREE = _calibrate()
