"""Element types: PyTorch's dtype objects over NumPy's, and PyTorch's promotion."""

from collections.abc import Iterable
from typing import Any

import numpy as np

# bfloat16 has no NumPy dtype. A structured carrier moves and copies like any other, and arithmetic
# on it fails loudly instead of adding up bit patterns.
BFLOAT16 = np.dtype([("bfloat16", "<u2")])


class dtype:
    """The type of a tensor's elements, such as `rushlight.float32`; compared by identity."""

    __slots__ = (
        "name", "numpy", "category", "itemsize", "is_floating_point", "is_complex", "is_signed",
        "type_name",
    )  # fmt: skip

    def __init__(self, name: str, category: int, type_name: str, numpy: Any = None) -> None:
        self.name, self.numpy, self.category = name, np.dtype(numpy or name), category
        self.itemsize = self.numpy.itemsize
        self.is_floating_point, self.is_complex = category == 2, category == 3
        self.is_signed = name not in ("bool", "uint8", "uint16", "uint32", "uint64")
        self.type_name = type_name  # as in torch.FloatTensor and in promotion errors

    def __repr__(self) -> str:
        return f"torch.{self.name}"

    def __reduce__(self) -> tuple:
        return by_name, (self.name,)  # the same one, for copies too

    def to_real(self) -> "dtype":
        """The type of the real and imaginary parts."""
        return {"complex64": float32, "complex128": float64}.get(self.name, self)

    def to_complex(self) -> "dtype":
        """The complex type whose parts have this type."""
        return complex128 if self.name in ("float64", "complex128") else complex64


bool_ = dtype("bool", 0, "Bool")
uint8 = dtype("uint8", 1, "Byte")
int8 = dtype("int8", 1, "Char")
int16 = dtype("int16", 1, "Short")
int32 = dtype("int32", 1, "Int")
int64 = dtype("int64", 1, "Long")
uint16 = dtype("uint16", 1, "UInt16")
uint32 = dtype("uint32", 1, "UInt32")
uint64 = dtype("uint64", 1, "UInt64")
float16 = dtype("float16", 2, "Half")
bfloat16 = dtype("bfloat16", 2, "BFloat16", BFLOAT16)
float32 = dtype("float32", 2, "Float")
float64 = dtype("float64", 2, "Double")
complex64 = dtype("complex64", 3, "ComplexFloat")
complex128 = dtype("complex128", 3, "ComplexDouble")

ALL = (
    bool_, uint8, int8, int16, int32, int64, uint16, uint32, uint64,
    float16, bfloat16, float32, float64, complex64, complex128,
)  # fmt: skip
_BY_NAME = {d.name: d for d in ALL}
_BY_NUMPY = {d.numpy: d for d in ALL}

# NumPy hands out one object per built-in dtype, so the hot paths compare these by identity.
F32, F64, I64, BOOL = float32.numpy, float64.numpy, int64.numpy, bool_.numpy
HALVES = (float16, bfloat16)
NUMBERS = (bool, int, float, complex)

_default = float32


def by_name(name: str) -> dtype:
    """The dtype called `name`, as in pickles."""
    return _BY_NAME[name]


SUPPORTED = (
    "The only supported types are: float64, float32, float16, complex64, complex128, int64, int32, "
    "int16, int8, uint64, uint32, uint16, uint8, and bool."
)


_IN_C = {
    "Float": "float", "Double": "double", "Half": "c10::Half", "BFloat16": "c10::BFloat16",
    "Long": "long int", "Int": "int", "Bool": "bool", "Byte": "unsigned char",
}  # fmt: skip


def in_c(kind: dtype) -> str:
    """What some of PyTorch's messages call a dtype: its name in C++."""
    return _IN_C.get(kind.type_name, kind.type_name)


def of(numpy_dtype: Any) -> dtype:
    """The dtype carried by a NumPy dtype (or by itself).

    Raises:
        TypeError: where PyTorch has no such type.
    """
    found = _BY_NUMPY.get(numpy_dtype)
    if found is not None:
        return found
    if isinstance(numpy_dtype, dtype):
        return numpy_dtype
    found = _BY_NUMPY.get(np.dtype(numpy_dtype).newbyteorder("="))
    if found is None:
        raise TypeError(f"can't convert np.ndarray of type {numpy_dtype}. {SUPPORTED}")
    return found


def carrier(given: Any) -> np.dtype:
    """The NumPy dtype that carries a dtype (or a NumPy dtype as it is)."""
    return given.numpy if given.__class__ is dtype else np.dtype(given)


def get_default_dtype() -> dtype:
    """The floating dtype that factories and Python floats take."""
    return _default


def set_default_dtype(d: dtype) -> None:
    """Make `d` the dtype of new floating tensors.

    Raises:
        TypeError: unless `d` is a floating dtype.
    """
    global _default
    if not isinstance(d, dtype):
        raise TypeError("invalid dtype object: expected a floating dtype such as torch.float32")
    if not d.is_floating_point:
        raise TypeError(f"only floating-point types are supported as the default type, got {d}")
    _default = d


def of_number(value: Any) -> dtype:
    """The dtype that a Python number stands for."""
    if value.__class__ is bool:
        return bool_
    if isinstance(value, int):
        return int64
    if isinstance(value, float):
        return _default
    return _default.to_complex()


