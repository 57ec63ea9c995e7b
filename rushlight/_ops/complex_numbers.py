"""Complex numbers and their parts; the parts of a tensor are views of it."""

from math import pi
from typing import Any

from .._core import dtypes
from .._core.kinds import speak
from .._core.op import composite, filling, op
from .refusal import is_complex_array


def _need_complex(name: str, x: Any, sentence: str) -> None:
    if not dtypes.of(x.dtype).is_complex:
        raise RuntimeError(
            f"{sentence}; {name} takes complex64 or complex128, the input is {dtypes.of(x.dtype)}"
        )


@op("view", node="ViewAsRealBackward0")
def view_as_real(m, input):
    """Complex numbers as pairs: a view with one more axis, of real and imaginary parts."""
    _need_complex("view_as_real", input, "view_as_real is only supported for complex tensors")
    half = dtypes.of(input.dtype).to_real()
    return m.bitcast(m.reshape(input, (*input.shape, 1)), half)  # (..., 2)


@view_as_real.vjp("input")
def _(m, g):
    return _joined(m, g)


@view_as_real.writes
def _(m, x, new):
    return _joined(m, new)


def _joined(m: Any, pairs: Any) -> Any:
    return m.complex(m.index(pairs, (..., 0)), m.index(pairs, (..., 1)))


def _split(m: Any, x: Any) -> Any:
    parts = [m.reshape(p, (*p.shape, 1)) for p in (m.real(x), m.imag(x))]
    return m.concat(parts, -1)


@op("view", node="ViewAsComplexBackward0")
def view_as_complex(m, input):
    """Pairs of numbers (last axis) as complex numbers: a view with one axis less."""
    found = dtypes.of(input.dtype)
    if found.name not in ("float32", "float64"):
        raise RuntimeError(
            "view_as_complex is only supported for half, float and double tensors, but got a "
            f"tensor of scalar type: {found.type_name}"
        )
    if not input.shape:
        raise RuntimeError("Input tensor must have one or more dimensions; the last one of size 2")
    if input.shape[-1] != 2:
        raise RuntimeError(
            f"Tensor must have a last dimension of size 2; the input has shape {tuple(input.shape)}"
        )
    if m.name == "numpy" and input.size and input.strides[-1] != input.dtype.itemsize:
        raise RuntimeError(
            "Tensor must have a last dimension with stride 1; call input.contiguous() first"
        )
    return m.reshape(m.bitcast(input, found.to_complex()), input.shape[:-1])


@view_as_complex.vjp("input")
def _(m, g):
    return _split(m, g)


@view_as_complex.writes
def _(m, x, new):
    return _split(m, new)


@op("view", node="SelectBackward0")
def real_part(m, input):
    """The real parts of complex numbers, as a view."""
    return m.real(input)


@real_part.vjp("input")
def _(m, g):
    return m.complex(g, m.zeros_like(g))


@real_part.writes
def _(m, x, new):
    return m.complex(new, m.imag(x))


@op("view", node="SelectBackward0")
def imaginary_part(m, input):
    """The imaginary parts of complex numbers, as a view."""
    return m.imag(input)


@imaginary_part.vjp("input")
def _(m, g):
    return m.complex(m.zeros_like(g), g)


@imaginary_part.writes
def _(m, x, new):
    return m.complex(m.real(x), new)


@composite
def real(input: Any) -> Any:
    """The real parts: a view of a complex tensor, a real tensor itself."""
    return real_part(input) if input.is_complex() else input


@composite
def imag(input: Any) -> Any:
    """The imaginary parts: a view of a complex tensor."""
    _need_complex("imag", input, "imag is not implemented for tensors with non-complex dtypes.")
    return imaginary_part(input)


@op("pointwise", node="ConjBackward0")
def conjugate(m, input):
    """The complex conjugate of each element, in new memory."""
    return m.conj(input)


@op("pointwise", node="ConjPhysicalBackward0")
def conjugate_in_memory(m, input):
    """The complex conjugate of each element, under the name that `conj_physical` gives its node."""
    return m.conj(input)


@conjugate.vjp("input")
@conjugate_in_memory.vjp("input")
def _(m, g):
    return m.conj(g)


@composite
def conj(input: Any) -> Any:
    """The complex conjugate; a real tensor itself.

    Differs: the result is computed at once and has its own memory, where PyTorch makes a view.
    """
    return conjugate(input) if input.is_complex() else input


@filling
def conj_physical(input: Any) -> Any:
    """The complex conjugate; a real tensor itself."""
    return conjugate_in_memory(input) if input.is_complex() else input


@composite
def resolve_conj(input: Any) -> Any:
    """The tensor itself: conjugates are always computed at once."""
    return input


@composite
def resolve_neg(input: Any) -> Any:
    """The tensor itself: negatives are always computed at once."""
    return input


@op("pointwise", floats=True)
def angle(m, input):
    """The angle of complex numbers; pi for negative real numbers, 0 for others."""
    if is_complex_array(m, input):
        return m.atan2(m.imag(input), m.real(input))
    return m.where(m.isnan(input), input, m.astype(input < 0, input.dtype) * pi)


@angle.vjp("input")
def _(m, g, input):
    """Across the direction of x, over |x|."""
    if not is_complex_array(m, input):
        return m.zeros_like(g)
    re, im = m.real(input), m.imag(input)
    square = re * re + im * im
    rate = m.where(square == 0, 0, g / m.where(square == 0, 1, square))
    return m.complex(-im * rate, re * rate)


@op(None, broadcasts=True)
def complex(m, real, imag):
    """Complex numbers made of real and imaginary parts."""
    check_parts(dtypes.of(real.dtype), dtypes.of(imag.dtype))
    return m.complex(real, imag)


def check_parts(one: dtypes.dtype, other: dtypes.dtype) -> None:
    """Refuse dtypes of which no complex numbers can be made."""
    a, b = one.type_name, other.type_name
    if any(d not in (dtypes.float32, dtypes.float64) for d in (one, other)):
        raise RuntimeError(
            f"Expected both inputs to be Half, Float or Double tensors but got {a} and {b}"
        )
    if one is not other:
        raise RuntimeError(
            f"Expected object of scalar type {a} but got scalar type {b} for second argument"
        )


@complex.vjp("real")
def _(m, g):
    return m.real(g)


@complex.vjp("imag")
def _(m, g):
    return m.imag(g)


@composite
def is_complex(input: Any) -> bool:
    """Whether the dtype is complex."""
    return input.dtype.is_complex


@composite
def is_floating_point(input: Any) -> bool:
    """Whether the dtype is a floating one (complex is not)."""
    return input.dtype.is_floating_point


@composite
def is_signed(input: Any) -> bool:
    """Whether the dtype can hold negative numbers."""
    return input.dtype.is_signed


@composite
def is_conj(input: Any) -> bool:
    """Whether the tensor is a conjugate not yet computed: never."""
    return False


@composite
def is_neg(input: Any) -> bool:
    """Whether the tensor is a negative not yet computed: never."""
    return False


@composite
def is_nonzero(input: Any) -> bool:
    """Whether the only element is other than zero."""
    return bool(input)


speak(real, conj, angle, complex, imag=imaginary_part)
