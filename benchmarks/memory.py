"""Peak memory of compiled training steps beside PyTorch's: `python benchmarks/memory.py`.

Each peer is a process of its own: the model, its optimizer and a batch are made, some steps are
run, and the highest resident memory of the steps that follow is compared with what the process had
before the first. So what a step keeps (the optimizer's state, buffers) counts, and so does what it
needs for a while. LLVM does not: a first process compiles, the second one, which is
measured, finds the program on disk. Linux only.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

from compiled import ROWS

STEPS = ("GPT step, AdamW", "ResNet-18 step, 64, batch 8")
TARGET = 0.8  # of PyTorch's
WARM, MEASURED = 3, 3  # steps


def resident(what: str) -> int:
    """Bytes of this process in memory: VmRSS now, VmHWM the most since it was last reset."""
    found = re.search(rf"{what}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return 1024 * int(found[1])


def measured(module: str, name: str) -> dict[str, int]:
    """In a process of its own: the peak of a step above what was there before the first."""
    framework = __import__(module)
    framework.set_num_threads(2)
    work = next(row for row in ROWS if row.name == name).prepare(framework)
    before = resident("VmRSS")
    for _ in range(WARM):
        work()
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    for _ in range(MEASURED):
        work()
    return {"before": before, "peak": resident("VmHWM") - before}


def child(module: str, name: str) -> dict[str, int]:
    """What such a process says."""
    settings = {"PYTHONPATH": str(Path(__file__).resolve().parent.parent)}
    if module != "torch":
        settings["BENCH_MODE"] = "compiled"
    out = subprocess.run(
        [sys.executable, __file__, module, name],
        env=os.environ | settings, stdout=subprocess.PIPE, text=True, check=True,
    )  # fmt: skip
    return json.loads(out.stdout)


def main() -> None:
    """The table."""
    print("| step | PyTorch | Rushlight | Rushlight / PyTorch | target |\n|---|---|---|---|---|")
    for name in STEPS:
        theirs = child("torch", name)["peak"]
        child("rushlight", name)
        ours = child("rushlight", name)["peak"]
        ratio = ours / theirs
        above = " (above)" if ratio > TARGET else ""
        print(
            f"| {name} | {theirs / 1e6:.0f} MB | {ours / 1e6:.0f} MB | {ratio:.2f}{above} | "
            f"{TARGET} |",
            flush=True,
        )


if __name__ == "__main__":
    if len(sys.argv) == 3:
        print(json.dumps(measured(sys.argv[1], sys.argv[2])))
    else:
        main()
