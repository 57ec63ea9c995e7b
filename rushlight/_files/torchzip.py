"""Reads PyTorch's zip format: a pickle, and one record for the bytes of each storage."""

import sys
from collections import OrderedDict
from typing import Any

import numpy as np

from .archive import STORED, Archive
from .meanings import Refused, storage_id
from .records import DTYPES, Checkpoint, Storage, fault
from .unpickler import unpickler_of
from .walk import tensors


def read(archive: Archive, encoding: str = "utf-8") -> Checkpoint:
    """The checkpoint in records; the bytes of storages stay in the file until they are asked for.

    Raises:
        UnpicklingError: for a file that is damaged or made to deceive.
    """
    source = archive.source
    prefix = _prefix(archive)
    order = _byte_order(archive, prefix)
    kind = "torchscript" if f"{prefix}constants.pkl" in archive.entries else "torch"
    found = Checkpoint(None, kind, source.where, source=source)
    for name in ("version", ".format_version", ".data/serialization_id"):
        if prefix + name in archive.entries:
            found.metadata[name] = _text(archive, prefix + name, 256).strip()

    def unpickled(name: str) -> Any:
        return unpickler_of(
            found, archive.read(f"{prefix}{name}.pkl"), f"{source.where}, record {name}.pkl",
            persistent=_Storages(archive, prefix + name, order, found.storages).get,
            encoding=encoding, limits=archive.limits,
        ).load()  # fmt: skip

    found.root = unpickled("data")
    if kind == "torchscript":  # its code is left alone
        found.root = OrderedDict(tensors(found.root)) or _frozen(unpickled("constants"))
    return found


def _frozen(constants: Any) -> OrderedDict:
    """What `torch.jit.freeze` leaves of a module's tensors, by the names that the code has."""
    named = enumerate(constants if isinstance(constants, tuple) else ())
    return OrderedDict(tensors({f"CONSTANTS.c{i}": x for i, x in named}))


def _prefix(archive: Archive) -> str:
    """The folder that all records of the archive lie in, with its slash."""
    pickles = [n for n in archive.entries if n.endswith("data.pkl") and n.count("/") <= 1]
    if len(pickles) != 1:
        raise fault(archive.where, f"{len(pickles)} records called data.pkl, not one")
    return pickles[0].removesuffix("data.pkl")


def _byte_order(archive: Archive, prefix: str) -> str:
    name = prefix + "byteorder"
    order = _text(archive, name, 16) if name in archive.entries else "little"
    if order not in ("little", "big"):
        raise ValueError(f"Unknown endianness type: {order} (in {archive.where})")
    return order


def _text(archive: Archive, name: str, most: int) -> str:
    return archive.read(name, most).decode("ascii", "replace")


class _Storages:
    """The storages of one archive by key, each made once."""

    def __init__(
        self, archive: Archive, folder: str, order: str, found: dict[str, Storage]
    ) -> None:
        self.archive, self.folder, self.found = archive, folder, found
        self.turn = order != sys.byteorder

    def get(self, parts: Any) -> Storage:
        """The storage of a persistent id, whose record must have exactly the bytes announced."""
        dtype, key, location, count = storage_id(parts)
        nbytes = count * DTYPES[dtype][0]
        known = self.found.get(key)
        if known is not None:
            if (known.dtype, known.nbytes, known.location) != (dtype, nbytes, location):
                raise Refused(f"storage {key[:40]!r} is announced twice, and not the same")
            return known
        storage = self.found[key] = Storage(key, dtype, nbytes, location)
        archive, name = self.archive, f"{self.folder}/{key}"
        entry = archive.entries.get(name)
        if entry is None and nbytes:
            raise Refused(f"there is no record {name!r:.200} for storage {key[:40]!r}")
        if entry is None:
            storage.bits = np.empty(0, np.uint8)
        elif entry.size != nbytes:
            raise Refused(
                f"storage {key[:40]!r} should have {nbytes} bytes; its record has {entry.size}"
            )
        # The functions must not hold the storage: memory would then wait for a collection.
        elif entry.method == STORED:
            storage.lies(lambda: (archive.source, archive.locate(entry)), self.turn)
        else:
            storage.reading(lambda: archive.array(entry), self.turn)
        return storage
