"""Optimizers without PyTorch: groups, hooks, states, in-place writes, and gradients of steps."""

import copy
import pickle
import threading

import numpy as np
import pytest

import rushlight as rl
from rushlight import optim

NAMES = [
    "SGD",
    "Adam",
    "AdamW",
    "RMSprop",
    "Adagrad",
    "Adadelta",
    "Adamax",
    "NAdam",
    "RAdam",
    "ASGD",
    "Rprop",
]


def made(name, params, **options):
    if name == "SGD":
        options = {"lr": 0.1, "momentum": 0.9, **options}
    return getattr(optim, name)(params, **options)


@pytest.mark.parametrize("name", NAMES)
def test_a_quadratic_falls(name):
    x = rl.tensor([3.0, -2.0], requires_grad=True)
    options = {"lr": 1.0} if name in ("Adagrad", "Adadelta") else {"lr": 0.05}
    optimizer = made(name, [x], **options)
    losses = []
    for _ in range(60):
        optimizer.zero_grad()
        loss = (x * x).sum()
        loss.backward()
        losses.append(optimizer.step(lambda loss=loss: loss.item()))
    assert losses[-1] < losses[0]


def test_lbfgs_finds_the_minimum():
    x = rl.tensor([3.0, -2.0], requires_grad=True)
    optimizer = optim.LBFGS([x], line_search_fn="strong_wolfe")

    def closure():
        optimizer.zero_grad()
        loss = ((x - rl.tensor([1.0, 2.0])) ** 4).sum() + (x**2).sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    closure()
    assert x.grad.abs().max() < 1e-3


def test_momentum_is_what_the_formula_says():
    x = rl.tensor([1.0], requires_grad=True)
    optimizer = optim.SGD([x], lr=0.1, momentum=0.5)
    x.grad = rl.tensor([1.0])
    optimizer.step()
    assert x.item() == pytest.approx(0.9)
    optimizer.step()
    assert x.item() == pytest.approx(0.9 - 0.1 * 1.5)
    assert optimizer.state[x]["momentum_buffer"].item() == pytest.approx(1.5)


