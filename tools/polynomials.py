"""Prints the coefficient tables of rushlight/_engine/kernels/vmath.py and trig.py (needs mpmath).

Each is a polynomial whose largest weighted error over a range is as small as can be: Remez's
exchange on a dense grid, with 90 digits. Where the range begins at 0, coefficients for float32 are
rounded one after the other from the constant term up, and what is left is fitted anew each time.
Highest power first.

    python tools/polynomials.py [name ...]
"""

import sys
from collections.abc import Callable
from typing import Any

import mpmath as mp
import numpy as np

mp.mp.dps = 90  # the weights of what is left over reach 1e-70
LN2 = mp.log(2)
GRID = 40  # points for each coefficient


class Fit:
    """A function on a grid, with the weight of an error at each point."""

    def __init__(self, f: Callable, low: float, high: float, weight: Callable, count: int) -> None:
        low, high = mp.mpf(low), mp.mpf(high)
        n = GRID * count
        turns = [mp.cos(mp.pi * (2 * k + 1) / (2 * n)) for k in range(n)]
        self.x = [(low + high) / 2 - (high - low) / 2 * t for t in turns]
        self.y = [f(x) for x in self.x]
        self.w = [weight(x) for x in self.x]

    def minimax(self, count: int) -> list:
        """The best polynomial with `count` coefficients, lowest power first."""
        x, y, w, n = self.x, self.y, self.w, len(self.x)
        chosen = [
            min(n - 1, int(n * (1 - np.cos(np.pi * k / count)) / 2)) for k in range(count + 1)
        ]
        found: list = []
        for _ in range(12):
            rows = mp.matrix(count + 1, count + 1)
            right = mp.matrix(count + 1, 1)
            for i, k in enumerate(chosen):
                for j in range(count):
                    rows[i, j] = x[k] ** j
                rows[i, count] = (-1) ** i / w[k]
                right[i] = y[k]
            found = list(mp.lu_solve(rows, right))
            errors = [
                wk * (yk - mp.polyval(found[-2::-1], xk)) for xk, yk, wk in zip(x, y, w)
            ]  # fmt: skip
            peaks = _peaks(errors)
            while len(peaks) > count + 1:
                peaks.pop(0 if abs(errors[peaks[0]]) < abs(errors[peaks[-1]]) else -1)
            if len(peaks) < count + 1 or peaks == chosen:
                break
            chosen = peaks
        return found[:-1]

    def error(self, coefficients: list) -> float:
        """The largest weighted error of given coefficients, lowest power first."""
        given = [mp.mpf(c) for c in coefficients[::-1]]
        return float(
            max(abs(w * (y - mp.polyval(given, x))) for x, y, w in zip(self.x, self.y, self.w))
        )

    def without(self, constant: float) -> None:
        """The rest of the function, once its constant term is settled, divided by x."""
        self.y = [(y - mp.mpf(constant)) / x for x, y in zip(self.x, self.y)]
        self.w = [abs(w * x) for x, w in zip(self.x, self.w)]


def _peaks(errors: list) -> list[int]:
    """The place of the largest error in each run of one sign."""
    found: list[int] = []
    for k, e in enumerate(errors):
        if found and (e > 0) == (errors[found[-1]] > 0):
            if abs(e) > abs(errors[found[-1]]):
                found[-1] = k
        else:
            found.append(k)
    return found


def fitted(f: Callable, low: float, high: float, weight: Callable, count: int, bits: int) -> tuple:
    """Coefficients (highest power first) and their largest weighted error."""
    fit, whole = (Fit(f, low, high, weight, count) for _ in range(2))
    if bits == 64:
        made = [float(c) for c in fit.minimax(count)]
    elif low < 0:
        made = [float(np.float32(float(c))) for c in fit.minimax(count)]
    else:
        made = []
        for k in range(count, 0, -1):
            made.append(float(np.float32(float(fit.minimax(k)[0]))))
            fit.without(made[-1])
    return made[::-1], whole.error(made)


HALF, EIGHTH = LN2 / 2 * 1.01, mp.pi / 4 * 1.01
THIRD, ROOT_TWO = mp.mpf(1) / 3, mp.sqrt(2)


def bounded(r: Any) -> Any:
    """A weight that does not vanish at zero."""
    return max(abs(r), mp.mpf("0.1"))


def exp_rest(r: Any) -> Any:
    """(e^r - 1 - r) / r^2."""
    return (mp.expm1(r) - r) / r**2


