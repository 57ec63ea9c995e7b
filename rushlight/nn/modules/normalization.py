"""Layer, group and root-mean-square normalisation, and local response normalisation."""

from typing import Any

from ..._tensor import Tensor
from .. import functional as F
from .. import init
from ..parameter import add_parameters
from .module import Functional, Module


class LocalResponseNorm(Functional):
    """Divides each value by a power of the energy of neighbouring channels."""

    __constants__ = ["size", "alpha", "beta", "k"]
    _repr_values, _repr_names = ("size",), ("alpha", "beta", "k")
    _function = F.local_response_norm

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> None:
        super().__init__()
        self.size = size
        self.alpha = alpha
        self.beta = beta
        self.k = k


class CrossMapLRN2d(LocalResponseNorm):
    """The same as `LocalResponseNorm`, under Torch's older name."""

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1) -> None:
        super().__init__(size, alpha, beta, k)


def _shape(normalized_shape: Any) -> tuple[int, ...]:
    return (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)


class _Affine(Functional):
    """A normalisation with a learned scale and shift."""

    def _learn(self, shape: Any, scale: bool, shift: bool, place: dict) -> None:
        made = {"weight": shape if scale else None, "bias": shape if shift else None}
        add_parameters(self, place, **made)

    def reset_parameters(self) -> None:
        """Scale 1, shift 0."""
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)


class LayerNorm(_Affine):
    """Normalises each sample over its last axes, then scales and shifts.

    Args:
        normalized_shape: the sizes of the axes normalised over (or one size).
        eps: added to the variance.
        elementwise_affine: whether a scale (and, with `bias`, a shift) is learned.
    """

    __constants__ = ["normalized_shape", "eps", "elementwise_affine"]
    _repr_values, _repr_names = ("normalized_shape",), ("eps", "elementwise_affine", "bias")
    _function, _options = F.layer_norm, "normalized_shape weight bias eps"

    def __init__(
        self, normalized_shape: Any, eps: float = 1e-5, elementwise_affine: bool = True,
        bias: bool = True, device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self.normalized_shape = _shape(normalized_shape)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        place = {"device": device, "dtype": dtype}
        shift = elementwise_affine and bias
        self._learn(self.normalized_shape, elementwise_affine, shift, place)
        self.reset_parameters()


class GroupNorm(_Affine):
    """Normalises groups of channels of each sample, then scales and shifts each channel."""

    __constants__ = ["num_groups", "num_channels", "eps", "affine"]
    _repr_values, _repr_names = ("num_groups", "num_channels"), ("eps", "affine", "bias")
    _function, _options = F.group_norm, "num_groups weight bias eps"

    def __init__(
        self, num_groups: int, num_channels: int, eps: float = 1e-5, affine: bool = True,
        device: Any = None, dtype: Any = None, *, bias: bool = True,
    ) -> None:  # fmt: skip
        super().__init__()
        if num_channels % num_groups:
            raise ValueError(
                f"num_channels ({num_channels}) must be divisible by num_groups ({num_groups})"
            )
        self.num_groups = num_groups
        self.num_channels = num_channels
        self.eps = eps
        self.affine = affine
        place = {"device": device, "dtype": dtype}
        self._learn(num_channels, affine, affine and bias, place)
        self.reset_parameters()


class RMSNorm(Module):
    """Divides each sample by its root mean square over the last axes, then scales."""

    __constants__ = ["normalized_shape", "eps", "elementwise_affine"]
    _repr_values, _repr_names = ("normalized_shape",), ("eps", "elementwise_affine")

    def __init__(
        self, normalized_shape: Any, eps: float | None = None, elementwise_affine: bool = True,
        device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self.normalized_shape = _shape(normalized_shape)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        shape = self.normalized_shape if elementwise_affine else None
        add_parameters(self, {"device": device, "dtype": dtype}, weight=shape)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Scale 1."""
        if self.elementwise_affine:
            init.ones_(self.weight)

    def forward(self, x: Tensor) -> Tensor:
        return F.rms_norm(x, self.normalized_shape, self.weight, self.eps)
