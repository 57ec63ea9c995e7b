"""Circular functions and their inverses on vectors.

Up to a bound the argument is reduced by multiples of pi/2 in the vector itself; the rare lanes
beyond it are reduced one by one with as many digits of 2/pi as they need (Payne and Hanek, 1983),
in one function of the module. Coefficients and errors are as in `vmath`.
"""

from collections.abc import Callable

from ..builder import F32, F64, I32, I64, U64, Function, Kind, Val, Var, once
from . import vmath
from .vmath import FORMAT, magnitude, polynomial, rounded, signed, wide

# (sin(r) - r) / r^3 and (cos(r) - 1 + r^2/2) / r^4 in r^2, |r| <= pi/4: 2^-27.9, 2^-33.1; 2^-57.3,
# 2^-60.0 of the result
_SIN = {
    F32: (-0.00019506858, 0.008332102, -0.16666654),
    F64: (
        -7.577393330131432e-13, 1.6058340536995872e-10, -2.5052104708769614e-08,
        2.755731921342026e-06, -0.00019841269841253603, 0.008333333333333321, -0.16666666666666666,
    ),
}  # fmt: skip
_COS = {
    F32: (2.443067e-05, -0.0013887301, 0.041666646),
    F64: (
        4.737302942661794e-14, -1.1470275445392301e-11, 2.087675420963564e-09,
        -2.755731921468359e-07, 2.4801587301569893e-05, -0.0013888888888888872,
        0.041666666666666664,
    ),
}  # fmt: skip
# (tan(r) - r) / r^3 in r^2, |r| <= pi/4: 2^-57.2
_TAN = (
    1.0300068332870564e-05, -2.654801262890403e-05, 5.327538060572829e-05,
    -3.1252768107419294e-05, 7.171644565349146e-05, 8.105973076454032e-05,
    0.0002447413065810503, 0.000588582661476224, 0.0014561029678618522, 0.0035920926555292818,
    0.008863238725159182, 0.0218694883486818, 0.053968253974793774, 0.1333333333332178,
    0.33333333333333404,
)  # fmt: skip
# (atan(u) - u) / u^3 and (asin(u) - u) / u^3 in u^2, |u| <= 1/2: 2^-59.9; 2^-59.3
_ATAN = (
    0.006926907988331244, -0.020431480172345327, 0.03303095342471806, -0.04140481797483423,
    0.04717422880577441, -0.052562128398434015, 0.05881563397847441, -0.06666601884586283,
    0.07692303929958288, -0.0909090894130469, 0.111111111072509, -0.14285714285655124,
    0.1999999999999954, -0.3333333333333333,
)  # fmt: skip
_ASIN = (
    0.032803953063998685, -0.021275799894233435, 0.02190038813137611, 0.003628209843347316,
    0.010800655115984093, 0.011395327946333703, 0.013981251428485095, 0.01735157671197212,
    0.022372216914074858, 0.03038194264092978, 0.04464285717596993, 0.07499999999969417,
    0.16666666666666766,
)  # fmt: skip
_PI, _PI_LOW = 3.141592653589793, 1.2246467991473532e-16
_TWO_OVER_PI = 0.6366197723675814
_HALF_TURN = 1.570796325802803, 9.920935796805404e-10  # pi/2: 27 bits, and the rest
# pi/2 in parts. float32's are whole (their product is exact inside an fma), float64's short.
_PARTS = {
    F32: (1.5707964, -4.371139e-08, -1.7151245e-15),
    F64: (1.5707963267341256, 6.077100506303966e-11, 2.0222662487959506e-21),
}
_BOUND = {F32: 2.0**16, F64: 2.0**20}


def _quarters(f: Function, x: Val) -> tuple[Val, Val, Val]:
    """r in about [-pi/4, pi/4] and n with x = r + n pi/2, the n in the lowest bits; and about what
    rounding has cost r."""
    size = magnitude(f, x)
    if x.kind is F32 and not f.target.fused:
        r, n, rest = _quarters(f, f.cast(x, F64))
        return f.cast(r, F32), f.cast(n, I32), f.cast(rest, F32)
    number, bits = rounded(f, x, _TWO_OVER_PI)
    first, second, third = _PARTS[x.kind]
    start = f.fma(number, -first, x)
    near = f.fma(number, -second, start)
    r = f.fma(number, -third, near)
    rest = f.fma(number, -second, start - near) + f.fma(number, -third, near - r)
    whole = FORMAT[x.kind].whole
    r_at, n_at = f.var(x.kind, x.lanes, r), f.var(whole, x.lanes, bits)
    rest_at = f.var(x.kind, x.lanes, rest)
    far = (size > _BOUND[x.kind]) & (size < float("inf"))
    with f.when(f.any(far), rare=True):
        _far_lanes(f, x, far, (r_at, rest_at), n_at)
    return r_at.get(), n_at.get(), rest_at.get()


