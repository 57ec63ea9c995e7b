"""Normalisation over batches, layers and groups: mean 0 and variance 1, then scale and shift."""

from math import prod
from typing import Any

from .._core.op import op


def _along(m: Any, v: Any, ndim: int) -> Any:
    """Per-channel values laid along axis 1 of an input with `ndim` axes."""
    return m.reshape(v, (v.shape[0], *(1,) * (ndim - 2)))


def _channel_sum(m: Any, x: Any) -> Any:
    """Sums over everything but axis 1, the inner axes first: NumPy adds those pairwise."""
    if len(x.shape) > 2:
        x = m.sum(m.reshape(x, (*x.shape[:2], prod(x.shape[2:]))), axis=2)
    return m.sum(x, axis=0)


def _others(x: Any) -> int:
    """How many elements each channel has."""
    return x.shape[0] * prod(x.shape[2:])


def _affine(m: Any, x: Any, mean: Any, rstd: Any, weight: Any, bias: Any) -> Any:
    """(x - mean) * rstd * weight + bias as one multiplication and one addition."""
    scale = rstd if weight is None else rstd * weight
    shift = -mean * scale if bias is None else bias - mean * scale
    return x * _along(m, scale, len(x.shape)) + _along(m, shift, len(x.shape))


@op(
    "same",
    outputs=("output", "mean", "var"),
    node="NativeBatchNormBackward0",
    straight=True,
    wide=True,
)
def batch_norm_training(m, input, weight=None, bias=None, *, eps: float = 1e-5):
    """(output, mean, var): the input normalised per channel by the batch's own moments."""
    n, ndim = _others(input), len(input.shape)
    mean = _channel_sum(m, input) / n
    centred = input - _along(m, mean, ndim)
    var = _channel_sum(m, centred * centred) / n
    scale = 1 / m.sqrt(var + eps)
    scale = scale if weight is None else scale * weight
    made = centred * _along(m, scale, ndim)
    return made if bias is None else made + _along(m, bias, ndim), mean, var


@batch_norm_training.vjp("input")
def _(m, g, input, weight, out, eps):
    (g, g_mean, g_var), (_, mean, var) = g, out
    n, ndim = _others(input), len(input.shape)
    centred = input - _along(m, mean, ndim)
    g = m.zeros_like(input) if g is None else g
    scale = 1 / m.sqrt(var + eps)
    slope = _channel_sum(m, g * centred) / (n * (var + eps))
    scale = scale if weight is None else scale * weight
    slope, shift = slope * -scale, _channel_sum(m, g) * (scale / -n)
    shift = shift if g_mean is None else shift + g_mean / n
    slope = slope if g_var is None else slope + g_var * (2 / n)
    made = g * _along(m, scale, ndim) + centred * _along(m, slope, ndim)
    return made + _along(m, shift, ndim)


@batch_norm_training.vjp("weight")
def _(m, g, input, weight_shape, out, eps):
    if g[0] is None:
        return m.full(weight_shape, 0, input.dtype)
    centred = input - _along(m, out[1], len(input.shape))
    return _channel_sum(m, g[0] * centred) / m.sqrt(out[2] + eps)


@batch_norm_training.vjp("bias")
def _(m, g, bias_shape, input_dtype):
    return m.full(bias_shape, 0, input_dtype) if g[0] is None else _channel_sum(m, g[0])


@op("same", node="NativeBatchNormBackward0", straight=True, wide=True)
def batch_norm_inference(
    m, input, running_mean, running_var, weight=None, bias=None, *, eps: float = 1e-5
):
    """The input normalised per channel by given moments."""
    return _affine(m, input, running_mean, 1 / m.sqrt(running_var + eps), weight, bias)


@batch_norm_inference.vjp("input")
def _(m, g, running_var, weight, eps):
    rstd = 1 / m.sqrt(running_var + eps)
    return g * _along(m, rstd if weight is None else rstd * weight, len(g.shape))


@batch_norm_inference.vjp("running_mean")
def _(m, g, running_var, weight, eps):
    rstd = 1 / m.sqrt(running_var + eps)
    return _channel_sum(m, g) * -(rstd if weight is None else rstd * weight)


@batch_norm_inference.vjp("running_var")
def _(m, g, input, running_mean, running_var, weight, eps):
    centred = input - _along(m, running_mean, len(g.shape))
    slope = _channel_sum(m, g * centred) / ((running_var + eps) * m.sqrt(running_var + eps) * -2)
    return slope if weight is None else slope * weight


@batch_norm_inference.vjp("weight")
def _(m, g, input, running_mean, running_var, eps):
    centred = input - _along(m, running_mean, len(g.shape))
    return _channel_sum(m, g * centred) / m.sqrt(running_var + eps)


@batch_norm_inference.vjp("bias")
def _(m, g):
    return _channel_sum(m, g)


def _tail(input: Any, normalized_shape: tuple) -> tuple:
    """The axes of the input that `normalized_shape` names."""
    ndim = len(input.shape)
    return tuple(range(ndim - len(normalized_shape), ndim))


