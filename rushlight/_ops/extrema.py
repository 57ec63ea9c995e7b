"""Largest and smallest elements: max, min, amax, amin, aminmax, argmax, argmin."""

from operator import index
from typing import Any

from .._core.errors import dim_of
from .._core.kinds import speak
from .._core.naming import named
from .._core.op import composite, op
from .bounds import maximum, minimum
from .dims import Dims, at_indices, axes_of, itself, keep, spelt
from .refusal import COMPLEX, is_complex_array, refuse


def picking(name: str, node: str | None = None, **options: Any) -> Any:
    """Decorator: the record of what picks (values, indices) along a dimension."""
    outputs = ("values", "indices")
    return op("reduce", name=name, node=node, outputs=outputs, returns=name, **options)


def needs_elements(name: str, shape: tuple, dim: Any) -> None:
    """An empty axis has no largest element."""
    if 0 not in shape:
        return
    axes = axes_of(dim, len(shape))
    if axes is None:
        raise RuntimeError(
            f"{name}(): Expected reduction dim to be specified for input.numel() == 0. Specify"
            f" the reduction dim with the 'dim' argument; the input has shape {tuple(shape)}"
        )
    for axis in (axes,) if axes.__class__ is int else axes:
        if not shape[axis]:
            raise IndexError(
                f"{name}(): Expected reduction dim {axis} to have non-zero size.; the input has "
                f"shape {tuple(shape)}"
            )


def shared_evenly(m: Any, g: Any, input: Any, out: Any, dim: Any, keepdim: bool) -> Any:
    """The gradient of an extreme value, in equal parts to all elements that reach it."""
    hit = m.astype(input == keep(m, out, input.shape, dim, keepdim), g.dtype)
    return hit * (
        keep(m, g, input.shape, dim, keepdim)
        / m.sum(hit, axis=axes_of(dim, len(input.shape)), keepdims=True)
    )


def _extreme(m: Any, input: Any, dim: Any, keepdim: bool, most: bool) -> Any:
    word = m.max if most else m.min
    return word(input, axis=axes_of(dim, len(input.shape)), keepdims=keepdim)


@op("reduce")
def amax(m, input, *, dim: Dims = (), keepdim: bool = False):
    """Largest element of all, or along `dim`; equal ones share the gradient."""
    needs_elements("amax", input.shape, dim)
    refuse("max_values_cpu", input, COMPLEX)
    return _extreme(m, input, dim, keepdim, True)


@op("reduce")
def amin(m, input, *, dim: Dims = (), keepdim: bool = False):
    """Smallest element of all, or along `dim`; equal ones share the gradient."""
    needs_elements("amin", input.shape, dim)
    refuse("min_values_cpu", input, COMPLEX)
    return _extreme(m, input, dim, keepdim, False)


@amax.vjp("input")
@amin.vjp("input")
def _(m, g, input, out, dim, keepdim):
    return shared_evenly(m, g, input, out, dim, keepdim)


@op("reduce", outputs=("min", "max"), returns="aminmax")
def aminmax(m, input, *, dim: int | None = None, keepdim: bool = False):
    """Smallest and largest element together."""
    if dim is not None:
        needs_elements("aminmax", input.shape, dim)
    elif 0 in input.shape:
        raise RuntimeError(
            "aminmax(): cannot compute aminmax over an empty dimension as the operation has no "
            f"identity.; the input has shape {tuple(input.shape)}"
        )
    refuse("aminmax_cpu", input, COMPLEX)
    return _extreme(m, input, dim, keepdim, False), _extreme(m, input, dim, keepdim, True)


@aminmax.vjp("input")
def _(m, g, input, out, dim, keepdim):
    parts = [
        shared_evenly(m, gk, input, ok, dim, keepdim) for gk, ok in zip(g, out) if gk is not None
    ]
    return parts[0] if len(parts) == 1 else parts[0] + parts[1]


def _index(m: Any, input: Any, dim: Any, keepdim: bool, most: bool) -> Any:
    name = "argmax" if most else "argmin"
    for kind in ("bool", "complex floating"):
        if m.isdtype(input.dtype, kind):
            raise RuntimeError(
                f"{name}(): does not support {kind.split()[0]} input; "
                "convert it to an ordered number first, for example with input.int() or input.abs()"
            )
    if dim is None and 0 in input.shape:
        raise IndexError(
            f"{name}(): Expected reduction dim to be specified for input.numel() == 0.; the input"
            f" has shape {tuple(input.shape)}"
        )
    needs_elements(name, input.shape, dim)
    word = m.argmax if most else m.argmin
    return word(input, axis=axes_of(dim, len(input.shape)), keepdims=keepdim)


