"""Gathering and scattering along one dimension: gather, scatter, index_select, index_add, take."""

from typing import Any

from .._core import dtypes, views
from .._core.errors import dim_of
from .._core.kinds import holds, speak
from .._core.op import composite, filling, op
from .._core.tape import TensorBase, ndarray
from .dims import joint_shape
from .indexing import getitem, index_dim, index_put, spread

_REDUCE = {
    "sum": "add", "add": "add", "prod": "mul", "multiply": "mul", "amax": "max", "amin": "min",
}  # fmt: skip


def _along(m: Any, input: Any, index: Any, dim: int, name: str) -> int:
    """`dim` counted from the front, the indices along it checked."""
    at = dim_of(dim, len(input.shape))
    n = input.shape[at]
    m.check(
        (index >= 0) & (index < n) if n else m.full(tuple(index.shape), False, m.bool),
        f"index out of range: {name} has an index outside 0 to {n - 1} for dimension {at} with "
        f"size {n}",
        IndexError if name in ("index_select", "index_copy") else RuntimeError,
    )
    return at


def _on_row(function: Any, input: Any, *others: Any, **options: Any) -> Any:
    """What the function makes of a 0-dim tensor, as of a row of one."""
    others = tuple(x.reshape((-1,)) if hasattr(x, "reshape") else x for x in others)
    return function(input.reshape((1,)), 0, *others, **options).reshape(())


@op("move", node="IndexSelectBackward0", name="index_select")
def selected(m, input, index, *, dim):
    """`index_select` of a checked index."""
    if not input.shape:
        return m.reshape(m.take(m.reshape(input, (1,)), index, 0), ())
    at = _along(m, input, index, dim, "index_select")
    index = m.reshape(index, (-1,)) if not index.shape else index
    return m.take(input, index, at)


@selected.vjp("input")
def _(m, g, input_shape, index, dim):
    if not input_shape:
        return m.reshape(g, ())
    at = dim_of(dim, len(input_shape))
    index = m.reshape(index, (-1,)) if not index.shape else index
    return m.put(m.full(input_shape, 0, g.dtype), index, g, at, "add")


@composite
def index_select(input, dim, index, *, out=None):
    """The slices of `input` at a vector of indices along `dim`."""
    index_dim(index, input, dim)
    return selected(input, index, dim, out=out)


@op("move", node="GatherBackward0", name="gather")
def gathered(m, input, index, *, dim):
    """`gather` of a checked index."""
    if not input.shape:
        return m.broadcast_to(input, tuple(index.shape))
    at = dim_of(dim, len(input.shape))
    if 0 in index.shape:
        return m.full(tuple(index.shape), 0, input.dtype)
    if len(index.shape) != len(input.shape):
        raise RuntimeError("Index tensor must have the same number of dimensions as input tensor")
    for i, (a, b) in enumerate(zip(index.shape, input.shape)):
        if i != at and a > b:
            raise RuntimeError(
                f"Size does not match at dimension {i} expected index {list(index.shape)} to be no "
                f"larger than self {list(input.shape)} apart from dimension {at}"
            )
    return m.take_along_axis(input, index, _along(m, input, index, dim, "gather"))


@gathered.vjp("input")
def _(m, g, input_shape, index, dim):
    if not input_shape:
        return m.sum(g)
    at = dim_of(dim, len(input_shape))
    if 0 in g.shape:
        return m.full(input_shape, 0, g.dtype)
    return m.scatter(m.full(input_shape, 0, g.dtype), index, g, at, "add")


@composite
def gather(input, dim, index, *, sparse_grad=False, out=None):
    """The elements of `input` at `index` along `dim`; the result has the shape of `index`.

    Raises:
        RuntimeError: where `index` has another number of dimensions or leaves the range.
    """
    if index.array.dtype.kind != "i" and index.numel():
        raise RuntimeError("gather(): Expected dtype int32/int64 for index")
    return gathered(input, index, dim, out=out)


@op("move", node="ScatterBackward0")
def scattered(m, input, index, src, *, dim):
    """`input` with elements of `src` put at `index` along `dim`."""
    at = _along(m, input, index, dim, "scatter")
    return m.scatter(input, index, _corner(m, src, index), at, "set")


