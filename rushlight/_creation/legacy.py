"""The old constructors: `torch.Tensor(...)`, and classes such as `torch.FloatTensor`."""

from typing import Any

import numpy as np

from .._core import dtypes, modes
from .._core.kinds import known
from .._core.literals import array_of
from .._core.tape import TensorBase
from .making import place, sizes_of, wrap

_NAMES = {
    "FloatTensor": dtypes.float32, "DoubleTensor": dtypes.float64, "HalfTensor": dtypes.float16,
    "BFloat16Tensor": dtypes.bfloat16, "LongTensor": dtypes.int64, "IntTensor": dtypes.int32,
    "ShortTensor": dtypes.int16, "CharTensor": dtypes.int8, "ByteTensor": dtypes.uint8,
    "BoolTensor": dtypes.bool_,
}  # fmt: skip


def legacy(cls: type, *args: Any, device: Any = None) -> Any:
    """What `torch.Tensor(...)` makes: ints are sizes, a sequence or array is data."""
    made = _made(args, dtypes.get_default_dtype(), device, strict=False)
    return made if cls is known.tensor else made.as_subclass(cls)


def _made(args: tuple, kind: Any, where: Any, strict: bool) -> Any:
    if not args:
        return place((0,), kind, where, False, np.empty)
    first = args[0]
    if len(args) > 1 or first.__class__ is int or _is_size(first):
        return place(_legacy_sizes(args), kind, where, False, np.empty)
    if isinstance(first, TensorBase):
        if strict and first.dtype is not kind:
            raise TypeError(
                f"expected {kind} (got {first.dtype}). The old constructors convert no "
                f"tensors: use tensor.to({kind})."
            )
        with modes.no_grad():
            return first.detach()
    if isinstance(first, str):
        raise TypeError(f"new(): invalid data type '{type(first).__name__}'")
    if not (hasattr(first, "__len__") and hasattr(first, "__getitem__")):
        raise TypeError(
            f"new(): data must be a sequence (got {type(first).__name__}). For one number use "
            "torch.tensor(number)."
        )
    return wrap(array_of(first, kind), where)


def _is_size(value: Any) -> bool:
    return type(value).__name__ == "Size" or (
        hasattr(value, "__index__") and not isinstance(value, (bool, TensorBase, np.ndarray))
    )


def _legacy_sizes(args: tuple) -> tuple:
    try:
        return sizes_of("new", args)
    except TypeError:
        kinds = ", ".join(type(a).__name__ for a in args)
        raise TypeError(
            f"new() received an invalid combination of arguments - got ({kinds}), but expected one "
            "of: sizes as ints, one sequence of data, or one tensor"
        ) from None


class _TypedClass(type):
    """A class whose instances are the tensors of one dtype on the CPU."""

    dtype: Any
    is_cuda = False

    def __call__(cls, *args: Any, device: Any = None) -> Any:
        return _made(args, cls.dtype, device or "cpu", strict=True)

    def __instancecheck__(cls, t: Any) -> bool:
        return isinstance(t, TensorBase) and t.dtype is cls.dtype and t.device.type == "cpu"


def set_default_tensor_type(t: Any, /) -> None:
    """The dtype (and kind of device) of factories, by an old class or its name."""
    name = t if isinstance(t, str) else f"{t.__module__}.{t.__name__}"
    kind = _NAMES.get(name.rpartition(".")[2])
    if kind is None or not kind.is_floating_point:
        raise TypeError(f"invalid type object: {name}. Expected one such as torch.FloatTensor.")
    dtypes.set_default_dtype(kind)


def new(self: Any, *args: Any, device: Any = None) -> Any:
    """The old `tensor.new(...)`: `torch.Tensor(...)` in this tensor's dtype and on its device."""
    return _made(args, self.dtype, self.device if device is None else device, strict=True)


(
    FloatTensor, DoubleTensor, HalfTensor, BFloat16Tensor, LongTensor, IntTensor, ShortTensor,
    CharTensor, ByteTensor, BoolTensor,
) = (
    _TypedClass(name, (), {"dtype": kind, "__module__": "torch"}) for name, kind in _NAMES.items()
)  # fmt: skip
