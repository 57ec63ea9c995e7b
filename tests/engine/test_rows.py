"""Row kernels against NumPy in float64: orders of loops, reductions, strides, threads, targets."""

import os
import sys
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("llvmlite")
sys.path.insert(0, os.path.dirname(__file__))

from graphs import Builder, drawn, same

from rushlight._engine import families, threads
from rushlight._engine.builder import F32, Module
from rushlight._engine.graph import Step, Value
from rushlight._engine.kernels import columns
from rushlight._engine.kernels.rows import Nest, Operand
from rushlight._engine.targets import host


@pytest.fixture(params=[1, 2])
def on_threads(request, monkeypatch):
    """A number of threads, however small the work."""
    monkeypatch.setattr(threads.pool(), "threads", request.param)
    return request.param


SHAPES = [(2, 3), (64, 10), (7, 1), (1, 9), (33, 129), (5, 4, 6), (300, 257), (2, 70_000),
          (5000, 8), (700, 3), (3, 64, 40)]  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("axis", [0, 1, -1, (0, 1), None])
@pytest.mark.parametrize("keepdims", [False, True])
def test_sums_over_any_axes(shape, axis, keepdims, on_threads):
    b = Builder()
    x, y = b.input(shape), b.input(shape[-1:])
    part = b.multiply(b.add(x, y), 0.5)
    outputs = [b.sum(x, axis=axis, keepdims=keepdims), b.sum(part, axis=axis, keepdims=keepdims),
               b.max(part, axis=axis, keepdims=keepdims)]  # fmt: skip
    same(b, outputs, tol=2e-5)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("axis", [0, -1])
def test_softmax_and_norm_along_any_axis(shape, axis, on_threads):
    b = Builder()
    x, w = b.input(shape), b.input(shape[-1:])
    e = b.exp(b.subtract(x, b.max(x, axis=axis, keepdims=True)))
    soft = b.divide(e, b.sum(e, axis=axis, keepdims=True))
    n = float(shape[axis])
    centred = b.subtract(x, b.divide(b.sum(x, axis=axis, keepdims=True), n))
    square = b.divide(b.sum(b.multiply(centred, centred), axis=axis, keepdims=True), n)
    scale = b.divide(1.0, b.sqrt(b.add(square, 1e-5)))
    same(b, [soft, b.multiply(b.multiply(centred, scale), w)], tol=1e-4)


def _totals(b, x, axis):
    """All reductions that need no floating numbers of their own."""
    return [getattr(b, w)(x, axis=axis) for w in ("max", "min", "any", "all", "argmax", "argmin")]


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "int32", "int8", "uint8", "bool"])
@pytest.mark.parametrize("shape", [(3, 5), (40, 33), (2, 5000), (3000, 2), (1, 1)])
@pytest.mark.parametrize("axis", [0, 1])
def test_reductions_of_any_kind(dtype, shape, axis, on_threads):
    b = Builder()
    x = b.input(shape, dtype)
    arrays = drawn(b.inputs)
    if dtype == "float32":
        arrays[0].flat[:: 7 * shape[0]] = np.nan
    outputs = _totals(b, x, axis)
    outputs += [b.sum(x, axis=axis), b.prod(b.where(b.greater(x, 0), 1, 1), axis=axis)]
    same(b, outputs, arrays, tol=2e-5)


def test_a_large_row_swept_twice():
    b = Builder()
    x = b.input((1_100_000,))
    centred = b.subtract(x, b.divide(b.sum(x), 1.1e6))
    same(b, [b.sum(b.multiply(centred, centred))], tol=1e-5)


def test_argmax_takes_the_first_and_nan_wins():
    b = Builder()
    x = b.input((6, 40))
    array = np.zeros((6, 40), np.float32)
    array[0, [5, 30]] = 3
    array[1] = -np.inf
    array[2, [17, 33]] = np.nan
    array[3] = np.inf
    array[4, 39] = 1
    same(b, [b.argmax(x, axis=1), b.argmin(x, axis=1), b.argmax(x), b.max(x, axis=1)], [array])


