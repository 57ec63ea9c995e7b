"""Recurrent networks as loops over time: plain, LSTM and GRU, padded or packed, and their cells.

The inputs of all steps are projected in one product; then one op runs a layer's whole sequence.
Packed input is padded for it; projected states take one step at a time.
"""

from collections.abc import Callable
from math import prod
from typing import Any

from ..._core import dtypes, modes
from ..._core.kinds import without_value
from ..._core.naming import named
from ..._creation import arange, tensor
from ..._ops.dropout import dropout
from ..._ops.joining import cat, stack
from ..._ops.matmul import linear
from ..._ops.recurrent import gru_sequence, gru_step, lstm_sequence, lstm_step, rnn_sequence
from ..._tensor import Tensor

# A cell takes (x, state, w_hh, b_hh) with x the projected input and state a tuple, and gives the
# next state, whose first member is the output.
Cell = Callable[[Tensor, tuple, Tensor, Tensor | None], tuple]


def _lstm(x: Tensor, state: tuple, weight: Tensor, bias: Tensor | None) -> tuple:
    hidden, cell = state
    return lstm_step(*_in(cell.dtype, x + linear(hidden, weight, bias), cell))


def _gru(x: Tensor, state: tuple, weight: Tensor, bias: Tensor | None) -> tuple:
    hidden = state[0]
    return (gru_step(*_in(hidden.dtype, x, linear(hidden, weight, bias), hidden)),)


_CONVERTED = (dtypes.float32, *dtypes.HALVES)


def _in(dtype: Any, *given: Any) -> tuple:
    """Tensors as autocast converts them: products are lower, what a state is added to keeps its."""
    if modes.local.autocast is None:
        return given
    return tuple(t.to(dtype) if t is not None and t.dtype in _CONVERTED else t for t in given)


def _tanh(x: Tensor, state: tuple, weight: Tensor, bias: Tensor | None) -> tuple:
    return ((x + linear(state[0], weight, bias)).tanh(),)


def _relu(x: Tensor, state: tuple, weight: Tensor, bias: Tensor | None) -> tuple:
    return ((x + linear(state[0], weight, bias)).relu(),)


# ---- one direction of one layer


def _run(
    cell: Cell, inputs: Tensor, state: tuple, weights: list, backwards: bool, lengths: Any
) -> tuple:
    """All steps of padded input (time, batch, features): outputs and last state."""
    if backwards:
        output, last = _run(cell, _flipped(inputs, lengths), state, weights, False, lengths)
        return _flipped(output, lengths), last
    w_ih, w_hh, b_ih, b_hh, w_hr = weights
    x = linear(inputs, w_ih, b_ih)
    if w_hr is None:
        kind = (x if cell in (_tanh, _relu) else state[-1]).dtype  # the op takes one
        state = _in(kind, *state)
        x, w_hh, b_hh = _in(kind, x, *_in(x.dtype, w_hh), b_hh)
        states = _run_whole(cell, x, state, w_hh, b_hh, lengths)
        return states[0], tuple(_last(s, lengths) for s in states)
    steps = []
    for step in x.unbind(0):  # (batch, gates)
        hidden, *others = cell(step, state, w_hh, b_hh)
        state = (linear(hidden, w_hr), *others)
        steps.append(state)
    outputs = stack([s[0] for s in steps])
    if lengths is not None:
        state = tuple(_last(stack(list(each)), lengths) for each in zip(*steps))
    return outputs, state


def _flipped(x: Tensor, lengths: Any) -> Tensor:
    """The steps in reverse, of each sequence its own where there are lengths."""
    if lengths is None:
        return x.flip(0)
    steps = arange(len(x)).reshape(-1, 1)
    places = lengths - 1 - steps
    return x.gather(0, places.where(places >= 0, steps).unsqueeze(-1).expand(x.shape))


def _last(states: Tensor, lengths: Any) -> Tensor:
    if lengths is None:
        return states[-1]
    return states.gather(0, (lengths - 1).reshape(1, -1, 1).expand(1, *states.shape[1:]))[0]


def _run_whole(
    cell: Cell, x: Tensor, state: tuple, weight: Tensor, bias: Tensor | None, lengths: Any
) -> tuple:
    if cell is _gru:
        more = [] if bias is None else [bias]
        return (gru_sequence([x, *state, weight, *more]),)
    x = x if bias is None else x + bias
    if cell is _lstm:
        return lstm_sequence([x, *state, weight])
    there = []
    if cell is _relu and lengths is not None:  # other states cannot overflow in the padding
        there = [(arange(len(x)).reshape(-1, 1) < lengths).unsqueeze(-1).to(x.dtype)]
    return (rnn_sequence([x, *state, weight, *there], relu=cell is _relu),)


class _Packing:
    """Where the steps of packed sequences lie among padded ones (time, batch, features)."""

    def __init__(self, data: Tensor, sizes: list[int]) -> None:
        self.shape = len(sizes), sizes[0]
        lengths = [sum(size > i for size in sizes) for i in range(sizes[0])]
        places = [t * sizes[0] + i for t, size in enumerate(sizes) for i in range(size)]
        self.lengths = tensor(lengths, device=data.device)
        self.places = tensor(places, device=data.device)

    def padded(self, data: Tensor) -> Tensor:
        whole = data.new_zeros((prod(self.shape), *data.shape[1:]))
        return whole.index_copy(0, self.places, data).unflatten(0, self.shape)

    def packed(self, x: Tensor) -> Tensor:
        return x.flatten(0, 1).index_select(0, self.places)


