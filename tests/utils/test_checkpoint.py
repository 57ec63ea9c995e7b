"""Checkpointing: the same values, gradients and random numbers, with less kept."""

import warnings

import pytest

import rushlight as rl
from rushlight.utils.checkpoint import CheckpointError, checkpoint, checkpoint_sequential

WAYS = [True, False]


def grads(*tensors):
    return [t.grad.tolist() for t in tensors]


def made():
    rl.manual_seed(0)
    x = rl.randn(3, 4, requires_grad=True)
    w = rl.randn(4, 5, requires_grad=True)
    return x, w


@pytest.mark.parametrize("reentrant", WAYS)
def test_values_and_gradients_are_the_same(reentrant):
    def run(call):
        x, w = made()
        y = call(lambda a: ((a * 2) @ w).tanh(), x)
        (y**2).sum().backward()
        return y.tolist(), grads(x, w)

    plain = run(lambda f, x: f(x))
    assert run(lambda f, x: checkpoint(f, x, use_reentrant=reentrant)) == plain


@pytest.mark.parametrize("reentrant", WAYS)
def test_the_function_runs_once_forward_and_once_backward(reentrant):
    calls = []

    def square(a):
        calls.append(1)
        return a * a

    x, _ = made()
    y = checkpoint(square, x, use_reentrant=reentrant)
    assert len(calls) == 1
    y.sum().backward()
    assert len(calls) == 2
    with pytest.raises(RuntimeError, match="second time"):
        y.sum().backward()


@pytest.mark.parametrize("reentrant", WAYS)
def test_random_numbers_come_again(reentrant):
    rl.manual_seed(1)
    x = rl.ones(100, requires_grad=True)
    y = checkpoint(lambda a: a * (rl.rand(100) > 0.5), x, use_reentrant=reentrant)
    following = rl.get_rng_state()
    y.sum().backward()
    assert x.grad.tolist() == y.tolist()
    assert rl.equal(rl.get_rng_state(), following)


@pytest.mark.parametrize("reentrant", WAYS)
def test_several_outputs(reentrant):
    x, w = made()
    a, b = checkpoint(lambda t: (t * 2, (t @ w).sum()), x, use_reentrant=reentrant)
    (a.sum() + b * 3).backward()
    first = grads(x, w)
    x.grad = w.grad = None
    ((x * 2).sum() + (x @ w).sum() * 3).backward()
    assert grads(x, w) == first


def test_keywords_nests_and_unused_outputs():
    x, w = made()

    def function(pair, *, scale, more):
        return {"out": [pair[0] * scale, more["w"].sum()], "note": "text", "count": rl.ones(1)}

    out = checkpoint(function, (x, 3), scale=2.0, more={"w": w}, use_reentrant=False)
    assert out["note"] == "text"
    assert not out["count"].requires_grad
    out["out"][0].sum().backward()
    assert x.grad.tolist() == rl.full((3, 4), 2.0).tolist()
    assert w.grad is None


def test_parameters_inside_are_enough():
    w = rl.ones(3, requires_grad=True)
    y = checkpoint(lambda: (w * w).sum(), use_reentrant=False)
    y.backward()
    assert w.grad.tolist() == [2, 2, 2]


def test_tensors_of_the_outside_that_are_not_leaves():
    w = rl.ones(3, requires_grad=True)
    inner = w * 3
    y = checkpoint(lambda a: (a * inner).sum(), rl.ones(3), use_reentrant=False)
    (y + inner.sum()).backward()
    assert w.grad.tolist() == [6, 6, 6]


def test_an_argument_given_twice():
    x = rl.tensor([3.0], requires_grad=True)
    y = x * 1
    checkpoint(lambda a, b: a * b, y, y, use_reentrant=False).backward()
    assert x.grad.item() == 6


def test_hooks_of_an_argument_run_once():
    seen = []
    x = rl.ones(2, requires_grad=True)
    y = x * 2
    y.register_hook(lambda g: seen.append(1))
    checkpoint(lambda a: (a * a).sum(), y, use_reentrant=False).backward()
    assert seen == [1]


