"""Sorting and the first few of rows, elements found by number, reversed views: beside NumPy."""

import os
import sys

import numpy as np
import pytest

pytest.importorskip("llvmlite")
sys.path.insert(0, os.path.dirname(__file__))

from graphs import Builder, drawn, same

import rushlight as rl

DTYPES = ["float32", "float64", "int64", "uint64", "int32", "uint8", "int8", "bool", "float16"]


def words(program):
    return [s.word for g in program.fused.groups if not g.native for s in g.steps]


def numbers(shape, dtype, few, seed=0):
    """All that a dtype holds; or few different ones, with NaN, infinities and both zeros."""
    random, dtype = np.random.default_rng(seed), np.dtype(dtype)
    if dtype.kind == "b":
        return random.random(shape) < 0.5
    if dtype.kind in "iu":
        edges = (0, 4) if few else (np.iinfo(dtype).min, np.iinfo(dtype).max)
        return random.integers(*edges, shape, dtype, endpoint=True)
    made = random.normal(size=shape).astype(dtype)
    if few:
        made = np.round(made)
        made.flat[::7], made.flat[::11], made.flat[::13], made.flat[::17] = (
            -0.0, np.nan, np.inf, -np.inf,
        )  # fmt: skip
    return made


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape, axis", [
    ((1,), 0), ((33, 5), 0), ((300, 17), 1), ((9, 500), -1), ((2, 700, 3), 1), ((40_000,), 0),
])  # fmt: skip
def test_sort(shape, axis, dtype, two_threads):
    for few in (False, True):
        b = Builder()
        x = b.input(shape, dtype)
        outs = []
        for down in (False, True):
            i = b.argsort(x, axis, descending=down)
            outs += [i, b.take_along_axis(x, i, axis), b.sort(x, axis, descending=down)]
        assert not words(same(b, outs, [numbers(shape, dtype, few)], tol=0))


def test_views_are_sorted_as_they_lie():
    b = Builder()
    x = b.input((20, 30))
    turned, part = b.permute_dims(x, (1, 0)), b.index(x, (slice(None), slice(3, 29, 2)))
    assert not words(same(b, [b.argsort(v, a) for v in (turned, part) for a in (0, 1)]))


def test_a_value_and_its_place_are_one_kernel():
    b = Builder()
    x = b.input((20, 30))
    i = b.argsort(x, 1)
    program = same(b, [i, b.take_along_axis(x, i, 1)])
    assert [s.word for g in program.fused.groups for s in g.steps] == ["order"]


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "int32"])
@pytest.mark.parametrize("shape, axis, k", [
    ((6, 3200), 1, 50), ((1000, 3), 0, 5), ((2, 40_000), 1, 2000), ((7, 100), 1, 30),
    ((2, 5000), 1, 900), ((40_000,), 0, 1),
])  # fmt: skip
def test_the_first_few(shape, axis, k, dtype):
    b = Builder()
    x = b.input(shape, dtype)
    outs = []
    for largest in (True, False):
        i = b.leading(x, k, axis, largest)
        outs += [i, b.take_along_axis(x, i, axis)]
    assert not words(same(b, outs, [numbers(shape, dtype, False)], tol=0))


def test_of_equal_ones_the_first_and_nan_above_all():
    x = rl.zeros(3, 5000)
    x[0, [70, 4000]], x[1, 4999] = float("nan"), 1.0
    values, places = rl.compile(lambda x: rl.topk(x, 3))(x)
    assert places.tolist() == [[70, 4000, 0], [4999, 0, 1], [0, 1, 2]]
    assert values[0, :2].isnan().all()
    values, places = rl.compile(lambda x: rl.topk(x, 3, largest=False))(x)
    assert places.tolist() == [[0, 1, 2]] * 3
    assert not values.any()
    rising = rl.arange(5000.0).expand(2, 5000)
    assert rl.compile(lambda x: x.topk(4)[1])(rising).tolist() == [[4999, 4998, 4997, 4996]] * 2


@pytest.mark.parametrize("shape", [(), (0,), (3, 0), (0, 3)])
def test_nothing_or_one_number(shape):
    x = rl.zeros(shape)
    for f in (
        lambda x: rl.sort(x, -1)[1],
        lambda x: x.cummax(0)[1],
        lambda x: x.flip(0) if x.ndim else x,
    ):
        assert rl.compile(f)(x).equal(f(x))


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "bool", "float16"])
@pytest.mark.parametrize("shape, count, axis", [
    ((7,), (9,), 0), ((5, 300), (5, 7), 1), ((50, 30), (70, 30), 0), ((5, 3000), (9, 2000), 0),
    ((3, 5, 7), (2, 9, 6), 1), ((300, 70), (300, 1), 1), ((2, 3, 40), (2, 3, 50), 2),
])  # fmt: skip
def test_elements_by_number(shape, count, axis, dtype, two_threads):
    b = Builder()
    x, i, v = b.input(shape, dtype), b.input(count, "int64"), b.input(count, dtype)
    order = tuple(range(len(shape)))[::-1]
    outs = [
        b.take_along_axis(x, i, axis),
        b.take_along_axis(b.permute_dims(x, order), b.permute_dims(i, order), order[axis]),
        b.scatter(x, i, v, axis),
    ]
    if dtype not in ("bool", "float16"):
        outs += [b.scatter(x, i, v, axis, mode) for mode in ("add", "mul", "max", "min")]
    arrays = drawn(b.inputs)
    arrays[1] = np.random.default_rng(1).integers(-shape[axis], shape[axis], count)
    assert not words(same(b, outs, arrays))


@pytest.mark.parametrize("wrong", [6, -7])
def test_numbers_out_of_range_are_eager_modes_error(wrong):
    x = rl.randn(5, 6)
    f = rl.compile(lambda i: x.gather(1, i) * 2)
    fine, bad = rl.tensor([[0, 5, 3]] * 2), rl.tensor([[0, wrong, 3]] * 2)
    assert f(fine).equal(x.gather(1, fine) * 2)
    with pytest.raises((IndexError, RuntimeError)) as eager:
        x.gather(1, bad)
    with pytest.raises((IndexError, RuntimeError)) as compiled:
        f(bad)
    assert str(compiled.value) == str(eager.value)
    assert f(fine).equal(x.gather(1, fine) * 2)


@pytest.mark.parametrize("shape", [(5,), (3, 4), (2, 3, 40)])
def test_flip_is_a_view(shape):
    b = Builder()
    x, last = b.input(shape), len(shape) - 1
    outs = [
        b.flip(x, (0,)),
        b.add(b.flip(x, tuple(range(len(shape)))), 1),
        b.sum(b.flip(x, last), axis=-1),
        b.flip(b.cumulative_sum(b.flip(x, last), last), last),
    ]
    assert not words(same(b, outs))
