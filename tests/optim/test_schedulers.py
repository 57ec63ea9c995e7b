"""Schedules without PyTorch: the formulas, what they keep, and what they say."""

import math

import pytest

import rushlight as rl
from rushlight.optim import SGD, lr_scheduler


def optimizer_of(lr=1.0):
    return SGD([rl.zeros(1, requires_grad=True)], lr=lr, momentum=0.9)


def rates(schedule, epochs):
    optimizer = optimizer_of()
    scheduler = schedule(optimizer)
    seen = []
    for _ in range(epochs):
        seen.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return seen


def test_step_and_multistep():
    assert rates(lambda o: lr_scheduler.StepLR(o, 2, 0.5), 5) == [1, 1, 0.5, 0.5, 0.25]
    assert rates(lambda o: lr_scheduler.MultiStepLR(o, [1, 3], 0.5), 5) == [1, 0.5, 0.5, 0.25, 0.25]


def test_cosine_is_a_cosine():
    seen = rates(lambda o: lr_scheduler.CosineAnnealingLR(o, 10), 11)
    expected = [(1 + math.cos(math.pi * t / 10)) / 2 for t in range(11)]
    assert seen == pytest.approx(expected, abs=1e-12)


def test_cyclic_is_a_triangle():
    seen = rates(lambda o: lr_scheduler.CyclicLR(o, 0.0, 1.0, step_size_up=2), 6)
    assert seen == pytest.approx([0, 0.5, 1, 0.5, 0, 0.5])


def test_one_cycle_ends_far_below_its_start():
    seen = rates(lambda o: lr_scheduler.OneCycleLR(o, 1.0, total_steps=10), 10)
    assert seen[0] == pytest.approx(1 / 25)
    assert max(seen) == pytest.approx(1.0)
    assert seen[-1] == pytest.approx(1 / 25e4)


def test_one_cycle_refuses_more_steps():
    optimizer = optimizer_of()
    scheduler = lr_scheduler.OneCycleLR(optimizer, 1.0, total_steps=2)
    for _ in range(2):
        optimizer.step()
        scheduler.step()
    with pytest.raises(ValueError, match="Tried to step 3 times"):
        scheduler.step()


def test_plateau_waits_for_its_patience():
    optimizer = optimizer_of()
    scheduler = lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=1)
    for loss in (1.0, 1.0, 1.0):
        scheduler.step(loss)
    assert scheduler.get_last_lr() == [0.5]


def test_a_learning_rate_that_is_a_tensor_is_filled():
    lr = rl.tensor(1.0)
    optimizer = optimizer_of(lr)
    scheduler = lr_scheduler.ExponentialLR(optimizer, 0.5)
    optimizer.step()
    scheduler.step()
    assert optimizer.param_groups[0]["lr"] is lr
    assert lr.item() == 0.5
    assert scheduler.get_last_lr()[0] is not lr


def test_the_state_of_a_callable_object_is_kept():
    class Warmup:
        def __init__(self, length):
            self.length = length

        def __call__(self, epoch):
            return min(1.0, (epoch + 1) / self.length)

    first = lr_scheduler.LambdaLR(optimizer_of(), Warmup(4))
    second = lr_scheduler.LambdaLR(optimizer_of(), Warmup(9))
    state = first.state_dict()
    assert state["lr_lambdas"] == [{"length": 4}]
    second.load_state_dict(state)
    assert second.lr_lambdas[0].length == 4
    assert lr_scheduler.LambdaLR(optimizer_of(), lambda e: 1).state_dict()["lr_lambdas"] == [None]


def test_wrong_order_warns():
    optimizer = optimizer_of()
    scheduler = lr_scheduler.StepLR(optimizer, 1)
    with pytest.warns(UserWarning, match=r"`lr_scheduler.step\(\)` before `optimizer.step\(\)`"):
        scheduler.step()


def test_old_way_of_giving_the_epoch_warns_and_works():
    optimizer = optimizer_of()
    scheduler = lr_scheduler.ExponentialLR(optimizer, 0.5)
    optimizer.step()
    with pytest.warns(UserWarning, match="epoch parameter"):
        scheduler.step(3)
    assert scheduler.get_last_lr() == [0.125]


def test_own_schedule():
    class Halves(lr_scheduler._LRScheduler):
        def get_lr(self):
            return [base / (self.last_epoch + 1) for base in self.base_lrs]

    assert rates(Halves, 3) == [1, 1 / 2, 1 / 3]
