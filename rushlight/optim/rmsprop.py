"""RMSprop: steps divided by the root of a running mean of squared gradients."""

from typing import Any

from .._tensor import Tensor
from ._elementwise import Elementwise, check_nonnegative, decayed, moments, number, penalty, tick
from .optimizer import Named, ParamsT


class RMSprop(Elementwise):
    """RMSprop: `param -= lr * grad / (sqrt(mean of grad^2) + eps)`.

    Args: what `Optimizer` explains, and
        alpha: what remains of the mean at each step.
        eps: keeps the denominator from zero.
        momentum: what remains of earlier steps.
        centered: divide by the deviation, not by the root of the mean square.

    Source: Hinton, lecture 6 of "Neural networks for machine learning"; Graves 2013 (centered).
    """

    _options = (
        "lr momentum alpha eps centered weight_decay capturable foreach maximize differentiable"
    )
    _kept = ("square_avg",)

    def __init__(
        self, params: ParamsT, lr: float | Tensor = 1e-2, alpha: float = 0.99, eps: float = 1e-8,
        weight_decay: float = 0, momentum: float = 0, centered: bool = False,
        capturable: bool = False, foreach: bool | None = None, maximize: bool = False,
        differentiable: bool = False,
    ) -> None:  # fmt: skip
        check_nonnegative(alpha=alpha)
        super().__init__(params, locals())

    def start(self, param: Tensor, state: Named, group: Named) -> None:
        super().start(param, state, group)
        if group["momentum"] > 0:
            state.update(moments(param, "momentum_buffer"))
        if group["centered"]:
            state.update(moments(param, "grad_avg"))

    def numbers(self, param: Tensor, state: Named, group: Named) -> Named:
        tick(state["step"])
        return {
            "lr": number(group["lr"]), "alpha": number(group["alpha"]), "eps": group["eps"],
            "momentum": number(group["momentum"]), "centered": group["centered"],
            "weight_decay": penalty(group),
        }  # fmt: skip

    @staticmethod
    def rule(
        param: Any, grad: Any, state: Named, *, lr: Any, alpha: float, eps: float, momentum: float,
        centered: bool, weight_decay: Any,
    ) -> None:  # fmt: skip
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
