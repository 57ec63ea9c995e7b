"""Streams and events. Virtual GPUs do their work at once and in order, so nobody ever waits."""

import time
from typing import Any

from .._core import devices
from ._checks import index_of


class Stream:
    """A queue of work on one GPU; on a virtual GPU it is always empty."""

    def __init__(self, device: Any = None, priority: int = 0, **kwargs: Any) -> None:
        if not devices.virtual_count():
            raise RuntimeError("torch.cuda.Stream requires CUDA support")
        self.device = devices.device("cuda", index_of(device))
        self.priority = priority

    @property
    def device_index(self) -> int:
        """The number of the stream's GPU."""
        return index_of(self.device)

    def query(self) -> bool:
        """Whether all its work is done."""
        return True

    def synchronize(self) -> None:
        """Waits for its work."""

    def wait_event(self, event: "Event") -> None:
        """Lets later work wait for an event."""

    def wait_stream(self, stream: "Stream") -> None:
        """Lets later work wait for all that another stream holds now."""

    def record_event(self, event: "Event | None" = None) -> "Event":
        """Puts an event into the queue."""
        event = Event() if event is None else event
        event.record(self)
        return event

    def __repr__(self) -> str:
        return f"<torch.cuda.Stream device={self.device} virtual>"


class Event:
    """A point in a stream's work; two of them measure the time between."""

    def __init__(
        self, enable_timing: bool = False, blocking: bool = False, interprocess: bool = False
    ) -> None:
        if not devices.virtual_count():
            raise RuntimeError("Tried to instantiate dummy base class Event")
        self.enable_timing = enable_timing
        self.moment: float | None = None

    def record(self, stream: Stream | None = None) -> None:
        """Marks this moment of the stream's work."""
        self.moment = time.perf_counter()

    def wait(self, stream: Stream | None = None) -> None:
        """Lets a stream's later work wait for this event."""

    def query(self) -> bool:
        """Whether the work before the event is done."""
        return True

    def synchronize(self) -> None:
        """Waits for the event."""

    def elapsed_time(self, end_event: "Event") -> float:
        """Milliseconds from this event to the other."""
        if not (self.enable_timing and end_event.enable_timing):
            raise ValueError("Both events must be created with argument 'enable_timing=True'.")
        if self.moment is None or end_event.moment is None:
            raise ValueError("Both events must be recorded before calculating elapsed time.")
        return (end_event.moment - self.moment) * 1000.0


class StreamContext:
    """Makes a stream the current one; with virtual GPUs only the GPU changes."""

    def __init__(self, stream: Stream | None) -> None:
        self.stream = stream

    def __enter__(self) -> None:
        if self.stream is not None:
            self.before = devices.current_index()
            devices.set_current_index(self.stream.device_index)

    def __exit__(self, *_: Any) -> None:
        if self.stream is not None:
            devices.set_current_index(self.before)


def stream(stream: Stream | None) -> StreamContext:
    """A context in which work goes to the given stream."""
    return StreamContext(stream)


def current_stream(device: Any = None) -> Stream:
    """The stream that work goes to now."""
    return Stream(index_of(device))


default_stream = current_stream  # a virtual GPU has one


def set_stream(stream: Stream | None) -> None:
    """Makes a stream's GPU the current one."""
    if stream is not None:
        devices.set_current_index(stream.device_index)


def synchronize(device: Any = None) -> None:
    """Waits until the GPU has done all its work."""
    index_of(device)


def is_current_stream_capturing() -> bool:
    """Whether the stream's work is being recorded into a graph instead of done."""
    return False
