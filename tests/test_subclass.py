"""Subclasses of Tensor: what they answer, and what comes to their `__torch_function__`."""

import copy
import pickle

import pytest

import rushlight as rl


class Kept(rl.Tensor):
    pass


class Seen(rl.Tensor):
    calls: list = []

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        cls.calls.append(func)
        return super().__torch_function__(func, types, args, kwargs)


@pytest.fixture
def x():
    return rl.arange(6.0).reshape(2, 3).as_subclass(Kept)


def test_a_plain_subclass_answers_what_a_tensor_answers(x):
    assert x.shape == (2, 3) and x.size(-1) == 3 and x.ndim == x.dim() == 2 and len(x) == 2
    assert x.dtype is rl.float32 and x.numel() == 6 and x.stride() == (3, 1)
    assert x.tolist() == [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]] and x.numpy().shape == (2, 3)
    assert x.sum().item() == 15 and float(x[0, 1]) == 1 and not bool(x[0, 0])
    assert x.is_contiguous() and x.storage_offset() == 0 and x.element_size() == 4


@pytest.mark.parametrize(
    "f",
    [
        lambda x: x.T,
        lambda x: x.mT,
        lambda x: x[0],
        lambda x: next(iter(x)),
        lambda x: x.view(3, 2),
        lambda x: x.to(rl.float64),
        lambda x: x.detach(),
        lambda x: x.max(0).values,
        lambda x: rl.cat([x, x]),
        lambda x: rl.nn.functional.linear(x, rl.ones(4, 3)),
        lambda x: rl.nn.functional.softmax(x, 0),
        lambda x: rl.nn.functional.cross_entropy(x, rl.tensor([0, 1])),
        lambda x: rl.nn.Linear(3, 2)(x),
        copy.copy,
        copy.deepcopy,
        lambda x: pickle.loads(pickle.dumps(x)),
    ],
)
def test_results_keep_the_subclass(x, f):
    assert type(f(x)) is Kept


def test_a_gradient_reaches_the_subclass(x):
    x.requires_grad_()
    (x * x).sum().backward()
    assert type(x) is Kept and x.grad.tolist() == [[0.0, 2.0, 4.0], [6.0, 8.0, 10.0]]


def test_questions_come_to_torch_function_as_operations_do():
    x = rl.ones(2).as_subclass(Seen)
    Seen.calls = []
    assert x.shape == (2,) and x.tolist() == [1.0, 1.0] and type(x + 1) is Seen
    assert [f.__name__ for f in Seen.calls] == ["__get__", "tolist", "add"]
    assert Seen.calls[0] == rl.Tensor.shape.__get__ and Seen.calls[1] is rl.Tensor.tolist


def test_a_class_of_its_own_answers_goes_first():
    class Named(rl.Tensor):
        @property
        def shape(self):
            return "mine"

        def tolist(self):
            return "mine too"

    x = rl.ones(2).as_subclass(Named)
    assert x.shape == "mine" and x.tolist() == "mine too" and x.ndim == 1


@pytest.mark.parametrize("library", ["rushlight", "torch"])
def test_a_subclass_keeps_a_plain_gradient(library):
    t = pytest.importorskip(library)

    class Own(t.Tensor):
        pass

    x = t.ones(2).as_subclass(Own).requires_grad_()
    (x * 2).sum().backward()
    assert type(x.grad) is t.Tensor
    x.grad = None
    assert x.grad is None
    with pytest.raises(TypeError, match="assigned grad expected to be a Tensor or None"):
        x.grad = 3
