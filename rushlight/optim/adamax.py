"""Adamax: Adam with the largest recent gradient in place of the mean square."""

from typing import Any

from .._tensor import Tensor
from ._elementwise import Elementwise, decayed, number, penalty, tick
from .optimizer import Named, ParamsT


class Adamax(Elementwise):
    """Adamax: `param -= lr / (1 - beta1^t) * mean / largest`, `largest` fading by beta2.

    Args: what `Optimizer` explains, and
        betas: what remains of the mean and of the largest gradient at each step.
        eps: added to the gradient's size.

    Source: Kingma and Ba, "Adam: a method for stochastic optimization", 2015, section 7.1.
    """

    _options = "lr betas eps weight_decay foreach maximize differentiable capturable"
    _kept = ("exp_avg", "exp_inf")

    def __init__(
        self, params: ParamsT, lr: float | Tensor = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8, weight_decay: float = 0,
        foreach: bool | None = None, *, maximize: bool = False, differentiable: bool = False,
        capturable: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(params, locals())

    def numbers(self, param: Tensor, state: Named, group: Named) -> Named:
        step = tick(state["step"])
        beta1, beta2 = map(number, group["betas"])
        return {
            "beta1": beta1, "beta2": beta2, "size": number(group["lr"]) / (1 - beta1**step),
            "eps": group["eps"], "weight_decay": penalty(group),
        }  # fmt: skip

    @staticmethod
    def rule(
        param: Any, grad: Any, state: Named, *, beta1: float, beta2: float, size: Any, eps: float,
        weight_decay: Any,
    ) -> None:  # fmt: skip
        """The mean moves, the largest fades or is replaced; the step is their quotient."""
        grad = decayed(grad, param, weight_decay)
        mean = state["exp_avg"].lerp_(grad, 1 - beta1)
        largest = state["exp_inf"].mul_(beta2).maximum_(grad.abs().add_(eps))
        param.addcdiv_(mean, largest, value=-size)
