"""The commands inspect, convert, diff and scan."""

import argparse
import gzip
import json
import pickle
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import hostile
import numpy as np
import pytest

import rushlight as torch
from rushlight._files import safetensors_writer
from rushlight.cli import main
from rushlight.serialization import Describer, load, save

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture
def folder(tmp_path):
    x = torch.arange(6.0).reshape(2, 3)
    named = {
        "net.layer.weight": x,
        "net.layer.bias": torch.tensor([1.0, float("nan")]),
        "net.head.weight": x,
    }
    save({"state": named, "epoch": 3}, tmp_path / "a.pt")
    save(named, tmp_path / "flat.pt")
    return tmp_path


def run(capsys, *words):
    status = main([str(word) for word in words])
    return status, capsys.readouterr()


def test_inspect_shows_tensors_ties_and_values(folder, capsys):
    status, out = run(capsys, "inspect", folder / "a.pt", "--stats", "--all")
    assert status == 0
    assert "torch" in out.out and "3 tensors, 14 elements" in out.out
    assert "state.net.layer.weight" in out.out and "mean 2.5" in out.out and "1 nan" in out.out
    assert (
        "tied: state.net.layer.weight = state.net.head.weight" in out.out and "epoch = 3" in out.out
    )


def test_inspect_for_machines(folder, capsys):
    status, out = run(capsys, "inspect", folder / "a.pt", "--json", "--stats")
    facts = json.loads(out.out)
    assert status == 0 and facts["format"] == "torch" and facts["would_run"] == {}
    weight = facts["tensors"]["state.net.layer.weight"]
    assert weight["shape"] == [2, 3] and weight["dtype"] == "float32" and weight["max"] == 5.0
    assert facts["ties"] == [["state.net.layer.weight", "state.net.head.weight"]]


def test_inspect_tells_what_a_pickle_would_have_run(tmp_path, capsys):
    path = tmp_path / "evil.pt"
    path.write_bytes(hostile.zipped(b"\x80\x02cos\nsystem\nX\x02\x00\x00\x00ls\x85R."))
    status, out = run(capsys, "inspect", path)
    assert (
        status == 0
        and "opaque: os.system" in out.out
        and "unpickling would call: os.system" in out.out
    )


def test_inspect_of_a_damaged_file_says_what_and_where(tmp_path, capsys):
    path = tmp_path / "bad.pt"
    path.write_bytes(b"PK\3\4 no")
    status, out = run(capsys, "inspect", path)
    assert status == 2 and "bad.pt" in out.err and "no zip directory" in out.err
    assert run(capsys, "inspect", tmp_path / "none")[0] == 2


@pytest.mark.parametrize("ending", ["pt", "safetensors", "npz"])
def test_convert_and_diff_agree(folder, capsys, ending):
    target = folder / f"b.{ending}"
    assert run(capsys, "convert", folder / "flat.pt", target)[0] == 0
    status, out = run(capsys, "diff", folder / "flat.pt", target)
    assert status == 0 and "3 of 3 common tensors are equal" in out.out


def test_convert_renames_and_casts(folder, capsys):
    target = folder / "c.safetensors"
    words = ["--map", "net.=", "--map", "layer=first", "--dtype", "bfloat16"]
    assert run(capsys, "convert", folder / "flat.pt", target, *words)[0] == 0
    made = load(target)
    assert sorted(made) == ["first.bias", "first.weight", "head.weight"]
    assert made["head.weight"].dtype is torch.bfloat16


