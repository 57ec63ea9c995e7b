"""Indexing as Python writes it: x[key], x[key] = value, and the ops that gather and scatter."""

import math
from typing import Any

from .._core import dtypes, modes, views
from .._core.errors import dim_of
from .._core.general import lower
from .._core.kinds import known, speak
from .._core.op import composite, filling, op
from .._core.tape import TensorBase, fit, make, ndarray
from .dims import inverse, joint_shape
from .slicing import aliased, picked, sliced, widened

# -- keys


def _is_mask(k: Any) -> bool:
    return isinstance(k, TensorBase) and k.array.dtype.kind == "b"


def _normal(x: Any, key: Any) -> list:
    """The key as a list with one entry per indexed dimension: Ellipsis and masks written out."""
    parts = list(key) if isinstance(key, tuple) else [key]
    parts = [_part(k, x.device) for k in parts]
    used = sum(
        k.ndim if _is_mask(k) else 1
        for k in parts
        if k is not None and k is not Ellipsis and not isinstance(k, bool)
    )
    ndim = len(x.array.shape)
    if used > ndim:
        raise IndexError(f"too many indices for tensor of dimension {ndim}")
    if any(k is Ellipsis for k in parts):
        at = next(i for i, k in enumerate(parts) if k is Ellipsis)
        if any(k is Ellipsis for k in parts[at + 1 :]):
            raise IndexError("an index can only have a single ellipsis ('...')")
        parts[at : at + 1] = [slice(None)] * (ndim - used)
    return parts


def _part(k: Any, device: Any) -> Any:
    """One part of a key: lists and NumPy arrays become index tensors, 0-dim ones numbers."""
    if k is None or k is Ellipsis or isinstance(k, (bool, int)):
        return k
    if isinstance(k, slice):
        if k.step is not None and k.step.__index__() <= 0:
            raise ValueError("step must be greater than zero")
        return slice(*(None if v is None else v.__index__() for v in (k.start, k.stop, k.step)))
    if isinstance(k, TensorBase):
        kind = k.array.dtype.kind
        if kind not in "iub":
            raise IndexError(
                "tensors used as indices must be long, int, byte or bool tensors; this one is "
                f"{dtypes.of(k.array.dtype)}"
            )
        if kind == "u":  # byte masks of old programs
            return views.helpers["cast"](k, dtypes.bool_)
        return k
    if hasattr(k, "__index__") and not hasattr(k, "shape"):
        return k.__index__()
    if isinstance(k, (list, tuple, range)) or hasattr(k, "__array__"):
        t = known.as_tensor(list(k) if isinstance(k, range) else k)
        if t.array.size == 0 and t.array.dtype.kind == "f":
            t = views.helpers["cast"](t, dtypes.int64)
        return _part(t, device)
    raise (TypeError if k.__class__ is str else IndexError)(
        "only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are valid "
        f"indices (got {type(k).__name__})"
    )


def _basic(parts: list) -> bool:
    return not any(isinstance(k, (TensorBase, bool)) for k in parts)


def _view_of(x: Any, parts: list) -> Any:
    """x at a basic key, under the node name of its last step."""
    last = next((k for k in reversed(parts) if k != slice(None)), None) if parts else None
    if not parts or all(isinstance(k, slice) and k == slice(None) for k in parts):
        return aliased(x, (...,))
    shape = x.array.shape
    axis = 0
    for k in parts:
        if isinstance(k, int) and not -shape[axis] <= k < shape[axis]:
            raise IndexError(
                f"index {k} is out of bounds for dimension {axis} with size {shape[axis]}"
            )
        axis += k is not None
    return _record_of(last)(x, tuple(parts))


def _record_of(last: Any) -> Any:
    """The op that views are made by, from the last step of their key."""
    if last is None:
        return widened
    return picked if isinstance(last, int) else sliced


_BASIC = frozenset({int, slice, type(None), type(Ellipsis)})
_WHOLE = slice(None)


