"""Tensors of one value: zeros, ones, full, empty, eye, and their `_like` and `new_` forms."""

from collections.abc import Callable
from typing import Any

import numpy as np

from .._core import dtypes
from .._core.hosted import Number
from .._core.layouts import laid_out, order_for
from .._core.literals import check_range
from .._core.naming import named
from .._core.op import op
from .._core.size import preserve_format
from .._core.tape import TensorBase, make
from .making import (
    check_grad,
    check_input,
    check_options,
    dtype_of,
    into,
    number,
    place,
    size_tuple,
    sizes_of,
    whole,
)

_C_NAMES = {
    "uint8": "uint8_t", "int8": "int8_t", "int16": "int16_t", "int32": "int", "int64": "int64_t",
}  # fmt: skip


def _ones(shape: tuple, carrier: Any) -> np.ndarray:
    if carrier is dtypes.BFLOAT16 or carrier == dtypes.BFLOAT16:
        return np.full(shape, dtypes.to_bfloat16(np.ones((), np.float32)), carrier)
    return np.ones(shape, carrier)


def filling(value: Any, kind: Any) -> Callable[[tuple, Any], np.ndarray]:
    """fill(shape, carrier) for a number, converted as PyTorch converts scalars."""
    if type(value) is Number:
        return lambda shape, carrier: value.trace.full(shape, value, carrier)
    cell = np.asarray(value)
    if kind.category == 1:
        check_range(cell, kind, str(_C_NAMES.get(kind.name, kind.name)))
    elif kind.category < 3 and cell.dtype.kind == "c" and cell.imag != 0:
        raise RuntimeError(f"value cannot be converted to type {kind.name} without overflow")
    if kind in dtypes.HALVES and cell.dtype.kind in "fiu":
        cell = cell.astype(np.float32)
    cell = dtypes.cast(cell, kind)
    return lambda shape, carrier: np.full(shape, cell, carrier)


def _sized(
    name: str, size: tuple, named: dict, out: Any, dtype: Any, layout: Any, device: Any,
    pin_memory: bool, requires_grad: bool, fill: Callable,
) -> Any:  # fmt: skip
    for key in named:
        if key not in ("size", "names"):
            raise TypeError(f"{name}() got an unexpected keyword argument '{key}'")
    shape = sizes_of(name, size, named.get("size"))
    if layout is not None or pin_memory:
        check_options(layout, pin_memory)
    if out is not None:
        asked = None if dtype is None else dtype_of(name, dtype)
        return into(out, fill(shape, out.dtype.numpy), asked)
    kind = dtypes.get_default_dtype() if dtype is None else dtype_of(name, dtype)
    return place(shape, kind, device, requires_grad, fill)


def _sized_form(name: str, fill: Callable, says: str):

    def made(
        *size: Any, out: Any = None, dtype: Any = None, layout: Any = None, device: Any = None,
        pin_memory: bool = False, requires_grad: bool = False, **named: Any,
    ) -> Any:  # fmt: skip
        return _sized(
            name, size, named, out, dtype, layout, device, pin_memory, requires_grad, fill
        )

    return named(made, name, says)


zeros = _sized_form(
    "zeros",
    np.zeros,
    """A tensor of zeros.

    Example:
        >>> zeros(2, 3)
        tensor([[0., 0., 0.],
                [0., 0., 0.]])
    """,
)
ones = _sized_form("ones", _ones, "A tensor of ones.")


def empty(
    *size: Any, out: Any = None, dtype: Any = None, layout: Any = None, device: Any = None,
    pin_memory: bool = False, requires_grad: bool = False, memory_format: Any = None, **named: Any,
) -> Any:  # fmt: skip
    """A tensor whose values are whatever lay in memory."""
    fill: Callable = np.empty
    if memory_format is not None:
        order = order_for(sizes_of("empty", size, named.get("size")), memory_format)
        fill = lambda shape, carrier: laid_out(lambda s: np.empty(s, carrier), shape, order)
    return _sized("empty", size, named, out, dtype, layout, device, pin_memory, requires_grad, fill)