def exp2_slope(r: Any) -> Any:
    """(2^r - 1) / r."""
    return mp.expm1(r * LN2) / r


def log_rest(t: Any) -> Any:
    """(log(1 + t) - t + t^2 / 2) / t^3."""
    return (mp.log1p(t) - t + t * t / 2) / t**3


def log_ratio(z: Any) -> Any:
    """(log((1 + s) / (1 - s)) - 2 s) / s^3 for z = s^2."""
    s = mp.sqrt(z)
    return (2 * mp.atanh(s) - 2 * s) / s**3


def odd_rest(f: Callable) -> Callable[[Any], Any]:
    """(f(r) - r) / r^3 for z = r^2, of an odd function that begins with r."""

    def rest(z: Any) -> Any:
        r = mp.sqrt(z)
        return (f(r) - r) / r**3

    return rest


def cos_rest(z: Any) -> Any:
    """(cos(r) - 1 + r^2 / 2) / r^4 for z = r^2."""
    return (mp.cos(mp.sqrt(z)) - 1 + z / 2) / z**2


def erf_rest(z: Any) -> Any:
    """erf(x) / x - 1 for z = x^2."""
    x = mp.sqrt(z)
    return mp.erf(x) / x - 1


def erf_root(s: Any) -> Any:
    """(1 - (1 - erf(s / sqrt(2)))^(1/8)) / s, less what vmath.py takes for it at 0."""
    root = mp.erfc(s / ROOT_TWO) ** (mp.mpf(1) / 8)
    return (1 - root) / s - mp.mpf(0.141047403216362) / ROOT_TWO


def erfc_log_far(x: Any) -> Any:
    """-log2(1 - erf(x))."""
    return -mp.log(mp.erfc(x)) / LN2


def root_tail(s: Any) -> Any:
    """What an error of it does to erf, relatively; more where 1 shall come out."""
    tail = mp.erfc(s / ROOT_TWO)
    return max(8 * tail ** (mp.mpf(7) / 8) * s / (1 - tail), s / 2000)


def tail_far(x: Any) -> Any:
    """What an error of that logarithm does to erf(x)."""
    return mp.erfc(x) * LN2


Z = EIGHTH**2
S = ((ROOT_TWO - 1) / (ROOT_TWO + 1)) ** 2 * 1.001
# name: function, range, weight of an error, how many coefficients, bits of a coefficient
TABLES = {
    "EXP32": (exp_rest, -HALF, HALF, bounded, 5, 32),
    "EXP64": (exp_rest, -HALF, HALF, bounded, 11, 64),
    "EXP2_32": (exp2_slope, -0.505, 0.505, bounded, 6, 32),
    "EXP2_64": (exp2_slope, -0.505, 0.505, bounded, 12, 64),
    "LOG32": (log_rest, -THIRD, THIRD, lambda t: t * t + 0.01, 8, 32),
    "LOG64": (log_ratio, 0, S, lambda z: z, 9, 64),
    "SIN32": (odd_rest(mp.sin), 0, Z, lambda z: z, 3, 32),
    "COS32": (cos_rest, 0, Z, lambda z: z * z, 3, 32),
    "SIN64": (odd_rest(mp.sin), 0, Z, lambda z: z, 7, 64),
    "COS64": (cos_rest, 0, Z, lambda z: z * z, 7, 64),
    "SINH64": (odd_rest(mp.sinh), 0, 1.001, lambda z: z, 8, 64),
    "TAN64": (odd_rest(mp.tan), 0, Z, lambda z: z, 15, 64),
    "ATAN64": (odd_rest(mp.atan), 0, 0.2505, lambda z: z, 14, 64),
    "ASIN64": (odd_rest(mp.asin), 0, 0.2505, lambda z: z, 13, 64),
    "ERF32": (erf_root, 0, 5.56, root_tail, 8, 32),
    "ERF_NEAR64": (erf_rest, 0, 1, lambda z: mp.mpf(1), 13, 64),
    "ERF_FAR64": (erfc_log_far, 1, 5.95, tail_far, 18, 64),
}


def main() -> None:
    """Print the tables asked for, or all."""
    for name in sys.argv[1:] or TABLES:
        coefficients, error = fitted(*TABLES[name])
        print(f"{name}: largest weighted error 2^{float(mp.log(error, 2)):.1f}")
        print("    " + ", ".join(repr(c) for c in coefficients) + ",")


if __name__ == "__main__":
    main()
