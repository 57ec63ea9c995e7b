"""Categorical: one of several categories."""

import math
from typing import Any

from .._core import dtypes, modes
from .._core.size import Size
from .._creation import arange, multinomial
from .._ops.views import broadcast_tensors
from . import constraints
from .chances import Chances, one_of
from .distribution import Distribution
from .utils import of


class Categorical(Chances):
    """The number of a category, drawn with weights `probs` or unnormalised logarithms `logits`.

    Example:
        >>> Categorical(probs=torch.tensor([0.25, 0.75])).log_prob(torch.tensor(1)).exp()
        tensor(0.7500)
    """

    arg_constraints = {"probs": constraints.simplex, "logits": constraints.real_vector}
    has_enumerate_support = True
    _is_binary = False

    def __init__(
        self, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        name, given = one_of(probs, logits)
        if given.dim() < 1:
            raise ValueError(f"`{name}` parameter must be at least one-dimensional.")
        if probs is not None:
            self.probs = probs / probs.sum(-1, keepdim=True)
        else:
            self.logits = logits - logits.logsumexp(-1, keepdim=True)
        self._num_events = given.size()[-1]
        Distribution.__init__(self, self._param.size()[:-1], validate_args=validate_args)

    @constraints.dependent_property(is_discrete=True, event_dim=0)
    def support(self) -> Any:
        return constraints.integer_interval(0, self._num_events - 1)

    mode = property(lambda self: self.probs.argmax(-1))

    @property
    def mean(self) -> Any:
        """NaN: categories have no order."""
        return self.probs.new_full(self._extended_shape(), math.nan)

    variance = mean

    def sample(self, sample_shape: Any = Size()) -> Any:
        shape = Size(sample_shape)
        with modes.no_grad():
            rows = self.probs.reshape(-1, self._num_events)  # (batch, categories)
            drawn = multinomial(rows, shape.numel(), True)  # (batch, draws)
            return drawn.t().reshape(self._extended_shape(shape))

    def log_prob(self, value: Any) -> Any:
        self._check_value(value)
        value = value.to(dtypes.int64).unsqueeze(-1)
        value, logits = broadcast_tensors(value, self.logits)
        return logits.gather(-1, value[..., :1]).squeeze(-1)

    def entropy(self) -> Any:
        logits = self.logits.clamp(min=dtypes.finfo(self.logits.dtype).min)
        return -(logits * self.probs).sum(-1)

    def enumerate_support(self, expand: bool = True) -> Any:
        values = arange(self._num_events, dtype=dtypes.int64, device=self._param.device)
        return self._for_each(values, expand)


class OfCategories(Distribution):
    """A distribution of vectors with one element a category, which a categorical makes."""

    arg_constraints = Categorical.arg_constraints

    def __init__(
        self, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        self._categorical = Categorical(probs, logits)
        super().__init__(self._categorical.batch_shape, self.param_shape[-1:], validate_args)

    _param, probs, logits, param_shape = of("_categorical", "_param probs logits param_shape")
