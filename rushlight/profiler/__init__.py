"""`torch.profiler`: how long each operation took, as a table or as a trace to look at."""

from .._core.names import lazily
from .events import EventList, FunctionEvent
from .recorder import ProfilerActivity, profile, record_function
from .steps import ProfilerAction, schedule, tensorboard_trace_handler

__all__ = [
    "EventList", "FunctionEvent", "ProfilerAction", "ProfilerActivity", "profile",
    "record_function", "schedule", "tensorboard_trace_handler",
]  # fmt: skip
__getattr__ = lazily(__name__)
