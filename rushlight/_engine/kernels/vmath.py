"""The exponential and the logarithm, and what is made of them, on vectors of either precision.

Coefficients come from `tools/polynomials.py` (minimax fits of our own), highest power first. Errors
are the largest found over all exponents against a wider format, in units of the last place, and
are held by `tests/engine/test_vmath.py`. NaN goes through, infinities, signed zeros and denormal
numbers are right. A float32 is computed in float32, but what is rare in float64, rounded (0.5).
"""

from collections.abc import Callable

import numpy as np

from ..builder import F32, F64, I32, I64, U32, U64, Function, Kind, Module, Val

# (e^r - 1 - r) / r^2 on |r| <= ln(2)/2: 2^-25.8 and 2^-58.8 of e^r - 1
_EXP = {
    F32: (
        0.0013947668, 0.008367245, 0.041666266, 0.16666538,
        0.5,
    ),
    F64: (
        2.092465308087536e-09, 2.5109400165035706e-08, 2.7557242577430086e-07,
        2.7557243666911753e-06, 2.4801587359900455e-05, 0.00019841269886047662,
        0.0013888888888867893, 0.008333333333321985, 0.0416666666666667, 0.16666666666666677, 0.5,
    ),
}  # fmt: skip
# (2^r - 1) / r on |r| <= 1/2: 2^-26.1 and 2^-56.0 of 2^r - 1
_EXP2 = {
    F32: (
        0.00015476959, 0.001339989, 0.009618002, 0.055503305,
        0.2402265, 0.6931472,
    ),
    F64: (
        2.5742160875384843e-11, 4.456658521202707e-10, 7.0548880950032096e-09,
        1.0178051594365261e-07, 1.321548683309594e-06, 1.525273385441099e-05,
        0.00015403530393341748, 0.0013333558146393701, 0.009618129107628494, 0.05550410866482167,
        0.24022650695910072, 0.6931471805599453,
    ),
}  # fmt: skip
# (log(1 + t) - t + t^2/2) / t^3 on |t| <= 1/3: 2^-27 of the logarithm
_LOG32 = (
    -0.13084866, 0.13813187, -0.12143171, 0.14044043,
    -0.16683097, 0.20007788, -0.24999753, 0.3333327,
)  # fmt: skip
# (log(m) - 2s) / s^3 in s^2, s = (m - 1) / (m + 1), sqrt(1/2) <= m <= sqrt(2): 2^-59.7
_LOG64 = (
    0.12035821934570884, 0.11668429427830888, 0.1333668261331071, 0.15384545544330086,
    0.18181819076630076, 0.2222222221530845, 0.2857142857145876, 0.39999999999999936,
    0.6666666666666666,
)  # fmt: skip
# (sinh(x) - x) / x^3 in x^2 on |x| <= 1: 2^-56.5
_SINH = (
    2.8484355318105235e-15, 7.646474977306873e-13, 1.6059050726603072e-10, 2.5052108345481287e-08,
    2.755731922412092e-06, 0.0001984126984126959, 0.008333333333333333, 0.16666666666666666,
)  # fmt: skip
# (1 - (1 - erf(s / sqrt(2)))^(1/8)) / s - _ROOT / sqrt(2) on 0 <= s <= 5.56: 2^-25.2 of erf
_ROOT = 0.141047403216362
_ERF32 = (
    3.1370635e-07, -7.998792e-06, 6.467239e-05, -3.403569e-05,
    -0.0016463316, 0.00073817687, 0.034815244, -7.2367405e-09,
)  # fmt: skip
# erf(x) / x - 1 in x^2 on |x| <= 1: 2^-56.0; log2(1 - erf(x)) on 1 <= x <= 5.95: 2^-55.9
_ERF_NEAR = (
    5.960684927061062e-11, -1.137495400521488e-09, 1.4660327841517352e-08, -1.6350396018935048e-07,
    1.646100845073906e-06, -1.4925595769934332e-05, 0.00012055331132835377, -0.0008548326981421373,
    0.00522397762482834, -0.026866170645077864, 0.11283791670954885, -0.3761263890318375,
    0.1283791670955126,
)  # fmt: skip
_ERF_FAR = (
    -7.018789212916248e-12, 2.914711239373843e-10, -5.6120524151872364e-09, 6.626704665726555e-08,
    -5.331657369921548e-07, 3.0509851361434962e-06, -1.2376447668265325e-05, 3.2507646787480615e-05,
    -2.8164332854724967e-05, -0.00019701139911011424, 0.0011152741760569519, -0.0027684645739789976,
    0.0005966183219691761, 0.02739394567204538, -0.1481680795455875, -0.9184832228649884,
    -1.6278995616974876, -7.404956288225653e-07,
)  # fmt: skip


