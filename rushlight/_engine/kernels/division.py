"""Division with a whole quotient: floor_divide, remainder (Python's signs) and fmod (C's)."""

from collections.abc import Callable

from ..builder import F32, F64, I64, Function, Val
from .vmath import magnitude, to_whole

# -- integers, by a number that is not zero


def _quotient(f: Function, a: Val, divisor: int) -> tuple[Val, Val]:
    """The quotient cut towards zero, and what is left."""
    if divisor == -1:  # the smallest number has no other quotient than itself
        return -a, f.like(0, a)
    word = "udiv" if a.kind.family == "uint" else "sdiv"
    b = f.like(divisor, a)
    q = f.op(a.kind, a.lanes, f"{word} {a}, {b.name}")
    return q, a - q * b


def _floored(f: Function, a: Val, divisor: int) -> tuple[Val, Val]:
    """The same, the quotient cut downwards."""
    q, rest = _quotient(f, a, divisor)
    if a.kind.family == "uint":
        return q, rest
    wrong = rest < 0 if divisor > 0 else rest > 0
    return f.select(wrong, q - 1, q), f.select(wrong, rest + divisor, rest)


INTEGER_DIVISIONS: dict[str, Callable] = dict(
    floor_divide=lambda f, a, divisor: _floored(f, a, divisor)[0],
    remainder=lambda f, a, divisor: _floored(f, a, divisor)[1],
    fmod=lambda f, a, divisor: _quotient(f, a, divisor)[1],
)

# -- float32, in float64, where the product of a quotient of 29 bits and a divisor is exact


def _rest(f: Function, a: Val, b: Val) -> Val:
    """fmod of float64 values that are float32 numbers, |a| and |b| given: exact."""
    rest = f.var(F64, a.lanes, a)
    big = f.var(I64, 1, 1)
    with f.forever() as out:
        f.leave_if(big.get().equals(0), out)
        now = rest.get()
        # a divisor scaled by a power of two, so that the quotient stays below 2^29
        gap = (f.bits(now, I64) >> 52) - (f.bits(b, I64) >> 52) - 27
        scale = f.bits((f.select(gap > 0, gap, 0) + 1023) << 52, F64)
        unit = b * scale
        left = now - to_whole(f, now / unit, "trunc") * unit
        left = f.select(left < 0.0, left + unit, left)  # the quotient was rounded up to a whole one
        rest.set(left)
        big.set(f.select(f.any(left >= b), f.index(1), 0))
    return rest.get()


def _exact(f: Function, a: Val, b: Val) -> tuple[Val, Val]:
    """fmod(a, b) in float64 with the sign of a, and whether b has the other one."""
    a, b = f.cast(a, F64), f.cast(b, F64)
    x, y = magnitude(f, a), magnitude(f, b)
    usual = (x < float("inf")) & (y > 0.0) & (y < float("inf"))
    rest = _rest(f, f.select(usual, x, 0.0), f.select(usual, y, 1.0))
    rest = f.select(usual, rest, float("nan"))
    rest = f.select(y.equals(float("inf")) & (x < float("inf")), x, rest)
    rest = f.math("copysign", rest, a)
    return rest, (rest < 0.0) ^ (b < 0.0)


def _fmod(f: Function, a: Val, b: Val) -> Val:
    return f.cast(_exact(f, a, b)[0], F32)


def _remainder(f: Function, a: Val, b: Val) -> Val:
    rest, wrong = _exact(f, a, b)
    rest = f.cast(rest, F32)
    made = f.select(wrong, rest + b, rest)
    return f.select(rest.equals(0.0), f.math("copysign", f.like(0.0, b), b), made)


def _floor_divide(f: Function, a: Val, b: Val) -> Val:
    rest, wrong = _exact(f, a, b)
    wrong = wrong & rest.compared("ne", 0.0)
    rest = f.cast(rest, F32)
    quotient = (a - rest) / b
    quotient = f.select(wrong, quotient - 1.0, quotient)
    low = to_whole(f, quotient, "floor")
    low = f.select(quotient - low > 0.5, low + 1.0, low)
    made = f.select(quotient.equals(0.0), f.math("copysign", f.like(0.0, a), a / b), low)
    return f.select(b.equals(0.0), a / b, made)


REAL_DIVISIONS = dict(floor_divide=_floor_divide, remainder=_remainder, fmod=_fmod)