def test_convert_keeps_the_structure_of_a_pytorch_file(folder, capsys):
    assert run(capsys, "convert", folder / "a.pt", folder / "d.pt")[0] == 0
    made = load(folder / "d.pt")
    assert made["epoch"] == 3
    assert (
        made["state"]["net.head.weight"].data_ptr() == made["state"]["net.layer.weight"].data_ptr()
    )


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["x.doc"], "its ending tells no format"),
        (["x.pt", "--map", "nothing"], "expected OLD=NEW"),
        (["x.pt", "--map", "layer=head", "--map", "bias=weight"], "two tensors would be called"),
        (["x.pt", "--dtype", "int3"], "expected one of"),
    ],
)
def test_convert_explains_what_stands_in_the_way(folder, capsys, words, message):
    status, out = run(capsys, "convert", folder / "flat.pt", folder / words[0], *words[1:])
    assert status == 2 and message in out.err and not (folder / words[0]).exists()


def test_convert_does_not_hand_on_a_call(tmp_path, capsys):
    path = tmp_path / "evil.pt"
    path.write_bytes(hostile.zipped(b"\x80\x02cos\nsystem\nX\x02\x00\x00\x00ls\x85R."))
    status, out = run(capsys, "convert", path, tmp_path / "copy.pt")
    assert status == 2 and "cannot save Opaque('os.system'" in out.err


def test_diff_finds_names_shapes_dtypes_and_values(folder, capsys):
    save(
        {
            "net.layer.weight": torch.zeros(2, 2),
            "net.layer.bias": torch.tensor([1.5, float("nan")]),
            "new": torch.ones(1),
        },
        folder / "e.pt",
    )
    status, out = run(capsys, "diff", folder / "flat.pt", folder / "e.pt")
    assert status == 1
    assert (
        "- net.head.weight" in out.out
        and "+ new" in out.out
        and "shape [2, 3] -> [2, 2]" in out.out
    )
    assert "1 of 2 values differ, by up to 0.5 at [0]" in out.out
    status, out = run(
        capsys, "diff", folder / "flat.pt", folder / "e.pt", "--atol", "0.5", "--json"
    )
    assert list(json.loads(out.out)["changed"]) == ["net.layer.weight"]


def test_scan_finds_what_would_run(tmp_path, capsys):
    (tmp_path / "deep").mkdir()
    evil = b"\x80\x02cos\nsystem\nX\x02\x00\x00\x00ls\x85R."
    save({"x": torch.ones(2)}, tmp_path / "good.pt")
    assert run(capsys, "scan", tmp_path)[0] == 0
    (tmp_path / "deep" / "evil.bin").write_bytes(hostile.zipped(evil))
    (tmp_path / "deep" / "cut.pkl").write_bytes(evil[:-1])  # what comes before the damage has run
    (tmp_path / "deep" / "objects.npy").write_bytes(hostile.object_array(evil))
    (tmp_path / "readme.txt").write_text("hello")
    status, out = run(capsys, "scan", tmp_path, "--json")
    found = {entry["file"].rpartition("/")[2]: entry for entry in json.loads(out.out)}
    assert status == 1 and "readme.txt" not in found
    assert found["good.pt"]["verdict"] == "plain data"
    for name in ("evil.bin", "cut.pkl", "objects.npy"):
        assert found[name]["verdict"] == "runs code" and found[name]["calls"] == {
            "os.system": "call"
        }, name
    status, out = run(capsys, "scan", "--quiet", tmp_path)
    assert "good.pt" not in out.out and "calls os.system" in out.out


def test_a_defaultdict_is_no_alarm_but_a_call_of_its_factory_is(tmp_path, capsys):
    path = tmp_path / "a.pkl"
    for kind in (list, dict, int, set):
        path.write_bytes(pickle.dumps(defaultdict(kind, {"a": kind()})))
        assert run(capsys, "scan", path)[0] == 0
        assert "unpickling" not in run(capsys, "inspect", path)[1].out
    path.write_bytes(b"\x80\2cbuiltins\nlist\n)R.")
    assert run(capsys, "scan", path)[0] == 1


