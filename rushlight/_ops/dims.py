"""The `dim` argument: checked, counted from the front, and undone in gradient rules."""

from collections.abc import Sequence
from math import prod
from typing import Any

from .._core import dtypes
from .._core.errors import dim_of

# Element types as arrays and as tensors name them: a look-up in a set is the quickest question.
COMPLEX = frozenset(k for d in dtypes.ALL if d.is_complex for k in (d, d.numpy))
FLOATS = COMPLEX | {k for d in dtypes.ALL if d.is_floating_point for k in (d, d.numpy)}

Dims = int | Sequence[int] | None
one_axis = dim_of


def listed(given: tuple) -> tuple:
    """Arguments that come one by one, or all of them as one list."""
    one = len(given) == 1 and isinstance(given[0], (list, tuple))
    return tuple(given[0]) if one else given


def filled_up(shape: tuple, ndim: int) -> tuple:
    """`shape` with sizes of 1 in front, `ndim` in all."""
    return (1,) * (ndim - len(shape)) + tuple(shape)


def all_or(dim: Any, ndim: int) -> list:
    """The dimensions that are given, one or several; all where none is."""
    if dim is None:
        return list(range(ndim))
    return [dim] if isinstance(dim, int) else list(dim)


def axes_of(dim: Any, ndim: int) -> Any:
    """What a reducing word takes for `dim`: an axis, a tuple of axes, or None for all of them."""
    if dim is None:
        return None
    if dim.__class__ is int:
        axis = dim_of(dim, ndim)
        return axis if ndim else None
    if not isinstance(dim, (tuple, list)):
        return dim_of(dim, ndim) if ndim else None
    axes = tuple([dim_of(d, ndim) for d in dim])
    for axis in axes:
        if axes.count(axis) > 1:
            raise RuntimeError(
                f"dim {axis} appears multiple times in the list of dims: {tuple(dim)}"
            )
    return axes if axes and ndim else None


def spelt(name: str, dim: Any, keepdim: bool, names: dict) -> tuple[Any, bool]:
    """`dim` and `keepdim` where they were given under NumPy's names, which PyTorch takes too."""
    given = dict(names)
    dim, keepdim = given.pop("axis", dim), given.pop("keepdims", keepdim)
    if given:
        raise TypeError(f"{name}() got an unexpected keyword argument '{next(iter(given))}'")
    return dim, keepdim


def kept_shape(shape: tuple, dim: Any) -> tuple:
    """`shape` with size 1 where `dim` was reduced."""
    axes = axes_of(dim, len(shape))
    if axes is None:
        return (1,) * len(shape)
    if axes.__class__ is int:
        return (*shape[:axes], 1, *shape[axes + 1 :])
    return tuple(1 if i in axes else n for i, n in enumerate(shape))


def keep(m: Any, x: Any, shape: tuple, dim: Any, keepdim: bool) -> Any:
    """A reduced array with its reduced axes put back as size 1."""
    return x if keepdim or not shape else m.reshape(x, kept_shape(shape, dim))


def spread(m: Any, x: Any, shape: tuple, dim: Any, keepdim: bool) -> Any:
    """A reduced array laid over the shape that it came from."""
    return m.broadcast_to(keep(m, x, shape, dim, keepdim), shape)


def reduced_count(shape: tuple, dim: Any) -> int:
    """How many elements go into each element of a reduction."""
    axes = axes_of(dim, len(shape))
    if axes is None:
        return prod(shape)
    return shape[axes] if axes.__class__ is int else prod(shape[a] for a in axes)


def drop(m: Any, x: Any, axis: int, keepdim: bool) -> Any:
    """`x` without its axis of size 1, unless it is to be kept."""
    if keepdim or not x.shape:
        return x
    return m.reshape(x, (*x.shape[:axis], *x.shape[axis + 1 :]))


def at_indices(m: Any, x: Any, indices: Any, axis: int, keepdim: bool) -> tuple[Any, Any]:
    """(values, indices) of what stands in `x` at one index along `axis`."""
    values = m.take_along_axis(x, indices, axis)
    return drop(m, values, axis, keepdim), drop(m, indices, axis, keepdim)


def last(m: Any, x: Any, axis: int) -> Any:
    """`x` with `axis` moved to the end."""
    n = len(x.shape)
    return m.permute_dims(x, (*[i for i in range(n) if i != axis], axis))


def itself(m: Any, scalar: Any) -> Any:
    """A copy of an array of one element and no dimensions, of any dtype."""
    return m.reshape(m.concat([m.reshape(scalar, (1,))], axis=0), ())


def part(axis: int, *key: int | None) -> tuple:
    """The key of a slice along `axis`."""
    return (*(slice(None),) * axis, slice(*key))


def inverse(order: tuple) -> tuple:
    """The order of dimensions that undoes another."""
    return tuple(sorted(range(len(order)), key=lambda i: order[i] % len(order)))


def turned(m: Any, x: Any) -> Any:
    """Matrices with rows and columns exchanged."""
    n = len(x.shape)
    return m.permute_dims(x, (*range(n - 2), n - 1, n - 2))


def arange_along(m: Any, shape: tuple, axis: int) -> Any:
    """0, 1, 2 ... along `axis`, of size 1 along the others."""
    return laid_along(m, m.arange(0, shape[axis], 1, m.int64), axis, len(shape))


def laid_along(m: Any, row: Any, axis: int, ndim: int) -> Any:
    """A vector along `axis` of `ndim`, of size 1 along the others."""
    return m.reshape(row, tuple(-1 if i == axis else 1 for i in range(ndim)))


def joint_shape(shapes: list) -> tuple:
    """The shape that shapes broadcast to.

    Raises:
        ValueError: where they do not.
    """
    made: list = []
    for i in range(1, max(map(len, shapes), default=0) + 1):
        sizes = {s[-i] for s in shapes if len(s) >= i} - {1}
        if len(sizes) > 1:
            raise ValueError
        made.append(sizes.pop() if sizes else 1)
    return tuple(reversed(made))
