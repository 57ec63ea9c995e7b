"""DataParallel, which wraps a model so that programs written for several GPUs run."""

from collections.abc import Sequence
from typing import Any

from ..._core.devices import device, virtual_count
from ..._tensor import Tensor
from ..modules.module import Module


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
        self,
        module: Module,
        device_ids: Sequence[Any] | None = None,
        output_device: Any = None,
        dim: int = 0,
    ) -> None:
        super().__init__()
        self.dim = dim
        self.module = module
        self.device_ids: list[Any] = []
        given = list(range(virtual_count())) if device_ids is None else list(device_ids)
        if not given or virtual_count() == 0:
            return
        places = [_place(each) for each in given]
        self.device_ids = [place.index for place in places]
        self.output_device = (
            places[0].index if output_device is None else _place(output_device).index
        )
        self.src_device_obj = places[0]
        self.module.to(places[0])

    def forward(self, *inputs: Any, **kwargs: Any) -> Any:
        if not self.device_ids:
            return self.module(*inputs, **kwargs)
        first = self.src_device_obj
        inputs = tuple(_moved(value, first) for value in inputs)
        kwargs = {name: _moved(value, first) for name, value in kwargs.items()}
        made = self.module(*inputs, **kwargs)
        return _moved(made, device("cuda", self.output_device))


def data_parallel(
    module: Module,
    inputs: Any,
    device_ids: Sequence[Any] | None = None,
    output_device: Any = None,
    dim: int = 0,
    module_kwargs: dict | None = None,
) -> Any:
    """One call of `DataParallel(module, ...)`."""
    inputs = inputs if isinstance(inputs, tuple) else (inputs,)
    return DataParallel(module, device_ids, output_device, dim)(*inputs, **(module_kwargs or {}))


def _place(target: Any) -> device:
    return device("cuda", target) if isinstance(target, int) else device(target)


def _moved(value: Any, place: device) -> Any:
    """Every tensor in a nest of tuples, lists and dicts on one device."""
    if isinstance(value, Tensor):
        return value.to(place)
    if isinstance(value, dict):
        return type(value)((k, _moved(v, place)) for k, v in value.items())
    if isinstance(value, (tuple, list)):
        items = [_moved(v, place) for v in value]
        return type(value)._make(items) if hasattr(value, "_make") else type(value)(items)  # type: ignore[attr-defined]
    return value
