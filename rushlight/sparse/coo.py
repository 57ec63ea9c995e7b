"""SparseTensor: a tensor given by the coordinates and values of its nonzero elements."""

import copy
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from .._core import dtypes
from .._core.naming import named
from .._core.size import Size, sparse_coo
from .._core.tape import make
from .._ops.coordinates import merged, spread
from .._printing import array_text
from .._tensor import Tensor


class NoDenseArray(AttributeError, NotImplementedError):
    """A sparse tensor was asked for something that only dense ones can do."""


def refused(name: str) -> NoDenseArray:
    """PyTorch's sentence for an operation that sparse tensors lack, and the way out."""
    return NoDenseArray(
        f"Could not run 'aten::{name}' with arguments from the 'SparseCPU' backend. {name} takes "
        "dense tensors: call .to_dense() first, and .to_sparse() on the result if that is wanted."
    )


def _refusing(name: str) -> Any:
    def method(self: Any, *args: Any, **options: Any) -> Any:
        raise refused(name)

    return named(method, name, "Only dense tensors have memory to look at, lists or one value.")


def _converter(dtype: Any) -> Any:
    return lambda self, memory_format=None: self.to(dtype)


class SparseTensor(Tensor):
    """A tensor in coordinate format, as `torch.sparse_coo_tensor` makes it.

    It holds no dense array, so that operations on it come to `__torch_function__` below; those in
    `HANDLERS` (sums, products, scaling, transposing and the like) work, all others refuse.
    """

    _plain_subclass = False

    @property
    def array(self) -> Any:
        """None: asking for it leads an operation to `__torch_function__`."""
        raise refused(sys._getframe(1).f_code.co_name)

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: tuple = (), kwargs: Any = None) -> Any:
        """The sparse form of an operation."""
        handler = HANDLERS.get(func.__name__)
        if handler is None:
            raise refused(func.__name__)
        kwargs = {k: v for k, v in (kwargs or {}).items() if v is not None}
        return handler(*args, **kwargs)

    # -- facts

    shape = property(lambda self: self._size)

    dtype = property(lambda self: self._held.dtype)

    ndim = property(lambda self: len(self._size))
    layout = property(lambda self: sparse_coo)
    is_sparse = property(lambda self: True)
    is_leaf = property(lambda self: self._held.is_leaf)
    grad_fn = property(lambda self: self._held.grad_fn)

    def size(self, dim: int | None = None) -> Any:
        return self._size if dim is None else self._size[dim]

    def dim(self) -> int:
        return len(self._size)

    ndimension = dim

    def numel(self) -> int:
        return self._size.numel()

    nelement = numel

    def __len__(self) -> int:
        return self._size[0]

    def sparse_dim(self) -> int:
        """How many leading dimensions have coordinates."""
        return self._places.shape[0]

    def dense_dim(self) -> int:
        """How many trailing dimensions each value has."""
        return len(self._held.shape) - 1

    def _nnz(self) -> int:
        return self._held.shape[0]

    def is_coalesced(self) -> bool:
        """Whether the coordinates are known to be in order, each but once."""
        return self._ordered

    def _indices(self) -> Tensor:
        return self._places

    def _values(self, asked: str = "") -> Any:
        if asked:  # the dense reading of values, such as tolist and numpy
            raise refused(asked.removesuffix("()"))
        return self._held

    def indices(self) -> Tensor:
        """The coordinates, (sparse dimensions, values), of a coalesced tensor."""
        return self._places if self._ordered else self._not_coalesced("indices")

    def values(self) -> Tensor:
        """The values of a coalesced tensor."""
        return self._held if self._ordered else self._not_coalesced("values")

    def _not_coalesced(self, name: str) -> Any:
        raise RuntimeError(
            f"Cannot get {name} on an uncoalesced tensor, please call .coalesce() first"
        )

    # -- the graph

    @property
    def requires_grad(self) -> bool:
        """Whether gradients are wanted for the values."""
        return self._held.requires_grad

    @requires_grad.setter
    def requires_grad(self, wanted: bool) -> None:
        self._held.requires_grad = wanted

    @property
    def grad(self) -> Any:
        """The gradient, at the same coordinates."""
        found = self._held.grad
        if found is None or self._ordered:
            return None if found is None else like(self, found)
        # values at one place all have that place's gradient: it is told once
        first = make(np.unique(self.flat_places(), return_index=True)[1].astype(np.int64))
        places = self._places.index_select(1, first)
        return sparse(places, found.index_select(0, first), self._size, True)

    @grad.setter
    def grad(self, new: Any) -> None:
        self._held.grad = new._values() if isinstance(new, SparseTensor) else new

    def detach(self) -> "SparseTensor":
        """The same outside the graph."""
        return like(self, self._held.detach())

    # -- other forms

    def coalesce(self) -> "SparseTensor":
        """The same with coordinates in order, values at the same place added up."""
        if self._ordered:
            return self
        flat, first = np.unique(self.flat_places(), return_inverse=True)
        lead = tuple(self._size[: self.sparse_dim()])
        places = np.stack(np.unravel_index(flat, lead)) if flat.size else self._places.array[:, :0]
        held = merged(self._held, make(first.reshape(-1)), count=len(flat))
        return sparse(make(places.astype(np.int64)), held, self._size, True)

    def flat_places(self) -> np.ndarray:
        """Where each value lies, counted through the sparse dimensions."""
        lead, places = tuple(self._size[: self.sparse_dim()]), self._places.array
        if not lead:
            return np.zeros(self._nnz(), np.int64)
        return np.asarray(np.ravel_multi_index(tuple(places), lead)) if places.size else places[0]

    def to_dense(self, dtype: Any = None, *, masked_grad: bool | None = None) -> Tensor:
        made = spread(self._held, make(self.flat_places()), shape=tuple(self._size))
        return made if dtype is None else made.to(dtype)

    def to_sparse(self, *_: Any, **__: Any) -> "SparseTensor":
        return self

    def clone(self, *, memory_format: Any = None) -> "SparseTensor":
        return sparse(self._places.clone(), self._held.clone(), self._size, self._ordered)

    def to(self, *args: Any, **kwargs: Any) -> "SparseTensor":
        """The values in another dtype."""
        made = self._held.to(*args, **kwargs)
        return self if made is self._held else like(self, made)

    def __deepcopy__(self, memo: dict) -> "SparseTensor":
        parts = copy.deepcopy((self._places, self._held), memo)
        memo[id(self)] = made = sparse(*parts, self._size, self._ordered)
        return made

    __copy__ = clone

    def __reduce_ex__(self, protocol: Any) -> tuple:
        return sparse, (self._places, self._held, self._size, self._ordered)

    def __repr__(self, *, tensor_contents: Any = None) -> str:
        return _shown(self)

    def numpy(self, *, force: bool = False) -> np.ndarray:
        """Only dense tensors have the form of an array."""
        if force:
            return self.to_dense().numpy(force=True)
        raise TypeError("can't convert Sparse layout tensor to numpy. Use Tensor.to_dense() first.")

    view, tolist, item, __getitem__, __setitem__, __iter__ = map(
        _refusing, ("view", "tolist", "item", "index", "index_put_", "unbind")
    )

    def stride(self, dim: int | None = None) -> Any:
        """Zeros: there is no dense memory to step through."""
        return (0,) * self.dim() if dim is None else 0

    half, bfloat16 = _converter(dtypes.float16), _converter(dtypes.bfloat16)
    float, double = _converter(dtypes.float32), _converter(dtypes.float64)
    int, long, bool = (_converter(d) for d in (dtypes.int32, dtypes.int64, dtypes.bool_))


