"""Files go both ways between Rushlight and PyTorch, bit for bit."""

import io
import warnings
from collections import OrderedDict, defaultdict

import numpy as np
import pytest

import rushlight
from rushlight.serialization import Opaque, load, safe_globals, save

torch = pytest.importorskip("torch")

DTYPES = [
    "float64",
    "float32",
    "float16",
    "bfloat16",
    "int64",
    "int32",
    "int16",
    "int8",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "bool",
    "complex64",
    "complex128",
]


def bits(tensor):
    """The bytes of a tensor of either framework, in order of its elements."""
    if isinstance(tensor, torch.Tensor):
        flat = tensor.detach().resolve_conj().resolve_neg().contiguous().view(-1)
        return flat.view(torch.uint8).numpy().tobytes() if flat.numel() else b""
    return np.ascontiguousarray(tensor.array).tobytes()


def same(ours, theirs):
    """Equal in values, type, shape, strides, offset and the wish for gradients."""
    assert str(ours.dtype) == str(theirs.dtype)
    assert tuple(ours.shape) == tuple(theirs.shape)
    if theirs.numel():
        assert tuple(ours.stride()) == tuple(theirs.stride())
    assert ours.requires_grad == theirs.requires_grad
    assert bits(ours) == bits(theirs)


def to_ours(obj, **options):
    buffer = io.BytesIO()
    torch.save(obj, buffer)
    buffer.seek(0)
    return load(buffer, **options)


def to_theirs(obj, **options):
    buffer = io.BytesIO()
    save(obj, buffer)
    buffer.seek(0)
    return torch.load(buffer, **options)


def made(dtype, shape=(3, 4)):
    kind = getattr(torch, dtype)
    draw = torch.Generator().manual_seed(3)
    if kind.is_complex:
        return torch.complex(*torch.randn(2, *shape, generator=draw, dtype=torch.float64)).to(kind)
    if kind.is_floating_point:
        return torch.randn(shape, generator=draw, dtype=torch.float64).to(kind)
    return torch.randint(0, 2 if kind is torch.bool else 100, shape, generator=draw).to(kind)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(3, 4), (), (0,), (2, 0, 3), (1, 1), (5,)])
def test_every_dtype_comes_and_goes_bit_for_bit(dtype, shape):
    theirs = made(dtype, shape)
    ours = to_ours(theirs)
    same(ours, theirs)
    same(ours, to_theirs(ours))


@pytest.mark.parametrize(
    "view",
    [
        lambda x: x[1:],
        lambda x: x.t(),
        lambda x: x[:, ::2],
        lambda x: x[1],
        lambda x: x[2, 3],
        lambda x: x.view(2, 6),
        lambda x: x[:1].expand(5, 4),
        lambda x: x.as_strided((2, 2), (1, 3), 2),
        lambda x: x.permute(1, 0)[1:, 1:],
        lambda x: x[:, None],
        lambda x: x.diagonal(),
        lambda x: x.unfold(0, 2, 1),
    ],
)
def test_views_keep_strides_offset_and_sharing(view):
    base = made("float32")
    ours = to_ours([base, view(base)])
    same(ours[0], base)
    same(ours[1], view(base))
    ours[0][2, 3] = 77.0
    base[2, 3] = 77.0
    same(ours[1], view(base))
    back = to_theirs(ours)
    same(ours[1], back[1])
    assert back[0].untyped_storage().data_ptr() == back[1].untyped_storage().data_ptr()


def test_shared_memory_shares_a_version():
    base = made("float32")
    a, b = to_ours([base, base[1:]])
    before = b._version
    a.add_(1)
    assert b._version == before + 1


def test_state_dict_keeps_order_metadata_and_ties():
    net = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4), torch.nn.Linear(3, 4))
    net[2].weight = net[0].weight
    state = net.state_dict()
    ours = to_ours(state)
    assert isinstance(ours, OrderedDict) and list(ours) == list(state)
    assert ours._metadata == state._metadata
    assert ours["0.weight"].data_ptr() == ours["2.weight"].data_ptr()
    back = to_theirs(ours, weights_only=True)
    assert back._metadata == state._metadata
    net.load_state_dict(back)