@pytest.mark.parametrize("n", [1, 5, 31, 100, 4097, 200_001])
def test_long_rows_give_the_same_total_on_any_number_of_threads(n):
    b = Builder()
    x = b.input((n,))
    e = b.exp(b.subtract(x, b.max(x)))
    program = same(b, [b.sum(x), b.divide(e, b.sum(e)), b.argmin(x)], tol=2e-5)
    arrays = drawn(b.inputs, 3)
    found = []
    for number in (1, 2):
        threads.pool().limit(number)
        found.append([a.copy() for a in program.run(*arrays)])
    threads.pool().limit(2)
    for one, two in zip(*found):
        np.testing.assert_array_equal(one, two)


def test_sums_are_as_exact_as_float64_rounded():
    b = Builder()
    x, y = b.input((1_000_000,)), b.input((100_000, 8))
    arrays = [np.random.default_rng(1).random(v.shape, np.float32) for v in b.inputs]
    program = same(b, [b.sum(x), b.sum(y, axis=0)], arrays)
    whole, columns_ = program.run(*arrays)
    np.testing.assert_allclose(whole, arrays[0].sum(dtype="d"), rtol=1.2e-7)
    np.testing.assert_allclose(columns_, arrays[1].sum(0, dtype="d"), rtol=1.2e-7)


def _view(b, x, random):
    """A view that reads x backwards, in steps, turned or broadcast."""
    form = int(random.integers(0, 5))
    if form == 0:
        return b.index(x, (slice(None, None, -1), slice(None)))
    if form == 1:
        return b.index(x, (slice(None), slice(None, None, 2)))
    if form == 2:
        return b.permute_dims(x, (1, 0))
    if form == 3:
        return b.broadcast_to(b.index(x, (slice(0, 1), slice(None))), (17, x.shape[1]))
    return x


@pytest.mark.parametrize("seed", range(30))
def test_views_of_random_strides(seed, on_threads):
    random = np.random.default_rng(seed)
    b = Builder()
    dtype = ("float32", "float64")[seed % 2]
    x = b.input(tuple(int(n) for n in random.integers(1, 50, 2)), dtype)
    v = _view(b, x, random)
    z = b.input(v.shape, dtype)
    w = b.add(b.multiply(v, 2.0), z)
    axis = int(random.integers(0, 2))
    inner = b.sum(v, axis=axis, keepdims=True)
    same(b, [w, b.sum(w, axis=axis), b.subtract(v, inner), b.max(v, axis=1 - axis)], tol=1e-4)


@pytest.mark.parametrize(
    "shape", [(1, 1), (8, 8), (16, 16), (37, 53), (300, 7), (7, 300), (513, 257)]
)
@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "bool"])
def test_transposed_copies_and_sums(shape, dtype, on_threads):
    b = Builder()
    x, z = b.input(shape, dtype), b.input(shape[::-1], dtype)
    t = b.permute_dims(x, (1, 0))
    word = b.logical_and if dtype == "bool" else b.add
    same(b, [word(t, z), word(t, t)])


@pytest.mark.parametrize("shape", [(2064, 2112), (2101, 2063)])  # even rows are streamed
@pytest.mark.parametrize("dtype", ["float32", "bool"])
def test_transposed_copies_of_memory(shape, dtype, on_threads):
    b = Builder()
    size = 4 if dtype == "bool" else 1  # as many bytes
    x = b.input((size * shape[0], shape[1]), dtype)
    word = b.logical_not if dtype == "bool" else b.negative
    same(b, [word(b.permute_dims(x, (1, 0)))])


def test_transposed_batches():
    b = Builder()
    x, z = b.input((3, 20, 4, 9)), b.input((3, 4, 20, 9))
    same(b, [b.add(b.permute_dims(x, (0, 2, 1, 3)), z), b.exp(b.permute_dims(x, (3, 1, 0, 2)))])


def test_large_outputs_pass_by_the_caches_from_any_address():
    b = Builder()
    x, y = b.input((5_000_000,)), b.input((1100, 4100))
    e = b.exp(b.subtract(y, b.max(y, axis=-1, keepdims=True)))
    same(b, [b.maximum(x, 0.0), b.divide(e, b.sum(e, axis=-1, keepdims=True))])


def test_statistics_over_split_axes_are_native():
    b = Builder()
    x = b.input((4, 6, 5, 7))
    mean = b.divide(b.sum(x, axis=(0, 2, 3), keepdims=True), 140.0)
    off = b.subtract(x, mean)
    program = same(b, [b.sum(b.multiply(off, off), axis=(0, 2, 3)), mean], tol=1e-4)
    assert all(g.native for g in program.fused.groups)


