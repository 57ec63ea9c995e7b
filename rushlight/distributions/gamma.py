"""Gamma: the time to several events of a steady process."""

from typing import Any

from .._core import dtypes
from .._creation.gammas import standard_gamma
from .._ops.special import digamma, gammainc
from . import constraints
from .exp_family import ExponentialFamily


class Gamma(ExponentialFamily):
    """The gamma distribution of shape `concentration` and `rate`.

    Differs: draws are PyTorch's for the same seed; their gradient by the concentration is a
    difference of the distribution function, right to about 1e-9, where PyTorch uses approximations.
    """

    arg_constraints = {"concentration": constraints.positive, "rate": constraints.positive}
    support = constraints.nonnegative
    has_rsample = True

    def __init__(self, concentration: Any, rate: Any, validate_args: bool | None = None) -> None:
        self._keep(validate_args, concentration=concentration, rate=rate)

    mean = property(lambda self: self.concentration / self.rate)
    variance = property(lambda self: self.concentration / self.rate.pow(2))

    mode = property(lambda self: ((self.concentration - 1) / self.rate).clamp(min=0))

    def _rsample(self, shape: Any) -> Any:
        drawn = standard_gamma(self.concentration.expand(shape)) / self.rate.expand(shape)
        drawn.detach().clamp_(min=dtypes.finfo(drawn.dtype).tiny)
        return drawn

    def log_prob(self, value: Any) -> Any:
        value = value if hasattr(value, "dtype") else self.rate.new_tensor(value)
        self._check_value(value)
        a, rate = self.concentration, self.rate
        return a.xlogy(rate) + (a - 1).xlogy(value) - rate * value - a.lgamma()

    def _cdf(self, value: Any) -> Any:
        return gammainc(self.concentration, self.rate * value)

    def entropy(self) -> Any:
        a = self.concentration
        return a - self.rate.log() + a.lgamma() + (1.0 - a) * digamma(a)
