"""What a draw is refused for, and how its numbers are laid out: samplers for each distribution.

A sampler is `sample(count, contiguous)`: a flat array of draws in the tensor's dtype.
"""

import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from . import draws, dtypes, modes, rng, traced_draws
from .errors import wrong_argument
from .fused import rounded
from .layouts import laid_out
from .literals import values_of

_C_NAMES = {
    "bool": "bool", "uint8": "unsigned char", "int8": "signed char", "int16": "short",
    "int32": "int", "int64": "long", "float16": "c10::Half", "bfloat16": "c10::BFloat16",
    "float32": "float", "float64": "double",
}  # fmt: skip
# (2 - eps) * 2**(largest exponent), as IEEE 754 and bfloat16 define them; np.finfo costs start-up
_LARGEST = {
    "float16": (2 - 2.0**-10) * 2.0**15,
    "bfloat16": (2 - 2.0**-7) * 2.0**127,
    "float32": (2 - 2.0**-23) * 2.0**127,
    "float64": (2 - 2.0**-52) * 2.0**1023,
}
_DIGITS = {"float16": 11, "bfloat16": 8, "float32": 24, "float64": 53}


def stream_of(name: str, generator: Any, device: Any) -> rng.Generator:
    """The generator given, or the default one for a device.

    Raises:
        TypeError: for anything but a generator.
        RuntimeError: for a generator of another device.
    """
    if generator is None:
        return rng.default(device)
    if not isinstance(generator, rng.Generator):
        raise wrong_argument(name, "generator", 0, "torch.Generator", generator)
    if generator.device.type != device.type and device.type != "meta":
        raise RuntimeError(
            f"Expected a '{device.type}' device type for generator but found "
            f"'{generator.device.type}'"
        )
    return generator


def arranged(sample: Callable, shape: tuple, order: tuple | None) -> np.ndarray:
    """`sample(count, contiguous)` in an array of `shape` that lies in memory in `order`."""
    if modes.special and modes.local.trace is not None and not modes.local.trace.calling:
        return _traced(modes.local.trace, sample, shape, order)
    plain = order is None
    return laid_out(lambda s: sample(math.prod(s), plain).reshape(s), shape, order)


def _traced(trace: Any, sample: Callable, shape: tuple, order: tuple | None) -> Any:
    """The draw in a trace's own words, or a call of Python's."""
    words, n = getattr(sample, "words", None), math.prod(shape)
    if words is None or order is not None or n < 16:
        return trace.call(lambda: arranged(sample, shape, order))
    return trace.reshape(words(trace, n), shape)


class Sampler:
    """A sampler that a trace can write down: `words(m, count)` gives the same numbers."""

    __slots__ = ("sample", "words")

    def __init__(self, sample: Callable, words: Callable) -> None:
        self.sample, self.words = sample, words

    def __call__(self, count: int, contiguous: bool) -> np.ndarray:
        return self.sample(count, contiguous)


def paired(kind: Any, sample: Callable) -> Callable:
    """Draw complex numbers as twice as many real ones, real and imaginary parts in turn."""
    if kind.category != 3:
        return sample
    return lambda n, contiguous: sample(2 * n, contiguous).view(kind.numpy)


def uniform_sampler(kind: Any, low: float, high: float, stream: rng.Generator) -> Callable:
    """sample(count, contiguous) for [low, high), refusing what PyTorch refuses."""
    if kind.category < 2:
        raise NotImplementedError(
            f"\"check_uniform_bounds\" not implemented for '{kind.type_name}'"
        )
    part = kind.to_real()
    limit = _LARGEST[part.name]
    for label, value in (("from", low), ("to", high)):
        if not -limit <= value <= limit:
            raise RuntimeError(f"{label} is out of bounds for {_C_NAMES[part.name]}")
    if low > high:
        raise RuntimeError(
            f"uniform_ expects to return a [from, to) range, but found from={low:g} > to={high:g}"
        )
    sample = lambda n, _: draws.uniform(stream, n, part, low, high)
    if kind is dtypes.float32:
        return Sampler(sample, lambda m, n: traced_draws.uniform(m, n, stream, low, high))
    return paired(kind, sample)


def normal_sampler(kind: Any, mean: float, std: float, stream: rng.Generator) -> Callable:
    """sample(count, contiguous) for a normal distribution, refusing what PyTorch refuses."""
    if not std >= 0:
        raise RuntimeError(f"normal expects std >= 0.0, but found std {std:g}")
    if kind.category < 2:
        raise NotImplementedError(f"\"normal_kernel_cpu\" not implemented for '{kind.type_name}'")
    if kind.category == 3:
        std = std / math.sqrt(2)  # the two parts share the variance
        if mean:
            raise RuntimeError("normal_ of complex tensors takes mean 0 here; add the mean after")
    part = kind.to_real()
    sample = lambda n, plain: draws.normal(stream, n, part, mean, std, plain)
    if kind is dtypes.float32:
        return Sampler(sample, lambda m, n: traced_draws.normal(m, n, stream, mean, std))
    return paired(kind, sample)


