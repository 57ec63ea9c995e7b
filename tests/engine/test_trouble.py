"""Bad input and trouble: whatever goes wrong, a compiled call gives what eager mode gives."""

import contextlib
import os
import subprocess
import sys
import warnings

import numpy as np
import pytest

pytest.importorskip("llvmlite")

import rushlight as torch
from rushlight._engine import native
from rushlight._engine import unit as units
from rushlight._engine.kernels.nest import Nest

NAN, INF = float("nan"), float("inf")


def same(f, *calls):
    """The compiled function against the function, for each of several calls' arguments."""
    made = torch.compile(f)
    for args in calls:
        wanted = f(*[a.clone() if isinstance(a, torch.Tensor) else a for a in args])
        np.testing.assert_allclose(made(*args).numpy(), wanted.numpy(), rtol=1e-5, atol=1e-6)
    return made


def parts(made):
    """The parts of a compiled function's programs."""
    runners = [p.runner for ps in made.compiled.programs.values() for p in ps]
    return [p for r in runners for p in r.parts]


def scaled(x):
    return (x * 2 + 1).tanh()


# -- compilation


def test_a_failed_compilation_warns_once_and_numpy_runs(monkeypatch):
    def broken(text, target):
        raise AssertionError("no code today")

    monkeypatch.setattr(units, "compiled", broken)
    monkeypatch.setattr(units.disk, "read", lambda key: None)
    x = torch.randn(7, 1001)
    made = torch.compile(scaled)
    with pytest.warns(UserWarning, match="no code today") as told:
        first = made(x)
    assert len(told) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for y in (x, torch.randn(3, 5), torch.randn(4)):  # others that fail for the same reason
            torch.testing.assert_close(made(y), scaled(y))
    torch.testing.assert_close(first, scaled(x))


# -- values and shapes


def test_nan_and_infinities():
    x = torch.tensor(
        [[NAN, INF, -INF, 0.0, -0.0, 3e38, 1e-45], [1.0, 2.0, NAN, 4.0, 5.0, 6.0, 7.0]]
    )
    same(lambda x: x * 2 - x, (x,))
    same(lambda x: x.relu(), (x,))
    same(lambda x: x.exp(), (x,))
    same(lambda x: torch.softmax(x, 1), (x,))
    same(lambda x: x.max(1).values, (x,))
    same(lambda x: x.sum(), (x,))
    same(lambda x: x @ x.T, (x,))
    same(lambda x: torch.where(x > 1, x, 0.0), (x,))


@pytest.mark.parametrize("shape", [(0,), (0, 3), (3, 0), (2, 0, 4)])
def test_empty_tensors(shape):
    x = torch.zeros(shape)
    for f in (scaled, lambda x: x.sum(), lambda x: x.sum(-1), lambda x: torch.softmax(x, -1),
              lambda x: x.reshape(-1) + 1):  # fmt: skip
        same(f, (x,))


def test_zero_dimensional_tensors():
    x, y = torch.tensor(2.5), torch.tensor(3)
    same(scaled, (x,))
    same(lambda x, y: x * y + 1, (x, y))
    same(lambda x, y: (x + torch.ones(3, 4)).sum() * y, (x, y))


def test_a_batch_of_no_rows():
    net = torch.nn.Sequential(torch.nn.Linear(5, 7), torch.nn.ReLU(), torch.nn.Linear(7, 3))
    loss = torch.nn.MSELoss(reduction="sum")

    def step(x, y):
        net.zero_grad()
        value = loss(net(x), y)
        value.backward()
        return torch.cat([value.reshape(1), *[p.grad.reshape(-1) for p in net.parameters()]])

    calls = [(torch.randn(n, 5), torch.randn(n, 3)) for n in (4, 0, 4)]
    made = torch.compile(step)
    for x, y in calls:
        torch.testing.assert_close(made(x, y), step(x, y))


@pytest.mark.filterwarnings("always")
def test_targets_of_no_rows(recwarn):
    native._say_once.cache_clear()

    def loss(x):
        return torch.nn.functional.cross_entropy(x, torch.zeros(0, dtype=torch.int64))

    x = torch.zeros(0, 3, requires_grad=True)
    made = torch.compile(loss)(x)
    made.backward()
    assert made.isnan().item() and loss(x).isnan().item() and x.grad.shape == x.shape
    assert not [w for w in recwarn if "rushlight.compile" in str(w.message)]


