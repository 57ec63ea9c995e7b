"""Mistakes that learners make: PyTorch's exception and first sentence, then our explanation.

Each mistake is a function of the framework, so that the same code shows PyTorch's own sentence. The
whole text that Rushlight gives is kept in `tests/data/mistakes.txt`; after a wanted change run
`python tests/test_mistakes.py` and read the difference.
"""

import importlib
import os
import re
import subprocess
import sys
import traceback
import warnings
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
GOLDEN = ROOT / "tests/data/mistakes.txt"
MISTAKES = {}


def mistake(kind, sentence):
    """Registers a function that makes one mistake, with the exception that PyTorch raises."""

    def register(function):
        MISTAKES[function.__name__] = (function, kind, sentence)
        return function

    return register


def nested(torch):
    """A model with a layer that cannot fit, two levels down."""
    nn = torch.nn

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = nn.Linear(4, 8)
            self.head = nn.Sequential(nn.ReLU(), nn.Linear(100, 2))

        def forward(self, x):
            return self.head(self.body(x))

    return Net()


# --- shapes --------------------------------------------------------------------------------------


@mistake(RuntimeError, "mat1 and mat2 shapes cannot be multiplied (3x8 and 100x2)")
def linear_of_another_width(torch):
    nested(torch)(torch.zeros(3, 4))


@mistake(
    RuntimeError,
    "Given groups=1, weight of size [4, 3, 3, 3], expected input[1, 1, 8, 8] to have 3 channels, "
    "but got 1 channels instead",
)
def convolution_of_other_channels(torch):
    torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3))(torch.zeros(1, 1, 8, 8))


@mistake(
    RuntimeError,
    "Expected 3D (unbatched) or 4D (batched) input to conv2d, but got input of size: [8, 8]",
)
def convolution_without_channels(torch):
    torch.nn.Conv2d(3, 4, 3)(torch.zeros(8, 8))


@mistake(RuntimeError, "Calculated padded input size per channel: (2 x 2). Kernel size: (5 x 5).")
def kernel_larger_than_image(torch):
    torch.nn.Conv2d(3, 4, 5)(torch.zeros(1, 3, 2, 2))


@mistake(RuntimeError, "running_mean should contain 4 elements not 3")
def batch_norm_of_other_channels(torch):
    torch.nn.BatchNorm2d(3)(torch.zeros(1, 4, 8, 8))


@mistake(ValueError, "Expected more than 1 value per channel when training, got input size")
def batch_norm_of_one_example(torch):
    torch.nn.BatchNorm1d(3)(torch.zeros(1, 3))


@mistake(
    RuntimeError,
    "Given normalized_shape=[4], expected input with shape [*, 4], but got input of size[2, 3]",
)
def layer_norm_of_another_width(torch):
    torch.nn.LayerNorm(4)(torch.zeros(2, 3))


@mistake(RuntimeError, "input.size(-1) must be equal to input_size. Expected 4, got 5")
def lstm_of_another_width(torch):
    torch.nn.LSTM(4, 2)(torch.zeros(3, 2, 5))


@mistake(RuntimeError, "mat1 and mat2 shapes cannot be multiplied (2x3 and 2x3)")
def product_of_matrices_that_do_not_meet(torch):
    torch.zeros(2, 3) @ torch.zeros(2, 3)


@mistake(
    RuntimeError, "Expected size for first two dimensions of batch2 tensor to be: [2, 4] but got:"
)
def batched_product_that_does_not_meet(torch):
    torch.bmm(torch.zeros(2, 3, 4), torch.zeros(3, 4, 5))


@mistake(
    RuntimeError,
    "The size of tensor a (3) must match the size of tensor b (4) at non-singleton dimension 1",
)
def sum_of_shapes_that_do_not_broadcast(torch):
    torch.zeros(2, 3) + torch.zeros(4)


@mistake(RuntimeError, "shape '[4, 2]' is invalid for input of size 6")
def view_of_another_size(torch):
    torch.zeros(6).view(4, 2)


