"""Comparison, truth, and the questions that are asked of numbers."""

from typing import Any

from .._core.errors import wrong_argument
from .._core.kinds import speak
from .._core.op import composite, op
from .refusal import COMPLEX, is_complex_array, is_integral_array, refuse

_question = op("pointwise", differentiable=False)


@_question
def eq(m, input, other):
    """Whether two elements are equal."""
    return m.equal(input, other)


@_question
def ne(m, input, other):
    """Whether two elements differ."""
    return m.not_equal(input, other)


@_question
def lt(m, input, other):
    """Whether `input` is less than `other`."""
    refuse("lt_cpu", input, COMPLEX)
    return m.less(input, other)


@_question
def le(m, input, other):
    """Whether `input` is less than `other` or equal."""
    refuse("le_cpu", input, COMPLEX)
    return m.less_equal(input, other)


@_question
def gt(m, input, other):
    """Whether `input` is greater than `other`."""
    refuse("gt_cpu", input, COMPLEX)
    return m.greater(input, other)


@_question
def ge(m, input, other):
    """Whether `input` is greater than `other` or equal."""
    refuse("ge_cpu", input, COMPLEX)
    return m.greater_equal(input, other)


not_equal, less, less_equal, greater, greater_equal = ne, lt, le, gt, ge


@_question
def logical_and(m, input, other):
    """Whether both elements are other than zero."""
    return m.logical_and(input, other)


@_question
def logical_or(m, input, other):
    """Whether one of the elements or both are other than zero."""
    return m.logical_or(input, other)


@_question
def logical_xor(m, input, other):
    """Whether exactly one of the elements is other than zero."""
    return m.logical_xor(input, other)


@_question
def logical_not(m, input):
    """Whether an element is zero."""
    return m.logical_not(input)


@_question
def isnan(m, input):
    """Whether an element is NaN."""
    return input != input


@_question
def isinf(m, input):
    """Whether an element is infinite."""
    return m.isinf(input)


@_question
def isfinite(m, input):
    """Whether an element is neither infinite nor NaN."""
    return m.isfinite(input)


@_question
def isposinf(m, input):
    """Whether an element is plus infinity."""
    return _infinite("isposinf", m, input) & (input > 0)


@_question
def isneginf(m, input):
    """Whether an element is minus infinity."""
    return _infinite("isneginf", m, input) & (input < 0)


def _infinite(name: str, m: Any, input: Any) -> Any:
    if is_complex_array(m, input):
        raise RuntimeError(
            f"{name} does not support complex inputs. Ask input.real and input.imag apart"
        )
    return m.isinf(input)


@_question
def isreal(m, input):
    """Whether an element has no imaginary part."""
    if is_complex_array(m, input):
        return m.imag(input) == 0
    return m.full(input.shape, True, m.bool)


@_question
def _close(m, input, other, *, rtol: float, atol: float, equal_nan: bool):
    """isclose for operands of one dtype."""
    same = input == other
    if equal_nan:
        same = same | ((input != input) & (other != other))
    if not rtol and not atol:
        return same
    if is_integral_array(m, input):
        input, other = m.astype(input, m.float64), m.astype(other, m.float64)
    gap = m.abs(input - other)
    return same | (m.isfinite(gap) & (gap <= m.abs(other) * rtol + atol))


def _need_tensor(name: str, other: Any) -> None:
    if not hasattr(other, "dtype"):
        raise wrong_argument(name, "other", 2, "Tensor", other)


@composite
def isclose(
    input: Any, other: Any, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False
) -> Any:
    """Whether |input - other| <= atol + rtol * |other|, or both are the same."""
    _need_tensor("isclose", other)
    if input.dtype is not other.dtype:
        raise RuntimeError(
            f"{input.dtype.type_name} did not match {other.dtype.type_name}; convert one of them: "
            "other.to(input.dtype)"
        )
    for name, value in (("rtol", rtol), ("atol", atol)):
        if value < 0:
            raise RuntimeError(f"{name} must be greater than or equal to zero, but got {value:g}")
    return _close(input, other, rtol, atol, equal_nan)


@composite
def allclose(
    input: Any, other: Any, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False
) -> bool:
    """Whether all elements are close, as a Python bool."""
    return bool(isclose(input, other, rtol, atol, equal_nan).all())


@composite
def equal(input: Any, other: Any) -> bool:
    """Whether two tensors have the same shape and the same elements, as a Python bool."""
    _need_tensor("equal", other)
    return input.shape == other.shape and bool(eq(input, other).all())


speak(
    logical_and, logical_or, logical_xor, logical_not, isnan, isinf, isfinite, equal=eq,
    not_equal=ne, less=lt, less_equal=le, greater=gt, greater_equal=ge,
)  # fmt: skip
