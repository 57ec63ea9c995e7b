"""Several steps of arithmetic in one op: addcmul, addcdiv, lerp, cross, dist and their like."""

from math import inf
from typing import Any

from .._core import dtypes
from .._core.errors import dim_of
from .._core.op import composite, filling, op
from .arithmetic import conjugate, pow
from .dims import FLOATS, part
from .refusal import BOOL, INTEGER, refuse


@op("pointwise", node="PowBackward0")
def square(m, input):
    """Each element times itself."""
    if m.isdtype(input.dtype, "bool"):
        return m.astype(input, m.int64)
    return input * input


@square.vjp("input")
def _(m, g, input):
    return g * (m.conj(input) * 2)


@filling
def float_power(input: Any, exponent: Any) -> Any:
    """`input` to the power `exponent`, computed in float64 (complex128 for complex numbers)."""
    given = [x for x in (input, exponent) if hasattr(x, "dtype")]
    wide = any(x.dtype.is_complex for x in given) or complex in (type(input), type(exponent))
    to = dtypes.complex128 if wide else dtypes.float64
    input, exponent = (x.to(to) if hasattr(x, "dtype") else x for x in (input, exponent))
    return pow(input, exponent)


@composite
def positive(input: Any) -> Any:
    """The tensor itself."""
    if input.dtype is dtypes.bool_:
        raise RuntimeError(
            "The `+` operator, on a bool tensor is not supported. Convert the mask: input.int()"
        )
    return input


@op("pointwise")
def addcmul(m, input, tensor1, tensor2, *, value: float = 1):
    """input + value * tensor1 * tensor2."""
    refuse("addcmul_cpu_out", input, BOOL)
    product = tensor1 * tensor2
    return input + (product if value == 1 else product * _step(m, input, value))


def _step(m: Any, input: Any, value: Any) -> Any:
    """`value` for this dtype: integers take its whole part."""
    return int(value) if m.isdtype(input.dtype, "integral") else value


@addcmul.vjp("tensor1")
def _(m, g, tensor2, value):
    return g * (m.conj(tensor2) * conjugate(m, value))


@addcmul.vjp("tensor2")
def _(m, g, tensor1, value):
    return g * (m.conj(tensor1) * conjugate(m, value))


@op("pointwise")
def addcdiv(m, input, tensor1, tensor2, *, value: float = 1):
    """input + value * tensor1 / tensor2."""
    if input.dtype not in FLOATS:
        raise RuntimeError(
            "Integer division with addcdiv is no longer supported, and in a future  release "
            "addcdiv will perform a true division of tensor1 and tensor2. Convert with .float()"
        )
    quotient = tensor1 / tensor2
    return input + (quotient if value == 1 else quotient * value)


@addcmul.vjp("input")
@addcdiv.vjp("input")
def _(m, g):
    return g


@addcdiv.vjp("tensor1")
def _(m, g, tensor2, value):
    return g * conjugate(m, value) / m.conj(tensor2)


@addcdiv.vjp("tensor2")
def _(m, g, tensor1, tensor2, value):
    below = m.conj(tensor2)
    return -g * (m.conj(tensor1) * conjugate(m, value)) / (below * below)


@op("pointwise", node=lambda numbers: f"LerpBackward{0 if 'weight' in numbers else 1}")
def lerp(m, input, end, weight):
    """The point at `weight` between `input` (0) and `end` (1)."""
    tensors = hasattr(weight, "dtype")
    refuse(f"lerp_kernel_{'tensor' if tensors else 'scalar'}", input, BOOL, INTEGER)
    way = end - input
    if not tensors:  # from the nearer end: the two ends are met exactly
        return input + way * weight if abs(weight) < 0.5 else end - way * (1 - weight)
    return m.where(m.abs(weight) < 0.5, input + way * weight, end - way * (1 - weight))


@lerp.vjp("input")
def _(m, g, weight):
    return g * (1 - conjugate(m, weight))


@lerp.vjp("end")
def _(m, g, weight):
    return g * conjugate(m, weight)


@lerp.vjp("weight")
def _(m, g, input, end):
    return g * m.conj(end - input)


def _cross(m: Any, a: Any, b: Any, axis: int) -> Any:
    def at(x: Any, i: int) -> Any:
        return m.index(x, part(axis, i, i + 1))

    turns = ((1, 2), (2, 0), (0, 1))
    return m.concat([at(a, i) * at(b, j) - at(a, j) * at(b, i) for i, j in turns], axis)


@op("same", name="linalg_cross", broadcasts=True)
def linalg_cross(m, input, other, *, dim: int = -1):
    """The vector product of vectors of length 3 along `dim`."""
    if input.ndim != other.ndim:
        raise RuntimeError(
            "linalg.cross: inputs must have the same number of dimensions. input has "
            f"{input.ndim}, other has {other.ndim}"
        )
    axis = dim_of(dim, input.ndim)
    sizes = input.shape[axis], other.shape[axis]
    if sizes != (3, 3):
        raise RuntimeError(
            f"linalg.cross: inputs dimension {dim} must have length 3. Got {sizes[0]} and "
            f"{sizes[1]}; input is {tuple(input.shape)}, other is {tuple(other.shape)}"
        )
    return _cross(m, input, other, axis)


@linalg_cross.vjp("input")
def _(m, g, other, dim):
    return _cross(m, m.conj(other), g, dim_of(dim, g.ndim))


@linalg_cross.vjp("other")
def _(m, g, input, dim):
    return _cross(m, g, m.conj(input), dim_of(dim, g.ndim))


@filling
def cross(input: Any, other: Any, dim: int | None = None) -> Any:
    """The vector product along `dim`: without it, along the first dimension of size 3."""
    if dim is None:
        dim = next((i for i, n in enumerate(input.shape) if n == 3), None)
    if dim is None:
        raise RuntimeError(f"no dimension of size 3 in input; it has shape {tuple(input.shape)}")
    return linalg_cross(input, other, dim)


@op("same", broadcasts=True)
def dist(m, input, other, *, p: float = 2):
    """The p-norm of the difference."""
    refuse("norm", input, BOOL, INTEGER)
    gap = m.abs(input - other)
    if p == 0:
        return m.sum(m.astype(gap != 0, gap.dtype))
    if p in (inf, -inf):
        return m.max(gap) if p > 0 else m.min(gap)
    return m.pow(m.sum(m.pow(gap, p)), 1 / p) if p != 2 else m.sqrt(m.sum(gap * gap))


def _dist_slope(m: Any, g: Any, input: Any, other: Any, out: Any, p: float) -> Any:
    """The slope of the p-norm in the difference, 0 where PyTorch has it 0."""
    gap = input - other
    size, way = m.abs(gap), m.sign(gap)
    if p == 0:
        return m.zeros_like(gap)
    if p in (inf, -inf):
        hit = m.astype(size == out, size.dtype)
        return way * (hit * (g / m.sum(hit)))
    if p == 1:
        return way * g
    zero = (size == 0) | (out == 0)
    ratio = m.where(zero, 1, size) / m.where(out == 0, 1, out)
    return m.where(zero, 0, way * (g * m.pow(ratio, p - 1)))


@dist.vjp("input")
def _(m, g, input, other, out, p):
    return _dist_slope(m, g, input, other, out, p)


@dist.vjp("other")
def _(m, g, input, other, out, p):
    return -_dist_slope(m, g, input, other, out, p)
