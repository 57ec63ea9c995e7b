"""Exported programs: they run without this package, and train as the function would."""

import json
import os
import subprocess
import sys
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("llvmlite")
sys.path.insert(0, os.path.dirname(__file__))

import trainers

import rushlight as rl
from rushlight import nn
from rushlight._engine.shipped import cpu
from rushlight._engine.sources import Sources, Unshippable

if sys.platform != "linux":
    pytest.skip("programs are exported on Linux", allow_module_level=True)

ALONE = """
import json, sys
sys.path[:0] = [{file!r}, {site!r}]
import numpy as np, program
step = program.load()
x, y = np.load({data!r})["x"], np.load({data!r})["y"]
losses = [float(step(x, y)) for _ in range(5)]
step.numbers["optimizer.lr"] = 0.1
step.state["net.0.bias"] = np.zeros_like(step.state["net.0.bias"])
losses += [float(step(x, y)) for _ in range(5)]
foreign = [m for m in sys.modules if m.partition(".")[0] in ("rushlight", "llvmlite", "torch")]
print(json.dumps([losses, step.state["net.0.weight"].tolist(), foreign]))
"""


def trainer(optimizer=None, dropout=0.0):
    rl.manual_seed(0)
    net = nn.Sequential(nn.Linear(20, 32), nn.ReLU(), nn.Dropout(dropout), nn.Linear(32, 5))
    optimizer = (optimizer or (lambda p: rl.optim.SGD(p, lr=0.05, momentum=0.9)))(net.parameters())

    def step(x, y):
        loss = nn.functional.cross_entropy(net(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    batch = rl.randn(8, 20), rl.randint(0, 5, (8,))
    step(*batch)
    return step, batch, net, optimizer


def arrays(batch):
    return [t.numpy() for t in batch]


def site(folder: Path) -> str:
    """A folder in which only NumPy can be found."""
    home = Path(np.__file__).parent
    made = folder / "site"
    made.mkdir()
    for each in (home, home.with_name("numpy.libs")):
        if each.is_dir():
            (made / each.name).symlink_to(each)
    return str(made)


@pytest.mark.parametrize("ending", [".zip", ""])
def test_training_goes_on_with_numpy_alone(tmp_path, ending):
    step, batch, net, optimizer = trainer()
    file, data = str(tmp_path / f"step{ending}"), str(tmp_path / "data.npz")
    rl.export(step, batch, file)
    np.savez(data, x=batch[0].numpy(), y=batch[1].numpy())
    text = ALONE.format(file=file, site=site(tmp_path), data=data)
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", text], env={"PATH": ""}, capture_output=True, text=True
    )
    assert not done.returncode, done.stderr
    losses, weight, foreign = json.loads(done.stdout)
    wanted = [step(*batch).item() for _ in range(5)]
    optimizer.param_groups[0]["lr"] = 0.1
    with rl.no_grad():
        net[0].bias.zero_()
    wanted += [step(*batch).item() for _ in range(5)]
    assert not foreign
    np.testing.assert_allclose(losses, wanted, rtol=1e-5)
    np.testing.assert_allclose(weight, net[0].weight.detach().numpy(), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", ["lenet", "gan", "lstm", "gpt", "encoder", "dqn"])
def test_trainers_train_alike(tmp_path, name):
    rl.manual_seed(0)
    step, batches, _ = getattr(trainers, name)(rl)
    step(*batches[0])
    rl.export(step, batches[0], tmp_path / "step.zip")
    program = rl.load_exported(tmp_path / "step.zip")
    found = [float(program(*arrays(batches[i % 4]))) for i in range(8)]
    wanted = [step(*batches[i % 4]).item() for i in range(8)]
    np.testing.assert_allclose(found, wanted, rtol=1e-5)


RULES = ["Adam", "AdamW", "NAdam", "RAdam", "Adagrad", "Adadelta", "Adamax", "ASGD", "RMSprop"]


@pytest.mark.parametrize("rule", RULES)
def test_counts_of_steps_stay_exact(tmp_path, rule):
    step, batch, net, optimizer = trainer(lambda p: getattr(rl.optim, rule)(p, lr=0.01))
    for _ in range(6):  # RAdam goes another way in its first five steps
        step(*batch)
    rl.export(step, batch, tmp_path / "step.zip")
    program = rl.load_exported(tmp_path / "step.zip")
    found = [float(program(*arrays(batch))) for _ in range(6)]
    np.testing.assert_allclose(found, [step(*batch).item() for _ in range(6)], rtol=1e-5)
    for name, t in net.state_dict().items():
        np.testing.assert_allclose(program.state[f"net.{name}"], t.numpy(), rtol=1e-4, atol=1e-6)
    count = next(iter(optimizer.state.values()))["step"]
    assert program.state["optimizer.net.0.weight.step"] == count.item()


def test_a_rule_that_turns_another_way_is_refused(tmp_path):
    step, batch, *_ = trainer(lambda p: rl.optim.RAdam(p, lr=0.01))
    rl.export(step, batch, tmp_path / "step.zip")
    program = rl.load_exported(tmp_path / "step.zip")
    with pytest.raises(RuntimeError, match="another way"):
        for _ in range(9):
            program(*arrays(batch))


def test_a_module_and_its_names(tmp_path):
    net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(144, 3))
    net.eval()
    x = rl.randn(2, 1, 8, 8)
    rl.export(net, (x,), tmp_path / "net.zip")
    program = rl.load_exported(tmp_path / "net.zip")
    np.testing.assert_allclose(program(x.numpy()), net(x).detach().numpy(), rtol=1e-4, atol=1e-5)
    assert set(program.state) <= set(net.state_dict())
    program.state["3.weight"] = np.zeros((3, 144))
    bias = net[3].bias.detach().numpy()
    np.testing.assert_allclose(program(x.numpy()), np.broadcast_to(bias, (2, 3)), rtol=1e-6)
    with pytest.raises(ValueError, match="expected an array of"):
        program.state["3.weight"] = np.zeros((3, 3))


def test_results_keep_their_form(tmp_path):
    table = rl.arange(12.0).reshape(3, 4)

    def f(x, pair, scale=2.0):
        return {"sum": x * scale + pair[0], "rest": [table[1], (x, 3, None)], "whole": table}

    x = rl.ones(4)
    rl.export(f, {"x": x, "pair": (x, x), "scale": 3.0}, tmp_path / "f.zip")
    program = rl.load_exported(tmp_path / "f.zip")
    made = program(x=x.numpy(), pair=(x.numpy(), x.numpy()), scale=3.0)
    assert made["sum"].tolist() == [4.0] * 4
    assert made["rest"][0].tolist() == [4, 5, 6, 7] and made["rest"][1][1:] == (3, None)
    assert np.shares_memory(made["whole"], program.state["table"])
    with pytest.raises(ValueError, match="exported for 3"):
        program(x=x.numpy(), pair=(x.numpy(), x.numpy()), scale=2.0)


def test_gradients_add_up(tmp_path):
    weight = rl.ones(3, requires_grad=True)

    def step(x):
        loss = (weight * x).sum()
        loss.backward()
        return loss

    x = rl.tensor([1.0, 2.0, 3.0])
    with pytest.raises(RuntimeError, match="Call the function once"):
        rl.export(step, (x,), "nowhere.zip")
    step(x)
    rl.export(step, (x,), tmp_path / "step.zip")
    program = rl.load_exported(tmp_path / "step.zip")
    program(x.numpy()), program(x.numpy())
    assert program.gradients["weight"].tolist() == [3.0, 6.0, 9.0]
    assert weight.grad.tolist() == [1.0, 2.0, 3.0]


def test_dropout_draws_what_it_would_have(tmp_path):
    step, batch, *_ = trainer(dropout=0.5)
    rl.export(step, batch, tmp_path / "step.zip")
    program = rl.load_exported(tmp_path / "step.zip")
    found = [float(program(*arrays(batch))) for _ in range(4)]
    assert len(set(found)) == 4
    np.testing.assert_allclose(found, [step(*batch).item() for _ in range(4)], rtol=1e-5)
    program.seed(7)
    rl.manual_seed(7)
    np.testing.assert_allclose(float(program(*arrays(batch))), step(*batch).item(), rtol=1e-5)


def test_large_programs_use_several_threads(tmp_path):
    net = nn.Sequential(nn.Linear(300, 400), nn.GELU(), nn.Linear(400, 200))
    x = rl.randn(256, 300)
    rl.export(net, (x,), tmp_path / "net.zip")
    program = rl.load_exported(tmp_path / "net.zip")
    np.testing.assert_allclose(program(x.numpy()), net(x).detach().numpy(), rtol=1e-3, atol=1e-4)


def test_what_has_no_kernel_goes_along_as_numpy(tmp_path):
    def f(x):
        return rl.linalg.inv(x).cumsum(0), x.sort(descending=True).values, rl.erf(x), x.topk(2)[0]

    x = rl.rand(4, 4) + 4 * rl.eye(4)
    rl.export(f, (x,), tmp_path / "f.zip")
    for a, b in zip(rl.load_exported(tmp_path / "f.zip")(x.numpy()), f(x)):
        np.testing.assert_allclose(a, b.numpy(), rtol=1e-5)


def test_an_index_out_of_range_writes_nothing(tmp_path):
    table = nn.Embedding(5, 3)
    optimizer = rl.optim.SGD(table.parameters(), lr=0.1)

    def step(i):
        optimizer.zero_grad()
        loss = table(i).square().sum()
        loss.backward()
        optimizer.step()
        return loss

    i = rl.tensor([0, 2, 2])
    step(i)
    rl.export(step, (i,), tmp_path / "step.zip")
    program = rl.load_exported(tmp_path / "step.zip")
    before = program.state["table.weight"].copy()
    with pytest.raises(IndexError, match=r"out of range.*test_export.py:\d+.*nothing was written"):
        program(np.array([0, 9, 1]))
    assert (program.state["table.weight"] == before).all()
    np.testing.assert_allclose(float(program(i.numpy())), step(i).item(), rtol=1e-6)


def test_what_cannot_be_a_program_is_refused(tmp_path):
    x = rl.ones(3)
    file = tmp_path / "f.zip"
    with pytest.raises(RuntimeError, match="Python needs a value"):
        rl.export(lambda x: x * x.sum().item(), (x,), file)
    with pytest.raises(RuntimeError, match="randn"):
        rl.export(lambda x: x + rl.randn(3), (x,), file)
    with pytest.raises(TypeError, match="close over it"):
        rl.export(lambda net, x: net(x), (nn.Linear(3, 3), x), file)
    with pytest.raises(TypeError, match="expected a function"):
        rl.export(3, (x,), file)
    net = nn.Linear(3, 3)
    optimizer = rl.optim.Adam(net.parameters())

    def step(x):
        net(x).sum().backward()
        optimizer.step()
        optimizer.zero_grad()

    with pytest.raises(RuntimeError, match="Call the function once"):
        rl.export(step, (x,), file)
    assert not list(tmp_path.iterdir())


def test_calls_unlike_the_example_are_refused(tmp_path):
    step, batch, *_ = trainer()
    rl.export(step, batch, tmp_path / "step.zip")
    program = rl.load_exported(tmp_path / "step.zip")
    x, y = arrays(batch)
    for wrong in ((x[:4], y[:4]), (x.astype("float64"), y), (x, y.astype("int32"))):
        with pytest.raises(ValueError, match="exported for"):
            program(*wrong)
    with pytest.raises(TypeError, match="expected 2"):
        program(x)
    with pytest.raises(ValueError, match="export the step anew"):
        program.numbers["optimizer.weight_decay"] = 0.1
    with pytest.raises(KeyError, match="the program's numbers"):
        program.numbers["lr"] = 0.1


@pytest.mark.parametrize(
    ("key", "value", "error", "says"),
    [
        ("features", ["avx2", "avx512fp16", "egpr"], OSError, "no such instructions"),
        ("machine", "riscv64", OSError, "holds machine code for linux on riscv64"),
        ("system", "win32", OSError, "Export it again on such a machine"),
        ("numpy", [9, 0], OSError, "needs NumPy 9.0"),
        ("format", 99, ValueError, "Its own loader"),
        ("files", {"code.bin": [3, 4]}, ValueError, "code.bin in it is damaged"),
    ],
)
def test_files_for_others_are_refused(tmp_path, key, value, error, says):
    rl.export(rl.relu, (rl.ones(300),), tmp_path / "relu")
    place = tmp_path / "relu" / "manifest.json"
    told = json.loads(place.read_text())
    told[key] = value
    place.write_text(json.dumps(told))
    with pytest.raises(error, match=says):
        rl.load_exported(tmp_path / "relu")


def test_a_changed_number_in_the_manifest_is_damage(tmp_path):
    rl.export(nn.Linear(5, 3), (rl.ones(2, 5),), tmp_path / "net")
    place = tmp_path / "net" / "manifest.json"
    whole = place.read_text()
    digits = [i for i, c in enumerate(whole) if c.isdigit()]
    for i in digits[::7]:
        place.write_text(f"{whole[:i]}{(int(whole[i]) + 3) % 10}{whole[i + 1 :]}")
        with pytest.raises((ValueError, OSError)):
            rl.load_exported(tmp_path / "net")


@pytest.mark.parametrize("name", ["manifest.json", "code.bin", "arrays.bin", "words.py"])
def test_a_missing_file_is_told(tmp_path, name):
    rl.export(rl.relu, (rl.ones(300),), tmp_path / "relu")
    (tmp_path / "relu" / name).unlink()
    with pytest.raises(ValueError, match=f"no exported program .*{name}"):
        rl.load_exported(tmp_path / "relu")


def test_arguments_that_share_what_is_written_are_refused(tmp_path):
    kept = rl.ones(4)

    def f(a, b):
        kept.mul_(2).add_(b)
        return a.mul_(2).add_(b) * 1

    rl.export(f, (rl.ones(4), rl.ones(4)), tmp_path / "f.zip")
    program = rl.load_exported(tmp_path / "f.zip")
    row, one = np.arange(9, dtype="float32"), np.ones(4, "float32")
    for pair in ((row[:4], row[1:5]), (one, one), (one, program.state["kept"])):
        before = [x.copy() for x in pair]
        with pytest.raises(ValueError, match="give a copy"):
            program(*pair)
        assert all((x == y).all() for x, y in zip(pair, before))
    assert program(row[:4], row[4:8]).tolist() == [4, 7, 10, 13]
    assert program.state["kept"].tolist() == [6, 7, 8, 9]
    reads = rl.compile(lambda a, b: a + b)
    rl.export(reads, (rl.ones(4), rl.ones(4)), tmp_path / "g.zip")
    row = np.arange(9, dtype="float32")
    assert rl.load_exported(tmp_path / "g.zip")(row[:4], row[1:5]).tolist() == [1, 3, 5, 7]


def test_fourier_transforms_go_along(tmp_path):
    def f(x):
        return rl.fft.fft(x).abs(), rl.fft.irfft(rl.fft.rfft(x) * 2)

    x = rl.randn(3, 16)
    rl.export(f, (x,), tmp_path / "f.zip")
    for a, b in zip(rl.load_exported(tmp_path / "f.zip")(x.numpy()), f(x)):
        np.testing.assert_allclose(a, b.numpy(), rtol=1e-4, atol=1e-5)


def test_large_results_begin_on_a_line(tmp_path):
    """As in a compiled call: kernels store rows of whole lines past the caches."""
    x = rl.randn(1024, 1024)
    rl.export(lambda x: x * 2, (x,), tmp_path / "f.zip")
    program = rl.load_exported(tmp_path / "f.zip")
    assert [program(x.numpy()).ctypes.data % 64 for _ in range(3)] == [0, 0, 0]


def test_arm_programs_ask_for_what_their_code_uses(monkeypatch):
    """LLVM writes `eor3` where there is sha3, and scalable vectors for fixed ones."""
    told = {16: 1 << 1 | 1 << 22, 26: 0}
    kernel = type("CDLL", (), {"getauxval": lambda *a: None})
    monkeypatch.setattr(kernel, "getauxval", type("F", (), {"__call__": lambda s, k: told[k]})())
    monkeypatch.setattr(cpu.ctypes, "CDLL", lambda name: kernel)
    asked = ["neon", "sha3", "sve", "sve2", "mops", "cssc", "bf16", "i8mm", "rcpc-immo"]
    assert cpu.lacking("aarch64", asked) == [f for f in asked if f not in ("neon", "sve")]
    told.update({16: -1 & (1 << 64) - 1, 26: 1 << 1 | 1 << 13 | 1 << 14 | 1 << 34 | 1 << 43})
    assert cpu.lacking("aarch64", asked) == []


def test_damage_and_absence_are_told(tmp_path):
    with pytest.raises(FileNotFoundError, match="no such file"):
        rl.load_exported(tmp_path / "none.zip")
    (tmp_path / "other.zip").write_bytes(b"something else")
    with pytest.raises(ValueError, match="no exported program"):
        rl.load_exported(tmp_path / "other.zip")


def test_a_folder_with_other_files_is_left_alone(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(FileExistsError, match="other files"):
        rl.export(rl.relu, (rl.ones(3),), f"{tmp_path}/")
    rl.export(rl.relu, (rl.ones(3),), tmp_path / "relu")
    rl.export(rl.relu, (rl.ones(5),), tmp_path / "relu")  # over an older one
    assert rl.load_exported(tmp_path / "relu")(np.ones(5, "float32")).shape == (5,)


def test_the_model_is_left_as_it_was(tmp_path):
    step, batch, net, optimizer = trainer(lambda p: rl.optim.Adam(p))
    before = [t.clone() for t in net.state_dict().values()]
    counts = [float(s["step"]) for s in optimizer.state.values()]
    rl.export(step, batch, tmp_path / "step.zip")
    assert all((a == b).all() for a, b in zip(before, net.state_dict().values()))
    assert counts == [float(s["step"]) for s in optimizer.state.values()]


def test_compiled_functions_and_modules_are_exported_as_they_are(tmp_path):
    net = rl.compile(nn.Linear(3, 2))
    x = rl.ones(1, 3)
    rl.export(net, (x,), tmp_path / "net.zip")
    rl.export(rl.compile(lambda x: net(x) + 1), (x,), tmp_path / "f.zip")
    found = rl.load_exported(tmp_path / "f.zip")(x.numpy())
    wanted = rl.load_exported(tmp_path / "net.zip")(x.numpy()) + 1
    np.testing.assert_allclose(found, wanted, rtol=1e-6)


def test_torch_export_is_explained():
    with pytest.raises(AttributeError, match="not graphs"):
        rl.export.Dim("batch")


def test_sources_follow_what_a_function_names():
    scope: dict = {}
    sources = Sources()
    name = sources.name(rl._arrays.numpy.NUMPY.conv, "conv")
    exec(sources.text(), scope)
    x, w = np.ones((1, 1, 4, 4)), np.ones((1, 1, 3, 3))
    made = scope[name](x, w, (1, 1), (0, 0), (1, 1), 1)
    assert made.tolist() == [[[[9.0, 9.0], [9.0, 9.0]]]]
    with pytest.raises(Unshippable, match="made inside another function"):
        Sources().name(rl._core.hosted.real, "f")


def test_the_loader_brings_no_writer_of_kernels():
    """A program that was exported starts light, where Rushlight is installed as well."""
    code = "import sys, rushlight._engine.shipped.loader; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    engine = [m for m in done.stdout.split() if m.startswith("rushlight._engine.")]
    assert "rushlight._engine.threads" in engine
    assert not [m for m in engine if m.split(".")[2] in ("native", "fuse", "graph", "kernels")]


LOAD = "import sys; sys.path.insert(0, sys.argv[1]); import program; print(program.load()(3 * [1]))"


def _loading(place):
    made = subprocess.run(
        [sys.executable, "-c", LOAD.replace("3 * [1]", "__import__('numpy').ones(3, 'f4')"), place],
        capture_output=True, text=True,
    )  # fmt: skip
    return made.returncode, made.stderr.strip().splitlines()[-1:]


@pytest.mark.parametrize("name", ["program.py", "__main__.py"])
def test_a_changed_byte_of_what_starts_a_folder_is_damage(tmp_path, name):
    rl.export(rl.relu, (rl.ones(3),), tmp_path / "relu")
    place = tmp_path / "relu" / name
    place.write_bytes(place.read_bytes() + b"#")
    with pytest.raises(ValueError, match=f"{name} in it is damaged"):
        rl.load_exported(tmp_path / "relu")
    code, told = _loading(tmp_path / "relu")
    assert code and f"{name} in it is damaged" in told[0]


def test_a_changed_byte_of_a_files_loader_is_damage(tmp_path):
    """Also of the byte code, which Python would run as it is."""
    rl.export(rl.relu, (rl.ones(3),), tmp_path / "relu.zip")
    assert _loading(tmp_path / "relu.zip") == (0, [])
    whole = (tmp_path / "relu.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "relu.zip") as archive:
        names = [n for n in archive.namelist() if n.startswith("loader")]
        spots = [(n, archive.getinfo(n)) for n in names]
    assert names == ["loader.py", "loader.bin"]
    for name, info in spots:
        start = info.header_offset + 30 + len(name)
        for at in (0, 4, 17, info.file_size // 3, info.file_size // 2, info.file_size - 1):
            data = bytearray(whole)
            data[start + at] ^= 4
            (tmp_path / "bad.zip").write_bytes(data)
            code, told = _loading(tmp_path / "bad.zip")
            assert (
                code == 1 and "bad.zip: the loader in it is damaged: copy the file again" in told[0]
            )


def test_a_file_made_by_another_python_runs_from_its_text(tmp_path):
    rl.export(rl.relu, (rl.ones(3),), tmp_path / "relu.zip")
    with zipfile.ZipFile(tmp_path / "relu.zip") as archive:
        files = {n: archive.read(n) for n in archive.namelist()}
    other = b"\0\0\r\n" + files["loader.bin"][4:]
    first = files["program.py"].replace(
        str(zlib.crc32(files["loader.bin"])).encode(), str(zlib.crc32(other)).encode()
    )
    told = json.loads(files["manifest.json"])
    told["files"]["program.py"] = [len(first), zlib.crc32(first)]
    del told["sum"]
    told["sum"] = zlib.crc32(json.dumps(told).encode())
    files |= {"loader.bin": other, "program.py": first, "manifest.json": json.dumps(told).encode()}
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        for name, body in files.items():
            archive.writestr(name, body)
    assert _loading(tmp_path / "other.zip") == (0, [])
