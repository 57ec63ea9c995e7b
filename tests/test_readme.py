"""What the README shows is true: its program runs, and both languages give the same commands."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
TEXTS = [(ROOT / name).read_text("utf-8") for name in ("README.md", "README.zh-CN.md")]


def blocks(text, language):
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def test_both_languages_show_the_same_code():
    for language in ("sh", "python"):
        assert blocks(TEXTS[0], language) == blocks(TEXTS[1], language) != []


def test_there_are_two_commands_of_one_line():
    commands = blocks(TEXTS[0], "sh")
    assert [command.count("\n") for command in commands] == [1, 1]
    assert "rushlight run examples/digits_cnn.py" in commands[0]
    assert "-m pytest" in commands[1]


@pytest.mark.parametrize("code", blocks(TEXTS[0], "python"))
def test_program_of_the_readme_runs(code):
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [
            sys.executable,
            "-W",
            "error",
            "-c",
            "import rushlight\nrushlight.manual_seed(0)\n" + code,
        ],
        env=env,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "tensor(True)\n"


def test_program_of_the_page_on_compiling_runs():
    (code,) = blocks((ROOT / "docs/compile.md").read_text("utf-8"), "python")
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    told, *_ = done.stdout.splitlines()
    assert told == "step: 3 traces" and "buffers: " in done.stdout and not done.stderr


def test_contributing_is_short_and_shows_a_real_operation():
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    assert text.count("\n") < 40
    source = (ROOT / "rushlight/_ops/elementary.py").read_text("utf-8")
    assert len(blocks(text, "python")) == 2
    for code in blocks(text, "python"):
        assert code in source


@pytest.mark.parametrize("text", TEXTS)
def test_files_that_the_readme_points_to_exist(text):
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", text):
        assert (ROOT / target).exists(), target
