"""The rows of `compiled.py` in JAX, compiled whole: `jax.jit` over the training step.

Written as its users write them: parameters in trees, `lax.scan` over time, donated arguments where
a step replaces what it was given. Networks and sizes are those of `models.py`.
"""

import math
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
from _harness import Row
from jax import lax, nn

KEY = jax.random.key(0)

Work = Callable[[], Any]


def normal(*shape: int, scale: float = 1.0) -> Any:
    """Numbers to begin with; the same ones at each call do no harm to a timing."""
    return scale * jax.random.normal(KEY, shape, jnp.float32)


def numbers(high: int, *shape: int) -> Any:
    return jax.random.randint(KEY, shape, 0, high)


def on(f: Callable, *arrays: Any) -> Work:
    """A compiled function and its arguments; the time ends when the result is there."""
    run = jax.jit(f)
    return lambda: jax.block_until_ready(run(*arrays))


def linear(fan_in: int, out: int) -> dict[str, Any]:
    return {"w": normal(fan_in, out, scale=fan_in**-0.5), "b": jnp.zeros(out)}


def apply(layer: dict[str, Any], x: Any) -> Any:
    return x @ layer["w"] + layer["b"]


def cross_entropy(logits: Any, labels: Any) -> Any:
    chosen = jnp.take_along_axis(nn.log_softmax(logits), labels[..., None], -1)
    return -chosen.mean()


# ---- training steps


def sgd(momentum: float, rate: float = 1e-6) -> SimpleNamespace:
    """PyTorch's SGD: a running sum of gradients, if there is momentum."""

    def start(params: Any) -> Any:
        return jax.tree.map(jnp.zeros_like, params) if momentum else ()

    def update(params: Any, grads: Any, state: Any) -> tuple[Any, Any]:
        if momentum:
            grads = state = jax.tree.map(lambda v, g: momentum * v + g, state, grads)
        return jax.tree.map(lambda p, g: p - rate * g, params, grads), state

    return SimpleNamespace(start=start, update=update)


def adamw(rate: float = 3e-4, decay: float = 0.01, eps: float = 1e-8) -> SimpleNamespace:
    def start(params: Any) -> Any:
        zeros = lambda: jax.tree.map(jnp.zeros_like, params)
        return zeros(), zeros(), jnp.zeros(())

    def update(params: Any, grads: Any, state: Any) -> tuple[Any, Any]:
        first, second, step = state
        step = step + 1
        first = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, first, grads)
        second = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, second, grads)
        size, root = rate / (1 - 0.9**step), jnp.sqrt(1 - 0.999**step)
        moved = lambda p, m, v: p * (1 - rate * decay) - size * m / (jnp.sqrt(v) / root + eps)
        return jax.tree.map(moved, params, first, second), (first, second, step)

    return SimpleNamespace(start=start, update=update)


def training(loss_of: Callable, params: Any, optimizer: Any, *batch: Any) -> Work:
    """One step: loss, gradients, update, in place."""

    def step(params: Any, state: Any, *batch: Any) -> tuple[Any, Any, Any]:
        loss, grads = jax.value_and_grad(loss_of)(params, *batch)
        return *optimizer.update(params, grads, state), loss

    run = jax.jit(step, donate_argnums=(0, 1))
    kept = [params, optimizer.start(params)]

    def work() -> Any:
        *kept[:], loss = run(*kept, *batch)
        return jax.block_until_ready(loss)

    return work


def classifier(net: Callable, params: Any, shape: tuple, momentum: float = 0.9) -> Work:
    loss = lambda p, x, y: cross_entropy(net(p, x), y)
    return training(loss, params, sgd(momentum), normal(*shape), numbers(10, shape[0]))


def mlp_step(batch: int) -> Work:
    net = lambda p, x: apply(p[1], nn.relu(apply(p[0], x)))
    return classifier(net, [linear(784, 256), linear(256, 10)], (batch, 784))


# ---- convolutions


def kernel(channels: int, out: int, size: int) -> Any:
    return normal(out, channels, size, size, scale=(channels * size * size) ** -0.5)


