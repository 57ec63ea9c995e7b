"""Forward-mode derivatives of plain code: dual tensors inside `dual_level`."""

import threading
from typing import Any, NamedTuple

from .._arrays.dual import Dual, DualArray
from .._core.tape import TensorBase, make

_state = threading.local()


class UnpackedDualTensor(NamedTuple):
    """A value and its tangent."""

    primal: Any
    tangent: Any


class dual_level:
    """The block in which dual tensors live."""

    def __enter__(self) -> Any:
        if getattr(_state, "names", None) is not None:
            raise RuntimeError(
                "Nested forward mode AD is not supported at the moment; use func.jvp."
            )
        _state.names = Dual(1)
        return 0

    def __exit__(self, *_: Any) -> None:
        _state.names = None


def _names() -> Dual:
    names = getattr(_state, "names", None)
    if names is None:
        raise RuntimeError(
            "Trying to create a dual Tensor for forward AD but no level exists, make sure to "
            "enter_dual_level() first."
        )
    return names


def make_dual(tensor: TensorBase, tangent: TensorBase, *, level: Any = None) -> Any:
    """A tensor that carries a tangent."""
    return make(DualArray(_names(), tensor, tangent), tensor.device)


def unpack_dual(tensor: TensorBase, *, level: Any = None) -> UnpackedDualTensor:
    """The value and the tangent (None where there is none) of a tensor."""
    array = _names().enter(tensor)
    return UnpackedDualTensor(array.value, array.tangent)
