"""Schedules that are stepped inside the compiled step: rates stay right, nothing is traced anew."""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import rushlight as rl
from rushlight import nn

F = nn.functional
S = rl.optim.lr_scheduler
SCHEDULES: dict[str, Callable] = {
    "step": lambda o: S.StepLR(o, 3),
    "lambda": lambda o: S.LambdaLR(o, lambda epoch: min(1.0, epoch / 5)),
    "multiplicative": lambda o: S.MultiplicativeLR(o, lambda epoch: 0.95),
    "cosine": lambda o: S.CosineAnnealingLR(o, 8),
    "one cycle": lambda o: S.OneCycleLR(o, 0.2, total_steps=30),
    "restarts": lambda o: S.CosineAnnealingWarmRestarts(o, 4),
    "sequence": lambda o: S.SequentialLR(
        o, [S.LinearLR(o, 0.1, total_iters=4), S.ExponentialLR(o, 0.9)], [4]
    ),
    "chain": lambda o: S.ChainedScheduler([S.ExponentialLR(o, 0.9), S.StepLR(o, 4)]),
}


def trained(optimizer: str, schedule: Callable, steps: int = 1) -> tuple:
    """A step that ends with the schedule's, its optimizer, the schedule."""
    rl.manual_seed(0)
    net, x, y = nn.Linear(4, 2), rl.randn(8, 4), rl.randn(8, 2)
    opt = getattr(rl.optim, optimizer)(net.parameters(), lr=0.1)
    made = schedule(opt)

    def step():
        for _ in range(steps):
            opt.zero_grad()
            loss = (net(x) - y).square().mean()
            loss.backward()
            opt.step()
            made.step()
        return loss

    return step, opt, made


def told(schedule: Any) -> str:
    return str({k: v for k, v in schedule.state_dict().items() if k != "lr_lambdas"})


@pytest.mark.parametrize("steps", [1, 3])
@pytest.mark.parametrize("optimizer", ["SGD", "Adam"])
@pytest.mark.parametrize("name", SCHEDULES)
def test_a_schedule_inside(name, optimizer, steps):
    found = []
    for compiled in (False, True):
        step, opt, schedule = trained(optimizer, SCHEDULES[name], steps)
        run = rl.compile(step, fullgraph=True) if compiled else step
        rows = [(run().item(), opt.param_groups[0]["lr"]) for _ in range(9)]
        found.append((rows, told(schedule)))
    np.testing.assert_allclose([a for a, _ in found[0][0]], [a for a, _ in found[1][0]], 1e-5)
    assert [lr for _, lr in found[0][0]] == [lr for _, lr in found[1][0]]
    assert found[0][1] == found[1][1]
    assert run.compiled.traces <= 3  # the first one, the others, and where a rate becomes 0


def test_a_schedule_of_the_user_s():
    class Own(S.LRScheduler):
        def get_lr(self):
            return [base / (1 + self.last_epoch) for base in self.base_lrs]

    step, opt, schedule = trained("SGD", Own)
    run = rl.compile(step, fullgraph=True)
    for _ in range(5):
        run()
    assert opt.param_groups[0]["lr"] == 0.1 / 6
    assert schedule.last_epoch == 5
    assert run.compiled.traces == 2


@pytest.mark.filterwarnings("ignore:rushlight.compile")
def test_a_schedule_that_is_read_runs_eagerly():
    for read in (lambda s: s.get_last_lr()[0], lambda s: s.last_epoch):
        step, _, schedule = trained("SGD", SCHEDULES["step"])

        def both(step=step, schedule=schedule, read=read):
            step()
            return read(schedule)

        run, rates = rl.compile(both), []
        for _ in range(6):
            assert run() == read(schedule)
            rates.append(read(schedule))
        assert len(set(rates)) > 1
        assert schedule.last_epoch == 6


@pytest.mark.filterwarnings("ignore:rushlight.compile")
def test_a_step_of_the_user_s_in_a_schedule_counts_once():
    class Counting(S.StepLR):
        count = 0

        def step(self, epoch=None):
            super().step(epoch)
            self.count += 1

    step, opt, schedule = trained("SGD", lambda o: Counting(o, 3))
    run = rl.compile(step)
    for _ in range(6):
        run()
    assert (schedule.count, schedule.last_epoch) == (7, 6)  # one when it is made
    assert opt.param_groups[0]["lr"] == pytest.approx(0.001)


