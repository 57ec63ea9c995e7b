"""The hostile corpus: nothing is imported, called, written or started, and no file costs much."""

import json
import os
import subprocess
import sys
from pathlib import Path

import hostile
import pytest

HERE = Path(__file__).parent
MOST_SECONDS, MOST_MEGABYTES = 4.0, 500
# All files take minutes; a share of the calls and mutations is run unless the whole is asked for.
STEP = 1 if os.environ.get("RUSHLIGHT_WHOLE_CORPUS") else 12


def chosen():
    """(name, bytes or {file: bytes}) of what is run this time."""
    for number, (name, data) in enumerate(hostile.corpus()):
        if STEP == 1 or number % STEP == 0 or not name.startswith(("call/", "mutated/")):
            if STEP == 1 or len(data) < 1_000_000:
                yield name, data
    for name, files in hostile.folders():
        yield f"folder/{name}", files


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    folder = tmp_path_factory.mktemp("corpus")
    names = []
    for number, (name, data) in enumerate(chosen()):
        names.append([number, name])
        if isinstance(data, bytes):
            (folder / str(number)).write_bytes(data)
        else:
            (folder / str(number)).mkdir()
            for file_name, inner in data.items():
                (folder / str(number) / file_name).write_bytes(inner)
    (folder / "names.json").write_text(json.dumps(names), encoding="utf-8")
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(HERE.parent.parent), str(HERE)])}
    done = subprocess.run(
        [sys.executable, str(HERE / "inert_child.py"), str(folder)],
        capture_output=True,
        text=True,
        env=env,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["files"] == len(names)
    print(
        f"\n{found['files']} files; slowest {found['slowest']}; peak {found['peak']} MB (start "
        f"{found['start']})"
    )
    return found


def test_no_file_makes_anything_run(report):
    assert report["events"] == []
    assert not report["left"]


def test_no_file_crashes_the_reader(report):
    assert report["crashes"] == []


def test_no_file_takes_much_time_or_memory(report):
    assert report["slowest"][0] < MOST_SECONDS, report["slowest"]
    assert report["peak"][0] - report["start"] < MOST_MEGABYTES, report["peak"]


def test_a_payload_that_pickle_would_run_is_named_by_the_refusal(tmp_path):
    from rushlight.serialization import load

    path = tmp_path / "evil.pt"
    for module, name, args in hostile.CALLS[:3]:
        for way, pickled in hostile.reach(module, name, args):
            path.write_bytes(hostile.zipped(pickled))
            with pytest.raises(
                Exception,
                match=f"{module}|malformed|cannot|announced|not a storage|takes|persistent id|twice",
            ) as error:
                load(path)
            assert str(path) in str(error.value) or "GLOBAL" in str(error.value), way