def _tail_moments(m: Any, input: Any, normalized_shape: tuple, eps: float) -> tuple:
    """(mean, input - mean, 1 / standard deviation) over the last axes."""
    axes, kind = _tail(input, normalized_shape), input.dtype
    n = m.scalar(prod(normalized_shape), kind)
    mean = m.sum(input, axis=axes, keepdims=True) / n
    centred = input - mean
    var = m.sum(centred * centred, axis=axes, keepdims=True) / n
    return mean, centred, m.scalar(1, kind) / m.sqrt(var + m.scalar(eps, kind))


def _lead(x: Any, normalized_shape: tuple) -> tuple:
    return tuple(range(len(x.shape) - len(normalized_shape)))


def check_tail(input: Any, normalized_shape: tuple, weight: Any, bias: Any) -> None:
    """Refuse an input whose last axes are not `normalized_shape`, in PyTorch's words."""
    count = len(normalized_shape)
    for name, given in (("weight", weight), ("bias", bias)):
        if given is not None and given.shape != normalized_shape:
            raise RuntimeError(
                f"Expected {name} to be of same shape as normalized_shape, but got {name} of shape "
                f"{list(given.shape)} and normalized_shape = {list(normalized_shape)}"
            )
    if not count:
        raise RuntimeError(
            "Expected normalized_shape to be at least 1-dimensional, i.e., containing at least one "
            "element, but got normalized_shape = []"
        )
    if input.shape[-count:] != normalized_shape:
        sizes = ", ".join(map(str, normalized_shape))
        raise RuntimeError(
            f"Given normalized_shape=[{sizes}], expected input with shape [*, {sizes}], but got "
            "input "
            f"of size{list(input.shape)}; the last {count} of its sizes must be normalized_shape"
        )


@op("same", keeps=("mean", "rstd"), node="NativeLayerNormBackward0", straight=True, wide=True)
def layer_norm_native(
    m, input, weight=None, bias=None, *, normalized_shape: tuple = (), eps: float = 1e-5
):
    """The input normalised over its last axes, then scaled and shifted."""
    check_tail(input, normalized_shape, weight, bias)
    mean, centred, rstd = _tail_moments(m, input, normalized_shape, eps)
    made = centred * rstd
    made = made if weight is None else made * weight
    return made if bias is None else made + bias, mean, rstd


@layer_norm_native.residuals
def _(m, input, normalized_shape, eps):
    mean, _, rstd = _tail_moments(m, input, normalized_shape, eps)
    return mean, rstd


@layer_norm_native.vjp("input")
def _(m, g, input, weight, mean, rstd, normalized_shape):
    axes, n = _tail(input, normalized_shape), m.scalar(prod(normalized_shape), input.dtype)
    normal, g = (input - mean) * rstd, g if weight is None else g * weight
    along = m.sum(g * normal, axis=axes, keepdims=True) / n
    return (g - m.sum(g, axis=axes, keepdims=True) / n - normal * along) * rstd


@layer_norm_native.vjp("weight")
def _(m, g, input, mean, rstd, normalized_shape):
    return m.sum(g * ((input - mean) * rstd), axis=_lead(g, normalized_shape))


@layer_norm_native.vjp("bias")
def _(m, g, normalized_shape):
    return m.sum(g, axis=_lead(g, normalized_shape))


def _grouped(m: Any, x: Any, num_groups: int) -> Any:
    """(n, c, ...) -> (n, groups, the rest)."""
    return m.reshape(x, (x.shape[0], num_groups, prod(x.shape[1:]) // num_groups))


def _group_moments(m: Any, x: Any, eps: float) -> tuple:
    """(mean, rstd) of each group of x (n, groups, rest), with the last axis kept."""
    n = x.shape[2]
    mean = m.sum(x, axis=2, keepdims=True) / n
    centred = x - mean
    return mean, 1 / m.sqrt(m.sum(centred * centred, axis=2, keepdims=True) / n + eps)


@op("same", keeps=("mean", "rstd"), node="NativeGroupNormBackward0", straight=True, wide=True)
def group_norm_native(m, input, weight=None, bias=None, *, num_groups: int = 1, eps: float = 1e-5):
    """The input normalised over each group of channels, then scaled and shifted per channel."""
    x, ndim = _grouped(m, input, num_groups), len(input.shape)
    mean, rstd = _group_moments(m, x, eps)
    made = m.reshape((x - mean) * rstd, input.shape)
    made = made if weight is None else made * _along(m, weight, ndim)
    return made if bias is None else made + _along(m, bias, ndim), mean, rstd


@group_norm_native.residuals
def _(m, input, num_groups, eps):
    return _group_moments(m, _grouped(m, input, num_groups), eps)


@group_norm_native.vjp("input")
def _(m, g, input, weight, mean, rstd, num_groups):
    g = g if weight is None else g * _along(m, weight, len(g.shape))
    x, g = _grouped(m, input, num_groups), _grouped(m, g, num_groups)
    normal, n = (x - mean) * rstd, x.shape[2]
    along = m.sum(g * normal, axis=2, keepdims=True) / n
    return m.reshape((g - m.sum(g, axis=2, keepdims=True) / n - normal * along) * rstd, input.shape)


@group_norm_native.vjp("weight")
def _(m, g, input, mean, rstd, num_groups):
    normal = (_grouped(m, input, num_groups) - mean) * rstd
    return _channel_sum(m, g * m.reshape(normal, input.shape))


@group_norm_native.vjp("bias")
def _(m, g):
    return _channel_sum(m, g)
