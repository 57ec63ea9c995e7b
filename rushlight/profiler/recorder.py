"""Watching operations run, through the profile hook that Python has for every function."""

import enum
import functools
import sys
import threading
import time
from collections.abc import Callable, Iterable
from types import FrameType
from typing import Any

from .._core.record import Op
from .events import EventList, FunctionEvent
from .steps import ProfilerAction, always

_GENERATED = "call"  # the name of every op's written function (see _core/emit.py)
_running: list["profile"] = []


class ProfilerActivity(enum.Enum):
    """What to watch. Only the CPU is there to be watched; the others are taken and see nothing."""

    CPU = 0
    XPU = 1
    CUDA = 2


class profile:
    """Measures the operations of the thread that starts it. A context, or `start` and `stop`.

    Example:
        >>> with profile() as prof:
        ...     pass
        >>> print(prof.key_averages().table(sort_by="cpu_time_total", row_limit=10))
    """

    def __init__(
        self, *, activities: Iterable[ProfilerActivity] | None = None,
        schedule: Callable[[int], ProfilerAction] | None = None,
        on_trace_ready: Callable[["profile"], Any] | None = None, record_shapes: bool = False,
        profile_memory: bool = False, with_stack: bool = False, with_flops: bool = False,
        with_modules: bool = False, experimental_config: Any = None,
        execution_trace_observer: Any = None, acc_events: bool = False,
        use_cuda: bool | None = None,
    ) -> None:  # fmt: skip
        self.schedule = schedule or always
        self.on_trace_ready, self.record_shapes = on_trace_ready, record_shapes
        self.step_num = 0
        self.current_action = ProfilerAction.NONE
        self._events, self._open = EventList(), []
        self._previous: Any = None

    def start(self) -> None:
        """Begins with step 0."""
        _running.append(self)
        self._enter(self.schedule(self.step_num))

    def stop(self) -> None:
        """Ends, and hands what was recorded to `on_trace_ready`."""
        recorded = self._records()
        self._enter(ProfilerAction.NONE)
        if self in _running:
            _running.remove(self)
        if recorded and self.on_trace_ready is not None:
            self.on_trace_ready(self)

    def step(self) -> None:
        """Ends one step of the program; the schedule decides about the next."""
        saves = self.current_action is ProfilerAction.RECORD_AND_SAVE
        self.step_num += 1
        if saves:
            self._enter(ProfilerAction.NONE)
            if self.on_trace_ready is not None:
                self.on_trace_ready(self)
        self._enter(self.schedule(self.step_num))

    def events(self) -> EventList:
        """All calls since recording began."""
        return self._events

    def key_averages(
        self, group_by_input_shape: bool = False, group_by_stack_n: int = 0
    ) -> EventList:
        """The calls of each name together."""
        return self._events.key_averages(group_by_input_shape)

    def export_chrome_trace(self, path: str) -> None:
        """Writes a trace that chrome://tracing and Perfetto show."""
        self._events.export_chrome_trace(path)

    def __enter__(self) -> "profile":
        self.start()
        return self

    def __exit__(self, *error: Any) -> None:
        self.stop()

    # -- recording

    def _records(self) -> bool:
        return self.current_action in (ProfilerAction.RECORD, ProfilerAction.RECORD_AND_SAVE)

    def _enter(self, action: ProfilerAction) -> None:
        before, self.current_action = self._records(), action
        if self._records() and not before:
            self._events, self._open = EventList(), []
            self._previous = sys.getprofile()
            sys.setprofile(self._watch)
        elif before and not self._records():
            sys.setprofile(self._previous)
            while self._open:  # ranges that are still open end here
                self.close()

    def _watch(self, frame: FrameType, happened: str, argument: Any) -> None:
        if frame.f_code.co_name != _GENERATED:
            return
        op = frame.f_globals.get("op")
        if not isinstance(op, Op):
            return
        if happened == "call":
            shapes = _shapes(op, frame) if self.record_shapes else []
            self.open(f"aten::{op.name}", shapes)
        elif happened == "return" and self._open:
            self.close()

    def open(self, name: str, shapes: list) -> None:
        """Begins an event inside the one that is open."""
        self._open.append(FunctionEvent(name, _now(), threading.get_ident(), shapes))

    def close(self) -> None:
        """Ends the innermost event that is open."""
        event = self._open.pop()
        event.end = _now()
        if self._open:
            self._open[-1].inner += event.end - event.start
        self._events.append(event)


def _now() -> float:
    return time.perf_counter_ns() / 1000


def _shapes(op: Op, frame: FrameType) -> list:
    values = (frame.f_locals.get(name) for name in op.arrays)
    return [list(getattr(value, "shape", ())) for value in values]


class record_function:
    """A range of the program under a name of its own. A context, or a decorator."""

    def __init__(self, name: str, args: str | None = None) -> None:
        self.name, self.args = name, args
        self._in: list[profile] = []

    def __enter__(self) -> "record_function":
        self._in = [running for running in _running if running._records()]
        for running in self._in:
            running.open(self.name, [])
        return self

    def __exit__(self, *error: Any) -> None:
        for running in self._in:
            if running._open:
                running.close()

    def __call__(self, function: Callable) -> Callable:
        @functools.wraps(function)
        def inside(*args: Any, **kwargs: Any) -> Any:
            with record_function(self.name, self.args):
                return function(*args, **kwargs)

        return inside
