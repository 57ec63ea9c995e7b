"""`rushlight devices`: what there is to compute on, and how to get virtual GPUs."""

import argparse
import os
import platform
from typing import Any

import numpy as np

from .. import cuda
from ..backends.cpu import get_cpu_capability


def register(commands: Any) -> None:
    """Adds `devices` to the command line."""
    commands.add_parser("devices", description="Lists the devices that programs can use here.")


def main(args: argparse.Namespace) -> int:
    """Prints one line a device."""
    cores = os.cpu_count() or 1
    print(f"cpu     {processor()}, {cores} cores, {get_cpu_capability()}, NumPy {np.__version__}")
    for index in range(cuda.device_count()):
        free, total = cuda.mem_get_info(index)
        memory = f"{free / 2**30:.1f} of {total / 2**30:.1f} GiB free"
        print(f"cuda:{index}  {cuda.get_device_name(index)}, {memory}")
    print("meta    shapes and dtypes only")
    if not cuda.is_available():
        print("\nNo GPU. To practise on virtual ones: RUSHLIGHT_VIRTUAL_CUDA=2 rushlight devices")
    return 0


def processor() -> str:
    """The processor's name, as far as the system tells it."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            for line in file:
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine() or "unknown processor"
