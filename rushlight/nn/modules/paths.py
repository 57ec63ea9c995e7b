"""Submodules, parameters and buffers by their dotted path."""

from typing import Any

from ..._tensor import Tensor
from ..parameter import Parameter


def get_submodule(self: Any, target: str) -> Any:
    """The submodule at a dotted path; the module itself for ''."""
    found = self
    for name in target.split(".") if target else ():
        found = _member(found, name)
        if not _is_module(found):
            raise AttributeError(f"`{name}` is not an nn.Module")
    return found


def set_submodule(self: Any, target: str, module: Any, strict: bool = False) -> None:
    """Put a module at a dotted path; with `strict`, only where there is one already."""
    if target == "":
        raise ValueError("Cannot set the submodule without a target name!")
    if not _is_module(module):
        raise ValueError(f"`module` is not an nn.Module, found {type(module)}")
    path, _, name = target.rpartition(".")
    parent = self.get_submodule(path)
    old = _member(parent, name) if strict else getattr(parent, name, module)
    if not _is_module(old):
        raise AttributeError(f"`{name}` is not an nn.Module")
    setattr(parent, name, module)


def get_parameter(self: Any, target: str) -> Parameter:
    """The parameter at a dotted path."""
    path, _, name = target.rpartition(".")
    found = _member(self.get_submodule(path), name)
    if not isinstance(found, Parameter):
        raise AttributeError(f"`{name}` is not an nn.Parameter")
    return found


def get_buffer(self: Any, target: str) -> Tensor:
    """The buffer at a dotted path."""
    path, _, name = target.rpartition(".")
    module = self.get_submodule(path)
    found = _member(module, name)
    if name not in module._buffers:
        raise AttributeError(f"`{name}` is not a buffer")
    return found


def _is_module(value: Any) -> bool:
    """Told by what this file walks over; Module itself lies above it."""
    return hasattr(type(value), "named_modules")


def _member(module: Any, name: str) -> Any:
    if not hasattr(module, name):
        raise AttributeError(f"{module._get_name()} has no attribute `{name}`")
    return getattr(module, name)
