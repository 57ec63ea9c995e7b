"""A program for ARM as an executable file of its own, for an emulator: memory and code in one."""

import ctypes
import shutil
import struct
import subprocess

import numpy as np

from rushlight._engine import families, load, unit
from rushlight._engine.targets.host import compiled

EMULATOR = shutil.which("qemu-aarch64-static") or shutil.which("qemu-aarch64")
_BASE = 0x400000


class Memory:
    """What the process finds in its memory, piece by piece."""

    def __init__(self) -> None:
        self.bytes = bytearray(16384)  # the file's head

    def put(self, data: bytes, align: int = 64) -> int:
        """The address of a piece."""
        self.bytes += bytes(-len(self.bytes) % align) + data
        return _BASE + len(self.bytes) - len(data)


def _moved(register: int, value: int) -> list[int]:
    """movz, movk."""
    low, high = value & 0xFFFF, value >> 16
    return [0xD2800000 | low << 5 | register, 0xF2A00000 | high << 5 | register]


def _start(entry: int, table: int, out: int, size: int) -> bytes:
    """Call entry(table), write what lies at `out`, end."""
    call = [*_moved(0, table), *_moved(9, entry), 0xD63F0120]  # blr x9
    write = [*_moved(0, 1), *_moved(1, out), *_moved(2, size), *_moved(8, 64), 0xD4000001]
    return struct.pack("<24I", *call, *write, *_moved(0, 0), *_moved(8, 93), 0xD4000001, *[0] * 5)


def ran(part: unit.Unit, where, arrays: dict, folder) -> list[np.ndarray]:
    """The outputs of a native part under the emulator; `arrays` by their values' numbers."""
    memory = Memory()
    code = load.loaded(compiled(part.text(), where), ["program", "alone"])
    pages = code._kept
    text = memory.put(ctypes.string_at(pages.address, pages.size), 16384)
    scratch = max(families.workspace(k, where, 2) for k in part.kernels) + 8192
    arena = memory.put(bytes(part.arena.size + scratch))
    table = list(part.table)
    host = -(-part.arena.ctypes.data // 64) * 64
    table = [x - host + arena if host <= x <= host + part.arena.size else x for x in table]
    for v, a in arrays.items():
        table[part.slots[v]] = memory.put(a.tobytes())
    size = sum(-(-v.size * v.dtype.itemsize // 64) * 64 for v in part.fresh)
    out = end = memory.put(bytes(size))
    for v in part.fresh:
        table[part.slots[v.id]], end = end, end + -(-v.size * v.dtype.itemsize // 64) * 64
    for slot in part.objects:  # an array's object, which holds the address
        table[slot] = memory.put(bytes(unit.HEAD) + struct.pack("<Q", table[slot]))
    entry = code.addresses["alone"] - pages.address + text
    start = memory.put(_start(entry, memory.put(struct.pack(f"<{len(table)}q", *table)), out, size))
    path = folder / "program"
    path.write_bytes(_headed(memory.bytes, start))
    path.chmod(0o700)
    with open(folder / "out", "wb") as file:
        subprocess.run([str(EMULATOR), str(path)], stdout=file, check=True, timeout=60)
    data, at, made = (folder / "out").read_bytes(), 0, []
    for v in part.fresh:
        made.append(np.frombuffer(data, v.dtype, v.size, at).reshape(v.shape))
        at += -(-v.size * v.dtype.itemsize // 64) * 64
    return made


def _headed(memory: bytearray, start: int) -> bytes:
    """One segment that may be read, written and run."""
    head = b"\x7fELF\x02\x01\x01".ljust(16, b"\0")
    head += struct.pack("<HHIQQQIHHHHHH", 2, 183, 1, start, 64, 0, 0, 64, 56, 1, 64, 0, 0)
    size = len(memory)
    head += struct.pack("<IIQQQQQQ", 1, 7, 0, _BASE, _BASE, size, size, 16384)
    memory[: len(head)] = head
    return bytes(memory)
