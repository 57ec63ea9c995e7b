"""Dropout in its forms; outside training each hands its input on."""

from ..._ops.dropout import check_p
from ..._tensor import Tensor
from .. import functional as F
from .module import Functional


class _DropoutNd(Functional):
    __constants__ = ["p", "inplace"]
    _repr_names = __constants__
    _options = "p training inplace"

    def __init__(self, p: float = 0.5, inplace: bool = False) -> None:
        super().__init__()
        check_p(p)
        self.p = p
        self.inplace = inplace


class Dropout(_DropoutNd):
    """Single values become 0 with probability `p`; the others are scaled by 1 / (1 - p)."""

    def forward(self, input: Tensor) -> Tensor:
        return F.dropout(input, self.p, self.training, self.inplace)


class Dropout1d(_DropoutNd):
    """Whole channels of sequences become 0."""

    _function = F.dropout1d


class Dropout2d(_DropoutNd):
    """Whole channels of images become 0."""

    _function = F.dropout2d


class Dropout3d(_DropoutNd):
    """Whole channels of volumes become 0."""

    _function = F.dropout3d


class AlphaDropout(_DropoutNd):
    """Dropout that keeps mean and variance, for use with SELU."""

    _function, _options = F.alpha_dropout, "p training"


class FeatureAlphaDropout(_DropoutNd):
    """Alpha dropout of whole channels."""

    _function, _options = F.feature_alpha_dropout, "p training"
