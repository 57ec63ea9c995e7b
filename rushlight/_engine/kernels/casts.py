"""Casts between kinds as NumPy makes them on x86: floating numbers to integers through int64."""

from ..builder import BOOL, F32, I32, I64, U64, Function, Kind, Val

_MOST = 2.0**63


def cast(f: Function, x: Val, kind: Kind) -> Val:
    """x in another kind. What no int64 holds becomes the smallest one, then loses its high bits."""
    if kind is BOOL and x.kind.storage:
        return f.cast(f.cast(x, F32), BOOL)
    if kind.floating or kind.storage or kind is BOOL or kind == x.kind:
        return f.cast(x, kind)
    if x.kind.storage:
        x = f.cast(x, F32)
    if not x.kind.floating:
        return f.cast(x, kind)
    if kind is U64:
        return _unsigned(f, x)
    return _to_int64(f, x) if kind.size == 8 else f.cast(_to_int32(f, x), kind)


def _to_int64(f: Function, x: Val) -> Val:
    held = f.math("fabs", x) < _MOST
    return f.select(held, f.cast(f.select(held, x, 0.0), I64), -(1 << 63))


def _to_int32(f: Function, x: Val) -> Val:
    """The low half of an int64; where all numbers are small, without a detour."""
    small = f.math("fabs", x) < 2.0**31
    made = f.var(I32, x.lanes, f.cast(f.select(small, x, 0.0), I32))
    with f.when(f.any(small ^ 1), rare=True):
        made.set(f.cast(_to_int64(f, x), I32))
    return made.get()


def _unsigned(f: Function, x: Val) -> Val:
    """Negative numbers wrap; from 2^63 on the top bit is put back."""
    large = x >= _MOST
    made = f.bits(_to_int64(f, f.select(large, x - _MOST, x)), U64)
    return f.select(large, made ^ (1 << 63), made)
