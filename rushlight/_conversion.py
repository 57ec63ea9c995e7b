"""Methods that convert a tensor or look at its memory: dtype, device, layout, storage."""

from typing import Any

import numpy as np

from ._core import dtypes, views
from ._core.devices import CPU, concrete, device
from ._core.hosted import Number
from ._core.kinds import known
from ._core.literals import array_of
from ._core.memory import owner
from ._core.naming import named
from ._core.size import (
    channels_last,
    channels_last_3d,
    contiguous_format,
    memory_format,
    preserve_format,
)
from ._core.tape import TensorBase, make, ndarray
from ._ops import casts, slicing
from ._ops import views as view_ops
from ._ops.dims import listed
from ._ops.moves import moved

_AXES = {channels_last: (0, 2, 3, 1), channels_last_3d: (0, 2, 3, 4, 1)}


# -- dtype and device


def to(self: Any, *args: Any, **kwargs: Any) -> Any:
    """The tensor in another dtype, on another device, or like another tensor.

    Accepts PyTorch's forms: `to(dtype)`, `to(device, dtype)`, `to(other)`, each with
    `non_blocking`, `copy` and `memory_format`. Returns the tensor itself where nothing changes.
    """
    where, dtype, copy, layout = parse_to(args, kwargs)
    made = self
    if where is not None:
        target = concrete(where)
        if target is not self.device:
            made = moved(made, target)
    if dtype is not None and dtype is not made.dtype:
        made = casts.cast(made, dtype)
    if made is self and copy:
        made = clone(self)
    if layout not in (None, preserve_format):
        made = contiguous(made, layout)
    return made


def parse_to(args: tuple, kwargs: dict) -> tuple:
    """(device, dtype, copy, memory format) of the arguments of `to`."""
    where, dtype = kwargs.pop("device", None), kwargs.pop("dtype", None)
    copy, layout = kwargs.pop("copy", False), kwargs.pop("memory_format", None)
    kwargs.pop("non_blocking", None)
    other = kwargs.pop("other", None)
    if kwargs:
        raise TypeError(
            f"to() received an invalid combination of arguments: unexpected {sorted(kwargs)}"
        )
    flags = []
    for a in args:
        if isinstance(a, dtypes.dtype):
            dtype = a
        elif isinstance(a, (str, device)) or (isinstance(a, int) and not isinstance(a, bool)):
            where = a
        elif isinstance(a, TensorBase):
            other = a
        elif isinstance(a, bool):
            flags.append(a)
        elif isinstance(a, memory_format):
            layout = a
        elif a is not None:
            raise TypeError(
                f"to() received an invalid combination of arguments - got ({type(a).__name__}); "
                "expected a dtype, a device, a tensor, or keyword arguments"
            )
    if len(flags) > 1:
        copy = flags[1]
    if other is not None:
        where, dtype = other.device, other.dtype
    return (None if where is None else device(where)), dtype, copy, layout


def _converter(d: dtypes.dtype, name: str) -> Any:
    def convert(self: Any, memory_format: Any = preserve_format) -> Any:
        return self if self.dtype is d else casts.cast(self, d)

    return named(convert, name, f"The tensor as {d}.")


CONVERTERS = {
    name: _converter(d, name)
    for name, d in dict(
        float=dtypes.float32, double=dtypes.float64, half=dtypes.float16, bfloat16=dtypes.bfloat16,
        int=dtypes.int32, long=dtypes.int64, short=dtypes.int16, char=dtypes.int8,
        byte=dtypes.uint8, bool=dtypes.bool_, cfloat=dtypes.complex64, cdouble=dtypes.complex128,
    ).items()
}  # fmt: skip


def cpu(self: Any, memory_format: Any = preserve_format) -> Any:
    """The tensor in host memory."""
    return to(self, CPU)


def cuda(
    self: Any, device: Any = None, non_blocking: bool = False, memory_format: Any = None
) -> Any:
    """The tensor on a GPU (the current one, unless `device` says which)."""
    return to(self, "cuda" if device is None else device)


def type_(self: Any, dtype: Any = None, non_blocking: bool = False) -> Any:
    """The tensor's legacy type name, or the tensor converted to a type given by name or dtype."""
    if dtype is None:
        place = "torch.cuda." if self.device.type == "cuda" else "torch."
        return f"{place}{self.dtype.type_name}Tensor"
    if isinstance(dtype, str):
        found = {f"{d.type_name}Tensor": d for d in dtypes.ALL}.get(dtype.rpartition(".")[2])
        if found is None:
            raise ValueError(f"invalid type: '{dtype}'")
        dtype = found
    elif not isinstance(dtype, dtypes.dtype):
        dtype = dtype.dtype  # one of the legacy classes, FloatTensor and such
    return to(self, dtype)