def drawn_by(draw: Callable, shape: tuple, kind: Any, stream: Any, *tensors: Any) -> Any:
    """`draw(*arrays)`: numbers of `shape` and `kind` that hang on values of tensors.

    A trace calls it at each run, so it holds no tensors.
    """
    if modes.special and modes.local.trace is not None:
        return modes.local.trace.drawn(draw, shape, kind.numpy, stream, tensors)
    return draw(*map(values_of, tensors))


def coins(p: Any, kind: Any, shape: tuple, order: Any, stream: rng.Generator) -> Any:
    """Ones with the probabilities in a tensor, spread over `shape`, else zeros."""
    if p.dtype.category != 2:
        raise NotImplementedError(
            f"\"bernoulli_tensor_cpu_p_\" not implemented for '{p.dtype.type_name}'"
        )
    if p.shape != shape:
        p.expand(shape)  # says which sizes do not meet

    def draw(p: np.ndarray) -> np.ndarray:
        p = dtypes.from_bfloat16(p) if p.dtype == dtypes.BFLOAT16 else p
        if not ((p >= 0) & (p <= 1)).all():
            raise RuntimeError(
                "Expected p_in >= 0 && p_in <= 1 to be true, but got false. Probabilities lie "
                "between 0 and 1 and are not nan."
            )
        wide = np.broadcast_to(p, shape)
        flat = (wide if order is None else wide.transpose(order)).reshape(-1)
        sample = lambda *_: dtypes.cast(draws.bernoulli_each(stream, flat), kind)
        return arranged(sample, shape, order)

    return drawn_by(draw, shape, kind, stream, p)


def coin_sampler(kind: Any, p: float, stream: rng.Generator) -> Callable:
    """sample(count, contiguous) of ones with probability `p`."""
    if not 0 <= p <= 1:
        raise RuntimeError(f"bernoulli_ expects p to be in [0, 1], but got p={p:g}")
    return lambda n, _: dtypes.cast(draws.bernoulli(stream, n, float(p)), kind)


def end_of(kind: Any) -> int:
    """One more than the largest number that `random_(from, None)` gives."""
    if kind.category == 2:
        return 2 ** _DIGITS[kind.name] + 1
    return 2 if kind is dtypes.bool_ else int(np.iinfo(kind.numpy).max) + 1


def integer_sampler(kind: Any, low: int, high: int, stream: rng.Generator) -> Callable:
    """sample(count, contiguous) for whole numbers of [low, high), refusing what does not fit."""
    if low >= high:
        raise RuntimeError(
            f"random_ expects 'from' to be less than 'to', but got from={low} >= to={high}"
        )
    _check_bounds(kind, low, high)
    if high - low >= 2**64:
        return lambda n, _: stream.words64(n).view(np.int64)
    sample = lambda n, _: rounded(draws.integers(stream, n, low, high), kind)
    if kind is dtypes.int64 and high - low < draws.WIDE:
        return Sampler(sample, lambda m, n: traced_draws.integers(m, n, stream, low, high))
    return sample


def _check_bounds(kind: Any, low: int, high: int) -> None:
    if kind.category == 3:
        raise RuntimeError(
            "check_random_bounds handles only integral, floating-point and boolean types"
        )
    name = _C_NAMES.get(kind.name, kind.name)
    if kind.category == 2:
        digits = _DIGITS[kind.name]
        for label, value in (("from", low), ("to - 1", high - 1)):
            if abs(value) > 2**digits:
                warnings.warn(
                    f"{label} is out of bounds [-(2^{digits}), 2^{digits}]. Due to precision "
                    f"limitations {name} can support discrete uniform distribution only within "
                    "this range. This warning will become an error in version 1.7 release, please "
                    "fix the code in advance",
                    UserWarning,
                    stacklevel=4,
                )
        return
    smallest, largest = (0, 1) if kind is dtypes.bool_ else _limits(kind)
    for label, value in (("from", low), ("to - 1", high - 1)):
        if not smallest <= value <= largest:
            raise RuntimeError(f"{label} is out of bounds for {name}")


def _limits(kind: Any) -> tuple[int, int]:
    info = np.iinfo(kind.numpy)
    return int(info.min), int(info.max)
