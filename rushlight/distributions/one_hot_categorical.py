"""OneHotCategorical: one of several categories, as a vector with a single 1."""

from typing import Any

from .._core.size import Size
from .._creation import eye
from ..nn.functional import one_hot
from . import constraints
from .categorical import OfCategories


class OneHotCategorical(OfCategories):
    """A vector with a 1 at the place of the category drawn."""

    support = constraints.one_hot
    has_enumerate_support = True

    mean = property(lambda self: self.probs)
    variance = property(lambda self: self.probs * (1 - self.probs))

    @property
    def mode(self) -> Any:
        return one_hot(self.probs.argmax(-1), self._event_shape[0]).to(self.probs)

    def sample(self, sample_shape: Any = Size()) -> Any:
        drawn = self._categorical.sample(sample_shape)
        return one_hot(drawn, self._event_shape[0]).to(self.probs)

    def log_prob(self, value: Any) -> Any:
        """The log-probability of the category that `value` marks."""
        self._check_value(value)
        return self._categorical.log_prob(value.argmax(-1))

    def entropy(self) -> Any:
        return self._categorical.entropy()

    def enumerate_support(self, expand: bool = True) -> Any:
        n = self._event_shape[0]
        values = eye(n, dtype=self._param.dtype, device=self._param.device)
        values = values.view((n,) + (1,) * len(self._batch_shape) + (n,))
        return values.expand((n, *self._batch_shape, n)) if expand else values


class OneHotCategoricalStraightThrough(OneHotCategorical):
    """The same, whose draws pass gradients to the probabilities as if they were those.

    Source: Bengio, Léonard and Courville, arXiv:1308.3432.
    """

    has_rsample = True

    def rsample(self, sample_shape: Any = Size()) -> Any:
        """Vectors with a single 1, and the gradient of `probs`."""
        return self.sample(sample_shape) + (self.probs - self.probs.detach())
