"""joblib's files: a pickle, with the bytes of each array between its opcodes."""

import math
from typing import Any

from .meanings import Refused
from .opcodes import OPCODES
from .records import Opaque, sizes
from .standard import as_dtype
from .unpickler import Unpickler

WRAPPER = "joblib.numpy_pickle.NumpyArrayWrapper"


def _build(u: Any, at: int) -> int | None:
    """BUILD; behind that of joblib's wrapper lies the array, which takes its place."""
    OPCODES[ord("b")](u, at)
    made = u.stack[-1]
    if type(made) is not Opaque or not made.name.endswith(WRAPPER):
        return None
    facts = made.state if type(made.state) is dict else {}
    given = facts.get("dtype")
    if type(given) is Opaque and given.args[:1] in (("O8",), ("O4",), ("O",)):  # pickled alone
        inner = type(u)(
            u.data, where=u.where, start=at, limits=u.limits, meanings=u.meanings, notes=u.notes
        )
        u.stack[-1] = inner.load()
        return inner.pos
    dtype, shape = as_dtype(given), sizes(facts.get("shape"), "shape", u.where)
    if facts.get("numpy_array_alignment_bytes") is not None:
        at += 1 + u.data[at]
    end = at + math.prod(shape) * dtype.itemsize
    if end > u.end:
        raise Refused(f"an array needs {end - at} bytes but {u.end - at} are left")
    data = memoryview(u.data)[at:end]
    u.stack[-1] = Opaque("numpy.core.numeric._frombuffer", (data, dtype, shape, facts.get("order")))
    return end


class JoblibUnpickler(Unpickler):
    """Reads a pickle as joblib does."""

    codes = [*OPCODES]
    codes[ord("b")] = _build
