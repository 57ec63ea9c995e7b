"""safetensors, shards, distributed folders and NumPy's files: read and written, told by content."""

import contextlib
import io
import json
import pickle
import tracemalloc

import hostile
import numpy as np
import pytest

import rushlight as torch
from rushlight._files import arrays, safetensors_writer
from rushlight._files.formats import open_checkpoint
from rushlight._files.values import cast, decode
from rushlight._files.walk import tensors, ties
from rushlight.cli import convert, main
from rushlight.serialization import Describer, Limits, load, save


def records(named):
    describer = Describer()
    return {name: describer.record(value) for name, value in named.items()}


def written(writer, named, *more):
    buffer = io.BytesIO()
    writer(buffer.write, records(named), *more)
    return buffer.getvalue()


NAMED = {
    "a": torch.arange(6.0).reshape(2, 3),
    "t": torch.arange(6.0).reshape(2, 3).t(),
    "h": torch.ones(3, dtype=torch.bfloat16),
    "n": torch.tensor(5),
    "e": torch.empty(0, 2),
    "b": torch.tensor([True, False]),
}


def test_safetensors_come_back_with_metadata():
    data = written(safetensors_writer.write, NAMED, {"format": "pt", "note": "\u4f60"})
    made, report = load(io.BytesIO(data), report=True)
    assert report.metadata == {"format": "pt", "note": "\u4f60"} and report.kind == "safetensors"
    for name, value in NAMED.items():
        assert torch.equal(made[name], value) and made[name].dtype is value.dtype


def test_safetensors_agree_with_the_package(tmp_path):
    package = pytest.importorskip("safetensors.torch")
    theirs = pytest.importorskip("torch")
    kinds = [
        "float64", "float32", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8",
        "uint16", "uint32", "uint64", "bool", "complex64",
    ]  # fmt: skip
    named = {k: (theirs.arange(6) % 2).to(getattr(theirs, k)).reshape(2, 3) for k in kinds}
    named["f8"] = theirs.arange(4.0).to(theirs.float8_e5m2)
    path = tmp_path / "a.safetensors"
    package.save_file(named, path, {"who": "them"})
    found = open_checkpoint(path)
    again = tmp_path / "b.bin"
    with open(again, "wb") as file:
        safetensors_writer.write(file.write, found.root, found.metadata)
    assert again.read_bytes() == path.read_bytes()  # even the order is the package's
    with pytest.warns(UserWarning, match="float8_e5m2"):
        made = load(path)
    for name in kinds:
        assert np.ascontiguousarray(made[name].array).tobytes() == bytes(
            named[name].contiguous().view(-1).view(theirs.uint8).numpy()
        )
    back = package.load_file(again)
    assert all(
        theirs.equal(back[k].view(-1).view(theirs.uint8), named[k].view(-1).view(theirs.uint8))
        for k in named
    )


def test_a_dtype_that_safetensors_lacks_is_refused():
    with pytest.raises(TypeError, match="no way to write 'x': complex128"):
        written(safetensors_writer.write, {"x": torch.ones(2, dtype=torch.complex128)})


def test_an_npz_of_nothing_is_read(tmp_path):
    (tmp_path / "x.npz").write_bytes(written(arrays.write, {}))
    np.savez(tmp_path / "y.npz")
    assert load(tmp_path / "x.npz") == load(tmp_path / "y.npz") == {}
    (tmp_path / "x.npz").rename(tmp_path / "x.pt")
    with pytest.raises(pickle.UnpicklingError, match="pkl"):
        load(tmp_path / "x.pt")


def test_npz_both_ways(tmp_path):
    data = written(arrays.write, NAMED)
    with np.load(io.BytesIO(data)) as found:
        assert set(found) == set(NAMED) and np.array_equal(found["t"], NAMED["t"].numpy())
        assert found["h"].dtype == np.float32
    path = tmp_path / "x.npz"
    np.savez_compressed(
        path, a=np.arange(3), f=np.asfortranarray(np.ones((2, 3))), be=np.arange(3, dtype=">i4")
    )
    made = load(path)
    assert (
        made["a"].tolist() == [0, 1, 2]
        and made["f"].stride() == (1, 2)
        and made["be"].tolist() == [0, 1, 2]
    )
    np.save(tmp_path / "y.npy", np.float32(2))
    assert float(load(tmp_path / "y.npy")) == 2.0