def test_state_dict_of_our_model_loads_into_theirs():
    ours = rushlight.nn.Sequential(rushlight.nn.Linear(3, 4), rushlight.nn.Linear(4, 2))
    theirs = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Linear(4, 2))
    theirs.load_state_dict(to_theirs(ours.state_dict(), weights_only=True))
    for name, value in theirs.state_dict().items():
        assert bits(value) == bits(ours.state_dict()[name])
    ours.load_state_dict(to_ours(theirs.state_dict()))


@pytest.mark.parametrize(
    "name", ["SGD", "Adam", "AdamW", "RMSprop", "Adagrad", "Adadelta", "Adamax", "NAdam", "RAdam"]
)
def test_optimizer_states_come_and_go(name):
    net = torch.nn.Linear(3, 2)
    options = {"momentum": 0.9} if name == "SGD" else {}
    optimizer = getattr(torch.optim, name)(net.parameters(), lr=0.1, **options)
    for _ in range(3):
        optimizer.zero_grad()
        net(torch.ones(4, 3)).pow(2).sum().backward()
        optimizer.step()
    state = optimizer.state_dict()
    ours = to_ours(state)
    mine = rushlight.nn.Linear(3, 2)
    mine.load_state_dict(to_ours(net.state_dict()))
    again = getattr(rushlight.optim, name)(mine.parameters(), lr=0.1, **options)
    again.load_state_dict(ours)
    back = to_theirs(again.state_dict(), weights_only=True)
    assert back["param_groups"] == state["param_groups"]
    for number, entry in state["state"].items():
        for key, value in entry.items():
            found = back["state"][number][key]
            assert torch.equal(found, value) if isinstance(value, torch.Tensor) else found == value
    optimizer.load_state_dict(back)


def test_plain_containers_and_values():
    obj = {
        "n": None,
        "t": True,
        "i": -5,
        "big": 1 << 80,
        "f": 0.1,
        "inf": float("inf"),
        "c": 1 + 2j,
        "s": "\u4f60\n\udc80",
        "b": b"\0\xff",
        "ba": bytearray(b"ab"),
        "l": [1, [2]],
        "u": (1, (2, 3)),
        "set": {1, "a"},
        "od": OrderedDict(a=1),
        "size": torch.Size([1, 2]),
        "dtype": torch.bfloat16,
        "device": torch.device("cuda", 1),
        3: "int key",
        (1, "a"): "tuple key",
        None: 0,
        1.5: 1,
    }
    ours = to_ours(obj)
    assert list(ours) == list(obj)
    for key, value in obj.items():
        if key not in ("size", "dtype", "device"):
            assert ours[key] == value and type(ours[key]) is type(value), key
    assert ours["size"] == rushlight.Size([1, 2]) and ours["dtype"] is rushlight.bfloat16
    assert ours["device"] == rushlight.device("cuda:1")
    assert to_theirs(ours) == obj


def test_the_same_object_stays_the_same_and_circles_close():
    x = made("float32")
    ring = [x, x]
    ring.append(ring)
    ours = to_ours(ring)
    assert ours[0] is ours[1] and ours[2] is ours
    back = to_theirs(ours)
    assert back[0] is back[1] and back[2] is back


def test_lazy_conjugates_and_negatives_come_as_values():
    x = made("complex64")
    ours = to_ours([x.conj(), x.clone().conj().imag])
    assert bits(ours[0]) == bits(x.conj()) and bits(ours[1]) == bits(x.conj().imag)


