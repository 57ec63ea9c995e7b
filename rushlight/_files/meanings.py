"""The few names whose calls in a pickle mean plain data, each given by a function here."""

from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from .records import (
    DTYPES,
    UNITS,
    Global,
    Opaque,
    Storage,
    TensorRecord,
    dtype_name,
    paired,
    shown,
    window,
)


class Refused(Exception):
    """Something in a pickle that is malformed or not allowed; the reader adds the place."""


Meaning = Callable[[Any, tuple], Any]

# Storage class -> dtype of its elements.
_WORDS = """
    Double=float64 Float=float32 Half=float16 BFloat16=bfloat16 ComplexDouble=complex128
    ComplexFloat=complex64 Long=int64 Int=int32 Short=int16 Char=int8 Byte=uint8 Bool=bool
    QUInt8=quint8 QInt8=qint8 QInt32=qint32 QUInt4x2=quint4x2 QUInt2x4=quint2x4 Untyped=uint8
"""
STORAGES = {f"{kind}Storage": name for kind, name in paired(_WORDS).items()}
STORAGE_OF = {name: kind for kind, name in STORAGES.items() if kind != "UntypedStorage"}

_LIVE = 800  # bytes that a tensor takes beside its elements
TENSORS = tuple("Double Float Half BFloat16 Long Int Short Char Byte Bool".split())
MODULES = ("torch", "torch.storage", "torch.cuda", "torch.sparse", "torch.cuda.sparse")


def dtype_of(name: Any) -> str | None:
    """The dtype that a name such as torch.float32 stands for."""
    if isinstance(name, Global) and name.module == "torch":
        full = dtype_name(name.name)
        return full if full in DTYPES else None
    return None


def storage_dtype(name: Any) -> str | None:
    """The dtype of the elements of a storage class such as torch.FloatStorage."""
    if isinstance(name, Global) and name.module in MODULES:
        return STORAGES.get(name.name)
    return None


def storage_id(parts: Any) -> tuple[str, str, str, int]:
    """Dtype, key, location and element count of a persistent id ("storage", class, key, ...)."""
    if type(parts) is not tuple or len(parts) < 5:
        raise Refused('a persistent id is not ("storage", type, key, location, size)')
    if bytes in map(type, parts):
        parts = [part.decode("ascii") if type(part) is bytes else part for part in parts[:5]]
    kind, storage, key, location, count = parts[:5]
    if kind != "storage":
        raise Refused(f"only storages are loaded by persistent id, not {shown(kind)}")
    dtype = storage_dtype(storage)
    if dtype is None:
        raise Refused(f"{shown(storage)} is not a storage type")
    if type(key) is int:
        key = str(key) if abs(key) < 1 << 64 else ""
    if type(key) is not str or type(location) is not str or type(count) is not int:
        raise Refused("a storage's key, location or size has the wrong type")
    if not 0 <= count < 1 << 59:
        raise Refused(f"storage {key[:40]!r} announces {shown(count)} elements")
    return dtype, key, location, count


def _tensor(u: Any, args: tuple, dtype: str | None = None, flags: Any = None) -> TensorRecord:
    """_rebuild_tensor(storage, offset, size, stride)."""
    storage = args[0]
    if type(storage) is not Storage:
        raise Refused(f"a tensor's storage is a {type(storage).__name__}")
    if dtype is not None:
        storage.unit = UNITS[dtype]
    u.charge(_LIVE)
    made = window(storage, dtype or storage.dtype, args[1], args[2], args[3], u.where)
    if len(args) > 4:
        made.requires_grad = _truth(args[4])
    if flags is not None:
        made.flags = _flags(flags)
    return made


def _tensor_v2(u: Any, args: tuple) -> TensorRecord:
    """_rebuild_tensor_v2(storage, offset, size, stride, requires_grad, hooks, flags)."""
    return _tensor(u, args) if len(args) == 6 else _tensor(u, args, None, args[6])


def _tensor_v3(u: Any, args: tuple) -> Any:
    """_rebuild_tensor_v3(storage, offset, size, stride, requires_grad, hooks, dtype, flags)."""
    dtype = dtype_of(args[6])
    if dtype is None:  # newer than this reader
        return Opaque("torch._utils._rebuild_tensor_v3", args, made="call")
    return _tensor(u, args, dtype, *args[7:])


def _truth(value: Any) -> bool:
    if type(value) is not bool:
        raise Refused(f"requires_grad is a {type(value).__name__}")
    return value