def _corner(m: Any, src: Any, index: Any) -> Any:
    """The part of `src` that `index` covers."""
    if not src.shape or src.shape == index.shape:
        return src
    return m.index(src, tuple(slice(0, n) for n in index.shape))


@scattered.vjp("input")
def _(m, g, index, dim):
    return m.scatter(
        g, index, m.full(tuple(index.shape), 0, g.dtype), dim_of(dim, len(g.shape)), "set"
    )


@scattered.vjp("src")
def _(m, g, index, src_shape, dim):
    part = m.take_along_axis(g, index, dim_of(dim, len(g.shape)))
    return _uncorner(m, part, src_shape)


def _uncorner(m: Any, part: Any, shape: tuple) -> Any:
    if not shape:
        return m.sum(part)
    if tuple(part.shape) == tuple(shape):
        return part
    return m.pad(part, tuple((0, n - k) for n, k in zip(shape, part.shape)), 0)


@op("move", node="ScatterAddBackward0")
def scatter_added(m, input, index, src, *, dim):
    """`scatter_add` of a tensor."""
    at = _along(m, input, index, dim, "scatter_add")
    return m.scatter(input, index, _corner(m, src, index), at, "add")


@scatter_added.vjp("src")
def _(m, g, index, src_shape, dim):
    return _uncorner(m, m.take_along_axis(g, index, dim_of(dim, len(g.shape))), src_shape)


@op(None, node="ScatterReduceBackward0")
def scatter_combined(m, input, index, src, *, dim, mode):
    """`input` combined with elements of `src` at `index` along `dim`: mode mul, max or min."""
    at = _along(m, input, index, dim, "scatter_reduce")
    return m.scatter(input, index, _corner(m, src, index), at, mode)


def _hits(m: Any, values: Any, out: Any, index: Any, dim: int) -> Any:
    return m.astype(values == m.take_along_axis(out, index, dim), out.dtype)


@scatter_combined.vjp("input")
def _(m, g, input, index, src, out, dim, mode):
    at = dim_of(dim, len(g.shape))
    if mode == "mul":
        return g * out / input
    share = _share(m, input, index, src, out, at)
    return m.where(input == out, g / share, m.zeros_like(g))


@scatter_combined.vjp("src")
def _(m, g, input, index, src, out, dim, mode):
    at = dim_of(dim, len(g.shape))
    part = _corner(m, src, index)
    if mode == "mul":
        made = m.take_along_axis(g * out, index, at) / part
    else:
        share = _share(m, input, index, src, out, at)
        made = m.take_along_axis(g / share, index, at) * _hits(m, part, out, index, at)
    return _uncorner(m, made, tuple(src.shape))


def _share(m: Any, input: Any, index: Any, src: Any, out: Any, dim: int) -> Any:
    """How many elements reach each result: they share its gradient."""
    own = m.astype(input == out, out.dtype)
    return m.scatter(own, index, _hits(m, _corner(m, src, index), out, index, dim), dim, "add")


def _source(input: Any, index: Any, src: Any) -> Any:
    """A number as a source; a tensor checked for its dtype."""
    if not isinstance(src, TensorBase):
        return input.new_full(index.shape, src)
    if src.dtype is not input.dtype:
        raise RuntimeError(
            f"scatter(): Expected self.dtype to be equal to src.dtype; got {input.dtype} and "
            f"{src.dtype}"
        )
    return src


@filling
def scatter(input, dim, index, src=None, *, value=None, reduce=None):
    """`input` with `src` (a tensor or a number) put at `index` along `dim`."""
    src = _source(input, index, value if src is None else src)
    if not input.shape:
        return _on_row(scatter, input, index, src, reduce=reduce)
    return _scattered_by("set" if reduce is None else _REDUCE[reduce], input, index, src, dim)


def _scattered_by(mode: str, input: Any, index: Any, src: Any, dim: int) -> Any:
    if mode == "set":
        return scattered(input, index, src, dim)
    if mode == "add":
        return scatter_added(input, index, src, dim)
    return scatter_combined(input, index, src, dim, mode)


@filling
def scatter_add(input, dim, index, src):
    """`input` with `src` added at `index` along `dim`, repeated places included."""
    return scatter(input, dim, index, src, reduce="add")


def _limits(dtype: Any) -> tuple:
    if dtype.is_floating_point:
        return -float("inf"), float("inf")
    if dtype is dtypes.bool_:
        return False, True
    limit = dtypes.iinfo(dtype)
    return limit.min, limit.max


