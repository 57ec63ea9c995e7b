"""NAdam: Adam with Nesterov's look ahead."""

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


class NAdam(Elementwise):
    """NAdam: the step mixes this gradient and the mean by a momentum `mu` that grows with t.

    Args:
        params: parameters or groups of them.
        lr: length of a step.
        betas: what remains of the two means at each step.
        eps: keeps the denominator from zero.
        weight_decay: weight of the L2 penalty.
        momentum_decay: how fast `mu` grows to beta1.
        decoupled_weight_decay: shrink the parameter itself, as AdamW does.
        foreach: accepted; there is one way to run.
        maximize: climb instead of descending.
        capturable: for parameters on a GPU.
        differentiable: let gradients flow through the step.

    Source: Dozat, "Incorporating Nesterov momentum into Adam", 2016.
    """

    filled = {
        "maximize": False,
        "foreach": None,
        "capturable": False,
        "differentiable": False,
        "decoupled_weight_decay": False,
    }
    scalars = ("step", "mu_product")

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum_decay: float = 4e-3,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_lr(lr)
        check(eps >= 0.0, f"Invalid epsilon value: {eps}")
        check_betas(betas)
        check(weight_decay >= 0.0, f"Invalid weight_decay value: {weight_decay}")
        check(momentum_decay >= 0.0, f"Invalid momentum_decay value: {momentum_decay}")
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "momentum_decay": momentum_decay,
            "decoupled_weight_decay": decoupled_weight_decay,
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def start(self, param: Tensor, state: dict[str, Any], group: dict[str, Any]) -> None:
        state["step"] = scalar(0.0)
        state["mu_product"] = scalar(1.0)
        state.update(moments(param, "exp_avg", "exp_avg_sq"))

    def numbers(
        self, param: Tensor, state: dict[str, Any], group: dict[str, Any]
    ) -> dict[str, Any]:
        step, lr, decay = tick(state["step"]), number(group["lr"]), penalty(group)
        beta1, beta2 = map(number, group["betas"])
        # 0.96 is the constant of the source: mu passes beta1 / 2 at t = 0 and grows to beta1.
        mu, following = (
            beta1 * (1.0 - 0.5 * 0.96 ** (t * group["momentum_decay"])) for t in (step, step + 1)
        )
        state["mu_product"].mul_(mu)
        product = state["mu_product"].item()
        decoupled = group["decoupled_weight_decay"] and decay is not None
        return {
            "beta1": beta1,
            "beta2": beta2,
            "correction": 1 - beta2**step,
            "eps": group["eps"],
            "of_grad": lr * (1.0 - mu) / (1.0 - product),
            "of_mean": lr * following / (1.0 - product * following),
            "weight_decay": None if decoupled else decay,
            "shrink": 1 - lr * decay if decoupled else None,
        }

    @staticmethod
    def rule(
        param: Any,
        grad: Any,
        state: dict[str, Any],
        *,
        beta1: float,
        beta2: float,
        correction: float,
        eps: float,
        of_grad: Any,
        of_mean: Any,
        weight_decay: Any,
        shrink: Any,
    ) -> None:
        """Both means move; the step takes a part of the gradient and a part of its mean."""
        if shrink is not None:
            param.mul_(shrink)
        grad = decayed(grad, param, weight_decay)
        mean = state["exp_avg"].lerp_(grad, 1 - beta1)
        square = state["exp_avg_sq"].mul_(beta2).addcmul_(grad, grad, value=1 - beta2)
        root = square.mul(1 / correction).sqrt().add_(eps)
        param.addcdiv_(grad, root, value=-of_grad).addcdiv_(mean, root, value=-of_mean)
