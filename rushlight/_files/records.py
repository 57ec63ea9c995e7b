"""Plain records of what a checkpoint says; NumPy is all they need."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pickle import UnpicklingError
from typing import Any

import numpy as np


def paired(words: str) -> dict[str, str]:
    """The table that words such as `name=code` write down."""
    return {name: code for name, _, code in (word.partition("=") for word in words.split())}


# torch's dtype name = the NumPy dtype that holds its bits
_CODES = """
    float64=f8 float32=f4 float16=f2 bfloat16=u2 complex128=c16 complex64=c8 complex32=u4
    int64=i8 int32=i4 int16=i2 int8=i1 uint64=u8 uint32=u4 uint16=u2 uint8=u1 bool=?
    float8_e4m3fn=u1 float8_e5m2=u1 float8_e4m3fnuz=u1 float8_e5m2fnuz=u1 float8_e8m0fnu=u1
    float4_e2m1fn_x2=u1 quint8=u1 qint8=i1 qint32=i4 quint4x2=u1 quint2x4=u1
    bits8=u1 bits16=u2 bits1x8=u1 bits2x4=u1 bits4x2=u1
"""
# torch's dtype name -> (bytes of one element, the NumPy dtype that holds its bits)
DTYPES: dict[str, tuple[int, str]] = {
    name: (int(code[1:] or 1), code) for name, code in paired(_CODES).items()
}
# Bytes of a number: a complex element is two.
UNITS = {name: unit // (1 + (name[0] == "c")) for name, (unit, _) in DTYPES.items()}
_WORDS = """
    double=float64 float=float32 half=float16 long=int64 int=int32 short=int16
    cdouble=complex128 cfloat=complex64 chalf=complex32
"""
ALIASES = paired(_WORDS)
LONGEST = (1 << 63) - 1  # bytes and elements are counted in signed 64-bit numbers everywhere
# All that opening a file may raise.
FAULTS = (UnpicklingError, ValueError, OSError, EOFError, RuntimeError)


@dataclass(frozen=True)
class Limits:
    """How far a file may grow in memory; raise them for a file that you trust.

    Args:
        objects: bytes that the plain Python objects of a file's pickles may take, beside
            `growth` times the file's own size.
        growth: see `objects`.
        depth: how deeply containers may be nested.
        ratio: how many times larger than the file its compressed records may become.
        inflated: bytes of inflated records that are always allowed.
        directory: bytes of a zip directory or a safetensors header.
    """

    objects: int = 96 << 20
    growth: int = 8
    depth: int = 1000
    ratio: int = 100
    inflated: int = 64 << 20
    directory: int = 100_000_000


def fault(where: Any, message: str, offset: int | None = None) -> UnpicklingError:
    """The one error of the readers: file and record (or (file, tensor)), offset, what is wrong."""
    if type(where) is tuple:
        where = f"{where[0]}, tensor {where[1]!r:.200}"
    at = "" if offset is None else f" at byte {offset}"
    return UnpicklingError(f"{where}{at}: {message}")


def shown(value: Any, most: int = 40) -> str:
    """A short text of a plain value, never of a container: that of a small file can be endless."""
    if isinstance(value, (str, bytes)):
        return repr(value[:most])
    if isinstance(value, int) and value.bit_length() > 200:
        return "a huge number"
    if value is None or isinstance(value, (int, float)):
        return repr(value)
    return repr(value)[:most] if isinstance(value, Global) else f"a {type(value).__name__}"


def dtype_name(name: str) -> str:
    """Torch's full name of a dtype, from the name or its short form."""
    return ALIASES.get(name, name)


class Global:
    """A name that the file mentions. It is text: nothing ever looks it up to call it."""

    __slots__ = ("module", "name", "path")

    def __init__(self, module: str, name: str) -> None:
        self.module, self.name = module, name
        self.path = f"{module}.{name}"  # as PyTorch's messages write it

    def __repr__(self) -> str:
        return f"<name {self.path[:200]}>"