@mistake(RuntimeError, "view size is not compatible with input tensor's size and stride")
def view_across_strides(torch):
    torch.zeros(2, 3).t().view(6)


@mistake(RuntimeError, "Sizes of tensors must match except in dimension 0.")
def cat_of_other_widths(torch):
    torch.cat([torch.zeros(2, 3), torch.zeros(3, 4)])


@mistake(RuntimeError, "stack expects each tensor to be equal size, but got [2, 3] at entry 0 and")
def stack_of_other_shapes(torch):
    torch.stack([torch.zeros(2, 3), torch.zeros(3, 4)])


@mistake(RuntimeError, "The expanded size of the tensor (3) must match the existing size (2) at")
def expand_of_a_real_dimension(torch):
    torch.zeros(2, 3).expand(3, 3)


@mistake(RuntimeError, "Given input size: (1x1x1). Calculated output size: (1x0x0).")
def pooling_to_nothing(torch):
    torch.nn.functional.max_pool2d(torch.zeros(1, 1, 1, 1), 2)


@mistake(ValueError, "expected sequence of length 2 at dim 1 (got 1)")
def ragged_list(torch):
    torch.tensor([[1, 2], [3]])


# --- indices and labels --------------------------------------------------------------------------


@mistake(IndexError, "index 5 is out of bounds for dimension 0 with size 3")
def index_past_the_end(torch):
    torch.zeros(3)[5]


@mistake(IndexError, "too many indices for tensor of dimension 1")
def too_many_indices(torch):
    torch.zeros(3)[0, 0]


@mistake(IndexError, "Dimension out of range (expected to be in range of [-1, 0], but got 2)")
def dimension_out_of_range(torch):
    torch.zeros(3).sum(dim=2)


@mistake(IndexError, "index out of range in self")
def word_past_the_vocabulary(torch):
    torch.nn.Embedding(4, 2)(torch.tensor([4]))


@mistake(IndexError, "Target 3 is out of bounds.")
def class_past_the_scores(torch):
    torch.nn.functional.cross_entropy(torch.zeros(2, 3), torch.tensor([0, 3]))


@mistake(ValueError, "Expected input batch_size (2) to match target batch_size (3).")
def labels_of_another_batch(torch):
    torch.nn.functional.cross_entropy(torch.zeros(2, 3), torch.tensor([0, 1, 2]))


@mistake(RuntimeError, "all elements of input should be between 0 and 1")
def logits_given_as_probabilities(torch):
    torch.nn.functional.binary_cross_entropy(torch.tensor([2.0]), torch.tensor([1.0]))


# --- types ---------------------------------------------------------------------------------------


@mistake(RuntimeError, "mat1 and mat2 must have the same dtype, but got Double and Float")
def double_into_a_float_layer(torch):
    torch.nn.Linear(3, 2)(torch.zeros(2, 3, dtype=torch.float64))


@mistake(RuntimeError, "mean(): could not infer output dtype.")
def mean_of_integers(torch):
    torch.arange(3).mean()


@mistake(RuntimeError, "result type Float can't be cast to the desired output type Long")
def in_place_division_of_integers(torch):
    x = torch.arange(3)
    x /= 2


@mistake(RuntimeError, "Only Tensors of floating point and complex dtype can require gradients")
def gradient_of_integers(torch):
    torch.zeros(2, dtype=torch.int64, requires_grad=True)


@mistake(TypeError, "sum(): argument 'input' (position 1) must be Tensor, not list")
def list_for_a_tensor(torch):
    torch.sum([1, 2])


# --- gradients -----------------------------------------------------------------------------------


@mistake(RuntimeError, "Trying to backward through the graph a second time")
def backward_twice(torch):
    y = (torch.ones(2, requires_grad=True) ** 2).sum()
    y.backward()
    y.backward()


@mistake(RuntimeError, "grad can be implicitly created only for scalar outputs")
def backward_of_many_numbers(torch):
    (torch.ones(2, requires_grad=True) * 2).backward()


