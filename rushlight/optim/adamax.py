"""Adamax: Adam with the largest recent gradient in place of the mean square."""

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
from .adam import check_betas
from .optimizer import ParamsT


class Adamax(Elementwise):
    """Adamax: `param -= lr / (1 - beta1^t) * mean / largest`, `largest` fading by beta2.

    Args:
        params: parameters or groups of them.
        lr: length of a step.
        betas: what remains of the mean and of the largest gradient at each step.
        eps: added to the gradient's size.
        weight_decay: weight of the L2 penalty.
        foreach: accepted; there is one way to run.
        maximize: climb instead of descending.
        differentiable: let gradients flow through the step.
        capturable: for parameters on a GPU.

    Source: Kingma and Ba, "Adam: a method for stochastic optimization", 2015, section 7.1.
    """

    filled = {"foreach": None, "maximize": False, "differentiable": False, "capturable": False}

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        check_lr(lr)
        check(eps >= 0.0, f"Invalid epsilon value: {eps}")
        check_betas(betas)
        check(weight_decay >= 0.0, f"Invalid weight_decay value: {weight_decay}")
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "capturable": capturable,
        }
        super().__init__(params, defaults)

    def start(self, param: Tensor, state: dict[str, Any], group: dict[str, Any]) -> None:
        state["step"] = scalar(0.0)
        state.update(moments(param, "exp_avg", "exp_inf"))

    def numbers(
        self, param: Tensor, state: dict[str, Any], group: dict[str, Any]
    ) -> dict[str, Any]:
        step = tick(state["step"])
        beta1, beta2 = map(number, group["betas"])
        return {
            "beta1": beta1,
            "beta2": beta2,
            "size": number(group["lr"]) / (1 - beta1**step),
            "eps": group["eps"],
            "weight_decay": penalty(group),
        }

    @staticmethod
    def rule(
        param: Any,
        grad: Any,
        state: dict[str, Any],
        *,
        beta1: float,
        beta2: float,
        size: Any,
        eps: float,
        weight_decay: Any,
    ) -> None:
        """The mean moves, the largest fades or is replaced; the step is their quotient."""
        grad = decayed(grad, param, weight_decay)
        mean = state["exp_avg"].lerp_(grad, 1 - beta1)
        largest = state["exp_inf"].mul_(beta2).maximum_(grad.abs().add_(eps))
        param.addcdiv_(mean, largest, value=-size)
