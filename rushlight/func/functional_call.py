"""Modules called with parameters given from outside."""

from typing import Any

from .._ops.joining import stack


def functional_call(
    module: Any, parameter_and_buffer_dicts: Any, args: Any = None, kwargs: Any = None, *,
    tie_weights: bool = True, strict: bool = False,
) -> Any:  # fmt: skip
    """The module's output with the parameters and buffers of a dict in place of its own."""
    given = parameter_and_buffer_dicts
    merged: dict = {}
    for part in [given] if isinstance(given, dict) else given:
        merged.update(part)
    args = () if args is None else args if isinstance(args, tuple) else (args,)
    names = dict(module.named_parameters(remove_duplicate=False)) | dict(
        module.named_buffers(remove_duplicate=False)
    )
    unknown = [k for k in merged if k not in names]
    if strict and (unknown or len(merged) < len(names)):
        missing = [k for k in names if k not in merged]
        raise RuntimeError(
            f"functional_call: unexpected key(s) {unknown}, missing key(s) {missing}"
        )
    by_tensor = {id(names[k]): v for k, v in merged.items() if k in names} if tie_weights else {}
    replaced = []
    try:
        for name, old in names.items():
            new = merged.get(name, by_tensor.get(id(old)))
            if new is not None:
                replaced.append(_swap(module, name, new))
        return module(*args, **(kwargs or {}))
    finally:
        for owner, table, key, old in reversed(replaced):
            getattr(owner, table)[key] = old


def _swap(module: Any, path: str, new: Any) -> tuple:
    *way, key = path.split(".")
    for part in way:
        module = getattr(module, part)
    table = "_parameters" if key in module._parameters else "_buffers"
    old = getattr(module, table)[key]
    getattr(module, table)[key] = new
    return module, table, key, old


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
