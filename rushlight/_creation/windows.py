"""Windows for spectra: Hann, Hamming, Blackman, Bartlett, Kaiser."""

from collections.abc import Callable
from typing import Any

import numpy as np

from .._arrays.special import i0
from .._core import dtypes
from .._core.fused import rounded
from .._core.naming import named
from .making import check_options, dtype_of, place, whole


def _window(
    name: str, length: Any, periodic: bool, shape: Callable[[np.ndarray, int], np.ndarray],
    dtype: Any, layout: Any, device: Any, pin_memory: bool, requires_grad: bool,
) -> Any:  # fmt: skip
    """The window `shape(places, last)`; a periodic one is a longer one without its last place."""
    n = whole(name, "window_length", 1, length)
    check_options(layout, pin_memory)
    kind = dtype_of(name, dtype)
    if kind.category != 2:
        raise RuntimeError(f"{name} expects floating point dtypes, got: {kind}")
    if n < 0:
        raise RuntimeError(f"{name} requires non-negative window_length, got window_length={n}")
    return place((n,), kind, device, requires_grad, lambda *_: _values(n, periodic, shape, kind))


def _values(n: int, periodic: bool, shape: Callable, kind: Any) -> np.ndarray:
    if n <= 1:
        return dtypes.cast(np.ones(n), kind)
    total = n + 1 if periodic else n
    inner = np.float64 if kind is dtypes.float64 else np.float32
    return rounded(shape(np.arange(total, dtype=inner), total - 1)[:n], kind)


def _cosine(alpha: float, beta: float) -> Callable:
    def shape(places: np.ndarray, last: int) -> np.ndarray:
        single = places.dtype.type
        return np.cos(places * single(2 * np.pi / last)) * single(-beta) + single(alpha)

    return shape


def hamming_window(
    window_length: int, periodic: bool = True, alpha: float = 0.54, beta: float = 0.46, *,
    dtype: Any = None, layout: Any = None, device: Any = None, pin_memory: bool = False,
    requires_grad: bool = False,
) -> Any:  # fmt: skip
    """Hamming's window: alpha - beta * cos(2 pi n / N)."""
    return _window("hamming_window", window_length, periodic, _cosine(alpha, beta), dtype, layout,
                   device, pin_memory, requires_grad)  # fmt: skip


def _blackman(places: np.ndarray, last: int) -> np.ndarray:
    single = places.dtype.type
    turns = places * single(np.pi / last)
    wide, narrow = np.cos(turns * single(4)), np.cos(turns * single(2))
    return wide * single(0.08) - narrow * single(0.5) + single(0.42)


def _triangle(places: np.ndarray, last: int) -> np.ndarray:
    single = places.dtype.type
    rising = places * single(2.0 / last)
    return np.where(np.arange(len(places)) <= last >> 1, rising, single(2) - rising)


def _plain_form(name: str, shape: Callable, says: str):
    """A public function for a window without parameters of its own."""

    def made(
        window_length: int, periodic: bool = True, *, dtype: Any = None, layout: Any = None,
        device: Any = None, pin_memory: bool = False, requires_grad: bool = False,
    ) -> Any:  # fmt: skip
        return _window(
            name, window_length, periodic, shape, dtype, layout, device, pin_memory, requires_grad
        )

    return named(made, name, says)


hann_window = _plain_form(
    "hann_window", _cosine(0.5, 0.5), "Hann's window: one period of a raised cosine."
)
blackman_window = _plain_form(
    "blackman_window",
    _blackman,
    "Blackman's window: 0.42 - 0.5 cos(2 pi n / N) + 0.08 cos(4 pi n / N).",
)
bartlett_window = _plain_form(
    "bartlett_window", _triangle, "Bartlett's window: a triangle from 0 to 1 and back."
)


def kaiser_window(
    window_length: int, periodic: bool = True, beta: float = 12.0, *, dtype: Any = None,
    layout: Any = None, device: Any = None, pin_memory: bool = False, requires_grad: bool = False,
) -> Any:  # fmt: skip
    """Kaiser's window: I0(beta * sqrt(1 - (2 n / N - 1)**2)) / I0(beta)."""

    def shape(places: np.ndarray, last: int) -> np.ndarray:
        x = 2.0 * places.astype(np.float64) / last - 1.0
        return i0(beta * np.sqrt(np.maximum(1.0 - x * x, 0.0))) / i0(np.asarray(float(beta)))

    return _window("kaiser_window", window_length, periodic, shape, dtype, layout, device,
                   pin_memory, requires_grad)  # fmt: skip
