"""Adadelta: steps as long as the steps so far, measured against the gradients so far."""

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


class Adadelta(Elementwise):
    """Adadelta: `delta = sqrt(mean of delta^2) / sqrt(mean of grad^2) * grad`.

    Args:
        params: parameters or groups of them.
        lr: factor on the step.
        rho: what remains of the means at each step.
        eps: added to both means.
        weight_decay: weight of the L2 penalty.
        foreach: accepted; there is one way to run.
        capturable: for parameters on a GPU.
        maximize: climb instead of descending.
        differentiable: let gradients flow through the step.

    Source: Zeiler, "ADADELTA: an adaptive learning rate method", 2012.
    """

    filled = {"foreach": None, "maximize": False, "differentiable": False, "capturable": False}

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        capturable: bool = False,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_lr(lr)
        check(0.0 <= rho <= 1.0, f"Invalid rho value: {rho}")
        check(eps >= 0.0, f"Invalid epsilon value: {eps}")
        check(weight_decay >= 0.0, f"Invalid weight_decay value: {weight_decay}")
        defaults = {
            "lr": lr,
            "rho": rho,
            "eps": eps,
            "weight_decay": weight_decay,
            "maximize": maximize,
            "capturable": capturable,
            "foreach": foreach,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def start(self, param: Tensor, state: dict[str, Any], group: dict[str, Any]) -> None:
        state["step"] = scalar(0.0)
        state.update(moments(param, "square_avg", "acc_delta"))

    def numbers(
        self, param: Tensor, state: dict[str, Any], group: dict[str, Any]
    ) -> dict[str, Any]:
        tick(state["step"])
        return {
            "lr": number(group["lr"]),
            "rho": number(group["rho"]),
            "eps": group["eps"],
            "weight_decay": penalty(group),
        }

    @staticmethod
    def rule(
        param: Any,
        grad: Any,
        state: dict[str, Any],
        *,
        lr: Any,
        rho: float,
        eps: float,
        weight_decay: Any,
    ) -> None:
        """Both means move, that of the steps after the step was found."""
        grad = decayed(grad, param, weight_decay)
        square = state["square_avg"].mul_(rho).addcmul_(grad, grad, value=1 - rho)
        delta = state["acc_delta"].add(eps).sqrt().div_(square.add(eps).sqrt()).mul_(grad)
        state["acc_delta"].mul_(rho).addcmul_(delta, delta, value=1 - rho)
        param.add_(delta, alpha=-lr)
