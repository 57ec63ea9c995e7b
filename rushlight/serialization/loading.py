"""load: any known format into live tensors and objects, without running anything from the file."""

from __future__ import annotations

import functools
import os
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .._core import dtypes
from .._core.devices import CPU, META, concrete, device
from .._core.kinds import known
from .._core.size import Size, sparse_coo, sparse_csr, strided
from .._core.tape import make
from .._files.formats import open_checkpoint
from .._files.parallel import read_storages
from .._files.progress import Progress
from .._files.records import DTYPES, Checkpoint, Limits, Storage, TensorRecord
from .._files.revive import Reviver
from .._files.source import Source
from .._files.standard import unknown
from ..nn.parameter import Parameter
from ..sparse.making import sparse_coo_tensor
from .functions import functions
from .guard import refuse_unknown, user_allowed

_TRUE = ("1", "y", "yes", "true")


@dataclass
class Report:
    """What `load` noticed.

    kind: the file's format.
    opaque: name -> why it stayed a plain record.
    moved: devices that do not exist here, whose tensors were put on the CPU.
    metadata: what the format says about itself.
    """

    kind: str
    opaque: dict[str, str] = field(default_factory=dict)
    moved: list[str] = field(default_factory=list)
    metadata: dict[str, Any] = field(default_factory=dict)
    _mapped: list[Source] = field(default_factory=list, repr=False)

    def still(self) -> None:
        """Raises UnpicklingError if a file that was loaded with `mmap=True` has shrunk since."""
        for source in self._mapped:
            source.still(source.size)


def load(
    f: Any, map_location: Any = None, pickle_module: Any = None, *,
    weights_only: bool | None = None, mmap: bool | None = None, opaque: bool = False,
    report: bool = False, limits: Limits | None = None, **pickle_load_args: Any,
) -> Any:  # fmt: skip
    """Reads what `save`, PyTorch, safetensors or NumPy wrote; the format is told by the content.

    Nothing in the file is ever imported or called. `weights_only=True` (the default) refuses a file
    that names anything but plain data; `weights_only=False` also rebuilds instances of classes that
    the running program has already imported, without running their code.

    Args:
        f: a path (of a file, or of a folder of shards), or a file object that can seek.
        map_location: a device, a dict of device names, or a function of (storage, location).
        mmap: map the file instead of reading it; tensors then read what they touch. Map only
            files that nobody truncates meanwhile (the report's `still()` tells).
        opaque: keep objects that cannot be rebuilt as plain `Opaque` records.
        report: return (object, Report).
        limits: how far a file may grow in memory.

    Raises:
        pickle.UnpicklingError: for a damaged or deceiving file, or a name that is not allowed.

        state = torch.load("model.pt")
    """
    guarded = _guarded(weights_only, pickle_module)
    encoding = pickle_load_args.pop("encoding", "utf-8")
    if pickle_load_args and guarded:
        warnings.warn("pickle_load_args only works if `weights_only=False`.", stacklevel=2)
    if mmap and not isinstance(f, (str, os.PathLike)):
        raise ValueError("f must be a file path in order to use the mmap argument")
    limits = limits or Limits()
    found = open_checkpoint(f, mapped=bool(mmap), limits=limits, encoding=encoding)
    if mmap and found.kind in ("torch legacy", "torch tar"):
        raise RuntimeError(
            "mmap can only be used with files saved with "
            "`torch.save(_use_new_zipfile_serialization=True)`, "
            "please torch.save your checkpoint with this option in order to use mmap."
        )
    try:
        return _made(found, Placer(map_location), guarded, opaque, report, limits)
    finally:
        found.close()


def _made(
    found: Checkpoint, placer: Placer, guarded: bool, opaque: bool, report: bool, limits: Limits
) -> Any:
    """The live objects of a checkpoint, once it is known to hold nothing that is not allowed."""
    _check_script(found, guarded)
    opaque = opaque or found.kind in ("npy", "npz")  # never PyTorch's: objects there stay records
    if guarded and not opaque:
        refuse_unknown(found.names, found.where)
    reviver = Reviver(
        found.where, tensor=placer.tensor, storage=placer.storage, dtype=_dtype, special=_SPECIAL,
        functions=functions, classes=user_allowed(), search=not guarded, opaque=opaque,
        limits=limits,
    )  # fmt: skip
    _read_all(found, placer)
    root = reviver.revive(found.root)
    for source in found.mapped():
        source.still(source.size)
    made = Report(found.kind, reviver.left, sorted(placer.missing), found.metadata, found.mapped())
    _tell(found.where, made)
    return (root, made) if report else root


