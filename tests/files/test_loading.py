"""load: what is refused, what stays opaque, where tensors go, what never runs."""

import argparse
import io
import json
import pickle
import struct
import sys
import types
import warnings
from collections import defaultdict, namedtuple
from enum import Enum

import hostile
import numpy as np
import pytest

import rushlight as torch
from rushlight.serialization import (
    Limits,
    Opaque,
    add_safe_globals,
    clear_safe_globals,
    get_safe_globals,
    get_unsafe_globals_in_checkpoint,
    load,
    safe_globals,
    save,
)


def tensor(**change):
    return b"\x80\x02" + hostile.tensor(**change) + b"."


def four(data=bytes(16)):
    return {"0": data}


def from_bytes(data, **options):
    return load(io.BytesIO(data), **options)


def test_a_checkpoint_from_cuda_opens_on_the_cpu_with_one_notice():
    data = hostile.zipped(b"\x80\x02](" + hostile.tensor(location="cuda:3") * 3 + b"e.", four())
    with pytest.warns(UserWarning, match="saved on cuda:3 were loaded on the CPU") as caught:
        made = from_bytes(data)
    assert len(caught) == 1 and [str(t.device) for t in made] == ["cpu"] * 3
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert from_bytes(data, map_location="cpu")[0].device.type == "cpu"


def test_virtual_gpus_get_their_tensors(monkeypatch):
    monkeypatch.setenv("RUSHLIGHT_VIRTUAL_CUDA", "2")
    data = hostile.zipped(tensor(location="cuda:1"), four())
    assert str(from_bytes(data).device) == "cuda:1"
    assert str(from_bytes(data, map_location={"cuda:1": "cuda:0"}).device) == "cuda:0"
    assert (
        str(from_bytes(data, map_location=lambda storage, place: storage.cuda(0)).device)
        == "cuda:0"
    )
    buffer = io.BytesIO()
    save(from_bytes(data), buffer)
    assert b"cuda:1" in buffer.getvalue()


def test_big_endian_files_are_turned():
    data = hostile.raw_zip(
        [
            ("a/data.pkl", tensor()),
            ("a/byteorder", b"big"),
            ("a/data/0", struct.pack(">4f", 1, 2, 3, 4)),
        ]
    )
    assert from_bytes(data).tolist() == [[1, 2], [3, 4]]


def test_compressed_records_are_read():
    data = hostile.zipped(tensor(), four(struct.pack("<4f", 1, 2, 3, 4)), deflate=True)
    assert from_bytes(data).tolist() == [[1, 2], [3, 4]]


class Point(namedtuple("Point", "x y")):
    pass


class Colour(Enum):
    RED = 1


class Sloth:
    __slots__ = ("a",)


class Bag(dict):
    def __setitem__(self, key, value):
        raise AssertionError("code of a class ran")


class Reaper:
    def __del__(self):
        sys.modules[__name__].reaped = True


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(2, 2)
        self.point = Point(1, [2])
        self.colour = Colour.RED

    def __setstate__(self, state):
        raise AssertionError("code of a class ran")

    def forward(self, x):
        return self.layer(x)


def saved(obj):
    buffer = io.BytesIO()
    save(obj, buffer)
    return buffer.getvalue()


def test_whole_models_of_defined_classes_come_back_without_running_their_code():
    net = Net()
    made = from_bytes(saved(net), weights_only=False)
    assert (
        type(made) is Net
        and made.point == Point(1, [2])
        and made.colour is Colour.RED
        and made.training
    )
    x = torch.ones(1, 2)
    assert torch.equal(made(x), net(x))


def test_a_class_that_is_not_defined_is_named_with_the_line_to_write():
    data = saved(Net()).replace(b"Net\n", b"Nut\n")
    with pytest.raises(AttributeError, match=r"from .*test_loading import Nut"):
        from_bytes(data, weights_only=False)
    with pytest.raises(ModuleNotFoundError, match="No module named 'nowhere'"):
        from_bytes(hostile.zipped(b"\x80\x02cnowhere\nNet\n)\x81."), weights_only=False)
    with pytest.warns(UserWarning, match="stayed plain records"):
        made = from_bytes(data, weights_only=False, opaque=True)
    assert isinstance(made, Opaque) and type(made.state["_modules"]["layer"]) is torch.nn.Linear


