"""The gamma function's family on NumPy arrays: lgamma, polygamma, zeta, gammainc and their kin.

Tables as in `special.py`; in float64, to about 1e-15 relative except beside zeros on the negative
axis, where the result is small beside its terms.
"""

import math

import numpy as np

from .special import Array, blocked, pieces, series

LGAMMA = (
    0.44148902545501423, -0.11119580321752523, 0.01951044826068884, -0.003922461463025264,
    0.0008478989895953857, -0.00019153855341365593, 4.454470184975607e-05, -1.05728743735943e-05,
    2.547433687340841e-06, -6.208535880776316e-07, 1.52686773990715e-07, -3.7826376602913e-08,
    9.4281008236243e-09, -2.361999702185e-09, 5.943541905818e-10, -1.50131297707e-10,
    3.8050196458e-11, -9.6724852997e-12, 2.465348198e-12, -6.298868141e-13, 1.612846e-13,
    -4.1379492e-14, 1.0635701e-14, -2.738242e-15, 7.060671e-16, -1.82322e-16, 4.71417e-17,
    -1.2204e-17, 3.163e-18,
)  # fmt: skip
BINET = (
    0.08318246048291986, -0.00014975860440694073, 1.0941071496987224e-06, -1.95072935681561e-08,
    6.024267555926e-10, -2.73416467317e-11, 1.6562559083e-12, -1.257678485e-13, 1.14611673e-14,
    -1.2144076e-15, 1.46103e-16, -1.95955e-17, 2.8879e-18, -4.623e-19,
)  # fmt: skip
PSI = (
    0.983570260441567, -0.2270640863346444, 0.03336889902393011, -0.005320077271596548,
    0.0008788656937820505, -0.00014773492650606044, 2.5060543468359143e-05, -4.272103402999332e-06,
    7.30276927246592e-07, -1.25028868135596e-07, 2.1425009322359e-08, -3.673295918565e-09,
    6.29971723611e-10, -1.08059302888e-10, 1.8537351921e-11, -3.180235366e-12, 5.45614757e-13,
    -9.3609931e-14, 1.6060646e-14, -2.755543e-15, 4.72774e-16, -8.1115e-17, 1.3917e-17,
)  # fmt: skip
PSI_FAR = (
    0.08321871406115684, -0.00011424979754080649, 3.669086254623741e-07, -2.5360381858235e-09,
    2.94539977408e-11, -5.05809656e-13, 1.18534959e-14, -3.585485e-16, 1.34367e-17, -6.046e-19,
)  # fmt: skip
PSI_ROOT = (1.4616321449683622, 9.549995429965697e-17)  # head and tail of digamma's positive zero
HALF_LOG_TAU = 0.5 * math.log(2 * math.pi)

# B(2j) / (2j)! of the Euler-Maclaurin formula, Abramowitz & Stegun 23.1 and 23.2
BERNOULLI = tuple(
    b / math.factorial(2 * j)
    for j, b in enumerate(
        (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510, 43867 / 798,
         -174611 / 330, 854513 / 138, -236364091 / 2730),
        start=1,
    )
)  # fmt: skip


def _binet(x: Array) -> Array:
    """lgamma(x) less Stirling's formula, for x >= 3."""
    return series(18.0 / (x * x) - 1.0, BINET) / x


def _lgamma_high(x: Array) -> Array:
    return (x - 0.5) * (np.log(x) - 1.0) + (HALF_LOG_TAU - 0.5) + _binet(x)


def _lgamma_middle(x: Array) -> Array:
    return (x - 1.0) * (x - 2.0) * series(x - 2.0, LGAMMA)


def _lgamma_next(x: Array) -> Array:
    """lgamma(x + 1) for 0 < x < 2, with all digits of a small x."""
    return x * (x - 1.0) * series(x - 1.0, LGAMMA)


def _lgamma_low(x: Array) -> Array:
    return _lgamma_next(x) - np.log(x)


def _lgamma_right(x: Array) -> Array:
    return pieces(
        x, (x > 0.0, _lgamma_low), (x >= 1.0, _lgamma_middle), (x >= 3.0, _lgamma_high),
    )  # fmt: skip