def _guarded(weights_only: bool | None, pickle_module: Any) -> bool:
    """Whether only plain data may come, by the argument and PyTorch's environment variables."""
    force = os.environ.get("TORCH_FORCE_WEIGHTS_ONLY_LOAD", "0").lower() in _TRUE
    free = os.environ.get("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "0").lower() in _TRUE
    if force and free:
        raise RuntimeError(
            "Only one of `TORCH_FORCE_WEIGHTS_ONLY_LOAD` or `TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD` "
            "should be set, but both were set."
        )
    guarded = weights_only if weights_only is not None else pickle_module is None and not free
    guarded = bool(guarded or force)
    if guarded and pickle_module is not None:
        raise RuntimeError("Can not safely load weights when explicit pickle_module is specified")
    return guarded


def _check_script(found: Checkpoint, guarded: bool) -> None:
    if found.kind != "torchscript":
        return
    if guarded:
        raise RuntimeError(
            "Cannot use ``weights_only=True`` with TorchScript archives passed to ``torch.load``. "
            f"{found.where} is one: pass weights_only=False to get its weights by name (its code "
            "is not run)."
        )
    found.names.clear()
    warnings.warn(
        "'torch.load' received a zip file that looks like a TorchScript archive: its weights are "
        "returned by name, and its code is left alone",
        stacklevel=4,
    )


def _read_all(found: Checkpoint, placer: Placer) -> None:
    """Reads the storages' bytes, unless they are mapped or not wanted."""
    if found.mapped():
        return
    storages = [s for s in found.storages.values() if placer.device(s) is not META]
    with Progress("loading", sum(s.nbytes for s in storages if not s.loaded)) as progress:
        read_storages(storages, progress)


def _tell(where: str, made: Report) -> None:
    """The single warning about what is not as it was saved."""
    parts = []
    if made.moved:
        parts.append(
            f"tensors saved on {', '.join(made.moved)} were loaded on the CPU, because there is no "
            "such device here (map_location='cpu' says that you want this)"
        )
    if made.opaque:
        shown = ", ".join(f"{name} ({why})" for name, why in list(made.opaque.items())[:5])
        more = f" and {len(made.opaque) - 5} more" if len(made.opaque) > 5 else ""
        parts.append(f"these stayed plain records: {shown}{more}")
    if parts:
        warnings.warn(f"load: in {where}, {'; '.join(parts)}", stacklevel=4)


# -- where tensors go


class Loaded:
    """What a `map_location` function gets and returns: a storage and the device it shall be on."""

    def __init__(self, storage: Storage, where: device) -> None:
        self.stored, self.device = storage, where

    def cpu(self) -> Loaded:
        """The storage in host memory."""
        return Loaded(self.stored, CPU)

    def cuda(self, device: Any = None, non_blocking: bool = False) -> Loaded:
        """The storage on a GPU."""
        where = "cuda" if device is None else device
        return self.to(f"cuda:{where}" if isinstance(where, int) else where)

    def to(self, device: Any) -> Loaded:
        """The storage on a device."""
        return Loaded(self.stored, concrete(device))

    def nbytes(self) -> int:
        """How many bytes it has."""
        return self.stored.nbytes

    __len__ = size = nbytes


class Placer:
    """Decides for each storage where it goes, and makes tensors that share its memory there."""

    def __init__(self, map_location: Any) -> None:
        self.choose = _chooser(map_location)
        self.places: dict[int, device] = {}
        self.homes: dict[str, device] = {}
        self.cells: dict[int, list] = {}
        self.missing: set[str] = set()

    def device(self, storage: Storage) -> device:
        """The device of a storage, chosen once."""
        if self.choose is None:
            return self._saved_on(storage.location)
        found = self.places.get(id(storage))
        if found is None:
            found = self.choose(storage) or self._saved_on(storage.location)
            self.places[id(storage)] = found
        return found

    def _saved_on(self, location: str) -> device:
        """The device named in the file, or the CPU where there is none such."""
        found = self.homes.get(location)
        if found is not None:
            return found
        try:
            found = concrete(location)
        except (AssertionError, RuntimeError):
            self.missing.add(location[:40])
            found = CPU
        self.homes[location] = found
        return found

    def tensor(self, record: TensorRecord) -> Any:
        """A tensor on the storage's memory (the record itself, where no tensor has its dtype)."""
        kind = _dtype(record.dtype)
        storage: Any = record.storage
        place = self.device(storage) if isinstance(storage, Storage) else META
        if place is META:
            if kind is None:
                return record
            made = make(known.meta.full(record.shape, 0, kind), META)
        elif kind is None:
            storage.bits  # noqa: B018 (reads it)
            return record
        else:
            made = make(self._shown(record, kind), place)
            made.version = self.cells.setdefault(id(storage), made.version)
        if record.parameter:
            cell = made.version
            made = Parameter(made, record.requires_grad)
            made.version = cell
        elif record.requires_grad:
            made.needs = True
        return made

    def _shown(self, record: TensorRecord, kind: dtypes.dtype) -> np.ndarray:
        """The elements over the storage's memory, which is copied where it cannot be written.

        So is one at odd bytes, unless the file is mapped: all of it would be read at once.
        """
        storage: Any = record.storage
        array = record.array(kind.numpy)
        flags = array.flags
        if not flags.writeable or not (
            flags.aligned or (storage.place and storage.place()[0].mapped)
        ):
            storage.bits = storage.bits.copy()
            array = record.array(kind.numpy)
        return record.resolved(array) if record.flags else array

    def storage(self, storage: Storage) -> Any:
        """A bare storage: a tensor of its elements."""
        unit = DTYPES[storage.dtype][0]
        return self.tensor(TensorRecord(storage, storage.dtype, 0, (storage.nbytes // unit,), (1,)))


@functools.cache
def _dtype(name: str) -> dtypes.dtype | None:
    """The dtype of a name, None where tensors cannot have it."""
    try:
        return dtypes.by_name(name)
    except KeyError:
        return None


def _chooser(given: Any) -> Callable[[Storage], device | None] | None:
    """map_location in its forms as one function; None where each storage goes where it was."""
    if given is None:
        return None
    if isinstance(given, dict):
        table = {str(key): value for key, value in given.items()}
        return lambda storage: (
            _explicit(table[storage.location]) if storage.location in table else None
        )
    if isinstance(given, (str, bytes, device)):
        where = _explicit(given.decode() if isinstance(given, bytes) else given)
        return lambda storage: where

    def ask(storage: Storage) -> device | None:
        answer = given(Loaded(storage, CPU), storage.location)
        if answer is None or isinstance(answer, Loaded):
            return None if answer is None else answer.device
        raise TypeError(
            f"load: map_location returned a {type(answer).__name__}; it must return the storage it "
            "got, what its .cpu(), .cuda() or .to() gave, or None"
        )

    return ask


def _explicit(given: Any) -> device:
    """A device that the user has asked for, which must exist."""
    try:
        return concrete(given)
    except AssertionError as error:
        raise RuntimeError(
            "Attempting to deserialize object on a CUDA device but torch.cuda.is_available() is "
            "False. If you are running on a CPU-only machine, please use torch.load with "
            f"map_location=torch.device('cpu') to map your storages to the CPU. ({error})"
        ) from None


# -- our own classes under torch's names


def _size(args: tuple, state: Any) -> Any:
    return Size(args[0]) if len(args) == 1 and {*map(type, args[0])} <= {int} else unknown


def _place(args: tuple, state: Any) -> Any:
    return device(*args) if [*map(type, args)] in ([str], [str, int]) else unknown


def _sparse(args: tuple, state: Any) -> Any:
    place, parts = args
    if place is not sparse_coo or type(parts[2]) is not Size or min(parts[2], default=0) < 0:
        return unknown
    return sparse_coo_tensor(*parts[:3], is_coalesced=parts[3:] == (True,))


_NAMES = (f"torch.sparse_{kind}" for kind in ("csc", "bsr", "bsc"))  # of others, only the names
_LAYOUTS = {name: name for name in _NAMES} | {repr(x): x for x in (strided, sparse_coo, sparse_csr)}
_SPECIAL: dict[str, Callable[..., Any]] = {
    "torch.Size": _size,
    "torch.device": _place,
    "torch._utils._rebuild_sparse_tensor": _sparse,
    "torch.serialization._get_layout": lambda args, state: _LAYOUTS[args[0]],
}
