"""Adagrad: steps divided by the root of all squared gradients so far."""

from typing import Any

from .._creation.filled import full_like
from .._tensor import Tensor
from ._elementwise import Elementwise, decayed, number, penalty, scalar, tick
from .optimizer import Named, ParamsT


class Adagrad(Elementwise):
    """Adagrad: `sum += grad^2`, then `param -= lr / (1 + (t - 1) lr_decay) * grad / sqrt(sum)`.

    Args: what `Optimizer` explains, and
        lr_decay: how fast the length shrinks.
        initial_accumulator_value: where the sum starts.
        eps: keeps the denominator from zero.

    Source: Duchi, Hazan and Singer, "Adaptive subgradient methods", 2011.
    """

    _options = (
        "lr lr_decay eps weight_decay initial_accumulator_value foreach maximize "
        "differentiable fused"
    )

    def __init__(
        self, params: ParamsT, lr: float | Tensor = 1e-2, lr_decay: float = 0,
        weight_decay: float = 0, initial_accumulator_value: float = 0, eps: float = 1e-10,
        foreach: bool | None = None, *, maximize: bool = False, differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:  # fmt: skip
        super().__init__(params, locals())
        for group in self.param_groups:
            for param in group["params"]:
                self.state[param] = self._begin(param, group)

    def share_memory(self) -> None:
        """Does nothing: workers are threads, which share memory anyway."""

    def start(self, param: Tensor, state: Named, group: Named) -> None:
        first = self.defaults["initial_accumulator_value"]
        state["step"] = scalar(0.0)
        state["sum"] = full_like(param, complex(first, first) if param.is_complex() else first)

    def numbers(self, param: Tensor, state: Named, group: Named) -> Named:
        step = tick(state["step"])
        return {
            "lr": number(group["lr"]) / (1 + (step - 1) * group["lr_decay"]),
            "eps": group["eps"],
            "weight_decay": penalty(group),
        }

    @staticmethod
    def rule(
        param: Any, grad: Any, state: Named, *, lr: Any, eps: float, weight_decay: Any
    ) -> None:
        """The sum of squares grows; the step is the gradient over its root."""
        grad = decayed(grad, param, weight_decay)
        total = state["sum"].addcmul_(grad, grad)
        param.addcdiv_(grad, total.sqrt().add_(eps), value=-lr)
