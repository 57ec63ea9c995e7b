"""Poolings are found in what bodies and their gradients write, and run as NumPy runs these."""

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
from rushlight._engine.builder import POINTER, Module
from rushlight._engine.graph import Graph, Step, Value
from rushlight._engine.kernels import pooling, pooling_steps
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
    made = pooling_steps.described(step, given, nest)
    module = Module(target or host())
    f = module.function("program", "buffers:ptr me:i64 threads:i64 control:ptr", shared=True)
    at = f.args[0].shifted((len(arrays) + 1) * 8, operand(0, (1,), (1,), "int8").kind)
    f.call(pooling.kernel(module, made), *f.args, f.load(at, POINTER))
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
    small = pooling_steps.gathered(graph).check()
    arrays = drawn(graph, special)
    with np.errstate(all="ignore"):
        known = values_of(graph, arrays)
    found = [s for s in small.steps if s.word in pooling_steps.WORDS]
    for step in found:
        given = [np.ascontiguousarray(known[v.id]) for v in step.args]
        made = run(step, given, target)
        np.testing.assert_allclose(made, known[step.result.id], rtol=1e-5, atol=1e-5)
    assert not any(s.word in ("unwindows", "concat", "pad") for s in small.steps)
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


def test_what_is_no_pooling_is_left_alone():
    x, out = Value(0, (4, 8), "float32"), Value(3, (4, 4), "float32")
    a, b = Value(1, (4, 4), "float32", (8, 2)), Value(2, (4, 4), "float32", (8, 2))
    first = Step((a,), "index", (x, (Ellipsis, slice(0, 7, 2))))
    for start in (1, 3):  # neighbours are windows; places three apart begin outside
        key = (Ellipsis, slice(start, start + 7, 2)) if start == 1 else (Ellipsis, slice(4, 8))
        steps = [first, Step((b,), "index", (x, key)), Step((out,), "maximum", (a, b))]
        graph = Graph([x], steps, [out])
        found = pooling_steps.gathered(graph)
        assert (found is graph) == (start == 3)
