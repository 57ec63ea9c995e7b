"""save: PyTorch's zip format, streamed from where the tensors lie, never torn."""

import os
from typing import Any

import numpy as np

from .._core import dtypes
from .._core.devices import device
from .._core.memory import owner as owner_of
from .._core.size import Size, layout, memory_format
from .._core.tape import TensorBase
from .._files import torchzip_writer
from .._files.atomic import save_to
from .._files.pickler import OURS, Call, dumps, ours_to_torch, torch_name
from .._files.progress import Progress
from .._files.records import Storage, TensorRecord, contiguous
from ..nn.parameter import Parameter, is_lazy
from ..sparse.coo import SparseTensor
from .functions import torch_home

_array_of = TensorBase.__dict__["array"]
_checksums = True


def set_crc32_options(compute_crc32: bool) -> None:
    """Whether `save` computes checksums; without them it is quicker, and unzip complains."""
    global _checksums
    _checksums = compute_crc32


def get_crc32_options() -> bool:
    """Whether `save` computes checksums."""
    return _checksums


def save(
    obj: Any, f: Any, pickle_module: Any = None, pickle_protocol: int = 2,
    _use_new_zipfile_serialization: bool = True, _disable_byteorder_record: bool = False, *,
    keep: int = 0,
) -> None:  # fmt: skip
    """Writes an object to a file that PyTorch reads too.

    A path is written beside the old file and then renamed: a crash, a full disk or an error leaves
    the old file as it was. Permissions and symbolic links are kept.

    Args:
        obj: tensors, state dictionaries, modules, and plain Python objects around them.
        f: a path, or an object with `write`.
        keep: how many older versions stay beside the file, as `name.1` (the youngest), `name.2` ...

    Differs: `pickle_module` may only be Python's own; the older non-zip format is not written.

        torch.save(model.state_dict(), "model.pt")
    """
    if pickle_module is not None and getattr(pickle_module, "__name__", "") != "pickle":
        raise ValueError(f"save: pickle_module may only be Python's pickle, not {pickle_module!r}")
    if not _use_new_zipfile_serialization:
        raise ValueError("save: only the zip format is written (PyTorch reads it since 1.6)")
    if not isinstance(f, (str, os.PathLike)) and not hasattr(f, "write"):
        raise AttributeError(
            "expected 'f' to be string, path, or a file-like object with a 'write' attribute; "
            f"got {type(f).__name__}"
        )
    pickled, storages = pickle_of(obj, pickle_protocol)
    total = sum(storage.nbytes for storage in storages)
    with Progress("saving", total) as progress:
        given = pickled, storages, _prefix(f), _checksums, progress
        turn = (lambda: rotate(os.fsdecode(os.fspath(f)), keep)) if keep else None
        save_to(f, lambda put: torchzip_writer.write(put, *given), total, turn)


def pickle_of(obj: Any, protocol: int = 2) -> tuple[bytes, list[Storage]]:
    """The pickle of an object in PyTorch's words, and the storages it names."""
    describer = Describer()
    translate = {
        device: lambda d: Call("torch", "device", (d.type, d.index)[: 1 + (d.index is not None)]),
        dtypes.dtype: lambda d: torch_name("torch", d.name),
        Size: lambda size: Call("torch", "Size", (tuple(size),)),
        layout: _layout,
        memory_format: _no_memory_format,
        SparseTensor: _sparse,
    }
    return dumps(
        obj, protocol, is_tensor=lambda x: isinstance(x, TensorBase) and not is_lazy(x),
        describe=describer.record, translate=translate,
        rename=lambda module, name: torch_home(module, name) or ours_to_torch(module, name),
    )  # fmt: skip


def _layout(value: layout) -> Call:
    return Call("torch.serialization", "_get_layout", (repr(value),))


def _sparse(x: SparseTensor) -> Call:
    parts = x._indices(), x._values().detach(), x.shape, x.is_coalesced()
    return Call("torch._utils", "_rebuild_sparse_tensor", (_layout(x.layout), parts))


def _no_memory_format(value: Any) -> Any:
    raise TypeError(f"cannot save {value!r}: PyTorch has no way to pickle a memory format")


def _prefix(f: Any) -> str:
    """The folder inside the archive: the file's name without its ending, as PyTorch has it."""
    if isinstance(f, (str, os.PathLike)):
        name = os.path.splitext(os.path.basename(os.fsdecode(os.fspath(f))))[0]
        if name and ".." not in name and "\\" not in name and name[1:2] != ":":
            return name.encode("utf-8", "replace").decode("utf-8")
    return "archive"


