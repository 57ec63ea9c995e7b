"""Joining tensors and taking them apart: cat, stack, split, chunk, unbind."""

from typing import Any

from .._core import dtypes
from .._core.errors import dim_of, wrong_argument
from .._core.kinds import known, speak
from .._core.naming import named
from .._core.op import composite, filling, op
from .._core.views import attach, helpers
from .dims import filled_up, listed, part
from .slicing import picked, sliced


@op("move", node="CatBackward0")
def joined(m, tensors: list, *, dim=0):
    """Tensors of one dtype joined along an existing dimension."""
    return m.concat(tensors, dim)


@joined.vjp("tensors")
def _(m, g, tensors_shape, dim):
    made, start = [], 0
    for shape in tensors_shape:
        stop = start + shape[dim]
        made.append(m.index(g, part(dim % len(shape), start, stop)))
        start = stop
    return made


@composite
def cat(tensors, dim=0, *, out=None):
    """`tensors` joined along the existing dimension `dim`.

    Raises:
        RuntimeError: where other sizes differ.
        ValueError: where there are no tensors.
    """
    if not isinstance(tensors, (list, tuple)):
        raise wrong_argument("cat", "tensors", 1, "tuple of Tensors", tensors)
    if not tensors:
        raise ValueError("torch.cat(): expected a non-empty list of Tensors")
    try:
        shapes = [t.array.shape for t in tensors]
    except AttributeError:  # a subclass that wants to see the call, or no tensor
        return joined(tensors, dim, out=out)
    tensors: list = list(tensors)
    kept = tensors
    if (0,) in shapes:  # PyTorch leaves these out, whatever the others' dimensions
        kept = [t for t, shape in zip(tensors, shapes) if shape != (0,)] or tensors[:1]
        shapes = [shape for shape in shapes if shape != (0,)] or shapes[:1]
    kept = _of_one_dtype(tensors, kept)
    first = shapes[0]
    if not first:
        raise RuntimeError("zero-dimensional tensor (at position 0) cannot be concatenated")
    at = dim_of(dim, len(first))
    for i, shape in enumerate(shapes):
        if shape != first:
            _check_joins(first, shape, at, i)
    return joined(kept, at, out=out)


def _check_joins(first: tuple, shape: tuple, dim: int, position: int) -> None:
    if len(shape) != len(first):
        raise RuntimeError(
            f"Tensors must have same number of dimensions: got {len(first)} and {len(shape)}"
        )
    for i, (a, b) in enumerate(zip(first, shape)):
        if a != b and i != dim:
            raise RuntimeError(
                f"Sizes of tensors must match except in dimension {dim}. Expected size {a} but got "
                f"size {b} for tensor number {position} in the list."
            )


def _of_one_dtype(tensors: list, kept: list) -> list:
    first = tensors[0].array.dtype
    if all(t.array.dtype is first for t in tensors):
        return kept
    found = {dtypes.of(t.array.dtype) for t in tensors}
    wide: Any = None
    for d in found:
        wide = d if wide is None else dtypes.promote_types(wide, d)
    return [t if t.dtype is wide else helpers["cast"](t, wide) for t in kept]


@op("move", node="StackBackward0")
def stacked(m, tensors: list, *, dim=0):
    """Tensors of one shape and dtype joined along a new dimension."""
    shape = tuple(tensors[0].shape)
    wide = (*shape[:dim], 1, *shape[dim:])
    return m.concat([m.reshape(t, wide) for t in tensors], dim)


@stacked.vjp("tensors")
def _(m, g, tensors_shape, dim):
    return [m.index(g, (*(slice(None),) * dim, i)) for i in range(len(tensors_shape))]


@composite
def stack(tensors, dim=0, *, out=None):
    """`tensors` of one shape joined along a new dimension `dim`."""
    tensors = list(tensors)
    if not tensors:
        raise RuntimeError("stack expects a non-empty TensorList")
    try:
        shapes = [t.array.shape for t in tensors]
    except AttributeError:  # a subclass that wants to see the call, or no tensor
        return stacked(tensors, dim, out=out)
    shape = shapes[0]
    for i, other in enumerate(shapes):
        if other != shape:
            raise RuntimeError(
                f"stack expects each tensor to be equal size, but got {list(shape)} at entry 0 and "
                f"{list(other)} at entry {i}"
            )
    return stacked(_of_one_dtype(tensors, tensors), dim_of(dim, len(shape) + 1), out=out)


# -- taking apart: several views of one memory, one node


def _parts(name: str, node: str) -> Any:
    """A record that cuts its input by keys into several views, under PyTorch's node name."""

    @op("move", name=name, node=node, many=True)
    def parts(m, input, *, keys):
        """The parts of `input` at `keys`."""
        return [m.index(input, key) for key in keys]

    @parts.vjp("input")
    def _(m, g, input_shape, input_dtype, keys):
        whole = m.full(input_shape, 0, input_dtype)
        for gi, key in zip(g, keys):
            whole = whole if gi is None else m.write(whole, gi, key)
        return whole

    return parts


_split_parts = _parts("split_parts", "SplitBackward0")
_sizes_parts = _parts("split_with_sizes_parts", "SplitWithSizesBackward0")
_unbind_parts = _parts("unbind_parts", "UnbindBackward0")


def _views(parts: Any, record: Any, input: Any, keys: list) -> tuple:
    made = parts(input, tuple(keys))
    for t, key in zip(made, keys):
        attach(t, input, record.op, {"key": key})
    return made


