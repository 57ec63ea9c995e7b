"""Every layer beside PyTorch: printed form, initial parameters, outputs, gradients, buffers."""

import numpy as np
import pytest
from layer_table import LAYERS, drawn, flat, label

import rushlight as rl

torch = pytest.importorskip("torch")


def _made(t, entry):
    name, args, kwargs, _ = entry
    t.manual_seed(3)
    return getattr(t.nn, name)(*args, **kwargs)


def _inputs(t, entry):
    made = []
    for i, (array, shape) in enumerate(zip(drawn(entry[3]), entry[3], strict=True)):
        x = t.tensor(array.tolist(), dtype=t.float32 if array.dtype == np.float32 else t.int64)
        target = i > 0 and isinstance(shape[0], str)
        made.append(x.requires_grad_() if x.is_floating_point() and not target else x)
    return made


def _close(mine, theirs, what):
    mine, theirs = mine.detach().numpy(), theirs.detach().numpy()
    assert mine.shape == theirs.shape, what
    assert mine.dtype == theirs.dtype, what
    np.testing.assert_allclose(mine, theirs, rtol=2e-4, atol=2e-5, err_msg=what)


def _called(t, layer, entry):
    """Outputs of one call in the present mode, and the gradients of a weighted sum of them."""
    inputs = _inputs(t, entry)
    t.manual_seed(9)
    outputs = flat(layer(*inputs))
    floating = [y for y in outputs if y.is_floating_point()]
    total = sum((y * (i + 1)).cos().sum() for i, y in enumerate(floating))
    for p in layer.parameters():
        p.grad = None
    if getattr(total, "requires_grad", False):
        total.backward()
    grads = [x.grad for x in inputs] + [p.grad for p in layer.parameters()]
    return outputs, grads


# PyTorch's notes on which of its own implementations it takes
@pytest.mark.filterwarnings("ignore:LSTM with projections", "ignore:enable_nested_tensor is True")
@pytest.mark.parametrize("entry", LAYERS, ids=label)
def test_layer_is_pytorchs(entry):
    mine, theirs = _made(rl, entry), _made(torch, entry)
    assert repr(mine) == repr(theirs)
    for training in (True, False):
        mine.train(training), theirs.train(training)
        outputs = _called(rl, mine, entry), _called(torch, theirs, entry)
        if training:
            assert repr(mine) == repr(theirs)
            states = mine.state_dict(), theirs.state_dict()
            assert list(states[0]) == list(states[1])
            for key, value in states[0].items():
                _close(value, states[1][key], f"state {key}")
        for what, ours, others in zip(("output", "gradient"), *outputs, strict=True):
            assert len(ours) == len(others)
            for i, (a, b) in enumerate(zip(ours, others, strict=True)):
                assert (a is None) == (b is None), f"{what} {i} training={training}"
                if a is not None:
                    _close(a, b, f"{what} {i} training={training}")


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")
@pytest.mark.parametrize("padded", [None, [2, 3], [0, 1]])
def test_encoder_leaves_padding_out_in_inference(padded):
    made = []
    for t in (rl, torch):
        t.manual_seed(0)
        layer = t.nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
        net = t.nn.TransformerEncoder(layer, 2, t.nn.LayerNorm(8)).eval()
        x = t.arange(64.0).reshape(2, 4, 8).sin()
        mask = None
        if padded is not None:
            mask = t.zeros(2, 4, dtype=t.bool)
            mask[1, padded] = True
        with t.no_grad():
            made.append(net(x, src_key_padding_mask=mask))
        made.append(net(x, src_key_padding_mask=mask))
    _close(made[0], made[2], "without gradients")
    _close(made[1], made[3], "with gradients")


def test_every_layer_of_pytorch_is_there():
    missing = {
        name
        for name in dir(torch.nn)
        if isinstance(getattr(torch.nn, name), type) and not hasattr(rl.nn, name)
    }
    # two very new classes for a fused loss, which no program in the survey uses
    assert missing <= {"LinearCrossEntropyLoss", "LinearCrossEntropyOptions"}
