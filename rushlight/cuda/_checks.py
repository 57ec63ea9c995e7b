"""Which GPU a call means, and the error where there is none."""

from typing import Any

from .._core import devices


def index_of(device: Any = None) -> int:
    """The number of the GPU that an argument (`None`, 1, "cuda:1", a device) means.

    Raises:
        AssertionError: there is no GPU, real or virtual.
        RuntimeError: there is none of this number.
        ValueError: the argument names something that is not a GPU.
    """
    found = devices.device("cuda" if device is None else device)
    if found.type != "cuda":
        raise ValueError(f"Expected a cuda device, but got: {found}")
    made = devices.concrete(found)
    assert made.index is not None
    return made.index


def require() -> None:
    """Raises PyTorch's AssertionError where there is no GPU."""
    devices.concrete("cuda")
