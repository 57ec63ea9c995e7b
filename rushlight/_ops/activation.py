"""Activations: pointwise functions that stand between layers, each with its slope."""

from math import pi, prod, sqrt
from typing import Any

from .._core import dtypes
from .._core.op import op
from .dims import one_axis, part
from .refusal import BOOL, COMPLEX, INTEGER, refuse


def floating(m: Any, input: Any, kernel: str) -> None:
    """Refuse integers with PyTorch's sentence, which names its kernel."""
    kind = input.dtype
    if kind is m.float32 or kind is m.float64:
        return
    if not m.isdtype(kind, "real floating"):
        refuse(kernel, input, BOOL, INTEGER, COMPLEX)


@op("pointwise")
def relu(m, input):
    """The positive part of each element: max(input, 0)."""
    if m.isdtype(input.dtype, "bool"):
        raise RuntimeError("Boolean inputs not supported for relu; convert with input.float()")
    if m.isdtype(input.dtype, "complex floating"):
        raise NotImplementedError(
            "clamp is not supported for complex types; relu takes real numbers: input.real or "
            ".abs()"
        )
    return m.maximum(input, 0)


@relu.vjp("input")
def _(m, g, out):
    return m.where(out > 0, g, 0)


@op("pointwise")
def leaky_relu(m, input, *, negative_slope: float = 0.01):
    """Each element, multiplied by `negative_slope` where it is negative."""
    floating(m, input, "leaky_relu_cpu")
    return m.where(input > 0, input, input * negative_slope)


@leaky_relu.vjp("input")
def _(m, g, input, negative_slope):
    return m.where(input > 0, g, g * negative_slope)


@op("pointwise")
def elu(m, input, *, alpha: float = 1.0, scale: float = 1.0, input_scale: float = 1.0):
    """scale * x where x is positive, scale * alpha * (exp(input_scale * x) - 1) elsewhere."""
    floating(m, input, "elu_cpu")
    below = m.expm1(m.minimum(input, 0) * input_scale) * (alpha * scale)
    return m.where(input > 0, input * scale, below)


@elu.vjp("input")
def _(m, g, input, alpha, scale, input_scale):
    below = m.exp(m.minimum(input, 0) * input_scale) * (alpha * scale * input_scale)
    return m.where(input > 0, g * scale, g * below)


# The fixed point of mean 0 and variance 1: Klambauer et al., Self-Normalizing Networks, 2017.
SELU_ALPHA, SELU_SCALE = 1.6732632423543772848170429916717, 1.0507009873554804934193349852946


@op("pointwise", node="EluBackward0")
def selu(m, input):
    """The self-normalising exponential linear unit."""
    floating(m, input, "elu_cpu")
    below = m.expm1(m.minimum(input, 0)) * (SELU_ALPHA * SELU_SCALE)
    return m.where(input > 0, input * SELU_SCALE, below)


@selu.vjp("input")
def _(m, g, input):
    below = m.exp(m.minimum(input, 0)) * (SELU_ALPHA * SELU_SCALE)
    return m.where(input > 0, g * SELU_SCALE, g * below)


@op("pointwise")
def celu(m, input, *, alpha: float = 1.0):
    """max(0, x) + min(0, alpha * (exp(x / alpha) - 1))."""
    if alpha == 0:
        raise RuntimeError("ZeroDivisionError: alpha cannot be 0 for CELU")
    floating(m, input, "elu_cpu")
    return m.where(input > 0, input, m.expm1(m.minimum(input, 0) / alpha) * alpha)


@celu.vjp("input")
def _(m, g, input, alpha):
    return m.where(input > 0, g, g * m.exp(m.minimum(input, 0) / alpha))


_TANH_CUBE = 0.044715  # Hendrycks and Gimpel, Gaussian Error Linear Units, 2016


def _tanh_inner(input: Any) -> Any:
    return (input + input * input * input * _TANH_CUBE) * sqrt(2 / pi)


@op("pointwise")
def gelu(m, input, *, approximate: str = "none"):
    """x times the normal distribution function at x, exactly or ("tanh") by a tanh."""
    floating(m, input, "GeluKernelImpl")
    if approximate == "none":
        return input * 0.5 * (m.erf(input * sqrt(0.5)) + 1)
    if approximate != "tanh":
        raise RuntimeError("approximate argument must be either none or tanh.")
    return input * 0.5 * (m.tanh(_tanh_inner(input)) + 1)