def test_slots_and_subclasses_of_containers_are_filled_past_their_own_code():
    sloth = Sloth()
    sloth.a = [torch.ones(2)]
    made = from_bytes(saved(sloth), weights_only=False)
    assert type(made) is Sloth and torch.equal(made.a[0], torch.ones(2))
    bag = Bag()
    dict.__setitem__(bag, "k", 1)
    assert dict(from_bytes(saved(bag), weights_only=False)) == {"k": 1}


def test_a_class_with_a_destructor_is_not_made():
    with pytest.warns(UserWarning, match="has a __del__"):
        made = from_bytes(
            hostile.zipped(f"\x80\x02c{__name__}\nReaper\n)\x81.".encode("latin1")),
            weights_only=False,
        )
    assert isinstance(made, Opaque)
    del made
    assert not hasattr(sys.modules[__name__], "reaped")


@pytest.mark.parametrize(
    "name", ["tempfile\nTemporaryDirectory", "subprocess\nPopen", "threading\nThread"]
)
def test_classes_of_the_standard_library_are_not_made(name):
    import subprocess
    import tempfile
    import threading

    assert subprocess and tempfile and threading
    data = hostile.zipped(b"\x80\x02c" + name.encode() + b"\n)\x81.")
    with pytest.warns(UserWarning, match="plain record"):
        assert isinstance(from_bytes(data, weights_only=False), Opaque)


def test_functions_in_a_file_are_never_live():
    data = hostile.zipped(b"\x80\x02}X\x01\x00\x00\x00fcos\nsystem\ns.")
    with pytest.warns(UserWarning, match=r"os\.system"):
        made = from_bytes(data, weights_only=False)
    assert not callable(made["f"])


def test_a_module_whose_getattr_would_run_is_not_asked(monkeypatch):
    module = types.ModuleType("trap")
    module.__getattr__ = lambda name: pytest.fail("a module's __getattr__ ran")
    monkeypatch.setitem(sys.modules, "trap", module)
    with pytest.raises(AttributeError):
        from_bytes(hostile.zipped(b"\x80\x02ctrap\nThing\n)\x81."), weights_only=False)


def test_the_list_of_allowed_classes():
    clear_safe_globals()
    add_safe_globals([Point])
    assert get_safe_globals() == [Point]
    with safe_globals([(Colour, "old.place.Colour")]):
        assert Colour in get_safe_globals()
        data = hostile.zipped(b"\x80\x02cold.place\nColour\nK\x01\x85R.")
        assert from_bytes(data) is Colour.RED
        assert get_unsafe_globals_in_checkpoint(io.BytesIO(data)) == []
    assert get_safe_globals() == [Point]
    assert get_unsafe_globals_in_checkpoint(io.BytesIO(data)) == ["old.place.Colour"]
    clear_safe_globals()
    with pytest.raises(ValueError, match="Expected tuple of length 2"):
        add_safe_globals([(Point,)])


def test_environment_variables_force_the_mode(monkeypatch):
    data = saved(Sloth())
    monkeypatch.setenv("TORCH_FORCE_WEIGHTS_ONLY_LOAD", "1")
    with pytest.raises(pickle.UnpicklingError):
        from_bytes(data, weights_only=False)
    monkeypatch.delenv("TORCH_FORCE_WEIGHTS_ONLY_LOAD")
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")
    assert type(from_bytes(data)) is Sloth


def test_the_report_says_what_happened():
    with pytest.warns(UserWarning):
        made, report = from_bytes(hostile.zipped(b"\x80\x02cx\nY\n)R."), opaque=True, report=True)
    assert isinstance(made, Opaque) and list(report.opaque) == ["x.Y"] and report.kind == "torch"