@filling
def scatter_reduce(input, dim, index, src, reduce, *, include_self=True):
    """`input` combined with `src` at `index` along `dim`: sum, prod, mean, amax or amin."""
    if reduce not in ("sum", "prod", "mean", "amax", "amin"):
        raise RuntimeError(
            f"reduce argument must be either sum, prod, mean, amax or amin, got {reduce}."
        )
    if not include_self:
        neutral = {"sum": 0, "mean": 0, "prod": 1}.get(reduce)
        if neutral is None:
            neutral = _limits(input.dtype)[reduce == "amin"]
        input = scatter(input, dim, index, neutral)
    if reduce != "mean":
        return scatter(input, dim, index, src, reduce=reduce)
    total = scatter(input, dim, index, src, reduce="add")
    start = input.new_full(input.shape, 1)
    start = start if include_self else scatter(start, dim, index, 0)
    count = scatter(start, dim, index, 1, reduce="add").clamp(min=1)
    return (
        total / count if input.dtype.is_floating_point else total.div(count, rounding_mode="floor")
    )


@filling
def index_reduce(input, dim, index, source, reduce, *, include_self=True):
    """`input` combined with slices of `source` at `index`: by "prod", "mean", "amax" or "amin"."""
    if reduce not in ("prod", "mean", "amax", "amin"):
        raise RuntimeError(
            "index_reduce(): Expected reduce to be one of prod, mean, amax or amin but got "
            f"{reduce}."
        )
    if not input.shape:
        return _on_row(index_reduce, input, index, source, reduce, include_self=include_self)
    shape = [1] * len(input.shape)
    shape[at := dim_of(dim, len(shape))] = -1
    _check_slices(input, at, index, source)
    where = index.reshape(shape).expand(source.shape)
    return scatter_reduce(input, dim, where, source, reduce, include_self=include_self)


def _check_slices(input: Any, at: int, index: Any, source: Any, kind: type = RuntimeError) -> None:
    """Refuse a source that is not a slice for each index: NumPy would repeat it."""
    wanted = (*input.shape[:at], index.numel(), *input.shape[at + 1 :])
    if source.shape != wanted:
        raise kind(
            "source tensor shape must match self tensor shape, excluding the specified dimension. "
            f"Got source.shape = {list(source.shape)}, expected {list(wanted)}"
        )


@op(None, node="IndexAddBackward0")
def index_added(m, input, index, source, *, dim, alpha=1):
    """`index_add` of one dtype."""
    at = _along(m, input, index, dim, "index_add")
    if alpha < 0:  # unsigned integers wrap
        source = -(source * -alpha)
    elif alpha != 1:
        source = source * alpha
    return m.put(input, index, source, at, "add")


@scatter_added.vjp("input")
@index_added.vjp("input")
def _(m, g):
    return g


@index_added.vjp("source")
def _(m, g, index, dim, alpha):
    part = m.take(g, index, dim_of(dim, len(g.shape)))
    return part if alpha == 1 else part * alpha


@op("move", node="IndexCopyBackward0")
def index_copied(m, input, index, source, *, dim):
    """`index_copy` of a checked index."""
    at = _along(m, input, index, dim, "index_copy")
    return m.put(input, index, source, at, "set")


@index_copied.vjp("input")
def _(m, g, index, source_shape, dim):
    return m.put(g, index, m.full(source_shape, 0, g.dtype), dim_of(dim, len(g.shape)), "set")


@index_copied.vjp("source")
def _(m, g, index, dim):
    return m.take(g, index, dim_of(dim, len(g.shape)))


@filling
def index_add(input, dim, index, source, *, alpha=1):
    """`input` with `alpha * source` added to its slices at `index` along `dim`."""
    at = index_dim(index, input, dim)
    if not input.shape:
        return _on_row(index_add, input, index, source, alpha=alpha)
    if source.dtype is not input.dtype:
        raise RuntimeError(
            f"index_add_(): self ({input.dtype.type_name}) and source ({source.dtype.type_name}) "
            "must have the same scalar type"
        )
    _check_slices(input, at, index, source)
    return index_added(input, index, source, dim, alpha)


