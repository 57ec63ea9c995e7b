"""The profiler counts operations, nests ranges, follows schedules and writes traces."""

import importlib
import json

import pytest


@pytest.fixture
def torch():
    return importlib.import_module("rushlight")


def test_operations_are_counted_with_their_shapes(torch):
    x = torch.ones(3, 4)
    with torch.profiler.profile(record_shapes=True) as prof:
        for _ in range(5):
            x.exp()
        torch.mm(x, x.t())
    counts = {entry.key: entry.count for entry in prof.key_averages()}
    assert counts["aten::exp"] == 5 and counts["aten::mm"] == 1
    by_shape = prof.key_averages(group_by_input_shape=True)
    assert [e.input_shapes for e in by_shape if e.key == "aten::mm"] == [[[3, 4], [4, 3]]]
    table = prof.key_averages().table(sort_by="cpu_time_total", row_limit=2)
    assert "aten::" in table and "Self CPU time total" in table


def test_nothing_is_watched_outside(torch):
    with torch.profiler.profile() as prof:
        pass
    torch.ones(3).exp()
    assert "aten::exp" not in {entry.key for entry in prof.key_averages()}


def test_ranges_hold_what_is_inside(torch):
    with torch.profiler.profile() as prof, torch.profiler.record_function("forward"):
        torch.ones(3).exp()
    forward = next(event for event in prof.events() if event.name == "forward")
    exp = next(event for event in prof.events() if event.name == "aten::exp")
    assert forward.start <= exp.start and exp.end <= forward.end
    assert forward.self_cpu_time_total <= forward.cpu_time_total - exp.cpu_time_total


def test_schedule_records_its_steps_and_hands_them_over(torch, tmp_path):
    steps = []

    def ready(prof):
        steps.append(prof.step_num)
        torch.profiler.tensorboard_trace_handler(str(tmp_path))(prof)

    plan = torch.profiler.schedule(wait=1, warmup=1, active=2, repeat=2)
    with torch.profiler.profile(schedule=plan, on_trace_ready=ready) as prof:
        for _ in range(10):
            torch.ones(2).exp()
            prof.step()
    assert steps == [4, 8]
    traces = sorted(tmp_path.glob("*.pt.trace.json"))
    assert len(traces) == 2
    names = [event["name"] for event in json.loads(traces[0].read_text())["traceEvents"]]
    assert names.count("aten::exp") == 2


def test_schedule_is_pytorchs(torch):
    theirs = pytest.importorskip("torch").profiler
    for words in ({"wait": 2, "warmup": 1, "active": 3, "repeat": 2, "skip_first": 1},
                  {"wait": 0, "warmup": 1, "active": 1}):  # fmt: skip
        ours, reference = torch.profiler.schedule(**words), theirs.schedule(**words)
        for step in range(20):
            assert ours(step).name == reference(step).name


def test_older_entrance(torch):
    with torch.autograd.profiler.profile() as prof:
        torch.ones(2).exp()
    assert "aten::exp" in prof.table()
    with torch.autograd.profiler.profile(enabled=False) as prof:
        torch.ones(2).exp()
    assert prof.events() == []


def test_times_have_the_unit_that_suits_them():
    from rushlight.profiler.events import time_text

    times = [time_text(t) for t in (0.25, 999.9, 1000.0, 2_500_000.0)]
    assert times == ["0.250us", "999.900us", "1.000ms", "2.500s"]