@mistake(RuntimeError, "element 0 of tensors does not require grad and does not have a grad_fn")
def backward_of_a_constant(torch):
    torch.ones(1).sum().backward()


@mistake(
    RuntimeError,
    "one of the variables needed for gradient computation has been modified by an inplace "
    "operation: [torch.FloatTensor [2]], which is output 0 of Exp, is at version 1; expected",
)
def in_place_on_a_needed_value(torch):
    x = torch.ones(2, requires_grad=True)
    y = x.exp()
    y += 1
    y.sum().backward()


@mistake(RuntimeError, "a leaf Variable that requires grad is being used in an in-place operation.")
def in_place_on_a_leaf(torch):
    x = torch.ones(2, requires_grad=True)
    x += 1


@mistake(RuntimeError, "Can't call numpy() on Tensor that requires grad.")
def numpy_of_a_tensor_with_gradient(torch):
    torch.ones(2, requires_grad=True).numpy()


@mistake(RuntimeError, "a Tensor with 2 elements cannot be converted to Scalar")
def item_of_many_numbers(torch):
    torch.ones(2).item()


@mistake(RuntimeError, "Boolean value of Tensor with more than one value is ambiguous")
def truth_of_many_numbers(torch):
    bool(torch.ones(2) > 0)


# --- modules, optimizers, state ------------------------------------------------------------------


@mistake(AttributeError, "cannot assign module before Module.__init__() call")
def layer_before_super_init(torch):
    class Net(torch.nn.Module):
        def __init__(self):
            self.layer = torch.nn.Linear(1, 1)

    Net()


@mistake(NotImplementedError, 'Module [Net] is missing the required "forward" function')
def module_without_forward(torch):
    class Net(torch.nn.Module):
        pass

    Net()(torch.zeros(1))


@mistake(AttributeError, "'Sequential' object has no attribute 'wieght'")
def attribute_that_a_module_lacks(torch):
    torch.nn.Sequential(torch.nn.Linear(2, 2)).wieght


@mistake(TypeError, "cannot assign 'torch.FloatTensor' as parameter 'weight'")
def tensor_in_place_of_a_parameter(torch):
    torch.nn.Linear(2, 2).weight = torch.zeros(2, 2)


@mistake(ValueError, "optimizer got an empty parameter list")
def optimizer_without_parameters(torch):
    torch.optim.SGD([], lr=0.1)


@mistake(ValueError, "Invalid learning rate: -1")
def negative_learning_rate(torch):
    torch.optim.SGD(torch.nn.Linear(1, 1).parameters(), lr=-1)


@mistake(RuntimeError, "Error(s) in loading state_dict for Sequential:")
def state_of_another_model(torch):
    nn = torch.nn
    net = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))
    state = nn.Sequential(nn.Linear(4, 5), nn.ReLU()).state_dict()
    state["norm.weight"] = torch.zeros(3)
    net.load_state_dict(state)


@mistake(RuntimeError, "Error(s) in loading state_dict for Sequential:")
def state_with_a_common_prefix(torch):
    net = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.ReLU())
    net.load_state_dict({f"module.{key}": value for key, value in net.state_dict().items()})


# --- devices -------------------------------------------------------------------------------------


@mistake(AssertionError, "Torch not compiled with CUDA enabled")
def gpu_where_there_is_none(torch):
    torch.zeros(2).cuda()


@mistake(AssertionError, "Torch not compiled with CUDA enabled")
def factory_on_a_gpu_where_there_is_none(torch):
    torch.zeros(2, device="cuda")


@mistake(RuntimeError, "Expected one of cpu, cuda, ")
def device_that_does_not_exist(torch):
    torch.device("gpu")


@mistake(RuntimeError, "Tensor.item() cannot be called on meta tensors")
def value_of_a_meta_tensor(torch):
    torch.zeros(1, device="meta").item()


# --- names ---------------------------------------------------------------------------------------


@mistake(AttributeError, "module 'torch.nn' has no attribute 'Liner'")
def misspelled_layer(torch):
    torch.nn.Liner(2, 2)


