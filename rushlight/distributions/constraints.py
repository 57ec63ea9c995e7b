"""Sets of values that a distribution's parameters and samples must lie in."""

from collections.abc import Callable, Sequence
from typing import Any

from .._core import dtypes
from .._core.kinds import holds
from .._ops.factors import linalg_cholesky_ex
from .._ops.joining import cat as cat_tensors
from .._ops.joining import stack as stack_tensors
from .._ops.logic import isclose
from .._ops.spectra import linalg_eigvalsh


class Constraint:
    """A set of values; `check` says, event by event, which values lie in it.

    Attributes:
        is_discrete: whether the set is countable.
        event_dim: how many of the last dimensions make one value.
    """

    is_discrete: Any = False
    event_dim: Any = 0

    def check(self, value: Any) -> Any:
        """A boolean tensor: which events of `value` lie in the set."""
        raise NotImplementedError

    def _numbers(self) -> str:
        """What the printed form says of the bounds."""
        return ""

    def __repr__(self) -> str:
        name = type(self).__name__
        words = [name[1:]] if name[0] == "_" else [w.capitalize() for w in name.split("_")]
        return f"{''.join(words)}({self._numbers()})"


class _Dependent(Constraint):
    """A set that depends on other parameters, so that it is known only for an instance."""

    def __init__(
        self, *, is_discrete: Any = NotImplemented, event_dim: Any = NotImplemented
    ) -> None:
        self._is_discrete, self._event_dim = is_discrete, event_dim

    is_discrete = property(lambda self: self._declared("is_discrete"))
    event_dim = property(lambda self: self._declared("event_dim"))

    def _declared(self, name: str) -> Any:
        found = getattr(self, f"_{name}")
        if found is NotImplemented:
            raise NotImplementedError(f".{name} cannot be determined statically")
        return found

    def __call__(
        self, *, is_discrete: Any = NotImplemented, event_dim: Any = NotImplemented
    ) -> "_Dependent":
        """The same with facts declared."""
        return _Dependent(
            is_discrete=self._is_discrete if is_discrete is NotImplemented else is_discrete,
            event_dim=self._event_dim if event_dim is NotImplemented else event_dim,
        )

    def check(self, value: Any) -> Any:
        raise ValueError("Cannot determine validity of dependent constraint")


class dependent_property(property, _Dependent):
    """A property of a distribution that is a constraint made of its parameters."""

    def __init__(
        self, fn: Any = None, *, is_discrete: Any = NotImplemented, event_dim: Any = NotImplemented
    ) -> None:
        property.__init__(self, fn)
        self._is_discrete, self._event_dim = is_discrete, event_dim

    def __call__(self, fn: Callable) -> "dependent_property":
        """As a decorator with options."""
        return dependent_property(fn, is_discrete=self._is_discrete, event_dim=self._event_dim)


def is_dependent(constraint: Any) -> bool:
    """Whether a constraint depends on other parameters."""
    return isinstance(constraint, _Dependent)


class independent(Constraint):
    """A constraint on blocks of values: all of the last dimensions must meet it."""

    def __init__(self, base_constraint: Constraint, reinterpreted_batch_ndims: int) -> None:
        self.base_constraint = base_constraint
        self.reinterpreted_batch_ndims = reinterpreted_batch_ndims

    is_discrete = property(lambda self: self.base_constraint.is_discrete)
    event_dim = property(
        lambda self: self.base_constraint.event_dim + self.reinterpreted_batch_ndims
    )

    def check(self, value: Any) -> Any:
        found, count = self.base_constraint.check(value), self.reinterpreted_batch_ndims
        if found.dim() < count:
            raise ValueError(f"Expected value.dim() >= {self.event_dim} but got {value.dim()}")
        kept = tuple(found.shape)[: found.dim() - count]
        return found.reshape(*kept, -1).all(-1)

    def __repr__(self) -> str:
        return f"IndependentConstraint({self.base_constraint!r}, {self.reinterpreted_batch_ndims})"


class MixtureSameFamilyConstraint(Constraint):
    """A value that all components of a mixture could give."""

    def __init__(self, base_constraint: Constraint) -> None:
        self.base_constraint = base_constraint

    is_discrete = property(lambda self: self.base_constraint.is_discrete)
    event_dim = property(lambda self: self.base_constraint.event_dim)

    def check(self, value: Any) -> Any:
        found = self.base_constraint.check(value.unsqueeze(-1 - self.event_dim))
        kept = value.dim() - self.event_dim
        if kept < 0:
            raise ValueError(f"Expected value.dim() >= {self.event_dim} but got {value.dim()}")
        return found.reshape(*tuple(found.shape)[:kept], -1).all(-1)

    def __repr__(self) -> str:
        return f"MixtureSameFamilyConstraint({self.base_constraint!r})"


class _Boolean(Constraint):
    is_discrete = True

    def check(self, value: Any) -> Any:
        return (value == 0) | (value == 1)


class _OneHot(Constraint):
    is_discrete, event_dim = True, 1

    def check(self, value: Any) -> Any:
        ones = (value == 0) | (value == 1)
        return ones.all(-1) & value.sum(-1).eq(1)


