"""Elements in another order or repeated: flip, roll, rot90, repeat, tile, triangles, diagonals."""

from typing import Any

from .._core import dtypes
from .._core.errors import dim_of, dims_of
from .._core.kinds import known, speak
from .._core.op import composite, filling, op
from .._core.tape import TensorBase, make
from .dims import filled_up, listed, part
from .indexing import masked_fill
from .joining import cat
from .slicing import sliced, write
from .views import diagonal, permute, set_diagonal, transpose, two_dims


@op("move", node="FlipBackward0", name="flip")
def flipped(m, input, *, dims):
    """`flip` along checked dimensions."""
    return m.flip(input, dims) if dims else m.copy(input)


@flipped.vjp("input")
def _(m, g, dims):
    return m.flip(g, dims) if dims else g


@composite
def flip(input, *given, dims=()):
    """`input` with the order of elements reversed along `dims` (a sequence, or several numbers)."""
    chosen: Any = given or dims
    chosen = (chosen,) if isinstance(chosen, int) else listed(chosen)
    found = tuple(dim_of(d, len(input.shape)) for d in chosen)
    return flipped(input, dims_of(found, len(input.shape)) if found else ())


@composite
def fliplr(input):
    """`input` reversed along its second dimension."""
    return flip(input, 1)


@composite
def flipud(input):
    """`input` reversed along its first dimension."""
    return flip(input, 0)


@composite
def roll(input, shifts, dims=None):
    """`input` with elements moved along `dims`, those pushed out coming in at the other end."""
    if dims is None or dims == ():
        if isinstance(shifts, (tuple, list)):
            shifts = shifts[0]
        return roll(input.reshape((-1,)), shifts, 0).reshape(tuple(input.shape))
    shifts = (shifts,) if isinstance(shifts, int) else tuple(shifts)
    dims = (dims,) if isinstance(dims, int) else tuple(dims)
    if len(shifts) != len(dims):
        raise RuntimeError(
            f"shifts and dimensions must align. shifts: {len(shifts)}, dims:{len(dims)}"
        )
    for shift, dim in zip(shifts, dims):
        at = dim_of(dim, len(input.shape))
        n = input.shape[at]
        k = shift % n if n else 0
        if k:
            tail, head = sliced(input, part(at, n - k, n)), sliced(input, part(at, 0, n - k))
            input = cat([tail, head], at)
    return input.clone() if all(s == 0 for s in shifts) else input


@composite
def rot90(input, k=1, dims=(0, 1)):
    """`input` turned by `k` quarter turns in the plane of two dimensions."""
    a, b = (dim_of(d, len(input.shape)) for d in dims)
    k %= 4
    if k == 0:
        return input.clone()
    if k == 2:
        return flip(input, (a, b))
    return transpose(flip(input, b), a, b) if k == 1 else flip(transpose(input, a, b), b)


@op("move", node="RepeatBackward0", name="repeat")
def repeated(m, input, *, repeats):
    """`input` repeated along each dimension."""
    shape = filled_up(input.shape, len(repeats))
    pairs = tuple(k for n in shape for k in (1, n))
    wide = tuple(k for r, n in zip(repeats, shape) for k in (r, n))
    stretched = m.broadcast_to(m.reshape(input, pairs), wide)
    return m.copy(m.reshape(stretched, tuple(r * n for r, n in zip(repeats, shape))))


@repeated.vjp("input")
def _(m, g, input_shape, repeats):
    shape = filled_up(input_shape, len(repeats))
    wide = tuple(k for r, n in zip(repeats, shape) for k in (r, n))
    summed = m.sum(m.reshape(g, wide), axis=tuple(range(0, len(wide), 2)))
    return m.reshape(summed, input_shape)


@composite
def repeat(input, *repeats):
    """`input` repeated along each dimension; more numbers than dimensions put new ones in front."""
    repeats = tuple(int(r) for r in listed(repeats))
    if len(repeats) < len(input.shape):
        raise RuntimeError(
            "Number of dimensions of repeat dims can not be smaller than number of dimensions of "
            "tensor"
        )
    return repeated(input, repeats)


@composite
def tile(input, *dims):
    """`input` repeated along its last dimensions; missing numbers are 1."""
    repeats = tuple(int(d) for d in listed(dims))
    return repeated(input, filled_up(repeats, len(input.shape)))


@composite
def repeat_interleave(input, repeats=None, dim=None, *, output_size=None):
    """`input` with each slice along `dim` repeated `repeats` times (a number, or one a slice)."""
    if repeats is None:
        return _counted(input.tolist(), input.device)
    if dim is None:
        input, dim = input.reshape((-1,)), 0
    at = dim_of(dim, len(input.shape))
    n = input.shape[at]
    numbers = [repeats]
    if isinstance(repeats, TensorBase):
        numbers = repeats.reshape((-1,)).tolist()
    if len(numbers) == 1:
        numbers = numbers * n
    if len(numbers) != n:
        raise RuntimeError("repeats must have the same size as input along dim")
    return input.index_select(at, _counted(numbers, input.device))


