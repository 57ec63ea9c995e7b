"""NumPy, the tensor and all its ops, loaded without collections of garbage: loading makes none.

NumPy comes first: CPython 3.11 asks the system for memory at each call across a piece's end of its
stack, and NumPy makes many of them at the end of a long chain of imports.
"""

import gc

_collects = gc.isenabled()
gc.disable()
try:
    import numpy as _numpy  # noqa: F401

    from . import _methods as _methods
finally:
    if _collects:
        gc.enable()
