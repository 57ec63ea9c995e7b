"""What a file may cost: memory and work follow its size, and bounds can be raised."""

import io
import pickle
import random
import tracemalloc

import hostile
import pytest
from runs import RUNS, runs

from rushlight._files.formats import open_checkpoint
from rushlight._files.opcodes import COSTS
from rushlight._files.records import Checkpoint, Opaque
from rushlight._files.unpickler import Unpickler
from rushlight._files.walk import tensors, walk
from rushlight.cli.inspect import describe
from rushlight.cli.scan import DAMAGED, look
from rushlight.cli.scan import RUNS as RUNS_CODE
from rushlight.serialization import Limits, load

SIZE = 60_000
ROOM = Limits(objects=SIZE * 4, growth=8)
ALL = dict(runs(SIZE))


def peak_of(action):
    """Bytes that an action has allocated at most; how it ended."""
    tracemalloc.start()
    try:
        action()
        return tracemalloc.get_traced_memory()[1], "done"
    except pickle.UnpicklingError as error:
        return tracemalloc.get_traced_memory()[1], str(error)
    finally:
        tracemalloc.stop()


@pytest.mark.filterwarnings("ignore:load")
@pytest.mark.parametrize("name", ALL)
def test_what_a_run_of_opcodes_allocates_follows_the_file(name):
    data, most = ALL[name], ROOM.objects + ROOM.growth * SIZE
    for share in (1, 0.8, 0.5, 0.25, 0.1):  # the largest part that is let in costs most afterwards
        before, unit, behind = RUNS.get(name, (data, b"", b""))
        part = (
            data if share == 1 else before + unit * int(SIZE * share // max(len(unit), 1)) + behind
        )
        for action in (
            lambda: load(io.BytesIO(part), opaque=True, limits=ROOM),
            lambda: describe(open_checkpoint(io.BytesIO(part), limits=ROOM)),
        ):
            took, _ = peak_of(action)
            assert took < 1.25 * most + 100_000, (share, took, most)


def test_every_opcode_costs_something():
    """A file of opcodes that cost nothing would take as long as it likes."""
    assert min(COSTS) >= 28


def test_the_bound_can_be_raised():
    data = b"\x80\x04(" + b"]" * 10_000 + b"t."
    with pytest.raises(pickle.UnpicklingError, match=r"Limits\(objects="):
        load(io.BytesIO(data), limits=Limits(objects=1000))
    assert len(load(io.BytesIO(data), limits=Limits(objects=10_000_000))) == 10_000
    assert len(load(io.BytesIO(data), limits=Limits(objects=0, growth=200))) == 10_000


def test_pickles_of_one_file_share_one_bound(tmp_path):
    """Each of many small pickles had the whole bound for itself."""
    notes = Checkpoint(None, "", "x")
    data = b"\x80\x04]." * 1000
    limits, at = Limits(objects=100_000, growth=1), 0
    with pytest.raises(pickle.UnpicklingError, match="more memory than allowed"):
        while at < len(data):
            reader = Unpickler(data, limits=limits, start=at, notes=notes)
            reader.load()
            at = reader.pos
    assert 0 < at < len(data)


def test_scan_says_that_it_did_not_see_the_end(tmp_path, monkeypatch):
    """What comes behind the bound is not called harmless."""
    monkeypatch.setattr(Limits.__init__, "__defaults__", (100_000, 1, 1000, 100, 1 << 26, 10**8))
    path = tmp_path / "a.pkl"
    path.write_bytes(b"N." * 1000 + b"cos\nsystem\n(S'id'\ntR.")
    finding = look(str(path))
    assert finding.verdict == DAMAGED and "more memory than allowed" in finding.problems[0]
    evil = b"cos\nsystem\n(S'id'\ntR."
    path.write_bytes(hostile.raw_zip([("a/0.pkl", b"]" * 5000), ("a/1.pkl", evil)]))
    assert look(str(path)).verdict in (DAMAGED, RUNS_CODE)


@pytest.mark.filterwarnings("ignore:load")
def test_pickles_within_joblib_share_the_bound():
    wrapper = (
        b"cjoblib.numpy_pickle\nNumpyArrayWrapper\n)\x81}X\5\0\0\0dtypecnumpy\ndtype\n"
        b"X\2\0\0\0O8\x89\x88\x87RsX\5\0\0\0shape)sb"
    )
    data = b"\x80\x04(" + (wrapper + b"\x80\x04(" + b"]" * 100 + b"t.") * 200 + b"t."
    assert len(load(io.BytesIO(data), opaque=True)) == 200
    with pytest.raises(pickle.UnpicklingError, match="more memory than allowed"):
        load(io.BytesIO(data), opaque=True, limits=Limits(objects=1_000_000, growth=1))


def test_looking_at_many_leaves_makes_no_list_of_them():
    flat = tuple(range(200_000))
    took, _ = peak_of(lambda: tensors({"a": flat, "b": [flat, ()]}))
    assert took < 100_000
    took, _ = peak_of(lambda: sum(1 for _ in walk(flat)))
    assert took < 100_000


def test_walk_lists_every_empty_container_and_each_full_one_once():
    empty, full = (), [1]
    found = [
        (tuple(path), value) for path, value in walk({"a": empty, "b": empty, "c": [full, full]})
    ]
    assert found == [(("a",), ()), (("b",), ()), (("c", 0, 0), 1)]
    assert [tuple(path) for path, _ in walk(Opaque("x", (1, ()), {"s": {}}))] == [
        (), ("s",), ("args", 0), ("args", 1),
    ]  # fmt: skip


def test_the_memo_is_that_of_pickle():
    """PUT, BINPUT, LONG_BINPUT and MEMOIZE in any order, with places left free."""
    draw = random.Random(3)
    for _ in range(300):
        data, known = b"\x80\x04(", set()
        for number in range(draw.randrange(1, 12)):
            data += b"K" + bytes([number])
            way, place = draw.randrange(4), draw.randrange(8)
            if way == 3:
                place = len(known)
            data += (b"p%d\n" % place, b"q%c" % place, b"r%c\0\0\0" % place, b"\x94")[way]
            known.add(place)
            again = draw.choice(sorted(known))
            data += draw.choice((b"h%c" % again, b"g%d\n" % again, b"j%c\0\0\0" % again))
        assert Unpickler(data + b"t.").load() == pickle.loads(data + b"t.")
    for data in (b"N\x94h\1.", b"Nq\5h\4.", b"Nq\0g-1\n.", b"Np-1\n."):
        with pytest.raises(pickle.UnpicklingError, match=r"memo -?\d was never stored|negative"):
            Unpickler(data).load()


def _deep(inner):
    """A tensor by many names, each of which lies a thousand long names deep."""
    key = b"X\xc8\0\0\0" + b"k" * 200
    return b"\x80\2" + (b"}" + key) * 900 + b"](" + inner + b"e" + b"s" * 900 + b"."


def test_names_that_fill_the_memory_are_refused():
    names = b"".join(hostile.tensor() for _ in range(500))
    found = open_checkpoint(io.BytesIO(hostile.zipped(_deep(names), {"0": bytes(16)})))
    with pytest.raises(ValueError, match="names of its tensors take more than"):
        tensors(found.root)
    assert len(tensors(open_checkpoint(io.BytesIO(
        hostile.zipped(_deep(hostile.tensor()), {"0": bytes(16)}))).root)) == 1  # fmt: skip


def test_two_tensors_of_one_dotted_name_both_come():
    data = b"\x80\2}(X\3\0\0\0a.b" + hostile.tensor() + b"X\1\0\0\0a}X\1\0\0\0b"
    data += hostile.tensor(size=(1,), stride=(1,)) + b"su."
    found = tensors(open_checkpoint(io.BytesIO(hostile.zipped(data, {"0": bytes(16)}))).root)
    assert {name: record.shape for name, record in found.items()} == {
        "a.b": (2, 2), "a.b (1)": (1,),
    }  # fmt: skip
