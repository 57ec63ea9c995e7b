"""Rows found by number: takes, sets and sums, beside NumPy, and numbers out of range."""

import os
import sys

import numpy as np
import pytest

pytest.importorskip("llvmlite")
sys.path.insert(0, os.path.dirname(__file__))

from graphs import Builder, drawn, same

import rushlight as rl


def words(program):
    return [s.word for g in program.fused.groups if not g.native for s in g.steps]


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "bool"])
@pytest.mark.parametrize("shape", [(5, 7, 3), (3, 5, 40)])
def test_take(axis, dtype, shape):
    b = Builder()
    x, i = b.input(shape, dtype), b.input((6,), "int64")
    arrays = drawn(b.inputs)
    arrays[1] = np.array([0, 2, -1, 1, 2, -3])
    assert not words(
        same(b, [b.take(b.logical_or(x, x) if dtype == "bool" else b.add(x, x), i, axis)], arrays)
    )


@pytest.mark.parametrize("dtype", ["float32", "float64", "bool"])
def test_taken_rows_that_pass_by_the_caches(dtype):
    b, size = Builder(), np.dtype(dtype).itemsize
    x, i = b.input((50, 1003), dtype), b.input((17_100_000 // 1003 // size,), "int64")
    arrays = drawn(b.inputs)
    arrays[1] = np.arange(i.size) * 7 % 50
    assert not words(same(b, [b.take(x, i, 0)], arrays))


@pytest.mark.parametrize("mode", ["set", "add"])
@pytest.mark.parametrize("shape", [(9, 3), (9, 200), (2, 9, 5)])
@pytest.mark.parametrize("dtype", ["float32", "int64"])
def test_put(mode, shape, dtype):
    b = Builder()
    axis = len(shape) - 2
    rows = (*shape[:axis], 7, shape[-1])
    x, i, v = b.input(shape, dtype), b.input((7,), "int64"), b.input(rows, dtype)
    arrays = drawn(b.inputs)
    arrays[1] = np.array([0, 8, -1, 1, 2, 2, 2])
    empty = b.full(shape, 0, np.dtype(dtype))
    made = [b.put(x, i, v, axis, mode), b.put(empty, i, b.add(v, v), axis, mode)]
    assert not words(same(b, made, arrays))


def test_views_are_put_in_order_first():
    b = Builder()
    x, i = b.input((6, 8)), b.input((3, 4), "int64")
    arrays = drawn(b.inputs)
    arrays[1] = np.arange(12).reshape(3, 4) % 6
    part = b.index(i, (slice(None), slice(0, 2)))
    turned = b.permute_dims(x, (1, 0))
    assert not words(same(b, [b.take(x, part, 0), b.take(turned, part, 1)], arrays))


@pytest.mark.parametrize("wrong", [6, -7, 2**40])
def test_numbers_out_of_range_are_eager_modes_error(wrong):
    w = rl.randn(6, 4)
    f = rl.compile(lambda i: rl.index_select(w, 0, i) * 2)
    fine, bad = rl.tensor([0, 5, 3]), rl.tensor([0, wrong, 3])
    f(fine)
    assert f(fine).equal(w[fine] * 2)
    with pytest.raises(IndexError) as eager:
        rl.index_select(w, 0, bad)
    with pytest.raises(IndexError) as compiled:
        f(bad)
    assert str(compiled.value) == str(eager.value)
    assert f(fine).equal(w[fine] * 2)
