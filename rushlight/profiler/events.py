"""What was measured: one event a call, averages by name, and the table that shows them."""

import json
from collections.abc import Iterable
from typing import Any


class FunctionEvent:
    """One call of an operation, or one range that the program named. Times are microseconds."""

    __slots__ = ("name", "start", "end", "inner", "input_shapes", "thread")
    count = 1

    def __init__(self, name: str, start: float, thread: int, input_shapes: list) -> None:
        self.name, self.start, self.end, self.inner = name, start, start, 0.0
        self.thread, self.input_shapes = thread, input_shapes

    key = property(lambda self: self.name)
    cpu_time_total = property(lambda self: self.end - self.start, doc="The whole call.")
    self_cpu_time_total = property(
        lambda self: self.end - self.start - self.inner, doc="The call without calls inside it."
    )
    cpu_time = cpu_time_total

    def __repr__(self) -> str:
        return f"<FunctionEvent {self.name} {time_text(self.cpu_time_total)}>"


class FunctionEventAvg:
    """All calls under one name (and input shapes, where asked)."""

    def __init__(self, key: str, input_shapes: list) -> None:
        self.key, self.input_shapes = key, input_shapes
        self.count, self.cpu_time_total, self.self_cpu_time_total = 0, 0.0, 0.0

    cpu_time = property(lambda self: self.cpu_time_total / self.count, doc="One call, on average.")

    def add(self, event: FunctionEvent) -> None:
        """Counts one more call."""
        self.count += 1
        self.cpu_time_total += event.cpu_time_total
        self.self_cpu_time_total += event.self_cpu_time_total

    def __repr__(self) -> str:
        return (
            f"<FunctionEventAvg key={self.key} count={self.count} "
            f"cpu_time={time_text(self.cpu_time)} "
            f"self_cpu_time={time_text(self.self_cpu_time_total / self.count)}>"
        )


class EventList(list):
    """Events, or averages of them."""

    def key_averages(
        self, group_by_input_shapes: bool = False, group_by_stack_n: int = 0
    ) -> "EventList":
        """One entry a name, in the order of first calls."""
        found: dict[Any, FunctionEventAvg] = {}
        for event in self:
            key = (event.name, str(event.input_shapes) if group_by_input_shapes else "")
            if key not in found:
                shapes = event.input_shapes if group_by_input_shapes else []
                found[key] = FunctionEventAvg(event.name, shapes)
            found[key].add(event)
        return EventList(found.values())

    @property
    def self_cpu_time_total(self) -> float:
        """The time of all, each moment counted once."""
        return sum(event.self_cpu_time_total for event in self)

    def table(
        self, sort_by: str | None = None, row_limit: int = 100, max_src_column_width: int = 75,
        max_name_column_width: int = 55, max_shapes_column_width: int = 80,
        header: str | None = None, top_level_events_only: bool = False,
    ) -> str:  # fmt: skip
        """A text of at most `row_limit` rows, the largest `sort_by` first."""
        rows = list(self)
        if sort_by is not None:
            rows.sort(key=lambda event: _measure(event, sort_by), reverse=True)
        total = self.self_cpu_time_total or 1.0
        lines = [("Name", "Self CPU %", "Self CPU", "CPU total", "CPU time avg", "# of Calls")]
        for event in rows[: row_limit if row_limit >= 0 else None]:
            name = event.key[:max_name_column_width]
            if event.input_shapes:
                name = f"{name}  {str(event.input_shapes)[:max_shapes_column_width]}"
            own = event.self_cpu_time_total
            shares = (f"{own / total:.2%}", time_text(own), time_text(event.cpu_time_total))
            lines.append((name, *shares, time_text(event.cpu_time), str(event.count)))
        text = _columns(lines)
        if header is not None:
            text = f"{header}\n{text}"
        return f"{text}\nSelf CPU time total: {time_text(self.self_cpu_time_total)}\n"

    def export_chrome_trace(self, path: str) -> None:
        """Writes the events as JSON that chrome://tracing and Perfetto show."""
        with open(path, "w", encoding="utf-8") as file:
            json.dump({"traceEvents": [_traced(event) for event in self]}, file)

    def total_average(self) -> FunctionEventAvg:
        """All events as one."""
        total = FunctionEventAvg("Total", [])
        for event in self:
            total.add(event)
        return total


def _measure(event: Any, sort_by: str) -> float:
    """The number that a sorting word means; GPU words mean the same times on the CPU."""
    words = ("cpu_time", "cpu_time_total", "self_cpu_time_total", "count")
    name = sort_by.replace("cuda", "cpu").replace("device", "cpu")
    if name not in words:
        raise AttributeError(f"table: sort_by must be one of {', '.join(words)}, not {sort_by!r}")
    return getattr(event, name)


def _traced(event: FunctionEvent) -> dict[str, Any]:
    return {
        "name": event.name, "ph": "X", "ts": event.start, "dur": event.cpu_time_total, "pid": 0,
        "tid": event.thread,
        "args": {"Input Dims": event.input_shapes} if event.input_shapes else {},
    }  # fmt: skip


def _columns(lines: Iterable[tuple[str, ...]]) -> str:
    rows = list(lines)
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    rule = "  ".join("-" * width for width in widths)
    texts = ["  ".join(cell.rjust(width) for cell, width in zip(row, widths)) for row in rows]
    return "\n".join([rule, texts[0], rule, *texts[1:], rule])


def time_text(microseconds: float) -> str:
    """A time with its unit, as tables show it."""
    for unit, size in (("s", 1e6), ("ms", 1e3)):
        if microseconds >= size:
            return f"{microseconds / size:.3f}{unit}"
    return f"{microseconds:.3f}us"
