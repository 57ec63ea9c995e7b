"""Containers that disagree with themselves, and good files with bytes changed or cut."""

from __future__ import annotations

import json
import pickle
import random
import struct
from collections.abc import Iterator

from hostile_calls import _text, _value
from hostile_containers import (
    PACKERS,
    headers,
    legacy,
    object_array,
    raw_zip,
    tarred,
    tensor,
    zipped,
)


def broken_zips() -> Iterator[tuple[str, bytes]]:
    """Zip containers that disagree with themselves, or hide something."""
    good = b"\x80\x02" + tensor() + b"."
    data = {"0": b"\0" * 16}
    records = [("a/data.pkl", good), ("a/data/0", b"\0" * 16)]
    for field in ("flags", "method", "crc", "packed", "size"):
        for value in (0, 1, 7, 9, 99, 0xFFFF):
            yield f"local-{field}-{value}", zipped(good, data, **{f"local_{field}": value})
            yield f"central-{field}-{value}", zipped(good, data, **{f"central_{field}": value})
    for value in (0xFFFFFFFE, 0xFFFFFFFF):
        yield (
            f"central-size-{value:x}",
            zipped(good, data, central_size=value, central_packed=value),
        )
        yield f"place-{value:x}", zipped(good, data, central_place=value)
        yield f"end-start-{value:x}", zipped(good, data, end_start=value)
        yield f"end-size-{value:x}", zipped(good, data, end_size=value)
    for value in (0, 1, 5, 0xFFFF):
        yield f"end-count-{value}", zipped(good, data, end_count=value)
        yield f"end-comment-{value}", zipped(good, data, end_comment=value)
    for name in ("../x", "/etc/x", "a\\b", "a/../../x", "C:x", "a\0b", "", "a/\udcff"):
        yield f"name-{name!r}", raw_zip([*records, (name, b"x")])
    yield "local-name", zipped(good, data, local_name=b"b/data.pkl")
    yield "duplicate", raw_zip([*records, ("a/data.pkl", b"\x80\x02N.")])
    yield "two-pickles", raw_zip([*records, ("b/data.pkl", b"\x80\x02N.")])
    yield "overlap", raw_zip(records, at=1, central_place=0)
    yield (
        "shared",
        raw_zip(
            [*records, ("a/data/1", b"")],
            at=2,
            central_place=40,
            central_size=16,
            central_packed=16,
        ),
    )
    yield "tail", zipped(good, data, tail=b"PK\5\6 more")
    yield "prefix", b"#!/bin/sh\n" + zipped(good, data)
    yield "pickle-then-zip", b"\x80\x02N." + zipped(good, data)
    yield (
        "zip-then-zip",
        zipped(good, data) + zipped(b"\x80\x02cos\nsystem\n" + _value(("x",)) + b"R.", data),
    )
    yield "extra-lies", zipped(good, data, extra=b"FB\xff\xff")
    yield (
        "zip64-short",
        zipped(
            good,
            data,
            central_size=0xFFFFFFFF,
            central_packed=0xFFFFFFFF,
            central_extra=struct.pack("<HHQ", 1, 8, 1 << 50),
        ),
    )
    yield (
        "zip64-lies",
        zipped(
            good,
            data,
            central_size=0xFFFFFFFF,
            central_packed=0xFFFFFFFF,
            central_extra=struct.pack("<HHQQ", 1, 16, 1 << 62, 1 << 62),
        ),
    )
    bomb = zipped(
        b"\x80\x02" + tensor(count=1 << 26, size=(1 << 26,), stride=(1,)) + b".",
        {"0": b"\0" * (1 << 20)},
        deflate=True,
    )
    yield "bomb-announced", bomb
    yield (
        "bomb",
        raw_zip(
            [
                (
                    "a/data.pkl",
                    b"\x80\x02" + tensor(count=1 << 25, size=(1 << 25,), stride=(1,)) + b".",
                ),
                ("a/data/0", bytes(1 << 27)),
            ],
            deflate=True,
        ),
    )
    yield (
        "bomb-pickle",
        raw_zip([("a/data.pkl", b"\x80\x02(" + b"]" * 40_000_000 + b"t.")], deflate=True),
    )
    yield (
        "bomb-lies",
        raw_zip(
            [("a/data.pkl", b"\x80\x02N." + b"\0" * 50_000_000)],
            deflate=True,
            central_size=3,
            local_size=3,
        ),
    )
    yield "many-records", raw_zip([*records, *((f"a/x{i}", b"") for i in range(60_000))])
    yield "byteorder", raw_zip([*records, ("a/byteorder", b"middle")])
    yield "byteorder-big", raw_zip([*records, ("a/byteorder", b"big")])
    yield "no-pickle", raw_zip([("a/x", b"")])
    yield "no-records", raw_zip([])


