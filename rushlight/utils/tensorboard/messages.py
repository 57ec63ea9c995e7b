"""TensorBoard's protocol-buffer messages, written by hand: events, scalars, histograms, texts.

The wire format is a list of fields, each a key (number * 8 + kind) and a value: kind 0 is a
variable-length integer, 1 eight bytes, 2 a length and so many bytes, 5 four bytes.
Source: protobuf.dev/programming-guides/encoding, and event.proto, summary.proto and tensor.proto.
"""

import struct
from collections.abc import Iterable

DT_FLOAT, DT_DOUBLE, DT_STRING = 1, 2, 7
SCALARS = 1  # SummaryMetadata.data_class


def varint(value: int) -> bytes:
    """An integer in groups of seven bits, the lowest first; negative ones as 64-bit ones."""
    value &= (1 << 64) - 1
    made = bytearray()
    while value > 0x7F:
        made.append(value & 0x7F | 0x80)
        value >>= 7
    made.append(value)
    return bytes(made)


def integer(number: int, value: int) -> bytes:
    """A field with an integer."""
    return varint(number << 3) + varint(value)


def double(number: int, value: float) -> bytes:
    """A field with a float64."""
    return varint(number << 3 | 1) + struct.pack("<d", value)


def single(number: int, value: float) -> bytes:
    """A field with a float32; what is too large becomes infinite."""
    try:
        packed = struct.pack("<f", value)
    except OverflowError:
        packed = struct.pack("<f", float("inf") if value > 0 else float("-inf"))
    return varint(number << 3 | 5) + packed


def block(number: int, content: bytes | str) -> bytes:
    """A field with bytes, a text or a message."""
    data = content.encode() if isinstance(content, str) else content
    return varint(number << 3 | 2) + varint(len(data)) + data


def doubles(number: int, values: Iterable[float]) -> bytes:
    """A field with a packed list of float64."""
    values = list(values)
    return block(number, struct.pack(f"<{len(values)}d", *values))


def event(
    time: float, step: int | None, *, summary: bytes = b"", version: str = "", started: bool = False
) -> bytes:
    """An Event: a summary at a step, the version that opens a file, or a new start of a run."""
    made = double(1, time) + (integer(2, step) if step else b"")
    made += block(3, version) if version else b""
    made += block(5, summary) if summary else b""
    return made + (block(7, integer(1, 1)) if started else b"")  # SessionLog of status START


def value(tag: str, content: bytes, plugin: str = "", data_class: int = 0) -> bytes:
    """A Summary with one value, for the plugin that shows it."""
    made = block(1, tag) + content
    if plugin:
        metadata = block(1, block(1, plugin)) + (integer(4, data_class) if data_class else b"")
        made += block(9, metadata)
    return block(1, made)


def scalar(tag: str, number: float) -> bytes:
    """A Summary with a float32."""
    return value(tag, single(2, number))


def scalar_tensor(tag: str, number: float, wide: bool) -> bytes:
    """A Summary with a float32 or float64 tensor, the newer form of scalars."""
    content = integer(1, DT_DOUBLE) + doubles(6, [number])
    if not wide:
        content = integer(1, DT_FLOAT) + single(5, number)
    return value(tag, block(8, content), "scalars", SCALARS)


def text(tag: str, content: str) -> bytes:
    """A Summary with a text."""
    shape = block(2, block(2, integer(1, 1)))  # one dimension of size 1
    tensor = integer(1, DT_STRING) + shape + block(8, content)
    return value(f"{tag}/text_summary", block(8, tensor), "text")


def image(tag: str, shape: Iterable[int], png: bytes) -> bytes:
    """A Summary with a PNG image of a shape (height, width, channels)."""
    sizes = b"".join(integer(i, size) for i, size in enumerate(shape, 1))
    return value(tag, block(4, sizes + block(4, png)))


def histogram(
    tag: str, facts: Iterable[float], limits: Iterable[float], counts: Iterable[float]
) -> bytes:
    """A Summary with a histogram: how many values lie up to each limit, above the one before.

    Args:
        facts: the least and the largest value, how many there are, their sum, the sum of squares.
    """
    content = b"".join(double(i, float(fact)) for i, fact in enumerate(facts, 1))
    return value(tag, block(5, content + doubles(6, limits) + doubles(7, counts)))
