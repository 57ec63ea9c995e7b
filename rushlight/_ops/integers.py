"""What only whole numbers and masks have: bits, shifts, common divisors and multiples."""

from collections.abc import Iterator
from typing import Any

from .._core.kinds import speak
from .._core.op import op
from .refusal import BOOL, COMPLEX, FLOAT, refuse


@op("pointwise", differentiable=False)
def bitwise_not(m: Any, input: Any) -> Any:
    """Each bit reversed; for masks, not."""
    refuse("bitwise_not_cpu", input, FLOAT, COMPLEX)
    return m.bitwise_invert(input)


@op("pointwise", differentiable=False)
def bitwise_and(m: Any, input: Any, other: Any) -> Any:
    """The bits that are set in both; for masks, and."""
    _whole("bitwise_and_cpu", input, other)
    return m.bitwise_and(input, other)


@op("pointwise", differentiable=False)
def bitwise_or(m: Any, input: Any, other: Any) -> Any:
    """The bits that are set in either; for masks, or."""
    _whole("bitwise_or_cpu", input, other)
    return m.bitwise_or(input, other)


@op("pointwise", differentiable=False)
def bitwise_xor(m: Any, input: Any, other: Any) -> Any:
    """The bits that are set in one of the two; for masks, exclusive or."""
    _whole("bitwise_xor_cpu", input, other)
    return m.bitwise_xor(input, other)


@op("pointwise", differentiable=False)
def bitwise_left_shift(m: Any, input: Any, other: Any) -> Any:
    """The bits moved `other` places up; 0 past the width of the type."""
    _whole("lshift_cpu", input, other, BOOL)
    return m.bitwise_left_shift(input, other)


@op("pointwise", differentiable=False)
def bitwise_right_shift(m: Any, input: Any, other: Any) -> Any:
    """The bits moved `other` places down; the sign stays."""
    _whole("rshift_cpu", input, other, BOOL)
    return m.bitwise_right_shift(input, other)


@op("pointwise", differentiable=False)
def gcd(m: Any, input: Any, other: Any) -> Any:
    """The greatest common divisor."""
    _whole("gcd_cpu", input, other, BOOL)
    return m.gcd(input, other)


@op("pointwise", differentiable=False)
def lcm(m: Any, input: Any, other: Any) -> Any:
    """The least common multiple."""
    _whole("lcm_cpu", input, other, BOOL)
    return m.lcm(input, other)


def _whole(kernel: str, input: Any, other: Any, *categories: int) -> None:
    refuse(kernel, input if hasattr(input, "dtype") else other, FLOAT, COMPLEX, *categories)


@bitwise_not.samples
def _(draw: Any) -> Iterator:
    yield (draw.ints(3, 4, low=-9, high=9),), {}
    yield (draw.bools(3),), {}


@bitwise_and.samples
@bitwise_or.samples
@bitwise_xor.samples
def _(draw: Any) -> Iterator:
    yield (draw.ints(3, 4, low=-9, high=9), draw.ints(4, low=-9, high=9)), {}
    yield (draw.ints(3, 4, low=-9, high=9), 5), {}
    yield (draw.bools(3), draw.bools(3)), {}
    yield (draw.bools(3), draw.ints(3, low=0, high=3)), {}


@bitwise_left_shift.samples
@bitwise_right_shift.samples
def _(draw: Any) -> Iterator:
    yield (draw.ints(3, 4, low=-9, high=9), draw.ints(4, low=0, high=6)), {}
    yield (draw.ints(3, 4, low=-9, high=9), 2), {}
    yield (draw.ints(2, low=-9, high=9), draw.ints(2, low=64, high=70)), {}


@gcd.samples
@lcm.samples
def _(draw: Any) -> Iterator:
    yield (draw.ints(3, 4, low=-30, high=30), draw.ints(4, low=-30, high=30)), {}


@bitwise_and.errors
@bitwise_or.errors
@bitwise_xor.errors
def _(draw: Any) -> Iterator:
    yield (draw(3), 1), {}, NotImplementedError, "_cpu\" not implemented for 'Float'"
    yield (
        (draw.ints(3, low=0, high=3), 1.5), {}, NotImplementedError,
        "_cpu\" not implemented for 'Float'",
    )  # fmt: skip


@bitwise_left_shift.errors
@bitwise_right_shift.errors
def _(draw: Any) -> Iterator:
    yield (
        (draw.bools(3), draw.bools(3)),
        {},
        NotImplementedError,
        "shift_cpu\" not implemented for 'Bool'",
    )


@gcd.errors
@lcm.errors
def _(draw: Any) -> Iterator:
    yield (draw(3), draw(3)), {}, NotImplementedError, "_cpu\" not implemented for 'Float'"


speak(
    bitwise_and=bitwise_and, bitwise_or=bitwise_or, bitwise_xor=bitwise_xor,
    bitwise_invert=bitwise_not,
)  # fmt: skip
