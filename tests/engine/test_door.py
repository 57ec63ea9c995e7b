"""The quick way into small programs: taken when all is as before, left when anything is not."""

import itertools
import threading
import weakref

import numpy as np
import pytest

pytest.importorskip("llvmlite")

import rushlight as torch
from rushlight._engine import door, steps

pytestmark = pytest.mark.skipif(not steps.known(), reason="this Python is not known well enough")


@pytest.fixture(autouse=True)
def hours(monkeypatch):
    """A clock that strides: doors may be made anew at once."""
    clock = itertools.count(0, 3600)
    monkeypatch.setattr(door, "monotonic", lambda: next(clock))


def opened(f, *args, calls=4):
    """The compiled function after some calls, its door open."""
    made = torch.compile(f)
    for _ in range(calls):
        made(*args)
    assert made.compiled.door is not None
    return made


def taken(made, *args):
    """Whether a call with these arguments goes the quick way."""
    return made.compiled.door(*args) is not door.MISS


def affine(a, b):
    return a @ b + 1


def test_the_quick_way_gives_what_the_long_one_gives():
    x, w = torch.randn(4, 8), torch.randn(8, 5)
    made = opened(affine, x, w)
    for _ in range(3):
        x = torch.randn(4, 8)
        assert taken(made, x, w)
        torch.testing.assert_close(made(x, w), affine(x, w))


def test_arguments_of_another_kind_go_the_long_way():
    x, w = torch.randn(4, 8), torch.randn(8, 8)
    for a, b in [
        (torch.randn(5, 8), w), (x.double(), w.double()), (torch.randn(8, 4).T, w), (x[:3], w),
        (torch.randn(4, 8, requires_grad=True), w), (w, w), (torch.randn(2, 4, 8), w),
        (torch.nn.Parameter(torch.randn(4, 8)), w),
    ]:  # fmt: skip
        made = opened(affine, x, w)
        assert not taken(made, a, b)
        torch.testing.assert_close(made(a, b), affine(a, b))
        torch.testing.assert_close(made(x, w), affine(x, w))
    made = opened(affine, x, w)
    assert not taken(made, x)
    assert not taken(made, x, 3)
    assert not taken(made, x, None)
    torch.testing.assert_close(made(a=x, b=w), affine(x, w))


def test_modes_are_looked_at():
    w = torch.randn(3, 3, requires_grad=True)
    x = torch.randn(2, 3)
    f = lambda x: x @ w
    with torch.no_grad():
        made = opened(f, x)
        assert taken(made, x) and not made(x).requires_grad
    assert not taken(made, x)
    assert made(x).requires_grad
    with torch.no_grad():
        for _ in range(4):
            made(x)
        found = []
        other = threading.Thread(target=lambda: found.append((taken(made, x), made(x))))
        other.start()
        other.join()
        assert not found[0][0] and found[0][1].requires_grad  # its own thread's switch
    torch.testing.assert_close(torch.func.vmap(made)(torch.ones(4, 2, 3)), torch.ones(4, 2, 3) @ w)


def test_results_that_are_held_are_not_written_over():
    x, w = torch.randn(4, 8), torch.randn(8, 5)
    made, one = opened(affine, x, w), torch.ones(4, 5)
    held = [made(x * k, w) for k in range(5)]
    views = [made(x * k, w)[1:] for k in range(5)]
    for k in range(5):
        torch.testing.assert_close(held[k], k * (x @ w) + one)
        torch.testing.assert_close(views[k], (k * (x @ w) + one)[1:])
    places = {made(x, w).data_ptr() for _ in range(8)}
    assert len(places) <= 2


def test_state_that_the_trace_saw_is_looked_at():
    class State:
        pass

    state, scales, table = State(), [2.0, 3.0], {"k": 4.0}
    state.w, state.deep = torch.randn(3), {1: 5.0}
    flag = True

    def f(x):
        sign = 1 if flag else -1
        return sign * x * state.w * scales[0] * scales[1] * table["k"] + state.deep[1]

    x = torch.randn(3)
    made = opened(f, x)

    def changed():
        torch.testing.assert_close(made(x), f(x))
        for _ in range(4):
            made(x)
        assert taken(made, x)

    changed()
    state.w = torch.randn(3)
    assert not taken(made, x)
    changed()
    scales[1] = 7.0
    assert not taken(made, x)
    changed()
    table["k"] = 9.0
    assert not taken(made, x)
    changed()
    state.deep[1] = 1.5
    assert not taken(made, x)
    changed()
    flag = False
    assert not taken(made, x)
    changed()
    state.w.data = torch.randn(3)
    torch.testing.assert_close(made(x), f(x))


def steps_of(compiled, n=8):
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Linear(5, 7), torch.nn.ReLU(), torch.nn.Linear(7, 3))
    opt = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    loss = torch.nn.CrossEntropyLoss()

    def step(x, y):
        found = loss(net(x), y)
        found.backward()
        opt.step()
        opt.zero_grad()
        return found

    run = torch.compile(step) if compiled else step
    losses = []
    for k in range(n):
        if k == 6:
            opt.param_groups[0]["lr"] = 0.05
        losses.append(run(torch.randn(4, 5), torch.randint(0, 3, (4,))).item())
    return losses, [p.detach().numpy() for p in net.parameters()], run, net