def full(
    size: Any, fill_value: Any, *, out: Any = None, dtype: Any = None, layout: Any = None,
    device: Any = None, pin_memory: bool = False, requires_grad: bool = False, names: Any = None,
) -> Any:  # fmt: skip
    """A tensor filled with one number, of the number's dtype unless `dtype` says otherwise."""
    shape = size_tuple("full", size)
    check_options(layout, pin_memory)
    value = number("full", "fill_value", 2, fill_value)
    if out is not None:
        asked = None if dtype is None else dtype_of("full", dtype)
        return into(out, filling(value, out.dtype)(shape, out.dtype.numpy), asked)
    own = fill_value.dtype if isinstance(fill_value, TensorBase) else None
    kind = dtype_of("full", dtype, own or dtypes.of_number(value))
    return place(shape, kind, device, requires_grad, filling(value, kind))


def empty_strided(
    size: Any, stride: Any, *, dtype: Any = None, layout: Any = None, device: Any = None,
    requires_grad: bool = False, pin_memory: bool = False,
) -> Any:  # fmt: skip
    """An uninitialised tensor with the given steps (in elements) along each dimension."""
    shape, steps = size_tuple("empty_strided", size), tuple(int(s) for s in stride)
    check_options(layout, pin_memory)
    if len(shape) != len(steps):
        raise RuntimeError(
            f"dimensionality of sizes ({len(shape)}) must match dimensionality of strides "
            f"({len(steps)})"
        )
    if any(s < 0 for s in steps):
        raise RuntimeError(
            f"Storage size calculation overflowed with sizes={list(shape)} and "
            f"strides={list(steps)}. Strides must not be negative."
        )
    kind = dtype_of("empty_strided", dtype)

    def fill(shape: tuple, carrier: Any) -> np.ndarray:
        room = 1 + sum((n - 1) * s for n, s in zip(shape, steps)) if 0 not in shape else 0
        memory = np.empty(room, carrier)
        bytes_apart = tuple(s * carrier.itemsize for s in steps)
        return np.ndarray(shape, carrier, memory, 0, bytes_apart)

    return place(shape, kind, device, requires_grad, fill)


def eye(
    n: int, m: int | None = None, *, out: Any = None, dtype: Any = None, layout: Any = None,
    device: Any = None, pin_memory: bool = False, requires_grad: bool = False,
) -> Any:  # fmt: skip
    """The identity matrix of n rows and m columns (n where m is not given)."""
    rows = whole("eye", "n", 1, n)
    columns = rows if m is None else whole("eye", "m", 2, m)
    for letter, count in (("n", rows), ("m", columns)):
        if count < 0:
            raise RuntimeError(f"{letter} must be greater or equal to 0, got {count}")
    check_options(layout, pin_memory)
    kind = dtype_of("eye", dtype) if out is None else out.dtype

    def fill(shape: tuple, carrier: Any) -> np.ndarray:
        return dtypes.cast(np.eye(*shape, dtype=np.uint8), carrier)

    if out is not None:
        return into(out, fill((rows, columns), kind.numpy), dtype)
    return place((rows, columns), kind, device, requires_grad, fill)


@op("move", differentiable=False)
def filled_like(m: Any, input: Any, *, value: Any, dtype: Any = None) -> Any:
    """One value in the shape of `input`, of its kind of array."""
    kind = input.dtype if dtype is None else dtype
    if value == 0 and dtype is None:
        return m.zeros_like(input)
    return m.full(tuple(input.shape), value, kind)


