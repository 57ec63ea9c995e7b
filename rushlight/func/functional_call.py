"""Modules called with parameters given from outside."""

from typing import Any

from .._ops.joining import stack
from ..utils.calling import call_with


def functional_call(
    module: Any, parameter_and_buffer_dicts: Any, args: Any = None, kwargs: Any = None, *,
    tie_weights: bool = True, strict: bool = False,
) -> Any:  # fmt: skip
    """The module's output with the parameters and buffers of a dict in place of its own."""
    given = parameter_and_buffer_dicts
    merged = given
    if not isinstance(given, dict):
        merged = {name: tensor for part in given for name, tensor in part.items()}
    return call_with(module, merged, args, kwargs, tie_weights=tie_weights, strict=strict)


def stack_module_state(models: list) -> tuple[dict, dict]:
    """The parameters and buffers of like models, each stacked along a new first dimension."""
    if not models:
        raise RuntimeError("stack_module_state: Expected at least one model, got 0.")
    parameters = {
        k: stack([dict(m.named_parameters())[k] for m in models]).detach().requires_grad_()
        for k in dict(models[0].named_parameters())
    }
    buffers = {
        k: stack([dict(m.named_buffers())[k] for m in models]).detach()
        for k in dict(models[0].named_buffers())
    }
    return parameters, buffers
