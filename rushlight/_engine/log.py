"""What the engine tells when asked: RUSHLIGHT_LOG=graph,kernels,time writes to standard error.

graph: each program's graph after simplifying; kernels: which steps became which kernel; time: at
exit, the mean time of each kernel (programs measure themselves and are a little slower).
"""

import atexit
import os
import sys
import time
from collections.abc import Iterable
from typing import Any

from .._arrays.traced import HERE


def wanted(what: str) -> bool:
    """Whether the user asked for it."""
    return what in os.environ.get("RUSHLIGHT_LOG", "").split(",")


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def outlined(groups: Iterable[Any]) -> str:
    """One line for each kernel: its shape and its words."""
    return "\n".join(f"  {told(group)}" for group in groups)


def told(group: Any) -> str:
    """A group's shape, the axes that it reduces, its words."""
    words = " ".join(step.word for step in group.steps)
    if not group.native:
        return f"NumPy: {words}"
    reduced = f", the last {group.reduced} reduced" if group.reduced else ""
    return f"{list(group.shape)}{reduced}: {words}"


class Clock:
    """The kernels of one program, timed by the program itself: counter values between them."""

    def __init__(self, groups: list[Any]) -> None:
        self.groups, self.runs = groups, 0
        self.ticks = [0] * len(groups)
        self.seconds = 0.0
        self.began = 0.0
        atexit.register(self.report)

    def start(self) -> None:
        self.began = time.perf_counter()

    def note(self, ticks: list[int]) -> None:
        """After a run: how far the counter went in each kernel."""
        self.seconds += time.perf_counter() - self.began
        self.runs += 1
        self.ticks = [a + b for a, b in zip(self.ticks, ticks)]

    def report(self) -> None:
        """The mean of each kernel, as text on standard error."""
        if not self.runs or not sum(self.ticks):
            return
        unit = self.seconds / sum(self.ticks) / self.runs * 1e6
        rows = [f"rushlight: {self.runs} runs, {1e6 * self.seconds / self.runs:.1f} us each"]
        rows += [f"{t * unit:10.1f} us  {told(g)}" for t, g in zip(self.ticks, self.groups)]
        say("\n".join(rows))


def outside() -> int:
    """The stacklevel, for who warns, of the first frame outside the package."""
    frame, level = sys._getframe(1), 1
    while frame.f_back is not None and frame.f_code.co_filename.startswith((HERE, "<")):
        frame, level = frame.f_back, level + 1
    return level