def _quick_view(x: Any, key: Any) -> Any:
    """x at a tuple of whole numbers, plain slices, None and Ellipsis; else None."""
    last: Any = _WHOLE
    for k in key:
        cls = k.__class__
        if cls not in _BASIC:
            return None
        if cls is slice:
            if k.step is not None:
                return None
            if k.start is None and k.stop is None:
                continue
        if k is not Ellipsis:
            last = k
    if last is _WHOLE:
        return None
    try:
        return _record_of(last)(x, key)
    except (IndexError, TypeError, ValueError):
        return None


def getitem(x: Any, key: Any) -> Any:
    """`x[key]` for any key of PyTorch's."""
    if key.__class__ is tuple and x.__class__ is known.tensor:
        made = _quick_view(x, key)
        if made is not None:
            return made
    if not _plain(x):
        return x.__torch_function__(getitem, (type(x),), (x, key), {})
    if not x.array.shape and isinstance(key, int) and not isinstance(key, bool):
        raise IndexError(
            "invalid index of a 0-dim tensor. Use `tensor.item()` in Python or "
            "`tensor.item<T>()` in C++ to convert a 0-dim tensor to a number"
        )
    parts = _normal(x, key)
    if _basic(parts):
        return _view_of(x, parts)
    base, indices = _split(x, parts)
    return index(base, indices)


def _plain(x: Any) -> bool:
    return bool(modes.local.subclass_off) or x._plain_subclass


def _split(x: Any, parts: list) -> tuple[Any, list]:
    """A view by the basic parts of a key, and an index tensor or None for each dimension."""
    basic: list = []
    indices: list = []
    for k in parts:
        if isinstance(k, bool):
            basic.append(None)
            indices.append(make_mask(k, x.device))
        elif _is_mask(k) and not k.array.shape:
            basic.append(None)
            indices.append(k.reshape((1,)))
        elif isinstance(k, TensorBase):
            basic += [slice(None)] * (k.ndim if _is_mask(k) else 1)
            indices.append(k)
        else:
            basic.append(k)
            if not isinstance(k, int):
                indices.append(None)
    plain = all(isinstance(k, slice) and k == slice(None) for k in basic)
    base = x if plain else sliced(x, tuple(basic))
    return base, spread(base, indices)


def make_mask(value: bool, device: Any) -> Any:
    """A Python bool in a key: a mask over a dimension of size 1."""
    m = known.numpy
    return make(m.full((1,), value, m.bool), device)


def spread(base: Any, indices: Any) -> list:
    """One index per dimension: masks become the places where they hold."""
    made: list = []
    for k in indices:
        if k is None or not _is_mask(k):
            made.append(k)
            continue
        shape = tuple(base.array.shape[len(made) : len(made) + k.ndim])
        if tuple(k.array.shape) != shape:
            off = next((i for i, (a, b) in enumerate(zip(k.array.shape, shape)) if a != b), 0)
            raise IndexError(
                f"The shape of the mask {list(k.array.shape)} at index {off} does not match the "
                f"shape of the indexed tensor {list(base.array.shape)} at index {len(made) + off}"
            )
        if k.array.__class__ is not ndarray:
            raise RuntimeError(k.array.names.no_value("x[mask]"))
        places = known.numpy.nonzero(k.array)
        made += [make(places[:, i], k.device) for i in range(places.shape[1])]
    return made


