"""Programs as strangers might write them leave compiled what they leave eagerly."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))
from strangers import programs, same


@pytest.mark.filterwarnings("ignore:rushlight.compile")
@pytest.mark.parametrize("program", programs())
def test_what_is_left_is_what_eager_mode_leaves(program):
    same(program)
