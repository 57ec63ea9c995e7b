"""Cauchy: a peak with tails so heavy that there is no mean."""

import math
from typing import Any

from .loc_scale import LocScale


class Cauchy(LocScale):
    """The Cauchy distribution with median `loc` and half-width `scale`."""

    mean = property(lambda self: self.loc * math.nan)
    variance = property(lambda self: self.loc.new_full(self.loc.shape, math.inf))

    def _rsample(self, shape: Any) -> Any:
        noise = self.loc.new_empty(shape).cauchy_()
        return self.loc + noise * self.scale

    def _log_prob(self, value: Any) -> Any:
        off = (value - self.loc) / self.scale
        return -math.log(math.pi) - self.scale.log() - (off**2).log1p()

    def _cdf(self, value: Any) -> Any:
        return ((value - self.loc) / self.scale).atan() / math.pi + 0.5

    def icdf(self, value: Any) -> Any:
        return (math.pi * (value - 0.5)).tan() * self.scale + self.loc

    def entropy(self) -> Any:
        return math.log(4 * math.pi) + self.scale.log()
