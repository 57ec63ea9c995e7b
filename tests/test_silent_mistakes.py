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
