"""Compressed files: told by their first bytes, unpacked into memory within limits."""

import zlib
from typing import Any

from .records import Limits, fault
from .source import Source

_PIECE = 1 << 20  # bytes that are unpacked at a time
_DICTIONARY = 100 << 20  # bytes that xz may take to unpack: its own -9 needs 65 MB
HEADS = {
    b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\xfd7zXZ": "xz", b"]\0": "lzma", b'\x04"M\x18': "lz4",
    b"(\xb5/\xfd": "zstd",
}  # fmt: skip
KINDS = (*HEADS.values(), "zlib")


def packing(head: bytes) -> str:
    """How a file is compressed, by its first bytes; "" where it is not."""
    for mark, name in HEADS.items():
        if head.startswith(mark):
            return name
    return "zlib" if head[:1] == b"x" and int.from_bytes(head[:2], "big") % 31 == 0 else ""


def unpack(source: Source, kind: str, limits: Limits) -> tuple[Source, str]:
    """What a compressed file holds, as far as it can be read, and why not further."""
    most = max(limits.inflated, limits.ratio * source.size)
    coder, made, at, rest, whole, why = _decoder(kind, source), bytearray(), 0, b"", False, ""
    while not why:
        if not rest and (whole or getattr(coder, "needs_input", True)):
            rest = source.read(at, min(_PIECE, source.size - at))
            at += len(rest)
            if not rest:
                why = "" if whole else f"the {kind} stream is cut off"
                break
        try:
            made += coder.decompress(rest, _PIECE)
        except Exception as error:  # each library has its own
            why = f"the {kind} stream is damaged ({str(error)[:100]})"
        rest, whole = getattr(coder, "unconsumed_tail", b""), coder.eof
        if whole:  # more streams may follow, or zeros
            rest, coder = coder.unused_data.lstrip(b"\0"), _decoder(kind, source)
        if len(made) > most:
            del made[most:]
            why = (
                f"it unpacks to more than {most} bytes; Limits(ratio=..., inflated=...) raises that"
            )
    inner = Source(made)
    inner.where, inner.whole = source.where, source
    return inner, why


def _decoder(kind: str, source: Source) -> Any:
    if kind in ("gzip", "zlib"):
        return zlib.decompressobj(31 if kind == "gzip" else 15)
    if kind == "bzip2":
        import bz2  # optional: not in every Python

        return bz2.BZ2Decompressor()
    if kind in ("xz", "lzma"):
        import lzma  # optional: not in every Python

        return lzma.LZMADecompressor(memlimit=_DICTIONARY)
    raise fault(source.where, f"compressed by {kind}, which is not read here: unpack it first")
