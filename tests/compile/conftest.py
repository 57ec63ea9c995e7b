"""Captured programs as lines of NumPy: their results are those of eager mode to the last bit.

The same programs as native ones are the business of tests/engine.
"""

import pytest

from rushlight._core.quicken import BENCH
from rushlight.optim import _update


@pytest.fixture(autouse=True)
def words_of_numpy(monkeypatch):
    monkeypatch.setenv("RUSHLIGHT_ENGINE", "0")
    # what earlier tests called often in this process is not made quicker now
    monkeypatch.setattr(BENCH, "open", False)
    monkeypatch.setattr(BENCH, "take", lambda wish: None)
    monkeypatch.setattr(_update, "_quick", {})
