"""Activation functions as layers."""

import warnings
from typing import Any

from ..._creation import full
from ..._tensor import Tensor
from .. import functional as F
from .. import init
from ..parameter import Parameter
from .attention import MultiheadAttention as MultiheadAttention
from .module import Functional, Module


class _Switch(Functional):
    """An activation with the option to write into its input."""

    __constants__ = ["inplace"]

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace

    def extra_repr(self) -> str:
        options = super().extra_repr()
        if not self.inplace:
            return options
        return f"{options}, inplace=True" if options else "inplace=True"


class ReLU(_Switch):
    """max(0, x)."""

    _function = F.relu


class SELU(_Switch):
    """The exponential unit that keeps mean 0 and variance 1 (Klambauer and others, 2017)."""

    _function = F.selu


class SiLU(_Switch):
    """x * sigmoid(x), also called swish."""

    _function = F.silu


class Mish(_Switch):
    """x * tanh(softplus(x))."""

    _function = F.mish


class Hardswish(_Switch):
    """x * relu6(x + 3) / 6."""

    _function = F.hardswish

    def extra_repr(self) -> str:
        return ""


class Hardsigmoid(_Switch):
    """relu6(x + 3) / 6."""

    _function = F.hardsigmoid

    def extra_repr(self) -> str:
        return ""


class Hardtanh(_Switch):
    """x held between `min_val` and `max_val`."""

    __constants__ = ["min_val", "max_val", "inplace"]
    _repr_names = ("min_val", "max_val")
    _function = F.hardtanh

    def __init__(
        self, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False,
        min_value: float | None = None, max_value: float | None = None,
    ) -> None:  # fmt: skip
        super().__init__(inplace)
        for name, value in (("min_val", min_value), ("max_val", max_value)):
            if value is not None:
                warnings.warn(
                    f"keyword argument `{name}ue` is deprecated and renamed to `{name}`",
                    FutureWarning, stacklevel=2,
                )  # fmt: skip
        self.min_val = min_val if min_value is None else min_value
        self.max_val = max_val if max_value is None else max_value
        if self.max_val <= self.min_val:
            raise AssertionError(
                f"max_val ({self.max_val}) must be greater than min_val ({self.min_val})"
            )


class ReLU6(Hardtanh):
    """min(max(0, x), 6)."""

    _repr_names = ()

    def __init__(self, inplace: bool = False) -> None:
        super().__init__(0.0, 6.0, inplace)


class Threshold(_Switch):
    """x where it is above `threshold`, else `value`."""

    __constants__ = ["threshold", "value", "inplace"]
    _repr_names = ("threshold", "value")
    _function = F.threshold

    def __init__(self, threshold: float, value: float, inplace: bool = False) -> None:
        super().__init__(inplace)
        self.threshold = threshold
        self.value = value


class RReLU(_Switch):
    """A leaky relu whose slope is drawn anew in training."""

    __constants__ = ["lower", "upper", "inplace"]
    _repr_names = ("lower", "upper")
    _function, _options = F.rrelu, "lower upper training inplace"

    def __init__(
        self, lower: float = 1.0 / 8, upper: float = 1.0 / 3, inplace: bool = False
    ) -> None:
        super().__init__(inplace)
        self.lower = lower
        self.upper = upper


class _Alpha(_Switch):
    __constants__ = ["alpha", "inplace"]
    _repr_names = ("alpha",)

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__(inplace)
        self.alpha = alpha


class ELU(_Alpha):
    """x above 0, alpha (exp(x) - 1) below."""

    _function = F.elu


class CELU(_Alpha):
    """x above 0, alpha (exp(x / alpha) - 1) below: smooth for every alpha."""

    _function = F.celu


class LeakyReLU(_Switch):
    """x above 0, negative_slope * x below."""

    __constants__ = ["inplace", "negative_slope"]
    _repr_names = ("negative_slope",)
    _function, _options = F.leaky_relu, "negative_slope inplace"

    def __init__(self, negative_slope: float = 1e-2, inplace: bool = False) -> None:
        super().__init__(inplace)
        self.negative_slope = negative_slope


class PReLU(Functional):
    """A leaky relu that learns its slope, one for all or one a channel."""

    __constants__ = ["num_parameters"]
    _repr_names = __constants__
    _function, _options = F.prelu, "weight"

    def __init__(
        self, num_parameters: int = 1, init: float = 0.25, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__()
        self.num_parameters = num_parameters
        self.init = init
        self.weight = Parameter(full((num_parameters,), init, device=device, dtype=dtype))

    def reset_parameters(self) -> None:
        """The slope it began with."""
        init.constant_(self.weight, self.init)


class Sigmoid(Functional):
    """1 / (1 + exp(-x))."""

    _function = F.sigmoid


class Tanh(Functional):
    """The hyperbolic tangent."""

    _function = F.tanh


class LogSigmoid(Functional):
    """log(sigmoid(x))."""

    _function = F.logsigmoid


class Softsign(Functional):
    """x / (1 + |x|)."""

    _function = F.softsign


class Tanhshrink(Functional):
    """x - tanh(x)."""

    _function = F.tanhshrink


class GELU(Functional):
    """x times the probability that a normal draw is below x; `approximate` may be "tanh"."""

    __constants__ = ["approximate"]
    _function = F.gelu

    def __init__(self, approximate: str = "none") -> None:
        super().__init__()
        self.approximate = approximate

    def extra_repr(self) -> str:
        return f"approximate={self.approximate!r}"


class GLU(Functional):
    """The first half of an axis times the sigmoid of the second."""

    __constants__ = ["dim"]
    _repr_names = __constants__
    _function = F.glu

    def __init__(self, dim: int = -1) -> None:
        super().__init__()
        self.dim = dim


class _Shrink(Functional):
    __constants__ = ["lambd"]
    _repr_values = __constants__

    def __init__(self, lambd: float = 0.5) -> None:
        super().__init__()
        self.lambd = lambd


class Hardshrink(_Shrink):
    """x, but 0 where |x| <= lambd."""

    _function = F.hardshrink


class Softshrink(_Shrink):
    """x moved by lambd towards 0, and 0 where |x| <= lambd."""

    _function = F.softshrink


class Softplus(Functional):
    """log(1 + exp(beta x)) / beta, and x itself where beta x > threshold."""

    __constants__ = ["beta", "threshold"]
    _repr_names = __constants__
    _function = F.softplus

    def __init__(self, beta: float = 1.0, threshold: float = 20.0) -> None:
        super().__init__()
        self.beta = beta
        self.threshold = threshold


class _OverAxis(Functional):
    __constants__ = ["dim"]
    _repr_names = __constants__
    _options, _stacklevel = "dim _stacklevel", 5

    def __init__(self, dim: int | None = None) -> None:
        super().__init__()
        self.dim = dim


class Softmax(_OverAxis):
    """exp(x) / sum(exp(x)) over one axis."""

    _function = F.softmax


class Softmin(_OverAxis):
    """softmax(-x) over one axis."""

    _function = F.softmin


class LogSoftmax(_OverAxis):
    """log(softmax(x)) over one axis."""

    _function = F.log_softmax


class Softmax2d(Module):
    """softmax over the channels of images."""

    def forward(self, input: Tensor) -> Tensor:
        if input.dim() not in (3, 4):
            raise ValueError(
                f"Softmax2d: expected input to be 3D or 4D, got {input.dim()}D instead"
            )
        return F.softmax(input, -3, _stacklevel=5)
