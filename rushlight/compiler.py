"""`compile`: a function, training step or module, captured once and run as one program.

The engine is loaded at the first call of `compile`: importing this package does not.
"""

import importlib
from collections.abc import Callable
from typing import Any

from ._core import modes

_ENGINE = f"{__name__.rpartition('.')[0]}._engine"


def compile(
    model: Any = None, *, fullgraph: bool = False, dynamic: bool | None = None,
    backend: Any = "inductor", mode: str | None = None, options: Any = None, disable: bool = False,
    check: bool = False,
) -> Any:  # fmt: skip
    """`model` as a program: what it does with tensors is captured at a call, and run again after.

    A training step is captured whole: the backward pass, the optimizer's update, `.grad`, buffers
    and random numbers included. Where Python must see a value or print, calls run eagerly; a
    warning says once where. Numbers that change from call to call are inputs.

    Args:
        model: a function or a Module; without it, a decorator.
        fullgraph: raise where a call would run eagerly.
        dynamic, backend, mode, options: accepted; there is one way to compile.
        disable: give `model` back as it is.
        check: run eager mode beside each call, and raise at the first difference.

    Differs:
        A Module is compiled where it is: it stays the same object of the same class, with the same
        `state_dict` keys (PyTorch wraps it, and its keys begin with `_orig_mod.`).

    Example:
        >>> @compile
        ... def double(x):
        ...     return x + x
    """
    if model is None:
        return lambda f: compile(
            f, fullgraph=fullgraph, dynamic=dynamic, backend=backend, mode=mode, options=options,
            disable=disable, check=check,
        )  # fmt: skip
    if not callable(model):
        raise RuntimeError(f"compile: expected a function or a Module, got {type(model).__name__}")
    if disable or getattr(model, "_compile_disabled", False):
        return model
    return _engine("compiled").compiled(model, fullgraph, check)


def _engine(part: str) -> Any:
    return importlib.import_module(f"{_ENGINE}.{part}")


def disable(
    fn: Callable | None = None, recursive: bool = True, *, reason: str | None = None
) -> Any:
    """`fn` as it is: a compiled function that calls it runs eagerly."""
    if fn is None:
        return lambda f: disable(f, recursive, reason=reason)
    return _Disabled(fn, reason)


class _Disabled:
    """A function that no program contains."""

    _compile_disabled = True

    def __init__(self, fn: Callable, reason: str | None) -> None:
        self.__wrapped__, self.reason = fn, reason
        self.__doc__, self.__name__ = fn.__doc__, getattr(fn, "__name__", type(fn).__name__)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        trace = modes.local.trace
        if trace is not None:
            trace.stop(
                f"{self.__name__} is not to be compiled{f': {self.reason}' if self.reason else ''}"
            )
        return self.__wrapped__(*args, **kwargs)

    def __get__(self, owner: Any, kind: Any = None) -> Any:
        if owner is None:
            return self
        return _Disabled(self.__wrapped__.__get__(owner, kind), self.reason)


def is_compiling() -> bool:
    """Whether a function is being captured now."""
    return modes.local.trace is not None


is_dynamo_compiling = is_compiling


def reset() -> None:
    """Forget what was compiled."""
    _engine("compiled").reset()


def _export(f: Any, example_inputs: Any, path: Any) -> None:
    """Writes `f` as a program of machine code that runs with NumPy alone.

    What the function keeps (weights, buffers, an optimizer's state) goes along, and the program
    changes it as the function would: a training step goes on training. Neither this package nor the
    model's code is needed to run it. docs/export.md shows its use.

    Args:
        f: a function or Module. A training step must have run once, so that the optimizer's state
            is there.
        example_inputs: its arguments, as a tuple, or a dict of named ones: the program takes arrays
            of these shapes and dtypes, and these very numbers.
        path: the file (`step.zip`); without an ending, or with a slash at the end, a folder.

    Raises:
        RuntimeError: it cannot be one program, and why.

    Differs:
        PyTorch's `torch.export.export` gives a graph for other tools; this gives what runs.

    Example:
        >>> export(net, (x,), "net.zip")
        >>> load_exported("net.zip")(x.numpy())
    """
    _engine("export").export(f, example_inputs, path)


class _Export:
    """`export`, which under the name `torch.export` is no module."""

    __doc__, __name__, __wrapped__ = _export.__doc__, "export", _export

    def __call__(self, f: Any, example_inputs: Any, path: Any) -> None:
        _export(f, example_inputs, path)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(f"'function' object has no attribute {name!r}")
        raise AttributeError(
            f"module 'torch.export' has no attribute {name!r}. Rushlight exports programs, not "
            "graphs: export(f, example_inputs, path) writes a file that runs with NumPy alone"
        )


export = _Export()


def load_exported(path: Any) -> Any:
    """The program that `export` wrote, to be called with arrays.

    Raises:
        OSError: it is for another platform, or for a processor with features that this one lacks.
        ValueError: it is damaged, or no exported program.
    """
    return _engine("shipped.loader").load(path)