def setitem(x: Any, key: Any, value: Any) -> None:
    """`x[key] = value` for any key of PyTorch's."""
    if not _plain(x):
        x.__torch_function__(setitem, (type(x),), (x, key, value), {})
        return
    parts = _normal(x, key)
    if not isinstance(value, TensorBase):
        value = known.as_tensor(value, dtype=dtypes.of(x.array.dtype), device=x.device)
    if _basic(parts):
        target = _view_of(x, parts)
        views.copy_(target, _without_leading(value, len(target.array.shape)))
        return
    masks = [k for k in parts if _is_mask(k)]
    if len(parts) == 1 and masks and not value.array.shape:
        views.refuse_write(x)
        mask = masks[0]
        spread_shape = (*mask.array.shape, *(1,) * (len(x.array.shape) - mask.ndim))
        spread(x, [mask]) if tuple(mask.array.shape) != tuple(x.array.shape[: mask.ndim]) else None
        views.assign(x, masked_fill(x, mask.reshape(spread_shape), value))
        return
    base, indices = _split(x, parts)
    views.refuse_write(base)
    views.assign(base, index_put(base, indices, value))


def _without_leading(value: Any, ndim: int) -> Any:
    """The value without sizes of 1 in front of the last `ndim`."""
    shape = tuple(value.array.shape)
    extra = len(shape) - ndim
    if extra <= 0:
        return value
    if any(n != 1 for n in shape[:extra]):
        raise RuntimeError(
            f"shape mismatch: value tensor of shape {list(shape)} cannot be broadcast to indexing "
            f"result of {ndim} dimensions"
        )
    return value.reshape(shape[extra:])


# -- integer arrays as keys


class Plan:
    """Where an advanced key looks: dimensions moved to the front, and one flat index into them."""

    def __init__(self, m: Any, shape: tuple, indices: list, arrays: list) -> None:
        taken = [i for i, k in enumerate(indices) if k is not None]
        rest = [i for i in range(len(shape)) if i not in taken]
        self.order = (*taken, *rest)
        self.sizes = tuple(shape[i] for i in taken)
        self.rest = tuple(shape[i] for i in rest)
        try:
            self.shape = joint_shape([tuple(a.shape) for a in arrays])
        except ValueError:
            shapes = ", ".join(str(list(a.shape)) for a in arrays)
            raise IndexError(
                "shape mismatch: indexing tensors could not be broadcast together with shapes "
                f"{shapes}"
            ) from None
        self.flat = self._flat(m, arrays, taken)
        together = taken == list(range(taken[0], taken[0] + len(taken)))
        self.at = taken[0] if together else 0  # where the indices' own dimensions go in the result
        self.full = (*self.rest[: self.at], *self.shape, *self.rest[self.at :])

    def _flat(self, m: Any, arrays: list, taken: list) -> Any:
        flat: Any = None
        for a, n, dim in zip(arrays, self.sizes, taken):
            m.check(
                (a >= -n) & (a < n) if n else m.full(tuple(a.shape), False, m.bool),
                f"index is out of bounds for dimension {dim} with size {n}", IndexError,
            )  # fmt: skip
            a = m.astype(a, m.int64)
            a = m.where(a < 0, a + n, a)
            flat = a if flat is None else flat * n + a
        return m.reshape(m.broadcast_to(flat, self.shape), (-1,))

    def front(self, m: Any, x: Any) -> Any:
        """x as (places, rest...)."""
        return m.reshape(m.permute_dims(x, self.order), (math.prod(self.sizes), *self.rest))

    def back(self, m: Any, x: Any) -> Any:
        """The inverse of `front`."""
        x = m.reshape(x, (*self.sizes, *self.rest))
        return m.permute_dims(x, inverse(self.order))

    def placed(self, m: Any, rows: Any) -> Any:
        """Taken rows (n, rest...) as the result: the indices' dimensions where they belong."""
        made = m.reshape(rows, (*self.shape, *self.rest))
        return m.permute_dims(made, self._order(False)) if self.at else made

    def rows(self, m: Any, value: Any) -> Any:
        """A value shaped like the result (or broadcast to it), as (n, rest...)."""
        value = m.broadcast_to(value, self.full)
        value = m.permute_dims(value, self._order(True)) if self.at else value
        return m.reshape(value, (math.prod(self.shape), *self.rest))

    def _order(self, back: bool) -> tuple:
        n, at, k = len(self.shape), self.at, len(self.rest)
        forward = (*range(n, n + at), *range(n), *range(n + at, n + k))
        return inverse(forward) if back else forward


