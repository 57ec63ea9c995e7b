"""Reads the safetensors format: a JSON header, then the bytes of all tensors."""

import json
import struct
from typing import Any

from .records import (
    DTYPES,
    Checkpoint,
    Limits,
    Storage,
    TensorRecord,
    contiguous,
    elements,
    fault,
    paired,
    sizes,
)
from .source import Source

# safetensors' dtype names, in the order in which the package writes tensors.
_WORDS = """
    U64=uint64 I64=int64 F64=float64 C64=complex64 F32=float32 U32=uint32 I32=int32 BF16=bfloat16
    F16=float16 U16=uint16 I16=int16 F8_E5M2FNUZ=float8_e5m2fnuz F8_E4M3FNUZ=float8_e4m3fnuz
    F8_E8M0=float8_e8m0fnu F8_E4M3=float8_e4m3fn F8_E5M2=float8_e5m2 I8=int8 U8=uint8
    F4=float4_e2m1fn_x2 BOOL=bool
"""
NAMES = paired(_WORDS)
PACKED = "F4"  # its shapes count half bytes
_MOST = 100_000_000  # the format's own bound on the header


def read(source: Source, limits: Limits | None = None) -> Checkpoint:
    """The tensors by name; their bytes stay in the file until they are asked for.

    Raises:
        UnpicklingError: for a header that lies about the bytes behind it.
    """
    header, start = read_header(source, limits or Limits())
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(v, str) for v in metadata.values()):
        raise fault(source.where, "__metadata__ is not a table of strings", 8)
    found = Checkpoint({}, "safetensors", source.where, metadata=metadata, source=source)
    spans = []
    for name, entry in header.items():
        record, begin, end = _entry(source, name, entry, start)
        spans.append((begin, end, name))
        found.root[name] = record
        found.storages[name] = record.storage
    _check_spans(source, sorted(spans), start)
    return found


def read_header(source: Source, limits: Limits) -> tuple[dict[str, Any], int]:
    """The JSON header and where the tensors' bytes begin."""
    (length,) = struct.unpack("<Q", source.read(0, 8))
    if length > (most := min(limits.directory, _MOST)) or 8 + length > source.size:
        room = f"the file has {source.size}, and Limits(directory=...) allows {most}"
        raise fault(source.where, f"the header announces {length} bytes; {room}", 0)
    try:
        header = json.loads(source.read(8, length), object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise fault(source.where, f"the header is not JSON ({str(error)[:200]})", 8) from None
    if not isinstance(header, dict):
        raise fault(source.where, "the header is not a table", 8)
    return header, 8 + length


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name occurs twice")
    return found


def _entry(source: Source, name: str, entry: Any, start: int) -> tuple[TensorRecord, int, int]:
    where = source.where, name
    said = entry.get("dtype") if type(entry) is dict else None
    if type(said) is not str:
        raise fault(where, "its entry has no dtype")
    dtype = NAMES.get(said)
    if dtype is None:
        raise fault(where, f"dtype {said!r:.40} is not known")
    shape = sizes(entry.get("shape"), "shape", where)
    if said == PACKED:
        if not shape or shape[-1] % 2:
            raise fault(where, f"{said} of shape {shape} does not fill whole bytes")
        shape = (*shape[:-1], shape[-1] // 2)
    span = sizes(entry.get("data_offsets"), "data_offsets", where)
    if len(span) != 2 or not span[0] <= span[1] <= source.size - start:
        raise fault(
            where, f"data_offsets {span} do not lie in the file's {source.size - start} data bytes"
        )
    begin, end = span
    nbytes = elements(shape, dtype, where) * DTYPES[dtype][0]
    if nbytes != end - begin:
        raise fault(
            where, f"{dtype} of shape {shape} takes {nbytes} bytes; data_offsets give {end - begin}"
        )
    storage = Storage(name, dtype, nbytes)
    storage.place = lambda: (source, start + begin)
    return TensorRecord(storage, dtype, 0, shape, contiguous(shape)), begin, end


def _check_spans(source: Source, spans: list[tuple[int, int, str]], start: int) -> None:
    """Tensors must lie one behind the other and fill the file, as the format demands."""
    at = 0
    for begin, end, name in spans:
        if begin != at:
            kind = "overlaps the one before" if begin < at else f"leaves {begin - at} bytes unused"
            raise fault(source.where, f"tensor {name!r:.200} {kind}", start + begin)
        at = end
    if start + at != source.size:
        raise fault(
            source.where, f"{source.size - start - at} bytes follow the last tensor", start + at
        )
