"""Arithmetic rounded as compiled code rounds: fused multiply-adds, halves by way of float32."""

from typing import Any

import numpy as np

from . import dtypes


def rounded(values: np.ndarray, kind: Any) -> np.ndarray:
    """Values of float64 as `kind`; float16 and bfloat16 by way of float32, as PyTorch converts."""
    if kind in dtypes.HALVES:
        with np.errstate(over="ignore"):
            values = values.astype(np.float32)
    return dtypes.cast(values, kind)


def fused32(x: np.ndarray, scale: Any, shift: Any) -> np.ndarray:
    """`x * scale + shift` on float32 with one rounding, as a fused multiply-add gives."""
    wide = x.astype(np.float64)  # the product of two float32 numbers is exact here
    wide *= float(scale)
    wide += float(shift)
    return wide.astype(np.float32)


def fused64(x: np.ndarray, scale: float, shift: Any) -> np.ndarray:
    """`x * scale + shift` on float64 with one rounding.

    Dekker's exact product and Knuth's exact sum (Numer. Math. 18, 1971; TAOCP 2, 4.2.2).
    """
    product = x * scale
    if isinstance(shift, float) and shift == 0.0:
        return product
    with np.errstate(all="ignore"):
        x_high, x_low = _halves(x)
        s_high, s_low = _halves(np.float64(scale))
        lost = ((x_high * s_high - product) + x_high * s_low + x_low * s_high) + x_low * s_low
        total = product + shift
        back = total - product
        lost += (product - (total - back)) + (shift - back)
        exact = total + lost
    return np.where(np.isfinite(exact), exact, total)


def _halves(x: Any) -> tuple[Any, Any]:
    spread = x * 134217729.0  # 2**27 + 1
    high = spread - (spread - x)
    return high, x - high