@composite
def split(tensor, split_size_or_sections, dim=0):
    """`tensor` cut along `dim` into views of one size, or of the sizes listed."""
    shape = tuple(tensor.shape)
    if not shape:
        raise RuntimeError("split expects at least a 1-dimensional tensor")
    at = dim_of(dim, len(shape))
    n, sizes = shape[at], split_size_or_sections
    if isinstance(sizes, (list, tuple)):
        sizes = [int(s) for s in sizes]
        if sum(sizes) != n or min(sizes, default=0) < 0:
            raise RuntimeError(
                f"split_with_sizes expects split_sizes to sum exactly to {n} (input tensor's size "
                f"at dimension {at}), but got split_sizes={list(sizes)}"
            )
        return _views(_sizes_parts, sliced, tensor, _cuts(at, sizes))
    size = int(sizes)
    if size < 0 or (size == 0 and n != 0):
        raise RuntimeError(f"split expects split_size be non-negative, but got split_size={size}")
    sizes = [size] * (n // size) + ([n % size] if n % size else []) if size else [0]
    return _views(_split_parts, sliced, tensor, _cuts(at, sizes or [0]))


def _cuts(dim: int, sizes: list) -> list:
    keys, start = [], 0
    for n in sizes:
        keys.append(part(dim, start, start + n))
        start += n
    return keys


@composite
def split_with_sizes(input, split_sizes, dim=0):
    """`input` cut along `dim` into views of the sizes listed."""
    return split(input, list(split_sizes), dim)


@composite
def chunk(input, chunks, dim=0):
    """`input` cut along `dim` into at most `chunks` views of (nearly) one size."""
    if chunks <= 0:
        raise RuntimeError(f"chunk expects `chunks` to be greater than 0, got: {chunks}")
    shape = tuple(input.shape)
    if not shape:
        raise RuntimeError("chunk expects at least a 1-dimensional tensor")
    n = shape[dim_of(dim, len(shape))]
    if n == 0:
        return split(input, [0] * chunks, dim)
    return split(input, -(-n // chunks), dim)


@composite
def tensor_split(input, indices_or_sections, dim=0):
    """`input` cut along `dim` at the places listed, or into that many views."""
    at = dim_of(dim, len(input.shape))
    n, cut = input.shape[at], indices_or_sections
    if hasattr(cut, "tolist"):
        cut = cut.tolist()
    if isinstance(cut, int):
        if cut <= 0:
            raise RuntimeError(f"number of sections must be larger than 0, got {cut}")
        sizes = [n // cut + (i < n % cut) for i in range(cut)]
        return _views(_split_parts, sliced, input, _cuts(at, sizes))
    bounds = [0, *cut, n]
    keys = [part(at, a, max(a, b) if b >= 0 else b) for a, b in zip(bounds, bounds[1:])]
    return _views(_split_parts, sliced, input, keys)


@composite
def unbind(input, dim=0):
    """The slices of `input` along `dim`, without that dimension."""
    shape = tuple(input.shape)
    if not shape:
        raise IndexError("Dimension specified as 0 but tensor has no dimensions")
    at = dim_of(dim, len(shape))
    ahead = (slice(None),) * at
    keys = [(*ahead, i) for i in range(shape[at])]
    return _views(_unbind_parts, picked, input, keys) if keys else ()


def _at_least(n: int, name: str) -> Any:
    def widen(*tensors: Any) -> Any:
        first: Any = next(iter(tensors))
        if len(tensors) > 1 or isinstance(first, (list, tuple)):
            return tuple(widen(t) for t in listed(tensors))
        shape = tuple(first.shape)
        if len(shape) >= n:
            return first
        return first.reshape(filled_up((*shape, 1) if shape and n == 3 else shape, n))

    says = f"Each tensor as a view of at least {n} dimension{'s' if n > 1 else ''}."
    return named(widen, name, says)


atleast_1d, atleast_2d, atleast_3d = (_at_least(n, f"atleast_{n}d") for n in (1, 2, 3))


@filling
def hstack(tensors):
    """`tensors` joined in a row: along dimension 0 for vectors, else along dimension 1."""
    tensors = atleast_1d(list(tensors))
    return cat(list(tensors), 0 if len(tensors[0].shape) == 1 else 1)


@filling
def vstack(tensors):
    """`tensors` joined one under the other, vectors as rows."""
    return cat(list(atleast_2d(list(tensors))), 0)


@filling
def dstack(tensors):
    """`tensors` joined along the third dimension."""
    return cat(list(atleast_3d(list(tensors))), 2)


@filling
def column_stack(tensors):
    """`tensors` joined in a row, vectors as columns."""
    return cat([t.reshape((-1, 1)) if len(t.shape) <= 1 else t for t in tensors], 1)


row_stack, concat, concatenate = vstack, cat, cat


def _split_by(name: str, axis: Any) -> Any:
    def cut(input: Any, indices_or_sections: Any) -> tuple:
        return tensor_split(input, indices_or_sections, axis(len(input.shape)))

    return named(cut, name, f"`tensor_split` along the dimension of `{name}`.")


hsplit = _split_by("hsplit", lambda n: 0 if n == 1 else 1)
vsplit = _split_by("vsplit", lambda n: 0)
dsplit = _split_by("dsplit", lambda n: 2)


speak(
    stack,
    concat=lambda xs, axis=0: joined([known.as_tensor(x) for x in xs], axis % len(xs[0].shape)),
)
