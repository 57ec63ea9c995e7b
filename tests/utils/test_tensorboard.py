"""Event files, read back by a decoder of their own."""

import struct
import zlib

import numpy as np
import pytest

import rushlight as rl
from rushlight.utils.tensorboard import SummaryWriter
from rushlight.utils.tensorboard.event_file import crc32c, masked

KINDS = {1: ("<d", 8), 5: ("<f", 4)}


def varint(data, at):
    value = shift = 0
    while True:
        byte, at = data[at], at + 1
        value, shift = value | (byte & 0x7F) << shift, shift + 7
        if byte < 0x80:
            return value, at


def fields(data):
    """The fields of a message: number -> values."""
    found, at = {}, 0
    while at < len(data):
        key, at = varint(data, at)
        number, kind = key >> 3, key & 7
        if kind == 0:
            value, at = varint(data, at)
        elif kind == 2:
            size, at = varint(data, at)
            value, at = data[at : at + size], at + size
        else:
            form, size = KINDS[kind]
            (value,), at = struct.unpack(form, data[at : at + size]), at + size
        found.setdefault(number, []).append(value)
    return found


def events(folder):
    """All events of a folder's one file, their checksums checked."""
    (path,) = folder.glob("events.out.tfevents.*")
    data, at, found = path.read_bytes(), 0, []
    while at < len(data):
        (size,) = struct.unpack_from("<Q", data, at)
        assert struct.unpack_from("<I", data, at + 8)[0] == masked(crc32c(data[at : at + 8]))
        body = data[at + 12 : at + 12 + size]
        assert struct.unpack_from("<I", data, at + 12 + size)[0] == masked(crc32c(body))
        found.append(fields(body))
        at += size + 16
    return found


def value_of(event):
    return fields(fields(event[5][0])[1][0])


def doubles(data):
    return np.frombuffer(data, "<f8")


def test_the_checksum_is_castagnolis():
    assert crc32c(b"123456789") == 0xE3069283  # RFC 3720's own example
    assert crc32c(bytes(32)) == 0x8A9136AA


def test_scalars(tmp_path):
    with SummaryWriter(tmp_path) as writer:
        assert writer.get_logdir() == str(tmp_path)
        for step in (0, 1, 300):
            writer.add_scalar("loss/train", rl.tensor(0.5) * step, step, walltime=12.5)
    first, *rest = events(tmp_path)
    assert first[3] == [b"brain.Event:2"]
    assert [event.get(2, [0])[0] for event in rest] == [0, 1, 300]
    assert [value_of(event)[2][0] for event in rest] == [0.0, 0.5, 150.0]
    assert value_of(rest[0])[1] == [b"loss/train"] and rest[0][1] == [12.5]


def test_scalars_of_the_newer_style(tmp_path):
    with SummaryWriter(tmp_path) as writer:
        writer.add_scalar("a", 0.1, 1, new_style=True, double_precision=True)
    made = value_of(events(tmp_path)[1])
    tensor = fields(made[8][0])
    assert tensor[1] == [2] and doubles(tensor[6][0]).tolist() == [0.1]
    assert fields(fields(made[9][0])[1][0])[1] == [b"scalars"]


def test_curves_in_one_picture(tmp_path):
    with SummaryWriter(tmp_path) as writer:
        writer.add_scalars("run/loss", {"train": 1.0, "test": np.float32(2.0)}, 3)
    for name, number in (("train", 1.0), ("test", 2.0)):
        made = value_of(events(tmp_path / f"run_loss_{name}")[1])
        assert made[1] == [b"run/loss"] and made[2] == [number]


def test_histograms(tmp_path):
    values = rl.tensor([-1.0, 0.0, 0.5, 0.5, 2.0])
    with SummaryWriter(tmp_path) as writer:
        writer.add_histogram("w", values, 1)
        writer.add_histogram("w", values, 2, bins=4)
        writer.add_histogram("w", values, 3, bins=[0.0, 1.0, 3.0])
        with pytest.raises(ValueError, match="no element"):
            writer.add_histogram("w", rl.ones(0))
    _, usual, four, given = (
        fields(value_of(e)[5][0]) if 5 in e else None for e in events(tmp_path)
    )
    assert [usual[i][0] for i in range(1, 6)] == [-1.0, 2.0, 5.0, 2.0, 5.5]
    limits, counts = doubles(usual[6][0]), doubles(usual[7][0])
    assert len(limits) == len(counts) and counts.sum() == 5 and counts[0] == 0
    assert limits[0] <= -1.0 <= limits[1] and limits[-2] <= 2.0 < limits[-1]
    assert doubles(four[7][0]).tolist() == [0, 1, 1, 2, 1]
    assert doubles(four[6][0]).tolist() == [-1.0, -0.25, 0.5, 1.25, 2.0]
    assert doubles(given[7][0]).tolist() == [0, 3, 1]


def test_texts(tmp_path):
    with SummaryWriter(tmp_path) as writer:
        writer.add_text("notes", "größer *ist* besser", 7)
    made = value_of(events(tmp_path)[1])
    assert made[1] == [b"notes/text_summary"]
    assert fields(made[8][0])[8] == ["größer *ist* besser".encode()]
    assert fields(fields(made[9][0])[1][0])[1] == [b"text"]


def test_images(tmp_path):
    pixels = rl.arange(24).reshape(3, 2, 4).to(rl.uint8)
    with SummaryWriter(tmp_path) as writer:
        writer.add_image("i", pixels)
        writer.add_image("i", rl.ones(2, 4), dataformats="HW")
        with pytest.raises(AssertionError, match="input_format"):
            writer.add_image("i", rl.ones(2, 4))
    _, colored, grey = events(tmp_path)
    made = fields(value_of(colored)[4][0])
    assert (made[1], made[2], made[3]) == ([2], [4], [3])
    png = made[4][0]
    start = png.index(b"IDAT")
    (size,) = struct.unpack(">I", png[start - 4 : start])
    rows = np.frombuffer(zlib.decompress(png[start + 4 : start + 4 + size]), np.uint8).reshape(
        2, 13
    )
    assert rows[:, 1:].reshape(2, 4, 3).transpose(2, 0, 1).tolist() == pixels.tolist()
    assert fields(value_of(grey)[4][0])[3] == [1]


def test_flush_and_reopening(tmp_path):
    writer = SummaryWriter(tmp_path, flush_secs=1000, max_queue=1000)
    writer.add_scalar("a", 1.0)
    writer.flush()
    assert len(events(tmp_path)) == 2
    writer.close()
    writer.add_scalar("a", 2.0)
    writer.close()
    assert len(list(tmp_path.iterdir())) == 2


def test_a_full_queue_is_flushed(tmp_path):
    writer = SummaryWriter(tmp_path, flush_secs=1000, max_queue=2)
    for step in range(3):
        writer.add_scalar("a", step, step)
    assert len(events(tmp_path)) == 4
    writer.close()


def test_a_run_that_starts_again(tmp_path):
    SummaryWriter(tmp_path, purge_step=5, filename_suffix=".again").close()
    start = events(tmp_path)[1]
    assert start[2] == [5] and fields(start[7][0])[1] == [1]
    assert next(tmp_path.iterdir()).name.endswith(".again")


def test_a_vector_is_no_scalar(tmp_path):
    with (
        SummaryWriter(tmp_path) as writer,
        pytest.raises(AssertionError, match="scalar should be 0D"),
    ):
        writer.add_scalar("a", rl.ones(2))


def test_the_default_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    SummaryWriter(comment="_first").close()
    (folder,) = (tmp_path / "runs").iterdir()
    assert folder.name.endswith("_first")
