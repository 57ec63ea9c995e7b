"""What a subclass of Tensor sees: operations and questions come to its `__torch_function__`.

Such a class hides `array`, so that an operation's quick path ends in AttributeError and asks
`general`. What a tensor answers from its array alone (its shape, its values as a list) is handed to
`__torch_function__` here, or answered at once while that runs.
"""

import functools
from collections.abc import Callable
from types import FunctionType
from typing import Any

from ._core import modes
from ._core.tape import TensorBase

_array_of = TensorBase.__dict__["array"]
# Answered without the subclass: what makes, copies and keeps a tensor of its class.
_ALWAYS = frozenset({"__copy__", "__deepcopy__", "__reduce_ex__", "as_subclass", "__repr__"})
_NEVER = frozenset({"__init__", "__iter__", "__reversed__", "_values", "grad"})
_HOMES = ("_tensor", "_conversion", "_keeping", "_methods")


def hide(cls: type, tensor: type) -> None:
    """Make a class one whose calls are seen."""
    cls.array = property(_array_seen, _array_of.__set__)
    taken = {name for c in cls.__mro__[: cls.__mro__.index(tensor)] for name in vars(c)}
    for name, value in vars(tensor).items():
        if name in taken or name in _NEVER:
            continue
        if isinstance(value, property):
            setattr(cls, name, property(_asking(value.__get__), value.fset))
        elif isinstance(value, FunctionType) and value.__module__.rpartition(".")[2] in _HOMES:
            setattr(cls, name, (_at_once if name in _ALWAYS else _asking)(value))


def _array_seen(self: Any) -> Any:
    """`array` of a subclass: visible only while subclasses are treated as plain tensors."""
    if modes.local.subclass_off:
        return _array_of.__get__(self)
    raise AttributeError("array")


def _asking(f: Callable) -> Callable:
    """A method that goes by `__torch_function__`."""

    @functools.wraps(f)
    def ask(self: Any, *args: Any, **kwargs: Any) -> Any:
        if modes.local.subclass_off:
            return f(self, *args, **kwargs)
        return type(self).__torch_function__(f, (type(self),), (self, *args), kwargs)

    return ask


def _at_once(f: Callable) -> Callable:
    """A method that is answered from the array."""

    @functools.wraps(f)
    def answer(self: Any, *args: Any, **kwargs: Any) -> Any:
        with modes.subclass_off():
            return f(self, *args, **kwargs)

    return answer
