"""Opening a checkpoint, a process for each library: rows of `checkpoints.py`.

The folder with the two files stands in `RUSHLIGHT_CHECKPOINTS`; they are made before.
"""

import os
from collections.abc import Callable
from typing import Any

import _harness

FILES = {
    kind: os.path.join(os.environ["RUSHLIGHT_CHECKPOINTS"], "a" + kind)
    for kind in (".pt", ".safetensors")
}
COUNT = 200  # tensors in a file


def _reader(module: Any, kind: str, mmap: bool) -> Callable[[], dict]:
    if module.__name__ == "torch" and kind == ".safetensors":
        import safetensors.torch

        return lambda: safetensors.torch.load_file(FILES[kind])
    return lambda: module.load(FILES[kind], mmap=mmap)


def _pages(kind: str) -> Callable[[], float]:
    """What a mapping costs anybody: pages touched, and summed by BLAS, without a reader."""
    import numpy as np

    def work() -> float:
        mapped = np.memmap(FILES[kind], mode="c")
        each = len(mapped) // COUNT // 4096 * 1024
        values = mapped[-COUNT * each * 4 :].view(np.float32).reshape(COUNT, 64, -1)
        return sum(float((ones @ value).sum()) for value in values)

    ones = np.ones(64, np.float32)
    return work


def _opened(kind: str, mmap: bool, summed: bool) -> Callable[[Any], Callable[[], Any]]:
    def prepare(module: Any) -> Callable[[], Any]:
        if module.__name__ == "numpy":
            return _pages(kind)
        read = _reader(module, kind, mmap)
        return (lambda: sum(float(value.sum()) for value in read().values())) if summed else read

    return prepare


ROWS = [
    _harness.Row(f"{name} {kind}", _opened(kind, mmap, summed), target)
    for name, mmap, summed, target in (
        ("load", False, False, 1.5),
        ("mmap", True, False, 2.0),
        ("mmap and sum", True, True, 1.5),
    )
    for kind in FILES
    if mmap or kind == ".pt"  # safetensors has no way to open a file but to map it
]
