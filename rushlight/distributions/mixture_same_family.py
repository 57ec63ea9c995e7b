"""MixtureSameFamily: a choice among several distributions of one kind."""

from typing import Any

from .._core import modes
from .._core.size import Size
from .._ops.softmaxes import log_softmax
from . import constraints
from .categorical import Categorical
from .distribution import Distribution


class MixtureSameFamily(Distribution):
    """Draws from the components, the last batch dimension of which a categorical chooses from.

    Args:
        mixture_distribution: a Categorical over k components.
        component_distribution: a distribution whose last batch dimension has size k.
    """

    arg_constraints = {}

    def __init__(
        self, mixture_distribution: Any, component_distribution: Any,
        validate_args: bool | None = None,
    ) -> None:  # fmt: skip
        if not isinstance(mixture_distribution, Categorical):
            raise ValueError(
                " The Mixture distribution needs to be an instance of "
                "torch.distributions.Categorical"
            )
        if not isinstance(component_distribution, Distribution):
            raise ValueError(
                "The Component distribution need to be an instance of "
                "torch.distributions.Distribution"
            )
        sizes, batch = component_distribution.batch_shape, mixture_distribution.batch_shape
        for a, b in zip(reversed(batch), reversed(sizes[:-1])):
            if a != 1 and b not in (1, a):
                raise ValueError(
                    f"`mixture_distribution.batch_shape` ({batch}) is not compatible with "
                    f"`component_distribution.batch_shape`({sizes[:-1]})"
                )
        k = mixture_distribution.param_shape[-1]
        if k != sizes[-1]:
            raise ValueError(
                f"`mixture_distribution component` ({k}) does not equal "
                f"`component_distribution.batch_shape[-1]` ({sizes[-1]})"
            )
        self._mixture_distribution = mixture_distribution
        self._component_distribution = component_distribution
        self._num_component = k
        super().__init__(sizes[:-1], component_distribution.event_shape, validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        new = super().expand(batch_shape, _instance)
        whole = Size(batch_shape) + (self._num_component,)
        new._component_distribution = self._component_distribution.expand(whole)
        return new

    mixture_distribution = property(lambda self: self._mixture_distribution)
    component_distribution = property(lambda self: self._component_distribution)

    @constraints.dependent_property
    def support(self) -> Any:
        return constraints.MixtureSameFamilyConstraint(self._component_distribution.support)

    def _weighted(self, values: Any) -> Any:
        """Values of the components (in their batch dimension), weighed and summed."""
        shape = tuple(self._mixture_distribution.probs.shape) + (1,) * len(self._event_shape)
        weights = self._mixture_distribution.probs.reshape(shape)
        return (weights * values).sum(-1 - len(self._event_shape))

    @property
    def mean(self) -> Any:
        return self._weighted(self._component_distribution.mean)

    @property
    def variance(self) -> Any:
        """Within the components, and between them."""
        parts = self._component_distribution
        off = parts.mean - self._padded(self.mean)
        return self._weighted(parts.variance) + self._weighted(off.pow(2))

    def cdf(self, x: Any) -> Any:
        below = self._component_distribution.cdf(self._padded(x))
        return (below * self._mixture_distribution.probs).sum(-1)

    def _padded(self, x: Any) -> Any:
        return x.unsqueeze(-1 - len(self._event_shape))

    def _log_prob(self, value: Any) -> Any:
        parts = self._component_distribution.log_prob(self._padded(value))
        weights = log_softmax(self._mixture_distribution.logits, -1)
        return (parts + weights).logsumexp(-1)

    def sample(self, sample_shape: Any = Size()) -> Any:
        """A choice for each draw, and a draw of what was chosen."""
        with modes.no_grad():
            chosen = self._mixture_distribution.sample(sample_shape)
            drawn = self._component_distribution.sample(sample_shape)
            place = len(sample_shape) + len(self._batch_shape)
            index = chosen.reshape((*chosen.shape, 1, *(1 for _ in self._event_shape)))
            index = index.expand((*chosen.shape, 1, *self._event_shape))
            return drawn.gather(place, index).squeeze(place)

    def __repr__(self) -> str:
        parts = f"{self._mixture_distribution},\n  {self._component_distribution}"
        return f"MixtureSameFamily(\n  {parts})"
