"""Tensors overwritten with random numbers: uniform_, normal_, bernoulli_ and their like.

The numbers are PyTorch's on the CPU for the same seed, and lie in memory in PyTorch's order.
"""

from collections.abc import Callable
from typing import Any

from .._core import draws, modes
from .._core.fused import rounded
from .._core.layouts import memory_order
from .._core.op import op
from .._core.samplers import (
    arranged,
    coin_sampler,
    coins,
    end_of,
    integer_sampler,
    normal_sampler,
    stream_of,
    uniform_sampler,
)
from .._core.tape import TensorBase, make, ndarray
from .._core.views import assign, copy_, edge, refuse_write, snapshot, written


def _overwrite(x: Any, record: Any, sample: Callable) -> Any:
    """x filled with drawn numbers, in place; `sample(count, contiguous)` draws them flat."""
    if not modes.local.subclass_off and hasattr(x, "__torch_function__"):
        with modes.subclass_off():
            return _overwrite(x, record, sample)
    refuse_write(x)
    if modes.special and modes.local.trace is not None:
        modes.local.trace.capture(x)
    array = x.array
    if array.__class__ is not ndarray:
        return _overwrite_abstract(x, array, record, sample)
    order = None if array.flags.c_contiguous else memory_order(array)
    values = arranged(sample, array.shape, order)
    if modes.records() and edge(x) is not None:
        return assign(x, record(snapshot(x), values=values))
    array[...] = values
    written(x)
    return x


def _overwrite_abstract(x: Any, array: Any, record: Any, sample: Callable) -> Any:
    """On `meta` nothing is drawn; under vmap each example has its own numbers, or all the same."""
    names = array.names
    if names.name == "traced":
        order = memory_order(array)
        plain = order == tuple(range(len(order)))
        return copy_(x, make(arranged(sample, array.shape, None if plain else order), x.device))
    if not names.level:
        written(x)
        return x
    mode = getattr(names, "randomness", "same")
    if mode == "error":
        names.allow_random()
    if mode == "different" and array.mapped:
        _overwrite(array.value, record, sample)
        written(x)
        return x
    return copy_(x, make(arranged(sample, tuple(array.shape), None), x.device))


def redrawn(name: str, node: str) -> Any:
    """The record of an overwrite: nothing of the old value remains, so its gradient is zero."""

    @op("move", name=name, node=node)
    def drawn(m, input, *, values):
        return values

    @drawn.vjp("input")
    def _(m, g):
        return m.zeros_like(g)

    return drawn


_UNIFORM = redrawn("uniform", "UniformBackward0")
_NORMAL = redrawn("normal", "NormalBackward0")
_EXPONENTIAL = redrawn("exponential", "ExponentialBackward0")
_CAUCHY = redrawn("cauchy", "CauchyBackward0")
_LOG_NORMAL = redrawn("log_normal", "LogNormalBackward0")
_GEOMETRIC = redrawn("geometric", "GeometricBackward0")
_BERNOULLI = [redrawn("bernoulli", f"BernoulliBackward{i}") for i in (1, 2)]
_RANDOM = [redrawn("random", f"RandomBackward{i}") for i in range(3)]


def uniform_(
    self: Any, from_: float = 0, to: float = 1, *, generator: Any = None, **named: Any
) -> Any:
    """Overwritten with draws uniform in [from, to)."""
    low = named.pop("from", from_)
    stream = stream_of("uniform_", generator, self.device)
    sample = uniform_sampler(self.dtype, float(low), float(to), stream)
    return _overwrite(self, _UNIFORM, sample)


def normal_(self: Any, mean: float = 0, std: float = 1, *, generator: Any = None) -> Any:
    """Overwritten with draws from a normal distribution."""
    stream = stream_of("normal_", generator, self.device)
    return _overwrite(self, _NORMAL, normal_sampler(self.dtype, float(mean), float(std), stream))


def _check_continuous(name: str, kind: Any) -> None:
    if kind.category != 2:
        raise RuntimeError(
            f"{name} distribution is a continuous probability distribution. dtype must be a "
            f"floating point but you specified {kind.type_name}"
        )


