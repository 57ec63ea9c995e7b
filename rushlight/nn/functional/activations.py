"""Activation functions with PyTorch's arguments, `inplace` among them."""

import warnings
from collections.abc import Callable
from typing import Any

from ..._core.dtypes import float64
from ..._core.inplace import in_place
from ..._core.naming import named
from ..._ops import activation as ops
from ..._ops.elementary import tanh
from ..._ops.softmaxes import log_softmax as _log_softmax
from ..._ops.softmaxes import softmax as _softmax
from ..._tensor import Tensor

hardshrink, softshrink, softplus, prelu = ops.hardshrink, ops.softshrink, ops.softplus, ops.prelu
gelu, logsigmoid = ops.gelu, ops.logsigmoid

relu_ = in_place(ops.relu)
elu_, selu_, celu_ = in_place(ops.elu), in_place(ops.selu), in_place(ops.celu)
leaky_relu_, hardtanh_ = in_place(ops.leaky_relu), in_place(ops.hardtanh)
threshold_ = in_place(ops.threshold)
_rrelu_mean_, _rrelu_with_noise_ = in_place(ops.rrelu_mean), in_place(ops.rrelu_with_noise)


def relu(input: Tensor, inplace: bool = False) -> Tensor:
    """max(input, 0), element by element."""
    return relu_(input) if inplace else ops.relu(input)


def _switch(op: Callable[..., Tensor]):
    """An activation whose only option is whether it writes into its input."""
    written = in_place(op)

    def activation(input: Tensor, inplace: bool = False) -> Tensor:
        return written(input) if inplace else op(input)

    return activation


relu6 = named(_switch(ops.relu6), "relu6", "Each element held between 0 and 6.")
selu = named(
    _switch(ops.selu), "selu", "The exponential linear unit that keeps mean 0 and variance 1."
)
silu = named(_switch(ops.silu), "silu", "x * sigmoid(x).")
mish = named(_switch(ops.mish), "mish", "x * tanh(softplus(x)).")
hardsigmoid = named(_switch(ops.hardsigmoid), "hardsigmoid", "(x + 3) / 6 held between 0 and 1.")
hardswish = named(_switch(ops.hardswish), "hardswish", "x times hardsigmoid(x).")


def elu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """x where it is positive, alpha * (exp(x) - 1) elsewhere."""
    return elu_(input, alpha=alpha) if inplace else ops.elu(input, alpha)


def celu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """max(0, x) + min(0, alpha * (exp(x / alpha) - 1))."""
    return celu_(input, alpha=alpha) if inplace else ops.celu(input, alpha)


def leaky_relu(input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """x, multiplied by `negative_slope` where it is negative."""
    if inplace:
        return leaky_relu_(input, negative_slope=negative_slope)
    return ops.leaky_relu(input, negative_slope)


def hardtanh(
    input: Tensor, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False
) -> Tensor:
    """Each element held between `min_val` and `max_val`."""
    if min_val > max_val:
        raise ValueError("min_val cannot be greater than max_val")
    if inplace:
        return hardtanh_(input, min_val=min_val, max_val=max_val)
    return ops.hardtanh(input, min_val, max_val)


def threshold(input: Tensor, threshold: float, value: float, inplace: bool = False) -> Tensor:
    """x where it is above `threshold`, `value` elsewhere."""
    if inplace:
        return threshold_(input, threshold=threshold, value=value)
    return ops.threshold(input, threshold, value)


def _slopes(input: Tensor, lower: float, upper: float) -> Tensor:
    """1 where the input is positive, a slope drawn between the bounds elsewhere, in order."""
    noise = input.detach().new_ones(input.shape)
    drawn = input.detach() <= 0
    count = int(drawn.sum())
    slopes = noise.new_empty(count, dtype=float64).uniform_(lower, upper)  # as PyTorch draws
    noise[drawn] = slopes.to(noise.dtype)
    return noise


def rrelu(
    input: Tensor,
    lower: float = 1 / 8,
    upper: float = 1 / 3,
    training: bool = False,
    inplace: bool = False,
) -> Tensor:
    """A leaky relu whose slopes are drawn (training) or the mean of the bounds."""
    if lower > upper:
        raise RuntimeError(
            f"Lower bound should be less than or equal to the upper bound; they are {lower} and "
            f"{upper}"
        )
    if not training:
        mean = _rrelu_mean_ if inplace else ops.rrelu_mean
        return mean(input, lower, upper)
    noisy = _rrelu_with_noise_ if inplace else ops.rrelu_with_noise
    return noisy(input, _slopes(input, lower, upper))


def rrelu_(
    input: Tensor, lower: float = 1 / 8, upper: float = 1 / 3, training: bool = False
) -> Tensor:
    """In-place form of `rrelu`."""
    return rrelu(input, lower, upper, training, inplace=True)


def glu(input: Tensor, dim: int = -1) -> Tensor:
    """The first half along `dim`, gated by the sigmoid of the second."""
    return ops.glu(input, dim)


def softsign(input: Tensor) -> Tensor:
    """x / (1 + |x|)."""
    return input / (input.abs() + 1)


def tanhshrink(input: Tensor) -> Tensor:
    """x - tanh(x)."""
    return input - tanh(input)


def _implicit_dim(name: str, ndim: int, stacklevel: int) -> int:
    """The dimension that PyTorch chooses where none is given, with its warning."""
    warnings.warn(
        f"Implicit dimension choice for {name} has been deprecated. "
        "Change the call to include dim=X as an argument.",
        stacklevel=stacklevel + 1,
    )
    return 0 if ndim in (0, 1, 3) else 1


def softmax(
    input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None
) -> Tensor:
    """exp(x) over its sum along `dim`."""
    if dim is None:
        dim = _implicit_dim("softmax", input.dim(), _stacklevel)
    return _softmax(input, dim, dtype)


def softmin(
    input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None
) -> Tensor:
    """softmax of -x."""
    if dim is None:
        dim = _implicit_dim("softmin", input.dim(), _stacklevel)
    return _softmax(-input, dim, dtype)


def log_softmax(
    input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None
) -> Tensor:
    """The logarithm of softmax along `dim`."""
    if dim is None:
        dim = _implicit_dim("log_softmax", input.dim(), _stacklevel)
    return _log_softmax(input, dim, dtype)


def gumbel_softmax(
    logits: Tensor, tau: float = 1, hard: bool = False, eps: float = 1e-10, dim: int = -1
) -> Tensor:
    """A draw from the Gumbel-softmax distribution (Jang, Gu and Poole, 2017).

    Args:
        tau: temperature: the lower, the nearer to one-hot.
        hard: one-hot going forward, the soft draw's gradient going back.
        eps: accepted; it has no effect.
    """
    if eps != 1e-10:
        warnings.warn("`eps` parameter is deprecated and has no effect.", stacklevel=2)
    gumbels = -logits.detach().new_empty(logits.shape).exponential_().log()
    soft = softmax((logits + gumbels) / tau, dim)
    if not hard:
        return soft
    index = soft.detach().argmax(dim, keepdim=True)
    one_hot = soft.detach().new_zeros(soft.shape).scatter_(dim, index, 1.0)
    return one_hot - soft.detach() + soft