def _plan(m: Any, shape: tuple, where: tuple, arrays: Any) -> Plan:
    """The plan for index arrays at the dimensions `where`."""
    indices: list = [None] * len(shape)
    for i, a in zip(where, arrays):
        indices[i] = a
    return Plan(m, shape, indices, list(arrays))


@op("move", node="IndexBackward0")
def take_places(m, input, flat, *, plan):
    """The elements of `input` at a plan's places."""
    return plan.placed(m, m.take(plan.front(m, input), flat, 0))


@take_places.vjp("input")
def _(m, g, input_shape, flat, plan):
    zeros = plan.front(m, m.full(input_shape, 0, g.dtype))
    return plan.back(m, m.put(zeros, flat, plan.rows(m, g), 0, "add"))


@op("move", node="IndexPutBackward0")
def put_places(m, input, flat, values, *, plan, accumulate=False):
    """`input` with the elements at a plan's places set to `values`, or increased by them."""
    rows = plan.rows(m, values)
    return plan.back(m, m.put(plan.front(m, input), flat, rows, 0, "add" if accumulate else "set"))


@put_places.vjp("input")
def _(m, g, values_shape, flat, plan, accumulate):
    if accumulate:
        return g
    rows = m.full((math.prod(plan.shape), *plan.rest), 0, g.dtype)
    return plan.back(m, m.put(plan.front(m, g), flat, rows, 0, "set"))


@put_places.vjp("values")
def _(m, g, values_shape, flat, plan):
    return fit(m, plan.placed(m, m.take(plan.front(m, g), flat, 0)), values_shape)


def _located(x: Any, indices: list) -> tuple[Any, Any]:
    """The plan for a list of index tensors (None takes a dimension whole), its flat index."""
    given = [k for k in indices if k is not None]
    arrays, m = lower(given)
    padded = [*indices, *[None] * (len(x.array.shape) - len(indices))]
    plan = Plan(m, tuple(x.array.shape), padded, arrays)
    flat, plan.flat = make(plan.flat, x.device), None
    return plan, flat


@composite
def index(input, indices):
    """The elements at integer (or mask) indices, one a dimension; None takes it whole."""
    plan, flat = _located(input, spread(input, indices))
    return take_places(input, flat, plan)


@composite
def index_put(input, indices, values, accumulate=False):
    """`input` with the elements at `indices` set to `values` (or increased by them)."""
    plan, flat = _located(input, spread(input, indices))
    if values.dtype is not input.dtype:
        if values.array.shape:
            raise RuntimeError(
                "Index put requires the source and destination dtypes match, got "
                f"{input.dtype.type_name} for the destination and {values.dtype.type_name} for "
                "the source."
            )
        values = views.helpers["cast"](values, input.dtype)
    values = _without_leading(values, len(plan.full))
    shape = tuple(values.array.shape)
    if any(k not in (1, n) for k, n in zip(reversed(shape), reversed(plan.full))):
        raise RuntimeError(
            f"shape mismatch: value tensor of shape {list(shape)} cannot be broadcast to indexing "
            f"result of shape {list(plan.full)}"
        )
    return put_places(input, flat, values, plan, accumulate)


# -- choosing and filling by masks


@op("pointwise", promotes=("input", "other"), node="WhereBackward0", name="where_choice")
def choose(m, condition, input, other):
    """`input` where `condition` holds, else `other`."""
    return m.where(condition, input, other)


@choose.vjp("input")
def _(m, g, condition):
    return m.where(condition, g, m.full((), 0, g.dtype))


@choose.vjp("other")
def _(m, g, condition):
    return m.where(condition, m.full((), 0, g.dtype), g)


