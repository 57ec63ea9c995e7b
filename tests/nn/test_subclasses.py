"""What users' subclasses of the layers may rely on, as in PyTorch."""

import pytest

import rushlight as torch
from rushlight import nn


def test_a_layer_keeps_its_own_forward_beside_a_method_named_like_ours():
    class Doubled(nn.Sigmoid):
        def _function(self, x):
            return 2 * x

        def forward(self, input):
            return self._function(input)

    assert Doubled()(torch.ones(2)).tolist() == [2.0, 2.0]


def test_bilinear_draws_only_its_own_parameters_anew():
    class Scaled(nn.Bilinear):
        def __init__(self):
            super().__init__(2, 2, 2)
            self.scale = nn.Parameter(torch.ones(1))
            self.reset_parameters()

    assert Scaled().scale.item() == 1.0


def test_a_dictionary_of_modules_may_have_keys_of_its_own():
    class Listed(nn.ModuleDict):
        def __init__(self):
            super().__init__({"a": nn.ReLU()})
            self._keys = ["z"]

    assert list(Listed()) == ["a"]


def test_every_recurrent_cell_prints_its_nonlinearity():
    class Cell(nn.RNNCellBase):
        def __init__(self):
            super().__init__(2, 3, True, 1)
            self.nonlinearity = "relu"

    assert repr(Cell()) == "Cell(2, 3, nonlinearity=relu)"


def test_the_state_of_an_lstm_cell_is_no_tensor():
    with pytest.raises(TypeError, match="must be tuple of Tensors, not Tensor"):
        nn.LSTMCell(4, 5)(torch.ones(2, 4), torch.ones(2, 5))


def test_a_functional_call_may_lend_a_new_attribute():
    layer = nn.Linear(2, 2)
    torch.func.functional_call(layer, {"extra": torch.ones(1)}, torch.ones(1, 2))
    assert not hasattr(layer, "extra")
