"""Stochastic gradient descent, with momentum."""

from typing import Any

from .._creation.filled import zeros_like
from .._tensor import Tensor
from ._elementwise import Elementwise, check, check_flags, check_lr, decayed, number, penalty
from .optimizer import ParamsT


class SGD(Elementwise):
    """Stochastic gradient descent, optionally with (Nesterov's) momentum.

    `buffer = momentum * buffer + (1 - dampening) * grad`, then `param -= lr * buffer`.

    Args:
        params: parameters or groups of them.
        lr: length of a step.
        momentum: what remains of the buffer at each step.
        dampening: what is taken off the gradient before it enters the buffer.
        weight_decay: weight of the L2 penalty.
        nesterov: look ahead along the buffer.
        maximize: climb instead of descending.
        foreach, fused: accepted; there is one way to run.
        differentiable: let gradients flow through the step.

    Source: Sutskever et al., "On the importance of initialization and momentum in deep learning".
    """

    filled = {
        "nesterov": False,
        "maximize": False,
        "foreach": None,
        "differentiable": False,
        "fused": False,
    }
    scalars = ()

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: Any = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        check_lr(lr)
        check(momentum >= 0.0, f"Invalid momentum value: {momentum}")
        check(weight_decay >= 0.0, f"Invalid weight_decay value: {weight_decay}")
        check(
            not nesterov or (momentum > 0 and dampening == 0),
            "Nesterov momentum requires a momentum and zero dampening",
        )
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "dampening": dampening,
            "weight_decay": weight_decay,
            "nesterov": nesterov,
            "maximize": maximize,
            "foreach": foreach,
            "differentiable": differentiable,
            "fused": fused,
        }
        super().__init__(params, defaults)
        check_flags(fused, foreach, differentiable)

    def numbers(
        self, param: Tensor, state: dict[str, Any], group: dict[str, Any]
    ) -> dict[str, Any]:
        first = group["momentum"] != 0 and state.get("momentum_buffer") is None
        if first:
            state["momentum_buffer"] = zeros_like(param)
        return {
            "lr": number(group["lr"]),
            "momentum": number(group["momentum"]),
            "first": first,
            "taken": 1 - number(group["dampening"]),
            "weight_decay": penalty(group),
            "nesterov": group["nesterov"],
        }

    @staticmethod
    def rule(
        param: Any,
        grad: Any,
        state: dict[str, Any],
        *,
        lr: Any,
        momentum: float,
        first: bool,
        taken: float,
        weight_decay: Any,
        nesterov: bool,
    ) -> None:
        """buffer = momentum * buffer + taken * grad; param -= lr * buffer."""
        grad = decayed(grad, param, weight_decay)
        if momentum:
            buffer = state["momentum_buffer"]
            if first:  # PyTorch's first buffer carries no gradient even where steps do
                buffer.copy_(grad.detach())
            else:
                buffer.mul_(momentum).add_(grad, alpha=taken)
            grad = grad.add(buffer, alpha=momentum) if nesterov else buffer
        param.add_(grad, alpha=-lr)
