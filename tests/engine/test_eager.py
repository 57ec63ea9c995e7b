"""Eager mode's bodies as native lines, put in place beside the program when called often."""

import os
import subprocess
import sys
import threading
from itertools import count

import numpy as np
import pytest

import rushlight as rl
from rushlight._core import quicken
from rushlight._core.quicken import BENCH, OFTEN
from rushlight._engine import eager
from rushlight._ops.conv import convolve
from rushlight._ops.norm import batch_norm_training
from rushlight.nn import functional as F
from rushlight.optim import _update

pytest.importorskip("llvmlite")
_sizes = count(3)  # a signature of its own for each test


@pytest.fixture
def size():
    return next(_sizes)


def draw(*shape, seed=0, **options):
    values = np.random.default_rng(seed).standard_normal(shape).astype("float32")
    return rl.tensor(values, **options)


def warm(f):
    """What f gives by NumPy, then after it was called often and everything is in place."""
    first = f()
    for _ in range(OFTEN + 5):
        f()
    while (thread := BENCH.thread) is not None:
        thread.join()
    return first, f()


def lines(function, native=True):
    """The lines of an op's body, those that the engine made or the others."""
    found = function.op.lines or {}  # None before the first line
    return [x for x in found.values() if (x.__code__.co_filename == "<eager>") is native]


def close(a, b):
    """Equal but for rounding, which in a sum is as large as its largest terms make it."""
    a, b = a.detach().numpy(), b.detach().numpy()
    return np.allclose(a, b, rtol=2e-5, atol=5e-6 * max(1, np.abs(b).max()))


FUNCTIONS = {
    "softmax": lambda x: x.softmax(-1),
    "softmax_first": lambda x: x.softmax(0),
    "log_softmax": lambda x: x.log_softmax(-1),
    "layer_norm": lambda x: F.layer_norm(x, x.shape[-1:], x[0], x[1]),
    "group_norm": lambda x: F.group_norm(x[..., None], 1),
    "batch_norm": lambda x: F.batch_norm(x, None, None, training=True),
    "gelu": F.gelu,
    "gelu_tanh": lambda x: F.gelu(x, approximate="tanh"),
    "silu": F.silu,
    "softplus": F.softplus,
    "mse": lambda x: F.mse_loss(x, x * 0.5),
    "cross_entropy": lambda x: F.cross_entropy(x, rl.arange(x.shape[0])),
}


def gradient(f, x, g):
    x.grad = None
    f(x).backward(g)
    return x.grad


@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_values_and_gradients_stay_what_they_were(name, large, size):
    f = FUNCTIONS[name]
    shape = (200 + size, 500) if large else (size, size + 1)
    x = draw(*shape)
    first, then = warm(lambda: f(x))
    assert close(first, then)
    x.requires_grad_()
    g = draw(*first.shape, seed=1)
    node = type(f(x).grad_fn).__name__
    first, then = warm(lambda: gradient(f, x, g))
    assert close(first, then)
    assert type(f(x).grad_fn).__name__ == node


def test_the_line_is_native_and_takes_other_values(size):
    x = draw(size, 7)
    warm(lambda: x.softmax(-1))
    assert lines(rl.softmax)
    other = draw(size, 7, seed=5)
    e = np.exp(other.numpy())
    assert np.allclose(other.softmax(-1).numpy(), e / e.sum(1, keepdims=True), atol=1e-6)
    bad = rl.full((size, 7), float("nan"))
    assert bad.softmax(-1).isnan().all()


def test_second_derivatives_are_right_beside_native_lines(size):
    x = draw(size, 5, requires_grad=True)

    def f():
        (g,) = rl.autograd.grad((x.softmax(-1) ** 2).sum(), x, create_graph=True)
        return rl.autograd.grad((g**2).sum(), x)[0]

    first, then = warm(f)
    assert close(first, then)


def test_results_do_not_share_memory(size):
    for shape in ((size, 4), (size + 300, 400)):
        x = draw(*shape)
        warm(lambda: F.gelu(x))
        a, b = F.gelu(x), F.gelu(x * 2)
        assert not np.shares_memory(a.numpy(), b.numpy())
        assert close(a, F.gelu(x.clone()))


