"""Recurrent networks as loops over time: plain, LSTM and GRU, padded or packed, and their cells.

The inputs of all steps are projected in one product; then one op runs a layer's whole sequence.
Packed input, whose batch changes, and projected states take one step at a time.
"""

from collections.abc import Callable
from typing import Any

from ..._core.naming import named
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
    return lstm_step(x + linear(hidden, weight, bias), cell)


def _gru(x: Tensor, state: tuple, weight: Tensor, bias: Tensor | None) -> tuple:
    return (gru_step(x, linear(state[0], weight, bias), state[0]),)


def _tanh(x: Tensor, state: tuple, weight: Tensor, bias: Tensor | None) -> tuple:
    return ((x + linear(state[0], weight, bias)).tanh(),)


def _relu(x: Tensor, state: tuple, weight: Tensor, bias: Tensor | None) -> tuple:
    return ((x + linear(state[0], weight, bias)).relu(),)


# ---- one direction of one layer


def _run(cell: Cell, inputs: Tensor, state: tuple, weights: list, backwards: bool) -> tuple:
    """All steps of padded input (time, batch, features): outputs and last state."""
    if backwards:
        output, last = _run(cell, inputs.flip(0), state, weights, False)
        return output.flip(0), last
    w_ih, w_hh, b_ih, b_hh, w_hr = weights
    x = linear(inputs, w_ih, b_ih)
    if w_hr is None:
        return _run_whole(cell, x, state, w_hh, b_hh)
    outputs = []
    for step in x.unbind(0):  # (batch, gates)
        state = _projected(cell(step, state, w_hh, b_hh), w_hr)
        outputs.append(state[0])
    return stack(outputs), state


def _run_whole(cell: Cell, x: Tensor, state: tuple, weight: Tensor, bias: Tensor | None) -> tuple:
    """The same as one op over all steps."""
    if cell is _gru:
        more = [] if bias is None else [bias]
        output = gru_sequence([x, *state, weight, *more])
        return output, (output[-1],)
    x = x if bias is None else x + bias
    if cell is _lstm:
        output, cells = lstm_sequence([x, *state, weight])
        return output, (output[-1], cells[-1])
    output = rnn_sequence([x, *state, weight], relu=cell is _relu)
    return output, (output[-1],)


def _projected(state: tuple, weight: Tensor | None) -> tuple:
    return state if weight is None else (linear(state[0], weight), *state[1:])


def _run_packed(
    cell: Cell, data: Tensor, sizes: list[int], state: tuple, weights: list, backwards: bool
) -> tuple:
    """All steps of packed input: at step t only the first sizes[t] sequences are still running."""
    w_ih, w_hh, b_ih, b_hh, w_hr = weights
    steps = linear(data, w_ih, b_ih).split(sizes)
    whole, outputs, ended = state, [], []
    running = sizes[-1] if backwards else sizes[0]
    state = tuple(s[:running] for s in whole)
    for x in reversed(steps) if backwards else steps:
        size = x.shape[0]
        if size > running:  # backwards: longer sequences first, these begin now
            state = tuple(cat([s, w[running:size]]) for s, w in zip(state, whole, strict=True))
        elif size < running:  # forwards: these have ended
            ended.append(tuple(s[size:] for s in state))
            state = tuple(s[:size] for s in state)
        running = size
        state = _projected(cell(x, state, w_hh, b_hh), w_hr)
        outputs.append(state[0])
    parts = [state, *reversed(ended)]
    last = tuple(cat([p[i] for p in parts]) for i in range(len(state))) if ended else state
    return cat(outputs[::-1] if backwards else outputs), last


# ---- all layers


def _network(
    cell: Cell,
    input: Tensor,
    sizes: Tensor | None,
    states: tuple,
    params: Any,
    has_biases: bool,
    num_layers: int,
    p: float,
    train: bool,
    bidirectional: bool,
) -> tuple[Tensor, tuple]:
    """The output of the last layer, and the last state of every layer and direction."""
    directions = 2 if bidirectional else 1
    weights = _grouped(params, has_biases, num_layers * directions)
    counts = None if sizes is None else [int(size) for size in sizes.tolist()]
    last = []
    for layer in range(num_layers):
        outputs = []
        for direction in range(directions):
            number = layer * directions + direction
            state = tuple(s[number] for s in states)
            if counts is None:
                made = _run(cell, input, state, weights[number], direction == 1)
            else:
                made = _run_packed(cell, input, counts, state, weights[number], direction == 1)
            outputs.append(made[0])
            last.append(made[1])
        input = cat(outputs, -1) if bidirectional else outputs[0]
        if p and train and layer < num_layers - 1:
            input = dropout(input, p, True)
    return input, tuple(stack([s[i] for s in last]) for i in range(len(states)))


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
    options = dict(zip(names, rest, strict=False)) | kwargs
    batch_first = options.pop("batch_first", False)
    p = options.pop("dropout")
    states = (hx,) if isinstance(hx, Tensor) else tuple(hx)
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
    input: Tensor,
    hx: Any,
    w_ih: Tensor,
    w_hh: Tensor,
    b_ih: Tensor | None = None,
    b_hh: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """One step of an LSTM: (hidden, cell)."""
    hidden, cell = _lstm(linear(input, w_ih, b_ih), tuple(hx), w_hh, b_hh)
    return hidden, cell


def _simple_cell(step: Cell, name: str, what: str):
    """One step of a network whose state is its output."""

    def cell(
        input: Tensor,
        hx: Tensor,
        w_ih: Tensor,
        w_hh: Tensor,
        b_ih: Tensor | None = None,
        b_hh: Tensor | None = None,
    ) -> Tensor:
        return step(linear(input, w_ih, b_ih), (hx,), w_hh, b_hh)[0]

    return named(cell, name, f"One step of {what}.")


gru_cell = _simple_cell(_gru, "gru_cell", "a GRU")
rnn_tanh_cell = _simple_cell(_tanh, "rnn_tanh_cell", "a plain recurrent network with tanh")
rnn_relu_cell = _simple_cell(_relu, "rnn_relu_cell", "a plain recurrent network with relu")
