"""Devices: interned objects, so that `a.device is b.device` is the whole comparison."""

import os
import threading
from typing import Any

from .errors import wrong_argument

_TYPES = ("cpu", "cuda", "meta", "mps", "xpu", "xla", "hip", "vulkan", "mkldnn", "mtia", "hpu")
_known: dict[tuple[str, int | None], "device"] = {}


class _Local(threading.local):
    """Class attributes answer at once in threads that set nothing: a miss would cost 1 us."""

    stack: Any = None
    default: Any = None
    index = 0


_state = _Local()


class device:
    """Where a tensor lives, such as `device("cpu")` or `device("cuda:1")`.

    Also a context manager: factories inside it make their tensors there.
    """

    __slots__ = ("type", "index", "_text", "__weakref__")
    type: str
    index: int | None

    def __new__(cls, type: Any, index: int | None = None) -> "device":
        found = _known.get((type, index)) if type.__class__ is str else None
        return found if found is not None else _intern(*_parse(type, index))

    def __repr__(self) -> str:
        tail = "" if self.index is None else f", index={self.index}"
        return f"device(type='{self.type}'{tail})"

    def __str__(self) -> str:
        return self._text

    def __reduce__(self) -> tuple:
        return device, (self._text,)  # the same one, for copies too

    def __enter__(self) -> "device":
        stack = _state.__dict__.setdefault("stack", [])
        stack.append(self)
        return self

    def __exit__(self, *_: Any) -> None:
        _state.stack.pop()


def _intern(type: str, index: int | None) -> device:
    key = (type, index)
    if key not in _known:
        made = object.__new__(device)
        made.type, made.index = type, index
        made._text = type if index is None else f"{type}:{index}"
        _known[key] = made
    return _known[key]


def _parse(given: Any, index: int | None) -> tuple[str, int | None]:
    if given.__class__ is device:
        return given.type, given.index
    if given.__class__ is int:
        return "cuda", given
    if not isinstance(given, str):
        raise wrong_argument("device", "type", 0, "str, int or device", given)
    name, colon, number = given.partition(":")
    if name not in _TYPES:
        raise RuntimeError(
            f"Expected one of {', '.join(_TYPES)} device type at start of device string: {given}"
        )
    if colon:
        if index is not None:
            raise RuntimeError(
                "type (string) must not include an index because index was passed explicitly: "
                f"{given}"
            )
        if not number.isdigit():
            raise RuntimeError(f"Invalid device string: '{given}'")
        index = int(number)
    return name, index


CPU = device("cpu")
META = device("meta")


def virtual_count() -> int:
    """How many virtual GPUs (host memory under a GPU's name) RUSHLIGHT_VIRTUAL_CUDA asks for."""
    text = os.environ.get("RUSHLIGHT_VIRTUAL_CUDA", "0") or "0"
    return int(text) if text.isdigit() else 0


def current_index() -> int:
    """The GPU that `cuda` without a number means, for this thread."""
    return _state.index


def set_current_index(index: int) -> None:
    """Make `index` the GPU that `cuda` means in this thread."""
    _state.index = index


def set_default(given: Any) -> None:
    """The device of factories that name none (`torch.set_default_device`)."""
    _state.default = None if given is None else device(given)


def default() -> device:
    """The device of factories that name none."""
    return concrete(_state.stack[-1] if _state.stack else _state.default or CPU)


def concrete(given: Any) -> device:
    """The device on which tensors can be made: `cuda` gets its number and must exist.

    Raises:
        AssertionError: for a GPU where there is none.
        RuntimeError: for a GPU number that does not exist, or a device that Rushlight has not.
    """
    d = given if given.__class__ is device else default() if given is None else device(given)
    if d is CPU or d is META:
        return d
    if d.type in ("cpu", "meta"):
        return CPU if d.type == "cpu" else META
    if d.type != "cuda":
        raise RuntimeError(
            f"{d.type}: Rushlight has no such device; it has cpu, meta and cuda. "
            "Use device='cpu', or choose by torch.cuda.is_available()."
        )
    count = virtual_count()
    if count == 0:
        raise AssertionError(
            "Torch not compiled with CUDA enabled. Rushlight found no GPU that it can use: "
            "choose the device by torch.cuda.is_available(), or set RUSHLIGHT_VIRTUAL_CUDA=1 "
            "before Python starts to practise on virtual GPUs (host memory under a GPU's name)."
        )
    index = current_index() if d.index is None else d.index
    if index >= count:
        raise RuntimeError(
            "CUDA error: invalid device ordinal. "
            f"cuda:{index} was asked for, and there are {count} (cuda:0 to cuda:{count - 1})."
        )
    return device("cuda", index)
