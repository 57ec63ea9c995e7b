"""The hostile corpus: nothing is imported, called, written or started, and no file costs much."""

import json
import os
import pickle
import subprocess
import sys
from pathlib import Path

import hostile
import pytest

HERE = Path(__file__).parent
MOST_SECONDS, MOST_MEGABYTES = 4.0, 500
LARGE = 300_000
# All files take minutes; a share of the calls and mutations is run unless the whole is asked for.
STEP = 1 if os.environ.get("RUSHLIGHT_WHOLE_CORPUS") else 12


def chosen():
    """(name, bytes or {file: bytes}) of what is run this time."""
    for number, (name, data) in enumerate(hostile.corpus()):
        often = name.startswith(("call/", "mutated/"))
        if STEP == 1 or (len(data) < LARGE and (number % STEP == 0 or not often)):
            yield name, data
    for name, files in hostile.folders():
        yield f"folder/{name}", files


def run_child(folder, names):
    """The report of a process of its own over some of the files."""
    listed = folder / "names.json"
    listed.write_text(json.dumps(names), encoding="utf-8")
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(HERE.parent.parent), str(HERE)])}
    done = subprocess.run(
        [sys.executable, str(HERE / "inert_child.py"), str(folder), str(listed)],
        capture_output=True,
        text=True,
        env=env,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["files"] == len(names)
    found["peak"][0] -= found["start"]
    return found


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    folder = tmp_path_factory.mktemp("corpus")
    small, alone = [], []
    for number, (name, data) in enumerate(chosen()):
        if isinstance(data, bytes):
            (folder / str(number)).write_bytes(data)
            large = len(data) > LARGE or "bomb" in name.partition("/")[2]
            (alone if large and STEP == 1 else small).append([number, name])
            continue
        small.append([number, name])
        (folder / str(number)).mkdir()
        for file_name, inner in data.items():
            (folder / str(number) / file_name).write_bytes(inner)
    # What a large file takes is only seen in a process that has done nothing else.
    found = [run_child(folder, names) for names in (small, *([entry] for entry in alone))]
    total = {
        "files": sum(one["files"] for one in found),
        "events": [event for one in found for event in one["events"]],
        "crashes": [crash for one in found for crash in one["crashes"]],
        "left": any(one["left"] for one in found),
        "slowest": max(one["slowest"] for one in found),
        "peak": max(one["peak"] for one in found),
    }
    print(f"\n{total['files']} files; slowest {total['slowest']} s; peak {total['peak']} MB")
    return total


def test_no_file_makes_anything_run(report):
    assert report["events"] == []
    assert not report["left"]


def test_no_file_crashes_the_reader(report):
    assert report["crashes"] == []


def test_no_file_takes_much_time_or_memory(report):
    assert report["slowest"][0] < MOST_SECONDS, report["slowest"]
    assert report["peak"][0] < MOST_MEGABYTES, report["peak"]


def test_a_payload_that_pickle_would_run_is_named_by_the_refusal(tmp_path):
    from rushlight.serialization import load

    path = tmp_path / "evil.pt"
    for module, name, args in hostile.CALLS[:3]:
        for way, pickled in hostile.reach(module, name, args):
            path.write_bytes(hostile.zipped(pickled))
            with pytest.raises(pickle.UnpicklingError) as error:
                load(path)
            assert str(path) in str(error.value) or "GLOBAL" in str(error.value), way
