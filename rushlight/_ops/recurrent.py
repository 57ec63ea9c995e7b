"""One step of a gated recurrent cell, after the matrix products: gates to the next state."""

from functools import partial
from typing import Any

from .._arrays import loop
from .._core.kinds import DIFFERENTIABLE, speak
from .._core.modes import records
from .._core.op import op
from .activation import logistic
from .dims import turned


def _part(m: Any, x: Any, number: int, count: int) -> Any:
    size = x.shape[-1] // count
    return m.index(x, (..., slice(number * size, (number + 1) * size)))


@op("same", outputs=("hidden", "cell"), node="LstmCellBackward0")
def lstm_step(m, gates, cell):
    """The next hidden state and cell of an LSTM (Hochreiter and Schmidhuber, 1997).

    gates (..., 4 size): input, forget, candidate, output, before their nonlinearities;
    cell (..., size).
    """
    enter, forget, leave = _lstm_gates(m, gates)
    after = forget * cell + enter * m.tanh(_part(m, gates, 2, 4))
    return leave * m.tanh(after), after


def _lstm_gates(m: Any, gates: Any) -> tuple[Any, Any, Any]:
    """Input, forget and output gate; one call on all four parts is quicker than three on three."""
    opened = logistic(m, gates)
    return _part(m, opened, 0, 4), _part(m, opened, 1, 4), _part(m, opened, 3, 4)


@lstm_step.vjp("gates")
def _(m, g, gates, cell, out):
    enter, forget, leave = _lstm_gates(m, gates)
    candidate, bent = m.tanh(_part(m, gates, 2, 4)), m.tanh(out[1])
    towards = _towards_cell(g, leave, bent)
    parts = [
        towards * candidate * enter * (1 - enter),
        towards * cell * forget * (1 - forget),
        towards * enter * (1 - candidate * candidate),
    ]
    last = m.zeros_like(cell) if g[0] is None else g[0] * bent * leave * (1 - leave)
    return m.concat([*parts, last], -1)


@lstm_step.vjp("cell")
def _(m, g, gates, out):
    _, forget, leave = _lstm_gates(m, gates)
    return _towards_cell(g, leave, m.tanh(out[1])) * forget


def _towards_cell(g: Any, leave: Any, bent: Any) -> Any:
    """The gradient that reaches the new cell, by itself and through the hidden state."""
    hidden, cell = g
    if hidden is None:
        return cell
    through = hidden * leave * (1 - bent * bent)
    return through if cell is None else through + cell


@op("same", node="GruCellBackward0")
def gru_step(m, inputs, recurrent, hidden):
    """The next hidden state of a GRU (Cho and others, 2014).

    inputs, recurrent (..., 3 size): what input and state give to reset, update and candidate;
    hidden (..., size).
    """
    _, update, candidate = _gru_gates(m, inputs, recurrent)
    return candidate + update * (hidden - candidate)


def _gru_gates(m: Any, inputs: Any, recurrent: Any) -> tuple[Any, Any, Any]:
    opened = logistic(
        m, inputs + recurrent
    )  # the third part is not needed, and cheaper than a call
    reset, update = _part(m, opened, 0, 3), _part(m, opened, 1, 3)
    candidate = m.tanh(_part(m, inputs, 2, 3) + reset * _part(m, recurrent, 2, 3))
    return reset, update, candidate


def _gru_slopes(m: Any, g: Any, inputs: Any, recurrent: Any, hidden: Any) -> tuple:
    """The gate `reset`, and the gradients towards the arguments of the three nonlinearities."""
    reset, update, candidate = _gru_gates(m, inputs, recurrent)
    bent = g * (1 - update) * (1 - candidate * candidate)
    opened = bent * _part(m, recurrent, 2, 3) * reset * (1 - reset)
    moved = g * (hidden - candidate) * update * (1 - update)
    return reset, opened, moved, bent


