"""Elementary functions on vectors, each with its measured error beside its polynomial.

Polynomials are our own fits (iteratively reweighted least squares at 1500 Chebyshev nodes), highest
power first. Errors are in units of the last place of float32 (float64 where said), against float64
(or 50 digits), measured by `tests/engine/test_vmath.py` over the whole range. NaN goes through.
Most float32 functions are computed in float64 inside: simple, and exact to the last rounding.
"""

from math import factorial

from ..builder import F32, F64, I32, I64, Function, Val

# (e^r - 1 - r) / r^2 on |r| <= ln(2)/2
_EXP32 = (
    0.00019790380683023398, 0.0013944652230199967, 0.0083334969760411, 0.04166629503366745,
    0.16666665869426533, 0.5000000067664018,
)  # fmt: skip
_EXP64 = tuple(1 / factorial(k) for k in range(13, 1, -1))  # Taylor: 4e-18 at ln(2)/2
# the same to 1e-12: enough where the result is rounded to float32
_EXP_ROUGH = (
    2.4708273607825457e-05, 0.0001990894079369677, 0.001388919717193396, 0.008333281804607106,
    0.04166666440471912, 0.16666666784457315, 0.5000000000426909,
)  # fmt: skip
# (log(1 + t) - t + t^2/2) / t^3 on sqrt(1/2) <= 1 + t <= sqrt(2)
_LOG32 = (
    0.06746454740488622, -0.11675623491018543, 0.11888232199080485, -0.1240559720567197,
    0.14219543243499488, -0.16667995147140205, 0.20002119144065636, -0.25000009616817015,
    0.3333331259551144,
)  # fmt: skip
# (log(m) - 2s) / s^3 in s^2, s = (m - 1) / (m + 1), the same range
_LOG64 = tuple(2 / (2 * k + 3) for k in range(11, -1, -1))  # its series
# erf(x) / x in x^2 on |x| <= 1, and -log(erfc(x)) on 1 <= x <= 4.1
_ERF_NEAR = (
    1.060117499562807e-06, -1.3914059484143593e-05, 0.00011957329821532525,
    -0.0008542702953686643, 0.005223786524048042, -0.026866134011293317, 0.11283791318316945,
    -0.3761263889009839, 1.1283791670947139,
)  # fmt: skip
_ERF_FAR = (
    2.916480075310602e-07, -6.228631556040749e-06, 5.7325453951869e-05, -0.0002794481844793081,
    0.0005625452500282032, 0.0019788250447114347, -0.02187673735671082, 0.1050879228453534,
    0.6353518572657613, 1.1287882597379646, -5.910314485291224e-05,
)  # fmt: skip


def _polynomial(f: Function, x: Val, coefficients: tuple) -> Val:
    made = f.like(coefficients[0], x)
    for c in coefficients[1:]:
        made = f.fma(made, x, c)
    return made


def _within(f: Function, x: Val, low: float, high: float) -> Val:
    """x cut to a range; NaN stays."""
    x = f.select(x < low, low, x)
    return f.select(x > high, high, x)


def _power_of_two(f: Function, n: Val, wide: bool) -> Val:
    if wide:
        return f.bits((n + 1023) << 52, F64)
    return f.bits((n + 127) << 23, F32)


def _scaled(f: Function, y: Val, n: Val) -> Val:
    """y * 2^n in two steps, so that neither overflows where the result does not."""
    wide = y.kind is F64
    whole = f.cast(f.cast(n, I32), I64) if wide else f.cast(n, I32)
    half = whole >> 1
    return y * _power_of_two(f, half, wide) * _power_of_two(f, whole - half, wide)


def _exp_wide(f: Function, x: Val, coefficients: tuple = _EXP64) -> Val:
    x = _within(f, x, -746.0, 710.0)
    n = f.math("rint", x * 1.4426950408889634)
    r = f.fma(n, -0.6931471803691238, x)
    r = f.fma(n, -1.9082149292705877e-10, r)
    y = f.fma(_polynomial(f, r, coefficients), r * r, r) + 1.0
    return _scaled(f, y, f.select(n.isnan(), 0.0, n))


def exp(f: Function, x: Val) -> Val:
    """e^x. float32: 1 ulp. float64: 1 ulp."""
    if x.kind is F64:
        return _exp_wide(f, x)
    x = _within(f, x, -104.0, 89.0)
    n = f.math("rint", x * 1.4426950408889634)
    r = f.fma(n, -0.693359375, x)
    r = f.fma(n, 2.12194440e-4, r)
    y = f.fma(_polynomial(f, r, _EXP32), r * r, r) + 1.0
    return _scaled(f, y, f.select(n.isnan(), 0.0, n))