def convolve(w: Any, x: Any, stride: int = 1, padding: int = 0) -> Any:
    sides = [(padding, padding)] * 2
    return lax.conv_general_dilated(x, w, (stride, stride), sides)


def pooled(x: Any, size: int, stride: int, padding: int = 0) -> Any:
    sides = ((0, 0), (0, 0), (padding, padding), (padding, padding))
    return lax.reduce_window(
        x, -jnp.inf, lax.max, (1, 1, size, size), (1, 1, stride, stride), sides
    )


def lenet_step() -> Work:
    sizes = ((400, 120), (120, 84), (84, 10))
    maps = ((1, 6), (6, 16))
    params = {
        "convs": [(kernel(n, out, 5), jnp.zeros((out, 1, 1))) for n, out in maps],
        "dense": [linear(*size) for size in sizes],
    }

    def net(p: Any, x: Any) -> Any:
        for (w, b), padding in zip(p["convs"], (2, 0), strict=True):
            x = pooled(nn.relu(convolve(w, x, padding=padding) + b), 2, 2)
        x = x.reshape(x.shape[0], -1)
        for layer in p["dense"][:-1]:
            x = nn.relu(apply(layer, x))
        return apply(p["dense"][-1], x)

    return classifier(net, params, (64, 1, 28, 28))


def batch_norm_params(channels: int) -> dict[str, Any]:
    wide = (channels, 1, 1)
    return {"w": jnp.ones(wide), "b": jnp.zeros(wide)}


def running(channels: int) -> dict[str, Any]:
    wide = (channels, 1, 1)
    return {"mean": jnp.zeros(wide), "var": jnp.ones(wide)}


def batch_norm(p: Any, state: Any, x: Any, train: bool) -> tuple[Any, Any]:
    """Normalised over batch and places; the running statistics afterwards."""
    mean, var = state["mean"], state["var"]
    if train:
        mean, var = x.mean((0, 2, 3), keepdims=True)[0], x.var((0, 2, 3), keepdims=True)[0]
        new = {"mean": mean, "var": var}
        state = jax.tree.map(lambda old, seen: 0.9 * old + 0.1 * seen, state, new)
    return (x - mean) * (p["w"] * lax.rsqrt(var + 1e-5)) + p["b"], state


def resnet18(classes: int) -> tuple[list, list, list]:
    """Parameters, running statistics, and strides of the convolutions, block by block."""
    stem = {"conv": kernel(3, 64, 7), "norm": batch_norm_params(64)}
    params, states, strides = [stem], [running(64)], [2]
    channels = 64
    for out, first in ((64, 1), (128, 2), (256, 2), (512, 2)):
        for stride in (first, 1):
            block = {
                "conv1": kernel(channels, out, 3), "norm1": batch_norm_params(out),
                "conv2": kernel(out, out, 3), "norm2": batch_norm_params(out),
            }  # fmt: skip
            state = {"norm1": running(out), "norm2": running(out)}
            if stride != 1 or channels != out:
                block |= {"conv3": kernel(channels, out, 1), "norm3": batch_norm_params(out)}
                state["norm3"] = running(out)
            params.append(block)
            states.append(state)
            strides.append(stride)
            channels = out
    return [*params, linear(512, classes)], states, strides


def resnet(params: list, states: list, strides: list, x: Any, train: bool) -> tuple[Any, list]:
    new = []
    x = convolve(params[0]["conv"], x, 2, 3)
    x, state = batch_norm(params[0]["norm"], states[0], x, train)
    new.append(state)
    x = pooled(nn.relu(x), 3, 2, 1)
    for p, s, stride in zip(params[1:-1], states[1:], strides[1:], strict=True):
        after = {}
        y, after["norm1"] = batch_norm(
            p["norm1"], s["norm1"], convolve(p["conv1"], x, stride, 1), train
        )
        y = convolve(p["conv2"], nn.relu(y), 1, 1)
        y, after["norm2"] = batch_norm(p["norm2"], s["norm2"], y, train)
        if "conv3" in p:
            x = convolve(p["conv3"], x, stride)
            x, after["norm3"] = batch_norm(p["norm3"], s["norm3"], x, train)
        x = nn.relu(x + y)
        new.append(after)
    return apply(params[-1], x.mean((2, 3))), new


