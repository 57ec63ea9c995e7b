"""Moving a module's parameters and buffers to another device or dtype, in place; `compile`."""

import importlib
import warnings
from collections.abc import Callable
from typing import Any

from ..._core.devices import device as Device
from ..._core.dtypes import dtype as Dtype
from ..._core.modes import no_grad
from ..._core.naming import named
from ..._creation import empty_like
from ..._tensor import Tensor

_ROOT = __name__.partition(".")[0]


def apply_to_tensors(self: Any, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Any:
    """Replace every parameter, its gradient and every buffer by `fn` of it; the objects stay."""
    if recurse:
        for child in self.children():
            child._apply(fn)
    for parameter in self._parameters.values():
        if parameter is None:
            continue
        grad = parameter.grad
        with no_grad():
            parameter.data = fn(parameter)
            if grad is not None:
                grad.data = fn(grad)
                parameter.grad = grad
    for name, buffer in self._buffers.items():
        if buffer is not None:
            self._buffers[name] = fn(buffer)
    return self


def to(self: Any, *args: Any, **kwargs: Any) -> Any:
    """Move to a device, a floating or complex dtype, or both; the module itself, changed.

    Forms: `to(device, dtype)`, `to(dtype)`, `to(tensor)`, `to(memory_format=...)`; integer
    parameters and buffers keep their dtype.
    """
    device, dtype, non_blocking, memory_format = _read(*args, **kwargs)
    if dtype is not None and not (dtype.is_floating_point or dtype.is_complex):
        raise TypeError(
            "nn.Module.to only accepts floating point or complex dtypes, but got desired "
            f"dtype={dtype}"
        )
    if dtype is not None and dtype.is_complex:
        warnings.warn(
            "Complex modules are a new feature under active development whose design may change, "
            "and some modules might not work as expected when using complex tensors as parameters "
            "or buffers.",
            stacklevel=2,
        )

    def convert(t: Tensor) -> Tensor:
        wanted = dtype if t.is_floating_point() or t.is_complex() else None
        fits = memory_format is not None and t.dim() in (4, 5)
        layout = {"memory_format": memory_format} if fits else {}
        return _moved(t, device, wanted, non_blocking, layout)

    return self._apply(convert)


def _moved(t: Tensor, device: Any, dtype: Any, non_blocking: bool, layout: dict) -> Tensor:
    try:
        return t.to(device=device, dtype=dtype, non_blocking=non_blocking, **layout)
    except NotImplementedError as error:
        if not str(error).startswith("Cannot copy out of meta tensor; no data!"):
            raise
        raise NotImplementedError(
            "Cannot copy out of meta tensor; no data! Please use torch.nn.Module.to_empty() "
            "instead of torch.nn.Module.to() when moving module from meta to a different device."
        ) from None


def _read(
    *args: Any, device: Any = None, dtype: Any = None, non_blocking: bool = False,
    copy: bool = False, tensor: Tensor | None = None, memory_format: Any = None,
) -> tuple[Any, Any, bool, Any]:  # fmt: skip
    """(device, dtype, non_blocking, memory_format) of the forms that `to` understands."""
    rest = list(args)
    if rest and isinstance(rest[0], Tensor):
        tensor = rest.pop(0)
    elif rest and not isinstance(rest[0], (Dtype, bool)):
        device = rest.pop(0)
    if rest and isinstance(rest[0], Dtype):
        dtype = rest.pop(0)
    elif rest and rest[0] is None:
        rest.pop(0)
    if rest and isinstance(rest[0], bool):
        non_blocking = rest.pop(0)
    if rest and isinstance(rest[0], bool):
        rest.pop(0)  # copy: a module is always changed itself
    if rest or not (device is None or isinstance(device, (str, int, Device))):
        given = ", ".join(a.__class__.__name__ for a in args)
        raise TypeError(
            f"to() received an invalid combination of arguments - got ({given}), but expected a "
            "device, a dtype, a device and a dtype, or a tensor"
        )
    if tensor is not None:
        device, dtype = tensor.device, tensor.dtype
    return (None if device is None else Device(device)), dtype, non_blocking, memory_format


def cuda(self: Any, device: Any = None) -> Any:
    """Move parameters and buffers to a GPU."""
    return self._apply(lambda t: t.cuda(device))


def cpu(self: Any) -> Any:
    """Move parameters and buffers to host memory."""
    return self._apply(lambda t: t.cpu())


def type(self: Any, dst_type: Any) -> Any:
    """Convert all parameters and buffers to a dtype."""
    return self._apply(lambda t: t.type(dst_type))


def _to_floating(name: str, dtype: str) -> Callable[[Any], Any]:
    def convert(self: Any) -> Any:
        return self._apply(lambda t: getattr(t, name)() if t.is_floating_point() else t)

    return named(convert, name, f"Convert floating parameters and buffers to {dtype}.")


float, double = _to_floating("float", "float32"), _to_floating("double", "float64")
half, bfloat16 = _to_floating("half", "float16"), _to_floating("bfloat16", "bfloat16")


def to_empty(self: Any, *, device: Any, recurse: bool = True) -> Any:
    """Move to a device without copying values: the memory there is uninitialised."""
    return self._apply(lambda t: empty_like(t, device=device), recurse=recurse)


def share_memory(self: Any) -> Any:
    """The module itself: workers are threads and share its memory already."""
    return self


def compile(self: Any, *args: Any, **kwargs: Any) -> None:
    """Compile `forward`, in place; the arguments are those of `torch.compile`."""
    importlib.import_module(f"{_ROOT}.compiler").compile(self, *args, **kwargs)
