"""RMSprop: steps divided by the root of a running mean of squared gradients."""

from typing import Any

from .._tensor import Tensor
from ._elementwise import (
    Elementwise,
    check,
    check_lr,
    decayed,
    moments,
    number,
    penalty,
    scalar,
    tick,
)
from .optimizer import ParamsT


class RMSprop(Elementwise):
    """RMSprop: `param -= lr * grad / (sqrt(mean of grad^2) + eps)`.

    Args:
        params: parameters or groups of them.
        lr: length of a step.
        alpha: what remains of the mean at each step.
        eps: keeps the denominator from zero.
        weight_decay: weight of the L2 penalty.
        momentum: what remains of earlier steps.
        centered: divide by the deviation, not by the root of the mean square.
        capturable: for parameters on a GPU.
        foreach: accepted; there is one way to run.
        maximize: climb instead of descending.
        differentiable: let gradients flow through the step.

    Source: Hinton, lecture 6 of "Neural networks for machine learning"; Graves 2013 (centered).
    """

    filled = {
        "momentum": 0,
        "centered": False,
        "foreach": None,
        "maximize": False,
        "differentiable": False,
        "capturable": False,
    }

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_lr(lr)
        check(eps >= 0.0, f"Invalid epsilon value: {eps}")
        check(momentum >= 0.0, f"Invalid momentum value: {momentum}")
        check(weight_decay >= 0.0, f"Invalid weight_decay value: {weight_decay}")
        check(alpha >= 0.0, f"Invalid alpha value: {alpha}")
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "alpha": alpha,
            "eps": eps,
            "centered": centered,
            "weight_decay": weight_decay,
            "capturable": capturable,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def start(self, param: Tensor, state: dict[str, Any], group: dict[str, Any]) -> None:
        state["step"] = scalar(0.0)
        state.update(moments(param, "square_avg"))
        if group["momentum"] > 0:
            state.update(moments(param, "momentum_buffer"))
        if group["centered"]:
            state.update(moments(param, "grad_avg"))

    def numbers(
        self, param: Tensor, state: dict[str, Any], group: dict[str, Any]
    ) -> dict[str, Any]:
        tick(state["step"])
        return {
            "lr": number(group["lr"]),
            "alpha": number(group["alpha"]),
            "eps": group["eps"],
            "momentum": number(group["momentum"]),
            "centered": group["centered"],
            "weight_decay": penalty(group),
        }

    @staticmethod
    def rule(
        param: Any,
        grad: Any,
        state: dict[str, Any],
        *,
        lr: Any,
        alpha: float,
        eps: float,
        momentum: float,
        centered: bool,
        weight_decay: Any,
    ) -> None:
        """The mean square moves; the step is the gradient over its root."""
        grad = decayed(grad, param, weight_decay)
        square = state["square_avg"].mul_(alpha).addcmul_(grad, grad, value=1 - alpha)
        if centered:
            mean = state["grad_avg"].lerp_(grad, 1 - alpha)
            square = square.add(mean.mul(mean), alpha=-1)
        root = square.sqrt().add_(eps)
        if momentum > 0:
            buffer = state["momentum_buffer"].mul_(momentum).addcdiv_(grad, root)
            param.add_(buffer, alpha=-lr)
        else:
            param.addcdiv_(grad, root, value=-lr)
