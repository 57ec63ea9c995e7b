"""The types of elements that kernels work on, and how they are written in LLVM's text."""

import struct
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np


@dataclass(frozen=True, slots=True)
class Kind:
    """An element's type: its name in the text, its bytes in memory, its family."""

    name: str
    size: int
    # "float", "int", "uint", "bool" (a mask in registers, a byte in memory), "address"; "half" and
    # "brain" are for storage: bits in registers, too, until they are cast
    family: str

    @property
    def floating(self) -> bool:
        return self.family == "float"

    @property
    def storage(self) -> bool:
        """Whether numbers are only kept in it: 16 bits of a floating one."""
        return self.family in ("half", "brain")


F32, F64 = Kind("float", 4, "float"), Kind("double", 8, "float")
I8, I16, I32, I64 = (Kind(f"i{8 * n}", n, "int") for n in (1, 2, 4, 8))
U8, U16, U32, U64 = (Kind(f"i{8 * n}", n, "uint") for n in (1, 2, 4, 8))
F16, BF16 = Kind("i16", 2, "half"), Kind("i16", 2, "brain")
BOOL, POINTER = Kind("i1", 1, "bool"), Kind("ptr", 8, "address")
_NUMBERS = F32, F64, I8, I16, I32, I64, U8, U16, U32, U64
KINDS = {f"{k.family}{8 * k.size}": k for k in _NUMBERS}
KINDS |= {"bool": BOOL, "float16": F16, "bfloat16": BF16}


@cache
def kind_of(dtype: Any) -> Kind | None:
    """The kind of a NumPy dtype; None where kernels have none."""
    return KINDS.get(dtype.name if dtype.names is None else dtype.names[0])


def typed(kind: Kind, lanes: int) -> str:
    """A type as it is written."""
    return kind.name if lanes == 1 else f"<{lanes} x {kind.name}>"


def literal(x: Any, kind: Kind) -> str:
    """A number as it is written: floating ones by their bits, so that none is rounded twice."""
    if kind.floating:
        with np.errstate(over="ignore"):
            x = float(np.float32(x) if kind is F32 else x)
        return f"0x{struct.unpack('<Q', struct.pack('<d', x))[0]:016X}"
    if kind is BOOL:
        return "true" if x else "false"
    if kind.storage:
        with np.errstate(over="ignore"):
            if kind is F16:
                return str(np.float16(x).view("u2"))
            bits = int(np.float32(x).view("u4"))
        return str((bits + 0x7FFF + (bits >> 16 & 1)) >> 16 if x == x else 0x7FC0)
    return str(int(x))


def mangled(kind: Kind, lanes: int) -> str:
    """A type inside the name of an instruction."""
    short = {"float": "f32", "double": "f64"}.get(kind.name, kind.name)
    return short if lanes == 1 else f"v{lanes}{short}"


def conversion(old: Kind, new: Kind) -> str | None:
    """The instruction that converts; None where the bits are the same."""
    if old.floating and new.floating:
        return "fpext" if new.size > old.size else "fptrunc"
    if old.floating:
        return "fptoui" if new.family == "uint" else "fptosi"
    if new.floating:
        return "sitofp" if old.family == "int" else "uitofp"
    if old is BOOL or (new.size > old.size and old.family == "uint"):
        return "zext"
    if new.size > old.size:
        return "sext"
    return "trunc" if new.size < old.size else None
