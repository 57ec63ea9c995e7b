"""Numbers that change from call to call are inputs; calls with effects are made at each call."""

import functools
import io
import os
import time
import warnings

import numpy as np
import pytest

import rushlight as rl
from rushlight import nn

RATE = 1.0
NAME = "outside"


def equal(f, *calls):
    """The compiled function's traces, after these calls gave what the function gives."""
    run = rl.compile(f)
    for args in calls:
        for mine, eager in zip(leaves(run(*args)), leaves(f(*args)), strict=True):
            assert type(mine) is type(eager)
            np.testing.assert_allclose(np.asarray(mine), np.asarray(eager), 1e-6)
    return run.compiled.traces


def leaves(x):
    parts = x.values() if isinstance(x, dict) else x if isinstance(x, tuple) else None
    return [x] if parts is None else [leaf for part in parts for leaf in leaves(part)]


@pytest.mark.parametrize(
    "f",
    [
        lambda x, n: x * n + n,
        lambda x, n: (x - n, n, {"twice": 2 * n}),
        lambda x, n: x.add(x, alpha=0.5 / n) / n,
        lambda x, n: x.clamp(-n, n) * (n % 3) ** 2,
        lambda x, n: rl.where(x > n, x, n),
        lambda x, n: x.long() * (7 // n) - abs(n),
    ],
)
def test_an_argument_that_changes_is_an_input(f):
    assert equal(f, *((rl.arange(4.0), n) for n in range(2, 14))) == 2


def test_a_half_and_a_tensor_of_one_number_take_a_number():
    for x in (rl.arange(4).bfloat16(), rl.tensor(2.0), rl.tensor(2.0, dtype=rl.float64)):
        run = rl.compile(lambda x, n: (x * n).sum())
        found = [run(x, n / 7) for n in range(9)]
        assert [y.item() for y in found] == [(x * (n / 7)).sum().item() for n in range(9)]
        assert found[0].dtype is x.dtype and run.compiled.traces == 2


def test_what_steers_python_stays_a_guard():
    x = rl.arange(12.0)
    for f in (lambda x, n: x[n], lambda x, n: x[n + 1], lambda x, n: x.view(n, -1) * 2,
              lambda x, n: sum(x for _ in range(n)),
              lambda x, n: x * (2 if type(n) is int else 3)):  # fmt: skip
        assert equal(f, *((x, n) for n in (1, 2, 3, 4, 2, 1, 4, 3))) in (4, 5)
    assert equal(lambda x, n: x * n if n > 2 else x, *((x, n) for n in range(9))) == 3


def test_a_kind_that_changes_is_seen():
    for f in (lambda x, n: x * 2**n, lambda x, n: x // n, lambda x, n: x * n):
        assert equal(f, *((rl.arange(4), n) for n in (1, 2, 3, 2.5, -3, 5, 0.5, 4)))
    with pytest.raises(ZeroDivisionError):
        run = rl.compile(lambda x, n: x * (1 / n))
        for n in (2, 1, 3, 0):
            run(rl.ones(2), n)


def test_a_number_from_outside_that_changes_is_an_input(monkeypatch):
    class Held:
        by = 1.0

    class Slots:
        __slots__ = ("of",)

    held, slots, alpha, net = Held(), Slots(), 1.0, nn.Linear(1, 1)
    held.mine, slots.of, net.weight_of = 1.0, 1.0, 1

    def f(x):
        return x * RATE + Held.by * x + held.mine + slots.of * 2 + alpha * 3 + net.weight_of

    run = rl.compile(f)
    for n in range(12):
        monkeypatch.setitem(globals(), "RATE", n / 3)
        held.mine, Held.by, slots.of, alpha, net.weight_of = n / 2, n / 5, n / 7, n / 11, n
        assert run(rl.ones(2)).tolist() == pytest.approx(f(rl.ones(2)).tolist())
    assert run.compiled.traces == 2
    assert type(held.mine) is type(RATE) is type(Held.by) is type(slots.of) is type(alpha) is float
    alpha = -0.0
    assert rl.compile(lambda x: x * alpha)(rl.ones(1)).signbit().item()


def test_each_call_keeps_its_number_for_the_backward_pass():
    w = rl.ones(2, requires_grad=True)
    run = rl.compile(lambda x, n: (x * w * n).exp())
    outs = [run(rl.ones(2), n / 4) for n in range(5)]
    rl.stack(outs).sum().backward()
    wanted = sum(n / 4 * np.exp(n / 4) for n in range(5))
    np.testing.assert_allclose(w.grad, [wanted] * 2, 1e-6)


def test_an_option_that_becomes_zero_is_seen():
    def trained(compiled):
        rl.manual_seed(0)
        net = nn.Linear(2, 2)
        optimizer = rl.optim.AdamW(net.parameters(), 0.1)

        def step(x):
            optimizer.zero_grad()
            loss = net(x).square().mean()
            loss.backward()
            optimizer.step()
            return loss.item() if compiled is None else loss

        run = step if compiled is None else rl.compile(step)
        found = []
        for n in range(9):
            if n == 5:
                optimizer.param_groups[0]["weight_decay"] = 0
            found.append(float(run(rl.ones(3, 2))))
        return found

    np.testing.assert_allclose(trained(True), trained(None), 1e-5)


def test_a_container_that_is_an_argument_changes_once_a_call():
    def f(x, rows, names):
        rows.append(x)
        names["n"] = names.get("n", 0) + 1
        return x * names["n"]

    run, rows, names = rl.compile(f), [], {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert [run(rl.ones(1), rows, names).item() for _ in range(5)] == [1, 2, 3, 4, 5]
    assert len(rows) == 5 and names == {"n": 5}


def test_an_attribute_called_as_a_global_is_of_no_matter():
    class Held:
        pass

    held = Held()
    held.by, held.NAME = 2.0, []
    run = rl.compile(lambda x: x * held.by if NAME else x)
    for _ in range(5):
        held.NAME = [*held.NAME, 1]
        assert run(rl.ones(1)).item() == 2
    assert run.compiled.traces == 1


# -- effects


@pytest.mark.parametrize("kind", ["print", "write", "environ", "getenv", "clock", "perf"])
def test_a_call_with_an_effect_is_made_at_each_call(kind, capsys, monkeypatch):
    out = io.StringIO()
    ask = {
        "print": lambda: print("here"), "write": lambda: out.write("here"),
        "environ": lambda: float(os.environ["STRANGER"]), "clock": lambda: time.time(),
        "getenv": lambda: float(os.getenv("STRANGER", "")), "perf": lambda: time.perf_counter(),
    }[kind]  # fmt: skip

    def f(x):
        return x.double() * (ask() or 1.0)

    run, found = rl.compile(f), []
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        for n in range(4):
            monkeypatch.setenv("STRANGER", str(n + 2))
            found.append(run(rl.ones(1)).item())
    assert len(said) == 1 and "test_loose.py:" in str(said[0].message)
    if kind in ("print", "write"):
        assert (out.getvalue() or capsys.readouterr().out).count("here") == 4
    else:
        assert len(set(found)) == 4
    with pytest.raises(RuntimeError, match=r"fullgraph=True.*test_loose.py:\d+"):
        rl.compile(f, fullgraph=True)(rl.ones(1))


def test_a_print_now_and_then_leaves_a_program_between(capsys):
    def f(x, n):
        if n % 4 == 0:
            print("at", n)
        return x * n

    run = rl.compile(f)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        assert [run(rl.ones(1), n).item() for n in range(12)] == [*range(12)]
    assert capsys.readouterr().out == "at 0\nat 4\nat 8\n"
    assert len(said) == 1 and run.compiled.programs


# -- what a trace leaves


def test_a_run_that_is_refused_draws_once():
    table = rl.arange(12.0).reshape(4, 3)

    def few(i):
        y = rl.randn(3)
        return table[i] * y

    def many(i):
        y = rl.randn(3)
        w = rl.rand(50)
        return table[i] * y + w[:3]

    for f in (few, many):
        found = []
        for run in (f, rl.compile(f)):
            rl.manual_seed(0)
            for k in (1, 9, 2, 9, 9, 3):
                try:
                    found.append(run(rl.tensor([k])).tolist())
                except IndexError:
                    found.append("refused")
                found.append(rl.randn(1).item())
        assert found[:12] == found[12:]


@pytest.mark.filterwarnings("ignore:rushlight.compile")
@pytest.mark.parametrize("retained", [False, True])
def test_a_cached_tensor_keeps_its_graph(retained):
    w = rl.ones(2, requires_grad=True)

    @functools.lru_cache
    def scale():
        return (w * 3).exp()

    run = rl.compile(lambda x: (x * scale()).sum())
    for n in range(1, 4):
        y = run(rl.ones(2))
        if n > 1 and not retained:
            with pytest.raises(RuntimeError, match="second time"):
                y.backward()
            continue
        y.backward(retain_graph=retained)
        np.testing.assert_allclose(w.grad, [n * 3 * np.exp(3.0)] * 2, 1e-5)
    assert scale().tolist() == pytest.approx([np.exp(3.0)] * 2)


def test_a_tensor_given_back_twice_is_one():
    w = rl.ones(2, requires_grad=True)

    def f(x):
        y, z = x * 2, x * w
        w.grad = None
        (w * x).sum().backward()
        return {"y": y, "again": [y, y[0], y.detach()], "z": (z, z[1:]), "grad": w.grad}

    run = rl.compile(f)
    for _ in range(3):
        made = run(rl.ones(2))
        y, part, alias = made["again"]
        assert made["y"] is y and made["grad"] is w.grad
        y.mul_(5)
        assert part.item() == 10 and alias.tolist() == [10, 10]
        z, end = made["z"]
        (g,) = rl.autograd.grad(z.sum() + 2 * end.sum(), w)
        assert g.tolist() == [1, 3]


def test_a_gradient_wished_for_inside_is_wished_for_at_each_call():
    w = rl.ones(2)

    def f(x):
        w.requires_grad_(True)
        (w * x).sum().backward()

    run = rl.compile(f)
    with pytest.warns(UserWarning, match="new requires_grad"):
        run(rl.ones(2))
    run(rl.ones(2))
    assert w.grad.tolist() == [2, 2]


def test_warnings_name_the_users_file():
    with pytest.warns(UserWarning, match=r"argument 'a' .*ndarray.*test_loose.py:\d+") as said:
        rl.compile(lambda x, a: x)(rl.ones(1), a=np.ones(1))
    assert said[0].filename == __file__