def broken_safetensors() -> Iterator[tuple[str, bytes]]:
    """Headers that lie about the bytes behind them."""

    def one(**change: object) -> bytes:
        entry = {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 16], **change}
        return headers(json.dumps({"a": entry}).encode(), b"\0" * 16)

    for value in (-1, 1 << 31, 1 << 62, 1 << 64, 1 << 300, "2", None, 2.0, True, [2], {}):
        yield f"shape-{value!r:.20}", one(shape=[value, 2])
        yield f"begin-{value!r:.20}", one(data_offsets=[value, 16])
        yield f"end-{value!r:.20}", one(data_offsets=[0, value])
        yield f"dtype-{value!r:.20}", one(dtype=value)
        yield f"entry-{value!r:.20}", headers(json.dumps({"a": value}).encode(), b"\0" * 16)
        yield f"metadata-{value!r:.20}", headers(json.dumps({"__metadata__": value}).encode())
    yield "shape-wrap", one(shape=[1 << 32, 1 << 32])
    yield "shape-zero", one(shape=[0, 1 << 62], data_offsets=[0, 0])
    yield "backwards", one(data_offsets=[16, 0])
    yield (
        "gap",
        headers(
            json.dumps({"a": {"dtype": "U8", "shape": [1], "data_offsets": [4, 5]}}).encode(),
            b"\0" * 5,
        ),
    )
    yield (
        "overlap",
        headers(
            json.dumps(
                {k: {"dtype": "U8", "shape": [4], "data_offsets": [0, 4]} for k in "ab"}
            ).encode(),
            b"\0" * 4,
        ),
    )
    yield "tail", headers(b"{}", b"extra")
    yield (
        "twice",
        headers(
            b'{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}',
            b"\0",
        ),
    )
    yield "deep", headers(b'{"a":' + b"[" * 1_000_000, b"")
    yield "deep-object", headers(b'{"a":' * 100_000, b"")
    yield (
        "digits",
        headers(
            b'{"a":{"dtype":"U8","shape":[' + b"9" * 1_000_000 + b'],"data_offsets":[0,1]}}', b"\0"
        ),
    )
    yield "not-json", headers(b"{not json", b"")
    yield "not-utf8", headers(b'{"\xff\xfe":1}', b"")
    yield "list", headers(b"[]", b"")
    yield "long", headers(b"{}", b"", 1 << 62)
    yield "longest", headers(b"{}", b"", (1 << 64) - 1)
    yield (
        "many",
        headers(
            json.dumps(
                {
                    f"t{i}": {"dtype": "U8", "shape": [0], "data_offsets": [0, 0]}
                    for i in range(50_000)
                }
            ).encode()
        ),
    )


def mutated(seed: int = 5, each: int = 60) -> Iterator[tuple[str, bytes]]:
    """Good files with bytes changed, cut, doubled or exchanged."""
    draw = random.Random(seed)
    for name, good in good_files():
        for number in range(each):
            yield f"{name}-{number}", _mutate(draw, bytearray(good))
        for cut in sorted({draw.randrange(len(good)) for _ in range(12)}):
            yield f"{name}-cut-{cut}", good[:cut]


def _mutate(draw: random.Random, data: bytearray) -> bytes:
    for _ in range(draw.choice((1, 1, 2, 4, 16))):
        at = draw.randrange(len(data))
        way = draw.randrange(5)
        if way == 0:
            data[at] = draw.randrange(256)
        elif way == 1:
            data[at] ^= 1 << draw.randrange(8)
        elif way == 2:
            piece = bytes(data[at : at + draw.randrange(1, 40)])
            to = draw.randrange(len(data))
            data[to:to] = piece
        elif way == 3:
            del data[at : at + draw.randrange(1, 20)]
        else:
            number = draw.choice(
                (0, 0xFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF, (1 << 63) - 1, (1 << 64) - 1)
            )
            width = draw.choice((1, 2, 4, 8))
            data[at : at + width] = (number & ((1 << 8 * width) - 1)).to_bytes(width, "little")
        if not data:
            data = bytearray(b"N.")
    return bytes(data)


def good_files() -> list[tuple[str, bytes]]:
    """One small whole file of each format."""
    state = (
        b"\x80\x02}("
        + _text("a")
        + tensor()
        + _text("b")
        + tensor(offset=1, size=(3,), stride=(1,))
        + b"u."
    )
    numbers = struct.pack("<q", 4) + b"\1" * 16
    view = state.replace(b"tQ", b"NtQ")
    storages = (
        pickle.dumps(1, 2)
        + b"\x80\x02(K\x07"
        + _text("cpu")
        + b"ctorch\nFloatStorage\nt."
        + numbers
        + pickle.dumps([], 2)
    )
    tensors = (
        pickle.dumps(1, 2) + b"\x80\x02(K\x08K\x07Nt." + struct.pack("<ii5q", 2, 0, 2, 2, 2, 1, 0)
    )
    npy = (
        object_array(b"")
        .replace(b"'|O'", b"'<f4'")
        .replace(b"(1,)", b"(2,)")
        .replace(b"  \n", b" \n")
        + b"\0" * 8
    )
    return [
        ("pt", zipped(state, {"0": b"\1" * 16})),
        ("pt-deflated", zipped(state, {"0": b"\1" * 16}, deflate=True)),
        ("legacy", legacy(view, ["0"], numbers)),
        ("tar", tarred(b"\x80\x02K\x08Q.", storages, tensors)),
        (
            "safetensors",
            headers(
                b'{"a":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]},"__metadata__":{"format":"pt"}}',
                b"\1" * 16,
            ),
        ),
        ("npy", npy),
        ("npz", raw_zip([("a.npy", npy)])),
        *((name, pack(pickle.dumps([1], 2))) for name, pack in PACKERS.items()),
        ("pickle", pickle.dumps({"a": [1, 2.5, "x", b"y", (None, True)], "b": {3, 4}}, 4)),
    ]
