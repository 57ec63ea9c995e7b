"""Running sums, products and extrema, and random draws in a program: beside eager mode."""

import os
import sys

import numpy as np
import pytest

pytest.importorskip("llvmlite")
sys.path.insert(0, os.path.dirname(__file__))

from graphs import Builder, drawn, same

import rushlight as rl

SHAPES = [
    ((1,), 0), ((5,), 0), ((3, 37), 1), ((3, 37), 0), ((4, 5, 6), 1), ((200, 600), 0),
    ((4, 100, 33), -1), ((70_001,), 0), ((2, 80_000), 1), ((9, 1), 0),
]  # fmt: skip


def words(program):
    return [s.word for g in program.fused.groups if not g.native for s in g.steps]


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "int64"])
@pytest.mark.parametrize("shape, axis", SHAPES)
def test_running(shape, axis, dtype, two_threads):
    b = Builder()
    x = b.input(shape, dtype)
    total = b.cumulative_sum(x, axis)
    outs = [total, b.multiply(total, 2), *b.cumulative_max(x, axis), *b.cumulative_min(x, axis)]
    assert not words(same(b, outs))


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64"])
def test_products(dtype):
    for shape, axis in (((300, 40), 1), ((40, 300), 0), ((70_001,), 0)):
        b = Builder()
        x = b.input(shape, dtype)
        arrays = [np.exp(drawn(b.inputs)[0] / 64).astype(dtype)]
        assert not words(same(b, [b.cumulative_prod(x, axis)], arrays, tol=1e-5))


@pytest.mark.parametrize("axis", [0, 1])
def test_nan_infinities_zeros_and_equal_ones(axis):
    b = Builder()
    x = b.input((40, 33))
    a = np.random.default_rng(0).integers(-3, 4, (40, 33)).astype("f4")
    a[a == 0] = -0.0
    a[5, 7], a[20, 3], a[21, 3], a[30, 30] = np.nan, np.inf, np.inf, -np.inf
    outs = [b.cumulative_sum(x, axis), *b.cumulative_max(x, axis), *b.cumulative_min(x, axis)]
    same(b, outs, [a], tol=0)


def test_views_are_scanned_as_they_lie():
    b = Builder()
    x = b.input((20, 30))
    views = [b.permute_dims(x, (1, 0)), b.index(x, (slice(None), slice(3, 29, 2))), b.flip(x, 1)]
    assert not words(same(b, [b.cumulative_sum(v, a) for v in views for a in (0, 1)]))


def test_float32_adds_up_in_float64():
    x = rl.full((1_000_000,), 0.1)
    f = rl.compile(lambda x: x.cumsum(0))
    f(x)
    wanted = np.arange(1, 1_000_001) * np.float64(np.float32(0.1))
    np.testing.assert_allclose(f(x).numpy(), wanted, rtol=2e-7)


DRAWS = [
    lambda: rl.randn(16), lambda: rl.randn(1000), lambda: rl.randn(3, 11), lambda: rl.randn(3),
    lambda: rl.randn(50_000) + rl.rand(50_000), lambda: rl.rand(7, 9),
    lambda: rl.empty(100).uniform_(-2, 3), lambda: rl.empty(7, 9).normal_(1.5, 0.3),
    lambda: rl.randint(3, 70, (50,)), lambda: rl.randn_like(rl.empty(40, 2)) * rl.rand(80, 1)[0],
]  # fmt: skip


@pytest.mark.parametrize("draw", DRAWS)
def test_draws_are_eager_modes_bit_for_bit(draw):
    f = rl.compile(draw)
    rl.manual_seed(1)
    f()
    found = []
    for g in (draw, f):
        rl.manual_seed(7)
        found.append([g().numpy().tobytes() for _ in range(3)])
        found.append(rl.get_rng_state().numpy().tobytes())
    assert found[:2] == found[2:]


def test_normal_numbers_are_native(capsys, monkeypatch):
    monkeypatch.setenv("RUSHLIGHT_LOG", "kernels")
    rl.compile(lambda: rl.randn(40, 5) + rl.rand(40, 1))()
    told = capsys.readouterr().err
    assert "NumPy" not in told
    assert "kernels" in told
