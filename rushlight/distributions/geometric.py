"""Geometric: failures before the first success."""

from typing import Any

from .._core import dtypes
from .._core.kinds import holds
from . import constraints
from .chances import Chances
from .distribution import unexpected
from .utils import broadcast_all, log_odds_loss


class Geometric(Chances):
    """How many trials of success probability `probs` fail before one succeeds."""

    support = constraints.nonnegative_integer

    def __init__(
        self, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        super().__init__(probs, logits, validate_args)
        if self._validate_args and probs is not None and not holds(~self.probs.le(0)):
            wanted = f"of distribution {self!r} to be positive"
            raise unexpected("parameter probs", self.probs, wanted)

    mean = property(lambda self: 1.0 / self.probs - 1.0)
    mode = property(lambda self: self.probs * 0)
    variance = property(lambda self: (1.0 / self.probs - 1.0) / self.probs)

    def _sample(self, shape: Any) -> Any:
        """Counts, as quantiles of uniform noise."""
        tiny = dtypes.finfo(self.probs.dtype).tiny
        noise = self.probs.new_empty(shape).uniform_(tiny, 1)
        return (noise.log() / (-self.probs).log1p()).floor()

    def _log_prob(self, value: Any) -> Any:
        value, probs = broadcast_all(value, self.probs)
        certain = (probs == 1) & (value == 0)  # 0 * log 0 there
        return value * (-probs.masked_fill(certain, 0)).log1p() + self.probs.log()

    def entropy(self) -> Any:
        return log_odds_loss(self.logits, self.probs) / self.probs
