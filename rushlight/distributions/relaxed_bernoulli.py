"""RelaxedBernoulli: a soft coin, with gradients.

Source: Maddison, Mnih and Teh, arXiv:1611.00712.
"""

from typing import Any

from .._creation import rand
from . import constraints
from .chances import Chances
from .distribution import Distribution
from .transformed_distribution import TransformedDistribution
from .transforms import SigmoidTransform
from .utils import broadcast_all, clamp_probs, of


class Tempered(Distribution):
    """The logarithms of a soft choice, the harder the lower its `temperature`."""

    has_rsample = True

    def __init__(
        self, temperature: Any, probs: Any = None, logits: Any = None,
        validate_args: bool | None = None,
    ) -> None:  # fmt: skip
        self.temperature = temperature
        super().__init__(probs, logits, validate_args)


class LogitRelaxedBernoulli(Tempered, Chances):
    """The log-odds of a soft coin."""

    support = constraints.real

    def _rsample(self, shape: Any) -> Any:
        """Log-odds with logistic noise, over the temperature."""
        probs = clamp_probs(self.probs.expand(shape))
        noise = clamp_probs(rand(shape, dtype=probs.dtype, device=probs.device))
        odds = noise.log() - (-noise).log1p() + probs.log() - (-probs).log1p()
        return odds / self.temperature

    def _log_prob(self, value: Any) -> Any:
        logits, value = broadcast_all(self.logits, value)
        t = self.temperature
        off = logits - value * t
        t = t if hasattr(t, "log") else logits.new_tensor(t)
        return t.log() + off - 2 * off.exp().log1p()


class Relaxed(TransformedDistribution):
    """A soft choice, whose parameters are those of its logarithms."""

    temperature, probs, logits = of("base_dist", "temperature probs logits")


class RelaxedBernoulli(Relaxed):
    """Numbers that come near 0 or 1 as `temperature` nears 0, with gradients."""

    arg_constraints = Chances.arg_constraints
    support = constraints.unit_interval

    def __init__(
        self, temperature: Any, probs: Any = None, logits: Any = None,
        validate_args: bool | None = None,
    ) -> None:  # fmt: skip
        base = LogitRelaxedBernoulli(temperature, probs, logits)
        super().__init__(base, SigmoidTransform(), validate_args=validate_args)