def test_a_training_step_with_another_rate():
    (wanted, ps, *_), (found, qs, run, net) = steps_of(False), steps_of(True)
    np.testing.assert_allclose(found, wanted, rtol=1e-5)
    for p, q in zip(ps, qs):
        np.testing.assert_allclose(p, q, rtol=1e-4, atol=1e-6)
    x, y = torch.randn(4, 5), torch.randint(0, 3, (4,))
    for _ in range(3):
        run(x, y)
    before = [p._version for p in net.parameters()]
    assert taken(run, x, y)
    assert all(p._version > v for p, v in zip(net.parameters(), before))
    found = run(x, y)
    with pytest.raises(RuntimeError, match="second time"):
        found.backward()
    with pytest.raises(IndexError):
        run(x, torch.full((4,), 3))
    assert np.isfinite(run(x, y).item())


def test_gradients_stay_where_the_program_leaves_them():
    net = torch.nn.Linear(3, 2)

    def step(x):
        net.zero_grad()
        net(x).sum().backward()

    made, x = torch.compile(step), torch.ones(4, 3)
    for _ in range(5):
        made(x)
        torch.testing.assert_close(net.weight.grad, torch.full((2, 3), 4.0))
        net.weight.grad = net.bias.grad = None


def test_an_argument_that_overlaps_what_is_written():
    w = torch.zeros(40)

    def f(x):
        w.add_(x)
        return x * 2

    made = opened(f, torch.ones(40))
    w.zero_()
    w[20:].fill_(1)
    made(w[:40])
    torch.testing.assert_close(w, torch.cat([torch.zeros(20), torch.full((20,), 2.0)]))


def test_several_threads_take_it_together(together):
    x, w = torch.randn(4, 8), torch.randn(8, 5)
    made, wrong = opened(affine, x, w), []

    def work(k):
        a = x * k
        wanted = affine(a, w)
        wrong.extend(i for i in range(300) if not torch.allclose(made(a, w), wanted, atol=1e-4))

    together(4, work)
    assert not wrong


def test_a_door_keeps_nothing_alive_for_good():
    import gc

    x = torch.randn(4)
    made = opened(lambda x: x * 2 + 1, x)
    gone = weakref.ref(made.compiled)
    del made
    gc.collect()
    assert gone() is None


def test_an_unknown_python_goes_the_long_way(monkeypatch):
    monkeypatch.setattr(steps, "slots", lambda: None)
    made, x, w = torch.compile(affine), torch.randn(4, 8), torch.randn(8, 5)
    for _ in range(4):
        torch.testing.assert_close(made(x, w), affine(x, w))
    assert made.compiled.door is None


def test_only_what_the_function_reads_of_a_namespace_counts():
    scale, x = 2.0, torch.randn(3)
    space = {"scale": scale}
    exec("def f(x): return x * scale", space)
    made = opened(space["f"], x)
    for k in range(3):
        space["other"] = k
        assert taken(made, x)
    space["scale"] = 3.0
    assert not taken(made, x)
    torch.testing.assert_close(made(x), x * 3)
    space["scale"] = scale
    assert taken(opened(space["f"], x), x)
    del space["scale"]
    with pytest.raises(NameError):
        made(x)


def test_containers_that_grow_shrink_or_fill_are_looked_at():
    class State:
        pass

    state, scales, names = State(), [2.0], set()
    state.parts = {}

    def f(x):
        for s in scales:
            x = x * s
        return x + len(names) + len(state.parts)

    x = torch.randn(3)
    made = opened(f, x)
    changes = [
        (lambda: scales.append(3.0), scales.pop), (lambda: names.add("a"), names.clear),
        (lambda: state.parts.update(a=1), state.parts.clear),
    ]  # fmt: skip
    for there, back in changes:
        there()
        assert not taken(made, x)
        torch.testing.assert_close(made(x), f(x))
        back()
        for _ in range(6):
            torch.testing.assert_close(made(x), f(x))
    names.add("b")  # steps do not look into it: the long way does
    for _ in range(4):
        torch.testing.assert_close(made(x), f(x))
    names.clear()
    names.add("c")
    torch.testing.assert_close(made(x), f(x))


def test_results_are_tensors_of_their_own():
    x, w = torch.randn(4, 8), torch.randn(8, 5)
    made = opened(affine, x, w)
    a, b = made(x, w), made(x, w)
    assert type(a) is torch.Tensor and a._version == 0 and not a.requires_grad and a.grad is None
    a.add_(1)
    a.note = "mine"
    assert (a._version, b._version) == (1, 0) and not hasattr(b, "note")
    torch.testing.assert_close(a, b + 1)
    gone = weakref.ref(a)
    del a
    assert gone() is None
    *_, run, _ = steps_of(True)
    args = torch.randn(4, 5), torch.randint(0, 3, (4,))
    one, two = run(*args), run(*args)
    assert one.requires_grad and one.grad_fn is not two.grad_fn
    one.grad_fn.metadata["k"] = 1
    assert not two.grad_fn.metadata


def test_versions_of_what_is_written():
    w, x = torch.zeros(4), torch.ones(4)

    def f(x):
        w.add_(x)
        return x * 2

    made = opened(f, x)
    before, many = w._version, 300  # Python keeps small numbers
    for _ in range(many):
        assert taken(made, x)
    assert w._version == before + many and w[0] == before + many


def test_gradients_that_are_there_are_looked_at():
    net, x = torch.nn.Linear(3, 2), torch.ones(4, 3)

    def step(x):
        net.zero_grad()
        net(x).sum().backward()

    made = opened(step, x)
    assert taken(made, x)
    torch.testing.assert_close(net.weight.grad, torch.full((2, 3), 4.0))
    net.weight.grad = None
    assert not taken(made, x)
