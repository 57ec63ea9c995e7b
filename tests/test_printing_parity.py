"""Printing against the real PyTorch: random tensors and options, character for character."""

import random

import numpy as np
import pytest

import rushlight as rl

torch = pytest.importorskip("torch")

DTYPES = ["float32"] * 4 + [
    "float64", "float16", "bfloat16", "int64", "int32", "uint8", "int8", "bool", "complex64",
    "complex128",
]  # fmt: skip
OPTIONS = {
    "precision": [0, 1, 2, 6, 10],
    "threshold": [0, 5, 50, float("inf")],
    "edgeitems": [0, 1, 2, 5],
    "linewidth": [10, 40, 120, 200],
    "profile": ["default", "short", "full"],
    "sci_mode": [True, False],
}


def numbers(draw, shape):
    """Values of one of the sorts that print differently."""
    scale = 10.0 ** int(draw.integers(-7, 10))
    normal = draw.standard_normal(shape)
    special = np.array(normal)
    for value in (np.nan, np.inf, -np.inf, 0.0, -0.0):
        special = np.where(draw.random(shape) < 0.2, value, special)
    sorts = [
        normal * scale,
        np.round(normal * scale),
        normal * 10.0 ** draw.integers(-4, 5, shape),
        draw.integers(-5, 5, shape).astype(float),
        draw.random(shape),
        special,
    ]
    return sorts[int(draw.integers(0, len(sorts)))]


def one(choose):
    """The same random tensor for both frameworks, and options to print it with."""
    draw = np.random.default_rng(choose.randint(0, 10**9))
    sizes = [1, 2, 3, 5, 8, 12] + ([0, 40] if choose.random() < 0.15 else [])
    shape = [choose.choice(sizes) for _ in range(choose.randint(0, 4))]
    if len(shape) == 1 and choose.random() < 0.3:
        shape = [choose.choice([7, 100, 999, 1000, 1001, 2000])]
    dtype = choose.choice(DTYPES)
    values = np.asarray(numbers(draw, shape))
    if dtype.startswith("complex"):
        values = np.asarray(values.astype(complex))
        values.imag = numbers(draw, shape)
    elif not dtype.startswith(("float", "bfloat")):
        values = np.nan_to_num(values, nan=0, posinf=9, neginf=-9).clip(-1e9, 1e9)
        values = values.astype(np.int64)
    grads = choose.random() < 0.3 and not dtype.startswith(("int", "uint", "bool"))
    recorded = choose.random() < 0.5
    made = []
    for m in (rl, torch):
        t = m.from_numpy(np.array(values)).to(getattr(m, dtype))
        if grads:
            t = t.detach().requires_grad_()
            t = t * 1 if recorded else t
        made.append(t)
    options = {}
    if choose.random() < 0.4:
        options = {k: choose.choice(v) for k, v in OPTIONS.items() if choose.random() < 0.4}
    return *made, options


@pytest.fixture(autouse=True)
def usual_options():
    yield
    rl.set_printoptions(profile="default")
    torch.set_printoptions(profile="default")


@pytest.mark.parametrize("seed", range(10))
def test_random_tensors_print_alike(seed):
    choose = random.Random(seed)
    for _ in range(100):
        ours, theirs, options = one(choose)
        for m in (rl, torch):
            m.set_printoptions(profile="default")
            m.set_printoptions(**options)
        try:
            expected = repr(theirs)
        except (RuntimeError, ValueError):  # PyTorch's own failures with edgeitems=0
            continue
        assert repr(ours) == expected, options


SPECIAL = [
    lambda m: m.empty(2, 3, device="meta"),
    lambda m: m.empty(3, device="meta", dtype=m.int64),
    lambda m: m.empty(3, device="meta", requires_grad=True),
    lambda m: m.zeros(0, dtype=m.int64),
    lambda m: m.zeros(2, 0, 3),
    lambda m: m.nn.Parameter(m.ones(2, 3)),
    lambda m: m.nn.Parameter(m.ones(2), requires_grad=False),
    lambda m: m.ones(3, requires_grad=True)[1:],
    lambda m: m.ones(3, 3, requires_grad=True).t(),
    lambda m: m.ones(2, 3, requires_grad=True).sum(),
    lambda m: m.ones(3).expand(2, 3),
    lambda m: [m.ones(2), {"a": m.zeros(1, dtype=m.int32)}],
    lambda m: m.Size([2, 3]),
    lambda m: m.float32,
    lambda m: m.device("cpu"),
]


@pytest.mark.parametrize("call", SPECIAL)
def test_special_forms_print_alike(call):
    assert repr(call(rl)) == repr(call(torch))
    assert str(call(rl)) == str(call(torch))
