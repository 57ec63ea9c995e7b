"""What a pickle or tensors can lie in, any field of which can be made to lie."""

# ruff: noqa: E501  (opcodes read best as one line a file)
from __future__ import annotations

import bz2
import gzip
import io
import lzma
import pickle
import struct
import tarfile
import zlib

from hostile_calls import _text, _value


def zipped(pickled: bytes, storages: dict[str, bytes] | None = None, **change: object) -> bytes:
    """A file in PyTorch's zip format, with one thing changed."""
    records = [("a/data.pkl", pickled), ("a/byteorder", b"little"), ("a/version", b"3\n")]
    records += [(f"a/data/{key}", data) for key, data in (storages or {}).items()]
    return raw_zip(records, **change)


def raw_zip(records: list[tuple[str, bytes]], *, deflate: bool = False, **change: object) -> bytes:
    """A zip file; `change` overrides fields of the first record: local_*, central_* or end_*."""
    out, central = b"", b""
    for number, (name, data) in enumerate(records):
        mine = change if number == int(change.get("at", 0)) else {}  # type: ignore[call-overload]
        raw = str(name).encode("utf-8", "surrogateescape")
        packer = zlib.compressobj(9, zlib.DEFLATED, -15)
        packed = packer.compress(data) + packer.flush() if deflate else data
        fields = {
            "flags": 0,
            "method": 8 if deflate else 0,
            "crc": zlib.crc32(data),
            "packed": len(packed),
            "size": len(data),
        }
        local = {k: mine.get(f"local_{k}", v) for k, v in fields.items()}
        listed = {k: mine.get(f"central_{k}", v) for k, v in fields.items()}
        local_raw = mine.get("local_name", raw)
        place = mine.get("central_place", len(out))
        extra = mine.get("extra", b"")
        out += struct.pack(
            "<4s5H3I2H", b"PK\3\4", 20, local["flags"], local["method"], 0, 0, local["crc"], local["packed"],
            local["size"], len(local_raw), len(extra),
        ) + local_raw + extra + packed  # fmt: skip
        central += struct.pack(
            "<4s6H3I5H2I", b"PK\1\2", 20, 20, listed["flags"], listed["method"], 0, 0, listed["crc"],
            listed["packed"], listed["size"], len(raw), len(mine.get("central_extra", b"")), 0, 0, 0, 0, place,
        ) + raw + mine.get("central_extra", b"")  # fmt: skip
    start = change.get("end_start", len(out))
    count = change.get("end_count", len(records))
    size = change.get("end_size", len(central))
    out += central
    out += struct.pack(
        "<4s4H2IH", b"PK\5\6", 0, 0, count, count, size, start, change.get("end_comment", 0)
    )
    return out + change.get("tail", b"")  # type: ignore[operator]


def legacy(pickled: bytes, keys: object = (), tail: bytes = b"") -> bytes:
    """A file in PyTorch's older format."""
    head = b"".join(
        pickle.dumps(x, 2) for x in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True})
    )
    return head + pickled + pickle.dumps(list(keys), 2) + tail  # type: ignore[call-overload]


def tarred(
    pickled: bytes,
    storages: bytes | None = None,
    tensors: bytes | None = None,
    name: str = "pickle",
) -> bytes:
    """A file in PyTorch's first format, a tar (the container of CVE-2025-32434)."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        members = {
            "storages": storages or pickle.dumps(0, 2) + pickle.dumps([], 2),
            "tensors": tensors or pickle.dumps(0, 2),
        }
        members[name] = pickled
        for member, data in members.items():
            info = tarfile.TarInfo(member)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


def object_array(pickled: bytes) -> bytes:
    """An .npy of dtype object, whose elements are a pickle."""
    head = repr({"descr": "|O", "fortran_order": False, "shape": (1,)}).encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head + pickled


PACKERS = {"gz": gzip.compress, "zlib": zlib.compress, "bz2": bz2.compress, "xz": lzma.compress}
CONTAINERS = {"pkl": lambda p: p, "pt": zipped, "legacy": legacy, "tar": tarred, **PACKERS}


def tensor(
    key: str = "0", kind: str = "FloatStorage", count: object = 4, offset: object = 0, size: object = (2, 2),
    stride: object = (2, 1), location: object = "cpu",
) -> bytes:  # fmt: skip
    """Opcodes (without STOP) of one tensor, every number of which can lie."""
    return (
        b"ctorch._utils\n_rebuild_tensor_v2\n((" + _text("storage") + f"ctorch\n{kind}\n".encode() + _value(key)
        + _value(location) + _value(count) + b"tQ" + _value(offset) + _value(size) + _value(stride)
        + b"\x89ccollections\nOrderedDict\n)RtR"
    )  # fmt: skip


def headers(text: bytes, data: bytes = b"", length: int | None = None) -> bytes:
    """A safetensors file with any header."""
    return struct.pack("<Q", len(text) if length is None else length) + text + data
