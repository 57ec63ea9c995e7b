"""Numbers that change, through Python's functions, arguments of ops and containers: inputs all."""

import cProfile
import dataclasses
import math
import sys
import threading
import time
import warnings
from math import sqrt

import numpy as np
import pytest

import rushlight as rl
from rushlight import nn

F = nn.functional
CONFIG = {"rate": 1.0, 0: 1.0, "deep": {"rows": [1.0, 2, "text"]}}
RATES = [1.0, 2.0]
WEIGHT = rl.ones(3, requires_grad=True)


def leaves(x):
    parts = x.values() if isinstance(x, dict) else x if isinstance(x, tuple) else None
    return [x] if parts is None else [leaf for part in parts for leaf in leaves(part)]


def equal(f, *calls):
    """The compiled function's traces, after these calls gave what the function gives."""
    run = rl.compile(f)
    for args in calls:
        found = []
        for each in (run, f):
            rl.manual_seed(0)
            found.append(leaves(each(*args)))
        for mine, eager in zip(*found, strict=True):
            assert type(mine) is type(eager)
            assert getattr(mine, "dtype", None) is getattr(eager, "dtype", None)
            mine, eager = (
                a.detach().double() if isinstance(a, rl.Tensor) else a for a in (mine, eager)
            )
            np.testing.assert_allclose(np.asarray(mine), np.asarray(eager), 1e-5)
    return run.compiled.traces


@pytest.mark.parametrize("kind", [int, float])
@pytest.mark.parametrize(
    "f",
    [
        lambda x, n: x * math.sqrt(n) + sqrt(n),
        lambda x, n: x * 0.5 * (1 + math.cos(math.pi * n / 20)),
        lambda x, n: x * math.pow(0.9, n) + math.log(n, 3) + math.exp(-n),
        lambda x, n: x * math.floor(n / 2) + math.ceil(n / 3) - math.trunc(n / 4),
        lambda x, n: x * round(n / 3, 2) + round(n / 3) + sum(divmod(n, 3)) + divmod(7, n)[1],
        lambda x, n: (x * math.hypot(n, 2), math.erf(n), {"floor": math.floor(n), "n": +n}),
        lambda x, n: x * n if math.isfinite(n) and not math.isnan(n) else x,
        lambda x, n: x + float(n) + math.sqrt(float(n) + 1.0),
        lambda x, n: x + int(n) + int(n * 2.5) + [float(n) for _ in "a"][0],
    ],
)
def test_pythons_functions_of_a_number_are_worked_out_before_each_run(f, kind):
    assert equal(f, *((rl.arange(1.0, 4.0), kind(n)) for n in range(2, 14))) == 2


def clipped(x, n):
    WEIGHT.grad = None
    (WEIGHT * x).square().sum().backward()
    total = nn.utils.clip_grad_norm_([WEIGHT], n)
    nn.utils.clip_grad_value_([WEIGHT], n / 2)
    return WEIGHT.grad.clone(), total


def written(x, n):
    x = x.clone()
    x[0] = n
    x.fill_(n).masked_fill_(x > 2, n)
    return x


@pytest.mark.parametrize("kind", [int, float])
@pytest.mark.parametrize(
    "f",
    [
        lambda x, n: x * rl.tensor(n) + rl.tensor([n, 2, n]) + rl.as_tensor(n),
        lambda x, n: (rl.tensor([[n], [1]]), rl.tensor(n, dtype=rl.bfloat16), x.new_tensor(n)),
        lambda x, n: (rl.full((2,), n), rl.full_like(x, n), x.new_full((2,), n)),
        written,
        lambda x, n: F.dropout(x, n / 20) + F.alpha_dropout(x, n / 20, True),
        clipped,
        lambda x, n: rl.where(x > 2, n, n + 1) + rl.where(x > 2, n, 0.5),
        lambda x, n: x.clamp(max=n).lerp(x, 1 / n) + rl.addcmul(x, x, x, value=n),
        lambda x, n: F.cross_entropy(x.view(1, 3), rl.tensor([2]), label_smoothing=n / 20),
        lambda x, n: F.layer_norm(x, (3,), eps=n) + x.maximum(rl.tensor(n)),
        lambda x, n: F.cross_entropy(x.view(1, 3), rl.tensor([1]), weight=rl.tensor([1, n, 2.0])),
    ],
)  # fmt: skip
def test_an_ops_argument_is_an_input(f, kind):
    assert equal(f, *((rl.arange(1.0, 4.0), kind(n)) for n in range(2, 14))) == 2


