"""The general way to call an op: any kind of array, promotion, half precision, devices, subclasses.

The fast path of a generated function is this, specialised to NumPy arrays of one dtype.
"""

from typing import Any

import numpy as np

from . import dtypes, modes
from .devices import CPU
from .errors import explained, wrong_argument
from .filling import into
from .kinds import known
from .packing import note
from .plan import plan_of
from .record import Op
from .tape import Node, Port, TensorBase, make, ndarray, ticks
from .through import through_body
from .views import edge, helpers, note_view, refresh


def general(op: Op, args: tuple, params: dict, out: Any = None) -> Any:
    """Call an op in full generality. `args` are its tensor arguments, a list among them maybe."""
    flat = flatten(op, args)
    if not modes.local.subclass_off:
        hooked = subclass_call(op, flat, args, params, out)
        if hooked is not NotImplemented:
            return hooked
    if modes.local.autocast is not None and op.autocast is not None:
        flat = autocast(op, flat)
    if modes.local.trace is not None:
        for a in flat:
            if isinstance(a, TensorBase):
                modes.local.trace.capture(a)
    if op.kind == "reduce" and params.get("dtype") is not None:
        flat, params = converted(op, flat, params)
    flat = prepare(op, flat, params)
    for t in flat:
        if isinstance(t, TensorBase) and t.origin is not None:
            refresh(t)
    made = run(op, flat, params)
    return made if out is None else into(op, out, made, flat)


def plain_list(tensors: Any, any_dtype: bool) -> list | None:
    """The arrays of NumPy tensors on one device (and of one dtype), None for anything else."""
    if (tensors.__class__ is not list and tensors.__class__ is not tuple) or not tensors:
        return None
    try:
        arrays = [t.array for t in tensors]
    except AttributeError:
        return None
    where, dtype = tensors[0].device, arrays[0].dtype
    if not any_dtype and dtype is not dtypes.F32 and dtype is not dtypes.F64:
        return None
    for t, a in zip(tensors, arrays):
        if a.__class__ is not ndarray or t.device is not where:
            return None
        if not any_dtype and a.dtype is not dtype:
            return None
    return arrays


def flatten(op: Op, args: tuple) -> list:
    """The arguments one after another, a list argument's tensors first."""
    if not op.lists:
        return list(args)
    tensors = args[0]
    if not isinstance(tensors, (list, tuple)):
        raise wrong_argument(op.name, op.arrays[0], 1, "tuple of Tensors", tensors)
    for i, t in enumerate(tensors):
        if not isinstance(t, TensorBase):
            raise TypeError(
                f"expected Tensor as element {i} in argument 0, but got {type(t).__name__}"
            )
    return [*tensors, *args[1:]]


def nested(op: Op, flat: list) -> list:
    """The inverse of `flatten`."""
    if not op.lists:
        return flat
    n = len(flat) - len(op.arrays) + 1
    return [flat[:n], *flat[n:]]


def subclass_call(op: Op, flat: list, args: tuple, params: dict, out: Any) -> Any:
    """Give the call to a tensor subclass with a `__torch_function__`, if there is one."""
    types = []
    for a in flat:
        cls: Any = a.__class__
        if getattr(cls, "_plain_subclass", not hasattr(cls, "__torch_function__")) or cls in types:
            continue
        types.append(cls)
    if not types:
        return NotImplemented
    types.sort(key=lambda c: -len(c.__mro__))
    kwargs = params if out is None else {**params, "out": out}
    for cls in types:
        made = cls.__torch_function__(op.function, tuple(types), args, kwargs)
        if made is not NotImplemented:
            return made
    raise TypeError(
        f"no implementation found for {op.name} on types that implement __torch_function__: {types}"
    )


