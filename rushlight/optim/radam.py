"""RAdam: Adam that waits with its adaptive step until the mean square can be trusted."""

from typing import Any

from .._tensor import Tensor
from ._elementwise import Elementwise
from .adam import counted, means
from .optimizer import Named, ParamsT


class RAdam(Elementwise):
    """RAdam: momentum alone at first; Adam's step times a rectification once it is defined.

    Args: what `Optimizer` explains, and
        betas: what remains of the two means at each step.
        eps: keeps the denominator from zero.
        decoupled_weight_decay: shrink the parameter itself, as AdamW does.

    Source: Liu et al., "On the variance of the adaptive learning rate and beyond", 2020.
    """

    _options = (
        "lr betas eps weight_decay maximize foreach capturable decoupled_weight_decay "
        "differentiable"
    )
    _kept = ("exp_avg", "exp_avg_sq")

    def __init__(
        self, params: ParamsT, lr: float | Tensor = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8, weight_decay: float = 0,
        decoupled_weight_decay: bool = False, *, foreach: bool | None = None,
        maximize: bool = False, capturable: bool = False, differentiable: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(params, locals())

    def numbers(self, param: Tensor, state: Named, group: Named) -> Named:
        step, lr, beta1, beta2, told = counted(state, group)
        trust = rectification(step, beta2)
        size = lr / (1 - beta1**step) * (1 if trust is None else trust)
        return told | {"eps": group["eps"], "adaptive": trust is not None, "size": size}

    @staticmethod
    def rule(
        param: Any, grad: Any, state: Named, *, beta1: float, beta2: float, eps: float,
        adaptive: bool, size: Any, weight_decay: Any, shrink: Any,
    ) -> None:  # fmt: skip
        """Both means move; the step is the mean, over the root of the square once adaptive."""
        _, mean, square = means(param, grad, state, beta1, beta2, weight_decay, shrink)
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
