"""Dual arrays: a value and its tangent, both tensors of the level beneath (`func.jvp`).

The kind has hardly a rule of its own: a linear word acts on the tangent as on the value, and a
pointwise word's backward rule, applied to a tangent, is its forward rule, for its Jacobian is
diagonal. Any other word is pushed forward by differentiating its backward pass.
"""

from typing import Any

from .._core.backward import grad
from .._core.kinds import DIFFERENTIABLE as m  # the level beneath
from .._core.modes import enable_grad
from .._core.tape import TensorBase, make
from .abstract import Above, Namespace
from .batched import POINTWISE

LINEAR = set(
    "sum permute_dims reshape broadcast_to index astype take take_along_axis unwindows windows "
    "flip diagonal pad cumulative_sum real imag conj copy contiguous alias negative as_strided "
    "fft ifft rfft irfft".split()
)
JOINT = set(
    "concat write set_diagonal put scatter complex add subtract where write_strided".split()
)
CONSTANT = set(
    "equal not_equal less less_equal greater greater_equal argmax argmin sign floor ceil trunc "
    "round zeros_like isnan isinf isfinite signbit any all argsort leading logical_and logical_or "
    "logical_xor logical_not searchsorted floor_divide nextafter bitwise_and bitwise_or "
    "bitwise_xor bitwise_invert bits full arange".split()
)


class DualArray(Above):
    """A value and its tangent (None where it does not move)."""

    __slots__ = ("names", "value", "tangent")

    def __init__(self, names: "Dual", value: Any, tangent: Any) -> None:
        self.names, self.value, self.tangent = names, value, tangent


class Dual(Namespace):
    """The vocabulary under one jvp."""

    name = "dual"

    def __init__(self, level: int) -> None:
        super().__init__()
        self.level = level

    def enter(self, t: TensorBase) -> DualArray:
        """A tensor's array at this level; one from beneath does not move."""
        a = t.array
        return a if a.__class__ is DualArray and a.names is self else DualArray(self, t, None)

    def no_value(self, asked: str) -> str:
        return f"jvp: {asked} would leave the tangent behind; the value is not given out inside jvp"

    def apply(self, word: str, args: tuple, params: dict) -> Any:
        fn = getattr(m, word)
        values = [_value(a) for a in args]
        out = fn(*values, **params)
        moving = [i for i, a in enumerate(args) if _moves(a)]
        if not moving or word in CONSTANT:
            return self._wrapped(out, None)
        if word in LINEAR and moving == [0]:
            return self._wrapped(out, fn(args[0].tangent, *values[1:], **params))
        if word in JOINT:
            return self._wrapped(out, self._joint(word, fn, args, values, params, out, moving))
        if word in ("matmul", "multiply"):
            parts = [
                fn(*[args[i].tangent if k == i else v for k, v in enumerate(values)])
                for i in moving
            ]
            return self._wrapped(out, _sum(parts))
        if word in POINTWISE and _ruled(fn, args, moving):
            return self._wrapped(
                out, _sum([_part(fn.op, i, args[i].tangent, values, out) for i in moving], out)
            )
        return self._wrapped(out, self._pushed(fn, args, values, params, out, moving))

    def _wrapped(self, out: Any, tangent: Any) -> Any:
        if isinstance(out, (tuple, list)):
            tangents = tangent if tangent is not None else [None] * len(out)
            return tuple(DualArray(self, o, t) for o, t in zip(out, tangents))
        return DualArray(self, out, tangent)

    def _joint(
        self, word: str, fn: Any, args: tuple, values: list, params: dict, out: Any, moving: list
    ) -> Any:
        """Words linear in several arguments together: what does not move has a tangent of zeros."""
        if word in ("add", "subtract"):
            signed = [
                args[i].tangent if i == 0 or word == "add" else -args[i].tangent for i in moving
            ]
            return _sum(signed, out)
        keep = {"put": (1,), "scatter": (1,), "where": (0,), "write": (2,)}.get(word, ())
        made = [values[i] if i in keep else _tangent(a, values[i]) for i, a in enumerate(args)]
        if word in ("write", "where"):  # a number that is written does not move
            made = [
                0 if isinstance(v, (int, float)) and i not in keep else v
                for i, v in enumerate(made)
            ]
        if word in ("scatter", "put"):
            mode = args[4] if len(args) > 4 else params.get("mode", "set")
            if mode not in ("set", "add"):
                return self._pushed(fn, args, values, params, out, moving)
        return fn(*made, **params)

    def _pushed(
        self, fn: Any, args: tuple, values: list, params: dict, out: Any, moving: list
    ) -> Any:
        """Any word: J t is the derivative of (J^T u) t by u, whatever u."""
        inputs = list(values)
        with enable_grad():
            for i in moving:
                x = values[i]
                inputs[i] = [fresh(v) for v in x] if isinstance(x, list) else fresh(x)
            made = fn(*inputs, **params)
            many = isinstance(made, (tuple, list))
            outs = list(made) if many else [made]
            live = [k for k, o in enumerate(outs) if o.requires_grad]
            seeds = [fresh(m.zeros_like(outs[k])) for k in live]
            pairs = (pair for i in moving for pair in _pairs(inputs[i], args[i]))
            flat = [(x, a.tangent) for x, a in pairs if _moves(a)]
            back = grad(
                [outs[k] for k in live], [x for x, _ in flat], seeds, create_graph=True,
                allow_unused=True,
            )  # fmt: skip
            total = _sum([(g * t).sum() for g, (_, t) in zip(back, flat) if g is not None])
            found = grad([total], seeds, create_graph=True, allow_unused=True)
        beneath = any(x.requires_grad for x in [*_tensors(values), *[t for _, t in flat]])
        tangents: list = [None] * len(outs)
        for k, t in zip(live, found):
            t = t if t is not None else m.zeros_like(outs[k])
            tangents[k] = t if beneath else t.detach()
        return tangents if many else tangents[0]