TARGETS = {
    "avx2": ("haswell", "+avx2,+fma", "x86_64-unknown-linux-gnu"),
    "plain": ("x86-64", "", "x86_64-unknown-linux-gnu"),
    "avx512": ("skylake-avx512", "+avx512f,+avx512vl", "x86_64-unknown-linux-gnu"),
    "neon": ("generic", "+neon", "aarch64-unknown-linux-gnu"),
}


def _nests():
    """One nest for each way of walking."""

    def nest(lead, length, strides, reduced=True):
        n = Nest(lead, length)
        x, s, o = Value(-1, (), "float32"), Value(1, (), "float32"), Value(2, (), "float32")
        n.loads[-1] = Operand(0, 0, strides[:-1], strides[-1], F32)
        if reduced:
            n.steps += [Step((s,), "sum", (x,)), Step((o,), "multiply", (s, 2.0))]
            n.thin = {1, 2}
            n.stores.append((2, Operand(1, 0, (1,) * len(lead), 0, F32)))
        else:
            n.steps.append(Step((o,), "exp", (x,)))
            n.stores.append((2, Operand(1, 0, (length,), 1, F32)))
        return n

    yield nest((), 100_000, (1,))
    yield nest((64,), 10, (10, 1))
    yield nest((300,), 5000, (5000, 1))
    yield nest((300,), 20, (1, 300))
    yield nest((300,), 5001, (1, 300))
    yield nest((1000,), 999, (1, 1000), reduced=False)
    yield replace(nest((1000,), 999, (999, 1)), totals=1)
    yield replace(nest((2,), 99_900, (99_900, 1)), totals=1)


@pytest.mark.parametrize("name", TARGETS)
def test_every_walk_is_emitted_for_every_target(name):
    from rushlight._engine.targets.host import compiled, described, llvm

    cpu, features, triple = TARGETS[name]
    if name == "neon":
        llvm().initialize_all_targets()
        llvm().initialize_all_asmprinters()
    target = described(cpu, features, triple, llvm().llvm_version_info[0])
    for nest in _nests():
        module = Module(target)
        made = families.kernel(module, nest)
        f = module.function("program", "buffers:ptr me:i64 threads:i64 control:ptr", shared=True)
        f.call(made, *f.args, f.args[0])
        f.done()
        assert compiled(str(module), target)


@pytest.mark.parametrize("name", ["avx2", "plain"])
def test_narrower_targets_give_the_same(name, monkeypatch):
    cpu, features, triple = TARGETS[name]
    real = host.host()
    if not real.triple.startswith("x86"):
        pytest.skip("another processor")
    target = host.described(cpu, features, real.triple, real.version)
    monkeypatch.setattr("rushlight._engine.unit.host", lambda: target)
    if name != "plain":  # it has no instruction to round or to multiply and add
        test_softmax_and_norm_along_any_axis((33, 129), -1, 1)
        test_softmax_and_norm_along_any_axis((33, 129), 0, 1)
    test_sums_over_any_axes((300, 257), 0, False, 1)
    test_sums_over_any_axes((300, 257), 1, False, 1)
    test_transposed_copies_and_sums((37, 53), "float32", 1)
    test_a_full_reduction_of_what_is_broadcast_is_one_kernel((300, 257), "both", "float32", 1)


def test_columns_are_chosen_where_rows_lie_across():
    walks = [columns.suits(columns.turned(n), host.host()) for n in _nests()]
    assert walks == [False, False, False, True, True, False, False, False]


# -- sums down the columns beside work on the rows

BESIDE = [(2, 3), (64, 10), (7, 2), (1, 9), (33, 129), (5, 4, 6), (300, 257), (2048, 40), (3, 9000),
          (900, 8), (200, 200)]  # fmt: skip


def norm_backward(b, x, g, w):
    """A layer norm and its gradients for x, w and the bias."""
    n, lead = float(x.shape[-1]), tuple(range(len(x.shape) - 1))
    centred = b.subtract(x, b.divide(b.sum(x, axis=-1, keepdims=True), n))
    square = b.divide(b.sum(b.multiply(centred, centred), axis=-1, keepdims=True), n)
    rstd = b.divide(1.0, b.sqrt(b.add(square, 1e-5)))
    normal, gw = b.multiply(centred, rstd), b.multiply(g, w)
    along = b.divide(b.sum(b.multiply(gw, normal), axis=-1, keepdims=True), n)
    less = b.subtract(gw, b.divide(b.sum(gw, axis=-1, keepdims=True), n))
    dx = b.multiply(b.subtract(less, b.multiply(normal, along)), rstd)
    return [dx, b.sum(b.multiply(g, normal), axis=lead), b.sum(g, axis=lead)]