def _drawn(self: Any, record: Any, draw: Callable, generator: Any, *numbers: float) -> Any:
    """Overwritten with `draw(stream, count, *numbers)`, in the dtype."""
    stream = stream_of(f"{draw.__name__}_", generator, self.device)
    numbers, kind = tuple(map(float, numbers)), self.dtype  # a trace keeps the function, not self
    return _overwrite(self, record, lambda n, _: rounded(draw(stream, n, *numbers), kind))


def exponential_(self: Any, lambd: float = 1, *, generator: Any = None) -> Any:
    """Overwritten with waiting times of rate `lambd`."""
    if not lambd > 0:
        raise RuntimeError(f"exponential_ expects lambda > 0.0, but found lambda={lambd:g}")
    _check_continuous("Exponential", self.dtype)
    return _drawn(self, _EXPONENTIAL, draws.exponential, generator, lambd)


def cauchy_(self: Any, median: float = 0, sigma: float = 1, *, generator: Any = None) -> Any:
    """Overwritten with draws from the Cauchy distribution."""
    if not sigma > 0:
        raise RuntimeError(f"cauchy_ expects sigma > 0.0, but found sigma={sigma:g}")
    _check_continuous("Cauchy", self.dtype)
    return _drawn(self, _CAUCHY, draws.cauchy, generator, median, sigma)


def log_normal_(self: Any, mean: float = 1, std: float = 2, *, generator: Any = None) -> Any:
    """Overwritten with numbers whose logarithms are normal with this mean and std."""
    kind = self.dtype
    if not std > 0:
        raise RuntimeError(f"log_normal_ expects std > 0.0, but found std={std:g}")
    if kind.category != 2:
        raise NotImplementedError(f"\"log_normal_cpu\" not implemented for '{kind.type_name}'")
    return _drawn(self, _LOG_NORMAL, draws.log_normal, generator, mean, std)


def geometric_(self: Any, p: float, *, generator: Any = None) -> Any:
    """Overwritten with numbers of trials up to the first success of probability `p`."""
    kind = self.dtype
    if not 0 < p < 1:
        raise RuntimeError(f"geometric_ expects p to be in (0, 1), but got p={p:g}")
    if kind.category in (0, 3):
        raise NotImplementedError(f"\"geometric_cpu\" not implemented for '{kind.type_name}'")
    return _drawn(self, _GEOMETRIC, draws.geometric, generator, p)


def bernoulli_(self: Any, p: Any = 0.5, *, generator: Any = None) -> Any:
    """Overwritten with ones of probability `p` (a number, or a tensor of them), else zeros."""
    stream = stream_of("bernoulli_", generator, self.device)
    if not isinstance(p, TensorBase):
        return _overwrite(self, _BERNOULLI[1], coin_sampler(self.dtype, p, stream))
    array, traced = self.array, modes.special and modes.local.trace is not None
    order = memory_order(array) if traced or array.__class__ is ndarray else None
    made = coins(p, self.dtype, tuple(self.shape), order, stream)
    if traced:
        return copy_(self, make(made, self.device))
    flat = made if order is None else made.transpose(order)
    return _overwrite(self, _BERNOULLI[0], lambda *_: flat.reshape(-1))


def random_(self: Any, *bounds: Any, generator: Any = None, **named: Any) -> Any:
    """Overwritten with whole numbers: of [0, to), of [from, to), or of all that the dtype holds."""
    stream = stream_of("random_", generator, self.device)
    kind = self.dtype
    if not bounds and not named:
        if kind.category == 3:
            raise NotImplementedError(
                f"\"random_kernel_cpu\" not implemented for '{kind.type_name}'"
            )
        return _overwrite(self, _RANDOM[2], lambda n, _: draws.any_integers(stream, n, kind))
    low, high = (0, bounds[0]) if len(bounds) == 1 and not named else (*bounds, None, None)[:2]
    low, high = named.get("from", low or 0), named.get("to", high)
    if high is None:
        high = end_of(kind)
    sample = integer_sampler(kind, int(low), int(high), stream)
    return _overwrite(self, _RANDOM[1 if len(bounds) == 1 else 0], sample)
