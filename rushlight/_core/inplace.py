"""The in-place form of an op: the same record, its result written over the first argument."""

from collections.abc import Callable
from typing import Any

from . import dtypes, modes
from .naming import named
from .probing import single_word
from .record import argument_names
from .tape import TensorBase, ndarray
from .views import assign, refresh, refuse_write, snapshot


def in_place(call: Any) -> Callable:
    """The in-place form of a public op (or of a function made of ops): `add_` of `add`."""
    record = getattr(call, "op", None)
    unary = record is not None and len(record.arrays) == 1 and not record.params
    binary = record is not None and len(record.arrays) == 2 and record.kind == "pointwise"

    def slowly(x: Any, *rest: Any, **params: Any) -> Any:
        if not modes.local.subclass_off and not x._plain_subclass:
            return x.__torch_function__(write, (type(x),), (x, *rest), params)
        refuse_write(x)
        if modes.local.trace is not None:
            modes.local.trace.capture(x)
        if x.origin is not None:
            refresh(x)
        return assign(
            x, call(snapshot(x) if modes.records() and keeps_old(record) else x, *rest, **params)
        )

    def write(x: Any, *rest: Any, **params: Any) -> Any:
        return slowly(x, *rest, **params)

    if binary:
        write = _binary(call, slowly)
    elif unary:
        write = _unary(call, slowly)
    name = call.__name__
    return named(write, f"{name}_", f"In-place form of `{name}`.")


def keeps_old(record: Any) -> bool:
    """Whether a rule of the op names its own first argument, which is about to be overwritten."""
    if record is None or not record.rules:
        return False
    first = record.arrays[0]
    return any(first in argument_names(rule)[2:] for rule in record.rules.values())


class _Once:
    """The ufunc of an op, looked up at the first call: probing bodies at import costs start-up."""

    __slots__ = ("call", "known", "ufunc")

    def __init__(self, call: Any) -> None:
        self.call, self.known, self.ufunc = call, False, None

    def get(self) -> Any:
        if not self.known:
            self.ufunc, self.known = single_word(self.call.op), True
            if self.call.op.floats and self.ufunc is not None and self.ufunc.nout != 1:
                self.ufunc = None
        return self.ufunc


def _binary(call: Any, slowly: Callable) -> Callable:
    once = _Once(call)
    F32, F64, silent = dtypes.F32, dtypes.F64, modes.records

    def write(x: Any, other: Any = None, *rest: Any, **params: Any) -> Any:
        ufunc = once.ufunc or once.get()
        if ufunc is None or modes.special or params or rest or other is None:
            return slowly(x, *(() if other is None else (other,)), *rest, **params)
        try:
            a, c = x.array, other.__class__
        except AttributeError:
            return slowly(x, other)
        if a.__class__ is ndarray and (a.dtype is F32 or a.dtype is F64):
            if c is float or c is int:
                quiet = not x.needs or not silent()
                b = other
            elif isinstance(other, TensorBase):
                b = other.array
                quiet = (
                    b.__class__ is ndarray
                    and b.dtype is a.dtype
                    and other.device is x.device
                    and ((not x.needs and not other.needs) or not silent())
                    and (b.shape == a.shape or b.ndim <= a.ndim)
                )
            else:
                return slowly(x, other)
            if quiet and (0 not in a.strides or a.size <= 1):
                try:
                    ufunc(a, b, a)
                except Exception:  # the slow path says what was wrong
                    return slowly(x, other)
                x.version[0] += 1
                if x.origin is not None:
                    x.origin = (*x.origin[:3], x.origin[0].version[0])
                return x
        return slowly(x, other)

    return write


def _unary(call: Any, slowly: Callable) -> Callable:
    once = _Once(call)
    F32, F64, silent = dtypes.F32, dtypes.F64, modes.records

    def write(x: Any) -> Any:
        ufunc = once.ufunc or once.get()
        if ufunc is None or modes.special:
            return slowly(x)
        try:
            a = x.array
        except AttributeError:
            return slowly(x)
        if (
            a.__class__ is ndarray
            and (a.dtype is F32 or a.dtype is F64)
            and (not x.needs or not silent())
            and 0 not in a.strides
        ):
            ufunc(a, a)
            x.version[0] += 1
            if x.origin is not None:
                x.origin = (*x.origin[:3], x.origin[0].version[0])
            return x
        return slowly(x)

    return write
