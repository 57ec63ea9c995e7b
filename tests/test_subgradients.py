"""Gradients at corners, ties, bounds, zeros and NaN: where there is a choice, PyTorch's."""

from typing import Any

import numpy as np
import pytest

import rushlight

try:
    import torch
except ImportError:
    torch = None  # type: ignore[assignment]

INF, NAN = float("inf"), float("nan")
LINE = [-INF, -1.5, -0.0, 0.0, 2.0, INF, NAN]
A, B = [1.0, 1, NAN, 1, 0, 0, NAN], [1.0, 2, 1, NAN, 0, -0.0, NAN]
NONE, ALL = [0.0] * 7, [1.0] * 7
# call, arguments, the gradient of the sum in each argument
CASES: list[tuple[str, list, list]] = [
    ("torch.abs(x)", [LINE[:-1]], [[-1, -1, 0, 0, 1, 1]]),
    ("torch.sign(x)", [LINE], [NONE]),
    ("torch.floor(x)", [LINE], [NONE]),
    ("torch.round(x)", [LINE], [NONE]),
    ("torch.frac(x)", [LINE], [ALL]),
    ("torch.sqrt(x)", [[0.0, 4, INF]], [[INF, 0.25, 0]]),
    ("torch.sinc(x)", [[-0.0, 0.0]], [[0, 0]]),
    ("torch.angle(x)", [LINE], [NONE]),
    ("torch.nan_to_num(x)", [LINE], [[0, 1, 1, 1, 1, 0, 0]]),
    ("torch.logit(x)", [[-0.5, 0.0, 0.5, 1.0, 2.0]], [[NAN, INF, 4, INF, NAN]]),
    ("torch.logit(x, 0.1)", [[0.0, 0.1, 0.5, 0.95]], [[0, 1 / 0.09, 4, 0]]),
    ("torch.special.entr(x)", [[0.0, 1.0]], [[INF, -1]]),
    ("torch.maximum(x, y)", [A, B], [[0.5, 0, 1, 1, 0.5, 0.5, 1], [0.5, 1, 1, 1, 0.5, 0.5, 1]]),
    ("torch.minimum(x, y)", [A, B], [[0.5, 1, 1, 1, 0.5, 0.5, 1], [0.5, 0, 1, 1, 0.5, 0.5, 1]]),
    ("torch.fmax(x, y)", [A, B], [[1, 0, 0, 1, 1, 1, 1], [0, 1, 1, 0, 0, 0, 0]]),
    ("torch.fmin(x, y)", [A, B], [[1, 1, 0, 1, 1, 1, 1], [0, 0, 1, 0, 0, 0, 0]]),
    ("torch.atan2(x, y)", [[1.0, 1, 0, 0], [1.0, 2, 0, -0.0]],
     [[0.5, 0.4, 0, 0], [-0.5, -0.2, 0, 0]]),
    ("torch.hypot(x, y)", [[3.0, 0], [4.0, 0]], [[0.6, NAN], [0.8, NAN]]),
    ("torch.copysign(x, y)", [[1.0, -1, 0, 2], [1.0, 2, -1, -0.0]], [[1, -1, 0, -1], [0, 0, 0, 0]]),
    ("torch.xlogy(x, y)", [[0.0, 2, 0], [0.0, 3, 2]], [[0, np.log(3), np.log(2)], [NAN, 2 / 3, 0]]),
    ("torch.remainder(x, y)", [[5.0, -5], [3.0, 3]], [[1, 1], [-1, 2]]),
    ("torch.fmod(x, y)", [[5.0, -5], [3.0, 3]], [[1, 1], [-1, 1]]),
    ("torch.nextafter(x, y)", [[1.0, 1], [1.0, 2]], [[0, 1], [0, 0]]),
    ("torch.clamp(x, 0, 2)", [LINE], [[0, 0, 1, 1, 1, 0, 0]]),
    ("torch.clamp(x, min=0)", [LINE], [[0, 0, 1, 1, 1, 1, 0]]),
    ("torch.clamp_max(x, 2)", [LINE], [[1, 1, 1, 1, 1, 0, 0]]),
    ("torch.clamp(x, y, z)", [[0.0, 1, 2, 3, NAN, 1], [1.0, 1, 1, 1, 1, 3], [2.0, 2, 2, 2, 2, 1]],
     [[0, 1, 1, 0, 0, 0], [1, 0, 0, 0, 0, 0], [0, 0, 0, 1, 0, 1]]),
    ("torch.clamp(x, y)", [[0.0, 1, 2, NAN], [1.0, 1, 1, 1]], [[0, 1, 1, 0], [1, 0, 0, 0]]),
    ("torch.dist(x, y)", [[1.0, 2], [1.0, 2]], [[0, 0], [0, 0]]),
    ("torch.dist(x, y, p=float('inf'))", [[1.0, 2, 0], [0.0, 1, 0]],
     [[0.5, 0.5, 0], [-0.5, -0.5, 0]]),
    ("torch.dist(x, y, p=1)", [[1.0, 2], [1.0, 0]], [[0, 1], [0, -1]]),
]  # fmt: skip


def slopes(module: Any, call: str, given: list) -> list:
    inputs = [module.tensor(v, dtype=module.float64, requires_grad=True) for v in given]
    total = eval(call, {"torch": module}, dict(zip("xyz", inputs))).sum()
    return [g.numpy() for g in module.autograd.grad(total, inputs)]


pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")


@pytest.mark.parametrize(("call", "given", "wanted"), CASES, ids=[c for c, _, _ in CASES])
def test_choice(call: str, given: list, wanted: list) -> None:
    for found, expected in zip(slopes(rushlight, call, given), wanted, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.skipif(torch is None, reason="PyTorch is not installed")
@pytest.mark.parametrize(("call", "given", "wanted"), CASES, ids=[c for c, _, _ in CASES])
def test_choice_is_pytorchs(call: str, given: list, wanted: list) -> None:
    for found, expected in zip(slopes(torch, call, given), wanted, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-12)


COMPLEX = [0j, 1 + 2j, -1 - 1j, 3 + 0j]


@pytest.mark.skipif(torch is None, reason="PyTorch is not installed")
@pytest.mark.parametrize(
    "call",
    ["abs(x)", "angle(x)", "sgn(x)", "exp(x)", "tanh(x)", "sigmoid(x)", "asin(x)", "acosh(x)",
     "atanh(x)", "sinc(x)", "square(x)", "real(x)", "imag(x)", "conj(x)", "view_as_real(x)"],
)  # fmt: skip
def test_complex_gradient_is_pytorchs(call: str) -> None:
    found = []
    for module in (rushlight, torch):
        x = module.tensor(COMPLEX, dtype=module.complex128, requires_grad=True)
        made = eval(f"torch.{call}", {"torch": module}, {"x": x})
        weights = module.tensor([0.5, -1.0, 2.0, 1.5], dtype=made.dtype)
        weights = weights.reshape(-1, 1) if made.ndim == 2 else weights
        total = (made * weights).sum()
        total = total.real if total.is_complex() else total
        found.append(module.autograd.grad(total, x)[0].resolve_conj().numpy())
    np.testing.assert_allclose(*found, rtol=1e-12, atol=1e-15)
