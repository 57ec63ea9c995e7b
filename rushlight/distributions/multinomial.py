"""Multinomial: how often each category came in a number of draws."""

from typing import Any

from .._core import modes
from .._core.size import Size
from .._ops.views import broadcast_tensors
from . import constraints
from .binomial import Binomial
from .categorical import OfCategories


class Multinomial(OfCategories):
    """Counts of `total_count` independent draws of a category."""

    def __init__(
        self, total_count: int = 1, probs: Any = None, logits: Any = None,
        validate_args: bool | None = None,
    ) -> None:  # fmt: skip
        if not isinstance(total_count, int):
            raise NotImplementedError("inhomogeneous total_count is not supported")
        self.total_count = total_count
        super().__init__(probs, logits, validate_args)

    @constraints.dependent_property(is_discrete=True, event_dim=1)
    def support(self) -> Any:
        return constraints.multinomial(self.total_count)

    mean = property(lambda self: self.probs * self.total_count)

    variance = property(lambda self: self.total_count * self.probs * (1 - self.probs))

    def sample(self, sample_shape: Any = Size()) -> Any:
        shape = Size(sample_shape)
        with modes.no_grad():
            drawn = self._categorical.sample(Size((self.total_count,)) + shape)
            drawn = drawn.permute(*range(1, drawn.dim()), 0)  # (samples, batch, draws)
            counts = self.probs.new_zeros(self._extended_shape(shape))
            return counts.scatter_add_(-1, drawn, drawn.new_ones(drawn.shape).to(counts.dtype))

    def log_prob(self, value: Any) -> Any:
        self._check_value(value)
        logits, value = broadcast_tensors(self.logits, value)
        ways = (value.sum(-1) + 1).lgamma() - (value + 1).lgamma().sum(-1)
        impossible = (value == 0) & logits.isneginf()  # 0 * -inf there
        return ways + (logits.masked_fill(impossible, 0) * value).sum(-1)

    def entropy(self) -> Any:
        n = self.probs.new_full((), self.total_count)
        one = Binomial(self.total_count, probs=self.probs)
        counts = one.enumerate_support(expand=False)[1:]
        binomials = one.log_prob(counts).exp()
        weights = (binomials * (counts + 1).lgamma()).sum((0, -1))
        return n * self._categorical.entropy() - (n + 1).lgamma() + weights
