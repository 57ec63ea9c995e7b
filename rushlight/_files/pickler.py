"""Writes pickles in PyTorch's words: records and our own classes appear under torch's names."""

import io
import pickle
import types
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from .allowed import ALLOWED
from .meanings import STORAGE_OF
from .records import DTYPES, Global, Opaque, Storage, TensorRecord

OURS = __name__.partition(".")[0]


class Call:
    """A function, named in torch's words, and the arguments that a reader gives it."""

    __slots__ = ("args", "name")

    def __init__(self, module: str, name: str, args: tuple) -> None:
        self.name, self.args = torch_name(module, name), args


_names: dict[tuple[str, str], Global] = {}


def torch_name(module: str, name: str) -> Global:
    """The one stand-in for a name."""
    return _names.setdefault((module, name), Global(module, name))


class TorchPickler(pickle._Pickler):
    """The standard pickler with torch's names.

    Args:
        is_tensor: whether an object is a tensor, asked once for each type.
        describe: gives the record of a tensor.
        translate: type -> function giving a `Global`, `Call` or plain value to write instead.
    """

    def __init__(
        self, file: io.BytesIO, protocol: int = 2, *,
        is_tensor: Callable[[Any], bool] | None = None,
        describe: Callable[[Any], Any] | None = None,
        translate: dict[type, Callable[[Any], Any]] | None = None,
        rename: Callable[[str, str], tuple[str, str]] | None = None,
    ) -> None:  # fmt: skip
        super().__init__(file, protocol)
        self.is_tensor, self.describe = is_tensor or (lambda obj: False), describe
        self.rename = rename or ours_to_torch
        self.storages: list[Storage] = []
        self.keys: dict[int, int] = {}
        self.dispatch = {
            **pickle._Pickler.dispatch, types.FunctionType: TorchPickler.save_function,
            Global: TorchPickler.save_name, Call: TorchPickler.save_call,
            Storage: TorchPickler.save_storage, TensorRecord: TorchPickler.save_record,
            Opaque: TorchPickler.save_opaque,
        }  # fmt: skip
        for kind, change in (translate or {}).items():
            self.dispatch[kind] = lambda self, obj, change=change: self.save_instead(obj, change)

    def reducer_override(self, obj: Any) -> Any:
        """Learns the type of a tensor when the first one comes."""
        kind = type(obj)
        if kind not in self.dispatch and self.is_tensor(obj):
            self.dispatch[kind] = lambda self, obj: self.save_instead(obj, self.describe)
        return NotImplemented

    def save_instead(self, obj: Any, change: Callable[[Any], Any]) -> None:
        """Writes something else in the object's place, and remembers it as the object."""
        made = change(obj)
        self.save(made)
        if id(obj) not in self.memo and id(made) in self.memo:
            take = self.memo.pop if type(made) is TensorRecord else self.memo.get
            self.memo[id(obj)] = take(id(made))[0], (obj, made)  # numbers follow its length

    def save_global(self, obj: Any, name: str | None = None) -> None:
        """A class or function by name; ours under torch's."""
        module = getattr(obj, "__module__", None) or ""
        if is_ours(module):
            stand_in = torch_name(*self.rename(module, name or obj.__qualname__))
            self.save_instead(obj, lambda _: stand_in)
        elif module == "torch" or module.startswith("torch."):  # ours too, said in torch's words
            self.save_instead(obj, lambda _: torch_name(module, name or obj.__qualname__))
        else:
            super().save_global(obj, name)

    def save_function(self, obj: Any) -> None:
        """A function by name."""
        self.save_global(obj)

    def save_name(self, obj: Global) -> None:
        """A bare name."""
        if self.proto >= 4:
            self.save(obj.module)
            self.save(obj.name)
            self.write(pickle.STACK_GLOBAL)
        else:
            self.write(pickle.GLOBAL + f"{obj.module}\n{obj.name}\n".encode())
        self.memoize(obj)

    def save_call(self, obj: Call) -> None:
        """A name and its arguments."""
        self.save(obj.name)
        self.save(obj.args)
        self.write(pickle.REDUCE)
        self.memoize(obj)

    def save_storage(self, obj: Storage) -> None:
        """The persistent id of a storage; its bytes go into a record of their own."""
        number = self.keys.setdefault(id(obj), len(self.storages))
        if number == len(self.storages):
            self.storages.append(obj)
        kind = STORAGE_OF.get(obj.dtype, "UntypedStorage")
        count = obj.nbytes // (DTYPES[obj.dtype][0] if obj.dtype in STORAGE_OF else 1)
        module = "torch.storage" if kind == "UntypedStorage" else "torch"
        key = str(number).encode()
        self.write(pickle.MARK)
        self.save("storage")
        self.save(torch_name(module, kind))
        self.write(b"X" + len(key).to_bytes(4, "little") + key)
        self.save(obj.location)
        self.write(_number(count) + b"tQ")

    def save_record(self, obj: TensorRecord) -> None:
        """A tensor as the call that PyTorch makes of it; the usual kind is written out at once."""
        if (
            obj.storage is None
            or obj.dtype not in STORAGE_OF
            or obj.flags
            or obj.state
            or obj.subclass
        ):
            self.save_instead(obj, tensor_call)
            return
        if obj.parameter:
            self.save(_PARAMETER)
        self.save(_TENSOR)
        self.write(pickle.MARK)
        self.save_storage(obj.storage)
        needs = obj.requires_grad and not obj.parameter
        self.write(_number(obj.offset) + _numbers(obj.shape) + _numbers(obj.stride) + _truth(needs))
        self.save(_ORDERED)
        self.write(b")RtR")
        if obj.parameter:
            self.write(_truth(obj.requires_grad))
            self.save(_ORDERED)
            self.write(b")R\x87R")
        self.memoize(obj)

    def save_opaque(self, obj: Opaque) -> None:
        """Only what PyTorch itself rebuilds: anything else would hand on a call that we refused."""
        if obj.name not in ALLOWED or obj.kwargs or obj.items or obj.state is not None:
            obj.__reduce__()
        module, _, name = obj.name.rpartition(".")
        self.save_instead(obj, lambda _: Call(module, name, obj.args))


