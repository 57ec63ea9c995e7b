"""Programs about modules return under Rushlight what they return under PyTorch.

What PyTorch returned is kept in `module_programs.json`; where PyTorch is installed, it is asked
again. `python tests/nn/test_module_parity.py` writes the file anew.
"""

import importlib
import json
from pathlib import Path

import container_programs
import module_programs
import pytest
import state_programs
from nn_programs import PROGRAMS

FILES = (module_programs, state_programs, container_programs)  # each adds to PROGRAMS
KEPT = Path(__file__).with_name("module_programs.json")


def _plain(value):
    """The value as JSON has it, with class paths as PyTorch has them."""
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, (bool, int, type(None))):
        return value
    if isinstance(value, float):
        return round(value, 5)
    return str(value).replace("rushlight.", "torch.")


def _agrees(mine, theirs):
    """Equal; an error has the same type and begins with PyTorch's text."""
    if isinstance(theirs, dict):
        return list(mine) == list(theirs) and all(_agrees(mine[k], theirs[k]) for k in theirs)
    if isinstance(theirs, list):
        if len(theirs) == 2 and str(theirs[0]).endswith("Error") and isinstance(theirs[1], str):
            return mine[0] == theirs[0] and str(mine[1]).startswith(theirs[1])
        return len(mine) == len(theirs) and all(map(_agrees, mine, theirs))
    return mine == theirs


def _compare(mine, theirs):
    if not _agrees(mine, theirs):
        assert mine == theirs  # shows the difference


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.__name__)
def test_program_returns_what_is_kept(program):
    mine = _plain(program(importlib.import_module("rushlight")))
    _compare(mine, json.loads(KEPT.read_text())[program.__name__])


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.__name__)
def test_what_is_kept_is_pytorchs(program):
    theirs = _plain(program(pytest.importorskip("torch")))
    assert theirs == json.loads(KEPT.read_text())[program.__name__]


if __name__ == "__main__":
    torch = importlib.import_module("torch")
    kept = {program.__name__: _plain(program(torch)) for program in PROGRAMS}
    KEPT.write_text(json.dumps(kept, indent=1) + "\n")