@gru_step.vjp("inputs")
def _(m, g, inputs, recurrent, hidden):
    _, opened, moved, bent = _gru_slopes(m, g, inputs, recurrent, hidden)
    return m.concat([opened, moved, bent], -1)


@gru_step.vjp("recurrent")
def _(m, g, inputs, recurrent, hidden):
    reset, opened, moved, bent = _gru_slopes(m, g, inputs, recurrent, hidden)
    return m.concat([opened, moved, bent * reset], -1)


@gru_step.vjp("hidden")
def _(m, g, inputs, recurrent):
    return g * logistic(m, _part(m, inputs, 1, 3) + _part(m, recurrent, 1, 3))


# ---- whole sequences: one op for a layer and direction
#
# The tensors come as one list, so that one rule gives all their gradients: it computes what it can
# for all steps at once and walks back through time with what is left.


def _before(m: Any, first: Any, states: Any) -> Any:
    """The state that each step started from."""
    head = m.reshape(first, (1, *first.shape))
    return m.concat([head, m.index(states, slice(0, states.shape[0] - 1))], 0)


def _weight_gradient(m: Any, towards: Any, states: Any) -> Any:
    """The gradient of `weight` in `states @ weight.T`, summed over steps and batch."""
    rows = m.reshape(towards, (-1, towards.shape[-1]))
    return m.matmul(turned(m, rows), m.reshape(states, (-1, states.shape[-1])))


@op("same", outputs=("hidden", "cells"), keeps=("gates", "candidates"), node="LstmBackward0")
def lstm_sequence(m, tensors: list):
    """Hidden states and cells of an LSTM at all steps.

    tensors: projected inputs with both biases (time, batch, 4 size), first hidden state and cell
    (batch, size), recurrent weight (4 size, size).
    """
    x, hidden, cell, weight = tensors
    across, keeps = turned(m, weight), records()

    def step(carry, given):
        (hidden, cell), (gates,) = carry, given
        opened, candidate = _lstm_opened(m, gates + m.matmul(hidden, across))
        cell = _part(m, opened, 1, 4) * cell + _part(m, opened, 0, 4) * candidate
        hidden = _part(m, opened, 3, 4) * m.tanh(cell)
        return (hidden, cell), (hidden, cell, *((opened, candidate) if keeps else (None, None)))

    _, (hiddens, cells, gates, candidates) = m.scan(step, (hidden, cell), (x,))
    return (hiddens, cells), gates, candidates


def _lstm_opened(m: Any, gates: Any) -> tuple[Any, Any]:
    """All gates, opened, and the candidates."""
    return logistic(m, gates), m.tanh(_part(m, gates, 2, 4))


@lstm_sequence.residuals
def _(m, tensors, out):
    x, first, _, weight = tensors
    return _lstm_opened(m, x + m.matmul(_before(m, first, out[0]), turned(m, weight)))


@lstm_sequence.vjp("tensors")
def _(m, g, tensors, gates, candidates, out):
    _, first, first_cell, weight = tensors
    before, cells = _before(m, first, out[0]), _before(m, first_cell, out[1])
    enter, forget, leave = (_part(m, gates, k, 4) for k in (0, 1, 3))
    candidate, bent = candidates, m.tanh(out[1])
    slopes = m.concat(
        [
            candidate * enter * (1 - enter),
            cells * forget * (1 - forget),
            enter * (1 - candidate * candidate),
            bent * leave * (1 - leave),
        ],
        -1,
    )
    through = leave * (1 - bent * bent)

    def step(carry, given):
        (hidden, cell), (slope, bridge, forgot, *own) = carry, given
        hidden = hidden if g[0] is None else own[0] + hidden
        cell = (cell if g[1] is None else own[-1] + cell) + hidden * bridge
        towards = m.concat([cell, cell, cell, hidden], -1) * slope
        return (m.matmul(towards, weight), cell * forgot), (towards,)

    last = m.zeros_like(first), m.zeros_like(first_cell)
    given = (slopes, through, forget, *[x for x in g if x is not None])
    (hidden, cell), (whole,) = m.scan(step, last, given, reverse=True)
    return [whole, hidden, cell, _weight_gradient(m, whole, before)]


