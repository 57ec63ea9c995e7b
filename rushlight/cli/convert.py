"""`rushlight convert A B`: a checkpoint in another format, dtype, naming, or in shards."""

import argparse
import json
import os
import re
import sys
from collections import Counter
from itertools import takewhile
from typing import Any

from .._files import arrays, safetensors_writer, torchzip_writer
from .._files.atomic import save_to
from .._files.formats import open_checkpoint
from .._files.pickler import dumps
from .._files.records import FAULTS, Checkpoint, Limits, Opaque, TensorRecord
from .._files.values import cast
from .._files.walk import PLAIN, bounded, dotted, tensors, walk
from .inspect import amount, complain, flags, others, plain, size_of

_TORCH = (".pt", ".pth", ".bin", ".ckpt")


def register(commands: Any) -> None:
    """Adds `convert` and its arguments to the command line."""
    parser = commands.add_parser("convert", description=__doc__)
    parser.add_argument("source", metavar="A", help="any format that can be read")
    parser.add_argument(
        "target", metavar="B", help="NAME.pt, .pth, .bin, .ckpt, .safetensors or .npz"
    )
    parser.add_argument(
        "--dtype", help="float32, float16, bfloat16 or float64, for floating tensors"
    )
    parser.add_argument(
        "--map", action="append", default=[], metavar="OLD=NEW", help="rename parts of names"
    )
    parser.add_argument(
        "--shard",
        metavar="SIZE",
        type=size_of,
        help="several files of at most this size, such as 2GB",
    )
    flags(parser, weights="only the tensors, by name; leaves out whatever else there is")


def main(args: argparse.Namespace) -> int:
    """Status 0 when the file is written, 2 when something stands in the way."""
    try:
        found = open_checkpoint(args.source, limits=Limits(**dict(args.limit)))
        named = renamed(tensors(found.root), args.map)
        whole = not (args.map or args.dtype or args.weights or args.shard)
        whole = whole and args.target.lower().endswith(_TORCH)
        if (lost := others(found.root)[0]) and not (args.weights and named):
            told = [f"{name} ({x['dtype']} {x['shape']})" for name, x in lost.items()]
            raise ValueError(
                f"{args.source}: NumPy arrays that are no tensors would be lost: "
                f"{', '.join(told[:9])[:900]}{' ...' * (len(told) > 9)}. "
                + ("--weights leaves them out" if named else "Nothing would be left")
            )
        if not whole:
            bounded(named)
        if args.dtype:
            named = {name: cast(record, args.dtype) for name, record in named.items()}
        if args.shard:
            written = _write_shards(args.target, named, args.shard)
        else:
            written = [_write(args.target, found, named, whole)]
    except (*FAULTS, TypeError) as error:
        return complain("convert", error)
    total = sum(os.path.getsize(path) for path in written)
    print(f"{len(named)} tensors, {amount(total)}: {', '.join(written)}")
    if count := sum((lost := {} if whole else left_out(found, args)).values()):
        told = [name + f" ({n})" * (n > 1) for name, n in lost.items()]
        told[9:] = [f"and {len(told) - 9} more names"] * (len(told) > 9)
        text = f"left out {count} value{'s' * (count > 1)} that no tensor holds: {', '.join(told)}"
        print(f"rushlight convert: {plain(text)}", file=sys.stderr)
    return 0


def left_out(found: Checkpoint, args: argparse.Namespace) -> Counter[str]:
    """What the tensors alone do not say: names, and how many values each had in its lists."""
    lost: Counter[str] = Counter()
    inside: tuple = ()
    for path, x in walk(found.root):
        if type(x) is TensorRecord or (inside and tuple(path[: len(inside)]) == inside):
            continue
        if type(x) is Opaque:
            inside = tuple(path)  # tensors apart, it counts as one
        if type(x) is Opaque or type(x) in PLAIN:
            lost[dotted(takewhile(lambda part: type(part) is not int, path)) or "(root)"] += 1
    kept = args.target.lower().endswith(".safetensors") and not args.shard
    if found.kind == "safetensors" and not kept:
        lost.update(f"metadata {key}" for key in found.metadata if key != "format")
    return lost


def renamed(named: dict[str, TensorRecord], rules: list[str]) -> dict[str, TensorRecord]:
    """The tensors under new names: OLD stands for whole parts of a dotted name.

    Raises:
        ValueError: for a rule without `=`, or two tensors that get one name.
    """
    made: dict[str, TensorRecord] = {}
    for name, record in named.items():
        new = name
        for rule in rules:
            old, equals, by = rule.partition("=")
            if not equals or not old:
                raise ValueError(f"--map {rule!r}: expected OLD=NEW")
            ends = "" if old.endswith(".") else r"(?=\.|$)"
            new = re.sub(rf"(^|(?<=\.)){re.escape(old)}{ends}", lambda _, by=by: by, new)
        if new in made:
            raise ValueError(f"--map: two tensors would be called {new!r}")
        made[new] = record
    return made


def _write(target: str, found: Checkpoint, named: dict[str, TensorRecord], plain: bool) -> str:
    """One file; a PyTorch file keeps the whole structure unless something in it was changed."""
    ending = os.path.splitext(target)[1].lower()
    room = sum(record.nbytes for record in named.values())
    given: tuple = (named,)
    if ending == ".safetensors":
        write: Any = safetensors_writer.write
        given = named, found.metadata if found.kind == "safetensors" else {"format": "pt"}
    elif ending == ".npz":
        write = arrays.write
    elif ending in _TORCH:
        write, (pickled, storages) = (
            torchzip_writer.write,
            dumps(found.root if plain else {**named}),
        )
        room = sum(storage.nbytes for storage in storages)
        given = pickled, storages, os.path.splitext(os.path.basename(target))[0]
    else:
        known = ", ".join(_TORCH)
        raise ValueError(f"{target}: its ending tells no format; use {known}, .safetensors or .npz")
    save_to(target, lambda put: write(put, *given, forget=True), room)
    return target


def _write_shards(target: str, named: dict[str, TensorRecord], most: int) -> list[str]:
    """Several files and the index that says which tensor lies where."""
    stem, ending = os.path.splitext(target)
    if ending.lower() not in (".safetensors", *_TORCH):
        raise ValueError(f"{target}: shards are written as .safetensors or {', '.join(_TORCH)}")
    shards: list[dict[str, TensorRecord]] = [{}]
    room = most
    for name, record in named.items():
        if shards[-1] and record.nbytes > room:
            shards.append({})
            room = most
        shards[-1][name] = record
        room -= record.nbytes
    written, table = [], {}
    for number, shard in enumerate(shards, 1):
        path = f"{stem}-{number:05d}-of-{len(shards):05d}{ending}"
        written.append(_write(path, Checkpoint(shard, "", path), shard, False))
        table.update(dict.fromkeys(shard, os.path.basename(path)))
    index = {"metadata": {"total_size": sum(r.nbytes for r in named.values())}, "weight_map": table}
    save_to(f"{target}.index.json", lambda put: put(json.dumps(index, indent=1).encode()))
    return written
