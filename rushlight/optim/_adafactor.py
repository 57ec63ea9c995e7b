"""Adafactor: a running mean square of the gradient kept as one row and one column."""

from typing import Any

from .._core import dtypes
from .._creation.filled import zeros_like
from .._tensor import Tensor
from ._elementwise import check, check_lr, number, scalar, tick
from ._whole import Whole
from .optimizer import Named, ParamsT, options


class Adafactor(Whole):
    """Adafactor: for matrices the mean square is the product of its row and column means.

    Args: what `Optimizer` explains, and
        lr: the longest step, relative to the parameter's size.
        beta2_decay: the mean of step t takes in a share `t ** beta2_decay`.
        eps: keeps the mean square from zero (None: of the dtype), and the size from being small.
        d: longer updates than this root mean square are shortened.
        weight_decay: how much the parameter itself shrinks.

    Source: Shazeer and Stern, "Adafactor: adaptive learning rates with sublinear memory cost".
    """

    def __init__(
        self, params: ParamsT, lr: float | Tensor = 1e-2, beta2_decay: float = -0.8,
        eps: tuple[float | None, float] = (None, 1e-3), d: float = 1.0, weight_decay: float = 0.0,
        *, foreach: bool | None = None, maximize: bool = False,
    ) -> None:  # fmt: skip
        check_lr(lr, "Learning rate should be >= 0 but is")
        check(beta2_decay <= 0.0, f"beta2_decay should be <= 0 but is: {beta2_decay}")
        check(eps[0] is None or eps[0] >= 0.0, f"epsilon1 should be >= 0 but is: {eps[0]}")
        check(eps[1] >= 0.0, f"epsilon2 should be >= 0 but is: {eps[1]}")
        check(d >= 1.0, f"Clipping threshold d should be >= 1 but is: {d}")
        check(weight_decay >= 0.0, f"weight_decay should be >= 0 but is: {weight_decay}")
        names = "lr beta2_decay eps d weight_decay foreach maximize"
        super().__init__(params, options(locals(), names))

    def __setstate__(self, state: Named) -> None:
        super().__setstate__(state)
        for group in self.param_groups:
            group.setdefault("foreach", None)
            for param in group["params"]:
                kept = self.state.get(param, {})
                if "step" in kept and not isinstance(kept["step"], Tensor):
                    kept["step"] = scalar(kept["step"])

    def _update(self, param: Any, group: Named) -> None:
        grad = -param.grad if group["maximize"] else param.grad
        state = self.state[param]
        if not state:
            _start(state, grad)
        step, lr, (least, least_size) = tick(state["step"]), number(group["lr"]), group["eps"]
        if least is None:
            least = dtypes.finfo(param.dtype).eps
        length = max(least_size, _root_mean_square(param)) * min(lr, 1 / step**0.5)
        if group["weight_decay"] != 0:
            param.mul_(1 - lr * group["weight_decay"])
        square = _mean_square(grad, state, step ** group["beta2_decay"], least)
        update = square.clamp(min=least * least).rsqrt() * grad
        shortened = max(1.0, _root_mean_square(update) / group["d"])
        param.add_(update, alpha=-length / shortened)


def _start(state: Named, grad: Tensor) -> None:
    state["step"] = scalar(0.0)
    shape = list(grad.shape)
    if grad.ndim > 1:
        state["row_var"] = grad.new_zeros([*shape[:-1], 1])
        state["col_var"] = grad.new_zeros([*shape[:-2], 1, shape[-1]])
    else:
        state["variance"] = zeros_like(grad)


def _root_mean_square(x: Any) -> float:
    return x.norm(2).item() / x.numel() ** 0.5


def _mean_square(grad: Any, state: Named, share: float, least: float) -> Any:
    """The running mean of the squared gradient, after `share` of this one was taken in."""
    square = grad * grad
    if grad.ndim <= 1:
        return state["variance"].lerp_(square, share)
    row = state["row_var"].lerp_(square.mean(-1, keepdim=True), share)
    column = state["col_var"].lerp_(square.mean(-2, keepdim=True), share)
    return row @ column / row.mean(-2, keepdim=True).clamp(min=least)
