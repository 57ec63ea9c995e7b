"""PyTorch's two older formats: pickles followed by raw storages (0.2 to 1.5), and tar (0.1)."""

import struct
import sys
from typing import Any

from .meanings import Refused, storage_dtype, storage_id
from .records import DTYPES, Checkpoint, Limits, Storage, UnpicklingError, fault, shown, window
from .source import Source
from .unpickler import unpickler_of

MAGIC = 0x1950A86A20F9469CFC6C
_BLOCK, _MOST_MEMBERS = 512, 16  # of a tar
_HEAD = 1 << 20  # bytes in which the pickles are looked for at first
MAGIC_BYTES = b"\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."  # how every protocol since 2 writes it


class _Reader:
    """Pickles and numbers one behind the other in a file or a member of a tar."""

    def __init__(
        self, source: Source, head: int, found: Checkpoint, limits: Limits, encoding: str
    ) -> None:
        self.source, self.where, self.found = source, source.where, found
        self.data = source.read(0, min(head, source.size))
        self.limits, self.encoding, self.at = limits, encoding, 0

    def pickle(self, persistent: Any = None) -> Any:
        where, options = self.where, {"encoding": self.encoding, "limits": self.limits}
        unpickler = unpickler_of(self.found, self.data, where, start=self.at, **options)
        if persistent:
            unpickler.persistent = lambda parts: persistent(where, parts)
        made = unpickler.load()
        self.at = unpickler.pos
        return made

    def fault(self, message: str) -> Exception:
        """The error for something wrong here."""
        return fault(self.where, message, self.at)

    def key(self, value: Any) -> str:
        """The key of an object, checked."""
        return _key(value, self.where)

    def numbers(self, layout: str) -> tuple:
        """The next numbers, in `struct` layout."""
        size = struct.calcsize(layout)
        if self.at + size > len(self.data):
            raise self.fault("a number is cut off (truncated file?)")
        self.at += size
        return struct.unpack_from(layout, self.data, self.at - size)

    def bits(self, storage: Storage) -> None:
        """The bytes of a storage, little-endian on every machine, behind their element count."""
        source, start = self.source, self.at + 8
        count = int.from_bytes(source.read(self.at, 8), "little", signed=True)
        if count * DTYPES[storage.dtype][0] != storage.nbytes:
            said = f"announces {count} elements"
            raise self.fault(f"storage {storage.key} of {storage.nbytes} bytes {said}")
        source.need(start, storage.nbytes)
        storage.lies(lambda: (source, start), sys.byteorder == "big")
        self.at = start + storage.nbytes


def read(source: Source, limits: Limits | None = None, encoding: str = "utf-8") -> Checkpoint:
    """A checkpoint of the non-zip format; the bytes of storages stay in the file.

    Raises:
        UnpicklingError: for a file that is damaged or made to deceive.
    """
    head = _HEAD
    while True:
        try:
            return _read(source, head, limits or Limits(), encoding)
        except UnpicklingError:
            if head >= source.size:
                raise
            head *= 16  # the pickles may be longer


def _read(source: Source, head: int, limits: Limits, encoding: str) -> Checkpoint:
    found = Checkpoint(None, "torch legacy", source.where, source=source)
    reader = _Reader(source, head, found, limits, encoding)
    magic = reader.pickle()
    if magic != MAGIC:
        raise RuntimeError(f"Invalid magic number; corrupt file? ({source.where})")
    version = reader.pickle()
    if version != 1001:
        raise RuntimeError(f"Invalid protocol version: {shown(version)} ({source.where})")
    reader.pickle()  # the byte order and sizes of numbers there, which do not matter
    roots: dict[str, Storage] = {}
    found.root = reader.pickle(lambda where, parts: _persistent(where, parts, found, roots))
    keys = reader.pickle()
    if not isinstance(keys, list):
        raise reader.fault("the list of storages is missing")
    for key in keys:
        storage = roots.get(reader.key(key))
        if storage is None or storage.place:
            raise reader.fault(f"storage {shown(key)} is not announced, or comes twice")
        reader.bits(storage)
    for storage in roots.values():
        if not storage.place:
            raise reader.fault(f"storage {storage.key[:40]!r} is announced but absent")
    source.finish(reader.at)
    return found


def _persistent(where: str, parts: Any, found: Checkpoint, roots: dict[str, Storage]) -> Any:
    """A storage, or a view of one, whose id ends in (key, offset, count)."""
    if type(parts) is tuple and parts and parts[0] in ("module", b"module"):
        if len(parts) < 2:
            raise Refused("a module's persistent id has no class")
        return parts[1]
    dtype, key, location, count = storage_id(parts)
    storage = roots.get(key)
    if storage is None:
        storage = roots[key] = Storage(key, dtype, count * DTYPES[dtype][0], location)
        found.storages[key] = storage
    elif (storage.dtype, storage.nbytes) != (dtype, count * DTYPES[dtype][0]):
        raise Refused(f"storage {key[:40]!r} is announced twice, and not the same")
    if len(parts) < 6 or parts[5] is None:
        return storage
    return _part(where, storage, parts[5], found)


