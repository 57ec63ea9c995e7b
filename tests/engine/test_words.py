"""Every word that kernels emit against the vocabulary on NumPy, over the edges of every kind."""

import itertools
import os
import sys
from typing import Any

import numpy as np
import pytest

pytest.importorskip("llvmlite")
sys.path.insert(0, os.path.dirname(__file__))

from kernels import ran, target

from rushlight._arrays.numpy import NUMPY
from rushlight._core import dtypes
from rushlight._engine.graph import Step, Value
from rushlight._engine.kernels import words
from rushlight._engine.kernels.words import emit, native

FLOATS, INTS = ["float32", "float64"], ["int8", "int32", "int64", "uint8", "uint32", "uint64"]
KINDS = [*FLOATS, *INTS, "bool"]
BFLOAT16 = dtypes.BFLOAT16
UNARY = [
    "negative", "abs", "sign", "square", "sqrt", "floor", "ceil", "trunc", "round", "logical_not",
    "bitwise_invert", "isnan", "isinf", "isfinite", "signbit",
]  # fmt: skip
BINARY = [
    "add", "subtract", "multiply", "divide", "maximum", "minimum", "fmax", "fmin", "copysign",
    "nextafter", "floor_divide", "remainder", "fmod", "logical_and", "logical_or", "logical_xor",
    "bitwise_and", "bitwise_or", "bitwise_xor", "bitwise_left_shift", "bitwise_right_shift",
    "equal", "not_equal", "less", "less_equal", "greater", "greater_equal", "hypot", "atan2", "pow",
]  # fmt: skip
_LOOSE = {"hypot": 2, "atan2": 2, "pow": 2}  # units of the last place; the others are exact


def edges(dtype):
    """Numbers where words go wrong."""
    dtype = np.dtype(dtype)
    if dtype == BFLOAT16:
        return dtypes.to_bfloat16(edges("float32"))
    if dtype.kind == "b":
        return np.array([True, False] * 4)
    if dtype.kind in "iu":
        info = np.iinfo(dtype)
        given = [
            0,
            1,
            2,
            3,
            5,
            7,
            8,
            31,
            32,
            33,
            63,
            64,
            100,
            info.max,
            info.max - 1,
            info.max // 2,
        ]
        low = [info.min, info.min + 1] + ([-1, -2, -3, -7, -100] if dtype.kind == "i" else [])
        return np.array(given + low, dtype)
    info = np.finfo(dtype)
    size = [0, 0.5, 1, 1.5, 2, 2.5, 3, 7.25, 100.7, 1e5, float(info.max), float(info.tiny),
            float(info.smallest_subnormal), np.inf, 8388607.5, 4503599627370495.5]  # fmt: skip
    given = [*size, *[-s for s in size], np.nan, 0.1, 1e-3, 3e9, -3e9, 1e19, -1e19]
    with np.errstate(all="ignore"):
        return np.array(given).astype(dtype)


def emitted(word, args, params, lanes=8, where=None) -> Any:
    """A word of arrays and numbers in a kernel; None where kernels have none."""
    arrays = [a for a in args if isinstance(a, np.ndarray)]
    given = [Value(i, a.shape, a.dtype) if isinstance(a, np.ndarray) else a
             for i, a in enumerate(args)]  # fmt: skip
    with np.errstate(all="ignore"):
        try:
            wanted = getattr(NUMPY, word)(*args, **params)
        except (TypeError, OverflowError, ValueError):
            return None
    step = Step((Value(99, wanted.shape, wanted.dtype),), word, tuple(given), params)
    if not native(step):
        return None

    def write(f, *values):
        left = list(values)
        return emit(f, step, [left.pop(0) if isinstance(a, Value) else a for a in given])

    return wanted, ran(write, arrays, wanted.dtype, lanes, where)


def agree(wanted, made, ulp=0, told=""):
    """Equal, NaN with NaN, up to some units of the last place."""
    if wanted.dtype == BFLOAT16:
        wanted, made = dtypes.from_bfloat16(wanted), dtypes.from_bfloat16(made)
    if not ulp or wanted.dtype.kind != "f":
        np.testing.assert_array_equal(made, wanted, err_msg=told)
        return
    finite = np.isfinite(wanted)
    np.testing.assert_array_equal(made[~finite], wanted[~finite], err_msg=told)
    with np.errstate(all="ignore"):
        unit = np.spacing(np.abs(wanted[finite])).astype("g")
        error = np.abs(made[finite].astype("g") - wanted[finite]) / unit
    assert error.max(initial=0) <= ulp, told


