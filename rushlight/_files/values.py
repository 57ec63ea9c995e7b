"""Numbers of tensors whose dtype NumPy does not have, and changing one dtype into another."""

from __future__ import annotations

import numpy as np

from .records import DTYPES, Storage, TensorRecord, contiguous

# Exponent bits, mantissa bits, bias, how special values lie: "ieee" has infinities, "fn" has
# one NaN per sign, "fnuz" one NaN in the place of minus zero (OCP's 8-bit formats, and AMD's).
_SMALL = {
    "float8_e4m3fn": (4, 3, 7, "fn"),
    "float8_e5m2": (5, 2, 15, "ieee"),
    "float8_e4m3fnuz": (4, 3, 8, "fnuz"),
    "float8_e5m2fnuz": (5, 2, 16, "fnuz"),
}
FLOATS = ("float64", "float32", "float16", "bfloat16")


def decode(record: TensorRecord) -> np.ndarray:
    """The elements as numbers that NumPy can compute with.

    Raises:
        TypeError: for packed dtypes, which have no elements of their own.
    """
    array, dtype = record.array(), record.dtype
    if dtype == "bfloat16":
        array = (array.astype(np.uint32) << np.uint32(16)).view(np.float32)
    elif dtype in _SMALL:
        array = _table(dtype)[array]
    elif dtype == "float8_e8m0fnu":
        array = np.where(array == 255, np.nan, np.exp2(array.astype(np.float64) - 127))
    elif dtype == "complex32":
        array = np.ascontiguousarray(array).view(np.float16).astype(np.float32).view(np.complex64)
    elif dtype in ("quint4x2", "quint2x4", "float4_e2m1fn_x2"):
        raise TypeError(f"{dtype} packs several numbers in a byte")
    return record.resolved(array)


def _table(dtype: str) -> np.ndarray:
    """The value of each of the 256 bit patterns."""
    exponent_bits, mantissa_bits, bias, kind = _SMALL[dtype]
    bits = np.arange(256)
    sign = np.where(bits & 128, -1.0, 1.0)
    exponent = (bits >> mantissa_bits) & ((1 << exponent_bits) - 1)
    mantissa = (bits & ((1 << mantissa_bits) - 1)) / (1 << mantissa_bits)
    normal = (1 + mantissa) * np.exp2(exponent.astype(float) - bias)
    value = sign * np.where(exponent == 0, mantissa * 2.0 ** (1 - bias), normal)
    top = exponent == (1 << exponent_bits) - 1
    if kind == "ieee":
        value = np.where(top, np.where(mantissa == 0, sign * np.inf, np.nan), value)
    elif kind == "fn":
        value = np.where((bits & 127) == 127, np.nan, value)
    else:
        value = np.where(bits == 128, np.nan, value)
    return value.astype(np.float32)


def cast(record: TensorRecord, dtype: str) -> TensorRecord:
    """A floating tensor in another floating dtype; any other tensor as it is.

    Raises:
        ValueError: for a dtype that is not float64, float32, float16 or bfloat16.
    """
    if dtype not in FLOATS:
        raise ValueError(f"dtype {dtype!r}: expected one of {', '.join(FLOATS)}")
    floating = record.dtype in FLOATS or record.dtype.startswith("float8")
    if not floating or record.dtype == dtype or record.storage is None:
        return record
    with np.errstate(over="ignore", invalid="ignore"):
        values = decode(record)
        made = to_bfloat16(values) if dtype == "bfloat16" else values.astype(DTYPES[dtype][1])
    made = np.ascontiguousarray(made)
    storage = Storage(
        "", dtype, made.nbytes, record.storage.location, bits=made.reshape(-1).view(np.uint8)
    )
    shape = record.shape
    return TensorRecord(
        storage, dtype, 0, shape, contiguous(shape), record.requires_grad, record.parameter
    )


def to_bfloat16(values: np.ndarray) -> np.ndarray:
    """The bits of float values rounded to nearest even."""
    bits = np.ascontiguousarray(values, np.float32).view(np.uint32)
    rounded = (bits + ((bits >> np.uint32(16)) & np.uint32(1)) + np.uint32(0x7FFF)) >> np.uint32(16)
    return np.where(np.isnan(values), np.uint16(0x7FC0), rounded.astype(np.uint16))
