"""How much memory tensors hold on a GPU, counted from the tensors that are alive."""

import gc
import os
from collections import OrderedDict
from typing import Any

from .._core import devices
from .._core.memory import owner
from .._tensor import Tensor
from ._checks import index_of

_peak: dict[int, int] = {}


def memory_allocated(device: Any = None) -> int:
    """Bytes that tensors on the GPU hold now; memory that several share counts once."""
    if not devices.virtual_count():
        return 0
    index = index_of(device)
    where, held = devices.device("cuda", index), {}
    for thing in gc.get_objects():
        if issubclass(type(thing), Tensor) and thing.device is where:
            whole = owner(thing.array)
            held[id(whole)] = whole.nbytes
    total = sum(held.values())
    _peak[index] = max(total, _peak.get(index, 0))
    return total


def max_memory_allocated(device: Any = None) -> int:
    """The most bytes that any query has seen since the last reset.

    Differs: a virtual GPU counts only when it is asked, so a peak between two queries is not seen.
    """
    if not devices.virtual_count():
        return 0
    memory_allocated(device)
    return _peak[index_of(device)]


def reset_peak_memory_stats(device: Any = None) -> None:
    """Starts `max_memory_allocated` anew."""
    _peak.pop(index_of(device), None)


# A virtual GPU sets no more aside than tensors hold.
memory_reserved, max_memory_reserved = memory_allocated, max_memory_allocated
reset_max_memory_allocated = reset_peak_memory_stats


def empty_cache() -> None:
    """Gives unused memory back; a virtual GPU keeps none."""


def mem_get_info(device: Any = None) -> tuple[int, int]:
    """Free and total bytes of the GPU; for a virtual one, those of the machine."""
    index_of(device)
    return host_memory()


def memory_stats(device: Any = None) -> OrderedDict[str, int]:
    """The counts above under PyTorch's keys."""
    if not devices.virtual_count():
        return OrderedDict()
    now, most = memory_allocated(device), max_memory_allocated(device)
    counts: OrderedDict[str, int] = OrderedDict()
    for kind in ("active_bytes", "allocated_bytes", "reserved_bytes"):
        counts[f"{kind}.all.current"], counts[f"{kind}.all.peak"] = now, most
    return counts


def memory_summary(device: Any = None, abbreviated: bool = False) -> str:
    """The counts above as a small text."""
    index = index_of(device)
    lines = [f"memory of cuda:{index} (virtual)"]
    lines += [f"  {key:<28} {count:>16,}" for key, count in memory_stats(index).items()]
    return "\n".join(lines)


def host_memory() -> tuple[int, int]:
    """Free and total bytes of this machine's memory; (0, 0) where the system does not tell."""
    try:
        page = os.sysconf("SC_PAGE_SIZE")
        return os.sysconf("SC_AVPHYS_PAGES") * page, os.sysconf("SC_PHYS_PAGES") * page
    except (AttributeError, ValueError, OSError):
        return 0, 0
