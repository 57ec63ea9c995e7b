"""The name and the docstring of a function that another function made."""

from collections.abc import Callable
from typing import TypeVar

Made = TypeVar("Made", bound=Callable)


def named(function: Made, name: str, says: str) -> Made:
    """A function that was made for a public name, under it and with its docstring.

    Those who make it leave their return type to be inferred: it is the visible signature.
    """
    function.__name__ = function.__qualname__ = name
    function.__doc__ = says
    return function
