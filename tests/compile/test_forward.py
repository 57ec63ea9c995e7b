"""Compiled functions whose results take gradients outside: modules, parts of larger graphs."""

import copy

import numpy as np
import pytest

import rushlight as rl
import rushlight.nn.functional as F
from rushlight import nn


def model():
    rl.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 3, 3),
        nn.BatchNorm2d(3),
        nn.ReLU(),
        nn.Flatten(),
        nn.Dropout(0.2),
        nn.Linear(108, 4),
    )


def test_a_module_trains_as_in_eager_mode():
    nets = model(), rl.compile(model())
    losses = []
    for net in nets:
        opt = rl.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
        rl.manual_seed(1)
        found = []
        for _ in range(5):
            loss = F.cross_entropy(net(rl.randn(4, 1, 8, 8)), rl.randint(0, 4, (4,)))
            opt.zero_grad()
            loss.backward()
            opt.step()
            found.append(loss.item())
        losses.append(found)
    assert losses[0] == losses[1]
    assert isinstance(nets[1], nn.Sequential) and nets[1].forward.compiled.programs
    for (name, a), b in zip(
        nets[0].state_dict().items(), nets[1].state_dict().values(), strict=True
    ):
        assert np.array_equal(a.numpy(), b.numpy()), name


def test_a_compiled_part_of_a_larger_graph():
    w = nn.Parameter(rl.randn(3, 3))
    v = nn.Parameter(rl.randn(3))
    part = rl.compile(lambda x, y: ((x @ w).tanh() * y, x.sum(), x[0]))
    for _ in range(3):
        grads = []
        for f in (part.compiled.f, part):
            w.grad = v.grad = None
            a, b, c = f(rl.ones(2, 3) * v, v)
            (a.sum() * b + c.sum()).backward()
            grads.append((w.grad, v.grad))
        for a, b in zip(*grads, strict=True):
            rl.testing.assert_close(a, b)
    assert len(part.compiled.programs) == 1


def test_a_weight_changed_before_backward_is_noticed():
    w = nn.Parameter(rl.ones(3))
    f = rl.compile(lambda x: (x * w * w).sum())
    loss = f(rl.ones(3))
    with rl.no_grad():
        w.mul_(2)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()
    loss = f(rl.ones(3))
    loss.backward()
    assert w.grad.tolist() == [4, 4, 4]
    with pytest.raises(RuntimeError, match="backward through the graph a second time"):
        loss.backward()


def test_second_derivatives_are_refused():
    f = rl.compile(lambda x: (x**3).sum())
    x = rl.ones(2, requires_grad=True)
    with pytest.raises(RuntimeError, match="double backward"):
        rl.autograd.grad(f(x), x, create_graph=True)


def test_copies_and_pickles_of_a_compiled_module():
    net = rl.compile(nn.Linear(2, 2))
    twin = copy.deepcopy(net)
    with rl.no_grad():
        twin.weight.zero_()
        twin.bias.zero_()
    x = rl.ones(1, 2)
    assert twin(x).tolist() == [[0, 0]] and net(x).tolist() != [[0, 0]]
    assert list(net.state_dict()) == ["weight", "bias"]
    net.compile()
    assert net(x).requires_grad
