"""Whole models in PyTorch's files: each framework rebuilds what the other saved."""

import numpy as np
import pytest

import rushlight as rl

torch = pytest.importorskip("torch")

MODELS = [
    lambda t: t.nn.Sequential(t.nn.Linear(3, 4), t.nn.BatchNorm1d(4), t.nn.Sequential(t.nn.ReLU())),
    lambda t: t.nn.LSTM(3, 4, 2),
    lambda t: t.nn.TransformerEncoderLayer(8, 2, 16, activation=t.nn.ReLU()),
    lambda t: t.nn.MultiheadAttention(8, 2),
    lambda t: t.nn.Embedding(3, 2),
    lambda t: t.nn.ModuleDict({"c": t.nn.Conv2d(3, 4, 3), "l": t.nn.ModuleList([t.nn.PReLU()])}),
    lambda t: t.nn.ParameterList([t.ones(2), t.zeros(3)]),
]


def _hooked(build):
    def with_hook(t):
        net = build(t)
        net.train(False)
        return net

    return with_hook


@pytest.mark.parametrize("build", MODELS + [_hooked(MODELS[0])])
@pytest.mark.parametrize("pair", [(rl, torch), (torch, rl)], ids=["ours", "theirs"])
def test_a_saved_model_is_rebuilt(build, pair, tmp_path):
    writer, reader = pair
    model = build(writer)
    writer.save(model, tmp_path / "model.pt")
    found = reader.load(tmp_path / "model.pt", weights_only=False)
    assert isinstance(found, reader.nn.Module) and repr(found) == repr(model)
    assert found.training == model.training
    for (name, a), (other, b) in zip(
        model.state_dict().items(), found.state_dict().items(), strict=True
    ):
        assert name == other
        np.testing.assert_array_equal(a.numpy(), b.numpy())
    found.register_forward_hook(lambda *_: None)  # the hook tables are there
    found.zero_grad()