@pytest.mark.parametrize("ending", ["pt", "safetensors"])
def test_shards_are_written_and_read(tmp_path, ending):
    named = {f"layer{i}.w": torch.full((100,), float(i)) for i in range(10)}
    save(named, tmp_path / "whole.pt")
    target = tmp_path / f"m.{ending}"
    assert convert_file(tmp_path / "whole.pt", target, "--shard", "1000B") == 0
    index = tmp_path / f"m.{ending}.index.json"
    table = json.loads(index.read_text())
    assert table["metadata"]["total_size"] == 4000 and len(set(table["weight_map"].values())) == 5
    for way in (index, tmp_path):
        made = load(way)
        assert list(made) == list(named) and all(torch.equal(made[k], v) for k, v in named.items())


def convert_file(*words):
    import argparse

    parser = argparse.ArgumentParser()
    convert.register(parser.add_subparsers())
    return convert.main(parser.parse_args(["convert", *map(str, words)]))


def test_shards_of_a_hub_are_read(tmp_path):
    package = pytest.importorskip("safetensors.numpy")
    package.save_file({"a": np.ones(3, np.float32)}, tmp_path / "model-00001-of-00002.safetensors")
    package.save_file({"b": np.zeros(2)}, tmp_path / "model-00002-of-00002.safetensors")
    table = {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}
    index = {"metadata": {"total_size": 28}, "weight_map": table}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))
    assert {k: v.dtype for k, v in load(tmp_path, mmap=True).items()} == {
        "a": torch.float32,
        "b": torch.float64,
    }


def test_distributed_checkpoints_are_read(tmp_path):
    theirs = pytest.importorskip("torch")
    dcp = pytest.importorskip("torch.distributed.checkpoint")
    state = {
        "model": {"w": theirs.randn(4, 3), "b": theirs.ones(2, dtype=theirs.bfloat16)},
        "step": 5,
        "groups": [{"lr": 0.1, "betas": (0.9, 0.99)}],
    }
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dcp.save(state, checkpoint_id=str(tmp_path / "c"), no_dist=True)
    made = load(tmp_path / "c", opaque=True)
    assert made["step"] == 5 and made["groups"][0]["lr"] == 0.1
    assert np.array_equal(made["model"]["w"].numpy(), state["model"]["w"].numpy())
    assert made["model"]["b"].dtype is torch.bfloat16


def chunked_folder(folder, chunks, shape=(4, 2)):
    """A distributed checkpoint of one tensor in parts, written by hand."""
    here = "torch.distributed.checkpoint.metadata"

    def thing(name, state, home=here):
        return f"c{home}\n{name}\n".encode() + b")\x81" + state + b"b"

    def value(x):
        return pickle.dumps(x, 2)[2:-1]

    def size(x):
        return b"ctorch\nSize\n" + value((x,)) + b"R"

    def table(**entries):
        return b"}" + b"".join(value(k) + v + b"s" for k, v in entries.items())

    listed, places, data = b"]", b"}", b""
    for offsets, tensor in chunks:
        buffer = io.BytesIO()
        save(tensor, buffer)
        listed += (
            thing(
                "ChunkStorageMetadata",
                table(offsets=size(offsets), sizes=size(tuple(tensor.shape))),
            )
            + b"a"
        )
        index = thing("MetadataIndex", table(fqn=value("w"), offset=size(offsets), index=b"N"))
        place = {
            "relative_path": "__0_0.distcp",
            "offset": len(data),
            "length": len(buffer.getvalue()),
        }
        info = thing("_StorageInfo", value(place), "torch.distributed.checkpoint.filesystem")
        places += index + info + b"s"
        data += buffer.getvalue()
    properties = thing("TensorProperties", b"ctorch\nfloat32\n\x85")
    tensor = thing(
        "TensorStorageMetadata", table(properties=properties, size=size(shape), chunks=listed)
    )
    root = thing(
        "Metadata",
        table(
            state_dict_metadata=table(w=tensor),
            planner_data=table(w=value(("w",))),
            storage_data=places,
        ),
    )
    (folder / ".metadata").write_bytes(b"\x80\x02" + root + b".")
    (folder / "__0_0.distcp").write_bytes(data)


def test_chunks_of_a_distributed_tensor_are_put_together(tmp_path):
    whole = torch.arange(8.0).reshape(4, 2)
    chunked_folder(tmp_path, [((0, 0), whole[:1].clone()), ((1, 0), whole[1:].clone())])
    assert torch.equal(load(tmp_path, opaque=True)["w"], whole)


