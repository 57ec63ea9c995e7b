"""Training steps, captured whole: losses, weights and gradients as in eager mode, bit for bit."""

import copy

import numpy as np
import pytest

import rushlight as rl
import rushlight.nn.functional as F
from rushlight import nn


def same(a, b):
    """Whether two modules have the same state and gradients."""
    for (name, x), y in zip(a.state_dict().items(), b.state_dict().values(), strict=True):
        assert np.array_equal(x.numpy(), y.numpy()), name
    for p, q in zip(a.parameters(), b.parameters(), strict=True):
        assert (p.grad is None) == (q.grad is None)
        if p.grad is not None:
            assert np.array_equal(p.grad.numpy(), q.grad.numpy())


def mlp():
    rl.manual_seed(0)
    return nn.Sequential(nn.Linear(12, 16), nn.ReLU(), nn.Linear(16, 5))


def batches(n=6, shape=(8, 12), sizes=None):
    rl.manual_seed(1)
    return [
        (
            rl.randn((sizes[i] if sizes else shape[0]), *shape[1:]),
            rl.randint(0, 5, (sizes[i] if sizes else shape[0],)),
        )
        for i in range(n)
    ]


def train(make_step, data, compiled, seed=3):
    """The losses of a run from one seed; `make_step` gives (model, step)."""
    model, step = make_step()
    run = rl.compile(step) if compiled else step
    rl.manual_seed(seed)
    return model, [run(*batch).item() for batch in data], run


def agree(make_step, data, traces=None):
    a, la, _ = train(make_step, data, False)
    b, lb, run = train(make_step, data, True)
    assert la == lb
    same(a, b)
    assert run.compiled.programs, run.explain()
    if traces is not None:
        assert run.compiled.traces <= traces, run.explain()
    return run


OPTIMIZERS = {
    "sgd": lambda p: rl.optim.SGD(p, lr=0.1),
    "momentum": lambda p: rl.optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=1e-3, nesterov=True),
    "adam": lambda p: rl.optim.Adam(p, lr=0.01),
    "adamw": lambda p: rl.optim.AdamW(p, lr=0.01, amsgrad=True),
    "rmsprop": lambda p: rl.optim.RMSprop(p, lr=0.01, momentum=0.5, centered=True),
    "adagrad": lambda p: rl.optim.Adagrad(p, lr=0.01),
    "adadelta": lambda p: rl.optim.Adadelta(p),
    "adamax": lambda p: rl.optim.Adamax(p),
    "nadam": lambda p: rl.optim.NAdam(p),
    "radam": lambda p: rl.optim.RAdam(p),
    "rprop": lambda p: rl.optim.Rprop(p),
    "asgd": lambda p: rl.optim.ASGD(p),
}


def plain_step(net, opt):
    def step(x, y):
        opt.zero_grad()
        loss = F.cross_entropy(net(x), y)
        loss.backward()
        opt.step()
        return loss

    return step


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_mlp_with_each_optimizer(name):
    def make():
        net = mlp()
        return net, plain_step(net, OPTIMIZERS[name](net.parameters()))

    agree(make, batches(8), traces=4)


def test_the_optimizers_state_is_the_same():
    states = []
    for compiled in (False, True):
        net = mlp()
        opt = rl.optim.Adam(net.parameters(), lr=0.01)
        step = plain_step(net, opt)
        step = rl.compile(step) if compiled else step
        for batch in batches():
            step(*batch)
        states.append(opt.state_dict()["state"])
    for a, b in zip(states[0].values(), states[1].values(), strict=True):
        assert {k: v.tolist() for k, v in a.items()} == {k: v.tolist() for k, v in b.items()}


def test_a_scheduler_outside_never_retraces():
    def make():
        net = mlp()
        opt = rl.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
        inner = plain_step(net, opt)
        make.schedulers.append(rl.optim.lr_scheduler.StepLR(opt, 2, 0.5))
        return net, inner

    make.schedulers = []
    found = []
    for compiled in (False, True):
        net, step = make()
        run = rl.compile(step) if compiled else step
        losses = []
        for batch in batches(10):
            losses.append(run(*batch).item())
            make.schedulers[-1].step()
        found.append(losses)
    assert found[0] == found[1]
    assert run.compiled.traces == 2


def test_a_group_that_the_user_changes_is_seen():
    def make():
        net = mlp()
        opt = rl.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
        return net, plain_step(net, opt), opt

    (a, eager, oa), (b, step, ob) = make(), make()
    run = rl.compile(step)
    for i, batch in enumerate(batches(8)):
        if i == 4:
            oa.param_groups[0]["momentum"] = ob.param_groups[0]["momentum"] = 0.0
            oa.param_groups[0]["lr"] = ob.param_groups[0]["lr"] = 0.01
        assert eager(*batch).item() == run(*batch).item()
    same(a, b)


class Convolutional(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4)
        self.drop = nn.Dropout(0.3)
        self.out = nn.Linear(4 * 4 * 4, 5)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.norm(self.conv(x))), 2)
        return self.out(self.drop(x.flatten(1)))


def test_convolution_with_batch_norm_and_dropout():
    def make():
        rl.manual_seed(0)
        net = Convolutional()
        return net, plain_step(net, rl.optim.SGD(net.parameters(), lr=0.05, momentum=0.9))

    run = agree(make, batches(6, (8, 1, 8, 8)))
    assert "bits" in run.explain()