@mistake(AttributeError, "module 'torch' has no attribute 'zeroes'")
def misspelled_function(torch):
    torch.zeroes(2)


@mistake(AttributeError, "'Tensor' object has no attribute 'lenght'")
def misspelled_method(torch):
    torch.zeros(2).lenght


def made(function, torch):
    """The exception that the mistake ends in, and its text with the notes of a traceback."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            function(torch)
        except Exception as error:
            shown = "".join(traceback.format_exception_only(error))
            return error, re.sub(r"^[\w.]+: ", "", shown).strip()
    raise AssertionError(f"{function.__name__} raised nothing")


@pytest.fixture(scope="module")
def golden():
    return read_golden()


def read_golden():
    texts = GOLDEN.read_text("utf-8").split("\n=== ")
    return {name: text.strip() for name, _, text in (part.partition(" ===\n") for part in texts)}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistake_is_explained(name, golden):
    function, kind, sentence = MISTAKES[name]
    error, text = made(function, importlib.import_module("rushlight"))
    assert type(error) is kind or kind in type(error).__mro__
    assert str(error).startswith(sentence), str(error)
    assert text == golden[name]


@pytest.mark.parametrize("name", MISTAKES)
def test_sentence_is_pytorchs(name):
    torch = pytest.importorskip("torch")
    function, kind, sentence = MISTAKES[name]
    if "gpu_where" in name and torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    error, _ = made(function, torch)
    assert isinstance(error, kind)
    assert str(error).startswith(sentence), str(error)


VIRTUAL = """
import rushlight as torch
def show(function):
    try:
        function()
    except Exception as error:
        print(type(error).__name__ + ": " + str(error))
        for note in getattr(error, "__notes__", ()):
            print(note)
x = torch.zeros(3, device="cuda")
net = torch.nn.Sequential(torch.nn.Linear(3, 2))
show(lambda: x + torch.zeros(3))
show(lambda: x + torch.zeros(3, device="cuda:1"))
show(lambda: net(x))
show(lambda: net.cuda()(x.cpu()))
show(lambda: x.cuda(2))
show(lambda: x.numpy())
"""


def test_devices_that_do_not_mix_are_named():
    env = os.environ | {"RUSHLIGHT_VIRTUAL_CUDA": "2", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", VIRTUAL], env=env, capture_output=True, text=True, check=True
    )
    shown = done.stdout
    same = "RuntimeError: Expected all tensors to be on the same device, but "
    assert same + "found at least two devices, cuda:0 and cpu!" in shown
    assert same + "found at least two devices, cuda:0 and cuda:1!" in shown
    assert "invalid device ordinal" in shown
    assert "TypeError: can't convert cuda:0 device type tensor to numpy." in shown
    assert "in net.0: Linear(in_features=3, out_features=2, bias=True)" in shown
    assert "parameter weight is on cpu, input 0 is on cuda:0. Move the input: " in shown
    assert '`net.to("cuda:0")`' in shown


def test_plain_list_of_modules_warns_once():
    torch = importlib.import_module("rushlight")

    class PlainListNet(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = [torch.nn.Linear(2, 2), torch.nn.Linear(2, 2)]

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        first, second = PlainListNet(), PlainListNet()
    assert len(caught) == 1
    text = str(caught[0].message)
    assert "layers" in text and "nn.ModuleList(" in text
    assert list(first.parameters()) == list(second.parameters()) == []


def test_plain_dict_of_modules_warns():
    torch = importlib.import_module("rushlight")

    class PlainDictNet(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.branches = {"left": torch.nn.Linear(2, 2)}

    with pytest.warns(UserWarning, match=r"branches[\s\S]*nn\.ModuleDict\("):
        PlainDictNet()


def write_golden():
    torch = importlib.import_module("rushlight")
    parts = []
    for name, (function, _, _) in MISTAKES.items():
        parts.append(f"=== {name} ===\n{made(function, torch)[1]}\n")
    GOLDEN.write_text("\n" + "\n".join(parts), "utf-8")


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    write_golden()
