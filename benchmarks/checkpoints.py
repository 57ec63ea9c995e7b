"""Saving and opening 500 MB in 200 tensors, PyTorch and safetensors beside us.

Options: `--megabytes N` for another size, `--rounds N`. Rounds alternate, so that a busy machine is
equally unkind to all; the page cache is warm. Flushing to the disk is excluded (and its own line).
Before each timed write as many bytes are written and removed, so that every way finds memory that
the kernel has just given back; "first" is the first call in a fresh process, imports left out.
Opening is timed in a process for each library (`opening.py`): threads of a neighbour in the same
process, which wait busily after their work, make a sum that two threads share twice as slow.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import _harness
import safetensors.torch
import torch

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
PAUSE = 0.1  # seconds: threads of BLAS and OpenMP wait busily for a while after their work

from rushlight._files import atomic, progress  # noqa: E402
from rushlight._files import safetensors_writer as own  # noqa: E402
from rushlight.serialization import Describer, load, save, set_crc32_options  # noqa: E402


def clear(folder: str) -> None:
    """Removes what was written: when a rename replaces a file, ext4 begins to flush the new one."""
    for name in os.listdir(folder):
        if name.startswith("out"):
            os.remove(os.path.join(folder, name))


def timed(work: Callable[[], object]) -> float:
    """Milliseconds of one call; what it made is dropped afterwards."""
    began = time.perf_counter()
    made = work()
    spent = (time.perf_counter() - began) * 1000
    del made
    return spent


def table(
    rows: dict[str, dict[str, Callable[[], object]]], rounds: int, folder: str, warm: Callable
) -> dict[str, dict[str, float]]:
    """Median milliseconds of each way of each row, taken in turns, each second turn backwards."""
    found: dict[str, dict[str, list[float]]] = {
        row: {way: [] for way in ways} for row, ways in rows.items()
    }
    for number in range(rounds):
        for row, ways in rows.items():
            for way, work in list(ways.items())[:: -1 if number % 2 else 1]:
                clear(folder)
                if row.startswith(("raw", "save")):
                    warm()
                    clear(folder)
                time.sleep(PAUSE)
                found[row][way].append(timed(work))
    return {
        row: {way: statistics.median(times) for way, times in ways.items()}
        for row, ways in found.items()
    }


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=6)
    args = parser.parse_args()
    torch.set_num_threads(2)
    progress.Progress.PATIENCE = float("inf")
    atomic_fsync = atomic.flush
    with tempfile.TemporaryDirectory() as folder:
        each = args.megabytes * 1_000_000 // 200 // 4
        theirs = {f"layer{i}.weight": torch.randn(each) for i in range(200)}
        pt, st, raw = (os.path.join(folder, name) for name in ("a.pt", "a.safetensors", "out.raw"))
        torch.save(theirs, pt)
        safetensors.torch.save_file(theirs, st)
        ours = load(pt)
        atomic.flush = lambda fd: None  # the others do not flush
        rows = _rows(theirs, ours, raw, folder)
        found = table(rows, args.rounds, folder, rows["raw"]["write"])
        clear(folder)
        opened = _opened(folder, args.rounds)
        atomic.flush = atomic_fsync
        found["save .pt, flushed"] = {
            "rushlight": timed(lambda: save(ours, os.path.join(folder, "f.pt")))
        }
        found["load .pt, first"] = _first(pt, min(args.rounds, 3))
        _print(found)
        print("", _harness.HEAD, *opened, sep="\n")
        raw_write = found["raw"]["write"]
        for row in ("save .pt", "save .safetensors"):
            print(
                f"{row} over a raw write: {100 * (found[row]['rushlight'] / raw_write - 1):.0f} %"
            )
        print("peak memory of load over the file:", *_peaks(pt), "%")
        _inspect(pt)


def _opened(folder: str, rounds: int) -> list[str]:
    """Lines of a table: the rows of `opening.py`, and what a mapping costs without a reader."""
    os.environ["RUSHLIGHT_CHECKPOINTS"] = folder
    from opening import ROWS

    ours, theirs, bare = (
        _harness.Peer(name, "opening") for name in ("rushlight", "torch", "numpy")
    )
    lines = [_harness.compare(replace(row, rounds=rounds), ours, theirs).line() for row in ROWS]
    bare.ask(row=ROWS[-1].name)
    times = [bare.ask(number=1)["seconds"] for _ in range(rounds)]
    for peer in (ours, theirs, bare):
        peer.close()
    return [*lines, f"pages alone: {_harness.told(statistics.median(times))}"]


def _rows(theirs: dict, ours: dict, raw: str, folder: str) -> dict:
    out = os.path.join(folder, "out")

    def raw_write() -> None:
        with open(raw, "wb", buffering=0) as file:
            for value in theirs.values():
                file.write(memoryview(value.numpy()).cast("B"))

    def raw_read() -> list[bytearray]:
        made = []
        raw_write()
        with open(raw, "rb", buffering=0) as file:
            for value in theirs.values():
                made.append(bytearray(value.nbytes))
                file.readinto(made[-1])
        return made

    def without_checksums() -> None:
        set_crc32_options(False)
        save(ours, out + "n.pt")
        set_crc32_options(True)

    def save_safetensors() -> None:
        describer = Describer()
        records = {name: describer.record(value) for name, value in ours.items()}
        room = sum(record.nbytes for record in records.values())
        atomic.save_to(
            out + "o.safetensors", lambda put: own.write(put, records, {"format": "pt"}), room
        )

    return {
        "raw": {"write": raw_write, "write and read": raw_read},
        "save .pt": {
            "torch": lambda: torch.save(theirs, out + "t.pt"),
            "rushlight": lambda: save(ours, out + "r.pt"),
            "rushlight, no crc": without_checksums,
        },
        "save .safetensors": {
            "safetensors": lambda: safetensors.torch.save_file(theirs, out + "s.safetensors"),
            "rushlight": save_safetensors,
        },
    }


def _print(found: dict[str, dict[str, float]]) -> None:
    for row, ways in found.items():
        peer = next(iter(ways.values()))
        parts = [
            f"{way} {time_:.1f} ms" + (f" ({peer / time_:.2f})" if i else "")
            for i, (way, time_) in enumerate(ways.items())
        ]
        print(f"{row:<28}", "   ".join(parts), flush=True)


def _peaks(pt: str) -> list[str]:
    """Percent of the file's size that loading takes beyond it, in a process of its own."""
    code = (
        "import sys, os, re; from rushlight.serialization import load;"
        "peak = lambda: int(re.search(r'VmHWM:\\s+(\\d+)', open('/proc/self/status').read())[1]) "
        "* 1024;"
        "before = peak(); x = load(sys.argv[1]); after = peak();"
        "print(round(100 * ((after - before) / os.path.getsize(sys.argv[1]) - 1), 1))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, pt], capture_output=True, text=True, cwd=ROOT, check=True
    )
    return [done.stdout.strip()]


