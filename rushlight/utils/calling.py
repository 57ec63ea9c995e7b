"""Calling a module with other tensors than its own parameters and buffers."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


def call_with(
    module: Any, parameters_and_buffers: dict[str, Any], args: Any = None,
    kwargs: dict[str, Any] | None = None, *, tie_weights: bool = True, strict: bool = False,
) -> Any:  # fmt: skip
    """`module(*args, **kwargs)` with tensors by name in place of its parameters and buffers.

    Args:
        tie_weights: whether a tensor under several names is replaced under all of them.
        strict: whether names must be exactly those of the module.
    """
    args = () if args is None else args if isinstance(args, tuple) else (args,)
    with _reparametrize_module(module, parameters_and_buffers, tie_weights, strict):
        return module(*args, **(kwargs or {}))


_NOTHING = object()


@contextmanager
def _reparametrize_module(
    module: Any, tensors: dict[str, Any], tie_weights: bool = False, strict: bool = False
) -> Iterator[None]:
    wanted = _with_tied(module, tensors) if tie_weights else dict(tensors)
    if strict:
        _require_same_names(module, wanted)
    lent = []
    try:
        for path, value in wanted.items():
            prefix, _, name = path.rpartition(".")
            owner = module.get_submodule(prefix)
            tables = (owner._parameters, owner._buffers)
            # PyTorch too lends attributes that are neither.
            table = next((t for t in tables if name in t), owner.__dict__)
            lent.append((path, table, name, table.get(name, _NOTHING)))
            table[name] = value
        yield
    finally:
        for path, table, name, old in reversed(lent):
            if path in tensors:  # a buffer that forward replaced is seen by the caller
                tensors[path] = table.get(name)
            if old is _NOTHING:
                table.pop(name, None)
            else:
                table[name] = old


def _named(module: Any) -> dict[str, Any]:
    return {
        **dict(module.named_parameters(remove_duplicate=False)),
        **dict(module.named_buffers(remove_duplicate=False)),
    }


def _with_tied(module: Any, tensors: dict[str, Any]) -> dict[str, Any]:
    """The tensors also under the other names of what they replace."""
    groups: dict[int, list[str]] = {}
    for name, value in _named(module).items():
        groups.setdefault(id(value), []).append(name)
    whole = dict(tensors)
    for names in groups.values():
        if len(names) == 1:
            continue
        given = [name for name in names if name in tensors]
        if len({id(tensors[name]) for name in given}) > 1:
            raise ValueError(
                f"functional_call got multiple values for keys {sorted(names)}, which are tied. "
                "Consider using tie_weights=False"
            )
        if given:
            whole.update(dict.fromkeys(names, tensors[given[0]]))
    return whole


def _require_same_names(module: Any, tensors: dict[str, Any]) -> None:
    own = _named(module).keys()
    strange = {"Unexpected": tensors.keys() - own, "Missing": own - tensors.keys()}
    problems = [
        f"{what} key(s): {', '.join(map(repr, sorted(names)))}."
        for what, names in strange.items()
        if names
    ]
    if problems:
        raise RuntimeError(
            f"Error(s) in reparametrizing for {module._get_name()}:\n\t" + "\n\t".join(problems)
        )
