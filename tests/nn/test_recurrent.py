"""Packed sequences and recurrent layers on them."""

import importlib

import numpy as np
import pytest

import rushlight as rl


def _sequences(t, lengths=(4, 2, 3), features=3, seed=0):
    rng = np.random.default_rng(seed)
    return [t.tensor(rng.normal(size=(n, features)).astype(np.float32).tolist()) for n in lengths]


def _packing(t):
    """What the functions of nn.utils.rnn give, as plain lists."""
    rnn = t.nn.utils.rnn
    sequences = _sequences(t)
    padded = rnn.pad_sequence(sequences, padding_value=-1.0)
    left = rnn.pad_sequence(sequences, batch_first=True, padding_side="left")
    packed = rnn.pack_padded_sequence(padded, [4, 2, 3], enforce_sorted=False)
    ordered = rnn.pack_sequence(sorted(sequences, key=len, reverse=True))
    back, lengths = rnn.pad_packed_sequence(packed, padding_value=9.0, total_length=6)
    first, _ = rnn.pad_packed_sequence(ordered, batch_first=True)
    unpacked = rnn.unpack_sequence(packed)
    return [
        padded.tolist(), left.tolist(), packed.data.tolist(), packed.batch_sizes.tolist(),
        packed.sorted_indices.tolist(), packed.unsorted_indices.tolist(), ordered.sorted_indices,
        back.tolist(), lengths.tolist(), first.tolist(), [u.tolist() for u in unpacked],
        str(packed.double().data.dtype), packed.to("cpu") is packed,
    ]  # fmt: skip


def test_packing_and_unpacking_give_the_sequences_back():
    sequences = _sequences(rl)
    packed = rl.nn.utils.rnn.pack_sequence(sequences, enforce_sorted=False)
    assert packed.batch_sizes.tolist() == [3, 3, 2, 1]
    for before, after in zip(sequences, rl.nn.utils.rnn.unpack_sequence(packed), strict=True):
        assert before.tolist() == after.tolist()


def test_packing_is_pytorchs():
    torch = pytest.importorskip("torch")
    assert _packing(rl) == _packing(torch)


def test_packing_mistakes_are_pytorchs():
    torch = pytest.importorskip("torch")

    def errors(t):
        rnn, found = t.nn.utils.rnn, []
        x = t.ones(4, 3, 2)
        for call in (
            lambda: rnn.pack_padded_sequence(x, [2, 3, 4]),
            lambda: rnn.pack_padded_sequence(x, [4, 3]),
            lambda: rnn.pack_padded_sequence(x, [4, 3, 0]),
            lambda: rnn.pad_packed_sequence(rnn.pack_padded_sequence(x, [4, 4, 2]), total_length=3),
            lambda: rnn.pad_sequence(3),
            lambda: rnn.pad_sequence([]),
        ):
            with pytest.raises((RuntimeError, ValueError)) as caught:
                call()
            found.append((type(caught.value).__name__, str(caught.value)))
        return found

    for mine, theirs in zip(errors(rl), errors(torch), strict=True):
        assert mine[0] == theirs[0]
        assert mine[1].split(".")[0] == theirs[1].split(".")[0]


LAYERS = [
    ("RNN", {"nonlinearity": "relu", "num_layers": 2}),
    ("GRU", {"bidirectional": True, "num_layers": 2}),
    ("LSTM", {"bidirectional": True, "num_layers": 2}),
    ("LSTM", {"proj_size": 2, "bidirectional": True}),
]


def _run(t, name, options, given_state):
    t.manual_seed(0)
    layer = getattr(t.nn, name)(3, 4, **options)
    packed = t.nn.utils.rnn.pack_sequence(_sequences(t), enforce_sorted=False)
    state = None
    if given_state:
        count = options.get("num_layers", 1) * (2 if options.get("bidirectional") else 1)
        sizes = [options.get("proj_size") or 4, 4] if name == "LSTM" else [4]
        parts = [t.full((count, 3, n), 0.3) + t.arange(3.0).reshape(1, 3, 1) for n in sizes]
        state = tuple(parts) if name == "LSTM" else parts[0]
    output, last = layer(packed, state)
    last = last if isinstance(last, tuple) else (last,)
    (output.data.sin().sum() + sum(s.cos().sum() for s in last)).backward()
    padded, _ = t.nn.utils.rnn.pad_packed_sequence(output)
    return [x.detach().numpy() for x in (padded, *last)] + [
        p.grad.numpy() for p in layer.parameters()
    ]


@pytest.mark.parametrize("given_state", [False, True])
@pytest.mark.parametrize(("name", "options"), LAYERS)
def test_packed_input_is_pytorchs(name, options, given_state):
    torch = pytest.importorskip("torch")
    mine, theirs = _run(rl, name, options, given_state), _run(torch, name, options, given_state)
    for a, b in zip(mine, theirs, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("name", "options"), LAYERS)
