"""What fuzzing has found and what was fixed stays fixed; the checks run on the corpus."""

import importlib.util
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
_spec = importlib.util.spec_from_file_location("fuzz_reader", HERE / "fuzz_reader.py")
fuzz = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(fuzz)
FOUND = sorted((HERE / "regressions").glob("*"))


@pytest.mark.parametrize("path", FOUND, ids=[path.name for path in FOUND])
@pytest.mark.parametrize("kind", fuzz.CHECKS)
def test_findings_stay_fixed(path, kind):
    fuzz.CHECKS[kind](path.read_bytes())


@pytest.mark.parametrize("kind", fuzz.CHECKS)
def test_checks_pass_on_seeds(kind, tmp_path):
    fuzz.seeds(tmp_path)
    for number, path in enumerate(sorted(tmp_path.iterdir())):
        if number % 10 == 0:
            fuzz.CHECKS[kind](path.read_bytes())
