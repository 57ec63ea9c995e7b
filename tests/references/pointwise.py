"""Pointwise ops: activations, arithmetic, bounds, integers; losses, which reduce such ones."""

from collections.abc import Callable
from math import erf, gcd, lcm, sqrt
from typing import Any

import numpy as np

Array = np.ndarray

# Klambauer and others, Self-Normalizing Neural Networks, 2017
SELU_ALPHA, SELU_SCALE = 1.6732632423543772848170429916717, 1.0507009873554804934193349852946


def sigmoid(x: Array) -> Array:
    """1 / (1 + e^-x)."""
    return 1 / (1 + np.exp(-x))


def softplus(x: Array, beta: float = 1.0, threshold: float = 20.0) -> Array:
    """log(1 + e^(beta x)) / beta; x itself where beta x is above the threshold."""
    return np.where(beta * x > threshold, x, np.log(1 + np.exp(beta * x)) / beta)


def elu(x: Array, alpha: float = 1.0, scale: float = 1.0, input_scale: float = 1.0) -> Array:
    """scale x above 0, scale alpha (e^(input_scale x) - 1) below."""
    return scale * np.where(x > 0, x, alpha * (np.exp(input_scale * x) - 1))


def gelu(x: Array, approximate: str = "none") -> Array:
    """x times the normal distribution function."""
    assert approximate == "none"
    return x * np.vectorize(lambda v: 0.5 * (1 + erf(v / sqrt(2))), otypes=[float])(x)


def prelu(x: Array, weight: Array) -> Array:
    """max(x, 0) + w min(x, 0), w along axis 1 if there are several."""
    each = (
        weight.reshape([-1 if i == 1 else 1 for i in range(x.ndim)]) if weight.size > 1 else weight
    )
    return np.maximum(x, 0) + each * np.minimum(x, 0)


def glu(x: Array, dim: int = -1) -> Array:
    """The first half times the sigmoid of the second."""
    a, b = np.split(x, 2, dim)
    return a * sigmoid(b)


def logit(p: Array, eps: Any = None) -> Array:
    """The inverse of sigmoid."""
    p = p if eps is None else np.clip(p, eps, 1 - eps)
    return np.log(p) - np.log1p(-p)


def shift(move: Callable[[int, int], int]) -> Callable:
    """A shift of 64-bit integers, computed in Python's."""

    def each(a: Any, b: Any) -> int:
        return (move(int(a), int(b)) + 2**63) % 2**64 - 2**63

    return np.vectorize(each, otypes=[np.int64])


def clamped(input: Array, min: Any = None, max: Any = None) -> Array:
    """Bounded below, then above: the upper bound wins."""
    made = input if min is None else np.maximum(input, min)
    return made if max is None else np.minimum(made, max)


def without_nans(input: Array, nan: Any = None, posinf: Any = None, neginf: Any = None) -> Array:
    """NumPy's, NaN being 0 unless given."""
    return np.nan_to_num(input, nan=nan or 0.0, posinf=posinf, neginf=neginf)


def reduced(each: Array, reduction: str) -> Any:
    """The mean or the sum, or each by itself."""
    return {"mean": np.mean, "sum": np.sum, "none": np.asarray}[reduction](each)


def loss(each: Callable) -> Callable:
    """A loss from its value for each element: `each(input, target, params...)`."""

    def made(*args: Any, reduction: str = "mean", **kwargs: Any) -> Any:
        return reduced(each(*args, **kwargs), reduction)

    return made


def huber(x: Array, y: Array, delta: float = 1.0) -> Array:
    """d^2 / 2 up to delta, then the line with the slope that it has there."""
    d = np.abs(x - y)
    return np.where(d < delta, d * d / 2, delta * (d - delta / 2))


def cross_entropy(p: Array, y: Array) -> Array:
    """-(y log p + (1 - y) log(1 - p))."""
    return -(y * np.log(p) + (1 - y) * np.log(1 - p))