def _flags(value: Any) -> dict:
    if type(value) is not dict or not all(
        key in ("conj", "neg") and type(flag) is bool for key, flag in value.items()
    ):
        raise Refused("a tensor's metadata holds more than its conj and neg bits")
    return value


def _parameter(u: Any, args: tuple) -> Any:
    """_rebuild_parameter(data, requires_grad, hooks) and the same with a state."""
    if not args:
        args = (_blank("float32")(u, ()),)
    data = args[0]
    if not isinstance(data, TensorRecord):
        return Opaque("torch._utils._rebuild_parameter", args, made="call")
    needs = _truth(args[1]) if len(args) > 1 else True
    state = args[3] if len(args) == 4 else data.state
    return replace(data, requires_grad=needs, parameter=True, state=state)


def _from_type(u: Any, args: tuple) -> Any:
    """_rebuild_from_type_v2(function, type, args, state): a tensor with attributes."""
    function, kind, inner, state = args
    if not isinstance(function, Global) or not isinstance(kind, Global):
        raise Refused("_rebuild_from_type_v2 takes a function and a type")
    made = u.call(function, inner, "call")
    if not isinstance(made, TensorRecord):
        return Opaque("torch._tensor._rebuild_from_type_v2", (kind, made, state), made="call")
    if kind.path == "torch.nn.parameter.Parameter":
        made.parameter = True
    elif kind.path not in ("torch.Tensor", "torch._tensor.Tensor"):
        made.subclass = kind.path
    made.state = state or None
    return made


def _meta(u: Any, args: tuple) -> Any:
    """_rebuild_meta_tensor_no_storage(dtype, size, stride, requires_grad)."""
    dtype = dtype_of(args[0])
    if dtype is None:
        return Opaque("torch._utils._rebuild_meta_tensor_no_storage", args, made="call")
    u.charge(_LIVE)
    made = window(None, dtype, 0, args[1], args[2], u.where)
    made.requires_grad = _truth(args[3])
    return made


def _device_tensor(u: Any, args: tuple) -> Any:
    """_rebuild_device_tensor_from_cpu_tensor(data, dtype, device, requires_grad)."""
    data, dtype = args[0], dtype_of(args[1])
    if not isinstance(data, TensorRecord) or dtype != data.dtype:
        return Opaque("torch._utils._rebuild_device_tensor_from_cpu_tensor", args, made="call")
    data.requires_grad = _truth(args[3])
    return data


def _blank(dtype: str) -> Meaning:
    """An empty tensor, which a state fills (PyTorch before 0.4)."""

    def make(u: Any, args: tuple) -> TensorRecord:
        u.charge(_LIVE)
        return TensorRecord(Storage("", dtype, 0, bits=np.empty(0, np.uint8)), dtype, 0, (0,), (1,))

    return make


def _pairs(u: Any, args: tuple, made: Any) -> Any:
    """A dict from nothing, from a dict, or from a list of pairs (Python 2)."""
    u.charge(100 if type(made) is OrderedDict else 400)  # those are made slowly
    if not args:
        return made
    items: list = []
    for source in args:
        if isinstance(source, dict):
            items += [part for pair in source.items() for part in pair]
        elif isinstance(source, list) and all(
            isinstance(pair, (list, tuple)) and len(pair) == 2 for pair in source
        ):
            items += [part for pair in source for part in pair]
        else:
            raise Refused(f"{type(made).__name__} is made from a {type(source).__name__}")
    u.charge(16 * len(items))
    u.set_items(made, items)
    return made


# What an absent key becomes: only containers and numbers, never something that the file brings.
FACTORIES: dict[str, Any] = {
    f"builtins.{kind.__name__}": kind for kind in (list, dict, set, int, float, str, bool, tuple)
}
FACTORIES["collections.OrderedDict"] = OrderedDict


def _defaultdict(u: Any, args: tuple) -> Any:
    """defaultdict(factory): a factory that is not one of the built-in containers is dropped."""
    path = args[0].path if args and isinstance(args[0], Global) else ""
    return _pairs(u, args[1:], defaultdict(FACTORIES.get(path)))


def _deque(u: Any, args: tuple) -> deque:
    longest = args[1] if len(args) == 2 else None
    if (args and not isinstance(args[0], (list, tuple))) or not (
        longest is None or (type(longest) is int and 0 <= longest < 1 << 60)
    ):
        raise Refused("a deque is made from a list and its greatest length")
    u.charge(700)
    return deque(args[0] if args else (), longest)


def _elements(u: Any, args: tuple) -> list:
    items = args[0] if args else []
    if not isinstance(items, (list, tuple, set, frozenset)):
        raise Refused(f"a set is made from a {type(items).__name__}")
    u.charge(200 + 60 * len(items))
    return [u.key(item) for item in items]


