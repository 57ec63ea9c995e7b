"""Dirichlet: random shares of a whole."""

from typing import Any

from .._core import dtypes
from .._creation.gammas import standard_gamma
from .._ops.special import digamma
from . import constraints
from .exp_family import ExponentialFamily


class Dirichlet(ExponentialFamily):
    """Shares of a whole that add up to 1 along the last dimension, with weights `concentration`.

    Differs: draws are PyTorch's for the same seed; a draw's gradient is that of the gamma numbers
    it is made of, which has the same expectation as PyTorch's, but not the same value each time.
    """

    arg_constraints = {"concentration": constraints.independent(constraints.positive, 1)}
    support = constraints.simplex
    has_rsample = True

    def __init__(self, concentration: Any, validate_args: bool | None = None) -> None:
        if concentration.dim() < 1:
            raise ValueError("`concentration` parameter must be at least one-dimensional.")
        self.concentration = concentration
        shape = concentration.size()
        super().__init__(shape[:-1], shape[-1:], validate_args=validate_args)

    mean = property(lambda self: self.concentration / self.concentration.sum(-1, True))

    @property
    def mode(self) -> Any:
        """The likeliest shares; where no weight reaches 1, all for the heaviest."""
        above = (self.concentration - 1).clamp(min=0.0)
        shares, none = above / above.sum(-1, True), (self.concentration < 1).all(-1, keepdim=True)
        heaviest = self.concentration.argmax(-1, keepdim=True)
        return above.new_zeros(above.shape).scatter(-1, heaviest, 1.0).where(none, shares)

    @property
    def variance(self) -> Any:
        total = self.concentration.sum(-1, True)
        return self.concentration * (total - self.concentration) / (total.pow(2) * (total + 1))

    def _rsample(self, shape: Any) -> Any:
        drawn = standard_gamma(self.concentration.expand(shape).double())
        shares = (drawn / drawn.sum(-1, True)).to(self.concentration.dtype)
        limits = dtypes.finfo(shares.dtype)
        shares.detach().clamp_(limits.tiny, 1 - limits.eps / 2)
        return shares

    def _log_prob(self, value: Any) -> Any:
        a = self.concentration
        return (a - 1.0).xlogy(value).sum(-1) + a.sum(-1).lgamma() - a.lgamma().sum(-1)

    def entropy(self) -> Any:
        a, k = self.concentration, self.concentration.size(-1)
        total = a.sum(-1)
        spread = (k - total) * digamma(total) + ((a - 1.0) * digamma(a)).sum(-1)
        return a.lgamma().sum(-1) - total.lgamma() - spread
