"""The matrix product kernel against NumPy in float64: sizes, layouts, what follows, targets.

Speed is `benchmarks/products.py`'s business.
"""

import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("llvmlite")
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

from kernels import assembly
from products import VALUE, Program, operand, product_of, text_of

from rushlight._engine.graph import Step, Value
from rushlight._engine.kernels import matmul
from rushlight._engine.kernels.matmul import Product
from rushlight._engine.kernels.rows import Nest
from rushlight._engine.targets.host import compiled, described, host

AVX512 = "+avx512f,+avx512vl,+avx512dq,+avx512bw,+avx2,+fma,+avx"


def laid(random, way, batch, rows, columns, dtype):
    """A matrix (or several) that lies in order, transposed, with gaps, or is one for all."""
    shape = (batch, rows, columns)
    if way == "turned":
        return random.normal(size=(batch, columns, rows)).astype(dtype).swapaxes(1, 2)
    if way == "gaps":
        return random.normal(size=(batch, 2 * rows, 3 * columns)).astype(dtype)[:, ::2, ::3]
    if way == "broadcast":
        return np.broadcast_to(random.normal(size=shape[1:]).astype(dtype), shape)
    return random.normal(size=shape).astype(dtype)


def close(found, wanted, a, b):
    """Within the bound of a sum's rounding, by its length."""
    size = np.abs(a).astype("f8") @ np.abs(b).astype("f8")
    bound = 2 * a.shape[-1] * np.finfo(found.dtype).eps * size + 1e-300
    assert (np.abs(found - wanted) <= bound).all()


def check(ways, sizes, dtype="float32", target=None, threads=2, seed=0):
    random = np.random.default_rng(seed)
    batch, rows, inner, columns = sizes
    a = laid(random, ways[0], batch, rows, inner, dtype)
    b = laid(random, ways[1], batch, inner, columns, dtype)
    out = np.full((batch, rows, columns), np.nan, dtype)
    program = Program([product_of(a, b, out)], [a, b, out], target, threads)
    for _ in range(2):
        program.run()
    close(out, a.astype("f8") @ b.astype("f8"), a, b)


WAYS = ["order", "turned", "gaps", "broadcast"]


@pytest.mark.parametrize("left", WAYS)
@pytest.mark.parametrize("right", WAYS)
def test_every_layout_at_random_sizes(left, right):
    random = np.random.default_rng(WAYS.index(left) * 4 + WAYS.index(right))
    for seed in range(6):
        sizes = (int(random.integers(1, 4)), *(int(n) for n in random.integers(1, 41, 3)))
        check((left, right), sizes, ("float32", "float64")[seed % 2], None, 1 + seed % 2, seed)


@pytest.mark.parametrize(
    "sizes",
    [(1, 300, 600, 70), (1, 205, 700, 33), (1, 40, 900, 90), (5, 33, 600, 40), (2, 250, 20, 130),
     (1, 400, 300, 500), (1, 2, 900, 300), (1, 300, 900, 3), (1, 1, 500, 1), (1, 300, 600, 9),
     (1, 1, 520, 1003), (1, 3, 700, 1001), (1, 1100, 600, 2), (8, 1, 64, 250), (1, 1, 9000, 70),
     (1, 64, 784, 40)],
)  # fmt: skip
@pytest.mark.parametrize(
    "ways", [("order", "order"), ("turned", "turned"), ("gaps", "gaps"), ("order", "turned")]
)
def test_long_sums_and_many_blocks(sizes, ways):
    check(ways, sizes)


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("sizes", [(1, 70, 1024, 140), (2, 131, 1024, 257), (1, 260, 2048, 130)])
@pytest.mark.parametrize("right", ["order", "turned"])
def test_rows_whole_pages_apart(sizes, right, threads):
    check(("order", right), sizes, threads=threads)


def test_crowded_rows_are_packed_also_where_they_are_few():
    """What lies pages apart shares 8 lines of a first cache: a tile's 13 rows do not fit."""
    target = described("skylake-avx512", AVX512, host().triple, host().version)

    def packed(rows, inner, columns=1024):
        a, b, out = (
            np.empty(s, "f4") for s in [(1, rows, inner), (1, inner, columns), (1, rows, columns)]
        )
        plan = matmul._plan(product_of(a, b, out), target)
        return plan.packed and plan.grid[0] * plan.grid[1] >= 4  # blocks, for several threads

    assert packed(64, 1024) and packed(256, 1024) and packed(400, 2048, 512)
    assert not packed(256, 1000) and not packed(26, 1024) and not packed(256, 1024, 64)


def restricted():
    """Targets below this machine that it can run."""
    triple, version = host().triple, host().version
    if not triple.startswith("x86_64"):
        return []
    made = [described("x86-64", "", triple, version)]
    if "+avx2" in host().features.split(",") and "+fma" in host().features.split(","):
        made.append(described("haswell", "+avx2,+fma,+avx", triple, version))
    return made


@pytest.mark.parametrize("target", restricted(), ids=lambda t: t.cpu)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_lesser_targets(target, dtype):
    for ways in [("order", "order"), ("turned", "turned"), ("gaps", "order")]:
        for sizes in [(1, 13, 37, 29), (1, 250, 300, 70), (1, 3, 50, 21), (3, 9, 20, 5)]:
            check(ways, sizes, dtype, target)


