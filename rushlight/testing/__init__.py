"""Comparing tensors in tests."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .. import _creation as creation
from .._core import dtypes
from .._core.tape import TensorBase
from .._creation import rand, randint
from .._ops.dims import listed

# (relative, absolute) tolerance by dtype: PyTorch's defaults
_TOLERANCES = {
    dtypes.float16: (1e-3, 1e-5), dtypes.bfloat16: (1.6e-2, 1e-5), dtypes.float32: (1.3e-6, 1e-5),
    dtypes.float64: (1e-7, 1e-7), dtypes.complex64: (1.3e-6, 1e-5), dtypes.complex128: (1e-7, 1e-7),
}  # fmt: skip


def assert_close(
    actual: Any, expected: Any, *, allow_subclasses: bool = True, rtol: float | None = None,
    atol: float | None = None, equal_nan: bool = False, check_device: bool = True,
    check_dtype: bool = True, check_layout: bool = True, check_stride: bool = False,
    msg: Any = None,
) -> None:  # fmt: skip
    """Raise unless `actual` is `expected` within tolerances (by dtype, unless both are given).

    Tensors, arrays, numbers, and sequences and mappings of them.

    Raises:
        AssertionError: with how many elements differ, and by how much at most.
    """
    if (rtol is None) != (atol is None):
        raise ValueError("rtol and atol must both be specified or both be unspecified")
    options = dict(rtol=rtol, atol=atol, equal_nan=equal_nan, check_device=check_device,
                   check_dtype=check_dtype, check_stride=check_stride)  # fmt: skip
    fault = _compared(actual, expected, options, "")
    if fault is not None:
        raise AssertionError(fault if msg is None else msg(fault) if callable(msg) else msg)


def _compared(a: Any, b: Any, options: dict, path: str) -> str | None:
    """What differs, if anything; `path` is the way to where `a` and `b` stand, such as ['x'][0]."""
    where = f"\n\nThe failure occurred for item {path}" if path else ""
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        if set(a) != set(b):
            return (
                f"The keys of the mappings do not match: {sorted(map(str, set(a) ^ set(b)))}{where}"
            )
        items: Any = [(k, a[k], b[k]) for k in a]
    elif all(isinstance(x, Sequence) and not isinstance(x, str) for x in (a, b)):
        if len(a) != len(b):
            return f"The length of the sequences mismatch: {len(a)} != {len(b)}{where}"
        items = [(i, x, y) for i, (x, y) in enumerate(zip(a, b))]
    else:
        return _tensors(a, b, options, where)
    faults = (_compared(x, y, options, f"{path}[{k!r}]") for k, x, y in items)
    return next(filter(None, faults), None)


def _tensors(a: Any, b: Any, options: dict, where: str) -> str | None:
    numbers = not isinstance(a, TensorBase) and not isinstance(b, TensorBase) and np.ndim(a) == 0
    a, b = (x if isinstance(x, TensorBase) else creation.as_tensor(x) for x in (a, b))
    if tuple(a.shape) != tuple(b.shape):
        return f"The values for attribute 'shape' do not match: {a.shape} != {b.shape}.{where}"
    facts = [
        ("device", options["check_device"], a.device, b.device),
        ("dtype", options["check_dtype"] and not numbers, a.dtype, b.dtype),
        ("stride()", options["check_stride"], a.stride(), b.stride()),
    ]
    for name, wanted, x, y in facts:
        if wanted and x != y:
            return f"The values for attribute '{name}' do not match: {x} != {y}.{where}"
    rtol, atol = _tolerances(a, b, options)
    x, y = (t.detach().cpu()._values("assert_close()") for t in (a, b))
    wide = np.complex128 if "c" in (x.dtype.kind, y.dtype.kind) else np.float64
    exact = x.dtype.kind in "iub" and y.dtype.kind in "iub"
    x, y = (x, y) if exact else (x.astype(wide), y.astype(wide))
    with np.errstate(all="ignore"):
        bad = ~((x == y) if exact else np.isclose(x, y, rtol, atol, equal_nan=options["equal_nan"]))
    return _report(x, y, bad, rtol, atol) + where if bad.any() else None


def _tolerances(a: Any, b: Any, options: dict) -> tuple[float, float]:
    if options["rtol"] is not None:
        return options["rtol"], options["atol"]
    found = [_TOLERANCES.get(t.dtype, (0.0, 0.0)) for t in (a, b)]
    return max(f[0] for f in found), max(f[1] for f in found)


def _report(x: np.ndarray, y: np.ndarray, bad: np.ndarray, rtol: float, atol: float) -> str:
    with np.errstate(all="ignore"):
        off = np.abs(np.asarray(x, np.complex128) - np.asarray(y, np.complex128))
        ratio = off / np.abs(y)
    off, ratio = np.where(bad, off, 0), np.where(bad, ratio, 0)
    kind = "equal" if rtol == atol == 0 else "close"
    limits = [f" (up to {t} allowed)" if kind == "close" else "" for t in (atol, rtol)]
    if x.ndim == 0:
        return (
            f"Scalars are not {kind}!\n\nExpected {y.item()} but got {x.item()}.\n"
            f"Absolute difference: {off.item()}{limits[0]}\nRelative difference: "
            f"{ratio.item()}{limits[1]}"
        )
    count, total = int(bad.sum()), bad.size
    at = [
        tuple(int(i) for i in np.unravel_index(int(np.nanargmax(v)), v.shape)) for v in (off, ratio)
    ]
    return (
        f"Tensor-likes are not {kind}!\n\nMismatched elements: {count} / {total} "
        f"({100 * count / total:.1f}%)\n"
        f"Greatest absolute difference: {off[at[0]]} at index {at[0]}{limits[0]}\n"
        f"Greatest relative difference: {ratio[at[1]]} at index {at[1]}{limits[1]}"
    )


def assert_allclose(
    actual: Any, expected: Any, rtol: Any = None, atol: Any = None, equal_nan: bool = True,
    msg: str = "",
) -> None:  # fmt: skip
    """The older form of `assert_close`: dtypes may differ, NaN equals NaN."""
    if rtol is None or atol is None:
        rtol, atol = _tolerances(
            creation.as_tensor(actual), creation.as_tensor(expected), {"rtol": None}
        )
    assert_close(
        actual, expected, rtol=rtol, atol=atol, equal_nan=equal_nan, check_dtype=False,
        msg=msg or None,
    )  # fmt: skip


def make_tensor(
    *shape: Any, dtype: Any, device: Any = "cpu", low: Any = None, high: Any = None,
    requires_grad: bool = False, noncontiguous: bool = False, exclude_zero: bool = False,
) -> Any:  # fmt: skip
    """A tensor of random values between `low` and `high`."""
    size = listed(shape)
    if dtype is dtypes.bool_:
        made = randint(0, 2, size).to(dtype)
    elif dtype.category == 1:
        low, high = -9 if low is None else low, 10 if high is None else high
        low = int(low) if dtype.is_signed else max(int(low), 0)
        made = randint(low, int(high), size).to(dtype)
    else:
        low, high = -9 if low is None else low, 9 if high is None else high
        made = (rand(size, dtype=dtypes.float64) * (high - low) + low).to(dtype)
    made = made.to(device)
    if exclude_zero:
        made = made.masked_fill(made == 0, 1)
    if noncontiguous and made.numel() > 1:
        made = made.repeat_interleave(2, -1)[..., ::2]
    return made.requires_grad_(requires_grad) if requires_grad else made