class Opaque:
    """What the file says about an object that was not rebuilt: class, arguments, state.

    `items` holds what a pickle appended or set on it (for subclasses of list and dict).
    """

    __slots__ = ("args", "function", "items", "kwargs", "made", "name", "state")

    def __init__(
        self, name: str, args: tuple = (), state: Any = None, *, function: Any = None,
        made: str = "",
    ) -> None:  # fmt: skip
        self.name, self.args, self.state = name, args, state
        self.kwargs: dict = {}
        self.items: list = []
        self.function, self.made = function, made

    def __repr__(self) -> str:
        state = "" if self.state is None else f", state: {type(self.state).__name__}"
        return f"Opaque({self.name[:200]!r}, {len(self.args)} args{state})"

    def __reduce__(self) -> tuple:
        raise TypeError(
            f"cannot save {self!r}: it stands for an object whose class was not available when it "
            "was loaded; import the class and load again, or take what you need from it"
        )


class Storage:
    """A run of bytes that tensors of one dtype look at; read at most once."""

    __slots__ = ("_bits", "_read", "dtype", "key", "location", "nbytes", "place", "turn", "unit")

    def __init__(
        self, key: str, dtype: str, nbytes: int, location: str = "cpu",
        bits: np.ndarray | None = None,
    ) -> None:  # fmt: skip
        self.key, self.dtype, self.nbytes, self.location = key, dtype, nbytes, location
        self.unit = UNITS[dtype]  # bytes that change places together
        self.turn = False  # whether they do, between the file and this machine
        # Gives the source and the offset of the bytes, when they lie in a file as they are.
        self.place: Callable[[], tuple[Any, int]] | None = None
        self._read: Callable[[], np.ndarray] | None = None
        self._bits = bits

    @property
    def bits(self) -> np.ndarray:
        """The bytes, as a flat uint8 array that all tensors of this storage share."""
        if self._bits is None:
            if self._read is not None:
                bits = self._read()
            elif self.place is not None:
                source, at = self.place()
                bits = source.array(at, self.nbytes)
            else:
                raise ValueError(f"storage {self.key}: has no bytes (read without data)")
            self._bits = turned(bits, self.unit) if self.turn else bits
        return self._bits

    @bits.setter
    def bits(self, value: np.ndarray) -> None:
        self._bits = value

    @property
    def loaded(self) -> bool:
        """Whether the bytes are already in memory."""
        return self._bits is not None

    def release(self) -> None:
        """Forgets the bytes, if they can be read again."""
        if self._read is not None or self.place is not None:
            self._bits = None

    def reading(self, read: Callable[[], np.ndarray], turn: bool = False) -> None:
        """Says how the bytes will be made, and whether they are in the opposite order."""
        self._read, self.turn = read, turn

    def lies(self, place: Callable[[], tuple[Any, int]], turn: bool = False) -> None:
        """Says where in a file the bytes lie, and whether they are in the opposite order."""
        self.place, self.turn = place, turn

    def __repr__(self) -> str:
        return f"Storage({self.key!r}, {self.dtype}, {self.nbytes} bytes, {self.location})"