def test_opaque_records_are_not_handed_on():
    with pytest.warns(UserWarning):
        made = from_bytes(
            hostile.zipped(b"\x80\x02cos\nsystem\nX\x01\x00\x00\x00x\x85R."), opaque=True
        )
    with pytest.raises(TypeError, match="cannot save Opaque"):
        saved(made)


def test_scripts_give_their_weights_by_name():
    data = hostile.raw_zip(
        [
            (
                "a/data.pkl",
                b"\x80\x02c__torch__\nNet\n)\x81}X\x05\x00\x00\x00innerc__torch__\nL\n)\x81}X\x01\x00\x00\x00w"
                + hostile.tensor()
                + b"sbsb.",
            ),
            ("a/constants.pkl", b"\x80\x02)."),
            ("a/data/0", bytes(16)),
        ]
    )
    with pytest.raises(
        RuntimeError, match="Cannot use ``weights_only=True`` with TorchScript archives"
    ):
        from_bytes(data)
    with pytest.warns(UserWarning, match="looks like a TorchScript archive"):
        made = from_bytes(data, weights_only=False)
    assert list(made) == ["inner.w"] and made["inner.w"].shape == (2, 2)


def test_limits_can_be_raised():
    data = hostile.zipped(
        tensor(count=1 << 22, size=(1 << 22,), stride=(1,)), {"0": bytes(1 << 24)}, deflate=True
    )
    tight = Limits(inflated=1 << 20, ratio=2)
    with pytest.raises(pickle.UnpicklingError, match=r"Limits\(ratio"):
        from_bytes(data, limits=tight)
    assert from_bytes(data).shape == (1 << 22,)
    many = hostile.zipped(b"\x80\x02(" + b"]" * 100_000 + b"t.")
    with pytest.raises(pickle.UnpicklingError, match=r"Limits\(objects"):
        from_bytes(many, limits=Limits(objects=1000, growth=1))


def test_a_failed_load_leaves_the_model_unchanged():
    net = torch.nn.Linear(2, 2)
    before = [p.detach().clone() for p in net.parameters()]
    data = bytearray(saved(net.state_dict()))
    data[data.index(b"PK\x06\x06")] ^= 1
    with pytest.raises(pickle.UnpicklingError):
        net.load_state_dict(from_bytes(bytes(data[:-30])))
    with pytest.raises(RuntimeError, match="Error"):
        net.load_state_dict({"weight": torch.zeros(2, 2), "bias": torch.zeros(3)})
    assert all(torch.equal(a, b) for a, b in zip(before, net.parameters(), strict=True))


def test_assigned_state_keeps_ties():
    data = saved({"a": (x := torch.ones(2, 2)), "b": x})
    net = torch.nn.ParameterDict(
        {"a": torch.nn.Parameter(torch.zeros(2, 2)), "b": torch.nn.Parameter(torch.zeros(2, 2))}
    )
    net.load_state_dict(from_bytes(data), assign=True)
    assert net["a"].data_ptr() == net["b"].data_ptr()


def test_numpy_arrays_of_objects_stay_records():
    pickled = dict(hostile.bombs())["ndarray-objects"]
    with pytest.warns(UserWarning):
        made = from_bytes(hostile.zipped(pickled), weights_only=False)
    assert isinstance(made, Opaque)


def test_python_2_strings_and_names():
    data = hostile.legacy(b"\x80\x02}U\x01\xe9c__builtin__\nset\n](K\x01e\x85Rs.")
    assert from_bytes(data, encoding="latin1") == {"\u00e9": {1}}
    assert from_bytes(data, encoding="bytes") == {b"\xe9": {1}}
    with pytest.raises(pickle.UnpicklingError, match="malformed opcode"):
        from_bytes(data)


def test_messages_name_file_record_and_offset(tmp_path):
    path = tmp_path / "bad.pt"
    path.write_bytes(hostile.zipped(tensor(offset=9), four()))
    with pytest.raises(
        pickle.UnpicklingError,
        match=r"bad\.pt, record data\.pkl.*offset 9 needs .* bytes of storage 0",
    ):
        load(path)