def test_huge_strides_and_expanded_views():
    base = torch.arange(4_000_000).float() / 1e6
    wide = torch.as_strided(base, (2, 3), (1_999_999, 777_777))
    row = base[:5].expand(1000, 5)
    assert row.stride() == (0, 1)
    same(lambda x: scaled(x).sum(-1), (wide,), (row,), (base[::1_000_003],), (wide.T,))
    same(lambda x, w: x @ w, (row, torch.randn(5, 3)), (base[:3].expand(4, 3), torch.randn(3, 2)))
    same(lambda x: (x.flip(0) * 2)[::2], (row,), (wide,))


# -- memory


def shift(a, b):
    a.mul_(2).add_(b)
    return a * 1


def test_arguments_that_overlap_when_first_seen():
    made = torch.compile(shift)
    for overlap in (True, False, True):
        for _ in range(2):
            a, c = torch.arange(20.0), torch.arange(20.0)
            b, d = (torch.ones(19), torch.ones(19))
            pairs = [(a[:-1], a[1:]), (c[:-1], c[1:])] if overlap else [(a[:-1], b), (c[:-1], d)]
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # it runs eagerly, and says so
                found = made(*pairs[0])
            torch.testing.assert_close(found, shift(*pairs[1]))
            torch.testing.assert_close(a, c)


def test_arguments_that_overlap_later():
    made = torch.compile(shift)
    for n in range(4):
        overlap = n in (1, 3)
        a, c = torch.arange(20.0), torch.arange(20.0)
        pair = (a[:-1], a[1:]) if overlap else (a[:-1], torch.ones(19))
        eager = (c[:-1], c[1:]) if overlap else (c[:-1], torch.ones(19))
        torch.testing.assert_close(made(*pair), shift(*eager))
        torch.testing.assert_close(a, c)


def test_the_same_memory_under_two_tensors():
    made = torch.compile(shift)
    made(torch.arange(4.0), torch.ones(4))
    a, c = torch.arange(4.0), torch.arange(4.0)
    torch.testing.assert_close(made(a, a.detach()), shift(c, c.detach()))
    torch.testing.assert_close(a, c)


def test_memory_that_came_from_elsewhere():
    made = torch.compile(shift)
    made(torch.arange(4.0), torch.ones(4))
    raw, other = (
        bytearray(np.arange(5, dtype=np.float32)),
        bytearray(np.arange(5, dtype=np.float32)),
    )
    views = [np.frombuffer(m, np.float32, 4, at) for m in (raw, other) for at in (0, 4)]
    a, b, c, d = map(torch.from_numpy, views)
    torch.testing.assert_close(made(a, b), shift(c, d))
    x, y = torch.arange(5.0), torch.arange(5.0)
    torch.testing.assert_close(made(x[1:], torch.from_dlpack(x)[:4]), shift(y[1:], y[:4]))
    torch.testing.assert_close(x, y)


def test_an_argument_that_lies_in_what_is_written():
    def run(compiled):
        weight = torch.arange(6.0)

        def step(x):
            weight.mul_(0.5)
            weight.add_(x.sum())
            return weight + x

        f = torch.compile(step) if compiled else step
        out = [f(torch.ones(6)), f(weight[:]), f(weight.detach()), f(torch.ones(6))]
        return torch.stack([*out, weight])

    torch.testing.assert_close(run(True), run(False))


def test_an_input_freed_or_resized_between_calls():
    weight = torch.nn.Parameter(torch.randn(30, 20))
    made = torch.compile(lambda x: (x @ weight).relu())

    def check(x):
        torch.testing.assert_close(made(x), (x @ weight).relu(), rtol=1e-4, atol=1e-5)

    x = torch.randn(40, 30)
    check(x)
    for n in (40, 50, 40):
        del x
        x = torch.randn(n, 30)
        check(x)
    weight.data = torch.randn(30, 10)  # the first memory is freed
    check(x)
    weight.data = torch.randn(30, 20)
    check(x)
    y = torch.randn(40, 30)
    check(y)
    y.resize_(20, 30)
    check(y)
    with torch.no_grad():
        weight.set_(torch.randn(30, 20))
    check(y)


