"""The hostile corpus: files that try to run code, to crash the reader, or to use up memory and time.

Everything is made here, from a fixed seed: `corpus()` yields (name, bytes), `folders()` yields
(name, {file: bytes}).
"""

# ruff: noqa: E501  (opcodes read best as one line a file)
from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import pickle
import random
import struct
import tarfile
import zlib
from collections.abc import Iterator

from runs import runs

MARK = "rushlight-was-here"  # what a payload would leave behind

# Names that scanners and PyTorch's guarded mode have met in the wild or in published bypasses.
CALLS: list[tuple[str, str, tuple]] = [
    ("os", "system", (f"touch {MARK}",)),
    ("posix", "system", (f"touch {MARK}",)),
    ("nt", "system", (f"echo > {MARK}",)),
    ("os", "popen", (f"touch {MARK}",)),
    ("os", "execvp", ("touch", ["touch", MARK])),
    ("os", "unlink", (MARK,)),
    ("os", "_exit", (7,)),
    ("os", "abort", ()),
    ("os", "fork", ()),
    ("sys", "exit", (3,)),
    ("sys", "setrecursionlimit", (1,)),
    ("builtins", "eval", (f"open({MARK!r}, 'w')",)),
    ("builtins", "exec", (f"open({MARK!r}, 'w')",)),
    ("builtins", "compile", ("1", "x", "eval")),
    ("builtins", "open", (MARK, "w")),
    ("builtins", "__import__", ("antigravity",)),
    ("builtins", "getattr", ("x", "__class__")),
    ("builtins", "breakpoint", ()),
    ("builtins", "input", ()),
    ("builtins", "setattr", ("x", "y", 1)),
    ("builtins", "apply", ("os.system",)),
    ("builtins", "map", (1, 2)),
    ("__builtin__", "eval", ("1",)),
    ("subprocess", "Popen", (["touch", MARK],)),
    ("subprocess", "check_output", (["touch", MARK],)),
    ("commands", "getoutput", (f"touch {MARK}",)),
    ("runpy", "run_path", (MARK,)),
    ("runpy", "_run_code", ("1", {})),
    ("importlib", "import_module", ("antigravity",)),
    ("importlib.util", "spec_from_file_location", ("a", MARK)),
    ("imp", "load_source", ("a", MARK)),
    ("pty", "spawn", ("sh",)),
    ("socket", "create_connection", (("127.0.0.1", 9),)),
    ("webbrowser", "open", ("http://127.0.0.1",)),
    ("urllib.request", "urlopen", ("http://127.0.0.1",)),
    ("http.client", "HTTPSConnection", ("127.0.0.1",)),
    ("ctypes", "CDLL", ("libc.so.6",)),
    ("shutil", "rmtree", (MARK,)),
    ("shutil", "copyfile", ("/etc/passwd", MARK)),
    ("pickle", "loads", (b"\x80\x02cos\nsystem\nU\x01xR.",)),
    ("_pickle", "loads", (b"N.",)),
    ("marshal", "loads", (b"N",)),
    ("types", "FunctionType", (1, {})),
    ("types", "CodeType", (0,)),
    ("code", "interact", ()),
    ("code.InteractiveInterpreter", "runcode", ("1",)),
    ("operator", "attrgetter", ("system",)),
    ("operator", "methodcaller", ("system", "x")),
    ("_operator", "itemgetter", (0,)),
    ("functools", "partial", (1,)),
    ("functools", "reduce", (1, [])),
    ("collections", "namedtuple", ("A", "b")),
    ("timeit", "timeit", ("1",)),
    ("cProfile", "run", ("1",)),
    ("profile", "Profile.runctx", ("1", {}, {})),
    ("pdb", "run", ("1",)),
    ("bdb", "Bdb.run", ("1",)),
    ("trace", "Trace.run", ("1",)),
    ("doctest", "debug_script", ("1",)),
    ("ensurepip", "_run_pip", (["x"],)),
    ("idlelib.pyshell", "ModifiedInterpreter.runcode", ("1",)),
    ("idlelib.run", "Executive.runcode", ("1",)),
    ("idlelib.autocomplete", "AutoComplete.get_entity", ("1",)),
    ("lib2to3.pgen2.grammar", "Grammar.loads", (b"N.",)),
    ("lib2to3.pgen2.pgen", "ParserGenerator.make_label", ("1",)),
    ("logging.config", "_install_loggers", ({},)),
    ("asyncio.unix_events", "_UnixSubprocessTransport._start", ("1",)),
    ("multiprocessing.util", "spawnv_passfds", (b"/bin/sh", [], [])),
    ("distutils.file_util", "write_file", (MARK, ["x"])),
    ("venv", "create", (MARK,)),
    ("pip", "main", (["download", "x"],)),
    ("pydoc", "pipepager", ("a", f"touch {MARK}")),
    ("test.support.script_helper", "assert_python_ok", ("1",)),
    ("uuid", "_get_command_stdout", ("touch", MARK)),
    ("_osx_support", "_find_build_tool", ("touch",)),
    ("_aix_support", "_read_cmd_output", ("touch",)),
    ("_pyrepl.pager", "pipe_pager", ("a", "b")),
    ("numpy", "load", (MARK,)),
    ("numpy.testing._private.utils", "runstring", ("1", {})),
    ("numpy.f2py.crackfortran", "getlincoef", ("1", {})),
    ("numpy.f2py.crackfortran", "_eval_length", ("1", {})),
    ("numpy.f2py.crackfortran", "param_eval", ("1", {}, {}, None)),
    ("torch", "load", (MARK,)),
    ("torch", "save", (1, MARK)),
    ("torch.storage", "_load_from_bytes", (b"\x80\x02cos\nsystem\nU\x01xR.",)),
    ("torch.hub", "load", ("a", "b")),
    ("torch.hub", "load_state_dict_from_url", ("http://127.0.0.1",)),
    ("torch.jit", "load", (MARK,)),
    ("torch.jit.unsupported_tensor_ops", "execWrapper", ("1", {}, {})),
    ("torch.jit.frontend", "get_jit_def", ("1",)),
    ("torch.utils.collect_env", "run", (f"touch {MARK}",)),
    ("torch.utils.bottleneck.__main__", "run_cprofile", ("1", {})),
    ("torch.utils.bottleneck.__main__", "run_autograd_prof", ("1", {})),
    ("torch.utils._config_module", "ConfigModule.load_config", (b"N.",)),
    ("torch.utils.data.datapipes.utils.decoder", "basichandlers", ("pkl", b"N.")),
    ("torch.utils.cpp_extension", "load", ("a", [MARK])),
    ("torch.utils.model_dump", "get_storage_info", ("1",)),
    ("torch._dynamo.guards", "GuardBuilder.get", ("1",)),
    ("torch._inductor.codecache", "compile_file", (MARK,)),
    ("torch.fx.experimental.symbolic_shapes", "ShapeEnv.evaluate_guards_expression", ("1",)),
    ("torch.distributed.rpc", "rpc_sync", ("a",)),
    ("torch._C", "_jit_load", ("x",)),
    ("torch._utils", "_rebuild_wrapper_subclass", (1, 2, 3, 4, 5, 6, 7, 8)),
    ("torch.cuda", "_lazy_call", (1,)),
    ("cloudpickle.cloudpickle", "_builtin_type", ("CodeType",)),
    ("dill._dill", "_create_function", (1,)),
    ("joblib", "load", (MARK,)),
    ("sklearn.utils._mask", "anything", ()),
    ("rushlight", "save", (1, MARK)),
    ("rushlight.cli.run", "main", (MARK,)),
    ("__main__", "payload", ()),
    ("copyreg", "_reconstructor", ()),
    ("copyreg", "add_extension", ("os", "system", 1)),
    ("weakref", "finalize", (1, 2)),
    ("tempfile", "_TemporaryFileCloser", (1, MARK)),
    ("tempfile", "TemporaryDirectory", (MARK,)),
    ("threading", "Thread", ()),
    ("atexit", "register", (1,)),
    ("signal", "raise_signal", (9,)),
    ("ssl", "get_server_certificate", (("127.0.0.1", 9),)),
    ("smtplib", "SMTP", ("127.0.0.1", 9)),
    ("ftplib", "FTP", ("127.0.0.1",)),
    ("requests.api", "get", ("http://127.0.0.1",)),
    ("aiohttp.client", "ClientSession", ()),
    ("bz2", "BZ2File", (MARK, "w")),
    ("gzip", "open", (MARK, "w")),
    ("sqlite3", "connect", (MARK,)),
    ("mmap", "mmap", (-1, 1 << 40)),
    ("array", "array", ("d", [0.0] * 4)),
    ("io", "FileIO", (MARK, "w")),
    ("_io", "FileIO", (MARK, "w")),
    ("pathlib", "Path.write_text", (MARK, "x")),
]