def type_as(self: Any, other: Any) -> Any:
    """The tensor in the dtype and on the device of another."""
    return to(self, other.device, other.dtype)


# -- layout


def contiguous(self: Any, memory_format: Any = contiguous_format) -> Any:
    """The tensor with its elements in order in memory; itself where they are."""
    if is_contiguous(self, memory_format):
        return self
    if memory_format in _AXES:
        return _channels_last(self, memory_format)
    return casts.clone_in_order(self)


def _channels_last(self: Any, layout: Any) -> Any:
    axes = _AXES[layout]
    if len(self.shape) != len(axes):
        raise RuntimeError(f"required rank {len(axes)} tensor to use {layout!r} format")
    inverse = tuple(sorted(range(len(axes)), key=axes.__getitem__))
    return view_ops.permute(casts.clone_in_order(view_ops.permute(self, axes)), inverse)


def is_contiguous(self: Any, memory_format: Any = contiguous_format) -> bool:
    """Whether the elements lie in order in memory."""
    array = self.array
    if array.__class__ is not ndarray:
        return bool(array.contiguous)
    if memory_format in _AXES:
        axes = _AXES[memory_format]
        return array.ndim == len(axes) and array.transpose(axes).flags.c_contiguous
    return array.flags.c_contiguous


def clone(self: Any, *, memory_format: Any = preserve_format) -> Any:
    """A copy that is part of the graph."""
    if memory_format in (preserve_format, None):
        return casts.clone(self)
    made = contiguous(self, memory_format)
    return casts.clone(self) if made is self else made


def view(self: Any, *shape: Any, dtype: Any = None) -> Any:
    """The same memory in another shape (or as another dtype).

    Raises:
        RuntimeError: where the layout does not allow it without a copy.
    """
    if (len(shape) == 1 and shape[0].__class__ is not int) or dtype is not None:
        if dtype is not None or shape[0].__class__ is dtypes.dtype:
            return _as_dtype(self, dtype or shape[0])
        shape = listed(shape)
    made = view_ops.reshape(self, shape)
    if made.origin is None and self.array.size:
        raise RuntimeError(
            "view size is not compatible with input tensor's size and stride (at least one "
            "dimension spans across two contiguous subspaces). Use .reshape(...) instead."
        )
    return made


def _as_dtype(self: Any, dtype: dtypes.dtype) -> Any:
    if dtype is self.dtype:
        return slicing.aliased(self, (...,))
    array = np.asarray(self.array)
    if array.ndim and array.itemsize != dtype.itemsize and array.strides[-1] != array.itemsize:
        raise RuntimeError("self.stride(-1) must be 1 to view it as a dtype of another size")
    made = make(array.view(dtype.numpy), self.device)
    made.version = self.version
    return made


def reshape(self: Any, *shape: Any) -> Any:
    """The tensor in another shape: a view where its layout allows, else a copy."""
    if len(shape) == 1 and shape[0].__class__ is not int:
        shape = listed(shape)
    return view_ops.reshape(self, shape)


def permute(self: Any, *dims: Any) -> Any:
    """The tensor with its dimensions in another order."""
    return view_ops.permute(self, listed(dims))


def expand(self: Any, *size: Any, implicit: bool = False) -> Any:
    """The tensor with dimensions of size 1 repeated, as a view; -1 keeps a size."""
    return view_ops.expand(self, listed(size))


def view_as(self: Any, other: Any) -> Any:
    """The same memory in the shape of another tensor."""
    return view(self, other.shape)


def reshape_as(self: Any, other: Any) -> Any:
    """The tensor in the shape of another."""
    return view_ops.reshape(self, tuple(other.shape))


def expand_as(self: Any, other: Any) -> Any:
    """The tensor stretched to the shape of another."""
    return view_ops.expand(self, tuple(other.shape))


def transposed(self: Any) -> Any:
    """The tensor with its dimensions reversed."""
    n = len(self.array.shape)
    if n == 2:
        return view_ops.t(self)
    return view_ops.permute(self, tuple(range(n))[::-1])


def matrix_transposed(self: Any) -> Any:
    """The tensor with its last two dimensions exchanged."""
    if len(self.array.shape) < 2:
        raise RuntimeError(
            f"tensor.mT is only supported on matrices or batches of matrices. Got {self.dim()}-D "
            "tensor."
        )
    return view_ops.transpose(self, -2, -1)


# -- in-place changes of shape and memory


def _reshaped(function: Any) -> Any:
    """The in-place form of a view: the tensor itself takes the new shape."""

    def change(self: Any, *args: Any, **kwargs: Any) -> Any:
        made = function(self, *args, **kwargs)
        self.array, self.node, self.needs = made.array, made.node, made.needs
        if self.origin is None and made.origin is not None:
            self.needs = self.needs if self.needs is True else False
        views.written(self)
        return self

    name = function.__name__
    return named(change, f"{name}_", f"In-place form of `{name}`.")


