"""Whole training runs as native programs, beside eager mode."""

import os
import sys

import numpy as np
import pytest

pytest.importorskip("llvmlite")
sys.path.insert(0, os.path.dirname(__file__))

from trainers import PROGRAMS, finite, losses

import rushlight as rl


@pytest.mark.parametrize("make", PROGRAMS, ids=lambda f: f.__name__)
def test_losses_of_twenty_steps_are_those_of_eager_mode(make):
    eager = losses(rl, make, lambda step: step)
    kept = []

    def compiled(step):
        kept.append(rl.compile(step))
        return kept[0]

    found = losses(rl, make, compiled)
    assert finite(eager) and eager[-1] != eager[0]
    np.testing.assert_allclose(found, eager, rtol=1e-5)
    assert kept[0].compiled.programs and not kept[0].compiled.eager, kept[0].explain()
