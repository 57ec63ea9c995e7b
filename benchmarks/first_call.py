"""How long the first call of a compiled step takes: `python benchmarks/first_call.py`.

Each step of `compiled.py` below is called in a fresh process with an empty cache of compiled code,
and in the next process, which finds the code there. A step whose first call is unlike all others
runs eagerly then and is compiled at its second: both count, less the time of two calls as they are
from then on. Imports and the making of the network are left out. The best of `--rounds N`
pairs of processes: a busy machine only ever adds.
"""

import argparse
import importlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# Seconds that the first call may take, and that of the next process.
TARGETS = {
    "MLP step, batch 64": (0.5, 0.1),
    "LeNet step, batch 64": (1.5, 0.2),
    "ResNet-18 step, 64, batch 8": (6, 0.5),
    "GPT step, AdamW": (6, 0.5),
    "LSTM language model step": (None, None),
}


def once(name: str) -> dict[str, object]:
    """The first two calls' delay in this process, and whether llvmlite was needed."""
    rows = {row.name: row for row in importlib.import_module("compiled").ROWS}
    module = importlib.import_module("rushlight")
    module.set_num_threads(2)
    work = rows[name].prepare(module)
    times = []
    for _ in range(7):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    seconds = times[0] + times[1] - 2 * statistics.median(times[2:])
    return {"seconds": seconds, "llvmlite": "llvmlite" in sys.modules}


def child(name: str, cache: str) -> dict[str, object]:
    """`once` in a process of its own."""
    places = f"{ROOT}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
    settings = {"RUSHLIGHT_CACHE": cache, "BENCH_MODE": "compiled", "PYTHONPATH": places}
    command = [sys.executable, __file__, "--once", name]
    done = subprocess.run(
        command, env={**os.environ, **settings}, capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout.splitlines()[-1])


def told(seconds: float, target: float | None) -> str:
    late = " (above)" if target is not None and seconds > target else ""
    return f"{seconds:.3f} s of {target}{late}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--once")
    parser.add_argument("--only", default="")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    if options.once:
        print(json.dumps(once(options.once)))
        return
    print("| work | first call | in the next process | llvmlite there |\n|---|---|---|---|")
    for name, (first, later) in TARGETS.items():
        if options.only not in name:
            continue
        pairs = []
        for _ in range(options.rounds):
            with tempfile.TemporaryDirectory() as cache:
                pairs.append((child(name, cache), child(name, cache)))
        best = [min(float(pair[i]["seconds"]) for pair in pairs) for i in range(2)]
        loaded = "loaded" if any(pair[1]["llvmlite"] for pair in pairs) else "not loaded"
        print(
            f"| {name} | {told(best[0], first)} | {told(best[1], later)} | {loaded} |", flush=True
        )


if __name__ == "__main__":
    main()