@pytest.mark.parametrize("shape", BESIDE)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_sums_down_columns_beside_rows(shape, dtype, on_threads):
    b = Builder()
    x, g, w = b.input(shape, dtype), b.input(shape, dtype), b.input(shape[-1:], dtype)
    program = same(b, norm_backward(b, x, g, w), tol=2e-4 if dtype == "float32" else 1e-9)
    assert len(program.fused.groups) == 1 or shape[0] == 1


@pytest.mark.parametrize("shape", BESIDE)
def test_sums_beside_pointwise_work_and_alone(shape, on_threads):
    b = Builder()
    x, y, m = b.input(shape), b.input(shape), b.input((*shape[:-1], 1))
    lead = tuple(range(len(shape) - 1))
    part = b.exp(b.minimum(b.multiply(x, m), 1.0))
    outputs = [part, b.sum(part, axis=lead, keepdims=True), b.sum(y, axis=lead)]
    outputs += [b.sum(b.multiply(part, 0.5), axis=lead), b.max(y, axis=-1)]
    same(b, outputs, tol=1e-3)
    b = Builder()
    x, y, m = b.input(shape), b.input(shape), b.input((*shape[:-1], 1))
    same(b, [b.sum(b.multiply(b.subtract(x, m), y), axis=lead), b.sum(y, axis=lead)], tol=1e-3)


def test_sums_of_what_lies_otherwise(on_threads):
    for order in ((1, 0, 2), (2, 1, 0), (0, 2, 1)):
        b = Builder()
        x = b.permute_dims(b.input((40, 30, 20)), order)
        e = b.exp(b.minimum(x, 0.5))
        top = b.max(e, axis=-1, keepdims=True)
        same(b, [b.subtract(e, top), b.sum(e, axis=(0, 1)), b.sum(x, axis=0)], tol=2e-5)


def test_a_sum_that_its_own_rows_wait_for():
    b = Builder()
    x = b.input((300, 200))
    e = b.exp(x)
    share = b.divide(e, b.sum(e, axis=0))
    same(b, [share, b.sum(share, axis=0), b.sum(share, axis=1)], tol=2e-4)


def test_square_sums_are_told_from_those_of_rows(on_threads):
    b = Builder()
    x = b.input((64, 64))
    down, across = b.sum(x, axis=0), b.sum(x, axis=1)
    both = b.add(down, across)
    same(b, [both, b.multiply(x, 2.0), b.multiply(down, across), b.add(across, 1.0)], tol=2e-5)


def test_sums_beside_rows_are_exact():
    b = Builder()
    x = b.input((100_000, 16))
    array = np.random.default_rng(2).random((100_000, 16), np.float32)
    program = same(b, [b.sum(x, axis=0), b.max(x, axis=1)], [array])
    np.testing.assert_allclose(program.run(array)[0], array.sum(0, dtype="d"), rtol=1.2e-7)


def test_streamed_rows_with_sums():
    b = Builder()
    x, g = b.input((5000, 1003)), b.input((5000, 1003))
    top = b.max(x, axis=1, keepdims=True)
    same(b, [b.multiply(b.subtract(x, top), g), b.sum(b.multiply(x, g), axis=0)], tol=1e-3)


# -- reductions over several axes, of what is broadcast: no row of evenly spaced elements

WALKED = [(2, 3), (64, 10), (300, 257), (5, 4, 6), (1000, 16), (3, 9000), (700, 1), (1, 40),
          (2, 200_000), (20_000, 7), (70, 2, 300), (1, 3, 1, 5000), (900, 80)]  # fmt: skip


def _between(program):
    """Bytes of what is stored by one kernel for another."""
    return sum(part.size for part in program.parts)


