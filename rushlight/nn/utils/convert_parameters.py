"""Parameters as one vector, and back."""

from collections.abc import Iterable
from typing import Any

from ..._ops.joining import cat
from ..._tensor import Tensor


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """All parameters, flat, one after another; differentiable."""
    given = list(parameters)
    _check_devices(given)
    return cat([parameter.reshape(-1) for parameter in given])


def vector_to_parameters(vec: Any, parameters: Iterable[Tensor]) -> None:
    """Give each parameter its part of the vector; they share its memory."""
    if not isinstance(vec, Tensor):
        raise TypeError(f"expected torch.Tensor, but got: {type(vec).__name__}")
    given = list(parameters)
    _check_devices(given)
    start = 0
    for parameter in given:
        stop = start + parameter.numel()
        parameter.data = vec[start:stop].reshape(parameter.shape).data
        start = stop


def _check_devices(parameters: list[Tensor]) -> None:
    if any(p.device is not parameters[0].device for p in parameters):
        raise TypeError(
            "Found two parameters on different devices, this is currently not supported."
        )