@gelu.vjp("input")
def _(m, g, input, approximate):
    if approximate == "none":
        below = (m.erf(input * sqrt(0.5)) + 1) * 0.5
        return g * (below + input * m.exp(input * input * -0.5) * (1 / sqrt(2 * pi)))
    t = m.tanh(_tanh_inner(input))
    slope = (input * input * (3 * _TANH_CUBE) + 1) * sqrt(2 / pi)
    return g * ((t + 1) * 0.5 + input * 0.5 * (1 - t * t) * slope)


def logistic(m: Any, x: Any) -> Any:
    """1 / (1 + exp(-x))."""
    return 1 / (m.exp(-x) + 1)


@op("pointwise")
def silu(m, input):
    """x * sigmoid(x), also known as swish."""
    if not m.isdtype(input.dtype, "complex floating"):
        floating(m, input, "silu_cpu")
    return input / (m.exp(-input) + 1)


@silu.vjp("input")
def _(m, g, input):
    s = logistic(m, input)
    return g * m.conj(s * (input * (1 - s) + 1))


def softplus_of(m: Any, x: Any) -> Any:
    """log(1 + exp(x)) without overflow."""
    return m.maximum(x, 0) + m.log1p(m.exp(-m.abs(x)))


@op("pointwise")
def mish(m, input):
    """x * tanh(softplus(x))."""
    floating(m, input, "mish_cpu")
    return input * m.tanh(softplus_of(m, input))


@mish.vjp("input")
def _(m, g, input):
    t = m.tanh(softplus_of(m, input))
    return g * (t + input * (1 - t * t) * logistic(m, input))


@op("pointwise")
def softplus(m, input, *, beta: float = 1.0, threshold: float = 20.0):
    """log(1 + exp(beta * x)) / beta; x itself where beta * x is above `threshold`."""
    floating(m, input, "softplus_cpu")
    z = input * beta
    return m.where(z > threshold, input, softplus_of(m, z) / beta)


@softplus.vjp("input")
def _(m, g, input, beta, threshold):
    z = input * beta
    return m.where(z > threshold, g, g * logistic(m, z))


@op("pointwise", node="LogSigmoidBackward0")
def logsigmoid(m, input):
    """log(1 / (1 + exp(-x))) without overflow."""
    floating(m, input, "log_sigmoid_cpu")
    return m.minimum(input, 0) - m.log1p(m.exp(-m.abs(input)))


@logsigmoid.vjp("input")
def _(m, g, input):
    return g * logistic(m, -input)


@op("pointwise")
def hardtanh(m, input, *, min_val: float = -1.0, max_val: float = 1.0):
    """Each element held between `min_val` and `max_val`."""
    if m.isdtype(input.dtype, "integral"):
        min_val, max_val = int(min_val), int(max_val)
    return m.minimum(m.maximum(input, min_val), max_val)


@hardtanh.vjp("input")
def _(m, g, input, min_val, max_val):
    return m.where((input > min_val) & (input < max_val), g, 0)


@op("pointwise", node="HardtanhBackward0")
def relu6(m, input):
    """Each element held between 0 and 6."""
    return m.minimum(m.maximum(input, 0), 6)


@relu6.vjp("input")
def _(m, g, input):
    return m.where((input > 0) & (input < 6), g, 0)


@op("pointwise")
def hardsigmoid(m, input):
    """(x + 3) / 6 held between 0 and 1."""
    floating(m, input, "hardsigmoid_cpu")
    return m.minimum(m.maximum(input + 3, 0), 6) / 6


@hardsigmoid.vjp("input")
def _(m, g, input):
    return m.where((input > -3) & (input < 3), g / 6, 0)


@op("pointwise")
def hardswish(m, input):
    """x times hardsigmoid(x)."""
    floating(m, input, "hardswish_cpu")
    return input * m.minimum(m.maximum(input + 3, 0), 6) / 6


@hardswish.vjp("input")
def _(m, g, input):
    inner = m.where(input < 3, g * (input / 3 + 0.5), g)
    return m.where(input > -3, inner, 0)


@op("pointwise")
def hardshrink(m, input, *, lambd: float = 0.5):
    """Zero where |x| <= lambd, x elsewhere."""
    floating(m, input, "hardshrink_cpu")
    return m.where((input >= -lambd) & (input <= lambd), 0, input)


