"""NegativeBinomial: successes before a number of failures."""

from typing import Any

from .._core import modes
from .._core.size import Size
from .._creation import poisson
from ..nn.functional import logsigmoid
from . import constraints
from .chances import Chances
from .gamma import Gamma


class NegativeBinomial(Chances):
    """How many trials of success probability `probs` succeed before `total_count` have failed."""

    arg_constraints = {
        "total_count": constraints.greater_than_eq(0),
        "probs": constraints.half_open_interval(0.0, 1.0),
        "logits": constraints.real,
    }
    support = constraints.nonnegative_integer

    def __init__(
        self, total_count: Any, probs: Any = None, logits: Any = None,
        validate_args: bool | None = None,
    ) -> None:  # fmt: skip
        self._count(total_count, probs, logits, validate_args)

    mean = property(lambda self: self.total_count * self.logits.exp())

    @property
    def mode(self) -> Any:
        return ((self.total_count - 1) * self.logits.exp()).floor().clamp(min=0.0)

    variance = property(lambda self: self.mean / (1 - self.probs))

    def sample(self, sample_shape: Any = Size()) -> Any:
        """Poisson counts of gamma rates."""
        rates = Gamma(self.total_count, (-self.logits).exp(), validate_args=False)
        with modes.no_grad():
            return poisson(rates.sample(sample_shape))

    def _log_prob(self, value: Any) -> Any:
        n = self.total_count
        ways = (n + value).lgamma() - (1.0 + value).lgamma() - n.lgamma()
        ways = ways.masked_fill(n + value == 0.0, 0.0)
        return n * logsigmoid(-self.logits) + value * logsigmoid(self.logits) + ways
