"""Random draws as array code: what a trace writes down of `draws`, number for number."""

from typing import Any

import numpy as np

from .box_muller import COS, FOUR_OVER_PI, LOG, LOG2_HIGH, LOG2_LOW, PI4, SIN, SQRT_HALF, TWO_PI
from .dtypes import F32, F64, I64

_I32 = np.dtype("int32")


def uniform(m: Any, n: int, stream: Any, low: float, high: float) -> Any:
    """`draws.uniform` for float32."""
    u = m.astype(m.bits((n,), 32, stream) & (2**24 - 1), F32) * 2.0**-24
    if (low, high) == (0.0, 1.0):
        return u
    a, b = np.float32(low), np.float32(high)
    u = _fused(m, u, float(b - a), float(a))
    return m.where(u == float(b), float(a), u)


def integers(m: Any, n: int, stream: Any, low: int, high: int) -> Any:
    """`draws.integers` for small ranges."""
    return m.astype(m.bits((n,), 32, stream) % (high - low), I64) + low


def normal(m: Any, n: int, stream: Any, mean: float, std: float) -> Any:
    """`draws.normal` for 16 float32 numbers or more."""
    whole = _blocks(m, uniform(m, n, stream, 0.0, 1.0), mean, std)
    if n % 16 == 0:
        return whole
    last = _blocks(m, uniform(m, 16, stream, 0.0, 1.0), mean, std)
    return m.concat([m.index(whole, slice(n - 16)), last])


def _blocks(m: Any, u: Any, mean: float, std: float) -> Any:
    """Box and Muller's pairs, as `box_muller.fill` has them."""
    n = u.shape[0] // 16 * 16
    blocks = m.reshape(m.index(u, slice(n)), (-1, 16))
    near, far = (m.index(blocks, (slice(None), part)) for part in (slice(8), slice(8, None)))
    shift, scale = float(np.float32(mean)), float(np.float32(std))
    radius = m.sqrt(_log(m, 1.0 - near) * -2.0)
    waves = _cosine_sine(m, far * float(TWO_PI))
    made = [_fused(m, wave * radius, scale, shift) for wave in waves]
    return m.reshape(m.concat(made, axis=1), (n,))


def _fused(m: Any, a: Any, b: Any, c: Any) -> Any:
    """a * b + c in float32, rounded once; numbers as they are."""
    wide = [m.astype(x, F64) if hasattr(x, "dtype") else x for x in (a, b, c)]
    return m.astype(wide[0] * wide[1] + wide[2], F32)


def _polynomial(m: Any, x: Any, coefficients: tuple) -> Any:
    """Horner's scheme in fused multiply-adds."""
    made, x = coefficients[0], m.astype(x, F64)
    for c in coefficients[1:]:
        made = _fused(m, x, made, c)
    return made


def _log(m: Any, x: Any) -> Any:
    """The logarithm of float32 numbers in (0, 1]."""
    bits = m.bitcast(x, _I32)
    x = m.bitcast((bits & 0x007FFFFF) | 0x3F000000, F32)  # the mantissa, in [1/2, 1)
    small = x < float(SQRT_HALF)
    power = m.astype((bits >> 23) - 126 - m.astype(small, _I32), F32)
    x = m.where(small, x, 0.0) + (x - 1.0)
    square = x * x
    y = _fused(m, _polynomial(m, x, LOG) * x, square, power * float(LOG2_LOW))
    x = x + _fused(m, square, -0.5, y)
    return _fused(m, power, LOG2_HIGH, x)


def _cosine_sine(m: Any, x: Any) -> tuple[Any, Any]:
    """Cosine and sine of float32 angles in [0, 2 pi]."""
    octant = (m.astype(x * float(FOUR_OVER_PI), _I32) + 1) & -2
    for part in PI4:
        x = _fused(m, octant, part, x)
    square = x * x
    c = _fused(m, square, _polynomial(m, square, COS) * square, square * -0.5) + 1.0
    s = _fused(m, _polynomial(m, square, SIN) * square, x, x)
    swapped = (octant & 2) != 0
    c, s = m.where(swapped, s, c), m.where(swapped, c, s)
    c = m.where(((octant + 2) & 4) != 0, -c, c)
    return c, m.where((octant & 4) != 0, -s, s)
