"""torch.fft: discrete Fourier transforms."""

from typing import Any

from .._core.names import lazily
from .._creation import arange
from .._ops.transforms import (
    fft,
    fft2,
    fftn,
    fftshift,
    hfft,
    hfft2,
    hfftn,
    ifft,
    ifft2,
    ifftn,
    ifftshift,
    ihfft,
    ihfft2,
    ihfftn,
    irfft,
    irfft2,
    irfftn,
    rfft,
    rfft2,
    rfftn,
)


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
