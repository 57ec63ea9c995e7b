"""Activation functions with PyTorch's arguments, `inplace` among them."""

import warnings
from collections.abc import Callable
from typing import Any

from numpy import ndarray, ones

from ..._core.dtypes import cast, float64
from ..._core.inplace import in_place
from ..._core.naming import named
from ..._core.rng import default
from ..._core.samplers import drawn_by, uniform_sampler
from ..._core.tape import make
from ..._ops import activation as ops
from ..._ops.elementary import tanh
from ..._ops.softmaxes import log_softmax as _log_softmax
from ..._ops.softmaxes import softmax as _softmax
from ..._tensor import Tensor

hardshrink, softshrink, softplus, prelu = ops.hardshrink, ops.softshrink, ops.softplus, ops.prelu
gelu, glu, logsigmoid = ops.gelu, ops.glu, ops.logsigmoid

relu_ = in_place(ops.relu)
elu_, selu_, celu_ = in_place(ops.elu), in_place(ops.selu), in_place(ops.celu)
leaky_relu_, hardtanh_ = in_place(ops.leaky_relu), in_place(ops.hardtanh)
threshold_ = in_place(ops.threshold)
_rrelu_mean_, _rrelu_with_noise_ = in_place(ops.rrelu_mean), in_place(ops.rrelu_with_noise)


def relu(input: Tensor, inplace: bool = False) -> Tensor:
    """max(input, 0), element by element."""
    return relu_(input) if inplace else ops.relu(input)


def _switch(op: Callable[..., Tensor]):
    """An op as an activation whose only option is whether it writes into its input."""
    written = in_place(op)

    def activation(input: Tensor, inplace: bool = False) -> Tensor:
        return written(input) if inplace else op(input)

    return named(activation, op.__name__, str(op.__doc__))


relu6, selu, silu = _switch(ops.relu6), _switch(ops.selu), _switch(ops.silu)
mish, hardsigmoid, hardswish = map(_switch, (ops.mish, ops.hardsigmoid, ops.hardswish))


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
    kind, stream = input.dtype, default(input.device)
    sample = uniform_sampler(float64, lower, upper, stream)  # as PyTorch draws

    def draw(x: ndarray) -> ndarray:
        slopes, drawn = ones(x.shape), cast(x, float64) <= 0
        slopes[drawn] = sample(int(drawn.sum()), True)
        return cast(slopes, kind)

    return make(drawn_by(draw, tuple(input.shape), kind, stream, input), input.device)


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


def _shares(name: str, of: Callable[[Tensor, int, Any], Tensor], says: str):
    """A function of one dimension, which may be left out."""

    def softmax(
        input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None
    ) -> Tensor:
        if dim is None:
            dim = _implicit_dim(name, input.dim(), _stacklevel)
        return of(input, dim, dtype)

    return named(softmax, name, says)


softmax = _shares("softmax", _softmax, "exp(x) over its sum along `dim`.")
softmin = _shares("softmin", lambda x, *others: _softmax(-x, *others), "softmax of -x.")
log_softmax = _shares("log_softmax", _log_softmax, "The logarithm of softmax along `dim`.")


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
