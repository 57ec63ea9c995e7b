"""Anomaly mode: a failing backward pass names the line of the forward pass that is at fault."""

from typing import Any

from .._core import modes


class set_detect_anomaly:
    """Switch anomaly mode at once; as a context manager it is put back at the end."""

    def __init__(self, mode: bool, check_nan: bool = True) -> None:
        self.before = modes.local.anomaly
        _switch(mode and ("nan" if check_nan else "trace"))

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: Any) -> None:
        _switch(self.before)


class detect_anomaly(set_detect_anomaly):
    """Inside, each recorded op remembers its traceback, and NaN gradients raise."""

    def __init__(self, check_nan: bool = True) -> None:
        super().__init__(True, check_nan)


def _switch(on: Any) -> None:
    modes.count("special", bool(on) - bool(modes.local.anomaly))
    modes.local.anomaly = on


def is_anomaly_enabled() -> bool:
    """Whether this thread is in anomaly mode."""
    return bool(modes.local.anomaly)


def is_anomaly_check_nan_enabled() -> bool:
    """Whether NaN gradients raise, in anomaly mode."""
    return modes.local.anomaly == "nan"


def set_anomaly_enabled(mode: bool, check_nan: bool = True) -> None:
    """Switches anomaly mode at once."""
    set_detect_anomaly(mode, check_nan)
