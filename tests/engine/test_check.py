"""`compile(check=True)` finds a wrong kernel, and names the word and the user's line."""

import numpy as np
import pytest

pytest.importorskip("llvmlite")

import rushlight as torch
from rushlight import nn
from rushlight._engine.check import close
from rushlight._engine.kernels import trig


@pytest.fixture
def wrong_sinh(monkeypatch, tmp_path):
    """Kernels of sinh give cosh; what is compiled meanwhile is kept apart."""
    monkeypatch.setenv("RUSHLIGHT_CACHE", str(tmp_path))
    for table in trig.TABLE.values():
        monkeypatch.setitem(table, "sinh", table["cosh"])


def net(x):
    y = x * 2 + 1
    z = torch.sinh(y)  # the line that is named: two below the first
    return (z - 1).sum()


LINE = rf"sinh differs from eager mode at .*test_check.py:{net.__code__.co_firstlineno + 2}"


def test_a_wrong_kernel_in_a_function(wrong_sinh):
    with pytest.raises(RuntimeError, match=LINE):
        torch.compile(net, check=True)(torch.randn(4, 5))
    with pytest.raises(RuntimeError, match=LINE):
        torch.compile(net, check=True)(torch.randn(5, 4).t())


def _with_dropout(kind, **options):
    """A training step of a layer and dropout before `net`."""
    layer, drop = nn.Linear(4, 4), nn.Dropout(0.5)
    optimizer = kind(layer.parameters(), **options)

    def step(x):
        optimizer.zero_grad()
        loss = net(drop(layer(x)))
        loss.backward()
        optimizer.step()
        return loss

    return step


def test_a_wrong_kernel_in_a_step_with_dropout(wrong_sinh):
    step = _with_dropout(torch.optim.SGD, lr=0.1, momentum=0.9)
    with pytest.raises(RuntimeError, match=LINE):
        torch.compile(step, check=True)(torch.randn(3, 4))


def test_a_step_with_dropout_passes():
    step = _with_dropout(torch.optim.Adam)
    made = torch.compile(step, check=True)
    for _ in range(3):
        assert made(torch.randn(3, 4)).isfinite()


def test_a_fault_that_only_the_fused_program_has(monkeypatch):
    made = torch.compile(net, check=True)
    made(torch.randn(4, 5))
    (program,) = next(iter(made.compiled.programs.values()))
    honest = program.function

    def wrong(*arrays):
        (out,) = honest(*arrays)
        return (out + 1,)

    monkeypatch.setattr(program, "function", wrong)
    line = net.__code__.co_firstlineno + 3
    with pytest.raises(RuntimeError, match=rf"sum differs from eager mode at .*py:{line}"):
        made(torch.randn(4, 5))


def test_what_is_left_of_terms_that_cancel_is_no_difference():
    a, b = np.array([85.0, 2e-3, np.inf], "f4"), np.array([85.0, 1e-6, np.inf], "f4")
    assert close(a, b) and not close(a[1:], b[1:]) and not close(a * np.float32(1.001), b)
