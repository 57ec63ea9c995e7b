"""torch.fft: discrete Fourier transforms."""

from typing import Any

from .._core.names import lazily
from .._creation import arange
from .._ops import transforms as _ops

fft, fft2, fftn = _ops.fft_fft, _ops.fft_fft2, _ops.fft_fftn
ifft, ifft2, ifftn = _ops.fft_ifft, _ops.fft_ifft2, _ops.fft_ifftn
rfft, rfft2, rfftn = _ops.fft_rfft, _ops.fft_rfft2, _ops.fft_rfftn
irfft, irfft2, irfftn = _ops.fft_irfft, _ops.fft_irfft2, _ops.fft_irfftn
hfft, hfft2, hfftn = _ops.fft_hfft, _ops.fft_hfft2, _ops.fft_hfftn
ihfft, ihfft2, ihfftn = _ops.fft_ihfft, _ops.fft_ihfft2, _ops.fft_ihfftn
fftshift, ifftshift = _ops.fft_fftshift, _ops.fft_ifftshift


def fftfreq(n: int, d: float = 1.0, **options: Any) -> Any:
    """The frequencies of `fft`: 0, 1, ... up to the middle, then the negative ones, over n d."""
    dtype = options.pop("dtype", None)
    made = arange(n, **options)
    made = (made + n // 2) % n - n // 2
    return _over(made, n * d, dtype)


def rfftfreq(n: int, d: float = 1.0, **options: Any) -> Any:
    """The frequencies of `rfft`: 0, 1, ... n // 2, over n d."""
    dtype = options.pop("dtype", None)
    return _over(arange(n // 2 + 1, **options), n * d, dtype)


def _over(places: Any, span: float, dtype: Any) -> Any:
    return places / span if dtype is None else places.to(dtype) / span


__getattr__ = lazily(__name__)
