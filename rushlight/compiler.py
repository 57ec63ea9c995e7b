"""`compile`: a function or module as one program.

The engine that turns a step into native code is not part of this version. `compile` accepts what
PyTorch's does, runs the function eagerly, and says so once.
"""

import warnings
from collections.abc import Callable
from typing import Any

_said = False


def compile(
    model: Any = None, *, fullgraph: bool = False, dynamic: bool | None = None,
    backend: Any = "inductor", mode: str | None = None, options: Any = None, disable: bool = False,
) -> Any:  # fmt: skip
    """The function or module itself: this version runs it eagerly, and says so once."""
    if model is None:
        return lambda f: compile(
            f, fullgraph=fullgraph, dynamic=dynamic, backend=backend, mode=mode, options=options,
            disable=disable,
        )  # fmt: skip
    if not callable(model):
        raise RuntimeError(f"compile: expected a function or a Module, got {type(model).__name__}")
    _say_once(disable)
    return model


def _say_once(disable: bool) -> None:
    global _said
    if not _said and not disable:
        _said = True
        warnings.warn(
            "rushlight.compile: this version has no compiling engine; what was given runs eagerly, "
            "with the same results.",
            stacklevel=3,
        )


def disable(fn: Callable | None = None, recursive: bool = True, *, reason: str | None = None) -> Any:
    """The function itself: nothing is compiled."""
    return fn if fn is not None else lambda f: f


def is_compiling() -> bool:
    """Whether a function is being compiled now."""
    return False


is_dynamo_compiling = is_compiling


def reset() -> None:
    """Forget what was compiled."""