def test_meta_tensors_keep_their_shape():
    ours = to_ours(torch.empty(2, 3, device="meta", dtype=torch.float16))
    assert (
        ours.device.type == "meta"
        and tuple(ours.shape) == (2, 3)
        and ours.dtype is rushlight.float16
    )
    assert to_theirs(ours).device.type == "meta"


def test_parameters_stay_parameters_with_their_attributes():
    p = torch.nn.Parameter(made("float32"), requires_grad=False)
    p.note = "kept"
    ours = to_ours(p)
    assert type(ours) is rushlight.nn.Parameter and not ours.requires_grad and ours.note == "kept"
    back = to_theirs(ours)
    assert type(back) is torch.nn.Parameter and back.note == "kept"


def test_tensors_with_attributes():
    x = made("float32")
    x.note = [1, 2]
    ours = to_ours(x)
    assert ours.note == [1, 2]
    assert to_theirs(ours).note == [1, 2]


def test_float8_keeps_its_bits_and_name():
    x = made("float32").to(torch.float8_e4m3fn)
    with pytest.warns(UserWarning, match="raw bits are kept"):
        ours = to_ours(x)
    assert (
        ours.dtype == "float8_e4m3fn"
        and ours.array().tobytes() == x.view(torch.uint8).numpy().tobytes()
    )
    back = to_theirs(ours)
    assert back.dtype == x.dtype and torch.equal(back.view(torch.uint8), x.view(torch.uint8))


@pytest.mark.parametrize("coalesced", [True, False])
def test_sparse_tensors_go_both_ways(coalesced):
    x = torch.sparse_coo_tensor(
        [[0, 2, 2], [1, 0, 0]], [1.0, 2.0, 3.0], (3, 2), check_invariants=True
    )
    x = x.coalesce() if coalesced else x
    ours = to_ours({"x": x, "y": x})
    assert ours["x"] is ours["y"] and ours["x"].is_coalesced() is coalesced
    assert ours["x"].to_dense().tolist() == x.to_dense().tolist()
    back = to_theirs(ours)
    assert back["x"].is_coalesced() is coalesced and torch.equal(back["x"].to_dense(), x.to_dense())


@pytest.mark.filterwarnings("ignore:torch.quantize", "ignore:Sparse")
def test_other_sparse_and_quantised_tensors_stay_opaque_with_their_parts():
    x = torch.quantize_per_tensor(torch.ones(3), 0.5, 0, torch.quint8)
    obj = {"w": made("float32"), "s": torch.eye(3).to_sparse_csr(), "q": x}
    with pytest.warns(UserWarning, match="stayed plain records"):
        ours = to_ours(obj)
    same(ours["w"], obj["w"])
    assert isinstance(ours["s"], Opaque) and isinstance(ours["q"], Opaque)
    back = to_theirs(ours)
    assert torch.equal(back["s"].to_dense(), torch.eye(3)) and torch.equal(
        back["q"].int_repr(), x.int_repr()
    )


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_every_pickle_protocol(protocol):
    obj = {"x": made("float32"), "s": {1, 2}, "b": b"abc", "n": 5}
    buffer = io.BytesIO()
    torch.save(obj, buffer, pickle_protocol=protocol)
    buffer.seek(0)
    ours = load(buffer)
    same(ours["x"], obj["x"])
    again = io.BytesIO()
    save(ours, again, pickle_protocol=protocol)
    again.seek(0)
    back = torch.load(again, weights_only=False)
    assert torch.equal(back["x"], obj["x"]) and back["s"] == {1, 2} and back["b"] == b"abc"


def test_the_older_format_is_read():
    x = made("float64")
    obj = OrderedDict(x=x, v=x[1:], p=torch.nn.Parameter(x.float()), e=torch.empty(0))
    buffer = io.BytesIO()
    torch.save(obj, buffer, _use_new_zipfile_serialization=False)
    torch.save([1, x], buffer, _use_new_zipfile_serialization=False)
    buffer.seek(0)
    ours = load(buffer)
    for key in obj:
        same(ours[key], obj[key])
    assert ours["x"].data_ptr() + 4 * 8 == ours["v"].data_ptr()
    assert load(buffer)[0] == 1  # the next one follows in the same file


