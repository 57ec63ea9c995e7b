"""Checkpoints of many files: shards with an index, and PyTorch's distributed checkpoint folders."""

import json
import os
from collections.abc import Callable
from dataclasses import replace
from operator import le
from typing import Any

import numpy as np

from .meanings import dtype_of
from .records import (
    DTYPES,
    Checkpoint,
    Limits,
    Opaque,
    Storage,
    TensorRecord,
    contiguous,
    elements,
    fault,
    shown,
    sizes,
)
from .source import Source
from .standard import harmless
from .unpickler import unpickler_of

Opener = Callable[[Any, Limits], Checkpoint]
Sharing = Callable[[Any, int], Checkpoint]
_INDEX = 64 << 20


def index_in(folder: str) -> str | None:
    """The index file of a folder of shards, if it has just one."""
    found = [name for name in os.listdir(folder) if name.endswith(".index.json")]
    return os.path.join(folder, found[0]) if len(found) == 1 else None


def _lies_beside(file: Any) -> bool:
    """Whether a file's name means one in the same folder."""
    plain = type(file) is str and os.path.basename(file) == file and file not in ("", ".", "..")
    return plain and "\\" not in file and "\0" not in file


def _sharing(found: Checkpoint, open_part: Opener, limits: Limits | None) -> Sharing:
    """Opens parts of a folder, told how many bytes each brings: their pickles share one bound."""
    most = limits or Limits()
    found.left = most.objects if found.left < 0 else found.left

    def opened(given: Any, brings: int) -> Checkpoint:
        left = found.left + most.growth * brings
        part = open_part(given, replace(most, objects=left, growth=0))
        found.left = left if part.left < 0 else part.left
        return part

    return opened


def read_shards(index: str, open_file: Opener, limits: Limits | None = None) -> Checkpoint:
    """All tensors of the shards that an index lists.

    Raises:
        UnpicklingError: for an index that names files elsewhere, or tensors that are not there.
    """
    source = Source(index)
    if source.size > _INDEX:
        raise fault(index, f"an index of {source.size} bytes")
    try:
        table = json.loads(source.read(0, source.size))
        names = table["weight_map"]
        names = {str(name): str(file) for name, file in names.items()}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        why = f"not an index of shards ({type(error).__name__}: {str(error)[:100]})"
        raise fault(index, why) from None
    metadata = table.get("metadata") if isinstance(table.get("metadata"), dict) else {}
    found = Checkpoint({}, "shards", index, metadata=metadata)
    shards: dict[str, Checkpoint] = {}
    opened = _sharing(found, open_file, limits)
    for name, file in names.items():
        if file not in shards:
            shards[file] = _shard(index, file, opened)
        root = shards[file].root
        if not isinstance(root, dict) or name not in root:
            raise fault(index, f"{file} does not hold {shown(name, 200)}")
        found.root[name] = root[name]
    for file, shard in shards.items():
        found.join(shard, file)
    found.source = [shard.source for shard in shards.values()]
    return found


def _shard(index: str, file: str, opened: Sharing) -> Checkpoint:
    if not _lies_beside(file):
        raise fault(index, f"the shard {file[:100]!r} does not lie beside its index")
    path = os.path.join(os.path.dirname(index), file)
    return opened(path, os.path.getsize(path))


# -- distributed checkpoints


def read_distributed(folder: str, open_source: Opener, limits: Limits | None = None) -> Checkpoint:
    """The state dictionary of a folder that `torch.distributed.checkpoint.save` wrote."""
    where = os.path.join(folder, ".metadata")
    source = Source(where)
    found = Checkpoint({}, "distributed", folder, source=source)
    state = _state(unpickler_of(found, source.all(), where, limits=limits).load(), where)
    for path, name in list(found.names.items()):  # these records were read, and are left behind
        if harmless(name, found.called.get(path, "import")):
            del found.names[path]
    opened = _sharing(found, open_source, limits)
    parts = _Parts(folder, where, state.get("storage_data"), opened, found)
    for name, entry in _table(state.get("state_dict_metadata"), where).items():
        value = parts.whole(name, entry)
        path = _table(state.get("planner_data") or {}, where).get(name, (name,))
        _put(found.root, path if isinstance(path, tuple) and path else (name,), value, where)
    found.source = list(parts.files.values())
    found.root = _lists(found.root, 0)
    return found


def _state(value: Any, where: str) -> dict:
    if not isinstance(value, Opaque) or not isinstance(value.state, dict):
        raise fault(where, "not the metadata of a distributed checkpoint")
    return value.state


def _table(value: Any, where: str) -> dict:
    if not isinstance(value, dict):
        raise fault(where, f"a table is a {type(value).__name__}")
    return value


