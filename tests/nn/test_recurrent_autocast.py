"""Recurrent layers under autocast: which dtype comes out, and training with float32 weights."""

import itertools

import numpy as np
import pytest

import rushlight as rl

HALF, FULL = "bfloat16", "float32"
LAYERS = {
    "LSTM": ("LSTM", {}), "LSTM, both ways": ("LSTM", {"bidirectional": True, "num_layers": 2}),
    "LSTM, projected": ("LSTM", {"proj_size": 2}),
    "LSTM, batch first": ("LSTM", {"batch_first": True}),
    "LSTM, dropout": ("LSTM", {"num_layers": 2, "dropout": 0.5}), "GRU": ("GRU", {"num_layers": 2}),
    "GRU, both ways": ("GRU", {"bidirectional": True, "bias": False}), "RNN": ("RNN", {}),
    "RNN, relu": ("RNN", {"nonlinearity": "relu", "bidirectional": True}),
    "LSTMCell": ("LSTMCell", {}), "GRUCell": ("GRUCell", {}), "RNNCell": ("RNNCell", {}),
    "RNNCell, relu": ("RNNCell", {"nonlinearity": "relu"}),
}  # fmt: skip


def _flat(x):
    if isinstance(x, (tuple, list)) and not hasattr(x, "batch_sizes"):
        return [t for part in x for t in _flat(part)]
    return [x.data if hasattr(x, "batch_sizes") else x]


def _state(t, name, layer, dtype):
    cell, size = name.endswith("Cell"), getattr(layer, "proj_size", 0) or 4
    count = 1 if cell else layer.num_layers * (2 if layer.bidirectional else 1)
    sizes = [size, 4] if name.startswith("LSTM") else [4]
    made = [t.full((2, n) if cell else (count, 2, n), 0.3).to(dtype) for n in sizes]
    return tuple(made) if len(made) > 1 else made[0]


def _trained(t, which, x_dtype, state_dtype=None, packed=False, weight_dtype=FULL):
    """What comes out under autocast, and the weights' gradients."""
    name, options = LAYERS[which]
    t.manual_seed(0)
    layer = getattr(t.nn, name)(3, 4, **options).to(getattr(t, weight_dtype))
    shape = (2, 3) if name.endswith("Cell") else (5, 2, 3)
    x = t.linspace(-1, 1, 6 if len(shape) < 3 else 30).reshape(shape).to(getattr(t, x_dtype))
    if options.get("batch_first"):
        x = x.transpose(0, 1)
    state = None if state_dtype is None else _state(t, name, layer, getattr(t, state_dtype))
    if packed:
        x = t.nn.utils.rnn.pack_padded_sequence(x, t.tensor([5, 3]))
    with t.autocast("cpu", dtype=t.bfloat16):
        made = _flat(layer(x, state))
    made = [m for m in made if m.is_floating_point()]
    sum(m.float().square().sum() for m in made).backward()
    return made, [p.grad for p in layer.parameters()]


def _kinds(tensors):
    return [str(t.dtype)[6:] for t in tensors]


@pytest.mark.parametrize(
    ("which", "x_dtype", "state_dtype", "packed", "expected"),
    [
        ("LSTM", FULL, None, False, [HALF] * 3),
        ("LSTM", HALF, FULL, False, [HALF] * 3),
        ("LSTM", FULL, None, True, [FULL] * 3),
        ("LSTM", HALF, None, True, [HALF] * 3),
        ("LSTM", HALF, FULL, True, [FULL] * 3),
        ("LSTM, both ways", HALF, None, False, [HALF] * 3),
        ("LSTM, projected", FULL, None, False, [HALF, HALF, FULL]),
        ("GRU", FULL, None, False, [FULL] * 2),
        ("GRU", HALF, None, False, [HALF] * 2),
        ("GRU", FULL, HALF, True, [HALF] * 2),
        ("RNN", FULL, None, False, [HALF] * 2),
        ("RNN, relu", HALF, FULL, True, [HALF] * 2),
        ("LSTMCell", HALF, FULL, False, [FULL] * 2),
        ("GRUCell", FULL, HALF, False, [HALF]),
        ("RNNCell", FULL, FULL, False, [HALF]),
    ],
)
def test_products_are_halves_and_added_states_keep_theirs(
    which, x_dtype, state_dtype, packed, expected
):
    made, grads = _trained(rl, which, x_dtype, state_dtype, packed)
    assert _kinds(made) == expected and set(_kinds(grads)) == {FULL}
    assert all(g.isfinite().all() and g.any() for g in grads)


@pytest.mark.filterwarnings("ignore:LSTM with projections")
@pytest.mark.parametrize("which", LAYERS)
def test_autocast_is_pytorchs(which):
    torch = pytest.importorskip("torch")
    packs = (False, True) if not which.partition(",")[0].endswith("Cell") else (False,)
    if "batch first" in which or "dropout" in which:
        packs = (False,)
    kinds = (FULL, HALF)
    for case in itertools.product(kinds, (None, *kinds), packs, kinds):
        mine, theirs = _trained(rl, which, *case), _trained(torch, which, *case)
        for ours, others in zip(mine, theirs):
            assert _kinds(ours) == _kinds(others), case
            for a, b in zip(ours, others):
                a, b = (x.detach().float().numpy() for x in (a, b))
                # bfloat16 has 8 bits: roundings of a few steps, relative to the largest
                np.testing.assert_allclose(
                    a, b, rtol=0, atol=0.03 * abs(b).max(), err_msg=str(case)
                )


@pytest.mark.parametrize(
    "which", ["LSTM", "LSTM, projected", "GRU, both ways", "RNN, relu", "GRUCell"]
)
@pytest.mark.parametrize("x_dtype", [FULL, HALF])
def test_compiled_autocast_is_eager_autocast(which, x_dtype):
    name, options = LAYERS[which]
    layer = getattr(rl.nn, name)(3, 4, **options)
    x = rl.randn(*((2, 3) if name.endswith("Cell") else (5, 2, 3))).to(getattr(rl, x_dtype))

    def step(x):
        with rl.autocast("cpu", dtype=rl.bfloat16):
            made = _flat(layer(x))
        sum(m.float().square().sum() for m in made).backward()
        return made

    expected, compiled = step(x), rl.compile(step, fullgraph=True)
    grads = [p.grad for p in layer.parameters()]
    for _ in range(2):
        layer.zero_grad()
        made = compiled(x)
    assert _kinds(made) == _kinds(expected)
    for a, b in zip(
        [*made, *(p.grad for p in layer.parameters())], [*expected, *grads], strict=True
    ):
        np.testing.assert_allclose(
            a.detach().float().numpy(), b.detach().float().numpy(), rtol=1e-5, atol=1e-6
        )


@pytest.mark.parametrize("name", ["LSTM", "GRU", "RNN"])
def test_a_layer_of_halves_is_trained(name):
    layer = getattr(rl.nn, name)(3, 4).bfloat16()
    output, _ = layer(rl.randn(5, 2, 3).bfloat16())
    output.float().square().sum().backward()
    assert all(p.grad.dtype is rl.bfloat16 and p.grad.any() for p in layer.parameters())


def test_without_autocast_other_dtypes_are_refused():
    layer = rl.nn.GRU(3, 4)
    with pytest.raises(ValueError, match="does not match weight dtype"):
        layer(rl.ones(5, 2, 3).bfloat16())
    with pytest.raises(RuntimeError, match="same dtype"):
        layer(rl.ones(5, 2, 3), rl.ones(1, 2, 4).bfloat16())
