"""`rushlight convert A B`: a checkpoint in another format, dtype, naming, or in shards."""

import argparse
import json
import os
import re
from typing import Any

from .._files import arrays, safetensors_writer, torchzip_writer
from .._files.atomic import save_to
from .._files.formats import open_checkpoint
from .._files.pickler import dumps
from .._files.records import FAULTS, Checkpoint, TensorRecord
from .._files.values import cast
from .._files.walk import bounded, tensors
from .inspect import amount, complain, flags, others

_UNITS = {
    "": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12,
    "kib": 2**10, "mib": 2**20, "gib": 2**30,
}  # fmt: skip
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
        "--shard", metavar="SIZE", help="several files of at most this size, such as 2GB"
    )
    flags(parser, weights="only the tensors, by name; leaves out whatever else there is")


def main(args: argparse.Namespace) -> int:
    """Status 0 when the file is written, 2 when something stands in the way."""
    try:
        found = open_checkpoint(args.source)
        named = renamed(tensors(found.root), args.map)
        plain = not (args.map or args.dtype or args.weights or args.shard)
        if (lost := others(found.root)[0]) and not (args.weights and named):
            told = [f"{name} ({x['dtype']} {x['shape']})" for name, x in lost.items()]
            raise ValueError(
                f"{args.source}: NumPy arrays that are no tensors would be lost: "
                f"{', '.join(told[:9])[:900]}{' ...' * (len(told) > 9)}. "
                + ("--weights leaves them out" if named else "Nothing would be left")
            )
        if not plain or not args.target.endswith(_TORCH):
            bounded(named)
        if args.dtype:
            named = {name: cast(record, args.dtype) for name, record in named.items()}
        if args.shard:
            written = _write_shards(args.target, named, parse_size(args.shard))
        else:
            written = [_write(args.target, found, named, plain)]
    except (*FAULTS, TypeError) as error:
        return complain("convert", error)
    total = sum(os.path.getsize(path) for path in written)
    print(f"{len(named)} tensors, {amount(total)}: {', '.join(written)}")
    return 0


def parse_size(text: str) -> int:
    """Bytes from a text such as 2GB or 500 MiB.

    Raises:
        ValueError: for anything else.
    """
    match = re.fullmatch(r"\s*([\d.]+)\s*([a-zA-Z]*)\s*", text)
    if not match or match[2].lower() not in _UNITS:
        raise ValueError(f"--shard {text!r}: expected a size such as 500MB or 2GB")
    return max(int(float(match[1]) * _UNITS[match[2].lower()]), 1)


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
    if ending == ".safetensors":
        metadata = found.metadata if found.kind == "safetensors" else {"format": "pt"}
        save_to(
            target, lambda put: safetensors_writer.write(put, named, metadata, forget=True), room
        )
    elif ending == ".npz":
        save_to(target, lambda put: arrays.write(put, named, forget=True), room)
    elif ending in _TORCH:
        pickled, storages = dumps(found.root if plain else dict(named))
        prefix = os.path.splitext(os.path.basename(target))[0]
        save_to(
            target,
            lambda put: torchzip_writer.write(put, pickled, storages, prefix, forget=True),
            sum(storage.nbytes for storage in storages),
        )
    else:
        known = ", ".join(_TORCH)
        raise ValueError(f"{target}: its ending tells no format; use {known}, .safetensors or .npz")
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