def test_a_result_that_is_kept_is_not_written_again():
    made = torch.compile(scaled)
    xs = [torch.randn(100) for _ in range(5)]
    kept = [made(x) for x in xs]
    for x, y in zip(xs, kept):
        torch.testing.assert_close(y, scaled(x))


# -- exceptions, threads, recursion


def test_an_exception_in_the_middle_leaves_everything_as_it_was():
    weight = torch.ones(3)

    @torch.compile
    def step(x, fail):
        weight.add_(x)
        if fail:
            raise KeyError("in the middle")
        return weight * 2

    for fail in (True, False, True, False):
        before = weight.clone()
        if fail:
            with pytest.raises(KeyError, match="in the middle"):
                step(torch.ones(3), fail)
            torch.testing.assert_close(weight, before + 1)  # as eager mode leaves it
        else:
            torch.testing.assert_close(step(torch.ones(3), fail), (before + 1) * 2)


def test_two_python_threads_call_one_function(together):
    weight = torch.randn(64, 64)
    made = torch.compile(lambda x: (x @ weight).tanh().sum(1))
    xs = [torch.randn(300, 64) for _ in range(8)]
    wanted = [(x @ weight).tanh().sum(1) for x in xs]
    wrong = []

    def work(k):
        for i in range(25):
            j = (i + k) % 8
            found = made(xs[j])
            if not torch.allclose(found, wanted[j], rtol=1e-4, atol=1e-4):
                wrong.append(j)

    together(2, work)
    assert not wrong


def test_a_compiled_function_calls_itself():
    @torch.compile
    def power(x, n):
        return x if n == 0 else x * power(x, n - 1)

    x = torch.rand(5)
    torch.testing.assert_close(power(x, 3), x**4)
    torch.testing.assert_close(power(x, 3), x**4)


def test_a_compiled_function_calls_another():
    inner = torch.compile(scaled)
    outer = torch.compile(lambda x: inner(x) + inner(x * 2))
    for n in (4, 4, 5):
        x = torch.randn(n)
        torch.testing.assert_close(outer(x), scaled(x) + scaled(x * 2))
    torch.testing.assert_close(inner(x), scaled(x))


def test_endless_recursion_is_pythons_error():
    @torch.compile
    def endless(x):
        return endless(x) + 1

    with pytest.raises(RecursionError), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        endless(torch.ones(2))


# -- indices


def test_targets_are_checked_before_the_loss_and_its_gradient_which_are_one_kernel(monkeypatch):
    def step(x, y):
        loss = torch.nn.functional.cross_entropy(x, y)
        return loss.detach(), torch.autograd.grad(loss, [x])[0]

    built, build = [], native.build
    monkeypatch.setattr(native, "build", lambda *a, **k: built.append(build(*a, **k)) or built[-1])
    x, y, made = torch.randn(40, 30, requires_grad=True), torch.arange(40) % 30, torch.compile(step)
    for mine, eager in zip(made(x, y), step(x, y)):
        torch.testing.assert_close(mine, eager)
    (part,) = built[0].parts
    assert sum((*k.lead, k.length) == (40, 30) for k in part.kernels if isinstance(k, Nest)) == 1
    y[3] = 30
    assert message(made, x, y) == message(step, x, y)
    y[3] = -100
    for mine, eager in zip(made(x, y), step(x, y)):
        torch.testing.assert_close(mine, eager)


@pytest.mark.parametrize("rows", [1, 3000])
@pytest.mark.parametrize("reduction", ["none", "mean"])
def test_a_check_in_a_programs_last_kernel_is_heeded(rows, reduction):
    def loss(p, t):
        return torch.nn.functional.binary_cross_entropy(p, t, reduction=reduction)

    p, t, made = torch.rand(rows, 2), torch.rand(rows, 2), torch.compile(loss)
    torch.testing.assert_close(made(p, t), loss(p, t))
    p[-1, -1] = 2
    for _ in range(3):
        assert message(made, p, t) == message(loss, p, t)