def test_a_refused_run_takes_the_schedule_back():
    weight = rl.nn.Parameter(rl.ones(4, 2))
    opt = rl.optim.Adam([weight], lr=1.0)
    schedule = S.ExponentialLR(opt, 0.5)

    def step(i):
        opt.zero_grad()
        F.embedding(i, weight).sum().backward()
        opt.step()
        schedule.step()

    run = rl.compile(step, fullgraph=True)
    for _ in range(3):
        run(rl.tensor([0, 1]))
    with pytest.raises(IndexError):
        run(rl.tensor([0, 7]))
    assert schedule.last_epoch == 3
    assert opt.param_groups[0]["lr"] == 0.125
    assert opt.state[weight]["step"].item() == 3


def test_a_schedule_that_is_over_says_so_and_counts_once():
    found = []
    for compiled in (False, True):
        step, opt, _ = trained("Adam", lambda o: S.OneCycleLR(o, 0.2, total_steps=4))
        run = rl.compile(step) if compiled else step
        for _ in range(3):
            run()
        with pytest.raises(ValueError, match="Tried to step 5 times"):
            run()
            run()
        found.append([opt.state[p]["step"].item() for p in opt.param_groups[0]["params"]])
    assert found[0] == found[1]


def test_a_checked_program_steps_its_schedule_once():
    step, opt, schedule = trained("Adam", SCHEDULES["step"])
    run = rl.compile(step, check=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(4):
            run()
    assert schedule.last_epoch == 4
    assert opt.param_groups[0]["lr"] == pytest.approx(0.01)


def test_a_schedule_that_is_told_the_epoch_is_told_each():
    found = []
    for compiled in (False, True):
        rl.manual_seed(0)
        net = nn.Linear(2, 1)
        opt = rl.optim.SGD(net.parameters(), lr=0.1)
        schedule = S.LambdaLR(opt, lambda epoch: 1 / (1 + epoch))

        def step(n):
            opt.zero_grad()
            net(rl.ones(3, 2)).square().mean().backward()
            opt.step()
            schedule.step(n)

        run = rl.compile(step) if compiled else step
        rows = []
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for n in (1, 2, 5, 9, 3, 4, 11):
                run(n)
                rows.append((opt.param_groups[0]["lr"], schedule.last_epoch))
        found.append(rows)
    assert found[0] == found[1]


@pytest.mark.parametrize("measured", ["loss", "other", "number", "bfloat16"])
def test_a_schedule_that_a_value_steers_is_stepped_after_each_run(measured):
    found = []
    for compiled in (False, True):
        rl.manual_seed(0)
        net, x, y = nn.Linear(4, 2), rl.randn(8, 4), rl.randn(8, 2)
        opt = rl.optim.Adam(net.parameters(), lr=0.5)
        made = S.ReduceLROnPlateau(opt, patience=1, cooldown=1)

        def step(n):
            opt.zero_grad()
            loss = (net(x) - y).square().mean()
            loss.backward()
            opt.step()
            told = {"loss": loss, "other": loss.detach().sqrt(), "number": n}
            made.step(loss.bfloat16() if measured == "bfloat16" else told[measured])
            return loss

        run = rl.compile(step, fullgraph=True) if compiled else step
        rows = [
            (run(1 / (1 + n % 5)).item(), opt.param_groups[0]["lr"], made.num_bad_epochs, made.best)
            for n in range(20)
        ]
        found.append(rows)
        if compiled:
            assert run.compiled.traces <= 2 + (measured == "number")
    np.testing.assert_allclose(found[0], found[1], 1e-5)
    assert len({lr for _, lr, *_ in found[1]}) > 1


@pytest.mark.filterwarnings("ignore:rushlight.compile")
@pytest.mark.parametrize("order", ["before", "read"])
def test_a_step_that_goes_on_with_what_a_value_steers_is_eager(order):
    found = []
    for compiled in (False, True):
        rl.manual_seed(0)
        net, x = nn.Linear(4, 2), rl.randn(8, 4)
        opt = rl.optim.SGD(net.parameters(), lr=0.5)
        made = S.ReduceLROnPlateau(opt, patience=0, threshold=10.0)

        def step():
            opt.zero_grad()
            loss = net(x).square().mean()
            loss.backward()
            if order == "before":
                made.step(loss)
            opt.step()
            if order == "read":
                made.step(loss)
                return loss * opt.param_groups[0]["lr"]
            return loss

        run = rl.compile(step) if compiled else step
        found.append([run().item() for _ in range(6)])
    np.testing.assert_allclose(found[0], found[1], 1e-5)


def test_a_plateau_under_check_counts_once():
    net, x = nn.Linear(4, 2), rl.randn(8, 4)
    opt = rl.optim.SGD(net.parameters(), lr=0.5)
    made = S.ReduceLROnPlateau(opt)

    def step():
        opt.zero_grad()
        loss = net(x).square().mean()
        loss.backward()
        opt.step()
        made.step(loss)
        return loss

    run = rl.compile(step, check=True)
    for n in range(4):
        run()
        assert made.last_epoch == n + 1
