"""Numbers that go away and come back: no call is given what another one's numbers were."""

import numpy as np
import pytest

import rushlight as rl
from rushlight import nn


class Settings:
    scale = 1.0


def moved(f, w, x):
    before = w.detach().clone()
    f(x)
    return (before - w.detach()).tolist()


def test_a_branch_that_is_taken_again_sees_its_number():
    settings = Settings()

    def f(x):
        return x * settings.scale if settings.scale > 0 else x * settings.scale * 100

    run, x = rl.compile(f), rl.ones(3)
    for scale in [1.0, 2.0, 3.0, -1.0, -2.0, 5.0, 5.0, 5.0, -3.0, -3.0, 4.0, 4.0, 4.0, 5.0, 4.0]:
        settings.scale = scale
        assert run(x).tolist() == f(x).tolist()
    assert run.compiled.traces <= 3


def test_a_branch_on_the_learning_rate_sees_its_number():
    def trained(compiled):
        w = nn.Parameter(rl.zeros(3))
        opt = rl.optim.SGD([w], lr=0.5)
        scales = {"scale": 1.0}

        def step(x):
            loss = (w * x).sum() * (scales["scale"] if scales["scale"] < 4 else 0.125)
            loss.backward()
            opt.step()
            opt.zero_grad()
            return loss

        f, x, rows = (rl.compile(step) if compiled else step), rl.ones(3), []
        for scale in [1.0, 2.0, 3.0, 5.0, 5.0, 2.0, 2.0, 2.0, 6.0, 6.0, 3.0, 3.0]:
            scales["scale"] = scale
            opt.param_groups[0]["lr"] = scale / 8
            rows.append(moved(f, w, x))
        return rows

    np.testing.assert_allclose(trained(True), trained(False), 1e-5)


@pytest.mark.filterwarnings("ignore:Detected call")
def test_a_schedule_made_later_is_no_other_program():
    """It puts options of its own into the optimizer's groups."""
    w = nn.Parameter(rl.zeros(3))
    opt = rl.optim.SGD([w], lr=0.5)

    def step(x):
        loss = (w * x).sum()
        loss.backward()
        opt.step()
        opt.zero_grad()
        return loss

    run, x = rl.compile(step), rl.ones(3)
    run(x)
    schedule = rl.optim.lr_scheduler.StepLR(opt, 1, 0.5)
    for rate in (0.5, 0.25, 0.125):
        assert moved(run, w, x) == [rate] * 3
        schedule.step()
    assert run.compiled.traces == 1
