"""The public Fourier transforms, over one, two and n dimensions."""

from collections.abc import Sequence
from math import prod
from typing import Any

from .._core import dtypes
from .._core.errors import dim_of
from .._core.naming import named
from .._core.op import composite, filling
from .dims import all_or
from .fourier import fft_c2c, fft_c2r, fft_r2c, scale_of
from .padding import constant_pad_nd

Sizes = Sequence[int] | None


def _floats(input: Any, wants_complex: bool) -> Any:
    """The input as floats, complex where a transform starts from complex numbers."""
    if input.dtype.category < 2:
        input = input.to(dtypes.get_default_dtype())
    return input.to(input.dtype.to_complex()) if wants_complex and not input.is_complex() else input


def _real(input: Any, name: str) -> Any:
    if input.is_complex():
        raise RuntimeError(f"{name} expects a real input tensor, but got {input.dtype.type_name}")
    return _floats(input, False)


def _fit(x: Any, sizes: list, axes: list) -> Any:
    """`x` cut or filled up with zeros to `sizes` (-1: as it is) along `axes`."""
    widths = [0] * (2 * x.ndim)
    for n, axis in zip(sizes, axes, strict=True):
        if n == -1:
            continue
        if n < 1:
            raise RuntimeError(f"Invalid number of data points ({n}) specified")
        more = n - x.shape[axis]
        if more < 0:
            x = x.narrow(axis, 0, n)
        else:
            widths[2 * (x.ndim - 1 - axis) + 1] = more
    return constant_pad_nd(x, tuple(widths)) if any(widths) else x


def _axes(input: Any, s: Sizes, dim: Any) -> tuple[list, list]:
    """Sizes (-1: as it is) and axes that the arguments of an n-dimensional transform mean."""
    if dim is not None:
        dims = all_or(dim, input.ndim)
        axes = [dim_of(d, input.ndim) for d in dims]
        if len(set(axes)) != len(axes):
            raise RuntimeError(f"FFT dims must be unique; they are {tuple(dims)}")
        if s is not None and len(s) != len(axes):
            raise RuntimeError(
                "When given, dim and shape arguments must have the same length; they are "
                f"{tuple(dims)} and {tuple(s)}"
            )
    elif s is not None:
        if len(s) > input.ndim:
            raise RuntimeError(
                f"Got shape with {len(s)} values but input tensor only has {input.ndim} dimensions."
            )
        axes = list(range(input.ndim - len(s), input.ndim))
    else:
        axes = list(range(input.ndim))
    return ([-1] * len(axes) if s is None else list(s)), axes


def _points(x: Any, axes: list) -> int:
    made = prod(x.shape[axis] for axis in axes)
    if made < 1:
        raise RuntimeError(f"Invalid number of data points ({made}) specified")
    return made


def _complex(input: Any, sizes: list, axes: list, norm: str | None, forward: bool) -> Any:
    real = not input.is_complex()
    x = _fit(_floats(input, not forward), sizes, axes)
    if not axes:
        return x
    scale = scale_of(_points(x, axes), norm, forward)
    if real and forward:
        return fft_r2c(x, tuple(axes), scale, False)
    return fft_c2c(x, tuple(axes), scale, forward)


def _need_axes(axes: list, name: str) -> None:
    if not axes:
        raise RuntimeError(f"{name} must transform at least one axis")


def _half(input: Any, sizes: list, axes: list, norm: str | None, name: str) -> Any:
    x = _fit(_real(input, name), sizes, axes)
    _need_axes(axes, name)
    return fft_r2c(x, tuple(axes), scale_of(_points(x, axes), norm, True), True)


