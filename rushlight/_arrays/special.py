"""Error functions, their inverses and modified Bessel functions on NumPy arrays.

All tables are Chebyshev series that `tools/special_tables.py` computes from the definitions with 60
digits. Everything is evaluated in float64, in blocks that stay in the cache, to about 1e-15
relative; only `erf` of float32, which is on the way of every GELU, has a formula of its own.
"""

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

BLOCK = 8192  # float64 values: a block and its three work arrays fit a 256 KiB second-level cache
FEW = 64  # below, a loop in Python costs less than two dozen calls of NumPy
Array = np.ndarray

ERF = (
    0.9754769393826541, -0.14226120510371365, 0.010035582187599796, -0.0005768764699767485,
    2.741993125219606e-05, -1.104317550734451e-06, 3.8488755420345e-08, -1.180858253388e-09,
    3.2334215826e-11, -7.99101595e-13, 1.7990725e-14, -3.71864e-16, 7.104e-18,
)  # fmt: skip
ERFCX = (
    1.17756257419656, 0.005353904539615676, -0.09377550342284209, 0.05436652555744322,
    -0.018976596707845208, 0.004453426061462712, -0.0006335531710553147, 1.7661719523171593e-05,
    1.2841532864056671e-05, -2.007228565905991e-06, -1.80752279041484e-07, 7.5498283438251e-08,
    1.885668523839e-09, -2.699519049798e-09, -1.4600791199e-11, 1.0361607446e-10, 1.475715977e-12,
    -4.277340064e-12, -2.07922493e-13, 1.8134502e-13, 1.9734256e-14, -7.287944e-15, -1.516988e-15,
    2.35141e-16, 1.0006e-16, -2.057e-18, -5.609e-18,
)  # fmt: skip
I0_NEAR = (
    0.33839763720473803, -0.3046826723431984, 0.17162090152220877, -0.09490109704804764,
    0.04930528423967071, -0.02373741480589947, 0.010546460394594998, -0.004324309995050576,
    0.0016394756169413357, -0.0005763755745385824, 0.00018850288509584165, -5.754195010082104e-05,
    1.6448448070728896e-05, -4.4167383584587505e-06, 1.117387539120104e-06, -2.67079385394061e-07,
    6.04699502254192e-08, -1.3000250099862e-08, 2.659823724682e-09, -5.189795601635e-10,
    9.67580903537e-11, -1.7268262914e-11, 2.955052663e-12, -4.856446783e-13, 7.6761855e-14,
    -1.1685333e-14, 1.715391e-15, -2.43128e-16, 3.3308e-17, -4.4153e-18,
)  # fmt: skip
I0_FAR = (
    0.4022452055070544, 0.0033691164782556943, 6.889758346916825e-05, 2.891370520834756e-06,
    2.04891858946906e-07, 2.2666689904982e-08, 3.396232025708e-09, 4.940602388225e-10,
    1.1889147108e-11, -3.149916528e-11, -1.321581184e-11, -1.794178532e-12, 7.180124451e-13,
    3.85277838e-13, 1.5400862e-14, -4.15056935e-14, -9.5548467e-15, 3.811681e-15, 1.77256e-15,
    -3.42549e-16, -2.82762e-16, 3.4612e-17, 4.46562e-17, -4.8305e-18, -7.2332e-18,
)  # fmt: skip
I1_NEAR = (
    0.12629359322181682, -0.17641651835783406, 0.1026436586898471, -0.05294598120809499,
    0.024726449030626516, -0.010564084894626197, 0.004156422944312888, -0.0015135724506312532,
    0.0005122859561685758, -0.00016176081582589674, 4.781565107550054e-05, -1.3273163656039436e-05,
    3.4702513081376785e-06, -8.568720264695455e-07, 2.003294753552135e-07, -4.44505912879633e-08,
    9.3815373864958e-09, -1.8872497517228e-09, 3.625590281552e-10, -6.6634897235e-11,
    1.1736186299e-11, -1.9839743978e-12, 3.223793366e-13, -5.0421855e-14, 7.6006843e-15,
    -1.105597e-15, 1.55363e-16, -2.11142e-17, 2.7779e-18,
)  # fmt: skip
I1_FAR = (
    0.38928811750914005, -0.009761097491361469, -0.00011058893876262371, -3.88256480887769e-06,
    -2.51223623787021e-07, -2.6314688468895e-08, -3.835380385964e-09, -5.589743462197e-10,
    -1.8974958124e-11, 3.252603583e-11, 1.4125807437e-11, 2.035628544e-12, -7.198551776e-13,
    -4.083551111e-13, -2.1015418e-14, 4.27244002e-14, 1.0420277e-14, -3.814403e-15, -1.880355e-15,
    3.3082e-16, 2.96263e-16, -3.2095e-17, -4.65031e-17, 4.4143e-18, 7.5173e-18,
)  # fmt: skip

