"""ASGD: gradient descent that also keeps the average of its way."""

from typing import Any

from .._tensor import Tensor
from ._elementwise import Elementwise, decayed, moments, penalty, scalar, store, tick
from .optimizer import Named, ParamsT


class ASGD(Elementwise):
    """Averaged gradient descent; the average of the parameters is `state[param]["ax"]`.

    Args: what `Optimizer` explains, and
        lr: length of the first step.
        lambd: how fast the length shrinks, and how much the parameter does.
        alpha: power of the shrinking.
        t0: the step at which averaging starts.

    Source: Polyak and Juditsky, "Acceleration of stochastic approximation by averaging", 1992.
    """

    scalars = ("step", "eta", "mu")
    _options = "lr lambd alpha t0 weight_decay foreach maximize differentiable capturable"

    def __init__(
        self, params: ParamsT, lr: float | Tensor = 1e-2, lambd: float = 1e-4, alpha: float = 0.75,
        t0: float = 1e6, weight_decay: float = 0, foreach: bool | None = None,
        maximize: bool = False, differentiable: bool = False, capturable: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(params, locals())

    def start(self, param: Tensor, state: Named, group: Named) -> None:
        state["step"], state["eta"] = scalar(0.0), scalar(float(group["lr"]))
        state["mu"] = scalar(1.0)
        state.update(moments(param, "ax"))

    def numbers(self, param: Tensor, state: Named, group: Named) -> Named:
        step, lr, lambd = tick(state["step"]), float(group["lr"]), group["lambd"]
        eta, mu = state["eta"].item(), state["mu"].item()
        store(state["eta"], lr / (1 + lambd * lr * step) ** group["alpha"])
        store(state["mu"], 1 / max(1, step - group["t0"]))
        return {"eta": eta, "mu": mu, "shrink": 1 - lambd * eta, "weight_decay": penalty(group)}

    @staticmethod
    def rule(
        param: Any, grad: Any, state: Named, *, eta: float, mu: float, shrink: float,
        weight_decay: Any,
    ) -> None:  # fmt: skip
        """The parameter shrinks and steps; its average follows."""
        grad = decayed(grad, param, weight_decay)
        param.mul_(shrink).add_(grad, alpha=-eta)
        if mu == 1:
            state["ax"].copy_(param)
        else:
            state["ax"].lerp_(param, mu)