def test_odd_layouts(size):
    x = draw(size, 6)
    warm(lambda: x.softmax(-1))
    turned = draw(6, size, seed=2).T
    assert close(turned.softmax(-1), turned.contiguous().softmax(-1))
    wide = rl.tensor([[1.0]]).expand(size, 6)
    assert close(wide.softmax(-1), rl.full((size, 6), 1 / 6))
    shifted = np.frombuffer(bytes(1) + x.numpy().tobytes(), np.uint8)[1:].view(np.float32)
    assert close(rl.from_numpy(shifted.reshape(size, 6).copy()).softmax(-1), x.softmax(-1))


def test_labels_out_of_range_are_refused(size):
    x, labels = draw(4, size + 4), rl.tensor([0, 1, 2, 3])
    warm(lambda: F.cross_entropy(x, labels))
    with pytest.raises(IndexError, match="is out of bounds"):
        F.cross_entropy(x, rl.tensor([0, 1, 2, size + 4]))
    masked = F.cross_entropy(x, rl.tensor([0, 1, -100, -100]))
    assert close(masked, F.cross_entropy(x[:2], labels[:2]))
    assert close(F.cross_entropy(x, labels), -x.log_softmax(1)[rl.arange(4), labels].mean())


def test_probabilities_out_of_range_are_refused(size):
    p, t = rl.rand(size, 3), rl.rand(size, 3)
    warm(lambda: F.binary_cross_entropy(p, t))
    with pytest.raises(RuntimeError, match="between 0 and 1"):
        F.binary_cross_entropy(p + 1, t)


def test_threads_of_python_call_one_line(size, together):
    x = draw(size, 9)
    warm(lambda: x.softmax(-1))
    wrong = []

    def work(seed):
        mine = draw(size, 9, seed=seed)
        wanted = mine.double().softmax(-1).float()
        for _ in range(300):
            if not close(mine.softmax(-1), wanted):
                wrong.append(seed)

    together(4, work)
    assert not wrong


def test_what_cannot_be_made_leaves_numpys_line(size, monkeypatch):
    monkeypatch.setattr(quicken, "MAKER", "rushlight._engine.no_such_room")
    before = len(lines(rl.log_softmax))
    x = draw(size, 11)
    first, then = warm(lambda: x.log_softmax(-1))
    assert np.array_equal(first.numpy(), then.numpy())
    assert len(lines(rl.log_softmax)) == before


def test_the_engine_can_be_turned_off(monkeypatch):
    monkeypatch.setenv("RUSHLIGHT_ENGINE", "0")
    assert not quicken._Bench().ready()
    monkeypatch.setenv("RUSHLIGHT_ENGINE", "1")
    assert quicken._Bench().ready()


def test_a_forked_child_goes_on_with_what_it_has(size):
    x = draw(size, 13)
    _, wanted = warm(lambda: x.softmax(-1))
    child = os.fork() if hasattr(os, "fork") else None
    if child == 0:
        os._exit(0 if close(x.softmax(-1), wanted) else 1)
    if child is not None:
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


_STALL = """
import sys, time
import rushlight as rl
from rushlight._core.quicken import BENCH
from rushlight._ops.conv import convolve
from rushlight.nn.functional import conv2d
x, worst = rl.randn(2, 3), 0.0
image, filters = rl.randn(2, 3, 9, 9), rl.randn(4, 3, 3, 3)
made, call = WORK
for _ in range(100):
    call()
assert "rushlight._engine" not in sys.modules and "llvmlite" not in sys.modules
end = time.perf_counter() + 1
while time.perf_counter() < end or BENCH.thread is not None:
    start = time.perf_counter()
    call()
    worst = max(worst, time.perf_counter() - start)
(line,) = [f for f in made.op.lines.values()]
assert (line.__code__.co_filename == "<eager>") is BENCH.ready(), line
print(worst)
"""


_WORK = {
    "softmax": "rl.softmax, lambda: x.softmax(-1)",
    "convolution": "convolve, lambda: conv2d(image, filters)",
}