# erf(x) / x as a ratio in x**2 on [0, 3.92], fitted by reweighted least squares to 2e-8 relative.
# In float32 rounding makes that 6 units in the last place at the worst; past 3.92 erf rounds to 1.
ERF_REACH = 3.92
ERF_ABOVE = (
    1.128379146, 0.1903911126, 0.05274672218, 3.764974862e-3, 2.848709622e-4, 2.050233307e-6,
)  # fmt: skip
ERF_BELOW = (1.0, 0.5020624738, 0.114102794, 0.01496791811, 1.162385522e-3, 3.809263083e-5)


def blocked(function: Callable) -> Callable:
    """A word from a function of flat float64 blocks: any shape, float32 stays float32."""

    @functools.wraps(function)
    def word(*arrays: Array) -> Array:
        given: Any = np.broadcast_arrays(*arrays) if len(arrays) > 1 else arrays
        made = np.empty(given[0].shape, np.result_type(*(a.dtype for a in arrays)))
        flats = [a.reshape(-1) for a in given]
        target = made.reshape(-1)
        with np.errstate(all="ignore"):
            for start in range(0, target.size, BLOCK):
                part = slice(start, start + BLOCK)
                target[part] = function(*(f[part].astype(np.float64) for f in flats))
        return made

    return word


def series(t: Array, table: tuple[float, ...]) -> Array:
    """A Chebyshev series at t in [-1, 1], by Clenshaw's recurrence."""
    twice = t + t
    near, far, work = np.full_like(t, table[-1]), np.zeros_like(t), np.empty_like(t)
    for c in table[-2:0:-1]:
        np.multiply(twice, near, out=work)
        work -= far
        work += c
        near, far, work = work, near, far
    return t * near - far + table[0]


def pieces(x: Array, *cases: tuple[Array, Callable]) -> Array:
    """Each function where its mask holds; the last matching case wins, elsewhere NaN."""
    made = np.full_like(x, np.nan)
    for mask, function in cases:
        if mask.all():
            made = function(x)
        elif mask.any():
            made[mask] = function(x[mask])
    return made


def gauss(x: Array, sign: float = -1.0) -> Array:
    """exp(sign * x**2): x's head squares exactly, so that no rounding of x**2 is amplified."""
    x = np.clip(x, -30.0, 30.0)  # beyond, both results are 0 or infinity
    head = x.astype(np.float32).astype(np.float64)
    return np.exp(sign * head * head) * np.exp(sign * (x - head) * (x + head))


def _erfcx_right(x: Array) -> Array:
    return series(1.0 - 6.0 / (x + 3.0), ERFCX) / (1.0 + 2.0 * x)


def _erf_near(x: Array) -> Array:
    return x * series(2.0 * x * x - 1.0, ERF)


def _erf_far(x: Array) -> Array:
    size = np.abs(x)
    return np.copysign(1.0 - gauss(size) * _erfcx_right(size), x)


def _erf(x: Array) -> Array:
    near = np.abs(x) < 1.0
    return pieces(x, (near, _erf_near), (~near, _erf_far))


_erf_double = blocked(_erf)


def erf(x: Array) -> Array:
    """2 / sqrt(pi) times the integral of exp(-t**2) from 0 to x."""
    if x.size <= FEW:
        return np.array(list(map(math.erf, x.reshape(-1).tolist())), x.dtype).reshape(x.shape)
    return _erf_single(x) if x.dtype == np.float32 else _erf_double(x)


def _erf_single(x: Array) -> Array:
    made = np.empty(x.shape, np.float32)
    flat, target = x.reshape(-1), made.reshape(-1)
    block = 2 * BLOCK
    above, below, square = np.empty((3, min(block, flat.size)), np.float32)
    reach = np.float32(ERF_REACH)
    for start in range(0, flat.size, block):
        out = target[start : start + block]
        p, q, z = (work[: out.size] for work in (above, below, square))
        np.clip(flat[start : start + block], -reach, reach, out=out)
        np.multiply(out, out, out=z)
        _horner(z, ERF_ABOVE, p)
        _horner(z, ERF_BELOW, q)
        out *= p
        out /= q
        np.clip(out, np.float32(-1), np.float32(1), out=out)
    return made


def _horner(z: Array, table: tuple[float, ...], out: Array) -> None:
    np.multiply(z, table[-1], out=out)
    for c in table[-2:0:-1]:
        out += c
        out *= z
    out += table[0]