def test_every_good_file_of_the_corpus_loads():
    for name, data in hostile.good_files():
        made = from_bytes(data)
        values = made.values() if isinstance(made, dict) else [made]
        assert all(np.asarray(v).size for v in values if isinstance(v, torch.Tensor)), name


def test_assign_makes_one_parameter_of_entries_that_share_memory():
    net, plain = tied(), tied()
    with torch.device("meta"):
        empty = tied()
    state = from_bytes(saved(net.state_dict()))
    assert state["0.weight"].data_ptr() == state["1.weight"].data_ptr()
    for target in (plain, empty):
        target.load_state_dict(state, assign=True)
        assert target[0].weight is target[1].weight
        target(torch.tensor([1, 2])).sum().backward()
    net(torch.tensor([1, 2])).sum().backward()
    assert torch.equal(plain[0].weight.grad, net[0].weight.grad)
    apart = tied()
    apart.load_state_dict({name: value.clone() for name, value in state.items()}, assign=True)
    assert apart[0].weight is not apart[1].weight


def tied():
    net = torch.nn.Sequential(torch.nn.Embedding(5, 3), torch.nn.Linear(3, 5, bias=False))
    net[1].weight = net[0].weight
    return net


@pytest.mark.parametrize("function", ["relu", "gelu", "silu", "linear", "max_pool2d", "softmax"])
def test_functions_of_ours_come_back_as_themselves(function):
    function = getattr(torch.nn.functional, function)
    data = saved({"activation": function})
    assert from_bytes(data, weights_only=False)["activation"] is function
    with pytest.raises(pickle.UnpicklingError, match="Unsupported global"):
        from_bytes(data)


def test_a_name_of_torch_that_is_no_function_of_ours_stays_a_record():
    data = hostile.zipped(b"\x80\x02ctorch.nn.functional\n_verify_batch_size\n.")
    with pytest.warns(UserWarning, match="a name that is not called"):
        made = from_bytes(data, weights_only=False)
    assert repr(made) == "<name torch.nn.functional._verify_batch_size>"


OTHER_ORDER = "big" if sys.byteorder == "little" else "little"


@pytest.mark.parametrize("deflate", [False, True])
@pytest.mark.parametrize(
    ("dtype", "kind", "layout", "values"),
    [
        ("complex64", "ComplexFloatStorage", "4f", [1 + 2j, 3 + 4j]),
        ("complex128", "ComplexDoubleStorage", "4d", [1 + 2j, 3 + 4j]),
        ("uint16", "UntypedStorage", "2H", [1, 2]),
        ("uint64", "UntypedStorage", "2Q", [1, 2]),
    ],
)
def test_numbers_of_the_other_byte_order_are_turned_one_by_one(
    dtype, kind, layout, values, deflate
):
    width = struct.calcsize(layout)
    count = width if kind == "UntypedStorage" else 2
    numbers = [part for v in values for part in (v.real, v.imag)] if dtype[0] == "c" else values
    place = f"(X\7\0\0\0storagectorch\n{kind}\nX\1\0\0\0000X\3\0\0\0cpuK{chr(count)}tQ"
    window = f"{place}K\0K\2\x85K\1\x85\x89}}ctorch\n{dtype}\n"
    pickled = f"\x80\2ctorch._utils\n_rebuild_tensor_v3\n({window}tR."
    data = hostile.raw_zip(
        [
            ("a/data.pkl", pickled.encode("latin1")),
            ("a/byteorder", OTHER_ORDER.encode()),
            ("a/data/0", struct.pack((">" if OTHER_ORDER == "big" else "<") + layout, *numbers)),
        ],
        deflate=deflate,
    )
    assert from_bytes(data).tolist() == values


def test_python_2_names_of_built_ins_are_known():
    pickled = pickle.dumps(
        {"d": defaultdict(int, a=1), "s": defaultdict(str), "r": range(1, 7, 2)}, 2
    )
    made = from_bytes(hostile.zipped(pickled), weights_only=False)
    assert made["d"].default_factory is int and made["s"].default_factory is str
    assert made["r"] == range(1, 7, 2)