def followed(rows, inner, columns, dtype="float32"):
    """max(a b + bias, 0) and the product times two, both stored."""
    random = np.random.default_rng(1)
    a, b = (random.normal(size=s).astype(dtype) for s in [(1, rows, inner), (1, inner, columns)])
    bias = random.normal(size=(1, 1, columns)).astype(dtype)
    first, second = (np.full((1, rows, columns), np.nan, dtype) for _ in range(2))
    values = [Value(k, (rows, columns), np.dtype(dtype)) for k in range(6)]
    steps = [
        Step((values[3],), "add", (values[VALUE], values[2])),
        Step((values[4],), "maximum", (values[3], 0.0)),
        Step((values[5],), "multiply", (values[VALUE], 2.0)),
    ]
    loads = {2: operand(2, np.broadcast_to(bias, (1, rows, columns)))}
    nest = Nest((1, rows), columns, steps, loads, [(4, operand(3, first)), (5, operand(4, second))])
    product = Product(operand(0, a), operand(1, b), inner, VALUE, nest)
    return Program([product], [a, b, bias, first, second])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "sizes",
    [(1, 1, 1), (2, 784, 256), (64, 64, 64), (77, 131, 93), (300, 600, 200), (9, 900, 70),
     (300, 40, 3), (64, 256, 10)],
)  # fmt: skip
def test_what_follows_happens_once_for_each_element(sizes, dtype):
    program = followed(*sizes, dtype=dtype)
    program.run()
    a, b, bias, first, second = program.kept
    wanted = a.astype("f8") @ b.astype("f8")
    close(second, 2 * wanted, 2 * a, b)
    slack = 1e-3 if dtype == "float32" else 1e-11
    np.testing.assert_allclose(first, np.maximum(wanted + bias, 0), rtol=slack, atol=slack)


@pytest.mark.parametrize("way", ["order", "turned"])
@pytest.mark.parametrize("behind", [0, 1, 4])  # how far behind a line's beginning
@pytest.mark.parametrize(
    "sizes", [(2, 40, 30), (70, 40, 37), (250, 600, 100), (9, 2, 32), (9, 2, 45), (9, 3, 784)]
)
def test_an_update_in_place_happens_once(sizes, behind, way):
    rows, inner, columns = sizes
    random = np.random.default_rng(2)
    a = laid(random, way, 1, rows, inner, "f4")
    b = laid(random, "order", 1, inner, columns, "f4")
    room = np.empty(rows * columns + 32, "f4")
    start = -room.ctypes.data % 64 // 4 + behind
    weight = room[start : start + rows * columns].reshape(1, rows, columns)
    weight[...] = random.normal(size=weight.shape)
    wanted = weight - 0.5 * (a.astype("f8") @ b)
    values = [Value(k, (rows, columns), np.dtype("f4")) for k in range(5)]
    steps = [
        Step((values[3],), "multiply", (values[VALUE], 0.5)),
        Step((values[4],), "subtract", (values[2], values[3])),
    ]
    nest = Nest((1, rows), columns, steps, {2: operand(2, weight)}, [(4, operand(2, weight))])
    Program([Product(operand(0, a), operand(1, b), inner, VALUE, nest)], [a, b, weight]).run()
    np.testing.assert_allclose(weight, wanted, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("sizes", [(2, 100, 40), (20, 40, 33), (250, 300, 70)])
def test_nan_and_infinity_stay_in_their_rows_and_columns(sizes):
    rows, inner, columns = sizes
    a, b = np.ones((1, rows, inner), "f4"), np.ones((1, inner, columns), "f4")
    a[0, -1, 3], b[0, 5, -1] = np.nan, np.inf
    out = np.empty((1, rows, columns), "f4")
    Program([product_of(a, b, out)], [a, b, out]).run()
    np.testing.assert_array_equal(out, a @ b)


def test_equal_products_share_their_functions():
    a, b, out = (np.ones((1, 100, 100), "f4") for _ in range(3))
    one, two = (text_of([product_of(a, b, out)] * n, host(), 3).count("\n") for n in (1, 2))
    assert two - one < one / 2


@pytest.mark.parametrize(
    "cpu, features, triple",
    [("skylake-avx512", AVX512, "x86_64-unknown-linux-gnu"),
     ("generic", "+neon", "aarch64-unknown-linux-gnu")],
)  # fmt: skip
def test_other_machines_code_is_made_without_spills_in_the_loop(cpu, features, triple):
    from rushlight._engine.targets.host import llvm

    target = described(cpu, features, triple, host().version)
    try:
        llvm().initialize_all_targets()
        llvm().initialize_all_asmprinters()
        a, b, out = (np.ones((1, 300, 300), "f4") for _ in range(3))
        text = text_of([product_of(a, b, out)], target, 3)
        assert len(compiled(text, target)) > 1000
    except RuntimeError as error:
        pytest.skip(f"LLVM was built without it: {error}")
    hot = [
        x
        for x in loops(assembly(text, target))
        if sum("fmadd" in y or "fmla" in y for y in x) >= 20
    ]
    assert hot
    assert not any("%rsp" in line or "[sp" in line for loop in hot for line in loop)


def loops(text):
    """The lines of each block that jumps to its own beginning."""
    block, label = [], ""
    for line in text.splitlines():
        if line.startswith(".L") and ":" in line:
            block, label = [], line.split(":")[0]
            continue
        block.append(line)
        if label and label in line:
            yield block
