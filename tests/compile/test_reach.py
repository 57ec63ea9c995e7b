"""Python's state that a compiled function depends on: it is seen, or the function runs eagerly."""

import functools
import inspect
import itertools
import operator
import random

import numpy as np
import pytest

import rushlight as rl
from rushlight import nn

SCALE = 1.0


class Net(nn.Module):
    factor = 1.0

    def forward(self, x):
        return x * SCALE * self.factor


class Slots:
    __slots__ = ("by",)


def test_a_global_that_a_method_reads_is_seen(monkeypatch):
    net = Net()
    run = rl.compile(lambda x: net(x))
    assert run(rl.ones(1)).item() == 1
    monkeypatch.setitem(globals(), "SCALE", 2.0)
    assert run(rl.ones(1)).item() == 2
    monkeypatch.setattr(Net, "factor", 3.0)
    assert run(rl.ones(1)).item() == 6


def test_slots_are_seen():
    held = Slots()
    held.by = 1.0
    run = rl.compile(lambda x: x * held.by)
    assert run(rl.ones(1)).item() == 1
    held.by = 2.0
    assert run(rl.ones(1)).item() == 2
    del held.by
    with pytest.raises(AttributeError):
        run(rl.ones(1))


def test_a_slot_that_a_class_hides_is_not_looked_for():
    class Hidden(Slots):
        by = 3.0

    held = Hidden()
    run = rl.compile(lambda x: x * held.by)
    assert run(rl.ones(1)).item() == 3
    Hidden.by = 4.0
    assert run(rl.ones(1)).item() == 4


def test_a_tensors_hook_is_seen():
    w = rl.ones(1, requires_grad=True)

    def f():
        w.grad = None
        (2 * w).sum().backward()
        return w.grad.clone()

    run = rl.compile(f)
    run()
    run()
    w.register_hook(lambda g: 5 * g)
    assert run().item() == 10


@pytest.mark.filterwarnings("ignore:rushlight.compile")
@pytest.mark.parametrize("kind", ["python", "numpy", "generator", "count", "array"])
def test_what_cannot_be_seen_runs_eagerly(kind):
    stream, count, array = np.random.default_rng(0), itertools.count(), np.zeros(1, np.float32)
    ask = {
        "python": random.random, "numpy": np.random.random, "generator": stream.random,
        "count": lambda: next(count), "array": lambda: float(array[0]),
    }[kind]  # fmt: skip
    run, found = rl.compile(lambda x: x * ask()), []
    for n in range(5):
        array[:] = n
        found.append(run(rl.ones(1)).item())
    assert len(set(found)) == 5
    assert kind not in ("count", "array") or found == [0, 1, 2, 3, 4]


def test_what_the_step_does_not_name_is_of_no_matter():
    class Trainer:
        def __init__(self):
            self.net, self.losses, self.turn = nn.Linear(2, 1), [], 0

        def step(self, x):
            return self.net(x).sum()

        def fit(self):
            run = rl.compile(self.step)
            for _ in range(12):
                self.losses.append(run(rl.ones(1, 2)).item())
                self.turn += 1
            return run.compiled.traces

    assert Trainer().fit() == 1


@pytest.mark.filterwarnings("ignore:rushlight.compile")
def test_what_outlives_a_trace_has_values():
    @functools.lru_cache
    def lower(n):
        return rl.ones(n, n).tril()

    run = rl.compile(lambda x: x * lower(2))
    assert [run(rl.ones(2, 2)).sum().item() for _ in range(3)] == [3, 3, 3]
    assert lower(2).tolist() == [[1, 0], [1, 1]]
    run = rl.compile(lambda x: x * (lower(1) * x).item())
    assert run(rl.ones(1)).item() == lower(1).item() == 1


def test_bfloat16_gradients_meet():
    def f(x):
        x = x.detach().requires_grad_()
        (x + x.sigmoid() * x).float().square().sum().backward()
        return x.grad

    x = rl.arange(4.0).bfloat16()
    assert rl.equal(rl.compile(f, fullgraph=True)(x), f(x))


def test_traces_that_are_given_up_are_bounded():
    w = rl.ones(1, requires_grad=True)
    optimizer = rl.optim.SGD([w], lr=1.0)

    @rl.compile
    def step(rate):
        for group in optimizer.param_groups:
            group["lr"] = float(rate)
        return w * 1

    with pytest.warns(UserWarning, match="more kinds of calls run eagerly"):
        for n in range(40):
            step(str(n + 1))
    assert step.compiled.traces < 30


@pytest.mark.parametrize("name", ["silu", "relu6", "hardswish", "gelu"])
def test_a_function_of_ours_in_an_attribute_is_one_of_the_house(name):
    """What an op remembers for speed is no state of the program: a new trace begins with less."""

    class Net(rl.nn.Module):
        def __init__(self):
            super().__init__()
            self.act, self.linear = getattr(rl.nn.functional, name), rl.nn.Linear(5, 5)

        def forward(self, x):
            return self.act(self.linear(x))

    net = Net()

    def step(x):
        net.zero_grad()
        net(x).square().sum().backward()
        return net.linear.weight.grad.clone()

    made, x = rl.compile(step), rl.randn(2, 5)
    rl.testing.assert_close(made(x), step(x))
    assert made.compiled.programs and not made.compiled.reasons


class Settings:
    __match_args__ = ("scale",)

    def __init__(self):
        self.scale = "2"

    def value(self):
        return float(self.scale)


class Lenient:
    """Answers to every name, as configurations of some libraries do."""

    def __init__(self):
        self.scale = "2"

    def __getattr__(self, name):
        return float(self.__dict__["scale"])


HELD, LENIENT = Settings(), Lenient()
GET, CALL = operator.attrgetter("scale"), operator.methodcaller("value")


def matched(x):
    match HELD:
        case Settings(scale):
            return x * float(scale)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: x * float(GET(HELD)),
        lambda x: x * float(operator.attrgetter("scale")(HELD)),
        lambda x: x * next(map(float, map(GET, [HELD]))),
        lambda x: x * CALL(HELD),
        lambda x: x * float(HELD.__getattribute__("scale")),
        lambda x: x * float(object.__getattribute__(HELD, "scale")),
        lambda x: x * float(dict(inspect.getmembers(HELD))["scale"]),
        lambda x: x * LENIENT.anything,
        matched,
    ],
)
def test_an_attribute_that_is_read_by_its_name_is_seen(f):
    run = rl.compile(f)
    for scale in ("2", "2", "3", "4", "3"):
        HELD.scale = LENIENT.scale = scale
        assert run(rl.ones(2)).tolist() == [float(scale)] * 2
    assert run.compiled.traces == 3


def test_what_changes_is_named_where_programs_are_too_many():
    """An attribute that no function reads, but one of this name of another object."""
    a, b = Settings(), Settings()
    run = rl.compile(lambda x: x * float(a.scale) + len(str(b)[:0]))
    with pytest.warns(UserWarning, match="'scale' is another one") as said:
        for i in range(12):
            b.scale = str(i)
            assert run(rl.ones(1)).item() == 2
    assert len(said) == 1
