"""Reads PyTorch's zip format: a pickle, and one record for the bytes of each storage."""

import sys

import numpy as np

from .archive import STORED, Archive
from .meanings import Refused, storage_id
from .records import DTYPES, Checkpoint, Storage, fault, turned
from .torchscript import script_weights
from .unpickler import unpickler_of


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
    storages = _Storages(archive, prefix, order, found.storages)
    for name in ("version", ".format_version", ".data/serialization_id"):
        if prefix + name in archive.entries:
            found.metadata[name] = _text(archive, prefix + name, 256).strip()
    found.root = unpickler_of(
        found,
        archive.read(f"{prefix}data.pkl"),
        f"{source.where}, record data.pkl",
        persistent=lambda parts: storages.get(*storage_id(parts)),
        encoding=encoding,
        limits=archive.limits,
        stored=source.size,
    ).load()
    if kind == "torchscript":
        found.root = script_weights(found.root, source.where)
    return found


def _prefix(archive: Archive) -> str:
    """The folder that all records of the archive lie in, with its slash."""
    pickles = [
        name for name in archive.entries if name.endswith("data.pkl") and name.count("/") <= 1
    ]
    if len(pickles) != 1:
        raise fault(
            archive.where, f"{len(pickles)} records called data.pkl; PyTorch's files have one"
        )
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
        self, archive: Archive, prefix: str, order: str, found: dict[str, Storage]
    ) -> None:
        self.archive, self.prefix, self.order, self.found = archive, prefix, order, found

    def get(self, dtype: str, key: str, location: str, count: int) -> Storage:
        """The storage `key`, whose record must have exactly the bytes that are announced."""
        nbytes = count * DTYPES[dtype][0]
        known = self.found.get(key)
        if known is not None:
            if (known.dtype, known.nbytes, known.location) != (dtype, nbytes, location):
                raise Refused(f"storage {key[:40]!r} is announced twice, and not the same")
            return known
        storage = Storage(key, dtype, nbytes, location)
        name = f"{self.prefix}data/{key}"
        if nbytes or name in self.archive.entries:
            self._place(storage, name)
        else:
            storage.bits = np.empty(0, np.uint8)
        self.found[key] = storage
        return storage

    def _place(self, storage: Storage, name: str) -> None:
        entry = self.archive.entries.get(name)
        if entry is None:
            raise Refused(f"there is no record {name!r:.200} for storage {storage.key[:40]!r}")
        if entry.size != storage.nbytes:
            raise Refused(
                f"storage {storage.key[:40]!r} should have {storage.nbytes} bytes; its record has "
                f"{entry.size}"
            )
        # The function must not hold the storage: memory would then wait for a collection.
        archive, unit = self.archive, storage.unit if self.order != sys.byteorder else 1
        storage.reading(lambda: turned(archive.array(entry), unit))
        if entry.method == STORED and unit == 1:
            storage.place = lambda: (archive.source, archive.locate(entry))