@pytest.mark.parametrize("name", NAMES)
def test_every_layout_and_way_of_running_agrees(name):
    rng = np.random.default_rng(0)
    start, grads = rng.standard_normal((7, 5)), rng.standard_normal((4, 7, 5))
    plain = rl.tensor(start, requires_grad=True)
    turned = rl.tensor(start.T.copy()).t().requires_grad_()
    taped = rl.tensor(start, requires_grad=True) * 1
    params = plain, turned, taped
    optimizers = [made(name, [x], differentiable=x is taped) for x in params]
    for grad in grads:
        for x, optimizer in zip(params, optimizers, strict=True):
            x.grad = rl.tensor(grad)
            optimizer.step()
    for x in (turned, taped):
        np.testing.assert_allclose(x.detach().numpy(), plain.detach().numpy(), rtol=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_blocks_do_not_change_the_result(name, monkeypatch):
    from rushlight.optim import _update

    def result():
        rng = np.random.default_rng(0)
        x = rl.tensor(rng.standard_normal(1000), requires_grad=True)
        optimizer = made(name, [x])
        for _ in range(3):
            x.grad = rl.tensor(rng.standard_normal(1000))
            optimizer.step()
        return x.detach().numpy()

    whole = result()
    monkeypatch.setattr(_update, "BLOCK", 64)
    monkeypatch.setattr(_update, "WHOLE", 100)
    np.testing.assert_array_equal(result(), whole)


@pytest.mark.parametrize("name", [*NAMES, "Adam amsgrad", "RMSprop centered"])
def test_gradients_of_three_steps_by_finite_differences(name):
    if name in ("ASGD", "Rprop"):
        pytest.skip("their numbers do not depend smoothly on the gradient")
    options = {"momentum": 0.0} if name == "SGD" else {}
    name, _, extra = name.partition(" ")
    options |= {extra: True} if extra else {}

    def loss(values):
        weight = rl.tensor(values, requires_grad=True)
        x = weight * 1.5
        optimizer = made(name, [x], **options, differentiable=True)
        for factor in (1.0, -0.5, 2.0):
            x.grad = weight * factor + 0.1
            optimizer.step()
        return weight, (x**2).sum()

    start = np.array([1.0, -2.0, 3.0])
    weight, total = loss(start)
    total.backward()
    for i in range(3):
        step = np.eye(3)[i] * 1e-6
        slope = (loss(start + step)[1].item() - loss(start - step)[1].item()) / 2e-6
        assert weight.grad[i].item() == pytest.approx(slope, rel=1e-4, abs=1e-6)


def test_a_step_counts_as_a_write():
    x = rl.tensor([1.0, 2.0], requires_grad=True)
    out = (x * x).sum()
    optimizer = optim.SGD([x], lr=0.1)
    x.grad = rl.ones(2)
    optimizer.step()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        out.backward()


def test_parameters_without_gradient_stay():
    x, y = rl.ones(2, requires_grad=True), rl.ones(2, requires_grad=True)
    optimizer = optim.Adam([x, y])
    x.grad = rl.ones(2)
    optimizer.step()
    assert y.tolist() == [1, 1]
    assert list(optimizer.state) == [x]


def test_zero_grad():
    x = rl.ones(2, requires_grad=True)
    optimizer = optim.SGD([x], lr=0.1)
    (x * 2).sum().backward()
    kept = x.grad
    optimizer.zero_grad(set_to_none=False)
    assert x.grad is kept
    assert kept.tolist() == [0, 0]
    optimizer.zero_grad()
    assert x.grad is None


def test_groups_have_their_own_options():
    x, y = rl.ones(1, requires_grad=True), rl.ones(1, requires_grad=True)
    optimizer = optim.SGD([{"params": x}, {"params": [y], "lr": 1.0}], lr=0.1)
    x.grad, y.grad = rl.ones(1), rl.ones(1)
    optimizer.step()
    assert x.item() == pytest.approx(0.9)
    assert y.item() == 0.0
    z = rl.ones(1, requires_grad=True)
    optimizer.add_param_group({"params": z, "momentum": 0.5})
    assert [group["lr"] for group in optimizer.param_groups] == [0.1, 1.0, 0.1]


def test_names_are_kept_in_the_state_dict():
    model = rl.nn.Linear(2, 1)
    optimizer = optim.SGD(model.named_parameters(), lr=0.1)
    assert optimizer.param_groups[0]["param_names"] == ["weight", "bias"]
    assert optimizer.state_dict()["param_groups"][0]["param_names"] == ["weight", "bias"]


def test_hooks_run_in_order():
    x = rl.ones(1, requires_grad=True)
    optimizer, seen = optim.SGD([x], lr=0.1), []
    note = lambda name: lambda *args: seen.append(name)
    optimizer.register_step_pre_hook(note("pre"))
    optimizer.register_step_post_hook(note("post"))
    everywhere = optim.optimizer.register_optimizer_step_pre_hook(note("any"))
    optimizer.register_state_dict_pre_hook(note("save"))
    optimizer.register_state_dict_pre_hook(note("save first"), prepend=True)
    optimizer.register_state_dict_post_hook(note("saved"))
    optimizer.register_load_state_dict_pre_hook(note("load"))
    optimizer.register_load_state_dict_post_hook(note("loaded"))
    optimizer.step()
    everywhere.remove()
    optimizer.step()
    optimizer.load_state_dict(optimizer.state_dict())
    steps = ["any", "pre", "post", "pre", "post"]
    assert seen == [*steps, "save first", "save", "saved", "load", "loaded"]


def test_a_pre_hook_may_change_the_arguments():
    x = rl.ones(1, requires_grad=True)
    optimizer = optim.SGD([x], lr=0.1)
    optimizer.register_step_pre_hook(lambda o, args, kwargs: ((o, lambda: 7), {}))
    assert optimizer.step() == 7
    optimizer.register_step_pre_hook(lambda o, args, kwargs: 3)
    with pytest.raises(RuntimeError, match="must return None or a tuple"):
        optimizer.step()


def test_own_optimizer():
    class Signs(optim.Optimizer):
        def __init__(self, params, lr=0.5):
            super().__init__(params, {"lr": lr})

        @rl.no_grad()
        def step(self, closure=None):
            for group in self.param_groups:
                for p in group["params"]:
                    p.add_(p.grad.sign(), alpha=-group["lr"])

    x = rl.tensor([1.0, -1.0], requires_grad=True)
    (x * x).sum().backward()
    optimizer, seen = Signs([x]), []
    optimizer.register_step_post_hook(lambda *args: seen.append(1))
    optimizer.step()
    assert x.tolist() == [0.5, -0.5]
    assert seen == [1]


def test_copies_and_pickles_go_on():
    x = rl.ones(2, requires_grad=True)
    optimizer = optim.Adam([x])
    x.grad = rl.ones(2)
    optimizer.step()
    for twin in (copy.deepcopy(optimizer), pickle.loads(pickle.dumps(optimizer))):
        (param,) = twin.param_groups[0]["params"]
        param.grad = rl.ones(2)
        twin.step()
        assert twin.state[param]["step"].item() == 2


def test_an_old_checkpoint_lacks_options_and_counts_in_numbers():
    x = rl.ones(2, requires_grad=True)
    optimizer = optim.Adam([x])
    x.grad = rl.ones(2)
    optimizer.step()
    state = copy.deepcopy(optimizer.state_dict())
    state["state"][0]["step"] = 1
    del state["param_groups"][0]["maximize"]
    optimizer.load_state_dict(state)
    optimizer.step()
    assert optimizer.state[x]["step"].item() == 2
    assert optimizer.param_groups[0]["maximize"] is False


def test_fresh_momentum_is_made_where_a_checkpoint_has_none():
    x = rl.ones(1, requires_grad=True)
    optimizer = optim.SGD([x], lr=0.1, momentum=0.9)
    state = optimizer.state_dict()
    state["state"][0] = {"momentum_buffer": None}
    optimizer.load_state_dict(state)
    x.grad = rl.ones(1)
    optimizer.step()
    assert x.item() == pytest.approx(0.9)


def test_duplicates_warn():
    x = rl.ones(1, requires_grad=True)
    with pytest.warns(UserWarning, match="duplicate parameters"):
        optim.SGD([x, x], lr=0.1)


def test_capturable_is_for_gpus():
    x = rl.ones(1, requires_grad=True)
    x.grad = rl.ones(1)
    with pytest.raises(AssertionError, match="capturable=True"):
        optim.Adam([x], capturable=True).step()


def test_parameters_without_memory_take_steps_too():
    x = rl.ones(3, device="meta").requires_grad_()
    x.grad = rl.ones(3, device="meta")
    optimizer = optim.Adam([x])
    optimizer.step()
    assert x.is_meta
    assert optimizer.state[x]["exp_avg"].is_meta


def test_a_learning_rate_may_be_a_tensor():
    x = rl.ones(3, requires_grad=True)
    x.grad = rl.ones(3)
    optim.SGD([x], lr=rl.tensor(0.5)).step()
    assert x.tolist() == [0.5, 0.5, 0.5]


def test_numbers_of_numpy_do_not_widen():
    x = rl.ones(3, requires_grad=True)
    x.grad = rl.ones(3)
    optimizer = optim.SGD([x], lr=np.float64(0.5), momentum=np.float64(0.9))
    optimizer.step()
    assert x.dtype is rl.float32
    assert x.tolist() == [0.5, 0.5, 0.5]


def test_a_state_that_was_replaced_is_seen():
    x = rl.ones(1, requires_grad=True)
    optimizer = optim.SGD([x], lr=1.0, momentum=1.0)
    x.grad = rl.ones(1)
    optimizer.step()
    optimizer.state[x]["momentum_buffer"] = rl.full((1,), 10.0)
    optimizer.step()
    assert x.item() == 1 - 1 - 11
    x.data = rl.full((1,), 100.0)
    optimizer.step()
    assert x.item() == 100 - 12


def test_several_threads_step_their_own_parameters():
    def train(results, number):
        x = rl.full((1000,), float(number), requires_grad=True)
        optimizer = optim.Adam([x], lr=0.1)
        for _ in range(50):
            x.grad = x.detach() * 2
            optimizer.step()
        results[number] = x.detach().numpy()

    alone, together = {}, {}
    for number in range(1, 4):
        train(alone, number)
    threads = [threading.Thread(target=train, args=(together, n)) for n in range(1, 4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number, values in alone.items():
        np.testing.assert_array_equal(together[number], values)


@pytest.mark.parametrize(("name", "fused"), [("SGD", False), ("Adam", None), ("Adagrad", None)])
def test_an_older_group_gets_the_options_that_came_later(name, fused):
    optimizer = made(name, [rl.zeros(2, requires_grad=True)])
    older = [
        {key: group[key] for key in group if key not in ("fused", "maximize")}
        for group in optimizer.param_groups
    ]
    optimizer.__setstate__({"state": optimizer.state, "param_groups": older})
    assert older[0]["fused"] is fused
    assert older[0]["maximize"] is False


@pytest.mark.parametrize("name", ["Adam", "AdamW", "Adamax", "NAdam", "RAdam"])
def test_one_beta_is_too_few(name):
    with pytest.raises(IndexError, match="out of range"):
        getattr(rl.optim, name)([rl.zeros(2, requires_grad=True)], betas=(0.9,))
