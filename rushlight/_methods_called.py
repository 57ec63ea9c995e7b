"""Tensor methods as functions: `torch.exp_(x)` is `x.exp_()`."""

from typing import Any

from ._tensor import Tensor


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    return getattr(Tensor, name)