def test_scan_finds_every_payload_of_the_corpus(tmp_path):
    from rushlight.cli.scan import RUNS, look

    path = tmp_path / "file"
    for module, name, args in hostile.CALLS[::9]:
        for way, pickled in hostile.reach(module, name, args):
            for container, wrap in hostile.CONTAINERS.items():
                path.write_bytes(wrap(pickled))
                assert look(str(path)).verdict == RUNS, (module, name, way, container)


def test_scan_says_when_a_file_is_damaged(tmp_path, capsys):
    (tmp_path / "bad.pt").write_bytes(b"PK\3\4 no")
    assert run(capsys, "scan", tmp_path)[0] == 2


def test_inspect_loads_nothing_heavy(folder):
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "rushlight", "inspect", str(folder / "a.pt")],
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "numpy" in loaded
    heavy = {"torch", "safetensors", "tqdm", "tarfile", "zipfile", "concurrent.futures", "asyncio"}
    assert not loaded & heavy


@pytest.mark.parametrize("words", [("inspect",), ("inspect", "--json"), ("scan",)])
def test_looking_into_a_file_needs_no_numpy(folder, words):
    code = (
        "import sys, rushlight_command as c; sys.argv = ['rushlight', *sys.argv[1:]]; "
        "status = c.main(); found = {m for m in sys.modules if m.startswith('numpy')}; "
        "assert found == {'numpy'} and isinstance(sys.modules['numpy'], c.Later), found; "
        "sys.exit(status)"
    )
    told = []
    for start in (["-c", code], ["-m", "rushlight"]):
        done = subprocess.run(
            [sys.executable, *start, *words, str(folder / "a.pt")],
            capture_output=True,
            text=True,
            cwd=ROOT,
        )
        assert done.returncode == 0, done.stderr
        told.append(done.stdout)
    assert told[0] == told[1] != ""


