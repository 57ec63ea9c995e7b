"""Every layer by itself: it runs, copies, loads its own state, agrees with itself in float64."""

import copy

import numpy as np
import pytest
from layer_table import LAYERS, drawn, flat, label

import rushlight as rl
from rushlight import nn


def _layer(entry):
    name, args, kwargs, _ = entry
    rl.manual_seed(3)
    return getattr(nn, name)(*args, **kwargs)


def _inputs(entry, dtype=rl.float32):
    rl.manual_seed(9)
    return [
        rl.tensor(x.tolist(), dtype=dtype if x.dtype == np.float32 else rl.int64)
        for x in drawn(entry[3])
    ]


def _close(mine, theirs, tolerance):
    for a, b in zip(flat(mine), flat(theirs), strict=True):
        a, b = a.detach().numpy(), b.detach().numpy()
        np.testing.assert_allclose(a.astype(b.dtype), b, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("entry", LAYERS, ids=label)
def test_a_layer_in_float64_agrees_with_float32(entry):
    if entry[0].startswith("Fractional"):  # other draws for another dtype
        return
    layer = _layer(entry)
    layer.eval()
    single = layer(*_inputs(entry))
    _close(single, copy.deepcopy(layer).double()(*_inputs(entry, rl.float64)), 1e-4)


@pytest.mark.parametrize("entry", LAYERS, ids=label)
def test_a_copy_and_a_reloaded_layer_give_the_same(entry):
    layer = _layer(entry)
    layer(*_inputs(entry))  # lazy ones take their shapes
    layer.eval()
    expected = layer(*_inputs(entry))
    _close(copy.deepcopy(layer)(*_inputs(entry)), expected, 0)
    other = _layer(entry)
    for p in other.parameters():
        if not rl.nn.parameter.is_lazy(p):
            rl.nn.init.zeros_(p)
    assert repr(other.load_state_dict(layer.state_dict())) == "<All keys matched successfully>"
    _close(other.eval()(*_inputs(entry)), expected, 0)


@pytest.mark.parametrize("entry", LAYERS, ids=label)
def test_every_parameter_gets_a_gradient(entry):
    layer = _layer(entry)
    outputs = [y for y in flat(layer(*_inputs(entry))) if y.is_floating_point()]
    if not list(layer.parameters()):
        return
    sum((y * y).sum() for y in outputs).backward()
    for name, p in layer.named_parameters():
        unused = entry[0] == "AdaptiveLogSoftmaxWithLoss" or (
            entry[0] == "MultiheadAttention" and name in ("bias_k", "bias_v")
        )
        assert unused or p.grad is not None, name
        assert p.grad is None or bool(p.grad.isfinite().all()), name


def test_meta_layers_have_shapes_and_no_values():
    net = nn.Sequential(nn.Conv2d(3, 8, 3, device="meta"), nn.BatchNorm2d(8, device="meta"))
    assert net[0].weight.is_meta and net[1].running_mean.is_meta
    assert net(rl.empty(2, 3, 8, 8, device="meta")).shape == (2, 8, 6, 6)


def test_factory_arguments_reach_every_parameter():
    for layer in (
        nn.Linear(2, 3, dtype=rl.float64),
        nn.LSTM(2, 3, dtype=rl.float64),
        nn.MultiheadAttention(4, 2, dtype=rl.float64),
        nn.TransformerEncoderLayer(4, 2, dtype=rl.float64),
        nn.Embedding(3, 2, dtype=rl.float64),
        nn.LazyLinear(2, dtype=rl.float64),
    ):
        assert {p.dtype for p in layer.parameters()} == {rl.float64}


def test_data_parallel_wraps_a_model(monkeypatch):
    net = nn.Linear(2, 3)
    wrapped = nn.DataParallel(net)
    x = rl.ones(4, 2)
    assert wrapped.module is net and list(wrapped.state_dict()) == ["module.weight", "module.bias"]
    assert bool((wrapped(x) == net(x)).all())
    monkeypatch.setenv("RUSHLIGHT_VIRTUAL_CUDA", "2")
    out = nn.DataParallel(net)(x)
    assert str(out.device) == "cuda:0" and str(net.weight.device) == "cuda:0"
    parts = nn.parallel.scatter({"x": x, "n": 3}, [0, 1])
    assert [(str(p["x"].device), p["x"].shape[0], p["n"]) for p in parts] == [
        ("cuda:0", 2, 3),
        ("cuda:1", 2, 3),
    ]
    assert nn.parallel.gather([p["x"] for p in parts], "cpu").tolist() == x.tolist()


def test_attention_masks_and_backends():
    bias = nn.attention.bias
    assert bias.causal_upper_left(2, 3).tolist() == [[True, False, False], [True, True, False]]
    assert bias.causal_lower_right(2, 3).tolist() == [[True, True, False], [True, True, True]]
    with nn.attention.sdpa_kernel([nn.attention.SDPBackend.MATH]):
        pass
    mask = nn.Transformer.generate_square_subsequent_mask(3)
    assert mask.tolist() == [
        [0.0, -float("inf"), -float("inf")],
        [0.0, 0.0, -float("inf")],
        [0.0] * 3,
    ]


def test_float_functional_computes():
    f = nn.quantized.FloatFunctional()
    assert repr(f) == "FloatFunctional(\n  (activation_post_process): Identity()\n)"
    assert f.add(rl.ones(1), rl.ones(1)).item() == 2
    assert f.cat([rl.ones(1), rl.zeros(1)]).tolist() == [1, 0]
    assert f.add_relu(rl.ones(1), rl.full((1,), -3.0)).item() == 0


def test_a_module_with_a_printed_flag_prints():
    net = nn.Sequential(nn.Flatten())
    net._printed = False  # "the shapes were printed once" is a common flag
    net[0]._printed = True
    assert "Flatten(start_dim=1, end_dim=-1)" in repr(net)
