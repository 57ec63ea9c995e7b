"""Function: an operation whose gradient the user writes."""

import functools
from collections.abc import Callable
from typing import Any

from .._core import modes
from .._core.general import new_node
from .._core.kinds import DIFFERENTIABLE, namespace
from .._core.tape import Node, Port, TensorBase, freed, make, stale
from .._core.views import edge, written


class FunctionCtx:
    """What `forward` and `backward` share: saved tensors, and notes about inputs and outputs."""

    def __init__(self) -> None:
        self._to_save: tuple = ()
        self._kept: Any = None
        self._dirty: tuple = ()
        self._constant: tuple = ()
        self._materialize = True
        self.needs_input_grad: tuple = ()

    def save_for_backward(self, *tensors: Any) -> None:
        """Keep inputs or outputs (or None) for `backward`, checked against later overwriting."""
        self._to_save = tensors

    save_for_forward = save_for_backward

    @property
    def saved_tensors(self) -> tuple:
        """What `save_for_backward` kept."""
        if self._kept is None:
            freed()
        return tuple(None if k is None else k.open() for k in self._kept)

    saved_variables = saved_tensors

    def mark_dirty(self, *tensors: Any) -> None:
        """Name the inputs that `forward` changes in place (and returns)."""
        self._dirty = tensors

    def mark_non_differentiable(self, *tensors: Any) -> None:
        """Name the outputs that carry no gradient."""
        self._constant = tensors

    def set_materialize_grads(self, value: bool) -> None:
        """Whether missing gradients reach `backward` as zeros (the default) or as None."""
        self._materialize = value


class _Saved:
    """One saved tensor. Outputs are kept by their arrays, so that no cycle forms."""

    __slots__ = ("kept", "where", "cell", "version", "node", "port")

    def __init__(self, t: Any, node: Any) -> None:
        self.node, self.cell, self.version, self.where = node, t.version, t.version[0], t.device
        self.port = t.node if t.node.__class__ is Port and t.node.node is node else None
        self.kept: Any = t if self.port is None else t.array

    def open(self) -> Any:
        if self.cell[0] != self.version:
            stale(self.node, self.kept, self.cell[0], self.version)
        if self.port is None:
            return self.kept
        t = make(self.kept, self.where)
        t.version = self.cell
        t.needs, t.node = True, self.port
        return t


class _FunctionPlan:
    """How a walk passes through a Function's node."""

    fields: tuple = ()

    def __init__(self, cls: type) -> None:
        self.cls = cls
        self.node_class = type(
            cls.__name__ + "Backward", (FunctionNode,), {"__slots__": (), "plan": self}
        )

    def run(self, m: Any, g: list, node: Node, lift: Any) -> list:
        """The gradients of all arguments, from `backward` called on tensors."""
        ctx, facts, where = node.saved
        recorded = m is DIFFERENTIABLE
        grads = [None if x is None else x if recorded else make(x, where) for x in g]
        if ctx._materialize:
            grads = [_zeros(f) if x is None else x for x, f in zip(grads, facts)]
        made = self.cls.backward(ctx, *grads)
        made = list(made) if isinstance(made, tuple) else [made]
        wanted = len(node.edges)
        if len(made) > wanted and all(x is None for x in made[wanted:]):
            made = made[:wanted]
        if len(made) != wanted:
            raise RuntimeError(
                f"function {type(node).__name__} returned an incorrect number of gradients "
                f"(expected {wanted}, got {len(made)})"
            )
        for i, x in enumerate(made):
            _check_gradient(type(node).__name__, i, x)
        if not recorded:
            enter = _array if lift is None else lift.tensor
            made = [None if x is None else enter(x) for x in made]
        return made

    def saved_tensors(self, node: Node) -> tuple:
        if node.saved is None:
            freed()
        return node.saved[0].saved_tensors


def _array(x: Any) -> Any:
    return x.array


def _zeros(fact: tuple) -> Any:
    array, where = fact
    return make(namespace(array).zeros_like(array), where)


def _check_gradient(name: str, i: int, x: Any) -> None:
    if x is not None and not isinstance(x, TensorBase):
        raise TypeError(
            f"function {name} returned a gradient of type {type(x).__name__} at position {i}; "
            "expected a Tensor or None"
        )


