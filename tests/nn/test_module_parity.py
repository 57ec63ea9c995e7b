"""Programs about modules give under Rushlight what they give under PyTorch."""

import pytest
from module_programs import PROGRAMS

import rushlight as rl

torch = pytest.importorskip("torch")


def _plain(value):
    """The value with class paths as PyTorch has them."""
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    if isinstance(value, str):
        return value.replace("rushlight.", "torch.")
    return value


def _agrees(mine, theirs):
    """Equal, or for a raised error of the same type, beginning with PyTorch's text."""
    if isinstance(theirs, list) and isinstance(mine, list) and len(mine) == len(theirs):
        if len(theirs) == 2 and str(theirs[0]).endswith("Error") and isinstance(theirs[1], str):
            return mine[0] == theirs[0] and str(mine[1]).startswith(theirs[1])
        return all(_agrees(a, b) for a, b in zip(mine, theirs, strict=True))
    return mine == theirs


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.__name__)
def test_program(program):
    mine, theirs = _plain(program(rl)), _plain(program(torch))
    if not _agrees(mine, theirs):
        assert mine == theirs
