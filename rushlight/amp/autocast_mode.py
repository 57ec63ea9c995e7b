"""autocast: contractions run in a lower precision, what needs range stays in float32."""

import functools
import warnings
from collections.abc import Callable
from typing import Any

from .._core import devices, dtypes, modes

_DEFAULTS = {"cpu": dtypes.bfloat16, "cuda": dtypes.float16}


class autocast:
    """A block (or a decorated function) in which each op runs in the dtype that suits it.

    Contractions take the lower dtype, ops that need range (exp, log, sums, losses) float32.

    Args:
        device_type: "cpu" or "cuda".
        dtype: the lower dtype: bfloat16 (the default on the CPU) or float16.
        enabled: False makes the block an ordinary one.
    """

    def __init__(
        self, device_type: str = "cuda", dtype: Any = None, enabled: bool = True,
        cache_enabled: bool | None = None,
    ) -> None:  # fmt: skip
        if not isinstance(device_type, str):
            raise ValueError(f"Expected `device_type` of type `str`, got: `{type(device_type)}`")
        if device_type not in _DEFAULTS:
            raise RuntimeError(
                f"User specified an unsupported autocast device_type '{device_type}'"
            )
        self.device, self.fast_dtype = device_type, dtype or _DEFAULTS[device_type]
        why = ""
        if device_type == "cuda" and not devices.virtual_count():
            why = "CUDA is not available or torch_xla is imported."
        elif self.fast_dtype not in dtypes.HALVES:
            why = f"In {device_type} autocast, but the target dtype is not supported."
        if enabled and why:
            warnings.warn(f"{why} Disabling autocast.", stacklevel=2)
        self.enabled = enabled and not why

    def __enter__(self) -> "autocast":
        self.before = modes.local.autocast
        set_autocast_enabled(self.device, self.enabled, self.fast_dtype)
        return self

    def __exit__(self, *_: Any) -> None:
        switch(self.before)

    def __call__(self, function: Callable) -> Callable:
        @functools.wraps(function)
        def inside(*args: Any, **kwargs: Any) -> Any:
            with autocast(self.device, self.fast_dtype, self.enabled):
                return function(*args, **kwargs)

        return inside


def switch(dtype: Any) -> None:
    """Let this thread's autocast take `dtype`; None is off."""
    modes.count("special", (dtype is not None) - (modes.local.autocast is not None))
    modes.local.autocast = dtype


def set_autocast_enabled(device_type: str, enabled: bool, dtype: Any = None) -> None:
    """Switch autocast for this thread."""
    switch((dtype or _DEFAULTS[device_type]) if enabled else None)


def set_autocast_dtype(device_type: str, dtype: Any) -> None:
    """The lower dtype that autocast takes where none is named."""
    _DEFAULTS[device_type] = dtype


def is_autocast_enabled(device_type: str = "cuda") -> bool:
    """Whether this thread is inside `autocast`."""
    return modes.local.autocast is not None


def get_autocast_dtype(device_type: str) -> Any:
    """The lower dtype of autocast."""
    return modes.local.autocast or _DEFAULTS[device_type]


def is_autocast_available(device_type: str) -> bool:
    """Whether autocast knows the device."""
    return device_type in _DEFAULTS


def custom_fwd(function: Any = None, *, device_type: str = "cuda", cast_inputs: Any = None) -> Any:
    """Decorator for `autograd.Function.forward`: it runs as its caller's autocast says.

    With `cast_inputs` floating tensors are converted to it, and autocast is off inside.
    """
    if function is None:
        return functools.partial(custom_fwd, device_type=device_type, cast_inputs=cast_inputs)

    @functools.wraps(function)
    def inside(ctx: Any, *args: Any, **kwargs: Any) -> Any:
        ctx._autocast = modes.local.autocast
        if cast_inputs is None:
            return function(ctx, *args, **kwargs)
        with autocast(device_type, enabled=False):
            made = [
                a.to(cast_inputs) if getattr(a, "is_floating_point", bool)() else a for a in args
            ]
            return function(ctx, *made, **kwargs)

    return inside


def custom_bwd(function: Any = None, *, device_type: str = "cuda") -> Any:
    """Decorator for `autograd.Function.backward`: it runs in the autocast state of its forward."""
    if function is None:
        return functools.partial(custom_bwd, device_type=device_type)

    @functools.wraps(function)
    def inside(ctx: Any, *args: Any) -> Any:
        dtype = getattr(ctx, "_autocast", None)
        with autocast(device_type, dtype or _DEFAULTS[device_type], dtype is not None):
            return function(ctx, *args)

    return inside
