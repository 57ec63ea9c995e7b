"""Dropout: elements or whole channels put to zero at random in training, with PyTorch's draws."""

import math
import warnings
from typing import Any

from .._core.hosted import among
from .._core.layouts import memory_order
from .._core.op import op
from .._core.samplers import stream_of
from .arithmetic import add, mul

_BITS53 = 2**53 - 1
_SELU = 1.7580993408473766  # -scale * alpha of SELU, the value that alpha dropout drops to


@op("move", differentiable=False)
def kept(m, input, *, shape: tuple, p: float, stream, on: float, off: float):
    """`on` where a draw keeps (probability p), `off` elsewhere, in input's dtype."""
    whole = tuple(input.shape) == shape
    order = memory_order(input) if whole else tuple(range(len(shape)))
    words = m.bits(tuple(shape[i] for i in order), 64, stream)
    u = m.astype(m.bitwise_and(words, _BITS53), m.float64) * 2.0**-53
    made = m.where(u < p, on, off)
    if order != tuple(range(len(order))):
        made = m.permute_dims(made, tuple(order.index(i) for i in range(len(order))))
    return m.astype(made, input.dtype)


def _dropped(
    input: Any, p: float, training: bool, inplace: bool, alpha: bool, feature: bool
) -> Any:
    check_p(p)
    if p == 0.0 or not training or 0 in tuple(input.shape):
        return input
    if not input.dtype.is_floating_point and not input.dtype.is_complex:
        raise RuntimeError(
            f"result type Float can't be cast to the desired output type {input.dtype.type_name}. "
            "Dropout scales what it keeps: convert the input, as in x.float()."
        )
    shape = _channels(input) if feature else tuple(input.shape)
    if p == 1.0:
        return input.mul_(0.0) if inplace else mul(input, 0.0)
    facts = {"shape": shape, "p": 1.0 - p, "stream": stream_of("dropout", None, input.device)}
    if not alpha:
        mask = kept(input, on=1.0 / (1.0 - p), off=0.0, **facts)
        return input.mul_(mask) if inplace else mul(input, mask)
    a = 1.0 / among(math.sqrt)((_SELU * _SELU * p + 1.0) * (1.0 - p))
    mask = kept(input, on=1.0, off=0.0, **facts)
    shift = (mask - 1.0).mul_(_SELU * a).add_(_SELU * a * p)
    scaled = input.mul_(mask.mul_(a)) if inplace else mul(input, mask.mul_(a))
    return scaled.add_(shift) if inplace else add(scaled, shift)


def _channels(input: Any) -> tuple:
    """The shape of a draw for each channel of each sample."""
    if len(input.shape) < 2:
        raise RuntimeError("Feature dropout requires at least 2 dimensions in the input")
    return (*tuple(input.shape)[:2], *(1,) * (len(input.shape) - 2))


def dropout(input: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Any:
    """In training each element is zero with probability `p`; the others grow by 1 / (1 - p)."""
    return _dropped(input, p, training, inplace, alpha=False, feature=False)


def alpha_dropout(input: Any, p: float = 0.5, training: bool = False, inplace: bool = False) -> Any:
    """Dropout that keeps mean and variance of SELU's outputs: elements fall to SELU's limit."""
    return _dropped(input, p, training, inplace, alpha=True, feature=False)


def feature_dropout(
    input: Any, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Any:
    """Dropout of whole channels of (batch, channel, ...)."""
    return _dropped(input, p, training, inplace, alpha=False, feature=True)


def feature_alpha_dropout(
    input: Any, p: float = 0.5, training: bool = False, inplace: bool = False
) -> Any:
    """Alpha dropout of whole channels of (batch, channel, ...)."""
    return _dropped(input, p, training, inplace, alpha=True, feature=True)


def dropout1d(input: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Any:
    """Dropout of whole channels of (batch, channel, length) or (channel, length)."""
    check_p(p)
    n = len(input.shape)
    if n not in (2, 3):
        raise RuntimeError(
            f"dropout1d: Expected 2D or 3D input, but received a {n}D input. Note that dropout1d "
            "exists to provide channel-wise dropout on inputs with 1 spatial dimension, a channel "
            "dimension, and an optional batch dimension (i.e. 2D or 3D inputs)."
        )
    return _unbatched(input, p, training, inplace, batched=n == 3)


def dropout2d(input: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Any:
    """Dropout of whole channels of (batch, channel, height, width)."""
    check_p(p)
    n = len(input.shape)
    if n not in (3, 4):
        warnings.warn(_RANK.format("dropout2d", n, 2, "3-D or 4-D"), stacklevel=2)
    if n == 3:
        warnings.warn(
            "dropout2d: Received a 3D input to dropout2d and assuming that channel-wise 1D dropout "
            "behavior is desired - input is interpreted as shape (N, C, L), where C is the channel "
            "dim. This behavior will change in a future release to interpret the input as one "
            "without a batch dimension, i.e. shape (C, H, W). To maintain the 1D channel-wise "
            "dropout behavior, please switch to using dropout1d instead.",
            stacklevel=2,
        )
    return feature_dropout(input, p, training, inplace)


def dropout3d(input: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Any:
    """Dropout of whole channels of (batch, channel, depth, height, width), or without batch."""
    check_p(p)
    n = len(input.shape)
    if n not in (4, 5):
        warnings.warn(_RANK.format("dropout3d", n, 3, "4-D or 5-D"), stacklevel=2)
    return _unbatched(input, p, training, inplace, batched=n == 5)


_RANK = (
    "{0}: Received a {1}-D input to {0}, which is deprecated and will result in an error in a "
    "future release. To retain the behavior and silence this warning, please use dropout instead. "
    "Note that {0} exists to provide channel-wise dropout on inputs with {2} spatial dimensions, "
    "a channel dimension, and an optional batch dimension (i.e. {3} inputs)."
)


def check_p(p: float) -> None:
    """Refuse what is no probability."""
    if p < 0.0 or p > 1.0:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")


def _unbatched(input: Any, p: float, training: bool, inplace: bool, batched: bool) -> Any:
    if batched:
        return feature_dropout(input, p, training, inplace)
    wide = input.unsqueeze_(0) if inplace else input.unsqueeze(0)
    made = feature_dropout(wide, p, training, inplace)
    return made.squeeze_(0) if inplace else made.squeeze(0)
