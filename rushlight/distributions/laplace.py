"""Laplace: two exponential distributions back to back."""

from typing import Any

from .._core import dtypes
from .._core.size import Size
from . import constraints
from .distribution import Distribution
from .utils import broadcast_all


class Laplace(Distribution):
    """The Laplace distribution around `loc`, of mean distance `scale`."""

    arg_constraints = {"loc": constraints.real, "scale": constraints.positive}
    support = constraints.real
    has_rsample = True

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None) -> None:
        self.loc, self.scale = broadcast_all(loc, scale)
        super().__init__(self.loc.size(), validate_args=validate_args)

    mean = property(lambda self: self.loc)  # type: ignore[assignment]
    mode = property(lambda self: self.loc)  # type: ignore[assignment]
    stddev = property(lambda self: 2**0.5 * self.scale)  # type: ignore[assignment]
    variance = property(lambda self: 2 * self.scale.pow(2))  # type: ignore[assignment]

    def rsample(self, sample_shape: Any = Size()) -> Any:
        """Draws as quantiles of uniform noise from (-1, 1)."""
        shape, eps = self._extended_shape(sample_shape), dtypes.finfo(self.loc.dtype).eps
        noise = self.loc.new_empty(shape).uniform_(eps - 1, 1)
        return self.loc - self.scale * noise.sign() * (-noise.abs()).log1p()

    def log_prob(self, value: Any) -> Any:
        """The log-density at `value`."""
        if self._validate_args:
            self._validate_sample(value)
        return -(2 * self.scale).log() - (value - self.loc).abs() / self.scale

    def cdf(self, value: Any) -> Any:
        """The probability of values up to `value`."""
        if self._validate_args:
            self._validate_sample(value)
        off = value - self.loc
        return 0.5 - 0.5 * off.sign() * (-off.abs() / self.scale).expm1()

    def icdf(self, value: Any) -> Any:
        """The quantile at the probability `value`."""
        off = value - 0.5
        return self.loc - self.scale * off.sign() * (-2 * off.abs()).log1p()

    def entropy(self) -> Any:
        """The entropy, in nats."""
        return 1 + (2 * self.scale).log()
