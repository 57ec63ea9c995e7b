"""Sequences and index patterns: arange, linspace, logspace, tril_indices, triu_indices."""

import math
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from .._core import dtypes, modes
from .._core.fused import rounded
from .._core.naming import named
from .._core.stepping import spaced, steps
from .._core.tape import TensorBase
from .making import check_options, dtype_of, into, number, place, whole


def arange(
    *bounds: Any, out: Any = None, dtype: Any = None, layout: Any = None, device: Any = None,
    pin_memory: bool = False, requires_grad: bool = False, **named: Any,
) -> Any:  # fmt: skip
    """Numbers from `start` (0) up to but without `end`, `step` (1) apart.

    int64 where all three are integers, else the default dtype.

    Example:
        >>> arange(1, 10, 3)
        tensor([1, 4, 7])
    """
    if named or len(bounds) > 3 or any(b.__class__ is not int for b in bounds):
        start, end, step = _bounds("arange", bounds, named)
    else:
        start, end, step = _FORMS[len(bounds)](*bounds)
    if layout is not None or pin_memory:
        check_options(layout, pin_memory)
    if dtype is not None or out is not None:
        kind = dtype_of("arange", dtype, getattr(out, "dtype", None))
    else:
        plain = isinstance(start, int) and isinstance(end, int) and isinstance(step, int)
        kind = dtypes.int64 if plain else dtypes.get_default_dtype()
    if kind is dtypes.bool_ or kind.category == 3:
        raise NotImplementedError(f"\"arange_cpu\" not implemented for '{kind.type_name}'")
    count = _count(start, end, step, kind)
    fill = partial(_sequence, start, step, count, kind)
    return _row(fill, count, kind, device, requires_grad, out, None if dtype is None else kind)


_FORMS = (
    lambda: _bounds("arange", (), {}),
    lambda end: (0, end, 1),
    lambda start, end: (start, end, 1),
    lambda start, end, step: (start, end, step),
)


def _bounds(name: str, given: tuple, named: dict) -> tuple:
    """(start, end, step) from the forms f(end), f(start, end), f(start, end, step)."""
    names = (
        ("end",)
        if len(given) == 1 and not {"end", "start"} & set(named)
        else ("start", "end", "step")
    )
    if not given and "start" not in named:
        names = ("end", "step")
    found = {"start": 0, "step": 1, **dict(zip(names, given)), **named}
    if len(given) > len(names) or "end" not in found or set(found) - {"start", "end", "step"}:
        kinds = ", ".join(type(v).__name__ for v in (*given, *named.values()))
        raise TypeError(
            f"{name}() received an invalid combination of arguments - got ({kinds}), but expected "
            f"one of: {name}(end), {name}(start, end), {name}(start, end, step)"
        )
    where = {n: names.index(n) + 1 if n in names else 1 for n in found}
    return tuple(number(name, n, where[n], found[n]) for n in ("start", "end", "step"))


