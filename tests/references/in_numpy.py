"""Ops that are functions of NumPy, or of `math` for one number."""

import inspect
from collections.abc import Callable
from math import erf, erfc, lgamma
from typing import Any

import numpy as np

# of the same name
SAME = """
    abs add all angle any argmax argmin bincount ceil copysign corrcoef cos cosh count_nonzero cov
    deg2rad diff einsum exp exp2 expm1 floor floor_divide fmax fmin fmod hypot inner isfinite isin
    isinf isnan isneginf isposinf isreal kron log log10 log1p log2 logaddexp2 logical_and
    logical_not logical_or logical_xor maximum minimum nanmean nansum nextafter outer rad2deg
    reciprocal remainder round sign signbit sin sinc sinh sqrt square tan tanh tensordot trace
    trapezoid trunc vdot
"""
FFT = """
    fft fft2 fftn fftshift hfft ifft ifft2 ifftn ifftshift ihfft irfft irfft2 irfftn rfft rfft2
    rfftn
"""
LINALG = """
    cholesky cond cross det eigvalsh inv matrix_rank multi_dot svdvals tensorinv tensorsolve
"""
OTHERS = {
    "acos": np.arccos, "acosh": np.arccosh, "amax": np.max, "amin": np.min, "asin": np.arcsin,
    "asinh": np.arcsinh, "atan": np.arctan, "atan2": np.arctan2, "atanh": np.arctanh,
    "clamp_max": np.minimum, "clamp_min": np.maximum, "eq": np.equal, "ge": np.greater_equal,
    "gt": np.greater, "le": np.less_equal, "linalg_matrix_norm": np.linalg.norm, "lt": np.less,
    "matrix_power": np.linalg.matrix_power, "mul": np.multiply, "ne": np.not_equal,
    "neg": np.negative, "quantiles.nanquantile.1": np.nanquantile,
    "quantiles.quantile.1": np.quantile, "reduction.mean.2": np.mean, "reduction.prod.2": np.prod,
    "reduction.sum.2": np.sum, "spectra.linalg_pinv.1": np.linalg.pinv, "sub": np.subtract,
}  # fmt: skip


def numpys(function: Callable) -> Callable:
    """The function, taking arguments under PyTorch's names."""
    return lambda *args, **kwargs: function(*args, **_for_numpy(function, kwargs))


def _for_numpy(function: Callable, kwargs: dict[str, Any]) -> dict[str, Any]:
    theirs = inspect.signature(function).parameters if kwargs else ()
    axis = "axes" if "axes" in theirs else "axis"
    names = {"dim": axis, "dims": axis, "keepdim": "keepdims", "interpolation": "method"}
    whole = {k: tuple(v) or None if k == "dim" and isinstance(v, (tuple, list)) else v
             for k, v in kwargs.items()}  # fmt: skip
    return {names.get(k, k): v for k, v in whole.items()}


VALUES: dict[str, Callable] = {
    name: numpys(function)
    for name, function in {
        **{name: getattr(np, name) for name in SAME.split()},
        **{f"fft_{name}": getattr(np.fft, name) for name in FFT.split()},
        **{f"linalg_{name}": getattr(np.linalg, name) for name in LINALG.split()},
        **OTHERS,
        **{f.__name__: np.vectorize(f, otypes=[float]) for f in (erf, erfc, lgamma)},
    }.items()
}
