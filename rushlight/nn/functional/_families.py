"""Functions that differ only in how many axes they work on, each under its own name."""

from collections.abc import Callable
from typing import TypeVar

Function = TypeVar("Function", bound=Callable)


def named(function: Function, name: str, doc: str) -> Function:
    """The function with a public name and docstring of its own."""
    function.__name__ = function.__qualname__ = name
    function.__doc__ = doc
    return function
