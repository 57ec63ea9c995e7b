"""Compressed files, joblib's files, and arrays that no tensor can hold: read inertly, scanned."""

import bz2
import datetime
import decimal
import fractions
import gzip
import io
import lzma
import pathlib
import pickle
import time
import uuid
import zlib

import hostile
import numpy as np
import pytest

from rushlight._files.records import Opaque, UnpicklingError
from rushlight._files.unpickler import Unpickler
from rushlight.cli import main
from rushlight.serialization import Limits, load

EVIL = b"\x80\x02cos\nsystem\nX\x02\x00\x00\x00ls\x85R."
PACKERS = {
    "gzip": gzip.compress,
    "zlib": zlib.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "lzma": lambda data: lzma.compress(data, lzma.FORMAT_ALONE),
}


def dtype(code, *state):
    """Opcodes of a NumPy dtype."""
    return b"cnumpy\ndtype\n" + hostile._value((code, False, True)) + b"R" + hostile._value(
        state or (3, "<", None, None, None, -1, -1, 0)
    ) + b"b"  # fmt: skip


def wrapped(kind=None, shape=(2,), alignment=16, order="C"):
    """Opcodes of joblib's stand-in for an array, whose bytes follow."""
    state = hostile._value(
        {"shape": shape, "order": order, "numpy_array_alignment_bytes": alignment}
    )
    key = hostile._text("dtype")
    return (
        b"cjoblib.numpy_pickle\nNumpyArrayWrapper\n)\x81"
        + state + key + (kind or dtype("f8")) + b"sb"
    )  # fmt: skip


RAW = b"\x03\xff\xff\xff" + np.array([1.5, 2.5]).tobytes()


@pytest.mark.parametrize("kind", PACKERS)
def test_compressed_files_are_read_and_scanned(tmp_path, kind, capsys):
    pack, path = PACKERS[kind], str(tmp_path / "a.pkl.z")
    halves = pack(EVIL[:9]) + pack(EVIL[9:])  # several streams make one file
    for data in (pack(EVIL), halves, pack(hostile.zipped(EVIL))):
        (tmp_path / "a.pkl.z").write_bytes(data)
        assert main(["scan", path]) == 1 and "calls os.system" in capsys.readouterr().out
    data = pack(pickle.dumps({"a": [1, 2]}))
    (tmp_path / "a.pkl.z").write_bytes(data)
    assert load(path) == {"a": [1, 2]} and load(path, report=True)[1].metadata["compressed"] == kind
    assert main(["scan", path]) == 0 and main(["inspect", path]) == 0
    for broken in (data[:-9], data + b"junk", pack(data)):
        with pytest.raises(UnpicklingError):
            load(io.BytesIO(broken))
    (tmp_path / "a.pkl.z").write_bytes(data[:-9])
    assert main(["scan", path]) == 2


@pytest.mark.parametrize("kind", PACKERS)
def test_compressed_files_stay_within_limits(tmp_path, kind):
    data = PACKERS[kind](b"\x80\2" + bytes(5 << 20))
    with pytest.raises(UnpicklingError, match=r"unpacks to more than 1048576 bytes; Limits"):
        load(io.BytesIO(data), limits=Limits(inflated=1 << 20, ratio=1))
    (tmp_path / "a.pkl").write_bytes(PACKERS[kind](EVIL + bytes(101 << 20)))
    assert main(["scan", str(tmp_path / "a.pkl")]) == 1  # what comes before the limit is seen


@pytest.mark.parametrize("length", [0x0178, 0x8B1F, 0x5A42])
def test_a_safetensors_header_may_begin_like_a_compressed_file(length):
    text = b'{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}'.ljust(length)
    made, report = load(io.BytesIO(hostile.headers(text, b"\7")), report=True)
    assert made["a"].tolist() == [7] and report.kind == "safetensors"


def test_scan_says_what_it_cannot_look_into(tmp_path, capsys):
    (tmp_path / "a.pkl.lz4").write_bytes(b'\x04"M\x18abc')
    assert main(["scan", str(tmp_path)]) == 2 and "compressed by lz4" in capsys.readouterr().out
    (tmp_path / "a.pkl.lz4").unlink()
    for name, data in (
        ("data.zst", b"(\xb5/\xfd12"),
        ("readme.md", b"x\x9c marks"),
        ("a.txt.gz", gzip.compress(b"class A")),
    ):  # fmt: skip
        (tmp_path / name).write_bytes(data)
    assert main(["scan", str(tmp_path)]) == 0 and capsys.readouterr().out == ""


