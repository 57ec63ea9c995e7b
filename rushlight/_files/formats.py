"""Which format a file has, told by its content, and the one door through which all are read."""

import os
from typing import Any

from . import arrays, folders, legacy, packed, safetensors, torchzip
from .archive import Archive
from .joblib import JoblibUnpickler
from .records import Checkpoint, Limits, fault
from .source import Source

TWO_FORMATS = "a pickle begins the file and a zip archive ends it: two formats in one file"


def open_checkpoint(
    given: Any, *, mapped: bool = False, limits: Limits | None = None, encoding: str = "utf-8"
) -> Checkpoint:
    """A checkpoint in records, from a path, a folder, a file object or bytes.

    Raises:
        UnpicklingError: for a file that is damaged or made to deceive.
        ValueError: for something that is not a regular file.
    """

    def open_file(file: str, limits: Limits) -> Checkpoint:
        return open_checkpoint(file, mapped=mapped, limits=limits)

    if isinstance(given, (str, os.PathLike)):
        path = os.fsdecode(os.fspath(given))
        if os.path.isdir(path):
            return _open_folder(path, open_file, limits)
    source = Source(given, mapped)
    try:
        return read(source, limits, encoding, open_file)
    except BaseException:
        source.close()
        raise


def read(
    source: Source, limits: Limits | None, encoding: str = "utf-8", open_file: Any = None
) -> Checkpoint:
    """What a source holds."""
    kind = sniff(source)
    if kind == "zip":
        archive = Archive(source, limits)
        known = archive.entries or source.where.endswith(".npz")
        if known and all(name.endswith(".npy") for name in archive.entries):
            return arrays.read_archive(archive)
        return torchzip.read(archive, encoding)
    if kind == "npy":
        return arrays.read(source)
    if kind == "safetensors":
        return safetensors.read(source, limits)
    if kind == "tar":
        return legacy.read_tar(source, limits, encoding)
    if kind == "legacy":
        return legacy.read(source, limits, encoding)
    if kind == "index" and open_file is not None and source.fd >= 0:
        return folders.read_shards(source.where, open_file, limits)
    if kind == "pickle":
        return _plain_pickle(source, limits, encoding)
    if kind in packed.KINDS and source.whole is None:
        inner, why = packed.unpack(source, kind, limits or Limits())
        if why:
            raise fault(source.where, why)
        found = read(inner, limits, encoding)
        found.metadata = {"compressed": kind, **found.metadata}
        return found
    raise fault(
        source.where,
        "not a checkpoint of a known format (it begins with "
        f"{source.read(0, min(8, source.size))!r})",
    )


def sniff(source: Source) -> str:
    """The format, from the first bytes."""
    head = source.read(0, min(512, source.size))
    if not head:
        raise EOFError(f"Ran out of input: {source.where} is empty")
    if head[:4] in (b"PK\3\4", b"PK\5\6", b"PK\6\6"):
        return "zip"
    if head[:6] == arrays.MAGIC:
        return "npy"
    length = int.from_bytes(head[:8], "little")
    if len(head) > 9 and head[8:9] == b"{" and length <= source.size - 8:
        return "safetensors"  # whose length may look like any magic
    if how := packed.packing(head):
        return how
    if legacy.MAGIC_BYTES in head[:40] or b"%d" % legacy.MAGIC in head[:40]:
        return "legacy"
    if head[257:262] == b"ustar" or _old_tar(head):
        return "tar"
    if head.lstrip()[:1] == b"{" and source.where.endswith(".json"):
        return "index"
    if head[0] in b"\x80(]})cNIFSVLild":
        return "pickle"
    return "unknown"


def _old_tar(head: bytes) -> bool:
    """A tar header without a magic: its checksum tells."""
    try:
        said = int(head[148:156].split(b"\0")[0].strip() or b"-1", 8)
    except ValueError:
        return False
    return len(head) == 512 and said == sum(head[:148]) + 8 * 32 + sum(head[156:])


def _plain_pickle(source: Source, limits: Limits | None, encoding: str) -> Checkpoint:
    """A pickle that is no PyTorch file: shown by `inspect`, its NumPy arrays loadable."""
    found = Checkpoint(None, "pickle", source.where, source=source)
    unpickler = JoblibUnpickler(
        source.all(), None, found.where, encoding=encoding, limits=limits, notes=found,
        stored=source.stored,
    )  # fmt: skip
    found.root = unpickler.load()
    if rest := source.size - unpickler.pos:
        if ends_as_zip(source):
            raise fault(found.where, TWO_FORMATS, unpickler.pos)
        found.metadata["bytes behind the pickle"] = rest
    source.finish(unpickler.pos)
    return found


def ends_as_zip(source: Source) -> bool:
    """Whether a file ends with a zip directory, which is where other programs look."""
    return source.size > 22 and source.read(source.size - 22, 4) == b"PK\5\6"


def _open_folder(path: str, open_file: folders.Opener, limits: Limits | None) -> Checkpoint:
    if os.path.isfile(os.path.join(path, ".metadata")):
        return folders.read_distributed(path, read, limits)
    index = folders.index_in(path)
    if index is None:
        raise fault(
            path, "a folder without an index of shards (*.index.json) or a distributed checkpoint"
        )
    return folders.read_shards(index, open_file, limits)
