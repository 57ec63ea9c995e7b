"""Views and writing in place: how a name follows its base, and how a write reaches the owner."""

from copy import copy
from typing import Any

import numpy as np

from . import dtypes, modes
from .kinds import known
from .spec import reshaped_strides
from .tape import ASK, Node, Port, TensorBase, make, ndarray

# Ops that a family announces, for they need records, which lie above this file: "put" is base with
# a view's part replaced, "copy" a source broadcast into x's shape, "cast" x in another dtype,
# "identity" x under a node of its own, "laid" an array in memory as another one.
helpers: dict[str, Any] = {}


def edge(t: TensorBase) -> Any:
    """Where the gradient of `t` goes: its node or port, itself if a leaf, None if it wants none."""
    origin = t.origin
    if origin is not None and (origin[0].origin is not None or origin[3] != origin[0].version[0]):
        refresh(t)
    return None if not t.needs or t.needs is ASK else (t.node or t)


def refresh(t: TensorBase) -> None:
    """Bring a view up to date after its base was written through another name."""
    base, record, params, seen = t.origin
    if base.origin is not None:
        refresh(base)
    if seen == base.version[0]:
        return
    if record.alias and t.array.__class__ is ndarray:
        t.origin = (base, record, params, base.version[0])
        return
    with modes.enable_grad(), modes.subclass_off():
        again = record.function(base, **params)
    if again.array.__class__ is not ndarray:
        t.array = again.array
    if not record.alias:  # a detached name has a tape of its own, whatever its base goes through
        t.needs, t.node = again.needs, again.node
    t.origin = (base, record, params, base.version[0])


def refuse_write(x: TensorBase) -> None:
    """PyTorch's refusals of an in-place change, while recording."""
    a = x.array
    if (
        a.__class__ is ndarray
        and a.size > 1
        and 0 in a.strides
        and any(s == 0 and n > 1 for s, n in zip(a.strides, a.shape))
    ):
        raise overlapping()
    if not x.needs or not modes.records():
        return
    owner, name = x, "a leaf Variable"
    while owner.origin is not None and not owner.origin[1].alias:
        owner, name = owner.origin[0], "a view of a leaf Variable"
    if owner.needs is True and owner.node is None:
        raise RuntimeError(
            f"{name} that requires grad is being used in an in-place operation. "
            "Wrap the change in torch.no_grad() if it is not to be recorded, or work on x.clone()."
        )
    if x.origin is not None and x.node.__class__ is Port and x.needs is True:
        port: Any = x.node
        raise RuntimeError(
            f"Output {port.index} of {type(port.node).__name__} is a view and is being modified "
            "inplace. This view is the output of a function that returns multiple views. Such "
            "functions do not allow the output views to be modified inplace. You should replace "
            "the inplace operation by an out-of-place one."
        )


def overlapping() -> RuntimeError:
    """Elements that share memory cannot be written to."""
    return RuntimeError(
        "unsupported operation: more than one element of the written-to tensor refers to a single "
        "memory location. Please clone() the tensor before performing the operation."
    )


def written(x: TensorBase) -> None:
    """Note that x's memory was changed outside the tape."""
    x.version[0] += 1
    if x.origin is not None:
        x.origin = (*x.origin[:3], x.origin[0].version[0])


def snapshot(x: TensorBase) -> TensorBase:
    """x as it is before it is overwritten, for rules that keep it (PyTorch clones it too)."""
    where = edge(x)
    if where is x:
        return x
    old = make(x.array.copy() if x.array.__class__ is ndarray else x.array, x.device)
    old.needs, old.node = where is not None, where
    return old


def assign(x: TensorBase, new: TensorBase) -> TensorBase:
    """Let x be `new`: memory, version, tape; through views, up to the memory's owner."""
    if new.array.shape != x.array.shape:
        raise RuntimeError(
            f"output with shape {list(x.array.shape)} doesn't match the broadcast shape "
            f"{list(new.array.shape)}. An in-place operation cannot grow the tensor it writes to."
        )
    have, want = dtypes.of(new.array.dtype), dtypes.of(x.array.dtype)
    if have is not want:
        if not dtypes.can_cast(have, want):
            raise RuntimeError(
                f"result type {have.type_name} can't be cast to the desired output type "
                f"{want.type_name}. Convert the tensor first, as in x = x.to({have})."
            )
        new = helpers["cast"](new, want)
    memory = x.array.__class__ is ndarray
    if memory and new.array.__class__ is not ndarray:
        raise RuntimeError(
            "in-place: a value inside vmap or jvp cannot be written into a tensor from outside it"
        )
    if memory:
        x.array[...] = new.array
    x.version[0] += 1
    _keep_written(x, new, memory)
    install(x, new, memory)
    return x


