"""Two frameworks timed in turns: a process each, one working while the other sleeps.

A row is a function of the module (`torch` or `rushlight`) that prepares its data and returns what
is to be timed. The processes are told over pipes which row to run how often. They work in short
turns, now the one first and now the other, and the ratio is the median of those of neighbouring
turns: a machine that changes its speed from second to second is equally unkind to both.
"""

import importlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
THREADS = 2
# Seconds that one timing should last: long against the clock, short against what disturbs it. The
# best of a turn's few counts: the machine gives its cores to somebody else for longer than that.
SLICE, PARTS = 0.003, 4
WAKE = 0.04  # seconds of work before a turn's timings
REST = 0.12  # seconds before a turn: idle threads of a library may spin for 0.1 after their work


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    name: str
    prepare: Callable[[Any], Callable[[], Any]]
    target: float | None = None  # time of PyTorch over ours; None: only reported
    rounds: int = 15


class Peer:
    """A process with one of the frameworks."""

    def __init__(
        self, module: str, rows: str, python: str = sys.executable, **settings: str
    ) -> None:
        threads = {f"{library}_NUM_THREADS": str(THREADS) for library in ("OMP", "OPENBLAS", "MKL")}
        self.process = subprocess.Popen(
            [python, __file__, module, rows],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={
                **os.environ,
                **threads,
                **settings,
                "PYTHONPATH": f"{ROOT}{os.pathsep}{os.environ.get('PYTHONPATH', '')}",
            },
        )

    def ask(self, **question: Any) -> dict[str, Any]:
        """Send a question, wait for the answer."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(question) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            raise RuntimeError(f"the peer ended with status {self.process.wait()}")
        return json.loads(answer)

    def close(self) -> None:
        """Let the process end."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()


def answer_questions(module_name: str, rows_name: str) -> None:
    """The life of a peer."""
    module = importlib.import_module(module_name)
    if hasattr(module, "set_num_threads"):
        module.set_num_threads(THREADS)
    rows = {row.name: row for row in importlib.import_module(rows_name).ROWS}
    work: Callable[[], Any] = lambda: None
    for line in sys.stdin:
        question = json.loads(line)
        try:
            if "row" in question:
                work = rows[question["row"]].prepare(module)
                start = time.perf_counter()
                work()
                first = time.perf_counter() - start
                _warm(work)
                answer: dict[str, Any] = {"number": _number(work), "first": first}
            else:
                answer = {"seconds": _turn(work, question["number"])}
        except Exception as error:
            answer = {"missing": f"{type(error).__name__}: {error}".splitlines()[0]}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


def _warm(work: Callable[[], Any]) -> None:
    """Call it until what is made beside the program for work that is done often is in its place."""
    for _ in range(2):
        end = time.perf_counter() + 0.5
        for _ in range(500):
            work()
            if time.perf_counter() > end:
                break
        for thread in threading.enumerate():
            if thread.name == "rushlight-quicken":
                thread.join()


def _timed(work: Callable[[], Any], number: int) -> float:
    repeats = range(number)
    start = time.perf_counter()
    for _ in repeats:
        work()
    return (time.perf_counter() - start) / number


def _turn(work: Callable[[], Any], number: int) -> float:
    """The best of a few timings, after calls that wake the processor: work goes on in use."""
    end = time.perf_counter() + WAKE
    while time.perf_counter() < end:
        work()
    seen: list[float] = []
    while len(seen) < PARTS and sum(seen) * number < PARTS * SLICE:
        seen.append(_timed(work, number))
    return min(seen)


def _number(work: Callable[[], Any]) -> int:
    """How many calls last about a slice."""
    number = 1
    while (once := _timed(work, number) * number) < SLICE / 4:
        number *= 4
    return max(1, round(number * SLICE / once))


@dataclass
class Result:
    """What a row gave: medians of the times and of their ratios, or why there are none."""

    row: Row
    ours: float = 0.0
    theirs: float = 0.0
    ratio: float = 0.0
    missing: str = ""

    def line(self) -> str:
        """The row as a line of the table."""
        goal = "-" if self.row.target is None else f"{self.row.target:.2f}"
        if self.missing:
            return f"| {self.row.name} | - | - | skipped: {self.missing} | {goal} |"
        met = self.row.target is None or self.ratio >= self.row.target
        mark = "" if met else " (below)"
        return (
            f"| {self.row.name} | {told(self.theirs)} | {told(self.ours)} | "
            f"{self.ratio:.2f}{mark} | {goal} |"
        )


def told(seconds: float) -> str:
    """A time as it is read best."""
    return f"{seconds * 1e6:.2f} us" if seconds < 1e-3 else f"{seconds * 1e3:.1f} ms"


HEAD = "| work | PyTorch | Rushlight | PyTorch / Rushlight | target |\n|---|---|---|---|---|"


def compare(row: Row, ours: Peer, theirs: Peer) -> Result:
    """Both on one row, in turns."""
    numbers, times = {}, {ours: [], theirs: []}
    for peer in (ours, theirs):
        answer = peer.ask(row=row.name)
        if "missing" in answer:
            name = "Rushlight" if peer is ours else "PyTorch"
            return Result(row, missing=f"{name}: {answer['missing']}")
        numbers[peer] = answer["number"]
    order = [ours, theirs]
    for _ in range(row.rounds):
        for peer in order:
            time.sleep(REST)
            answer = peer.ask(number=numbers[peer])
            if "missing" in answer:
                return Result(row, missing=answer["missing"])
            times[peer].append(answer["seconds"])
        order.reverse()
    ratio = statistics.median(b / a for a, b in zip(times[ours], times[theirs], strict=True))
    mine, others = (statistics.median(times[peer]) for peer in (ours, theirs))
    return Result(row, mine, others, ratio)


def import_times(rounds: int = 7) -> dict[str, float]:
    """Seconds that importing takes in a fresh process, NumPy's own included and alone."""
    seen: dict[str, list[float]] = {"numpy": [], "rushlight": [], "torch": []}
    with tempfile.TemporaryDirectory() as cache:  # compiled once, as after an installation
        for attempt in range(rounds + 1):
            for name, times in seen.items():
                seconds = _import_once(name, cache)
                if attempt > 0 and seconds is not None:
                    times.append(seconds)
    return {name: statistics.median(times) for name, times in seen.items() if times}


def _import_once(name: str, cache: str) -> float | None:
    code = (
        "import time; start = time.perf_counter(); "
        f"import {name}; print(time.perf_counter() - start)"
    )
    kept = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    out = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        text=True,
        capture_output=True,
        check=False,
        env={**kept, "PYTHONPYCACHEPREFIX": cache},
    )
    return float(out.stdout) if out.returncode == 0 else None


if __name__ == "__main__":
    answer_questions(*sys.argv[1:3])
