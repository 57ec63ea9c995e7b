"""Native programs against NumPy: loops, reductions, products, memory, random chains."""

import os
import sys

import numpy as np
import pytest

pytest.importorskip("llvmlite")
sys.path.insert(0, os.path.dirname(__file__))

from graphs import Builder, drawn, same

from rushlight._core.memory import owner
from rushlight._engine import cache, native
from rushlight._engine.graph import Graph
from rushlight._engine.schedule import arranged


@pytest.mark.parametrize("shape", [(), (1,), (7,), (3, 5), (33, 129), (2, 3, 67)])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_pointwise_chain_and_full_sum(shape, dtype):
    b = Builder()
    x, y = b.input(shape, dtype), b.input(shape, dtype)
    z = b.maximum(b.add(b.multiply(x, y), 2.5), 0.0)
    program = same(b, [z, b.sum(z)])
    assert len(program.parts) == 1 or not shape


@pytest.mark.parametrize(
    "shapes", [((3, 5), (5,)), ((4, 1), (1, 6)), ((2, 3, 4), (3, 1)), ((), (9,))]
)
def test_broadcasting(shapes):
    b = Builder()
    x, y = (b.input(s) for s in shapes)
    z = b.subtract(b.multiply(x, y), x)
    same(b, [z, b.where(b.less(z, y), z, 0.5)])


def test_integers_bools_and_casts():
    b = Builder()
    x, y, f = b.input((6, 7), "int64"), b.input((7,), "int32"), b.input((6, 7))
    both = b.logical_and(b.greater(x, 0), b.less_equal(f, 1.0))
    wide = b.add(x, y)
    same(b, [both, wide, b.astype(wide, np.dtype("float32")), b.astype(both, np.dtype("int64"))])


def test_views_are_read_where_they_lie():
    b = Builder()
    x, y = b.input((5, 7)), b.input((7, 5))
    o = b.add(x, b.permute_dims(y, (1, 0)))
    part = b.multiply(b.index(o, (slice(1, 3), slice(None, None, 2))), 3.0)
    same(b, [o, part, b.reshape(o, (35,))])


@pytest.mark.parametrize("shape", [(3, 5), (33, 129), (4, 1), (1, 9), (2, 3, 67), (3, 5000)])
def test_softmax_and_layer_norm_are_one_kernel(shape):
    b = Builder()
    x = b.input(shape)
    e = b.exp(b.subtract(x, b.max(x, axis=-1, keepdims=True)))
    program = same(b, [b.divide(e, b.sum(e, axis=-1, keepdims=True))])
    assert len(program.fused.groups) == 1
    b = Builder()
    x, w = b.input(shape), b.input(shape[-1:])
    centred = b.subtract(x, b.divide(b.sum(x, axis=-1, keepdims=True), float(shape[-1])))
    square = b.sum(b.multiply(centred, centred), axis=-1, keepdims=True)
    scale = b.divide(1.0, b.sqrt(b.add(b.divide(square, float(shape[-1])), 1e-5)))
    program = same(b, [b.multiply(b.multiply(centred, scale), w), scale], tol=1e-4)
    assert len(program.fused.groups) == 1


def test_nan_goes_through_extremes_and_reductions():
    b = Builder()
    x = b.input((2, 9))
    array = drawn(b.inputs)
    array[0][0, 4] = np.nan
    same(b, [b.maximum(x, 0.0), b.minimum(x, 0.0), b.max(x, axis=1), b.sum(x, axis=1)], array)


@pytest.mark.parametrize(
    "sizes", [(1, 1, 1), (2, 784, 256), (3, 5, 7), (13, 33, 17), (77, 131, 93)]
)
@pytest.mark.parametrize("turned", [(0, 0), (1, 0), (0, 1), (1, 1)])
def test_product_with_what_follows(sizes, turned):
    rows, inner, columns = sizes
    b = Builder()
    x = b.input((inner, rows) if turned[0] else (rows, inner))
    w = b.input((columns, inner) if turned[1] else (inner, columns))
    bias = b.input((columns,))
    left = b.permute_dims(x, (1, 0)) if turned[0] else x
    right = b.permute_dims(w, (1, 0)) if turned[1] else w
    p = b.matmul(left, right)
    program = same(b, [b.maximum(b.add(p, bias), 0.0), p], tol=1e-3)
    assert len(program.fused.groups) == 1


@pytest.mark.parametrize("batches", [((3,), (3,)), ((4, 1), (1, 3)), ((), (9,))])
def test_batched_products(batches):
    b = Builder()
    x, w = b.input((*batches[0], 7, 9)), b.input((*batches[1], 9, 20))
    same(b, [b.multiply(b.matmul(x, w), 2.0)], tol=1e-4)


def test_gather_scatter_and_sum_of_columns():
    b = Builder()
    x, i, v = b.input((6, 10)), b.input((6, 1), "int64"), b.input((6, 1))
    arrays = drawn(b.inputs)
    arrays[1] = np.array([[0], [9], [3], [-1], [5], [2]])
    picked = b.take_along_axis(x, i, 1)
    put = b.scatter(x, i, v, 1)
    program = same(b, [picked, put, b.sum(put, axis=0)], arrays)
    assert len(program.parts) == 1


