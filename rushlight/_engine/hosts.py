"""What works out an optimizer's numbers before each run, written down for an exported program."""

import ast
import inspect
import sys
import textwrap
from functools import partial
from typing import Any

from .._core.hosted import Combined, Fixed
from .._core.tape import TensorBase
from .capture import Host, Part
from .encoding import Encoding
from .naming import Naming
from .program import Program
from .sources import Sources, Unshippable

# Functions of the optimizers that the loader has its own of: they touch tensors.
_LOADERS = ("tick", "store", "number", "zeros_like")
_SIGNS = {
    "neg": "-", "add": "+", "sub": "-", "mul": "*", "truediv": "/", "pow": "**", "eq": "==",
    "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">=",
}  # fmt: skip


def hosts(program: Program, naming: Naming, words: Sources, encoding: Encoding) -> dict:
    """The manifest's part: each host, the numbers by name, what the trace relied on.

    Each optimizer's own `numbers` is taken along, and `found`, which combines what these give.
    """
    if program.after:
        raise RuntimeError("export: a schedule steered by a tensor's value; step it outside")
    told: dict[str, Any] = {"hosts": [], "numbers": {}}
    for host in program.hosts:
        told["hosts"].append(_host(host, told["numbers"], naming, words, encoding))
    finds = [(what, s.dtype) for how, what, s in program.inputs if how == "number"]
    told["dtypes"] = [encoding.dtype(d) for _, d in finds]
    told["conditions"] = [bool(answer) for _, answer in program.conditions]
    numbers, asked = (
        "".join(f"{_text(find, program.hosts, words)}, " for find, _ in pairs)
        for pairs in (finds, program.conditions)
    )
    words.parts.append(f"def found(h):\n    return ({numbers}), ({asked})")
    return told


def _host(
    host: Host, numbers: dict, naming: Naming, words: Sources, encoding: Encoding
) -> dict[str, Any]:
    find = host.find
    if not isinstance(find, partial) or not hasattr(find.func, "__self__") or len(find.args) != 3:
        raise RuntimeError(
            "export: numbers that Python works out at each call are not an optimizer's"
        )
    optimizer, (_, state, group) = find.func.__self__, find.args
    prefix = naming.groups.get(id(group), "optimizer")
    named, options = {}, {}
    for key, value in group.items():
        if _numeric(value):
            named[key] = f"{prefix}.{key}"
            numbers[named[key]] = list(value) if isinstance(value, tuple) else value
        elif isinstance(value, TensorBase):
            raise RuntimeError(f"export: {prefix}.{key} is a tensor: make it a number")
        elif key != "params":
            options[key] = encoding.value(value)
    touched, array = set(map(id, host.touched)), encoding.archive.array
    counts = {k: array(v.array) for k, v in state.items() if id(v) in touched}
    return {
        "function": _function(type(optimizer), words), "named": named, "options": options,
        "counts": counts, "arrays": [k for k in state if k not in counts],
        "fixed": {k: encoding.value(v) for k, v in host.fixed.items()},
    }  # fmt: skip


def _numeric(value: Any) -> bool:
    parts = value if isinstance(value, tuple) else (value,)
    return bool(parts) and all(v.__class__ in (int, float) for v in parts)


def _function(kind: type, words: Sources) -> str:
    """The name, in the words, of what works out an optimizer's numbers."""
    for base in kind.__mro__:
        scope = getattr(sys.modules.get(base.__module__), "__dict__", {})
        words.names.update((id(scope[n]), n) for n in _LOADERS if n in scope)
    find: Any = kind.numbers
    tree = ast.parse(textwrap.dedent(inspect.getsource(find)))
    own = next(iter(inspect.signature(find).parameters))  # the optimizer: it stays here
    if any(isinstance(n, ast.Name) and n.id == own for n in ast.walk(tree)):
        raise RuntimeError(
            f"export: {kind.__name__} works out its numbers from more than its state"
        )
    try:
        return words.name(find, f"{kind.__name__}_numbers")
    except Unshippable as left:
        raise RuntimeError(f"export: {kind.__name__} works out its numbers by {left}") from None


def _text(find: Any, known: list[Host], words: Sources) -> str:
    """How a number is found, as an expression on what the hosts gave."""
    if isinstance(find, Part):
        return f"h[{next(i for i, h in enumerate(known) if h is find.host)}][{find.key!r}]"
    if isinstance(find, Fixed):
        return words.name(find.value, "value")
    if not isinstance(find, Combined) or find.word.__name__ not in _SIGNS:
        raise RuntimeError(
            "export: a number that Python works out in a way that is not written down"
        )
    of = [_text(one, known, words) for one in find.of]
    return f"({_SIGNS[find.word.__name__].join(['', *of][-2:])})"
