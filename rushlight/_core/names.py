"""A name that is not there: a submodule is loaded when first asked for, all else is explained."""

import importlib
import sys
from collections.abc import Callable
from importlib.machinery import PathFinder
from os import listdir
from types import ModuleType
from typing import Any

_ROOT = __name__.partition(".")[0]

# Families that Rushlight leaves out on purpose, and what a program does instead.
_ABSENT = {
    "jit": "Rushlight runs the Python code itself: call the function or module as it is.",
    "fx": "There is no symbolic graph of modules: walk them with named_modules(), or use hooks.",
    "export": "export(f, example_inputs, path) of rushlight itself writes a program, not a graph.",
    "onnx": "Save the state_dict with torch.save and export it from PyTorch.",
    "_dynamo": "Rushlight has no Dynamo: leave the call out.",
    "_inductor": "Rushlight has no Inductor: leave the setting out.",
    "xpu": "Devices are cpu, meta and cuda.",
    "quantization": "There is no quantisation: train and run in floating point.",
}
# Where a name that was looked for in one public module is often found in another.
_NAMESPACES = (
    "", "nn", "nn.functional", "nn.init", "nn.utils", "nn.utils.rnn", "optim",
    "optim.lr_scheduler", "utils.data", "autograd", "linalg", "fft", "special", "func",
    "cuda", "amp", "testing", "distributions",
)  # fmt: skip


def torch_name(module: str) -> str:
    """The name a program knows a module of ours by: `rushlight.nn` is `torch.nn`."""
    return "torch" + module[len(_ROOT) :]


def lazily(module: str, homes: dict[str, str] | None = None) -> Callable[[str], Any]:
    """The `__getattr__` of a public module: loads its submodules, explains what does not exist.

    Args:
        module: its name.
        homes: names that live in a submodule and are public here too, and that submodule's name.
    """
    homes = homes or {}

    def __getattr__(name: str) -> Any:
        if name in homes:
            found = getattr(importlib.import_module(f"{module}.{homes[name]}"), name)
            setattr(sys.modules[module], name, found)
            return found
        if name.startswith("__"):
            raise AttributeError(f"module {torch_name(module)!r} has no attribute {name!r}")
        if not name.startswith("_") and is_module(f"{module}.{name}"):
            return importlib.import_module(f"{module}.{name}")
        raise _Missing(module, name)

    return __getattr__


class _Missing(AttributeError):
    """The error for a missing name, whose text is made when somebody reads it: hasattr does not."""

    def __str__(self) -> str:
        return missing(*self.args)


_Missing.__name__ = _Missing.__qualname__ = "AttributeError"  # as a traceback shows it
_Missing.__module__ = "builtins"


def is_module(full_name: str) -> bool:
    """Whether a module of this name exists, without running anything but its parents."""
    if full_name in sys.modules:
        return True
    parent, _, last = full_name.rpartition(".")
    package = sys.modules.get(parent)
    if package is None:
        if not is_module(parent):
            return False
        package = importlib.import_module(parent)
    if not hasattr(package, "__path__") or not last.isidentifier():
        return False
    return PathFinder.find_spec(full_name, package.__path__) is not None


def missing(module: str, name: str) -> str:
    """PyTorch's sentence for a missing attribute of a module, then the nearest thing there is."""
    known = torch_name(module)
    return f"module {known!r} has no attribute {name!r}. {_advice(module, name)}"


def missing_module(full_name: str) -> str:
    """Python's sentence for a module that cannot be found, then the nearest thing there is."""
    parent, _, name = full_name.rpartition(".")
    while parent and not is_module(parent):
        parent, _, name = parent.rpartition(".")
    return f"No module named {torch_name(full_name)!r}. {_advice(parent or _ROOT, name)}"


def _advice(module: str, name: str) -> str:
    """Where to go instead; without a full stop, since a traceback may add a guess of its own."""
    if module == _ROOT and name in _ABSENT:
        return f"Rushlight has no torch.{name}. {_ABSENT[name]}"
    start = f"Rushlight has no {torch_name(module)}.{name}"
    elsewhere = [place for place in _namespaces() if name in _public(place)]
    if elsewhere:
        return f"{start}; there is {torch_name(elsewhere[0].__name__)}.{name}"
    home = sys.modules.get(module)
    here = _public(home) | _children(home) if home else set()
    matches = importlib.import_module("difflib").get_close_matches  # for those who err alone
    near = matches(name, here, 1, 0.72)
    if near:
        return f"{start}; the nearest name there is {torch_name(module)}.{near[0]}"
    for place in _namespaces():
        near = matches(name, _public(place), 1, 0.8)
        if near:
            return f"{start}; the nearest name is {torch_name(place.__name__)}.{near[0]}"
    return f"{start}, nor anything of a like name"


def _namespaces() -> list[ModuleType]:
    names = [f"{_ROOT}.{part}" if part else _ROOT for part in _NAMESPACES]
    return [importlib.import_module(name) for name in names if is_module(name)]


def _public(module: ModuleType) -> set[str]:
    return {name for name in vars(module) if not name.startswith("_")}


def _children(module: ModuleType) -> set[str]:
    """The names of the public submodules, loaded or not."""
    found = {
        entry.partition(".")[0]
        for path in getattr(module, "__path__", ())
        for entry in listdir(path)
    }
    return {name for name in found if not name.startswith("_")}
