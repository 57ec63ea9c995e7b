"""Views by explicit strides inside a compiled step: values, gradients, writes are as eagerly."""

import numpy as np
import pytest

import rushlight as rl

OUTSIDE = rl.arange(24.0).view(4, 6)
PIECE = OUTSIDE[1:]


def windows(x):
    n, w = x.shape[-1] - 2, 3
    return x.as_strided((*x.shape[:-1], n, w), (*x.stride()[:-1], 1, 1))


def added(x):
    y = x * 2
    y.as_strided((2, 2), (6, 1)).add_(10)
    return y


def filled(x):
    y = x * 2
    rl.as_strided(y, (4,), (7,)).fill_(-1.0)
    return y * x


def nested(x):
    return x.as_strided((5, 4), (4, 1)).t().as_strided((3, 3), (2, 3)).exp()


CASES = {
    "sliding windows": lambda x: windows(x) * rl.tensor([1.0, -2.0, 3.0]),
    "windows, added up": lambda x: windows(x).square().sum(-1),
    "a diagonal": lambda x: x.as_strided((4,), (7,)).exp(),
    "the function": lambda x: rl.as_strided(x, (2, 3), (1, 2)) + 1,
    "a transposed one": lambda x: x.t().as_strided((3, 4), (2, 5)).tanh(),
    "a row's": lambda x: (x * 1)[1:3].as_strided((3, 3), (2, 1)),
    "a broadcast": lambda x: x.as_strided((3, 6), (0, 1)) * x[:3],
    "one element": lambda x: x.as_strided((), ()) * 3,
    "nothing": lambda x: x.as_strided((0, 4), (1, 1)),
    "an offset": lambda x: (x * 3).as_strided((2, 2), (3, 1), 5),
    "an offset of zero": lambda x: (x * 3)[1:].as_strided((2, 3), (2, 1), 6),
    "outside": lambda x: x.sum() * OUTSIDE.as_strided((3, 2), (5, 2), 1),
    "a view of outside": lambda x: x.sum() * PIECE.as_strided((2, 2), (6, 1)),
    "a view of outside at an offset": lambda x: x.sum() * PIECE.as_strided((2, 2), (6, 1), 7),
    "scattered": lambda x: x.as_strided_scatter(x[:2, :3] * 5, (2, 3), (7, 2)),
    "twice": nested,
    "written to": added,
    "filled": filled,
    "strides": lambda x: x * (windows(x).stride()[0] + windows(x).is_contiguous()),
}


@pytest.mark.parametrize("engine", ["0", "1"])
@pytest.mark.parametrize("dtype", [rl.float32, rl.float64])
@pytest.mark.parametrize("name", CASES)
def test_a_strided_view_is_part_of_the_program(name, dtype, engine, monkeypatch):
    monkeypatch.setenv("RUSHLIGHT_ENGINE", engine)
    f, found = CASES[name], []
    for run in (f, rl.compile(f, fullgraph=True)):
        for scale in (1.0, -0.5):
            x = (rl.arange(24.0, dtype=dtype).view(4, 6) * scale / 7).requires_grad_()
            y = run(x)
            y.square().sum().backward()
            found.append((y.shape, y.tolist(), x.grad.tolist()))
    for mine, eager in zip(found[2:], found[:2]):
        assert mine[0] == eager[0]
        for a, b in zip(mine[1:], eager[1:]):
            np.testing.assert_allclose(a, b, 1e-5)


@pytest.mark.parametrize("engine", ["0", "1"])
@pytest.mark.parametrize("name", ["sliding windows", "windows, added up", "filled", "scattered"])
def test_a_whole_step_with_strided_views(name, engine, monkeypatch):
    monkeypatch.setenv("RUSHLIGHT_ENGINE", engine)
    losses = []
    for compiled in (False, True):
        rl.manual_seed(0)
        w = rl.randn(4, 6, requires_grad=True)
        opt = rl.optim.SGD([w], lr=0.05)

        def step(x, w=w, opt=opt):
            opt.zero_grad()
            loss = (CASES[name](w * x) - 1).square().mean()
            loss.backward()
            opt.step()
            return loss

        run, x = (rl.compile(step, fullgraph=True) if compiled else step), rl.randn(4, 6)
        losses.append([run(x).item() for _ in range(6)])
    np.testing.assert_allclose(*losses, 1e-5)


def test_windows_equal_torch():
    torch = pytest.importorskip("torch")
    x = np.random.RandomState(0).randn(4, 6).astype(np.float32)
    for name in ("sliding windows", "a diagonal", "a transposed one", "a row's"):
        grads = []
        for t, f in ((torch, CASES[name]), (rl, rl.compile(CASES[name], fullgraph=True))):
            if name == "sliding windows" and t is torch:
                f = lambda x: windows(x) * torch.tensor([1.0, -2.0, 3.0])
            leaf = t.tensor(x, requires_grad=True)
            y = f(leaf)
            y.square().sum().backward()
            grads.append((y.detach().numpy(), leaf.grad.numpy()))
        for a, b in zip(*grads):
            np.testing.assert_allclose(b, a, 1e-5, 1e-6)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: x[0].as_strided((2, 6), (6, 1)),  # beside what the view shows
        lambda x: x.as_strided((2, 2), (3, 1), 1),  # an argument may lie anywhere in its memory
        lambda x: (x * 1)[:, ::2].as_strided((2, 2), (6, 4)),
    ],
)
def test_what_reaches_beside_the_tensor_runs_eagerly_and_says_so(f):
    run, x = rl.compile(f), rl.arange(24.0).view(4, 6)
    with pytest.warns(UserWarning, match=r"as_strided.*test_strided.py.*eagerly"):
        assert run(x).tolist() == f(x).tolist()
    assert run(x).tolist() == f(x).tolist()
    assert "as_strided" in run.explain()


def test_what_leaves_memory_is_refused_as_eagerly():
    f = lambda x: x.as_strided((5, 6), (6, 1))
    with pytest.raises(RuntimeError, match="out of bounds for storage"):
        f(rl.zeros(4, 6))
    with (
        pytest.raises(RuntimeError, match="out of bounds for storage"),
        pytest.warns(UserWarning, match="eagerly"),
    ):
        rl.compile(f)(rl.zeros(4, 6))


def test_writes_into_windows_that_overlap_are_eager_modes():
    def f(x):
        y = x * 2
        windows(y).add_(1)
        return y

    run, x = rl.compile(f), rl.arange(24.0).view(4, 6)
    with pytest.warns(UserWarning, match="overlap.*eagerly"):
        assert run(x).tolist() == f(x).tolist()
