"""Draws from a random stream, in PyTorch's order and with PyTorch's rounding on the CPU.

Each function takes a `Generator` and a count and gives a flat NumPy array; `kind` is the tensor's
dtype object. Measured against PyTorch 2.13 (x86-64 with AVX2, not Intel's MKL samplers, which
PyTorch takes for `bernoulli_` and `exponential_` on Intel's own processors): equal bit for bit.
"""

import math
from typing import Any

import numpy as np

from . import dtypes
from .box_muller import fill as normal_blocks
from .fused import fused32, fused64, rounded
from .rng import Generator

_BITS24, _BITS53 = np.uint32(2**24 - 1), np.uint64(2**53 - 1)
_LONG = 1000  # from here on a permutation is shuffled without a loop
WIDE = 1 << 28  # from this range on integers are drawn from 64 bits, so that % hardly skews them


def uniform32(stream: Generator, n: int) -> np.ndarray:
    """`n` float32 numbers of 24 bits in [0, 1)."""
    words = stream.words32(n)
    words &= _BITS24
    u = words.view(np.int32).astype(np.float32)
    u *= np.float32(2.0**-24)
    return u


def uniform64(stream: Generator, n: int) -> np.ndarray:
    """`n` float64 numbers of 53 bits in [0, 1)."""
    words = stream.words64(n)
    words &= _BITS53
    u = words.view(np.int64).astype(np.float64)
    u *= 2.0**-53
    return u


def uniform(
    stream: Generator, n: int, kind: Any, low: float = 0.0, high: float = 1.0
) -> np.ndarray:
    """`n` numbers of [low, high): `u * (high - low) + low`, rounded once."""
    if kind is dtypes.float64:
        u = uniform64(stream, n)
        if low == 0.0 and high == 1.0:
            return u
        u = fused64(u, high - low, low)
    else:
        u = uniform32(stream, n)
        if low == 0.0 and high == 1.0 and kind is dtypes.float32:
            return u
        if low != 0.0 or high != 1.0:
            a, b = np.float32(low), np.float32(high)
            u = fused32(u, b - a, a)
        if kind is not dtypes.float32:
            u = dtypes.cast(u, kind)
            edges = dtypes.cast(np.array([low, high], np.float32), kind)
            return _below(u, edges[1], edges[0])
    return _below(u, u.dtype.type(high), u.dtype.type(low))


def _below(values: np.ndarray, high: Any, low: Any) -> np.ndarray:
    """What rounding has brought up to `high` becomes `low`: the interval is half open."""
    reached = values == high
    if reached.any():
        values[reached] = low
    return values


def normal(
    stream: Generator, n: int, kind: Any, mean: float = 0.0, std: float = 1.0,
    contiguous: bool = True,
) -> np.ndarray:  # fmt: skip
    """`n` normal numbers; from 16 on (where memory is contiguous) in PyTorch's blocks of 16."""
    if n < 16 or not contiguous:
        return rounded(normal_pairs(stream, n, mean, std), kind)
    if kind is dtypes.float64:
        return _blocks(stream, n, uniform64, lambda u: _polar_blocks(u, mean, std))
    if kind is dtypes.float32:
        return _blocks(stream, n, uniform32, lambda u: normal_blocks(u, mean, std))
    return dtypes.cast(_half_blocks(stream, n, mean, std), kind)


def _blocks(stream: Generator, n: int, draw: Any, fill: Any) -> np.ndarray:
    """Blocks of 16 from `n` uniforms; where 16 does not divide `n` the last 16 are drawn anew."""
    u = draw(stream, n)
    if n % 16 == 0:
        return fill(u)
    whole = n - n % 16
    made = np.concatenate([fill(u[:whole]), u[whole:]])
    made[-16:] = fill(draw(stream, 16))
    return made


def _half_blocks(stream: Generator, n: int, mean: float, std: float) -> np.ndarray:
    """The same for float16 and bfloat16, which draw nothing for the odd rest but its last 16."""
    whole = n - n % 16
    made = np.empty(n, np.float32)
    made[:whole] = normal_blocks(uniform32(stream, whole), mean, std)
    if whole < n:
        made[-16:] = normal_blocks(uniform32(stream, 16), mean, std)
    return made


def _polar_blocks(u: np.ndarray, mean: float, std: float) -> np.ndarray:
    """Box and Muller's pairs in float64: 8 radii, 8 angles; cosines first."""
    blocks = u.reshape(-1, 16)
    radius = np.sqrt(-2.0 * np.log(1.0 - blocks[:, :8]))
    angle = 2.0 * np.pi * blocks[:, 8:]
    made = np.concatenate([radius * np.cos(angle), radius * np.sin(angle)], 1)
    return fused64(made.reshape(-1), std, mean)


