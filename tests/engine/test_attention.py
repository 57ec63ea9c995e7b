"""Attention in kernels that never store the scores, beside eager mode; what stays as it is."""

import math
import os
import sys

import numpy as np
import pytest

pytest.importorskip("llvmlite")
sys.path.insert(0, os.path.dirname(__file__))

import rushlight as rl
from rushlight._engine import native

F = rl.nn.functional
TOLERANCE = {rl.float32: 2e-5, rl.float64: 1e-13}


@pytest.fixture
def programs(monkeypatch):
    """The native programs that are built."""
    made, build = [], native.Native.__init__

    def noted(self, *given):
        build(self, *given)
        made.append(self)

    monkeypatch.setattr(native.Native, "__init__", noted)
    return made


def words(program):
    return {step.word for group in program.fused.groups for step in group.steps}


def stored(program):
    """The shapes of what lies in memory between the kernels and behind them."""
    made = {v.id: v for group in program.fused.groups for v in group.made.values()}
    return {made[v].shape for p in program.parts for v in getattr(p, "slots", ()) if v in made}


def close(wanted, found, tolerance):
    for want, got in zip(wanted, found, strict=True):
        want, got = want.detach().numpy(), got.detach().numpy()
        assert want.shape == got.shape
        scale = max(1.0, np.abs(want).max(initial=0))
        np.testing.assert_allclose(got, want, rtol=0, atol=tolerance * scale)


def compared(attention, tensors, programs, wanted=("attend", "attend_back")):
    """Values and gradients, compiled and eager; the training step's program."""
    leaves = [x.detach().requires_grad_() for x in tensors]

    def step(*leaves):
        out = attention(*leaves)
        return out, *rl.autograd.grad((out * out).sum(), leaves)

    compiled = rl.compile(step)
    for _ in range(2):
        close(step(*leaves), compiled(*leaves), TOLERANCE[leaves[0].dtype])
    program = programs[-1]
    assert set(wanted) == words(program) & {"attend", "attend_back"}
    return program


def drawn(queries, keys, width, mixed, dtype=rl.float32, batch=(2, 3)):
    rl.manual_seed(0)
    sizes = (queries, width), (keys, width), (keys, mixed)
    return [rl.randn(*batch, *size, dtype=dtype) for size in sizes]


def plain(q, k, v):
    return F.scaled_dot_product_attention(q, k, v)


def causal(q, k, v):
    return F.scaled_dot_product_attention(q, k, v, is_causal=True)


def by_hand(q, k, v):
    """As it is written in many a lesson."""
    rows, columns = q.shape[-2], k.shape[-2]
    scores = (q @ k.transpose(-2, -1)) * (1.0 / math.sqrt(k.shape[-1]))
    scores = scores.masked_fill(rl.tril(rl.ones(rows, columns)) == 0, float("-inf"))
    return F.softmax(scores, dim=-1) @ v


def capped(q, k, v):
    """Other steps on the scores, and a mask that leaves something of what it hides."""
    scores = 3 * rl.tanh((q @ k.transpose(-2, -1)) / 4)
    hidden = rl.triu(rl.ones(q.shape[-2], k.shape[-2], dtype=rl.bool), 1)
    return rl.softmax(scores.masked_fill(hidden, -2.0), -1) @ v


SIZES = [(5, 5, 1, 1), (7, 7, 4, 4), (13, 29, 5, 7), (29, 13, 20, 9), (70, 300, 33, 16)]


@pytest.mark.parametrize("dtype", [rl.float32, rl.float64], ids=str)
@pytest.mark.parametrize("sizes", SIZES, ids=str)
@pytest.mark.parametrize("attention", [plain, causal, by_hand, capped])
def test_attention_equals_eager(attention, sizes, dtype, programs):
    program = compared(attention, drawn(*sizes, dtype), programs)
    assert all(shape[-2:] != sizes[:2] for shape in stored(program))


def test_more_queries_than_a_task_takes(programs, two_threads):
    program = compared(causal, drawn(530, 530, 8, 8, batch=(5,)), programs)
    assert max(math.prod(shape) for shape in stored(program)) <= 5 * 530 * 8
    compared(plain, drawn(300, 40, 8, 8, batch=(1, 1)), programs)


@pytest.mark.parametrize("kind", ["bool", "float", "padding"])
def test_masks_that_are_given(kind, programs):
    q, k, v = drawn(37, 50, 8, 8)
    mask = rl.rand(37, 50) > 0.4
    mask[3] = False  # a query that may look nowhere mixes zeros
    if kind == "float":
        mask = rl.randn(37, 50)
    elif kind == "padding":
        mask = (rl.arange(50) < rl.tensor([50, 20]).view(2, 1)).view(2, 1, 1, 50)

    def masked(q, k, v):
        return F.scaled_dot_product_attention(q, k, v, attn_mask=mask, scale=0.3)

    compared(masked, [q, k, v], programs)