def test_packed_input_gives_what_each_sequence_gives_alone(name, options):
    layer = getattr(rl.nn, name)(3, 4, **options)
    sequences = _sequences(rl)
    output, _ = layer(rl.nn.utils.rnn.pack_sequence(sequences, enforce_sorted=False))
    for alone, together in zip(sequences, rl.nn.utils.rnn.unpack_sequence(output), strict=True):
        expected, _ = layer(alone)
        np.testing.assert_allclose(
            together.detach().numpy(), expected.detach().numpy(), rtol=1e-5, atol=1e-6
        )


@pytest.mark.parametrize("name", ["RNN", "LSTM", "GRU"])
def test_mistakes_are_pytorchs(name):
    torch = pytest.importorskip("torch")

    def errors(t):
        layer, found = getattr(t.nn, name)(3, 4), []
        two = (t.ones(1, 2, 5), t.ones(1, 2, 4)) if name == "LSTM" else t.ones(1, 2, 5)
        flat = (t.ones(2, 4), t.ones(2, 4)) if name == "LSTM" else t.ones(2, 4)
        for args in (
            (t.ones(3),),
            (t.ones(2, 2, 5),),
            (t.ones(2, 2, 3), two),
            (t.ones(2, 2, 3), flat),
        ):
            with pytest.raises((RuntimeError, ValueError)) as caught:
                layer(*args)
            found.append((type(caught.value).__name__, str(caught.value)))
        kind = getattr(t.nn, name)
        for kwargs in (
            {"dropout": 2},
            {"bias": 3},
            {"num_layers": 0},
            {"hidden_size": 0},
            {"hidden_size": 2.0},
        ):
            with pytest.raises((ValueError, TypeError)) as caught:
                kind(**{"input_size": 3, "hidden_size": 4, **kwargs})
            found.append((type(caught.value).__name__, str(caught.value)))
        return found

    assert errors(rl) == errors(torch)


def test_a_layer_is_one_node_however_long_the_sequence():
    layer = rl.nn.LSTM(3, 4, num_layers=2, bidirectional=True)
    output, _ = layer(rl.ones(7, 1, 3))
    seen, pending = set(), [output.grad_fn]
    while pending:
        node = pending.pop()
        if node is not None and node not in seen:
            seen.add(node)
            pending += [n for n, _ in node.next_functions]
    assert sum(n.name() == "LstmBackward0" for n in seen) == 4


@pytest.mark.parametrize("name", ["lstm_sequence", "gru_sequence", "rnn_sequence"])
def test_second_derivatives(name):
    op = getattr(importlib.import_module("rushlight._ops.recurrent"), name)
    gates, size = {"lstm": 4, "gru": 3, "rnn": 1}[name.partition("_")[0]], 2
    rng = np.random.default_rng(0)
    shapes = [(3, 2, gates * size), (2, size), (gates * size, size)]
    if name == "lstm_sequence":
        shapes.insert(1, (2, size))
    given = [rl.tensor(rng.normal(size=s), requires_grad=True) for s in shapes]

    def first(*tensors):
        made = op(list(tensors))
        return made[0] if isinstance(made, tuple) else made

    assert rl.autograd.gradcheck(first, given)
    assert rl.autograd.gradgradcheck(first, given)


def _grows_in_its_padding(t, bidirectional=False):
    """A quiet long sequence beside a short one, whose state would overflow were it run on."""
    layer = t.nn.RNN(1, 2, nonlinearity="relu", bias=False, bidirectional=bidirectional)
    with t.no_grad():
        for weight in layer.parameters():
            weight.fill_(1e3)
    x = t.zeros(40, 2, 1)
    x[0, 1] = 1.0
    packed = t.nn.utils.rnn.pack_padded_sequence(x, t.tensor([40, 2]))
    output, last = layer(packed)
    (output.data.sum() + last.sum()).backward()
    return [output.data.detach().numpy(), *(p.grad.numpy() for p in layer.parameters())]


@pytest.mark.parametrize("bidirectional", [False, True])
def test_a_state_does_not_overflow_in_the_padding(bidirectional):
    made = _grows_in_its_padding(rl, bidirectional)
    assert all(np.isfinite(x).all() for x in made) and made[1].any()


@pytest.mark.parametrize("bidirectional", [False, True])
def test_a_state_that_grows_in_the_padding_is_pytorchs(bidirectional):
    torch = pytest.importorskip("torch")
    pairs = zip(
        _grows_in_its_padding(rl, bidirectional), _grows_in_its_padding(torch, bidirectional)
    )
    for mine, theirs in pairs:
        np.testing.assert_allclose(mine, theirs, rtol=1e-6)


def test_a_compiled_state_does_not_overflow_in_the_padding():
    layer = rl.nn.RNN(1, 2, nonlinearity="relu", bias=False)
    with rl.no_grad():
        for weight in layer.parameters():
            weight.fill_(1e3)

    @rl.compile
    def step(x, lengths):
        packed = rl.nn.utils.rnn.pack_padded_sequence(x, lengths)
        output, last = layer(packed)
        padded, _ = rl.nn.utils.rnn.pad_packed_sequence(output)
        (padded.sum() + last.sum()).backward()

    x = rl.zeros(40, 2, 1)
    x[0, 1] = 1.0
    for _ in range(2):
        layer.zero_grad()
        step(x, rl.tensor([40, 2]))
    assert all(p.grad.isfinite().all() for p in layer.parameters())