class _Format:
    """How a floating kind is made up, and the constants of its arithmetic."""

    __slots__ = ("whole", "digits", "one", "shift", "ln2", "split", "exponents")

    def __init__(self, whole: Kind, digits: int, one: int, ln2: tuple, split: int) -> None:
        self.whole, self.digits, self.one = whole, digits, one  # bits of a mantissa, bits of 1.0
        self.shift = 1.5 * 2.0**digits  # added, it leaves a whole number in the low bits
        self.ln2 = ln2  # the high part short: its product with an exponent is exact
        self.split = split  # bits of the smallest mantissa of a logarithm's argument


FORMAT = {
    F32: _Format(I32, 23, 0x3F800000, (0.693359375, -2.12194440e-4), 0x3F2AAAAB),  # 2/3
    F64: _Format(
        I64, 52, 0x3FF0000000000000, (0.6931471803691238, 1.9082149292705877e-10),
        0x3FE6A09E667F3BCD,  # sqrt(1/2)
    ),
}  # fmt: skip
_LN2, _LOG2_E, _LOG10_E = 0.6931471805599453, 1.4426950408889634, 0.4342944819032518
# What rounding leaves of the last two.
_LOW = {
    F32: (1.9259629911266175e-08, -1.0103050052231683e-08),
    F64: (2.0355273740931033e-17, 1.098319650216765e-17),
}
_LOG10_2 = {  # the high part short again
    F32: (0.301025390625, 4.605038981195214e-06),
    F64: (0.301029995663157, 8.241712586023572e-13),
}


def polynomial(f: Function, x: Val, coefficients: tuple) -> Val:
    """Its value at x: the constant last, which rounds once; what is before it by Estrin's scheme,
    neighbours joined in pairs, so that few instructions wait on others."""
    terms, power = [f.like(c, x) for c in coefficients[-2::-1]], x
    while len(terms) > 1:
        pairs = list(zip(terms[::2], terms[1::2]))
        rest = terms[2 * len(pairs) :]
        terms = [f.fma(high, power, low) for low, high in pairs] + rest
        power = power * power
    return f.fma(terms[0], x, coefficients[-1])


def within(f: Function, x: Val, low: float | None, high: float | None) -> Val:
    """x cut to a range; NaN stays."""
    x = x if low is None else f.select(x < low, low, x)
    return x if high is None else f.select(x > high, high, x)


def wide(word: Callable) -> Callable:
    """A function of float64, for float32 as well: computed wide and rounded."""

    def either(f: Function, *args: Val) -> Val:
        if args[0].kind is F64:
            return word(f, *args)
        return f.cast(word(f, *[f.cast(a, F64) for a in args]), F32)

    either.__doc__ = word.__doc__
    return either


# -- signs and exponents


def magnitude(f: Function, x: Val) -> Val:
    return f.math("fabs", x)


def signed(f: Function, size: Val, x: Val) -> Val:
    """A number that is not negative, with the sign of x."""
    whole = FORMAT[x.kind].whole
    sign = f.bits(x, whole) & (-1 << (8 * whole.size - 1))
    return f.bits(f.bits(size, whole) | sign, x.kind)