def test_rows_without_a_key_are_nan_where_softmax_is(programs):
    q, k, v = drawn(9, 9, 4, 4)
    hidden = rl.zeros(9, 9, dtype=rl.bool)
    hidden[2] = True

    def attention(q, k, v):
        scores = (q @ k.transpose(-2, -1)).masked_fill(hidden, float("-inf"))
        return rl.softmax(scores, -1) @ v

    made = rl.compile(attention)(q, k, v)
    assert "attend" in words(programs[-1])
    np.testing.assert_allclose(made.numpy(), attention(q, k, v).numpy(), rtol=1e-4, atol=1e-5)


def test_infinite_and_absent_numbers_go_through(programs):
    q, k, v = drawn(9, 9, 4, 4)
    k[0, 0, 2, 1], k[1, 1, 3, 0], q[1, 2, 4, 2] = float("nan"), float("inf"), float("inf")
    made = rl.compile(plain)(q, k, v)
    assert "attend" in words(programs[-1])
    with np.errstate(all="ignore"):
        wanted = plain(q, k, v)
    np.testing.assert_allclose(made.numpy(), wanted.numpy(), rtol=1e-4, atol=1e-5)


def test_heads_of_one_projection_are_read_and_written_in_place(programs):
    rl.manual_seed(0)
    net = rl.nn.MultiheadAttention(24, 3, batch_first=True)
    x = rl.randn(2, 11, 24, requires_grad=True)
    mask = rl.nn.Transformer.generate_square_subsequent_mask(11)

    def attention(x):
        return net(x, x, x, attn_mask=mask, need_weights=False)[0]

    compared(attention, [x], programs)
    compared(lambda x: net(x, x, x)[0], [x], programs)


def test_frozen_keys_and_values(programs):
    q, k, v = drawn(12, 12, 8, 8)
    compared(lambda q: causal(q, k, v), [q], programs)
    compared(lambda v: causal(q, k, v), [v], programs, wanted=())  # a product alone


def test_what_others_read_stays(programs):
    tensors = drawn(8, 8, 4, 4)

    def with_weights(q, k, v):
        weights = rl.softmax(q @ k.transpose(-2, -1), -1)
        return weights @ v + weights.mean()

    compared(with_weights, tensors, programs, wanted=())
    compared(lambda q, k, v: plain(q[..., :3, :], k, v), tensors, programs, wanted=())  # few rows


def test_dropout_of_weights_stays(programs):
    tensors = drawn(8, 8, 4, 4)
    dropped = rl.compile(lambda q, k, v: F.scaled_dot_product_attention(q, k, v, dropout_p=0.5))
    rl.manual_seed(3)
    made = dropped(*tensors)
    rl.manual_seed(3)
    wanted = F.scaled_dot_product_attention(*tensors, dropout_p=0.5)
    close([wanted], [made], 2e-5)
    assert not words(programs[-1]) & {"attend"}


def test_nothing_to_attend_to():
    for queries, keys in ((0, 5), (5, 0)):
        q, k, v = drawn(queries, keys, 4, 4)
        close([plain(q, k, v)], [rl.compile(plain)(q, k, v)], 0)


def test_fewer_keys_than_queries_need_no_value():
    def gradients(q, k, v):
        y = rl.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)
        return rl.autograd.grad(y.square().sum(), (q, k, v))

    draw = rl.Generator().manual_seed(3)
    given = [rl.randn(2, heads, 9, 16, generator=draw, requires_grad=True) for heads in (4, 2, 2)]
    compiled = rl.compile(gradients, fullgraph=True)
    for _ in range(2):
        for wanted, found in zip(gradients(*given), compiled(*given), strict=True):
            rl.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("axis", [1, 2, 3])
def test_keys_and_values_that_are_joined_from_parts(axis, programs):
    """What joins them gets numbers that the steps within the attention have not."""
    q, k, v = drawn(9, 9, 8, 8, batch=(2, 4))

    def joined(q, k, v):
        return plain(q, rl.cat(k.chunk(2, axis)[::-1], axis), rl.cat(v.chunk(2, axis), axis))

    compared(joined, (q, k, v), programs)


def test_heads_of_keys_that_serve_several_heads(programs):
    q, k, v = drawn(9, 9, 8, 8, batch=(2, 4))

    def grouped(q, k, v):
        return F.scaled_dot_product_attention(q, k[:, :2], v[:, :2], enable_gqa=True)

    compared(grouped, (q, k, v), programs)
