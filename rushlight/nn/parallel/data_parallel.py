"""DataParallel, which wraps a model so that programs written for several GPUs run."""

from collections.abc import Sequence
from typing import Any

from ..._core.devices import device, virtual_count
from ...utils.nests import mapped
from ..modules.module import Module
from .scattering import place_of


class DataParallel(Module):
    """A model behind the attribute `module`; a call moves its inputs to the first device.

    Differs: the whole batch runs on the first device instead of in parts on all.

    Args:
        module: the model.
        device_ids: GPUs, all by default; without any the model runs where it is.
        output_device: where results go, the first device by default.
        dim: the axis along which PyTorch would divide the batch.
    """

    def __init__(
        self, module: Module, device_ids: Sequence[Any] | None = None, output_device: Any = None,
        dim: int = 0,
    ) -> None:  # fmt: skip
        super().__init__()
        self.dim = dim
        self.module = module
        self.device_ids: list[Any] = []
        given = list(range(virtual_count())) if device_ids is None else list(device_ids)
        if not given or virtual_count() == 0:
            return
        places = [place_of(each) for each in given]
        self.device_ids = [place.index for place in places]
        self.output_device = (
            places[0].index if output_device is None else place_of(output_device).index
        )
        self.src_device_obj = places[0]
        self.module.to(places[0])

    def forward(self, *inputs: Any, **kwargs: Any) -> Any:
        if not self.device_ids:
            return self.module(*inputs, **kwargs)
        first = self.src_device_obj
        inputs, kwargs = mapped((inputs, kwargs), lambda x: x.to(first))
        made = self.module(*inputs, **kwargs)
        return mapped(made, lambda x: x.to(device("cuda", self.output_device)))


def data_parallel(
    module: Module, inputs: Any, device_ids: Sequence[Any] | None = None, output_device: Any = None,
    dim: int = 0, module_kwargs: dict | None = None,
) -> Any:  # fmt: skip
    """One call of `DataParallel(module, ...)`."""
    inputs = inputs if isinstance(inputs, tuple) else (inputs,)
    return DataParallel(module, device_ids, output_device, dim)(*inputs, **(module_kwargs or {}))