@pytest.mark.parametrize("offsets", [(3, 0), (0, 1), (2, 0)])
def test_chunks_that_do_not_fit_are_refused(tmp_path, offsets):
    whole = torch.arange(8.0).reshape(4, 2)
    chunked_folder(tmp_path, [((0, 0), whole[:1].clone()), (offsets, whole[2:].clone())])
    with pytest.raises(pickle.UnpicklingError, match="chunks of 'w' do not make up"):
        load(tmp_path, opaque=True)
    chunked_folder(tmp_path, [((0, 0), whole[:2].clone()), ((3, 0), whole[2:].clone())])
    with pytest.raises(pickle.UnpicklingError, match="reaches outside"):
        load(tmp_path, opaque=True)


def test_parts_of_a_folder_share_one_bound(tmp_path):
    """Each of many small files had the whole bound for itself."""
    few = Limits(objects=700_000, growth=0)  # the .metadata of 60 parts takes 580,000
    row = torch.arange(2.0).reshape(1, 2)
    for count, fits in ((5, True), (60, False)):
        folder = tmp_path / f"dcp{count}"
        folder.mkdir()
        parts = [((i, 0), row) for i in range(count)]
        chunked_folder(folder, parts, (count, 2))
        within(fits, lambda folder=folder: load(folder, opaque=True, limits=few))
    assert load(folder, opaque=True)["w"].shape == (60, 2)
    assert load(folder, opaque=True, limits=Limits(objects=0, growth=100))["w"].shape == (60, 2)
    names = {f"w{i}": f"{i}.pt" for i in range(60)}
    for name, file in names.items():
        save({name: row, "junk": [[] for _ in range(100)]}, tmp_path / file)
    index = tmp_path / "m.index.json"
    for count, fits in ((5, True), (60, False)):
        index.write_text(json.dumps({"weight_map": dict(list(names.items())[:count])}))
        within(fits, lambda: load(index, limits=few))
    assert len(load(index)) == 60 and len(load(index, limits=Limits(objects=0, growth=100))) == 60


def test_a_pickle_with_a_zip_behind_it_is_neither(tmp_path, capsys):
    """One program would read the first, another the second."""
    path, first = tmp_path / "a.pt", b"\x80\2N."
    inner = hostile.zipped(b"\x80\2cos\nsystem\n)R.")
    for between in (b"", b"some bytes"):
        path.write_bytes(first + between + inner)
        with pytest.raises(pickle.UnpicklingError, match=r"at byte 4: .* two formats in one file"):
            load(path)
        assert main(["scan", str(path)]) == 2 and "two formats" in capsys.readouterr().out
    path.write_bytes(pickle.dumps(inner) + b"behind")  # data, as good as any
    made, report = load(path, report=True)
    assert made == inner and report.metadata == {"bytes behind the pickle": 6}
    assert main(["scan", str(path)]) == 0 and main(["inspect", str(path)]) == 0
    assert "bytes behind the pickle: 6" in capsys.readouterr().out


def within(fits, action):
    """Whether an action stays within the bound of memory."""
    with (
        contextlib.nullcontext() if fits else pytest.raises(pickle.UnpicklingError, match="more m")
    ):
        action()


def test_lightning_and_omegaconf_parts_stay_records():
    state = pickle.dumps({"lr": 0.1}, 2)[2:-1]
    config = b"comegaconf.dictconfig\nDictConfig\n)\x81" + state + b"b"
    data = hostile.zipped(
        b"\x80\x02}(" + hostile._text("state_dict") + b"}" + hostile._text("w") + hostile.tensor()
        + b"s" + hostile._text("hyper_parameters") + config + b"u.",
        {"0": bytes(16)},
    )  # fmt: skip
    with pytest.warns(UserWarning, match=r"omegaconf\.dictconfig\.DictConfig"):
        made = load(io.BytesIO(data), opaque=True)
    assert made["state_dict"]["w"].shape == (2, 2) and made["hyper_parameters"].state == {"lr": 0.1}


def test_small_floats_decode_as_their_formats_say():
    theirs = pytest.importorskip("torch")
    for name in (
        "float8_e4m3fn",
        "float8_e5m2",
        "float8_e4m3fnuz",
        "float8_e5m2fnuz",
        "float8_e8m0fnu",
    ):
        every = theirs.arange(256, dtype=theirs.uint8).view(getattr(theirs, name))
        buffer = io.BytesIO()
        theirs.save(every, buffer)
        buffer.seek(0)
        found = decode(open_checkpoint(buffer).root)
        assert np.array_equal(found.astype(np.float32), every.float().numpy(), equal_nan=True), name