@dataclass(eq=False, slots=True, repr=False)
class TensorRecord:
    """A tensor as the file describes it: a window of a storage.

    Offsets, sizes and strides count elements. `flags` are PyTorch's lazy bits ("conj", "neg").
    """

    storage: Any  # Storage; None on the meta device
    dtype: str
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]
    requires_grad: bool = False
    parameter: bool = False
    flags: dict = field(default_factory=dict)
    subclass: str = ""
    state: Any = None

    def __repr__(self) -> str:
        return f"TensorRecord({self.dtype}, {self.shape}, stride {self.stride}, {self.storage!r})"

    @property
    def device(self) -> str:
        """Where the tensor lived when it was saved."""
        return "meta" if self.storage is None else self.storage.location

    @property
    def count(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        """Bytes of the elements, each counted once for every place it is seen in."""
        return self.count * DTYPES[self.dtype][0]

    def array(self, kind: np.dtype | None = None) -> np.ndarray:
        """The elements over the storage's own memory (bits, where NumPy has no such dtype)."""
        if self.storage is None:
            raise ValueError("a meta tensor has no elements")
        unit, code = DTYPES[self.dtype]
        code = code if kind is None else kind
        strides = tuple(step * unit for step in self.stride)
        bits = self.storage.bits
        if self.count == 0:
            return np.empty(self.shape, code)
        return np.ndarray(self.shape, code, bits, self.offset * unit, strides)

    def resolved(self, array: np.ndarray) -> np.ndarray:
        """The elements with the lazy bits carried out."""
        array = array.conj() if self.flags.get("conj") else array
        return -array if self.flags.get("neg") else array


def turned(bits: np.ndarray, unit: int) -> np.ndarray:
    """A copy of the bytes with every whole `unit` of them in the opposite order."""
    made = bits.copy()
    made[: made.size - made.size % unit].view(f"u{unit}").byteswap(True)
    return made


def contiguous(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Row-major strides of a shape, counted in elements; PyTorch's choice for sizes 0 and 1."""
    if len(shape) == 1:
        return (1,)
    steps, step = [], 1
    for size in reversed(shape):
        steps.append(step)
        step *= max(size, 1)
    return tuple(reversed(steps))


def window(
    storage: Storage | None, dtype: str, offset: Any, shape: Any, stride: Any, where: str
) -> TensorRecord:
    """A tensor record whose every element is proven to lie inside its storage.

    Raises:
        UnpicklingError: for sizes, strides or offsets that are not numbers or reach outside.
    """
    shape, stride = sizes(shape, "size", where), sizes(stride, "stride", where)
    if len(shape) != len(stride):
        raise fault(where, f"a tensor has {len(shape)} sizes but {len(stride)} strides")
    if type(offset) is not int or not 0 <= offset <= LONGEST:
        raise fault(where, f"storage offset {shown(offset)} is out of range")
    unit, total, last = DTYPES[dtype][0], elements(shape, dtype, where), offset
    for size, step in zip(shape, stride):
        if size:
            last += (size - 1) * step
    if last * unit > LONGEST:
        raise fault(where, f"a tensor of shape {shape} and stride {stride} overflows 64 bits")
    if storage is not None and total and (last + 1) * unit > storage.nbytes:
        raise fault(
            where,
            f"a {dtype} tensor of shape {shape}, stride {stride}, offset {offset} needs "
            f"{(last + 1) * unit} bytes of storage {storage.key}, which has {storage.nbytes}",
        )
    return TensorRecord(storage, dtype, offset, shape, stride)


def elements(shape: tuple[int, ...], dtype: str, where: Any) -> int:
    """Number of elements of a shape that an array can have.

    Raises:
        UnpicklingError: for more than 64 sizes, or sizes whose product (zeros left out) overflows.
    """
    spread = unit = DTYPES[dtype][0]
    for size in shape:
        spread *= size or 1
    if len(shape) > 64 or spread > LONGEST:
        raise fault(where, f"no {dtype} tensor can have the shape {str(shape)[:200]}")
    return 0 if 0 in shape else spread // unit


def sizes(value: Any, what: str, where: Any) -> tuple[int, ...]:
    """A tuple of sizes or strides, each proven to be a non-negative 64-bit number."""
    if type(value) is Opaque and value.name == "torch.Size" and len(value.args) == 1:
        value = value.args[0]
    if not isinstance(value, (tuple, list)):
        raise fault(where, f"a tensor's {what} is a {type(value).__name__}, not a tuple")
    for number in value:
        if type(number) is not int or not 0 <= number <= LONGEST:
            raise fault(where, f"a tensor's {what} holds {shown(number)}, out of range")
    return tuple(value)


@dataclass(eq=False)
class Checkpoint:
    """All that was read of a file: the root object in records, and what was noticed on the way."""

    root: Any
    kind: str
    where: str
    storages: dict[str, Storage] = field(default_factory=dict)
    names: dict[str, Global] = field(default_factory=dict)
    called: dict[str, str] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)
    source: Any = None
    left: int = -1  # bytes that its pickles may still take, once one has begun

    def join(self, part: Checkpoint, where: str) -> None:
        """Takes note of what was read of another file, whose storages are known by `where` here."""
        self.storages |= {f"{where}/{key}": storage for key, storage in part.storages.items()}
        self.names.update(part.names)
        self.called.update(part.called)

    def sources(self) -> list[Any]:
        """The open files."""
        given = self.source if isinstance(self.source, list) else [self.source]
        return [source for source in given if source is not None]

    def mapped(self) -> list[Any]:
        """Those that are mapped into memory."""
        return [source for source in self.sources() if source.mapped]

    def close(self) -> None:
        """Gives the files back; what is mapped stays open as long as it is looked at."""
        for source in self.sources():
            source.close()
