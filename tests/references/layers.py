"""Normalisations and recurrent cells, one element or one step at a time."""

from collections.abc import Callable
from typing import Any

import numpy as np

from .pointwise import sigmoid

Array = np.ndarray


def standard(x: Array, axes: tuple[int, ...], eps: float) -> Array:
    """(x - mean) / sqrt(var + eps) over axes."""
    mean, var = np.mean(x, axes, keepdims=True), np.var(x, axes, keepdims=True)
    return (x - mean) / np.sqrt(var + eps)


def per_channel(v: Array, ndim: int) -> Array:
    """A vector along axis 1."""
    return v.reshape([-1 if i == 1 else 1 for i in range(ndim)])


def scaled(x: Array, weight: Any, bias: Any) -> Array:
    """w x + b for each channel."""
    x = x if weight is None else x * per_channel(weight, x.ndim)
    return x if bias is None else x + per_channel(bias, x.ndim)


def batch_norm(x: Array, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> tuple:
    """(output, mean, biased variance) over all but the channels."""
    axes = (0, *range(2, x.ndim))
    return scaled(standard(x, axes, eps), weight, bias), np.mean(x, axes), np.var(x, axes)


def batch_norm_inference(
    x: Array, mean: Array, var: Array, weight: Any = None, bias: Any = None, eps: float = 1e-5
) -> Array:
    """With moments given."""
    centred = x - per_channel(mean, x.ndim)
    return scaled(centred / np.sqrt(per_channel(var, x.ndim) + eps), weight, bias)


def layer_norm(
    x: Array, weight: Any = None, bias: Any = None, normalized_shape: tuple = (), eps: float = 1e-5
) -> Array:
    """Over the last axes, with a weight for each of their elements."""
    made = standard(x, tuple(range(-len(normalized_shape), 0)), eps)
    made = made if weight is None else made * weight
    return made if bias is None else made + bias


def group_norm(
    x: Array, weight: Any = None, bias: Any = None, num_groups: int = 1, eps: float = 1e-5
) -> Array:
    """Over each group of neighbouring channels."""
    groups = [standard(g, tuple(range(1, x.ndim)), eps) for g in np.split(x, num_groups, 1)]
    return scaled(np.concatenate(groups, 1), weight, bias)


def lstm_step(gates: Array, cell: Array) -> tuple[Array, Array]:
    """c' = f c + i g and h' = o tanh(c'); gates in the order i, f, g, o."""
    i, f, g, o = np.split(gates, 4, -1)
    after = sigmoid(f) * cell + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(after), after


def gru_step(inputs: Array, recurrent: Array, hidden: Array) -> Array:
    """h' = (1 - z) n + z h, n = tanh(x_n + r h_n); parts in the order r, z, n."""
    (xr, xz, xn), (hr, hz, hn) = np.split(inputs, 3, -1), np.split(recurrent, 3, -1)
    z, n = sigmoid(xz + hz), np.tanh(xn + sigmoid(xr + hr) * hn)
    return (1 - z) * n + z * hidden


def lstm_sequence(tensors: list) -> tuple[Array, Array]:
    """All steps in turn."""
    x, hidden, cell, weight = tensors
    made = []
    for inputs in x:
        hidden, cell = lstm_step(inputs + hidden @ weight.T, cell)
        made.append((hidden, cell))
    return np.stack([h for h, _ in made]), np.stack([c for _, c in made])


def gru_sequence(tensors: list) -> Array:
    """All steps in turn."""
    x, hidden, weight, *bias = tensors
    made = []
    for inputs in x:
        hidden = gru_step(inputs, hidden @ weight.T + sum(bias), hidden)
        made.append(hidden)
    return np.stack(made)


def rnn_sequence(tensors: list, relu: bool = False) -> Array:
    """All steps in turn."""
    x, hidden, weight = tensors
    made = []
    for inputs in x:
        hidden = inputs + hidden @ weight.T
        hidden = np.maximum(hidden, 0) if relu else np.tanh(hidden)
        made.append(hidden)
    return np.stack(made)


VALUES: dict[str, Callable] = {
    "batch_norm_training": batch_norm,
    "batch_norm_inference": batch_norm_inference,
    "layer_norm_native": layer_norm,
    "group_norm_native": group_norm,
    "lstm_step": lstm_step,
    "gru_step": gru_step,
    "lstm_sequence": lstm_sequence,
    "gru_sequence": gru_sequence,
    "rnn_sequence": rnn_sequence,
}
