"""What only whole numbers and masks have: bits, shifts, common divisors and multiples."""

from typing import Any

from .._core.kinds import speak
from .._core.op import op
from .refusal import BOOL, COMPLEX, FLOAT, refuse

_whole_numbers = op("pointwise", differentiable=False)


@_whole_numbers
def bitwise_not(m, input):
    """Each bit reversed; for masks, not."""
    refuse("bitwise_not_cpu", input, FLOAT, COMPLEX)
    return m.bitwise_invert(input)


@_whole_numbers
def bitwise_and(m, input, other):
    """The bits that are set in both; for masks, and."""
    _whole("bitwise_and_cpu", input, other)
    return m.bitwise_and(input, other)


@_whole_numbers
def bitwise_or(m, input, other):
    """The bits that are set in either; for masks, or."""
    _whole("bitwise_or_cpu", input, other)
    return m.bitwise_or(input, other)


@_whole_numbers
def bitwise_xor(m, input, other):
    """The bits that are set in one of the two; for masks, exclusive or."""
    _whole("bitwise_xor_cpu", input, other)
    return m.bitwise_xor(input, other)


@_whole_numbers
def bitwise_left_shift(m, input, other):
    """The bits moved `other` places up; 0 past the width of the type."""
    _whole("lshift_cpu", input, other, BOOL)
    return m.bitwise_left_shift(input, other)


@_whole_numbers
def bitwise_right_shift(m, input, other):
    """The bits moved `other` places down; the sign stays."""
    _whole("rshift_cpu", input, other, BOOL)
    return m.bitwise_right_shift(input, other)


@_whole_numbers
def gcd(m, input, other):
    """The greatest common divisor."""
    _whole("gcd_cpu", input, other, BOOL)
    return m.gcd(input, other)


@_whole_numbers
def lcm(m, input, other):
    """The least common multiple."""
    _whole("lcm_cpu", input, other, BOOL)
    return m.lcm(input, other)


def _whole(kernel: str, input: Any, other: Any, *categories: int) -> None:
    refuse(kernel, input if hasattr(input, "dtype") else other, FLOAT, COMPLEX, *categories)


speak(bitwise_and, bitwise_or, bitwise_xor, bitwise_invert=bitwise_not)