def fresh(t: Any) -> Any:
    """The same value as a leaf that wants gradients (recorded beneath if it already does)."""
    if t.requires_grad:
        return m.copy(t)
    made = make(t.array, t.device)
    made.needs = True
    return made


def _tensors(values: list) -> list:
    flat = [x for v in values for x in (v if isinstance(v, list) else [v])]
    return [x for x in flat if isinstance(x, TensorBase)]


def _pairs(x: Any, a: Any) -> list:
    return list(zip(x, a)) if isinstance(x, list) else [(x, a)]


def _value(a: Any) -> Any:
    if isinstance(a, list):
        return [_value(x) for x in a]
    return a.value if isinstance(a, DualArray) else a


def _moves(a: Any) -> bool:
    if isinstance(a, list):
        return any(_moves(x) for x in a)
    return isinstance(a, DualArray) and a.tangent is not None


def _tangent(a: Any, value: Any) -> Any:
    if isinstance(a, list):
        return [_tangent(x, v) for x, v in zip(a, value)]
    if isinstance(a, DualArray):
        return a.tangent if a.tangent is not None else m.zeros_like(a.value)
    if isinstance(value, TensorBase):
        return m.zeros_like(value)
    return value


def _sum(parts: list, out: Any = None) -> Any:
    total = parts[0]
    for t in parts[1:]:
        total = total + t
    if out is not None and tuple(total.shape) != tuple(out.shape):
        total = m.broadcast_to(total, tuple(out.shape))
    return total


def _ruled(fn: Any, args: tuple, moving: list) -> bool:
    """Whether the word's op has a backward rule for each argument that moves, and is real."""
    record = getattr(fn, "op", None)
    if record is None or record.composite or record.keeps or record.outputs:
        return False
    if any(a.dtype.kind == "c" for a in args if isinstance(a, DualArray)):
        return False
    return all(i < len(record.arrays) and record.arrays[i] in record.rules for i in moving)


def _part(record: Any, i: int, tangent: Any, values: list, out: Any) -> Any:
    rule = record.rules[record.arrays[i]]
    names = rule.__code__.co_varnames[2 : rule.__code__.co_argcount]
    known = {**record.defaults, **dict(zip(record.arrays, values)), "out": out}
    for name, v in zip(record.arrays, values):
        if hasattr(v, "shape"):
            known[f"{name}_shape"], known[f"{name}_dtype"] = tuple(v.shape), v.dtype
    tangent = m.broadcast_to(tangent, tuple(out.shape))
    return rule(m, tangent, *[known[n] for n in names])
