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
from .records import Global

unknown = object()  # what a function here returns when the arguments are not what it expects
_CODE = re.compile(r"(b1|[iu][1248]|f[248]|c(8|16)|S\d{1,6}|U\d{1,6})")


def _dtype(args: tuple, state: Any) -> Any:
    """The dtype that `numpy.dtype(code, False, True)` and its state describe."""
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


def _made(module: str, name: str, *kinds: type) -> Any:
    """A class that the program has imported, called with arguments of some types."""

    def make(args: tuple, state: Any) -> Any:
        cls = loaded(module, name)
        return cls(*args) if cls and {*map(type, args)} <= {*kinds} else unknown

    return make


_path = _made("pathlib", "Path", str)


def _namespace(module: str, name: str) -> Any:
    def make(args: tuple, state: Any) -> Any:
        if args or not isinstance(state, dict) or not all(type(key) is str for key in state):
            return unknown
        made = (loaded(module, name) or types.SimpleNamespace)()
        vars(made).update(state)
        return made

    return make


STANDARD: dict[str, Any] = {
    "numpy.dtype": _dtype,
    **{f"datetime.{name}": _made("datetime", name, bytes) for name in ("datetime", "date", "time")},
    "datetime.timedelta": _made("datetime", "timedelta", int),
    "pathlib.PosixPath": _path,
    "pathlib.WindowsPath": _path,
    "pathlib._local.PosixPath": _path,
    "pathlib._local.WindowsPath": _path,
    "builtins.slice": _made("builtins", "slice", int, type(None)),
    "builtins.range": _made("builtins", "range", int),
    "argparse.Namespace": _namespace("argparse", "Namespace"),
    "types.SimpleNamespace": _namespace("types", "SimpleNamespace"),
}
for _home in ("numpy.core", "numpy._core"):
    STANDARD[f"{_home}.multiarray._reconstruct"] = _ndarray
    STANDARD[f"{_home}.multiarray.scalar"] = _scalar
    STANDARD[f"{_home}.numeric._frombuffer"] = _frombuffer

INERT = {"numpy.ndarray", "builtins.object"}
_RECORDS = (
    "torch.nn.modules.",
    "torch.distributed.checkpoint.metadata.",
    "torch.distributed.checkpoint.filesystem.",
)


def harmless(name: Global, how: str = "import") -> bool:
    """Whether Python's own pickle would make only plain data or PyTorch's own records of a name."""
    path = name.path
    if allowed(name) or path in MEANINGS or path in STANDARD or path in INERT:
        return True
    plain = path.replace("_", "").replace(".", "").isalnum()
    return (
        path.startswith(_RECORDS)
        and plain
        and (how != "call" or path.endswith("._MEM_FORMAT_ENCODING"))
    )
