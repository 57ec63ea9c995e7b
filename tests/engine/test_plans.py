"""Programs found again by their graph: no pass runs, results are the same, trouble is ignored."""

import json
import os
import re

import numpy as np
import pytest

pytest.importorskip("llvmlite")

import rushlight as rl
from rushlight import nn
from rushlight._engine import cache, plans, program

F = nn.functional


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("RUSHLIGHT_CACHE", str(tmp_path))
    return tmp_path / "code"


@pytest.fixture
def builds(monkeypatch):
    """The graphs that passes went over."""
    seen, kept = [], program.runner

    def counted(graph, *args, **options):
        seen.append(graph)
        return kept(graph, *args, **options)

    monkeypatch.setattr(program, "runner", counted)
    return seen


def trained(steps=3, seed=0):
    rl.manual_seed(seed)
    net = nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Dropout(0.5), nn.Linear(5, 3))
    opt = rl.optim.Adam(net.parameters(), lr=0.01)

    @rl.compile
    def step(x, y):
        loss = F.cross_entropy(net(x), y)
        loss.backward()
        opt.step()
        opt.zero_grad()
        return loss

    x, y = rl.randn(4, 6), rl.randint(0, 3, (4,))
    return [step(x, y).item() for _ in range(steps)], step


def entries(folder):
    """The plans there are, by their names."""
    found = {p.name: cache.read(p.name) for p in folder.iterdir()}
    return {k: body for k, body in found.items() if body.startswith(b'{"outputs"')}


def test_a_plan_takes_the_place_of_all_passes(builds, folder):
    first, step = trained()
    assert len(builds) == 1 and len(entries(folder)) == 1
    again, other = trained()
    assert again == first and len(builds) == 1 and other.compiled.traces == 1
    (one,), (two,) = step.compiled.programs.values(), other.compiled.programs.values()
    assert _bare(two[0].runner.source) == _bare(one[0].runner.source)
    assert "graph" not in two[0].__dict__ and str(two[0].graph) == str(one[0].graph)


def _bare(source):
    """A program's text without the addresses in it."""
    return re.sub(r"\b\d{9,}\b", "", source)


W = np.arange(6.0, dtype=np.float32).reshape(2, 3)
PROGRAMS = {
    "pointwise": lambda x: (x * 2).exp() - 1,
    "another number": lambda x: (x * 3).exp() - 1,
    "a whole number": lambda x: (x.long() * 2).float() - True,
    "a constant": lambda x: x + rl.tensor([[1.0, 2.0, 4.0], [0.5, 0.25, -0.0]]),
    "another constant": lambda x: x + rl.tensor([[1.0, 2.0, 4.0], [0.5, 0.25, 1.0]]),
    "counted": lambda x: x + rl.arange(3),
    "rounded": lambda x: (x.bfloat16() * 3).float(),
    "kept rounded": lambda x: x.bfloat16() * 3,
    "turned": lambda x: (x.t() @ x, x.t().contiguous()),
    "twice the same": lambda x: [y := x + 1, y],
    "itself": lambda x: (x, x * 2),
    "drawn": lambda x: F.dropout(x + 1, 0.5),
    "drawn twice": lambda x: F.dropout(x, 0.5) + F.dropout(x + 1, 0.25),
    "written": lambda x: x.add_(1) * 2,
    "gathered": lambda x: F.embedding(rl.tensor([1, 0]), x) + 1,
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_its_results_are_those_of_eager_mode(name, builds):
    f, told = PROGRAMS[name], []
    for run in (f, rl.compile(f), rl.compile(f)):
        rl.manual_seed(1)
        x = rl.tensor(W)
        for _ in range(2):
            made = run(x)
            made = made if isinstance(made, (tuple, list)) else [made]
            told.append([*made, x.clone()])
    for eager, *compiled in zip(told[:2], told[2:4], told[4:]):
        for one in compiled:
            assert [t.dtype for t in one] == [t.dtype for t in eager]
            assert all(rl.allclose(a, b, 1e-6) for a, b in zip(one, eager, strict=True))
    assert len(builds) == 1


def test_every_program_has_a_name_of_its_own(folder):
    for f in PROGRAMS.values():
        rl.compile(f)(rl.tensor(W))
    whole = len(entries(folder))
    for x in (rl.tensor(W).double(), rl.tensor(W[:, :2]), rl.tensor(W.T.copy()).t()):
        rl.compile(PROGRAMS["pointwise"])(x)
        assert len(entries(folder)) == (whole := whole + 1)
    assert whole >= len(PROGRAMS)


def test_an_index_out_of_range_is_refused_by_a_plan(builds):
    table = rl.ones(3, 2)
    for _ in range(2):
        f = rl.compile(lambda i: F.embedding(i, table) * 2)
        assert f(rl.tensor([0, 2])).tolist() == [[2, 2], [2, 2]]
        with pytest.raises(IndexError):
            f(rl.tensor([0, 3]))
        assert f(rl.tensor([0, 1])).tolist() == [[2, 2], [2, 2]]
    assert len(builds) == 1


def test_two_networks_with_one_plan_have_memory_of_their_own(builds):
    nets = [nn.Linear(3, 3) for _ in range(2)]
    runs = [rl.compile(lambda x, net=net: net(x)) for net in nets]
    x = rl.tensor(W)
    with rl.no_grad():
        for _ in range(3):
            made = [run(x) for run in runs]
            for y, net in zip(made, nets):
                np.testing.assert_allclose(y.numpy(), net(x).numpy(), rtol=1e-6)
    assert len(builds) == 1


def test_programs_of_one_function_share_what_is_equal(builds):
    net = nn.Linear(3, 2)
    opt = rl.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)

    @rl.compile
    def step(x):
        opt.zero_grad()
        net(x).sum().backward()
        opt.step()

    for _ in range(3):
        step(rl.tensor(W))
    (made,) = step.compiled.programs.values()
    assert len(made) == 2 and made[0].runner is made[1].runner and len(builds) == 1


