"""How a tensor is kept: layouts, sharing, pinning, and the copies in other shapes."""

import importlib

import pytest

torch = importlib.import_module("rushlight")


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("values", "sparse"),
        ("indices", "sparse coordinate"),
        ("coalesce", "sparse coordinate"),
        ("crow_indices", "sparse row compressed"),
    ],
)
def test_sparse_methods_refuse_dense_tensors(name, kind):
    with pytest.raises(RuntimeError, match=f"{name} expected {kind} tensor layout but got Strided"):
        getattr(torch.ones(2), name)()


def test_a_dense_tensor_is_its_own_dense_form():
    x = torch.ones(2, 3)
    assert x.to_dense() is x and x.sparse_dim() == 0 and x.dense_dim() == 2
    assert x.to_dense(torch.float64).dtype is torch.float64


def test_sharing_and_pinning_without_a_gpu():
    x = torch.ones(2)
    assert x.share_memory_() is x and not x.is_shared() and not x.is_pinned()
    with pytest.raises(RuntimeError, match="Cannot access accelerator device"):
        x.pin_memory()


def test_sum_to_size_undoes_broadcasting():
    x = torch.arange(6.0).reshape(1, 2, 3)
    assert x.sum_to_size(2, 1).tolist() == [[3.0], [12.0]]
    assert x.sum_to_size(3).tolist() == [3.0, 5.0, 7.0]
    with pytest.raises(RuntimeError, match="is not expandable to size"):
        x.sum_to_size(4)


def test_same_view_of_the_same_memory():
    x = torch.zeros(3, 2)
    assert x.is_set_to(x.view(3, 2)) and not x.is_set_to(x.t()) and not x.is_set_to(x.clone())
    assert x.is_same_size(torch.ones(3, 2)) and not x.is_same_size(x.t())
    assert x.dim_order() == (0, 1) and x.t().dim_order() == (1, 0)


def test_resize_copies_and_warns():
    x = torch.arange(4.0)
    with pytest.warns(UserWarning, match="non-inplace resize is deprecated"):
        y = x.resize(2, 2)
    y += 1
    assert x.tolist() == [0.0, 1.0, 2.0, 3.0] and y.shape == (2, 2)
    assert torch.argwhere(x > 1).tolist() == [[2], [3]]
    assert x.narrow_copy(0, 1, 2).tolist() == [1.0, 2.0]
