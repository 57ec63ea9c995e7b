"""Tensors from data: Python's numbers and lists, NumPy's arrays, buffers, other tensors."""

import warnings
from typing import Any

import numpy as np

from .._core import dtypes, modes
from .._core.devices import CPU, META, concrete
from .._core.kinds import known, without_value
from .._core.literals import array_of, check_array
from .._core.tape import TensorBase, make
from .making import check_grad, check_options, dtype_of, number, place, wrap


def tensor(
    data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False,
    pin_memory: bool = False,
) -> Any:  # fmt: skip
    """A tensor with a copy of `data`: a number, nested lists of numbers, an array.

    Floats become the default dtype, integers int64, NumPy's values keep their dtype.

    Example:
        >>> tensor([[1, 2], [3, 4]])
        tensor([[1, 2],
                [3, 4]])

    Raises:
        TypeError, ValueError, RuntimeError: for data that is not regular or not numeric.
    """
    if pin_memory:
        check_options(None, pin_memory)
    if isinstance(data, TensorBase):
        return _copied(data, dtype, device, requires_grad)
    array = array_of(data, None if dtype is None else dtype_of("tensor", dtype))
    where = concrete(device)
    if requires_grad:
        check_grad(dtypes.of(array.dtype), requires_grad)
    if where is META:
        array = known.meta.full(array.shape, 0, array.dtype)
    return make(array, where, bool(requires_grad))


def _copied(source: Any, dtype: Any, device: Any, requires_grad: bool) -> Any:
    warnings.warn(
        "To copy construct from a tensor, it is recommended to use sourceTensor.detach().clone() "
        "or sourceTensor.detach().clone().requires_grad_(True), rather than "
        "torch.tensor(sourceTensor).",
        stacklevel=3,
    )
    made = source.detach().to(
        dtype=None if dtype is None else dtype_of("tensor", dtype),
        device=source.device if device is None else concrete(device),
        copy=True,
    )
    return made.requires_grad_() if requires_grad else made


def as_tensor(data: Any, dtype: Any = None, device: Any = None) -> Any:
    """`data` as a tensor that shares memory with it where that is possible.

    A tensor of the wanted dtype and device is given back itself; a NumPy array lends its memory.
    """
    kind = None if dtype is None else dtype_of("as_tensor", dtype)
    if isinstance(data, TensorBase):
        where = None if device is None else concrete(device)
        same = (kind is None or kind is data.dtype) and (where is None or where is data.device)
        return data if same else data.to(dtype=kind, device=where or data.device)
    if isinstance(data, np.ndarray):
        made = from_numpy(data)
        where = concrete(device)
        same = (kind is None or kind is made.dtype) and where is CPU
        return made if same else made.to(dtype=kind, device=where)
    return wrap(array_of(data, kind), device)


def scalar_tensor(
    s: Any, *, dtype: Any = None, layout: Any = None, device: Any = None, pin_memory: bool = False,
    requires_grad: bool = False,
) -> Any:  # fmt: skip
    """A 0-dim tensor, of the default dtype unless another is given."""
    check_options(layout, pin_memory)
    kind = dtype_of("scalar_tensor", dtype)
    value = number("scalar_tensor", "s", 1, s)
    return place((), kind, device, requires_grad, lambda *_: array_of(value, kind))


def new_tensor(
    self: Any, data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False,
    layout: Any = None, pin_memory: bool = False,
) -> Any:  # fmt: skip
    """`torch.tensor(data)` in this tensor's dtype and on its device."""
    return tensor(
        data, dtype=self.dtype if dtype is None else dtype,
        device=self.device if device is None else device, requires_grad=requires_grad,
        pin_memory=pin_memory,
    )  # fmt: skip


def from_numpy(ndarray: Any) -> Any:
    """A tensor that shares its memory with a NumPy array.

    Raises:
        TypeError: for anything but an array of a dtype that PyTorch has.
        ValueError: for negative strides or foreign byte order.
    """
    if not isinstance(ndarray, np.ndarray):
        kind = type(ndarray)
        home = "numpy." if isinstance(ndarray, np.generic) else ""
        raise TypeError(f"expected np.ndarray (got {home}{kind.__name__})")
    if modes.special and modes.local.trace is not None:
        without_value(ndarray, "from_numpy()")
    check_array(ndarray)
    if any(s % ndarray.itemsize for s in ndarray.strides):
        raise ValueError(
            "given numpy array strides not a multiple of the element byte size. Copy the numpy "
            "array to reallocate the memory."
        )
    if not ndarray.flags.writeable:
        warnings.warn(
            "The given NumPy array is not writable, and PyTorch does not support non-writable "
            "tensors. Here the tensor shares the array's memory and refuses to be written. Copy "
            "the array to get a tensor that can be changed.",
            stacklevel=2,
        )
    return make(ndarray if ndarray.__class__ is np.ndarray else ndarray.view(np.ndarray))