def rounded(f: Function, x: Val, scale: float = 1.0) -> tuple[Val, Val]:
    """The whole number next to x * scale, and the bits that hold it in their lowest places."""
    form = FORMAT[x.kind]
    t = x + form.shift if scale == 1.0 else f.fma(x, scale, form.shift)
    return t - form.shift, f.bits(t, form.whole)


def power_of_two(f: Function, n: Val, kind: Kind, less: int = 0) -> Val:
    """2^(n - less) for the n in the lowest bits; the result has to be a normal number."""
    form = FORMAT[kind]
    return f.bits((n << form.digits) + (form.one - (less << form.digits)), kind)


def _scaled(f: Function, y: Val, n: Val) -> Val:
    """(y + 1) * 2^n in two steps, so that neither overflows where the result does not: a far one
    towards 1, by 2^64 or its inverse (2^512 in float64), and one back."""
    form, far = FORMAT[y.kind], 1 << (8 * y.kind.size - 3)
    n = n << form.digits
    back = f.select(n < 0, f.like(form.one - far, n), f.like(form.one + far, n))
    first = f.bits((n + 2 * form.one) - back, y.kind)
    return f.fma(y, first, first) * f.bits(back, y.kind)


def to_whole(f: Function, x: Val, word: str) -> Val:
    """x rounded to a whole number: "rint", "floor", "ceil" or "trunc"."""
    if f.target.rounds:
        return f.math(word, x)
    size, unit = magnitude(f, x), 2.0 ** FORMAT[x.kind].digits
    near = (size + unit) - unit  # to nearest, ties to even
    if word == "trunc":
        near = f.select(near > size, near - 1.0, near)
    made = f.math("copysign", f.select(size < unit, near, size), x)
    if word == "floor":
        made = f.select(made > x, made - 1.0, made)
    if word == "ceil":
        made = f.math("copysign", f.select(made < x, made + 1.0, made), x)
    return made


# -- exponentials


def _reduced(f: Function, x: Val) -> tuple[Val, Val]:
    """e^r - 1 and n, where e^x = e^r 2^n."""
    high, low = FORMAT[x.kind].ln2
    n, bits = rounded(f, x, _LOG2_E)
    r = f.fma(n, -high, x)
    r = f.fma(n, -low, r)
    return f.fma(polynomial(f, r, _EXP[x.kind]), r * r, r), bits


_EXP_RANGE = {F32: (-104.0, 89.0), F64: (-746.0, 710.0)}


def exp(f: Function, x: Val) -> Val:
    """e^x. 1.1 ulp; float64 1.0."""
    y, n = _reduced(f, within(f, x, *_EXP_RANGE[x.kind]))
    return _scaled(f, y, n)


def logistic(f: Function, y: Val) -> Val:
    """1 / (e^y + 1), both parts times a power of two: the result may be denormal.
    1.7 ulp; float64 1.7."""
    r, n, far = _grown(f, y)
    small = f.like(2.0**-far, y)
    return small / _one_more(f, power_of_two(f, n, y.kind, far), r, small)


def damped(f: Function, y: Val) -> Val:
    """-y / (e^y + 1), SiLU of -y. 1.8 ulp; float64 1.7."""
    r, n, far = _grown(f, y)
    scale = f.select(y > 0, f.like(2.0**-far, y), 1.0)
    power = power_of_two(f, n - f.select(y > 0, f.like(far, n), 0), y.kind)
    return -y / _one_more(f, power, r, scale) * f.select(y > 2.0 * far, 0.0, scale)


def _grown(f: Function, y: Val) -> tuple[Val, Val, int]:
    """e^r - 1 and n, where e^y = e^r 2^n; and how far a power is moved, as in _scaled."""
    far = 64 if y.kind is F32 else 512
    return *_reduced(f, within(f, y, -40.0, 2.0 * far)), far


