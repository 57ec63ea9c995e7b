"""Laplace: two exponential distributions back to back."""

from typing import Any

from .._core import dtypes
from .loc_scale import LocScale


class Laplace(LocScale):
    """The Laplace distribution around `loc`, of mean distance `scale`."""

    stddev = property(lambda self: 2**0.5 * self.scale)
    variance = property(lambda self: 2 * self.scale.pow(2))

    def _rsample(self, shape: Any) -> Any:
        eps = dtypes.finfo(self.loc.dtype).eps
        noise = self.loc.new_empty(shape).uniform_(eps - 1, 1)
        return self.loc - self.scale * noise.sign() * (-noise.abs()).log1p()

    def _log_prob(self, value: Any) -> Any:
        return -(2 * self.scale).log() - (value - self.loc).abs() / self.scale

    def _cdf(self, value: Any) -> Any:
        off = value - self.loc
        return 0.5 - 0.5 * off.sign() * (-off.abs() / self.scale).expm1()

    def icdf(self, value: Any) -> Any:
        off = value - 0.5
        return self.loc - self.scale * off.sign() * (-2 * off.abs()).log1p()

    def entropy(self) -> Any:
        return 1 + (2 * self.scale).log()