def _count(start: Any, end: Any, step: Any, kind: Any, closed: bool = False) -> int:
    if any(isinstance(v, complex) for v in (start, end, step)):
        raise RuntimeError("value cannot be converted to type double without overflow")
    if step == 0:
        raise RuntimeError("step must be nonzero. Give a step above or below 0.")
    if not (start - start == 0 == end - end):  # infinite, or not a number
        raise RuntimeError(f"unsupported range: {_short(start)} -> {_short(end)}")
    if (end - start) * (1 if step > 0 else -1) < 0:
        raise RuntimeError(
            "upper bound and lower bound inconsistent with step sign. "
            f"From {_short(start)} to {_short(end)} in steps of {_short(step)} leads nowhere."
        )
    if closed:
        return int((end - start) / step + 1)
    if kind is dtypes.int64:
        start, end, step = (v if isinstance(v, int) else int(v) for v in (start, end, step))
        return int(-((start - end) // step))
    return int(math.ceil((end - start) / step))  # noqa: RUF046 - a trace's number stays one


def _short(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _sequence(start: Any, step: Any, count: int, kind: Any) -> np.ndarray:
    if kind.category == 1:
        first, gap = int(start), int(step)
        made = np.arange(count, dtype=np.int64)
        made = made if first == 0 and gap == 1 else first + gap * made
        return dtypes.cast(made, kind)
    return steps(float(start), float(step), count, kind)


def range(
    start: Any = 0, end: Any = None, step: Any = 1, *, out: Any = None, dtype: Any = None,
    layout: Any = None, device: Any = None, requires_grad: bool = False,
) -> Any:  # fmt: skip
    """Like `arange` with the end included; deprecated in favour of `arange`."""
    warnings.warn(
        "torch.range is deprecated and will be removed in a future release because its behavior "
        "is inconsistent with Python's range builtin. Instead, use torch.arange, which produces "
        "values in [start, end).",
        stacklevel=2,
    )
    first, last, gap = _bounds("range", (start, end, step) if end is not None else (start,), {})
    kind = dtype_of("range", dtype, getattr(out, "dtype", None))
    count = _count(first, last, gap, kind, closed=True)
    fill = partial(_sequence, first, gap, count, kind)
    return _row(fill, count, kind, device, requires_grad, out)


def _row(
    fill: partial, count: int, kind: Any, device: Any, requires_grad: bool, out: Any,
    dtype: Any = None,
) -> Any:  # fmt: skip
    """What `fill` makes, as a new tensor or in `out`; its numbers may be a trace's."""
    if out is not None:
        return into(out, fill(), dtype)
    trace = modes.local.trace if modes.special else None
    made = None if trace is None else trace.literal(fill.func, *fill.args)
    return place((count,), kind, device, requires_grad, lambda *_: fill() if made is None else made)


def linspace(
    start: Any, end: Any, steps: int, *, out: Any = None, dtype: Any = None, layout: Any = None,
    device: Any = None, pin_memory: bool = False, requires_grad: bool = False,
) -> Any:  # fmt: skip
    """`steps` numbers at equal distances from `start` to `end`, both included."""
    check_options(layout, pin_memory)
    first, last, count = _ends("linspace", start, end, steps)
    kind = _spaced_kind("linspace", dtype, out, first, last)
    fill = partial(spaced, first, last, count, kind)
    return _row(fill, count, kind, device, requires_grad, out, dtype)


def logspace(
    start: Any, end: Any, steps: int, base: float = 10.0, *, out: Any = None, dtype: Any = None,
    layout: Any = None, device: Any = None, pin_memory: bool = False, requires_grad: bool = False,
) -> Any:  # fmt: skip
    """Powers of `base` with exponents at equal distances from `start` to `end`."""
    check_options(layout, pin_memory)
    first, last, count = _ends("logspace", start, end, steps)
    root = number("logspace", "base", 4, base)
    kind = _spaced_kind("logspace", dtype, out, first, last)
    fill = partial(_powers, root, first, last, count, kind)
    return _row(fill, count, kind, device, requires_grad, out, dtype)


def _powers(base: Any, first: Any, last: Any, count: int, kind: Any) -> np.ndarray:
    if kind.category == 3:
        return dtypes.cast(
            np.power(complex(base), spaced(first, last, count, dtypes.complex128)), kind
        )
    inner = dtypes.float32 if kind is dtypes.float32 else dtypes.float64
    exponents = dtypes.cast(spaced(first, last, count, inner), dtypes.float64)
    with np.errstate(all="ignore"):
        return rounded(np.power(float(base), exponents), kind)


def _ends(name: str, start: Any, end: Any, steps: Any) -> tuple[Any, Any, int]:
    for label, value in (("start", start), ("end", end)):
        if isinstance(value, TensorBase) and len(value.shape):
            raise RuntimeError(
                f"{name} only supports 0-dimensional start and end tensors, but got {label} with "
                f"{len(value.shape)} dimension(s)."
            )
    count = whole(name, "steps", 3, steps)
    if count < 0:
        raise RuntimeError(f"number of steps must be non-negative, got {count}")
    return number(name, "start", 1, start), number(name, "end", 2, end), count


def _spaced_kind(name: str, dtype: Any, out: Any, first: Any, last: Any) -> Any:
    usual = dtypes.get_default_dtype()
    if isinstance(first, complex) or isinstance(last, complex):
        usual = usual.to_complex()
    return dtype_of(name, dtype, getattr(out, "dtype", usual))


def _triangle_form(name: str, which: str, inside: Callable):
    """A public function for the places of a matrix where `inside(column - row, offset)` holds."""

    def made(
        row: int, col: int, offset: int = 0, *, dtype: Any = None, device: Any = None,
        layout: Any = None, pin_memory: bool = False,
    ) -> Any:  # fmt: skip
        check_options(layout, pin_memory)
        for label, value in (("row", row), ("col", col)):
            if value < 0:
                raise RuntimeError(f"{label} must be non-negative, got{value}")
        kind = dtype_of(name, dtype, dtypes.int64)
        if kind.category != 1:
            raise NotImplementedError(f"\"{name}\" not implemented for '{kind.type_name}'")
        away = np.arange(col)[None, :] - np.arange(row)[:, None]
        found = np.stack(np.nonzero(inside(away, offset))).astype(np.int64)
        return place(found.shape, kind, device, False, lambda *_: dtypes.cast(found, kind))

    says = (
        f"Rows and columns of the {which} triangle of a row x col matrix, as a (2, count) tensor."
    )
    return named(made, name, says)


tril_indices = _triangle_form("tril_indices", "lower", np.less_equal)
triu_indices = _triangle_form("triu_indices", "upper", np.greater_equal)