def test_a_power_has_few_programs_and_no_other_type():
    assert equal(lambda x, n: x**n, *((rl.arange(1.0, 4.0), n / 3) for n in range(2, 14))) <= 5
    equal(lambda x, n: (x.long() * 2**n, rl.tensor(2**n)), *((rl.ones(2), n) for n in (-1, -2, 3)))


def test_a_tensor_of_a_number_that_is_asked_for_steers():
    def f(x, n):
        return x * 2 if bool(rl.tensor(n) > 3) else x * rl.tensor(n).item()

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        equal(f, *((rl.ones(2), n) for n in (1, 2, 5, 6, 2, 1)))


def test_a_dropouts_probability_is_an_input():
    drop = nn.Dropout(0.1)
    run = rl.compile(lambda x: drop(x))
    for n in range(12):
        drop.p, found = n / 12, []
        for each in (run, drop):
            rl.manual_seed(n)
            found.append(each(rl.ones(50)).tolist())
        assert found[0] == found[1]
    assert run.compiled.traces <= 3  # nothing is drawn for 0


# -- containers


def test_numbers_in_arguments_that_are_containers():
    def f(x, given, *, rows):
        return x * given["rate"] + math.sqrt(given["rows"][0][1]) + rows[1]

    run = rl.compile(f)
    for n in range(1, 12):
        given, rows = {"rate": n / 2, "rows": [(0, n)], "name": "text"}, [0, n / 3]
        assert run(rl.ones(1), given, rows=rows).item() == pytest.approx(
            f(rl.ones(1), given, rows=rows).item()
        )
        assert given == {"rate": n / 2, "rows": [(0, n)], "name": "text"} and rows == [0, n / 3]
        assert type(given["rows"][0][1]) is int and type(rows[1]) is float
    assert run.compiled.traces == 2


@pytest.mark.filterwarnings("ignore:rushlight.compile")
def test_a_container_that_is_written_to_is_written_at_each_call():
    def f(x, given):
        given["turn"] += 1
        given["last"] = given["rate"]
        return x * given["rate"] * given["turn"]

    run, given = rl.compile(f), {"rate": 0.0, "turn": 0}
    for n in range(1, 9):
        given["rate"] = n / 2
        assert run(rl.ones(1), given).item() == n * n / 2
        assert given == {"rate": n / 2, "turn": n, "last": n / 2}
        assert {*map(type, given.values())} == {int, float}


def test_numbers_in_containers_from_outside():
    @dataclasses.dataclass
    class Options:
        rate: float = 1.0
        rows: list = dataclasses.field(default_factory=lambda: [1.0, 2])

    options = Options()

    def f(x):
        rows = CONFIG["deep"]["rows"]
        return (
            x * CONFIG["rate"] + CONFIG[0] * rows[0] + rows[1] + RATES[1] + len(RATES)
            + options.rate * math.sqrt(options.rows[0])
        )  # fmt: skip

    run = rl.compile(f)
    for n in range(1, 12):
        CONFIG["rate"], CONFIG[0], RATES[1] = n / 2, n / 3, n / 5
        CONFIG["deep"]["rows"][:2] = [n / 7, n]
        options.rate, options.rows[0] = n / 11, n / 13
        assert run(rl.ones(1)).item() == pytest.approx(f(rl.ones(1)).item())
    assert run.compiled.traces == 2 and CONFIG["deep"]["rows"] == [11 / 7, 11, "text"]
    assert type(RATES[1]) is type(CONFIG["rate"]) is type(options.rate) is float
    RATES.append(3.0)
    assert run(rl.ones(1)).item() == pytest.approx(f(rl.ones(1)).item())
    RATES[:] = [1.0]
    with pytest.raises(IndexError):
        run(rl.ones(1))


# -- what steers


@pytest.mark.parametrize("where", ["argument", "closed", "container", "derived"])
def test_one_warning_names_the_number_and_the_line(where):
    rate, held = 1, {"by": 1}
    told = {
        "argument": "argument 1",
        "closed": "rate",
        "container": "'by'",
        "derived": "argument 1",
    }

    def f(x, n):
        if where == "derived":
            return x.expand(n + 1, 1).sum()
        return x.expand({"argument": n, "closed": rate, "container": held["by"]}[where], 1).sum()

    run = rl.compile(f)
    line = f.__code__.co_firstlineno + (2 if where == "derived" else 3)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        for n in range(1, 15):
            rate = held["by"] = n
            wanted = f(rl.ones(1, 1), n).item()
            assert run(rl.ones(1, 1), n).item() == wanted
    (text,) = [str(w.message) for w in said]
    assert told[where] in text and f"test_numbers.py:{line}" in text


