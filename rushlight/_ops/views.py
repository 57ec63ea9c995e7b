"""Views: tensors that show another's memory in a different shape."""

import math
from typing import Any

from .._core.errors import dim_of, dims_of
from .._core.kinds import speak
from .._core.layouts import memory_order
from .._core.op import composite, op
from .._core.size import Size
from .._core.spec import filled
from .._core.tape import fit
from .._core.views import overlapping
from .dims import inverse, joint_shape, listed


@op("view", node="ViewBackward0")
def reshape(m, input, *, shape):
    """`input` in another shape: a view where its layout allows, else a copy.

    Raises:
        RuntimeError: where the number of elements differs.
    """
    return m.reshape(input, shape)


@op("view")
def permute(m, input, *, dims):
    """`input` with its dimensions in another order."""
    if len(dims) != len(input.shape):
        raise RuntimeError(
            "permute(sparse_coo): number of dimensions in the tensor input does not match the "
            f"length of the desired ordering of dimensions i.e. input.dim() = {len(input.shape)} "
            f"is not equal to len(dims) = {len(dims)}"
        )
    return m.permute_dims(input, tuple(dim_of(d, len(input.shape)) for d in dims))


@permute.vjp("input")
def _(m, g, dims):
    return m.permute_dims(g, inverse(dims))


@permute.writes
def _(m, x, new, dims):
    return m.permute_dims(new, inverse(dims))


@op("view")
def transpose(m, input, *, dim0, dim1):
    """`input` with two of its dimensions exchanged."""
    return m.permute_dims(input, _swapped(len(input.shape), dim0, dim1))


def _swapped(ndim: int, dim0: int, dim1: int) -> tuple:
    a, b = dim_of(dim0, ndim), dim_of(dim1, ndim)
    order = list(range(ndim))
    if ndim:
        order[a], order[b] = order[b], order[a]
    return tuple(order)


@transpose.vjp("input")
def _(m, g, dim0, dim1):
    return m.permute_dims(g, _swapped(len(g.shape), dim0, dim1))


@transpose.writes
def _(m, x, new, dim0, dim1):
    return m.permute_dims(new, _swapped(len(x.shape), dim0, dim1))


@op("view", node="TBackward0")
def t(m, input):
    """The transpose of a matrix; a vector or scalar as it is.

    Raises:
        RuntimeError: for more than two dimensions.
    """
    n = len(input.shape)
    if n > 2:
        raise RuntimeError(f"t() expects a tensor with <= 2 dimensions, but self is {n}D")
    return m.permute_dims(input, tuple(range(n))[::-1])


@t.vjp("input")
def _(m, g):
    return m.permute_dims(g, tuple(range(len(g.shape)))[::-1])


@t.writes
def _(m, x, new):
    return m.permute_dims(new, tuple(range(len(x.shape)))[::-1])


@op("view", node="ExpandBackward0")
def expand(m, input, *, size):
    """`input` with its dimensions of size 1 repeated, and new ones in front; -1 keeps a size.

    Raises:
        RuntimeError: where a size is neither 1 nor the one asked for.
    """
    return m.broadcast_to(input, expanded(tuple(input.shape), tuple(size)))


def expanded(have: tuple, size: tuple) -> tuple:
    """The shape that `expand` gives."""
    extra = len(size) - len(have)
    if extra < 0:
        raise RuntimeError(
            f"expand: the number of sizes provided ({len(size)}) must be greater or equal to the "
            f"number of dimensions in the tensor ({len(have)}). Target sizes: {list(size)}. "
            f"Tensor sizes: {list(have)}"
        )
    made = []
    for i, n in enumerate(size):
        old = have[i - extra] if i >= extra else None
        if n == -1 and old is None:
            raise RuntimeError(
                f"The expanded size of the tensor ({n}) isn't allowed in a leading, non-existing "
                f"dimension {i}"
            )
        if old not in (None, 1, n) and n != -1:
            raise RuntimeError(
                f"The expanded size of the tensor ({n}) must match the existing size ({old}) at "
                f"non-singleton dimension {i}.  Target sizes: {list(size)}.  Tensor sizes: "
                f"{list(have)}"
            )
        made.append(int(n) if n != -1 else old)
    return tuple(made)


@expand.vjp("input")
def _(m, g, input_shape):
    return fit(m, g, input_shape)


@expand.writes
def _(m, x, new, size):
    raise overlapping()


@op("view")
def unsqueeze(m, input, *, dim):
    """`input` with a new dimension of size 1 at `dim`."""
    at = dim_of(dim, len(input.shape) + 1)
    return m.reshape(input, (*input.shape[:at], 1, *input.shape[at:]))


@op("view", node="SqueezeBackward1")
def squeeze_dims(m, input, *, dim):
    """`input` without those of the dimensions `dim` that have size 1."""
    n = len(input.shape)
    gone = () if dim == () else dims_of(dim, n) if n else _scalar_dims(dim)
    return m.reshape(
        input, tuple(k for i, k in enumerate(input.shape) if not (i in gone and k == 1))
    )


