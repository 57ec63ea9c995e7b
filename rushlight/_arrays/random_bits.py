"""The random word: raw bits from a stream, in the order PyTorch draws them."""

from typing import Any

import numpy as np


def bits(shape: tuple, width: int, stream: Any) -> np.ndarray:
    """Unsigned words of `width` bits (32 or 64) shaped `shape`, drawn from a generator."""
    n = int(np.prod(shape))
    drawn = stream.words32(n) if width == 32 else stream.words64(n)
    return drawn.reshape(shape)