def _whole(input: Any, sizes: list, axes: list, norm: str | None, name: str) -> Any:
    x = _floats(input, True)
    _need_axes(axes, name)
    last = sizes[-1] if sizes[-1] != -1 else 2 * (x.shape[axes[-1]] - 1)
    if last < 1:
        raise RuntimeError(f"Invalid number of data points ({last}) specified")
    x = _fit(x, [*sizes[:-1], last // 2 + 1], axes)
    count = last * (_points(x, axes[:-1]) if len(axes) > 1 else 1)
    return fft_c2r(x, tuple(axes), scale_of(count, norm, False), last)


def _one(n: int | None, dim: int, input: Any) -> tuple[list, list]:
    return [-1 if n is None else n], [dim_of(dim, input.ndim)]


@filling
def fft_fft(input: Any, n: int | None = None, dim: int = -1, norm: str | None = None) -> Any:
    """Discrete Fourier transform along `dim`.

    Args:
        input: real or complex, any shape.
        n: length to cut or fill up with zeros to.
        dim: the dimension transformed.
        norm: "backward" (no factor, the default), "ortho" (1/sqrt(n)) or "forward" (1/n).
    """
    return _complex(input, *_one(n, dim, input), norm, True)


@filling
def fft_ifft(input: Any, n: int | None = None, dim: int = -1, norm: str | None = None) -> Any:
    """Inverse of `fft`."""
    sizes, axes = _one(n, dim, input)
    if input.is_complex():
        return _complex(input, sizes, axes, norm, False)
    x = _fit(_floats(input, False), sizes, axes)
    # of real numbers: the conjugate of the forward one
    return fft_r2c(x, tuple(axes), scale_of(_points(x, axes), norm, False), False).conj()


@filling
def fft_rfft(input: Any, n: int | None = None, dim: int = -1, norm: str | None = None) -> Any:
    """The half of `fft` that says all about real numbers: n // 2 + 1 frequencies."""
    return _half(input, *_one(n, dim, input), norm, "rfft")


@filling
def fft_irfft(input: Any, n: int | None = None, dim: int = -1, norm: str | None = None) -> Any:
    """Inverse of `rfft`; `n` real numbers, by default an even count."""
    return _whole(input, *_one(n, dim, input), norm, "irfft")


def _several(name: str, says: str, of_two: str, transform: Any):
    """The forms over some dimensions, all by default, and over two; `transform(input, sizes, axes,
    norm, name)` is what both do."""

    def over_some(input: Any, s: Sizes = None, dim: Any = None, norm: str | None = None) -> Any:
        return transform(input, *_axes(input, s, dim), norm, f"{name}n")

    def over_two(input: Any, s: Sizes = None, dim: Any = (-2, -1), norm: str | None = None) -> Any:
        return transform(input, *_axes(input, s, dim), norm, f"{name}2")

    return (
        filling(named(over_some, f"fft_{name}n", says)),
        filling(named(over_two, f"fft_{name}2", of_two)),
    )


fft_fftn, fft_fft2 = _several(
    "fft",
    "Discrete Fourier transform over several dimensions, all by default.",
    "Discrete Fourier transform over two dimensions.",
    lambda input, sizes, axes, norm, _: _complex(input, sizes, axes, norm, True),
)
fft_ifftn, fft_ifft2 = _several(
    "ifft",
    "Inverse of `fftn`.",
    "Inverse of `fft2`.",
    lambda input, sizes, axes, norm, _: _complex(input, sizes, axes, norm, False),
)
fft_rfftn, fft_rfft2 = _several(
    "rfft",
    "`fftn` of real numbers, half of it along the last dimension.",
    "`fft2` of real numbers, half of it along the last dimension.",
    _half,
)
fft_irfftn, fft_irfft2 = _several("irfft", "Inverse of `rfftn`.", "Inverse of `rfft2`.", _whole)


_OTHER = {None: "forward", "backward": "forward", "forward": "backward", "ortho": "ortho"}


def _opposite(norm: str | None) -> str:
    """The mode in which the inverse transform has the factor of the forward one."""
    if norm not in _OTHER:
        scale_of(1, norm, True)
    return _OTHER[norm]


@filling
def fft_hfft(input: Any, n: int | None = None, dim: int = -1, norm: str | None = None) -> Any:
    """Forward transform, real, of a signal given by its half (the other half is its conjugate)."""
    x = _floats(input, True).conj()
    return _whole(x, *_one(n, dim, input), _opposite(norm), "hfft")


@filling
def fft_ihfft(input: Any, n: int | None = None, dim: int = -1, norm: str | None = None) -> Any:
    """Inverse of `hfft`."""
    return _half(input, *_one(n, dim, input), _opposite(norm), "ihfft").conj()


def _conjugate_half(input: Any, sizes: list, axes: list, norm: str) -> Any:
    """The conjugate of the half spectrum over the last axis, inverse over the others."""
    x = _fit(_real(input, "ihfftn"), sizes, axes)
    _need_axes(axes, "ihfftn")
    half = fft_r2c(x, (axes[-1],), scale_of(_points(x, axes), norm, True), True).conj()
    return fft_c2c(half, tuple(axes[:-1]), 1.0, False) if len(axes) > 1 else half


fft_hfftn, fft_hfft2 = _several(
    "hfft",
    "`hfft` over the last of several dimensions, after `fftn` over the others.",
    "`hfftn` over two dimensions.",
    lambda input, sizes, axes, norm, _: _whole(
        _floats(input, True).conj(), sizes, axes, _opposite(norm), "hfftn"
    ),
)
fft_ihfftn, fft_ihfft2 = _several(
    "ihfft",
    "Inverse of `hfftn`.",
    "Inverse of `hfft2`.",
    lambda input, sizes, axes, norm, _: _conjugate_half(input, sizes, axes, _opposite(norm)),
)


@composite
def fft_fftshift(input: Any, dim: Any = None) -> Any:
    """The zero frequency moved to the middle."""
    return _shifted(input, dim, 0)


@composite
def fft_ifftshift(input: Any, dim: Any = None) -> Any:
    """Inverse of `fftshift`."""
    return _shifted(input, dim, 1)


def _shifted(input: Any, dim: Any, more: int) -> Any:
    """`input` rolled by half of its sizes, odd ones rounded up where `more` is 1."""
    axes = all_or(dim, input.ndim)
    return input.roll([(input.shape[a] + more) // 2 for a in axes], axes)
