"""Cases of an op: the calls that the tests make of it, written down as shapes of tensors."""

from collections.abc import Callable
from functools import partial
from typing import Any


class Case:
    """One call. A tuple in `args` is the shape of a tensor to draw, a list of them draws a list."""

    __slots__ = ("args", "kwargs")

    def __init__(self, args: tuple, kwargs: dict[str, Any]) -> None:
        self.args, self.kwargs = args, kwargs


def case(*args: Any, **kwargs: Any) -> Case:
    """A call with these arguments."""
    return Case(args, kwargs)


class Drawn:
    """A tensor to draw, of a kind that the tests know."""

    __slots__ = ("kind", "options", "shape")

    def __init__(self, kind: str, *shape: int, **options: Any) -> None:
        self.kind, self.shape, self.options = kind, shape, options


# each of a shape; floats and ints take low=, high=, dtype= too
floats: Callable[..., Drawn] = partial(Drawn, "floats")
complexes: Callable[..., Drawn] = partial(Drawn, "complexes")
infinite: Callable[..., Drawn] = partial(Drawn, "infinite")  # infinities and NaN among floats
ints: Callable[..., Drawn] = partial(Drawn, "ints")
bools: Callable[..., Drawn] = partial(Drawn, "bools")
distinct: Callable[..., Drawn] = partial(Drawn, "distinct")  # below=, axis=: none twice along it
regular: Callable[..., Drawn] = partial(Drawn, "regular")  # square matrices far from singular
definite: Callable[..., Drawn] = partial(Drawn, "definite")  # positive-definite matrices
