"""Programs on sparse tensors, each a function of the framework's module."""

from typing import Any


def pair(t: Any, **options: Any) -> Any:
    places = t.tensor([[0, 1, 1, 0], [2, 0, 2, 2]])
    return t.sparse_coo_tensor(places, t.tensor([3.0, 4.0, 5.0, 1.0]), (2, 3), **options)


def hybrid(t: Any) -> Any:
    return t.sparse_coo_tensor(t.tensor([[2, 0]]), t.tensor([[1.0, 2.0], [3.0, 4.0]]), (3, 2))


def dense(t: Any) -> Any:
    return t.arange(6.0).reshape(2, 3) - 2


PROGRAMS = {
    "made": pair,
    "made of its size": lambda t: t.sparse_coo_tensor((2, 3)),
    "made of lists": lambda t: t.sparse_coo_tensor([[0, 1], [1, 0]], [3.0, 4.0]),
    "made of whole numbers": lambda t: t.sparse_coo_tensor([[0, 1]], [3, 4], (5,)),
    "made in another dtype": lambda t: pair(t, dtype=t.float64),
    "made as a leaf": lambda t: pair(t, requires_grad=True),
    "made of recorded values": lambda t: t.sparse_coo_tensor(
        [[0, 1]], t.tensor([1.0, 2.0], requires_grad=True), (4,)
    ),
    "coalesced": lambda t: pair(t).coalesce(),
    "coalesced with gradient": lambda t: pair(t, requires_grad=True).coalesce(),
    "many": lambda t: t.sparse_coo_tensor(t.arange(2000).repeat(2, 1), t.arange(2000.0)),
    "hybrid": hybrid,
    "hybrid coalesced": lambda t: hybrid(t).coalesce(),
    "hybrid dense": lambda t: hybrid(t).to_dense(),
    "dense": lambda t: pair(t).to_dense(),
    "dense already": lambda t: dense(t).to_dense(),
    "sparse from dense": lambda t: dense(t).to_sparse(),
    "sparse rows from dense": lambda t: dense(t).to_sparse(1),
    "sparse with gradient": lambda t: dense(t).requires_grad_().to_sparse(),
    "masked": lambda t: dense(t).sparse_mask(pair(t).coalesce()),
    "places": lambda t: pair(t).coalesce().indices(),
    "values": lambda t: pair(t).coalesce().values(),
    "raw places": lambda t: pair(t)._indices(),
    "facts": lambda t: [
        pair(t)._nnz(), pair(t).is_sparse, str(pair(t).layout), pair(t).sparse_dim(),
        pair(t).dense_dim(), tuple(pair(t).shape), pair(t).dim(), pair(t).numel(), len(pair(t)),
        pair(t).is_coalesced(), pair(t).coalesce().is_coalesced(), str(pair(t).dtype),
        dense(t).is_sparse, t.is_tensor(pair(t)), isinstance(pair(t), t.Tensor),
    ],
    "double": lambda t: pair(t).double(),
    "to": lambda t: pair(t).to(t.float64),
    "sum of two": lambda t: pair(t).coalesce() + pair(t).coalesce(),
    "difference": lambda t: pair(t).coalesce() - 2 * pair(t).coalesce(),
    "dense and sparse": lambda t: dense(t) + pair(t),
    "scaled": lambda t: pair(t) * 2,
    "scaled from the left": lambda t: 2 * pair(t),
    "divided": lambda t: pair(t) / 2,
    "negative": lambda t: -pair(t),
    "times itself": lambda t: pair(t).coalesce() * pair(t).coalesce(),
    "times dense": lambda t: pair(t).coalesce() * dense(t),
    "absolute": lambda t: (-pair(t)).abs(),
    "roots": lambda t: pair(t).sqrt(),
    "turned": lambda t: pair(t).t(),
    "transposed": lambda t: pair(t).transpose(0, 1),
    "turned and coalesced": lambda t: pair(t).t().coalesce(),
    "product": lambda t: pair(t) @ t.ones(3, 2),
    "product by name": lambda t: t.sparse.mm(pair(t), t.ones(3, 2)),
    "product by another name": lambda t: t.spmm(pair(t), t.ones(3, 2)),
    "product of mm": lambda t: t.mm(pair(t), t.ones(3, 2)),
    "product with a vector": lambda t: pair(t) @ t.arange(3.0),
    "product from the left": lambda t: t.ones(4, 2) @ pair(t),
    "product of two": lambda t: t.sparse.mm(pair(t), pair(t).t()),
    "product of two by @": lambda t: pair(t) @ pair(t).t(),
    "product and sum": lambda t: t.sparse.addmm(t.ones(2, 2), pair(t), t.ones(3, 2), beta=2.0),
    "whole sum": lambda t: t.sparse.sum(pair(t)),
    "sum of rows": lambda t: t.sparse.sum(pair(t), 0),
    "sum method": lambda t: pair(t).sum(),
    "copies": lambda t: pair(t).clone(),
    "detached": lambda t: pair(t, requires_grad=True).detach(),
}  # fmt: skip


def grads_of_product(t: Any) -> Any:
    values, x = t.tensor([1.0, 2.0, 3.0], requires_grad=True), dense(t).t().requires_grad_()
    a = t.sparse_coo_tensor(t.tensor([[0, 1, 1], [2, 0, 2]]), values, (2, 3))
    made = t.sparse.mm(a, x)
    (made * t.tensor([[1.0, 2.0], [3.0, 4.0]])).sum().backward()
    return [made, values.grad, x.grad]


def grads_of_dense(t: Any) -> Any:
    values = t.tensor([1.0, 2.0, 3.0], requires_grad=True)
    a = t.sparse_coo_tensor(t.tensor([[0, 1, 1], [2, 0, 0]]), values, (2, 3))
    (a.coalesce().to_dense() * dense(t)).sum().backward()
    return values.grad


def grads_there_and_back(t: Any) -> Any:
    x = dense(t).requires_grad_()
    (x.to_sparse().to_dense() * dense(t)).sum().backward()
    return x.grad


def grad_of_leaf(t: Any) -> Any:
    a = pair(t, requires_grad=True)
    t.sparse.mm(a, t.ones(3, 2)).sum().backward()
    return [a.grad.coalesce(), a.is_leaf, a.requires_grad]


GRADIENTS = {f.__name__: f for f in (grads_of_product, grads_of_dense, grads_there_and_back)}

MISTAKES = {
    "view": lambda t: pair(t).view(6),
    "exp": lambda t: pair(t).exp(),
    "numpy": lambda t: pair(t).numpy(),
    "places of duplicates": lambda t: pair(t).indices(),
    "values of duplicates": lambda t: pair(t).values(),
    "places of dense": lambda t: dense(t).indices(),
    "values of dense": lambda t: dense(t).values(),
    "coalesce of dense": lambda t: dense(t).coalesce(),
    "sparse and dense": lambda t: pair(t) + dense(t),
    "sizes": lambda t: t.sparse_coo_tensor([[0, 1]], [1.0], (3,)),
    "flat places": lambda t: t.sparse_coo_tensor([0, 1], [1.0, 2.0]),
    "few sizes": lambda t: t.sparse_coo_tensor([[0], [1]], [1.0], (3,)),
    "compared": lambda t: pair(t) == pair(t),
    "mean": lambda t: pair(t).mean(),
}
