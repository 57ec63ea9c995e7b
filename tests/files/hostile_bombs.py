"""Pickles that want too much, and tensors that claim what is not so."""

# ruff: noqa: E501  (opcodes read best as one line a file)
from __future__ import annotations

import struct
from collections.abc import Iterator

from hostile_calls import _text, _value
from hostile_containers import raw_zip, tensor, zipped


def bombs() -> Iterator[tuple[str, bytes]]:
    """Pickles that want much memory, much time, or a crash."""
    two = b"\x80\x02"
    yield "empty-lists", two + b"(" + b"]" * 6_000_000 + b"t."
    yield "empty-sets", b"\x80\x04(" + b"\x8f" * 3_000_000 + b"t."
    yield (
        "ordered-dicts",
        two + b"ccollections\nOrderedDict\nq\x00(" + b"h\x00)R" * 1_500_000 + b"t.",
    )
    yield (
        "defaultdicts",
        two + b"ccollections\ndefaultdict\nq\x00(" + b"h\x00)R" * 1_500_000 + b"t.",
    )
    yield "deques", two + b"ccollections\ndeque\nq\x00(" + b"h\x00)R" * 1_000_000 + b"t."
    yield "marks", two + b"(" * 5_000_000 + b"."
    yield "memoize", b"\x80\x04N" + b"\x94" * 5_000_000 + b"."
    yield (
        "memo-far",
        two
        + b"N"
        + b"".join(b"r" + struct.pack("<I", i * 77773 & 0xFFFFFFFF) for i in range(500_000))
        + b".",
    )
    yield "dup", two + b"]" + b"2" * 5_000_000 + b"."
    yield "deep-tuple", two + b")" + b"\x85" * 3_000_000 + b"."
    yield "deep-list", two + b"]" * 1_000_000 + b"a" * 999_999 + b"."
    yield "deep-dict", two + (b"}" + b"N") * 300_000 + b"}" + b"s" * 300_000 + b"."
    yield (
        "deep-opaque",
        two + b"cx\ny\nq\x00)R" + b"q\x010h\x00h\x01\x85R" * 200_000 + b".",
    )
    yield (
        "deep-known",
        two + b"ctorch\nSize\nq\x00)" + b"q\x010h\x00h\x01\x85R" * 200_000 + b".",
    )
    yield (
        "deep-newobj",
        two + b"ccopyreg\n__newobj__\nq\x00(" + b"h\x00" * 100_000 + b"tq\x01" + b"0h\x00h\x01R.",
    )
    yield (
        "deep-from-type",
        two
        + b"ctorch._tensor\n_rebuild_from_type_v2\nq\x00)"
        + b"q\x010(h\x00h\x00h\x01}t" * 50_000
        + b"q\x010h\x00h\x01R.",
    )
    yield (
        "laughs-list",
        two + b"]q\x00" + b"0]q\x01(h\x00h\x00h\x00h\x00e0h\x01q\x00" * 60 + b".",
    )
    laughs = b"]q\x00" + b"0]q\x01(h\x00h\x00h\x00h\x00e0h\x01q\x00" * 60
    # texts of such lists must not go into a message
    for part in ("offset", "size", "stride", "count", "key", "location"):
        made = tensor(**{part: 77777}).replace(_value(77777), laughs, 1)
        yield f"laughs-as-{part}", two + made + b"."
    yield (
        "laughs-as-dtype",
        two
        + b"ctorch._utils\n_rebuild_meta_tensor_no_storage\n("
        + laughs
        + _value((1,)) * 2
        + b"\x89tR.",
    )
    yield (
        "laughs-as-type",
        two + b"(" + _text("storage") + laughs + _text("0") + _text("cpu") + b"K\x04tQ.",
    )
    yield "laughs-as-name", two + b"ccollections\nOrderedDict\n)R}(" + laughs + b"\x85)u0N."
    yield "laughs-tuple", two + b")" + b"2\x86" * 200 + b"."
    yield "laughs-key", two + b"}K\x01" + b"2\x86" * 60 + b"Ns."
    yield "laughs-set", b"\x80\x04(K\x01" + b"2\x86" * 60 + b"\x91."
    yield "deep-key", two + b"})" + b"\x85" * 1_000_000 + b"Ns."
    yield "colliding-tuples", two + b"}(" + b"".join(
        b"(" + b"".join(b"J\xff\xff\xff\xff" if n >> i & 1 else b"J\xfe\xff\xff\xff" for i in range(16)) + b"tN" for n in range(30_000)
    ) + b"u."  # fmt: skip
    yield (
        "colliding-longs",
        two + b"}(" + b"".join(_value((2**61 - 1) * n) + b"N" for n in range(60_000)) + b"u.",
    )
    yield (
        "colliding-complex",
        two
        + b"}("
        + b"".join(_value(complex(-1000003.0 * n, n)) + b"N" for n in range(5_000))
        + b"u.",
    )
    yield (
        "colliding-floats",
        two
        + b"}("
        + b"".join(b"G" + struct.pack(">d", float(n) * 2**61) + b"N" for n in range(1, 60_000))
        + b"u.",
    )
    yield "huge-int", two + b"\x8b" + struct.pack("<i", 2_000_000) + b"\x7f" * 2_000_000 + b"."
    yield (
        "huge-int-key",
        two + b"}\x8b" + struct.pack("<i", 2_000_000) + b"\x7f" * 2_000_000 + b"Ns.",
    )
    yield "decimal-int", b"I" + b"9" * 3_000_000 + b"\n."
    yield "decimal-long", b"L" + b"9" * 3_000_000 + b"L\n."
    yield "no-newline", b"I" + b"1" * 3_000_000
    yield "long-name", two + b"c" + b"a" * 2_000_000 + b"\nb\n."
    yield "many-names", two + b"(" + b"".join(b"ca%d\nb\n" % i for i in range(150_000)) + b"t."
    yield (
        "bytearrays",
        b"\x80\x05("
        + b"\x96"
        + struct.pack("<Q", 0)
        + b"".join(b"\x96" + struct.pack("<Q", 0) for _ in range(400_000))
        + b"t.",
    )
    yield "announced-string", two + b"X\xff\xff\xff\xffabc"
    yield "announced-string8", b"\x80\x04\x8d" + struct.pack("<Q", 1 << 62) + b"abc"
    yield "announced-bytes", b"\x80\x04\x8e" + struct.pack("<Q", (1 << 64) - 1) + b"abc"
    yield "announced-bytearray", b"\x80\x05\x96" + struct.pack("<Q", 1 << 40) + b"abc"
    yield "announced-frame", b"\x80\x04\x95" + struct.pack("<Q", 1 << 60) + b"N."
    yield "announced-long", two + b"\x8b" + struct.pack("<i", 0x7FFFFFFF) + b"a"
    yield "negative-long", two + b"\x8b" + struct.pack("<i", -5) + b"a."
    yield "negative-string", b"T" + struct.pack("<i", -5) + b"a."
    yield "negative-put", b"Np-1\n."
    yield "protocol-9", b"\x80\x09N."
    yield "next-buffer", b"\x80\x05\x97."
    yield "readonly-buffer", b"\x80\x05N\x98."
    for name, code in (
        ("ext1", b"\x82\x01"),
        ("ext2", b"\x83\x01\x00"),
        ("ext4", b"\x84\x01\x00\x00\x00"),
    ):
        yield name, two + code + b")R."
    yield "deque-size", two + b"ccollections\ndeque\n](K\x00K\x01e" + _value(1 << 70) + b"\x86R."
    yield "range-huge", two + b"c__builtin__\nrange\n" + _value((0, 1 << 62)) + b"R."
    yield "bytearray-of-size", two + b"c__builtin__\nbytearray\n" + _value((1 << 40,)) + b"R."
    yield "bytes-of-size", two + b"c__builtin__\nbytes\n" + _value((1 << 40,)) + b"R."
    yield "set-of-text", two + b"c__builtin__\nset\n" + _value(("abc",)) + b"R."
    yield "ndarray-huge", two + (
        b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\n" + _value((0,)) + b"C\x01b\x87R"
        + b"(K\x01" + _value((1 << 40,)) + b"cnumpy\ndtype\n" + _value(("f8", False, True)) + b"R"
        + b"(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89C\x01atb."
    )  # fmt: skip
    yield "ndarray-objects", two + (
        b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\n" + _value((0,)) + b"C\x01b\x87R"
        + b"(K\x01" + _value((1,)) + b"cnumpy\ndtype\n" + _value(("O8", False, True)) + b"R"
        + b"\x89](cos\nsystem\nU\x01x\x85Retb."
    )  # fmt: skip
    for code in range(256):
        yield (
            f"op-{code:02x}",
            two + b"N]" + bytes([code]) + b"\x01\x00\x00\x00\x00\x00\x00\x00aaaaaaaa\nb\n.",
        )
        yield f"op-{code:02x}-bare", bytes([code])
        yield f"op-{code:02x}-mark", two + b"(]}N" + bytes([code]) + b"\x00."