def resnet_forward() -> Work:
    params, states, strides = resnet18(1000)
    run = lambda p, s, x: resnet(p, s, strides, x, train=False)[0]
    return on(run, params, states, normal(1, 3, 224, 224))


def resnet_step() -> Work:
    params, states, strides = resnet18(10)
    optimizer = sgd(0.9)
    x, y = normal(8, 3, 64, 64), numbers(10, 8)

    def step(params: Any, states: Any, moved: Any, x: Any, y: Any) -> tuple:
        def loss_of(p: Any) -> tuple[Any, Any]:
            logits, new = resnet(p, states, strides, x, train=True)
            return cross_entropy(logits, y), new

        (loss, new), grads = jax.value_and_grad(loss_of, has_aux=True)(params)
        return *optimizer.update(params, grads, moved), new, loss

    run = jax.jit(step, donate_argnums=(0, 1, 2))
    kept = [params, states, optimizer.start(params)]

    def work() -> Any:
        kept[0], kept[2], kept[1], loss = run(*kept, x, y)
        return jax.block_until_ready(loss)

    return work


# ---- sequences


def lstm_step() -> Work:
    width, words = 256, 1000
    gates = lambda: {"x": linear(width, 4 * width), "h": linear(width, 4 * width)}
    params = {
        "words": normal(words, width),
        "cells": [gates(), gates()],
        "out": linear(width, words),
    }

    def layer(p: Any, xs: Any) -> Any:
        def cell(carry: tuple, x: Any) -> tuple:
            h, c = carry
            i, f, g, o = jnp.split(x + apply(p["h"], h), 4, axis=-1)
            c = nn.sigmoid(f) * c + nn.sigmoid(i) * jnp.tanh(g)
            h = nn.sigmoid(o) * jnp.tanh(c)
            return (h, c), h

        zero = jnp.zeros((xs.shape[1], width))
        return lax.scan(cell, (zero, zero), apply(p["x"], xs))[1]

    def loss_of(p: Any, x: Any, y: Any) -> Any:
        x = p["words"][x]
        for cells in p["cells"]:
            x = layer(cells, x)
        return cross_entropy(apply(p["out"], x), y)

    batch = numbers(words, 35, 20), numbers(words, 35, 20)
    return training(loss_of, params, sgd(0.0, 0.1), *batch)


def norm_params(width: int) -> dict[str, Any]:
    return {"w": jnp.ones(width), "b": jnp.zeros(width)}


def layer_norm(p: Any, x: Any) -> Any:
    mean, var = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)
    return (x - mean) * lax.rsqrt(var + 1e-5) * p["w"] + p["b"]


def gpt(words: int = 8192, width: int = 512, length: int = 256, layers: int = 4) -> Any:
    def block() -> dict[str, Any]:
        return {
            "norm1": norm_params(width), "norm2": norm_params(width),
            "qkv": linear(width, 3 * width), "mix": linear(width, width),
            "up": linear(width, 4 * width), "down": linear(4 * width, width),
        }  # fmt: skip

    return {
        "words": normal(words, width), "places": normal(length, width),
        "blocks": [block() for _ in range(layers)], "norm": norm_params(width),
    }  # fmt: skip


def attended(q: Any, k: Any, v: Any, mask: Any) -> Any:
    """Attention of (batch, heads, time, width)."""
    scores = q @ k.swapaxes(-1, -2) / math.sqrt(q.shape[-1])
    return nn.softmax(jnp.where(mask, scores, -jnp.inf)) @ v


def gpt_logits(p: Any, tokens: Any, heads: int = 8) -> Any:
    b, n = tokens.shape
    x = p["words"][tokens] + p["places"][:n]
    mask = jnp.tril(jnp.ones((n, n), bool))
    for block in p["blocks"]:
        qkv = apply(block["qkv"], layer_norm(block["norm1"], x))
        q, k, v = (y.reshape(b, n, heads, -1).swapaxes(1, 2) for y in jnp.split(qkv, 3, axis=-1))
        y = attended(q, k, v, mask).swapaxes(1, 2).reshape(b, n, -1)
        x = x + apply(block["mix"], y)
        h = nn.gelu(apply(block["up"], layer_norm(block["norm2"], x)), approximate=False)
        x = x + apply(block["down"], h)
    return layer_norm(p["norm"], x) @ p["words"].T


