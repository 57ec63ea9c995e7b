"""Cauchy: a peak with tails so heavy that there is no mean."""

import math
from typing import Any

from .._core.size import Size
from . import constraints
from .distribution import Distribution
from .utils import broadcast_all


class Cauchy(Distribution):
    """The Cauchy distribution with median `loc` and half-width `scale`."""

    arg_constraints = {"loc": constraints.real, "scale": constraints.positive}
    support = constraints.real
    has_rsample = True

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None) -> None:
        self.loc, self.scale = broadcast_all(loc, scale)
        super().__init__(self.loc.size(), validate_args=validate_args)

    mean = property(lambda self: self.loc * math.nan)  # type: ignore[assignment]
    mode = property(lambda self: self.loc)  # type: ignore[assignment]
    variance = property(lambda self: self.loc.new_full(self.loc.shape, math.inf))  # type: ignore[assignment]

    def rsample(self, sample_shape: Any = Size()) -> Any:
        """Draws as `loc + noise * scale`."""
        return (
            self.loc + self.loc.new_empty(self._extended_shape(sample_shape)).cauchy_() * self.scale
        )

    def log_prob(self, value: Any) -> Any:
        """The log-density at `value`."""
        if self._validate_args:
            self._validate_sample(value)
        off = (value - self.loc) / self.scale
        return -math.log(math.pi) - self.scale.log() - (off**2).log1p()

    def cdf(self, value: Any) -> Any:
        """The probability of values up to `value`."""
        if self._validate_args:
            self._validate_sample(value)
        return ((value - self.loc) / self.scale).atan() / math.pi + 0.5

    def icdf(self, value: Any) -> Any:
        """The quantile at the probability `value`."""
        return (math.pi * (value - 0.5)).tan() * self.scale + self.loc

    def entropy(self) -> Any:
        """The entropy, in nats."""
        return math.log(4 * math.pi) + self.scale.log()
