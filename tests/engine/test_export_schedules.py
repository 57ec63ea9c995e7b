"""Exported steps whose schedules go along: the rates go on as they would here, with NumPy alone."""

import json
import linecache
import math
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("llvmlite")

import rushlight as rl
from rushlight import nn

if sys.platform != "linux":
    pytest.skip("programs are exported on Linux", allow_module_level=True)

S = rl.optim.lr_scheduler
WARM = 4


def warmed(epoch):
    if epoch < WARM:
        return (epoch + 1) / WARM
    return 0.5 * (1 + math.cos(math.pi * min(1.0, (epoch - WARM) / 20)))


def within(total):
    """A function of the user's with what it closes over."""

    def rate(epoch, *, least=0.125):
        return max(least, 1 - epoch / total)

    return rate


def fallen(epoch, by=0.75):
    return by**epoch


SCHEDULES = {
    "the user's": lambda o: Warm(o, 5),
    "numpy's": lambda o: S.LambdaLR(o, lambda epoch: float(np.cos(epoch / 20))),
    "step": lambda o: S.StepLR(o, 3),
    "milestones": lambda o: S.MultiStepLR(o, [2, 5, 5]),
    "constant": lambda o: S.ConstantLR(o, 0.25, 3),
    "linear": lambda o: S.LinearLR(o, 0.1, total_iters=4),
    "exponential": lambda o: S.ExponentialLR(o, 0.9),
    "polynomial": lambda o: S.PolynomialLR(o, 6, 2.0),
    "cosine": lambda o: S.CosineAnnealingLR(o, 4),
    "restarts": lambda o: S.CosineAnnealingWarmRestarts(o, 3, 2),
    "one cycle": lambda o: S.OneCycleLR(o, 0.2, total_steps=30),
    "three phases": lambda o: S.OneCycleLR(o, 0.2, total_steps=30, three_phase=True),
    "cyclic": lambda o: S.CyclicLR(o, 0.01, 0.1, 3, mode="exp_range", gamma=0.9),
    "triangles": lambda o: S.CyclicLR(o, 0.01, 0.1, 2, mode="triangular2"),
    "lambda": lambda o: S.LambdaLR(o, lambda epoch: 0.5 * (1 + math.cos(math.pi * epoch / 20))),
    "function": lambda o: S.LambdaLR(o, warmed),
    "closure": lambda o: S.LambdaLR(o, within(9)),
    "lines": lambda o: S.LambdaLR(
        o,
        lambda epoch, warm=WARM: (
            1.0 if epoch < warm
            else warm / epoch
        ),
    ),
    "partial": lambda o: S.MultiplicativeLR(o, partial(fallen, by=0.5)),
    "multiplied": lambda o: S.MultiplicativeLR(o, fallen),
    "sequence": lambda o: S.SequentialLR(
        o, [S.LinearLR(o, 0.1, total_iters=4), S.CosineAnnealingLR(o, 9)], [4]
    ),
    "chain": lambda o: S.ChainedScheduler([S.ExponentialLR(o, 0.9), S.StepLR(o, 4)]),
}  # fmt: skip

ALONE = """
import json, sys
sys.path[:0] = [{file!r}, {site!r}]
import numpy as np, program
step = program.load()
x = np.load({data!r})
losses = [float(step(x)) for _ in range(12)]
foreign = [m for m in sys.modules if m.partition(".")[0] in ("rushlight", "llvmlite", "torch")]
print(json.dumps([losses, dict(step.numbers), foreign]))
"""


def trainer(schedule, kind="SGD", measured=False, groups=False):
    rl.manual_seed(0)
    net, x = nn.Linear(6, 3), rl.randn(8, 6)
    params = [{"params": [net.weight]}, {"params": [net.bias], "lr": 0.3}]
    options = {"momentum": 0.9} if kind == "SGD" else {}
    opt = getattr(rl.optim, kind)(params if groups else net.parameters(), lr=0.1, **options)
    made = schedule(opt)

    def step(x):
        opt.zero_grad()
        loss = (net(x) - 1).square().mean()
        loss.backward()
        opt.step()
        made.step(*[loss] * measured)
        return loss

    step(x)
    return step, x, opt, made


