"""Values of Python and NumPy that a checkpoint may hold, made from checked arguments only."""

from __future__ import annotations

import math
import re
import sys
import types
from typing import Any

import numpy as np

from .allowed import allowed
from .meanings import MEANINGS
from .records import Global, Opaque

unknown = object()  # what a function here returns when the arguments are not what it expects
_CODE = re.compile(r"(b1|[iu][1248]|f[248]|c(8|16)|S\d{1,6}|U\d{1,6})")


def numpy_dtype(value: Any) -> np.dtype | None:
    """The dtype that `numpy.dtype(code, False, True)` and its state describe."""
    if isinstance(value, np.dtype):
        return value
    if not isinstance(value, Opaque) or value.name != "numpy.dtype" or not value.args:
        return None
    return _dtype(value.args, value.state)


def _dtype(args: tuple, state: Any) -> Any:
    code = args[0] if args else None
    if type(code) is not str or not _CODE.fullmatch(code):
        return unknown
    order = state[1] if isinstance(state, tuple) and len(state) > 1 else "="
    plain = not isinstance(state, tuple) or (
        len(state) > 4 and state[2] is state[3] is state[4] is None
    )
    if not plain or order not in ("<", ">", "=", "|"):
        return unknown
    return np.dtype(code).newbyteorder(order)


def _fresh(data: Any, dtype: Any, shape: Any, order: str) -> Any:
    """An array from its raw bytes, if they are exactly as many as it needs."""
    if not isinstance(dtype, np.dtype) or not isinstance(data, (bytes, bytearray)):
        return unknown
    if (
        not isinstance(shape, tuple)
        or not all(type(n) is int and n >= 0 for n in shape)
        or len(shape) > 64
    ):
        return unknown
    count = math.prod(shape)
    if count * dtype.itemsize != len(data):
        return unknown
    if not count:
        return np.empty(shape, dtype)
    return np.frombuffer(bytearray(data), dtype).reshape(shape, order="F" if order == "F" else "C")


def _ndarray(args: tuple, state: Any) -> Any:
    if not isinstance(state, tuple) or len(state) != 5:
        return unknown
    return _fresh(state[4], state[2], state[1], "F" if state[3] is True else "C")


def _frombuffer(args: tuple, state: Any) -> Any:
    return _fresh(*args) if len(args) == 4 and args[3] in ("C", "F") else unknown


def _scalar(args: tuple, state: Any) -> Any:
    if len(args) != 2:
        return unknown
    made = _fresh(args[1], args[0], (), "C")
    return made if made is unknown else made[()]


def loaded(module: str, name: str) -> Any:
    """What a module has under a name, where the program has imported it."""
    home = sys.modules.get(module)
    return None if home is None else vars(home).get(name)


def _when(name: str, length: int) -> Any:
    def make(args: tuple, state: Any) -> Any:
        cls = loaded("datetime", name)
        plain = len(args) == 1 and isinstance(args[0], bytes) and len(args[0]) == length
        return cls(*args) if cls and plain else unknown

    return make


def _timedelta(args: tuple, state: Any) -> Any:
    cls = loaded("datetime", "timedelta")
    return cls(*args) if cls and len(args) <= 3 and all(type(n) is int for n in args) else unknown


def _path(args: tuple, state: Any) -> Any:
    cls = loaded("pathlib", "Path")
    return cls(*args) if cls and all(type(part) is str for part in args) else unknown


def _numbers(make: Any, fewest: int) -> Any:
    def build(args: tuple, state: Any) -> Any:
        plain = fewest <= len(args) <= 3 and all(type(n) in (int, type(None)) for n in args)
        return make(*args) if plain else unknown

    return build


def _namespace(args: tuple, state: Any) -> Any:
    if args or not isinstance(state, dict) or not all(type(key) is str for key in state):
        return unknown
    cls = loaded("argparse", "Namespace") or types.SimpleNamespace
    made = cls()
    made.__dict__ = state  # the very dict, so that what it holds is made live in place
    return made


STANDARD: dict[str, Any] = {
    "numpy.dtype": _dtype,
    "datetime.datetime": _when("datetime", 10),
    "datetime.date": _when("date", 4),
    "datetime.time": _when("time", 6),
    "datetime.timedelta": _timedelta,
    "pathlib.PosixPath": _path,
    "pathlib.WindowsPath": _path,
    "pathlib._local.PosixPath": _path,
    "pathlib._local.WindowsPath": _path,
    "builtins.slice": _numbers(slice, 1),
    "builtins.range": _numbers(range, 1),
    "argparse.Namespace": _namespace,
    "types.SimpleNamespace": _namespace,
}
for _home in ("numpy.core", "numpy._core"):
    STANDARD[f"{_home}.multiarray._reconstruct"] = _ndarray
    STANDARD[f"{_home}.multiarray.scalar"] = _scalar
    STANDARD[f"{_home}.numeric._frombuffer"] = _frombuffer

_INERT = {"numpy.ndarray", "builtins.object"}
_RECORDS = (
    "torch.nn.modules.",
    "torch.distributed.checkpoint.metadata.",
    "torch.distributed.checkpoint.filesystem.",
)


def harmless(name: Global, how: str = "import") -> bool:
    """Whether Python's own pickle would make only plain data or PyTorch's own records of a name."""
    path = name.path
    if allowed(name) or path in MEANINGS or path in STANDARD or path in _INERT:
        return True
    plain = path.replace("_", "").replace(".", "").isalnum()
    return (
        path.startswith(_RECORDS)
        and plain
        and (how != "call" or path.endswith("._MEM_FORMAT_ENCODING"))
    )