def test_update_is_written_over_its_inputs():
    b = Builder()
    w, m, g = b.input((30, 40)), b.input((30, 40)), b.input((30, 40))
    fresh = b.add(b.multiply(m, 0.9), g)
    moved = b.subtract(w, b.multiply(fresh, 0.01))
    program = same(b, [moved, fresh], over={0: w, 1: m})
    assert program.taken == {0, 1}
    arrays = drawn(b.inputs)
    before = arrays[0].copy()
    made = program.run(*arrays)
    assert made[0] is arrays[0] and not np.array_equal(before, arrays[0])


def test_words_without_a_kernel_run_between():
    b = Builder()
    x = b.input((4, 4))
    inverse, _ = b.inv(b.multiply(x, 2.0))
    program = same(b, [b.tanh(inverse)], tol=1e-3)
    assert [type(p).__name__ for p in program.parts] == ["Unit", "Call", "Unit"]


def _chain(random: np.random.Generator) -> tuple:
    """A program of random words over values of random shapes."""
    b = Builder()
    rows, cols = (int(n) for n in random.integers(1, 40, 2))
    pool = [b.input((rows, cols)), b.input((cols,)), b.input((rows, 1)), b.input((rows, cols))]
    for _ in range(int(random.integers(5, 25))):
        x, y = (pool[int(k)] for k in random.integers(0, len(pool), 2))
        form = int(random.integers(0, 9))
        try:
            if form < 4:
                made = getattr(b, ("add", "multiply", "maximum", "subtract")[form])(x, y)
            elif form == 4:
                made = b.sum(x, axis=-1, keepdims=True)
            elif form == 5:
                made = b.max(x, axis=-1, keepdims=True)
            elif form == 6:
                made = b.tanh(x)
            elif form == 7 and x.ndim == 2:
                made = b.permute_dims(x, (1, 0))
            else:
                made = b.where(b.greater(x, 0.0), x, b.multiply(x, 0.1))
        except (ValueError, AssertionError):
            continue
        pool.append(b.tanh(made) if made.size < 2000 else made)
    return b, pool[-3:]


@pytest.mark.parametrize("seed", range(25))
def test_random_graphs(seed):
    b, outputs = _chain(np.random.default_rng(seed))
    if b.steps:
        same(b, outputs, tol=2e-4)


def test_a_damaged_cache_is_made_again():
    key = cache.key_of("a test")
    assert cache.write(key, b"body") and cache.read(key) == b"body"
    path = cache._folder() / key
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    assert cache.read(key) is None
    assert oct(cache._folder().stat().st_mode)[-3:] == "700"


def test_an_unwritable_cache_is_no_trouble(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("RUSHLIGHT_CACHE", str(tmp_path / "file"))
    assert cache.write("k", b"") is False and cache.read("k") is None


def test_several_python_threads(together):
    b = Builder()
    x = b.input((400, 500))
    program = same(b, [b.sum(b.exp(x)), b.exp(x)])
    arrays = drawn(b.inputs)
    wanted = program.run(*arrays)[0]
    found = []
    together(4, lambda _: found.append(program.run(*arrays)[0]))
    np.testing.assert_allclose(found, [wanted] * 4, rtol=1e-6)


def test_buffers_share_memory_where_lives_do_not_meet():
    offsets, size = arranged([(1, 100, 0, 1), (2, 100, 2, 3), (3, 100, 1, 2)])
    assert offsets[1] == offsets[2] != offsets[3] and size == 256


def test_large_outputs_begin_on_a_line_and_views_of_them_hold_them():
    b = Builder()
    x = b.input((1100, 1024))
    program = same(b, [b.add(b.multiply(x, 2.0), 1.0)])
    given = np.ones((1100, 1024), np.float32)
    ways = [
        lambda a: a[3:],
        lambda a: a.T,
        lambda a: a.reshape(-1)[5:],
        lambda a: a[0, :7].view("i4"),
    ]
    for way in ways:
        (made,) = program.run(given)
        assert made.ctypes.data % 64 == 0
        view = way(made)
        del made
        before = view.copy()
        for k in (5, 7, 9):
            program.run(given * k)
        np.testing.assert_array_equal(view, before)
    places = {program.run(given)[0].ctypes.data for _ in range(8)}
    assert len(places) <= 2  # what nobody holds is used again
    graph = Graph(b.inputs, b.steps, [b.steps[-1].result])
    # A line of eager work: nobody else has the memory, so that it can become a gradient.
    (made,) = native.build(graph, keeps=False).run(given)
    assert made.ctypes.data % 64 == 0
    assert owner(made) is made


@pytest.mark.parametrize("length", [768, 1000, 1037])
def test_rows_stored_past_the_caches(length):
    b = Builder()
    rows = (1 << 22) // length + 3
    x = b.input((rows, length))
    y = b.subtract(x, b.max(x, axis=-1, keepdims=True))
    same(b, [b.divide(y, b.sum(b.multiply(y, y), axis=-1, keepdims=True))])