def pairs(a, b):
    """Each element of one with each of the other."""
    both = np.array(list(itertools.product(range(a.size), range(b.size))))
    return a[both[:, 0]], b[both[:, 1]]


@pytest.mark.parametrize("lanes, where", [(8, "host"), (1, "host"), (4, "plain")])
@pytest.mark.parametrize("word", UNARY)
def test_words_of_one_array(word, lanes, where):
    found = 0
    for dtype in KINDS:
        if (both := emitted(word, (edges(dtype),), {}, lanes, target(where))) is not None:
            agree(*both, told=f"{word} {dtype}")
            found += 1
    assert found >= 2


@pytest.mark.parametrize("word", BINARY)
def test_words_of_two_arrays(word):
    found = 0
    for first, second in [*zip(KINDS, KINDS), ("int64", "float32"), ("int32", "int64"),
                          ("bool", "int64"), ("uint8", "int8"), ("float32", "bool")]:  # fmt: skip
        both = emitted(word, pairs(edges(first), edges(second)), {})
        if both is not None:
            agree(*both, ulp=_LOOSE.get(word, 0), told=f"{word} {first} {second}")
            found += 1
    assert found


@pytest.mark.parametrize("number", [0, 1, 3, -7, 0.5, 1 << 40])
@pytest.mark.parametrize("word", BINARY)
def test_words_of_an_array_and_a_number(word, number):
    for dtype in ("float32", "int32", "int64", "uint8", "bool"):
        both = emitted(word, (edges(dtype), number), {})
        if both is not None:
            loose = {0.5: 2, 3: 2, 4: 2}.get(number, 0) if word == "pow" else 0
            agree(*both, ulp=max(loose, _LOOSE.get(word, 0)), told=f"{word} {dtype} {number}")


@pytest.mark.parametrize("where, lanes", [("host", 8), ("host", 1), ("plain", 4)])
@pytest.mark.parametrize("old", [*KINDS, "float16", BFLOAT16, "int16"])
def test_casts(old, where, lanes):
    for new in [*KINDS, "float16", BFLOAT16, "int16", "uint16"]:
        x = edges(old)
        if np.dtype(old).kind == "f" and np.dtype(new) == "uint64":
            x = x[(x.astype("f8") > -9e18) & (x.astype("f8") < 1.8e19)]
        both = emitted("astype", (x, np.dtype(new)), {}, lanes, target(where))
        assert both is not None
        agree(*both, told=f"{old} to {new}")


@pytest.mark.parametrize("where, lanes", [("host", 8), ("plain", 4)])
@pytest.mark.parametrize("half", ["float16", BFLOAT16])
def test_every_half_is_widened_and_rounded(half, where, lanes):
    bits = np.arange(1 << 16).astype("u2").view(half)
    agree(*emitted("astype", (bits, np.dtype("float32")), {}, lanes, target(where)))
    random = np.random.default_rng(0)
    wide = random.integers(0, 1 << 32, 40000, dtype="u4").view("f4")
    with np.errstate(all="ignore"):
        wide[:8192] = dtypes.cast(bits[::8], np.float32) + random.choice([0, 1e-9, 2e-5], 8192)
        for x in (wide, wide.astype("f8") * (1 + 2.0**-40)):
            agree(*emitted("astype", (x, np.dtype(half)), {}, lanes, target(where)))


def test_choices_between_arrays_and_numbers():
    mask = edges("float32")
    for dtype in [*KINDS, "float16", BFLOAT16]:
        x = np.resize(edges(dtype), mask.size)
        agree(*emitted("where", (mask != 0, x, x[::-1].copy()), {}))
    agree(*emitted("where", (mask > 1, mask, 0.5), {}))
    agree(*emitted("where", (mask > 1, 2, mask), {}))


def test_integers_are_not_divided_by_what_may_be_zero():
    x = edges("int64")
    assert emitted("floor_divide", (x, np.array([1] * x.size)), {}) is None
    assert emitted("remainder", (x, 0), {}) is None


@pytest.mark.parametrize("seed", range(4))
def test_real_division_is_exact_over_all_exponents(seed):
    random = np.random.default_rng(seed)
    a, b = (np.exp(random.uniform(-85, 85, 3000)).astype("f4") for _ in range(2))
    a *= random.choice([-1, 1], a.size).astype("f4")
    b *= random.choice([-1, 1], a.size).astype("f4")
    for word in ("fmod", "remainder", "floor_divide"):
        agree(*emitted(word, (a, b), {}), told=word)


def test_dear_words_are_words():
    assert all(hasattr(NUMPY, w) for w in words.DEAR - {"gelu", "logistic", "damped"})
