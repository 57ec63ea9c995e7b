"""Captured programs as lines of NumPy: their results are those of eager mode to the last bit.

The same programs as native ones are the business of tests/engine.
"""

import pytest


@pytest.fixture(autouse=True)
def words_of_numpy(monkeypatch):
    monkeypatch.setenv("RUSHLIGHT_ENGINE", "0")
