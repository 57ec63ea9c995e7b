"""RAdam: Adam that waits with its adaptive step until the mean square can be trusted."""

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


class RAdam(Elementwise):
    """RAdam: momentum alone at first; Adam's step times a rectification once it is defined.

    Args:
        params: parameters or groups of them.
        lr: length of a step.
        betas: what remains of the two means at each step.
        eps: keeps the denominator from zero.
        weight_decay: weight of the L2 penalty.
        decoupled_weight_decay: shrink the parameter itself, as AdamW does.
        foreach: accepted; there is one way to run.
        maximize: climb instead of descending.
        capturable: for parameters on a GPU.
        differentiable: let gradients flow through the step.

    Source: Liu et al., "On the variance of the adaptive learning rate and beyond", 2020.
    """

    filled = {
        "foreach": None,
        "maximize": False,
        "differentiable": False,
        "decoupled_weight_decay": False,
        "capturable": False,
    }

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
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
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "decoupled_weight_decay": decoupled_weight_decay,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def start(self, param: Tensor, state: dict[str, Any], group: dict[str, Any]) -> None:
        state["step"] = scalar(0.0)
        state.update(moments(param, "exp_avg", "exp_avg_sq"))

    def numbers(
        self, param: Tensor, state: dict[str, Any], group: dict[str, Any]
    ) -> dict[str, Any]:
        step, lr, decay = tick(state["step"]), number(group["lr"]), penalty(group)
        beta1, beta2 = map(number, group["betas"])
        decoupled = group["decoupled_weight_decay"] and decay is not None
        trust = rectification(step, beta2)
        return {
            "beta1": beta1,
            "beta2": beta2,
            "eps": group["eps"],
            "adaptive": trust is not None,
            "size": lr / (1 - beta1**step) * (1 if trust is None else trust),
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
        eps: float,
        adaptive: bool,
        size: Any,
        weight_decay: Any,
        shrink: Any,
    ) -> None:
        """Both means move; the step is the mean, over the root of the square once adaptive."""
        if shrink is not None:
            param.mul_(shrink)
        grad = decayed(grad, param, weight_decay)
        mean = state["exp_avg"].lerp_(grad, 1 - beta1)
        square = state["exp_avg_sq"].mul_(beta2).addcmul_(grad, grad, value=1 - beta2)
        if adaptive:
            param.addcdiv_(mean, square.sqrt().add_(eps), value=-size)
        else:
            param.add_(mean, alpha=-size)


def rectification(step: float, beta2: float) -> float | None:
    """The factor on Adam's step, or None while the variance of the mean square is unbounded."""
    limit = 2 / (1 - beta2) - 1
    correction = 1 - beta2**step
    length = limit - 2 * step * beta2**step / correction  # of the average, in steps
    if length <= 5.0:
        return None
    share = (length - 4) * (length - 2) * limit / ((limit - 4) * (limit - 2) * length)
    return (share * correction) ** 0.5
