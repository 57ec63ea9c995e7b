"""Muon: momentum for matrices, made orthogonal before the step."""

import math
from typing import Any

from .._creation.filled import zeros_like
from .._ops.products import addmm
from .._tensor import Tensor
from ._elementwise import check, check_lr, number
from ._whole import Whole
from .optimizer import ParamsT, options


class Muon(Whole):
    """Muon: the step goes along the orthogonal matrix nearest to the momentum.

    Args:
        params: matrices, or groups of them; give vectors to another optimizer.
        lr: length of a step.
        weight_decay: how much the parameter itself shrinks.
        momentum: what remains of the buffer at each step.
        nesterov: look ahead along the buffer.
        ns_coefficients: of the polynomial that drives all singular values to one.
        eps: the least norm to divide by.
        ns_steps: how often the polynomial is applied.
        adjust_lr_fn: "original" (the same as None) or "match_rms_adamw": how the length depends
            on the shape.

    Source: Jordan, "Muon: an optimizer for hidden layers in neural networks", 2024, from which
    the coefficients are.
    """

    def __init__(
        self, params: ParamsT, lr: float = 1e-3, weight_decay: float = 0.1, momentum: float = 0.95,
        nesterov: bool = True,
        ns_coefficients: tuple[float, float, float] = (3.4445, -4.775, 2.0315), eps: float = 1e-7,
        ns_steps: int = 5, adjust_lr_fn: str | None = None,
    ) -> None:  # fmt: skip
        check_lr(lr, "Learning rate should be >= 0 but is")
        check(momentum >= 0.0, f"momentum should be >= 0 but is: {momentum}")
        check(weight_decay >= 0.0, f"weight decay should be >= 0 but is: {weight_decay}")
        check(
            adjust_lr_fn in (None, "original", "match_rms_adamw"),
            f"Adjust learning rate function {adjust_lr_fn} is not supported",
        )
        names = "lr weight_decay momentum nesterov ns_coefficients eps ns_steps adjust_lr_fn"
        super().__init__(params, options(locals(), names))
        for group in self.param_groups:
            for param in group["params"]:
                check(
                    param.ndim == 2,
                    "Muon only supports 2D parameters whereas we found a parameter with size: "
                    f"{param.size()}",
                )

    def _update(self, param: Any, group: dict[str, Any]) -> None:
        grad, state, momentum = param.grad, self.state[param], group["momentum"]
        if "momentum_buffer" not in state:
            state["momentum_buffer"] = zeros_like(grad)
        buffer = state["momentum_buffer"].lerp_(grad, 1 - momentum)
        update = grad.lerp(buffer, momentum) if group["nesterov"] else buffer
        update = orthogonal(update, group["ns_coefficients"], group["ns_steps"], group["eps"])
        lr = number(group["lr"])
        param.mul_(1 - lr * group["weight_decay"])
        param.add_(update, alpha=-lr * _factor(group["adjust_lr_fn"], *param.shape))


def _factor(rule: str | None, rows: int, columns: int) -> float:
    """How the length of a step depends on the matrix's shape."""
    if rule == "match_rms_adamw":
        return 0.2 * math.sqrt(max(rows, columns))
    return math.sqrt(max(1, rows / columns))


def orthogonal(
    matrix: Any, coefficients: tuple[float, float, float], steps: int, eps: float
) -> Tensor:
    """About the orthogonal matrix nearest to `matrix`, in bfloat16, by Newton and Schulz."""
    check(steps < 100, "Number of steps must be less than 100 for computational efficiency")
    check(len(coefficients) == 3, "Coefficients must be a tuple of exactly 3 values")
    a, b, c = coefficients
    tall = matrix.size(0) > matrix.size(1)
    x = matrix.bfloat16()
    if tall:
        x = x.t()
    x = x / x.norm().clamp(min=eps)
    for _ in range(steps):
        gram = x @ x.t()
        x = addmm(x, addmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.t() if tall else x
