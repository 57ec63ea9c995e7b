"""Sizes of windows as callers give them."""

from typing import Any


def each(value: Any, axes: int, name: str, pool: str | None = None) -> tuple:
    """One number for all axes of a convolution (or pooling), or one for each."""
    if value.__class__ is int:
        return (value,) * axes
    if not isinstance(value, (tuple, list)):
        return (value.__index__(),) * axes
    if len(value) == 1:
        return (int(value[0]),) * axes
    if len(value) != axes and pool is None:
        raise RuntimeError(
            f"expected {name} to be a single integer value or a list of {axes} values to match the "
            f"convolution dimensions, but got {name}={list(value)}"
        )
    if len(value) != axes:
        count = ("one", "two", "three")[axes - 1]
        raise RuntimeError(
            f"{pool}: {name} must either be a single int, or a tuple of {count} ints; got {value}"
        )
    return tuple(map(int, value))
