"""Machine code into memory: an object file placed and bound without LLVM, which need not be loaded.

Only what a compiler of kernels makes is understood: 64-bit ELF, no global variables, calls of a few
functions of the system. Other systems' objects are handed to llvmlite's linker.
"""

import ctypes
import struct
from itertools import count
from typing import Any

from .system import Pages, mapped, symbols
from .targets.host import llvm

_ALLOCATED, _ZEROS, _RELA, _SYMBOLS = 2, 8, 4, 2
_JUMPS = {  # machine -> code that jumps to the address behind it
    62: b"\xff\x25\0\0\0\0",  # jmp [rip]
    183: b"\x50\0\0\x58\0\x02\x1f\xd6",  # ldr x16, 8; br x16
}
_names = count()


class Code:
    """Machine code in memory, and the addresses of its functions. It stays as long as this does."""

    def __init__(self, addresses: dict[str, int], kept: Any) -> None:
        self.addresses, self._kept = addresses, kept


def loaded(image: bytes, names: list[str]) -> Code:
    """An object file ready to run."""
    if mapped():
        return _Elf(image).code()
    return _linked(image, names)


def _linked(image: bytes, names: list[str]) -> Code:
    binding = llvm()
    builder = binding.JITLibraryBuilder().add_object_img(image).add_current_process()
    for name, address in symbols().items():
        builder.import_symbol(name, address)
    for name in names:
        builder.export_symbol(name)
    jit = binding.create_lljit_compiler()
    library = builder.link(jit, f"rushlight{next(_names)}")
    return Code({name: library[name] for name in names}, (jit, library))


class _Elf:
    """One object file: its sections, where they are put, and what must be patched."""

    def __init__(self, image: bytes) -> None:
        if image[:6] != b"\x7fELF\x02\x01":
            raise ValueError("engine: not a 64-bit object file")
        self.image = image
        self.machine = struct.unpack_from("<H", image, 18)[0]
        start = struct.unpack_from("<Q", image, 40)[0]
        number = struct.unpack_from("<H", image, 60)[0]
        # name type flags address offset size link info align entry
        self.sections = [
            struct.unpack_from("<IIQQQQIIQQ", image, start + 64 * i) for i in range(number)
        ]
        self.table = next(s for s in self.sections if s[1] == _SYMBOLS)

    def code(self) -> Code:
        """Sections copied, addresses filled in, the pages sealed."""
        places, end = {}, 0
        for i, s in enumerate(self.sections):
            if s[2] & _ALLOCATED:
                end = -(-end // max(s[8], 16)) * max(s[8], 16)
                places[i], end = end, end + s[5]
        outside = symbols()
        jumps = {name: -(-end // 16) * 16 + 32 * k for k, name in enumerate(outside)}
        pages = Pages(end + 16 + 32 * len(outside))
        for i, at in places.items():
            s = self.sections[i]
            if s[1] != _ZEROS:
                ctypes.memmove(pages.address + at, self.image[s[4] : s[4] + s[5]], s[5])
        for name, at in jumps.items():
            jump = _JUMPS[self.machine] + struct.pack("<Q", outside[name])
            ctypes.memmove(pages.address + at, jump, len(jump))
        found = self._symbols(pages.address, places, jumps)
        self._patch(pages.address, places, found)
        pages.seal()
        return Code({name: at for name, at in found if name and at}, pages)

    def _symbols(self, base: int, places: dict, jumps: dict) -> list[tuple[str, int | None]]:
        strings = self.sections[self.table[6]][4]
        found = []
        for at in range(self.table[4], self.table[4] + self.table[5], 24):
            name_at, _, _, section, value, _ = struct.unpack_from("<IBBHQQ", self.image, at)
            end = self.image.index(b"\0", strings + name_at)
            name = self.image[strings + name_at : end].decode()
            if section in places:
                found.append((name, base + places[section] + value))
            else:
                found.append((name, base + jumps[name] if name in jumps else None))
        return found

    def _patch(self, base: int, places: dict, found: list) -> None:
        for s in self.sections:
            if s[1] != _RELA or s[7] not in places:
                continue
            for at in range(s[4], s[4] + s[5], 24):
                where, info, extra = struct.unpack_from("<QQq", self.image, at)
                name, address = found[info >> 32]
                if address is None:
                    raise ValueError(
                        f"engine: compiled code needs {name!r}, which we do not provide"
                    )
                spot = base + places[s[7]] + where
                _relocate(self.machine, info & 0xFFFFFFFF, spot, address + extra)


def _relocate(machine: int, kind: int, spot: int, value: int) -> None:
    """One address written into the code, in the form that its kind asks for."""
    word = ctypes.c_uint32.from_address(spot)
    if machine == 62 and kind in (2, 4):  # PC32, PLT32
        word.value = (value - spot) & 0xFFFFFFFF
    elif (machine == 62 and kind == 1) or (machine == 183 and kind == 257):  # ABS64
        ctypes.c_uint64.from_address(spot).value = value
    elif (machine == 62 and kind == 24) or (machine == 183 and kind == 260):  # PC64
        ctypes.c_uint64.from_address(spot).value = (value - spot) & (2**64 - 1)
    elif machine == 183 and kind == 261:  # PREL32
        word.value = (value - spot) & 0xFFFFFFFF
    elif machine == 183 and kind in (282, 283):  # JUMP26, CALL26
        word.value = (word.value & 0xFC000000) | (((value - spot) >> 2) & 0x3FFFFFF)
    elif machine == 183 and kind == 275:  # ADR_PREL_PG_HI21
        pages = ((value & -4096) - (spot & -4096)) >> 12
        word.value |= ((pages & 3) << 29) | (((pages >> 2) & 0x7FFFF) << 5)
    elif machine == 183 and kind in _LOW12:
        word.value |= ((value & 0xFFF) >> _LOW12[kind]) << 10
    else:
        raise ValueError(f"engine: a relocation of kind {kind} for machine {machine}")


# The low 12 bits of an address inside an instruction, scaled by what it loads.
_LOW12 = {277: 0, 278: 0, 284: 1, 285: 2, 286: 3, 299: 4}