class _Bounded(Constraint):
    """Numbers from a lower bound, up to an upper bound, or between two; bounds may be tensors."""

    lower = upper = None
    strict_lower = strict_upper = False

    def check(self, value: Any) -> Any:
        found = value % 1 == 0 if self.is_discrete else None
        if self.lower is not None:
            above = self.lower < value if self.strict_lower else self.lower <= value
            found = above if found is None else found & above
        if self.upper is not None:
            below = value < self.upper if self.strict_upper else value <= self.upper
            found = below if found is None else found & below
        return found

    def _numbers(self) -> str:
        names = (("lower_bound", self.lower), ("upper_bound", self.upper))
        return ", ".join(f"{name}={bound}" for name, bound in names if bound is not None)


class greater_than_eq(_Bounded):
    """Numbers from a bound on."""

    def __init__(self, lower_bound: Any) -> None:
        self.lower = self.lower_bound = lower_bound


class greater_than(greater_than_eq):
    """Numbers above a bound."""

    strict_lower = True


class less_than(_Bounded):
    """Numbers below a bound."""

    strict_upper = True

    def __init__(self, upper_bound: Any) -> None:
        self.upper = self.upper_bound = upper_bound


class interval(_Bounded):
    """Numbers between two bounds, both included."""

    def __init__(self, lower_bound: Any, upper_bound: Any) -> None:
        self.lower = self.lower_bound = lower_bound
        self.upper = self.upper_bound = upper_bound


class half_open_interval(interval):
    """Numbers between two bounds, the upper left out."""

    strict_upper = True


class integer_interval(interval):
    """Whole numbers between two bounds, both included."""

    is_discrete = True


class _IntegerGreaterThan(greater_than_eq):
    is_discrete = True


class _Real(Constraint):
    def check(self, value: Any) -> Any:
        return value == value  # False for NaN alone


class _Simplex(Constraint):
    event_dim = 1

    def check(self, value: Any) -> Any:
        return (value >= 0).all(-1) & ((value.sum(-1) - 1).abs() < 1e-6)  # PyTorch's tolerance


class multinomial(Constraint):
    """Counts of categories that add up to no more than a total."""

    is_discrete, event_dim = True, 1

    def __init__(self, upper_bound: Any) -> None:
        self.upper_bound = upper_bound

    def check(self, value: Any) -> Any:
        return (value >= 0).all(-1) & (value.sum(-1) <= self.upper_bound)


class _LowerTriangular(Constraint):
    event_dim = 2

    def check(self, value: Any) -> Any:
        return _every(value.tril() == value)


class _LowerCholesky(Constraint):
    event_dim = 2

    def check(self, value: Any) -> Any:
        return _every(value.tril() == value) & (value.diagonal(dim1=-2, dim2=-1) > 0).all(-1)


class _Square(Constraint):
    event_dim = 2

    def check(self, value: Any) -> Any:
        square = value.shape[-2] == value.shape[-1]
        return value.new_full(tuple(value.shape)[:-2], square, dtype=dtypes.bool_)


class _Symmetric(_Square):
    def check(self, value: Any) -> Any:
        square = super().check(value)
        return _every(isclose(value, value.mT, atol=1e-6)) if holds(square) else square


class _PositiveSemidefinite(_Symmetric):
    def check(self, value: Any) -> Any:
        symmetric = super().check(value)
        return linalg_eigvalsh(value).ge(0).all(-1) if holds(symmetric) else symmetric


class _PositiveDefinite(_Symmetric):
    def check(self, value: Any) -> Any:
        symmetric = super().check(value)
        return linalg_cholesky_ex(value).info.eq(0) if holds(symmetric) else symmetric


def _every(found: Any) -> Any:
    return found.reshape(*tuple(found.shape)[:-2], -1).all(-1)


class _Stacked(Constraint):
    """Constraints that hold side by side along one dimension."""

    def __init__(self, cseq: Sequence[Constraint], dim: int = 0, lengths: Any = None) -> None:
        self.cseq, self.dim = list(cseq), dim
        self.lengths = [1] * len(self.cseq) if lengths is None else list(lengths)

    is_discrete = property(lambda self: any(c.is_discrete for c in self.cseq))
    event_dim = property(lambda self: max(c.event_dim for c in self.cseq))

    def _answers(self, pieces: Sequence) -> list:
        return [c.check(piece) for c, piece in zip(self.cseq, pieces, strict=True)]


class cat(_Stacked):
    """Constraints on pieces that are joined along `dim`."""

    def check(self, value: Any) -> Any:
        return cat_tensors(self._answers(value.split(self.lengths, self.dim)), self.dim)


class stack(_Stacked):
    """Constraints on slices that are stacked along `dim`."""

    def check(self, value: Any) -> Any:
        return stack_tensors(self._answers(value.unbind(self.dim)), self.dim)


dependent = _Dependent()
boolean = _Boolean()
one_hot = _OneHot()
nonnegative_integer = _IntegerGreaterThan(0)
positive_integer = _IntegerGreaterThan(1)
real = _Real()
real_vector = independent(real, 1)
positive = greater_than(0.0)
nonnegative = greater_than_eq(0.0)
unit_interval = interval(0.0, 1.0)
simplex = _Simplex()
lower_triangular = _LowerTriangular()
lower_cholesky = _LowerCholesky()
square = _Square()
symmetric = _Symmetric()
positive_semidefinite = _PositiveSemidefinite()
positive_definite = _PositiveDefinite()