def _scalar_dims(dim: Any) -> tuple:
    for d in (dim,) if isinstance(dim, int) else dim:
        dim_of(d, 0)
    return ()


@op("view", node="SqueezeBackward0")
def squeeze_all(m, input):
    """`input` without its dimensions of size 1."""
    return m.reshape(input, tuple(k for k in input.shape if k != 1))


@reshape.vjp("input")
@unsqueeze.vjp("input")
@squeeze_dims.vjp("input")
@squeeze_all.vjp("input")
def _(m, g, input_shape):
    return m.reshape(g, input_shape)


@reshape.writes
@unsqueeze.writes
@squeeze_dims.writes
@squeeze_all.writes
def _(m, x, new, **_):
    return m.reshape(new, tuple(x.shape))


@composite
def squeeze(input, dim=None):
    """`input` without its dimensions of size 1 (all of them, or only those named by `dim`)."""
    return squeeze_all(input) if dim is None else squeeze_dims(input, dim)


@op("view", alias=True, differentiable=False)
def detach(m, input):
    """The same memory outside the graph."""
    return m.alias(input)


@detach.writes
def _(m, x, new):
    return new


@op("view")
def diagonal(m, input, *, offset=0, dim1=0, dim2=1):
    """The diagonals of `input` over two dimensions, as the last dimension of a view."""
    return m.diagonal(input, offset, *two_dims(dim1, dim2, len(input.shape)))


def two_dims(dim1: int, dim2: int, ndim: int) -> tuple[int, int]:
    """The two dimensions of a diagonal, counted from the front."""
    a, b = dim_of(dim1, ndim), dim_of(dim2, ndim)
    if a == b:
        raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    return a, b


@diagonal.vjp("input")
def _(m, g, input_shape, offset, dim1, dim2):
    return m.set_diagonal(m.full(input_shape, 0, g.dtype), g, offset, dim1, dim2)


@diagonal.writes
def _(m, x, new, offset=0, dim1=0, dim2=1):
    return m.set_diagonal(x, new, offset, dim1, dim2)


@op("move")
def set_diagonal(m, input, src, *, offset=0, dim1=0, dim2=1):
    """`input` with the diagonal over two dimensions replaced by `src`."""
    return m.set_diagonal(input, src, offset, dim1, dim2)


@set_diagonal.vjp("input")
def _(m, g, src_shape, offset, dim1, dim2):
    return m.set_diagonal(g, m.full(src_shape, 0, g.dtype), offset, dim1, dim2)


@set_diagonal.vjp("src")
def _(m, g, offset, dim1, dim2):
    return m.diagonal(g, offset, dim1, dim2)


@op("view")
def unfold_view(m, input, *, dimension, size, step):
    """`unfold` as a view."""
    n = len(input.shape)
    at = dim_of(dimension, n)
    if n == 0:
        return m.reshape(input, (1,))
    if size > input.shape[at]:
        raise RuntimeError(
            f"maximum size for tensor at dimension {at} is {input.shape[at]} but size is {size}"
        )
    order = (*(i for i in range(n) if i != at), at)
    seen = m.windows(m.permute_dims(input, order), (size,), (step,), (1,))  # (..., windows, size)
    back = (*range(at), n - 1, *range(at, n - 1), n)
    return m.permute_dims(seen, back)


@unfold_view.vjp("input")
def _(m, g, input_shape, dimension, size, step):
    n = len(input_shape)
    if n == 0:
        return m.reshape(g, ())
    at = dim_of(dimension, n)
    order = (*(i for i in range(n) if i != at), at)
    seen = m.permute_dims(g, (*(i for i in range(n) if i != at), at, n))
    summed = m.unwindows(seen, tuple(input_shape[i] for i in order), (step,), (1,))
    return m.permute_dims(summed, inverse(order))


@unfold_view.writes
def _(m, x, new, dimension, size, step):
    n = len(x.shape)
    if n == 0:
        return m.reshape(new, ())
    at, count = dim_of(dimension, n), new.shape[dimension % n]
    rows = m.reshape(m.arange(0, count, 1, m.int64) * step, (count, 1))
    places = m.reshape(rows + m.arange(0, size, 1, m.int64), (-1,))
    order = (*range(at + 1), n, *range(at + 1, n))
    beside = m.permute_dims(new, order)  # (..., windows, size, ...)
    flat = m.reshape(beside, (*x.shape[:at], count * size, *x.shape[at + 1 :]))
    return m.put(x, places, flat, at, "set")


@composite
def flatten(input, start_dim=0, end_dim=-1):
    """`input` with the dimensions `start_dim` to `end_dim` made one."""
    n = len(input.shape)
    if n == 0:
        return reshape(input, (1,))
    a, b = dim_of(start_dim, n), dim_of(end_dim, n)
    if a > b:
        raise RuntimeError("flatten() has invalid args: start_dim cannot come after end_dim")
    if a == b:
        return input
    shape = tuple(input.shape)
    return reshape(input, (*shape[:a], math.prod(shape[a : b + 1]), *shape[b + 1 :]))