@pytest.mark.parametrize("here", [True, False])
def test_namespaces_come_back_whether_argparse_is_there_or_not(monkeypatch, here):
    given = {
        "a": argparse.Namespace(lr=0.1, inner=argparse.Namespace(shape=(1, [2]))),
        "s": types.SimpleNamespace(a=1),
    }
    given["a"].itself = given["a"]
    data = hostile.zipped(pickle.dumps(given, 2))
    if not here:
        monkeypatch.delitem(sys.modules, "argparse")
    made = from_bytes(data, weights_only=False)
    kind = argparse.Namespace if here else types.SimpleNamespace
    assert type(made["a"]) is kind and type(made["s"]) is types.SimpleNamespace
    assert made["a"].itself is made["a"] and made["a"].inner.shape == (1, [2])


@pytest.mark.parametrize(
    "call",
    [
        b"cbuiltins\nrange\nN\x85R",
        b"cbuiltins\nrange\nK\1K\2K\0\x87R",
        b"cdatetime\ndatetime\nC\x0a" + bytes(10) + b"\x85R",
        b"cdatetime\ntimedelta\n\x8a\x0b" + b"\1" * 11 + b"\x85R",
        b"cnumpy.core.numeric\n_frombuffer\n(C\0cnumpy\ndtype\nX\2\0\0\0f8\x85R"
        b"K\0\x8a\x08" + b"\x7f" * 8 + b"\x86X\1\0\0\0CtR",
        b"ctorch\ndevice\nX\3\0\0\0foo\x85R",
        b"ctorch._utils\n_rebuild_tensor_v3\n(NK\0))\x89Nctorch\nint93\ntR",
    ],
)
def test_calls_whose_arguments_mean_nothing_stay_opaque(call):
    data = hostile.zipped(b"\x80\2" + call + b".")
    with pytest.warns(UserWarning, match="plain record"):
        assert isinstance(from_bytes(data, opaque=True), Opaque)


def test_a_numpy_array_that_was_made_is_not_reported_as_opaque():
    data = hostile.zipped(pickle.dumps(np.arange(3), 2))
    made, report = from_bytes(data, opaque=True, report=True)
    assert made.tolist() == [0, 1, 2] and not report.opaque


@pytest.mark.parametrize("layout", ["csr", "csc", "bsr", "bsc"])
def test_compressed_sparse_tensors_stay_records_around_their_parts(layout):
    data = {str(i): bytes(16) for i in range(3)}
    parts = b"".join(hostile.tensor(key=str(i)) for i in range(3)) + hostile._value((2, 2))
    name = hostile._value((f"torch.sparse_{layout}",))
    call = b"ctorch._utils\n_rebuild_sparse_tensor\nctorch.serialization\n_get_layout\n" + name
    with pytest.warns(UserWarning, match="rebuild_sparse_tensor") as told:
        made = from_bytes(hostile.zipped(b"\x80\2" + call + b"R(" + parts + b"t\x86R.", data))
    assert "_get_layout" not in str(told[0].message)
    assert str(made.args[0]) == f"torch.sparse_{layout}" and made.args[1][2].shape == (2, 2)


def test_a_mapped_file_at_odd_bytes_is_not_copied(tmp_path):
    """Headers that are not filled up leave the numbers at odd places; loading copied them all."""
    path, x = tmp_path / "odd.safetensors", np.arange(6, dtype="f4")
    entry = {"x": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}}
    text = json.dumps(entry).encode().ljust(73)
    path.write_bytes(hostile.headers(text, x.tobytes()))
    made = load(path, mmap=True)["x"]
    assert made.numpy().ctypes.data % 4 == 1
    assert made.tolist() == [[0, 1, 2], [3, 4, 5]] and float((made @ made.T).sum()) == 83
    made.add_(1)
    assert float(made.sum()) == 21 and path.read_bytes()[-24:] == x.tobytes()
    assert load(path)["x"].numpy().ctypes.data % 4 == 0
