"""Recurrent layers as loops over time: one step in the graph, one loop in the program."""

import os
import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip("llvmlite")
sys.path.insert(0, os.path.dirname(__file__))

from graphs import traced

import rushlight
from rushlight import nn
from rushlight._arrays.meta import META_WORDS, MetaArray
from rushlight._arrays.numpy import NUMPY
from rushlight._engine import native
from rushlight._engine.graph import Graph
from rushlight._engine.simplify import simplify
from rushlight._engine.straight import Straight

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
LAYERS = {
    "lstm": lambda **kw: nn.LSTM(5, 16, **kw),
    "gru": lambda **kw: nn.GRU(5, 16, **kw),
    "tanh": lambda **kw: nn.RNN(5, 16, **kw),
    "relu": lambda **kw: nn.RNN(5, 16, nonlinearity="relu", **kw),
}


def loops_in(compiled):
    """The loops in the programs of a compiled function; as kernels, where they were just built."""
    found = []
    for programs in compiled.compiled.programs.values():
        for p in programs:
            scans = [s for s in p.graph.steps if s.word == "scan"]
            fused = getattr(p.runner, "fused", None)
            assert fused is None or bool(scans) is any(g.loop for g in fused.groups)
            found += scans
    return found


def alike(net, x, tol=2e-5, **run):
    """A step of loss and gradients, eager and compiled: equal; gives the compiled function."""

    def step(x):
        out, last = net(x)
        last = last if isinstance(last, tuple) else (last,)
        data = out.data if hasattr(out, "batch_sizes") else out
        loss = (data * data).sum() + sum((s * 0.5).sin().sum() for s in last)
        loss.backward()
        return loss, data

    def once(f):
        for p in net.parameters():
            p.grad = rushlight.zeros_like(p)
        loss, data = f(x)
        return [loss.detach(), data.detach(), *(p.grad.clone() for p in net.parameters())]

    wanted = once(step)
    compiled = rushlight.compile(step, **run)
    for _ in range(2):
        for a, b in zip(wanted, once(compiled), strict=True):
            np.testing.assert_allclose(b.numpy(), a.numpy(), rtol=tol, atol=tol)
    return compiled


@pytest.mark.parametrize("kind", LAYERS)
@pytest.mark.parametrize(
    "options",
    [{}, {"num_layers": 2, "bidirectional": True}, {"batch_first": True}, {"bias": False}],
    ids=str,
)
def test_values_and_gradients_are_those_of_eager_mode(kind, options):
    rushlight.manual_seed(0)
    compiled = alike(LAYERS[kind](**options), rushlight.randn(7, 4, 5))
    assert loops_in(compiled)
    assert compiled.compiled.explain().count(" = scan(") >= 2


ONCE = """
import sys, rushlight as torch
torch.manual_seed(0)
net = torch.nn.LSTM(5, 16, 2)
x = torch.randn(7, 4, 5)
step = torch.compile(lambda x: net(x)[0].square().sum())
with torch.no_grad():
    print(step(x).item(), step(x).item(), net(x)[0].square().sum().item())
print("llvmlite" in sys.modules)
"""


def test_a_second_process_finds_the_loop_on_disk(tmp_path):
    lines = [
        subprocess.run(
            [sys.executable, "-W", "error", "-c", ONCE], text=True, capture_output=True, check=True,
            env={**os.environ, "RUSHLIGHT_CACHE": str(tmp_path)}, cwd=ROOT,
        ).stdout.split()
        for _ in range(2)
    ]  # fmt: skip
    assert [line.pop() for line in lines] == ["True", "False"]
    np.testing.assert_allclose(np.array(lines, float), float(lines[0][2]), rtol=1e-6)


@pytest.mark.parametrize("kind", LAYERS)
@pytest.mark.parametrize("shape", [(1, 3, 5), (2, 3, 5), (3, 1, 5), (40, 20, 5)])
def test_short_sequences_and_single_rows(kind, shape):
    rushlight.manual_seed(0)
    compiled = alike(LAYERS[kind](), rushlight.randn(*shape), tol=2e-4)
    assert bool(loops_in(compiled)) is (shape[0] > 2)


@pytest.mark.parametrize("threads", [1, 2])
def test_threads_and_doubles(threads):
    before = rushlight.get_num_threads()
    try:
        rushlight.set_num_threads(threads)
        rushlight.manual_seed(0)
        net = nn.LSTM(24, 64, 2).double()
        assert loops_in(alike(net, rushlight.randn(20, 20, 24).double(), tol=1e-10))
        assert loops_in(alike(nn.GRU(24, 64), rushlight.randn(20, 20, 24), tol=1e-3))
    finally:
        rushlight.set_num_threads(before)


def test_packed_sequences_run_eagerly_their_lengths_are_values():
    rushlight.manual_seed(0)
    packed = nn.utils.rnn.pack_padded_sequence(rushlight.randn(6, 3, 5), [6, 4, 2])
    net = nn.LSTM(5, 16)
    compiled = rushlight.compile(lambda x: net(type(packed)(x, packed.batch_sizes))[0].data)
    with pytest.warns(UserWarning, match="needs the values"):
        made = compiled(packed.data)
    np.testing.assert_array_equal(made.detach().numpy(), net(packed)[0].data.detach().numpy())