VALUES: dict[str, Callable] = {
    # activations
    "relu": lambda x: np.where(x > 0, x, 0),
    "leaky_relu": lambda x, negative_slope=0.01: np.where(x > 0, x, negative_slope * x),
    "elu": elu,
    "selu": lambda x: elu(x, SELU_ALPHA, SELU_SCALE),
    "celu": lambda x, alpha=1.0: elu(x, alpha, 1.0, 1 / alpha),
    "gelu": gelu,
    "silu": lambda x: x * sigmoid(x),
    "mish": lambda x: x * np.tanh(np.log(1 + np.exp(x))),
    "softplus": softplus,
    "logsigmoid": lambda x: np.log(sigmoid(x)),
    "hardtanh": lambda x, min_val=-1.0, max_val=1.0: np.clip(x, min_val, max_val),
    "relu6": lambda x: np.clip(x, 0, 6),
    "hardsigmoid": lambda x: np.clip(x / 6 + 0.5, 0, 1),
    "hardswish": lambda x: x * np.clip(x / 6 + 0.5, 0, 1),
    "hardshrink": lambda x, lambd=0.5: np.where(np.abs(x) > lambd, x, 0),
    "softshrink": lambda x, lambd=0.5: np.sign(x) * np.maximum(np.abs(x) - lambd, 0),
    "threshold": lambda x, threshold, value: np.where(x > threshold, x, value),
    "rrelu_with_noise": np.multiply,
    "rrelu_mean": lambda x: np.where(x > 0, x, x * (1 / 8 + 1 / 3) / 2),
    "prelu": prelu,
    "glu": glu,
    "sigmoid": lambda x: 0.5 + 0.5 * np.tanh(0.5 * x),
    "logit": logit,
    # arithmetic
    "rsqrt": lambda x: x**-0.5,
    "logaddexp": lambda x, y: np.log(np.exp(x) + np.exp(y)),
    "frac": lambda x: np.modf(x)[0],
    "ldexp": lambda x, y: x * 2.0**y,
    "lerp": lambda x, end, weight: (1 - weight) * x + weight * end,
    "addcmul": lambda x, y, z, value=1: x + value * y * z,
    "addcdiv": lambda x, y, z, value=1: x + value * y / z,
    "rsub": lambda x, y: y - x,
    "div": np.true_divide,
    "pow": np.power,
    "float_power": np.float_power,
    "positive": np.positive,
    "cross": lambda x, y, dim: np.cross(x, y, axis=dim),
    "sgn": np.sign,
    "frexp": np.frexp,
    "per_item": lambda x, count=1: x / count,
    "conjugate": np.conj,
    "conjugate_in_memory": np.conj,
    "conj": np.conj,
    "conj_physical": np.conj,
    "complex": lambda real, imag: real + 1j * imag,
    # bounds and comparison
    "clamp": clamped,
    "clamp_to_tensors": clamped,
    "clamp_to_numbers": clamped,
    "nan_to_num": without_nans,
    "_step": np.heaviside,
    "heaviside": np.heaviside,
    "isclose": np.isclose,
    "_close": np.isclose,
    "allclose": np.allclose,
    "equal": np.array_equal,
    # what a tensor is
    "is_complex": np.iscomplexobj,
    "is_floating_point": lambda x: x.dtype.kind == "f",
    "is_signed": lambda x: x.dtype.kind not in "bu",
    "is_conj": lambda x: False,
    "is_neg": lambda x: False,
    "is_nonzero": bool,
    # integers
    "bitwise_not": np.invert,
    "bitwise_and": np.bitwise_and,
    "bitwise_or": np.bitwise_or,
    "bitwise_xor": np.bitwise_xor,
    "bitwise_left_shift": shift(lambda a, b: a << b),
    "bitwise_right_shift": shift(lambda a, b: a >> b),
    "gcd": np.vectorize(gcd, otypes=[int]),
    "lcm": np.vectorize(lcm, otypes=[int]),
    # losses
    "mse_loss": loss(lambda x, y: (x - y) ** 2),
    "smooth_l1_loss": loss(lambda x, y, beta=1.0: huber(x, y, beta) / beta),
    "huber_loss": loss(huber),
    "binary_cross_entropy": loss(cross_entropy),
    "logits_cross_entropy": loss(lambda x, y: cross_entropy(sigmoid(x), y)),
    "soft_margin_loss": loss(lambda x, y: np.log(1 + np.exp(-y * x))),
}
