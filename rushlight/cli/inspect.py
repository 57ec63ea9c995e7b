"""`rushlight inspect FILE`: what a checkpoint holds, without loading or running any of it."""

import argparse
import json
import math
import os
import re
import sys
from collections import Counter
from dataclasses import fields
from typing import Any

import numpy as np

from .._files.formats import open_checkpoint
from .._files.records import FAULTS, Checkpoint, Global, Limits, Opaque, Storage, TensorRecord
from .._files.standard import STANDARD, array_facts, harmless
from .._files.values import decode
from .._files.walk import PLAIN, dotted, tensors, ties, walk

_PIECE = 1 << 22  # elements looked at in one go for --stats
_LIMITS = re.compile(r"(?:limits=)?(?:rushlight\.serialization\.)?Limits\(([a-z=., ]+)\)")
BOUNDS = [part.name for part in fields(Limits)]
COLOURS = {"name": "36", "type": "33", "quiet": "2", "warn": "35", "bad": "1;31", "good": "32"}


def register(commands: Any) -> None:
    """Adds `inspect` and its arguments to the command line."""
    parser = commands.add_parser("inspect", description=__doc__)
    parser.add_argument("file", help="a checkpoint of any known format, or a folder of shards")
    flags(
        parser, json="for machines", stats="mean, deviation, extremes, norm, NaN counts",
        all="also every plain value, not only tensors",
    )  # fmt: skip


def _bound(text: str) -> tuple[str, int]:
    name, _, size = text.partition("=")
    if name not in BOUNDS:
        raise argparse.ArgumentTypeError(f"{name!r} is none of {', '.join(BOUNDS)}")
    return name, size_of(size)


def size_of(text: str) -> int:
    """Bytes from an option's text such as 2GB or 500 MiB."""
    match = re.fullmatch(r"\s*(\d+\.?\d*)\s*(?:([KMGT])(I?))?B?\s*", text.upper())
    if not match:
        raise argparse.ArgumentTypeError(f"{text!r}: expected a size such as 500MB or 2GB")
    times = (1024 if match[3] else 1000) ** " KMGT".index(match[2] or " ")
    return max(int(float(match[1]) * times), 1)


def flags(parser: argparse.ArgumentParser, **meanings: str) -> None:
    """Adds options that are there or not, what each means, and the one that raises `Limits`."""
    for name, meaning in meanings.items():
        parser.add_argument(f"--{name}", action="store_true", help=meaning)
    parser.add_argument(
        "--limit", action="append", default=[], metavar="NAME=SIZE", type=_bound,
        help="raise a bound for a file that you trust, such as growth=20 or objects=2GB (may be "
        f"repeated); NAME: {', '.join(BOUNDS)}",
    )  # fmt: skip


def main(args: argparse.Namespace) -> int:
    """Prints the file; status 2 if it cannot be read."""
    try:
        found = open_checkpoint(args.file, limits=Limits(**dict(args.limit)))
        facts = describe(found, args.stats)
    except FAULTS as error:
        return complain("inspect", error)
    if args.json:
        print(as_json(facts))
    else:
        _print(facts, found, args.all)
    return 0


def as_json(facts: Any) -> str:
    """JSON for machines; infinity and NaN, which it does not have, are null."""
    text = json.dumps(facts, default=str)
    return json.dumps(json.loads(text, parse_constant=lambda _: None), indent=1)


def complain(command: str, error: Exception) -> int:
    """Says what is wrong with a file; the exit status."""
    text = optioned(str(error)) or type(error).__name__
    print(f"rushlight {command}: {plain(text)}", file=sys.stderr)
    return 2


def optioned(text: str) -> str:
    """An error's text with the option in place of the argument that raises a bound."""
    return _LIMITS.sub(lambda found: f"--limit {found[1].replace(', ', ' --limit ')}", text)


def describe(found: Checkpoint, stats: bool = False) -> dict[str, Any]:
    """All facts about a checkpoint, as plain data."""
    named = tensors(found.root)
    exact, loose = ties(named)
    arrays, opaque = others(found.root)
    ways = {path: found.called.get(path, "import") for path in found.names}
    runs = {path: how for path, how in ways.items() if not harmless(found.names[path], how)}
    return {
        "file": found.where, "format": found.kind, "bytes": _size(found.where),
        "tensors": {name: _tensor(record, stats) for name, record in named.items()},
        "arrays": arrays, "ties": exact,
        "elements": sum(record.count for record in named.values()),
        "overlaps": loose, "opaque": opaque,
        "would_run": runs if found.kind not in ("torchscript", "safetensors") else {},
        "metadata": found.metadata,
    }  # fmt: skip


def others(root: Any) -> tuple[dict[str, dict[str, Any]], dict[str, int]]:
    """What is no tensor: NumPy's arrays by name, and how often each class stays opaque."""
    arrays: dict[str, dict[str, Any]] = {}
    opaque: Counter[str] = Counter()
    for path, x in walk(root, PLAIN):
        if type(x) is Opaque and (facts := array_facts(x)):
            arrays[dotted(path)] = facts
        elif type(x) is Opaque and x.name not in STANDARD:
            opaque[x.name[:200]] += 1
    return arrays, dict(opaque)


def _size(path: str) -> int:
    if not os.path.isdir(path):
        return os.path.getsize(path) if os.path.exists(path) else 0
    return sum(os.path.getsize(os.path.join(path, name)) for name in os.listdir(path))


def _tensor(record: TensorRecord, stats: bool) -> dict[str, Any]:
    facts: dict[str, Any] = {"dtype": record.dtype, "shape": list(record.shape)}
    facts["bytes"] = record.nbytes
    if record.device != "cpu":
        facts["device"] = record.device
    if record.parameter:
        facts["parameter"] = True
    if stats and record.storage is not None:
        with np.errstate(over="ignore", invalid="ignore"):
            facts.update(statistics(record))
        record.storage.release()
    return facts


