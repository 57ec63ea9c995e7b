"""Adam: steps scaled by running means of the gradient and of its square."""

from typing import Any

from .._tensor import Tensor
from ._elementwise import (
    Elementwise,
    check,
    check_flags,
    check_lr,
    decayed,
    moments,
    number,
    penalty,
    scalar,
    tick,
)
from .optimizer import ParamsT


class Adam(Elementwise):
    """Adam.

    `mean` and `square` are running means of the gradient and of its square, each divided by what
    they lack in the first steps; `param -= lr * mean / (sqrt(square) + eps)`.

    Args:
        params: parameters or groups of them.
        lr: length of a step.
        betas: what remains of the two means at each step.
        eps: keeps the denominator from zero.
        weight_decay: weight of the L2 penalty.
        amsgrad: divide by the largest `square` so far.
        foreach, fused: accepted; there is one way to run.
        maximize: climb instead of descending.
        capturable: for parameters on a GPU.
        differentiable: let gradients flow through the step.
        decoupled_weight_decay: shrink the parameter itself, as AdamW does.

    Source: Kingma and Ba, "Adam: a method for stochastic optimization", 2015.
    """

    filled = {
        "amsgrad": False,
        "maximize": False,
        "foreach": None,
        "capturable": False,
        "differentiable": False,
        "decoupled_weight_decay": False,
        "fused": None,
    }

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-3,
        betas: tuple[float | Tensor, float | Tensor] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
        decoupled_weight_decay: bool = False,
    ) -> None:
        check_tensor("lr", lr, foreach, capturable)
        check_lr(lr)
        check(eps >= 0.0, f"Invalid epsilon value: {eps}")
        check_betas(betas)
        check(weight_decay >= 0.0, f"Invalid weight_decay value: {weight_decay}")
        tensors = [isinstance(beta, Tensor) for beta in betas]
        both = all(tensors) or all(isinstance(beta, float) for beta in betas)
        check(both, "betas must be either both floats or both Tensors")
        for index, beta in enumerate(betas):
            check_tensor(f"betas[{index}]", beta, foreach, capturable)
        defaults = {
            "lr": lr,
            "betas": tuple(betas),
            "eps": eps,
            "weight_decay": weight_decay,
            "amsgrad": amsgrad,
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "differentiable": differentiable,
            "fused": fused,
            "decoupled_weight_decay": decoupled_weight_decay,
        }
        super().__init__(params, defaults)
        check_flags(fused, foreach, differentiable)

    def start(self, param: Tensor, state: dict[str, Any], group: dict[str, Any]) -> None:
        state["step"] = scalar(0.0)
        state.update(moments(param, "exp_avg", "exp_avg_sq"))
        if group["amsgrad"]:
            state.update(moments(param, "max_exp_avg_sq"))

    def numbers(
        self, param: Tensor, state: dict[str, Any], group: dict[str, Any]
    ) -> dict[str, Any]:
        step, lr, decay = tick(state["step"]), number(group["lr"]), penalty(group)
        beta1, beta2 = map(number, group["betas"])
        decoupled = group["decoupled_weight_decay"] and decay is not None
        root = (1 - beta2**step) ** 0.5
        return {
            "beta1": beta1,
            "beta2": beta2,
            "size": lr / (1 - beta1**step) * root,
            "eps": group["eps"] * root,
            "weight_decay": None if decoupled else decay,
            "shrink": 1 - lr * decay if decoupled else None,
            "amsgrad": group["amsgrad"],
        }

    @staticmethod
    def rule(
        param: Any,
        grad: Any,
        state: dict[str, Any],
        *,
        beta1: Any,
        beta2: Any,
        size: Any,
        eps: Any,
        weight_decay: Any,
        shrink: Any,
        amsgrad: bool,
    ) -> None:
        """Both means move; the step is their quotient (`size`, `eps` hold the corrections)."""
        if shrink is not None:
            param.mul_(shrink)
        grad = decayed(grad, param, weight_decay)
        mean = state["exp_avg"].lerp_(grad, 1 - beta1)
        square = state["exp_avg_sq"].mul_(beta2).addcmul_(grad, grad, value=1 - beta2)
        if amsgrad:
            square = state["max_exp_avg_sq"].maximum_(square)
        param.addcdiv_(mean, square.sqrt().add_(eps), value=-size)


def check_betas(betas: tuple) -> None:
    """Refuse decay rates outside [0, 1)."""
    for index, beta in enumerate(betas):
        check(0.0 <= beta < 1.0, f"Invalid beta parameter at index {index}: {beta}")


def check_tensor(name: str, value: Any, foreach: Any, capturable: Any) -> None:
    """Refuse a tensor of several elements, and what PyTorch refuses with foreach."""
    if not isinstance(value, Tensor):
        return
    check(
        not foreach or capturable,
        f"{name} as a Tensor is not supported for capturable=False and foreach=True",
    )
    check(value.numel() == 1, f"Tensor {name} must be 1-element")