def test_a_zero_with_a_sign_and_a_nan_steer_as_they_are():
    def f(x, n):
        return x * float(repr(n * 0.0))

    run = rl.compile(f)
    for n in (1.0, 2.0, -1.0, 3.0, math.nan, -2.0, math.nan, math.nan, 4.0):
        mine, eager = run(rl.ones(1), n), f(rl.ones(1), n)
        assert mine.signbit().item() is eager.signbit().item() and repr(mine) == repr(eager)
    assert run.compiled.traces <= 5


def test_a_trace_in_another_thread_leaves_numbers_alone(monkeypatch):
    inside, go, done = locks = [threading.Lock() for _ in range(3)]
    for lock in locks:
        lock.acquire()

    def slow(x):
        if FACTOR == 2:
            inside.release()
            go.acquire(timeout=20)
        return x * FACTOR * math.sqrt(FACTOR)

    def quick(x):
        if FACTOR == 2:
            go.release()
            done.acquire(timeout=20)
            done.release()
        return x * FACTOR + math.sqrt(FACTOR)

    def told():
        others(rl.ones(1))
        done.release()

    mine, others = rl.compile(quick), rl.compile(slow)
    for n in (1.0, 2.0, 3.0):
        monkeypatch.setitem(globals(), "FACTOR", n)
        if n == 2.0:
            (thread := threading.Thread(target=told)).start()
            assert inside.acquire(timeout=20)
            assert type(FACTOR) is not float
        else:
            others(rl.ones(1))
        assert mine(rl.ones(1)).item() == pytest.approx(n + math.sqrt(n))
        thread = thread.join() if n == 2.0 else None
        assert type(FACTOR) is float and math is sys.modules["math"]
        if n == 2.0:
            go.acquire(blocking=False)


FACTOR = 0.0


@pytest.mark.parametrize("f", [lambda n, x, m: x * n + m, lambda n, x, m: (x * n + m, x)])
def test_numbers_that_stay_have_the_quick_way(f):
    run, others = rl.compile(f), rl.compile(f)
    x = rl.arange(3.0)
    for n, m in ((2.5, 3), (2.5, 3), (True, 0), (1, 0.0), (1, -0.0), (0, 2**40), (2.5, 3), (2, -3)):
        for each in (run, others):
            each.reset()
            for _ in range(6):
                found, wanted = leaves(each(n, x, m)), leaves(f(n, x, m))
                assert [a.tolist() for a in found] == [a.tolist() for a in wanted]
            others(n, x, m)
            for other in ((3.5, m), (n, 7), (float(n), m), (int(n), float(m)), (n, -m), (n, m)):
                found, wanted = (
                    leaves(each(other[0], x, other[1])),
                    leaves(f(other[0], x, other[1])),
                )
                assert repr(found) == repr(wanted)
    from rushlight._engine.native import enabled
    from rushlight._engine.steps import known

    if known() and enabled():
        run.reset()
        for _ in range(9):
            run(2.5, x, 3)
        assert run.compiled.door is not None


# -- functions


def test_a_function_that_is_redefined_in_place_is_seen():
    def inner(x, by=1.0, *, to=0.0):
        return x * 2 + by + to

    def f(x):
        return inner(x)

    class Net(nn.Module):
        def forward(self, x):
            return x + 1

    net = Net()
    run, forward = rl.compile(f), rl.compile(lambda x: net(x))
    assert run(rl.ones(1)).item() == 3 and forward(rl.ones(1)).item() == 2
    inner.__code__ = (lambda x, by=1.0, *, to=0.0: x * 3 + by + to).__code__
    Net.forward.__code__ = (lambda self, x: x + 5).__code__
    assert run(rl.ones(1)).item() == 4 and forward(rl.ones(1)).item() == 6
    inner.__defaults__ = (2.0,)
    assert run(rl.ones(1)).item() == 5
    inner.__kwdefaults__ = {"to": 3.0}
    assert run(rl.ones(1)).item() == 8
    f.__code__ = (lambda x: inner and x - 1).__code__
    assert run(rl.ones(1)).item() == 0


