"""Adadelta: steps as long as the steps so far, measured against the gradients so far."""

from typing import Any

from .._tensor import Tensor
from ._elementwise import Elementwise, check, decayed, number, penalty, tick
from .optimizer import Named, ParamsT


class Adadelta(Elementwise):
    """Adadelta: `delta = sqrt(mean of delta^2) / sqrt(mean of grad^2) * grad`.

    Args: what `Optimizer` explains, and
        lr: factor on the step.
        rho: what remains of the means at each step.
        eps: added to both means.

    Source: Zeiler, "ADADELTA: an adaptive learning rate method", 2012.
    """

    _options = "lr rho eps weight_decay maximize capturable foreach differentiable"
    _kept = ("square_avg", "acc_delta")

    def __init__(
        self, params: ParamsT, lr: float | Tensor = 1.0, rho: float = 0.9, eps: float = 1e-6,
        weight_decay: float = 0, foreach: bool | None = None, *, capturable: bool = False,
        maximize: bool = False, differentiable: bool = False,
    ) -> None:  # fmt: skip
        check(0.0 <= rho <= 1.0, f"Invalid rho value: {rho}")
        super().__init__(params, locals())

    def numbers(self, param: Tensor, state: Named, group: Named) -> Named:
        tick(state["step"])
        return {
            "lr": number(group["lr"]), "rho": number(group["rho"]), "eps": group["eps"],
            "weight_decay": penalty(group),
        }  # fmt: skip

    @staticmethod
    def rule(
        param: Any, grad: Any, state: Named, *, lr: Any, rho: float, eps: float, weight_decay: Any
    ) -> None:
        """Both means move, that of the steps after the step was found."""
        grad = decayed(grad, param, weight_decay)
        square = state["square_avg"].mul_(rho).addcmul_(grad, grad, value=1 - rho)
        delta = state["acc_delta"].add(eps).sqrt().div_(square.add(eps).sqrt()).mul_(grad)
        state["acc_delta"].mul_(rho).addcmul_(delta, delta, value=1 - rho)
        param.add_(delta, alpha=-lr)
