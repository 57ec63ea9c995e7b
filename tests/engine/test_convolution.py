"""Convolutions and their gradients against NumPy in float64."""

import os
import random
import sys

import numpy as np
import pytest

pytest.importorskip("llvmlite")
sys.path.insert(0, os.path.dirname(__file__))

from convolutions import Convolved, expected, pool, step_of
from kernels import target

from rushlight._engine.graph import Step, Value
from rushlight._engine.kernels import (
    convolution,
    convolution_forward,
    convolution_packed,
    convolution_weight,
)
from rushlight._engine.targets.host import described, host

WORDS = ("conv", "conv_input", "conv_weight")
PLAIN = ((1, 1), (0, 0), (1, 1), 1)
PADDED = ((1, 1), (1, 1), (1, 1), 1)
CASES = [  # image, filters, (stride, padding, dilation, groups)
    ((4, 1, 28, 28), (6, 1, 5, 5), PLAIN),
    ((4, 6, 12, 12), (16, 6, 5, 5), PLAIN),
    ((1, 3, 40, 37), (16, 3, 7, 7), ((2, 2), (3, 3), (1, 1), 1)),
    ((2, 16, 14, 14), (20, 16, 3, 3), PADDED),
    ((5, 40, 7, 7), (33, 40, 3, 3), PADDED),
    ((8, 70, 2, 2), (50, 70, 3, 3), PADDED),
    ((3, 24, 8, 8), (48, 24, 3, 3), ((2, 2), (1, 1), (1, 1), 1)),
    ((3, 24, 8, 8), (48, 24, 1, 1), ((2, 2), (0, 0), (1, 1), 1)),
    ((2, 300, 5, 5), (7, 300, 1, 1), PLAIN),
    ((2, 12, 9, 11), (12, 1, 3, 3), ((1, 1), (1, 1), (1, 1), 12)),
    ((2, 12, 9, 11), (24, 1, 3, 3), ((2, 2), (1, 1), (2, 2), 12)),
    ((2, 12, 9, 11), (18, 4, 3, 2), ((1, 2), (0, 2), (2, 1), 3)),
    ((2, 5, 1, 1), (7, 5, 1, 1), PLAIN),
    ((1, 1, 1, 1), (1, 1, 3, 3), PADDED),
    ((2, 3, 50), (4, 3, 5), ((2,), (1,), (2,), 1)),
    ((1, 2, 5000), (3, 2, 9), ((1,), (4,), (1,), 1)),
]


pytestmark = pytest.mark.usefixtures("two_threads")


def checked(word, image, filters, how, dtype="float32", follows=False, target=None, seed=0):
    """Run twice, so that what is left from the first run is seen."""
    made = Convolved(word, image, filters, how, dtype, follows, target).compile()
    draw = np.random.default_rng(seed)
    first, second = (draw.normal(size=v.shape).astype(dtype) for v in made.step.args[:2])
    run, want = made.bind(first, second), expected(made.step, first, second)
    if follows:
        want = expected(made.step, first, second, made.bias)
    bound = (2e-5 if dtype == "float32" else 1e-12) * (np.abs(want).max() + 1e-30)
    for _ in range(2):
        made.out[...] = np.nan
        run()
        assert np.abs(made.out - want).max() <= bound
    assert (made.guard == 7).all()
    return made


@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_convolution(word, case):
    checked(word, *case)


@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize("case", [CASES[3], CASES[5], CASES[6], CASES[9]], ids=str)
def test_what_follows_is_done_on_registers(word, case):
    checked(word, *case, follows=True)


@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize("case", [CASES[3], CASES[5], CASES[6], CASES[10]], ids=str)
def test_float64(word, case):
    checked(word, *case, dtype="float64")


@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize("case", [CASES[3], CASES[4], CASES[6], CASES[9]], ids=str)
def test_plain_vectors_of_16_bytes(word, case):
    plain = described("x86-64", "", host().triple, host().version)
    if not plain.triple.startswith("x86_64"):
        pytest.skip("another processor")
    checked(word, *case, target=plain)


