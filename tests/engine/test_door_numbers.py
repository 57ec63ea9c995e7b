"""The quick way with numbers that change: no call is given what another one's numbers were."""

import itertools
import random
import threading

import numpy as np
import pytest

pytest.importorskip("llvmlite")

import rushlight as rl
from rushlight import nn
from rushlight._engine import door, steps

quick = pytest.mark.skipif(not steps.known(), reason="this Python is not known well enough")


class Settings:
    scale = 1.0
    bias = 0.0


def moved(f, w, x):
    before = w.detach().clone()
    f(x)
    return (before - w.detach()).tolist()


@pytest.mark.parametrize("kind", ["SGD", "RMSprop", "Adam"])
def test_a_learning_rate_that_comes_back_is_the_one_used(kind):
    """The same two float objects in turn, in all orders of six calls."""
    low, high = float("0.25"), float("0.5")

    def trained(compiled):
        w = nn.Parameter(rl.zeros(3))
        opt = getattr(rl.optim, kind)([w], lr=low)

        def step(x):
            loss = (w * x).sum()
            loss.backward()
            opt.step()
            opt.zero_grad()
            return loss

        f, x, rows = (rl.compile(step) if compiled else step), rl.ones(3), []
        for rate in [low] * 5 + [
            r for six in itertools.product([low, high], repeat=6) for r in six
        ]:
            opt.param_groups[0]["lr"] = rate
            rows.append(moved(f, w, x))
        return rows

    np.testing.assert_allclose(trained(True), trained(False), 2e-3)


def numbers():
    """Values that come back as the same objects, or as equal ones, or as others."""
    draw, kept = random.Random(5), [0.5, 1.5, 2.5, -1.0]
    return [draw.choice([*kept, draw.random(), float(str(draw.choice(kept)))]) for _ in range(300)]


@quick
@pytest.mark.parametrize("where", ["argument", "attribute", "closed", "dictionary"])
def test_a_number_that_changes_has_the_quick_way(where, monkeypatch):
    clock = itertools.count(0, 3600)
    monkeypatch.setattr(door, "monotonic", lambda: next(clock))
    settings, n, held = Settings(), 1.0, {"n": 1.0}
    f = {
        "argument": lambda x, n: x * n + 2 * n,
        "attribute": lambda x, _: x * settings.scale + 2 * settings.scale,
        "closed": lambda x, _: x * n + 2 * n,
        "dictionary": lambda x, _: x * held["n"] + 2 * held["n"],
    }[where]
    run, x, went = rl.compile(f), rl.arange(3.0), 0
    for number in numbers():
        n = settings.scale = held["n"] = number
        way = run.compiled.door
        given = number if where == "argument" else None
        assert run(x, given).tolist() == pytest.approx(f(x, given).tolist())
        went += way is not None and run.compiled.door is way
    assert run.compiled.traces <= 3 and went > 200


@quick
def test_the_quick_way_looks_at_all_else(monkeypatch):
    clock = itertools.count(0, 3600)
    monkeypatch.setattr(door, "monotonic", lambda: next(clock))
    settings = Settings()
    f = lambda x, n: (x * n + settings.bias, n)
    run, x = rl.compile(f), rl.arange(3.0)
    others = [(x, 3), (x, True), (x.double(), 2.5), (rl.ones(2), 2.5), (x, rl.ones(3)), (x, 1e300),
              (x, float("nan")), (x, 2.5), (x[::2], 2.5)]  # fmt: skip
    for other in others:
        run.reset()
        for number in (0.5, 1.5, 2.5, 3.5, 4.5):
            assert repr(run(x, number)) == repr(f(x, number))
        settings.bias += 1.0
        assert repr(run(*other)) == repr(f(*other))
    with pytest.raises(TypeError):
        run(x)


@quick
def test_threads_keep_their_numbers_apart():
    f = lambda x, n: x * n
    run, x, wrong = rl.compile(f), rl.ones(4), []
    for number in (1.0, 2.0, 3.0, 4.0, 5.0):
        run(x, number)

    def work(start):
        for i in range(3000):
            number = start + i / 4096
            if run(x, number)[0].item() != number:
                wrong.append(number)

    threads = [threading.Thread(target=work, args=(s,)) for s in (1.0, 100.0)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert not wrong


def test_steps_that_are_counted_are_counted_once():
    """Adam's count of steps goes up by one for each run, however it is called."""

    def trained(compiled):
        w = nn.Parameter(rl.zeros(3))
        opt = rl.optim.Adam([w], lr=0.1)

        def step(x, y):
            loss = nn.functional.binary_cross_entropy(rl.sigmoid(w * x) * y, 0.125 * y)
            loss.backward()
            opt.step()
            opt.zero_grad()
            return loss

        f, x, rows = (rl.compile(step) if compiled else step), rl.ones(3), []
        for i in range(40):
            y = rl.full((3,), 1e4 if i % 7 == 6 else 1.0)
            try:
                rows.append(f(x, y).item())
            except RuntimeError:
                opt.zero_grad()
                rows.append(-1.0)
                assert i % 7 == 6
            rows.append(opt.state[w]["step"].item() if opt.state else 0.0)
        return rows

    rows = trained(True)
    assert rows.count(-1.0) == 5
    np.testing.assert_allclose(rows, trained(False), 1e-5)