def lying_tensors() -> Iterator[tuple[str, bytes]]:
    """Zip files whose tensors claim what is not so."""
    big = [-1, 1 << 31, 1 << 40, (1 << 62) + 1, 1 << 63, 1 << 64, 1 << 200, "4", None, 2.0, True]
    data = {"0": b"\0" * 16}
    for value in big:
        yield f"count-{value!r:.20}", zipped(b"\x80\x02" + tensor(count=value) + b".", data)
        yield f"offset-{value!r:.20}", zipped(b"\x80\x02" + tensor(offset=value) + b".", data)
        yield f"size-{value!r:.20}", zipped(b"\x80\x02" + tensor(size=(value, 2)) + b".", data)
        yield f"stride-{value!r:.20}", zipped(b"\x80\x02" + tensor(stride=(value, 1)) + b".", data)
        yield f"key-{value!r:.20}", zipped(b"\x80\x02" + tensor(key=value) + b".", data)  # type: ignore[arg-type]
        yield f"place-{value!r:.20}", zipped(b"\x80\x02" + tensor(location=value) + b".", data)
    yield (
        "wrap-size",
        zipped(b"\x80\x02" + tensor(size=(1 << 32, 1 << 32), stride=(0, 0)) + b".", data),
    )
    yield "wrap-stride", zipped(b"\x80\x02" + tensor(size=(3, 2), stride=(1 << 62, 1)) + b".", data)
    yield "many-dims", zipped(b"\x80\x02" + tensor(size=(1,) * 200, stride=(1,) * 200) + b".", data)
    yield "repeat", zipped(b"\x80\x02" + tensor(size=(1 << 40, 2), stride=(0, 1)) + b".", data)
    yield "short-strides", zipped(b"\x80\x02" + tensor(stride=(1,)) + b".", data)
    yield "one-past", zipped(b"\x80\x02" + tensor(offset=1) + b".", data)
    yield "short-record", zipped(b"\x80\x02" + tensor() + b".", {"0": b"\0" * 15})
    yield "long-record", zipped(b"\x80\x02" + tensor() + b".", {"0": b"\0" * 17})
    yield "no-record", zipped(b"\x80\x02" + tensor(key="7") + b".", data)
    yield "traversal-key", zipped(b"\x80\x02" + tensor(key="../data.pkl") + b".", data)
    yield "two-kinds", zipped(b"\x80\x02(" + tensor() + tensor(kind="IntStorage") + b"t.", data)
    yield (
        "two-counts",
        zipped(b"\x80\x02(" + tensor() + tensor(count=2, size=(2,), stride=(1,)) + b"t.", data),
    )
    yield "unknown-kind", zipped(b"\x80\x02" + tensor(kind="EvilStorage") + b".", data)
    # The class of CVE-2026-24747: items set on what is no dict, and sizes that do not fit storages.
    yield "set-on-tensor", zipped(b"\x80\x02" + tensor() + _text("k") + b"Ns.", data)
    yield (
        "set-on-storage",
        zipped(
            b"\x80\x02("
            + _text("storage")
            + b"ctorch\nFloatStorage\n"
            + _text("0")
            + _text("cpu")
            + b"K\x04tQK\x00G\0\0\0\0\0\0\0\0s.",
            data,
        ),
    )
    yield "set-on-list", zipped(b"\x80\x02](K\x01eK\x00Ns.", data)
    yield "set-on-text", zipped(b"\x80\x02" + _text("k") + b"K\x00Ns.", data)
    yield "append-on-tuple", zipped(b"\x80\x02)Na.", data)
    yield "state-on-tensor", zipped(b"\x80\x02" + tensor() + _value((1, 2, 3, 4)) + b"b.", data)
    yield (
        "od-shadows",
        zipped(b"\x80\x02ccollections\nOrderedDict\n)R}" + _text("items") + b"Nsb.", data),
    )
    yield (
        "parameter-of-text",
        zipped(b"\x80\x02ctorch._utils\n_rebuild_parameter\n(" + _text("x") + b"\x88NtR.", data),
    )
    yield "sparse", zipped(
        b"\x80\x02ctorch._utils\n_rebuild_sparse_tensor\n(ctorch.serialization\n_get_layout\n" + _value(("torch.sparse_coo",))
        + b"R(" + tensor(kind="LongStorage", key="1") + tensor() + _value((1, 1)) + b"\x89ttR.",
        {**data, "1": b"\xff" * 32},
    )  # fmt: skip
    yield (
        "script",
        raw_zip(
            [
                ("a/data.pkl", b"\x80\x02c__torch__\nNet\n)\x81}" + _text("w") + tensor() + b"sb."),
                ("a/constants.pkl", b"\x80\x02)."),
                ("a/data/0", b"\0" * 16),
            ]
        ),
    )