def _lgamma_left(x: Array) -> Array:
    """By reflection: gamma(x) gamma(-x) = -pi / (x sin(pi x))."""
    turn = np.abs(np.sin(math.pi * (x - np.rint(x))))
    made = math.log(math.pi) - np.log(turn) - np.log(-x) - _lgamma_right(-x)
    return np.where(np.isinf(x) | (x == 0.0), np.inf, made)


def _lgamma(x: Array) -> Array:
    return pieces(x, (x > 0.0, _lgamma_right), (x <= 0.0, _lgamma_left))


@blocked
def lgamma(x: Array) -> Array:
    """log |gamma(x)|."""
    return _lgamma(x)


def _digamma_high(x: Array) -> Array:
    square = x * x
    return np.log(x) - 0.5 / x - series(72.0 / square - 1.0, PSI_FAR) / square


def _digamma_middle(x: Array) -> Array:
    """From four further on: digamma(x + 1) = digamma(x) + 1 / x."""
    steps = 1.0 / x + 1.0 / (x + 1.0) + 1.0 / (x + 2.0) + 1.0 / (x + 3.0)
    return _digamma_high(x + 4.0) - steps


def _digamma_low(x: Array) -> Array:
    return ((x - PSI_ROOT[0]) - PSI_ROOT[1]) * series(2.0 * x - 3.0, PSI)


def _digamma_right(x: Array) -> Array:
    return pieces(
        x, (x > 0.0, lambda x: _digamma_low(x + 1.0) - 1.0 / x), (x >= 1.0, _digamma_low),
        (x >= 2.0, _digamma_middle), (x >= 6.0, _digamma_high),
    )  # fmt: skip


def _digamma_left(x: Array) -> Array:
    """By reflection; NaN at the negative integers, an infinity of the other sign at zero."""
    made = _digamma_right(1.0 - x) - math.pi / np.tan(math.pi * (x - np.rint(x)))
    made = np.where(x == np.rint(x), np.nan, made)
    return np.where(x == 0.0, np.copysign(np.inf, -x), made)


@blocked
def digamma(x: Array) -> Array:
    """The derivative of lgamma."""
    return pieces(x, (x > 0.0, _digamma_right), (x <= 0.0, _digamma_left))


def _zeta(s: Array, q: Array) -> Array:
    """Nine or more terms, then the Euler-Maclaurin formula for the rest."""
    made, a, count = np.zeros_like(q), q, 0
    while count < 9 or (a <= 9.0).any():
        made = made + a**-s
        a = a + 1.0
        count += 1
    tail = a**-s
    made = made + tail * (a / (s - 1.0) + 0.5)
    factor = s * tail / a
    for j, b in enumerate(BERNOULLI):
        made = made + b * factor
        factor = factor * (s + (2 * j + 1)) * (s + (2 * j + 2)) / (a * a)
    return made


@blocked
def zeta(s: Array, q: Array) -> Array:
    """Hurwitz's zeta function: the sum over k >= 0 of (k + q)**-s."""
    pole = (s == 1.0) | ((q <= 0.0) & (q == np.floor(q)))
    outside = (s < 1.0) | ((q <= 0.0) & (s != np.floor(s))) | ~(q > -1e6) | np.isnan(s)
    made = _zeta(np.where(pole | outside, 2.0, s), np.where(pole | outside, 1.0, q))
    made = np.where(np.isinf(q) & ~outside, 0.0, made)
    return np.where(s < 1.0, np.nan, np.where(pole, np.inf, np.where(outside, np.nan, made)))


def polygamma(n: int, x: Array) -> Array:
    """The derivative of order n of digamma."""
    if n == 0:
        return digamma(x)
    made = (-1.0) ** (n + 1) * math.factorial(n) * zeta(np.full((), n + 1, x.dtype), x)
    if n > 1 or not (x < 0).any():
        return made.astype(x.dtype)
    with np.errstate(all="ignore"):
        mirrored = (math.pi / np.sin(math.pi * (x - np.rint(x)))) ** 2 - zeta(
            np.full((), 2, x.dtype), 1 - x
        )
    return np.where(x < 0, mirrored, made).astype(x.dtype)


