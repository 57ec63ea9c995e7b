"""Sparse tensors by themselves."""

import copy
import pickle

import pytest
from sparse_programs import GRADIENTS, MISTAKES, PROGRAMS, dense, grad_of_leaf, pair

import rushlight as rl
from rushlight.serialization.saving import Describer

PRINTED = """tensor(indices=tensor([[0, 1, 1],
                       [2, 0, 2]]),
       values=tensor([4., 4., 5.]),
       size=(2, 3), nnz=3, layout=torch.sparse_coo)"""


@pytest.mark.parametrize("name", PROGRAMS)
def test_programs_run(name):
    repr(PROGRAMS[name](rl))


def test_the_printed_form():
    assert repr(pair(rl).coalesce()) == PRINTED


def test_products_are_those_of_the_dense_matrices():
    rl.manual_seed(0)
    a = rl.rand(7, 5).where(rl.rand(7, 5) > 0.6, 0.0)
    b = rl.rand(5, 6).where(rl.rand(5, 6) > 0.5, 0.0)
    x = rl.rand(5, 3)
    rl.testing.assert_close(a.to_sparse() @ x, a @ x)
    rl.testing.assert_close((a.to_sparse() @ b.to_sparse()).to_dense(), a @ b)
    rl.testing.assert_close(x.t() @ a.to_sparse().t(), x.t() @ a.t())
    rl.testing.assert_close((a.to_sparse().t() * 3 + a.t().to_sparse()).to_dense(), 4 * a.t())
    rl.testing.assert_close(rl.sparse.sum(a.to_sparse(), 1).to_dense(), a.sum(1))


def test_gradients_are_those_of_the_dense_product():
    made, values, x = GRADIENTS["grads_of_product"](rl)
    a = rl.tensor([[0.0, 0.0, 1.0], [2.0, 0.0, 3.0]], requires_grad=True)
    y = dense(rl).t().requires_grad_()
    ((a @ y) * rl.tensor([[1.0, 2.0], [3.0, 4.0]])).sum().backward()
    rl.testing.assert_close(values, a.grad[rl.tensor([0, 1, 1]), rl.tensor([2, 0, 2])])
    rl.testing.assert_close(x, y.grad)
    assert GRADIENTS["grads_there_and_back"](rl).tolist() == [[-2.0, -1.0, 0.0], [1.0, 2.0, 3.0]]
    assert GRADIENTS["grads_of_dense"](rl).tolist() == [0.0, 1.0, 1.0]
    assert grad_of_leaf(rl)[0].is_sparse


def test_gradients_to_second_order():
    places = rl.tensor([[0, 1, 1], [2, 0, 2]])
    x = rl.rand(3, 2, dtype=rl.float64, requires_grad=True)
    values = rl.rand(3, dtype=rl.float64, requires_grad=True)

    def product(values, x):
        return rl.sparse.mm(rl.sparse_coo_tensor(places, values, (2, 3)), x).tanh()

    assert rl.autograd.gradcheck(product, (values, x))
    assert rl.autograd.gradgradcheck(product, (values, x))


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes_name_the_way_out(name):
    with pytest.raises((RuntimeError, TypeError)) as caught:
        MISTAKES[name](rl)
    if name in ("view", "exp", "mean", "compared", "numpy"):
        assert "to_dense()" in str(caught.value)


def test_layers_refuse_sparse_input_by_name():
    layer = rl.nn.Linear(3, 2)
    with pytest.raises(NotImplementedError, match=r"linear.*to_dense\(\)"):
        layer(pair(rl))


def test_a_graph_convolution_trains():
    rl.manual_seed(0)
    graph = rl.tensor([[1.0, 1.0, 0.0], [1.0, 1.0, 1.0], [0.0, 1.0, 1.0]]).to_sparse()
    layer, x = rl.nn.Linear(4, 1), rl.rand(3, 4)
    optimizer = rl.optim.SGD(layer.parameters(), lr=0.05)
    losses = []
    for _ in range(20):
        loss = (rl.sparse.mm(graph, layer(x)) - 1).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.3 * losses[0]


def test_copies_and_pickles():
    a = pair(rl).coalesce()
    for other in (copy.deepcopy(a), copy.copy(a), pickle.loads(pickle.dumps(a))):
        assert repr(other) == PRINTED
        assert other.values() is not a.values()


def test_coordinates_outside_are_refused():
    for wrong, said in ((5, "found index 5"), (-1, "negative index -1")):
        with pytest.raises(RuntimeError, match=said):
            rl.sparse_coo_tensor([[wrong], [0]], [1.0], (2, 3))


def test_dense_tensors_stay_themselves():
    x = rl.ones(2)
    assert not x.is_sparse and x.to_dense() is x


def test_saved_ones_come_back(tmp_path):
    graph = pair(rl)
    rl.save({"graph": graph}, tmp_path / "graph.pt")
    found = rl.load(tmp_path / "graph.pt")["graph"]
    assert found.is_sparse and found.to_dense().equal(graph.to_dense())


def test_formats_of_dense_tensors_say_what_to_save_instead():
    with pytest.raises(NotImplementedError, match=r"save x.to_dense\(\)"):
        Describer().record(pair(rl))