def _text(value: str) -> bytes:
    raw = value.encode()
    return b"X" + struct.pack("<I", len(raw)) + raw


def _value(value: object) -> bytes:
    """One plain value in opcodes of protocol 2."""
    return pickle.dumps(value, 2)[2:-1]


def reach(module: str, name: str, args: tuple) -> Iterator[tuple[str, bytes]]:
    """Every way in which opcodes can ask for a call of one name."""
    here = f"c{module}\n{name}\n".encode()
    stacked = _text(module) + _text(name) + b"\x93"
    given = _value(args)
    parts = b"".join(_value(arg) for arg in args)
    yield "reduce", b"\x80\x02" + here + given + b"R."
    yield "stack", b"\x80\x04" + stacked + given + b"R."
    yield "new", b"\x80\x02" + here + given + b"\x81."
    yield "new-ex", b"\x80\x04" + stacked + given + b"}\x92."
    yield "inst", b"(" + parts + f"i{module}\n{name}\n.".encode()
    yield "obj", b"(" + here + parts + b"o."
    yield "build", b"\x80\x02" + here + b")\x81" + _value({"a": args}) + b"b."
    yield (
        "setstate",
        b"\x80\x02" + here + b"}" + _text("__setstate__") + here + b"sb" + given + b"b.",
    )
    yield "appends", b"\x80\x02" + here + given + b"R(" + parts + b"e."
    yield "set", b"\x80\x02" + here + given + b"R" + _text("k") + _text("v") + b"s."
    yield "add", b"\x80\x04" + here + given + b"R(" + parts + b"\x90."
    yield "within", b"\x80\x02}" + _text("w") + here + given + b"Rs."
    yield "as-key", b"\x80\x02}" + here + given + b"RNs."
    yield "memo", b"\x80\x02" + here + b"q\x000" + b"h\x00" + given + b"R."
    yield "hidden", b"\x80\x02]" + here + given + b"R0."
    yield "twice", b"\x80\x02" + here + given + b"R" + given + b"R."
    yield "pid", b"\x80\x02" + here + given + b"RQ."
    yield (
        "storage",
        b"\x80\x02(" + _text("storage") + here + _text("0") + _text("cpu") + b"K\x01tQ.",
    )
    yield "module", b"\x80\x02(" + _text("module") + here + _text("f") + _text("s") + b"tQ."
    yield "od", b"\x80\x02ccollections\nOrderedDict\n)R}" + _text("x") + here + given + b"Rsb."
    yield "factory", b"\x80\x02ccollections\ndefaultdict\n" + here + b"\x85R."
    yield "newobj", b"\x80\x02ccopyreg\n__newobj__\n" + here + b"\x85R."
    yield (
        "reconstruct",
        b"\x80\x02ccopy_reg\n_reconstructor\n" + here + b"c__builtin__\nobject\nN\x87R.",
    )
    yield (
        "from-type",
        (b"\x80\x02ctorch._tensor\n_rebuild_from_type_v2\n(" + here + here + given + b"}tR."),
    )
    yield (
        "ndarray",
        b"\x80\x02cnumpy.core.multiarray\n_reconstruct\n" + here + b"K\x00\x85C\x01b\x87R.",
    )