def _log_wide(f: Function, x: Val) -> Val:
    """log of a positive normal float64; what zero, infinity and NaN give is the caller's."""
    bits = f.bits(x, I64)
    shifted = bits - 0x3FE6A09E667F3BCD  # sqrt(1/2): the mantissa then lies around 1
    n = f.op(F64, x.lanes, _text(f, "sitofp", shifted >> 52))
    m = f.bits(bits - ((shifted >> 52) << 52), F64)
    t = m - 1.0
    s = t / (m + 1.0)
    z = s * s
    # t - (t^2/2 - s (t^2/2 + rest)): the big part exact, as in fdlibm
    half = t * t * 0.5
    rest = z * _polynomial(f, z, _LOG64)
    tail = f.fma(n, 1.9082149292705877e-10, s * (half + rest))
    return f.fma(n, 0.6931471803691238, t - (half - tail))


def _text(f: Function, word: str, x: Val) -> str:
    return f"{word} {x.type} {x.name} to {'double' if x.lanes == 1 else f'<{x.lanes} x double>'}"


def _log_edges(f: Function, x: Val, made: Val) -> Val:
    """-inf at zero, NaN below, infinity and NaN themselves."""
    made = f.select(x.equals(float("inf")), x, made)
    made = f.select(x < 0.0, float("nan"), made)
    made = f.select(x.equals(0.0), float("-inf"), made)
    return f.select(x.isnan(), x, made)


def log(f: Function, x: Val) -> Val:
    """The natural logarithm. float32: 0.6 ulp, through float64. float64: 1 ulp, normal numbers."""
    if x.kind is F64:
        tiny = x < 2.2250738585072014e-308
        scaled = f.select(tiny, x * 18014398509481984.0, x)  # 2^54
        made = _log_wide(f, scaled)
        return _log_edges(f, x, f.select(tiny, made - 37.42994775023705, made))
    return _log_edges(f, x, f.cast(_log_wide(f, f.cast(x, F64)), F32))


def log2(f: Function, x: Val) -> Val:
    """The logarithm to base 2. float32: 0.6 ulp."""
    return _log_edges(f, x, f.cast(_log_wide(f, f.cast(x, F64)) * 1.4426950408889634, F32))


def log10(f: Function, x: Val) -> Val:
    """The logarithm to base 10. float32: 0.6 ulp."""
    return _log_edges(f, x, f.cast(_log_wide(f, f.cast(x, F64)) * 0.4342944819032518, F32))


def log1p(f: Function, x: Val) -> Val:
    """log(1 + x). float32: 0.6 ulp: what 1 + x lost is made good by a division (Kahan)."""
    wide = f.cast(x, F64)
    u = wide + 1.0
    gone = u.equals(1.0)
    made = _log_wide(f, u) * (wide / f.select(gone, 1.0, u - 1.0))
    made = f.cast(f.select(gone, wide, made), F32)
    made = f.select(x.equals(float("inf")), x, made)
    made = f.select(x < -1.0, float("nan"), made)
    made = f.select(x.equals(-1.0), float("-inf"), made)
    return f.select(x.isnan(), x, made)


def _expm1_wide(f: Function, x: Val) -> Val:
    """e^x - 1 for results in float32: a series where the difference would lose digits."""
    near = f.fma(f.fma(x, 1 / 6, 0.5), x * x, x)
    small = f.math("fabs", x) < 1e-4
    return f.select(small, near, _exp_wide(f, x, _EXP_ROUGH) - 1.0)


def expm1(f: Function, x: Val) -> Val:
    """e^x - 1. float32: 0.6 ulp."""
    made = f.cast(_expm1_wide(f, f.cast(x, F64)), F32)
    return f.select(x.equals(0.0), x, made)


def exp2(f: Function, x: Val) -> Val:
    """2^x. float32: 0.6 ulp."""
    return f.cast(_exp_wide(f, f.cast(x, F64) * 0.6931471805599453, _EXP_ROUGH), F32)


def tanh(f: Function, x: Val) -> Val:
    """The hyperbolic tangent. float32: 0.6 ulp, as (e^2x - 1) / (e^2x + 1)."""
    wide = _within(f, f.cast(x, F64), -20.0, 20.0)
    e = _expm1_wide(f, wide + wide)
    return f.select(x.equals(0.0), x, f.cast(e / (e + 2.0), F32))


def erf(f: Function, x: Val) -> Val:
    """The error function. float32: 0.6 ulp, one polynomial near zero and one in an exponent."""
    wide = f.cast(x, F64)
    size = _within(f, f.math("fabs", wide), 0.0, 4.1)
    near = wide * _polynomial(f, f.select(size > 1.0, 0.0, wide * wide), _ERF_NEAR)
    far = 1.0 - _exp_wide(f, -_polynomial(f, size, _ERF_FAR), _EXP_ROUGH)
    far = f.select(wide < 0.0, -far, far)
    made = f.cast(f.select(size > 1.0, far, near), F32)
    return f.select(x.isnan(), x, made)


# The words that each kind has; the others are NumPy's.
TABLE = {
    F32: dict(
        exp=exp, log=log, log2=log2, log10=log10, log1p=log1p, expm1=expm1, exp2=exp2, tanh=tanh,
        erf=erf,
    ),
    F64: dict(exp=exp, log=log),
}  # fmt: skip