@pytest.mark.parametrize("alignment", [16, None])
def test_arrays_between_the_opcodes_of_joblib(alignment):
    raw = RAW if alignment else RAW[4:]
    one, two = (
        wrapped(alignment=alignment, shape=s, order=o) for s, o in (((2,), "C"), ((2, 1), "F"))
    )
    made = load(io.BytesIO(b"\x80\2](" + one + raw + two + raw + b"N" + b"e."), weights_only=False)
    assert made[0].tolist() == [1.5, 2.5] and made[1].tolist() == [[1.5], [2.5]] and made[2] is None


def test_joblib_files_by_joblib(tmp_path):
    joblib = pytest.importorskip("joblib")
    path = str(tmp_path / "a.joblib")
    named = {
        "a": np.arange(6.0).reshape(2, 3),
        "t": np.arange(6).reshape(2, 3).T,
        "s": np.array(["x"]),
    }
    for compress in (0, 3, ("gzip", 3), ("bz2", 3), ("xz", 3), ("lzma", 3)):
        joblib.dump(named, path, compress=compress)
        made = load(path, weights_only=False)
        assert all(
            np.array_equal(made[k], v) and made[k].dtype == v.dtype for k, v in named.items()
        )
        assert main(["scan", path]) == 0
    joblib.dump([np.array([{"a": 1}], object), np.ones(2)], path)
    with pytest.warns(UserWarning, match="plain records"):
        made = load(path, weights_only=False)
    assert made[0].state[4] == [{"a": 1}] and made[1].tolist() == [1, 1]
    assert main(["scan", path]) == 0


def test_structures_of_joblib_that_would_take_for_ever():
    """Structures within structures twice over, and one large structure that is named often."""
    plain = b"cnumpy\ndtype\n" + hostile._value(("V4", False, True)) + b"R"

    def record(fields, put):
        names = b"(" + b"".join(hostile._text(f"f{i}") for i in range(len(fields))) + b"t"
        pairs = b"".join(hostile._text(f"f{i}") + f + b"K\0\x86" for i, f in enumerate(fields))
        ends = b"J\4\0\0\0K\1K\0"
        return plain + b"(K\3X\1\0\0\0|N" + names + b"}(" + pairs + b"u" + ends + b"tb" + put

    kind = b"cnumpy\ndtype\n" + hostile._value(("i4", False, True)) + b"Rq\x070"
    deep = kind + b"h\7q\x080" + (record([b"h\x08"] * 2, b"q\x080")) * 60 + b"h\x08"
    wide = kind + record([b"h\7"] * 5000, b"q\x08")
    again = b"0" + wrapped(b"h\x08", (1,), None) + b"\0\0\0\0"
    began = time.process_time()
    with pytest.raises(UnpicklingError, match="not a dtype"):
        load(io.BytesIO(b"\x80\2" + wrapped(deep, (1,), None) + bytes(4) + b"."))
    load(io.BytesIO(b"\x80\2" + wide + again * 3000 + b"."), opaque=True)
    assert time.process_time() - began < 3


def test_scan_reads_an_array_of_joblib_both_ways(tmp_path):
    path = tmp_path / "a.joblib"
    behind = EVIL[2:-1]
    for data in (
        wrapped() + RAW + behind + b".",
        wrapped(dtype("O8")) + EVIL + b".",
        wrapped(shape=(len(EVIL),), kind=dtype("u1"), alignment=None) + EVIL + b"N.",  # to pickle
    ):
        path.write_bytes(b"\x80\2" + data)
        assert main(["scan", str(path)]) == 1
    again = b"\x80\2" + wrapped(shape=(40,), kind=dtype("u1"), alignment=None)
    for module, status in (("__main__", 1), ("classes_", 0)):  # to pickle, and no module at all
        name = f"c{module}\nx\n".encode().ljust(40, b"N")
        path.write_bytes(again + name + b".")
        assert main(["scan", str(path)]) == status
    path.write_bytes(b"\x80\2" + wrapped(shape=(1 << 40,)) + RAW + b".")
    assert main(["scan", str(path)]) == 2


STRUCTURE = [("a", "<i4"), ("b", ">f8", (2,)), ("c", [("d", "U2")])]
ARRAYS = {
    "text": np.array(["ab", "c"]),
    "bytes": np.array([b"x"]),
    "date": np.array(["2020-01-01"], "M8[3D]"),
    "span": np.array([3, 4], ">m8[ns]"),
    "structure": np.array([(1, (2, 3), ("x",))], STRUCTURE),
    "padded": np.zeros(2, np.dtype([("a", "i1"), ("b", "f8")], align=True)),
    "rows": np.zeros((2, 0), "U3"),
    "order": np.asfortranarray([["a", "b"], ["c", "d"]]),
    "void": np.zeros(2, "V7"),
}


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_an_npz_keeps_what_no_tensor_can_hold(tmp_path, save):
    path = tmp_path / "a.npz"
    objects = np.array([{"a": 1}, [2]], object)
    save(path, numbers=np.ones(2, "f4"), objects=objects, **ARRAYS)
    with pytest.warns(UserWarning, match=r"multiarray\._reconstruct"):
        made = load(path)
    assert made["numbers"].tolist() == [1, 1]
    assert isinstance(made["objects"], Opaque) and made["objects"].state[4] == [{"a": 1}, [2]]
    for name, array in ARRAYS.items():
        assert made[name].dtype == array.dtype and np.array_equal(made[name], array), name
    assert main(["scan", str(path)]) == 0 and main(["inspect", "--all", str(path)]) == 0


