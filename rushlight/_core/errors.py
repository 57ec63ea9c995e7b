"""Errors in PyTorch's words, and why an op's array code failed."""

from operator import index
from typing import Any

import numpy as np


class OutOfMemoryError(RuntimeError):
    """An allocation that the device cannot serve."""


class LinAlgError(RuntimeError):
    """A matrix that a decomposition cannot handle, such as a singular one."""


def wrong_dim(dim: int, ndim: int) -> IndexError:
    """The error for a dimension that a tensor of `ndim` dimensions does not have."""
    low, high = (-ndim, ndim - 1) if ndim else (-1, 0)
    return IndexError(
        f"Dimension out of range (expected to be in range of [{low}, {high}], but got {dim})"
    )


def wrong_argument(name: str, argument: str, position: int, wanted: str, given: Any) -> TypeError:
    """The error for an argument of another type than the one `wanted`; position 0: by name."""
    place = f" (position {position})" if position else ""
    return TypeError(
        f"{name}(): argument '{argument}'{place} must be {wanted}, not {type(given).__name__}"
    )


def dim_of(dim: int, ndim: int) -> int:
    """`dim` counted from the front; a 0-dim tensor has the one dimension 0 (or -1).

    Raises:
        IndexError: where there is no such dimension.
    """
    if dim.__class__ is not int:
        if dim.__class__ is bool:
            raise TypeError("dim must be int, not bool; perhaps keepdim=True is meant")
        dim = index(dim)
    n = ndim or 1
    if not -n <= dim < n:
        raise wrong_dim(dim, ndim)
    return dim % n


def dims_of(dims: Any, ndim: int) -> tuple[int, ...]:
    """Several dimensions counted from the front, each at most once; None or () means all."""
    if dims is None:
        return tuple(range(ndim))
    if isinstance(dims, int):
        return (dim_of(dims, ndim),)
    found = tuple(dim_of(d, ndim) for d in dims)
    for d in found:
        if found.count(d) > 1:
            raise RuntimeError(f"dim {d} appears multiple times in the list of dims")
    return found if found else tuple(range(ndim))


def unmet_broadcast(shapes: list[tuple]) -> RuntimeError | None:
    """PyTorch's error where shapes do not broadcast, None where they do."""
    shapes = [s for s in shapes if s]
    for a, b in zip(shapes, shapes[1:]):
        for i in range(1, min(len(a), len(b)) + 1):
            if a[-i] != b[-i] and 1 not in (a[-i], b[-i]):
                where = max(len(a), len(b)) - i
                return RuntimeError(
                    f"The size of tensor a ({a[-i]}) must match the size of tensor b ({b[-i]}) at "
                    f"non-singleton dimension {where}. a has shape {list(a)}, b has shape "
                    f"{list(b)}: sizes meet, counted from the last, when they are equal or one of "
                    "them is 1."
                )
    return None


def explained(name: str, error: Exception, arrays: list[Any], broadcasts: bool) -> Exception:
    """An error of array code in PyTorch's type and words where they are known."""
    if isinstance(error, np.exceptions.AxisError):
        ndim = error.ndim if error.ndim is not None else max([a.ndim for a in arrays], default=0)
        return wrong_dim(error.axis if error.axis is not None else 0, ndim)
    shapes = [tuple(a.shape) for a in arrays if hasattr(a, "shape")]
    if isinstance(error, (ValueError, TypeError)) and broadcasts:
        unmet = unmet_broadcast(shapes)
        if unmet is not None:
            return unmet
    if isinstance(error, np.linalg.LinAlgError):
        return LinAlgError(f"{name}: {error}")
    if isinstance(error, IndexError):
        return (
            IndexError(str(error).replace("for axis", "for dimension"))
            if "for axis" in str(error)
            else error
        )
    if isinstance(error, (RuntimeError, NotImplementedError)):
        return error
    if "boolean subtract" in str(error):
        return RuntimeError(
            "Subtraction, the `-` operator, with two bool tensors is not supported. Use the `^` or "
            "`logical_xor()` operator instead."
        )
    if "boolean negative" in str(error):
        return RuntimeError(
            "Negation, the `-` operator, on a bool tensor is not supported. If you are trying to "
            "invert a mask, use the `~` or `logical_not()` operator instead."
        )
    given = ", ".join(f"{a.dtype}{list(a.shape)}" for a in arrays if hasattr(a, "shape"))
    if isinstance(error, TypeError) and "ufunc" in str(error):
        types = ", ".join(sorted({str(a.dtype) for a in arrays if hasattr(a, "dtype")}))
        return RuntimeError(f'"{name}" not implemented for {types}; given {given}')
    if isinstance(error, ValueError):
        return RuntimeError(f"{name}: {error}; given {given}")
    return error
