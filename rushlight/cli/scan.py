"""`rushlight scan PATH...`: which files would run code when unpickled, and what they would run."""

import argparse
import importlib.util
import json
import os
import re
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from itertools import pairwise
from typing import Any

from .._files import arrays, legacy, packed
from .._files.archive import Archive
from .._files.formats import TWO_FORMATS, ends_as_zip, open_checkpoint, read, sniff
from .._files.joblib import WRAPPER, JoblibUnpickler
from .._files.records import FAULTS, Checkpoint, Global, Limits, Opaque, UnpicklingError
from .._files.source import Source
from .._files.standard import harmless
from .._files.unpickler import Unpickler
from .inspect import flags, optioned, paint, plain

_LARGE = 1 << 22  # bytes of a record that is not read whole
_UNPACKED = Limits(inflated=96 << 20, ratio=1)
_PACKED = re.compile(r"\.(gz|z|zlib|bz2|xz|lzma|lz4|zst)$")

ENDINGS = tuple(
    ".pt .pth .bin .ckpt .pkl .pickle .p .joblib .npy .npz .tar .t7 "
    ".safetensors .model .dat .distcp .metadata .zip .mar .pt2 .ptl".split()
)
RUNS, DAMAGED, PLAIN, OTHER = "runs code", "damaged", "plain data", "not a checkpoint"


