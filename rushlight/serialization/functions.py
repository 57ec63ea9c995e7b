"""Functions that a whole model may hold as attributes, by the names that PyTorch gives them."""

import types
from collections.abc import Callable
from functools import cache
from typing import Any

from .._files.pickler import OURS
from .._ops import activation, elementary, magnitude, matmul, softmaxes
from ..nn import functional

_OPS = (elementary, activation, softmaxes, magnitude, matmul)
# A file names what C++ defines by its home there: "torch._C._nn.gelu".
_TOP = ("torch", "torch._C._VariableFunctionsClass")
_HOMES = ("torch.nn.functional", "torch._C._nn", *_TOP)
_ROOMS = (f"{functional.__name__}.", f"{OURS}._ops.")
_ALSO = {"torch._C._nn.log_sigmoid": "logsigmoid"}


@cache
def functions() -> dict[str, Callable[..., Any]]:
    """Torch's dotted name -> our function: all of nn.functional, and the simplest of torch."""
    top = {name: value for module in _OPS for name, value in _public(module).items()}
    ours = _public(functional)
    table = {}
    for home in _HOMES:
        known = ours | top if home in _TOP else top | ours
        table |= {f"{home}.{name}": value for name, value in known.items()}
    return table | {path: ours[name] for path, name in _ALSO.items()}


def _public(module: Any) -> dict[str, Callable[..., Any]]:
    return {
        name: value
        for name, value in vars(module).items()
        if type(value) is types.FunctionType and not name.startswith("_") and _ours(value)
    }


def _ours(function: types.FunctionType) -> bool:
    return function.__module__.startswith(_ROOMS)


def torch_home(module: str, name: str) -> tuple[str, str] | None:
    """Where PyTorch has a function of ours that is not at its top, or None for anything else."""
    if module.startswith(_ROOMS):
        return (_HOMES[0], name) if name in _public(functional) else None
    return None
