"""Prints the coefficient tables of rushlight/_arrays/special.py and gamma.py (needs mpmath).

Each function is divided by what makes it singular or steep, its axis is mapped to [-1, 1], and the
rest is interpolated in Chebyshev points with 60 digits. Series stop where the terms no longer
reach double precision, and so do the digits of each term.
"""

from collections.abc import Callable

import mpmath as mp

mp.mp.dps = 60
REACH = mp.mpf("4e-18")


def chebyshev(f: Callable, count: int = 96) -> list[float]:
    """Coefficients of f on [-1, 1] from `count` Chebyshev points, the first one halved."""
    angles = [mp.pi * (k + mp.mpf(1) / 2) / count for k in range(count)]
    values = [f(mp.cos(a)) for a in angles]
    terms = [
        2 * mp.fsum(v * mp.cos(j * a) for v, a in zip(values, angles, strict=True)) / count
        for j in range(60)
    ]
    terms[0] /= 2
    scale = max(abs(t) for t in terms)
    while abs(terms[-1]) < REACH * scale:
        terms.pop()
    return [float(mp.nstr(t, max(2, 21 - int(mp.floor(mp.log10(scale / abs(t))))))) for t in terms]


def between(f: Callable, low: float, high: float) -> list[float]:
    """Coefficients of f on [low, high]."""
    low, high = mp.mpf(low), mp.mpf(high)
    return chebyshev(lambda t: f(((high - low) * t + high + low) / 2))


def binet(z: mp.mpf) -> mp.mpf:
    """x * (lgamma(x) - Stirling) for z = 1 / x**2, and its limit 1/12."""
    if z == 0:
        return mp.mpf(1) / 12
    x = 1 / mp.sqrt(z)
    return x * (mp.loggamma(x) - (x - mp.mpf(1) / 2) * mp.log(x) + x - mp.log(2 * mp.pi) / 2)


def psi_rest(z: mp.mpf) -> mp.mpf:
    """x**2 * (log(x) - 1 / (2 x) - digamma(x)) for z = 1 / x**2."""
    if z == 0:
        return mp.mpf(1) / 12
    x = 1 / mp.sqrt(z)
    return x * x * (mp.log(x) - 1 / (2 * x) - mp.digamma(x))


ROOT = mp.findroot(mp.digamma, mp.mpf("1.46163"))


def psi_slope(x: mp.mpf) -> mp.mpf:
    """digamma(x) / (x - ROOT), continued at the root."""
    return mp.digamma(x) / (x - ROOT) if abs(x - ROOT) > 1e-30 else mp.polygamma(1, ROOT)


def lgamma_rest(x: mp.mpf) -> mp.mpf:
    """lgamma(x) / ((x - 1) (x - 2)), continued at both zeros (never hit by the points)."""
    return mp.loggamma(x) / ((x - 1) * (x - 2))


def erfcx_rest(t: mp.mpf) -> mp.mpf:
    """(1 + 2 x) erfcx(x) for t = (x - 3) / (x + 3): the whole half axis."""
    if t == 1:
        return 2 / mp.sqrt(mp.pi)
    x = 3 * (1 + t) / (1 - t)
    tail = mp.exp(x * x) * mp.erfc(x) if x < 1e3 else mp.hyperu(0.5, 0.5, x * x) / mp.sqrt(mp.pi)
    return (1 + 2 * x) * tail


def scaled(order: int) -> Callable:
    """exp(-x) I_order(x)."""
    return lambda x: mp.exp(-x) * mp.besseli(order, x)


def far(order: int) -> Callable:
    """sqrt(x) exp(-x) I_order(x) for z = 1 / x."""

    def value(z: mp.mpf) -> mp.mpf:
        return mp.sqrt(1 / z) * scaled(order)(1 / z) if z > 0 else 1 / mp.sqrt(2 * mp.pi)

    return value


TABLES = {
    "ERF": lambda: between(lambda z: mp.erf(mp.sqrt(z)) / mp.sqrt(z), 0, 1),
    "ERFCX": lambda: chebyshev(erfcx_rest),
    "I0_NEAR": lambda: between(scaled(0), 0, 8),
    "I0_FAR": lambda: between(far(0), 0, 0.125),
    "I1_NEAR": lambda: between(lambda x: scaled(1)(x) / x if x else mp.mpf(1) / 2, 0, 8),
    "I1_FAR": lambda: between(far(1), 0, 0.125),
    "LGAMMA": lambda: between(lgamma_rest, 1, 3),
    "BINET": lambda: between(binet, 0, mp.mpf(1) / 9),
    "PSI": lambda: between(psi_slope, 1, 2),
    "PSI_FAR": lambda: between(psi_rest, 0, mp.mpf(1) / 36),
}


def main() -> None:
    """Print every table as Python source."""
    print(f"# root of digamma: {mp.nstr(ROOT, 40)}")
    for name, table in TABLES.items():
        numbers = [repr(c) for c in table()]
        print(f"{name} = (  # {len(numbers)}")
        for i in range(0, len(numbers), 4):
            print("    " + ", ".join(numbers[i : i + 4]) + ",")
        print(")")


if __name__ == "__main__":
    main()
