"""torch.fft: discrete Fourier transforms."""

from typing import Any

from .._core.names import lazily
from .._creation import arange
from .._ops.transforms import fft_fft as fft
from .._ops.transforms import fft_fft2 as fft2
from .._ops.transforms import fft_fftn as fftn
from .._ops.transforms import fft_fftshift as fftshift
from .._ops.transforms import fft_hfft as hfft
from .._ops.transforms import fft_hfft2 as hfft2
from .._ops.transforms import fft_hfftn as hfftn
from .._ops.transforms import fft_ifft as ifft
from .._ops.transforms import fft_ifft2 as ifft2
from .._ops.transforms import fft_ifftn as ifftn
from .._ops.transforms import fft_ifftshift as ifftshift
from .._ops.transforms import fft_ihfft as ihfft
from .._ops.transforms import fft_ihfft2 as ihfft2
from .._ops.transforms import fft_ihfftn as ihfftn
from .._ops.transforms import fft_irfft as irfft
from .._ops.transforms import fft_irfft2 as irfft2
from .._ops.transforms import fft_irfftn as irfftn
from .._ops.transforms import fft_rfft as rfft
from .._ops.transforms import fft_rfft2 as rfft2
from .._ops.transforms import fft_rfftn as rfftn


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
