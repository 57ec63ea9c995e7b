"""Losses that compare element by element, reduced to their mean, their sum or not at all."""

from math import prod
from typing import Any

from .._core.op import op
from .activation import logistic, softplus_of


def reduced(m: Any, x: Any, reduction: str) -> Any:
    """The mean or sum of x, or x itself ("none")."""
    if reduction == "mean":
        return m.sum(x) / m.scalar(prod(x.shape), x.dtype)
    if reduction == "sum":
        return m.sum(x)
    if reduction == "none":
        return x
    raise ValueError(
        f"{reduction} is not a valid value for reduction; take 'mean', 'sum' or 'none'"
    )


def shared(m: Any, g: Any, x: Any, reduction: str) -> Any:
    """g, the gradient of reduced(x), as it reaches each element of x."""
    return g / m.scalar(prod(x.shape), g.dtype) if reduction == "mean" else g


def _passed(m: Any, g: Any, slope: Any, reduction: str, weight: Any = None) -> Any:
    """g through a loss whose elements have this slope, and this weight."""
    slope = slope if weight is None else slope * weight
    return slope * shared(m, g, slope, reduction)


@op("pointwise", autocast="float32")
def mse_loss(m, input, target, *, reduction: str = "mean"):
    """Squares of the differences."""
    d = input - target
    return reduced(m, d * d, reduction)


@mse_loss.vjp("input")
def _(m, g, input, target, reduction):
    d = input - target
    return d * (shared(m, g, d, reduction) * 2)


@mse_loss.vjp("target")
def _(m, g, input, target, reduction):
    d = target - input
    return d * (shared(m, g, d, reduction) * 2)


def _smooth(m: Any, d: Any, bound: float) -> Any:
    """d*d/2 near zero, bound * (|d| - bound/2) beyond `bound`: Huber's function."""
    a = m.abs(d)
    return m.where(a < bound, d * d * 0.5, (a - 0.5 * bound) * bound)


@op("pointwise", autocast="float32")
def smooth_l1_loss(m, input, target, *, reduction: str = "mean", beta: float = 1.0):
    """Half squares over beta where the difference is below `beta`, absolute beyond."""
    if beta < 0:
        raise RuntimeError("smooth_l1_loss does not support negative values for beta.")
    d = input - target
    each = m.abs(d) if beta == 0 else _smooth(m, d, beta) / beta
    return reduced(m, each, reduction)


def _smooth_l1_slope(m: Any, g: Any, d: Any, reduction: str, beta: float) -> Any:
    slope = m.sign(d) if beta == 0 else m.maximum(m.minimum(d / beta, 1), -1)
    return _passed(m, g, slope, reduction)


@smooth_l1_loss.vjp("input")
def _(m, g, input, target, reduction, beta):
    return _smooth_l1_slope(m, g, input - target, reduction, beta)


@smooth_l1_loss.vjp("target")
def _(m, g, input, target, reduction, beta):
    return _smooth_l1_slope(m, g, target - input, reduction, beta)


@op("pointwise", autocast="float32")
def huber_loss(m, input, target, *, reduction: str = "mean", delta: float = 1.0):
    if delta <= 0:
        raise RuntimeError("huber_loss does not support non-positive values for delta.")
    return reduced(m, _smooth(m, input - target, delta), reduction)


@huber_loss.vjp("input")
def _(m, g, input, target, reduction, delta):
    return _passed(m, g, m.maximum(m.minimum(input - target, delta), -delta), reduction)


@huber_loss.vjp("target")
def _(m, g, input, target, reduction, delta):
    return _passed(m, g, m.maximum(m.minimum(target - input, delta), -delta), reduction)


# PyTorch's bound on log(0), so that a certain wrong answer costs a finite amount
_LEAST_LOG = -100.0


@op("pointwise", autocast="float32")
def binary_cross_entropy(m, input, target, weight=None, *, reduction: str = "mean"):
    """-(t log p + (1 - t) log(1 - p)), each logarithm at least -100."""
    m.check(
        (input >= 0) & (input <= 1),
        "all elements of input should be between 0 and 1; pass probabilities (after a sigmoid), or "
        "use binary_cross_entropy_with_logits",
    )
    yes, no = m.maximum(m.log(input), _LEAST_LOG), m.maximum(m.log1p(-input), _LEAST_LOG)
    each = (target - 1) * no - target * yes
    return reduced(m, each if weight is None else each * weight, reduction)


@binary_cross_entropy.vjp("input")
def _(m, g, input, target, weight, reduction):
    # 1e-12 keeps the slope finite at p = 0 and 1, as in PyTorch
    slope = (input - target) / m.maximum((1 - input) * input, 1e-12)
    return _passed(m, g, slope, reduction, weight)


@binary_cross_entropy.vjp("target")
def _(m, g, input, target_shape, weight, reduction):
    slope = m.log1p(-input) - m.log(input)
    return _passed(m, g, slope, reduction, weight)


@op("pointwise", node="BinaryCrossEntropyWithLogitsBackward0", autocast="float32")
def logits_cross_entropy(
    m, input, target, weight=None, pos_weight=None, *, reduction: str = "mean"
):
    tail = m.log1p(m.exp(-m.abs(input))) + m.maximum(-input, 0)
    if pos_weight is not None:
        tail = tail * ((pos_weight - 1) * target + 1)
    each = (1 - target) * input + tail
    return reduced(m, each if weight is None else each * weight, reduction)


@logits_cross_entropy.vjp("input")
def _(m, g, input, target, weight, pos_weight, reduction):
    s = logistic(m, input)
    if pos_weight is None:
        slope = s - target
    else:
        yes = pos_weight * target
        slope = (yes + 1 - target) * s - yes
    return _passed(m, g, slope, reduction, weight)


@logits_cross_entropy.vjp("target")
def _(m, g, input, target_shape, weight, pos_weight, reduction):
    if pos_weight is None:
        slope = -input
    else:
        slope = softplus_of(m, -input) * pos_weight - softplus_of(m, input)
    return _passed(m, g, slope, reduction, weight)


@op("pointwise", autocast="float32")
def soft_margin_loss(m, input, target, *, reduction: str = "mean"):
    return reduced(m, softplus_of(m, -(target * input)), reduction)


@soft_margin_loss.vjp("input")
def _(m, g, input, target, reduction):
    return _passed(m, g, -target * logistic(m, -(target * input)), reduction)


@soft_margin_loss.vjp("target")
def _(m, g, input, target, reduction):
    return _passed(m, g, -input * logistic(m, -(target * input)), reduction)