# an operation's name -> its sparse form; `arithmetic` has them
HANDLERS: dict[str, Callable] = {}


def sparse(places: Any, held: Any, size: Any, ordered: bool) -> SparseTensor:
    """A sparse tensor of its parts, without checks."""
    made: Any = object.__new__(SparseTensor)
    made.needs, made.node, made.version, made.origin = False, None, held.version, None
    made.device = held.device
    made._places, made._held, made._size, made._ordered = places, held, Size(size), ordered
    return made


def like(t: SparseTensor, held: Any) -> SparseTensor:
    """Other values at the coordinates of `t`."""
    return sparse(t._indices(), held, t.shape, t.is_coalesced())


def _part(t: Tensor) -> str:
    """The coordinates or values as they stand inside the printed form."""
    array = t.detach().array
    if not array.size:
        return f"tensor([], size={tuple(array.shape)})"
    return f"tensor({array_text(array, len('       indices=tensor('))})"


def _shown(t: Any) -> str:
    pad, values = " " * 7, t._values()
    usual = (dtypes.get_default_dtype(), dtypes.int64, dtypes.bool_)
    facts = [f"size={tuple(t.shape)}", f"nnz={t._nnz()}"]
    facts += [] if values.dtype in usual else [f"dtype={values.dtype}"]
    facts.append("layout=torch.sparse_coo")
    line = pad + ", ".join(facts)
    if values.grad_fn is not None or values.requires_grad:
        node = values.grad_fn
        more = "requires_grad=True" if node is None else f"grad_fn=<{type(node).__name__}>"
        line += ", " + more if len(line) + len(more) + 2 <= 80 else f",\n{pad}{more}"
    places = _part(t._indices())
    held = _part(values).replace("\n ", "\n")  # `values=` is one letter shorter than `indices=`
    return f"tensor(indices={places},\n{pad}values={held},\n{line})"


def same_places(places: Any, held: Any, size: Any) -> None:
    """Refuses parts that do not belong together."""
    if len(places.shape) != 2:
        raise RuntimeError(f"indices must be sparse_dim x nnz, but got: {list(places.shape)}")
    nnz, given = places.shape[1], held.shape[0] if held.dim() else 1
    if nnz != given:
        raise RuntimeError(
            "indices and values must have same nnz, but got nnz from indices: "
            f"{nnz}, nnz from values: {given}"
        )
    lead, dense = places.shape[0], held.dim() - 1
    if len(size) != lead + dense:
        raise RuntimeError(
            f"'len(size) == sparse_dim + dense_dim' is not satisfied: len(size) = {len(size)}, "
            f"sparse_dim = {lead}, dense_dim = {dense}"
        )
    _inside(places.array, size)


def _inside(places: np.ndarray, size: Any) -> None:
    for d, row in enumerate(places if places.size else ()):
        if row.min() < 0:
            raise RuntimeError(f"found negative index {row.min()} for dim {d}")
        if row.max() >= size[d]:
            raise RuntimeError(
                f"size is inconsistent with indices: for dim {d}, size is {size[d]} but found "
                f"index {row.max()}"
            )
