"""Mistakes that NumPy or Python would let pass, or tell in words of our own code.

Each is a function of the framework: PyTorch's exception and first sentence hold for both.
"""

import importlib
import warnings

import pytest

MISTAKES = {}


def mistake(kind, sentence):
    """Registers a function that makes one mistake, with the exception that PyTorch raises."""

    def register(function):
        MISTAKES[function.__name__] = (function, kind, sentence)
        return function

    return register


# --- what is no tensor ---------------------------------------------------------------------------


@mistake(TypeError, "linear(): argument 'input' (position 1) must be Tensor, not list")
def batch_given_as_a_list(torch):
    torch.nn.Sequential(torch.nn.Linear(4, 8))([torch.zeros(3, 4)])


@mistake(TypeError, "linear(): argument 'input' (position 1) must be Tensor, not tuple")
def recurrent_result_given_to_a_layer(torch):
    nn = torch.nn
    nn.Sequential(nn.LSTM(2, 3), nn.Linear(3, 1))(torch.ones(1, 1, 2))


@mistake(TypeError, "dropout(): argument 'input' (position 1) must be Tensor, not list")
def dropout_of_a_list(torch):
    torch.nn.Dropout(0.5)([[1.0]])


@mistake(TypeError, "cross_entropy_loss(): argument 'target' (position 2) must be Tensor, not list")
def labels_given_as_a_list(torch):
    torch.nn.functional.cross_entropy(torch.zeros(2, 3), [0, 1])


@mistake(TypeError, "matmul(): argument 'other' (position 2) must be Tensor, not int")
def product_with_a_number(torch):
    torch.matmul(torch.ones(2), 3)


@mistake(TypeError, "relu(): argument 'input' (position 1) must be Tensor, not int")
def activation_of_a_number(torch):
    torch.relu(3)


@mistake(TypeError, "exp(): argument 'input' (position 1) must be Tensor, not NoneType")
def function_of_none(torch):
    torch.exp(None)


@mistake(TypeError, "gradients can be either Tensors or None, but got ")
def gradient_given_as_a_list(torch):
    torch.ones(3, requires_grad=True).exp().backward([1.0, 1.0, 1.0])


@mistake(TypeError, "Variable data has to be a tensor, but got str")
def data_that_is_text(torch):
    torch.nn.Linear(2, 1).bias.data = "x"


@mistake(ValueError, "only one element tensors can be converted to Python scalars")
def float_of_many_numbers(torch):
    float(torch.ones(3))


@mistake(TypeError, "only integer tensors of a single element can be converted to an index")
def list_indexed_by_many_numbers(torch):
    ["a", "b"][torch.tensor([0, 1])]


@mistake(IndexError, "only integers, slices (`:`), ellipsis (`...`), None and long or byte ")
def index_that_is_a_float(torch):
    torch.ones(3)[0.5]


@mistake(TypeError, "new(): invalid data type 'str'")
def text_among_numbers(torch):
    torch.tensor([1, "a"])


@mistake(ValueError, "torch.cat(): expected a non-empty list of Tensors")
def cat_of_nothing(torch):
    torch.cat([])


# --- dtypes and shapes that NumPy would take -----------------------------------------------------


@mistake(RuntimeError, "mat1 and mat2 must have the same dtype, but got Long and Float")
def integers_into_a_float_layer(torch):
    torch.nn.Linear(4, 8)(torch.ones(3, 4, dtype=torch.int64))


@mistake(RuntimeError, "expected m1 and m2 to have the same dtype, but got: float != long int")
def product_of_floats_and_integers(torch):
    torch.ones(2, 2) @ torch.ones(2, 2, dtype=torch.int64)


@mistake(RuntimeError, "both arguments to linear need to be at least 1D, but they are 0D and 2D")
def number_into_a_layer(torch):
    torch.nn.Linear(1, 1)(torch.tensor(1.0))


@mistake(RuntimeError, "The expanded size of the tensor (1) must match the existing size (3) at ")
def bias_of_another_size(torch):
    layer = torch.nn.Linear(2, 1)
    layer.bias.data = torch.zeros(3)
    layer(torch.ones(4, 2))


@mistake(RuntimeError, "Found dtype Long but expected Float")
def probabilities_against_integers(torch):
    torch.nn.BCELoss()(torch.rand(3), torch.tensor([0, 1, 1]))


@mistake(RuntimeError, "result type Float can't be cast to the desired output type Long")
def logits_against_integers(torch):
    torch.nn.BCEWithLogitsLoss()(torch.rand(3), torch.tensor([0, 1, 1]))


# --- the tape ------------------------------------------------------------------------------------


@mistake(RuntimeError, "cannot resize variables that require grad")
def leaf_resized(torch):
    torch.ones(3, requires_grad=True).resize_(4)


def _summing_hook(g):
    return g.sum(0, keepdim=True)


@mistake(RuntimeError, "hook '_summing_hook' has changed the size of value")
def hook_that_sums(torch):
    x = torch.ones(3, requires_grad=True)
    x.register_hook(_summing_hook)
    x.sum().backward()


