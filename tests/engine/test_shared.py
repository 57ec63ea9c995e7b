"""Right operands that several small products share, and words that follow a join part by part."""

import os
import sys

import numpy as np
import pytest

pytest.importorskip("llvmlite")
sys.path.insert(0, os.path.dirname(__file__))

from graphs import Builder, same

import rushlight
from rushlight._engine.assemble import assembled
from rushlight._engine.graph import Graph
from rushlight._engine.shared import shared
from rushlight._engine.targets.host import host


def chain(rows, size, wide, turned=False, dtype="float32"):
    """States that go through the same weight again and again, and a narrower way back."""
    b = Builder()
    x = b.input((rows, size), dtype)
    w = b.input((wide, size) if turned else (size, wide), dtype)
    back = b.input((wide, size), dtype)
    w = b.permute_dims(w, (1, 0)) if turned else w
    states = []
    for _ in range(4):
        gates = b.tanh(b.multiply(b.matmul(x, w), 0.1))
        x = b.tanh(b.multiply(b.matmul(gates, back), 0.1))
        states.append(x)
    return b, [b.concat(states, 0), gates]


def packed(b, outputs):
    made = shared(Graph(b.inputs, b.steps, outputs)).check()
    return [s for s in made.steps if "columns" in s.params]


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("rows, size, wide", [(5, 8, 16), (20, 6, 8), (64, 38, 12)])
def test_a_shared_operand_is_packed_once(rows, size, wide, turned):
    lanes = host().lanes(4)
    b, outputs = chain(rows, size * lanes, wide * lanes, turned)
    assert len(packed(b, outputs)) == 8
    program = same(b, outputs, tol=1e-4)
    copies = [s for g in program.fused.groups for s in g.steps if s.word == "astype"]
    assert len([s for s in copies if s.result.ndim == 3]) == 2


def test_numbers_of_eight_bytes_have_narrower_panels():
    lanes = host().lanes(8)
    b, outputs = chain(7, 6 * lanes, 10 * lanes, dtype="float64")
    assert len(packed(b, outputs)) == 8
    same(b, outputs, tol=1e-12)


@pytest.mark.parametrize("rows, size, wide", [(3, 32, 64), (20, 30, 50), (100, 32, 64)])
def test_few_rows_odd_widths_and_large_products_stay_as_they_are(rows, size, wide):
    b, outputs = chain(rows, size, wide)
    assert not packed(b, outputs)
    same(b, outputs, tol=2e-5)


def test_two_sharers_pack_for_themselves():
    b = Builder()
    x, w = b.input((20, 32)), b.input((32, 64))
    assert not packed(b, [b.matmul(x, w), b.matmul(b.exp(x), w)])


def test_a_weight_may_change_once_its_panels_are_made():
    b = Builder()
    x, w = b.input((20, 32)), b.input((32, 64))
    sums = [b.matmul(b.multiply(x, float(k)), w) for k in range(4)]
    total = b.add(b.add(sums[0], sums[1]), b.add(sums[2], sums[3]))
    fresh = b.subtract(w, b.multiply(w, 0.1))
    program = same(b, [total, fresh], over={1: w}, tol=1e-5)
    assert program.taken == {1}


def test_what_follows_a_join_is_done_part_by_part():
    b = Builder()
    x, y, slopes = b.input((4, 6)), b.input((4, 6)), b.input((4, 18))
    made = b.multiply(b.concat([x, b.exp(y), x], -1), slopes)
    outputs = [b.add(made, 1.0)]
    steps = assembled(Graph(b.inputs, b.steps, outputs)).check().steps
    assert [s.word for s in steps].count("multiply") == 3
    assert [s.word for s in steps].count("assemble") == 1
    program = same(b, outputs)
    assert len(program.fused.groups) == 1


def test_a_join_that_is_read_twice_stays_whole():
    b = Builder()
    x, y = b.input((4, 6)), b.input((4, 6))
    both = b.concat([x, y], 0)
    outputs = [b.exp(both), b.tanh(both), b.multiply(b.concat([y, x], 1), b.concat([x, y], 1))]
    steps = assembled(Graph(b.inputs, b.steps, outputs)).check().steps
    assert [s.word for s in steps].count("exp") == 1
    same(b, outputs)


def test_no_word_of_a_recurrent_step_is_left_to_numpy():
    net = rushlight.nn.LSTM(16, 16, 2)
    optimizer = rushlight.optim.SGD(net.parameters(), lr=0.1)

    def step(x):
        loss = net(x)[0].square().mean()
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        return loss

    run = rushlight.compile(step)
    x = rushlight.tensor(np.random.default_rng(0).normal(size=(5, 6, 16)).astype("float32"))
    losses = [float(run(x)) for _ in range(4)]
    assert losses == sorted(losses, reverse=True)
    (program,) = [p for each in run.compiled.programs.values() for p in each]
    assert all(g.native for g in program.runner.fused.groups)