@pytest.mark.parametrize("words", [("inspect", "--stats"), ("diff",), ("convert",), ("--version",)])
def test_numpy_comes_when_it_is_needed(folder, words):
    files = [str(folder / "a.pt")] if words[0] != "--version" else []
    files += [files[0]] if words[0] == "diff" else []
    files += [str(folder / "made.safetensors")] if words[0] == "convert" else []
    done = subprocess.run(
        [sys.executable, "rushlight_command.py", *words, *files],
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr


def test_names_cannot_steer_the_terminal(tmp_path, capsys):
    name = "a\x1b[2J\nunpickling would call: nothing\ud800"
    save({name: torch.ones(1), "t": torch.ones(1)}, tmp_path / "a.pt")
    save({"t": torch.ones(1)}, tmp_path / "b.pt")
    for words in (["inspect"], ["inspect", "--all"], ["diff", tmp_path / "b.pt"]):
        out = run(capsys, *words, tmp_path / "a.pt")[1].out
        assert r"a\x1b[2J\nunpickling would call: nothing\ud800" in out and "\x1b" not in out
    (tmp_path / "c.pkl").write_bytes(b"\x80\2cos\nsys\x1b[1Atem\n.")
    assert r"os.sys\x1b[1Atem" in run(capsys, "scan", tmp_path / "c.pkl")[1].out


def test_json_has_no_infinity(tmp_path, capsys):
    def refuse(word):
        raise AssertionError(word)

    save({"x": torch.tensor([1e308, 1e308], dtype=torch.float64)}, tmp_path / "a.pt")
    save({"x": torch.tensor([1.0, float("nan")], dtype=torch.float64)}, tmp_path / "b.pt")
    told = run(capsys, "inspect", "--stats", "--json", tmp_path / "a.pt")[1].out
    assert json.loads(told, parse_constant=refuse)["tensors"]["x"]["mean"] is None
    told = run(capsys, "diff", "--json", tmp_path / "a.pt", tmp_path / "b.pt")[1].out
    assert json.loads(told, parse_constant=refuse)["changed"]["x"]["largest"] is None


def test_a_reader_who_stops_early_gets_no_traceback(folder):
    command = [sys.executable, "-m", "rushlight.cli", "inspect", str(folder / "a.pt")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT) as job:
        job.stdout.close()
        assert job.stderr.read() == b""


def test_small_files_do_not_fill_the_memory(tmp_path, capsys):
    data = hostile.zipped(
        b"\x80\2}X\1\0\0\0x" + hostile.tensor(size=(1 << 40,), stride=(0,)) + b"s.",
        {"0": bytes(16)},
    )
    (tmp_path / "a.pt").write_bytes(data)
    for words in (["convert", tmp_path / "b.safetensors"], ["diff", tmp_path / "a.pt"]):
        status, told = run(capsys, words[0], tmp_path / "a.pt", words[1])
        assert status == 2 and "repeat 16 bytes" in told.err
    assert run(capsys, "diff", "--names", tmp_path / "a.pt", tmp_path / "a.pt")[0] == 0


def test_scan_looks_behind_an_index_and_into_torchscript(tmp_path, capsys):
    evil = hostile.zipped(
        b"\x80\2}X\1\0\0\0x" + hostile.tensor() + b"scos\nsystem\n0.", {"0": bytes(16)}
    )
    (tmp_path / "a.bin").write_bytes(evil)
    (tmp_path / "m.index.json").write_text(json.dumps({"weight_map": {"x": "a.bin"}}))
    (tmp_path / "config.json").write_text("{}")
    status, told = run(capsys, "scan", tmp_path / "m.index.json", tmp_path / "config.json")
    assert status == 1 and "imports os.system" in told.out
    assert "not a checkpoint" in told.out.splitlines()[-1]
    call = b"\x80\2ctorch.jit._pickle\nbuild_intlist\n](K\1e\x85R."
    script = hostile.raw_zip([("a/data.pkl", call), ("a/constants.pkl", call)])
    (tmp_path / "script.pt").write_bytes(script)
    assert run(capsys, "scan", tmp_path / "script.pt")[0] == 0


def test_scan_of_a_distributed_file_is_not_misled_by_marks_in_weights(tmp_path, capsys):
    good = hostile.zipped(b"\x80\2" + hostile.tensor() + b".", {"0": b"PK\5\6" * 4})
    evil = hostile.zipped(b"\x80\2cos\nsystem\n.")
    for data, expected in ((good * 3, 0), (good + evil + good, 1), (good + b"x" + evil, 2)):
        (tmp_path / "a.distcp").write_bytes(data)
        assert run(capsys, "scan", tmp_path / "a.distcp")[0] == expected


@pytest.mark.parametrize(
    "first", [b"K\x01", b"U\x02os", b"J\0\0\0\0", b"X\0\0\0\0", b"G" + bytes(8), b"C\0"]
)
def test_a_pickle_may_begin_with_any_opcode(tmp_path, capsys, first):
    (tmp_path / "a.pkl").write_bytes(first + b"0cos\nsystem\n(S'id'\ntR.")
    status, told = run(capsys, "scan", tmp_path)
    assert status == 1 and "calls os.system" in told.out


@pytest.mark.parametrize(
    "text", ["class A:\n    pass\n", "import os\nimport sys\n", "config = 1\nlr\n"]
)
def test_texts_that_begin_like_a_pickle_are_no_alarm(tmp_path, capsys, text):
    (tmp_path / "setup.py").write_text(text)
    assert run(capsys, "scan", tmp_path) == (0, ("", ""))


@pytest.fixture
def mixed(tmp_path):
    """Arrays that no tensor can hold, in an .npz and in a pickle."""
    parts = {
        "w": np.ones((2, 3), np.float32),
        "names": np.array(["a", "bc"]),
        "when": np.array(["2020-01-01"], "M8[D]"),
        "rec": np.zeros(3, [("x", "f4"), ("y", "i8", (2,))]),
        "obj": np.array([{"deep": 7}, None], object),
    }
    np.savez(tmp_path / "a.npz", **parts)
    (tmp_path / "a.pkl").write_bytes(pickle.dumps({"inner": parts, "n": 3}))
    return tmp_path


@pytest.mark.parametrize(("file", "before"), [("a.npz", ""), ("a.pkl", "inner.")])
def test_inspect_shows_arrays_that_no_tensor_can_hold(mixed, capsys, file, before):
    told = run(capsys, "inspect", mixed / file)[1].out
    lines = {line.split()[0]: line for line in told.splitlines()[1:]}
    assert "<U2" in lines["names"] and " 2 " in lines["names"] and "16 B" in lines["names"]
    assert "datetime64[D]" in lines["when"] and "('y', '<i8', (2,))" in lines["rec"]
    assert "object" in lines["obj"] and "opaque" not in told and "NumPy arrays besides" in told
    told = run(capsys, "inspect", "--all", mixed / file)[1].out
    assert f"{before}names = <U2" in told and "names.args" not in told and "deep = 7" in told
    facts = json.loads(run(capsys, "inspect", "--json", mixed / file)[1].out)
    assert facts["arrays"][f"{before}rec"]["shape"] == [3]
    assert facts["arrays"][f"{before}rec"]["bytes"] == 60
    assert (f"{before}w" in facts["tensors"]) == (file == "a.npz")


@pytest.mark.parametrize("target", ["b.safetensors", "b.npz", "b.pt"])
@pytest.mark.parametrize("file", ["a.npz", "a.pkl"])
def test_convert_says_which_arrays_would_be_lost(mixed, capsys, file, target):
    status, told = run(capsys, "convert", mixed / file, mixed / target)
    assert status == 2 and not (mixed / target).exists()
    assert "names (<U2 [2])" in told.err and "would be lost" in told.err
    bare = run(capsys, "convert", "--weights", mixed / file, mixed / target)
    if file == "a.pkl":  # which has no tensors at all
        assert bare[0] == 2 and "Nothing would be left" in bare[1].err
    else:
        assert "--weights leaves them out" in told.err
        assert bare[0] == 0 and [*load(mixed / target)] == ["w"]


def test_an_array_with_lying_facts_is_shown_as_far_as_it_goes(tmp_path, capsys):
    head = b"\x80\4cnumpy.core.numeric\n_frombuffer\n("
    for facts in (b"NNNN", b"C\1aNNN", b"C\1acnumpy\ndtype\n)RNN", b"C\1aX\1\0\0\0f(NtN", b""):
        (tmp_path / "a.pkl").write_bytes(head + facts + b"tR.")
        for words in ([], ["--all"], ["--json"]):
            assert run(capsys, "inspect", *words, tmp_path / "a.pkl")[0] == 0


@pytest.mark.parametrize(
    ("data", "bound", "raised"),
    [
        (b"\x80\x04(" + b"]" * 3_000_000 + b"t.", "objects", ["objects=1GB"]),
        (b"\x80\x04(" + b"]" * 3_000_000 + b"t.", "objects", ["growth=400"]),
        (gzip.compress(b"\x80\x04B" + (110 << 20).to_bytes(4, "little") + bytes(110 << 20) + b"."),
         "inflated", ["inflated=300MiB", "objects=1GB"]),
    ],
)  # fmt: skip
def test_the_error_of_a_bound_names_the_option_that_raises_it(
    tmp_path, capsys, data, bound, raised
):
    path = tmp_path / "a.pkl"
    path.write_bytes(data)
    more = [word for one in raised for word in ("--limit", one)]
    same = ["diff", "--names", path, path]
    for words in (["inspect", path], same, ["convert", path, tmp_path / "b.safetensors"]):
        status, told = run(capsys, *words)
        assert status == 2 and f"--limit {bound}=..." in told.err and "Limits" not in told.err
        assert run(capsys, *words, *more)[0] == 0
    status, told = run(capsys, "scan", path)
    assert status == 2 and f"--limit {bound}=..." in told.out
    status, told = run(capsys, "scan", path, *more)
    assert status == 0 and told.out.startswith("plain data")


def test_a_shard_that_is_no_size_is_refused(folder, capsys):
    with pytest.raises(SystemExit) as error:
        run(capsys, "convert", folder / "flat.pt", folder / "x.pt", "--shard", "many")
    assert error.value.code == 2 and "'many': expected a size" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "message"),
    [("grow=2", "'grow' is none of objects, growth"), ("growth", "expected a size"),
     ("growth=-1", "expected a size"), ("objects=1..2", "expected a size")],
)  # fmt: skip
def test_a_bound_that_is_no_bound_is_refused(folder, capsys, given, message):
    for words in (["inspect"], ["scan"], ["diff", folder / "a.pt"]):
        with pytest.raises(SystemExit) as error:
            main([*map(str, words), str(folder / "a.pt"), "--limit", given])
        assert error.value.code == 2 and message in capsys.readouterr().err