@mistake(RuntimeError, "hook '_summing_hook' has changed the size of value")
def hook_that_sums_on_the_way(torch):
    x = torch.ones(3, requires_grad=True) * 2
    x.register_hook(_summing_hook)
    x.sum().backward()


# --- gradients by hand ----------------------------------------------------------------------------


def _with_gradient(torch, grad):
    torch.ones(2, 3, requires_grad=True).grad = grad


@mistake(TypeError, "assigned grad expected to be a Tensor or None but got grad of type float")
def gradient_that_is_a_number(torch):
    _with_gradient(torch, 1.0)


@mistake(RuntimeError, "attempting to assign a gradient of size '")
def gradient_of_another_size(torch):
    _with_gradient(torch, torch.ones(3))


@mistake(RuntimeError, "attempting to assign a gradient with dtype '")
def gradient_of_another_dtype(torch):
    _with_gradient(torch, torch.ones(2, 3, dtype=torch.float64))


@mistake(
    RuntimeError, "attempting to assign a gradient with device type 'meta' to a tensor with de"
)
def gradient_without_values(torch):
    _with_gradient(torch, torch.ones(2, 3, device="meta"))


@mistake(RuntimeError, "can't assign Variable as its own grad")
def gradient_that_is_the_tensor(torch):
    x = torch.ones(2, 3, requires_grad=True)
    x.grad = x


# --- statistics and scales of another dtype -------------------------------------------------------


@mistake(RuntimeError, "expected scalar type Float but found Double")
def statistics_in_double(torch):
    layer = torch.nn.BatchNorm1d(3)
    layer.running_mean, layer.running_var = torch.zeros(3).double(), torch.ones(3).double()
    layer(torch.ones(4, 3))


@mistake(RuntimeError, "")
def layer_norm_of_two_dtypes_beside_a_half(torch):
    half = torch.ones(4, 3, dtype=torch.bfloat16)
    torch.nn.functional.layer_norm(half, (3,), torch.ones(3), half[0])


@mistake(RuntimeError, "expected scalar type Float but found Double")
def class_weights_in_double(torch):
    weight = torch.ones(3, dtype=torch.float64)
    torch.nn.functional.cross_entropy(torch.zeros(2, 3), torch.tensor([0, 1]), weight)


@mistake(RuntimeError, "expected scalar type Float but found Half")
def class_weights_in_half(torch):
    weight = torch.ones(3, dtype=torch.float16)
    torch.nn.NLLLoss(weight)(torch.zeros(2, 3, 4), torch.zeros(2, 4, dtype=torch.int64))


@mistake(RuntimeError, "expected scalar type Float but found Double")
def margins_weighted_in_double(torch):
    loss = torch.nn.MultiMarginLoss(weight=torch.ones(3, dtype=torch.float64))
    loss(torch.zeros(2, 3), torch.tensor([0, 1]))


@mistake(ValueError, "batch_norm eps must be positive during training, but got 0.0")
def batch_norm_without_eps(torch):
    torch.nn.BatchNorm1d(3, eps=0.0)(torch.ones(4, 3))


# --- states of recurrent networks -----------------------------------------------------------------


def _recurrent(torch, kind, state, *sizes, **options):
    getattr(torch.nn, kind)(4, 3, **options)(torch.zeros(*(sizes or (5, 2, 4))), state)


@mistake(IndexError, "index 1 is out of bounds for dimension 0 with size 1")
def lstm_given_one_tensor(torch):
    _recurrent(torch, "LSTM", torch.zeros(1, 2, 3))


@mistake(
    RuntimeError, "For batched 3-D input, hx and cx should also be 3-D but got (2-D, 2-D) tens"
)
def lstm_of_two_layers_given_one_tensor(torch):
    _recurrent(torch, "LSTM", torch.zeros(2, 2, 3), num_layers=2)


@mistake(IndexError, "tuple index out of range")
def lstm_given_half_a_pair(torch):
    _recurrent(torch, "LSTM", (torch.zeros(1, 2, 3),))


@mistake(RuntimeError, "lstm expects two hidden states")
def lstm_given_three_states(torch):
    _recurrent(torch, "LSTM", (torch.zeros(1, 2, 3),) * 3)


@mistake(RuntimeError, "Expected hidden[0] size (2, 2, 3), got [1, 2, 3]")
def lstm_given_the_state_of_one_layer(torch):
    _recurrent(torch, "LSTM", (torch.zeros(1, 2, 3),) * 2, num_layers=2)


@mistake(AttributeError, "'tuple' object has no attribute 'dim'")
def gru_given_a_pair(torch):
    _recurrent(torch, "GRU", (torch.zeros(1, 2, 3),) * 2)


@mistake(AttributeError, "'int' object has no attribute 'dim'")
def network_given_a_number_as_state(torch):
    _recurrent(torch, "RNN", 0)


