"""Normal: the bell curve."""

import math
from typing import Any

from .._creation import normal, randn
from .._ops.error_functions import erf, erfinv
from .exp_family import ExponentialFamily
from .loc_scale import LocScale


def standard_normal(shape: Any, like: Any) -> Any:
    """Normal draws of mean 0 and deviation 1, in a tensor's dtype and device."""
    return randn(shape, dtype=like.dtype, device=like.device)


class Normal(LocScale, ExponentialFamily):
    """The normal distribution of mean `loc` and standard deviation `scale`."""

    stddev = property(lambda self: self.scale)
    variance = property(lambda self: self.scale.pow(2))

    def _sample(self, shape: Any) -> Any:
        return normal(self.loc.expand(shape), self.scale.expand(shape))

    def _rsample(self, shape: Any) -> Any:
        return self.loc + standard_normal(shape, self.loc) * self.scale

    def _log_prob(self, value: Any) -> Any:
        spread = -((value - self.loc) ** 2) / (2 * self.variance)
        return spread - self.scale.log() - math.log(math.sqrt(2 * math.pi))

    def _cdf(self, value: Any) -> Any:
        return 0.5 * (1 + erf((value - self.loc) * self.scale.reciprocal() / math.sqrt(2)))

    def icdf(self, value: Any) -> Any:
        return self.loc + self.scale * erfinv(2 * value - 1) * math.sqrt(2)

    def entropy(self) -> Any:
        return 0.5 + 0.5 * math.log(2 * math.pi) + self.scale.log()