def alone(tmp_path, step, x):
    """What the program gives in a process that has NumPy, an empty PATH and no more."""
    file, data = tmp_path / "step.zip", tmp_path / "x.npy"
    rl.export(step, (x,), file)
    np.save(data, x.numpy())
    site = str(Path(np.__file__).parent.parent)
    text = ALONE.format(file=str(file), site=site, data=str(data))
    run = subprocess.run(
        [sys.executable, "-S", "-c", text], capture_output=True, text=True,
        cwd=tmp_path, env={"PATH": ""},
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    losses, numbers, foreign = json.loads(run.stdout)
    assert not foreign
    return losses, numbers


@pytest.mark.parametrize("kind", ["SGD", "AdamW"])
@pytest.mark.parametrize("name", SCHEDULES)
def test_a_schedule_goes_along(name, kind, tmp_path):
    step, x, opt, _ = trainer(SCHEDULES[name], kind, groups=name in ("step", "one cycle"))
    rl.export(step, (x,), tmp_path / "step.zip")
    program, rows = rl.load_exported(tmp_path / "step.zip"), ([], [])
    key = "opt.0.lr" if len(opt.param_groups) > 1 else "opt.lr"
    for _ in range(12):
        rows[0].append((float(program(x.numpy())), program.numbers[key]))
        rows[1].append((step(x).item(), opt.param_groups[0]["lr"]))
    np.testing.assert_allclose(rows[0], rows[1], 2e-5)


@pytest.mark.parametrize("name", ["cosine", "one cycle", "function", "closure", "sequence"])
def test_a_schedule_runs_with_numpy_alone(name, tmp_path):
    step, x, opt, _ = trainer(SCHEDULES[name])
    losses, numbers = alone(tmp_path, step, x)
    np.testing.assert_allclose(losses, [step(x).item() for _ in range(12)], 1e-5)
    assert numbers["opt.lr"] == pytest.approx(opt.param_groups[0]["lr"])


def test_a_schedule_that_a_value_steers_goes_along(tmp_path):
    step, x, opt, _ = trainer(
        lambda o: S.ReduceLROnPlateau(o, patience=0, threshold=0.3, cooldown=1), measured=True
    )
    losses, numbers = alone(tmp_path, step, x)
    np.testing.assert_allclose(losses, [step(x).item() for _ in range(12)], 1e-5)
    assert numbers["opt.lr"] == pytest.approx(opt.param_groups[0]["lr"]) and numbers["opt.lr"] < 0.1


def test_a_run_that_is_refused_takes_its_schedule_back(tmp_path):
    rl.manual_seed(0)
    w = nn.Parameter(rl.zeros(3))
    opt = rl.optim.Adam([w], lr=0.1)
    made = S.StepLR(opt, 1, 0.5)

    def step(y):
        opt.zero_grad()
        loss = nn.functional.binary_cross_entropy(rl.sigmoid(w) * y, 0.125 * y)
        loss.backward()
        opt.step()
        made.step()
        return loss

    y = rl.ones(3)
    step(y)
    rl.export(step, (y,), tmp_path / "step.zip")
    program = rl.load_exported(tmp_path / "step.zip")
    rates = []
    for bad in (0, 1, 1, 0, 0, 1, 0):
        if bad:
            with pytest.raises(IndexError):
                program((y + 4).numpy())
        else:
            assert float(program(y.numpy())) == pytest.approx(step(y).item(), rel=1e-5)
            rates.append(program.numbers["opt.lr"])
            assert rates[-1] == opt.param_groups[0]["lr"]
    assert len({*rates}) == 4


class Warm(S.LRScheduler):
    """A schedule of the user's."""

    def __init__(self, opt, warm):
        self.warm = warm
        super().__init__(opt)

    def get_lr(self):
        return [base * min(1.0, (self.last_epoch + 1) / self.warm) for base in self.base_lrs]


class Steeper(S.StepLR):
    def _rates(self):
        return [0.9 * rate for rate in super()._rates()]


class Curve:
    def __call__(self, epoch):
        return 1.0


@pytest.mark.parametrize("rate", [Curve(), lambda epoch: 1 / (1 + rl.ones(1).item() * epoch)])
def test_a_function_that_cannot_go_along_is_refused_with_what_to_do(rate, tmp_path):
    step, x, *_ = trainer(lambda o: S.LambdaLR(o, rate))
    with pytest.raises(RuntimeError, match=r'LambdaLR.*step it outside.*step.numbers\["opt'):
        rl.export(step, (x,), tmp_path / "step.zip")


def test_a_class_that_cannot_go_along_is_refused(tmp_path):
    step, x, *_ = trainer(lambda o: Steeper(o, 2))
    with pytest.raises(RuntimeError, match=r"Steeper cannot be taken along \(.*super\(\)"):
        rl.export(step, (x,), tmp_path / "step.zip")


LATER = """
import math
def waned(epoch):
    return math.cos(epoch / {by})
rates = [lambda epoch: 1 / (1 + epoch * {by}), waned]
"""


@pytest.mark.parametrize("which", [0, 1])
def test_a_function_whose_file_has_changed_is_refused(which, tmp_path):
    file, scope = tmp_path / "rates.py", {"__name__": "rates"}
    file.write_text(LATER.format(by=20))
    exec(compile(file.read_text(), str(file), "exec"), scope)
    step, x, *_ = trainer(lambda o: S.LambdaLR(o, scope["rates"][which]))
    rl.export(step, (x,), tmp_path / "step.zip")
    for text in (LATER.format(by=30), "\n" * 3 + LATER.format(by=20), "def"):
        file.write_text(text)
        linecache.clearcache()
        with pytest.raises(RuntimeError, match="LambdaLR cannot be taken along"):
            rl.export(step, (x,), tmp_path / "other.zip")
