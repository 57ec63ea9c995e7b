"""Recurrent layers and cells."""

import math
import numbers
import warnings
from collections.abc import Callable
from typing import Any

from ..._core import modes
from ..._core.errors import wrong_argument
from ..._tensor import Tensor
from .. import init
from ..functional import recurrent
from ..parameter import Parameter, add_parameters
from ..utils.rnn import PackedSequence, Ragged
from .module import Module
from .utils import unusual

_GATES = {"LSTM": 4, "GRU": 3, "RNN_TANH": 1, "RNN_RELU": 1}
_NETWORKS = {
    "LSTM": recurrent.lstm,
    "GRU": recurrent.gru,
    "RNN_TANH": recurrent.rnn_tanh,
    "RNN_RELU": recurrent.rnn_relu,
}


class _Recurrent(Module):
    hidden_size: int

    def reset_parameters(self) -> None:
        """Draw the parameters anew."""
        bound = 1.0 / math.sqrt(self.hidden_size) if self.hidden_size > 0 else 0
        for weight in self.parameters():
            init.uniform_(weight, -bound, bound)


class RNNBase(_Recurrent):
    """What RNN, LSTM and GRU share: parameters, checks, packed input.

    All parameters start uniform in ±1/sqrt(hidden_size).
    """

    __constants__ = (
        "mode input_size hidden_size num_layers bias batch_first dropout bidirectional proj_size"
    ).split()

    def __init__(
        self, mode: str, input_size: int, hidden_size: int, num_layers: int = 1, bias: bool = True,
        batch_first: bool = False, dropout: float = 0.0, bidirectional: bool = False,
        proj_size: int = 0, device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__()
        _check_dropout(dropout, num_layers)
        _check_types(bool, bias=bias, batch_first=batch_first)
        _check_types(int, input_size=input_size, hidden_size=hidden_size)
        _check_sizes(input_size, hidden_size, num_layers, proj_size)
        if mode not in _GATES:
            raise ValueError("Unrecognized RNN mode: " + mode)
        self.mode = mode
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.bias = bias
        self.batch_first = batch_first
        self.dropout = float(dropout)
        self.bidirectional = bidirectional
        self.proj_size = proj_size
        self._all_weights: list[list[str]] = []
        for layer in range(num_layers):
            for suffix in ("", "_reverse") if bidirectional else ("",):
                self._make_weights(layer, suffix, {"device": device, "dtype": dtype})
        self.reset_parameters()

    def _make_weights(self, layer: int, suffix: str, place: dict) -> None:
        gates = _GATES[self.mode] * self.hidden_size
        outputs = self.proj_size or self.hidden_size
        inputs = outputs * (2 if self.bidirectional else 1) if layer else self.input_size
        shapes = {"weight_ih": (gates, inputs), "weight_hh": (gates, outputs)}
        if self.bias:
            shapes |= {"bias_ih": (gates,), "bias_hh": (gates,)}
        if self.proj_size:
            shapes["weight_hr"] = (self.proj_size, self.hidden_size)
        named = {f"{kind}_l{layer}{suffix}": shape for kind, shape in shapes.items()}
        self._all_weights.append(list(named))
        add_parameters(self, place, **named)

    @property
    def all_weights(self) -> list[list[Parameter]]:
        """The parameters, grouped by layer and direction."""
        return [[getattr(self, name) for name in names] for names in self._all_weights]

    @property
    def _flat_weights(self) -> list[Parameter]:
        return [getattr(self, name) for names in self._all_weights for name in names]

    @property
    def _flat_weights_names(self) -> list[str]:
        return [name for names in self._all_weights for name in names]

    def flatten_parameters(self) -> None:
        """Nothing: only cuDNN wants the parameters side by side."""

    def check_input(self, input: Tensor, batch_sizes: Tensor | None) -> None:
        """Refuse input of another dtype or size."""
        expected = self._flat_weights[0].dtype
        if input.dtype is not expected and modes.local.autocast is None:
            raise ValueError(
                f"RNN input dtype ({input.dtype}) does not match weight dtype ({expected}). "
                f"Convert input: input.to({expected}), or convert model: model.to({input.dtype})"
            )
        dims = 2 if batch_sizes is not None else 3
        if input.dim() != dims:
            raise RuntimeError(f"input must have {dims} dimensions, got {input.dim()}")
        if self.input_size != input.shape[-1]:
            raise RuntimeError(
                "input.size(-1) must be equal to input_size. "
                f"Expected {self.input_size}, got {input.shape[-1]}"
            )

    def _state_size(self, input: Tensor, batch_sizes: Tensor | None, size: int) -> tuple:
        if batch_sizes is not None:
            batch = int(batch_sizes[0])
        else:
            batch = input.shape[0 if self.batch_first else 1]
        return self.num_layers * (2 if self.bidirectional else 1), batch, size

    def get_expected_hidden_size(self, input: Tensor, batch_sizes: Tensor | None) -> tuple:
        """The shape of the hidden state: (layers * directions, batch, features)."""
        return self._state_size(input, batch_sizes, self.proj_size or self.hidden_size)

    def check_hidden_size(
        self, hx: Tensor, expected_hidden_size: tuple, msg: str = "Expected hidden size {}, got {}"
    ) -> None:
        """Refuse a state of another shape."""
        if hx.shape != tuple(expected_hidden_size):
            raise RuntimeError(msg.format(tuple(expected_hidden_size), list(hx.shape)))

    def check_forward_args(self, input: Tensor, hidden: Any, batch_sizes: Tensor | None) -> None:
        """Refuse input or state that do not fit."""
        self.check_input(input, batch_sizes)
        self.check_hidden_size(hidden, self.get_expected_hidden_size(input, batch_sizes))

    def permute_hidden(self, hx: Any, permutation: Tensor | None) -> Any:
        """The state with its sequences in another order."""
        return hx if permutation is None else _each(hx, lambda s: s.index_select(1, permutation))

    def _fresh_state(self, input: Tensor, batch_sizes: Tensor | None) -> Any:
        return input.new_zeros(self.get_expected_hidden_size(input, batch_sizes))

    def _name(self) -> str:
        return self.mode.partition("_")[0]

    def forward(self, input: Any, hx: Any = None) -> Any:
        if isinstance(input, PackedSequence):
            return self._forward_packed(input, hx)
        if input.dim() not in (2, 3):
            tensor = " tensor" if self._name() == "RNN" else ""
            raise ValueError(
                f"{self._name()}: Expected input to be 2D or 3D, got {input.dim()}D{tensor} instead"
            )
        batched = input.dim() == 3
        axis = 0 if self.batch_first else 1
        if not batched:
            input = input.unsqueeze(axis)
        hx = self._fresh_state(input, None) if hx is None else _batched(hx, batched, self._name())
        self.check_forward_args(input, hx, None)
        if self.mode != "LSTM" and not input.shape[1 - axis]:
            raise RuntimeError("Expected sequence length to be larger than 0 in RNN")
        output, state = self._run(input, None, hx)
        if batched:
            return output, state
        return output.squeeze(axis), _each(state, lambda s: s.squeeze(1))

    def _forward_packed(self, packed: PackedSequence, hx: Any) -> Any:
        if isinstance(packed, Ragged):
            data, lengths = packed.whole
            data = data.transpose(0, 1) if self.batch_first else data
            hx = self._fresh_state(data, None) if hx is None else hx
            self.check_forward_args(data, hx, None)
            output, state = self._run(data, None, hx, lengths=lengths)
            return Ragged(output.transpose(0, 1) if self.batch_first else output, lengths), state
        data, sizes, order, back = packed
        hx = self._fresh_state(data, sizes) if hx is None else self.permute_hidden(hx, order)
        self.check_forward_args(data, hx, sizes)
        output, state = self._run(data, sizes, hx)
        return PackedSequence(output, sizes, order, back), self.permute_hidden(state, back)

    def _run(self, input: Tensor, sizes: Tensor | None, hx: Any, **more: Any) -> tuple:
        where = (input, hx) if sizes is None else (input, sizes, hx)
        output, *state = _NETWORKS[self.mode](
            *where, self._flat_weights, has_biases=self.bias, num_layers=self.num_layers,
            dropout=self.dropout, train=self.training, bidirectional=self.bidirectional,
            batch_first=self.batch_first and sizes is None, **more,
        )  # fmt: skip
        return output, tuple(state) if len(state) > 1 else state[0]

    def extra_repr(self) -> str:
        usual = {"proj_size": 0, "num_layers": 1, "bias": True}
        usual |= {"batch_first": False, "dropout": 0, "bidirectional": False}
        return f"{self.input_size}, {self.hidden_size}{unusual(self, **usual)}"

    def __getstate__(self) -> dict[str, Any]:
        return {
            **super().__getstate__(),
            "_flat_weights": self._flat_weights,
            "_flat_weights_names": self._flat_weights_names,
        }

    def __setstate__(self, state: dict) -> None:
        known = {"proj_size": 0, **state}
        for name in ("_flat_weights", "_flat_weights_names", "_flat_weight_refs"):
            known.pop(name, None)  # PyTorch's pickles carry them; here they are computed
        super().__setstate__(known)


def _each(hx: Any, change: Callable[[Tensor], Tensor]) -> Any:
    """A state, which is one tensor or a pair, with each tensor changed."""
    return change(hx) if isinstance(hx, Tensor) else tuple(map(change, hx))


def _batched(hx: Any, batched: bool, name: str) -> Any:
    """The state with its batch axis, which unbatched input lacks."""
    kind, dims = ("batched", 3) if batched else ("unbatched", 2)
    pair = name == "LSTM"
    try:
        found = [hx[0].dim(), hx[1].dim()] if pair else [hx.dim()]
    except (AttributeError, IndexError) as error:
        wanted = "a pair of tensors, (h_0, c_0)" if pair else "one tensor"
        raise type(error)(f"{error}; the state of {name} is {wanted}") from None
    if pair and not isinstance(hx, Tensor) and len(hx) > 2:
        raise RuntimeError(f"lstm expects two hidden states, not {len(hx)}")
    if any(n != dims for n in found):
        each = ", ".join(f"{n}-D" for n in found)
        names, got = "hx", f"{each} tensor"
        if len(found) == 2:
            names, got = "hx and cx", f"({each}) tensors"
        raise RuntimeError(
            f"For {kind} {dims}-D input, {names} should also be {dims}-D but got {got}"
        )
    return hx if batched else _each(hx, lambda s: s.unsqueeze(1))


def _check_dropout(dropout: Any, num_layers: int) -> None:
    number = isinstance(dropout, numbers.Real) and not isinstance(dropout, bool)
    share = float(dropout) if number else -1.0
    if not 0 <= share <= 1:
        raise ValueError(
            "dropout should be a number in range [0, 1] representing the probability of an element "
            "being zeroed"
        )
    if share > 0 and num_layers == 1:
        warnings.warn(
            "dropout option adds dropout after all but last recurrent layer, so non-zero dropout "
            f"expects num_layers greater than 1, but got dropout={dropout} and "
            f"num_layers={num_layers}",
            stacklevel=4,
        )


def _check_types(kind: type, **given: Any) -> None:
    for name, value in given.items():
        if not isinstance(value, kind):
            raise TypeError(
                f"{name} should be of type {kind.__name__}, got: {type(value).__name__}"
            )


def _check_sizes(input_size: int, hidden_size: int, num_layers: int, proj_size: int) -> None:
    sizes = {"input_size": input_size, "hidden_size": hidden_size, "num_layers": num_layers}
    for name, size in sizes.items():
        if size <= 0:
            raise ValueError(f"{name} must be greater than zero")
    if proj_size < 0:
        raise ValueError("proj_size should be a positive integer or zero to disable projections")
    if proj_size >= hidden_size:
        raise ValueError("proj_size has to be smaller than hidden_size")


class RNN(RNNBase):
    """A plain recurrent network: h' = tanh(W_ih x + b_ih + W_hh h + b_hh) in each layer.

    Args:
        input_size, hidden_size: features of input and state.
        num_layers: layers, each on the outputs of the one before.
        nonlinearity: "tanh" or "relu".
        bias: whether there are biases.
        batch_first: (batch, time, features) instead of (time, batch, features).
        dropout: probability between layers, in training.
        bidirectional: whether a second network reads backwards.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        _refuse_projection(kwargs)
        if len(args) > 3:
            nonlinearity, args = args[3], args[:3] + args[4:]
        else:
            nonlinearity = kwargs.pop("nonlinearity", "tanh")
        if nonlinearity not in ("tanh", "relu"):
            raise ValueError(
                f"Unknown nonlinearity '{nonlinearity}'. Select from 'tanh' or 'relu'."
            )
        super().__init__(f"RNN_{nonlinearity.upper()}", *args, **kwargs)
        self.nonlinearity = nonlinearity


class GRU(RNNBase):
    """A gated recurrent network (Cho and others, 2014). Arguments as of `RNN`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        _refuse_projection(kwargs)
        super().__init__("GRU", *args, **kwargs)


def _refuse_projection(kwargs: dict) -> None:
    if "proj_size" in kwargs:
        raise ValueError("proj_size argument is only supported for LSTM, not RNN or GRU")


class LSTM(RNNBase):
    """Long short-term memory (Hochreiter and Schmidhuber, 1997).

    Args as of `RNN`, and `proj_size`: features to which the state is projected. The state is a
    pair: hidden and cell.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__("LSTM", *args, **kwargs)

    def get_expected_cell_size(self, input: Tensor, batch_sizes: Tensor | None) -> tuple:
        """The shape of the cell: (layers * directions, batch, hidden_size)."""
        return self._state_size(input, batch_sizes, self.hidden_size)

    def check_forward_args(self, input: Tensor, hidden: Any, batch_sizes: Tensor | None) -> None:
        self.check_input(input, batch_sizes)
        sizes = (self.get_expected_hidden_size, self.get_expected_cell_size)
        for i, size in enumerate(sizes):
            message = f"Expected hidden[{i}] size {{}}, got {{}}"
            self.check_hidden_size(hidden[i], size(input, batch_sizes), message)

    def _fresh_state(self, input: Tensor, batch_sizes: Tensor | None) -> Any:
        hidden = super()._fresh_state(input, batch_sizes)
        return hidden, input.new_zeros(self.get_expected_cell_size(input, batch_sizes))


class RNNCellBase(_Recurrent):
    """What the single steps share."""

    __constants__ = ["input_size", "hidden_size", "bias"]

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool, num_chunks: int, device: Any = None,
        dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.bias = bias
        gates = num_chunks * hidden_size
        add_parameters(
            self, {"device": device, "dtype": dtype}, weight_ih=(gates, input_size),
            weight_hh=(gates, hidden_size), bias_ih=(gates,) if bias else None,
            bias_hh=(gates,) if bias else None,
        )  # fmt: skip
        self.reset_parameters()

    def extra_repr(self) -> str:
        text = f"{self.input_size}, {self.hidden_size}{unusual(self, bias=True)}"
        has = "nonlinearity" in self.__dict__
        return text + unusual(self, nonlinearity="tanh") if has else text

    def _step(self, step: Any, input: Tensor, hx: Any, pair: bool = False) -> Any:
        """One step on a batch, or on a single vector; the state may be a pair."""
        name = type(self).__name__
        _check_vector(name, "input", input)
        if pair and isinstance(hx, Tensor):
            raise wrong_argument("lstm_cell", "hx", 2, "tuple of Tensors", hx)
        states = hx if pair else (hx,)
        if hx is not None and pair and len(hx) != 2:
            raise RuntimeError(f"lstm_cell expects two hidden states, not {len(hx)}")
        for i, state in enumerate(() if hx is None else states):
            _check_vector(name, f"hx[{i}]" if pair else "hidden", state)
        batched = input.dim() == 2
        input = input if batched else input.unsqueeze(0)
        if hx is None:
            blank = input.new_zeros((input.shape[0], self.hidden_size))
            hx = (blank, blank) if pair else blank
        elif not batched:
            hx = _each(hx, lambda s: s.unsqueeze(0))
        for i, state in enumerate(hx if pair else (hx,)):
            n, *features = state.shape
            if n != input.shape[0]:
                raise RuntimeError(
                    f"Input batch size {input.shape[0]} doesn't match hidden{i} batch size {n}"
                )
            if features != [self.hidden_size]:
                raise RuntimeError(
                    f"hidden{i} has inconsistent hidden_size: got {features and features[0]}, "
                    f"expected {self.hidden_size}"
                )
        made = step(input, hx, self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh)
        return made if batched else _each(made, lambda s: s.squeeze(0))


def _check_vector(name: str, what: str, value: Tensor) -> None:
    if value.dim() not in (1, 2):
        raise ValueError(f"{name}: Expected {what} to be 1D or 2D, got {value.dim()}D instead")


class RNNCell(RNNCellBase):
    """One step of a plain recurrent network: h' = tanh(W_ih x + b_ih + W_hh h + b_hh)."""

    __constants__ = ["input_size", "hidden_size", "bias", "nonlinearity"]

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, nonlinearity: str = "tanh",
        device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(input_size, hidden_size, bias, 1, device, dtype)
        self.nonlinearity = nonlinearity

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        steps = {"tanh": recurrent.rnn_tanh_cell, "relu": recurrent.rnn_relu_cell}
        if self.nonlinearity not in steps:
            raise RuntimeError(f"Unknown nonlinearity: {self.nonlinearity}")
        return self._step(steps[self.nonlinearity], input, hx)


class _GatedCell(RNNCellBase):
    _gates: int

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, device: Any = None,
        dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(input_size, hidden_size, bias, self._gates, device, dtype)


class GRUCell(_GatedCell):
    """One step of a GRU."""

    _gates = 3

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        return self._step(recurrent.gru_cell, input, hx)


class LSTMCell(_GatedCell):
    """One step of an LSTM; the state is a pair: hidden and cell."""

    _gates = 4

    def forward(
        self, input: Tensor, hx: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Tensor, Tensor]:
        return self._step(recurrent.lstm_cell, input, hx, pair=True)
