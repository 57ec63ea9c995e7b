"""Winograd's way of a convolution against NumPy in float64, and which convolutions take it."""

import os
import sys

import numpy as np
import pytest

pytest.importorskip("llvmlite")
sys.path.insert(0, os.path.dirname(__file__))

from convolutions import Convolved, expected, pool

import rushlight as rl
from rushlight._engine.kernels import convolution
from rushlight._engine.kernels import convolution_winograd as winograd
from rushlight._engine.targets.host import described, host

CASES = [  # image, filters, padding
    ((1, 32, 14, 14), (32, 32, 3, 3), (1, 1)),
    ((2, 33, 7, 9), (35, 33, 3, 3), (0, 0)),
    ((3, 40, 5, 40), (64, 40, 3, 3), (2, 2)),  # two vectors of tiles, and 5 tiles
    ((5, 64, 3, 2), (32, 64, 3, 3), (1, 2)),
    ((2, 300, 11, 70), (40, 300, 3, 3), (1, 0)),  # filters of each task's own
    ((2, 16, 6, 6), (20, 16, 3, 3), (4, 5)),
    ((9, 70, 1, 1), (90, 70, 3, 3), (1, 1)),
    ((6, 128, 9, 9), (128, 128, 3, 3), (1, 1)),  # blocks that end in the middle of an image
]
TARGETS = {
    "host": lambda: host(),
    "avx2": lambda: described("haswell", "+avx2,+fma", host().triple, host().version),
    "plain": lambda: described("x86-64", "", host().triple, host().version),
}


@pytest.fixture(autouse=True)
def always(monkeypatch):
    before = pool().threads
    family = convolution._family
    takes = lambda c: c.kind.name == "float" and c.word != "conv_weight"
    monkeypatch.setattr(convolution, "_family", lambda t, c: winograd if takes(c) else family(t, c))
    yield
    pool().threads = before


def how(padding):
    return (1, 1), padding, (1, 1), 1


def drawn(made):
    draw = np.random.default_rng(3)
    return [draw.normal(size=v.shape).astype("f4") for v in made.step.args[:2]]


VALUES = [("host", n) for n in range(len(CASES))]
VALUES += [(target, n) for target in ("avx2", "plain") for n in (1, 2, 4)]


@pytest.mark.parametrize("word, follows", [("conv", False), ("conv", True), ("conv_input", True)])
@pytest.mark.parametrize("target, number", VALUES)
def test_values(target, number, word, follows):
    if target != "host" and not host().triple.startswith("x86_64"):
        pytest.skip("another processor")
    image, filters, padding = CASES[number]
    pool().threads = threads = number % 3 + 1
    made = Convolved(
        word, image, filters, how(padding), "float32", follows, TARGETS[target](), threads
    ).compile()
    first, second = drawn(made)
    run = made.bind(first, second)
    want = expected(made.step, first, second, made.bias if follows else None)
    for left in (0, 255):  # the second time what an earlier kernel left is NaN
        made.work[4096 + 64 : -128] = left
        made.out[...] = np.nan
        run()
        assert np.abs(made.out - want).max() <= 2e-6 * np.abs(want).max()
    assert (made.guard == 7).all()


@pytest.mark.parametrize("word", ["conv", "conv_input"])
@pytest.mark.parametrize("case", [CASES[0], CASES[2], CASES[7]], ids=str)
def test_what_is_not_finite_is_what_the_definition_gives(word, case, monkeypatch):
    image, filters, padding = case
    made = Convolved(word, image, filters, how(padding)).compile()
    monkeypatch.undo()
    plain = Convolved(word, image, filters, how(padding), "float64").compile()
    first, second = drawn(made)
    first[0, 0, 1, 1], first[-1, 3, 0, 0], first[0, 5, -1, -1] = np.nan, np.inf, -np.inf
    first[-1, 2, -1, 0] = 3e38  # whose parts overflow
    second[1, 1, 0, 0] = 0
    made.bind(first, second)()
    plain.bind(first.astype("f8"), second.astype("f8"))()
    with np.errstate(over="ignore"):
        want = plain.out.astype("f4")
    big = np.abs(plain.out) > 1e30
    np.testing.assert_allclose(made.out[big], want[big], rtol=1e-5, atol=1e33)
    np.testing.assert_array_equal(np.isnan(made.out), np.isnan(want))
    np.testing.assert_array_equal(np.isinf(made.out), np.isinf(want))
    fine = np.isfinite(want) & ~big
    assert fine.any() and np.isinf(want).any() and np.isnan(want).any()
    np.testing.assert_allclose(made.out[fine], want[fine], rtol=1e-3, atol=1e-3)


