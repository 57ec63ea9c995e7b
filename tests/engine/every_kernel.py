"""One program of each family of kernels; run as a script, all of them as PTX
in the folder that is named."""

import os
import sys

import numpy as np

sys.path.insert(0, os.path.dirname(__file__))

from graphs import Builder, traced

CONV = ((1, 1), (1, 1), (1, 1), 1)


def pointwise(b):
    x, y = b.input((33, 50)), b.input((50,))
    z = b.tanh(b.add(b.multiply(x, y), 0.5))
    wide = b.astype(z, np.dtype("float64"))
    return [z, b.exp(b.negative(b.abs(wide))), b.where(b.greater(z, 0.1), b.sin(x), b.floor(x))]


def integers(b):
    x, y = b.input((7, 40), "int64"), b.input((40,), "int32")
    return [b.add(x, y), b.astype(b.bitwise_and(x, 7), np.dtype("float32")), b.less(x, 3)]


def softmax(b):
    x = b.input((30, 65))
    e = b.exp(b.subtract(x, b.max(x, axis=-1, keepdims=True)))
    return [b.divide(e, b.sum(e, axis=-1, keepdims=True)), b.argmax(x, axis=1)]


def long_row(b):
    x = b.input((70_001,))
    return [b.sum(b.multiply(x, x)), b.max(x)]


def columns(b):
    x = b.input((300, 70))
    return [b.sum(x, axis=0), b.max(x, axis=0)]


def downwards(b):
    x, g = b.input((300, 70)), b.input((300, 70))
    made = b.multiply(b.subtract(x, b.max(x, axis=1, keepdims=True)), g)
    return [made, b.sum(made, axis=0), b.sum(g, axis=0)]


def transpose(b):
    x = b.input((70, 90))
    return [b.add(b.permute_dims(x, (1, 0)), 1.0)]


def product(b):
    x, w, bias = b.input((77, 131)), b.input((131, 93)), b.input((93,))
    return [b.maximum(b.add(b.matmul(x, w), bias), 0.0)]


def large_product(b):
    x, w = b.input((400, 300)), b.input((300, 500))
    return [b.matmul(x, w)]


def few_rows(b):
    x, w = b.input((2, 200)), b.input((90, 200))
    return [b.matmul(x, b.permute_dims(w, (1, 0)))]


def parts_of_a_sum(b):
    return [b.tanh(b.matmul(b.input((2, 300)), b.input((300, 130))))]


def strips(b):
    return [b.tanh(b.matmul(b.input((3, 9)), b.input((9, 300))))]


def short_sum(b):
    return [b.tanh(b.matmul(b.input((40, 3)), b.input((3, 77))))]


def batched_product(b):
    x, w = b.input((5, 20, 30), "float64"), b.input((5, 30, 20), "float64")
    return [b.matmul(x, w)]


def convolution(b):
    x, w = b.input((2, 8, 14, 14)), b.input((26, 8, 3, 3))  # AVX-512's whole tiles: 13 rows
    return [b.maximum(b.conv(x, w, *CONV), 0.0)]


def convolution_input(b):
    g, w = b.input((2, 16, 14, 14)), b.input((16, 8, 3, 3))
    return [b.conv_input(g, w, (2, 8, 14, 14), *CONV)]


def convolution_weight(b):
    g, x = b.input((2, 16, 14, 14)), b.input((2, 8, 14, 14))
    return [b.conv_weight(g, x, (16, 8, 3, 3), *CONV)]


def depthwise(b):
    x, w = b.input((2, 8, 14, 14)), b.input((8, 1, 3, 3))
    return [b.conv(x, w, (1, 1), (1, 1), (1, 1), 8)]


def pooled(b):
    how = {"window": (2, 2), "stride": (2, 2), "padding": (0, 0), "dilation": (1, 1)}
    return [b.pool_max(b.input((2, 3, 20, 20)), shape=(2, 3, 10, 10), **how)]


def embedding(b):
    x, i = b.input((60, 40)), b.input((50,), "int64")
    return [b.take(x, i, 0)]


def gathered(b):
    x, i, v = b.input((60, 40)), b.input((60, 1), "int64"), b.input((60, 1))
    return [b.take_along_axis(x, i, 1), b.scatter(x, i, v, 1)]


