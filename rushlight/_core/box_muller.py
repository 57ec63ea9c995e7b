"""Normal numbers from uniforms in float32, with the roundings of PyTorch's vectorised CPU code.

PyTorch takes logarithm, sine and cosine from the polynomials of Moshier's Cephes library (logf,
sinf, cosf), eight lanes at a time, with fused multiply-adds. Here each step is taken in float64,
where the product of two float32 numbers is exact, and rounded to float32: the same bits.
"""

import numpy as np

_CHUNK = 16384  # pairs at a time, so that the intermediate arrays stay in the cache


def _singles(*values: float) -> tuple[float, ...]:
    return tuple(float(np.float32(v)) for v in values)


# Cephes logf.c: log(1 + x) = x - x*x/2 + x**3 * P(x) on [sqrt(1/2) - 1, sqrt(2) - 1]; log 2 in
# two parts.
LOG = _singles(
    7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1, 1.4249322787e-1,
    -1.6668057665e-1, 2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1,
)  # fmt: skip
LOG2_LOW, LOG2_HIGH = np.float32(-2.12194440e-4), 0.693359375
SQRT_HALF = np.float32(0.707106781186547524)

# Cephes sinf.c: pi/4 in three parts, and the polynomials of cosine and sine on [-pi/4, pi/4].
PI4 = _singles(-0.78515625, -2.4187564849853515625e-4, -3.77489497744594108e-8)
COS = _singles(2.443315711809948e-5, -1.388731625493765e-3, 4.166664568298827e-2)
SIN = _singles(-1.9515295891e-4, 8.3321608736e-3, -1.6666654611e-1)
FOUR_OVER_PI, TWO_PI = np.float32(1.27323954473516), np.float32(2 * np.pi)
_ONE, _HALF = np.float32(1), np.float32(0.5)


def fill(u: np.ndarray, mean: float, std: float) -> np.ndarray:
    """Normal numbers from float32 uniforms in blocks of 16: 8 radii and 8 angles each."""
    blocks = u.reshape(-1, 16)
    made = np.empty_like(blocks)
    shift, scale = _singles(mean, std)
    step = _CHUNK // 8
    for start in range(0, len(blocks), step):
        part = blocks[start : start + step]
        wide, work = np.empty((2, len(part), 8))
        log = _log(_ONE - part[:, :8], wide, work)
        log *= np.float32(-2)
        radius = np.sqrt(log, out=log)
        sine, cosine = _sine_cosine(part[:, 8:] * TWO_PI, wide, work)
        for place, wave in ((slice(0, 8), cosine), (slice(8, 16), sine)):
            wave *= radius
            work[...] = wave
            work *= scale
            work += shift
            made[start : start + step, place] = work
    return made.reshape(-1)


def _horner(
    coefficients: tuple, wide: np.ndarray, work: np.ndarray, made: np.ndarray
) -> np.ndarray:
    """A polynomial in float32, each step a fused multiply-add; `wide` is x in float64."""
    np.multiply(wide, coefficients[0], out=work)
    for c in coefficients[1:-1]:
        work += c
        made[...] = work
        work[...] = made
        work *= wide
    work += coefficients[-1]
    made[...] = work
    return made


def _log(x: np.ndarray, wide: np.ndarray, work: np.ndarray) -> np.ndarray:
    """The logarithm of float32 numbers in (0, 1]."""
    bits = x.view(np.int32)
    exponent = bits >> 23
    exponent -= 126
    bits &= np.int32(0x007FFFFF)
    bits |= np.int32(0x3F000000)  # x is now the mantissa, in [1/2, 1)
    small = x < SQRT_HALF
    exponent -= small
    m = x * small
    m += x - _ONE
    wide[...] = m
    y = _horner(LOG, wide, work, x)
    y *= m
    powers = exponent.astype(np.float32)
    square = m * m
    work[...] = square
    wide[...] = y
    wide *= work
    wide += powers * LOG2_LOW
    y[...] = wide
    work *= -0.5
    work += y
    y[...] = work
    m += y
    work[...] = powers
    work *= LOG2_HIGH
    work += m
    m[...] = work
    return m


def _sine_cosine(
    x: np.ndarray, wide: np.ndarray, work: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Sine and cosine of float32 angles in [0, 2 pi]."""
    octant = (x * FOUR_OVER_PI).astype(np.int32)
    octant += 1
    octant &= -2
    wide[...] = octant
    for part in PI4:
        np.multiply(wide, part, out=work)
        work += x
        x[...] = work
    square = x * x
    wide[...] = square
    c = _horner(COS, wide, work, np.empty_like(x))
    c *= square
    s = _horner(SIN, wide, work, np.empty_like(x))
    s *= square
    wide *= c
    square *= _HALF
    wide -= square
    c[...] = wide
    c += _ONE
    work[...] = s
    work *= x
    work += x
    s[...] = work
    return _by_octant(s, c, octant)


def _by_octant(s: np.ndarray, c: np.ndarray, octant: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sine and cosine exchanged and negated as the octant says, on the bits: no branch, no mask."""
    sine, cosine = s.view(np.int32), c.view(np.int32)
    exchange = octant & 2
    exchange >>= 1
    np.negative(exchange, out=exchange)  # all ones where the two change places
    exchange &= sine ^ cosine
    sine ^= exchange
    cosine ^= exchange
    sine ^= (octant & 4) << 29
    octant += 2
    cosine ^= (octant & 4) << 29
    return s, c
