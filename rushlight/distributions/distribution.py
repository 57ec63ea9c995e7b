"""Distribution: what all probability distributions share."""

import warnings
from collections.abc import Iterable
from typing import Any, ClassVar

from .._core import modes
from .._core.kinds import holds
from .._core.size import Size
from .._core.tape import TensorBase
from .constraints import Constraint, is_dependent
from .utils import broadcast_all, lazy_property


class Distribution:
    """A batch of probability distributions, with parameters as tensors.

    A subclass names its parameters in `arg_constraints`, calls this `__init__` with its shapes
    after setting them, and defines `sample` or `rsample`, and `log_prob`. Those here define
    `_sample` or `_rsample` of the whole shape, and `_log_prob` and `_cdf` of a checked value.

    Args:
        batch_shape: the shape of independent distributions.
        event_shape: the shape of one sample of one of them.
        validate_args: whether parameters and values are checked (as Python's asserts by default).
    """

    has_rsample: Any = False
    has_enumerate_support = False
    arg_constraints: ClassVar[Any] = {}
    support: Any
    _validate_args = __debug__

    @staticmethod
    def set_default_validate_args(value: bool) -> None:
        """Whether distributions made from now on check what they are given."""
        if value not in (True, False):
            raise ValueError(f"value must be True or False, got {value!r}")
        Distribution._validate_args = value

    def __init__(
        self, batch_shape: Iterable[int] = (), event_shape: Iterable[int] = (),
        validate_args: bool | None = None,
    ) -> None:  # fmt: skip
        self._batch_shape, self._event_shape = Size(batch_shape), Size(event_shape)
        if validate_args is not None:
            self._validate_args = validate_args
        if self._validate_args:
            self._check_parameters()

    def _keep(self, validate_args: bool | None, **parameters: Any) -> None:
        """Keeps parameters as tensors of one shape, which is that of the batch."""
        made = broadcast_all(*parameters.values())
        self.__dict__.update(zip(parameters, made))
        Distribution.__init__(self, made[0].size(), validate_args=validate_args)

    def _check_parameters(self) -> None:
        for name, constraint in self.arg_constraints.items():
            computed = isinstance(getattr(type(self), name, None), (lazy_property, property))
            if is_dependent(constraint) or (computed and name not in self.__dict__):
                continue
            value = getattr(self, name)
            if not holds(constraint.check(value)):
                wanted = f"of distribution {self!r} to satisfy the constraint {constraint!r},"
                raise unexpected(f"parameter {name}", value, wanted)

    batch_shape = property(
        lambda self: self._batch_shape, doc="The shape of independent distributions."
    )
    event_shape = property(
        lambda self: self._event_shape, doc="The shape of one sample of one distribution."
    )

    @property
    def mean(self) -> Any:
        """The expectation."""
        raise NotImplementedError(f"{type(self)} does not implement mean")

    @property
    def mode(self) -> Any:
        """The most likely value."""
        raise NotImplementedError(f"{type(self)} does not implement mode")

    @property
    def variance(self) -> Any:
        """The expected squared distance from the mean."""
        raise NotImplementedError(f"{type(self)} does not implement variance")

    stddev = property(lambda self: self.variance.sqrt(), doc="The root of the variance.")

    def expand(self, batch_shape: Iterable[int], _instance: Any = None) -> Any:
        """The distributions repeated, without copies, to a larger batch shape."""
        shape = Size(batch_shape)
        new = object.__new__(type(self)) if _instance is None else _instance
        for name, value in self.__dict__.items():
            if isinstance(value, TensorBase) and name in self.arg_constraints:
                event: Any = self.arg_constraints[name].event_dim
                own = tuple(value.shape)[value.dim() - event :]
                new.__dict__[name] = value.expand((*shape, *own))
            elif isinstance(value, Distribution) and value._batch_shape == self._batch_shape:
                new.__dict__[name] = value.expand(shape)
            elif not name.startswith(("_batch", "_event")):
                new.__dict__.setdefault(name, value)
        Distribution.__init__(new, shape, self._event_shape, validate_args=False)
        new._validate_args = self._validate_args
        return new

    def _get_checked_instance(self, cls: type, _instance: Any = None) -> Any:
        """An empty instance for an `expand` of one's own."""
        if _instance is None and type(self).__init__ is not cls.__init__:
            raise NotImplementedError(
                f"Subclass {type(self).__name__} of {cls.__name__} that defines a custom __init__ "
                "method must also define a custom .expand() method."
            )
        return object.__new__(type(self)) if _instance is None else _instance

    def sample(self, sample_shape: Any = Size()) -> Any:
        """Draws of shape sample_shape + batch_shape + event_shape, without gradients."""
        with modes.no_grad():
            if hasattr(self, "_sample"):
                return self._sample(self._extended_shape(sample_shape))
            return self.rsample(sample_shape)

    def rsample(self, sample_shape: Any = Size()) -> Any:
        """Draws that are differentiable functions of the parameters."""
        if not hasattr(self, "_rsample"):
            raise NotImplementedError(
                f"{type(self).__name__} has no rsample: use sample and log_prob"
            )
        return self._rsample(self._extended_shape(sample_shape))

    def sample_n(self, n: int) -> Any:
        """`n` draws."""
        warnings.warn(
            "`sample_n(n)` will be deprecated. Use `sample((n,))` instead.",
            FutureWarning,
            stacklevel=2,
        )
        return self.sample(Size((n,)))

    def log_prob(self, value: Any) -> Any:
        """The logarithm of the density or probability at `value`."""
        return self._at("log_prob", value)

    def cdf(self, value: Any) -> Any:
        """The probability of values up to `value`."""
        return self._at("cdf", value)

    def _at(self, word: str, value: Any) -> Any:
        """What a subclass's `_log_prob` or `_cdf` makes of a value, once that is checked."""
        if not hasattr(self, f"_{word}"):
            raise NotImplementedError(f"{type(self).__name__} has no {word}")
        self._check_value(value)
        return getattr(self, f"_{word}")(value)

    def icdf(self, value: Any) -> Any:
        """The value below which a share `value` of the draws lies."""
        raise NotImplementedError(f"{type(self).__name__} has no icdf")

    def enumerate_support(self, expand: bool = True) -> Any:
        """All values a discrete distribution can take, along a new first dimension."""
        raise NotImplementedError(f"{type(self).__name__} cannot list its support")

    def _for_each(self, values: Any, expand: bool) -> Any:
        """Values along a new first dimension, repeated to the batch shape where `expand`."""
        values = values.view((-1,) + (1,) * len(self._batch_shape))
        return values.expand((-1, *self._batch_shape)) if expand else values

    def entropy(self) -> Any:
        """The entropy, in nats."""
        raise NotImplementedError(f"{type(self).__name__} has no closed form of the entropy")

    def perplexity(self) -> Any:
        """The exponential of the entropy."""
        return self.entropy().exp()

    def _extended_shape(self, sample_shape: Any = Size()) -> Size:
        return Size(sample_shape) + self._batch_shape + self._event_shape

    def _check_value(self, value: Any) -> None:
        """`_validate_sample` where this distribution checks what it is given."""
        if self._validate_args:
            self._validate_sample(value)

    def _validate_sample(self, value: Any) -> None:
        """Raises unless `value` could have been drawn from here."""
        if not isinstance(value, TensorBase):
            raise ValueError("The value argument to log_prob must be a Tensor")
        shape, event = value.size(), self._event_shape
        if shape[len(shape) - len(event) :] != event:
            raise ValueError(
                f"The right-most size of value must match event_shape: {shape} vs {event}."
            )
        whole = self._batch_shape + event
        for i, j in zip(reversed(shape), reversed(whole)):
            if i != 1 and j not in (1, i):
                raise ValueError(
                    f"Value is not broadcastable with batch_shape+event_shape: {shape} vs {whole}."
                )
        support: Constraint = self.support
        if not holds(support.check(value)):
            wanted = f"to be within the support ({support!r}) of the distribution {self!r},"
            raise unexpected("value argument", value, wanted)

    def __repr__(self) -> str:
        shown = [(n, self.__dict__[n]) for n in self.arg_constraints if n in self.__dict__]
        texts = (f"{n}: {v if v.numel() == 1 else v.size()}" for n, v in shown)
        return f"{type(self).__name__}({', '.join(texts)})"


def unexpected(what: str, value: Any, wanted: str) -> ValueError:
    """The error for a tensor with elements that are not as they should be."""
    return ValueError(
        f"Expected {what} ({type(value).__name__} of shape {tuple(value.shape)}) {wanted} but "
        f"found invalid values:\n{value}"
    )
