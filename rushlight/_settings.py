"""Process-wide settings under PyTorch's names, and questions about objects."""

from collections.abc import Callable
from typing import Any

import numpy as np

from ._core import devices, dtypes
from ._core.devices import device
from ._core.processors import processors
from ._core.tape import TensorBase

_settings: dict[str, Any] = {
    "threads": None,
    "deterministic": False,
    "matmul": "highest",
    "warn_always": False,
}
threads_told: list[Callable[[int], None]] = []  # who wants to know of a new number of threads


def is_tensor(obj: Any) -> bool:
    """Whether an object is a tensor."""
    return isinstance(obj, TensorBase)


def numel(input: Any) -> int:
    """The number of elements."""
    return input.numel()


def typename(obj: Any) -> str:
    """The name of an object's type: a tensor's legacy name, else module and class."""
    if isinstance(obj, TensorBase):
        return obj.type()
    cls = obj if isinstance(obj, type) else type(obj)
    return (
        cls.__qualname__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__qualname__}"
    )


def result_type(tensor1: Any, tensor2: Any) -> dtypes.dtype:
    """The dtype that an operation on the two would give."""
    return dtypes.result_dtype([getattr(x, "array", x) for x in (tensor1, tensor2)])


def set_num_threads(n: int) -> None:
    """The number of threads that Rushlight's own kernels use (NumPy's BLAS has its own)."""
    if not isinstance(n, int) or n.__class__ is bool:
        raise RuntimeError(f"set_num_threads expects an int, but got {type(n).__name__}")
    if n <= 0:
        raise RuntimeError("set_num_threads expects a positive integer")
    _settings["threads"] = n
    for tell in threads_told:
        tell(n)


def get_num_threads() -> int:
    """The number of threads that Rushlight's own kernels use: one for each processor at first."""
    return processors() if _settings["threads"] is None else _settings["threads"]


def set_num_interop_threads(n: int) -> None:
    """Accepted: operations run one after another."""


def get_num_interop_threads() -> int:
    """Operations run one after another."""
    return 1


def use_deterministic_algorithms(mode: bool, *, warn_only: bool = False) -> None:
    """Accepted: every algorithm of Rushlight is deterministic."""
    _settings["deterministic"] = bool(mode)


def are_deterministic_algorithms_enabled() -> bool:
    """What `use_deterministic_algorithms` was told."""
    return _settings["deterministic"]


def set_float32_matmul_precision(precision: str) -> None:
    """Accepted: products of float32 matrices are always computed in full precision."""
    if precision not in ("highest", "high", "medium"):
        raise RuntimeError(
            f"float32_matmul_precision must be one of highest, high, medium; got {precision}"
        )
    _settings["matmul"] = precision


def get_float32_matmul_precision() -> str:
    """What `set_float32_matmul_precision` was told."""
    return _settings["matmul"]


def set_warn_always(b: bool, /) -> None:
    """Whether warnings that are given once are given every time."""
    _settings["warn_always"] = b


def is_warn_always_enabled() -> bool:
    """What `set_warn_always` was told."""
    return _settings["warn_always"]


def set_default_device(device: Any) -> None:
    """The device of factories that name none."""
    devices.set_default(device)


def get_default_device() -> device:
    """The device of factories that name none."""
    return devices.default()


def set_flush_denormal(mode: bool) -> bool:
    """Not supported by NumPy: returns False."""
    return False


pi, e, inf, nan, newaxis = float(np.pi), float(np.e), float("inf"), float("nan"), None
