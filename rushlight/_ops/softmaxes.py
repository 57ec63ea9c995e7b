"""Softmax and its logarithm: positive numbers that add up to one along an axis."""

from typing import Any

from .._core.op import op
from .activation import floating
from .dims import one_axis


def _axis(input: Any, dim: int) -> int | None:
    """The axis for reducing words; None (all of nothing) for a zero-dimensional input."""
    ndim = len(input.shape)
    return one_axis(dim, ndim) if ndim else one_axis(dim, 0) or None


@op("reduce", straight=True)
def softmax(m, input, *, dim: int, dtype=None):
    """exp(x) divided by its sum along `dim`."""
    axis = _axis(input, dim)
    floating(m, input, "softmax_lastdim_kernel_impl")
    if 0 in input.shape:
        return input * 1
    e = m.exp(input - m.max(input, axis=axis, keepdims=True))
    return e / m.sum(e, axis=axis, keepdims=True)


@softmax.vjp("input")
def _(m, g, out, dim):
    weighted = g * out
    return weighted - out * m.sum(weighted, axis=dim if out.shape else None, keepdims=True)


def shifted(m: Any, input: Any, axis: int | None) -> tuple:
    """The input less its maxima, and the logarithm of the sum of that one's exponentials."""
    z = input - m.max(input, axis=axis, keepdims=True)
    return z, m.log(m.sum(m.exp(z), axis=axis, keepdims=True))


@op("reduce", straight=True)
def log_softmax(m, input, *, dim: int, dtype=None):
    """The logarithm of softmax, computed without taking one of a tiny number."""
    axis = _axis(input, dim)
    floating(m, input, "log_softmax_lastdim_kernel_impl")
    if 0 in input.shape:
        return input * 1
    z, logarithm = shifted(m, input, axis)
    return z - logarithm


@log_softmax.vjp("input")
def _(m, g, out, dim):
    return g - m.exp(out) * m.sum(g, axis=dim if out.shape else None, keepdims=True)
