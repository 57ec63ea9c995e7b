"""LocScale: what distributions share that have one shape, moved and widened."""

from typing import Any

from . import constraints
from .distribution import Distribution


class LocScale(Distribution):
    """A distribution over all real numbers, symmetric around `loc`, of a width in `scale`."""

    arg_constraints = {"loc": constraints.real, "scale": constraints.positive}
    support = constraints.real
    has_rsample = True

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None) -> None:
        self._keep(validate_args, loc=loc, scale=scale)

    mean = mode = property(lambda self: self.loc)
