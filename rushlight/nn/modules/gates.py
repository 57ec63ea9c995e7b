"""Full backward hooks: a gate before a module and one behind it, joined for one call."""

import warnings
from collections.abc import Callable
from typing import Any

from ..._core.modes import is_grad_enabled
from ..._tensor import Tensor
from ...autograd.function import Function


class BackwardHookFunction(Function):
    """Hands its tensors on unchanged; backward asks `react` what becomes of their gradients."""

    @staticmethod
    def forward(ctx: Any, react: Callable, *tensors: Tensor) -> tuple:
        ctx.react = react
        ctx.mark_non_differentiable(*[t for t in tensors if not t.requires_grad])
        return tensors

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> tuple:
        return None, *ctx.react(grads)


class Gate:
    """Joins a module's inputs and outputs so that hooks see both gradients of one call."""

    def __init__(self, module: Any, hooks: list[Callable], before: list[Callable]) -> None:
        self.module, self.hooks, self.before = module, hooks, before
        self.places: list[int] | None = None  # where the tensors are among the arguments
        self.arguments = 0
        self.grad_output: tuple | None = None

    def enter(self, args: tuple) -> tuple:
        """The arguments, watched; backward reaches them last."""
        self.arguments = len(args)
        args, self.places = _watched(self.react_at_inputs, args)
        return args

    def leave(self, result: Any) -> Any:
        """The result, watched; backward reaches it first."""
        if not isinstance(result, (Tensor, tuple)):
            warnings.warn(
                "For backward hooks to be called, module output should be a Tensor or a tuple of "
                f"Tensors but received {type(result)}",
                stacklevel=6,
            )
        outputs = result if isinstance(result, tuple) else (result,)
        self.outputs = len(outputs)
        outputs, self.output_places = _watched(self.react_at_outputs, outputs)
        return outputs if isinstance(result, tuple) else outputs[0]

    def react_at_outputs(self, grads: tuple) -> tuple:
        places = self.output_places or []
        grad_output = _spread(places, grads, self.outputs)
        for hook in self.before:
            made = hook(self.module, grad_output)
            grad_output = _replaced(grad_output, made, "Backward pre hook", "grad_output")
        if self.places is None:
            self.without_inputs(grad_output)
        else:
            self.grad_output = grad_output
        return tuple(grad_output[i] for i in places)

    def without_inputs(self, grad_output: tuple) -> None:
        """No input needs a gradient, so the hooks run as soon as the output's is known."""
        warnings.warn(
            "Full backward hook is firing when gradients are computed with respect to module "
            "outputs since no inputs require gradients.",
            stacklevel=6,
        )
        for hook in self.hooks:
            made = hook(self.module, (None,) * self.arguments, grad_output)
            if made is not None and not (isinstance(made, tuple) and all(g is None for g in made)):
                raise RuntimeError(
                    "Backward hook for Modules where no input requires gradient should always "
                    "return None or None for all gradients."
                )

    def react_at_inputs(self, grads: tuple) -> tuple:
        if self.grad_output is None:  # this gradient did not come through the module's output
            return grads
        assert self.places is not None
        grad_input = _spread(self.places, grads, self.arguments)
        for hook in self.hooks:
            made = hook(self.module, grad_input, self.grad_output)
            grad_input = _replaced(grad_input, made, "Backward hook", "grad_input")
        self.grad_output = None
        return tuple(grad_input[i] for i in self.places)


def _watched(react: Callable, values: tuple) -> tuple[tuple, list[int] | None]:
    places = [i for i, value in enumerate(values) if isinstance(value, Tensor)]
    if not (is_grad_enabled() and any(values[i].requires_grad for i in places)):
        return values, None
    made = list(values)
    for place, value in zip(
        places, BackwardHookFunction.apply(react, *[values[i] for i in places]), strict=True
    ):
        made[place] = value
    return (tuple(made) if type(values) is tuple else type(values)(*made)), places


def _spread(places: list[int], values: tuple, size: int) -> tuple:
    spread: list[Any] = [None] * size
    for place, value in zip(places, values, strict=True):
        spread[place] = value
    return tuple(spread)


def _replaced(grads: tuple, made: Any, who: str, what: str) -> tuple:
    if made is None:
        return grads
    made = made if isinstance(made, tuple) else (made,)
    if len(made) != len(grads):
        raise RuntimeError(
            f"{who} returned an invalid number of {what}, got {len(made)}, "
            f"but expected {len(grads)}"
        )
    return made