def normal_pairs(stream: Generator, n: int, mean: float = 0.0, std: float = 1.0) -> np.ndarray:
    """`n` normal numbers in float64, pair by pair; an odd one is kept for the next draw."""
    stream.moves()
    if n < 16:
        made = np.array([_next_normal(stream) for _ in range(n)], np.float64)
        return made if std == 1.0 and mean == 0.0 else fused64(made, std, mean)
    kept = [] if stream.spare is None else [stream.spare]
    missing = n - len(kept)
    stream.spare = None
    u = uniform64(stream, missing + missing % 2)
    radius = np.sqrt(-2.0 * np.log1p(-u[1::2]))
    angle = 2.0 * np.pi * u[0::2]
    pairs = np.stack([radius * np.cos(angle), radius * np.sin(angle)], 1).reshape(-1)
    if missing % 2:  # by the C library's functions: it is part of the state, to the last bit
        stream.spare = _twins(float(u[-2]), float(u[-1]))[1]
    return fused64(np.concatenate([kept, pairs[:missing]]), std, mean)


def _next_normal(stream: Generator) -> float:
    """One normal number; its twin is kept for the next call."""
    if stream.spare is not None:
        made, stream.spare = stream.spare, None
        return made
    made, stream.spare = _twins(_next(stream), _next(stream))
    return made


def _twins(u: float, v: float) -> tuple[float, float]:
    angle, radius = 2.0 * math.pi * u, math.sqrt(-2.0 * math.log1p(-v))
    return radius * math.cos(angle), radius * math.sin(angle)


def integers(stream: Generator, n: int, low: int, high: int) -> np.ndarray:
    """`n` int64 numbers of [low, high): a word modulo the range."""
    span = high - low
    if span < WIDE:
        drawn = (stream.words32(n) % np.uint32(span)).astype(np.int64)
    else:
        drawn = (stream.words64(n) % np.uint64(span)).view(np.int64)
    if low:
        drawn += np.int64(low)
    return drawn


def any_integers(stream: Generator, n: int, kind: Any) -> np.ndarray:
    """`n` numbers as `random_()` gives: all of an integer dtype, or 0 to 2**53 for float64 ..."""
    if kind is dtypes.int64:
        return (stream.words64(n) & np.uint64(2**63 - 1)).view(np.int64)
    if kind is dtypes.float64:
        return (stream.words64(n) % np.uint64(2**53 + 1)).astype(np.float64)
    words = stream.words32(n)
    if kind.category == 0:
        return (words & np.uint32(1)).astype(bool)
    if kind.category == 1:
        return (words & np.uint32(np.iinfo(kind.numpy).max)).astype(kind.numpy)
    digits = {"float16": 11, "bfloat16": 8}.get(kind.name, 24)
    return rounded((words % np.uint32(2**digits + 1)).astype(np.float64), kind)


def permutation(stream: Generator, n: int) -> np.ndarray:
    """The numbers 0..n-1 shuffled: each place i is exchanged with one of i..n-1."""
    if n < 2:
        return np.arange(n, dtype=np.int64)
    left = np.arange(n, 1, -1, dtype=np.uint32)
    places = (stream.words32(n - 1) % left).astype(np.int64)
    places += np.arange(n - 1, dtype=np.int64)
    if n > _LONG:
        return _exchanged(places)
    order = list(range(n))
    for i, j in enumerate(places.tolist()):
        order[i], order[j] = order[j], order[i]
    return np.array(order, dtype=np.int64)


def _exchanged(places: np.ndarray) -> np.ndarray:
    """0..n-1 after exchanging i with places[i] >= i, one i after the other, without the loop.

    At step i, place p holds what the last earlier step k with places[k] == p put there: what lay in
    place k at step k. Those references form chains, which are followed all at once by doubling.
    """
    n = places.size + 1
    steps = np.arange(n, dtype=np.int64)
    sorted_pairs = np.sort(places << 32 | steps[:-1])  # by place, then by step
    place, step = sorted_pairs >> 32, sorted_pairs & 0xFFFFFFFF
    again = place[1:] == place[:-1]
    before = np.full(n, -1, np.int64)  # the last earlier step with the same place
    before[step[1:][again]] = step[:-1][again]
    final = np.append(~again, True)
    place, step = place[final], step[final]
    holds = steps.copy()  # step i finds in place i what step holds[i] found in its own
    origin = np.where(step == place, before[step], step)
    holds[place] = np.where(origin < 0, place, origin)
    while True:
        further = holds[holds]
        if np.array_equal(further, holds):
            break
        holds = further
    made = holds[before]
    fresh = before < 0
    fresh[-1] = False
    made[fresh] = places[fresh[:-1]]
    made[-1] = holds[-1]
    return made