def test_numpy_values_come_with_weights_only_false(tmp_path):
    obj = {
        "a": np.arange(6, dtype=np.float32).reshape(2, 3),
        "f": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        "s": np.float64(2.5),
        "i": np.int64(3),
        "t": np.array(["a", "bc"]),
        "e": np.empty((0, 2)),
        "d": np.dtype("f4"),
        "b": np.array([True]),
        "be": np.arange(3, dtype=">i2"),
    }
    ours = to_ours(obj, weights_only=False)
    for key, value in obj.items():
        assert (
            np.array_equal(ours[key], value) and ours[key].dtype == value.dtype
            if key != "d"
            else ours[key] == value
        )
    with pytest.raises(Exception, match="was not an allowed global by default"):
        to_ours(obj)


def test_defaultdict_counter_deque_and_namespace():
    import argparse
    from collections import Counter, deque

    obj = {
        "d": defaultdict(list, a=[1]),
        "c": Counter("aab"),
        "q": deque([1, 2], 5),
        "n": argparse.Namespace(lr=0.1, x=[made("int64")]),
    }
    ours = to_ours(obj, weights_only=False)
    assert ours["d"] == {"a": [1]} and ours["d"]["new"] == [] and ours["c"] == Counter("aab")
    assert ours["q"] == deque([1, 2], 5) and ours["q"].maxlen == 5
    assert type(ours["n"]) is argparse.Namespace and ours["n"].lr == 0.1
    same(ours["n"].x[0], made("int64"))


@pytest.mark.parametrize(
    "obj",
    [
        {"x": np.float32(1)},
        {"x": defaultdict(list)},
        {"x": pytest.raises},
        {"x": __import__("pathlib").Path("a")},
        {"x": slice(1)},
    ],
)
def test_guarded_loading_refuses_what_pytorch_refuses(obj):
    buffer = io.BytesIO()
    torch.save(obj, buffer)
    buffer.seek(0)
    with pytest.raises(Exception, match="Weights only load failed") as theirs:
        torch.load(buffer, weights_only=True)
    buffer.seek(0)
    with pytest.raises(Exception, match="Weights only load failed") as ours:
        load(buffer)
    assert type(ours.value) is type(theirs.value)
    named = str(theirs.value).partition("GLOBAL ")[2].partition(" ")[0]
    assert f"GLOBAL {named} was not an allowed global" in str(ours.value)
    assert f"add_safe_globals([{named}])" in str(ours.value)


def test_conditions_of_map_location():
    x = made("float32")
    assert to_ours(x, map_location="meta").device.type == "meta"
    assert to_ours(x, map_location=rushlight.device("cpu")).device.type == "cpu"
    assert to_ours(x, map_location={"cpu": "meta"}).device.type == "meta"
    assert to_ours(x, map_location=lambda storage, place: storage).device.type == "cpu"
    assert to_ours(x, map_location=lambda storage, place: None).device.type == "cpu"
    with pytest.raises(RuntimeError, match="Attempting to deserialize object on a CUDA device"):
        to_ours(x, map_location="cuda:0")


def test_files_and_mapping(tmp_path):
    path = tmp_path / "model.pt"
    x = torch.arange(1000.0)
    torch.save({"x": x, "y": x[10:]}, path)
    ours = load(path, mmap=True)
    same(ours["x"], x)
    ours["x"].add_(1)  # private pages: the file stays as it was
    assert torch.equal(torch.load(path)["x"], x)
    save(ours, path)
    same(ours["y"], torch.load(path, mmap=True)["y"])
    assert torch.load(str(path))["y"].storage_offset() == 10


