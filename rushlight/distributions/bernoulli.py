"""Bernoulli: a coin."""

import math
from typing import Any

from .._creation import bernoulli
from . import constraints
from .chances import Chances
from .exp_family import ExponentialFamily
from .utils import log_odds_loss


class Bernoulli(Chances, ExponentialFamily):
    """1 with the probability `probs` (or its log-odds `logits`), else 0."""

    support = constraints.boolean
    has_enumerate_support = True

    mean = property(lambda self: self.probs)
    variance = property(lambda self: self.probs * (1 - self.probs))

    @property
    def mode(self) -> Any:
        """The likelier value; NaN where both are alike."""
        return (self.probs >= 0.5).to(self.probs.dtype).masked_fill(self.probs == 0.5, math.nan)

    def _sample(self, shape: Any) -> Any:
        return bernoulli(self.probs.expand(shape))

    def _log_prob(self, value: Any) -> Any:
        return -log_odds_loss(self.logits, value)

    def entropy(self) -> Any:
        return log_odds_loss(self.logits, self.probs)

    def enumerate_support(self, expand: bool = True) -> Any:
        return self._numbered(2, expand)