def _erfc(x: Array) -> Array:
    right = x > 0.5
    return pieces(
        x, (~right, lambda x: 1.0 - _erf(x)), (right, lambda x: gauss(x) * _erfcx_right(x)),
    )  # fmt: skip


@blocked
def erfc(x: Array) -> Array:
    """1 - erf(x), exact to the last digits in the right tail too."""
    return _erfc(x)


@blocked
def erfcx(x: Array) -> Array:
    """exp(x**2) * erfc(x)."""
    return _erfcx(x)


def _erfcx(x: Array) -> Array:
    right = x >= 0.0
    return pieces(
        x, (right, _erfcx_right), (~right, lambda x: 2.0 * gauss(x, 1.0) - _erfcx_right(-x)),
    )  # fmt: skip


@blocked
def log_ndtr(x: Array) -> Array:
    """Logarithm of the normal distribution function."""
    x = x * math.sqrt(0.5)
    left = x < -1.0
    return pieces(
        x,
        (~left, lambda x: np.log1p(-0.5 * _erfc(x))),
        (left, lambda x: np.log(0.5 * _erfcx(-x)) - x * x),
    )


def _halley(x: Array, rest: Callable) -> Array:
    """Two of Halley's steps for erf or erfc; rest(x) is the error over the derivative.

    The second derivative is -2 x times the first, so a step is r / (1 + x r); a start that is right
    to 3e-3 is right to 1e-20 afterwards.
    """
    for _ in range(2):
        r = rest(x)
        x = x - r / (1.0 + x * r)
    return x


def _inverse_near(y: Array) -> Array:
    """erf(x) = y for |y| <= 1/2, from the first terms of the inverse series."""
    z = 0.25 * math.pi * y * y
    half = 0.5 * math.sqrt(math.pi)
    start = half * y * (1.0 + z * (1 / 3 + z * (7 / 30 + z * (127 / 630))))
    return _halley(start, lambda x: half * (_erf_near(x) - y) * gauss(x, 1.0))


def _inverse_far(q: Array) -> Array:
    """erfc(x) = q for 0 < q <= 1/2; Winitzki's approximation is the start."""
    a = 0.147
    w = np.log(q * (2.0 - q))
    t = 2.0 / (math.pi * a) + 0.5 * w
    start = np.sqrt(np.sqrt(t * t - w / a) - t)
    half = 0.5 * math.sqrt(math.pi)
    return _halley(start, lambda x: half * (q * gauss(x, 1.0) - _erfcx_right(x)))


def _inverse(y: Array, q: Array) -> Array:
    """The positive x with erf(x) = y, where q = 1 - y is known exactly."""
    made = np.full_like(y, np.nan)
    near, far = (y >= 0.0) & (y < 0.5), (q > 0.0) & (q <= 0.5)
    made[near] = _inverse_near(y[near])
    made[far] = _inverse_far(q[far])
    made[q == 0.0] = np.inf
    return made


@blocked
def erfinv(y: Array) -> Array:
    """The x with erf(x) = y."""
    size = np.abs(y)
    return np.copysign(_inverse(size, 1.0 - size), y)


@blocked
def ndtri(p: Array) -> Array:
    """The x below which a normal variable falls with probability p."""
    q = 2.0 * np.minimum(p, 1.0 - p)
    return np.copysign(math.sqrt(2.0) * _inverse(1.0 - q, q), p - 0.5)


def _i0e(x: Array) -> Array:
    x = np.abs(x)
    near = x <= 8.0
    return pieces(
        x,
        (near, lambda x: series(0.25 * x - 1.0, I0_NEAR)),
        (~near, lambda x: series(16.0 / x - 1.0, I0_FAR) / np.sqrt(x)),
    )


def _i1e(x: Array) -> Array:
    near = np.abs(x) <= 8.0
    return pieces(
        x,
        (near, lambda x: x * series(0.25 * np.abs(x) - 1.0, I1_NEAR)),
        (
            ~near,
            lambda x: np.copysign(series(16.0 / np.abs(x) - 1.0, I1_FAR) / np.sqrt(np.abs(x)), x),
        ),
    )


@blocked
def i0e(x: Array) -> Array:
    """exp(-|x|) I0(x)."""
    return _i0e(x)


@blocked
def i1e(x: Array) -> Array:
    """exp(-|x|) I1(x)."""
    return _i1e(x)


@blocked
def i0(x: Array) -> Array:
    """The modified Bessel function of order 0."""
    root = np.exp(0.5 * np.abs(x))  # twice: the exponential overflows before the function does
    return root * _i0e(x) * root


@blocked
def i1(x: Array) -> Array:
    """The modified Bessel function of order 1."""
    root = np.exp(0.5 * np.abs(x))
    return root * _i1e(x) * root