# -- containers of a pickle ----------------------------------------------------------------


def zipped(pickled: bytes, storages: dict[str, bytes] | None = None, **change: object) -> bytes:
    """A file in PyTorch's zip format, with one thing changed."""
    records = [("a/data.pkl", pickled), ("a/byteorder", b"little"), ("a/version", b"3\n")]
    records += [(f"a/data/{key}", data) for key, data in (storages or {}).items()]
    return raw_zip(records, **change)


def raw_zip(records: list[tuple[str, bytes]], *, deflate: bool = False, **change: object) -> bytes:
    """A zip file; `change` overrides fields of the first record: local_*, central_* or end_*."""
    out, central = b"", b""
    for number, (name, data) in enumerate(records):
        mine = change if number == int(change.get("at", 0)) else {}  # type: ignore[call-overload]
        raw = str(name).encode("utf-8", "surrogateescape")
        packer = zlib.compressobj(9, zlib.DEFLATED, -15)
        packed = packer.compress(data) + packer.flush() if deflate else data
        fields = {
            "flags": 0,
            "method": 8 if deflate else 0,
            "crc": zlib.crc32(data),
            "packed": len(packed),
            "size": len(data),
        }
        local = {k: mine.get(f"local_{k}", v) for k, v in fields.items()}
        listed = {k: mine.get(f"central_{k}", v) for k, v in fields.items()}
        local_raw = mine.get("local_name", raw)
        place = mine.get("central_place", len(out))
        extra = mine.get("extra", b"")
        out += struct.pack(
            "<4s5H3I2H", b"PK\3\4", 20, local["flags"], local["method"], 0, 0, local["crc"], local["packed"],
            local["size"], len(local_raw), len(extra),
        ) + local_raw + extra + packed  # fmt: skip
        central += struct.pack(
            "<4s6H3I5H2I", b"PK\1\2", 20, 20, listed["flags"], listed["method"], 0, 0, listed["crc"],
            listed["packed"], listed["size"], len(raw), len(mine.get("central_extra", b"")), 0, 0, 0, 0, place,
        ) + raw + mine.get("central_extra", b"")  # fmt: skip
    start = change.get("end_start", len(out))
    count = change.get("end_count", len(records))
    size = change.get("end_size", len(central))
    out += central
    out += struct.pack(
        "<4s4H2IH", b"PK\5\6", 0, 0, count, count, size, start, change.get("end_comment", 0)
    )
    return out + change.get("tail", b"")  # type: ignore[operator]