def frombuffer(
    buffer: Any, *, dtype: Any, count: int = -1, offset: int = 0, requires_grad: bool = False
) -> Any:
    """A 1-dim tensor over the memory of a buffer such as bytearray or array.array.

    Args:
        count: elements to take; -1 for all.
        offset: bytes to skip.
    """
    kind = dtype_of("frombuffer", dtype)
    try:
        view = memoryview(buffer)
    except TypeError:
        raise ValueError(
            f"object does not implement Python buffer protocol. Given {type(buffer).__name__}; "
            "bytes, bytearray, memoryview or array.array do."
        ) from None
    size, item = view.nbytes, kind.itemsize
    if size == 0 or count == 0:
        raise ValueError(f"both buffer length ({size}) and count ({count}) must not be 0")
    if not 0 <= offset < size:
        raise ValueError(
            f"offset ({offset} bytes) must be non-negative and no greater than buffer length "
            f"({size} bytes) minus 1"
        )
    if count > 0 and offset + count * item > size:
        raise ValueError(
            f"requested buffer length ({count} * {item} bytes) after offset ({offset} bytes) must "
            f"not be greater than actual buffer length ({size} bytes)"
        )
    if count < 0 and (size - offset) % item:
        raise ValueError(
            f"buffer length ({size - offset} bytes) after offset ({offset} bytes) must be a "
            f"multiple of element size ({item})"
        )
    check_grad(kind, requires_grad)
    array = np.frombuffer(view.cast("B") if view.contiguous else buffer, kind.numpy, count, offset)
    return make(array, CPU, bool(requires_grad))


def asarray(
    obj: Any, *, dtype: Any = None, device: Any = None, copy: bool | None = None,
    requires_grad: bool = False,
) -> Any:  # fmt: skip
    """A tensor of tensors, arrays, buffers, scalars or sequences, sharing memory where it can.

    Args:
        copy: True always copies, False never does (or it is an error), None as needed.
    """
    kind = None if dtype is None else dtype_of("asarray", dtype)
    made, shares = _lent(obj, kind)
    where = concrete(made.device if device is None and isinstance(obj, TensorBase) else device)
    wanted = kind or made.dtype
    check_grad(wanted, requires_grad)
    if copy is False:
        _refuse_copy(obj, made, shares, wanted, where)
    if made.dtype is not wanted or made.device is not where:
        made = made.to(dtype=wanted, device=where)
    elif copy and shares:
        with modes.no_grad():
            made = made.clone()
    elif shares and isinstance(obj, TensorBase) and requires_grad is not obj.requires_grad:
        made = made.detach()
    return made.requires_grad_() if requires_grad and not made.requires_grad else made


def _lent(obj: Any, kind: Any) -> tuple[Any, bool]:
    """A tensor for `obj` and whether it shares obj's memory."""
    if isinstance(obj, TensorBase):
        return obj, True
    if isinstance(obj, np.ndarray):
        return from_numpy(obj), True
    if hasattr(obj, "__dlpack__"):
        return from_dlpack(obj), True
    if not isinstance(obj, (str, list, tuple, *dtypes.NUMBERS, np.generic)):
        try:
            memoryview(obj)
        except TypeError:
            return make(array_of(obj, kind)), False
        return frombuffer(obj, dtype=kind or dtypes.get_default_dtype()), True
    return make(array_of(obj, kind)), False


def _refuse_copy(obj: Any, made: Any, shares: bool, wanted: Any, where: Any) -> None:
    if not shares:
        raise ValueError(
            "can't alias arbitrary sequence into a tensor. Leave copy=False out: a "
            f"{type(obj).__name__} has to be copied."
        )
    if made.device is not where:
        raise ValueError(f"can't alias tensor from device '{made.device}' to '{where}'.")
    if made.dtype is not wanted:
        raise ValueError(
            f"can't alias tensor with dtype '{made.dtype.type_name}' into dtype "
            f"'{wanted.type_name}'."
        )


def from_dlpack(ext_tensor: Any, *, device: Any = None, copy: bool | None = None) -> Any:
    """A tensor over the memory of an object of another library that speaks DLPack."""
    if isinstance(ext_tensor, TensorBase):
        made = ext_tensor.detach()
    else:
        array = np.from_dlpack(ext_tensor)
        dtypes.of(array.dtype)
        made = make(array)
    if device is not None:
        made = made.to(device)
    return made.clone() if copy else made


def to_dlpack(tensor: Any) -> Any:
    """The DLPack capsule of a tensor's memory."""
    return tensor.__dlpack__()