@pytest.mark.parametrize("shape", WALKED)
@pytest.mark.parametrize("along", ["row", "column", "both"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_full_reduction_of_what_is_broadcast_is_one_kernel(shape, along, dtype, on_threads):
    given = {"row": [shape[-1:]], "column": [(*shape[:-1], 1)]}
    given["both"] = given["row"] + given["column"]
    b = Builder()
    part = b.input(shape, dtype)
    for small in given[along]:
        part = b.multiply(part, b.input(small, dtype))
    part = b.maximum(part, 0.0)
    near = b.exp(b.multiply(part, 1e-9))
    total = b.sum(part)
    outputs = [total, b.divide(total, float(part.size)), b.max(part), b.min(part), b.prod(near)]
    outputs += [b.any(b.greater(part, 50.0)), b.all(b.less(part, 50.0))]
    program = same(b, outputs, tol=5e-4 if dtype == "float32" else 1e-10)
    assert len(program.fused.groups) == 1
    assert _between(program) == 0


@pytest.mark.parametrize("shape", [(300, 257), (40, 3, 50), (90, 300, 5), (7, 3, 9000)])
@pytest.mark.parametrize("order", [(1, 0), (1, 0, 2), (2, 1, 0), (0, 2, 1)])
def test_broadcasts_with_what_lies_otherwise_are_reduced_at_once(shape, order, on_threads):
    if len(order) != len(shape):
        pytest.skip("another number of axes")
    for step in (1, 2, -1):
        b = Builder()
        x = b.index(b.permute_dims(b.input(shape), order), (slice(None, None, step),))
        w, c = b.input(x.shape[-1:]), b.input((x.shape[0], *(1 for _ in shape[1:])))
        outputs = [b.sum(b.multiply(x, w)), b.max(b.multiply(x, w)), b.min(b.subtract(x, c))]
        program = same(b, outputs, tol=2e-5)
        assert _between(program) == 0


@pytest.mark.parametrize("shape", [(6, 30, 40), (2, 3, 7000), (500, 3, 5), (4, 2, 100, 60)])
def test_a_reduction_over_the_last_axes_of_what_is_broadcast(shape, on_threads):
    b = Builder()
    x, row, thin = b.input(shape), b.input(shape[-1:]), b.input(shape[:1])
    part = b.multiply(x, row)
    axes = tuple(range(1, len(shape)))
    total = b.sum(part, axis=axes)
    outputs = [b.add(b.multiply(total, thin), 1.0), b.max(part, axis=axes, keepdims=True)]
    program = same(b, outputs, tol=2e-5)
    assert len(program.fused.groups) == 1


@pytest.mark.parametrize("shape", [(300, 257), (5000, 1003), (2, 3_000_000)])
def test_what_is_reduced_is_stored_beside_where_it_is_asked_for(shape, on_threads):
    b = Builder()
    x, row, y = b.input(shape), b.input(shape[-1:]), b.input(shape)
    part = b.multiply(x, row)
    program = same(b, [part, b.sum(part), b.add(part, y)], tol=1e-3)
    assert len(program.fused.groups) == 1
    b = Builder()
    part = b.multiply(b.permute_dims(b.input(shape), (1, 0)), b.input(shape[:1]))
    centred = b.subtract(part, b.divide(b.sum(part), float(part.size)))
    same(b, [part, b.sum(b.multiply(centred, centred)), b.argmax(b.multiply(part, 2.0))], tol=1e-3)


def test_walked_sums_are_as_exact_as_float64_rounded(on_threads):
    for shape in ((1000, 1003), (3, 400_000), (100_000, 11)):
        b = Builder()
        total = b.sum(b.multiply(b.input(shape), b.input(shape[-1:])))
        x, row = (np.random.default_rng(1).random(v.shape, np.float32) for v in b.inputs)
        program = same(b, [total], [x, row], tol=1e-6)
        np.testing.assert_allclose(program.run(x, row)[0], (x * row).sum(dtype="d"), rtol=1.2e-7)


def test_gradients_of_a_full_sum_of_what_is_broadcast(on_threads):
    import rushlight

    x, row, col = rushlight.randn(60, 70), rushlight.randn(70), rushlight.randn(60, 1)
    for word in ("sum", "mean", "max", "prod"):
        for v in (x, x.T.contiguous().T):
            given = [a.clone().requires_grad_() for a in (v, row, col)]

            def step(x, row, col, word=word):
                loss = getattr((x * row).relu() * 0.01 + col.square() + 0.9, word)()
                return loss, *rushlight.autograd.grad(loss, [x, row, col])

            for want, got in zip(step(*given), rushlight.compile(step)(*given)):
                tol = 1e-3 if word == "prod" else 1e-5
                np.testing.assert_allclose(got.detach(), want.detach(), tol, 1e-6)
