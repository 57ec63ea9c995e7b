"""RelaxedOneHotCategorical: a soft choice of a category, with gradients (Gumbel-softmax).

Source: Jang, Gu and Poole, arXiv:1611.01144; Maddison, Mnih and Teh, arXiv:1611.00712.
"""

import math
from typing import Any

from .._creation import rand
from .._ops.views import broadcast_tensors
from . import constraints
from .categorical import OfCategories
from .relaxed_bernoulli import Relaxed, Tempered
from .transforms import ExpTransform
from .utils import clamp_probs


class ExpRelaxedCategorical(Tempered, OfCategories):
    """The logarithms of a soft choice."""

    support = constraints.real_vector  # rather: vectors whose exponentials add up to 1

    def _rsample(self, shape: Any) -> Any:
        """Logits with Gumbel noise over the temperature, normalised."""
        noise = clamp_probs(rand(shape, dtype=self.logits.dtype, device=self.logits.device))
        scores = (self.logits - (-noise.log()).log()) / self.temperature
        return scores - scores.logsumexp(-1, keepdim=True)

    def _log_prob(self, value: Any) -> Any:
        logits, value = broadcast_tensors(self.logits, value)
        k, t = self._event_shape[0], self.temperature
        scale = math.lgamma(k) + (k - 1) * (t.log() if hasattr(t, "log") else math.log(t))
        score = logits - value * t
        return (score - score.logsumexp(-1, keepdim=True)).sum(-1) + scale


class RelaxedOneHotCategorical(Relaxed):
    """Shares that come near a single 1 as `temperature` nears 0, with gradients."""

    arg_constraints = OfCategories.arg_constraints
    support = constraints.simplex

    def __init__(
        self, temperature: Any, probs: Any = None, logits: Any = None,
        validate_args: bool | None = None,
    ) -> None:  # fmt: skip
        base = ExpRelaxedCategorical(temperature, probs, logits, validate_args=validate_args)
        super().__init__(base, ExpTransform(), validate_args=validate_args)
