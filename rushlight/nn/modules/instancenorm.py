"""Instance normalisation."""

import warnings
from typing import Any

from ..._tensor import Tensor
from .. import functional as F
from .batchnorm import _LazyNormBase, _NormBase


class _InstanceNorm(_NormBase):
    _axes: int

    def __init__(
        self, num_features: int, eps: float = 1e-5, momentum: float = 0.1, affine: bool = False,
        track_running_stats: bool = False, device: Any = None, dtype: Any = None, *,
        bias: bool = True,
    ) -> None:  # fmt: skip
        super().__init__(
            num_features, eps, momentum, affine, track_running_stats, device, dtype, bias=bias
        )

    def _load_from_state_dict(
        self, state_dict: Any, prefix: str, local_metadata: dict, *report: Any
    ) -> None:
        names = [prefix + name for name in ("running_mean", "running_var")]
        found = [key for key in names if key in state_dict]
        if local_metadata.get("version") is None and not self.track_running_stats and found:
            kind = type(self).__name__
            quoted = " and ".join(f'"{key}"' for key in found)
            *_, errors = report
            errors.append(
                f"Unexpected running stats buffer(s) {quoted} for {kind} with "
                "track_running_stats=False. If state_dict is a checkpoint saved before 0.4.0, this "
                f"may be expected because {kind} does not track running stats by default since "
                "0.4.0. Please remove these keys from state_dict. If the running stats are "
                f"actually needed, instead set track_running_stats=True in {kind} to enable them. "
                f"See the documentation of {kind} for details."
            )
            for key in found:
                state_dict.pop(key)
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *report)

    def forward(self, input: Tensor) -> Tensor:
        self._check_input_dim(input)
        axis = input.dim() - self._axes - 1
        if input.shape[axis] != self.num_features:
            self._explain_features(input, axis)
        if axis == 0:
            return self._normalise(input.unsqueeze(0)).squeeze(0)
        return self._normalise(input)

    def _explain_features(self, input: Tensor, axis: int) -> None:
        if self.affine:
            raise ValueError(
                f"expected input's size at dim={axis} to match num_features "
                f"({self.num_features}), but got: {input.shape[axis]}."
            )
        warnings.warn(
            f"input's size at dim={axis} does not match num_features. You can silence this warning "
            "by not passing in num_features, which is not used because affine=False",
            stacklevel=4,
        )

    def _normalise(self, input: Tensor) -> Tensor:
        learned = (self.running_mean, self.running_var, self.weight, self.bias)
        by_input = self.training or not self.track_running_stats
        momentum = 0.0 if self.momentum is None else self.momentum
        return F.instance_norm(input, *learned, by_input, momentum, self.eps)


class InstanceNorm1d(_InstanceNorm):
    """Normalises each channel of each sequence by itself.

    Args as of `BatchNorm1d`; neither scale nor running statistics unless asked for.
    """

    _axes, _dims = 1, (2, 3)


class InstanceNorm2d(_InstanceNorm):
    """Normalises each channel of each image by itself. As `InstanceNorm1d`."""

    _axes, _dims = 2, (3, 4)


class InstanceNorm3d(_InstanceNorm):
    """Normalises each channel of each volume by itself. As `InstanceNorm1d`."""

    _axes, _dims = 3, (4, 5)


class LazyInstanceNorm1d(_LazyNormBase, _InstanceNorm):
    """An `InstanceNorm1d` that learns `num_features` from its first input."""

    cls_to_become, _axes, _dims = InstanceNorm1d, 1, (2, 3)


class LazyInstanceNorm2d(_LazyNormBase, _InstanceNorm):
    """An `InstanceNorm2d` that learns `num_features` from its first input."""

    cls_to_become, _axes, _dims = InstanceNorm2d, 2, (3, 4)


class LazyInstanceNorm3d(_LazyNormBase, _InstanceNorm):
    """An `InstanceNorm3d` that learns `num_features` from its first input."""

    cls_to_become, _axes, _dims = InstanceNorm3d, 3, (4, 5)
