"""What a compiled function tells: its lines wherever the package lies, its kernels and buffers."""

import subprocess
import sys
from pathlib import Path

import pytest

import rushlight as rl

HOME = Path(rl.__file__).parent.parent
SCRIPT = """
import sys
sys.path.insert(0, {place!r})
import rushlight as rl
f = rl.compile(lambda x: (x * 2).exp())
f(rl.ones(3))
print(f.explain())
"""


def test_the_users_line_is_named_where_the_package_is_reached_by_a_link(tmp_path):
    (tmp_path / "link").symlink_to(HOME, target_is_directory=True)
    script = tmp_path / "mine.py"
    script.write_text(SCRIPT.format(place=str(tmp_path / "link")))
    told = subprocess.run(
        [sys.executable, "-P", str(script)], capture_output=True, text=True, check=True
    ).stdout
    assert told.count(f"{script}:5") == 2


def test_a_users_file_may_begin_like_the_package(tmp_path):
    (tmp_path / "rushlight").symlink_to(HOME / "rushlight", target_is_directory=True)
    script = tmp_path / "rushlight_steps.py"
    script.write_text(SCRIPT.format(place=str(tmp_path)))
    told = subprocess.run(
        [sys.executable, "-P", str(script)], capture_output=True, text=True, check=True
    ).stdout
    assert told.count(f"{script}:5") == 2


def test_explain_lists_graph_buffers_and_reasons():
    w = rl.ones(8, 8)
    f = rl.compile(lambda x: rl.softmax((x @ w).relu() + 1, -1))
    f(rl.ones(4, 8))
    told = f.explain()
    assert "matmul(" in told and "NumPy, step by step; buffers: " in told
    with pytest.warns(UserWarning, match="item"):
        (g := rl.compile(lambda x: x.sum().item()))(rl.ones(2))
    assert "ran eagerly:\n  item() needs" in g.explain()


def test_explain_lists_kernels_and_their_memory(monkeypatch):
    pytest.importorskip("llvmlite")
    monkeypatch.setenv("RUSHLIGHT_ENGINE", "1")
    w = rl.ones(8, 8, requires_grad=True)
    f = rl.compile(lambda x: rl.softmax((x @ w).relu() + 1, -1))
    for _ in range(2):  # the second time from the disk, perhaps
        f(rl.ones(4, 8))
        told = f.explain()
        assert "[4, 8], the last 1 reduced: max subtract exp" in told
        assert told.count("kernels\n") == 2 and "share " in told  # forward and backward
        f.reset()
