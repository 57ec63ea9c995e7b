"""Backward: the walk started from tensors, and what becomes of its results."""

from math import prod
from typing import Any

import numpy as np

from . import modes
from .dtypes import F32, F64
from .kinds import DIFFERENTIABLE, known, namespace
from .tape import Node, Port, TensorBase, Walk, hooked, make, ndarray, owned, public_edge
from .views import edge


class _OnTensors:
    """How a walk that is itself recorded opens what was saved: as the tensors they were."""

    reruns = True

    def tensor(self, x: TensorBase) -> TensorBase:
        return x

    def output(self, array: Any, node: Node, cell: list) -> TensorBase:
        t = make(array)
        t.node, t.needs, t.version = node, True, cell
        return t

    def outputs(self, arrays: tuple, node: Node) -> tuple:
        made = []
        for i, array in enumerate(arrays):
            t: Any = None if array is None else make(array)
            if array is not None and array.dtype.kind in "fcV":
                t.node, t.needs = Port(node, i, len(arrays)), True
            made.append(t)
        return tuple(made)

    def kept(self, value: Any) -> Any:
        return (
            make(value) if hasattr(value, "shape") and not isinstance(value, TensorBase) else value
        )


class _OnLevel:
    """How a walk over arrays that transform (batched, dual) opens what was saved: entered."""

    reruns = False

    def __init__(self, names: Any) -> None:
        self.names = names

    def tensor(self, x: TensorBase) -> Any:
        return self.names.enter(x)

    def output(self, array: Any, node: Node, cell: list) -> Any:
        return self.kept(array)

    def outputs(self, arrays: tuple, node: Node) -> tuple:
        return tuple(self.kept(a) for a in arrays)

    def kept(self, value: Any) -> Any:
        if value.__class__ is ndarray or (
            hasattr(value, "names") and value.names is not self.names
        ):
            return self.names.enter(make(value))
        return value


ON_TENSORS = _OnTensors()


def _unwrap(t: Any) -> Any:
    return t.array


def _same(t: Any) -> Any:
    return t


def walk_for(arrays: list, retain: bool, create: bool, where: Any) -> Walk:
    """The walk over arrays of the outermost kind among `arrays`, or over tensors to be recorded."""
    if create:
        return Walk(DIFFERENTIABLE, True, ON_TENSORS, _same, _same)
    m = known.numpy
    for a in arrays:
        if a.__class__ is not ndarray and (m is known.numpy or a.names.level > m.level):
            m = a.names
    lift = _OnLevel(m) if m.level > 0 else None

    def wrap(array: Any) -> Any:
        return make(array, where)

    return Walk(m, retain, lift, wrap, _unwrap)


def seeds(tensors: list, gradients: list) -> list:
    """The gradient to start with for each tensor: given, or one for a scalar.

    Raises:
        RuntimeError: where none is given for a tensor of several elements, or the shape differs.
    """
    made = []
    for i, (t, g) in enumerate(zip(tensors, gradients)):
        if edge(t) is None:
            raise RuntimeError(
                f"element {i} of tensors does not require grad and does not have a grad_fn. "
                "Nothing that led to it asked for gradients: set requires_grad=True on a tensor "
                "before the computation, and see that it did not run under no_grad or detach()."
            )
        if g is None:
            if prod(t.array.shape) != 1:
                raise RuntimeError(
                    "grad can be implicitly created only for scalar outputs. This one has shape "
                    f"{list(t.array.shape)}: reduce it, as in loss.mean().backward(), or pass "
                    "gradient=."
                )
            if t.array.dtype.kind == "c":
                raise RuntimeError(
                    "grad can be implicitly created only for real scalar outputs but got "
                    f"{known.tensor.dtype.fget(t)}"
                )
            m = namespace(t.array)
            g = make(m.full(t.array.shape, 1, t.array.dtype), t.device)
        elif not isinstance(g, TensorBase):
            raise TypeError(f"gradients can be either Tensors or None, but got {type(g).__name__}")
        elif tuple(g.array.shape) != tuple(t.array.shape):
            raise RuntimeError(
                f"Mismatch in shape: grad_output[{i}] has a shape of "
                f"torch.Size({list(g.array.shape)}) and "
                f"output[{i}] has a shape of torch.Size({list(t.array.shape)})."
            )
        made.append(g)
    return made


