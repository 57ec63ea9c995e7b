"""Sparse tensors from coordinates and from dense tensors: sparse_coo_tensor, to_sparse."""

import math
from typing import Any

import numpy as np

from .._core import dtypes
from .._core.kinds import known
from .._core.size import Size, sparse_coo
from .._core.tape import TensorBase, make
from .._ops.coordinates import entered, picked
from .coo import SparseTensor, same_places, sparse


def sparse_coo_tensor(
    indices: Any = None, values: Any = None, size: Any = None, *, dtype: Any = None,
    device: Any = None, pin_memory: bool = False, requires_grad: bool = False,
    check_invariants: bool | None = None, is_coalesced: bool | None = None,
) -> SparseTensor:  # fmt: skip
    """A sparse tensor in coordinate format.

    Differs: coordinates outside `size` are refused at once, whatever `check_invariants` says.

    Args:
        indices: the coordinates, (sparse dimensions, values).
        values: the values; the place of those with the same coordinates is their sum.
        size: the shape; by default just large enough.

    Example:
        >>> torch.sparse_coo_tensor([[0, 1], [1, 0]], [3.0, 4.0]).to_dense()
        tensor([[0., 3.],
                [4., 0.]])
    """
    if values is None:  # the form of a size alone
        size = Size(indices if size is None else size)
        indices, values = np.zeros((len(size), 0), np.int64), make(np.zeros(0, np.float32))
        values = values.to(dtype or dtypes.get_default_dtype())
    places = known.as_tensor(indices).detach().to(dtypes.int64)
    source = values
    held = values if isinstance(values, TensorBase) else known.as_tensor(values)
    if dtype is not None or device is not None:
        held = held.to(device=device or held.device, dtype=dtype or held.dtype)
    if size is None:
        size = _smallest(places, held)
    same_places(places, held, size)
    wanted = isinstance(source, TensorBase) and source.requires_grad and not requires_grad
    held = entered(held) if wanted else held.detach().requires_grad_(requires_grad)
    return sparse(places.cpu(), held, size, bool(is_coalesced))


def _smallest(places: Any, held: Any) -> tuple:
    lead = [int(row.max()) + 1 if row.size else 0 for row in places.array]
    return (*lead, *tuple(held.shape)[1:])


def to_sparse(self: Any, sparse_dim: Any = None, *, layout: Any = None, **others: Any) -> Any:
    """The nonzero elements as a sparse tensor.

    Args:
        sparse_dim: how many leading dimensions have coordinates (all by default).
    """
    if layout not in (None, sparse_coo):
        raise NotImplementedError(
            f"to_sparse: Rushlight has the layout torch.sparse_coo, not {layout}; leave layout out"
        )
    shape, lead = tuple(self.shape), self.dim() if sparse_dim is None else sparse_dim
    if not 0 < lead <= max(1, len(shape)):
        raise RuntimeError(
            f"sparse_dim argument must be in >=0 and <= self.dim(); it is {lead} for a tensor of "
            f"{len(shape)} dimensions"
        )
    blocks = self.detach().reshape(math.prod(shape[:lead]), -1)
    flat = blocks.ne(0).any(1).nonzero().reshape(-1)
    places = np.stack(np.unravel_index(flat.array, shape[:lead])).astype(np.int64)
    return sparse(make(places), picked(self, flat, dense=shape[lead:]), shape, True)


def sparse_mask(self: Any, mask: Any) -> Any:
    """The elements of a dense tensor at the coordinates of a sparse one."""
    if not isinstance(mask, SparseTensor):
        raise RuntimeError("sparse_mask only supports sparse masks: use mask.to_sparse()")
    if self.shape != mask.shape:
        raise RuntimeError(
            f"sparse_mask(): operands have incompatible sizes; self has size {list(self.shape)} "
            f"but mask has size {list(mask.shape)}"
        )
    held = picked(self, make(mask.flat_places()), dense=tuple(self.shape)[mask.sparse_dim() :])
    return sparse(mask._indices(), held, self.shape, mask.is_coalesced())


METHODS: dict[str, Any] = {
    "to_sparse": to_sparse,
    "to_sparse_coo": to_sparse,
    "sparse_mask": sparse_mask,
}