@op("same", keeps=("products",), node="GruBackward0")
def gru_sequence(m, tensors: list):
    """Hidden states of a GRU at all steps.

    tensors: projected inputs with their bias (time, batch, 3 size), first hidden state (batch,
    size), recurrent weight (3 size, size), and recurrent bias (3 size) if there is one.
    """
    x, hidden, weight, *bias = tensors
    across, keeps = turned(m, weight), records()

    def step(carry, given):
        (hidden,), (inputs,) = carry, given
        product = _gru_product(m, hidden, across, bias)
        _, update, candidate = _gru_gates(m, inputs, product)
        hidden = candidate + update * (hidden - candidate)
        return (hidden,), (hidden, product if keeps else None)

    return m.scan(step, (hidden,), (x,))[1]


def _gru_product(m: Any, hidden: Any, across: Any, bias: list) -> Any:
    made = m.matmul(hidden, across)
    return made + bias[0] if bias else made


@gru_sequence.residuals
def _(m, tensors, out):
    _, first, weight, *bias = tensors
    return (_gru_product(m, _before(m, first, out), turned(m, weight), bias),)


@gru_sequence.vjp("tensors")
def _(m, g, tensors, products, out):
    x, first, weight, *bias = tensors
    before, recurrent = _before(m, first, out), products
    reset, update, candidate = _gru_gates(m, x, recurrent)
    bent = (1 - update) * (1 - candidate * candidate)
    opened = bent * _part(m, recurrent, 2, 3) * reset * (1 - reset)
    moved = (before - candidate) * update * (1 - update)
    slopes = m.concat([opened, moved, bent * reset], -1)

    def step(carry, given):
        (hidden,), (own, slope, updated) = carry, given
        hidden = own + hidden
        towards = m.concat([hidden, hidden, hidden], -1) * slope
        return (hidden * updated + m.matmul(towards, weight),), (towards, hidden)

    start, given = (m.zeros_like(first),), (g, slopes, update)
    (hidden,), (whole, arriving) = m.scan(step, start, given, reverse=True)
    inputs = m.concat([_part(m, whole, 0, 3), _part(m, whole, 1, 3), arriving * bent], -1)
    made = [inputs, hidden, _weight_gradient(m, whole, before)]
    return [*made, m.sum(whole, axis=(0, 1))] if bias else made


@op("same", node="RnnBackward0")
def rnn_sequence(m, tensors: list, *, relu: bool = False):
    """Hidden states of a plain recurrent network at all steps.

    tensors: projected inputs with both biases (time, batch, size), first hidden state (batch,
    size), recurrent weight (size, size), and maybe 1 where there is a step (time, batch, 1): beyond
    the state is 0, lest it overflow.
    """
    x, hidden, weight, *there = tensors
    across = turned(m, weight)

    def step(carry, given):
        bent = given[0] + m.matmul(carry[0], across)
        hidden = m.maximum(bent, 0) if relu else m.tanh(bent)
        hidden = m.where(given[1] > 0, hidden, 0) if there else hidden
        return (hidden,), (hidden,)

    return m.scan(step, (hidden,), (x, *there))[1][0]


@rnn_sequence.vjp("tensors")
def _(m, g, tensors, out, relu):
    _, first, weight, *there = tensors

    def step(carry, given):
        hidden, state = given[0] + carry[0], given[1]
        towards = m.where(state > 0, hidden, 0) if relu else hidden * (1 - state * state)
        return (m.matmul(towards, weight),), (towards,)

    (hidden,), (whole,) = m.scan(step, (m.zeros_like(first),), (g, out), reverse=True)
    made = [whole, hidden, _weight_gradient(m, whole, _before(m, first, out))]
    return made + [None] * len(there)


speak(scan=partial(loop.scan, DIFFERENTIABLE))