def test_the_first_of_two_faults_is_the_one_that_is_told():
    table, other = torch.randn(5, 3), torch.arange(6)

    def two(i, j):
        return table[other[i]] + table.index_select(0, j)

    made, good = torch.compile(two), torch.tensor([1, 2])
    torch.testing.assert_close(made(good, good), two(good, good))
    for i, j in (([5, 1], [9, 9]), ([1, 2], [9, 9]), ([7, 1], [9, 9]), ([7, 1], [1, 2])):
        given = torch.tensor(i), torch.tensor(j)
        assert message(made, *given) == message(two, *given)


def message(f, *args):
    with pytest.raises((IndexError, RuntimeError)) as caught:
        f(*args)
    return type(caught.value), str(caught.value)


TABLE = torch.arange(12.0).reshape(4, 3)
PICKS = {
    "embedding": lambda i: torch.nn.functional.embedding(i, TABLE) * 2,
    "gather": lambda i: TABLE.gather(0, i) + 1,
    "take_along_dim": lambda i: torch.take_along_dim(TABLE, i, 0) + 1,
    "index_select": lambda i: TABLE.index_select(0, i[0]) * 3,
    "index": lambda i: TABLE[i[0]] * 3,
    "nll_loss": lambda i: torch.nn.functional.nll_loss(TABLE, i.reshape(-1)[:4] % 5),
    "cross_entropy": lambda i: torch.nn.functional.cross_entropy(TABLE, i.reshape(-1)[:4] % 5),
    "scatter": lambda i: torch.zeros(4, 3).scatter(0, i, TABLE) + 1,
    "index_add": lambda i: torch.zeros(4, 3).index_add(0, i[0], TABLE[:3]) * 2,
}


@pytest.mark.parametrize("name", PICKS)
def test_an_index_out_of_range_is_pytorchs_error(name):
    f, made = PICKS[name], torch.compile(PICKS[name])
    good = torch.tensor([[0, 1, 2], [2, 1, 0]])
    bad = torch.tensor([[0, 4, 2], [2, 1, 4]])
    torch.testing.assert_close(made(good), f(good))
    assert any(type(p).__name__ == "Unit" for p in parts(made)), "nothing was native"
    wanted = message(f, bad)
    assert message(made, bad) == wanted
    assert message(torch.compile(f), bad) == wanted
    torch.testing.assert_close(made(good), f(good))


# -- the disk


def in_child(code, **environment):
    """What a fresh process prints."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True,
        env=os.environ | environment, cwd=os.path.dirname(os.path.dirname(native.__file__)) + "/..",
        timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


STEP = """
import rushlight as torch
f = torch.compile(lambda x: (x * 2 + 1).tanh().sum())
x = torch.arange(12.0)
assert abs(float(f(x)) - float((x * 2 + 1).tanh().sum())) < 1e-5
"""


@contextlib.contextmanager
def small_disk(path):
    """A file system of a few pages, where we may mount one."""
    path.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8k", "none", str(path)],
                      capture_output=True).returncode:  # fmt: skip
        pytest.skip("no file system can be mounted here")
    try:
        yield str(path)
    finally:
        subprocess.run(["umount", str(path)], check=True)


def test_a_full_disk_is_no_trouble(tmp_path):
    with small_disk(tmp_path / "small") as folder:
        in_child(STEP, RUSHLIGHT_CACHE=folder)
        left = [p.name for p in (tmp_path / "small").rglob("tmp*")]
        assert not left, "half a file was left"


@pytest.mark.parametrize("kind", ["file", "readonly", "absent"])
def test_an_unwritable_cache_is_no_trouble(tmp_path, kind):
    place = tmp_path / "place"
    if kind == "file":
        place.write_text("")
    elif kind == "readonly":
        place.mkdir(mode=0o500)
    else:
        place = tmp_path / "file" / "below"
        (tmp_path / "file").write_text("")
    in_child(STEP, RUSHLIGHT_CACHE=str(place))


def test_writing_to_an_expanded_tensor_is_refused():
    made = torch.compile(lambda a: a.add_(1).mul_(2))
    assert made(torch.ones(3, 3)).tolist() == [[4.0] * 3] * 3
    wide = torch.ones(1).expand(3, 3)
    for _ in range(2):
        with pytest.raises(RuntimeError, match="refers to a single memory location"):
            made(wide)
    assert wide.tolist() == [[1.0] * 3] * 3
    assert made(torch.ones(3, 3)).tolist() == [[4.0] * 3] * 3