def _one_more(f: Function, power: Val, r: Val, one: Val) -> Val:
    """power (r + 1) + one, rounded once: what power + one has lost, if anything, is made good."""
    both = power + one
    return f.fma(power, r, one - (both - power)) + both


def exp2(f: Function, x: Val) -> Val:
    """2^x. 1.2 ulp; float64 1.2."""
    x = within(f, x, *((-151.0, 129.0) if x.kind is F32 else (-1076.0, 1025.0)))
    n, bits = rounded(f, x)
    r = x - n
    return _scaled(f, polynomial(f, r, _EXP2[x.kind]) * r, bits)


def expm1(f: Function, x: Val) -> Val:
    """e^x - 1, as 2 (2^(n-1) (e^r - 1) + 2^(n-1) - 1/2). 1.5 ulp; float64 1.7."""
    low, high = (-18.0, 89.0) if x.kind is F32 else (-40.0, 710.0)
    y, n = _reduced(f, within(f, x, low, high))
    s = power_of_two(f, n, x.kind, less=1)
    made = f.fma(s, y, s - 0.5)
    small = magnitude(f, x) < 2.0**-60
    return f.select(small, x, made + made)


def tanh(f: Function, x: Val) -> Val:
    """The hyperbolic tangent: q = d / (2 - d) with d = 1 - e^(-2 |x|). 1.7 ulp; float64 1.5.

    What rounding d and 2 - d has lost is made good, 1 / (2 - d) being (1 + q) / 2.
    """
    size = within(f, magnitude(f, x), None, 9.02 if x.kind is F32 else 19.1)
    y, n = _reduced(f, size * -2.0)
    power = power_of_two(f, n, x.kind)
    d = f.fma(-power, y, 1.0 - power)
    under = 2.0 - d
    above, below = f.fma(-power, y, (1.0 - power) - d), (2.0 - under) - d
    q = d / under
    return signed(f, f.fma(f.fma(q, above - below, above), f.fma(q, 0.5, 0.5), q), x)


def _sinh(f: Function, x: Val) -> Val:
    """The hyperbolic sine: a polynomial to 1, then e^|x| / 2 less a quarter over that. 1.4 ulp."""
    size = magnitude(f, x)
    square = x * x
    near = f.fma(polynomial(f, square, _SINH) * square, x, x)
    half = _half_exp(f, size)
    return f.select(size < 1.0, near, signed(f, half - 0.25 / half, x))


def _cosh(f: Function, x: Val) -> Val:
    """The hyperbolic cosine: half of e^|x|, and a quarter over that. 1.4 ulp."""
    half = _half_exp(f, magnitude(f, x))
    return half + 0.25 / half


def _half_exp(f: Function, x: Val) -> Val:
    """e^x / 2, which overflows later than e^x."""
    y, n = _reduced(f, within(f, x, None, 711.0))
    return _scaled(f, y, n - 1)


def erf(f: Function, x: Val) -> Val:
    """The error function: 1 - (1 - v)^8 with v = _ROOT |x| + t, t small. 2.0 ulp; float64 1.2.

    A step from v to 2 v - v^2 adds up what is small first, the last one rounds least near 1.
    """
    if x.kind is F64:
        return _erf_wide(f, x)
    if not f.target.fused:  # 2.2 ulp otherwise
        return f.cast(_erf_wide(f, f.cast(x, F64)), F32)
    size, root = within(f, magnitude(f, x), None, 3.93), _ROOT
    s = size * 2.0**0.5
    t = polynomial(f, s, _ERF32) * s
    v = f.fma(size, root, t)
    for _ in range(2):
        t, root = f.fma(-v, v, t + t), root + root
        v = f.fma(size, root, t)
    return signed(f, _twice(f, v), x)


def _twice(f: Function, v: Val) -> Val:
    """1 - (1 - v)^2."""
    return f.fma(-v, v, v + v)