def promote_types(type1: dtype, type2: dtype) -> dtype:
    """The smallest dtype that holds both: the higher category wins, then the wider."""
    if type1 is type2:
        return type1
    high, low = (type1, type2) if type1.category >= type2.category else (type2, type1)
    if high.category == 3 and low is float64:
        return complex128
    if high.category != low.category:
        return high
    if high.category == 2 and HALVES[0] in (high, low) and HALVES[1] in (high, low):
        return float32
    if bfloat16 in (high, low) or float16 in (high, low):
        return low if high in HALVES else high
    wide = np.promote_types(high.numpy, low.numpy)
    if wide.kind == "f" and high.category == 1:  # uint64 with a signed type
        raise RuntimeError(
            f"Promotion for uint16, uint32, uint64 types is not supported, attempted to promote "
            f"{type1.name} and {type2.name}"
        )
    return of(wide)


def _or(a: dtype | None, b: dtype | None) -> dtype | None:
    if a is None or b is None:
        return a or b
    return promote_types(a, b)


def _unless_higher(strong: dtype | None, weak: dtype | None) -> dtype | None:
    """A weak operand (0-dim tensor, Python number) counts only when its category is higher."""
    if strong is None or (weak is not None and weak.category > strong.category):
        return _or(strong, weak)
    return strong


def result_dtype(values: Iterable[Any]) -> dtype:
    """The dtype for operands that have `shape` and `dtype`, or are Python numbers."""
    full = zero = number = None
    for v in values:
        if isinstance(v, NUMBERS):
            number = _or(number, of_number(v))
        elif len(v.shape):
            full = _or(full, of(v.dtype))
        else:
            zero = _or(zero, of(v.dtype))
    found = _unless_higher(full, _unless_higher(zero, number))
    own = _unless_higher(full, zero)
    if own is not None and number is not None and number.category == 3:
        # a complex number makes a real tensor complex at that tensor's own width
        return own if own.category == 3 else (own if own.category == 2 else _default).to_complex()
    assert found is not None
    return found


def can_cast(from_: dtype, to: dtype) -> bool:
    """Whether in-place results of type `from_` may be written into `to`: no category is lost."""
    if from_.category > to.category and not (from_.category == 1 and to.category == 1):
        return False
    return not (to is bool_ and from_ is not bool_)


class finfo:
    """Limits of a floating dtype: `eps`, `max`, `min`, `tiny`, `resolution`, `bits`."""

    def __init__(self, type: dtype | None = None) -> None:
        d = (type or _default).to_real()
        if not d.is_floating_point:
            raise TypeError(
                f"torch.finfo() requires a floating point input type. Got {d}; use torch.iinfo."
            )
        self.dtype, self.bits = d.name, d.itemsize * 8
        if d is bfloat16:
            self.eps, self.tiny, self.resolution = 2.0**-7, 2.0**-126, 0.01
            self.max = float(2.0**127 * (2 - 2.0**-7))
        else:
            f = np.finfo(d.numpy)
            self.eps, self.tiny, self.max = float(f.eps), float(f.tiny), float(f.max)
            self.resolution = float(f.resolution)
        self.min, self.smallest_normal = -self.max, self.tiny

    def __repr__(self) -> str:
        return (
            f"finfo(resolution={self.resolution:g}, min={self.min:g}, max={self.max:g}, "
            f"eps={self.eps:g}, smallest_normal={self.tiny:g}, tiny={self.tiny:g}, "
            f"dtype={self.dtype})"
        )


class iinfo:
    """Limits of an integer dtype: `max`, `min`, `bits`."""

    def __init__(self, type: dtype) -> None:
        if type.category != 1:
            raise TypeError(
                f"torch.iinfo() requires an integer input type. Got {type}; use torch.finfo."
            )
        i = np.iinfo(type.numpy)
        self.dtype, self.bits = type.name, type.itemsize * 8
        self.max, self.min = int(i.max), int(i.min)

    def __repr__(self) -> str:
        return f"iinfo(min={self.min:g}, max={self.max:g}, dtype={self.dtype})"


def to_bfloat16(x: np.ndarray) -> np.ndarray:
    """Float values rounded to nearest even, on the bfloat16 carrier."""
    f = np.ascontiguousarray(x, np.float32).reshape(np.shape(x))
    bits = f.view(np.uint32)
    rounded = (bits + ((bits >> np.uint32(16)) & np.uint32(1)) + np.uint32(0x7FFF)) >> np.uint32(16)
    rounded = np.where(np.isnan(f), np.uint32(0x7FC0), rounded).astype(np.uint16)
    return rounded.view(BFLOAT16)


def from_bfloat16(x: np.ndarray) -> np.ndarray:
    """The float32 values that a bfloat16 carrier holds."""
    wide = np.asarray(x["bfloat16"], dtype=np.uint32) << np.uint32(16)
    return np.asarray(wide).view(np.float32)


def cast(x: np.ndarray, wanted: Any) -> np.ndarray:
    """`x` in another dtype (a copy unless it has it already); float to integer wraps as C does."""
    to = carrier(wanted)
    if x.dtype == to:
        return x
    if x.dtype == BFLOAT16:
        x = from_bfloat16(x)
    if to == BFLOAT16:
        return to_bfloat16(x.real if x.dtype.kind == "c" else x)
    if x.dtype.kind == "c" and to.kind not in "cb":
        x = x.real
    if x.dtype.kind == "f" and to.kind in "iu" and to.itemsize < 8:
        with np.errstate(all="ignore"):
            return x.astype(np.int64).astype(to)
    if x.dtype.kind in "fc":
        with np.errstate(all="ignore"):
            return x.astype(to)
    return x.astype(to)
