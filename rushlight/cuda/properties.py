"""What is known of each GPU. A virtual one says that it is virtual and promises no hardware."""

import os
from dataclasses import dataclass
from typing import Any

from .._core import devices
from ._checks import index_of
from .memory import host_memory


@dataclass(frozen=True, repr=False)
class _CudaDeviceProperties:
    """What `get_device_properties` gives."""

    name: str
    major: int
    minor: int
    total_memory: int
    multi_processor_count: int
    is_virtual: bool = True
    is_integrated: int = 1
    is_multi_gpu_board: int = 0
    warp_size: int = 1

    def __repr__(self) -> str:
        return (
            f"_CudaDeviceProperties(name='{self.name}', major={self.major}, minor={self.minor}, "
            f"total_memory={self.total_memory // 2**20}MB, "
            f"multi_processor_count={self.multi_processor_count})"
        )


def get_device_properties(device: Any = None) -> _CudaDeviceProperties:
    """Name, capability, memory and processors of a GPU; a virtual one has the machine's."""
    name = f"Rushlight virtual GPU {index_of(device)} (host memory)"
    return _CudaDeviceProperties(name, 0, 0, host_memory()[1], os.cpu_count() or 1)


def get_device_name(device: Any = None) -> str:
    """The GPU's name."""
    return get_device_properties(device).name


def get_device_capability(device: Any = None) -> tuple[int, int]:
    """The compute capability; (0, 0) for a virtual GPU, which is of no generation."""
    properties = get_device_properties(device)
    return properties.major, properties.minor


def can_device_access_peer(device: Any, peer_device: Any) -> bool:
    """Whether one GPU can read another's memory directly; virtual ones share the host's."""
    return index_of(device) != index_of(peer_device)


def is_bf16_supported(including_emulation: bool = True) -> bool:
    """Whether bfloat16 works on the GPU; a virtual one emulates it."""
    return devices.virtual_count() > 0 and including_emulation


def is_tf32_supported() -> bool:
    """Whether products may be taken in TF32; never on a virtual GPU."""
    return False


def get_arch_list() -> list[str]:
    """The GPU generations that compiled kernels exist for; virtual GPUs need none."""
    return []