def test_casting_rounds_as_tensors_do():
    x = torch.tensor([1.00390625, 1.01171875, float("nan"), float("inf"), 1e-40, 3.0e38, -2.5])
    record = records({"x": x})["x"]
    for name in ("bfloat16", "float16", "float64"):
        assert (
            cast(record, name).array().tobytes()
            == np.asarray(x.to(getattr(torch, name)).array).tobytes()
        ), name
    with pytest.raises(ValueError, match="expected one of"):
        cast(record, "int8")


def test_ties_are_told_from_overlaps():
    x = torch.ones(4, 2)
    found = records({"a": x, "b": x, "c": x[1:], "d": torch.ones(2)})
    assert ties(found) == ([["a", "b"]], [["a", "b", "c"]])
    assert list(tensors({"m": [found["a"], {"k": found["d"]}]})) == ["m.0", "m.1.k"]


def test_a_name_does_not_decide_the_format(tmp_path):
    path = tmp_path / "model.safetensors"
    save([1, 2], path)
    assert load(path) == [1, 2]


def old_file(count=4, info=b"\x80\2}."):
    """A file of the older format with one float32 storage."""
    head = b"".join(pickle.dumps(x, 2) for x in (0x1950A86A20F9469CFC6C, 1001))
    pickled = b"\x80\2" + hostile.tensor(count=count, size=(count,), stride=(1,)) + b"."
    data = count.to_bytes(8, "little") + np.arange(count, dtype="<f4").tobytes()
    return head + info + pickled + pickle.dumps(["0"], 2) + data


def test_old_files_are_little_endian_wherever_they_were_written():
    info = pickle.dumps({"little_endian": False}, 2)
    assert load(io.BytesIO(old_file(info=info))).tolist() == [0, 1, 2, 3]


def test_looking_into_an_old_file_reads_its_pickles_only(tmp_path):
    (tmp_path / "old.pt").write_bytes(old_file(5 << 20))
    tracemalloc.start()
    found = open_checkpoint(tmp_path / "old.pt")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.root.shape == (5 << 20,) and peak < 4 << 20
    assert load(tmp_path / "old.pt")[-1] == (5 << 20) - 1


def test_old_files_of_protocol_1_are_told_by_their_magic():
    magic = 0x1950A86A20F9469CFC6C
    data = b"L%dL\n." % magic + old_file()[len(pickle.dumps(magic, 2)) :]
    assert load(io.BytesIO(data)).tolist() == [0, 1, 2, 3]


def test_half_bytes_of_safetensors_are_counted():
    header = b'{"x":{"dtype":"F4","shape":[2,4],"data_offsets":[0,4]}}'
    data = len(header).to_bytes(8, "little") + header + b"abcd"
    found = open_checkpoint(data)
    assert found.root["x"].dtype == "float4_e2m1fn_x2" and found.root["x"].shape == (2, 2)
    out = io.BytesIO()
    safetensors_writer.write(out.write, found.root)
    assert open_checkpoint(out.getvalue()).root["x"].array().tobytes() == b"abcd"
    odd = data.replace(b"[2,4]", b"[8,1]")
    with pytest.raises(pickle.UnpicklingError, match="whole bytes"):
        open_checkpoint(odd)


def test_distributed_folders_are_plain_data(tmp_path):
    chunked_folder(tmp_path, [((0, 0), torch.ones(4, 2))])
    assert load(tmp_path)["w"].shape == (4, 2)
    evil = (tmp_path / ".metadata").read_bytes()[:-1] + b"0cos\nsystem\n."
    (tmp_path / ".metadata").write_bytes(evil)
    with pytest.raises(pickle.UnpicklingError):
        load(tmp_path)


def test_a_frozen_torchscript_archive_has_its_tensors_among_the_constants():
    records = [
        ("a/data.pkl", b"\x80\2}."),
        ("a/constants.pkl", b"\x80\2K\5" + hostile.tensor() + b"\x86."),
        ("a/constants/0", np.arange(4, dtype="<f4").tobytes()),
    ]
    found = open_checkpoint(io.BytesIO(hostile.raw_zip(records)))
    assert found.kind == "torchscript" and list(found.root) == ["CONSTANTS.c1"]
    assert found.root["CONSTANTS.c1"].array().reshape(-1).tolist() == [0, 1, 2, 3]