@dataclass
class Finding:
    """What one file would do: names that it would call, classes it would make, what is wrong."""

    file: str
    verdict: str = PLAIN
    calls: dict[str, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    left = -1  # as in `Checkpoint`; no field
    limits = Limits()


def register(commands: Any) -> None:
    """Adds `scan` and its arguments to the command line."""
    parser = commands.add_parser("scan", description=__doc__)
    parser.add_argument(
        "paths", nargs="+", metavar="PATH", help="files, or folders with all they contain"
    )
    flags(parser, json="for machines", quiet="show only what is not plain data")


def main(args: argparse.Namespace) -> int:
    """Status 1 if a file would run code, 2 if one is damaged or unreadable, else 0."""
    found = [finding for path in args.paths for finding in look_through(path, dict(args.limit))]
    if args.json:
        print(json.dumps([asdict(finding) for finding in found], indent=1))
    else:
        for finding in found:
            _print(finding, args.quiet)
    verdicts = {finding.verdict for finding in found}
    return 1 if RUNS in verdicts else 2 if DAMAGED in verdicts else 0


def can_map() -> bool:
    """Whether files can be mapped here (not in a browser)."""
    return importlib.util.find_spec("mmap") is not None


def look_through(path: str, bounds: Any = ()) -> Iterator[Finding]:
    """A finding for a file, or for each file of a folder that could be a checkpoint."""
    if not os.path.isdir(path):
        yield look(path, bounds)
        return
    for folder, folders, files in os.walk(path):
        folders.sort()
        for name in sorted(files):
            full = os.path.join(folder, name)
            if os.path.isfile(full):
                finding = look(full, bounds)
                if finding.verdict != OTHER or name.lower().endswith(ENDINGS):
                    yield finding


def look(path: str, bounds: Any = ()) -> Finding:
    """What one file would do if it were unpickled, within the `bounds` of `Limits` given."""
    finding, kind, sure = Finding(path), "", _PACKED.sub("", path).endswith(ENDINGS)
    finding.limits = limits = Limits(**dict(bounds))
    try:
        source = Source(path)
        kind = sniff(source)
        if whole := kind in packed.KINDS:
            source, why = packed.unpack(source, kind, replace(_UNPACKED, **dict(bounds)))
            kind = sniff(source)
            if why:
                finding.problems.append(why)
                sure = sure or kind != "unknown"
            if kind in packed.KINDS:
                raise UnpicklingError(f"{path}: a compressed file within a compressed file")
        if kind == "safetensors" or (kind == "index" and path.endswith(".index.json")):
            found = read(source, limits) if whole else open_checkpoint(path, limits=limits)
            _note(found.names, found.called, finding)
        elif kind in ("zip", "npy"):
            _LOOKS[kind](source, finding)
        else:  # one pickle after the other, and then raw numbers
            source = source if whole else Source(path, can_map())
            _LOOKS.get(kind, _look_pickle)(source, finding)
            sure = kind in ("legacy", "tar") or (kind == "pickle" and sure)
            named = any(re.fullmatch(r"[\w.]+", name) for name in finding.calls)
            if not sure and finding.problems and not named:
                return Finding(path, OTHER)  # some other file that begins like one
    except FAULTS as error:
        if kind in packed.KINDS and not sure:
            return Finding(path, OTHER)
        finding.problems.append(str(error)[:500] or type(error).__name__)
    finding.problems = [*map(optioned, finding.problems)]
    if finding.calls or finding.problems:
        finding.verdict = RUNS if finding.calls else DAMAGED
    return finding


def _pickles(data: Any, where: str, finding: Finding, stored: int, start: int = 0) -> None:
    """All pickles one behind the other, as far as they can be read."""
    facts = data, where, start, stored, finding.left, finding.limits
    notes, problems = _read_all(Unpickler, *facts)
    names, called, finding.left = notes.names, notes.called, notes.left
    if WRAPPER in names:  # to pickle itself the arrays are opcodes: few of those mean something
        names = {path: name for path, name in names.items() if _is_module(name.module)}
        called = {path: how for path, how in called.items() if path in names}
        more, problems = _read_all(JoblibUnpickler, *facts)
        names, called = names | more.names, called | more.called
        finding.left = min(finding.left, more.left)
    finding.problems += problems
    _note(names, called, finding)


def _is_module(name: str) -> bool:
    top = name.partition(".")[0]
    return top.isidentifier() and (top in sys.modules or bool(importlib.util.find_spec(top)))


def _read_all(
    kind: type[Unpickler], data: Any, where: str, at: int, stored: int, left: int, limits: Limits
) -> tuple[Checkpoint, list[str]]:
    """Names, which of them are called, and what stopped the reading."""
    notes, first = Checkpoint(None, "", where, left=left), at
    options: Any = {"notes": notes, "meanings": {}, "stored": stored, "limits": limits}
    while at < len(data):
        reader = kind(data, lambda parts: Opaque("storage"), where, start=at, **options)
        try:
            reader.load()
        except UnpicklingError as error:
            # What was asked for before the damage would have run; what is not read, might.
            told = at == first or notes.called or notes.left < reader.floor
            return notes, [str(error)[:500]] if told else []
        at = reader.pos
    return notes, []


def _note(names: dict[str, Global], called: dict[str, str], finding: Finding) -> None:
    """Adds to a finding what is not harmless."""
    for path, name in names.items():
        if not harmless(name, called.get(path, "import")):
            finding.calls[path] = called.get(path, "import")
    for path in called:
        if path.endswith("(...)"):
            finding.calls[path] = "call"


def _look_zip(source: Source, finding: Finding) -> None:
    for part in _archives(source):
        _look_archive(part, finding)


def _archives(source: Source) -> list[Source]:
    """The archives of a distributed checkpoint's data file lie one behind the other."""
    if not source.where.endswith(".distcp"):
        return [source]
    ends = [0]
    for at in range(0, source.size, _LARGE):
        piece = source.read(at, min(_LARGE + 21, source.size - at))
        for mark in re.finditer(rb"PK\x05\x06(?=.{8}(.{4})(.{4})..)", piece, re.DOTALL):
            size, start = (int.from_bytes(word, "little") for word in mark.groups())
            end = at + mark.end() + 18
            if start == 0xFFFFFFFF or end - 22 - ends[-1] - start - size in (0, 20, 76):
                ends.append(end)
    ends = sorted({*ends, source.size})
    return [source.part(a, b - a, f"archive at {a}") for a, b in pairwise(ends)]


def _look_archive(source: Source, finding: Finding) -> None:
    archive = Archive(source, finding.limits)
    for name in archive.entries:
        where = f"{source.where}, record {name!r:.200}"
        raw = "/data/" in name or "/constants/" in name
        data = b"" if raw else _content(archive, name)
        if name.endswith(".npy"):
            _array(data, where, finding, source.stored)
        elif data and _is_pickle(archive, name, data):
            _pickles(data, where, finding, source.stored)


def _content(archive: Archive, name: str) -> Any:
    """A record's bytes; only what can be large is mapped, and that takes NumPy."""
    entry = archive.entries[name]
    return archive.read(name) if entry.size < _LARGE else archive.array(entry).data


def _is_pickle(archive: Archive, name: str, data: Any) -> bool:
    """Whether a record is a pickle of Python's (those of TorchScript are read by its own code)."""
    script = f"{name.partition('/')[0]}/constants.pkl" in archive.entries
    return not script and (name.endswith((".pkl", ".pickle")) or bytes(data[:1]) == b"\x80")


def _array(data: Any, where: str, finding: Finding, stored: int) -> None:
    """An array of objects is a pickle behind a header."""
    head = bytes(data[:4096])
    if head[:6] == arrays.MAGIC and b"O" in head[:200].partition(b"descr")[2].partition(b",")[0]:
        _pickles(data, where, finding, stored, min(arrays.header_span(head)[1], len(data)))


def _look_npy(source: Source, finding: Finding) -> None:
    head = source.read(0, min(source.size, 4096))
    _array(source.all() if b"O" in head[:200] else head, source.where, finding, source.stored)


def _look_tar(source: Source, finding: Finding) -> None:
    for part in legacy.members(source).values():
        _pickles(part.all(), part.where, finding, source.stored)


def _shown(source: Source) -> bytes | memoryview:
    """The whole file; a large one without reading it, where it is mapped."""
    if source.view is None or source.size < 16 * _LARGE:
        return source.all()
    source.still(source.size)
    return source.view


def _look_pickle(source: Source, finding: Finding) -> None:
    if ends_as_zip(source):
        finding.problems.append(TWO_FORMATS)
    _pickles(_shown(source), source.where, finding, source.stored)


def _look_legacy(source: Source, finding: Finding) -> None:
    """Five pickles; raw numbers follow, which are no pickles."""
    before = [*finding.problems]
    _look_pickle(source, finding)
    finding.problems = before
    if not finding.calls:
        legacy.read(source, finding.limits)


_LOOKS = {"zip": _look_zip, "npy": _look_npy, "tar": _look_tar, "legacy": _look_legacy}


def _print(finding: Finding, quiet: bool) -> None:
    if quiet and finding.verdict in (PLAIN, OTHER):
        return
    colour = {RUNS: "bad", DAMAGED: "warn"}.get(finding.verdict, "good")
    print(f"{paint(finding.verdict, colour):<10} {plain(finding.file)}")
    for name, how in finding.calls.items():
        word = {"call": "calls", "new": "makes", "import": "imports"}[how]
        print(f"    {word} {plain(name[:200])}")
    for problem in finding.problems:
        print(f"    {plain(problem)}")