class FunctionNode(Node):
    """The node of a Function: what the user put on `ctx` can be read from it."""

    __slots__ = ()

    def __getattr__(self, name: str) -> Any:
        if self.saved:
            return getattr(self.saved[0], name)
        raise AttributeError(name)


class Function:
    """Base of operations with a gradient of one's own.

    Write the static methods `forward(ctx, *args)` and `backward(ctx, *grads)`, or, in the newer
    style, `forward(*args)` with `setup_context(ctx, inputs, output)`; call `apply(*args)`.
    """

    @staticmethod
    def forward(*args: Any, **kwargs: Any) -> Any:
        """The operation."""
        raise NotImplementedError(
            "You must implement the forward function for custom autograd.Function."
        )

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        """The gradient for each argument of `forward` (None where there is none)."""
        raise NotImplementedError(
            "You must implement either the backward or vjp method for your custom "
            "autograd.Function to use it with backward mode AD."
        )

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple, output: Any) -> None:
        """Save what `backward` needs, in the newer style."""
        raise NotImplementedError("setup_context is not implemented.")

    @classmethod
    def apply(cls, *args: Any, **kwargs: Any) -> Any:
        """Run the operation and record it."""
        ctx = FunctionCtx()
        wants = [isinstance(a, TensorBase) and edge(a) is not None for a in args]
        ctx.needs_input_grad = tuple(wants)
        edges = [edge(a) if isinstance(a, TensorBase) else None for a in args]
        with modes.no_grad():
            if cls.setup_context is not Function.setup_context:
                made = cls.forward(*args, **kwargs)
                cls.setup_context(ctx, args, made)
            else:
                made = cls.forward(ctx, *args, **kwargs)
        single = not isinstance(made, (tuple, list))
        outs = [made] if single else list(made)
        for t in ctx._dirty:
            if not any(t is o for o in outs):
                raise RuntimeError(
                    "Some elements marked as dirty during the forward method were not returned "
                    "as output."
                )
        recording = modes.records() and any(wants)
        node = new_node(_plan(cls).node_class, edges)
        outs = [_output(ctx, o, args, recording, node, i, len(outs)) for i, o in enumerate(outs)]
        if recording:
            _keep(ctx, node, outs)
        return outs[0] if single else tuple(outs)


def _output(
    ctx: FunctionCtx, o: Any, args: tuple, recording: bool, node: Node, i: int, n: int
) -> Any:
    """An output as part of the graph: a result that is an input becomes a name of its own."""
    if not isinstance(o, TensorBase):
        return o
    dirty = any(o is t for t in ctx._dirty)
    if dirty:
        written(o)
    constant = any(o is t for t in ctx._constant) or o.array.dtype.kind not in "fcV"
    if not dirty and any(o is a for a in args):
        alias = make(o.array, o.device)
        alias.version = o.version
        o = alias
    if recording and not constant:
        o.needs, o.node = True, Port(node, i, n)
    return o


def _keep(ctx: FunctionCtx, node: Node, outs: list) -> None:
    ctx._kept = [None if t is None else _Saved(t, node) for t in ctx._to_save]
    ctx._to_save = ctx._dirty = ctx._constant = ()
    where = next((o.device for o in outs if isinstance(o, TensorBase)), None)
    node.saved = (ctx, [_spec(o) if isinstance(o, TensorBase) else None for o in outs], where)


def _spec(out: Any) -> tuple:
    """What zeros of an output's shape need: a stand-in without memory."""
    m = namespace(out.array)
    return m.broadcast_to(m.full((), 0, out.array.dtype), tuple(out.array.shape)), out.device


@functools.cache
def _plan(cls: type) -> _FunctionPlan:
    return _FunctionPlan(cls)


def once_differentiable(backward: Callable) -> Callable:
    """Decorator for `backward`: its result has no further derivative."""

    @functools.wraps(backward)
    def inside(ctx: Any, *grads: Any) -> Any:
        with modes.no_grad():
            return backward(ctx, *grads)

    return inside


InplaceFunction = Function
