"""Special functions, as sums and integrals that define them."""

from collections.abc import Callable
from math import erfc, factorial, lgamma, log, pi, sqrt
from typing import Any

import numpy as np

Array = np.ndarray


def each(function: Callable[[float], float]) -> Callable:
    """A function of one number, of each element."""
    return np.vectorize(function, otypes=[float])


def chance(x: float) -> float:
    """The chance that a standard normal number is below x."""
    return 0.5 * erfc(-x * sqrt(0.5))


def quantile(p: float) -> float:
    """The number below which a standard normal one lies with chance p, by bisection."""
    low, high = -40.0, 40.0
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if chance(middle) < p else (low, middle)
    return (low + high) / 2


def hurwitz(s: Any, q: Any) -> Array:
    """20,000 terms of the sum, and the integral from the middle before the next."""
    count = 20_000
    s, q = np.broadcast_arrays(np.asarray(s, float), np.asarray(q, float))
    terms = (np.arange(count)[:, None] + q.reshape(1, -1)) ** -s.reshape(1, -1)
    rest = (q + count - 0.5) ** (1 - s) / (s - 1)
    return terms.sum(0).reshape(s.shape) + rest


def bessel(x: Array, order: int) -> Array:
    """The integral of exp(x cos t) cos(order t) over a period: exact on equidistant points."""
    t = 2 * pi * np.arange(256) / 256
    return (np.exp(x[..., None] * np.cos(t)) * np.cos(order * t)).mean(-1)


def lower_sum(a: Array, x: Array) -> Array:
    """The power series of P(a, x)."""
    front = np.exp(a * np.log(x) - x - each(lgamma)(a + 1))
    term = total = np.ones(np.broadcast_shapes(a.shape, x.shape))
    for k in range(1, 200):
        term = term * x / (a + k)
        total = total + term
    return front * total


def psi(x: Array) -> Array:
    """digamma as the derivative of lgamma far out, where a central difference is exact enough."""
    far = x + 1000
    value = np.log(far) - 0.5 / far - 1 / (12 * far**2)
    return value - (1 / (x[..., None] + np.arange(1000))).sum(-1)


def polygamma(n: int, x: Array) -> Array:
    """The derivative of order n of psi, a sum of powers."""
    return psi(x) if n == 0 else (-1) ** (n + 1) * factorial(n) * hurwitz(n + 1, x)


def multigamma(x: Array, p: int) -> Array:
    """The logarithm of the product of p gamma functions half a step apart."""
    return sum(each(lgamma)(x - j / 2) for j in range(p)) + p * (p - 1) / 4 * log(pi)


VALUES: dict[str, Callable] = {
    "digamma": psi,
    "special.polygamma.0": lambda x, n: polygamma(n, x),
    "special.polygamma.1": polygamma,
    "mvlgamma": multigamma,
    "zeta": hurwitz,
    "i0": lambda x: bessel(x, 0),
    "i0e": lambda x: np.exp(-np.abs(x)) * bessel(x, 0),
    "i1": lambda x: bessel(x, 1),
    "i1e": lambda x: np.exp(-np.abs(x)) * bessel(x, 1),
    "entr": lambda x: -x * np.log(x),
    "xlogy": lambda x, y: x * np.log(y),
    "xlog1py": lambda x, y: x * np.log1p(y),
    "gammainc": lower_sum,
    "gammaincc": lambda a, x: 1 - lower_sum(a, x),
    "erfcx": lambda x: np.exp(x * x) * each(erfc)(x),
    "ndtr": each(chance),
    "log_ndtr": lambda x: np.log(each(chance)(x)),
    "ndtri": each(quantile),
    "erfinv": lambda p: each(quantile)((p + 1) / 2) * sqrt(0.5),
}
