"""Calling a module with other tensors than its own parameters and buffers."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


def call_with(
    module: Any,
    parameters_and_buffers: dict[str, Any],
    args: Any = None,
    kwargs: dict[str, Any] | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
) -> Any:
    """`module(*args, **kwargs)` with tensors by name in place of its parameters and buffers.

    Args:
        tie_weights: whether a tensor under several names is replaced under all of them.
        strict: whether names must be exactly those of the module.
    """
    args = () if args is None else args if isinstance(args, tuple) else (args,)
    with _reparametrize_module(module, parameters_and_buffers, tie_weights, strict):
        return module(*args, **(kwargs or {}))


@contextmanager
def _reparametrize_module(
    module: Any, tensors: dict[str, Any], tie_weights: bool = False, strict: bool = False
) -> Iterator[None]:
    wanted = _with_tied(module, tensors) if tie_weights else dict(tensors)
    if strict:
        _require_same_names(module, wanted)
    old = {}
    try:
        for name, value in wanted.items():
            old[name] = _swap(module, name, value)
        yield
    finally:
        for name, value in reversed(old.items()):
            now = _swap(module, name, value)
            if name in tensors:  # a buffer that forward replaced is seen by the caller
                tensors[name] = now


_NOTHING = object()


def _swap(module: Any, path: str, value: Any) -> Any:
    """Put a tensor where a parameter or buffer is; the old one is returned."""
    prefix, _, name = path.rpartition(".")
    owner = module.get_submodule(prefix)
    for table in (owner._parameters, owner._buffers):
        if name in table:
            old = table[name]
            table[name] = value
            return old
    old = owner.__dict__.get(name, _NOTHING)
    if old is _NOTHING and value is not _NOTHING and not hasattr(owner, name):
        raise AttributeError(f"{type(owner).__name__} has no attribute `{name}`")
    if value is _NOTHING:
        del owner.__dict__[name]
    else:
        owner.__dict__[name] = value
    return old


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
    own = _named(module)
    unexpected = sorted(name for name in tensors if name not in own)
    missing = sorted(name for name in own if name not in tensors)
    problems = []
    if unexpected:
        problems.append(f"Unexpected key(s): {', '.join(map(repr, unexpected))}.")
    if missing:
        problems.append(f"Missing key(s): {', '.join(map(repr, missing))}.")
    if problems:
        raise RuntimeError(
            f"Error(s) in reparametrizing for {module._get_name()}:\n\t" + "\n\t".join(problems)
        )