def gelu(f: Function, x: Val) -> Val:
    """(x + |x| erf(|x| / sqrt(2))) / 2 of float32. 1.3 ulp for x > 0, else 1e-7 |x|."""
    s, half = within(f, magnitude(f, x), None, 5.56), x * 0.5
    v = polynomial(f, s, (*_ERF32[:-1], _ERF32[-1] + _ROOT * 0.5**0.5)) * s
    for _ in range(3):
        v = _twice(f, v)
    return f.fma(magnitude(f, half), v, half)


def _one_less_power(f: Function, x: Val, y: Val) -> Val:
    """1 - 2^(x y) for x y <= 0, of full relative accuracy where that is small."""
    form = FORMAT[x.kind]
    t = f.fma(x, y, form.shift)
    n = t - form.shift
    r = f.fma(x, y, -n)
    whole = power_of_two(f, f.bits(t, form.whole), x.kind)
    *rest, slope = _EXP2[x.kind]
    power = f.fma(r, slope, polynomial(f, r, tuple(rest)) * (r * r))  # 2^r - 1
    return f.fma(-whole, power, 1.0 - whole)


def _erf_wide(f: Function, x: Val) -> Val:
    size = within(f, magnitude(f, x), None, 5.95)
    near = f.fma(polynomial(f, size * size, _ERF_NEAR), size, size)
    far = _one_less_power(f, polynomial(f, size, _ERF_FAR), f.like(1.0, size))
    return signed(f, f.select(size > 1.0, far, near), x)


# -- logarithms: of positive normal numbers where they are used, of others in a function apart


def _parts(f: Function, x: Val) -> tuple[Val, Val]:
    """For normal x > 0: its exponent in the top bits of a whole number; m - 1 of its mantissa m."""
    form = FORMAT[x.kind]
    moved = f.bits(x, form.whole) - form.split
    m = (moved & ((1 << form.digits) - 1)) + form.split
    return moved, f.bits(m, x.kind) - 1.0


def _exponent(f: Function, moved: Val, kind: Kind) -> Val:
    if kind is F32:
        return f.cast(moved >> 23, F32)
    whole = f.bits((f.bits(moved, U64) + (1023 << 52)) >> 52, I64) | 0x4330000000000000
    return f.bits(whole, F64) - (2.0**52 + 1023.0)


def _log_rest(f: Function, t: Val) -> Val:
    """log(1 + t) - t."""
    square = t * t
    if t.kind is F32:
        return f.fma(polynomial(f, t, _LOG32), square * t, square * -0.5)
    s = t / (t + 2.0)
    half = square * 0.5
    return f.fma(s, f.fma(polynomial(f, s * s, _LOG64), s * s, half), -half)


def _natural(f: Function, n: Val, t: Val) -> Val:
    """n log(2) + log(1 + t)."""
    high, low = FORMAT[t.kind].ln2
    return f.fma(n, high, t + f.fma(n, low, _log_rest(f, t)))


def _scaled_log(f: Function, t: Val, high: float, low: float) -> Val:
    """log(1 + t) * (high + low)."""
    return f.fma(t, high, f.fma(_log_rest(f, t), high, t * low))


def _binary(f: Function, n: Val, t: Val) -> Val:
    return n + _scaled_log(f, t, _LOG2_E, _LOW[t.kind][0])


def _decimal(f: Function, n: Val, t: Val) -> Val:
    high, low = _LOG10_2[t.kind]
    return f.fma(n, high, f.fma(n, low, _scaled_log(f, t, _LOG10_E, _LOW[t.kind][1])))


