"""Saves that are killed, run out of room or cannot be flushed leave the old file or the new one."""

import contextlib
import errno
import os
import random
import resource
import signal
import subprocess
import threading

import pytest

import rushlight as torch
from rushlight._files import atomic
from rushlight.serialization import load, save

KILLS = int(os.environ.get("RUSHLIGHT_KILLS", "40"))
pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


def content(version):
    return {"version": version, "x": torch.full((300_000,), float(version)), "y": [version] * 50}


def whole(path):
    """The version that a file holds, after proving that every part of it is of that version."""
    made = load(path)
    version = made["version"]
    assert bool((made["x"] == version).all()) and made["y"] == [version] * 50
    return version


def kill_while_saving(path, version, seconds):
    """A child saves higher and higher versions until it is killed."""
    begun, told = os.pipe()
    child = os.fork()
    if child == 0:  # no cleanup, no exit handlers: the child only ever ends by a signal
        os.close(begun)
        while True:
            version += 1
            with contextlib.suppress(OSError):
                save(content(version), path)
            os.write(told, b".")
    os.close(told)
    os.read(begun, 1)  # the first save is done
    timer = threading.Event()
    timer.wait(seconds)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    os.close(begun)


def hunt(folder, kills, seed):
    path = folder / "model.pt"
    save(content(0), path)
    draw = random.Random(seed)
    version = 0
    for _ in range(kills):
        kill_while_saving(path, version, draw.random() * 0.03)
        found = whole(path)
        assert found >= version
        version = found
        for left in folder.glob("*.part"):
            left.unlink()
    return version


def test_a_killed_save_leaves_a_whole_file(tmp_path):
    assert hunt(tmp_path, KILLS, 1) > 0


@pytest.fixture
def small_disk(tmp_path):
    place = tmp_path / "disk"
    place.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(place)],
        capture_output=True,
        check=False,
    )
    if done.returncode:
        pytest.skip("cannot mount a small file system here")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_killed_save_on_a_nearly_full_disk_leaves_a_whole_file(small_disk):
    (small_disk / "ballast").write_bytes(bytes(400_000))
    hunt(small_disk, KILLS, 2)


def test_a_full_disk_leaves_the_old_file(small_disk):
    path = small_disk / "model.pt"
    save(content(1), path)
    (small_disk / "ballast").write_bytes(bytes(1_500_000))
    with pytest.raises(OSError, match="the old file is unchanged") as error:
        save(content(2), path)
    assert error.value.errno == errno.ENOSPC and whole(path) == 1
    assert sorted(p.name for p in small_disk.iterdir()) == ["ballast", "model.pt"]


def test_a_limit_on_file_sizes_leaves_the_old_file(tmp_path):
    path = tmp_path / "model.pt"
    save(content(1), path)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    old = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, before[1]))
    try:
        with pytest.raises(OSError, match="the old file is unchanged"):
            save(content(2), path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, old)
    assert whole(path) == 1 and os.listdir(tmp_path) == ["model.pt"]


def test_kills_with_a_failing_flush(tmp_path, monkeypatch):
    draw = random.Random(5)
    flush = atomic.flush

    def sometimes(fd):
        if draw.random() < 0.3:
            raise OSError(errno.EIO, "injected")
        flush(fd)

    monkeypatch.setattr(atomic, "flush", sometimes)
    monkeypatch.setattr(draw, "random", random.SystemRandom().random)  # children differ
    path = tmp_path / "model.pt"
    while not path.exists():
        with contextlib.suppress(OSError):
            save(content(0), path)
    version = 0
    for _ in range(KILLS // 4):
        kill_while_saving(path, version, draw.random() * 0.03)
        version = whole(path)
        for left in tmp_path.glob("*.part"):
            left.unlink()
