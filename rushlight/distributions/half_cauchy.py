"""HalfCauchy: the distance of Cauchy numbers from their median."""

import math
from typing import Any

from .cauchy import Cauchy
from .half import Half


class HalfCauchy(Half):
    """|x| for a Cauchy x of median 0 and half-width `scale`."""

    def __init__(self, scale: Any, validate_args: bool | None = None) -> None:
        super().__init__(Cauchy(0, scale, validate_args=False), validate_args)

    mean = property(lambda self: self.scale * math.inf)
    variance = property(lambda self: self.scale * math.inf)