def _part(where: str, root: Storage, parts: Any, found: Checkpoint) -> Storage:
    """The storage that is a run of another storage's elements."""
    if type(parts) is not tuple or len(parts) != 3:
        raise Refused("a storage's view is not (key, offset, size)")
    key, offset, count = parts
    record = window(root, root.dtype, offset, (count,), (1,), where)
    name = f"{root.key}/{_key(key, where)}"
    if name not in found.storages:
        at = offset * DTYPES[root.dtype][0]
        part = found.storages[name] = Storage(name, root.dtype, record.nbytes, root.location)
        end = at + part.nbytes
        part.reading(lambda: root.bits[at:end])
    return found.storages[name]


# -- tar


def read_tar(source: Source, limits: Limits | None = None, encoding: str = "utf-8") -> Checkpoint:
    """A checkpoint of PyTorch 0.1: a tar of `storages`, `tensors` and `pickle`."""
    found = Checkpoint(None, "torch tar", source.where, source=source)
    readers = {
        name: _Reader(part, part.size, found, limits or Limits(), encoding)
        for name, part in members(source).items()
    }
    objects = _tar_storages(readers["storages"], found)
    _tar_tensors(readers["tensors"], objects)

    def persistent(where: str, parts: Any) -> Any:
        if type(parts) is tuple:
            return parts[0] if parts else None
        key = _key(parts, where)
        if key not in objects:
            raise Refused(f"tensor {key} is not announced")
        return objects[key]

    found.root = readers["pickle"].pickle(persistent)
    return found


def members(source: Source) -> dict[str, Source]:
    """The three members, as windows of the file; nothing is unpacked to disk."""
    at = 0
    found: dict[str, Source] = {}
    for _ in range(_MOST_MEMBERS):
        header = source.read(at, min(_BLOCK, max(source.size - at, 0)))
        if len(header) < _BLOCK or not header.strip(b"\0"):
            break
        name, kind, size = _tar_header(header, source.where, at)
        begin = at + _BLOCK
        if begin + size > source.size:
            raise fault(source.where, f"member {name[:80]!r} is cut off", at)
        if name in ("storages", "tensors", "pickle"):
            if name in found or kind not in (b"0", b"\0", b"7"):
                raise fault(source.where, f"member {name} is not a plain file, or comes twice", at)
            found[name] = source.part(begin, size, f"member {name}")
        at = begin + -(-size // _BLOCK) * _BLOCK
    missing = {"storages", "tensors", "pickle"} - set(found)
    if missing:
        raise fault(source.where, f"the tar has no member {', '.join(sorted(missing))}", at)
    return found


def _tar_header(header: bytes, where: str, at: int) -> tuple[str, bytes, int]:
    """Name, kind and size of a member, whose checksum must be right."""
    try:
        said, size = (
            int(header[a:b].strip(b" \0") or b"0", 8) for a, b in ((148, 156), (124, 136))
        )
    except ValueError:
        raise fault(where, "a tar header holds no number where one must be", at) from None
    if said != sum(header[:148]) + 8 * 32 + sum(header[156:]) or size < 0:
        raise fault(where, "a tar header is damaged (its checksum is wrong)", at)
    name = header[:100].split(b"\0")[0].decode("utf-8", "replace")
    return name.removeprefix("./"), header[156:157], size


def _key(value: Any, where: str) -> str:
    """The key of a storage or tensor, which is a number or a short text."""
    if type(value) is int and value.bit_length() <= 64:
        return str(value)
    if type(value) is not str or len(value) > 40:
        raise fault(where, f"a key is {shown(value)}")
    return value


def _count(reader: _Reader) -> int:
    count = reader.pickle()
    if type(count) is not int or not 0 <= count <= len(reader.data):
        raise reader.fault(f"the number of objects is {shown(count)}")
    return count


def _tar_storages(reader: _Reader, found: Checkpoint) -> dict[str, Any]:
    objects: dict[str, Any] = {}
    for _ in range(_count(reader)):
        parts = reader.pickle()
        dtype = storage_dtype(parts[2]) if type(parts) is tuple and len(parts) == 3 else None
        if dtype is None or type(parts[1]) is not str:
            raise reader.fault("a storage is not (key, location, type)")
        (count,) = struct.unpack("<q", reader.source.read(reader.at, 8))
        if count < 0:
            raise reader.fault(f"a storage announces {count} elements")
        storage = Storage(reader.key(parts[0]), dtype, count * DTYPES[dtype][0], parts[1])
        reader.bits(storage)
        objects[storage.key] = found.storages[storage.key] = storage
    views = reader.pickle()
    for view in views if isinstance(views, list) else []:
        if type(view) is not tuple or len(view) != 4 or reader.key(view[1]) not in objects:
            raise reader.fault("a view of a storage is not (key, root, offset, size)")
        root = objects[reader.key(view[1])]
        objects[reader.key(view[0])] = _part(reader.where, root, (view[0], view[2], view[3]), found)
    return objects


def _tar_tensors(reader: _Reader, objects: dict[str, Any]) -> None:
    for _ in range(_count(reader)):
        parts = reader.pickle()
        whole = type(parts) is tuple and len(parts) == 3
        storage = objects.get(reader.key(parts[1])) if whole else None
        if not isinstance(storage, Storage):
            raise reader.fault("a tensor is not (key, storage, type)")
        (ndim, _) = reader.numbers("<ii")
        if not 0 <= ndim <= 64:
            raise reader.fault(f"a tensor has {ndim} dimensions")
        shape, stride = reader.numbers(f"<{ndim}q"), reader.numbers(f"<{ndim}q")
        (offset,) = reader.numbers("<q")
        made = window(storage, storage.dtype, offset, shape, stride, reader.where)
        objects[reader.key(parts[0])] = made