@composite
def where(condition, input=None, other=None, *, out=None):
    """`input` where `condition` holds, else `other`; with the condition alone, where it holds."""
    if input is None:
        return condition.nonzero(as_tuple=True)
    if condition.array.dtype.kind != "b":
        if condition.dtype is not dtypes.uint8:
            raise RuntimeError(
                "where expected condition to be a boolean tensor, but got a tensor with dtype "
                f"{condition.dtype.type_name}"
            )
        condition = views.helpers["cast"](condition, dtypes.bool_)
    if not (isinstance(input, TensorBase) or isinstance(other, TensorBase)):
        input = known.as_tensor(input, device=condition.device)  # two numbers: the default dtype
    return choose(condition, input, other, out=out)


@composite
def masked_fill(input, mask, value):
    """`input` with `value` where `mask` holds."""
    if mask.array.dtype.kind != "b":
        raise RuntimeError(
            f"masked_fill_ only supports boolean masks, but got mask with dtype {mask.dtype}"
        )
    if isinstance(value, TensorBase) and value.array.shape:
        raise RuntimeError(
            "masked_fill only supports a 0-dimensional value tensor, but got tensor with "
            f"{len(value.array.shape)} dimension(s)."
        )
    if not isinstance(value, TensorBase):
        value = _as_element(value, input.dtype)
    return filled_where(input, mask, value)


def _as_element(value: Any, dtype: Any) -> Any:
    """A number as an element of `dtype`; refuses what that cannot hold."""
    if dtype.is_complex or (dtype.is_floating_point and value.__class__ is not complex):
        return value
    if dtype is dtypes.bool_:
        return bool(value)
    limit = None if value.__class__ is complex else dtypes.iinfo(dtype)
    if limit is None or not limit.min <= value <= limit.max:
        name = {"float32": "float", "float64": "double"}.get(dtype.name, f"{dtype.name}_t")
        raise RuntimeError(
            f"value cannot be converted to type {name} without overflow; the value is {value}"
        )
    return int(value)


@op("pointwise", promotes=("input",), node="MaskedFillBackward0", name="filled_where")
def filled_where(m, input, mask, value):
    """`input` with `value` where `mask` holds."""
    return m.where(mask, m.astype(value, input.dtype) if hasattr(value, "dtype") else value, input)


@filled_where.vjp("input")
def _(m, g, mask):
    return m.where(mask, m.full((), 0, g.dtype), g)


@filled_where.vjp("value")
def _(m, g, mask):
    return m.where(mask, g, m.full((), 0, g.dtype))


@filling
def masked_select(input, mask):
    """The elements of `input` where `mask` holds, as one row."""
    shape = joint_shape([tuple(input.shape), tuple(mask.shape)])
    made = getitem(input.expand(shape), mask.expand(shape))
    return made if shape else made.reshape((-1,))


@filling
def nonzero(input, *, as_tuple=False):
    """The places of the elements that are not zero: (count, ndim) int64, or one row a dimension."""
    if input.array.__class__ is not ndarray:
        raise RuntimeError(input.array.names.no_value("nonzero()"))
    if as_tuple and not input.array.shape:
        input = input.reshape((1,))
    array = input.array
    places = known.numpy.nonzero(
        array if array.dtype != dtypes.BFLOAT16 else dtypes.from_bfloat16(array)
    )
    if not as_tuple:
        return make(places, input.device)
    return tuple(make(places[:, i].copy(), input.device) for i in range(places.shape[1]))


def index_dim(index: Any, input: Any, dim: int) -> int:
    """`dim` from the front, with PyTorch's refusals of an index of the wrong sort."""
    if index.array.dtype.kind not in "i":
        raise RuntimeError(
            f"index_select(): Expected dtype int32 or int64 for index but got {index.dtype}"
        )
    if len(index.array.shape) > 1:
        raise IndexError("index_select(): Index is supposed to be a vector")
    return dim_of(dim, len(input.array.shape))


speak(where)