@composite
def unflatten(input, dim, sizes):
    """`input` with the dimension `dim` split into `sizes` (one of them may be -1)."""
    at = dim_of(dim, len(input.shape))
    shape = tuple(input.shape)
    try:
        sizes = filled(tuple(sizes), shape[at])
    except RuntimeError:
        raise RuntimeError(
            f"unflatten: Provided sizes {list(sizes)} don't multiply up to the size of dim {at} "
            f"({shape[at]}) in the input tensor"
        ) from None
    return reshape(input, (*shape[:at], *sizes, *shape[at + 1 :]))


@composite
def movedim(input, source, destination):
    """`input` with dimensions moved to new places, the others in order."""
    n = len(input.shape)
    src = dims_of((source,) if isinstance(source, int) else source, n)
    dst = dims_of((destination,) if isinstance(destination, int) else destination, n)
    if len(src) != len(dst):
        raise RuntimeError(
            f"movedim: Invalid source or destination dims: source ({list(src)} dims) should "
            f"contain the same number of dims as destination ({list(dst)} dims)"
        )
    rest = iter([i for i in range(n) if i not in src])
    order = [src[dst.index(i)] if i in dst else next(rest) for i in range(n)]
    return permute(input, tuple(order))


@composite
def broadcast_to(input, size):
    """`input` stretched to `size`, as a view."""
    return expand(input, tuple(size))


@composite
def broadcast_tensors(*tensors):
    """All tensors stretched to the shape they broadcast to, as views."""
    tensors = listed(tensors)
    shape = broadcast_shapes(*[tuple(t.shape) for t in tensors])
    return tuple(expand(t, tuple(shape)) for t in tensors)


def broadcast_shapes(*shapes: Any) -> Size:
    """The shape that shapes broadcast to.

    Raises:
        RuntimeError: where they do not.
    """
    sized = [(s,) if isinstance(s, int) else tuple(s) for s in shapes]
    try:
        return Size(joint_shape(sized))
    except ValueError:
        raise RuntimeError(
            "Shape mismatch: objects cannot be broadcast to a single shape: "
            f"{', '.join(str(list(s)) for s in sized)}"
        ) from None


swapaxes = swapdims = transpose
moveaxis = movedim


@composite
def ravel(input):
    """`input` read as one row."""
    return reshape(input, (-1,))


@composite
def unfold(input, dimension, size, step):
    """Windows of `size` along `dimension`, `step` apart, as a new last dimension."""
    return unfold_view(input, dimension, size, step)


@composite
def as_strided(input, size, stride, storage_offset=None):
    """The memory behind `input` under any sizes and strides (in elements)."""
    return strided_view(input, tuple(size), tuple(stride), storage_offset)


@composite
def as_strided_scatter(input, src, size, stride, storage_offset=None):
    """A copy of `input` in whose memory `src` stands under these sizes and strides."""
    if tuple(src.shape) != tuple(size):
        raise RuntimeError(
            "expected src to have a size equal to the slice of self. src size = "
            f"{list(src.shape)}, slice size = {list(size)}"
        )
    return write_strided(input, src, tuple(size), tuple(stride), storage_offset)


@op("view", node="AsStridedBackward0")
def strided_view(m, input, *, size, stride, storage_offset=None):
    """`as_strided` as a view."""
    return m.as_strided(input, size, stride, storage_offset)


@strided_view.vjp("input")
def _(m, g, input_layout, size, stride, storage_offset):
    return m.unstrided(g, input_layout, size, stride, storage_offset)


@strided_view.writes
def _(m, x, new, size, stride, storage_offset=None):
    return m.write_strided(x, new, size, stride, storage_offset)


def laid_like(m: Any, g: Any, like: Any) -> Any:
    """g with memory of its own, its axes in the order that those of `like` have in memory."""
    order = memory_order(like)
    if order == tuple(range(len(order))):
        return m.contiguous(g)
    return m.permute_dims(m.contiguous(m.permute_dims(g, order)), inverse(order))


@op("move", node="AsStridedScatterBackward0")
def write_strided(m, input, new, *, size, stride, offset):
    """`input` with the part that a strided view shows replaced by `new`."""
    return m.write_strided(input, new, size, stride, offset)


@write_strided.vjp("input")
def _(m, g, input_layout, new_shape, size, stride, offset):
    g = laid_like(m, g, input_layout)
    return m.write_strided(g, m.full(new_shape, 0, g.dtype), size, stride, offset)


@write_strided.vjp("new")
def _(m, g, input_layout, size, stride, offset):
    return m.as_strided(laid_like(m, g, input_layout), size, stride, offset)


speak(
    reshape, diagonal, set_diagonal, permute_dims=permute,
    broadcast_to=lambda x, shape: expand(x, tuple(shape)), alias=detach,
)  # fmt: skip
