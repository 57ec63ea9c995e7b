"""The pool of threads: how many, asleep when idle, safe after fork, silent at exit, Ctrl-C."""

import os
import platform
import subprocess
import sys
import textwrap
import threading

import numpy as np
import pytest

pytest.importorskip("llvmlite")

import rushlight as torch
from rushlight._core import processors
from rushlight._engine import threads, unit

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def child(code, timeout=60):
    """What a fresh process prints; its standard error must be empty."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(code)], capture_output=True,
        text=True, cwd=ROOT, timeout=timeout,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


@pytest.fixture(autouse=True)
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def counted(n=400_000):
    """A compiled function of enough work for two threads, and arguments."""
    made = torch.compile(lambda x, y: (x * y + 1).tanh().sum())
    return made, (torch.rand(n), torch.rand(n))


def test_the_number_of_threads_reaches_compiled_programs(monkeypatch):
    made, args = counted()
    made(*args)
    used = []
    pool = threads.pool()
    call = pool._call

    def watched(control, program, arguments, number, *others):
        used.append(number)
        call(control, program, arguments, number, *others)

    monkeypatch.setattr(pool, "_call", watched)
    wanted = []
    for n in (2, 1, 64, 2):
        torch.set_num_threads(n)
        made.compiled.door = None
        wanted.append(made(*args).item())
    assert used[:2] == [2, 1] and 2 <= used[2] <= pool.room and used[3] == 2
    np.testing.assert_allclose(wanted, wanted[0], rtol=1e-5)


def test_a_program_compiled_for_one_thread_may_have_more_later():
    torch.set_num_threads(1)
    made, args = counted(500_000)
    made(*args)
    (part,) = next(iter(made.compiled.programs.values()))[0].runner.parts
    assert part.threads >= 2
    torch.set_num_threads(2)
    np.testing.assert_allclose(
        made(*args).item(), (args[0] * args[1] + 1).tanh().sum().item(), 1e-5
    )


def test_small_programs_run_on_the_callers_thread():
    made = torch.compile(lambda x: x * 2 + 1)
    made(torch.rand(100))
    (part,) = next(iter(made.compiled.programs.values()))[0].runner.parts
    assert part.threads == 1


FAR = 1 << 62


@pytest.mark.skipif(
    platform.machine() not in ("x86_64", "AMD64"), reason="no clock that programs read"
)
@pytest.mark.parametrize(
    "before, runs, way",
    [
        ([1 << 40, 1 << 50, 0, 0, FAR, 1], 1, 0),  # together, and quicker so
        ([1 << 50, 1 << 40, 1, 0, FAR, 1], 1, 1),  # alone
        ([1 << 40, 1000, 0, 0, FAR, 1], 1, 1),  # together has become slower
        ([1000, 1 << 40, 1, 0, FAR, 1], 1, 0),
        ([1 << 40, 0, 0, 3, FAR, 1], 3, 1),  # the other way was tried, and is quicker
        ([1 << 40, 0, 0, 3, FAR, 1], 2, 0),  # not often enough yet
        ([1, 1 << 40, 0, 3, FAR, 1], 3, 0),  # it is not
    ],
)
def test_a_short_program_goes_the_quicker_way(before, runs, way):
    made, args = counted(50_000)
    wanted = made(*args)
    (part,) = next(iter(made.compiled.programs.values()))[0].runner.parts
    part.pace[:] = before
    for _ in range(runs):
        assert torch.equal(made(*args), wanted)
    went = before[threads._WAY] ^ (before[threads._LEFT] > 0)
    assert part.pace[went] != before[went] and part.pace[1 - went] == before[1 - went]
    assert part.pace[threads._WAY] == way


def test_a_long_program_has_all_threads():
    made, args = counted(4_000_000)
    made(*args)
    (part,) = next(iter(made.compiled.programs.values()))[0].runner.parts
    assert part.pace is None


@linux
@pytest.mark.skipif(processors.processors() < 2, reason="one processor")
def test_workers_leave_the_callers_processor():
    """Woken there they stayed, and both took turns on it: 70 us became 125 and more."""
    child("""
        import os, threading
        import rushlight as torch
        torch.set_num_threads(2)
        made = torch.compile(lambda x, y: (x * y + 1).tanh().sum())
        args = torch.rand(200_000), torch.rand(200_000)
        made(*args)
        (part,) = next(iter(made.compiled.programs.values()))[0].runner.parts
        part.pace[:] = [1 << 62, 1 << 62, 0, 0, 1 << 62, 1]  # together
        (worker,) = [t.native_id for t in threading.enumerate() if t.name == "rushlight-1"]
        allowed = os.sched_getaffinity(0)
        here = min(allowed)
        os.sched_setaffinity(0, {here})
        os.sched_setaffinity(worker, {here})
        os.sched_setaffinity(worker, allowed)
        made(*args)
        made(*args)
        with open(f"/proc/self/task/{worker}/stat") as file:
            assert int(file.read().rpartition(")")[2].split()[36]) != here
        assert os.sched_getaffinity(worker) == allowed
    """)


@pytest.mark.parametrize(
    "groups, files, most",
    [
        ("0::/\n", {"cpu.max": "150000 100000\n"}, 2),
        ("0::/\n", {"cpu.max": "max 100000\n"}, None),
        ("0::/a/b\n", {"a/cpu.max": "100000 100000\n", "a/b/cpu.max": "max 100000\n"}, 1),
        ("0::/../x\n", {"cpu.max": "50000 100000\n"}, 1),
        ("4:cpu,cpuacct:/d\n0::/\n", {
            "cpu,cpuacct/d/cpu.cfs_quota_us": "300000\n",
            "cpu,cpuacct/d/cpu.cfs_period_us": "100000\n"}, 3),
        ("4:cpu:/gone\n0::/\n", {
            "cpu/cpu.cfs_quota_us": "200000", "cpu/cpu.cfs_period_us": "100000"}, 2),
        ("4:cpu:/\n", {"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, None),
        ("4:memory:/\n", {}, None),
    ],
)  # fmt: skip
def test_a_containers_quota_counts(tmp_path, monkeypatch, groups, files, most):
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    read = processors._read
    monkeypatch.setattr(
        processors, "_read", lambda path: groups if path == "/proc/self/cgroup" else read(path)
    )
    monkeypatch.setattr(processors, "_ROOT", str(tmp_path))
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: range(8), raising=False)
    assert processors.processors() == (most or 8)


@linux
def test_idle_workers_take_no_time():
    out = child("""
        import os, time, rushlight as torch
        torch.set_num_threads(2)
        f = torch.compile(lambda x: (x * 2 + 1).tanh().sum())
        x = torch.rand(400_000)
        for _ in range(5):
            f(x)

        def ticks():
            found = {}
            for task in os.listdir("/proc/self/task"):
                with open(f"/proc/self/task/{task}/schedstat") as file:
                    found[task] = int(file.read().split()[0])
            return found

        time.sleep(0.05)
        before = ticks()
        time.sleep(1)
        after = ticks()
        main = str(os.getpid())
        assert len(after) >= 2
        print(max(after[t] - before.get(t, 0) for t in after if t != main))
    """)
    assert int(out) < 2_000_000, f"a worker took {int(out) / 1e6} ms of one idle second"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_runs_and_compiles():
    child("""
        import os, rushlight as torch, numpy as np
        torch.set_num_threads(2)
        def f(x):
            return (x * 2 + 1).tanh().sum()
        made = torch.compile(f)
        x = torch.rand(400_000)
        wanted = float(made(x))
        for _ in range(3):
            pid = os.fork()
            if not pid:
                try:
                    assert float(made(x)) == wanted
                    g = lambda x: (x * 3 - 1).exp().sum()
                    np.testing.assert_allclose(float(torch.compile(g)(x)), float(g(x)), 1e-5)
                    os._exit(0)
                finally:
                    os._exit(1)
            assert os.waitpid(pid, 0)[1] == 0
            assert float(made(x)) == wanted
    """)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_fork_while_a_program_runs():
    child("""
        import os, threading, rushlight as torch, numpy as np
        torch.set_num_threads(2)
        w = torch.rand(512, 512)
        made = torch.compile(lambda x: ((x @ w) @ w).tanh().sum(1).sum())
        x = torch.rand(512, 512)
        wanted = float(made(x))
        end = threading.Event()
        def go():
            while not end.is_set():
                made(x)
        runs = threading.Thread(target=go)
        runs.start()
        try:
            for _ in range(12):
                pid = os.fork()
                if not pid:
                    try:
                        for _ in range(2):
                            np.testing.assert_allclose(float(made(x)), wanted, 1e-6)
                        os._exit(0)
                    finally:
                        os._exit(1)
                assert os.waitpid(pid, 0)[1] == 0
        finally:
            end.set()
            runs.join()
    """)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_fork_while_a_thread_compiles(tmp_path):
    child(f"""
        import os, threading
        os.environ["RUSHLIGHT_CACHE"] = {str(tmp_path)!r}
        import rushlight as torch, numpy as np
        torch.compile(lambda x: x + 1)(torch.rand(3))  # all is imported
        def go():
            for n in range(3, 9):
                torch.compile(lambda x: (x * n + 1).exp().sum())(torch.rand(10, n))
        runs = threading.Thread(target=go)
        runs.start()
        x = torch.rand(7, 11)
        while runs.is_alive():
            pid = os.fork()
            if not pid:
                try:
                    g = lambda x: (x * 3 - 1).tanh().sum(1)
                    torch.testing.assert_close(torch.compile(g)(x), g(x), rtol=1e-5, atol=1e-5)
                    os._exit(0)
                finally:
                    os._exit(1)
            assert os.waitpid(pid, 0)[1] == 0
        runs.join()
    """)


def test_exit_with_workers_is_silent():
    out = child("""
        import rushlight as torch, threading
        torch.set_num_threads(2)
        f = torch.compile(lambda x: (x * 2 + 1).tanh().sum())
        x = torch.rand(400_000)
        f(x)
        threading.Thread(target=lambda: [f(x) for _ in range(200)], daemon=True).start()
        print("end")
    """)
    assert out == "end\n"


LONG = """
    import os, signal, threading, time, rushlight as torch
    from rushlight._engine import unit
    torch.set_num_threads(2)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background ignores it
    unit._LONG = 50_000_000  # a question after each product
    w = torch.rand(600, 600) / 300
    def chain(x):
        for _ in range({n}):
            x = x @ w
        return x
    made = torch.compile(chain)
    x = torch.rand(600, 600)
    t = time.perf_counter()
    wanted = made(x)
    t = time.perf_counter()
    made(x)
    whole = time.perf_counter() - t