def test_a_header_beyond_its_bound_names_the_option(folder, capsys):
    assert run(capsys, "convert", folder / "flat.pt", folder / "a.safetensors")[0] == 0
    status, told = run(capsys, "inspect", folder / "a.safetensors", "--limit", "directory=10")
    assert status == 2 and "--limit directory=..." in told.err
    status, told = run(capsys, "inspect", folder / "flat.pt", "--limit", "directory=10")
    assert status == 2 and "--limit directory=..." in told.err


@pytest.mark.parametrize(
    "words", [["b.safetensors"], ["b.npz"], ["b.pt", "--dtype", "float16"],
              ["b.pt", "--map", "state.=w."], ["b.pt", "--shard", "1MB"], ["b.pt", "--weights"]],
)  # fmt: skip
def test_convert_says_which_plain_values_it_left_out(tmp_path, capsys, words):
    rates = [{"lr": 0.1, "betas": (0.9, 0.99)}, {"lr": 0.2}]
    state = {"w": torch.ones(2), "step": 7}
    hyper = argparse.Namespace(depth=3, name="x", best=torch.zeros(1))
    save(
        {"state": state, "epoch": 3, "rates": rates, "none": {}, "hyper": hyper}, tmp_path / "a.pt"
    )
    status, told = run(capsys, "convert", tmp_path / "a.pt", tmp_path / words[0], *words[1:])
    assert status == 0 and told.out.startswith("2 tensors, ")
    assert told.err == (
        "rushlight convert: left out 7 values that no tensor holds: "
        "state.step, epoch, rates (4), hyper\n"
    )


def test_convert_says_nothing_where_nothing_is_left_out(folder, capsys):
    for words in (["flat.pt", "b.safetensors"], ["a.pt", "b.pt"], ["flat.pt", "c.npz"]):
        status, told = run(capsys, "convert", folder / words[0], folder / words[1])
        assert status == 0 and told.err == ""


def test_convert_names_few_of_many_and_what_a_header_says(tmp_path, capsys):
    save({"w": torch.ones(1), **{f"n{i}": i for i in range(20)}}, tmp_path / "a.pt")
    told = run(capsys, "convert", tmp_path / "a.pt", tmp_path / "b.npz")[1].err
    assert "20 values" in told and "n8, and 11 more names" in told and "n9" not in told
    with (tmp_path / "a.safetensors").open("wb") as file:
        x = torch.ones(1)
        safetensors_writer.write(file.write, {"x": Describer().record(x)}, {"note": "hi"})
    told = run(capsys, "convert", tmp_path / "a.safetensors", tmp_path / "c.pt", "--weights")[1]
    assert "left out 1 value that no tensor holds: metadata note" in told.err
    assert (
        run(capsys, "convert", tmp_path / "a.safetensors", tmp_path / "c.safetensors")[1].err == ""
    )
