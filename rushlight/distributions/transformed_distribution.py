"""TransformedDistribution: a distribution seen through invertible functions."""

from typing import Any

from .._core import modes
from .._core.size import Size
from . import constraints
from .distribution import Distribution
from .independent import Independent, sum_rightmost, widened
from .transforms import ComposeTransform, Transform


class TransformedDistribution(Distribution):
    """The distribution of f(x), for x of a base distribution.

    Args:
        base_distribution: the distribution of x.
        transforms: one transform, or a list of them that follow one another.
    """

    arg_constraints = {}

    def __init__(
        self, base_distribution: Distribution, transforms: Any, validate_args: bool | None = None
    ) -> None:
        parts = [transforms] if isinstance(transforms, Transform) else transforms
        if not isinstance(parts, list) or not all(isinstance(t, Transform) for t in parts):
            raise ValueError(
                "transforms must be a Transform or a list of Transforms"
                if isinstance(parts, list)
                else f"transforms must be a Transform or list, but was {transforms}"
            )
        self.transforms: list[Transform] = parts
        shape = base_distribution.batch_shape + base_distribution.event_shape
        whole = ComposeTransform(self.transforms)
        if len(shape) < whole.domain.event_dim:
            raise ValueError(
                f"base_distribution needs to have shape with size at least {whole.domain.event_dim}"
                f", but got {shape}."
            )
        made = Size(whole.forward_shape(shape))
        batch = Size(whole.inverse_shape(made))[: len(base_distribution.batch_shape)]
        base = base_distribution.expand(batch)
        missing = whole.domain.event_dim - len(base.event_shape)
        self.base_dist = Independent(base, missing) if missing > 0 else base
        grown = whole.codomain.event_dim - whole.domain.event_dim
        count = max(whole.codomain.event_dim, len(self.base_dist.event_shape) + grown)
        cut = len(made) - count
        super().__init__(made[:cut], made[cut:], validate_args=validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        new = super().expand(batch_shape, _instance)
        whole = ComposeTransform(self.transforms)
        shape = Size(whole.inverse_shape(Size(batch_shape) + self.event_shape))
        cut = len(shape) - len(self.base_dist.event_shape)
        new.base_dist = self.base_dist.expand(shape[:cut])
        return new

    def _made_anew(self, kind: Any, batch_shape: Any, instance: Any, *parameters: Any) -> Any:
        """`expand` of a kind whose transforms hold its parameters."""
        new = object.__new__(type(self)) if instance is None else instance
        kind.__init__(new, *(p.expand(batch_shape) for p in parameters), False)
        new._validate_args = self._validate_args
        return new

    has_rsample = property(lambda self: self.base_dist.has_rsample)

    def _image(self) -> Any:
        if not self.transforms:
            return self.base_dist.support
        last = self.transforms[-1].codomain
        return widened(last, len(self.event_shape) - last.event_dim)

    support: Any = constraints.dependent_property(_image, is_discrete=False)

    def _transformed(self, x: Any) -> Any:
        return ComposeTransform(self.transforms)(x)

    def sample(self, sample_shape: Any = Size()) -> Any:
        with modes.no_grad():
            return self._transformed(self.base_dist.sample(sample_shape))

    def rsample(self, sample_shape: Any = Size()) -> Any:
        return self._transformed(self.base_dist.rsample(sample_shape))

    def log_prob(self, value: Any) -> Any:
        self._check_value(value)
        dims, stretched, y = len(self.event_shape), 0.0, value
        for transform in reversed(self.transforms):
            x = transform.inv(y)
            dims += transform.domain.event_dim - transform.codomain.event_dim
            own = transform.log_abs_det_jacobian(x, y)
            stretched = stretched - sum_rightmost(own, dims - transform.domain.event_dim)
            y = x
        base = self.base_dist.log_prob(y)
        return stretched + sum_rightmost(base, dims - len(self.base_dist.event_shape))

    def _up(self, value: Any) -> Any:
        """`value`, or one less it where the transforms turn the order around."""
        sign = ComposeTransform(self.transforms).sign
        return value if isinstance(sign, int) and sign == 1 else sign * (value - 0.5) + 0.5

    def _cdf(self, value: Any) -> Any:
        return self._up(self.base_dist.cdf(ComposeTransform(self.transforms).inv(value)))

    def icdf(self, value: Any) -> Any:
        return self._transformed(self.base_dist.icdf(self._up(value)))