def _encode(u: Any, args: tuple) -> Any:
    """_codecs.encode(text, "latin1"): how protocol 2 writes bytes."""
    if type(args[0]) is not str or (len(args) == 2 and args[1] not in ("latin1", "latin-1")):
        raise Refused("_codecs.encode means bytes only as encode(text, 'latin1')")
    u.charge(64 + len(args[0]))
    return args[0].encode("latin1")


def _bytes(u: Any, args: tuple) -> bytes:
    source = args[0] if args else b""
    if isinstance(source, list) and all(type(x) is int and 0 <= x < 256 for x in source):
        return bytes(source)
    if not isinstance(source, (bytes, bytearray)):
        raise Refused(f"bytes are made from a {type(source).__name__}")
    u.charge(64 + len(source))
    return bytes(source)


def _bytearray(u: Any, args: tuple) -> bytearray:
    if len(args) == 2 and type(args[0]) is str and args[1] in ("latin1", "latin-1"):
        args = (args[0].encode("latin1"),)
    return bytearray(MEANINGS["builtins.bytes"](u, args))


def _complex(u: Any, args: tuple) -> complex:
    if not all(type(part) in (int, float) for part in args):
        raise Refused("complex is made from two numbers")
    return complex(*args)


def _reconstructor(u: Any, args: tuple) -> Any:
    """copyreg._reconstructor(cls, base, state): protocol 0 and 1's way to make an instance."""
    if not isinstance(args[0], Global):
        raise Refused("_reconstructor takes a class")
    base = args[1].path if isinstance(args[1], Global) else ""
    inner = () if base == "builtins.object" else (args[2],)
    return u.call(args[0], inner, "new")


def _newobj(u: Any, args: tuple) -> Any:
    if not args:
        raise Refused("__newobj__ takes a class")
    return u.call(args[0], args[1:], "new")


# What is called, with how many arguments at least and at most.
_CALLS: dict[str, tuple[int, int, Meaning]] = {
    "torch._utils._rebuild_tensor": (4, 4, _tensor),
    "torch._utils._rebuild_tensor_v2": (6, 7, _tensor_v2),
    "torch._utils._rebuild_tensor_v3": (7, 8, _tensor_v3),
    "torch._utils._rebuild_parameter": (0, 4, _parameter),
    "torch._utils._rebuild_parameter_with_state": (0, 4, _parameter),
    "torch.nn.parameter.Parameter": (0, 4, _parameter),
    "torch._tensor._rebuild_from_type_v2": (4, 4, _from_type),
    "torch._tensor._rebuild_from_type": (4, 4, _from_type),
    "torch._utils._rebuild_meta_tensor_no_storage": (4, 4, _meta),
    "torch._utils._rebuild_device_tensor_from_cpu_tensor": (4, 4, _device_tensor),
    "collections.OrderedDict": (0, 1, lambda u, args: _pairs(u, args, OrderedDict())),
    "collections.Counter": (0, 1, lambda u, args: _pairs(u, args, Counter())),
    "collections.defaultdict": (0, 2, _defaultdict),
    "collections.deque": (0, 2, _deque),
    "builtins.set": (0, 1, lambda u, args: set(_elements(u, args))),
    "builtins.frozenset": (0, 1, lambda u, args: frozenset(_elements(u, args))),
    "builtins.bytes": (0, 1, _bytes),
    "builtins.complex": (0, 2, _complex),
    "_codecs.encode": (1, 2, _encode),
    "copyreg._reconstructor": (3, 3, _reconstructor),
}


def _checked(path: str, low: int, high: int, meaning: Meaning) -> Meaning:
    def call(u: Any, args: tuple) -> Any:
        if not low <= len(args) <= high:
            what = path.rpartition(".")[2]
            raise Refused(f"{what} takes {low} to {high} arguments, not {len(args)}")
        return meaning(u, args)

    return call


MEANINGS: dict[str, Meaning] = {path: _checked(path, *call) for path, call in _CALLS.items()}
MEANINGS |= {
    "torch.Tensor": _blank("float32"),
    "torch.tensor.Tensor": _blank("float32"),
    "torch._tensor.Tensor": _blank("float32"),
    "builtins.bytearray": _bytearray,
    "copyreg.__newobj__": _newobj,
}
for _kind in TENSORS:
    for _module in ("torch", "torch.cuda"):
        MEANINGS[f"{_module}.{_kind}Tensor"] = _blank(STORAGES[f"{_kind}Storage"])