def backward(
    tensors: Any,
    grad_tensors: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs: Any = None,
) -> None:
    """Add the gradients of `tensors` to the `.grad` of the leaves (or of `inputs` alone)."""
    alone = grad_tensors.__class__ is list and grad_tensors == [None]
    if alone and inputs is None and not (create_graph or modes.special):
        leaves = _from_number(tensors[0], bool(retain_graph))
        if leaves is not None:
            return accumulate(leaves, False)
    tensors = _listed(tensors, 1)
    chosen = None if inputs is None else _listed(inputs, 0)
    if chosen is not None and not chosen:
        raise RuntimeError("`inputs` argument to `backward()` cannot be empty.")
    walk, leaves = _walked(tensors, grad_tensors, retain_graph, create_graph, chosen)
    if chosen is not None:
        found = _found(walk, chosen, leaves)
        leaves = {x: g for x, g in found.items() if g is not None}
        del found
    return accumulate(leaves, create_graph)


def _from_number(t: Any, retain: bool) -> dict | None:
    """What a walk from one plain number brings to leaves, as most do; None elsewhere."""
    array, root = t.array, edge(t)
    if array.__class__ is not ndarray or array.shape or root is None:
        return None
    if (start := _STARTS.get(array.dtype)) is None:
        return None
    before = modes.local.grad
    modes._switch_grad(False)
    try:
        with np.errstate(all="ignore"):
            return walk_for([array], retain, False, t.device).run([(root, start.copy())])
    finally:
        modes._switch_grad(before)


_STARTS = {dtype: np.ones((), dtype) for dtype in (F32, F64)}


def _walked(
    tensors: list, gradients: Any, retain: bool | None, create: bool, asked: list | None
) -> tuple[Walk, dict]:
    """A walk from the tensors (to what is asked for alone), and what it brought to leaves."""
    gradients = seeds(tensors, _listed(gradients, len(tensors)))
    roots = [edge(t) for t in tensors]
    before = modes.local.grad
    modes._switch_grad(bool(create))
    try:
        retain = create if retain is None else retain
        walk = walk_for([t.array for t in tensors], retain, create, tensors[0].device)
        if asked is not None:
            walk.ask([edge(x) for x in asked], roots)
        values = [_enter(walk, g, create) for g in gradients]
        with np.errstate(all="ignore"):  # PyTorch does not warn of 1/0 or overflow
            return walk, walk.run(list(zip(roots, values)))
    finally:
        modes._switch_grad(before)


def _enter(walk: Walk, g: TensorBase, create: bool) -> Any:
    if create:
        return g
    return g.array if walk.lift is None else walk.lift.tensor(g)


def _listed(given: Any, n: int) -> list:
    if given is None:
        return [None] * n
    return [given] if isinstance(given, TensorBase) else list(given)


def _found(walk: Walk, inputs: list, leaves: dict) -> dict:
    return {x: arrived(walk, leaves, edge(x)) for x in inputs}


def arrived(walk: Walk, leaves: dict, where: Any) -> Any:
    """What a walk brought to a place; None where nothing came."""
    if where is None:
        return None
    if where.__class__ is Port or where.is_node:
        return walk.found.get(public_edge(where))
    return leaves.get(where)


