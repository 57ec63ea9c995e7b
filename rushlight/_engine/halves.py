"""Numbers of 16 bits: widened to float32 when they are used, rounded again when they are kept."""

from typing import Any

from .elements import BF16, F16, F32, F64, I32, U32, Kind


def widened(f: Any, x: Any) -> Any:
    """The float32 that 16 bits stand for."""
    wide = f.turned("zext", x, I32)
    if x.kind is BF16:
        return f.bits(wide << 16, F32)
    if f.target.halves:
        return f.turned("fpext", f.bits(x, _HALF), F32)
    size = (wide & 0x7FFF) << 13
    number = f.bits(f.bits(size, F32) * 2.0**112, I32)  # denormal ones come out right
    number = f.select(size >= 0x1F << 23, size | 0x7F800000, number)
    return f.bits(number | ((wide & 0x8000) << 16), F32)


def narrowed(f: Any, x: Any, kind: Kind) -> Any:
    """A number rounded to nearest, ties to even, as 16 bits."""
    if kind is F16 and x.kind is F64:
        x = _to_odd(f, x)
    x = f.cast(x, F32)
    if kind is F16 and f.target.halves:
        return f.bits(f.turned("fptrunc", x, _HALF), F16)
    bits, drop = f.bits(x, U32), 16 if kind is BF16 else 13
    nan = f.like(0x7FC0 if kind is BF16 else 0x7E00, bits)
    if kind is BF16:
        made = (bits + 0x7FFF + ((bits >> drop) & 1)) >> drop
    else:
        size = bits & 0x7FFFFFFF
        usual = (size + ((size >> drop) & 1) + (0xFFF - (112 << 23))) >> drop
        small = f.bits(f.bits(size, F32) + 0.5, U32) - 0x3F000000  # 0.5 has half's smallest unit
        made = f.select(size < 113 << 23, small, usual)
        made = f.select(size >= 0x477FF000, f.like(0x7C00, size), made) | ((bits >> 16) & 0x8000)
    made = f.select(x.isnan(), nan, made)
    return f.turned("trunc", made, kind)


def _to_odd(f: Any, x: Any) -> Any:
    """A float64 cut to float32, its last bit set where it is not exact: for another rounding."""
    near = f.turned("fptrunc", x, F32)
    back = f.cast(near, F64)
    beyond = f.math("fabs", back) > f.math("fabs", x)
    bits = f.bits(near, I32)
    odd = f.select(beyond, bits - 1, bits) | 1
    return f.bits(f.select(back.compared("ne", x), odd, bits), F32)


_HALF = Kind("half", 2, "float")
