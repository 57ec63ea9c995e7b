"""Values of Python and NumPy that a checkpoint may hold, made from checked arguments only."""

from __future__ import annotations

import math
import re
import sys
import types
from typing import Any

import numpy as np

from .allowed import allowed
from .meanings import FACTORIES, MEANINGS
from .records import Global, Opaque

unknown = object()  # what a function here returns when the arguments are not what it expects
CODE = re.compile(r"(b1|[iu][1248]|f[248]|c(8|16)|[mM]8|[SUV]\d{1,6})")


def _dtype(args: tuple, state: Any) -> Any:
    """The dtype that `numpy.dtype(code, False, True)` and its state describe."""
    code = args[0] if args else None
    if isinstance(code, np.dtype):  # kept by `as_dtype`
        return code
    if type(code) is not str or not CODE.fullmatch(code):
        return unknown
    state = state or (3, "=", None, None, None, -1)
    order, base, names, fields, size = state[1:6]
    if base is not None:
        made = np.dtype((as_dtype(base[0]), tuple(base[1])))
    elif names is not None:
        kinds, offsets = zip(*(fields[name][:2] for name in names))
        made = record_of(names, kinds, offsets, size)
        if any(made[name].base.names for name in names):  # such a tree can have endless leaves
            return unknown
    elif code in ("m8", "M8") and len(state) > 8:
        unit, number = state[8][1][:2]
        unit = unit.decode() if number == 1 else f"{number:d}{unit.decode()}"
        made = np.dtype(f"{code}[{unit}]").newbyteorder(order)
    else:
        made = np.dtype(code).newbyteorder(order)
    right = size in (-1, made.itemsize) and code[0] == made.kind
    return made if right and (code[0] != "V" or code == f"V{made.itemsize}") else unknown


def record_of(names: Any, kinds: Any, offsets: Any, size: int) -> np.dtype:
    """The dtype of structured elements."""
    words = "names", "formats", "offsets", "itemsize"
    return np.dtype(dict(zip(words, ([*names], [*map(as_dtype, kinds)], [*offsets], size))))  # pyright: ignore


def as_dtype(given: Any) -> Any:
    """The dtype of a record of one (which keeps it), or TypeError for anything else."""
    if type(given) is Opaque and given.name == "numpy.dtype":
        given.args = (_dtype(given.args, given.state),)
        given = given.args[0]
    if not isinstance(given, np.dtype):
        raise TypeError("not a dtype that is known")
    return given


def _fresh(data: Any, dtype: Any, shape: Any, order: str) -> Any:
    """An array from its raw bytes, if they are exactly as many as it needs."""
    if not isinstance(dtype, np.dtype) or not isinstance(data, (bytes, bytearray, memoryview)):
        return unknown
    sizes = isinstance(shape, tuple) and all(type(n) is int and n >= 0 for n in shape)
    if not sizes or len(shape) > 64 or math.prod(shape) * dtype.itemsize != len(data):
        return unknown
    if not data:
        return np.empty(shape, dtype)
    return np.frombuffer(bytearray(data), dtype).reshape(shape, order="F" if order == "F" else "C")


def _ndarray(args: tuple, state: Any) -> Any:
    if not isinstance(state, tuple) or len(state) != 5:
        return unknown
    return _fresh(state[4], state[2], state[1], "F" if state[3] is True else "C")


def _frombuffer(args: tuple, state: Any) -> Any:
    return _fresh(*args) if len(args) == 4 and args[3] in ("C", "F") else unknown


def array_facts(x: Opaque) -> dict[str, Any] | None:
    """dtype, shape and bytes of the record of a NumPy array; None for anything else."""
    make, state = STANDARD.get(x.name), x.state
    if make is _frombuffer and len(x.args) == 4:
        data, dtype, shape, _ = x.args
    elif make is _ndarray and type(state) is tuple and len(state) == 5:
        _, shape, dtype, _, data = state
    else:
        return None
    try:
        text = str(as_dtype(dtype))
    except (TypeError, ValueError, LookupError, AttributeError, RecursionError):
        text = "object"
    shape = [*shape] if type(shape) is tuple and {*map(type, shape)} <= {int} else []
    sized = isinstance(data, (bytes, bytearray, memoryview))
    return {"dtype": text, "shape": shape, "bytes": len(data) if sized else 8 * math.prod(shape)}


def _scalar(args: tuple, state: Any) -> Any:
    if len(args) != 2:
        return unknown
    made = _fresh(args[1], args[0], (), "C")
    return made if made is unknown else made[()]


def loaded(module: str, name: str) -> Any:
    """What a module has under a name, where the program has imported it."""
    home = sys.modules.get(module)
    return None if home is None else vars(home).get(name)


def _made(module: str, name: str, *kinds: Any) -> Any:
    """A class that the program has imported, called with arguments of some types (or names)."""

    def make(args: tuple, state: Any) -> Any:
        cls = loaded(module, name)
        known = {loaded(module, kind) if type(kind) is str else kind for kind in kinds}
        return cls(*args) if cls and {*map(type, args)} <= known else unknown

    return make


_ratio = _made("fractions", "Fraction", int, str)


def _fraction(args: tuple, state: Any) -> Any:
    """Of two numbers, or of their text; "1e999999999" would take for ever."""
    text = args[0] if len(args) == 1 else "1"
    plain = type(text) is str and re.fullmatch(r"-?\d{1,4000}(/\d{1,4000})?", text)
    return _ratio(args, state) if plain else unknown


def _uuid(args: tuple, state: Any) -> Any:
    cls = loaded("uuid", "UUID")
    return cls(int=state["int"]) if cls and type(state["int"]) is int else unknown


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
    **{
        f"datetime.{name}": _made("datetime", name, bytes, "timezone")
        for name in ("datetime", "date", "time")
    },
    "datetime.timedelta": _made("datetime", "timedelta", int),
    "datetime.timezone": _made("datetime", "timezone", "timedelta", str),
    "decimal.Decimal": _made("decimal", "Decimal", str),
    "fractions.Fraction": _fraction,
    "uuid.UUID": _uuid,
    "builtins.slice": _made("builtins", "slice", int, type(None)),
    "builtins.range": _made("builtins", "range", int),
    "argparse.Namespace": _namespace("argparse", "Namespace"),
    "types.SimpleNamespace": _namespace("types", "SimpleNamespace"),
}
for _kind in ("Posix", "Windows"):
    for _home in ("pathlib", "pathlib._local"):
        STANDARD[f"{_home}.{_kind}Path"] = _made("pathlib", "Path", str)
        STANDARD[f"{_home}.Pure{_kind}Path"] = _made("pathlib", f"Pure{_kind}Path", str)
for _home in ("numpy.core", "numpy._core"):
    STANDARD[f"{_home}.multiarray._reconstruct"] = _ndarray
    STANDARD[f"{_home}.multiarray.scalar"] = _scalar
    STANDARD[f"{_home}.numeric._frombuffer"] = _frombuffer

INERT = {"numpy.ndarray", "builtins.object", "joblib.numpy_pickle.NumpyArrayWrapper"}
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
    if how == "import" and path in FACTORIES:  # a defaultdict's, say
        return True
    plain = path.replace("_", "").replace(".", "").isalnum()
    known = plain and path.startswith(_RECORDS)
    return known and (how != "call" or path.endswith("._MEM_FORMAT_ENCODING"))
