"""Products of few rows against NumPy in float64: whole strips and what is left of them, targets."""

import numpy as np
import pytest

pytest.importorskip("llvmlite")

from test_matmul import check, product_of, restricted

from rushlight._engine.kernels import skinny

SIZES = [
    (rows, inner, columns)
    for rows in (1, 2, 3, 4)
    for inner, columns in [(784, 256), (41, 8), (130, 300), (7, 1030), (1, 64), (300, 2049)]
]  # fmt: skip


@pytest.mark.parametrize("sizes", SIZES, ids=str)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_strips_and_what_is_left_of_them(sizes, dtype):
    rows, inner, columns = sizes
    shapes = [(1, rows, inner), (1, inner, columns), (1, rows, columns)]
    assert skinny.suits(product_of(*(np.empty(s, dtype) for s in shapes)))
    for ways in [("order", "order"), ("turned", "order"), ("gaps", "order")]:
        for threads in (1, 2):
            check(ways, (1, *sizes), dtype, None, threads)


@pytest.mark.parametrize("target", restricted(), ids=lambda t: t.cpu)
def test_lesser_targets(target):
    for sizes in SIZES[::5]:
        check(("order", "order"), (1, *sizes), "float32", target)
        check(("turned", "order"), (1, *sizes), "float64", target)
