"""Numbers from the gamma and binomial distributions, one after another, as PyTorch draws them."""

import math

import numpy as np

from .draws import _next, _next_normal
from .rng import Generator


def gamma(stream: Generator, shapes: np.ndarray) -> np.ndarray:
    """One gamma number of scale 1 for each shape (flat), in float64."""
    return np.array([_gamma(stream, shape) for shape in shapes.tolist()], dtype=np.float64)


def _gamma(stream: Generator, shape: float) -> float:
    """Marsaglia and Tsang's rejection (ACM Transactions on Mathematical Software 26, 2000)."""
    scale = 1.0
    if shape < 1.0:  # shape + 1 first, then down by a power of a uniform number
        if shape == 0.0:
            return 0.0
        scale = (1.0 - _next(stream)) ** (1.0 / shape)
        shape += 1.0
    d = shape - 1.0 / 3.0
    c = 1.0 / math.sqrt(9.0 * d)
    while True:
        x = _next_normal(stream)
        y = 1.0 + c * x
        if y <= 0:
            continue
        v, u, square = y**3, 1.0 - _next(stream), x * x
        if u < 1.0 - 0.0331 * square * square:  # their quick bound
            return scale * d * v
        if math.log(u) < 0.5 * square + d * (1.0 - v + math.log(v)):
            return scale * d * v


def binomial(stream: Generator, counts: np.ndarray, chances: np.ndarray) -> np.ndarray:
    """One number of successes for each number of trials and probability (flat), in float64."""
    pairs = zip(counts.tolist(), chances.tolist())
    return np.array([_binomial(stream, n, p) for n, p in pairs], dtype=np.float64)


def _binomial(stream: Generator, count: float, p: float) -> float:
    if count <= 0 or p <= 0:
        return 0.0
    if p >= 1:
        return count
    if p > 0.5:
        return count - _binomial(stream, count, 1.0 - p)
    if math.isnan(p):
        return math.nan
    return _by_rejection(stream, count, p) if count * p >= 10.0 else _by_gaps(stream, count, p)


def _by_gaps(stream: Generator, count: float, p: float) -> float:
    """Successes counted by the geometric gaps between them."""
    trials, successes, log_failure = 0.0, 0, math.log1p(-p)
    while True:
        u = _next(stream)
        trials += math.ceil(math.log(u) / log_failure) if u else math.inf
        if trials > count:
            return float(successes)
        successes += 1


def _by_rejection(stream: Generator, count: float, p: float) -> float:
    """Hörmann's transformed rejection (BTRS, Journal of Statistical Computation 46, 1993)."""
    deviation, odds = math.sqrt(count * p * (1 - p)), p / (1 - p)
    b = 1.15 + 2.53 * deviation
    a = -0.0873 + 0.0248 * b + 0.01 * p
    center, quick = count * p + 0.5, 0.92 - 4.2 / b
    alpha, mode = (2.83 + 5.1 / b) * deviation, math.floor((count + 1) * p)
    peak = math.lgamma(mode + 1) + math.lgamma(count - mode + 1)
    while True:
        u, v = _next(stream) - 0.5, _next(stream)
        near = 0.5 - abs(u)
        if not near:
            continue
        k = math.floor((2 * a / near + b) * u + center)
        if k < 0 or k > count:
            continue
        if near >= 0.07 and v <= quick:
            return float(k)
        here = math.lgamma(k + 1) + math.lgamma(count - k + 1)
        height = v * alpha / (a / (near * near) + b)
        if height <= 0 or math.log(height) <= peak - here + (k - mode) * math.log(odds):
            return float(k)
