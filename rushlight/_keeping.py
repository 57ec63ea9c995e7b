"""Methods that ask how and where a tensor is kept: layouts, sharing between processes, pinning."""

import warnings
from typing import Any

from ._core import devices, dtypes
from ._core.naming import named
from ._ops import indexing, joining


def _only_for(kind: str, name: str) -> Any:
    """A method that only tensors of a sparse layout have; Rushlight's are all dense."""

    def method(self: Any) -> Any:
        raise RuntimeError(f"{name} expected {kind} tensor layout but got Strided")

    doc = f"Refused, as PyTorch does for a dense tensor: {name} belongs to sparse ones."
    return named(method, name, doc)


_SPARSE = {
    "values": "sparse", "indices": "sparse coordinate", "coalesce": "sparse coordinate",
    "is_coalesced": "sparse coordinate", "crow_indices": "sparse row compressed",
    "col_indices": "sparse row compressed", "ccol_indices": "sparse column compressed",
    "row_indices": "sparse column compressed",
}  # fmt: skip


def to_dense(
    self: Any, dtype: dtypes.dtype | None = None, *, masked_grad: bool | None = None
) -> Any:
    """The tensor itself (in another dtype, where one is given): it is dense."""
    return self if dtype is None else self.to(dtype)


def dequantize(self: Any) -> Any:
    """The tensor in float32: it is not quantised."""
    return self.float()


def sparse_dim(self: Any) -> int:
    """The number of sparse dimensions: none."""
    return 0


def dense_dim(self: Any) -> int:
    """The number of dense dimensions: all."""
    return self.dim()


def share_memory_(self: Any) -> Any:
    """The tensor itself.

    Differs: memory is shared between threads, which is what workers are here, not processes.
    """
    return self


def is_shared(self: Any) -> bool:
    """Whether other processes can see the memory; a GPU's tensors count as shared."""
    return self.device.type == "cuda"


def pin_memory(self: Any, device: Any = None) -> Any:
    """A copy in page-locked memory, for quick transfers to a GPU; a virtual GPU needs none.

    Raises:
        RuntimeError: where there is no GPU, as in PyTorch.
    """
    if not devices.virtual_count():
        raise RuntimeError("Cannot access accelerator device when none is available.")
    return self.clone()


def is_pinned(self: Any, device: Any = None) -> bool:
    """Whether the memory is page-locked."""
    return False


def record_stream(self: Any, stream: Any) -> None:
    """Tells a GPU's allocator which stream uses the memory; a virtual GPU has nothing to note."""


def is_same_size(self: Any, other: Any) -> bool:
    """Whether two tensors have the same shape."""
    return self.shape == other.shape


def is_set_to(self: Any, tensor: Any) -> bool:
    """Whether two tensors are the same view of the same memory."""
    return (
        self.data_ptr() == tensor.data_ptr()
        and self.shape == tensor.shape
        and self.stride() == tensor.stride()
    )


def dim_order(self: Any, *, ambiguity_check: Any = False) -> tuple[int, ...]:
    """The dimensions from the one with the largest stride to the smallest."""
    strides = self.stride()
    return tuple(sorted(range(self.dim()), key=lambda dim: -strides[dim]))


def sum_to_size(self: Any, *size: Any) -> Any:
    """The sum over the dimensions along which `size` would broadcast to this shape."""
    size = tuple(size[0]) if len(size) == 1 and not isinstance(size[0], int) else size
    lead = self.dim() - len(size)
    if lead < 0 or any(a not in (b, 1) for a, b in zip(size, self.shape[lead:])):
        raise RuntimeError(f"size {list(size)} is not expandable to size {list(self.shape)}.")
    dims = list(range(lead)) + [
        lead + dim for dim, n in enumerate(size) if n == 1 and self.shape[lead + dim] != 1
    ]
    made = self.sum(dims, keepdim=True) if dims else self
    if not size:  # a sum to a scalar is a sum of all, which counts in int64
        return self.sum()
    return made.reshape(size)


def narrow_copy(self: Any, dim: int, start: int, length: int) -> Any:
    """A copy of the part that `narrow` views."""
    return self.narrow(dim, start, length).clone()


def resize(self: Any, *sizes: Any) -> Any:
    """A copy in another shape of as many elements; `reshape` is its newer name."""
    warnings.warn("non-inplace resize is deprecated", stacklevel=2)
    return self.clone().reshape(*sizes)


def resize_as(self: Any, tensor: Any) -> Any:
    """A copy in the shape of another tensor; `reshape_as` is its newer name."""
    warnings.warn("non-inplace resize_as is deprecated", stacklevel=2)
    return self.clone().reshape(tensor.shape)


def resize_as_(self: Any, tensor: Any, *, memory_format: Any = None) -> Any:
    """This tensor with the shape of another; memory that is new has no set values."""
    return self.resize_(tensor.shape)


METHODS: dict[str, Any] = {
    **{name: _only_for(kind, name) for name, kind in _SPARSE.items()},
    "argwhere": indexing.nonzero, "unsafe_chunk": joining.chunk, "unsafe_split": joining.split,
    "unsafe_split_with_sizes": joining.split_with_sizes,
    "name": property(lambda self: None, doc="Tensors have no names."),
    "is_distributed": lambda self: False,
    **{f"is_{kind}": property(lambda self: False) for kind in
       ("xla", "ipu", "mtia", "maia", "vulkan", "sparse_csr")},
}  # fmt: skip