def _far_lanes(f: Function, x: Val, far: Val, parts: tuple[Var, Var], n: Var) -> None:
    """Reduce the lanes of a mask exactly."""
    numbers, quarters = f.buffer(F64, 2 * x.lanes), f.buffer(I64, x.lanes)
    f.store(numbers, f.cast(x, F64))
    f.call(_far(f.module), numbers, quarters, f.index(x.lanes))
    whole = FORMAT[x.kind].whole
    for i, part in enumerate(parts):
        made = f.cast(numbers.read(i * x.lanes, F64, x.lanes), x.kind)
        part.set(f.select(far, made, part.get()))
    n.set(f.select(far, f.cast(f.load(quarters, I64, x.lanes), whole), n.get()))


# 2/pi: a word of zeros, then 1216 bits behind the point
_WORDS_OF_TWO_OVER_PI = (
    "a2f9836e4e441529fc2757d1f534ddc0db6295993c439041fe5163abdebbc561b7246e3a424d"
    "d2e006492eea09d1921cfe1deb1cb129a73ee88235f52ebb4484e99c7026b45f7e413991d639"
    "835339f49c845f8bbdf9283b1ff897ffde05980fef2f118b5a0a6d1f6d367ecf27cb09b74f46"
    "3f669e5fea2d7527bac7ebe5f17b3d0739f78a5292ea6bfb5fb11f8d5d0856033046fc7b6bab"
)
_I128 = Kind("i128", 16, "int")


@once("numbers:ptr quarters:ptr lanes:i64")
def _far(f: Function) -> None:
    """A function (numbers, quarters, how many) that replaces each number by its r and gives n;
    what rounding has cost the r lies behind them all."""
    numbers, quarters, lanes = f.args
    table = f.buffer(U64, 20)
    words = [0] + [int(_WORDS_OF_TWO_OVER_PI[i : i + 16], 16) for i in range(0, 304, 16)]
    for i, word in enumerate(words):
        table.write(i, f.const(word, U64))
    with f.loop(0, lanes) as i:
        at = numbers.shifted(i, F64)
        x = f.load(at, F64)
        size = magnitude(f, x)
        with f.when((size > 1024.0) & (size < float("inf"))):
            r, rest, n = _reduced_exactly(f, size, table)
            f.store(at, f.select(x < 0.0, -r, r))
            at.write(lanes, f.select(x < 0.0, -rest, rest))
            quarters.write(i, f.select(x < 0.0, -n, n))


def _reduced_exactly(f: Function, x: Val, table: Val) -> tuple[Val, Val, Val]:
    """r, its rest and n of one x > 1024: its mantissa times the bits of 2/pi that matter mod 4."""
    bits = f.bits(x, I64)
    mantissa = f.cast((bits & ((1 << 52) - 1)) | (1 << 52), _I128)
    first = (bits >> 52) - 1075 + 62  # the bit that counts twice the half turn
    at, shift = table.shifted(first >> 6, U64), first & 63
    given = [at.read(i, U64) for i in range(4)]
    window = [
        f.cast(f.known("llvm.fshl.i64", U64, 1, given[i], given[i + 1], shift), _I128)
        for i in range(3)
    ]
    high, middle, low = (mantissa * w for w in window)
    turn = (high << 64) + middle + f.cast(f.cast(low >> 64, U64), _I128)
    rest = turn << 2  # of a quarter turn, in 2^-128, from minus to plus a half
    n = f.cast((turn - (rest >> 2)) >> 126, I64)
    top = f.cast(f.cast(rest >> 102, I64), F64) * 2.0**-26
    middle = f.cast(f.cast(rest >> 49, I64) & ((1 << 53) - 1), F64) * 2.0**-79
    bottom = f.cast(f.cast(rest, I64) & ((1 << 49) - 1), F64) * 2.0**-128
    high = top * _HALF_TURN[0]  # exact
    low = f.fma(middle + bottom, _PI / 2, top * _HALF_TURN[1])
    r = high + low
    return r, (high - r) + low, n


# -- sine, cosine, tangent


def _waves(f: Function, r: Val, rest: Val) -> tuple[Val, Val]:
    """sin(r) and cos(r); where the sine is just below 1/2, the rest counts twice."""
    z = r * r
    sine = f.fma(polynomial(f, z, _SIN[r.kind]), z * r, r if r.kind is F32 else rest)
    sine = sine if r.kind is F32 else r + sine
    return sine, f.fma(polynomial(f, z, _COS[r.kind]), z * z, f.fma(z, -0.5, 1.0))


def _flipped(f: Function, x: Val, n: Val, bit: int) -> Val:
    """x, negated where a bit of n is set."""
    top = 8 * n.kind.size - 1
    return f.bits(f.bits(x, n.kind) ^ ((n << (top - bit)) & (-1 << top)), x.kind)