@op("reduce", differentiable=False)
def argmax(m, input, *, dim: int | None = None, keepdim: bool = False):
    """Index of the first largest element, of the flattened input or along `dim`."""
    return _index(m, input, dim, keepdim, True)


@op("reduce", differentiable=False)
def argmin(m, input, *, dim: int | None = None, keepdim: bool = False):
    """Index of the first smallest element, of the flattened input or along `dim`."""
    return _index(m, input, dim, keepdim, False)


def _greatest(m: Any, input: Any, most: bool) -> Any:
    name = "max" if most else "min"
    needs_elements(name, input.shape, None)
    refuse(f"{name}_all", input, COMPLEX)
    return m.max(input) if most else m.min(input)


@op("reduce", name="max", node="MaxBackward1")
def max_of_all(m, input):
    """Largest of all elements."""
    return _greatest(m, input, True)


@op("reduce", name="min", node="MinBackward1")
def min_of_all(m, input):
    """Smallest of all elements."""
    return _greatest(m, input, False)


@max_of_all.vjp("input")
@min_of_all.vjp("input")
def _(m, g, input, out):
    hit = (input == out) | ((input != input) & (out != out))
    hit = m.astype(hit, g.dtype)
    return hit * (g / m.sum(hit))


def _along(m: Any, input: Any, dim: int, keepdim: bool, most: bool) -> tuple:
    """Extreme values along one axis, and where they were found first."""
    name = "max" if most else "min"
    axis = dim_of(dim, len(input.shape))
    needs_elements(name, input.shape, dim)
    if is_complex_array(m, input):
        raise RuntimeError(
            f"{name}(): does not support complex input; compare input.abs() or input.real"
        )
    if not input.shape:
        return itself(m, input), m.full((), 0, m.int64)
    indices = (m.argmax if most else m.argmin)(input, axis=axis, keepdims=True)
    return at_indices(m, input, indices, axis, keepdim)


@picking("max", "MaxBackward0", straight=True)
def max_along(m, input, *, dim: int, keepdim: bool = False):
    """Largest elements along `dim` and their indices."""
    return _along(m, input, dim, keepdim, True)


@picking("min", "MinBackward0", straight=True)
def min_along(m, input, *, dim: int, keepdim: bool = False):
    """Smallest elements along `dim` and their indices."""
    return _along(m, input, dim, keepdim, False)


def scattered(m, g, out, input_shape, dim, keepdim):
    """The rule of what picks (values, indices) along `dim`: back where they were picked."""
    if not input_shape:
        return g[0]
    zeros = m.full(input_shape, 0, g[0].dtype)
    slope, indices = (keep(m, x, input_shape, dim, keepdim) for x in (g[0], out[1]))
    return m.scatter(zeros, indices, slope, dim_of(dim, len(input_shape)), "add")


def scattered_along(m, g, out, input_shape, dim):
    """The same where `dim` stays."""
    return scattered(m, g, out, input_shape, dim, True)


for each in (max_along, min_along):
    each.vjp("input")(scattered)


def whole(name: str, dim: Any) -> int:
    """The dimension of the form along one dimension."""
    try:
        if dim.__class__ is bool:
            raise TypeError
        return index(dim)
    except TypeError:
        more = f" or (input, Tensor other); for several dims use a{name}" * (len(name) == 3)
        raise TypeError(
            f"{name}() received an invalid combination of arguments - got (Tensor, "
            f"{type(dim).__name__}), but expected (input), (input, int dim, bool keepdim){more}"
        ) from None


def _public(name: str, of_all: Any, along: Any, of_two: Any, says: str):
    """The public function with three meanings."""

    def extreme(
        input: Any, dim: Any = None, keepdim: bool = False, *, other: Any = None, out: Any = None,
        **names: Any,
    ) -> Any:  # fmt: skip
        if names:
            dim, keepdim = spelt(name, dim, keepdim, names)
        if dim is None and other is None and not keepdim:
            return of_all(input, out=out)
        if other is None and not hasattr(dim, "array"):
            return along(input, whole(name, dim), keepdim, out=out)
        return of_two(input, dim if other is None else other, out=out)

    return composite(named(extreme, name, says))


max = _public(
    "max",
    max_of_all,
    max_along,
    maximum,
    "Largest element; or (values, indices) along `dim`; or the larger of two tensors.",
)
min = _public(
    "min",
    min_of_all,
    min_along,
    minimum,
    "Smallest element; or (values, indices) along `dim`; or the smaller of two tensors.",
)


speak(
    argmax,
    argmin,
    max=lambda x, axis=None, keepdims=False: amax(x, () if axis is None else axis, keepdims),
    min=lambda x, axis=None, keepdims=False: amin(x, () if axis is None else axis, keepdims),
)
