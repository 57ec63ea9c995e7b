"""Stochastic gradient descent, with momentum."""

from typing import Any

from .._creation.filled import full_like, zeros_like
from .._tensor import Tensor
from ._elementwise import Elementwise, check, decayed, number, penalty
from .optimizer import Named, ParamsT


class SGD(Elementwise):
    """Stochastic gradient descent, optionally with (Nesterov's) momentum.

    `buffer = momentum * buffer + (1 - dampening) * grad`, then `param -= lr * buffer`.

    Args: what `Optimizer` explains, and
        momentum: what remains of the buffer at each step.
        dampening: what is taken off the gradient before it enters the buffer.
        nesterov: look ahead along the buffer.

    Source: Sutskever et al., "On the importance of initialization and momentum in deep learning".
    """

    scalars = ()
    _later = {**Elementwise._later, "fused": False}  # as PyTorch, which has None everywhere else
    _options = "lr momentum dampening weight_decay nesterov maximize foreach differentiable fused"

    def __init__(
        self, params: ParamsT, lr: float | Tensor = 1e-3, momentum: float = 0,
        dampening: float = 0, weight_decay: Any = 0, nesterov: bool = False, *,
        maximize: bool = False, foreach: bool | None = None, differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:  # fmt: skip
        check(
            not nesterov or (momentum > 0 and dampening == 0),
            "Nesterov momentum requires a momentum and zero dampening",
        )
        super().__init__(params, locals())

    def start(self, param: Tensor, state: Named, group: Named) -> None:
        """Nothing: the buffer is made at the first step with momentum."""

    def ahead(self, param: Tensor, state: Named, group: Named) -> None:
        """A buffer of -0.0: times momentum it stays so, and added to, it is the gradient's copy."""
        if group["momentum"] > 0 and group["dampening"] == 0:
            state["momentum_buffer"] = full_like(param, -0.0)

    def numbers(self, param: Tensor, state: Named, group: Named) -> Named:
        first = group["momentum"] != 0 and state.get("momentum_buffer") is None
        if first:
            state["momentum_buffer"] = zeros_like(param)
        return {
            "lr": number(group["lr"]), "momentum": number(group["momentum"]), "first": first,
            "taken": 1 - number(group["dampening"]), "weight_decay": penalty(group),
            "nesterov": group["nesterov"],
        }  # fmt: skip

    @staticmethod
    def rule(
        param: Any, grad: Any, state: Named, *, lr: Any, momentum: float, first: bool,
        taken: float, weight_decay: Any, nesterov: bool,
    ) -> None:  # fmt: skip
        """buffer = momentum * buffer + taken * grad; param -= lr * buffer."""
        grad = decayed(grad, param, weight_decay)
        if momentum:
            buffer = state["momentum_buffer"]
            if first:  # PyTorch's first buffer carries no gradient even where steps do
                buffer.copy_(grad.detach())
            else:
                buffer.mul_(momentum).add_(grad, alpha=taken)
            grad = grad.add(buffer, alpha=momentum) if nesterov else buffer
        param.add_(grad, alpha=-lr)