def test_small_whole_numbers_are_exact():
    made = Convolved("conv", *CASES[4][:2], how((1, 1))).compile()
    draw = np.random.default_rng(0)
    first, second = (draw.integers(-9, 10, size=v.shape).astype("f4") for v in made.step.args[:2])
    made.bind(first, second)()
    np.testing.assert_array_equal(made.out, expected(made.step, first, second))


def test_an_image_of_any_strides():
    image, filters, padding = CASES[1]
    made = Convolved(
        "conv", image, filters, how(padding), strides={0: (63 * 33, 1, 9 * 33, 33)}
    ).compile()
    first, second = drawn(made)
    made.bind(np.ascontiguousarray(first.transpose(0, 2, 3, 1)), second)()
    np.testing.assert_allclose(made.out, expected(made.step, first, second), atol=1e-4)


def test_a_residual_is_added_where_the_sums_are_made():
    net = rl.nn.Conv2d(40, 40, 3, padding=1)
    x, r = rl.randn(2, 40, 13, 10), rl.randn(2, 40, 13, 10)
    with rl.no_grad():
        made = rl.compile(lambda x, r: rl.relu(net(x) + r) * 2 + r)(x, r)
        net, wide = net.double(), [v.double() for v in (x, r)]
        want = rl.relu(net(wide[0]) + wide[1]) * 2 + wide[1]
    np.testing.assert_allclose(made.numpy(), want.numpy(), atol=1e-5)


def test_training_is_that_of_float64():
    def losses(dtype, wrap):
        rl.manual_seed(0)
        nn = rl.nn
        net = nn.Sequential(
            nn.Conv2d(3, 32, 3, padding=1), nn.Tanh(), nn.Conv2d(32, 48, 3, padding=1), nn.Tanh(),
            nn.Conv2d(48, 32, 3), nn.Tanh(), nn.Flatten(), nn.Linear(32 * 100, 10),
        )  # fmt: skip
        x, y = rl.randn(4, 3, 12, 12).to(dtype), rl.randint(0, 10, (4,))
        net = net.to(dtype)
        optimizer = rl.optim.SGD(net.parameters(), lr=0.01, momentum=0.9)

        def step(x, y):
            loss = nn.functional.cross_entropy(net(x), y)
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            return loss

        step = wrap(step)
        return [step(x, y).item() for _ in range(20)]

    made, want = losses(rl.float32, rl.compile), losses(rl.float64, lambda f: f)
    assert made[-1] < made[0] / 2
    np.testing.assert_allclose(made, want, rtol=1e-5, atol=1e-6)


def machine(cpu, features):
    return described(cpu, features, "x86_64-unknown-linux-gnu", host().version)


WIDE = machine("skylake-avx512", "+avx512f,+avx512vl")


@pytest.mark.parametrize(
    "takes, word, image, filters, changed",
    [
        (True, "conv", (1, 64, 56, 56), (64, 64, 3, 3), {}),
        (True, "conv_input", (8, 64, 16, 16), (128, 64, 3, 3), {}),
        (False, "conv_weight", (8, 64, 16, 16), (128, 64, 3, 3), {}),
        (False, "conv", (1, 64, 4, 4), (64, 64, 3, 3), {}),  # four tiles
        (False, "conv", (1, 3, 56, 56), (64, 3, 3, 3), {}),
        (False, "conv", (1, 64, 56, 56), (64, 64, 5, 5), {}),
        (False, "conv", (1, 64, 56, 56), (64, 64, 3, 3), {"stride": (2, 2)}),
        (False, "conv", (1, 64, 56, 56), (64, 64, 3, 3), {"dilation": (2, 2)}),
        (False, "conv", (1, 64, 56, 56), (64, 32, 3, 3), {"groups": 2}),
        (False, "conv", (1, 64, 56, 56), (64, 64, 3, 3), {"dtype": "float64"}),
        (
            True,
            "conv",
            (1, 64, 56, 56),
            (64, 64, 3, 3),
            {"target": machine("haswell", "+avx2,+fma")},
        ),
        (False, "conv", (1, 64, 56, 56), (64, 64, 3, 3), {"target": machine("x86-64", "")}),
    ],
    ids=str,
)
def test_which_convolutions_take_it(takes, word, image, filters, changed, monkeypatch):
    monkeypatch.undo()
    told = {"stride": (1, 1), "padding": (1, 1), "dilation": (1, 1), "groups": 1} | changed
    dtype, target = told.pop("dtype", "float32"), told.pop("target", WIDE)
    made = Convolved(word, image, filters, tuple(told.values()), dtype, target=target)
    assert (convolution._family(target, made.described) is winograd) == takes