def statistics(record: TensorRecord) -> dict[str, Any]:
    """Mean, deviation, extremes, norm and counts of NaN and infinity, in bounded memory."""
    storage = record.storage
    if record.count > 4 * max(storage.nbytes if storage else 0, 1):
        return {"note": "a view that repeats its elements: not counted"}
    total = square = 0.0
    low, high, nans, infinite, seen = math.inf, -math.inf, 0, 0, 0
    try:
        flat = decode(record).reshape(-1)
    except TypeError as error:
        return {"note": str(error)}
    for at in range(0, flat.size, _PIECE):
        piece = flat[at : at + _PIECE]
        piece = (np.abs(piece) if flat.dtype.kind == "c" else piece).astype(np.float64)
        nans += int(np.isnan(piece).sum())
        infinite += int(np.isinf(piece).sum())
        piece = piece[np.isfinite(piece)]
        if piece.size:
            total += float(piece.sum())
            square += float(piece @ piece)
            seen += piece.size
            low, high = min(low, float(piece.min())), max(high, float(piece.max()))
    if not seen:
        return {"nan": nans, "inf": infinite}
    mean = total / seen
    deviation = math.sqrt(max(square / seen - mean * mean, 0.0))
    facts = mean, deviation, low, high, math.sqrt(square), nans, infinite
    return dict(zip(("mean", "std", "min", "max", "norm", "nan", "inf"), facts))


# -- printing


def plain(text: str) -> str:
    """A text of the file, with what could steer the terminal, or what it lacks, as escapes."""
    text = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
    code = sys.stdout.encoding or "utf-8"
    return text.encode(code, "backslashreplace").decode(code)


def paint(text: str, colour: str) -> str:
    """The text in colour, where the terminal shows colours and NO_COLOR is not set."""
    text = plain(text)
    if not sys.stdout.isatty() or "NO_COLOR" in os.environ:
        return text
    return f"\x1b[{COLOURS[colour]}m{text}\x1b[0m"


def amount(count: float) -> str:
    """A number of bytes for people."""
    for unit in ("B", "KB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.2f} TB"


def _print(facts: dict[str, Any], found: Checkpoint, everything: bool) -> None:
    count, arrays = len(facts["tensors"]), facts["arrays"]
    print(
        f"{paint(facts['file'], 'name')}: {facts['format']}, {amount(facts['bytes'])}, "
        f"{count} tensor{'s' * (count != 1)}, {facts['elements']:,} elements"
        + (f", {len(arrays)} NumPy array{'s' * (len(arrays) != 1)} besides" if arrays else "")
    )
    for key, value in facts["metadata"].items():
        print(paint(f"  {key}: {str(value)[:200]}", "quiet"))
    if everything:
        _print_values(found.root, facts["tensors"])
    else:
        _print_tensors(facts["tensors"] | arrays)
    for names in facts["ties"]:
        print(paint("tied: ", "good") + plain(" = ".join(names)))
    for names in facts["overlaps"]:
        print(paint("share memory: ", "good") + plain(", ".join(names)))
    for name, times in facts["opaque"].items():
        print(paint("opaque: ", "warn") + plain(name) + (f" ({times} times)" if times > 1 else ""))
    for name, how in facts["would_run"].items():
        word = {"call": "would call", "new": "would make", "import": "would import"}[how]
        print(paint(f"unpickling {word}: ", "bad") + plain(name))


def _print_tensors(table: dict[str, dict]) -> None:
    """One line a tensor, indented by the shared beginning of its name."""
    before: list[str] = []
    widths = (len(name.split(".")[-1]) + 2 * name.count(".") for name in table)
    width = min(max(widths, default=0), 60)
    for name, facts in table.items():
        *folders, last = name.split(".")
        for depth, folder in enumerate(folders):
            if before[: depth + 1] != folders[: depth + 1]:
                print("  " * (depth + 1) + plain(folder))
                before = folders[: depth + 1]
        before = folders
        indent = "  " * (len(folders) + 1)
        print(f"{indent}{paint(last.ljust(width - len(indent) + 4), 'name')} {line(facts)}")


def line(facts: dict) -> str:
    """A tensor's facts in one line."""
    shape = "x".join(map(str, facts["shape"])) or "scalar"
    text = f"{paint(facts['dtype'][:80].ljust(9), 'type')} {shape:<16} {amount(facts['bytes']):>9}"
    if "device" in facts:
        text += f"  {facts['device']}"
    if "mean" in facts:
        names = ("mean", "std", "min", "max", "norm")
        text += "  " + ", ".join(f"{name} {facts[name]:.4g}" for name in names)
    for key in ("nan", "inf"):
        if facts.get(key):
            text += "  " + paint(f"{facts[key]} {key}", "bad")
    return text + (f"  ({facts['note']})" if "note" in facts else "")


def _print_values(root: Any, table: dict[str, dict]) -> None:
    inside = "\n"
    for path, value in walk(root):
        name = dotted(path) or "(root)"
        if name.startswith(inside):  # an array's parts
            continue
        if isinstance(value, Opaque) and (facts := array_facts(value)):
            text, inside = line(facts), inside if facts["dtype"] == "object" else f"{name}."
        elif isinstance(value, TensorRecord):
            text = line(table.get(name, _tensor(value, False)))
        elif isinstance(value, (Opaque, Global, Storage)):
            text = paint(repr(value), "warn")
        else:
            huge = isinstance(value, int) and value.bit_length() > 4096
            text = "a huge number" if huge else repr(value)
        print(f"  {paint(name, 'name')} = {text[:160]}")
