"""The writes through views of tests/compile/test_views_written.py, as native programs."""

import sys
from pathlib import Path

import pytest

pytest.importorskip("llvmlite")
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "compile"))
import test_views_written as written
from test_views_written import PROGRAMS, left

import rushlight as rl


@pytest.mark.parametrize("needs", (False, True), ids=("plain", "recorded"))
@pytest.mark.parametrize("f", PROGRAMS, ids=lambda f: f.__name__)
def test_a_write_reaches_all_names_of_its_memory(f, needs):
    assert left(rl.compile(f), needs) == left(f, needs)


def test_a_transposed_result_lies_as_eagerly():
    written.test_a_transposed_result_lies_as_eagerly_and_shares_memory_with_other_views()
