"""The names of autocast's switches before they took a device type."""

import warnings
from typing import Any

from .autocast_mode import (
    get_autocast_dtype,
    is_autocast_enabled,
    set_autocast_dtype,
    set_autocast_enabled,
)


def _older(name: str, newer: str) -> None:
    warnings.warn(
        f"torch.{name} is deprecated. Please use torch.{newer} instead.",
        DeprecationWarning,
        stacklevel=3,
    )


def get_autocast_gpu_dtype() -> Any:
    """The dtype autocast uses on GPUs."""
    _older("get_autocast_gpu_dtype()", "get_autocast_dtype('cuda')")
    return get_autocast_dtype("cuda")


def get_autocast_cpu_dtype() -> Any:
    """The dtype autocast uses on the CPU."""
    _older("get_autocast_cpu_dtype()", "get_autocast_dtype('cpu')")
    return get_autocast_dtype("cpu")


def set_autocast_gpu_dtype(dtype: Any) -> None:
    """Sets the dtype autocast uses on GPUs."""
    _older("set_autocast_gpu_dtype(dtype)", "set_autocast_dtype('cuda', dtype)")
    set_autocast_dtype("cuda", dtype)


def set_autocast_cpu_dtype(dtype: Any) -> None:
    """Sets the dtype autocast uses on the CPU."""
    _older("set_autocast_cpu_dtype(dtype)", "set_autocast_dtype('cpu', dtype)")
    set_autocast_dtype("cpu", dtype)


def is_autocast_cpu_enabled() -> bool:
    """Whether autocast is on for the CPU."""
    _older("is_autocast_cpu_enabled()", "is_autocast_enabled('cpu')")
    return is_autocast_enabled("cpu")


def set_autocast_cpu_enabled(enabled: bool) -> None:
    """Switches autocast on the CPU."""
    _older("set_autocast_cpu_enabled(enabled)", "set_autocast_enabled('cpu', enabled)")
    set_autocast_enabled("cpu", enabled)


def is_autocast_cache_enabled() -> bool:
    """Whether converted weights are kept for the next use; here they are not."""
    return False


def clear_autocast_cache() -> None:
    """Forgets converted weights; here none are kept."""
