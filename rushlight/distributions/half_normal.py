"""HalfNormal: the distance of normal numbers from their mean."""

import math
from typing import Any

from .half import Half
from .normal import Normal


class HalfNormal(Half):
    """|x| for a normal x of mean 0 and deviation `scale`."""

    def __init__(self, scale: Any, validate_args: bool | None = None) -> None:
        super().__init__(Normal(0, scale, validate_args=False), validate_args)

    mean = property(lambda self: self.scale * math.sqrt(2 / math.pi))
    variance = property(lambda self: self.scale.pow(2) * (1 - 2 / math.pi))
