"""OneHotCategorical: one of several categories, as a vector with a single 1."""

from typing import Any

from .._core.size import Size
from .._creation import eye
from ..nn.functional import one_hot
from . import constraints
from .categorical import Categorical
from .distribution import Distribution


class OneHotCategorical(Distribution):
    """A vector with a 1 at the place of the category drawn."""

    arg_constraints = {"probs": constraints.simplex, "logits": constraints.real_vector}
    support = constraints.one_hot
    has_enumerate_support = True

    def __init__(
        self, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        self._categorical = Categorical(probs, logits)
        shape = self._categorical.param_shape
        super().__init__(self._categorical.batch_shape, shape[-1:], validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        """The distributions repeated to a larger batch shape."""
        new = super().expand(batch_shape, _instance)
        new._categorical = self._categorical.expand(batch_shape)
        return new

    _param = property(lambda self: self._categorical._param)
    probs = property(lambda self: self._categorical.probs)
    logits = property(lambda self: self._categorical.logits)
    param_shape = property(lambda self: self._categorical.param_shape)
    mean = property(lambda self: self.probs)  # type: ignore[assignment]
    variance = property(lambda self: self.probs * (1 - self.probs))  # type: ignore[assignment]

    @property
    def mode(self) -> Any:
        """The likeliest category."""
        return one_hot(self.probs.argmax(-1), self._event_shape[0]).to(self.probs)

    def sample(self, sample_shape: Any = Size()) -> Any:
        """Vectors with a single 1."""
        drawn = self._categorical.sample(Size(sample_shape))
        return one_hot(drawn, self._event_shape[0]).to(self.probs)

    def log_prob(self, value: Any) -> Any:
        """The log-probability of the category that `value` marks."""
        if self._validate_args:
            self._validate_sample(value)
        return self._categorical.log_prob(value.argmax(-1))

    def entropy(self) -> Any:
        """The entropy, in nats."""
        return self._categorical.entropy()

    def enumerate_support(self, expand: bool = True) -> Any:
        """All vectors with a single 1."""
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
