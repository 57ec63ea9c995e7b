"""The five lessons of the course print what PyTorch 2.13 prints, line by line.

`expected/` holds PyTorch's output (`python tests/course/test_lessons.py` records it anew, where
PyTorch is installed); the lesson on virtual GPUs has no PyTorch to ask and was read by hand.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
LESSONS = sorted(path.stem for path in (ROOT / "examples/course").glob("lesson*.py"))
GPU = "lesson5_gpu"


def run(lesson, *, framework="rushlight", virtual=0):
    """The lesson's output, from a process of its own."""
    script = str(ROOT / f"examples/course/{lesson}.py")
    before = ["-m", "rushlight", "run"] if framework == "rushlight" else []
    env = os.environ | {
        "PYTHONPATH": str(ROOT),
        "PYTHONIOENCODING": "utf-8",
        "PYTHONWARNINGS": "default" if framework == "rushlight" else "ignore",
        "RUSHLIGHT_VIRTUAL_CUDA": str(virtual),
        "CUDA_VISIBLE_DEVICES": "",
        "OMP_NUM_THREADS": "1",
    }
    done = subprocess.run(
        [sys.executable, *before, script], env=env, capture_output=True, encoding="utf-8"
    )
    assert done.returncode == 0, done.stderr
    return done.stdout, done.stderr


def expected(name):
    return (HERE / f"expected/{name}.txt").read_text("utf-8")


def test_there_are_five_lessons():
    assert [name[:7] for name in LESSONS] == [f"lesson{n}" for n in range(1, 6)]


@pytest.mark.parametrize("lesson", LESSONS)
def test_lesson_prints_what_pytorch_prints(lesson):
    shown, _ = run(lesson)
    assert shown.splitlines() == expected(lesson).splitlines()


def test_gpu_lesson_on_virtual_gpus():
    shown, _ = run(GPU, virtual=2)
    assert shown.splitlines() == expected(f"{GPU}_virtual").splitlines()
    assert "virtual" in shown


def test_plain_list_of_layers_warns_and_behaves_as_pytorch():
    shown, warned = run("lesson1_models")
    assert "plain list: 0 parameters" in shown
    assert "linears" in warned and "nn.ModuleList(" in warned


@pytest.mark.parametrize("lesson", LESSONS)
def test_expectation_is_pytorchs(lesson):
    torch = pytest.importorskip("torch")
    if not torch.__version__.startswith("2.13"):
        pytest.skip("recorded from PyTorch 2.13")
    shown, _ = run(lesson, framework="torch")
    assert shown.splitlines() == expected(lesson).splitlines()


if __name__ == "__main__":
    for name in LESSONS:
        text, _ = run(name, framework="torch")
        (HERE / f"expected/{name}.txt").write_text(text, "utf-8")