def gpt_step() -> Work:
    loss = lambda p, x, y: cross_entropy(gpt_logits(p, x), y)
    return training(loss, gpt(), adamw(), numbers(8192, 4, 256), numbers(8192, 4, 256))


def decoding() -> Work:
    """Eight tokens, one after the other, with caches that are written in place."""
    params, heads = gpt(), 8

    def step(p: Any, caches: list, place: Any) -> tuple[Any, list]:
        x = (p["words"][place] + p["places"][place])[None]
        mask, new = jnp.arange(256) <= place, []
        for block, (keys, values) in zip(p["blocks"], caches, strict=True):
            qkv = apply(block["qkv"], layer_norm(block["norm1"], x))
            q, k, v = qkv.reshape(3, 1, heads, 1, -1)
            keys = lax.dynamic_update_slice(keys, k, (0, 0, place, 0))
            values = lax.dynamic_update_slice(values, v, (0, 0, place, 0))
            y = attended(q, keys, values, mask).swapaxes(1, 2).reshape(1, -1)
            x = x + apply(block["mix"], y)
            h = nn.gelu(apply(block["up"], layer_norm(block["norm2"], x)), approximate=False)
            x = x + apply(block["down"], h)
            new.append((keys, values))
        return layer_norm(p["norm"], x) @ p["words"].T, new

    run = jax.jit(step, donate_argnums=(1,))
    empty = lambda: jnp.zeros((1, heads, 256, 64))
    kept = [[(empty(), empty()) for _ in range(4)]]

    def work() -> None:
        for i in range(100, 108):
            logits, kept[0] = run(params, kept[0], i)
            jax.block_until_ready(logits)

    return work


# ---- single pieces of work


def norm_both_ways() -> Work:
    def both(p: Any, x: Any, g: Any) -> Any:
        return jax.vjp(layer_norm, p, x)[1](g)

    return on(both, norm_params(768), normal(8192, 768), normal(8192, 768))


def product(m: int, k: int, n: int) -> Work:
    return on(jnp.matmul, normal(m, k), normal(k, n))


WORKS: dict[str, Callable[[], Work]] = {
    "MLP step, batch 2": lambda: mlp_step(2),
    "MLP step, batch 64": lambda: mlp_step(64),
    "MLP step, batch 1024": lambda: mlp_step(1024),
    "LeNet step, batch 64": lenet_step,
    "(x*y+z).relu().sum(), 10 M": lambda: on(
        lambda x, y, z: nn.relu(x * y + z).sum(), *(normal(10_000_000) for _ in range(3))
    ),
    "GELU, 10 M": lambda: on(lambda x: nn.gelu(x, approximate=False), normal(10_000_000)),
    "softmax, 4096 x 4096": lambda: on(nn.softmax, normal(4096, 4096)),
    "layer norm 8192 x 768, both ways": norm_both_ways,
    "matrix product, 1024 cubed": lambda: product(1024, 1024, 1024),
    "matrix product, 64 cubed": lambda: product(64, 64, 64),
    "matrix product, 2x784x256": lambda: product(2, 784, 256),
    "transposed copy, 4096 x 4096": lambda: on(lambda x: x.T, normal(4096, 4096)),
    "embedding, 8192 of 512": lambda: on(lambda w, i: w[i], normal(8192, 512), numbers(8192, 8192)),
    "LSTM language model step": lstm_step,
    "ResNet-18 forward, 224": resnet_forward,
    "ResNet-18 step, 64, batch 8": resnet_step,
    "GPT forward": lambda: on(gpt_logits, gpt(), numbers(8192, 4, 256)),
    "GPT step, AdamW": gpt_step,
    "GPT decoding, 8 tokens": decoding,
}

ROWS = [Row(name, lambda t, work=work: work()) for name, work in WORKS.items()]