def autocast(op: Op, flat: list) -> list:
    """The arguments in the dtype that autocast's list wants for this op."""
    lower = modes.local.autocast
    floating = [a for a in flat if isinstance(a, TensorBase) and a.array.dtype in _FLOATS]
    if op.autocast == "lower":
        want = lower
    elif op.autocast == "float32":
        want = dtypes.float32
    else:  # "promote": the widest among them
        want = dtypes.result_dtype([a.array for a in floating]) if floating else lower
    return [
        helpers["cast"](a, want)
        if isinstance(a, TensorBase)
        and a.array.dtype in _FLOATS
        and dtypes.of(a.array.dtype) is not want
        else a
        for a in flat
    ]


_FLOATS = {dtypes.F32, dtypes.float16.numpy, dtypes.BFLOAT16}


def converted(op: Op, flat: list, params: dict) -> tuple[list, dict]:
    """The input in the dtype asked for: a cast of its own, so that its gradient is cast back."""
    asked, x = dtypes.of(params["dtype"]), flat[0]
    if not isinstance(x, TensorBase):
        return flat, params
    if x.array.dtype != asked.numpy:
        if asked in dtypes.HALVES and op.name == "linalg_vector_norm":
            return flat, params  # which refuses that
        x = helpers["cast"](x, asked)
    left = None if asked.category > 1 else asked  # integers would be added up in int64
    return [x, *flat[1:]], {**params, "dtype": left}


def prepare(op: Op, flat: list, params: dict) -> list:
    """Operands with the dtypes the op's kind asks for, on one device."""
    if op.kind == "pointwise":
        floats = op.floats(params) if callable(op.floats) else op.floats
        flat = promoted(op, flat, bool(floats))
    else:
        flat = [
            known.as_tensor(a)
            if isinstance(a, dtypes.NUMBERS) and op.kind in ("same", "reduce")
            else a
            for a in flat
        ]
        if op.kind == "same":
            check_same(op, flat)
    tensors = [a for a in flat if isinstance(a, TensorBase)]
    if not tensors:
        wrong = next((a for a in flat if a is not None), None)
        raise wrong_argument(op.name, op.arrays[0], 1, "Tensor", wrong)
    check_devices(op, tensors)
    for name, a in zip(op.arrays, nested(op, flat)):
        if not isinstance(a, (TensorBase, list, *dtypes.NUMBERS)) and a is not None:
            raise wrong_argument(op.name, name, 0, "Tensor", a)
    return flat


def promoted(op: Op, flat: list, floats: bool) -> list:
    """Operands in one dtype; a cast is an op of its own on the tape, so rules see one dtype."""
    chosen = [op.promotes is None or n in op.promotes for n in op.arrays]
    numbers: tuple = (int, float, complex, np.generic)
    flat = [a.item() if isinstance(a, np.generic) else a for a in flat]
    if len(flat) == 1:
        numbers = ()
    for name, a in zip(op.arrays, flat):
        if (a is not None or not numbers) and not isinstance(a, (TensorBase, *numbers)):
            place = op.arrays.index(name) + 1
            wanted = "Tensor or Number" if numbers else "Tensor"
            raise wrong_argument(op.name, name, place, wanted, a)
    taking = [a for a, yes in zip(flat, chosen) if yes and a is not None]
    dtype = dtypes.result_dtype([getattr(a, "array", a) for a in taking])
    if floats and dtype.category < 2:
        dtype = dtypes.get_default_dtype()
    if not any(isinstance(a, TensorBase) for a in flat):
        flat = [a if a is None else known.as_tensor(a) for a in flat]
    return [_as(a, dtype) if yes and a is not None else a for a, yes in zip(flat, chosen)]


def _as(a: Any, dtype: dtypes.dtype) -> Any:
    if isinstance(a, TensorBase):
        return a if a.array.dtype == dtype.numpy else helpers["cast"](a, dtype)
    if dtype.category == 1 and not isinstance(a, bool):  # integers out of range wrap around
        bits = 8 * dtype.itemsize
        a = a % (1 << bits)
        return a - (1 << bits) if dtype.is_signed and a >> (bits - 1) else a
    return a


