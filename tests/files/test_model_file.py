"""The self-describing model file: models of standard layers come back without user code."""

import io
import json

import pytest

import rushlight as torch
from rushlight import load, load_model, nn, save_model


def net():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 3, 3, padding=1), nn.BatchNorm2d(3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Dropout(0.1), nn.Linear(12, 4, bias=False),
    )  # fmt: skip


MODELS = {
    "cnn": (net, (2, 1, 4, 4)),
    "lstm": (lambda: nn.LSTM(3, 4, 2, bidirectional=True, batch_first=True), (2, 5, 3)),
    "encoder": (lambda: nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16), 2), (3, 2, 8)),
    "attention-free": (
        lambda: nn.Sequential(nn.LayerNorm((4,)), nn.GELU("tanh"), nn.Softmax(-1)),
        (2, 4),
    ),
    "groups": (
        lambda: nn.Sequential(nn.GroupNorm(2, 4), nn.PReLU(), nn.Upsample(scale_factor=2)),
        (1, 4, 2, 2),
    ),
}


@pytest.mark.parametrize("name", MODELS)
def test_models_of_standard_layers_come_back(tmp_path, name):
    make, shape = MODELS[name]
    model = make().eval()
    path = tmp_path / "m.safetensors"
    save_model(model, path)
    again = load_model(path)
    x = torch.randn(*shape)
    first, second = model(x), again(x)
    first, second = (r[0] if isinstance(r, tuple) else r for r in (first, second))
    assert torch.equal(first, second) and repr(again) == repr(model) and not again.training
    assert list(again.state_dict()) == list(model.state_dict())
    assert [p.requires_grad for p in again.parameters()] == [
        p.requires_grad for p in model.parameters()
    ]


def test_ties_buffers_and_frozen_parameters_stay(tmp_path):
    model = nn.ModuleDict({"a": nn.Linear(2, 2), "b": nn.Linear(2, 2)})
    model["b"].weight = model["a"].weight
    model["a"].bias.requires_grad_(False)
    model.register_buffer("seen", torch.ones(2), persistent=False)
    model.add_module("same", model["a"])
    path = tmp_path / "m.safetensors"
    save_model(model, path)
    again = load_model(path)
    assert again["b"].weight is again["a"].weight and again["same"] is again["a"]
    assert not again["a"].bias.requires_grad and "seen" not in again.state_dict()
    assert torch.equal(again.seen, torch.ones(2))
    assert sorted(load(path)) == ["a.bias", "a.weight", "b.bias", "seen"]


def test_optimizer_and_random_state_go_along(tmp_path):
    model = nn.Linear(2, 2)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
    model(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    path = tmp_path / "m.safetensors"
    save_model(model, path, optimizer=optimizer, rng=True, metadata={"note": "hi"})
    drawn = torch.rand(3)
    again = load_model(path)
    other = torch.optim.Adam(again.parameters())
    load_model(path, optimizer=other, rng=True)
    assert torch.equal(torch.rand(3), drawn)
    assert other.param_groups[0]["lr"] == 0.1
    assert torch.equal(
        other.state[again.weight]["exp_avg"], optimizer.state[model.weight]["exp_avg"]
    )
    assert load(path, report=True)[1].metadata["note"] == "hi"
    save_model(model, path)
    with pytest.raises(LookupError, match="holds no optimizer state"):
        load_model(path, optimizer=other)


class Custom(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = nn.Linear(2, 2)
        self.sizes = (1, [2, {"a": None}])

    def forward(self, x):
        return self.inner(x)


def test_a_custom_class_is_asked_for_by_name_and_place(tmp_path):
    model = nn.Sequential(nn.ReLU(), Custom())
    path = tmp_path / "m.safetensors"
    save_model(model, path)
    with pytest.raises(LookupError, match=r"needs the class .*test_model_file\.Custom \(at '1'\)"):
        load_model(path)
    again = load_model(path, classes=[Custom])
    assert type(again[1]) is Custom and again[1].sizes == (1, [2, {"a": None}])
    assert torch.equal(again(torch.ones(1, 2)), model(torch.ones(1, 2)))
    assert list(load(path)) == ["1.inner.weight", "1.inner.bias"] or len(load(path)) == 2


def test_what_the_header_cannot_hold_is_named(tmp_path):
    model = nn.Linear(1, 1)
    model.helper = object()
    with pytest.raises(TypeError, match="attribute helper is a object"):
        save_model(model, tmp_path / "m.safetensors")
    assert not (tmp_path / "m.safetensors").exists()


def test_a_parametrised_module_is_refused_before_anything_is_written(tmp_path):
    """Its class is made for it alone: no file could say which one."""
    model = nn.Sequential(nn.utils.parametrizations.weight_norm(nn.Linear(2, 2)))
    with pytest.raises(TypeError, match="'0' has parametrizations"):
        save_model(model, tmp_path / "model.safetensors")
    assert not list(tmp_path.iterdir())
    nn.utils.parametrize.remove_parametrizations(model[0], "weight")
    save_model(model, tmp_path / "model.safetensors")
    assert load_model(tmp_path / "model.safetensors")[0].weight.equal(model[0].weight)


def test_any_reader_sees_plain_weights(tmp_path):
    package = pytest.importorskip("safetensors")
    path = tmp_path / "m.safetensors"
    save_model(net(), path)
    with package.safe_open(path, "np") as file:
        assert "6.weight" in set(file.keys())
        plan = json.loads(file.metadata()["rushlight.model"])
    assert plan["format"] == "rushlight-model/1"
    assert plan["tree"]["children"]["0"]["class"] == "torch.nn.modules.conv.Conv2d"
    assert plan["tree"]["children"]["0"]["args"]["padding"] == {"is": "tuple", "of": [1, 1]}


HEAD = '{"format": "rushlight-model/1", "tree": {"class": "torch.nn.modules.linear.Linear", '


@pytest.mark.parametrize(
    "plan",
    [
        "{",
        "[]",
        '{"format": "other"}',
        '{"format": "rushlight-model/1"}',
        '{"format": "rushlight-model/1", "tree": {"class": "os.system"}}',
        '{"format": "rushlight-model/1", "tree": {"class": "torch.nn.functional.relu"}}',
        HEAD + '"parameters": {"w": {}}}}',
        HEAD + '"args": {"a": {"is": "function", "of": "os.system"}}}}',
    ],
)
def test_broken_plans_are_refused(tmp_path, plan):
    import hostile

    path = tmp_path / "m.safetensors"
    path.write_bytes(
        hostile.headers(json.dumps({"__metadata__": {"rushlight.model": plan}}).encode())
    )
    with pytest.raises((ValueError, LookupError)):
        load_model(path)


def test_weights_without_a_plan_are_told(tmp_path):
    buffer = io.BytesIO()
    torch.save({}, buffer)
    buffer.seek(0)
    with pytest.raises(ValueError, match="does not describe a model"):
        load_model(buffer)
