"""Categorical: one of several categories."""

import math
from typing import Any

from .._core import dtypes, modes
from .._core.size import Size
from .._creation import arange, multinomial
from .._ops.views import broadcast_tensors
from . import constraints
from .bernoulli import one_of
from .distribution import Distribution
from .utils import lazy_property, logits_to_probs, probs_to_logits


class Categorical(Distribution):
    """The number of a category, drawn with weights `probs` or unnormalised logarithms `logits`.

    Example:
        >>> Categorical(probs=torch.tensor([0.25, 0.75])).log_prob(torch.tensor(1)).exp()
        tensor(0.7500)
    """

    arg_constraints = {"probs": constraints.simplex, "logits": constraints.real_vector}
    has_enumerate_support = True

    def __init__(
        self, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        one_of(probs, logits)
        name, given = ("probs", probs) if probs is not None else ("logits", logits)
        if given.dim() < 1:
            raise ValueError(f"`{name}` parameter must be at least one-dimensional.")
        if probs is not None:
            self.probs = probs / probs.sum(-1, keepdim=True)
        else:
            self.logits = logits - logits.logsumexp(-1, keepdim=True)
        self._num_events = given.size()[-1]
        super().__init__(self._param.size()[:-1], validate_args=validate_args)

    @property
    def _param(self) -> Any:
        return self.__dict__["probs"] if "probs" in self.__dict__ else self.logits

    @constraints.dependent_property(is_discrete=True, event_dim=0)
    def support(self) -> Any:  # type: ignore[override]
        """The numbers of the categories."""
        return constraints.integer_interval(0, self._num_events - 1)

    @lazy_property
    def logits(self) -> Any:
        """The logarithms of the probabilities."""
        return probs_to_logits(self.probs)

    @lazy_property
    def probs(self) -> Any:
        """The probabilities."""
        return logits_to_probs(self.logits)

    param_shape = property(lambda self: self._param.size())
    mode = property(lambda self: self.probs.argmax(-1))  # type: ignore[assignment]

    @property
    def mean(self) -> Any:
        """NaN: categories have no order."""
        return self.probs.new_full(self._extended_shape(), math.nan)

    variance = mean  # type: ignore[assignment]

    def sample(self, sample_shape: Any = Size()) -> Any:
        """Numbers of categories."""
        shape = Size(sample_shape)
        with modes.no_grad():
            rows = self.probs.reshape(-1, self._num_events)  # (batch, categories)
            drawn = multinomial(rows, shape.numel(), True)  # (batch, draws)
            return drawn.t().reshape(self._extended_shape(shape))

    def log_prob(self, value: Any) -> Any:
        """The log-probability of the category `value`."""
        if self._validate_args:
            self._validate_sample(value)
        value = value.to(dtypes.int64).unsqueeze(-1)
        value, logits = broadcast_tensors(value, self.logits)
        return logits.gather(-1, value[..., :1]).squeeze(-1)

    def entropy(self) -> Any:
        """The entropy, in nats."""
        logits = self.logits.clamp(min=dtypes.finfo(self.logits.dtype).min)
        return -(logits * self.probs).sum(-1)

    def enumerate_support(self, expand: bool = True) -> Any:
        """All categories."""
        values = arange(self._num_events, dtype=dtypes.int64, device=self._param.device)
        values = values.view((-1,) + (1,) * len(self._batch_shape))
        return values.expand((-1, *self._batch_shape)) if expand else values
