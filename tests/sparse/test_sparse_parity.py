"""Sparse tensors against PyTorch: values, printed forms, gradients, mistakes."""

import pytest
from sparse_programs import GRADIENTS, MISTAKES, PROGRAMS, grad_of_leaf

import rushlight as rl

torch = pytest.importorskip("torch")


@pytest.mark.filterwarnings("ignore:Sparse")
@pytest.mark.parametrize("name", PROGRAMS)
def test_prints_what_pytorch_prints(name):
    assert repr(PROGRAMS[name](rl)) == repr(PROGRAMS[name](torch))


@pytest.mark.parametrize("name", GRADIENTS)
def test_gradients(name):
    assert repr(GRADIENTS[name](rl)) == repr(GRADIENTS[name](torch))


def test_a_leaf_has_a_sparse_gradient():
    assert repr(grad_of_leaf(rl)) == repr(grad_of_leaf(torch))


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes(name):
    with pytest.raises(Exception) as theirs:
        MISTAKES[name](torch)
    with pytest.raises(type(theirs.value)) as ours:
        MISTAKES[name](rl)
    sentence = str(theirs.value).partition(". ")[0].partition(" with")[0].partition(".default")[0]
    assert str(ours.value).startswith(
        sentence.replace("::eq.Tensor", "::eq").replace("::mean.dim", "::mean")
    )
