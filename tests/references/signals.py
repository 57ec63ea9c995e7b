"""Fourier transforms as sums of waves."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

Array = np.ndarray


def waves(x: Array, axis: int, sign: int) -> Array:
    """sum_t x[t] e^(sign 2 pi i f t / n) along an axis, for all n frequencies."""
    n = x.shape[axis]
    matrix = np.exp(sign * 2j * np.pi * np.outer(np.arange(n), np.arange(n)) / n)
    return np.moveaxis(np.tensordot(matrix, x, (1, axis)), 0, axis)


def half(x: Array, axis: int) -> Array:
    """The frequencies from 0 to n // 2."""
    return np.take(x, range(x.shape[axis] // 2 + 1), axis)


def whole(x: Array, axis: int, n: int) -> Array:
    """All n frequencies of a real signal from its first half: X[n - f] is conj(X[f])."""
    x = np.moveaxis(x, axis, 0)
    made = [x[f] if f <= n // 2 else np.conj(x[n - f]) for f in range(n)]
    return np.moveaxis(np.stack(made), 0, axis)


def c2c(input: Array, dim: tuple, scale: float, forward: bool) -> Array:
    """Forward the waves turn backwards."""
    for axis in dim:
        input = waves(input, axis, -1 if forward else 1)
    return scale * input


def r2c(input: Array, dim: tuple, scale: float, onesided: bool) -> Array:
    """The last axis named keeps its first half."""
    made = c2c(input, dim, scale, True)
    return half(made, dim[-1]) if onesided else made


def c2r(input: Array, dim: tuple, scale: float, size: int) -> Array:
    """The last axis named holds the first half of `size` frequencies of a real signal.

    Imaginary parts that such a signal cannot have are dropped.
    """
    made = c2c(input, dim[:-1], scale, False)
    return waves(whole(made, dim[-1], size), dim[-1], 1).real


def resized(x: Array, axis: int, n: int) -> Array:
    """Cut, or followed by zeros."""
    made = np.zeros((n, *np.moveaxis(x, axis, 0).shape[1:]), x.dtype)
    count = min(n, x.shape[axis])
    made[:count] = np.moveaxis(x, axis, 0)[:count]
    return np.moveaxis(made, 0, axis)


def sizes_of(x: Array, s: Any, dim: Any, last: Callable[[int], int]) -> tuple[Sequence, list]:
    """(axes, sizes of the real signal along them)."""
    axes = list(range(x.ndim)) if dim is None else list(dim)
    own = [x.shape[a] for a in axes]
    return axes, list(s) if s is not None else [*own[:-1], last(own[-1])]


def hermitian(input: Array, s: Any = None, dim: Any = None, norm: str | None = None) -> Array:
    """The real spectrum of a signal that is its own mirrored conjugate, given by its first half."""
    axes, sizes = sizes_of(input, s, dim, lambda n: 2 * (n - 1))
    for axis, n in zip(axes[:-1], sizes):
        input = waves(resized(input, axis, n), axis, -1)
    input = resized(input, axes[-1], sizes[-1] // 2 + 1)
    made = waves(whole(input, axes[-1], sizes[-1]), axes[-1], -1).real
    return made / np.sqrt(np.prod(sizes)) if norm == "ortho" else made


def to_hermitian(input: Array, s: Any = None, dim: Any = None, norm: str | None = None) -> Array:
    """The first half of the signal whose spectrum is real and given."""
    axes, sizes = sizes_of(input, s, dim, lambda n: n)
    for axis, n in zip(axes, sizes):
        input = waves(resized(input, axis, n), axis, 1)
    count = np.prod(sizes)
    return half(input, axes[-1]) / (np.sqrt(count) if norm == "ortho" else count)


def in_the_middle(window: Array, n: int) -> Array:
    """A window in the middle of n places."""
    before = (n - len(window)) // 2
    return np.pad(window, (before, n - len(window) - before))


def stft(
    input: Array, n_fft: int, hop_length: int | None = None, win_length: int | None = None,
    window: Any = None, center: bool = True, pad_mode: str = "reflect", normalized: bool = False,
    onesided: bool = True, return_complex: bool = True,
) -> Array:  # fmt: skip
    """The spectrum of each frame under the window."""
    hop, window = hop_length or n_fft // 4, in_the_middle(window, n_fft)
    mode: Any = pad_mode
    x = np.pad(input, [(0, 0), (n_fft // 2,) * 2], mode) if center else input
    starts = range(0, x.shape[1] - n_fft + 1, hop)
    frames = np.stack([x[:, a : a + n_fft] * window for a in starts], -1)  # (batch, time, frames)
    made = waves(frames, 1, -1) / (np.sqrt(n_fft) if normalized else 1)
    made = half(made, 1) if onesided else made
    return made if return_complex else np.stack([made.real, made.imag], -1)


def istft(
    input: Array, n_fft: int, window: Array, hop_length: int | None = None,
    length: int | None = None,
) -> Array:  # fmt: skip
    """Frames under the window added up, over the sum of the squared windows."""
    hop, frames = hop_length or n_fft // 4, input.shape[-1]
    total = np.zeros((*input.shape[:-2], n_fft + hop * (frames - 1)))
    weight = np.zeros(total.shape[-1])
    for k in range(frames):
        frame = waves(whole(input[..., k], -1, n_fft), -1, 1).real / n_fft
        total[..., k * hop : k * hop + n_fft] += frame * window
        weight[k * hop : k * hop + n_fft] += window**2
    first = n_fft // 2
    last = first + length if length else total.shape[-1] - first
    return total[..., first:last] / weight[first:last]


VALUES: dict[str, Callable] = {
    "fft_c2c": c2c,
    "fft_r2c": r2c,
    "fft_c2r": c2r,
    "fft_hfftn": hermitian,
    "fft_hfft2": hermitian,
    "fft_ihfftn": to_hermitian,
    "fft_ihfft2": to_hermitian,
    "stft": stft,
    "istft": istft,
}