def longest_wait(work, folders, engine):
    """Seconds that the longest call took in a process of its own."""
    kept = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    code = _STALL.replace("WORK", _WORK[work])
    out = subprocess.run(
        [sys.executable, "-c", code], env=kept | folders | {"RUSHLIGHT_ENGINE": engine},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert out.returncode == 0, out.stderr
    assert out.stderr == ""
    return float(out.stdout)


def test_calls_go_on_while_a_line_is_made(size, monkeypatch):
    """Whoever makes it waits for the calls here: they would not come if they waited for it."""
    ended, calls, made = threading.Event(), [], []

    def slow(wish):
        made.append(ended.wait(60))
        return None

    monkeypatch.setattr(eager, "quicker", slow)
    x = draw(size, 17)
    for _ in range(OFTEN + 500):
        calls.append(x.log_softmax(-1))
    assert BENCH.thread is not None and not made
    ended.set()
    while (thread := BENCH.thread) is not None:
        thread.join()
    assert made == [True]
    assert all(np.array_equal(calls[0].numpy(), y.numpy()) for y in calls)


@pytest.mark.parametrize("work", _WORK)
def test_no_call_stalls_beside_the_compiler(work, tmp_path):
    if hasattr(os, "getloadavg") and os.getloadavg()[0] > 3 * (os.cpu_count() or 1):
        pytest.skip("so many others run that any call may wait for a processor")
    seen = []
    for attempt in range(5):  # the first one compiles Python's own files
        folders = {
            "PYTHONPYCACHEPREFIX": str(tmp_path / "pyc"),
            "RUSHLIGHT_CACHE": str(tmp_path / f"cache{attempt}"),
        }
        seen.append([longest_wait(work, folders, engine) for engine in "10"])
        with_it, without = seen[-1]
        if attempt and with_it < max(0.02, 1.5 * without):  # a busy machine stalls any call
            return
    raise AssertionError(seen)


OPTIMIZERS = {
    "sgd": lambda p, **o: rl.optim.SGD(p, 0.1, momentum=0.9, **o),
    "adam": lambda p, **o: rl.optim.Adam(p, 0.01, **o),
    "adamw": lambda p, **o: rl.optim.AdamW(p, 0.01, amsgrad=True, **o),
    "rmsprop": lambda p, **o: rl.optim.RMSprop(p, 0.01, **o),
}


@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_updates_are_what_they_were(name, large, size, monkeypatch):
    """The same rule, in kernels and without; a new learning rate is taken; memory stays."""
    shape, found = (700 + size, 1000) if large else (size, 31), []
    for wanted in (False, True):
        monkeypatch.setattr(BENCH, "open", wanted)
        monkeypatch.setattr(_update, "_quick", {})
        p = rl.nn.Parameter(draw(*shape))
        array, optimizer = p.array, OPTIMIZERS[name]([p], maximize=True)
        for k in range(6 if large else OFTEN + 6):
            p.grad = draw(*shape, seed=k)
            optimizer.step()
            while BENCH.thread is not None:
                BENCH.thread.join()
            optimizer.param_groups[0]["lr"] = 0.01 + 0.001 * (k % 5)
        assert p.array is array
        found.append(p.detach().clone())
    assert any(f.__code__.co_filename == "<eager>" for f in _update._quick.values())
    assert close(*found)


def planes(*shape, seed=0, dtype="float32", **options):
    values = np.random.default_rng(seed).standard_normal(shape).astype(dtype)
    return rl.tensor(values, **options)


CONVOLUTIONS = {  # channels, output channels, size of the filter, arguments, size of the input
    "plain": (3, 4, (3, 3), {}, (9, 11)),
    "padded": (3, 4, (5, 3), {"padding": (2, 1)}, (9, 8)),
    "strided": (4, 6, (3, 3), {"stride": (2, 1), "padding": 1}, (9, 9)),
    "dilated": (2, 3, (3, 3), {"dilation": 2}, (10, 9)),
    "grouped": (6, 4, (3, 3), {"groups": 2, "padding": 1}, (8, 8)),
    "depthwise": (8, 8, (3, 3), {"groups": 8, "padding": 1, "stride": 2}, (9, 9)),
    "pointlike": (8, 5, (1, 1), {}, (6, 7)),
    "one_axis": (3, 4, (3,), {"padding": 1}, (21,)),
    "three_axes": (2, 3, (2, 2, 2), {}, (4, 5, 4)),
}


def slopes(f, *arrays):
    made = f(*arrays)
    g = planes(*made.shape, seed=9, dtype=str(made.dtype)[6:])
    return [made, *rl.autograd.grad(made, arrays, g)]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_convolutions_and_their_gradients(name, dtype, size):
    channels, out, window, given, shape = CONVOLUTIONS[name]
    run = (F.conv1d, F.conv2d, F.conv3d)[len(window) - 1]
    x = planes(size, channels, *shape, dtype=dtype, requires_grad=True)
    w = planes(out, channels // given.get("groups", 1), *window, dtype=dtype, requires_grad=True)
    b = planes(out, dtype=dtype, requires_grad=True)
    first, then = warm(lambda: slopes(lambda x, w, b: run(x, w, b, **given), x, w, b))
    assert all(map(close, first, then))
    assert len(window) > 2 or lines(convolve)


@pytest.mark.parametrize("name", ["max_pool1d", "max_pool2d", "avg_pool2d", "max_pool3d"])
def test_poolings_and_their_gradients(name, size):
    axes = int(name[-2])
    x = planes(size, 3, *(9, 8, 6)[:axes], requires_grad=True)
    first, then = warm(lambda: slopes(lambda x: getattr(F, name)(x, 3, 2, 1), x))
    assert all(map(close, first, then))


def test_batch_norm_and_its_statistics(size):
    x, w, b = (planes(*s, seed=len(s), requires_grad=True) for s in ((size, 4, 5, 6), (4,), (4,)))
    mean, var = rl.zeros(4), rl.ones(4)

    def run():
        mean.zero_()
        made = slopes(lambda x, w, b: F.batch_norm(x, mean, var, w, b, training=True), x, w, b)
        return [*made, mean.clone()]

    first, then = warm(run)
    assert all(map(close, first, then))
    kinds = [plan for plan in batch_norm_training.op.plans.values() if plan.wanted]
    assert any("<eager>" in str(f.__code__) for p in kinds for f in written(p))


def written(plan):
    """The lines of a plan's rules."""
    return plan.node_class.plain.__globals__["line_"].__self__.values()


@pytest.mark.parametrize("rows", [2, 64])
def test_products_with_bias(rows, size, monkeypatch):
    """Small ones at once; large ones are NumPy's until programs of ours run on threads."""
    monkeypatch.setattr(eager._Threads, "ours", False)
    layer = rl.nn.Linear(100 + size, 90)
    x = planes(rows, 100 + size, requires_grad=True)
    run = lambda: slopes(F.linear, x, layer.weight, layer.bias)
    first, then = warm(run)
    assert all(map(close, first, then))
    waits = lambda: [w.line for w in eager._Threads.waiting if w.values[0].shape == x.shape]
    assert bool(waits()) == (rows > 2)
    eager._join()
    first, then = warm(run)
    assert all(map(close, first, then))
    assert not waits()


def test_convolutions_of_odd_layouts_and_empty_batches(size):
    layer = rl.nn.Conv2d(3, 4, 3)
    x = planes(size, 3, 7, 8)
    warm(lambda: layer(x))
    wanted = layer(x)
    assert close(layer(x.contiguous(memory_format=rl.channels_last)), wanted)
    none = x[:0].requires_grad_()
    warm(lambda: slopes(layer, none))
    assert layer(none).shape == (0, 4, 5, 6)


def test_half_precision_goes_by_float32(size):
    layer, x = rl.nn.Conv2d(3, 4, 3).bfloat16(), planes(size, 3, 7, 8).bfloat16()
    first, then = warm(lambda: layer(x))
    assert then.dtype is rl.bfloat16
    assert close(first.float(), then.float())


def test_second_derivatives_of_convolutions(size):
    layer, x = rl.nn.Conv2d(2, 3, 3), planes(size, 2, 6, 7, requires_grad=True)

    def run():
        made = F.max_pool2d(layer(x).tanh(), 2)
        (g,) = rl.autograd.grad((made**2).sum(), x, create_graph=True)
        return rl.autograd.grad((g**2).sum(), [x, layer.weight])

    first, then = warm(run)
    assert all(map(close, first, then))


def test_threads_of_python_share_a_convolution(size, together):
    layer, wrong = rl.nn.Conv2d(4, 8, 3, padding=1), []
    x = planes(size + 20, 4, 20, 20)
    warm(lambda: layer(x))

    def work(seed):
        mine = planes(size + 20, 4, 20, 20, seed=seed)
        wanted = F.conv2d(mine.double(), layer.weight.double(), layer.bias.double(), padding=1)
        wrong.extend(seed for _ in range(20) if not close(layer(mine), wanted.float()))

    together(4, work)
    assert not wrong
