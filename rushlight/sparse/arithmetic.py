"""What sparse tensors can do: sums, scaling, products, transposing; torch.sparse's functions."""

from typing import Any

import numpy as np

from .._core import dtypes
from .._core.tape import TensorBase, make
from .._ops.coordinates import sparse_mm
from .._ops.joining import cat
from .._ops.matmul import unmet
from .coo import HANDLERS, SparseTensor, like, sparse
from .making import sparse_mask


def _is_sparse(x: Any) -> bool:
    return isinstance(x, SparseTensor)


def _is_number(x: Any) -> bool:
    return not isinstance(x, TensorBase) or (not _is_sparse(x) and x.dim() == 0)


def add(input: Any, other: Any, *, alpha: Any = 1) -> Any:
    """Two sparse tensors, or a dense and a sparse one (in that order), added."""
    if not _is_sparse(input) and isinstance(input, TensorBase):
        dense = other.to_dense()
        return input + (dense if alpha == 1 else dense * alpha)
    if not _is_sparse(other) or not _is_sparse(input):
        raise RuntimeError(
            "add(sparse, dense) is not supported. Use add(dense, sparse) instead, or "
            "x.to_dense() + y."
        )
    if input.shape != other.shape:
        raise RuntimeError(
            "add: expected sizes of 'self' and 'other' to match, but "
            f"{list(input.shape)} != {list(other.shape)}"
        )
    if input.sparse_dim() != other.sparse_dim():
        raise RuntimeError(
            "add: expected 'self' and 'other' to have same number of sparse and dense dimensions; "
            f"they have {input.sparse_dim()} and {other.sparse_dim()} sparse ones"
        )
    more = other._values() * alpha
    dtype = dtypes.promote_types(input.dtype, other.dtype)
    held = cat([input._values().to(dtype), more.to(dtype)])
    places = cat([input._indices(), other._indices()], 1)
    made = sparse(places, held, input.shape, False).coalesce()
    both = input.is_coalesced() and other.is_coalesced()
    return sparse(made._indices(), made._values(), made.shape, both)


def sub(input: Any, other: Any, *, alpha: Any = 1) -> Any:
    """The difference."""
    if not _is_sparse(input) and isinstance(input, TensorBase):
        return input - other.to_dense() * alpha
    return add(input, other, alpha=-alpha)


def mul(input: Any, other: Any) -> Any:
    """Scaled by a number, or element by element with a sparse or dense tensor of the same shape."""
    if not _is_sparse(input):
        input, other = other, input
    if _is_number(other):
        return like(input, input._values() * other)
    if input.shape != other.shape:
        raise RuntimeError(
            f"mul: expected 'self' and 'other' to have the same sizes, but {list(input.shape)} != "
            f"{list(other.shape)}"
        )
    if not _is_sparse(other):
        return like(input, input._values() * sparse_mask(other, input)._values())
    a, b = input.coalesce(), other.coalesce()
    _, mine, theirs = np.intersect1d(
        a.flat_places(), b.flat_places(), assume_unique=True, return_indices=True
    )
    mine, theirs = make(mine.astype(np.int64)), make(theirs.astype(np.int64))
    held = a._values().index_select(0, mine) * b._values().index_select(0, theirs)
    return sparse(a._indices().index_select(1, mine), held, a.shape, True)


def div(input: Any, other: Any, *, rounding_mode: Any = None) -> Any:
    """Divided by a number."""
    if not _is_sparse(input) or not _is_number(other):
        raise RuntimeError("Sparse division requires a scalar or zero-dim dense tensor divisor")
    return like(input, input._values().div(other, rounding_mode=rounding_mode))


def transpose(input: Any, dim0: int, dim1: int) -> Any:
    """Two of the dimensions with coordinates exchanged."""
    n, lead = input.dim(), input.sparse_dim()
    a, b = (d + n if d < 0 else d for d in (dim0, dim1))
    if a == b:
        return input
    if not (0 <= a < lead and 0 <= b < lead):
        raise RuntimeError(
            f"transpose: transposed dimensions must be sparse; got dim0: {a}, dim1: {b}, and "
            f"{lead} sparse dimensions"
        )
    order = list(range(n))
    order[a], order[b] = b, a
    places = input._indices()[make(np.array(order[:lead]))]
    return sparse(places, input._values(), [input.shape[d] for d in order], False)


def t(input: Any) -> Any:
    """A matrix turned around."""
    if input.dim() > 2:
        raise RuntimeError(
            f"t() expects a tensor with <= 2 sparse and 0 dense dimensions, but got "
            f"{input.sparse_dim()} sparse and {input.dense_dim()} dense dimensions"
        )
    return transpose(input, 0, 1) if input.dim() == 2 else input