def _log(name: str, join: Callable) -> Callable:
    """A logarithm: `join(f, n, t)` is that of 2^n (1 + t)."""

    def usual(f: Function, x: Val) -> Val:
        e, t = _parts(f, x)
        return join(f, _exponent(f, e, x.kind), t)

    def rare(f: Function, x: Val) -> Val:
        lift = 2.0 ** (FORMAT[x.kind].digits + 2)
        tiny = x < (2.0**-126 if x.kind is F32 else 2.0**-1022)
        e, t = _parts(f, f.select(tiny, x * lift, x))
        n = _exponent(f, e, x.kind)
        made = join(f, f.select(tiny, n - float(FORMAT[x.kind].digits + 2), n), t)
        return _edges(f, x, made, 0.0)

    def word(f: Function, x: Val) -> Val:
        odd = _outside(f, x, 2.0**-126 if x.kind is F32 else 2.0**-1022, float("inf"))
        return guarded(f, name, x, usual(f, x), odd, rare)

    return word


def _outside(f: Function, x: Val, low: float, high: float) -> Val:
    """A mask of what is below `low` > 0, NaN, or not below `high`: one comparison of the bits."""
    first, last = (
        int(np.array(v, "f4" if x.kind is F32 else "f8").view("u4" if x.kind is F32 else "u8"))
        for v in (low, high)
    )
    above = f.bits(x, FORMAT[x.kind].whole) - first
    return f.bits(above, U32 if x.kind is F32 else U64) >= last - first


def _edges(f: Function, x: Val, made: Val, start: float) -> Val:
    """A logarithm's -inf at its start, NaN below, infinity and NaN themselves."""
    made = f.select(x.equals(float("inf")) | x.isnan(), x, made)
    made = f.select(x < start, float("nan"), made)
    return f.select(x.equals(start), float("-inf"), made)


def guarded(
    f: Function, name: str, x: Val, usual: Val, odd: Val, rare: Callable[[Function, Val], Val]
) -> Val:
    """`usual`, or where some lane is odd, what the module's function for `rare(f, x)` gives."""
    made = f.var(x.kind, x.lanes, usual)
    with f.when(f.any(odd), rare=True):
        place = f.buffer(x.kind, x.lanes)
        f.store(place, x)
        f.call(_apart(f.module, f"{name}_{x.kind.name}_{x.lanes}", x, rare), place)
        made.set(f.load(place, x.kind, x.lanes))
    return made.get()


def _apart(module: Module, name: str, x: Val, word: Callable[[Function, Val], Val]) -> str:
    """A function of the module's that applies a word to the vector at an address."""

    def write(f: Function) -> None:
        (place,) = f.args
        f.store(place, word(f, f.load(place, x.kind, x.lanes)))

    return module.once(name, "place:ptr", write)


# 0.8, 1.2 and 0.9 ulp; float64 0.8, 0.8 and 0.9; without fused multiply-add 1.7 and 1.8 at most
log, log2, log10 = _log("log", _natural), _log("log2", _binary), _log("log10", _decimal)


def _log1p(f: Function, x: Val, u: Val, rest: Val | None = None) -> Val:
    """What rounding u = 1 + x has lost, and x before, is added to the mantissa."""
    form = FORMAT[x.kind]
    e, t = _parts(f, u)
    scale = f.bits(form.one - (e & (-1 << form.digits)), x.kind)
    lost = x - (u - 1.0)
    lost = lost if rest is None else lost + rest
    return _natural(f, _exponent(f, e, x.kind), f.fma(lost, scale, t))


def _log1p_rare(f: Function, x: Val) -> Val:
    large = x > 2.0**60
    n, t = _parts(f, f.select(large, x, 1.0))
    made = _log1p(f, f.select(large, 0.0, x), f.select(large, 0.0, x) + 1.0)
    made = f.select(large, _natural(f, _exponent(f, n, x.kind), t), made)
    made = f.select(x.equals(0.0), x, made)
    return _edges(f, x, made, -1.0)


def log1p(f: Function, x: Val) -> Val:
    """log(1 + x). 1.5 ulp; float64 1.2."""
    u = x + 1.0
    made = f.select(x.equals(0.0), x, _log1p(f, x, u))
    return guarded(f, "log1p", x, made, _outside(f, u, 2.0**-60, 2.0**60), _log1p_rare)