def _counted(repeats: list[int], where: Any) -> Any:
    """0 as often as the first number says, 1 as often as the second, and so on."""
    if any(k < 0 for k in repeats):
        raise RuntimeError("repeats can not be negative")
    flat = [i for i, k in enumerate(repeats) for _ in range(k)]
    return known.as_tensor(flat, dtype=dtypes.int64, device=where)


def _triangle(m: Any, shape: tuple, k: int, lower: bool) -> Any:
    rows = m.reshape(m.arange(0, shape[-2]), (shape[-2], 1))
    cols = m.reshape(m.arange(0, shape[-1]), (1, shape[-1]))
    return cols - rows <= k if lower else cols - rows >= k


def _kept(m: Any, x: Any, diagonal: int, lower: bool, name: str) -> Any:
    if len(x.shape) < 2:
        raise RuntimeError(f"{name}: input tensor must have at least 2 dimensions")
    return m.where(_triangle(m, tuple(x.shape), diagonal, lower), x, m.full((), 0, x.dtype))


@op("move")
def tril(m, input, *, diagonal=0):
    """The lower triangle of matrices, zeros above the `diagonal`."""
    return _kept(m, input, diagonal, True, "tril")


@tril.vjp("input")
def _(m, g, diagonal):
    return _kept(m, g, diagonal, True, "tril")


@op("move")
def triu(m, input, *, diagonal=0):
    """The upper triangle of matrices, zeros below the `diagonal`."""
    return _kept(m, input, diagonal, False, "triu")


@triu.vjp("input")
def _(m, g, diagonal):
    return _kept(m, g, diagonal, False, "triu")


_diagonal = diagonal  # `diagonal` is also the name of a parameter of `diag`


@filling
def diag(input, diagonal=0):
    """A matrix with a vector on its diagonal, or the diagonal of a matrix."""
    if len(input.shape) == 1:
        return diag_embed(input, diagonal)
    if len(input.shape) != 2:
        raise RuntimeError(f"diag(): Supports 1D or 2D tensors. Got {len(input.shape)}D")
    return _diagonal(input, diagonal).clone()


@composite
def diag_embed(input, offset=0, dim1=-2, dim2=-1):
    """Matrices, zero but for a diagonal that holds the last dimension of `input`."""
    n = len(input.shape) + 1
    a, b = two_dims(dim1, dim2, n)
    size = input.shape[-1] + abs(offset)
    made = set_diagonal(
        input.new_zeros((*input.shape[:-1], size, size)), input, offset, n - 2, n - 1
    )
    order = [i for i in range(n) if i not in (a, b)]
    place = {a: n - 2, b: n - 1, **{d: i for i, d in enumerate(order)}}
    return permute(made, tuple(place[i] for i in range(n)))


@composite
def diagflat(input, offset=0):
    """A matrix with the elements of `input`, read as one row, on its diagonal."""
    return diag_embed(input.reshape((-1,)), offset)


@composite
def diagonal_scatter(input, src, offset=0, dim1=0, dim2=1):
    """`input` with a diagonal replaced by `src`."""
    return set_diagonal(input, src, offset, dim1, dim2)


@composite
def select_scatter(input, src, dim, index):
    """`input` with the slice at `index` along `dim` replaced by `src`."""
    return write(input, src, (*(slice(None),) * dim_of(dim, len(input.shape)), index))


@composite
def slice_scatter(input, src, dim=0, start=None, end=None, step=1):
    """`input` with a range of slices along `dim` replaced by `src`."""
    return write(input, src, part(dim_of(dim, len(input.shape)), start, end, step))


@composite
def fill_diagonal(input, fill_value, wrap=False):
    """`input` with its diagonal set to one value (again in tall matrices, if `wrap`)."""
    n, p = input.shape[0], input.shape[-1]
    m = known.numpy
    if len(input.shape) > 2:
        where = m.full(tuple(input.shape), False, m.bool)
        for i in range(min(input.shape)):
            where = m.write(where, True, (i,) * len(input.shape))
        return masked_fill(input, make(where, input.device), fill_value)
    flat = m.reshape(m.arange(0, n * p), (n, p))
    last = n * p if wrap else p * p
    where = (m.remainder(flat, p + 1) == 0) & (flat < last)
    return masked_fill(input, make(where, input.device), fill_value)


speak(flip=lambda x, axis: flipped(x, (axis,) if isinstance(axis, int) else tuple(axis)))