@filling
def index_copy(input, dim, index, source):
    """`input` with its slices at `index` along `dim` replaced by those of `source`."""
    at = index_dim(index, input, dim)
    if not input.shape:
        return _on_row(index_copy, input, index, source)
    same = len(source.shape) == len(input.shape) and source.shape[at] == index.numel()
    _check_slices(input, at, index, source, RuntimeError if same else IndexError)
    return index_copied(input, index.reshape((-1,)), source, dim)


@composite
def index_fill(input, dim, index, value):
    """`input` with its slices at `index` along `dim` set to one value."""
    at = index_dim(index, input, dim)
    if not input.shape:
        return _on_row(index_fill, input, index, value)
    shape = tuple(index.numel() if i == at else n for i, n in enumerate(input.shape))
    if not isinstance(value, TensorBase):
        value = input.new_full((), value)
    elif value.requires_grad:  # a slice that is named twice holds the value once
        index = index.unique()
        shape = (*shape[:at], index.numel(), *shape[at + 1 :])
    return index_copied(input, index.reshape((-1,)), value.to(input.dtype).expand(shape), dim)


@filling
def take(input, index):
    """The elements of `input`, read as one row, at `index`; the result has its shape."""
    return getitem(input.reshape((-1,)), index)


@filling
def take_along_dim(input, indices, dim=None):
    """The elements of `input` at `indices` along `dim`, both broadcast elsewhere."""
    if dim is None:
        return gather(input.reshape((-1,)), 0, indices.reshape((-1,)))
    at = dim_of(dim, len(input.shape))
    indices = indices.where(indices >= 0, indices + input.shape[at])
    a, b = list(input.shape), list(indices.shape)
    a[at] = b[at] = 1
    shape = list(joint_shape([tuple(a), tuple(b)]))
    shape[at] = indices.shape[at]
    indices = indices.expand(tuple(shape))
    shape[at] = input.shape[at]
    return gather(input.expand(tuple(shape)), at, indices)


@composite
def masked_scatter(input, mask, source):
    """`input` with the places where `mask` holds filled by the elements of `source` in order."""
    shape = joint_shape([tuple(input.shape), tuple(mask.shape)])
    input, mask = input.expand(shape), mask.expand(shape)
    if mask.array.__class__ is not ndarray:
        order, values = mask.reshape((-1,)).cumsum(0), source.reshape((-1,))
        holds(order <= len(values))
        drawn = values[order.clamp(1, len(values)) - 1] if len(values) else input.reshape((-1,))
        return drawn.reshape(shape).where(mask, input)
    places = spread(input, [mask])
    count = places[0].array.shape[0] if places else 1
    if source.numel() < count:
        raise RuntimeError(
            f"masked_scatter: expected self and source to have enough elements: {count} places, "
            f"{source.numel()} values"
        )
    return index_put(input, places, source.reshape((-1,))[:count])


@composite
def put(input, index, source, accumulate=False):
    """`input`, read as one row, with `source` put (or added) at `index`."""
    flat = index_put(
        input.reshape((-1,)), [index.reshape((-1,))], source.reshape((-1,)), accumulate
    )
    return flat.reshape(tuple(input.shape))


def _take(x: Any, indices: Any, axis: int = 0) -> Any:
    shape = tuple(indices.shape)
    if len(shape) == 1:
        return selected(x, indices, axis)
    at = axis % len(x.shape)
    made = selected(x, indices.reshape((-1,)), at)
    return made.reshape((*x.shape[:at], *shape, *x.shape[at + 1 :]))


def _put(x: Any, indices: Any, values: Any, axis: int = 0, mode: str = "set") -> Any:
    at = axis % len(x.shape)
    values = values.expand((*x.shape[:at], len(indices), *x.shape[at + 1 :]))
    if mode == "add":
        return index_added(x, indices, values, axis)
    if mode == "set":
        return index_copied(x, indices, values, axis)
    raise RuntimeError(f"put: mode {mode!r} is not spoken by tensors")


def _scatter(x: Any, indices: Any, values: Any, axis: int, mode: str = "set") -> Any:
    if not isinstance(values, TensorBase):
        values = x.new_full(indices.shape, values)
    elif not values.shape:
        values = views.helpers["copy"](x.new_full(indices.shape, 0), values)
    return _scattered_by(mode, x, indices, values, axis)


speak(take=_take, put=_put, scatter=_scatter, take_along_axis=gathered)