def grad(
    outputs: Any, inputs: Any, grad_outputs: Any = None, retain_graph: bool | None = None,
    create_graph: bool = False, allow_unused: bool | None = None, is_grads_batched: bool = False,
    materialize_grads: bool = False,
) -> tuple:  # fmt: skip
    """The gradients of `outputs` for `inputs`, leaving every `.grad` alone.

    Raises:
        RuntimeError: where an input was not used (unless `allow_unused`).
    """
    outputs, inputs = _listed(outputs, 1), _listed(inputs, 1)
    if is_grads_batched:
        return _batched_grad(outputs, inputs, grad_outputs, create_graph, allow_unused)
    for x in inputs:
        if edge(x) is None:
            raise RuntimeError("One of the differentiated Tensors does not require grad")
    walk, leaves = _walked(outputs, grad_outputs, retain_graph, create_graph, inputs)
    found = _found(walk, inputs, leaves)
    made = []
    for x in inputs:
        g = found[x]
        if g is None:
            made.append(_unused(x, allow_unused, materialize_grads))
        else:
            made.append(_hooked(x, g if create_graph else make(g, x.device)))
    return tuple(made)


def _hooked(x: TensorBase, g: Any) -> Any:
    if x.node is None:
        for hook in list(x.__dict__.get("_backward_hooks", {}).values()):
            g = hooked(hook, g, _same, _same)
    return g


def _unused(x: TensorBase, allow: bool | None, materialize: bool) -> Any:
    if materialize:
        return make(namespace(x.array).zeros_like(x.array), x.device)
    if not allow:
        raise RuntimeError(
            "One of the differentiated Tensors appears to not have been used in the graph. Set "
            "allow_unused=True if this is the desired behavior."
        )
    return None


def _batched_grad(
    outputs: list, inputs: list, grad_outputs: Any, create: bool, allow: Any
) -> tuple:
    """One gradient for each row of the given ones."""
    rows = _listed(grad_outputs, len(outputs))
    count = rows[0].array.shape[0]
    each = [grad(outputs, inputs, [r[i] for r in rows], True, create, allow) for i in range(count)]
    stack = DIFFERENTIABLE.stack
    return tuple(None if gs[0] is None else stack(list(gs)) for gs in zip(*each))


def accumulate(leaves: dict, create: bool) -> None:
    """Add gradients to `.grad`, after the leaf's hooks; then its post-accumulate hooks."""
    while leaves:
        leaf, g = leaves.popitem()
        d = leaf.__dict__
        if d:
            for hook in list(d.get("_backward_hooks", {}).values()) if leaf.node is None else ():
                ways = (_same, _same) if create else (lambda a, t=leaf: make(a, t.device), _unwrap)
                g = hooked(hook, g, *ways)
        if leaf._grad is None:
            leaf._grad = g if create else make(owned(g), leaf.device)
            if modes.local.trace is not None and not create:
                modes.local.trace.born(leaf._grad)
        elif create or leaf._grad.needs:
            with modes.enable_grad() if create else modes.no_grad():
                leaf._grad = leaf._grad + (g if create else make(g, leaf.device))
        elif not _added_in_place(leaf._grad, g):
            with modes.no_grad():
                leaf._grad.add_(make(g, leaf.device))
        if d:
            for hook in list(d.get("_post_accumulate_grad_hooks", {}).values()):
                hook(leaf)


def _added_in_place(grad: Any, g: Any) -> bool:
    """Add to a gradient that is memory of its own; False where it is anything else."""
    a = grad.array
    plain = a.__class__ is ndarray is g.__class__ and grad.origin is None and not modes.special
    if not plain or a.dtype is not g.dtype or a.shape != g.shape or a.dtype.kind != "f":
        return False
    if not (a.flags.c_contiguous and a.flags.writeable):
        return False
    np.add(a, g, a)
    grad.version[0] += 1
    return True


def gradient_edge(t: TensorBase) -> tuple:
    """The node and output number that gradients of `t` go to."""
    where = edge(t)
    if where is None:
        raise RuntimeError("Can't get gradient edge for a Tensor that does not require grad.")
    return public_edge(where)