RESHAPED = {
    f.__name__ + "_": _reshaped(f)
    for f in (view_ops.unsqueeze, view_ops.squeeze, view_ops.transpose, view_ops.t)
}


def fill_(self: Any, value: Any) -> Any:
    """Set every element to one value, in place."""
    if isinstance(value, TensorBase) and value.shape:
        raise RuntimeError(
            f"fill_ only supports 0-dimension value tensor but got tensor with {value.dim()} "
            "dimensions."
        )
    return views.copy_(self, value)


def zero_(self: Any) -> Any:
    """Set every element to zero, in place."""
    return views.copy_(self, 0)


def resize_(self: Any, *size: Any, memory_format: Any = None) -> Any:
    """Give the tensor another shape, in place; new elements are zero."""
    if self.requires_grad:
        raise RuntimeError("cannot resize variables that require grad")
    size = listed(size)
    old = self.array.reshape(-1)
    new = np.zeros(size, self.array.dtype)
    n = min(old.size, new.size)
    new.reshape(-1)[:n] = old[:n]
    self.array, self.origin = new, None
    return self


def set_(self: Any, source: Any = None, *_: Any) -> Any:
    """Let the tensor show the memory of another."""
    self.array = np.zeros(0, self.array.dtype) if source is None else source.array
    if source is not None:
        self.version = source.version
    return self


# -- memory


def data_ptr(self: Any) -> int:
    """The address of the first element (0 where there is no memory)."""
    array = self.array
    if array.__class__ is not ndarray or array.size == 0:
        return 0
    return array.__array_interface__["data"][0]


def storage_offset(self: Any) -> int:
    """How many elements into its storage the tensor begins."""
    if self.array.__class__ is not ndarray:
        return self.array.offset % (1 << 48)  # an argument of a trace lies anywhere
    if self.array.size == 0:
        return 0
    return (data_ptr(self) - untyped_storage(self).data_ptr()) // self.array.itemsize


class UntypedStorage:
    """The bytes behind one or more tensors."""

    def __init__(self, tensor: Any) -> None:
        self.device = tensor.device
        self._owner = owner(tensor.array) if tensor.array.__class__ is ndarray else None
        self._nbytes = tensor.nbytes if self._owner is None else self._owner.nbytes

    def data_ptr(self) -> int:
        """The address of the first byte."""
        return 0 if self._owner is None else self._owner.__array_interface__["data"][0]

    def nbytes(self) -> int:
        """The number of bytes."""
        return self._nbytes

    size = __len__ = nbytes

    def __eq__(self, other: object) -> bool:
        return isinstance(other, UntypedStorage) and self._owner is other._owner

    def __hash__(self) -> int:
        return id(self._owner)


def untyped_storage(self: Any) -> UntypedStorage:
    """The bytes behind the tensor, which its views share."""
    return UntypedStorage(self)


def is_storage(obj: Any, /) -> bool:
    """Whether an object is the memory behind tensors."""
    return isinstance(obj, UntypedStorage)


def __dlpack__(self: Any, **options: Any) -> Any:
    """The DLPack capsule of a CPU tensor's memory."""
    if self.requires_grad:
        raise BufferError("Can't export tensors that require gradient, use tensor.detach()")
    return self.array.__dlpack__(**options)


def __dlpack_device__(self: Any) -> tuple:
    """The DLPack name of host memory."""
    return self.array.__dlpack_device__()


def as_tensor(value: Any, dtype: Any = None, device: Any = None) -> Any:
    """A tensor of a number, array or tensor, for the inside of the package."""
    if isinstance(value, TensorBase):
        return value if dtype is None or value.dtype is dtype else casts.cast(value, dtype)
    if isinstance(value, (bool, int, float, complex)):
        d = dtype or dtypes.of_number(value)
        if type(value) is Number:
            return make(value.trace.literal(array_of, value, d), device or CPU)
        if d is dtypes.bfloat16:
            return make(dtypes.to_bfloat16(np.asarray(value, np.float32)), device or CPU)
        return make(_number(value, d), device or CPU)
    return known.tensor_from(value, dtype, device or CPU)


def _number(value: Any, d: dtypes.dtype) -> ndarray:
    try:
        return np.array(value, d.numpy)
    except OverflowError:  # wraps around, as in PyTorch
        bits = 8 * d.itemsize
        wrapped = value % (1 << bits)
        if d.is_signed and wrapped >> (bits - 1):
            wrapped -= 1 << bits
        return np.array(wrapped, d.numpy)


known.as_tensor = as_tensor
