"""What every factory does: read sizes, dtype and device, make the array, wrap it, or fill `out`."""

from collections.abc import Callable
from typing import Any

import numpy as np

from .._core import dtypes
from .._core.devices import META, concrete, virtual_count
from .._core.errors import wrong_argument
from .._core.filling import fit
from .._core.kinds import known
from .._core.layouts import check_layout
from .._core.memory import LARGE, keep_large_blocks
from .._core.size import strided
from .._core.tape import TensorBase, make
from .._core.views import refuse_write, written

_PYTHON = {float: dtypes.float64, int: dtypes.int64, bool: dtypes.bool_, complex: dtypes.complex128}


def sizes_of(name: str, given: tuple, size: Any = None) -> tuple[int, ...]:
    """The shape from `f(2, 3)`, `f((2, 3))` or `f(size=(2, 3))`.

    Raises:
        TypeError: for sizes that are no integers.
        RuntimeError: for negative ones.
    """
    if not given:
        if size is None:
            raise TypeError(
                f'{name}() missing 1 required positional arguments: "size". Give the sizes, as in '
                f"torch.{name}(2, 3)."
            )
        given = (size,)
    first = given[0]
    alone = first.__class__ is not int and len(given) == 1
    if alone and (isinstance(first, (tuple, list)) or _is_row(first)):
        given = tuple(first)
    for n in given:
        if n.__class__ is not int or n < 0:
            return _checked_sizes(name, given)
    return given


def _checked_sizes(name: str, given: tuple) -> tuple[int, ...]:
    sizes = tuple(_whole(name, i, n, len(given)) for i, n in enumerate(given))
    for n in sizes:
        if n < 0:
            raise RuntimeError(
                f"zeros: Dimension size must be non-negative. Given {list(sizes)}."
                if name == "zeros"
                else f"Trying to create tensor with negative dimension {n}: {list(sizes)}"
            )
    return sizes


def _is_row(value: Any) -> bool:
    return isinstance(value, (TensorBase, np.ndarray)) and len(value.shape) == 1


def _whole(name: str, at: int, value: Any, count: int) -> int:
    kind = type(value)
    if hasattr(value, "__index__") and kind is not bool:
        return value.__index__()
    if at == 0 and count == 1:
        raise wrong_argument(name, "size", 1, "tuple of ints", value)
    raise TypeError(
        f"{name}(): argument 'size' failed to unpack the object at pos {at + 1} with error "
        f'"type must be tuple of ints,but got {kind.__name__}"'
    )


def size_tuple(name: str, size: Any, position: int = 1) -> tuple[int, ...]:
    """The shape from an argument that must be a tuple."""
    if not isinstance(size, (tuple, list)):
        raise wrong_argument(name, "size", position, "tuple of ints", size)
    return sizes_of(name, (size,))


def dtype_of(name: str, dtype: Any, otherwise: Any = None) -> Any:
    """The dtype object meant by a `dtype=` argument.

    Raises:
        TypeError: for anything but a dtype (or float, int, bool, complex).
    """
    if dtype.__class__ is dtypes.dtype:
        return dtype
    if dtype is None:
        return otherwise if otherwise is not None else dtypes.get_default_dtype()
    found = _PYTHON.get(dtype) if isinstance(dtype, type) else None
    if found is None:
        raise TypeError(
            f"{name}(): argument 'dtype' must be torch.dtype, not {type(dtype).__name__}. Write "
            "torch.float32, torch.int64 ..."
        )
    return found


def check_input(name: str, input: Any) -> None:
    """Refuse what is no tensor, where one is followed."""
    if not isinstance(input, TensorBase):
        raise wrong_argument(name, "input", 1, "Tensor", input)


def check_options(layout: Any, pin_memory: Any) -> None:
    """Refuse layouts that do not exist and pinned memory where there is no GPU to pin it for."""
    if layout is not None and layout is not strided:
        check_layout(layout)
    if pin_memory and not virtual_count():
        raise RuntimeError(
            "pin_memory=True requires a CUDA or other accelerator backend; no pinned memory "
            "allocator is available on this system."
        )


def check_grad(kind: Any, requires_grad: bool) -> None:
    """Refuse gradients on integers."""
    if requires_grad and kind.category < 2:
        raise RuntimeError(
            "Only Tensors of floating point and complex dtype can require gradients. This one is "
            f"{kind}: give dtype=torch.float32, or floats such as 1.0."
        )


def place(
    shape: tuple, kind: Any, device: Any, requires_grad: bool, fill: Callable[[tuple, Any], Any]
) -> Any:
    """A tensor of `shape` on a device; `fill(shape, carrier)` makes the array, where it has one."""
    where = concrete(device)
    if requires_grad:
        check_grad(kind, requires_grad)
    if where is META:
        return make(known.meta.full(shape, 0, kind), where, bool(requires_grad))
    array = fill(shape, kind.numpy)
    if array.__class__ is np.ndarray and array.nbytes > LARGE:
        keep_large_blocks()
    return make(array, where, bool(requires_grad))


def wrap(array: np.ndarray, device: Any, requires_grad: bool = False) -> Any:
    """A tensor around a finished array."""
    return place(array.shape, dtypes.of(array.dtype), device, requires_grad, lambda *_: array)


def into(out: Any, array: np.ndarray, asked: Any = None) -> Any:
    """`out` with the values of `array`, resized to its shape.

    Raises:
        RuntimeError: where `dtype=` was given too and is not out's.
    """
    if not isinstance(out, TensorBase):
        raise wrong_argument("torch", "out", 0, "Tensor", out)
    if out.device is META:
        raise RuntimeError("device type cpu does not match device type of out parameter (meta)")
    if asked is not None and asked is not out.dtype:
        raise RuntimeError(
            f"dtype {asked.type_name} does not match dtype of out parameter ({out.dtype.type_name})"
        )
    refuse_write(out)
    fit(out, array, False)
    out.array[...] = dtypes.cast(array, out.dtype)
    written(out)
    return out


def number(name: str, argument: str, position: int, value: Any) -> Any:
    """A Python number from a number or a tensor of one element.

    Raises:
        TypeError: for anything else.
    """
    if isinstance(value, dtypes.NUMBERS):
        return value
    if isinstance(value, (TensorBase, np.generic)) and hasattr(value, "item"):
        return value.item()
    raise wrong_argument(name, argument, position, "Number", value)


def whole(name: str, argument: str, position: int, value: Any) -> int:
    """An int from an int or anything that stands for one.

    Raises:
        TypeError: for a float, among others.
    """
    if value.__class__ is int:
        return value
    if not hasattr(value, "__index__") or isinstance(value, bool):
        raise wrong_argument(name, argument, position, "int", value)
    return value.__index__()