"""


@linux
def test_an_interrupt_leaves_a_long_program():
    out = child(LONG.format(n=60) + """
    for _ in range(3):
        threading.Timer(whole / 10, os.kill, (os.getpid(), signal.SIGINT)).start()
        t = time.perf_counter()
        try:
            made(x)
        except KeyboardInterrupt:
            print((time.perf_counter() - t) / whole)
        else:
            print(9)  # over before the signal came
        assert torch.equal(made(x), wanted)
    """)  # fmt: skip
    times = [float(x) for x in out.split()]
    assert len(times) == 3 and min(times) < 0.7, times


@linux
def test_a_signals_handler_runs_during_a_long_program():
    out = child(LONG.format(n=60) + """
    seen = []
    signal.signal(signal.SIGALRM, lambda *_: seen.append(time.perf_counter()))
    threading.Timer(whole / 10, os.kill, (os.getpid(), signal.SIGALRM)).start()
    t = time.perf_counter()
    assert torch.equal(made(x), wanted)
    end = time.perf_counter()
    print(len(seen), end - seen[0] > 0.1 * whole)
    """)  # fmt: skip
    assert out.split() == ["1", "True"]


def test_where_no_thread_can_be_had_the_caller_runs_alone(monkeypatch):
    def refused(self):
        raise RuntimeError("can't start new thread")

    pool = threads.Pool(2, threads.code())
    monkeypatch.setattr(threads, "pool", lambda: pool)
    monkeypatch.setattr(unit, "pool", lambda: pool)
    monkeypatch.setattr("rushlight._engine.native.pool", lambda: pool)
    monkeypatch.setattr(threading.Thread, "start", refused)
    made, args = counted(420_000)
    np.testing.assert_allclose(
        made(*args).item(), (args[0] * args[1] + 1).tanh().sum().item(), 1e-5
    )


def test_blas_threads_of_numpy_beside_the_pool():
    made, args = counted(600_000)
    wanted = made(*args).item()
    a = np.random.default_rng(0).normal(size=(400, 400)).astype(np.float32)
    product = a @ a
    for _ in range(20):
        assert np.array_equal(a @ a, product)
        assert made(*args).item() == wanted


@pytest.mark.parametrize("n", [True, 1.0, "2", None, 0, -1])
def test_a_number_of_threads_is_a_positive_int(n):
    with pytest.raises(RuntimeError, match="set_num_threads expects"):
        torch.set_num_threads(n)
    assert torch.get_num_threads() == 2


@pytest.mark.parametrize("groups", ["nonsense\n0::/\n", "0:/\n", "\n\n", ":::::\n", "0::\n"])
def test_odd_lines_about_control_groups_are_left_out(monkeypatch, groups):
    read = processors._read
    monkeypatch.setattr(
        processors, "_read", lambda path: groups if path == "/proc/self/cgroup" else read(path)
    )
    assert processors.processors() >= 1
