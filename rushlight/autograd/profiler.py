"""The older entrance to the profiler: `torch.autograd.profiler.profile`."""

from typing import Any

from ..profiler.recorder import ProfilerActivity as ProfilerActivity
from ..profiler.recorder import profile as _profile
from ..profiler.recorder import record_function as record_function


class profile(_profile):
    """Measures the operations inside it, unless `enabled` is False."""

    def __init__(
        self, enabled: bool = True, *, use_cuda: bool = False, use_device: str | None = None,
        record_shapes: bool = False, with_flops: bool = False, profile_memory: bool = False,
        with_stack: bool = False, with_modules: bool = False, **others: Any,
    ) -> None:  # fmt: skip
        super().__init__(record_shapes=record_shapes)
        self.enabled = enabled

    def start(self) -> None:
        """Begins, if enabled."""
        if self.enabled:
            super().start()

    def table(self, *args: Any, **kwargs: Any) -> str:
        """All calls as a table."""
        return self.events().table(*args, **kwargs)

    @property
    def self_cpu_time_total(self) -> float:
        """The time of all operations."""
        return self.events().self_cpu_time_total
