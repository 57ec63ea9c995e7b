"""Gumbel: the largest of many numbers."""

import math
from typing import Any

from .._core import dtypes
from . import constraints
from .transformed_distribution import TransformedDistribution
from .transforms import AffineTransform, ExpTransform
from .uniform import Uniform
from .utils import broadcast_all, euler_constant


class Gumbel(TransformedDistribution):
    """The Gumbel distribution with mode `loc` and width `scale`."""

    arg_constraints = {"loc": constraints.real, "scale": constraints.positive}
    support = constraints.real

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None) -> None:
        self.loc, self.scale = broadcast_all(loc, scale)
        limits = dtypes.finfo(self.loc.dtype)
        low, high = self.loc * 0 + limits.tiny, self.loc * 0 + (1 - limits.eps)
        parts = [
            ExpTransform().inv,
            AffineTransform(loc=0, scale=-self.scale.new_ones(self.scale.shape)),
            ExpTransform().inv,
            AffineTransform(loc=self.loc, scale=-self.scale),
        ]
        base = Uniform(low.detach(), high.detach(), validate_args=validate_args)
        super().__init__(base, parts, validate_args=validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        """The distributions repeated to a larger batch shape."""
        new = object.__new__(type(self)) if _instance is None else _instance
        Gumbel.__init__(new, self.loc.expand(batch_shape), self.scale.expand(batch_shape), False)
        new._validate_args = self._validate_args
        return new

    mean = property(lambda self: self.loc + self.scale * euler_constant)  # type: ignore[assignment]
    mode = property(lambda self: self.loc)  # type: ignore[assignment]
    stddev = property(lambda self: math.pi / math.sqrt(6) * self.scale)  # type: ignore[assignment]
    variance = property(lambda self: self.stddev.pow(2))  # type: ignore[assignment]

    def log_prob(self, value: Any) -> Any:
        """The log-density at `value`."""
        if self._validate_args:
            self._validate_sample(value)
        y = (self.loc - value) / self.scale
        return (y - y.exp()) - self.scale.log()

    def entropy(self) -> Any:
        """The entropy, in nats."""
        return self.scale.log() + (1 + euler_constant)
