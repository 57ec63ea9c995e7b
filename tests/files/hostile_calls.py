"""Names that files have tried to call, and every way in which opcodes can ask for a call."""

from __future__ import annotations

import pickle
import struct
from collections.abc import Iterator

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