def _first(pt: str, rounds: int) -> dict[str, float]:
    """The first load of a process, in processes by turns."""
    code = (
        "import sys, time; {}; began = time.perf_counter(); made = load(sys.argv[1]); "
        "print((time.perf_counter() - began) * 1000)"
    )
    ways = {
        "torch": "import torch; torch.set_num_threads(2); load = torch.load",
        "rushlight": "from rushlight.serialization import load",
    }
    found: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(rounds):
        for way, preparation in ways.items():
            command = [sys.executable, "-c", code.format(preparation), pt]
            done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True)
            found[way].append(float(done.stdout))
    return {way: statistics.median(times) for way, times in found.items()}


def _inspect(pt: str) -> None:
    """The time of `rushlight inspect`, from start to end of the process."""
    starts = {
        "rushlight inspect": ["rushlight_command.py"],
        "python -m rushlight inspect": ["-m", "rushlight"],
    }
    for name, start in starts.items():
        command = [sys.executable, *start, "inspect", pt]
        times = [
            timed(lambda c=command: subprocess.run(c, capture_output=True, cwd=ROOT, check=True))
            for _ in range(7)
        ]
        print(f"{name:<28} {min(times):.0f} ms at best, {statistics.median(times):.0f} ms median")


if __name__ == "__main__":
    main()