_TENSOR = torch_name("torch._utils", "_rebuild_tensor_v2")
_PARAMETER = torch_name("torch._utils", "_rebuild_parameter")
_ORDERED = torch_name("collections", "OrderedDict")


def _truth(value: bool) -> bytes:
    return pickle.NEWTRUE if value else pickle.NEWFALSE


def _number(value: int) -> bytes:
    if value < 1 << 8:
        return b"K" + value.to_bytes(1, "little")
    if value < 1 << 31:
        return b"J" + value.to_bytes(4, "little")
    return b"\x8a\x09" + value.to_bytes(9, "little")


def _numbers(values: tuple[int, ...]) -> bytes:
    inner = b"".join(map(_number, values))
    if len(values) < 4:
        return inner + b")\x85\x86\x87"[len(values) : len(values) + 1]
    return pickle.MARK + inner + pickle.TUPLE


def tensor_call(record: TensorRecord) -> Call:
    """What PyTorch's reader calls to rebuild a tensor."""
    data = _tensor_data(record)
    if record.parameter:
        if record.state:
            return _utils(
                "_rebuild_parameter_with_state", data, record.requires_grad, OrderedDict(),
                record.state,
            )  # fmt: skip
        return _utils("_rebuild_parameter", data, record.requires_grad, OrderedDict())
    if record.state or record.subclass:
        module, _, name = (record.subclass or "torch.Tensor").rpartition(".")
        kind = torch_name(module, name)
        return Call(
            "torch._tensor",
            "_rebuild_from_type_v2",
            (data.name, kind, data.args, record.state or {}),
        )
    return data


def _tensor_data(record: TensorRecord) -> Call:
    needs = record.requires_grad and not record.parameter
    if record.storage is None:
        dtype = torch_name("torch", record.dtype)
        return _utils("_rebuild_meta_tensor_no_storage", dtype, record.shape, record.stride, needs)
    seen = (record.storage, record.offset, record.shape, record.stride, needs, OrderedDict())
    flags = (record.flags,) if record.flags else ()
    if record.dtype in STORAGE_OF:
        return _utils("_rebuild_tensor_v2", *seen, *flags)
    return _utils("_rebuild_tensor_v3", *seen, torch_name("torch", record.dtype), *flags)


def _utils(name: str, *args: Any) -> Call:
    return Call("torch._utils", name, args)


_SCHEDULES = (".optim._schedule", ".optim._cycles", ".optim._plateau", ".optim._composite")


def ours_to_torch(module: str, name: str) -> tuple[str, str]:
    """Torch's module path for a class or function of ours."""
    rest = module[len(OURS) :]
    if rest == "._tensor" or rest.startswith("._ops"):
        return "torch", name
    if rest in _SCHEDULES:
        return "torch.optim.lr_scheduler", name
    return "torch" + rest, name


def is_ours(module: str) -> bool:
    """Whether a module belongs to this package."""
    return module == OURS or module.startswith(OURS + ".")


def path_of(thing: Any) -> str:
    """The dotted name of a class or function, in torch's words where it is ours."""
    where = thing.__module__, thing.__qualname__
    return ".".join(ours_to_torch(*where) if is_ours(where[0]) else where)


def dumps(obj: Any, protocol: int = 2, **options: Any) -> tuple[bytes, list[Storage]]:
    """The pickle of an object and the storages that it names, in their order."""
    buffer = io.BytesIO()
    pickler = TorchPickler(buffer, protocol, **options)
    pickler.dump(obj)
    return buffer.getvalue(), pickler.storages
