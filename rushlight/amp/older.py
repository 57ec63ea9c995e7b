"""The names of autocast's switches before they took a device type."""

import warnings
from collections.abc import Callable
from typing import Any

from .._core.naming import named
from .autocast_mode import (
    get_autocast_dtype,
    is_autocast_enabled,
    set_autocast_dtype,
    set_autocast_enabled,
)


def _older(name: str, newer: Callable, device: str, argument: str = ""):
    """`newer` for one device, with PyTorch's notice that the name is old."""
    said = f"'{device}', {argument}" if argument else f"'{device}'"

    def older(*given: Any, **others: Any) -> Any:
        warnings.warn(
            f"torch.{name}({argument}) is deprecated. Please use torch.{newer.__name__}({said}) "
            "instead.",
            DeprecationWarning,
            stacklevel=2,
        )
        return newer(device, *given, **others)

    return named(older, name, f"`{newer.__name__}` for {device!r}.")


get_autocast_gpu_dtype = _older("get_autocast_gpu_dtype", get_autocast_dtype, "cuda")
get_autocast_cpu_dtype = _older("get_autocast_cpu_dtype", get_autocast_dtype, "cpu")
set_autocast_gpu_dtype = _older("set_autocast_gpu_dtype", set_autocast_dtype, "cuda", "dtype")
set_autocast_cpu_dtype = _older("set_autocast_cpu_dtype", set_autocast_dtype, "cpu", "dtype")
is_autocast_cpu_enabled = _older("is_autocast_cpu_enabled", is_autocast_enabled, "cpu")
set_autocast_cpu_enabled = _older(
    "set_autocast_cpu_enabled", set_autocast_enabled, "cpu", "enabled"
)


def is_autocast_cache_enabled() -> bool:
    """Whether converted weights are kept for the next use; here they are not."""
    return False


def clear_autocast_cache() -> None:
    """Forgets converted weights; here none are kept."""