def check_same(op: Op, flat: list) -> None:
    """Refuse operands of different dtypes, but for integers that are numbers."""
    tensors = [a for a in flat if isinstance(a, TensorBase)]
    found = [dtypes.of(a.array.dtype) for a in tensors]
    found = [d for d, a in zip(found, tensors) if d.category > 1 or a.array.shape] or found
    if op.wide and found[0] in dtypes.HALVES and {*found[1:]} == {dtypes.float32}:
        return
    for other in found[1:]:
        if other is not found[0]:
            if op.mixed is not None:
                said = op.mixed.format(a=found[0].type_name, b=other.type_name)
                raise RuntimeError(f"{said}; convert one of them, as in input.to({other})")
            raise RuntimeError(
                "expected m1 and m2 to have the same dtype, but got: "
                f"{dtypes.in_c(found[0])} != {dtypes.in_c(other)}. "
                f"{op.name.partition('_with')[0]} takes "
                f"tensors of one dtype; convert one of them, as in x.to({found[0]})."
            )


def check_devices(op: Op, tensors: list) -> None:
    """Refuse operands on different devices; a 0-dim CPU tensor may join any."""
    first = tensors[0]
    for t in tensors:
        if len(first.array.shape) == 0 and first.device.type == "cpu":
            first = t
    for t in tensors:
        if t.device is first.device or (len(t.array.shape) == 0 and t.device.type == "cpu"):
            continue
        raise RuntimeError(_DEVICES.format(first.device, t.device, op.name))


_DEVICES = (
    "Expected all tensors to be on the same device, but found at least two devices, {0} and {1}! "
    "(in {2}; move one of them, as in x.to('{0}'))"
)


def lower(flat: list) -> tuple[list, Any]:
    """The arrays of the outermost kind present, and its namespace.

    Kinds that transform (batched, dual) hold tensors of the level beneath, so an operand of a
    lower level enters them as the tensor it is: its own tape goes on recording.
    """
    top, m = -1, known.numpy
    for a in flat:
        array = getattr(a, "array", None)
        if array.__class__ is not ndarray and array is not None and array.names.level > top:
            top, m = array.names.level, array.names
    if top < 0:
        return [getattr(a, "array", a) if isinstance(a, TensorBase) else a for a in flat], m
    return [m.enter(a) if isinstance(a, TensorBase) else a for a in flat], m


def run(op: Op, flat: list, params: dict) -> Any:
    """Run the body and wrap and record what it gives."""
    values, m = lower(flat)
    lifted = half_of(op, flat)
    if lifted is not None:
        values = [_lift(m, v) for v in values]
    try:
        with np.errstate(all="ignore"):
            made = op.body(m, *nested(op, values), **params)
    except Exception as error:
        arrays = [v for v in values if hasattr(v, "shape")]
        better = explained(op.name, error, arrays, op.broadcasts)
        if better is error:
            raise
        raise better from None
    made, kept = (made[0], made[1:]) if op.keeps else (made, ())
    outs = list(made) if op.many else [made]
    if lifted is not None:
        outs = [_round(m, z, lifted) for z in outs]
    return results(op, flat, params, outs, kept)


def half_of(op: Op, flat: list) -> dtypes.dtype | None:
    """The half dtype in which a body that computes in float32 answers, None where none is given."""
    if op.kind in ("view", "move"):
        return None
    floats = [dtypes.of(a.array.dtype) for a in flat if isinstance(a, TensorBase)]
    floats = [d for d in floats if d.category == 2]
    return floats[0] if any(d in dtypes.HALVES for d in floats) else None


def _lift(m: Any, v: Any) -> Any:
    if hasattr(v, "dtype") and dtypes.of(v.dtype) in dtypes.HALVES:
        return m.astype(v, m.float32)
    return v


def _round(m: Any, z: Any, half: dtypes.dtype) -> Any:
    return m.astype(z, half) if z is not None and dtypes.of(z.dtype) is dtypes.float32 else z


