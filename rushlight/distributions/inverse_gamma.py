"""InverseGamma: one over a gamma number; widths of normal distributions, before they are seen."""

from typing import Any

from .._ops.special import digamma
from . import constraints
from .gamma import Gamma
from .transformed_distribution import TransformedDistribution
from .transforms import PowerTransform
from .utils import of


class InverseGamma(TransformedDistribution):
    """1 / x for a gamma number x of shape `concentration` and `rate`."""

    arg_constraints = Gamma.arg_constraints
    support = constraints.positive

    def __init__(self, concentration: Any, rate: Any, validate_args: bool | None = None) -> None:
        base = Gamma(concentration, rate, validate_args=validate_args)
        power = PowerTransform(-base.rate.new_ones(()))
        super().__init__(base, power, validate_args=validate_args)

    concentration, rate = of("base_dist", "concentration rate")
    mode = property(lambda self: self.rate / (self.concentration + 1))

    @property
    def mean(self) -> Any:
        """Infinite up to a shape of 1."""
        made = self.rate / (self.concentration - 1)
        return made.masked_fill(self.concentration <= 1, float("inf"))

    @property
    def variance(self) -> Any:
        """Infinite up to a shape of 2."""
        a = self.concentration
        made = self.rate.square() / ((a - 1).square() * (a - 2))
        return made.masked_fill(a <= 2, float("inf"))

    def entropy(self) -> Any:
        a = self.concentration
        return a + self.rate.log() + a.lgamma() - (1 + a) * digamma(a)