def test_whole_models_come_as_instances_of_our_layers():
    net = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Dropout(0.2))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ours = to_ours(net, weights_only=False)
    assert (
        type(ours) is rushlight.nn.Sequential
        and type(ours[0]) is rushlight.nn.Linear
        and ours[2].p == 0.2
    )
    x = made("float32", (2, 3))
    assert np.allclose(
        ours.eval()(to_ours(x)).detach().numpy(), net.eval()(x).detach().numpy(), atol=1e-6
    )
    back = to_theirs(ours, weights_only=False)
    assert type(back) is torch.nn.Sequential and torch.equal(back[0].weight, net[0].weight)
    assert torch.equal(back(x), net(x))


def test_records_of_the_archive_are_pytorchs(tmp_path):
    import zipfile

    ours, theirs = tmp_path / "a.pt", tmp_path / "b.pt"
    obj = {"x": made("float32"), "e": torch.empty(0)}
    torch.save(obj, theirs)
    save(load(theirs), ours)
    a, b = zipfile.ZipFile(ours), zipfile.ZipFile(theirs)
    assert a.testzip() is None
    assert [name[2:] for name in a.namelist()] == [name[2:] for name in b.namelist()]
    for one, two in zip(a.infolist(), b.infolist(), strict=True):
        assert (one.flag_bits, one.compress_type) == (two.flag_bits, two.compress_type)
    assert a.read("a/.storage_alignment") == b.read("b/.storage_alignment")


def test_user_classes_need_the_users_word():
    class_state = Opaque  # any class of a module that is imported
    buffer = io.BytesIO()
    torch.save({"o": Plain(3)}, buffer)
    buffer.seek(0)
    with pytest.raises(Exception, match="Plain was not an allowed global"):
        load(buffer)
    buffer.seek(0)
    with safe_globals([Plain]):
        assert load(buffer)["o"].value == 3
    buffer.seek(0)
    assert load(buffer, weights_only=False)["o"].value == 3
    buffer.seek(0)
    with pytest.warns(UserWarning, match="stayed plain records"):
        assert isinstance(load(buffer, opaque=True)["o"], class_state)


class Plain:
    """A class whose own code must never run while loading."""

    def __init__(self, value):
        self.value = value
        self.__class__.made = getattr(self.__class__, "made", 0) + 1

    def __setstate__(self, state):
        raise AssertionError("code of a class ran while loading")

    def __hash__(self):
        raise AssertionError("code of a class ran while loading")


@pytest.mark.filterwarnings("ignore:enable_nested_tensor:UserWarning")
@pytest.mark.parametrize("activation", ["relu", "gelu", "silu", "tanh"])
def test_whole_models_keep_their_activation_functions_both_ways(activation):
    function = {"silu": torch.nn.functional.silu, "tanh": torch.tanh}.get(activation, activation)
    net = torch.nn.TransformerEncoderLayer(8, 2, 16, activation=function, batch_first=True).eval()
    buffer = io.BytesIO()
    torch.save(net, buffer)
    buffer.seek(0)
    made = load(buffer, weights_only=False)
    assert made.activation is getattr(rushlight.nn.functional, activation)
    x = np.linspace(-1, 1, 48, dtype=np.float32).reshape(2, 3, 8)
    wanted = net(torch.from_numpy(x)).detach().numpy()
    assert np.allclose(made(rushlight.from_numpy(x)).detach().numpy(), wanted, atol=1e-5)
    back = io.BytesIO()
    save(made, back)
    back.seek(0)
    again = torch.load(back, weights_only=False).activation
    assert again is getattr(torch.nn.functional, activation)


@pytest.mark.filterwarnings("ignore")
def test_weights_of_a_frozen_script():
    model, file = torch.nn.Sequential(torch.nn.Linear(2, 3)).eval(), io.BytesIO()
    torch.jit.save(torch.jit.freeze(torch.jit.script(model)), file)
    file.seek(0)
    found = load(file, weights_only=False)
    assert [bits(t) for t in found.values()] == [bits(t) for t in model.parameters()]