@mistake(RuntimeError, "Expected hidden size (1, 2, 3), got [1, 5, 3]")
def gru_given_the_state_of_another_batch(torch):
    _recurrent(torch, "GRU", torch.zeros(1, 5, 3))


@mistake(RuntimeError, "Expected sequence length to be larger than 0 in RNN")
def network_over_no_time(torch):
    _recurrent(torch, "GRU", None, 0, 2, 4)


@mistake(RuntimeError, "Input batch size 2 doesn't match hidden0 batch size 5")
def cell_given_the_state_of_another_batch(torch):
    _recurrent(torch, "GRUCell", torch.zeros(5, 3), 2, 4)


@mistake(RuntimeError, "Input batch size 2 doesn't match hidden1 batch size 1")
def cell_given_a_state_that_would_broadcast(torch):
    _recurrent(torch, "LSTMCell", (torch.zeros(2, 3), torch.zeros(1, 3)), 2, 4)


@mistake(RuntimeError, "hidden0 has inconsistent hidden_size: got 5, expected 3")
def cell_given_a_batch_of_states_for_one_vector(torch):
    _recurrent(torch, "RNNCell", torch.zeros(5, 3), 4)


@mistake(RuntimeError, "lstm_cell expects two hidden states")
def cell_given_half_a_pair(torch):
    _recurrent(torch, "LSTMCell", (torch.zeros(2, 3),), 2, 4)


@pytest.mark.parametrize("library", ["rushlight", "torch"])
@pytest.mark.parametrize("name", MISTAKES)
def test_mistake_is_told_in_pytorchs_words(name, library):
    function, kind, sentence = MISTAKES[name]
    torch = pytest.importorskip(library)
    with pytest.raises(kind) as caught, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        function(torch)
    assert str(caught.value).startswith(sentence), str(caught.value)


def test_the_module_that_was_given_no_tensor_is_named():
    with pytest.raises(TypeError) as caught:
        recurrent_result_given_to_a_layer(importlib.import_module("rushlight"))
    (note,) = caught.value.__notes__
    assert note.startswith("in Sequential.1: Linear(")


def test_a_truthy_create_graph_leaves_the_mode_whole():
    torch = importlib.import_module("rushlight")
    x = torch.ones(2, requires_grad=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        (x**2).sum().backward(create_graph=1)
    assert torch.is_grad_enabled()
    (x**2).sum().backward()
    with torch.no_grad():
        assert not (x * 2).requires_grad
    assert (x * 2).requires_grad


def test_an_attribute_that_the_users_own_code_asks_for_stays_its_error():
    torch = importlib.import_module("rushlight")

    class Asks(torch.nn.Module):
        def forward(self, x):
            return x.missing

    with pytest.raises(AttributeError, match="missing"):
        Asks()([1])


def test_a_scaler_without_a_gpu_says_so_and_does_nothing():
    torch = importlib.import_module("rushlight")
    with pytest.warns(UserWarning, match="CUDA is not available"):
        scaler = torch.amp.GradScaler()
    assert not scaler.is_enabled()
    loss = torch.ones(1)
    assert scaler.scale(loss) is loss
    assert torch.amp.GradScaler("cpu").is_enabled()


def test_a_gradient_is_taken_away_by_none_or_del():
    torch = importlib.import_module("rushlight")
    x = torch.ones(2, requires_grad=True)
    given = x.grad = torch.ones(2)
    assert x.grad is given
    del x.grad
    assert x.grad is None
    x.grad = given
    x.grad = None
    x.sum().backward()
    assert x.grad.tolist() == [1, 1]


def _norm_of(torch, names):
    own, mean, var, weight = (name and getattr(torch, name) for name in names)
    made = [None if kind is None else torch.ones(3, dtype=kind) for kind in (mean, var, weight)]
    x = torch.arange(12.0).reshape(4, 3).to(own)
    found = []
    for training in (True, False):
        try:
            y = torch.nn.functional.batch_norm(x, *made[:2], made[2], made[2], training)
            found.append(str(y.dtype))
        except RuntimeError:
            found.append(RuntimeError)
    return found


KINDS = ("float32", "float64", "bfloat16", "float16", None)
NORMS = [
    (own, mean, var, weight)
    for own in KINDS[:-1]
    for mean, var in [*((k, k) for k in KINDS), ("float32", "float64"), ("bfloat16", "float32")]
    for weight in KINDS
]


def test_batch_norm_takes_parameters_of_one_dtype_the_inputs_or_float32_beside_a_half():
    torch = importlib.import_module("rushlight")
    for names in NORMS:
        own, mean, *_ = names
        others = {name for name in names[1:] if name is not None}
        taken = others <= {own} or (others == {"float32"} and "16" in own)
        good = f"torch.{own}" if taken else RuntimeError
        assert _norm_of(torch, names) == [good, good if mean else RuntimeError], names


def test_batch_norms_dtypes_are_pytorchs():
    torch, ours = pytest.importorskip("torch"), importlib.import_module("rushlight")
    for names in NORMS:
        assert _norm_of(ours, names) == _norm_of(torch, names), names