def rotate(path: str, keep: int) -> None:
    """Moves older versions on by one (`name.1` to `name.2`) and keeps the present as `name.1`."""
    if not os.path.exists(path):
        return
    for number in range(keep, 1, -1):
        older = f"{path}.{number - 1}"
        if os.path.exists(older):
            os.replace(older, f"{path}.{number}")
    youngest = f"{path}.1"
    try:
        if os.path.exists(youngest):
            os.remove(youngest)
        os.link(os.path.realpath(path), youngest)  # the same bytes: nothing is copied
    except OSError:
        with open(path, "rb") as old:
            save_to(youngest, lambda put: [*map(put, iter(lambda: old.read(1 << 22), b""))])


class Describer:
    """Gives the record of each tensor; tensors that share memory share a storage."""

    def __init__(self) -> None:
        self.storages: dict[int, Storage] = {}
        self.owners: list[np.ndarray] = []  # kept alive: their ids are the keys

    def record(self, tensor: Any) -> TensorRecord:
        """What the file will say about a tensor."""
        if tensor.is_sparse:
            raise NotImplementedError(
                "save: this format has no sparse tensors; save x.to_dense(), or x.indices(), "
                "x.values() and x.shape"
            )
        array = _array_of.__get__(tensor)
        where = str(tensor.device)
        kind = dtypes.of(array.dtype)
        needs = bool(tensor.requires_grad)
        if not isinstance(array, np.ndarray):
            if tensor.device.type != "meta":
                raise TypeError(
                    "cannot save a tensor inside vmap, jvp or a trace: it has no values yet"
                )
            strides = tuple(getattr(array, "strides", contiguous(array.shape)))
            made = TensorRecord(None, kind.name, 0, tuple(array.shape), strides, needs)
        else:
            made = self._window(array, kind, where)
            made.requires_grad = needs
        made.parameter = isinstance(tensor, Parameter)
        made.state = {k: v for k, v in tensor.__dict__.items() if not k.endswith("_hooks")} or None
        if type(tensor).__module__.partition(".")[0] not in (OURS, "torch"):
            made.subclass = f"{type(tensor).__module__}.{type(tensor).__qualname__}"
        return made

    def _window(self, array: np.ndarray, kind: dtypes.dtype, where: str) -> TensorRecord:
        """The record of an array as a window of the memory that it shares with others."""
        owner = owner_of(array)
        offset = 0 if owner is array else _address(array) - _address(owner)
        unit = array.itemsize
        whole = owner.flags.c_contiguous or owner.flags.f_contiguous
        steps = (*array.strides, offset, owner.nbytes)
        plain = all(step >= 0 and step % unit == 0 for step in steps)
        if not whole or not plain or array.dtype.byteorder == ">":
            array = owner = np.array(array, dtype=kind.numpy, order="C")
            offset = 0
        if not array.size:
            storage = Storage("", kind.name, 0, where, bits=np.empty(0, np.uint8))
            return TensorRecord(storage, kind.name, 0, array.shape, _steps(array))
        storage = self._storage(owner, kind.name, where)
        return TensorRecord(storage, kind.name, offset // unit, array.shape, _steps(array))

    def _storage(self, owner: np.ndarray, dtype: str, where: str) -> Storage:
        known = self.storages.get(id(owner))
        if known is None:
            flat = owner if owner.flags.c_contiguous else owner.T
            bits = flat.reshape(-1).view(np.uint8)
            known = self.storages[id(owner)] = Storage("", dtype, owner.nbytes, where, bits=bits)
            self.owners.append(owner)
        if known.dtype != dtype:
            raise RuntimeError(
                "Cannot save multiple tensors or storages that view the same data as different "
                f"types ({known.dtype} and {dtype}): save a clone of one of them"
            )
        return known


def _address(array: np.ndarray) -> int:
    return array.__array_interface__["data"][0]


def _steps(array: np.ndarray) -> tuple[int, ...]:
    """Strides in elements; PyTorch's where sizes of 0 or 1 leave them open."""
    if array.flags.c_contiguous and (array.size or not any(array.strides)):
        return contiguous(array.shape)
    return tuple(step // array.itemsize for step in array.strides)