def foreign(body):
    """Bodies that this code did not write."""
    head, _, data = body.partition(b"\n")
    told = json.loads(head)
    yield from (b"", b"\n", b"[]", b"{}", b"null", b"cos\nsystem\n", head[:-9], head, b"{" + body)
    yield b"x" * len(body)
    for key in told:
        yield json.dumps({k: v for k, v in told.items() if k != key}).encode() + b"\n" + data
        yield json.dumps(told | {key: 7}).encode() + b"\n" + data


def test_a_plan_that_makes_no_sense_is_made_again(builds, folder):
    f = PROGRAMS["a constant"]
    wanted = rl.compile(f)(rl.tensor(W)).tolist()
    ((name, body),) = entries(folder).items()
    for count, other in enumerate(foreign(body), 2):
        cache.write(name, other)
        assert rl.compile(f)(rl.tensor(W)).tolist() == wanted
        assert cache.read(name) == body and len(builds) == count


@pytest.mark.parametrize("harm", ["damaged", "code gone", "older", "another machine"])
def test_what_is_not_whole_or_not_ours_is_made_again(harm, builds, folder, monkeypatch):
    first, _ = trained()
    for name in [p.name for p in folder.iterdir()]:
        plan = cache.read(name).startswith(b'{"outputs"')
        if harm == "damaged" and plan:
            data = (folder / name).read_bytes()
            (folder / name).write_bytes(data[:-3] + b"?" + data[-2:])
        elif harm == "code gone" and not plan:
            os.unlink(folder / name)
    if harm == "older":
        monkeypatch.setattr(cache, "emitter", lambda: "yesterday's")
    elif harm == "another machine":
        monkeypatch.setattr(plans, "HEAD", plans.HEAD + 8)
    assert trained()[0] == first and len(builds) == 2
    assert trained()[0] == first and len(builds) == 2


def test_without_a_cache_to_write_to_it_runs_all_the_same(builds, tmp_path, monkeypatch):
    first, _ = trained()
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("RUSHLIGHT_CACHE", str(tmp_path / "file"))
    assert trained()[0] == first and len(builds) == 2


def test_a_program_with_words_of_numpy_has_no_plan(builds, folder):
    for _ in range(2):
        f = rl.compile(lambda x: rl.linalg.inv(x.t() @ x + rl.eye(3)) * 2)
        assert f(rl.tensor(W)).shape == (3, 3)
    assert len(builds) == 2 and not entries(folder)


def test_a_log_is_written_by_the_passes(builds, monkeypatch, capfd):
    trained()
    monkeypatch.setenv("RUSHLIGHT_LOG", "graph,kernels")
    trained()
    assert len(builds) == 2 and "kernels" in capfd.readouterr().err
