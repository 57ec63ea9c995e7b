"""The hostile corpus: files that try to run code, to crash the reader, or to use up memory and time.

Everything is made here and in the files beside this one, from a fixed seed: `corpus()` yields
(name, bytes), `folders()` yields (name, {file: bytes}).
"""

# ruff: noqa: E501  (opcodes read best as one line a file)
from __future__ import annotations

import gzip
import io
import json
import lzma
import pickle
import tarfile
from collections.abc import Iterator

from hostile_bombs import bombs, lying_tensors
from hostile_calls import CALLS, MARK, _text, _value, reach
from hostile_containers import (
    CONTAINERS,
    headers,
    legacy,
    object_array,
    raw_zip,
    tarred,
    tensor,
    zipped,
)
from hostile_damage import broken_safetensors, broken_zips, good_files, mutated
from runs import runs

__all__ = [
    "CALLS", "CONTAINERS", "MARK", "_text", "_value", "bombs", "corpus", "folders", "good_files",
    "headers", "legacy", "object_array", "raw_zip", "reach", "tensor", "zipped",
]  # fmt: skip


def corpus() -> Iterator[tuple[str, bytes]]:
    """All hostile files."""
    for number, (module, name, args) in enumerate(CALLS):
        for way, pickled in reach(module, name, args):
            for container, wrap in CONTAINERS.items():
                if container == "pt" or way in ("reduce", "stack", "build", "inst") or number < 6:
                    yield f"call/{module}.{name}/{way}.{container}", wrap(pickled)
    evil = b"\x80\x02cos\nsystem\n" + _value((f"touch {MARK}",)) + b"R."
    yield "call/object-array.npy", object_array(evil)
    yield "call/object-array.npz", raw_zip([("a.npy", object_array(evil))])
    yield "call/after-stop.pkl", b"\x80\x02N." + evil
    yield "call/in-key-list.legacy", legacy(b"\x80\x02N.").replace(pickle.dumps([], 2), evil)
    yield "call/in-storages.tar", tarred(b"\x80\x02N.", evil)
    yield "call/in-tensors.tar", tarred(b"\x80\x02N.", None, evil)
    yield "call/link.tar", _linked()
    laughs = dict(bombs())["laughs-list"]
    head = pickle.dumps(0x1950A86A20F9469CFC6C, 2)
    yield "bomb/laughs-version.legacy", head + laughs
    yield (
        "bomb/laughs-keys.legacy",
        legacy(b"\x80\x02N.").replace(pickle.dumps([], 2), b"\x80\x02](" + laughs[2:-1] + b"e."),
    )
    yield "bomb/laughs-count.tar", tarred(b"\x80\x02N.", laughs)
    yield (
        "bomb/laughs-key.tar",
        tarred(
            b"\x80\x02N.",
            pickle.dumps(1, 2)
            + b"\x80\x02("
            + laughs[2:-1]
            + _text("cpu")
            + b"ctorch\nFloatStorage\nt."
            + bytes(8),
        ),
    )
    zeros = gzip.compress(b"\x80\2" + bytes(100 << 20))
    yield "bomb/zeros.gz", zeros
    yield "bomb/nones.gz", gzip.compress(b"\x80\2" + b"N" * (100 << 20))
    yield "bomb/twice.gz", gzip.compress(zeros)
    yield "bomb/dictionary.xz", _announcing()
    for name, pickled in runs(100_000):
        yield f"run/{name}.pkl", pickled
    for name, pickled in bombs():
        yield f"bomb/{name}.pt", zipped(pickled)
        if len(pickled) < 1000:
            yield f"bomb/{name}.pkl", pickled
            yield f"bomb/{name}.legacy", legacy(pickled)
    for group, made in (
        ("tensor", lying_tensors()), ("zip", broken_zips()), ("safetensors", broken_safetensors()), ("mutated", mutated()),
    ):  # fmt: skip
        for name, data in made:
            yield f"{group}/{name}", data
    for length in (0, 1, 2, 3, 4, 8, 9, 64):
        yield f"short/zeros-{length}", b"\0" * length
        yield f"short/zip-{length}", b"PK\3\4".ljust(length, b"\0")


def _announcing() -> bytes:
    """An .lzma whose header announces a dictionary of 4 GB."""
    made = bytearray(lzma.compress(b"N.", lzma.FORMAT_ALONE))
    made[1:5] = b"\xff" * 4
    return bytes(made)


def _linked() -> bytes:
    """A tar whose `pickle` is a symbolic link to a file outside."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name in ("storages", "tensors", "pickle"):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
            tar.addfile(info)
    return out.getvalue()


def folders() -> Iterator[tuple[str, dict[str, bytes]]]:
    """Folders of shards and distributed checkpoints that point where they should not, or run code."""
    evil = b"\x80\x04cos\nsystem\n" + _value((f"touch {MARK}",)) + b"R."
    yield "metadata-call", {".metadata": evil}
    yield (
        "metadata-state",
        {
            ".metadata": b"\x80\x04ctorch.distributed.checkpoint.metadata\nMetadata\n)\x81"
            + evil[2:-1]
            + b"b."
        },
    )
    good = dict(good_files())["safetensors"]
    for name in ("../x.safetensors", "/etc/passwd", "..", "", "a\\b", "a\0b", "missing"):
        index = json.dumps({"weight_map": {"a": name}}).encode()
        yield f"index-{name!r}", {"m.safetensors.index.json": index, "m.safetensors": good}
    for text in (
        b"{",
        b"[]",
        b'{"weight_map": 3}',
        b'{"weight_map": {"z": "m.safetensors"}}',
        b"{" * 100_000,
    ):
        yield f"index-text-{text[:30]!r}", {"m.safetensors.index.json": text, "m.safetensors": good}
    yield (
        "index-of-evil",
        {"m.index.json": b'{"weight_map": {"a": "m.bin"}}', "m.bin": zipped(evil)},
    )
