"""Adam: steps scaled by running means of the gradient and of its square."""

from typing import Any

from .._tensor import Tensor
from ._elementwise import Elementwise, check, decayed, moments, number, penalty_or_shrink, tick
from .optimizer import Named, ParamsT


class Adam(Elementwise):
    """Adam.

    `mean` and `square` are running means of the gradient and of its square, each divided by what
    they lack in the first steps; `param -= lr * mean / (sqrt(square) + eps)`.

    Args: what `Optimizer` explains, and
        betas: what remains of the two means at each step.
        eps: keeps the denominator from zero.
        amsgrad: divide by the largest `square` so far.
        decoupled_weight_decay: shrink the parameter itself, as AdamW does.

    Source: Kingma and Ba, "Adam: a method for stochastic optimization", 2015.
    """

    _options = (
        "lr betas eps weight_decay amsgrad maximize foreach capturable differentiable fused "
        "decoupled_weight_decay"
    )
    _kept = ("exp_avg", "exp_avg_sq")

    def __init__(
        self, params: ParamsT, lr: float | Tensor = 1e-3,
        betas: tuple[float | Tensor, float | Tensor] = (0.9, 0.999), eps: float = 1e-8,
        weight_decay: float = 0, amsgrad: bool = False, *, foreach: bool | None = None,
        maximize: bool = False, capturable: bool = False, differentiable: bool = False,
        fused: bool | None = None, decoupled_weight_decay: bool = False,
    ) -> None:  # fmt: skip
        betas = tuple(betas)  # type: ignore[assignment]
        tensors = [isinstance(beta, Tensor) for beta in betas]
        super().__init__(params, locals())
        check_tensor("lr", lr, foreach, capturable)
        both = all(tensors) or all(isinstance(beta, float) for beta in betas)
        check(both, "betas must be either both floats or both Tensors")
        for index, beta in enumerate(betas):
            check_tensor(f"betas[{index}]", beta, foreach, capturable)

    def start(self, param: Tensor, state: Named, group: Named) -> None:
        super().start(param, state, group)
        if group["amsgrad"]:
            state.update(moments(param, "max_exp_avg_sq"))

    def numbers(self, param: Tensor, state: Named, group: Named) -> Named:
        step, lr, beta1, beta2, told = counted(state, group)
        root = (1 - beta2**step) ** 0.5
        size, eps = lr / (1 - beta1**step) * root, group["eps"] * root
        return told | {"size": size, "eps": eps, "amsgrad": group["amsgrad"]}

    @staticmethod
    def rule(
        param: Any, grad: Any, state: Named, *, beta1: Any, beta2: Any, size: Any, eps: Any,
        weight_decay: Any, shrink: Any, amsgrad: bool,
    ) -> None:  # fmt: skip
        """Both means move; the step is their quotient (`size`, `eps` hold the corrections)."""
        _, mean, square = means(param, grad, state, beta1, beta2, weight_decay, shrink)
        if amsgrad:
            square = state["max_exp_avg_sq"].maximum_(square)
        param.addcdiv_(mean, square.sqrt().add_(eps), value=-size)


def counted(state: Named, group: Named) -> tuple[float, Any, Any, Any, Named]:
    """The step, now counted, the rate, both betas, and what rules of this kind are all told."""
    step, lr = tick(state["step"]), number(group["lr"])
    beta1, beta2 = map(number, group["betas"])
    decay, shrink = penalty_or_shrink(group, lr)
    told = {"beta1": beta1, "beta2": beta2, "weight_decay": decay, "shrink": shrink}
    return step, lr, beta1, beta2, told


def means(
    param: Any, grad: Any, state: Named, beta1: Any, beta2: Any, weight_decay: Any, shrink: Any
) -> tuple[Any, Any, Any]:
    """The gradient with its penalty, and the means of it and its square, which took it in."""
    if shrink is not None:
        param.mul_(shrink)
    grad = decayed(grad, param, weight_decay)
    mean = state["exp_avg"].lerp_(grad, 1 - beta1)
    square = state["exp_avg_sq"].mul_(beta2).addcmul_(grad, grad, value=1 - beta2)
    return grad, mean, square


def check_tensor(name: str, value: Any, foreach: Any, capturable: Any) -> None:
    """Refuse a tensor of several elements, and what PyTorch refuses with foreach."""
    if not isinstance(value, Tensor):
        return
    check(
        not foreach or capturable,
        f"{name} as a Tensor is not supported for capturable=False and foreach=True",
    )
    check(value.numel() == 1, f"Tensor {name} must be 1-element")
