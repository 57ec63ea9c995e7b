"""Which features of a processor compiled code may use, and whether this one has them.

Names are LLVM's. Asked are the processor (cpuid) or the kernel (ARM), whatever LLVM says.
"""

import ctypes
from typing import Any

from ..system import Pages

# Where cpuid tells of them: leaf, subleaf, register (eax ebx ecx edx), bit. What code that was
# generated for vectors and integers never uses (sha, xsave, clwb ...) is not here.
_PLACES = {
    (1, 0, 2): "sse3 0 pclmul 1 ssse3 9 fma 12 cx16 13 sse4.1 19 sse4.2 20 movbe 22 popcnt 23 "
    "aes 25 avx 28 f16c 29",
    (7, 0, 1): "bmi 3 avx2 5 bmi2 8 avx512f 16 avx512dq 17 adx 19 avx512ifma 21 avx512cd 28 "
    "avx512bw 30 avx512vl 31",
    (7, 0, 2): "avx512vbmi 1 avx512vbmi2 6 gfni 8 vaes 9 vpclmulqdq 10 avx512vnni 11 "
    "avx512bitalg 12 avx512vpopcntdq 14",
    (7, 0, 3): "avx512vp2intersect 8 avx512fp16 23",
    (7, 1, 0): "avxvnni 4 avx512bf16 5 avxifma 23",
    (7, 1, 3): "avxvnniint8 4 avxneconvert 5 avxvnniint16 10 avx10.1 19 avx10.2 19 egpr 21 "
    "push2pop2 21 ppx 21 ndd 21 ccmp 21 nf 21 zu 21",
    (0x80000001, 0, 2): "sahf 0 lzcnt 5 sse4a 6 prfchw 8 xop 11 fma4 16 tbm 21",
}
# The kernel's words for ARM, bits of getauxval(AT_HWCAP), from 64 on of AT_HWCAP2.
_ARM = {
    "neon": 1, "aes": 3, "sha2": 6, "crc": 7, "lse": 8, "fullfp16": 10, "rdm": 12, "jsconv": 13,
    "complxnum": 14, "rcpc": 15, "sha3": 17, "dotprod": 20, "sve": 22, "fp16fml": 23,
    "rcpc-immo": 26, "flagm": 27, "sve2": 65, "i8mm": 77, "bf16": 78, "cssc": 98, "mops": 107,
}  # fmt: skip
# push rbx; mov r8, rdx; mov eax, edi; mov ecx, esi; cpuid; four stores to r8; pop rbx; ret
_CPUID = bytes.fromhex("53 4989d0 89f8 89f1 0fa2 418900 41895804 41894808 4189500c 5b c3")
_XGETBV = bytes.fromhex("31c9 0f01d0 c3")  # xor ecx, ecx; xgetbv; ret


def lacking(machine: str, features: list[str]) -> list[str]:
    """Those of the features that this processor, or its operating system, does not have."""
    has = _x86() if machine == "x86_64" else _arm()
    return [f for f in features if not has.get(f, True)]


def _function(code: bytes, result: Any, *arguments: Any) -> Any:
    pages = Pages(len(code))
    ctypes.memmove(pages.address, code, len(code))
    pages.seal()
    return ctypes.CFUNCTYPE(result, *arguments)(pages.address)


def _x86() -> dict[str, bool]:
    cpuid = _function(_CPUID, None, ctypes.c_uint32, ctypes.c_uint32, ctypes.c_void_p)
    out = (ctypes.c_uint32 * 4)()

    def asked(leaf: int, under: int) -> list[int]:
        cpuid(leaf & 0x80000000, 0, ctypes.addressof(out))
        if leaf > out[0]:
            return [0, 0, 0, 0]
        cpuid(leaf, under, ctypes.addressof(out))
        return list(out)

    state = 0
    if asked(1, 0)[2] >> 27 & 1:  # the system keeps wide registers: which ones?
        state = _function(_XGETBV, ctypes.c_uint32)()
    found = {}
    for (leaf, under, register), told in _PLACES.items():
        bits, words = asked(leaf, under)[register], told.split()
        for name, bit in zip(words[::2], words[1::2]):
            wide = 0xE6 if name.startswith("avx512") else 6
            kept = not name.startswith(("avx", "fma", "f16c", "xop")) or state & wide == wide
            found[name] = bool(bits >> int(bit) & 1) and kept
    return found


def _arm() -> dict[str, bool]:
    ask = ctypes.CDLL(None).getauxval
    ask.restype, ask.argtypes = ctypes.c_ulong, [ctypes.c_ulong]
    told = ask(16) | ask(26) << 64
    return {name: bool(told >> bit & 1) for name, bit in _ARM.items()}
