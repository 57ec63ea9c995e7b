"""Where the bytes of checkpoints come from: what may be opened and mapped, and given back when."""

import gc
import io
import json
import os
import pickle
import sys
import tracemalloc
import weakref

import hostile
import numpy as np
import pytest

import rushlight as torch
from rushlight._files.formats import open_checkpoint
from rushlight._files.source import Source
from rushlight.cli import main
from rushlight.serialization import (
    load,
    save,
)
from rushlight.serialization.loading import Placer


def test_pipes_devices_folders_and_empty_files_are_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ValueError, match="a pipe or device"):
        load(tmp_path / "pipe")
    with pytest.raises(ValueError, match="a pipe or device"):
        load("/dev/zero")
    with pytest.raises(pickle.UnpicklingError, match="a folder without"):
        load(tmp_path)
    (tmp_path / "empty").touch()
    with pytest.raises(EOFError, match="Ran out of input"):
        load(tmp_path / "empty")
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "nothing")
    with pytest.raises(pickle.UnpicklingError, match="not a checkpoint of a known format"):
        load(io.BytesIO(b"\xff\xfe hello"))


def test_objects_without_seek_are_explained():
    class Stream:
        def read(self, n=-1):
            return b""

    with pytest.raises(
        AttributeError, match=r"You can only torch\.load from a file that is seekable"
    ):
        load(Stream())
    with pytest.raises(ValueError, match="f must be a file path in order to use the mmap argument"):
        load(io.BytesIO(b"x"), mmap=True)


def test_a_file_that_shrinks_while_mapped_is_noticed(tmp_path):
    path = tmp_path / "a.pt"
    save({"x": torch.zeros(100_000)}, path)
    found = open_checkpoint(path, mapped=True)
    os.truncate(path, 1000)
    with pytest.raises(pickle.UnpicklingError, match="the file shrank"):
        found.root["x"].array()


def test_a_file_that_is_replaced_while_mapped_keeps_its_values(tmp_path):
    path = tmp_path / "a.pt"
    save(torch.ones(100_000), path)
    x = load(path, mmap=True)
    save(torch.zeros(100_000), path)
    assert float(x.sum()) == 100_000


def test_loading_one_tensor_of_a_mapped_file_touches_that_tensor_only(tmp_path):
    path = tmp_path / "a.pt"
    save({f"t{i}": torch.full((1000,), float(i)) for i in range(20)}, path)
    found = open_checkpoint(path, mapped=True)
    found.root["t3"].array()
    assert [key for key, storage in found.storages.items() if storage.loaded] == ["3"]


def test_a_mapped_file_that_shrinks_later_is_told_by_the_report(tmp_path):
    path = tmp_path / "a.pt"
    save({"x": torch.zeros(100_000)}, path)
    _, report = load(path, mmap=True, report=True)
    report.still()
    os.truncate(path, 1000)
    with pytest.raises(pickle.UnpicklingError, match="the file shrank to 1000 bytes"):
        report.still()


def test_load_fails_if_the_file_shrinks_while_it_runs(tmp_path, monkeypatch):
    path = tmp_path / "a.pt"
    save({"x": torch.zeros(100_000)}, path)
    shown = Placer.tensor

    def shrink(self, record):
        made = shown(self, record)
        os.truncate(path, 1000)
        return made

    monkeypatch.setattr(Placer, "tensor", shrink)
    with pytest.raises(pickle.UnpicklingError, match="the file shrank"):
        load(path, mmap=True)


@pytest.mark.parametrize("words", [["inspect", "--stats"], ["diff"], ["convert"]])
def test_commands_do_not_map_what_could_shrink_under_them(tmp_path, words, monkeypatch):
    path, other = str(tmp_path / "a.pt"), str(tmp_path / "b.pt")
    save({"x": torch.zeros(100_000)}, path)
    save({"x": torch.zeros(100_000)}, other)
    monkeypatch.setattr(Source, "_map", None)
    command, *options = words
    files = [path] if command == "inspect" else [path, other]
    assert main([command, *files, *options]) == 0


def test_arrays_of_an_npz_are_read_when_they_are_asked_for(tmp_path):
    path = tmp_path / "a.npz"
    np.savez(path, a=np.arange(6).reshape(2, 3).T, b=np.ones(3, ">f4"), c=np.zeros((0, 2)))
    found = open_checkpoint(path)
    assert not any(storage.loaded for storage in found.storages.values())
    assert found.root["a"].array().tolist() == [[0, 3], [1, 4], [2, 5]]
    assert found.root["b"].array().tolist() == [1, 1, 1]
    found.storages["a"].release()
    assert not found.storages["a"].loaded
    assert found.root["a"].array().tolist() == [[0, 3], [1, 4], [2, 5]]


@pytest.mark.parametrize("mmap", [False, True])
@pytest.mark.parametrize("name", ["a.pt", "a.npz", "a.safetensors"])
def test_memory_goes_with_the_last_tensor_not_with_the_next_collection(tmp_path, name, mmap):
    path, source = str(tmp_path / name), str(tmp_path / "source.pt")
    save({"x": torch.zeros(1000), "y": torch.zeros(10)}, source)
    assert main(["convert", source, path]) == 0
    gc.collect()
    gc.disable()
    try:
        state = load(path, mmap=mmap)
        owner = state["x"].array
        while isinstance(owner.base, np.ndarray):
            owner = owner.base
        gone = weakref.ref(owner)
        del state, owner
        assert gone() is None
    finally:
        gc.enable()


def test_a_refused_file_leaves_nothing_in_memory():
    data = hostile.zipped(b"\x80\x02N" + b"\x94" * 3_000_000 + b".")
    gc.collect()
    gc.disable()
    try:
        tracemalloc.start()
        with pytest.raises(pickle.UnpicklingError):
            load(io.BytesIO(data))
        assert tracemalloc.get_traced_memory()[0] < 1 << 20
    finally:
        tracemalloc.stop()
        gc.enable()


@pytest.mark.skipif(sys.platform != "linux", reason="counts on Linux' rules for mappings")
def test_a_file_larger_than_the_memory_can_be_mapped(tmp_path):
    path, nbytes = tmp_path / "a.safetensors", 1 << 42
    entry = {"dtype": "U8", "shape": [nbytes], "data_offsets": [0, nbytes]}
    head = hostile.headers(json.dumps({"a": entry}).encode())
    path.write_bytes(head)
    os.truncate(path, len(head) + nbytes)  # takes no room
    assert load(path, mmap=True)["a"][nbytes - 5 :].tolist() == [0] * 5