def test_a_call_with_an_effect_is_seen_beside_a_profiler(capsys):
    def f(x):
        print("here")
        return x + 1

    calls: list = []
    for start, stop in (
        (lambda: sys.setprofile(lambda *a: calls.append(a)), lambda: sys.setprofile(None)),
        ((profiler := cProfile.Profile()).enable, profiler.disable),
    ):
        run = rl.compile(f)
        start()
        try:
            with pytest.warns(UserWarning, match=r"print\(\) must run at each call.*test_numbers"):
                run(rl.ones(1))
            run(rl.ones(1))
            time.sleep(0)
        finally:
            stop()
        assert capsys.readouterr().out == "here\n" * 2
    assert calls[-1][2] is sys.setprofile
    assert "f" in {getattr(row.code, "co_name", "") for row in profiler.getstats()}


@pytest.mark.parametrize(
    "f",
    [
        lambda x: rl.bincount(x.long().abs()) * 2,
        lambda x: x.nonzero() * 2,
        lambda x: x[x > 1] * 2,
        lambda x: rl.unique(x) * 2,
    ],
)
def test_a_shape_by_values_is_refused_by_line(f):
    run, x = rl.compile(f), rl.tensor([1.0, 2.0, 2.0])
    line = f.__code__.co_firstlineno
    with pytest.warns(UserWarning, match=rf"torch.where.*test_numbers.py:{line}\)") as said:
        for _ in range(4):
            assert run(x).tolist() == f(x).tolist()
    assert len(said) == 1 and run.compiled.traces == 1
    assert f"test_numbers.py:{line}" in run.explain()


def test_a_step_around_a_shape_by_values_is_right():
    losses = []
    for compiled in (False, True):
        rl.manual_seed(0)
        w = rl.randn(6, requires_grad=True)
        opt = rl.optim.Adam([w], lr=0.1)

        def step(x, w=w, opt=opt):
            opt.zero_grad()
            y = (w * x).tanh()
            loss = y[y > 0].sum() + y.repeat_interleave((y > 0).long() + 1).square().mean()
            loss.backward()
            opt.step()
            return loss

        run, x = rl.compile(step) if compiled else step, rl.randn(6)
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            losses.append([run(x * i).item() for i in range(6)])
        assert len(said) == compiled
    assert losses[0] == losses[1]


# -- sequences


SEQUENCES = [
    lambda x, n: x * rl.linspace(0, n, 5),
    lambda x, n: x * rl.linspace(-n, 2 * n, 5, dtype=rl.float64) + rl.linspace(n, n, 1),
    lambda x, n: x * rl.logspace(0, n / 4, 5) + rl.logspace(n, 1, 5, base=2),
    lambda x, n: x * rl.arange(n, n + 5),
    lambda x, n: x * rl.arange(n, n + 5.0, 1.0),
    lambda x, n: x * rl.arange(0, 5 * n, n).square(),
    lambda x, n: x * rl.arange(n, n + 9, 2, dtype=rl.int32).clamp(max=9),
    lambda x, n: (x.half() * rl.linspace(n, 1, 5, dtype=rl.float16)).sin(),
    lambda x, n: x * rl.linspace(0, math.sqrt(n), 5).flip(0),
]


@pytest.mark.parametrize("kind", [int, float])
@pytest.mark.parametrize("f", SEQUENCES)
def test_bounds_of_a_sequence_are_inputs(f, kind):
    run = rl.compile(f, fullgraph=True)
    for n in map(kind, (1, 2, 3, 5, 7, 11, 13)):
        x, y = (rl.arange(1.0, 6.0, requires_grad=True) for _ in range(2))
        found, wanted = run(x, n), f(y, n)
        assert found.dtype is wanted.dtype
        np.testing.assert_allclose(found.tolist(), wanted.tolist(), 1e-5)
        found.sum().backward()
        wanted.sum().backward()
        np.testing.assert_allclose(x.grad.tolist(), y.grad.tolist(), 1e-5)
    assert run.compiled.traces <= 2


def test_a_sequence_of_another_length_is_another_program():
    f = lambda x, n: x[:3].sum() * rl.arange(0, n, 0.5)
    run = rl.compile(f)
    for n in (1.0, 1.25, 1.5, 1.3, 1.5, 2.0, 1.9, 1.0, 1.1):
        assert run(rl.ones(3), n).tolist() == f(rl.ones(3), n).tolist()
    assert run.compiled.traces <= 5
    for bad in (-1.0, float("inf"), float("nan")):
        with pytest.raises(RuntimeError, match=r"bound|range"):
            run(rl.ones(3), bad)
