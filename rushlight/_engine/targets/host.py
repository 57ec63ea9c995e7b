"""The processor we run on: its vectors, how its threads wait, and LLVM's compilation for it."""

import ctypes
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from .. import cache as disk
from ..builder import I64, Function, Kind, Val, typed
from ..forked import awaited
from ..system import PLACES, SLEEP_CALL


@dataclass(frozen=True, slots=True)
class Host:
    """What kernels ask: bytes in a vector, rows and vectors of a product's tile, cache sizes."""

    cpu: str
    features: str
    triple: str
    vector: int  # bytes
    rows: int  # of a tile of the matrix product: accumulators fill the registers without spilling
    columns: int  # vectors in a tile's row
    version: int  # LLVM's

    python = True  # a program may call Python's functions

    @property
    def key(self) -> str:
        """What a cached object depends on besides its text."""
        return f"{disk.emitter()} {self.triple} {self.cpu} {self.features} llvm{self.version}"

    def lanes(self, size: int) -> int:
        """How many elements of `size` bytes a vector holds."""
        return self.vector // size

    def _has(self, feature: str) -> bool:
        """Whether there are instructions as those of a feature of x86; 64-bit ARM has them all."""
        arm = self.triple.startswith(("aarch64", "arm64"))
        return arm or f"+{feature}" in self.features.split(",")

    @property
    def fused(self) -> bool:
        """Whether a product and a sum with one rounding are one instruction."""
        return self._has("fma")

    @property
    def rounds(self) -> bool:
        """Whether rounding to a whole number is one instruction."""
        return self._has("sse4.1")

    @property
    def halves(self) -> bool:
        """Whether float16 is converted by one instruction."""
        return self._has("f16c")

    @property
    def attributes(self) -> str:
        """What every function is told: LLVM would halve 512-bit vectors on some processors."""
        return f'attributes #0 = {{ nounwind "prefer-vector-width"="{8 * self.vector}" }}'

    # -- words that changed between versions of LLVM

    def aligned(self, at: Val, kind: Kind) -> tuple[list[str], str]:
        """An address and its alignment: the types of the parameters, and what is given for them."""
        if self.version >= 22:
            return ["ptr"], f"ptr align {kind.size} {at.name}"
        return ["ptr", "i32"], f"ptr {at.name}, i32 {kind.size}"

    def masked_load(
        self, f: Function, name: str, at: Val, mask: Val, kind: Kind, lanes: int
    ) -> str:
        """A load of some lanes, the others zero."""
        t, (params, place) = typed(kind, lanes), self.aligned(at, kind)
        f.declare(name, t, [*params, mask.type, t])
        return f"call {t} @{name}({place}, {mask.type} {mask.name}, {t} zeroinitializer)"

    def masked_store(self, f: Function, name: str, at: Val, x: Val, mask: Val) -> str:
        """A store of some lanes."""
        params, place = self.aligned(at, x.kind)
        f.declare(name, "void", [x.type, *params, mask.type])
        return f"call void @{name}({x.type} {x.name}, {place}, {mask.type} {mask.name})"

    # -- how a thread waits

    def meet(self, f: Function) -> bool:
        """Whether all threads meet by an instruction, written here: not on a processor."""
        return False

    def pause(self, f: Function) -> None:
        """A hint that this is a waiting loop."""
        if self.triple.startswith(("x86", "i686")):
            f.declare("llvm.x86.sse2.pause", "void", [])
            f.line("call void @llvm.x86.sse2.pause()")
        elif self.triple.startswith(("aarch64", "arm64")):
            f.declare("llvm.aarch64.hint", "void", ["i32"])
            f.line("call void @llvm.aarch64.hint(i32 1)")

    def ticks(self, f: Function) -> Val:
        """A clock's count; always 0 where programs may not read it."""
        if self.triple.startswith(("x86", "i686")):
            return f.known("llvm.readcyclecounter", I64, 1)
        return f.const(0, I64)

    def sleep(self, f: Function, place: Val, seen: Val) -> None:
        """Sleep until woken, unless the word at `place` is no longer `seen`."""
        SLEEP_CALL.wait(f, place, seen)

    def wake(self, f: Function, place: Val) -> None:
        """Wake all that sleep on `place`."""
        SLEEP_CALL.wake(f, place)

    def note(self, f: Function, place: Val) -> None:
        """Note at `place` which processor the thread is on, where that can be known."""
        PLACES.note(f, place)

    def leave(self, f: Function, place: Val) -> None:
        """Move to another processor than the one noted, where that can be done."""
        PLACES.leave(f, place)


@cache
def llvm() -> Any:
    """llvmlite's binding, ready; ImportError where the extra is not installed."""
    with awaited():
        _mapped()
        import llvmlite.binding as binding

        binding.initialize_native_target()
        binding.initialize_native_asmprinter()
    return binding


