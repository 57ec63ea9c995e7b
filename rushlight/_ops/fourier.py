"""Fourier transforms as linear maps: complex to complex, real to complex, complex to real."""

from math import sqrt
from typing import Any

from .._core.kinds import speak
from .._core.op import op
from .dims import laid_along

Axes = tuple[int, ...]


def scale_of(count: int, norm: str | None, forward: bool) -> float:
    """The factor that a normalisation mode puts on a transform over `count` points."""
    if norm == "ortho":
        return 1 / sqrt(count)
    if norm not in (None, "backward", "forward"):
        raise RuntimeError(
            f'Invalid normalization mode: "{norm}"; expected "backward", "ortho" or "forward"'
        )
    return 1 / count if (norm == "forward") == forward else 1.0


def _scaled(x: Any, factor: float) -> Any:
    return x if factor == 1 else x * factor


def _turned(m: Any, x: Any, axes: Axes, forward: bool) -> Any:
    """The sums over e^(-+ 2 pi i jk / n), not scaled."""
    for axis in axes:
        n = x.shape[axis]
        x = m.fft(x, n, axis) if forward else m.ifft(x, n, axis) * n
    return x


@op("reduce", node="FftC2CBackward0")
def fft_c2c(m, input, *, dim: Axes, scale: float, forward: bool):
    """The transform of complex numbers over the axes `dim`, times `scale`."""
    return _scaled(_turned(m, input, dim, forward), scale)


@fft_c2c.vjp("input")
def _(m, g, dim, scale, forward):
    return _scaled(_turned(m, g, dim, not forward), scale)


@op("reduce", node="FftR2CBackward0")
def fft_r2c(m, input, *, dim: Axes, scale: float, onesided: bool):
    """The forward transform of real numbers; `onesided` leaves out what the last axis mirrors."""
    last = dim[-1]
    n = input.shape[last]
    made = m.rfft(input, n, last) if onesided else m.fft(input, n, last)
    return _scaled(_turned(m, made, dim[:-1], True), scale)


@fft_r2c.vjp("input")
def _(m, g, input_shape, dim, scale, onesided):
    if not onesided:
        return m.real(_scaled(_turned(m, g, dim, False), scale))
    last = dim[-1]
    n = input_shape[last]
    g = _mirrored(m, _turned(m, g, dim[:-1], False), last, n, 0.5)
    return _scaled(m.irfft(g, n, last), scale * n)


def _mirrored(m: Any, x: Any, axis: int, n: int, factor: float) -> Any:
    """A half spectrum with the frequencies that stand for two of the whole one multiplied."""
    count = x.shape[axis]
    place = laid_along(m, m.arange(0, count, 1, m.int64), axis, len(x.shape))
    single = place == 0
    if n % 2 == 0:
        single = single | (place == count - 1)
    return m.where(single, x, x * factor)


@op("reduce", node="FftC2RBackward0")
def fft_c2r(m, input, *, dim: Axes, scale: float, size: int):
    """The real numbers, `size` in the last axis, whose half spectrum is given, times scale."""
    last = dim[-1]
    made = m.irfft(_turned(m, input, dim[:-1], False), size, last)
    return _scaled(made, scale * size)


@fft_c2r.vjp("input")
def _(m, g, dim, scale, size):
    last = dim[-1]
    half = _mirrored(m, m.rfft(g, size, last), last, size, 2.0)
    return _scaled(_turned(m, half, dim[:-1], True), scale)


def _spoken(x: Any, n: int | None, axis: int, forward: bool) -> Any:
    axis %= len(x.shape)
    size = x.shape[axis]
    if n not in (None, size):
        raise RuntimeError("the word fft does not change sizes on tensors: pad or cut first")
    scale = 1.0 if forward else 1 / size
    if x.is_complex():
        return fft_c2c(x, (axis,), scale, forward)
    made = fft_r2c(x, (axis,), scale, False)
    return made if forward else made.conj()


speak(
    fft=lambda x, n=None, axis=-1: _spoken(x, n, axis, True),
    ifft=lambda x, n=None, axis=-1: _spoken(x, n, axis, False),
    rfft=lambda x, n=None, axis=-1: fft_r2c(x, (axis % len(x.shape),), 1.0, True),
    irfft=lambda x, n, axis=-1: fft_c2r(x, (axis % len(x.shape),), 1 / n, n),
)