def test_grad_and_inputs_work_without_reentrance():
    x, w = made()
    y = checkpoint(lambda a: (a @ w).tanh().sum(), x, use_reentrant=False)
    (found,) = rl.autograd.grad(y, w)
    (expected,) = rl.autograd.grad((x @ w).tanh().sum(), w)
    assert found.tolist() == expected.tolist()


def test_gradients_of_gradients():
    x = rl.tensor([1.0, 2.0], requires_grad=True)
    w = rl.tensor([3.0, 4.0], requires_grad=True)

    def second(call):
        y = call(lambda a: (a**3 * w).sum(), x)
        (g,) = rl.autograd.grad(y, x, create_graph=True)
        return [t.tolist() for t in rl.autograd.grad((g**2).sum(), [x, w])]

    plain = second(lambda f, a: f(a))
    assert second(lambda f, a: checkpoint(f, a, use_reentrant=False)) == plain


def test_checkpoints_inside_checkpoints():
    x, w = made()

    def inner(a):
        return (a @ w).tanh()

    def outer(a):
        return checkpoint(inner, a * 2, use_reentrant=False) * 3

    checkpoint(outer, x, use_reentrant=False).sum().backward()
    first = grads(x, w)
    x.grad = w.grad = None
    (inner(x * 2) * 3).sum().backward()
    assert grads(x, w) == first


@pytest.mark.parametrize("reentrant", WAYS)
@pytest.mark.parametrize("segments", [1, 2, 3])
def test_sequences(reentrant, segments):
    x, w = made()
    v = w.detach().t().clone().requires_grad_()
    chain = [
        lambda a: a @ w,
        lambda a: a.tanh(),
        lambda a: a @ v,
        lambda a: a * 2,
        lambda a: a.exp(),
    ]
    out = x
    for function in chain:
        out = function(out)
    out.sum().backward()
    expected = grads(x, w, v)
    x.grad = w.grad = v.grad = None
    checkpoint_sequential(chain, segments, x, use_reentrant=reentrant).sum().backward()
    assert grads(x, w, v) == expected


def test_without_gradients_nothing_is_recorded():
    x, _ = made()
    with rl.no_grad():
        assert checkpoint(lambda a: a * 2, x, use_reentrant=False).grad_fn is None
    assert checkpoint(lambda a: a * 2, x.detach(), use_reentrant=False).grad_fn is None


def test_what_is_not_given_is_said():
    x, _ = made()
    with pytest.warns(UserWarning, match="use_reentrant parameter should be passed explicitly"):
        checkpoint(lambda a: a * 2, x)
    with pytest.warns(UserWarning, match="None of the inputs have requires_grad=True"):
        checkpoint(lambda a: a * 2, x.detach(), use_reentrant=True)
    with pytest.raises(ValueError, match="Unexpected keyword arguments: scale"):
        checkpoint(lambda a: a * 2, x, use_reentrant=True, scale=3)


def test_a_function_that_changes_is_found_out():
    sizes = iter([2, 3])
    x = rl.ones(1, requires_grad=True)
    y = checkpoint(lambda a: a.expand(next(sizes)), x, use_reentrant=False)
    with pytest.raises(CheckpointError, match="different metadata"):
        y.sum().backward()


def test_parity_with_pytorch():
    torch = pytest.importorskip("torch")
    from torch.utils.checkpoint import checkpoint as theirs

    def run(module, call, reentrant):
        module.manual_seed(0)
        x = module.randn(5, requires_grad=True)
        w = module.ones(5, requires_grad=True)
        drop = module.nn.functional.dropout
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            y = call(lambda a: drop(a * w, 0.5) * a, x, use_reentrant=reentrant)
        y.sum().backward()
        return [x.grad.tolist(), w.grad.tolist(), module.rand(1).item()]

    for reentrant in WAYS:
        mine, expected = run(rl, checkpoint, reentrant), run(torch, theirs, reentrant)
        assert mine[0] == pytest.approx(expected[0], rel=1e-6)
        assert mine[1] == pytest.approx(expected[1], rel=1e-6)
        assert mine[2] == expected[2]