def _mapped() -> None:
    """Have the system map LLVM, which takes up to 0.1 s, while other threads run Python.

    ctypes itself opens libraries without letting go of Python's lock; a function that it calls does
    not hold it.
    """
    spec = find_spec("llvmlite")
    if spec is None or spec.origin is None or os.name != "posix":
        return
    for place in Path(spec.origin).parent.glob("binding/libllvmlite.*"):
        opened = ctypes.CDLL(None).dlopen
        opened.restype, opened.argtypes = ctypes.c_void_p, (ctypes.c_char_p, ctypes.c_int)
        opened(bytes(place), os.RTLD_NOW)


def described(cpu: str, features: str, triple: str, version: int) -> Host:
    """The parameters for a processor, from what LLVM says of it."""
    has = {word[1:] for word in features.split(",") if word.startswith("+")}
    if "avx512f" in has and "avx512vl" in has:
        vector, rows, columns = 64, 13, 2  # 26 accumulators, 2 vectors and 1 number of 32 registers
    elif "avx2" in has and "fma" in has:
        vector, rows, columns = 32, 6, 2  # 12 + 2 + 1 of 16
    elif triple.startswith(("aarch64", "arm64")):
        vector, rows, columns = 16, 7, 3  # 21 + 3 + 1 of 32: 8 rows spill two
    else:
        vector, rows, columns = 16, 4, 2  # 8 + 2 + 1 of 16
    return Host(cpu, features, triple, vector, rows, columns, version)


@cache
def host() -> Host:
    """This machine, as LLVM reported it once: the report is kept, LLVM need not be loaded."""
    key = disk.key_of("host", *_fingerprint())
    kept = disk.kept(key, lambda: "\n".join(_reported()).encode())
    cpu, features, triple, version = kept.decode().split("\n")
    return described(cpu, features, triple, int(version))


def _reported() -> tuple[str, str, str, str]:
    """Processor, features, triple, LLVM's version."""
    binding = llvm()
    return (
        binding.get_host_cpu_name(), binding.get_host_cpu_features().flatten(),
        binding.get_default_triple(), str(binding.llvm_version_info[0]),
    )  # fmt: skip


def _fingerprint() -> list[str]:
    """What tells processors and installations of llvmlite apart without loading it."""
    spec = find_spec("llvmlite")
    place = spec.origin if spec is not None and spec.origin else ""
    when = str(os.stat(place).st_mtime_ns) if place else ""
    try:
        lines = Path("/proc/cpuinfo").read_text().split("\n\n")[0].splitlines()
        told = [
            x for x in lines if x.startswith(("model", "flags", "vendor_id", "CPU ", "Features"))
        ]
    except OSError:
        told = [str(x) for x in (sys.platform, os.environ.get("PROCESSOR_IDENTIFIER"))]
    return [place, when, sys.platform, *sorted(told)]


@cache
def _machine(target: Host) -> Any:
    """LLVM's code generator: small, position-independent code that our own loader can place."""
    found = llvm().Target.from_triple(target.triple)
    return found.create_target_machine(
        cpu=target.cpu, features=target.features, opt=1, reloc="pic", codemodel="small"
    )


def compiled(text: str, target: Host) -> bytes:
    """The object file of a module's text."""
    with awaited(), _as_written(llvm(), target):
        machine = _machine(target)
        return machine.emit_object(improved(text, machine, target.triple))


def improved(text: str, machine: Any, triple: str, jumps: bool = True) -> Any:
    """A module of LLVM's, optimised lightly: the kernels are vectors already.

    Variables to registers, simpler instructions, fewer `jumps`; nothing is inlined. LLVM's whole
    first level takes 43 ms for a product of 64 x 64 that these three have in 6, and the programs
    are no faster (softmax, layer norm, GELU and products measured).
    """
    binding = llvm()
    module = binding.parse_assembly(text)
    module.verify()
    module.triple, module.data_layout = triple, str(machine.target_data)
    passes = binding.create_new_module_pass_manager()
    passes.add_sroa_pass()
    passes.add_instruction_combine_pass()
    if jumps:
        passes.add_simplify_cfg_pass()
    options = binding.create_pipeline_tuning_options(speed_level=1)
    passes.run(module, binding.create_pass_builder(machine, options))
    return module


@contextmanager
def _as_written(binding: Any, target: Host) -> Iterator[None]:
    """Loops count and walk, and steps follow each other, as the kernels say.

    LLVM's search for a better way to walk is half of the code generator's time (driver of
    1024 x 1024 x 1024: 23 ms, without it 12). Its order of steps keeps so many numbers waiting that
    sums which fill AVX-512's registers go through memory (convolution 64 -> 64 of 56 x 56:
    52 GFLOP/s a thread, 109 in ours).

    They are options of the process: others who compile with LLVM shall not meet them.
    """
    options = {"-disable-lsr": True, "-enable-misched": target.vector < 64}
    for name, on in options.items():
        binding.set_option("", f"{name}={on}".lower())
    try:
        yield
    finally:
        for name, on in {"-disable-lsr": False, "-enable-misched": True}.items():
            binding.set_option("", f"{name}={on}".lower())