def results(op: Op, flat: list, params: dict, outs: list, kept: tuple) -> Any:
    """Tensors around the arrays that a body gave, recorded where gradients are wanted."""
    base = flat[0]
    if not isinstance(base, TensorBase):
        base = next(a for a in flat if isinstance(a, TensorBase))
    where = base.device
    if where is CPU and len(base.array.shape) == 0:
        where = next(
            (a.device for a in flat if isinstance(a, TensorBase) and a.device is not where), where
        )
    tensors: list[Any] = [None if z is None else make(z, where) for z in outs]
    if op.kind == "view":
        for t in tensors:
            note_view(t, base, op, params)
    if (
        op.differentiable
        and any(a.needs for a in flat if isinstance(a, TensorBase))
        and modes.records()
    ):
        record_call(op, flat, params, tensors, kept)
    if not op.many:
        return tensors[0]
    return op.returns(*tensors) if op.returns is not None else tuple(tensors)


def record_call(op: Op, flat: list, params: dict, tensors: list, kept: tuple) -> None:
    """Put a call on the tape, if an argument with a rule wants a gradient."""
    edges = [edge(a) if isinstance(a, TensorBase) else None for a in flat]
    if not any(e is not None for e in edges):
        return
    outputs = [i for i, t in enumerate(tensors) if t is not None and _differentiable(op, i, t)]
    if not outputs:
        return
    if not op.rules:
        plan = through_body(op)
        node = new_node(plan.node_class, edges)
        node.saved = plan.save(flat, params)
    else:
        node = _planned(op, flat, edges, params, tensors, kept)
        if node is None:
            return
    if modes.special:
        note(node, tensors[outputs[0]].device)
    for i in outputs:
        t = tensors[i]
        t.needs, t.node = True, Port(node, i, len(tensors)) if op.many else node


def new_node(cls: type, edges: list) -> Node:
    """A node of the tape, younger than all before it."""
    node = object.__new__(cls)
    node.tick, node.extra, node.edges, node.shapes = next(ticks), None, tuple(edges), None
    return node


def _planned(op: Op, flat: list, edges: list, params: dict, tensors: list, kept: tuple) -> Any:
    groups = nested(op, edges)
    bits = 0
    for i, e in enumerate(groups):
        if (any(x is not None for x in e) if e.__class__ is list else e is not None) and op.arrays[
            i
        ] in op.rules:
            bits |= 1 << i
    if not bits:
        return None
    given = nested(op, flat)
    numbers = tuple(
        n
        for n, a in zip(op.arrays, given)
        if a is not None and not isinstance(a, (TensorBase, list))
    )
    halves: tuple = ()
    found = [_dtypes(a) for a in given]
    if op.kind not in ("view", "move") and any(_is_half(d) for d in found):
        halves = tuple(found)
    plan = plan_of(op, bits, numbers, halves)
    node = new_node(plan.node_class, edges)
    if op.broadcasts:
        node.shapes = tuple(a.array.shape if isinstance(a, TensorBase) else () for a in flat)
    z = tuple(t.array if t is not None else None for t in tensors) if op.many else tensors[0].array
    node.saved = plan.save(
        *given, *(params.get(p, op.defaults.get(p)) for p in op.params), *kept, z, tensors[0]
    )
    return node


def _dtypes(a: Any) -> Any:
    if a.__class__ is list:
        return tuple(dtypes.of(x.array.dtype) for x in a)
    return dtypes.of(a.array.dtype) if isinstance(a, TensorBase) else None


def _is_half(d: Any) -> bool:
    return any(x in dtypes.HALVES for x in d) if d.__class__ is tuple else d in dtypes.HALVES


def _differentiable(op: Op, index: int, t: TensorBase) -> bool:
    if dtypes.of(t.array.dtype).category < 2:
        return False
    return op.differentiable is True or op.outputs[index] in op.differentiable