def test_forward_alone_keeps_nothing_for_a_backward_pass():
    rushlight.manual_seed(0)
    net = nn.LSTM(5, 16)
    x = rushlight.randn(9, 4, 5)
    with rushlight.no_grad():
        compiled = rushlight.compile(lambda x: net(x)[0])
        for _ in range(2):
            np.testing.assert_allclose(compiled(x).numpy(), net(x)[0].numpy(), atol=1e-6)
    (scan,) = loops_in(compiled)
    assert len(scan.results) == 3  # what is carried last, and the hidden states


def test_the_halves_of_a_function_that_wants_gradients_are_loops():
    rushlight.manual_seed(0)
    net = nn.GRU(5, 16)
    x = rushlight.randn(9, 4, 5)
    compiled = rushlight.compile(lambda x: net(x)[0])
    found = []
    for f in (lambda x: net(x)[0], compiled, compiled):
        net.zero_grad()
        f(x).pow(2).sum().backward()
        found.append([p.grad.numpy().copy() for p in net.parameters()])
        for a, b in zip(found[0], found[-1], strict=True):
            np.testing.assert_allclose(b, a, rtol=1e-5, atol=1e-5)


def test_second_derivatives_go_through_the_loop_of_tensors():
    rushlight.manual_seed(0)
    for net in (nn.LSTM(2, 3), nn.GRU(2, 3), nn.RNN(2, 3)):
        net = net.double()
        x = rushlight.randn(4, 2, 2).double().requires_grad_()
        assert rushlight.autograd.gradgradcheck(lambda x: net(x)[0], (x,))


def test_the_checker_sees_inside(capsys):
    rushlight.manual_seed(0)
    alike(nn.LSTM(5, 16), rushlight.randn(5, 3, 5), options={"check": True})


# -- the word itself


def running(m, xs, reverse=False):
    """Sums, and their halves, along sequences."""
    zero = m.full(xs[0].shape[1:], 0.0, xs[0].dtype)
    scale = m.exp(m.index(xs[0], 0))

    def step(carry, given):
        total = carry[0] + given[0] * scale + given[1]
        return (total, carry[0]), (total * 0.5, None, given[1], scale)

    return m.scan(step, (zero, zero), xs, reverse)


@pytest.mark.parametrize("reverse", [False, True])
def test_the_word_is_the_loop_of_python(reverse):
    xs = [np.random.default_rng(k).normal(size=(5, 3, 4)) for k in (0, 1)]
    (total, before), ys = running(NUMPY, xs, reverse)
    scaled = xs[0] * np.exp(xs[0][0]) + xs[1]
    sums = np.cumsum(scaled[::-1] if reverse else scaled, 0)
    np.testing.assert_allclose(total, sums[-1])
    np.testing.assert_allclose(before, sums[-2])
    np.testing.assert_allclose(ys[0], (sums[::-1] if reverse else sums) / 2)
    assert ys[1] is None and (ys[2] == xs[1]).all() and ys[3].shape == (5, 3, 4)
    (shape, _), _ = running(META_WORDS, [MetaArray(x.shape, x.dtype) for x in xs], reverse)
    assert shape.shape == (3, 4)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("shape", [(4, 3), (6, 33)])
def test_a_loop_is_one_step_and_gives_what_its_steps_give(reverse, shape):
    graph = traced(lambda m, xs: running(m, xs, reverse), (9, *shape), (9, *shape))
    assert [s.word for s in graph.steps].count("scan") == 1
    slim = simplify(graph)
    arrays = [np.random.default_rng(k).normal(size=(9, *shape)).astype("f") for k in (0, 1)]
    wanted = Straight(slim).run(*arrays)
    program = native.build(slim)
    assert any(g.loop for g in program.fused.groups)
    for _ in range(2):
        for a, b in zip(wanted, program.run(*arrays), strict=True):
            np.testing.assert_allclose(b, a, rtol=1e-5, atol=1e-5)


def test_results_that_nobody_reads_are_not_made():
    graph = traced(running, (9, 4), (9, 4))
    slim = simplify(Graph(graph.inputs, graph.steps, graph.outputs[:1]))
    (scan,) = [s for s in slim.steps if s.word == "scan"]
    assert len(scan.results) == 2 and len(scan.params["body"].steps) == 3


def test_what_no_kernel_does_is_a_loop_written_out():
    def sorting(m, xs):
        def step(carry, given):
            return (m.inv(carry[0])[0] + given[0],), (carry[0],)

        return m.scan(step, (m.index(xs[0], 0),), xs)

    graph = simplify(traced(sorting, (5, 3, 3), dtype="float64"))
    program = native.build(graph)
    x = np.random.default_rng(0).normal(size=(5, 3, 3))
    wanted = Straight(graph).run(x)
    if program is not None:
        assert not any(g.loop for g in program.fused.groups)
        for a, b in zip(wanted, program.run(x)):
            np.testing.assert_allclose(b, a, rtol=1e-9)