def _odd(f: Function, n: Val) -> Val:
    return (n << (8 * n.kind.size - 1)) < 0


def sin(f: Function, x: Val) -> Val:
    """The sine. 1.6 ulp; float64 1.8."""
    r, n, rest = _quarters(f, x)
    sine, cosine = _waves(f, r, rest)
    made = _flipped(f, f.select(_odd(f, n), cosine, sine), n, 1)
    return f.select(magnitude(f, x) < 2.0**-30, x, made)


def cos(f: Function, x: Val) -> Val:
    """The cosine. 1.6 ulp; float64 1.8."""
    r, n, rest = _quarters(f, x)
    sine, cosine = _waves(f, r, rest)
    return _flipped(f, f.select(_odd(f, n), sine, cosine), n + 1, 1)


def _tan(f: Function, x: Val) -> Val:
    """The tangent: of the remainder, or minus one over that. 1.4 ulp."""
    r, n, rest = _quarters(f, x)
    z = r * r
    more = f.fma(polynomial(f, z, _TAN) * z, r, f.fma(z, rest, rest))
    slope = r + more
    odd, lost = _odd(f, n), more - (slope - r)  # by rounding, which a reciprocal may double
    made = f.select(odd, -1.0, slope) / f.select(odd, slope, 1.0)
    made = f.select(odd, f.fma(made * made, lost, made), made)
    return f.select(magnitude(f, x) < 2.0**-30, x, made)


# -- inverses, of float64


def _asin(f: Function, x: Val) -> Val:
    """The inverse sine: beyond 1/2 from that of sqrt((1 - |x|) / 2). 1.8 ulp."""
    size = magnitude(f, x)
    beyond = size > 0.5
    z = f.select(beyond, (1.0 - size) * 0.5, size * size)
    s = f.select(beyond, f.math("sqrt", z), size)
    rest = polynomial(f, z, _ASIN) * z * s
    far = (_PI / 2 - (s + s)) - (rest + rest - _PI_LOW / 2)
    return signed(f, f.select(beyond, far, s + rest), x)


def _acos(f: Function, x: Val) -> Val:
    """The inverse cosine, in the same way. 1.0 ulp."""
    size = magnitude(f, x)
    beyond = size > 0.5
    z = f.select(beyond, (1.0 - size) * 0.5, size * size)
    s = f.select(beyond, f.math("sqrt", z), x)
    near = f.fma(polynomial(f, z, _ASIN) * z, s, s)
    far = near + near
    far = f.select(x < 0.0, _PI - (far - _PI_LOW), far)
    return f.select(beyond, far, _PI / 2 - (near - _PI_LOW / 2))


def _angle(f: Function, y: Val, x: Val) -> Val:
    """The angle, up to a right one, of a slope y / x, neither negative."""
    steep = y > x
    low, high = f.select(steep, x, y), f.select(steep, y, x)
    middle = low > high * 0.5
    top = f.select(middle, low - high, low)
    bottom = f.select(middle, low + high, high)
    u = top / f.select(bottom.equals(0.0), 1.0, bottom)
    part = f.fma(polynomial(f, u * u, _ATAN) * (u * u), u, u)
    base = f.select(
        steep,
        f.select(middle, f.like(_PI / 4, x), _PI / 2),
        f.select(middle, f.like(_PI / 4, x), 0.0),
    )
    return base + f.fma(base, _PI_LOW / _PI, f.select(steep, -part, part))


def _atan(f: Function, x: Val) -> Val:
    """The inverse tangent. 1.5 ulp."""
    return signed(f, _angle(f, magnitude(f, x), f.like(1.0, x)), x)


def _atan2(f: Function, y: Val, x: Val) -> Val:
    """The angle of the point (x, y), from -pi to pi."""
    a, b = magnitude(f, y), magnitude(f, x)
    endless = a.equals(float("inf")) & b.equals(float("inf"))
    scale = f.select((a > 2.0**1000) | (b > 2.0**1000), f.like(2.0**-60, a), 1.0)
    made = _angle(f, f.select(endless, 1.0, a * scale), f.select(endless, 1.0, b * scale))
    left = f.bits(x, I64) < 0
    return signed(f, f.select(left, _PI - (made - _PI_LOW), made), y)


# The words, for either precision.
WORDS: dict[str, Callable] = dict(
    sin=sin, cos=cos, tan=wide(_tan), asin=wide(_asin), acos=wide(_acos), atan=wide(_atan),
    atan2=wide(_atan2),
)  # fmt: skip


# All elementary functions by their words; the others are NumPy's.
TABLE: dict[Kind, dict[str, Callable]] = {
    F32: {**vmath.WORDS, **WORDS, "pow": vmath.pow},
    F64: {**vmath.WORDS, **WORDS},
}
