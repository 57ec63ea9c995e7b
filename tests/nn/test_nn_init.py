"""nn.init: PyTorch's numbers from the same seed, its errors, and no recorded gradients."""

import math

import numpy as np
import pytest

import rushlight as rl
from rushlight import nn

DRAWS = [
    ("uniform_", {"a": -2.0, "b": 3.0}, (3, 4)),
    ("normal_", {"mean": 1.0, "std": 2.0}, (5, 5)),
    ("trunc_normal_", {}, (6, 7)),
    ("trunc_normal_", {"std": 0.02}, (6, 7)),
    ("trunc_normal_", {"mean": 0.0, "std": 1.0, "a": 1.5, "b": 3.0}, (4, 5)),
    ("constant_", {"val": 0.3}, (3,)),
    ("ones_", {}, (2, 2)),
    ("zeros_", {}, (2, 2)),
    ("eye_", {}, (3, 5)),
    ("dirac_", {}, (4, 3, 3)),
    ("dirac_", {"groups": 2}, (4, 3, 3, 2)),
    ("dirac_", {}, (2, 3, 3, 1, 3)),
    ("xavier_uniform_", {"gain": 2.0}, (4, 3, 2)),
    ("xavier_normal_", {}, (5, 6)),
    ("kaiming_uniform_", {"a": 0.2, "mode": "fan_out"}, (4, 3, 2)),
    ("kaiming_normal_", {"nonlinearity": "relu"}, (5, 6)),
    ("orthogonal_", {"gain": 2.0}, (5, 3)),
    ("orthogonal_", {}, (3, 2, 4)),
    ("sparse_", {"sparsity": 0.4}, (5, 3)),
]


@pytest.mark.parametrize(("name", "options", "shape"), DRAWS)
def test_numbers_are_pytorchs(name, options, shape):
    torch = pytest.importorskip("torch")
    made = []
    for t in (rl, torch):
        t.manual_seed(11)
        x = t.empty(*shape)
        result = getattr(t.nn.init, name)(x, **options)
        assert result is x
        made.append((x.numpy(), t.rand(1).item()))
    np.testing.assert_allclose(made[0][0], made[1][0], rtol=2e-5, atol=2e-6)
    assert made[0][1] == made[1][1]  # the stream has moved as far


@pytest.mark.parametrize(("name", "options", "shape"), DRAWS)
def test_a_parameter_is_filled_without_a_gradient(name, options, shape):
    p = nn.Parameter(rl.empty(*shape))
    assert getattr(nn.init, name)(p, **options) is p
    assert p.is_leaf and p.requires_grad and p.grad_fn is None
    assert bool(p.isfinite().all())


@pytest.mark.parametrize(("name", "options", "shape"), DRAWS)
def test_a_generator_of_its_own(name, options, shape):
    if name in ("constant_", "ones_", "zeros_", "eye_", "dirac_", "sparse_"):
        return
    draw = getattr(nn.init, name)
    first, second = (
        draw(rl.empty(*shape), **options, generator=rl.Generator().manual_seed(3)) for _ in range(2)
    )
    assert bool((first == second).all())


def test_orthogonal_rows_are_orthogonal():
    x = nn.init.orthogonal_(rl.empty(3, 5))
    np.testing.assert_allclose((x @ x.t()).numpy(), np.eye(3), atol=1e-5)


def test_truncated_draws_stay_inside():
    for a, b in ((-0.5, 0.5), (1.5, 3.0)):
        x = nn.init.trunc_normal_(rl.empty(500), a=a, b=b)
        assert a <= float(x.min()) and float(x.max()) <= b


def test_gains():
    gain = nn.init.calculate_gain
    assert gain("linear") == gain("conv2d") == gain("sigmoid") == 1
    assert gain("tanh") == 5 / 3 and gain("relu") == math.sqrt(2)
    assert gain("leaky_relu") == math.sqrt(2 / (1 + 0.01**2))
    assert gain("leaky_relu", 0.2) == math.sqrt(2 / (1 + 0.2**2))
    assert gain("selu") == 0.75


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda i, t: i.calculate_gain("none"), "Unsupported nonlinearity none"),
        (
            lambda i, t: i.calculate_gain("leaky_relu", True),
            "negative_slope True not a valid number",
        ),
        (lambda i, t: i.eye_(t.empty(3)), "Only tensors with 2 dimensions are supported"),
        (
            lambda i, t: i.dirac_(t.empty(3, 3)),
            "Only tensors with 3, 4, or 5 dimensions are supported",
        ),
        (lambda i, t: i.dirac_(t.empty(3, 3, 1), groups=2), "dim 0 must be divisible by groups"),
        (
            lambda i, t: i.orthogonal_(t.empty(3)),
            "Only tensors with 2 or more dimensions are supported",
        ),
        (lambda i, t: i.sparse_(t.empty(3), 0.1), "Only tensors with 2 dimensions are supported"),
        (
            lambda i, t: i.xavier_uniform_(t.empty(3)),
            "Fan in and fan out can not be computed for tensor with fewer than 2 dimensions",
        ),
        (
            lambda i, t: i.kaiming_normal_(t.empty(3, 3), mode="fan"),
            "Mode fan not supported, please use one of ['fan_in', 'fan_out']",
        ),
    ],
)
def test_mistakes(call, text):
    with pytest.raises(ValueError) as caught:
        call(nn.init, rl)
    assert str(caught.value) == text


def test_empty_tensors_and_far_bounds_warn():
    with pytest.warns(UserWarning, match="Initializing zero-element tensors is a no-op"):
        nn.init.kaiming_uniform_(rl.empty(0, 3))
    with pytest.warns(UserWarning, match="mean is more than 2 std"):
        nn.init.trunc_normal_(rl.empty(3), mean=10.0)


def test_older_names_warn():
    with pytest.warns(FutureWarning, match=r"`nn.init.constant` is now deprecated in favor of"):
        assert nn.init.constant(rl.empty(2), 1.0).tolist() == [1.0, 1.0]
