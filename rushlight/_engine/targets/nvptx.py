"""NVIDIA's GPUs, so far as to show that kernel bodies fit them: a kernel's text for one block of
threads, as PTX."""

from dataclasses import dataclass
from typing import Any

from ..builder import Function
from .host import Host, improved, llvm

_TRIPLE = "nvptx64-nvidia-cuda"


@dataclass(frozen=True, slots=True)
class Device:
    """What kernels ask: 16 bytes are the widest access; 64 accumulators leave registers free."""

    version: int  # LLVM's
    cpu: str = "sm_80"
    vector: int = 16  # bytes
    rows: int = 8
    columns: int = 2
    fused: bool = True
    rounds: bool = True
    halves: bool = True
    attributes: str = "attributes #0 = { nounwind convergent }"

    python = False  # a signal waits for the end of a launch

    lanes = Host.lanes
    aligned, masked_load, masked_store = Host.aligned, Host.masked_load, Host.masked_store

    def meet(self, f: Function) -> bool:
        """All threads of the block meet, by one instruction.

        Those of a warp come to it together: functions are `convergent`. The form without `aligned`,
        in a function of its own, let warps through on Hopper (driver 580.159).
        """
        name = "llvm.nvvm.barrier.cta.sync.aligned.all"
        if self.version < 21:
            f.declare("llvm.nvvm.barrier0", "void", [])
            f.line("call void @llvm.nvvm.barrier0()")
        else:
            f.declare(name, "void", ["i32"])
            f.line(f"call void @{name}(i32 0)")
        return True


def entry(text: str, name: str = "program") -> str:
    """A module's text with an entry for the driver, `launch(buffers, control)`: each thread of a
    block runs the program."""
    reads = [f"llvm.nvvm.read.ptx.sreg.{x}" for x in ("tid.x", "ntid.x")]
    rows = [
        text,
        *(f"declare i32 @{x}()" for x in reads),
        "define ptx_kernel void @launch(ptr %buffers, ptr %control) #0 {",
        f"  %i = call i32 @{reads[0]}()",
        f"  %n = call i32 @{reads[1]}()",
        "  %me = zext i32 %i to i64",
        "  %threads = zext i32 %n to i64",
        f"  call void @{name}(ptr %buffers, i64 %me, i64 %threads, ptr %control)",
        "  ret void",
        "}",
    ]
    return "\n".join(rows)


def compiled(text: str, device: Device) -> str:
    """PTX. Where LLVM cannot select an instruction it ends the process: call this in a child."""
    binding: Any = llvm()
    binding.initialize_all_targets()
    binding.initialize_all_asmprinters()
    machine = binding.Target.from_triple(_TRIPLE).create_target_machine(cpu=device.cpu, opt=1)
    return machine.emit_assembly(improved(text, machine, _TRIPLE, jumps=False))
