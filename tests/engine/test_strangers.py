"""The strangers' programs of tests/compile, as native ones."""

import importlib
import sys
from pathlib import Path

import pytest

pytest.importorskip("llvmlite")
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "compile"))
from strangers import same

KINDS = ("numbers", "training", "state", "results")
PROGRAMS = [p for kind in KINDS for p in importlib.import_module(f"test_strangers_{kind}").P]


@pytest.mark.filterwarnings("ignore:rushlight.compile")
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda f: f.__name__)
def test_what_is_left_is_what_eager_mode_leaves(program):
    same(program)