class _Parts:
    """The pieces of tensors in a folder's data files."""

    def __init__(
        self, folder: str, where: str, data: Any, opened: Sharing, found: Checkpoint
    ) -> None:
        self.folder, self.where, self.opened, self.found = folder, where, opened, found
        self.files: dict[str, Source] = {}
        self.places: dict[tuple, dict] = {}
        for index, place in _table(data, where).items():
            name, offset = (_state(index, where).get(key) for key in ("fqn", "offset"))
            if type(name) is not str:
                raise fault(where, f"a name in the index is {shown(name)}")
            start = None if offset is None else sizes(offset, "offset", where)
            self.places[name, start] = _state(place, where)

    def _fault(self, message: str) -> Exception:
        return fault(self.where, message)

    def whole(self, name: str, entry: Any) -> Any:
        """A tensor put together from its chunks, or another object."""
        if not isinstance(entry, Opaque):
            raise self._fault(f"entry {shown(name, 200)} is a {type(entry).__name__}")
        if not isinstance(entry.state, dict) or "chunks" not in entry.state:
            return self._load(name, None)
        shape = sizes(entry.state.get("size"), "size", self.where)
        properties = getattr(entry.state.get("properties"), "state", None)
        dtype = dtype_of(properties[0]) if isinstance(properties, tuple) and properties else None
        if dtype is None:
            raise self._fault(f"tensor {shown(name, 200)} has no dtype")
        listed = entry.state["chunks"]
        if not isinstance(listed, (list, tuple)):
            raise self._fault(f"the chunks of {shown(name, 200)} are {shown(listed)}")
        chunks = [self._chunk(name, chunk, dtype) for chunk in listed]
        if sum(record.count for _, record in chunks) != elements(shape, dtype, self.where):
            raise self._fault(f"the chunks of {shown(name, 200)} do not make up its shape {shape}")
        if len(chunks) == 1 and chunks[0][1].shape == shape:
            return chunks[0][1]
        return self._join(name, dtype, shape, chunks)

    def _chunk(self, name: str, chunk: Any, dtype: str) -> tuple[tuple[int, ...], TensorRecord]:
        state = _state(chunk, self.where)
        offsets, extent = (sizes(state.get(key), key, self.where) for key in ("offsets", "sizes"))
        record = self._load(name, offsets)
        if not isinstance(record, TensorRecord) or record.dtype != dtype or record.shape != extent:
            raise self._fault(f"a chunk of {shown(name, 200)} is no {dtype} tensor of {extent}")
        return offsets, record

    def _load(self, name: str, offsets: tuple[int, ...] | None) -> Any:
        place = self.places.get((name, offsets)) or self.places.get((name, None))
        if place is None:
            raise self._fault(f"nothing says where {shown(name, 200)} lies")
        file, offset, length = (place.get(key) for key in ("relative_path", "offset", "length"))
        if type(file) is not str or not _lies_beside(file):
            raise self._fault(f"the data file {shown(file, 100)} does not lie in the folder")
        if type(offset) is not int or type(length) is not int:
            raise self._fault(f"the place of {shown(name, 200)} is not given in numbers")
        if new := file not in self.files:
            self.files[file] = Source(os.path.join(self.folder, file))
        source = self.files[file]
        part = self.opened(source.part(offset, length, shown(name, 200)), new * source.size)
        self.found.join(part, f"{name}@{offset}")
        return part.root

    def _join(self, name: str, dtype: str, shape: tuple[int, ...], chunks: list) -> TensorRecord:
        """One storage for the whole tensor, filled from its chunks when it is first asked for."""
        unit, code = DTYPES[dtype]
        for offsets, record in chunks:
            ends = [*map(sum, zip(offsets, record.shape))]
            inside = len(offsets) == len(record.shape) == len(shape) and all(map(le, ends, shape))
            if not inside or record.storage is None or record.storage.nbytes < record.nbytes:
                raise self._fault(f"a chunk of {shown(name, 200)} reaches outside shape {shape}")

        def fill() -> np.ndarray:
            made = np.empty(shape, code)
            for offsets, record in chunks:
                where = tuple(slice(at, at + n) for at, n in zip(offsets, record.shape))
                made[where] = record.array()
            return made.reshape(-1).view(np.uint8)

        storage = Storage(name, dtype, elements(shape, dtype, self.where) * unit)
        storage.reading(fill)
        return TensorRecord(storage, dtype, 0, shape, contiguous(shape))


def _put(root: dict, path: tuple, value: Any, where: str) -> None:
    for key in path:
        if type(key) not in (str, int):
            raise fault(where, f"a path holds a {type(key).__name__}")
    if len(path) > 100:
        raise fault(where, "a path of more than 100 parts")
    for key in path[:-1]:
        root = root.setdefault(key, {})
        if not isinstance(root, dict):
            raise fault(where, f"two objects lie at {shown(path[-1], 200)}")
    root[path[-1]] = value


def _lists(value: Any, depth: int) -> Any:
    """Tables whose keys are 0, 1, 2 ... were lists before they were flattened."""
    if type(value) is not dict or depth > 100:
        return value
    made = {key: _lists(part, depth + 1) for key, part in value.items()}
    if made and all(type(key) is int for key in made) and sorted(made) == list(range(len(made))):
        return [made[i] for i in range(len(made))]
    return made