@op("pointwise")
def softshrink(m, input, *, lambd: float = 0.5):
    """x moved towards zero by `lambd`, and zero where that would cross it."""
    if lambd < 0:
        kind = dtypes.of(input.dtype)
        raise RuntimeError(
            f"lambda must be in range [0, {dtypes.finfo(kind).max:.6g}] for input dtype "
            f"{kind.type_name}, but found {lambd:g}"
        )
    floating(m, input, "softshrink_check")
    return input - m.minimum(m.maximum(input, -lambd), lambd)


@hardshrink.vjp("input")
@softshrink.vjp("input")
def _(m, g, input, lambd):
    return m.where((input >= -lambd) & (input <= lambd), 0, g)


@op("pointwise")
def threshold(m, input, *, threshold: float, value: float):
    """x where it is above `threshold`, `value` elsewhere."""
    return m.where(input <= threshold, value, input)


@threshold.vjp("input")
def _(m, g, input, threshold):
    return m.where(input <= threshold, 0, g)


@op("pointwise", node="RreluWithNoiseBackward0")
def rrelu_with_noise(m, input, noise):
    """x times its drawn slope: `noise` is 1 where x is positive."""
    floating(m, input, "rrelu_with_noise_out_cpu")
    return input * noise


@rrelu_with_noise.vjp("input")
def _(m, g, noise):
    return g * noise


@rrelu_with_noise.vjp("noise")
def _(m, g, input):
    return g * input


@op("pointwise", node="RreluWithNoiseBackward0")
def rrelu_mean(m, input, *, lower: float = 1 / 8, upper: float = 1 / 3):
    """A leaky relu with the mean of the slopes that training draws from."""
    floating(m, input, "rrelu_with_noise_out_cpu")
    return m.where(input > 0, input, input * ((lower + upper) / 2))


@rrelu_mean.vjp("input")
def _(m, g, input, lower, upper):
    return m.where(input > 0, g, g * ((lower + upper) / 2))


def _per_channel(m: Any, weight: Any, ndim: int) -> Any:
    """weight laid along axis 1 of an input with `ndim` axes; a single one along all."""
    if weight.shape in ((), (1,)):
        return m.reshape(weight, (1,) * ndim)
    return m.reshape(weight, (1, -1, *(1,) * (ndim - 2)) if ndim > 1 else (-1,))


@op("same", node="PreluKernelBackward0", autocast="lower")
def prelu(m, input, weight):
    """Each element, multiplied by its channel's weight where it is negative."""
    floating(m, input, "prelu_cpu")
    shape, count = input.shape, prod(weight.shape)
    channels = shape[1] if len(shape) > 1 else 1
    if count not in (1, channels) or len(weight.shape) > 1:
        raise RuntimeError(
            "Mismatch of parameter numbers and input channel size. Found parameter numbers = "
            f"{count} and channel size = {channels}. Use one parameter, or one for each channel "
            "(axis 1)"
        )
    return m.where(input > 0, input, input * _per_channel(m, weight, len(shape)))


@prelu.vjp("input")
def _(m, g, input, weight):
    return m.where(input > 0, g, g * _per_channel(m, weight, len(input.shape)))


@prelu.vjp("weight")
def _(m, g, input, weight_shape):
    each = g * m.minimum(input, 0)
    if weight_shape in ((), (1,)):
        return m.reshape(m.sum(each), weight_shape)
    return m.sum(each, axis=tuple(i for i in range(len(input.shape)) if i != 1))


def _halves(m: Any, x: Any, dim: int) -> tuple:
    half = x.shape[dim] // 2
    return m.index(x, part(dim, 0, half)), m.index(x, part(dim, half, None))


def _halved_axis(shape: tuple, dim: int) -> int:
    if not shape:
        raise RuntimeError("glu does not support 0-dimensional tensors")
    axis = one_axis(dim, len(shape))
    if shape[axis] % 2:
        raise RuntimeError(
            f"Halving dimension must be even, but dimension {axis} is size {shape[axis]}"
        )
    return axis


@op(None)
def glu(m, input, *, dim: int = -1):
    """The first half of the input along `dim`, gated by the sigmoid of the second."""
    axis = _halved_axis(input.shape, dim)
    floating(m, input, "glu_cpu")
    first, second = _halves(m, input, axis)
    return first * logistic(m, second)


@glu.vjp("input")
def _(m, g, input, dim):
    axis = dim % len(input.shape)
    first, second = _halves(m, input, axis)
    s = logistic(m, second)
    along = g * s
    return m.concat([along, along * first * (1 - s)], axis=axis)
