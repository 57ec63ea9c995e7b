"""Keeping gradients small."""

import math
import types
import warnings
from collections.abc import Iterable
from typing import Any

from ..._core.hosted import real
from ..._core.modes import no_grad
from ..._creation import tensor
from ..._ops.joining import stack
from ..._tensor import Tensor


def _tensors(given: Any) -> list[Tensor]:
    return [given] if isinstance(given, Tensor) else list(given)


def _grads(given: Any) -> list[Tensor]:
    return [p.grad for p in _tensors(given) if p.grad is not None]


def _norm(x: Tensor, norm_type: float) -> Tensor:
    if norm_type == math.inf:
        return x.abs().max()
    return x.norm(norm_type)


@no_grad()
def get_total_norm(
    tensors: Tensor | Iterable[Tensor],
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """The norm of all tensors together, as if they were one vector.

    Raises:
        RuntimeError: where it is infinite or NaN, with `error_if_nonfinite`.
    """
    tensors, norm_type = _tensors(tensors), float(norm_type)
    if not tensors:
        return tensor(0.0)
    first = tensors[0].device
    norms = [_norm(t, norm_type).to(first) for t in tensors]
    total = _norm(stack(norms), norm_type)
    if error_if_nonfinite and not math.isfinite(total.item()):
        raise RuntimeError(
            f"The total norm of order {norm_type} for gradients from `parameters` is non-finite, "
            "so it cannot be clipped. To disable this error and scale the gradients by the "
            "non-finite norm anyway, set `error_if_nonfinite=False`"
        )
    return total


@no_grad()
def clip_grads_with_norm_(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    total_norm: Tensor,
    foreach: bool | None = None,
) -> None:
    """Scale the gradients in place by max_norm / total_norm where that is below 1."""
    grads = _grads(parameters)
    if not grads:
        return
    factor = (real(max_norm) / (total_norm + 1e-6)).clamp(max=1.0)
    for grad in grads:
        grad.mul_(factor.to(grad.device))


@no_grad()
def clip_grad_norm_(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """Scale all gradients in place so that their norm together is at most `max_norm`.

    Returns:
        the norm before.
    """
    generator = isinstance(parameters, types.GeneratorType)
    parameters = _tensors(parameters)
    if generator and not parameters:
        warnings.warn(
            "`parameters` is an empty generator, no gradient clipping will occur.", stacklevel=3
        )
    total = get_total_norm(_grads(parameters), norm_type, error_if_nonfinite)
    clip_grads_with_norm_(parameters, max_norm, total)
    return total


def clip_grad_norm(*args: Any, **kwargs: Any) -> Tensor:
    """`clip_grad_norm_` under its older name."""
    warnings.warn(
        "`torch.nn.utils.clip_grad_norm` is now deprecated in favor of "
        "`torch.nn.utils.clip_grad_norm_`.",
        FutureWarning,
        stacklevel=2,
    )
    return clip_grad_norm_(*args, **kwargs)


@no_grad()
def clip_grad_value_(
    parameters: Tensor | Iterable[Tensor], clip_value: float, foreach: bool | None = None
) -> None:
    """Hold every element of every gradient within ±clip_value, in place."""
    clip_value = real(clip_value)
    for grad in _grads(parameters):
        grad.clamp_(min=-clip_value, max=clip_value)