def mm(input: Any, mat2: Any) -> Any:
    """The product of two matrices, of which one or both are sparse.

    Example:
        >>> torch.sparse.mm(torch.eye(2).to_sparse(), torch.ones(2, 1))
        tensor([[1.],
                [1.]])
    """
    for name, x in (("self", input), ("mat2", mat2)):
        if x.dim() != 2:
            raise RuntimeError(f"mm: {name} must be a matrix, it has shape {list(x.shape)}")
    if input.shape[1] != mat2.shape[0]:
        raise RuntimeError(unmet(input.shape, mat2.shape))
    if not _is_sparse(input):
        return input @ mat2 if not _is_sparse(mat2) else mm(t(mat2), input.t()).t()
    if input.dense_dim():
        raise RuntimeError("mm: the sparse matrix must have no dense dimensions; use .to_dense()")
    if _is_sparse(mat2):
        return _both_sparse(input.coalesce(), mat2.coalesce())
    rows, columns = (row.contiguous() for row in input._indices().unbind(0))
    return sparse_mm(input._values(), mat2, rows, columns, count=input.shape[0])


def _both_sparse(a: Any, b: Any) -> Any:
    """Each value of `a` at (i, k) meets the values of `b` in row k."""
    (rows, inner), (their_rows, their_columns) = a._indices().array, b._indices().array
    starts = np.searchsorted(their_rows, np.arange(b.shape[0] + 1))
    counts = (starts[1:] - starts[:-1])[inner]
    mine = np.repeat(np.arange(len(rows)), counts)
    within = np.arange(len(mine)) - np.repeat(np.cumsum(counts) - counts, counts)
    theirs = starts[inner][mine] + within
    places = np.stack([rows[mine], their_columns[theirs]])
    held = a._values().index_select(0, make(mine)) * b._values().index_select(0, make(theirs))
    return sparse(make(places), held, (a.shape[0], b.shape[1]), False).coalesce()


def mv(input: Any, vec: Any) -> Any:
    """The product of a sparse matrix and a vector."""
    return mm(input, vec.unsqueeze(-1)).squeeze(-1)


def addmm(input: Any, mat1: Any, mat2: Any, *, beta: Any = 1.0, alpha: Any = 1.0) -> Any:
    """`beta * input + alpha * (mat1 @ mat2)`, for a sparse mat1."""
    made = mm(mat1, mat2)
    made = made if alpha == 1 else made * alpha
    return (input if beta == 1 else input * beta) + made


def sum(input: Any, dim: Any = None, dtype: Any = None) -> Any:
    """The sum of all elements, or a sparse tensor of sums over dimensions with coordinates."""
    if not _is_sparse(input):
        return input.sum(dim, dtype=dtype) if dim is not None else input.sum(dtype=dtype)
    held = input._values() if dtype is None else input._values().to(dtype)
    if dim is None or dim == ():
        return held.sum()
    n, lead = input.dim(), input.sparse_dim()
    dims = {d % n for d in ((dim,) if isinstance(dim, int) else dim)}
    inner = [d - lead + 1 for d in dims if d >= lead]
    held = held.sum(inner) if inner else held
    kept = [d for d in range(lead) if d not in dims]
    size = [input.shape[d] for d in range(n) if d not in dims]
    if not kept:
        return held.sum(0)
    places = input._indices()[make(np.array(kept))]
    return sparse(places, held, size, len(kept) == lead and input.is_coalesced()).coalesce()


def _on_values(name: str) -> Any:
    """A function that keeps zeros zero, applied to the coalesced values."""

    def apply(input: Any) -> Any:
        made = input.coalesce()
        return like(made, getattr(made._values(), name)())

    return apply


def _negative(input: Any) -> Any:
    return like(input, -input._values())


_ZERO_AT_ZERO = (
    "abs absolute sign sgn sqrt relu tanh sin asin atan sinh asinh tan expm1 log1p floor ceil "
    "trunc round square"
)
HANDLERS.update({
    "add": add, "sub": sub, "subtract": sub, "mul": mul, "multiply": mul,
    "div": div, "divide": div, "true_divide": div, "neg": _negative, "negative": _negative,
    "mm": mm, "matmul": mm, "mv": mv, "addmm": addmm, "sum": sum,
    "t": t, "transpose": transpose, "swapaxes": transpose, "swapdims": transpose,
    "clone": lambda input, **_: input.clone(),
    "detach": lambda input: input.detach(),
    "alias": lambda input: input.detach(),
    "cast": lambda input, dtype, **_: input.to(dtype),
    "zeros_like": lambda input, **_: input * 0,
    **{name: _on_values(name) for name in _ZERO_AT_ZERO.split()},
})  # fmt: skip