def running(b):
    x = b.input((6, 50))
    return [b.cumulative_sum(x, 1), *b.cumulative_max(x, 0), b.cumulative_prod(b.abs(x), 1)]


def long_running(b):
    return [b.cumulative_sum(b.input((80_000,)), 0)]


def ordered(b):
    x, wide = b.input((5, 40)), b.input((3, 700), "float64")
    i = b.argsort(x, 1)
    return [i, b.take_along_axis(x, i, 1), b.argsort(wide, 1, descending=True)]


def leading(b):
    return [b.leading(b.input((3, 1000)), 5, 1, True)]


def long_order(b):
    return [b.argsort(b.input((40_000,), "int64"), 0)]


def picked(b):
    x, i, v = b.input((60, 40)), b.input((30, 40), "int64"), b.input((30, 40))
    return [b.take_along_axis(x, i, 0), b.scatter(x, i, v, 0, "add")]


def attention(b):
    q, k, v = (b.input((2, 3, 20, 16)) for _ in range(3))
    s = b.multiply(b.matmul(q, b.permute_dims(k, (0, 1, 3, 2))), 0.25)
    e = b.exp(b.subtract(s, b.max(s, axis=-1, keepdims=True)))
    return [b.matmul(b.divide(e, b.sum(e, axis=-1, keepdims=True)), v)]


def halves(b):
    x, y = b.input((30, 50), "float16"), b.input((30, 50))
    z = b.multiply(b.astype(x, np.dtype("float32")), y)
    return [b.astype(z, np.dtype("float16")), b.sum(z, axis=-1)]


def looped(b):
    """A plain recurrent layer backwards."""

    def body(m, given):
        x, first, w = given

        def step(carry, part):
            hidden = m.tanh(part[0] + m.matmul(carry[0], w))
            return (hidden,), (hidden, hidden * 2)

        return m.scan(step, (first,), (x,), reverse=True)

    graph = traced(body, (5, 7, 24), (7, 24), (24, 24))
    b.inputs, b.steps = graph.inputs, graph.steps
    return graph.outputs


def elementary(b):
    x, y = b.input((9, 50)), b.input((20, 3), "float64")
    return [b.erf(x), b.lgamma(x), b.cos(x), b.pow(b.abs(x), 1.7), b.remainder(x, 0.3), b.erf(y)]


FAMILIES = [
    pointwise, integers, softmax, long_row, columns, downwards, transpose, product,
    large_product, few_rows, parts_of_a_sum, strips, short_sum, batched_product, convolution,
    convolution_input, convolution_weight, depthwise, pooled, embedding, gathered, running,
    long_running, ordered, leading, long_order, picked, attention, halves, looped, elementary,
]  # fmt: skip


def built(family):
    """A builder and the outputs of one family's program."""
    b = Builder()
    return b, family(b)


def arrays_of(b, seed=0):
    """Inputs that are numbers of some size, and indices in range."""
    random = np.random.default_rng(seed)
    return [
        random.integers(0, 30, v.shape).astype(v.dtype) if v.dtype.kind in "iu"
        else np.asarray(random.normal(size=v.shape)).astype(v.dtype)
        for v in b.inputs
    ]  # fmt: skip


def parts(family):
    """The native parts of a family's program."""
    from rushlight._engine import native
    from rushlight._engine.graph import Graph

    b, outputs = built(family)
    program = native.build(Graph(b.inputs, b.steps, outputs))
    assert program is not None
    return [p for p in program.parts if hasattr(p, "kernels")]


def kernels(family):
    """The descriptions of a family's kernels."""
    return [k for part in parts(family) for k in part.kernels]


def main(folder):
    """PTX of every family, as files; a line for each."""
    from on_card import text_for

    from rushlight._engine.targets import nvptx
    from rushlight._engine.targets.host import host

    device = nvptx.Device(host().version)
    for family in FAMILIES:
        (part,) = parts(family)
        ptx = nvptx.compiled(nvptx.entry(text_for(part, device)), device)
        assert ".visible .entry launch" in ptx
        outside = [line for line in ptx.splitlines() if ".extern" in line]
        with open(os.path.join(folder, f"{family.__name__}.ptx"), "w") as file:
            file.write(ptx)
        told = "+".join(type(k).__name__ for k in part.kernels)
        print(family.__name__, told, len(ptx), *outside, flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
