"""Chances: what distributions share that are given by probabilities or by logarithms of them."""

from typing import Any

from .._creation import arange
from . import constraints
from .distribution import Distribution
from .utils import broadcast_all, lazy_property, logits_to_probs, probs_to_logits


def one_of(probs: Any, logits: Any) -> tuple[str, Any]:
    """The name and value of the one that is given; refuses both or neither."""
    if (probs is None) == (logits is None):
        raise ValueError("Either `probs` or `logits` must be specified, but not both.")
    return ("logits", logits) if probs is None else ("probs", probs)


class Chances(Distribution):
    """A distribution given by `probs` or `logits`; the other is computed when it is asked for."""

    arg_constraints = {"probs": constraints.unit_interval, "logits": constraints.real}
    _is_binary = True  # whether logits are log-odds of one probability, or logarithms of several

    def __init__(
        self, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        self._take(probs, logits)
        super().__init__(self._param.size(), validate_args=validate_args)

    def _take(self, probs: Any, logits: Any, *others: Any) -> list:
        """Keeps the one that is given, and returns the others as tensors of its shape."""
        name, given = one_of(probs, logits)
        *rest, value = broadcast_all(*others, given)
        setattr(self, name, value)
        return rest

    def _count(self, total_count: Any, probs: Any, logits: Any, validate: bool | None) -> None:
        """The `__init__` of a number of trials, each of these chances."""
        (count,) = self._take(probs, logits, total_count)
        self.total_count = count.type_as(self._param)
        super().__init__(self._param.size(), validate_args=validate)

    @property
    def _param(self) -> Any:
        return self.__dict__["probs"] if "probs" in self.__dict__ else self.logits

    @lazy_property
    def logits(self) -> Any:
        """The log-odds of success, or the logarithms of all probabilities."""
        return probs_to_logits(self.probs, self._is_binary)

    @lazy_property
    def probs(self) -> Any:
        """The probability of success, or those of all categories."""
        return logits_to_probs(self.logits, self._is_binary)

    param_shape = property(lambda self: self._param.size())

    def _numbered(self, count: int, expand: bool) -> Any:
        """0, 1, ... up to `count` as the values that can come."""
        values = arange(count, dtype=self._param.dtype, device=self._param.device)
        return self._for_each(values, expand)
