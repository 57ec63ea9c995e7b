"""Geometric: failures before the first success."""

from typing import Any

from .._core import dtypes, modes
from .._core.size import Size
from . import constraints
from .bernoulli import one_of
from .distribution import Distribution
from .utils import broadcast_all, lazy_property, log_odds_loss, logits_to_probs, probs_to_logits


class Geometric(Distribution):
    """How many trials of success probability `probs` fail before one succeeds."""

    arg_constraints = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.nonnegative_integer

    def __init__(
        self, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        one_of(probs, logits)
        if probs is not None:
            (self.probs,) = broadcast_all(probs)
        else:
            (self.logits,) = broadcast_all(logits)
        shape = self.probs.size() if probs is not None else self.logits.size()
        super().__init__(shape, validate_args=validate_args)
        if self._validate_args and probs is not None and self.probs.le(0).any():
            raise ValueError(
                f"Expected parameter probs ({type(self.probs).__name__} of shape "
                f"{tuple(self.probs.shape)}) of distribution {self!r} to be positive but found "
                f"invalid values:\n{self.probs}"
            )

    @lazy_property
    def logits(self) -> Any:
        """The log-odds of success."""
        return probs_to_logits(self.probs, is_binary=True)

    @lazy_property
    def probs(self) -> Any:
        """The probability of success."""
        return logits_to_probs(self.logits, is_binary=True)

    mean = property(lambda self: 1.0 / self.probs - 1.0)  # type: ignore[assignment]
    mode = property(lambda self: self.probs * 0)  # type: ignore[assignment]
    variance = property(lambda self: (1.0 / self.probs - 1.0) / self.probs)  # type: ignore[assignment]

    def sample(self, sample_shape: Any = Size()) -> Any:
        """Counts, as quantiles of uniform noise."""
        tiny = dtypes.finfo(self.probs.dtype).tiny
        with modes.no_grad():
            noise = self.probs.new_empty(self._extended_shape(sample_shape)).uniform_(tiny, 1)
            return (noise.log() / (-self.probs).log1p()).floor()

    def log_prob(self, value: Any) -> Any:
        """The log-probability of `value`."""
        if self._validate_args:
            self._validate_sample(value)
        value, probs = broadcast_all(value, self.probs)
        certain = (probs == 1) & (value == 0)  # 0 * log 0 there
        return value * (-probs.masked_fill(certain, 0)).log1p() + self.probs.log()

    def entropy(self) -> Any:
        """The entropy, in nats."""
        return log_odds_loss(self.logits, self.probs) / self.probs
