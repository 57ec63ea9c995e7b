"""NumPy, the tensor and all its ops, loaded without collections of garbage: loading makes none.

NumPy comes first: CPython 3.11 asks the system for memory at each call across a piece's end of its
stack, and NumPy makes many of them at the end of a long chain of imports.

OpenBLAS is asked, where nobody else has and it is not loaded yet, to let its idle threads sleep
after 2^20 ticks (0.3 ms). They spin 30 ms and more by default: beside the engine's threads, and
beside all else that a program does between two products.
"""

import gc
import os

_collects, _asked = gc.isenabled(), "OPENBLAS_THREAD_TIMEOUT" in os.environ
gc.disable()
try:
    if not _asked:
        os.environ["OPENBLAS_THREAD_TIMEOUT"] = "20"
    import numpy as _numpy  # noqa: F401

    from . import _methods as _methods
finally:
    if not _asked:  # it was read; what this process starts decides for itself
        os.environ.pop("OPENBLAS_THREAD_TIMEOUT", None)
    if _collects:
        gc.enable()
