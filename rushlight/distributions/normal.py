"""Normal: the bell curve."""

import math
from typing import Any

from .._core import modes
from .._core.size import Size
from .._creation import normal
from .._ops.error_functions import erf, erfinv
from . import constraints
from .exp_family import ExponentialFamily
from .utils import broadcast_all


def standard_normal(shape: Any, like: Any) -> Any:
    """Normal draws of mean 0 and deviation 1, in a tensor's dtype and device."""
    return normal(like.new_zeros(shape), like.new_ones(shape))


class Normal(ExponentialFamily):
    """The normal distribution of mean `loc` and standard deviation `scale`."""

    arg_constraints = {"loc": constraints.real, "scale": constraints.positive}
    support = constraints.real
    has_rsample = True

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None) -> None:
        self.loc, self.scale = broadcast_all(loc, scale)
        super().__init__(self.loc.size(), validate_args=validate_args)

    mean = property(lambda self: self.loc)  # type: ignore[assignment]
    mode = property(lambda self: self.loc)  # type: ignore[assignment]
    stddev = property(lambda self: self.scale)  # type: ignore[assignment]
    variance = property(lambda self: self.scale.pow(2))  # type: ignore[assignment]

    def sample(self, sample_shape: Any = Size()) -> Any:
        """Draws without gradients."""
        shape = self._extended_shape(sample_shape)
        with modes.no_grad():
            return normal(self.loc.expand(shape), self.scale.expand(shape))

    def rsample(self, sample_shape: Any = Size()) -> Any:
        """Draws as `loc + scale * noise`."""
        return self.loc + standard_normal(self._extended_shape(sample_shape), self.loc) * self.scale

    def log_prob(self, value: Any) -> Any:
        """The log-density at `value`."""
        if self._validate_args:
            self._validate_sample(value)
        spread = -((value - self.loc) ** 2) / (2 * self.variance)
        return spread - self.scale.log() - math.log(math.sqrt(2 * math.pi))

    def cdf(self, value: Any) -> Any:
        """The probability of values up to `value`."""
        if self._validate_args:
            self._validate_sample(value)
        return 0.5 * (1 + erf((value - self.loc) * self.scale.reciprocal() / math.sqrt(2)))

    def icdf(self, value: Any) -> Any:
        """The quantile at the probability `value`."""
        return self.loc + self.scale * erfinv(2 * value - 1) * math.sqrt(2)

    def entropy(self) -> Any:
        """The entropy, in nats."""
        return 0.5 + 0.5 * math.log(2 * math.pi) + self.scale.log()
