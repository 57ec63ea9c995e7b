"""Rprop: a step size for each element, moved by the sign of its gradient alone."""

from typing import Any

from .._creation.filled import full_like
from .._tensor import Tensor
from ._elementwise import Elementwise, check, moments, number, scalar, tick
from .optimizer import Named, ParamsT


class Rprop(Elementwise):
    """Resilient backpropagation: longer steps while a gradient keeps its sign, shorter after.

    Args: what `Optimizer` explains, and
        lr: length of the first step.
        etas: factors on the length after a change of sign and without one.
        step_sizes: the shortest and the longest step.

    Source: Riedmiller and Braun, "A direct adaptive method for faster backpropagation", 1993.
    """

    _options = "lr etas step_sizes foreach maximize differentiable capturable"

    def __init__(
        self, params: ParamsT, lr: float | Tensor = 1e-2, etas: tuple[float, float] = (0.5, 1.2),
        step_sizes: tuple[float, float] = (1e-6, 50), *, capturable: bool = False,
        foreach: bool | None = None, maximize: bool = False, differentiable: bool = False,
    ) -> None:  # fmt: skip
        check(0.0 < etas[0] < 1.0 < etas[1], f"Invalid eta values: {etas[0]}, {etas[1]}")
        super().__init__(params, locals())

    def start(self, param: Tensor, state: Named, group: Named) -> None:
        lr = float(group["lr"])
        state["step"] = scalar(0.0)
        state.update(moments(param, "prev"))
        state["step_size"] = full_like(param, complex(lr, lr) if param.is_complex() else lr)

    def numbers(self, param: Tensor, state: Named, group: Named) -> Named:
        tick(state["step"])
        shrink, grow = map(number, group["etas"])
        shortest, longest = map(number, group["step_sizes"])
        return {"shrink": shrink, "grow": grow, "shortest": shortest, "longest": longest}

    @staticmethod
    def rule(
        param: Any, grad: Any, state: Named, *, shrink: float, grow: float, shortest: float,
        longest: float,
    ) -> None:  # fmt: skip
        """Sizes grow or shrink by the sign; where it changed, this step is left out."""
        change = grad.mul(state["prev"]).sign()
        size = state["step_size"].mul_(change.by_sign(grow, 1, shrink)).clamp_(shortest, longest)
        grad = change.by_sign(grad, grad, 0)
        param.addcmul_(grad.sign(), size, value=-1)
        state["prev"].copy_(grad)