def _log1p_less(x: Array) -> Array:
    """log(1 + x) - x without cancellation: with s = x / (2 + x), log(1 + x) is 2 artanh(s)."""
    s = x / (2.0 + x)
    square, total = s * s, np.zeros_like(x)
    for k in range(18, 0, -1):
        total = total * square + 1.0 / (2 * k + 1)
    return np.where(np.abs(x) < 0.5, 2.0 * s * square * total - x * s, np.log1p(x) - x)


def _peak(a: Array, x: Array) -> Array:
    """x**a exp(-x) / gamma(a + 1), by Stirling's formula where a is large."""
    large = a >= 10.0
    small = np.exp(a * np.log(x) - x - _lgamma(np.where(large, 1.0, a) + 1.0))
    a = np.where(large, a, 10.0)
    stirling = np.exp(a * _log1p_less((x - a) / a) - _binet(a)) / np.sqrt(2.0 * math.pi * a)
    return np.where(large, stirling, small)


def _rounds(a: Array) -> int:
    """Enough steps for the two expansions below: about 8 sqrt(a) beside the turning point."""
    return 200 + int(10 * math.sqrt(min(float(a.max()), 1e10)))


def _lower(a: Array, x: Array) -> Array:
    """P(a, x) by its power series (Abramowitz & Stegun 6.5.29): for x not far above a."""
    term, total, bottom = np.ones_like(a), np.ones_like(a), a
    for _ in range(_rounds(a)):
        bottom = bottom + 1.0
        term = term * (x / bottom)
        total = total + term
        if (term <= total * 1e-17).all():
            break
    return _peak(a, x) * total


def _upper(a: Array, x: Array) -> Array:
    """Q(a, x) by its continued fraction (A&S 6.5.31) and Lentz's method: for x above a."""
    b = x + 1.0 - a
    c, d = np.full_like(a, 1e300), 1.0 / b
    total = d
    for k in range(1, _rounds(a)):
        step = -k * (k - a)
        b = b + 2.0
        d = 1.0 / (step * d + b)
        c = b + step / c
        total = total * (d * c)
        if (np.abs(d * c - 1.0) <= 1e-16).all():
            break
    return _peak(a, x) * a * total


def _upper_near_zero(a: Array, x: Array) -> Array:
    """Q(a, x) for small x, where 1 - P would cancel: the alternating series of A&S 6.5.29."""
    factor, total = np.ones_like(a), np.zeros_like(a)
    for k in range(1, 40):
        factor = factor * (-x / k)
        total = total + factor / (a + k)
    log = a * np.log(x) - np.where(a < 1.0, _lgamma_next(np.minimum(a, 1.0)), _lgamma(a + 1.0))
    return -np.expm1(log) - np.exp(log) * a * total


def _incomplete(a: Array, x: Array, upper: bool) -> Array:
    made = np.full_like(a, np.nan)
    inside = (a > 0.0) & (x > 0.0) & np.isfinite(a) & np.isfinite(x)
    early = inside & (x <= 1.1) & (x > 0.5 * a)
    late = inside & ~early & (x > a + 1.0)
    rest = inside & ~early & ~late
    for mask, function, gives_upper in (
        (early, _upper_near_zero, True),
        (late, _upper, True),
        (rest, _lower, False),
    ):
        if mask.any():
            value = function(a[mask], x[mask])
            made[mask] = value if gives_upper == upper else 1.0 - value
    ends = (a >= 0.0) & (x >= 0.0)
    zero = ends & (((x == 0.0) & (a > 0.0)) | (np.isinf(a) & np.isfinite(x)))
    one = ends & (((a == 0.0) & (x > 0.0)) | (np.isinf(x) & np.isfinite(a)))
    made[zero], made[one] = float(upper), float(not upper)
    return made


@blocked
def gammainc(a: Array, x: Array) -> Array:
    """The regularised lower incomplete gamma function P(a, x)."""
    return _incomplete(a, x, upper=False)


@blocked
def gammaincc(a: Array, x: Array) -> Array:
    """The regularised upper incomplete gamma function Q(a, x) = 1 - P(a, x)."""
    return _incomplete(a, x, upper=True)
