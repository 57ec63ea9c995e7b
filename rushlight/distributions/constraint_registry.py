"""biject_to and transform_to: the transform from all real numbers onto a constrained set."""

from collections.abc import Callable
from typing import Any

from . import constraints, transforms


class ConstraintRegistry:
    """Which transform leads to a constraint, by the constraint's type.

    Example:
        >>> transform_to(constraints.positive)(torch.tensor(0.0))
        tensor(1.)
    """

    def __init__(self) -> None:
        self._registry: dict[type, Callable] = {}

    def register(self, constraint: Any, factory: Any = None) -> Any:
        """Makes `factory(constraint)` the transform to constraints of a type; also a decorator."""
        if factory is None:
            return lambda factory: self.register(constraint, factory)
        kind = constraint if isinstance(constraint, type) else type(constraint)
        if not issubclass(kind, constraints.Constraint):
            raise TypeError(
                "Expected constraint to be either a Constraint subclass or instance, but got "
                f"{constraint}"
            )
        self._registry[kind] = factory
        return factory

    def __call__(self, constraint: constraints.Constraint) -> Any:
        """The transform onto a constraint."""
        factory = self._registry.get(type(constraint))
        if factory is None:
            raise NotImplementedError(
                f"Cannot transform {type(constraint).__name__} constraints; register one with "
                ".register(constraint, factory)"
            )
        return factory(constraint)


biject_to, transform_to = ConstraintRegistry(), ConstraintRegistry()


def _between(constraint: Any) -> Any:
    low, high = constraint.lower_bound, constraint.upper_bound
    squash = transforms.SigmoidTransform()
    if isinstance(low, float | int) and (low, high) == (0, 1):
        return squash
    return transforms.ComposeTransform([squash, transforms.AffineTransform(low, high - low)])


def _beyond(bound: str, sign: int) -> Callable[[Any], Any]:
    def make(constraint: Any) -> Any:
        edge = transforms.AffineTransform(getattr(constraint, bound), sign)
        return transforms.ComposeTransform([transforms.ExpTransform(), edge])

    return make


def _positive(constraint: Any) -> Any:
    if constraint in (constraints.positive, constraints.nonnegative):
        return transforms.ExpTransform()
    return _beyond("lower_bound", 1)(constraint)


def _blocks(registry: ConstraintRegistry) -> Callable[[Any], Any]:
    def make(constraint: Any) -> Any:
        base = registry(constraint.base_constraint)
        return transforms.IndependentTransform(base, constraint.reinterpreted_batch_ndims)

    return make


for _registry in (biject_to, transform_to):
    _registry.register(constraints.real, lambda constraint: transforms.identity_transform)
    _registry.register(constraints.independent, _blocks(_registry))
    _registry.register(constraints.greater_than, _positive)
    _registry.register(constraints.greater_than_eq, _positive)
    _registry.register(constraints.less_than, _beyond("upper_bound", -1))
    _registry.register(constraints.interval, _between)
    _registry.register(constraints.half_open_interval, _between)
    _registry.register(constraints.lower_cholesky, lambda _: transforms.LowerCholeskyTransform())
    for _kind in (constraints.positive_definite, constraints.positive_semidefinite):
        _registry.register(_kind, lambda _: transforms.PositiveDefiniteTransform())
biject_to.register(constraints.simplex, lambda _: transforms.StickBreakingTransform())
transform_to.register(constraints.simplex, lambda _: transforms.SoftmaxTransform())