def _asinh(f: Function, x: Val) -> Val:
    """The inverse of sinh: log1p(|x| + x^2 / (1 + sqrt(1 + x^2))). 1.6 ulp."""
    size = magnitude(f, x)
    large = size > 2.0**28
    a = f.select(large, 1.0, size)
    square = a * a
    near = log1p(f, a + square / (f.math("sqrt", square + 1.0) + 1.0))
    return signed(f, f.select(large, log(f, size) + _LN2, near), x)


def _acosh(f: Function, x: Val) -> Val:
    """The inverse of cosh, with t = x - 1: log1p(t + sqrt(2 t + t^2)). 1.5 ulp."""
    large = x > 2.0**28
    t = f.select(large, 1.0, x - 1.0)
    twice, square = t + t, t * t
    inner = twice + square
    root = f.math("sqrt", inner)
    high = f.bits(f.bits(root, I64) & (-1 << 27), F64)
    # what the roundings of the root and of both sums lose, worked out without fma
    lost = (inner - high * high) - (high + root) * (root - high)
    lost = lost + f.select(t < 2.0, square - (inner - twice), 0.0)
    lost = lost / f.select(root.equals(0.0), 1.0, root + root)
    whole = root + t
    near = _log1p(f, whole, whole + 1.0, (t - (whole - root)) + lost)
    near = f.select(x >= 1.0, near, float("nan"))
    return f.select(large, log(f, x) + _LN2, near)


def _atanh(f: Function, x: Val) -> Val:
    """The inverse of tanh: log1p(2 |x| / (1 - |x|)) / 2. 1.7 ulp."""
    size = magnitude(f, x)
    twice = size + size
    near = f.fma(twice, size / (1.0 - size), twice)
    return signed(f, log1p(f, f.select(size < 0.5, near, twice / (1.0 - size))) * 0.5, x)


def _pow(f: Function, x: Val, y: Val) -> Val:
    """x to the power y, as C's: 1 where x is 1 or y is 0; NaN for roots of negative numbers."""
    size = magnitude(f, x)
    made = exp(f, y * log(f, size))
    made = f.select(size.equals(1.0) & y.equals(y), 1.0, made)
    whole, half = to_whole(f, y, "floor").equals(y), y * 0.5
    odd = whole & to_whole(f, half, "floor").compared("ne", half)
    made = f.select(odd & (f.bits(x, I64) < 0), -made, made)
    root = (x < 0.0) & (x > float("-inf")) & to_whole(f, y, "floor").compared("ne", y)
    made = f.select(root, float("nan"), made)
    return f.select(x.equals(1.0) | y.equals(0.0), 1.0, made)


def pow(f: Function, x: Val, y: Val) -> Val:
    """x to the power y; float32 only, through float64."""
    return f.cast(_pow(f, f.cast(x, F64), f.cast(y, F64)), F32)


def _hypot(f: Function, x: Val, y: Val) -> Val:
    """sqrt(x^2 + y^2) without overflow; an infinite side wins over NaN."""
    a, b = magnitude(f, x), magnitude(f, y)
    long, short = f.select(a > b, a, b), f.select(a > b, b, a)
    ratio = short / long
    made = long * f.math("sqrt", f.fma(ratio, ratio, 1.0))
    made = f.select(long.equals(0.0), long, made)
    made = f.select(a.isnan() | b.isnan(), a + b, made)
    infinite = a.equals(float("inf")) | b.equals(float("inf"))
    return f.select(infinite, float("inf"), made)


# The words, for either precision.
WORDS: dict[str, Callable] = dict(
    exp=exp, exp2=exp2, expm1=expm1, tanh=tanh, erf=erf, log=log, log1p=log1p, log2=log2,
    log10=log10, sinh=wide(_sinh), cosh=wide(_cosh), asinh=wide(_asinh), acosh=wide(_acosh),
    atanh=wide(_atanh), hypot=wide(_hypot),
)  # fmt: skip
