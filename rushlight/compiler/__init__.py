"""`torch.compile` and `torch.compiler`: code runs eagerly as long as there is no compiling engine."""

import warnings
from collections.abc import Callable
from typing import Any

from .._core.names import lazily

__getattr__ = lazily(__name__)
_told = False


def compile(
    model: Callable | None = None,
    *,
    fullgraph: bool = False,
    dynamic: bool | None = None,
    backend: str | Callable = "inductor",
    mode: str | None = None,
    options: dict[str, Any] | None = None,
    disable: bool = False,
) -> Any:
    """The function or module itself, which runs eagerly; also a decorator.

    Differs: nothing is compiled yet, which a single warning says. Results are those of PyTorch's
    `backend="eager"`.

    Raises:
        RuntimeError: if both `mode` and `options` are given.
        TypeError: if `model` cannot be called.
    """
    if mode is not None and options is not None:
        raise RuntimeError(
            "Either mode or options can be specified, but both can't be specified at the same time."
        )
    if model is None:
        return lambda inner: compile(inner, backend=backend, disable=disable)
    if not callable(model):
        raise TypeError(f"torch.compile: model must be callable, not {type(model).__name__}")
    if not disable and backend != "eager":
        _tell()
    return model


def _tell() -> None:
    global _told
    if not _told:
        _told = True
        warnings.warn(
            "torch.compile: this version of Rushlight has no compiling engine; the code runs "
            "eagerly, with the same results. (Said once.)",
            stacklevel=3,
        )


def is_compiling() -> bool:
    """Whether the present call is being compiled."""
    return False


def is_dynamo_compiling() -> bool:
    """Whether the present call is being compiled by Dynamo, which Rushlight has not."""
    return False


def is_exporting() -> bool:
    """Whether the present call is being exported."""
    return False


def reset() -> None:
    """Forgets compiled code; there is none."""


def disable(fn: Callable | None = None, recursive: bool = True, *, reason: str | None = None) -> Any:
    """The function itself, kept out of compilation; also a decorator."""
    return fn if fn is not None else lambda inner: inner


def allow_in_graph(fn: Any) -> Any:
    """The function itself."""
    return fn


def cudagraph_mark_step_begin() -> None:
    """Marks a new step for captured GPU graphs; there are none."""


def list_backends(exclude_tags: Any = ("debug", "experimental")) -> list[str]:
    """The compiling backends that are there."""
    return []
