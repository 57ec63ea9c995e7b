"""Shared by the tests of files: quiet progress bars, and the corpus on the import path."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(autouse=True)
def _no_progress_bar(monkeypatch):
    from rushlight._files.progress import Progress

    monkeypatch.setattr(Progress, "PATIENCE", float("inf"))
