"""Loads the hostile corpus under an audit hook, in its own process; prints the report as JSON."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import sys
import time
import warnings
from collections import Counter
from pickle import UnpicklingError

import hostile

warnings.simplefilter("ignore")
from rushlight.cli import scan as scan_command  # noqa: E402
from rushlight.serialization import load  # noqa: E402

REFUSALS = (
    UnpicklingError,
    ValueError,
    EOFError,
    RuntimeError,
    OSError,
    AttributeError,
    ImportError,
    TypeError,
)
MODES = ({}, {"opaque": True}, {"weights_only": False}, {"weights_only": False, "opaque": True})
FORBIDDEN = (
    "import",
    "compile",
    "exec",
    "marshal",
    "pickle",
    "code",
    "os.",
    "subprocess",
    "socket",
    "ctypes",
    "shutil",
    "tempfile",
    "urllib",
    "http",
    "ftplib",
    "smtplib",
    "webbrowser",
    "sys.set",
    "syslog",
    "builtins.input",
    "glob",
    "pty",
    "sqlite3",
    "fcntl",
    "cpython.run",
    "function.__new__",
)
QUIET = {
    "os.listdir",
    "os.scandir",
    "os.walk",
    "sys._getframe",
    "object.__getattr__",
    "pickle.find_class.none",
}
watching, events = False, Counter()


def hook(event: str, args: tuple) -> None:
    """Counts what a reader of plain data never does."""
    if not watching or event in QUIET:
        return
    if event == "open":
        mode, flags = args[1], args[2]
        writes = (flags or 0) & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND)
        if writes or not str(args[0]).startswith(FOLDER):
            events[f"open {args[0]!r} {mode} {flags}"] += 1
    elif event.startswith(FORBIDDEN):
        events[f"{event} {str(args)[:200]}"] += 1


def attempt(path: str, **mode: object) -> str:
    """How one load ends."""
    try:
        load(path, **mode)
        return "loaded"
    except REFUSALS as error:
        return type(error).__name__


def visit(path: str, name: str, report: dict) -> None:
    """All modes on one file, with time and memory."""
    global watching
    began = time.process_time()
    ends = []
    watching = True
    try:
        for mode in MODES:
            ends.append(attempt(path, **mode))
        list(scan_command.look_through(path))
    except REFUSALS:
        pass
    except BaseException as error:
        report["crashes"].append([name, repr(error)[:300]])
    watching = False
    spent = (time.process_time() - began) / (len(MODES) + 1)
    report["ends"].update([", ".join(ends)])
    report["files"] += 1
    if spent > report["slowest"][0]:
        report["slowest"] = [round(spent, 3), name]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    if peak > report["peak"][0]:
        report["peak"] = [peak, name]
    for event, count in events.items():
        report["events"].append([name, event, count])
    events.clear()


def warm_up() -> None:
    """Whatever our own code imports at first use, it imports here."""
    path = os.path.join(FOLDER, "warm")
    for _, data in hostile.good_files():
        with open(path, "wb") as file:
            file.write(data)
        for mode in MODES:
            attempt(path, **mode)
    for data in (b"\x80\x02X\x03\x00\x00\x00\xff\xfe\xfd.", b"V\\u12\n.", b"S'\\xff'\n."):
        with open(path, "wb") as file:
            file.write(data)
        attempt(path)
    with contextlib.suppress(*REFUSALS):
        list(scan_command.look_through(path))


def main() -> None:
    """Reads the list of names that the parent has written."""
    report = {
        "files": 0,
        "crashes": [],
        "events": [],
        "ends": Counter(),
        "slowest": [0, ""],
        "peak": [0, ""],
    }
    sys.addaudithook(hook)
    warm_up()
    report["peak"][0] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    report["start"] = report["peak"][0]
    with open(sys.argv[2], encoding="utf-8") as file:
        names = json.load(file)
    for number, name in names:
        visit(os.path.join(FOLDER, str(number)), name, report)
    report["left"] = os.path.exists(hostile.MARK)
    print(json.dumps(report))


FOLDER = sys.argv[1]
os.chdir(FOLDER)
main()
