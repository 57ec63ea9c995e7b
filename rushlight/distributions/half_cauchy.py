"""HalfCauchy: the distance of Cauchy numbers from their median."""

import math
from typing import Any

from . import constraints
from .cauchy import Cauchy
from .transformed_distribution import TransformedDistribution
from .transforms import AbsTransform


class HalfCauchy(TransformedDistribution):
    """|x| for a Cauchy x of median 0 and half-width `scale`."""

    arg_constraints = {"scale": constraints.positive}
    support = constraints.nonnegative

    def __init__(self, scale: Any, validate_args: bool | None = None) -> None:
        super().__init__(Cauchy(0, scale, validate_args=False), AbsTransform(), validate_args)

    scale = property(lambda self: self.base_dist.scale, doc="The half-width.")
    mean = property(lambda self: self.scale * math.inf)  # type: ignore[assignment]
    mode = property(lambda self: self.scale * 0)  # type: ignore[assignment]
    variance = property(lambda self: self.scale * math.inf)  # type: ignore[assignment]

    def log_prob(self, value: Any) -> Any:
        """The log-density at `value`."""
        if self._validate_args:
            self._validate_sample(value)
        made = self.base_dist.log_prob(value) + math.log(2)
        return made.masked_fill(value < 0, -math.inf)

    def cdf(self, value: Any) -> Any:
        """The probability of values up to `value`."""
        if self._validate_args:
            self._validate_sample(value)
        return 2 * self.base_dist.cdf(value) - 1

    def icdf(self, value: Any) -> Any:
        """The quantile at the probability `value`."""
        return self.base_dist.icdf((value + 1) / 2)

    def entropy(self) -> Any:
        """The entropy, in nats."""
        return self.base_dist.entropy() - math.log(2)
