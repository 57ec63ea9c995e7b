"""save: the old file or the new one, whole; permissions, links, rotation, errors."""

import errno
import io
import os
import stat
import threading
import zipfile

import numpy as np
import pytest

import rushlight as torch
from rushlight._files import atomic
from rushlight._files.formats import open_checkpoint
from rushlight.serialization import load, save, set_crc32_options


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.pt"


def test_a_saved_object_comes_back(path):
    x = torch.arange(6.0).reshape(2, 3)
    save({"x": x, "t": x.t(), "n": [1, None, "a"]}, path)
    back = load(path)
    assert (
        torch.equal(back["t"], x.t())
        and back["t"].stride() == (1, 3)
        and back["n"] == [1, None, "a"]
    )
    back["x"][0, 1] = 9.0
    assert back["t"][1, 0] == 9.0
    assert os.listdir(path.parent) == ["model.pt"]


def test_file_objects(tmp_path):
    buffer = io.BytesIO(b"before")
    buffer.seek(6)
    save(torch.ones(3), buffer)
    buffer.seek(6)
    assert torch.equal(load(buffer), torch.ones(3))
    with open(tmp_path / "f", "w+b") as file:
        save([torch.zeros(2)], file)
        file.seek(0)
        assert torch.equal(load(file)[0], torch.zeros(2))


def test_a_pipe_takes_a_save(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    got = []
    reader = threading.Thread(target=lambda: got.append(pipe.read_bytes()))
    reader.start()
    save(torch.ones(4), pipe)
    reader.join()
    assert torch.equal(load(io.BytesIO(got[0])), torch.ones(4)) and stat.S_ISFIFO(
        os.stat(pipe).st_mode
    )


def test_permissions_and_links_stay(path):
    save(1, path)
    os.chmod(path, 0o640)
    link = path.parent / "link.pt"
    link.symlink_to(path.name)
    save(2, link)
    assert link.is_symlink() and load(path) == 2 and stat.S_IMODE(os.stat(path).st_mode) == 0o640


def test_a_new_file_obeys_the_umask(path):
    old = os.umask(0o027)
    try:
        save(1, path)
    finally:
        os.umask(old)
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o640


class Unpicklable:
    def __reduce__(self):
        raise ValueError("no")


def test_a_failed_save_leaves_the_old_file(path):
    save("old", path)
    with pytest.raises(ValueError, match="no"):
        save([torch.ones(3), Unpicklable()], path)
    assert load(path) == "old" and os.listdir(path.parent) == ["model.pt"]


@pytest.mark.parametrize("call", ["write", "fsync"])
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
def test_a_full_or_broken_disk_leaves_the_old_file_and_says_so(path, monkeypatch, call, code):
    save("old", path)

    def fail(*_):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(atomic.os, call, fail)
    with pytest.raises(OSError, match="the old file is unchanged") as error:
        save(torch.ones(100_000), path)
    monkeypatch.undo()
    assert error.value.errno == code and error.value.filename == str(path)
    assert load(path) == "old" and os.listdir(path.parent) == ["model.pt"]


def test_short_writes_are_continued(path, monkeypatch):
    whole = os.write
    monkeypatch.setattr(atomic.os, "write", lambda fd, data: whole(fd, data[:1000]))
    x = torch.arange(50_000.0)
    save(x, path)
    assert torch.equal(load(path), x)


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(RuntimeError, match=r"Parent directory .*nowhere does not exist"):
        save(1, tmp_path / "nowhere" / "a.pt")


def test_keep_rotates_older_versions(path):
    for version in range(5):
        save(version, path, keep=2)
    assert [load(path), load(f"{path}.1"), load(f"{path}.2")] == [4, 3, 2]
    assert sorted(os.listdir(path.parent)) == ["model.pt", "model.pt.1", "model.pt.2"]


def test_checksums_can_be_left_out(path):
    set_crc32_options(False)
    try:
        save(torch.ones(4), path)
    finally:
        set_crc32_options(True)
    assert torch.equal(load(path), torch.ones(4))
    assert zipfile.ZipFile(path).testzip() is not None
    save(torch.ones(4), path)
    assert zipfile.ZipFile(path).testzip() is None


def test_one_memory_as_two_dtypes_is_refused_as_in_pytorch(path):
    x = torch.zeros(4)
    with pytest.raises(
        RuntimeError, match="Cannot save multiple tensors or storages that view the same data"
    ):
        save([x, x.view(torch.int32)], path)


def test_wrong_targets_are_explained(path):
    with pytest.raises(
        AttributeError, match="expected 'f' to be string, path, or a file-like object"
    ):
        save(1, 5)
    with pytest.raises(ValueError, match="only the zip format is written"):
        save(1, path, _use_new_zipfile_serialization=False)


def test_large_files_write_64_bit_places(tmp_path):
    from rushlight._files.torchzip_writer import ZipWriter

    class Long(bytes):
        def __len__(self):
            return 5 << 30

    pieces = []
    writer = ZipWriter(pieces.append, "a", checksums=False)
    writer.record("big", Long(b"x"))
    writer.record("behind", b"yy")
    writer.finish()
    directory = b"".join(pieces[6:])
    assert (5 << 30).to_bytes(8, "little") in directory


def test_memory_that_numpy_owns_strangely_is_saved_right(path):
    base = np.arange(24.0).reshape(4, 6)
    odd = torch.from_numpy(base[:, ::2])
    column = torch.from_numpy(np.asfortranarray(base))
    save({"odd": odd, "column": column, "swapped": odd.t()}, path)
    back = load(path)
    assert (
        torch.equal(back["odd"], odd)
        and torch.equal(back["column"], column)
        and torch.equal(back["swapped"], odd.t())
    )


@pytest.mark.parametrize("cores", [1, 2, 8])
def test_checksums_are_right_whichever_thread_works_them_out(path, monkeypatch, cores):
    monkeypatch.setattr(os, "cpu_count", lambda: cores)
    x = [torch.full((count,), float(count)) for count in (700_000, 3, 90_000, 0, 400_000)] * 3
    save(x, path)
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
    assert all(torch.equal(a, b) for a, b in zip(load(path), x, strict=True))


def test_asking_for_too_much_room_leaves_the_length_alone(path):
    atomic.save_to(path, lambda put: put(b"abc"), 8 << 20)
    assert path.read_bytes() == b"abc"


def test_a_save_that_fails_rotates_nothing(path, monkeypatch):
    for number in range(3):
        save(number, path, keep=2)

    def full(fd):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(atomic, "flush", full)
    with pytest.raises(OSError, match="old file is unchanged"):
        save(3, path, keep=2)
    assert [load(f"{path}{end}") for end in ("", ".1", ".2")] == [2, 1, 0]


def test_strides_of_empty_tensors_are_those_of_pytorch(tmp_path):
    """NumPy gives them none, and PyTorch read the file's zeros as they stood."""
    base = torch.zeros(4, 3)
    save([torch.zeros(0, 3), torch.zeros(2, 0, 3), base[:0], base[:0].T], tmp_path / "a.pt")
    found = open_checkpoint(tmp_path / "a.pt").root
    assert [record.stride for record in found] == [(3, 1), (3, 3, 1), (3, 1), (1, 3)]