# ---- all layers


def _network(
    cell: Cell, input: Tensor, sizes: Tensor | None, states: tuple, params: Any, has_biases: bool,
    num_layers: int, p: float, train: bool, bidirectional: bool, lengths: Tensor | None = None,
) -> tuple[Tensor, tuple]:  # fmt: skip
    """The output of the last layer, and the last state of every layer and direction.

    lengths: of sequences in padded input whose steps beyond count for nothing.
    """
    packing = None
    if sizes is not None:
        packing = _Packing(input, [int(size) for size in sizes.tolist()])
        input, lengths = packing.padded(input), packing.lengths
    elif lengths is not None and p and train and num_layers > 1:
        without_value(None, "dropout of packed data, which is drawn for what there is,")
    directions = 2 if bidirectional else 1
    weights = _grouped(params, has_biases, num_layers * directions)
    last = []
    for layer in range(num_layers):
        outputs = []
        for direction in range(directions):
            number = layer * directions + direction
            state = tuple(s[number] for s in states)
            made = _run(cell, input, state, weights[number], direction == 1, lengths)
            outputs.append(made[0])
            last.append(made[1])
        input = cat(outputs, -1) if bidirectional else outputs[0]
        if p and train and layer < num_layers - 1:
            input = packing.packed(input) if packing else input
            input = dropout(input, p, True)
            input = packing.padded(input) if packing else input
    return packing.packed(input) if packing else input, tuple(
        stack([s[i] for s in last]) for i in range(len(states))
    )


def _grouped(params: Any, has_biases: bool, count: int) -> list[list]:
    """[w_ih, w_hh, b_ih, b_hh, w_hr] for each layer and direction; None for what there is not."""
    each = len(params) // count
    groups = []
    for i in range(count):
        given = list(params[i * each : (i + 1) * each])
        biases = given[2:4] if has_biases else [None, None]
        rest = given[4:] if has_biases else given[2:]
        groups.append([*given[:2], *biases, rest[0] if rest else None])
    return groups


def _call(cell: Cell, input: Tensor, second: Any, third: Any, rest: tuple, kwargs: dict) -> Any:
    """PyTorch's two forms: (input, hx, params, ...) and (data, batch_sizes, hx, params, ...)."""
    packed = isinstance(third, Tensor) or (
        isinstance(third, (tuple, list)) and isinstance(second, Tensor) and len(third) == 2
        and bool(rest) and isinstance(rest[0], (tuple, list))
    )  # fmt: skip
    names = ["has_biases", "num_layers", "dropout", "train", "bidirectional", "batch_first"]
    if packed:
        sizes, hx, params, rest = second, third, rest[0], rest[1:]
    else:
        sizes, hx, params = None, second, third
    options = dict(zip(names, rest)) | kwargs
    batch_first = options.pop("batch_first", False)
    p = options.pop("dropout")
    states: tuple = (hx,) if isinstance(hx, Tensor) else tuple(hx)
    if cell is _lstm and not packed and states[0].shape == states[1].shape:
        lower = modes.local.autocast  # PyTorch has one op for all of it
        (input,), states, params = (_in(lower, *each) for each in ((input,), states, params))
    if batch_first:
        input = input.transpose(0, 1)
    output, last = _network(cell, input, sizes, states, params, p=p, **options)
    return (output.transpose(0, 1) if batch_first else output), *last


def lstm(input: Tensor, hx: Any, params: Any, *args: Any, **kwargs: Any) -> Any:
    """An LSTM of several layers: (output, hidden, cell).

    `lstm(input, (h, c), params, has_biases, num_layers, dropout, train, bidirectional,
    batch_first)`, or `lstm(data, batch_sizes, (h, c), params, has_biases, ...)` for packed input.
    """
    return _call(_lstm, input, hx, params, args, kwargs)


def _network_of(cell: Cell, name: str, what: str):
    def network(input: Tensor, hx: Any, params: Any, *args: Any, **kwargs: Any) -> Any:
        return _call(cell, input, hx, params, args, kwargs)

    return named(network, name, f"{what}: (output, hidden). Arguments as of `lstm`.")


gru = _network_of(_gru, "gru", "A GRU of several layers")
rnn_tanh = _network_of(_tanh, "rnn_tanh", "A plain recurrent network with tanh")
rnn_relu = _network_of(_relu, "rnn_relu", "A plain recurrent network with relu")


# ---- single steps


def lstm_cell(
    input: Tensor, hx: Any, w_ih: Tensor, w_hh: Tensor, b_ih: Tensor | None = None,
    b_hh: Tensor | None = None,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """One step of an LSTM: (hidden, cell)."""
    hidden, cell = _lstm(linear(input, w_ih, b_ih), tuple(hx), w_hh, b_hh)
    return hidden, cell


def _simple_cell(step: Cell, name: str, what: str):
    """One step of a network whose state is its output."""

    def cell(
        input: Tensor, hx: Tensor, w_ih: Tensor, w_hh: Tensor, b_ih: Tensor | None = None,
        b_hh: Tensor | None = None,
    ) -> Tensor:  # fmt: skip
        return step(linear(input, w_ih, b_ih), (hx,), w_hh, b_hh)[0]

    return named(cell, name, f"One step of {what}.")


gru_cell = _simple_cell(_gru, "gru_cell", "a GRU")
rnn_tanh_cell = _simple_cell(_tanh, "rnn_tanh_cell", "a plain recurrent network with tanh")
rnn_relu_cell = _simple_cell(_relu, "rnn_relu_cell", "a plain recurrent network with relu")