def _keep_written(x: TensorBase, new: TensorBase, memory: bool) -> None:
    """Where the rule keeps its output, it must keep x's memory: later writes are then noticed."""
    node: Any = new.node
    if node.__class__ is Port or node is None or "out" not in getattr(node.plan, "fields", ()):
        return
    kept = list(node.saved)
    at = next((i for i, k in enumerate(kept) if k is new.version), None)
    if at is not None:
        kept[at - 1 : at + 2] = x.array if memory else new.array, x.version, x.version[0]
        node.saved = tuple(kept)


def install(x: TensorBase, new: TensorBase, memory: bool) -> None:
    """Give x the tape (and, where arrays are values, the array) of `new`; then its base."""
    if x.origin is not None:
        base, record, params, _ = x.origin
        taped = (
            not record.alias and modes.records() and not (edge(new) is None and _wants_none(base))
        )
        if taped or not memory:
            with modes.enable_grad() if taped else modes.no_grad():
                if base.origin is not None:
                    base.origin = (*base.origin[:3], base.origin[0].version[0])
                put = helpers["put"](base, new, through=record, params=params)
                install(base, put, memory)
        x.origin = (base, record, params, base.version[0] - taped)
        if taped:
            refresh(x)
            return
    if not memory:
        x.array = _laid(new.array, x.array)
    if modes.records():  # also when `new` wants no gradient: the old value's tape must go
        wants = edge(new) is not None
        x.needs = wants or (ASK if x.origin is not None else False)
        x.node = new.node if wants else None


def _laid(a: Any, b: Any) -> Any:
    """`a`, a value that is written over `b`, with b's strides: memory stays where it is."""
    if ndarray in (a.__class__, b.__class__) or (a.strides, a.offset) == (b.strides, b.offset):
        return a
    if hasattr(a, "value"):  # over a tensor, whose memory may be real
        return helpers["laid"](a.names, a, b)
    a = copy(a)
    a.strides, a.offset = b.strides, b.offset
    return a


def _wants_none(base: TensorBase) -> bool:
    return not base.needs or base.needs is ASK


def copy_(x: Any, source: Any) -> Any:
    """Overwrite x with `source`, broadcast and cast to it; gradients flow to the source."""
    refuse_write(x)
    if not isinstance(source, TensorBase):
        source = known.as_tensor(source, dtype=dtypes.of(x.array.dtype), device=x.device)
    a, b = x.array, source.array
    if (
        a.__class__ is ndarray is b.__class__
        and not modes.special
        and not ((x.needs or source.needs) and modes.records())
    ):
        try:
            a[...] = b if a.dtype == b.dtype else dtypes.cast(b, a.dtype)
        except ValueError as error:
            raise_unmet(a, b, error)
        written(x)
        return x
    dtype = dtypes.of(a.dtype)
    if dtypes.of(b.dtype) is not dtype:
        source = helpers["cast"](source, dtype)
    if x.origin is not None:
        refresh(x)
    return assign(x, helpers["copy"](x, source))


def raise_unmet(a: Any, b: Any, error: Exception) -> None:
    """Say which sizes did not meet when something was copied into a tensor."""
    for i in range(1, max(len(a.shape), len(b.shape)) + 1):
        n = a.shape[-i] if i <= len(a.shape) else None
        k = b.shape[-i] if i <= len(b.shape) else 1
        if n is None or k not in (1, n):
            where = len(a.shape) - i
            raise RuntimeError(
                f"The expanded size of the tensor ({n}) must match the existing size ({k}) at "
                f"non-singleton dimension {where}.  Target sizes: {list(a.shape)}.  "
                f"Tensor sizes: {list(b.shape)}"
            ) from None
    raise error


def shares(a: Any, b: Any, reshaped: bool = True) -> bool:
    """Whether `a`, made from `b` by a view op, shows the same memory.

    Arrays that are values carry the strides that memory would have: a reshape is a view of them
    where PyTorch's rule says so, and their other views always are.
    """
    if a.__class__ is not ndarray or b.__class__ is not ndarray:
        return (
            not (reshaped and hasattr(b, "strides"))
            or reshaped_strides(b.shape, b.strides, a.shape) is not None
        )
    return (
        a is b
        or a.base is b
        or (a.base is not None and a.base is b.base)
        or np.may_share_memory(a, b)
    )


def note_view(t: TensorBase, base: TensorBase, record: Any, params: dict) -> None:
    """Make `t` a view of `base` where they share memory."""
    if shares(t.array, base.array, record.name == "reshape"):
        attach(t, base, record, params)


def attach(t: TensorBase, base: TensorBase, record: Any, params: dict) -> None:
    """Make `t` a view of `base`, whose memory it shows."""
    t.version = cell = base.version
    t.origin = (base, record, params, cell[0])
    t.needs = t.needs or ASK


def node_of(t: TensorBase) -> Node | None:
    """The node that made `t`, None for a leaf."""
    where = edge(t)
    if where is None or not where.is_node:
        return None
    return where.node if where.__class__ is Port else where
