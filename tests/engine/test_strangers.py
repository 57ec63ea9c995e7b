"""The strangers' programs of tests/compile, as native ones."""

import sys
from pathlib import Path

import pytest

pytest.importorskip("llvmlite")
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "compile"))
from strangers import programs, same


@pytest.mark.filterwarnings("ignore:rushlight.compile")
@pytest.mark.parametrize("program", programs())
def test_what_is_left_is_what_eager_mode_leaves(program):
    same(program)
