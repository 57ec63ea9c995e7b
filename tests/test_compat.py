"""The name `torch`, and what `rushlight run` does with scripts, errors and exit statuses."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def python(*words, cwd=None, **environment):
    env = os.environ | {"PYTHONPATH": str(ROOT), "RUSHLIGHT_VIRTUAL_CUDA": "0"} | environment
    return subprocess.run(
        [sys.executable, *words], cwd=cwd, env=env, capture_output=True, encoding="utf-8"
    )


def aliased(code):
    """Runs code after install_as_torch(); gives what it printed."""
    first = "from rushlight.compat import install_as_torch\ninstall_as_torch()\n"
    done = python("-c", first + textwrap.dedent(code))
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def script(tmp_path):
    def write(code, name="program.py"):
        path = tmp_path / name
        path.write_text(textwrap.dedent(code), "utf-8")
        return str(path)

    return write


def run(*words, **kwargs):
    return python("-m", "rushlight", "run", *words, **kwargs)


def test_torch_and_its_submodules_are_rushlights_own():
    shown = aliased(
        """
        import sys
        import torch, rushlight
        import torch.nn.functional as F
        import torch.optim.lr_scheduler
        from torch import nn, optim
        from torch.nn import Linear, init
        from torch.nn.parameter import Parameter
        from torch.utils.data import DataLoader
        from torch.nn.utils.rnn import pad_sequence
        assert torch is rushlight and sys.modules["torch"] is rushlight
        assert F is rushlight.nn.functional is torch.nn.functional
        assert sys.modules["torch.utils.data"] is sys.modules["rushlight.utils.data"]
        assert Parameter is nn.Parameter and DataLoader is torch.utils.data.DataLoader
        assert rushlight.nn.__spec__.name == "rushlight.nn"
        print(torch.nn.Linear(1, 1))
        """
    )
    assert shown == "Linear(in_features=1, out_features=1, bias=True)\n"


def test_submodules_need_no_import_of_their_own():
    aliased(
        """
        import torch
        for path in ("linalg.norm", "fft.fft", "special.erf", "func.vmap", "utils.data.Dataset",
                     "optim.lr_scheduler.StepLR", "nn.utils.rnn.pack_padded_sequence",
                     "autograd.Function", "cuda.is_available", "backends.cudnn.benchmark",
                     "utils.checkpoint.checkpoint", "testing.assert_close", "amp.autocast"):
            thing = torch
            for part in path.split("."):
                thing = getattr(thing, part)
        """
    )


def test_version_is_pytorchs_and_says_whose_it_is():
    shown = aliased(
        """
        import torch
        from torch.version import __version__
        assert __version__ == torch.__version__
        assert torch.__version__ >= "2.0" and torch.__version__ >= (1, 13)
        assert not torch.__version__ < "2.9" and torch.__version__ == "2.13.0"
        assert int(torch.__version__.split(".")[0]) == 2 and torch.version.cuda is None
        print(torch.__version__)
        """
    )
    assert shown.startswith("2.13.0+rushlight.")


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("import torch.jit", "No module named 'torch.jit'. Rushlight has no torch.jit."),
        ("from torch import jit", "Rushlight has no torch.jit."),
        ("from torch import zeroes", "torch.zeros"),
        ("import torch.nn.functionals", "torch.nn.functional"),
        ("from torch.nn import Liner", "torch.nn.Linear"),
        ("import torch; torch.zeroes(2)", "the nearest name there is torch.zeros"),
        ("import torch; torch.cross_entropy", "there is torch.nn.functional.cross_entropy"),
        ("import torch; torch.nn.functional.rellu", "torch.nn.functional.relu"),
        ("import torch; torch.optim.Adem", "torch.optim.Adam"),
        ("import torch; torch.jit.script", "Rushlight has no torch.jit."),
    ],
)
def test_missing_name_points_to_the_nearest(code, told):
    done = python("-c", f"import rushlight.compat as c; c.install_as_torch()\n{code}")
    assert done.returncode == 1
    assert told in done.stderr.splitlines()[-1]


def test_missing_name_is_an_ordinary_missing_attribute():
    aliased(
        """
        import torch
        assert not hasattr(torch, "jit") and not hasattr(torch.nn, "Liner")
        assert getattr(torch, "_dynamo", None) is None
        try:
            import torch.jit
        except ImportError as error:
            assert error.name == "torch.jit"
        try:
            from torch import jit
        except ImportError:
            pass
        """
    )


def test_install_refuses_beside_pytorch():
    pytest.importorskip("torch")
    done = python("-W", "ignore", "-c", "import torch, rushlight.compat as c; c.install_as_torch()")
    assert done.returncode == 1
    assert "PyTorch is already imported in this process" in done.stderr


def test_script_sees_what_it_sees_under_python(script, tmp_path):
    path = script(
        """
        import sys, __main__, helper, torch
        assert __name__ == "__main__" and __main__.torch is torch
        print(sys.argv[1:], sys.path[0], __file__, helper.value, torch.ones(1))
        """
    )
    script("value = 3", "helper.py")
    done = run(path, "--epochs", "3", "-m", "--help")
    assert done.returncode == 0, done.stderr
    assert done.stdout == (f"['--epochs', '3', '-m', '--help'] {tmp_path} {path} 3 tensor([1.])\n")


@pytest.mark.parametrize(
    ("code", "status"),
    [("", 0), ("raise SystemExit(7)", 7), ("1 / 0", 1), ("import sys; sys.exit('no')", 1)],
)
def test_exit_status_and_traceback_are_pythons(script, code, status):
    path = script(f"def f():\n    {code or 'pass'}\nf()\n")
    ours, pythons = run(path), python(path)
    assert ours.returncode == pythons.returncode == status
    assert ours.stderr == pythons.stderr


def test_syntax_error_is_shown_as_python_shows_it(script):
    path = script("x = = 1\n")
    ours, pythons = run(path), python(path)
    assert ours.returncode == pythons.returncode == 1
    assert ours.stderr == pythons.stderr


def test_missing_script_is_a_plain_message():
    done = run("nothing_here.py")
    assert done.returncode == 2
    assert "can't open file" in done.stderr and "Traceback" not in done.stderr


def test_module_form(script, tmp_path):
    script("import sys, torch; print(__name__, sys.argv[1:], torch.zeros(1))", "prog.py")
    done = run("-m", "prog", "-x", cwd=tmp_path)
    assert done.stdout == "__main__ ['-x'] tensor([0.])\n", done.stderr


def test_mistyped_command_lists_the_commands():
    done = python("-m", "rushlight", "rum")
    assert done.returncode == 2
    assert "run" in done.stderr and "devices" in done.stderr


def test_help_names_every_command():
    done = python("-m", "rushlight", "--help")
    assert done.returncode == 0
    for command in ("run", "inspect", "convert", "diff", "scan", "devices"):
        assert f"\n  {command} " in done.stdout
        assert python("-m", "rushlight", command, "--help").returncode == 0


def test_devices_lists_virtual_gpus_and_says_how_to_get_them():
    assert (
        "RUSHLIGHT_VIRTUAL_CUDA=2 rushlight devices" in python("-m", "rushlight", "devices").stdout
    )
    shown = python("-m", "rushlight", "devices", RUSHLIGHT_VIRTUAL_CUDA="2").stdout
    assert "cuda:1  Rushlight virtual GPU 1 (host memory)" in shown
