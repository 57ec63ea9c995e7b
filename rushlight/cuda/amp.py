"""`torch.cuda.amp`: the older names of `torch.amp`, with PyTorch's notice that they are old."""

import warnings
from typing import Any

from .. import amp
from .._core import devices


def _old(name: str) -> None:
    warnings.warn(
        f"`torch.cuda.amp.{name}(args...)` is deprecated. "
        f"Please use `torch.amp.{name}('cuda', args...)` instead.",
        FutureWarning,
        stacklevel=3,
    )


class autocast(amp.autocast):
    """A block in which each op runs in the dtype that suits it; without a GPU an ordinary one."""

    def __init__(
        self, enabled: bool = True, dtype: Any = None, cache_enabled: bool | None = True
    ) -> None:
        _old("autocast")
        super().__init__("cuda", dtype, enabled and devices.virtual_count() > 0, cache_enabled)


class GradScaler(amp.GradScaler):
    """Scales losses for float16 training; without a GPU it does nothing."""

    def __init__(
        self, init_scale: float = 65536.0, growth_factor: float = 2.0, backoff_factor: float = 0.5,
        growth_interval: int = 2000, enabled: bool = True,
    ) -> None:  # fmt: skip
        _old("GradScaler")
        there = devices.virtual_count() > 0
        super().__init__(
            "cuda", init_scale, growth_factor, backoff_factor, growth_interval, enabled and there
        )
