"""Convolutions on registers: which of a graph's steps have a kernel, and the kernel."""

from typing import Any

from ..._core.spec import contiguous_strides
from ..builder import Function
from ..graph import Step, Value
from . import (
    convolution_depthwise,
    convolution_forward,
    convolution_packed,
    convolution_weight,
    convolution_winograd,
    rows,
)
from .convolution_shape import Convolution
from .nest import Nest, Operand

WORDS = frozenset({"conv", "conv_input", "conv_weight"})
_HOW = ("stride", "padding", "dilation", "groups")  # behind two arrays, and a shape
_SMALL = 1024  # places of a plane, below which images are laid out together
_LIMIT = 1 << 31  # bytes of an operand: offsets are 32 bits


def convolved(step: Step) -> bool:
    """Whether a step is a convolution that has a kernel: one or two spatial axes, one dtype."""
    if step.word not in WORDS or len(step.args) + len(step.params) < 5:
        return False
    a, b, out = step.args[0], step.args[1], step.result
    if a.__class__ is not Value or b.__class__ is not Value:
        return False
    names = {a.dtype.name, b.dtype.name, out.dtype.name}
    filters = b if step.word != "conv_weight" else out
    return (
        names in ({"float32"}, {"float64"})
        and a.ndim == b.ndim == out.ndim
        and a.ndim in (3, 4)
        and min(a.size, b.size, out.size) > 0
        and max(v.size * v.dtype.itemsize for v in (a, b, out)) < _LIMIT
        and filters.size <= filters.shape[0] * filters.shape[1] * 256
    )


def described(step: Step, first: Operand, second: Operand, nest: Nest) -> Convolution | None:
    """A `convolved` step, its arguments as they lie in memory and what follows, for the kernel.

    Returns:
        None where a filter that is read does not lie in order.
    """
    given = dict(zip(_HOW, step.args[2 + (step.word != "conv") :])) | step.params
    shapes = [step.args[0].shape, step.args[1].shape, step.result.shape]
    flat = step.args[0].ndim == 3
    image, filters, out = _sorted(step.word, [_planes(s) if flat else tuple(s) for s in shapes])
    stride, padding, dilation = (tuple(given[k]) for k in _HOW[:3])
    if flat:
        stride, padding, dilation = (1, *stride), (0, *padding), (1, *dilation)
        first, second = (_flat(o, v.shape[2]) for o, v in zip((first, second), step.args))
    if step.word != "conv_weight":
        lie = zip((*second.lead[1:], second.along), contiguous_strides(filters)[1:], filters[1:])
        if any(found != wanted and n > 1 for found, wanted, n in lie):
            return None
    return Convolution(
        step.word, first, second, image, filters, out, stride, padding, dilation,
        int(given.get("groups", 1)), step.result.id, nest,
    )  # fmt: skip


def _sorted(word: str, shapes: list) -> tuple:
    """Shapes of the input, the filters and the result of the convolution."""
    a, b, made = shapes
    if word == "conv":
        return a, b, made
    return (made, b, a) if word == "conv_input" else (b, made, a)


def _planes(shape: tuple) -> tuple:
    """One spatial axis as two, the first of size 1."""
    return (*shape[:2], 1, shape[2])


def _flat(o: Operand, size: int) -> Operand:
    """An operand with an axis of size 1 before its last, of size `size`."""
    return Operand(o.buffer, o.offset, (*o.lead, o.along * size), o.along, o.kind)


def _family(target: Any, c: Convolution) -> Any:
    """The family of kernels that suits the sizes."""
    if convolution_depthwise.suits(target, c):
        return convolution_depthwise
    if c.word == "conv_weight":
        return convolution_weight
    if convolution_winograd.suits(target, c):
        return convolution_winograd
    made = convolution_forward.Pass(target, c)
    small = made.down.count * made.right.count <= _SMALL
    if c.groups == 1 and small and convolution_packed.cost(target, made) < made.cost:
        return convolution_packed
    return convolution_forward


def write(f: Function, c: Convolution) -> None:
    _family(f.target, c).write(f, c)


def workspace(c: Convolution, target: Any, threads: int) -> int:
    return _family(target, c).workspace(target, c, threads)


def work(c: Convolution) -> int:
    return rows.work(c.nest) + c.macs // 8
