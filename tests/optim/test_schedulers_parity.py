"""Every schedule against PyTorch's, epoch by epoch."""

import math
import warnings

import pytest

import rushlight as rl

torch = pytest.importorskip("torch")

SCHEDULES = {
    "lambda": lambda s, o: s.LambdaLR(o, lambda e: 0.95**e),
    "lambdas": lambda s, o: s.LambdaLR(o, [lambda e: 0.95**e, lambda e: 1 / (e + 1)]),
    "multiplicative": lambda s, o: s.MultiplicativeLR(o, lambda e: 0.9 + 0.01 * e),
    "step": lambda s, o: s.StepLR(o, 4, 0.3),
    "multistep": lambda s, o: s.MultiStepLR(o, [2, 5, 5, 11]),
    "constant": lambda s, o: s.ConstantLR(o, 0.25, 6),
    "linear": lambda s, o: s.LinearLR(o, 0.2, 0.8, 7),
    "exponential": lambda s, o: s.ExponentialLR(o, 0.9),
    "polynomial": lambda s, o: s.PolynomialLR(o, 9, 2.0),
    "cosine": lambda s, o: s.CosineAnnealingLR(o, 5, 0.001),
    "restarts": lambda s, o: s.CosineAnnealingWarmRestarts(o, 3, 2, 0.001),
    "restarts alike": lambda s, o: s.CosineAnnealingWarmRestarts(o, 4),
    "cyclic": lambda s, o: s.CyclicLR(o, 0.01, 0.1, 3, 5),
    "cyclic halving": lambda s, o: s.CyclicLR(o, 0.01, [0.1, 0.2], 3, mode="triangular2"),
    "cyclic fading": lambda s, o: s.CyclicLR(o, 0.01, 0.1, 3, mode="exp_range", gamma=0.9),
    "cyclic own": lambda s, o: s.CyclicLR(
        o,
        0.01,
        0.1,
        3,
        scale_fn=lambda x: 0.5 + 0.5 * math.sin(x),
        scale_mode="iterations",
        cycle_momentum=False,
    ),
    "one cycle": lambda s, o: s.OneCycleLR(o, 0.5, total_steps=20),
    "one cycle three": lambda s, o: s.OneCycleLR(
        o, [0.5, 0.7], epochs=5, steps_per_epoch=4, three_phase=True, anneal_strategy="linear"
    ),
    "sequential": lambda s, o: s.SequentialLR(
        o, [s.ConstantLR(o, 0.1, 3), s.LinearLR(o, 0.5, 1, 4), s.ExponentialLR(o, 0.9)], [3, 9]
    ),
    "chained": lambda s, o: s.ChainedScheduler([s.ConstantLR(o, 0.1, 3), s.ExponentialLR(o, 0.9)]),
    "nested": lambda s, o: s.ChainedScheduler(
        [
            s.SequentialLR(o, [s.LinearLR(o, 0.1, 1, 4), s.CosineAnnealingLR(o, 10)], [4]),
            s.StepLR(o, 2, 0.5),
        ]
    ),
}


def optimizer_of(module, kind="SGD"):
    x, y = (module.zeros(2, requires_grad=True) for _ in range(2))
    groups = [{"params": [x]}, {"params": [y], "lr": 0.05}]
    if kind == "Adam":
        return module.optim.Adam(groups, lr=0.1)
    return module.optim.SGD(groups, lr=0.1, momentum=0.9)


def course(module, schedule, epochs=19, kind="SGD"):
    """What the groups hold after each epoch."""
    optimizer = optimizer_of(module, kind)
    scheduler = schedule(module.optim.lr_scheduler, optimizer)
    seen = []
    for _ in range(epochs):
        seen.append((plain(optimizer.param_groups), list(scheduler.get_last_lr())))
        optimizer.step()
        scheduler.step()
    return seen, plain(scheduler.state_dict())


def plain(value):
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items() if k not in ("params", "anneal_func")}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("kind", ["SGD", "Adam"])
def test_every_epoch_has_pytorchs_rates(name, kind):
    mine, state = course(rl, SCHEDULES[name], kind=kind)
    theirs, their_state = course(torch, SCHEDULES[name], kind=kind)
    for epoch, (a, b) in enumerate(zip(mine, theirs, strict=True)):
        assert a[0] == pytest.approx(b[0]) if isinstance(a[0], float) else equal(a, b), epoch
    assert state.keys() == their_state.keys()
    assert equal(list(state.values()), list(their_state.values()))


def equal(a, b):
    """Nests of numbers that differ by rounding at most."""
    if isinstance(a, float) and isinstance(b, float):
        return a == pytest.approx(b, rel=1e-12, abs=1e-15)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(equal(a[key], b[key]) for key in a)
    if isinstance(a, list):
        return len(a) == len(b) and all(map(equal, a, b))
    return a == b


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"mode": "max"},
        {"threshold_mode": "abs", "threshold": 0.3},
        {"cooldown": 2},
        {"min_lr": [0.01, 0.03]},
        {"mode": "max", "threshold_mode": "abs", "threshold": 0.2},
    ],
)
def test_plateau(options):
    def rates(module):
        optimizer = optimizer_of(module)
        scheduler = module.optim.lr_scheduler.ReduceLROnPlateau(
            optimizer, factor=0.5, patience=1, **options
        )
        seen = []
        for epoch in range(25):
            scheduler.step(module.tensor(math.sin(epoch) + 0.03 * epoch))
            seen.append((list(scheduler.get_last_lr()), scheduler.num_bad_epochs))
        return seen, scheduler.state_dict()

    mine, theirs = rates(rl), rates(torch)
    assert equal(plain(mine[0]), plain(theirs[0]))
    assert mine[1].keys() == theirs[1].keys()


