"""One step of a gated recurrent cell, after the matrix products: gates to the next state."""

from collections.abc import Iterator
from typing import Any

from .._core.op import op
from .activation import logistic


def _part(m: Any, x: Any, number: int, count: int) -> Any:
    """One of `count` equal parts of the last axis."""
    size = x.shape[-1] // count
    return m.index(x, (..., slice(number * size, (number + 1) * size)))


@op("same", outputs=("hidden", "cell"), node="LstmCellBackward0")
def lstm_step(m: Any, gates: Any, cell: Any) -> Any:
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
def _(m: Any, g: Any, gates: Any, cell: Any, out: Any) -> Any:
    enter, forget, leave = _lstm_gates(m, gates)
    candidate, bent = m.tanh(_part(m, gates, 2, 4)), m.tanh(out[1])
    towards = _towards_cell(m, g, leave, bent)
    parts = [
        towards * candidate * enter * (1 - enter),
        towards * cell * forget * (1 - forget),
        towards * enter * (1 - candidate * candidate),
    ]
    last = m.zeros_like(cell) if g[0] is None else g[0] * bent * leave * (1 - leave)
    return m.concat([*parts, last], -1)


@lstm_step.vjp("cell")
def _(m: Any, g: Any, gates: Any, out: Any) -> Any:
    _, forget, leave = _lstm_gates(m, gates)
    return _towards_cell(m, g, leave, m.tanh(out[1])) * forget


def _towards_cell(m: Any, g: Any, leave: Any, bent: Any) -> Any:
    """The gradient that reaches the new cell, by itself and through the hidden state."""
    hidden, cell = g
    if hidden is None:
        return cell
    through = hidden * leave * (1 - bent * bent)
    return through if cell is None else through + cell


@lstm_step.samples
def _(draw: Any) -> Iterator:
    yield (draw(2, 12), draw(2, 3)), {}
    yield (draw(4), draw(1)), {}


@op("same", node="GruCellBackward0")
def gru_step(m: Any, inputs: Any, recurrent: Any, hidden: Any) -> Any:
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
def _(m: Any, g: Any, inputs: Any, recurrent: Any, hidden: Any) -> Any:
    _, opened, moved, bent = _gru_slopes(m, g, inputs, recurrent, hidden)
    return m.concat([opened, moved, bent], -1)


@gru_step.vjp("recurrent")
def _(m: Any, g: Any, inputs: Any, recurrent: Any, hidden: Any) -> Any:
    reset, opened, moved, bent = _gru_slopes(m, g, inputs, recurrent, hidden)
    return m.concat([opened, moved, bent * reset], -1)


@gru_step.vjp("hidden")
def _(m: Any, g: Any, inputs: Any, recurrent: Any) -> Any:
    return g * logistic(m, _part(m, inputs, 1, 3) + _part(m, recurrent, 1, 3))


@gru_step.samples
def _(draw: Any) -> Iterator:
    yield (draw(2, 9), draw(2, 9), draw(2, 3)), {}
    yield (draw(3), draw(3), draw(1)), {}
