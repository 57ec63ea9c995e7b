"""Poolings and their gradients are steps of their own, and run as NumPy runs them."""

import os
import sys
import warnings

import numpy as np
import pytest

pytest.importorskip("llvmlite")
sys.path.insert(0, os.path.dirname(__file__))

from convolutions import operand

import rushlight
import rushlight.nn.functional as F
from rushlight._core.spec import contiguous_strides
from rushlight._engine import families
from rushlight._engine.builder import POINTER, Module
from rushlight._engine.graph import Graph, Step
from rushlight._engine.kernels import pooling
from rushlight._engine.kernels.rows import Nest, Operand
from rushlight._engine.kernels.share import PARTIALS
from rushlight._engine.load import loaded
from rushlight._engine.straight import Straight
from rushlight._engine.targets.host import compiled, described, host
from rushlight._engine.threads import pool

CASES = [  # function, shape, arguments
    ("max_pool2d", (2, 3, 24, 24), {"kernel_size": 2}),
    ("max_pool2d", (2, 3, 17, 13), {"kernel_size": 3, "stride": 2, "padding": 1}),
    ("max_pool2d", (2, 3, 9, 11), {"kernel_size": 3, "stride": 1, "padding": 1}),
    ("max_pool2d", (3, 14, 15), {"kernel_size": (2, 3), "stride": (3, 2), "dilation": (1, 2)}),
    ("max_pool2d", (1, 2, 7, 8), {"kernel_size": 2, "ceil_mode": True}),
    ("max_pool2d", (1, 1, 5, 5), {"kernel_size": 5}),
    ("max_pool1d", (2, 3, 21), {"kernel_size": 3, "stride": 2, "padding": 1}),
    ("avg_pool2d", (2, 3, 24, 24), {"kernel_size": 2}),
    ("avg_pool2d", (2, 3, 9, 10), {"kernel_size": 3, "stride": 2, "padding": 1}),
    ("avg_pool1d", (2, 3, 21), {"kernel_size": 4, "stride": 3}),
]


def traced(name, shape, given, dtype="float32"):
    """The graph of a pooling and its gradient."""
    x = rushlight.randn(*shape, dtype=getattr(rushlight, dtype), requires_grad=True)

    def step(x):
        y = getattr(F, name)(x, **given)
        (y * y * y).sum().backward()
        return y

    made = rushlight.compile(step)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made(x)
    (programs,) = made.compiled.programs.values()
    return programs[0].graph


def run(step: Step, arrays: list, target=None) -> np.ndarray:
    """A step alone, through its kernel."""
    p = step.params["window"]
    shape = step.result.shape
    lead, plane = shape[: len(shape) - len(p)], int(np.prod(shape[len(shape) - len(p) :]))
    nest, kind = Nest(tuple(lead), plane), operand(0, (1,), (1,), step.result.dtype).kind
    steps = contiguous_strides((*lead, plane))
    nest.stores.append((step.result.id, Operand(len(arrays), 0, steps[:-1], 1, kind)))
    given = [
        operand(i, a.shape, contiguous_strides(a.shape), a.dtype) for i, a in enumerate(arrays)
    ]
    made = pooling.described(step, given, nest)
    module = Module(target or host())
    f = module.function("program", "buffers:ptr me:i64 threads:i64 control:ptr", shared=True)
    at = f.args[0].shifted((len(arrays) + 1) * 8, operand(0, (1,), (1,), "int8").kind)
    f.call(families.kernel(module, made), *f.args, f.load(at, POINTER))
    f.done()
    code = loaded(compiled(str(module), module.target), ["program"])
    out = np.full(shape, np.nan, step.result.dtype)
    work = np.zeros(pooling.workspace(made, module.target, 2) + PARTIALS + 64, np.uint8)
    table = np.array(
        [a.ctypes.data for a in (*arrays, out)] + [-(-work.ctypes.data // 64) * 64], np.int64
    )
    for _ in range(2):
        out[...] = np.nan
        pool().run(code.addresses["program"], table.ctypes.data, 2)
    return out


def values_of(graph: Graph, arrays: list) -> dict:
    """What NumPy makes of each value."""
    every = [v for step in graph.steps for v in step.results]
    found = Straight(Graph(graph.inputs, graph.steps, every)).run(*arrays)
    return {v.id: np.array(a) for v, a in zip([*graph.inputs, *every], [*arrays, *found])}


def drawn(graph: Graph, special=False) -> list:
    """Few different numbers, so that windows have equal ones."""
    random = np.random.default_rng(0)
    made = [np.asarray(random.integers(-4, 5, v.shape)).astype(v.dtype) for v in graph.inputs]
    if special:
        for a in made:
            if a.ndim > 1:
                a.reshape(-1)[::7], a.reshape(-1)[3::11] = np.nan, -np.inf
    return made


def checked(graph: Graph, special=False, target=None) -> list:
    """Each pooling's result against NumPy's; gives their words."""
    arrays = drawn(graph, special)
    with np.errstate(all="ignore"):
        known = values_of(graph, arrays)
    found = [s for s in graph.steps if s.word in pooling.WORDS]
    for step in found:
        given = [np.ascontiguousarray(known[v.id]) for v in step.args]
        made = run(step, given, target)
        np.testing.assert_allclose(made, known[step.result.id], rtol=1e-5, atol=1e-5)
    assert not any(s.word in ("unwindows", "concat", "pad") for s in graph.steps)
    return [s.word for s in found]


pytestmark = pytest.mark.usefixtures("two_threads")


@pytest.mark.parametrize("name, shape, given", CASES, ids=str)
def test_pooling_and_its_gradient(name, shape, given):
    kind = "max" if name.startswith("max") else "sum"
    assert checked(traced(name, shape, given)) == [f"pool_{kind}", f"unpool_{kind}"]


@pytest.mark.parametrize("case", [CASES[0], CASES[1], CASES[8]], ids=str)
def test_float64_and_plain_vectors(case):
    checked(traced(*case, dtype="float64"))
    if host().triple.startswith("x86_64"):
        checked(traced(*case), target=described("x86-64", "", host().triple, host().version))


@pytest.mark.parametrize("case", [CASES[0], CASES[1], CASES[3]], ids=str)
def test_nan_and_infinity(case):
    checked(traced(*case), special=True)


@pytest.mark.parametrize("name", ["max_pool2d", "avg_pool2d"])
def test_odd_layouts_and_gradients_of_gradients(name):
    """A gradient that is one number everywhere, an image that lies across, a second derivative."""
    x = rushlight.randn(2, 9, 8, 3).permute(0, 3, 1, 2).requires_grad_()
    pooled = getattr(F, name)

    def step(x):
        (g,) = rushlight.autograd.grad(pooled(x, 2).sum(), x)
        (h,) = rushlight.autograd.grad((pooled(x, 3) ** 3).sum(), x, create_graph=True)
        return g, rushlight.autograd.grad((h * h).sum(), x)[0]

    for mine, wanted in zip(rushlight.compile(step)(x), step(x)):
        np.testing.assert_allclose(mine.numpy(), wanted.detach().numpy(), rtol=1e-4, atol=1e-5)


def test_empty_batches_and_three_axes():
    for x in (rushlight.randn(0, 3, 8, 8), rushlight.randn(2, 3, 4, 4, 4)):
        pooled = F.max_pool2d if x.ndim == 4 else F.max_pool3d
        made = rushlight.compile(lambda x: pooled(x, 2) + 1)(x)
        np.testing.assert_array_equal(made.numpy(), (pooled(x, 2) + 1).numpy())