@pytest.mark.parametrize("strategy", ["cos", "linear"])
@pytest.mark.parametrize("epochs", [0, 6])
def test_swalr(strategy, epochs):
    def rates(module):
        optimizer = optimizer_of(module)
        scheduler = module.optim.swa_utils.SWALR(
            optimizer, 0.02, anneal_epochs=epochs, anneal_strategy=strategy
        )
        seen = []
        for _ in range(9):
            optimizer.step()
            scheduler.step()
            seen.append(list(scheduler.get_last_lr()))
        return seen, sorted(scheduler.state_dict())

    assert equal(plain(rates(rl)), plain(rates(torch)))


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_state_of_pytorch_goes_on_here(name):
    schedule = SCHEDULES[name]
    if name in ("restarts", "restarts alike"):
        epochs = 7
    else:
        epochs = 5
    theirs = optimizer_of(torch)
    their_scheduler = schedule(torch.optim.lr_scheduler, theirs)
    for _ in range(epochs):
        theirs.step()
        their_scheduler.step()
    mine = optimizer_of(rl)
    scheduler = schedule(rl.optim.lr_scheduler, mine)
    scheduler.load_state_dict(their_scheduler.state_dict())
    mine.load_state_dict({"state": {}, "param_groups": theirs.state_dict()["param_groups"]})
    for _ in range(epochs):
        for optimizer, s in ((theirs, their_scheduler), (mine, scheduler)):
            optimizer.step()
            s.step()
        assert equal(plain(scheduler.get_last_lr()), plain(their_scheduler.get_last_lr()))


def messages(module, action):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        action(module)
    return [(w.category, str(w.message).split(" See more")[0]) for w in caught]


def wrong_order(module):
    optimizer = optimizer_of(module)
    scheduler = module.optim.lr_scheduler.StepLR(optimizer, 1)
    scheduler.step()
    optimizer.step()
    scheduler.step()


def overridden(module):
    optimizer = optimizer_of(module)
    scheduler = module.optim.lr_scheduler.StepLR(optimizer, 1)
    optimizer.step = lambda: None
    scheduler.step()


def asks_get_lr(module):
    optimizer = optimizer_of(module)
    module.optim.lr_scheduler.StepLR(optimizer, 1).get_lr()


def right_order(module):
    optimizer = optimizer_of(module)
    first = module.optim.lr_scheduler.StepLR(optimizer, 1)
    optimizer.step()
    second = module.optim.lr_scheduler.ExponentialLR(optimizer, 0.9)
    first.step()
    second.step()


def step_before_scheduler(module):
    optimizer = optimizer_of(module)
    optimizer.step()
    module.optim.lr_scheduler.StepLR(optimizer, 1).step()


@pytest.mark.parametrize(
    "action", [wrong_order, overridden, asks_get_lr, right_order, step_before_scheduler]
)
def test_warnings(action):
    assert messages(rl, action) == messages(torch, action)


def wrong(module):
    s, o = module.optim.lr_scheduler, optimizer_of(module)
    yield lambda: s.StepLR(3, 1)
    yield lambda: s.StepLR(o, 1, last_epoch=3)
    yield lambda: s.LambdaLR(o, [lambda e: 1])
    yield lambda: s.MultiplicativeLR(o, 3)
    yield lambda: s.ConstantLR(o, 2.0)
    yield lambda: s.LinearLR(o, 0.0)
    yield lambda: s.LinearLR(o, 0.5, 2.0)
    yield lambda: s.SequentialLR(o, [], [])
    yield lambda: s.SequentialLR(o, [s.StepLR(o, 1)], [1])
    yield lambda: s.SequentialLR(o, [s.ReduceLROnPlateau(o), s.StepLR(o, 1)], [1])
    yield lambda: s.ChainedScheduler([])
    yield lambda: s.ReduceLROnPlateau(o, factor=1.5)
    yield lambda: s.ReduceLROnPlateau(o, min_lr=[1.0])
    yield lambda: s.ReduceLROnPlateau(o, mode="best")
    yield lambda: s.CyclicLR(o, 0.1, [1, 2, 3])
    yield lambda: s.CyclicLR(o, 0.1, 1, mode="square")
    yield lambda: s.CyclicLR(module.optim.Adagrad([module.zeros(1)]), 0.1, 1)
    yield lambda: s.OneCycleLR(o, 0.1)
    yield lambda: s.OneCycleLR(o, 0.1, total_steps=-3)
    yield lambda: s.OneCycleLR(o, 0.1, epochs=3, steps_per_epoch=0)
    yield lambda: s.OneCycleLR(o, 0.1, total_steps=3, pct_start=2.0)
    yield lambda: s.OneCycleLR(o, 0.1, total_steps=3, anneal_strategy="round")
    yield lambda: s.CosineAnnealingWarmRestarts(o, 0)
    yield lambda: s.CosineAnnealingWarmRestarts(o, 2, 0)


@pytest.mark.parametrize("number", range(24))
def test_refusals(number):
    def refusal(module):
        with pytest.raises((ValueError, TypeError, KeyError)) as caught:
            list(wrong(module))[number]()
        return type(caught.value), str(caught.value)

    (mine, text), (kind, expected) = refusal(rl), refusal(torch)
    assert mine is kind
    assert text.startswith(expected.rstrip(".!'\""))