def like(
    name: str, input: Any, fill: Callable, value: Any, dtype: Any, layout: Any, device: Any,
    requires_grad: bool, pin_memory: bool, memory_format: Any,
) -> Any:  # fmt: skip
    """A new tensor shaped like `input`, of its dtype and device and order in memory."""
    check_input(name, input)
    check_options(layout, pin_memory)
    array: Any = getattr(input, "array", None)
    asked = None if dtype is None else dtype_of(name, dtype)
    if array.__class__ is not np.ndarray and device is None:
        made = filled_like(input, value=value, dtype=asked)
        return made.requires_grad_() if requires_grad else made
    kind = asked or input.dtype
    where = input.device if device is None else device
    if array.__class__ is not np.ndarray:
        return place(tuple(input.shape), kind, where, requires_grad, fill)
    if array.flags.c_contiguous and memory_format is None and device is None:
        check_grad(kind, requires_grad)
        return make(fill(array.shape, kind.numpy), where, bool(requires_grad))
    order = order_for(array.shape, memory_format or preserve_format, array)
    ordered = lambda shape, carrier: laid_out(lambda s: fill(s, carrier), shape, order)
    return place(array.shape, kind, where, requires_grad, ordered)


def _like_form(name: str, fill: Callable, value: int, says: str):
    """A public function of a tensor that is followed in shape, dtype, device and memory order."""

    def made(
        input: Any, *, dtype: Any = None, layout: Any = None, device: Any = None,
        requires_grad: bool = False, pin_memory: bool = False, memory_format: Any = None,
    ) -> Any:  # fmt: skip
        return like(name, input, fill, value, dtype, layout, device, requires_grad, pin_memory,
                    memory_format)  # fmt: skip

    return named(made, name, f"{says} in the shape, dtype, device and memory order of `input`.")


zeros_like = _like_form("zeros_like", np.zeros, 0, "Zeros")
ones_like = _like_form("ones_like", _ones, 1, "Ones")
empty_like = _like_form("empty_like", np.empty, 0, "Whatever lay in memory,")


def full_like(
    input: Any, fill_value: Any, *, dtype: Any = None, layout: Any = None, device: Any = None,
    requires_grad: bool = False, pin_memory: bool = False, memory_format: Any = None,
) -> Any:  # fmt: skip
    """One number in the shape, dtype, device and memory order of `input`."""
    value = number("full_like", "fill_value", 2, fill_value)
    is_tensor = isinstance(input, TensorBase)
    kind = dtype_of("full_like", dtype, input.dtype) if is_tensor else dtypes.float32
    return like("full_like", input, filling(value, kind), value, dtype, layout, device,
                requires_grad, pin_memory, memory_format)  # fmt: skip


def _new_form(name: str, fill: Callable, says: str):
    """A method that makes a tensor of another shape, in its own dtype and on its device."""

    def made(
        self: Any, *size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False,
        layout: Any = None, pin_memory: bool = False, **named: Any,
    ) -> Any:  # fmt: skip
        shape = sizes_of(name, size, named.get("size"))
        check_options(layout, pin_memory)
        kind = dtype_of(name, dtype, self.dtype)
        return place(shape, kind, self.device if device is None else device, requires_grad, fill)

    return named(made, name, f"{says} in another shape, in this tensor's dtype and on its device.")


new_zeros = _new_form("new_zeros", np.zeros, "Zeros")
new_ones = _new_form("new_ones", _ones, "Ones")
new_empty = _new_form("new_empty", np.empty, "Whatever lay in memory,")


def new_full(
    self: Any, size: Any, fill_value: Any, *, dtype: Any = None, device: Any = None,
    requires_grad: bool = False, layout: Any = None, pin_memory: bool = False,
) -> Any:  # fmt: skip
    """One number in another shape, in this tensor's dtype and on its device."""
    shape = size_tuple("new_full", size)
    check_options(layout, pin_memory)
    kind = dtype_of("new_full", dtype, self.dtype)
    fill = filling(number("new_full", "fill_value", 2, fill_value), kind)
    return place(shape, kind, self.device if device is None else device, requires_grad, fill)


def new_empty_strided(
    self: Any, size: Any, stride: Any, dtype: Any = None, layout: Any = None, device: Any = None,
    pin_memory: bool = False, requires_grad: bool = False,
) -> Any:  # fmt: skip
    """`empty_strided` in this tensor's dtype and on its device."""
    return empty_strided(
        size, stride, dtype=dtype or self.dtype, layout=layout,
        device=self.device if device is None else device,
        requires_grad=requires_grad, pin_memory=pin_memory,
    )  # fmt: skip
