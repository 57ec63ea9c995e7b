"""NAdam: Adam with Nesterov's look ahead."""

from typing import Any

from .._tensor import Tensor
from ._elementwise import Elementwise, moments, scalar
from .adam import counted, means
from .optimizer import Named, ParamsT


class NAdam(Elementwise):
    """NAdam: the step mixes this gradient and the mean by a momentum `mu` that grows with t.

    Args: what `Optimizer` explains, and
        betas: what remains of the two means at each step.
        eps: keeps the denominator from zero.
        momentum_decay: how fast `mu` grows to beta1.
        decoupled_weight_decay: shrink the parameter itself, as AdamW does.

    Source: Dozat, "Incorporating Nesterov momentum into Adam", 2016.
    """

    scalars = ("step", "mu_product")
    _options = (
        "lr betas eps weight_decay momentum_decay decoupled_weight_decay maximize foreach "
        "capturable differentiable"
    )

    def __init__(
        self, params: ParamsT, lr: float | Tensor = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8, weight_decay: float = 0,
        momentum_decay: float = 4e-3, decoupled_weight_decay: bool = False, *,
        foreach: bool | None = None, maximize: bool = False, capturable: bool = False,
        differentiable: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(params, locals())

    def start(self, param: Tensor, state: Named, group: Named) -> None:
        state["step"] = scalar(0.0)
        state["mu_product"] = scalar(1.0)
        state.update(moments(param, "exp_avg", "exp_avg_sq"))

    def numbers(self, param: Tensor, state: Named, group: Named) -> Named:
        step, lr, beta1, beta2, told = counted(state, group)
        # 0.96 is the constant of the source: mu passes beta1 / 2 at t = 0 and grows to beta1.
        mu, following = (
            beta1 * (1.0 - 0.5 * 0.96 ** (t * group["momentum_decay"])) for t in (step, step + 1)
        )
        state["mu_product"].mul_(mu)
        product = state["mu_product"].item()
        return told | {
            "correction": 1 - beta2**step,
            "eps": group["eps"],
            "of_grad": lr * (1.0 - mu) / (1.0 - product),
            "of_mean": lr * following / (1.0 - product * following),
        }

    @staticmethod
    def rule(
        param: Any, grad: Any, state: Named, *, beta1: float, beta2: float, correction: float,
        eps: float, of_grad: Any, of_mean: Any, weight_decay: Any, shrink: Any,
    ) -> None:  # fmt: skip
        """Both means move; the step takes a part of the gradient and a part of its mean."""
        grad, mean, square = means(param, grad, state, beta1, beta2, weight_decay, shrink)
        root = square.mul(1 / correction).sqrt().add_(eps)
        param.addcdiv_(grad, root, value=-of_grad).addcdiv_(mean, root, value=-of_mean)
