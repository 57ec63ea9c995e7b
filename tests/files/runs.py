"""Files of one opcode, or a few, over and over: what costs the reader most by the byte.

Each row is (what stands before, what is repeated, what stands behind).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

_MARKED = b"\x80\x04("
_NAMED = b"\x80\x04ca\nb\nq\x00"
_TENSOR = b"\x80\x04c%s\nq\x00("
RUNS: dict[str, tuple[bytes, bytes, bytes]] = {
    "nones": (_MARKED, b"N", b"t."),
    "nones-dropped": (b"\x80\x04", b"N0", b"N."),
    "nones-listed": (b"\x80\x04]", b"Na", b"."),
    "empty-tuples": (_MARKED, b")", b"t."),
    "empty-lists": (_MARKED, b"]", b"t."),
    "lists-of-lists": (_MARKED, b"]]a", b"t."),
    "lists-of-nones": (_MARKED, b"]Na", b"t."),
    "dicts": (_MARKED, b"}NNs", b"t."),
    "sets": (_MARKED, b"\x8f", b"t."),
    "frozensets": (_MARKED, b"(N\x91", b"t."),
    "marks": (b"\x80\x04", b"(", b"."),
    "marks-dropped": (b"\x80\x04", b"(1", b"N."),
    "bytes-as-numbers": (_MARKED, b"K\x01", b"t."),
    "short-numbers": (_MARKED, b"M\x01\x02", b"t."),
    "numbers": (_MARKED, b"J\x01\x02\x03\x04", b"t."),
    "empty-texts": (_MARKED, b"U\x00", b"t."),
    "lines-of-text": (_MARKED, b"S'a'\n", b"t."),
    "unicode-lines": (_MARKED, b"V\\u1234\n", b"t."),
    "memo": (b"\x80\x04N", b"\x94", b"."),
    "memo-read": (b"\x80\x04(Nq\x01", b"h\x01", b"t."),
    "memo-lines": (b"\x80\x04Nq\x01", b"g1\n0", b"."),
    "tuples-of-one": (_MARKED, b"N\x85", b"t."),
    "tuples-of-tuples": (_MARKED, b")\x85", b"t."),
    "names": (_MARKED, b"ca\nb\n", b"t."),
    "instances": (_MARKED, b"(ia\nb\n", b"t."),
    "calls": (_NAMED + b"(", b"h\x00)R", b"t."),
    "calls-of-calls": (_NAMED, b")R", b"."),
    "new-with-words": (_NAMED + b"(", b"h\x00)}\x92", b"t."),
    "states": (_NAMED + b"(", b"h\x00)\x81Nb", b"t."),
    "set-items": (b"\x80\x04}", b"(u", b"."),
    "add-items": (b"\x80\x04\x8f", b"(N\x90", b"."),
    "added-to-an-object": (b"\x80\x04cx\ny\n)R", b"(N\x90", b"."),
    "blank-tensors": (_TENSOR % b"torch\nFloatTensor", b"h\x00)R", b"t."),
    "parameters": (_TENSOR % b"torch.nn.parameter\nParameter", b"h\x00)R", b"t."),
    "ordered-dicts": (_TENSOR % b"collections\nOrderedDict", b"h\x00)R", b"t."),
    "pickles": (b"", b"N.", b""),
}
_COUNTED = {
    "keys": (b"\x80\x04}", lambda i: b"J" + struct.pack("<I", i) + b"Ns", b"."),
    "keys-of-tuples": (b"\x80\x04}", lambda i: b"J" + struct.pack("<I", i) + b"\x85Ns", b"."),
    "many-names": (_MARKED, lambda i: b"c%x\n\n" % i, b"t."),
    "memo-far": (b"\x80\x04N", lambda i: b"r" + struct.pack("<I", i * 77773 & 0xFFFFFFFF), b"."),
}


def runs(size: int) -> Iterator[tuple[str, bytes]]:
    """(name, about so many bytes) of each."""
    for name, (before, unit, behind) in RUNS.items():
        yield name, before + unit * ((size - len(before) - len(behind)) // len(unit)) + behind
    for name, (before, unit, behind) in _COUNTED.items():
        each = len(unit(size))
        yield name, before + b"".join(unit(i + 1) for i in range(size // each)) + behind