@pytest.mark.parametrize("seed", range(24))
def test_random_sizes(seed):
    draw = random.Random(seed)
    axes, groups = draw.choice([1, 2, 2, 2]), draw.choice([1, 1, 1, 2, 3])
    kernel = [draw.choice([1, 2, 3, 5]) for _ in range(axes)]
    stride = [draw.choice([1, 1, 2, 3]) for _ in range(axes)]
    padding = [draw.choice([0, 0, 1, 2, 3]) for _ in range(axes)]
    dilation = [draw.choice([1, 1, 2]) for _ in range(axes)]
    least = [(k - 1) * d + 1 - 2 * p for k, d, p in zip(kernel, dilation, padding)]
    size = [max(draw.choice([1, 2, 4, 7, 8, 13, 20]), n, 1) for n in least]
    channels, outs = groups * draw.choice([1, 2, 5, 8, 17]), groups * draw.choice([1, 4, 7, 13])
    images = draw.choice([1, 2, 5, 9])
    how = (tuple(stride), tuple(padding), tuple(dilation), groups)
    checked(
        WORDS[seed % 3], (images, channels, *size), (outs, channels // groups, *kernel), how,
        dtype=draw.choice(["float32", "float64"]), follows=draw.random() < 0.5, seed=seed,
    )  # fmt: skip


@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize("case", [CASES[3], CASES[5]], ids=str)
def test_nan_and_infinity_reach_what_they_touch_and_nothing_else(word, case):
    made = Convolved(word, *case).compile()
    draw = np.random.default_rng(0)
    first, second = (draw.normal(size=v.shape).astype("f4") for v in made.step.args[:2])
    first[0, 0, 1, 1], first[-1, 0, 0, 0] = np.nan, np.inf
    made.bind(first, second)()
    with np.errstate(all="ignore"):
        want = expected(made.step, first, second)
    np.testing.assert_array_equal(np.isfinite(made.out), np.isfinite(want))
    fine = np.isfinite(want)
    np.testing.assert_allclose(made.out[fine], want[fine], rtol=1e-3, atol=1e-3)


def test_an_image_of_any_strides():
    image, filters, how = (2, 6, 9, 8), (10, 6, 3, 3), PADDED
    strides = {0: (6 * 72, 1, 48, 6)}  # channels last
    made = Convolved("conv", image, filters, how, strides=strides).compile()
    draw = np.random.default_rng(0)
    last = draw.normal(size=(2, 9, 8, 6)).astype("f4")
    w = draw.normal(size=filters).astype("f4")
    made.bind(last, w)()
    want = expected(made.step, last.transpose(0, 3, 1, 2), w)
    np.testing.assert_allclose(made.out, want, rtol=1e-4, atol=1e-4)


def test_one_thread_and_many():
    for threads in (1, 2):
        pool().threads = threads
        checked("conv", *CASES[4])
        checked("conv_input", *CASES[6])


@pytest.mark.parametrize("threads", (1, 2))
@pytest.mark.parametrize("dtype", ("float32", "float64"))
def test_a_gradient_for_filters_in_slices(threads, dtype):
    """Two threads multiply the images that they copied, and add up; one has nothing to add."""
    image, filters = (9, 10, 14, 14), (7, 10, 3, 3)
    made = Convolved("conv_weight", image, filters, PADDED, dtype, True, threads=threads).compile()
    assert convolution_weight.cut(made.target, made.described).slices > 1
    draw = np.random.default_rng(0)
    first, second = (draw.normal(size=v.shape).astype(dtype) for v in made.step.args[:2])
    run, want = made.bind(first, second), expected(made.step, first, second, made.bias)
    for _ in range(2):
        made.out[...] = np.nan
        run()
        assert np.abs(made.out - want).max() <= (2e-5 if dtype == "float32" else 1e-12) * want.max()
    assert (made.guard == 7).all()


@pytest.mark.parametrize("columns", (1, 7, 8, 15, 16, 17, 31, 33, 64, 65))
@pytest.mark.parametrize("word", WORDS)
def test_every_second_column(word, columns):
    """What a stride of 2 parts is taken apart, and put together, by whole vectors."""
    checked(word, (2, 3, 5, columns), (4, 3, 3, 3), ((2, 2), (1, 1), (1, 1), 1), follows=True)


# On Zen 4, with two threads, the other way takes 1.2 to 4 times as long (medians, in turns).
WAYS = [  # word, channels, output channels, kernel, stride, side, images, dtype, the quicker way
    ("conv", 64, 64, 3, 1, 8, 32, "float64", convolution_forward),
    ("conv", 64, 128, 1, 2, 8, 32, "float32", convolution_forward),
    ("conv", 128, 128, 1, 1, 16, 32, "float32", convolution_forward),
    ("conv_input", 64, 128, 3, 2, 32, 8, "float32", convolution_forward),
    ("conv_input", 128, 256, 3, 2, 28, 8, "float32", convolution_forward),
    ("conv_input", 128, 256, 3, 2, 8, 8, "float32", convolution_packed),
    ("conv_input", 256, 512, 3, 2, 4, 32, "float32", convolution_packed),
    ("conv", 512, 512, 3, 2, 4, 32, "float32", convolution_packed),
    ("conv", 256, 512, 3, 2, 8, 8, "float32", convolution_packed),
]


@pytest.mark.parametrize("word, i, o, kernel, stride, side, images, dtype, way", WAYS)
def test_the_quicker_way_is_taken(word, i, o, kernel, stride, side, images, dtype, way):
    how = ((stride,) * 2, (kernel // 2,) * 2, (1, 1), 1)
    image, filters = (images, i, side, side), (o, i, kernel, kernel)
    made = Convolved(word, image, filters, how, dtype, target=target("avx512"))
    assert convolution._family(made.target, made.described) is way


def test_what_has_no_kernel_is_left_to_numpy():
    step = step_of(
        "conv", (2, 3, 4, 4, 4), (2, 3, 1, 1, 1), ((1,) * 3, (0,) * 3, (1,) * 3, 1), "f4"
    )
    assert not convolution.convolved(step)
    a = Value(0, (2, 3, 4, 4), "complex64")
    assert not convolution.convolved(Step((a,), "conv", (a, a, (1, 1), (0, 0), (1, 1), 1)))


TARGETS = [
    ("skylake-avx512", "+avx512f,+avx512vl,+avx2,+fma", "x86_64-unknown-linux-gnu"),
    ("generic", "", "aarch64-unknown-linux-gnu"),
]


@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize("cpu, features, triple", TARGETS)
def test_text_for_other_processors(word, cpu, features, triple):
    target = described(cpu, features, triple, host().version)
    for case in (CASES[3], CASES[5], CASES[6]):
        assert f"@{word}" in Convolved(word, *case, target=target).text()
