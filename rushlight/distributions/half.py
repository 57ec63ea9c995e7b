"""Half: what distributions share of numbers without their sign."""

import math
from typing import Any

from . import constraints
from .distribution import Distribution
from .transformed_distribution import TransformedDistribution
from .transforms import AbsTransform


class Half(TransformedDistribution):
    """|x| for an x whose distribution is symmetric around 0 and has a `scale`."""

    arg_constraints = {"scale": constraints.positive}
    support = constraints.nonnegative

    def __init__(self, base: Distribution, validate_args: bool | None = None) -> None:
        super().__init__(base, AbsTransform(), validate_args)

    scale = property(lambda self: self.base_dist.scale, doc="The width of x.")
    mode = property(lambda self: self.scale * 0)

    def log_prob(self, value: Any) -> Any:
        self._check_value(value)
        made = self.base_dist.log_prob(value) + math.log(2)
        return made.masked_fill(value < 0, -math.inf)

    def _cdf(self, value: Any) -> Any:
        return 2 * self.base_dist.cdf(value) - 1

    def icdf(self, value: Any) -> Any:
        return self.base_dist.icdf((value + 1) / 2)

    def entropy(self) -> Any:
        return self.base_dist.entropy() - math.log(2)
