"""Words that tensors speak and that are no public op: dtypes, creation, padding, strides."""

from typing import Any

from .._arrays.abstract import DTYPES
from .._core import dtypes
from .._core.kinds import known, speak
from .._core.op import op
from .._core.tape import TensorBase, make
from .views import laid_like, strided_view, write_strided


def _full(shape: Any, value: Any, dtype: Any) -> Any:
    if isinstance(value, TensorBase):
        return value.to(dtypes.of(dtype)).expand(tuple(shape))
    return make(known.numpy.full(tuple(shape), value, dtype))


def _arange(start: Any, stop: Any = None, step: Any = 1, dtype: Any = dtypes.I64) -> Any:
    return make(known.numpy.arange(start, stop, step, dtype))


def _zeros_like(x: Any) -> Any:
    array = x.array
    names = getattr(array, "names", None) or known.numpy
    return make(names.zeros_like(array), x.device)


def _bits(shape: Any, width: int, stream: Any) -> Any:
    return make(known.numpy.bits(shape, width, stream))


def _check(condition: Any, message: str, error: Any = RuntimeError) -> None:
    """Values were checked when the op first ran; its gradients need no second look."""


def _scalar(value: Any, dtype: Any) -> Any:
    """Tensors meet numbers as they are."""
    return value


def _within(x: Any, low: Any, high: Any) -> bool:
    """Tensors take the way that is right for all values."""
    return False


@op("move", differentiable=False, name="bitcast")
def bitcast(m, input, *, dtype):
    """The bits of each element read as another dtype of the same size."""
    return m.bitcast(input, dtype)


@op("move", node="ConstantPadNdBackward0", name="pad_word")
def padded(m, input, *, widths, value=0):
    """`input` with (before, after) elements of `value` added on each axis."""
    return m.pad(input, widths, value)


@padded.vjp("input")
def _(m, g, input_shape, widths):
    return m.index(g, tuple(slice(a, a + n) for n, (a, _) in zip(input_shape, widths)))


@op("move", node="AsStridedBackward1", name="unstrided")
def unstrided(m, g, input, *, size, stride, offset):
    """The adjoint of `as_strided`: what arrives at each element of `input`."""
    return m.unstrided(g, input, size, stride, offset)


@unstrided.vjp("g")
def _(m, g, input_layout, size, stride, offset):
    return m.as_strided(laid_like(m, g, input_layout), size, stride, offset)


def _unstrided(g: Any, x: Any, size: tuple, stride: tuple, offset: Any) -> Any:
    """The word on tensors; a rule may give the array that it kept for its layout."""
    like = x if isinstance(x, TensorBase) else make(x, g.device)
    return unstrided(g, like, size=size, stride=stride, offset=offset)


speak(
    bitcast, write_strided, full=_full, arange=_arange, zeros_like=_zeros_like, bits=_bits,
    check=_check, within=_within, scalar=_scalar, pad=padded, as_strided=strided_view,
    unstrided=_unstrided, isdtype=known.numpy.isdtype, finfo=known.numpy.finfo,
    square=lambda x: x * x, **{name: dtypes.by_name(name) for name in DTYPES},
)  # fmt: skip