def legacy(pickled: bytes, keys: object = (), tail: bytes = b"") -> bytes:
    """A file in PyTorch's older format."""
    head = b"".join(
        pickle.dumps(x, 2) for x in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True})
    )
    return head + pickled + pickle.dumps(list(keys), 2) + tail  # type: ignore[call-overload]


def tarred(
    pickled: bytes,
    storages: bytes | None = None,
    tensors: bytes | None = None,
    name: str = "pickle",
) -> bytes:
    """A file in PyTorch's first format, a tar (the container of CVE-2025-32434)."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        members = {
            "storages": storages or pickle.dumps(0, 2) + pickle.dumps([], 2),
            "tensors": tensors or pickle.dumps(0, 2),
        }
        members[name] = pickled
        for member, data in members.items():
            info = tarfile.TarInfo(member)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


def object_array(pickled: bytes) -> bytes:
    """An .npy of dtype object, whose elements are a pickle."""
    head = repr({"descr": "|O", "fortran_order": False, "shape": (1,)}).encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head + pickled


PACKERS = {"gz": gzip.compress, "zlib": zlib.compress, "bz2": bz2.compress, "xz": lzma.compress}
CONTAINERS = {"pkl": lambda p: p, "pt": zipped, "legacy": legacy, "tar": tarred, **PACKERS}


# -- structures ----------------------------------------------------------------------------


def tensor(
    key: str = "0", kind: str = "FloatStorage", count: object = 4, offset: object = 0, size: object = (2, 2),
    stride: object = (2, 1), location: object = "cpu",
) -> bytes:  # fmt: skip
    """Opcodes (without STOP) of one tensor, every number of which can lie."""
    return (
        b"ctorch._utils\n_rebuild_tensor_v2\n((" + _text("storage") + f"ctorch\n{kind}\n".encode() + _value(key)
        + _value(location) + _value(count) + b"tQ" + _value(offset) + _value(size) + _value(stride)
        + b"\x89ccollections\nOrderedDict\n)RtR"
    )  # fmt: skip


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
        two
        + b"cx\ny\nq\x00)R"
        + b"\x85h\x00" * 0
        + b"".join(b"q\x010h\x00h\x01\x85R" for _ in range(200_000))
        + b".",
    )
    yield (
        "deep-known",
        two
        + b"ctorch\nSize\nq\x00)"
        + b"".join(b"q\x010h\x00h\x01\x85R" for _ in range(200_000))
        + b".",
    )
    yield (
        "deep-newobj",
        two + b"ccopyreg\n__newobj__\nq\x00(" + b"h\x00" * 100_000 + b"tq\x01" + b"0h\x00h\x01R.",
    )
    yield (
        "deep-from-type",
        two
        + b"ctorch._tensor\n_rebuild_from_type_v2\nq\x00)"
        + b"".join(b"q\x010(h\x00h\x00h\x01}t" for _ in range(50_000))
        + b"q\x010h\x00h\x01R.",
    )
    yield (
        "laughs-list",
        two
        + b"]q\x00"
        + b"".join(b"0]q\x01(h\x00h\x00h\x00h\x00e0h\x01q\x00" for _ in range(60))
        + b".",
    )
    laughs = b"]q\x00" + b"".join(b"0]q\x01(h\x00h\x00h\x00h\x00e0h\x01q\x00" for _ in range(60))
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
    yield "laughs-tuple", two + b")" + b"".join(b"2\x86" for _ in range(200)) + b"."
    yield "laughs-key", two + b"}K\x01" + b"".join(b"2\x86" for _ in range(60)) + b"Ns."
    yield "laughs-set", b"\x80\x04(K\x01" + b"".join(b"2\x86" for _ in range(60)) + b"\x91."
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


def headers(text: bytes, data: bytes = b"", length: int | None = None) -> bytes:
    """A safetensors file with any header."""
    return struct.pack("<Q", len(text) if length is None else length) + text + data


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