def test_objects_in_an_npz_run_nothing(tmp_path):
    evil = hostile.object_array(EVIL)
    (tmp_path / "a.npz").write_bytes(hostile.raw_zip([("a.npy", evil), ("b.npy", evil)]))
    with pytest.warns(UserWarning, match="plain records"):
        made = load(tmp_path / "a.npz")
    assert made["a"].name == "os.system" and main(["scan", str(tmp_path / "a.npz")]) == 1


@pytest.mark.parametrize("protocol", range(6))
def test_values_of_the_standard_library(protocol):
    utc, zone = datetime.UTC, datetime.timezone(datetime.timedelta(hours=2), "EET")
    given = [
        datetime.datetime(2020, 1, 2, tzinfo=utc), datetime.datetime(2020, 1, 2, 3, tzinfo=zone),
        datetime.time(1, 2, tzinfo=utc), decimal.Decimal("-1.50"), fractions.Fraction(-3, 4),
        uuid.UUID(int=5), pathlib.Path("a/b"), pathlib.PurePosixPath("x"), slice(1, None, 2),
        pathlib.PureWindowsPath("c:/x"), range(1, 9, 2), 1 + 2j, bytearray(b"x"), frozenset({1}),
        np.datetime64("2020-01-01"), np.timedelta64(3, "s"),
    ]  # fmt: skip
    made = load(io.BytesIO(pickle.dumps(given, protocol)), weights_only=False)
    assert made == given and [*map(type, made)] == [*map(type, given)]
    flat = [*ARRAYS.values(), np.array([(1, (2, 3))], STRUCTURE[:2])]
    flat = [array for array in flat if array.dtype.names != ("a", "b", "c")]  # a tree
    arrays = load(io.BytesIO(pickle.dumps(flat, protocol)), weights_only=False)
    for array, old in zip(arrays, flat, strict=True):
        assert array.dtype == old.dtype and np.array_equal(array, old)


@pytest.mark.parametrize(
    "call",
    [
        b"cfractions\nFraction\nX\x0b\0\0\0001e999999999\x85R",
        b"cdecimal\nDecimal\n]\x85R",
        b"cuuid\nUUID\n)\x81}X\3\0\0\0intJ\xff\xff\xff\xffsb",
        b"cdatetime\ntimezone\nK\1\x85R",
        b"cnumpy\ndtype\nX\3\0\0\0V12\x88\x88\x87R(K\3X\1\0\0\0|NNNK\x0dK\1K\0tb",
        b"cnumpy\ndtype\nX\2\0\0\0M8\x88\x88\x87R(K\4X\1\0\0\0<NNNK\7K\1K\0)tb",
    ],
)
def test_values_whose_arguments_mean_nothing_stay_opaque(call):
    with pytest.warns(UserWarning, match="plain record"):
        assert isinstance(load(io.BytesIO(b"\x80\2" + call + b"."), opaque=True), Opaque)


@pytest.mark.parametrize(
    "unit", [b"(", b"(N", b"]", b"N\x85", b"F0\n", b"I0\n", b"P\n", b"NQ", b"c\n\n", b"(1", b"Na"]
)
def test_time_follows_the_size_for_every_opcode(unit):
    data = b"]" + unit * ((1 << 20) // len(unit))
    spent = []
    for _ in range(3):  # a collection of all that the tests hold may fall into one
        began = time.process_time()
        with pytest.raises(UnpicklingError):
            Unpickler(data, lambda parts: Opaque("storage"), meanings={}).load()
        spent.append(time.process_time() - began)
    assert min(spent) < 1.5  # .07 to .5 on the machine where it was written


def test_marks_hide_what_lies_below():
    for pickled in (b"(0.", b"N(0.", b"N(1.", b"N(t."):
        if pickled in (b"N(0.", b"N(1."):
            assert Unpickler(pickled).load() is None
        else:
            with pytest.raises(UnpicklingError, match="STOP with"):
                Unpickler(pickled).load()
    with pytest.raises(UnpicklingError, match="no MARK"):
        Unpickler(b"]N(at.").load()
