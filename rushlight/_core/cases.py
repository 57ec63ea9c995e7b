"""Cases of an op: the calls that the tests make of it, written down as shapes of tensors."""

from collections.abc import Callable
from functools import partial
from typing import Any


class Case:
    """One call. Among `args` a tuple is the shape of a tensor to draw, a list of them draws a list.

    Attributes:
        message: part of the sentence that the call is refused with, None where it gives a result.
        kind: the exception's type.
    """

    __slots__ = ("args", "kind", "kwargs", "message")

    def __init__(self, args: tuple, kwargs: dict[str, Any]) -> None:
        self.args, self.kwargs = args, kwargs
        self.message: str | None = None
        self.kind: type[Exception] = RuntimeError

    def raises(self, message: str, kind: type[Exception] = RuntimeError) -> "Case":
        """The call, which is refused."""
        self.message, self.kind = message, kind
        return self

    def lacks(self, dtype: str) -> "Case":
        """The call, which is refused for PyTorch's name of a dtype."""
        return self.raises(f"not implemented for '{dtype}'", NotImplementedError)


def case(*args: Any, **kwargs: Any) -> Case:
    """A call with these arguments."""
    return Case(args, kwargs)


def beyond(shape: tuple, dim: int, **others: Any) -> Case:
    """A call with a dimension that a tensor of this shape does not have."""
    n = len(shape)
    return case(shape, dim=dim, **others).raises(
        f"Dimension out of range (expected to be in range of [{-n}, {n - 1}], but got {dim})",
        IndexError,
    )


def oblong(name: str, *others: Any) -> Case:
    """A call with a matrix that is not square; `name` begins the sentence."""
    return case((3, 4), *others).raises(
        f"{name}: A must be batches of square matrices, but they are 3 by 4 matrices"
    )


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
