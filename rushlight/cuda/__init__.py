"""`torch.cuda`: what GPUs there are. Virtual ones (RUSHLIGHT_VIRTUAL_CUDA=N) are host memory."""

from typing import Any

from .._core import devices
from .._core.names import lazily
from . import amp as amp
from ._checks import index_of, require
from .memory import (
    empty_cache,
    max_memory_allocated,
    max_memory_reserved,
    mem_get_info,
    memory_allocated,
    memory_reserved,
    memory_stats,
    memory_summary,
    reset_max_memory_allocated,
    reset_peak_memory_stats,
)
from .properties import (
    can_device_access_peer,
    get_arch_list,
    get_device_capability,
    get_device_name,
    get_device_properties,
    is_bf16_supported,
    is_tf32_supported,
)
from .random import (
    get_rng_state,
    get_rng_state_all,
    initial_seed,
    manual_seed,
    manual_seed_all,
    seed,
    seed_all,
    set_rng_state,
    set_rng_state_all,
)
from .streams import (
    Event,
    Stream,
    StreamContext,
    current_stream,
    default_stream,
    is_current_stream_capturing,
    set_stream,
    stream,
    synchronize,
)

OutOfMemoryError = type("OutOfMemoryError", (RuntimeError,), {"__module__": "torch"})
__getattr__ = lazily(__name__)


def is_available() -> bool:
    """Whether there is a GPU, real or virtual, that tensors can be moved to."""
    return device_count() > 0


def device_count() -> int:
    """How many GPUs there are."""
    return devices.virtual_count()


def current_device() -> int:
    """The number of the GPU that `cuda` without a number means."""
    require()
    return devices.current_index()


def set_device(device: Any) -> None:
    """Makes a GPU the one that `cuda` without a number means; a negative number changes nothing."""
    if not isinstance(device, int) or device >= 0:
        devices.set_current_index(index_of(device))


def is_initialized() -> bool:
    """Whether a GPU can be used without further preparation."""
    return is_available()


def init() -> None:
    """Prepares the GPUs; virtual ones need nothing."""
    require()


def ipc_collect() -> None:
    """Frees memory that other processes have given back; virtual GPUs share none."""
    require()


class device:
    """A context in which `cuda` without a number means the given GPU; `None` or -1: no change."""

    def __init__(self, device: Any) -> None:
        nothing = device is None or (isinstance(device, int) and device < 0)
        self.idx = -1 if nothing else index_of(device)
        self.prev_idx = -1

    def __enter__(self) -> None:
        if self.idx >= 0:
            self.prev_idx = devices.current_index()
            devices.set_current_index(self.idx)

    def __exit__(self, *_: Any) -> None:
        if self.idx >= 0:
            devices.set_current_index(self.prev_idx)


class device_of(device):
    """A context in which `cuda` means the GPU of a tensor; a tensor elsewhere changes nothing."""

    def __init__(self, obj: Any) -> None:
        super().__init__(obj.get_device() if obj.is_cuda else -1)
