"""Batch normalisation."""

from typing import Any

from ..._core.dtypes import int64
from ..._creation import ones, tensor, zeros
from ..._tensor import Tensor
from .. import functional as F
from ..parameter import UninitializedBuffer
from .lazy import Lazy
from .module import Module
from .normalization import _Affine


class _NormBase(_Affine):
    """What batch and instance normalisation share: scale, shift and running statistics."""

    _version = 2  # since 2, `num_batches_tracked` is in the state dictionary
    __constants__ = ["track_running_stats", "momentum", "eps", "num_features", "affine"]
    _repr_values = ("num_features",)
    _repr_names = ("eps", "momentum", "affine", "bias", "track_running_stats")
    _dims: tuple[int, ...] = ()

    def __init__(
        self, num_features: int, eps: float = 1e-5, momentum: float | None = 0.1,
        affine: bool = True, track_running_stats: bool = True, device: Any = None,
        dtype: Any = None, *, bias: bool = True,
    ) -> None:  # fmt: skip
        super().__init__()
        self.num_features = num_features
        self.eps = eps
        self.momentum = momentum
        self.affine = affine
        self.track_running_stats = track_running_stats
        place = {"device": device, "dtype": dtype}
        self._learn(num_features, affine, affine and bias, place)
        if track_running_stats:
            self.register_buffer("running_mean", zeros(num_features, **place))
            self.register_buffer("running_var", ones(num_features, **place))
            self.register_buffer("num_batches_tracked", tensor(0, dtype=int64, device=device))
        else:
            for name in ("running_mean", "running_var", "num_batches_tracked"):
                self.register_buffer(name, None)
        self.reset_parameters()

    def reset_running_stats(self) -> None:
        """Forget the statistics: mean 0, variance 1, no batches."""
        if self.track_running_stats:
            self.running_mean.zero_()
            self.running_var.fill_(1)
            self.num_batches_tracked.zero_()

    def reset_parameters(self) -> None:
        """Scale 1, shift 0, and no statistics."""
        self.reset_running_stats()
        super().reset_parameters()

    def _check_input_dim(self, input: Tensor) -> None:
        if input.dim() not in self._dims:
            names = " or ".join(f"{n}D" for n in self._dims)
            raise ValueError(f"expected {names} input (got {input.dim()}D input)")

    def _load_from_state_dict(
        self, state_dict: Any, prefix: str, local_metadata: dict, *report: Any
    ) -> None:
        version = local_metadata.get("version")
        key = prefix + "num_batches_tracked"
        if (version is None or version < 2) and self.track_running_stats and key not in state_dict:
            own = self.num_batches_tracked
            fresh = own is None or own.is_meta
            state_dict[key] = tensor(0, dtype=int64) if fresh else own
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *report)


class _BatchNorm(_NormBase):
    def forward(self, input: Tensor) -> Tensor:
        self._check_input_dim(input)
        factor: Any = 0.0 if self.momentum is None else self.momentum
        if self.training and self.track_running_stats and self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)
            if self.momentum is None:  # a plain average over all batches so far
                factor = 1.0 / self.num_batches_tracked.double()
        mean, var = self.running_mean, self.running_var
        by_batch = self.training or (mean is None and var is None)
        if self.training and not self.track_running_stats:
            mean = var = None
        return F.batch_norm(input, mean, var, self.weight, self.bias, by_batch, factor, self.eps)


class BatchNorm1d(_BatchNorm):
    """Normalises each feature over the batch (and over positions, for 3D input).

    Args:
        num_features: size of the second axis.
        eps: added to the variance.
        momentum: weight of a new batch in the running statistics; None for a plain average.
        affine: whether a scale and a shift are learned.
        track_running_stats: whether statistics are kept for evaluation.
    """

    _dims = (2, 3)


class BatchNorm2d(_BatchNorm):
    """Normalises each channel of images over the batch and all places. As `BatchNorm1d`."""

    _dims = (4,)


class BatchNorm3d(_BatchNorm):
    """Normalises each channel of volumes over the batch and all places. As `BatchNorm1d`."""

    _dims = (5,)


class _LazyNormBase(Lazy, _NormBase):
    _learned = "num_features"

    def __init__(
        self, eps: float = 1e-5, momentum: float | None = 0.1, affine: bool = True,
        track_running_stats: bool = True, device: Any = None, dtype: Any = None, *,
        bias: bool = True,
    ) -> None:  # fmt: skip
        place = {"device": device, "dtype": dtype}
        super().__init__(0, eps, momentum, False, False, **place, bias=False)
        self.affine = affine
        self.track_running_stats = track_running_stats
        self._wait(affine, affine and bias, place)
        if track_running_stats:
            self.running_mean = UninitializedBuffer(**place)
            self.running_var = UninitializedBuffer(**place)
            self.num_batches_tracked = tensor(0, dtype=int64, device=device)

    def initialize_parameters(self, input: Tensor) -> None:
        """Take `num_features` from the input."""
        if self.num_features == 0:  # also where a state dictionary gave the shapes
            self.num_features = input.shape[1]
        if not self.has_uninitialized_params():
            return
        shape = (self.num_features,)
        if self.track_running_stats:
            self.running_mean.materialize(shape)
            self.running_var.materialize(shape)
        self._materialize(shape, shape)


class LazyBatchNorm1d(_LazyNormBase, _BatchNorm):
    """A `BatchNorm1d` that learns `num_features` from its first input."""

    cls_to_become = BatchNorm1d
    _dims = (2, 3)


class LazyBatchNorm2d(_LazyNormBase, _BatchNorm):
    """A `BatchNorm2d` that learns `num_features` from its first input."""

    cls_to_become = BatchNorm2d
    _dims = (4,)


class LazyBatchNorm3d(_LazyNormBase, _BatchNorm):
    """A `BatchNorm3d` that learns `num_features` from its first input."""

    cls_to_become = BatchNorm3d
    _dims = (5,)


class SyncBatchNorm(_BatchNorm):
    """Batch normalisation whose statistics span all processes of a group.

    Differs: Rushlight trains in one process, where this is `BatchNorm` for any number of axes.
    """

    def __init__(
        self, num_features: int, eps: float = 1e-5, momentum: float | None = 0.1,
        affine: bool = True, track_running_stats: bool = True, process_group: Any = None,
        device: Any = None, dtype: Any = None, *, bias: bool = True,
    ) -> None:  # fmt: skip
        super().__init__(
            num_features, eps, momentum, affine, track_running_stats, device, dtype, bias=bias
        )
        self.process_group = process_group

    def _check_input_dim(self, input: Tensor) -> None:
        if input.dim() < 2:
            raise ValueError(f"expected at least 2D input (got {input.dim()}D input)")
        if input.shape[1] == 0:
            raise ValueError("SyncBatchNorm number of input channels should be non-zero")

    @classmethod
    def convert_sync_batchnorm(cls, module: Module, process_group: Any = None) -> Module:
        """The model with every batch normalisation made a SyncBatchNorm."""
        made = module
        if isinstance(module, _BatchNorm):
            facts = (module.num_features, module.eps, module.momentum, module.affine)
            others = (module.track_running_stats, process_group)
            made = SyncBatchNorm(*facts, *others, bias=module.bias is not None)
            made.__dict__["_parameters"].update(module._parameters)
            made.__dict__["_buffers"].update(module._buffers)
            made.training = module.training
        for name, child in module.named_children():
            made.add_module(name, cls.convert_sync_batchnorm(child, process_group))
        return made