def test_train_and_eval_are_two_programs():
    rl.manual_seed(0)
    net = Convolutional()
    run = rl.compile(lambda x: net(x).detach())
    x = rl.randn(4, 1, 8, 8)
    for training in (True, False, True, False):
        net.train(training)
        before = copy.deepcopy(net)
        rl.manual_seed(5)
        with rl.no_grad():
            wanted = before(x)
        rl.manual_seed(5)
        with rl.no_grad():
            found = run(x)
        assert np.array_equal(found.numpy(), wanted.numpy())
        same(net, before)
    assert run.compiled.traces == 2


def test_two_networks_in_one_step():
    def make():
        rl.manual_seed(0)
        nets = nn.ModuleList([nn.Linear(4, 12), nn.Linear(12, 1)])
        gen, dis = nets
        og = rl.optim.Adam(gen.parameters(), lr=0.01)
        od = rl.optim.SGD(dis.parameters(), lr=0.05, momentum=0.9)

        def step(real, _):
            noise = rl.randn(8, 4)
            fake = gen(noise)
            od.zero_grad()
            logits = dis(real), dis(fake.detach())
            d = F.softplus(-logits[0]).mean() + F.softplus(logits[1]).mean()
            d.backward()
            od.step()
            og.zero_grad()
            g = F.softplus(-dis(fake)).mean()
            g.backward()
            og.step()
            return d + g

        return nets, step

    agree(make, batches(6))


def test_gradients_accumulate_over_calls():
    def make():
        net = mlp()
        opt = rl.optim.SGD(net.parameters(), lr=0.1)
        count = [0]
        micro = (
            rl.compile(lambda x, y: backward(net, x, y))
            if make.compiled
            else lambda x, y: backward(net, x, y)
        )

        def step(x, y):
            loss = micro(x, y)
            count[0] += 1
            if count[0] % 3 == 0:
                opt.step()
                opt.zero_grad()
            return loss

        return net, step

    def backward(net, x, y):
        loss = F.cross_entropy(net(x), y) / 3
        loss.backward()
        return loss

    found = []
    for make.compiled in (False, True):
        net, step = make()
        found.append((net, [step(*batch).item() for batch in batches(9)]))
    assert found[0][1] == found[1][1]
    same(found[0][0], found[1][0])


def test_clipping_and_a_moving_average():
    def make():
        net = mlp()
        mean = copy.deepcopy(net)
        opt = rl.optim.Adam(net.parameters(), lr=0.01)
        both = nn.ModuleList([net, mean])

        def step(x, y):
            opt.zero_grad()
            loss = F.cross_entropy(net(x), y)
            loss.backward()
            nn.utils.clip_grad_norm_(net.parameters(), 0.1)
            opt.step()
            with rl.no_grad():
                for p, q in zip(mean.parameters(), net.parameters(), strict=True):
                    p.mul_(0.9).add_(q, alpha=0.1)
            return loss

        return both, step

    agree(make, batches(6))


def test_the_ragged_last_batch_costs_one_trace():
    def make():
        net = mlp()
        return net, plain_step(net, rl.optim.SGD(net.parameters(), lr=0.1))

    agree(make, batches(8, sizes=[8, 8, 8, 3, 8, 8, 8, 3]), traces=3)


def test_gradients_set_to_zero_stay_the_same_tensors():
    def make():
        net = mlp()
        opt = rl.optim.SGD(net.parameters(), lr=0.1)

        def step(x, y):
            opt.zero_grad(set_to_none=False)
            loss = F.cross_entropy(net(x), y)
            loss.backward()
            opt.step()
            return loss

        return net, step

    agree(make, batches(6))


def test_a_backward_pass_over_a_result_again_is_refused():
    net = mlp()
    run = rl.compile(plain_step(net, rl.optim.SGD(net.parameters(), lr=0.1)))
    for batch in batches(4):
        loss = run(*batch)
    assert loss.requires_grad
    with pytest.raises(RuntimeError, match="Trying to backward through the graph a second time"):
        loss.backward()


@pytest.mark.filterwarnings("ignore:rushlight.compile")
@pytest.mark.parametrize("inside", [True, False])
def test_a_rate_that_the_step_changes_is_changed_once(inside):
    """By a scheduler, or by a method of the user's: the step runs eagerly."""

    class Trainer:
        def __init__(self):
            self.w = rl.nn.Parameter(rl.ones(3))
            self.optimizer = rl.optim.SGD([self.w], lr=1.0)
            self.schedule = rl.optim.lr_scheduler.ExponentialLR(self.optimizer, 0.5)

        def slower(self):
            for group in self.optimizer.param_groups:
                group["lr"] *= 0.5

        def step(self):
            self.optimizer.zero_grad()
            self.w.sum().backward()
            self.optimizer.step()
            self.schedule.step() if inside else self.slower()

    trainer = Trainer()
    run = rl.compile(trainer.step)
    for _ in range(5):
        run()
    assert trainer.optimizer.param_groups[0]["lr"] == 0.5**5
    assert trainer.w.tolist() == [1 - 1.9375] * 3