def bernoulli(stream: Generator, n: int, p: float) -> np.ndarray:
    """`n` truths, each with probability `p`: a uniform of 53 bits below `p`."""
    return uniform64(stream, n) < p


def bernoulli_each(stream: Generator, p: np.ndarray) -> np.ndarray:
    """Truths with probabilities `p` (flat), from uniforms of p's own precision."""
    if p.dtype == np.float64:
        return uniform64(stream, p.size) < p
    return uniform32(stream, p.size) < dtypes.cast(p, dtypes.float32)


def exponential(stream: Generator, n: int, rate: float = 1.0) -> np.ndarray:
    """`n` exponential waiting times in float64: `-log1p(-u) / rate`."""
    return (-1.0 / rate) * np.log1p(-uniform64(stream, n))


def geometric(stream: Generator, n: int, p: float) -> np.ndarray:
    """`n` numbers of trials up to the first success, in float64."""
    with np.errstate(divide="ignore"):
        return np.ceil(np.log(uniform64(stream, n)) / np.log1p(-p))


def cauchy(stream: Generator, n: int, median: float = 0.0, sigma: float = 1.0) -> np.ndarray:
    """`n` numbers of the Cauchy distribution, in float64."""
    return fused64(np.tan(np.pi * (uniform64(stream, n) - 0.5)), sigma, median)


def log_normal(stream: Generator, n: int, mean: float = 1.0, std: float = 2.0) -> np.ndarray:
    """`n` numbers whose logarithms are normal, in float64."""
    return np.exp(normal_pairs(stream, n, mean, std))


def categories(stream: Generator, weights: np.ndarray, count: int, replacement: bool) -> np.ndarray:
    """`count` category numbers for each row of `weights`, likely in proportion to them."""
    rows = len(weights)
    if not replacement or count == 1:
        waits = exponential(stream, weights.size).astype(weights.dtype).reshape(weights.shape)
        with np.errstate(all="ignore"):
            race = weights / waits
        if count == 1:
            return race.argmax(1)[:, None].astype(np.int64)
        return np.argsort(-race, axis=1, kind="stable")[:, :count].astype(np.int64)
    total = np.cumsum(weights, axis=1, dtype=weights.dtype)
    total /= total[:, -1:]
    total[:, -1] = 1.0
    u = uniform64(stream, rows * count).reshape(rows, count)
    found = [np.searchsorted(row.astype(np.float64), each) for row, each in zip(total, u)]
    return np.array(found, dtype=np.int64).reshape(rows, count)


def poisson(stream: Generator, rates: np.ndarray) -> np.ndarray:
    """One Poisson count for each rate (flat), in float64."""
    return np.array([_poisson(stream, rate) for rate in rates.tolist()], dtype=np.float64)


def _next(stream: Generator) -> float:
    return (stream.word64() & (2**53 - 1)) * 2.0**-53


def _poisson(stream: Generator, rate: float) -> float:
    if rate >= 10:
        return _poisson_large(stream, rate)
    count, product, floor = 0, 1.0, math.exp(-rate)
    if rate == 0:
        return 0.0
    while True:  # Knuth: multiply uniforms until the product falls below exp(-rate)
        product *= _next(stream)
        if product <= floor:
            return float(count)
        count += 1


def _poisson_large(stream: Generator, rate: float) -> float:
    """Hörmann's transformed rejection (PTRS, Insurance: Mathematics and Economics 12, 1993)."""
    root, log_rate = math.sqrt(rate), math.log(rate)
    b = 0.931 + 2.53 * root
    a = -0.059 + 0.02483 * b
    inverse_alpha = 1.1239 + 1.1328 / (b - 3.4)
    quick = 0.9277 - 3.6224 / (b - 2)
    while True:
        u, v = _next(stream) - 0.5, _next(stream)
        near = 0.5 - abs(u)
        if near == 0.0:
            continue
        k = math.floor((2 * a / near + b) * u + rate + 0.43)
        if near >= 0.07 and v <= quick:
            return float(k)
        if k < 0 or (near < 0.013 and v > near) or v == 0.0:
            continue
        left = math.log(v) + math.log(inverse_alpha) - math.log(a / (near * near) + b)
        if left <= -rate + k * log_rate - math.lgamma(k + 1):
            return float(k)
