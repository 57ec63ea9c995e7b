"""The weights of a TorchScript archive; its code is left alone."""

from collections import OrderedDict
from typing import Any

from .records import Opaque, TensorRecord, fault


def script_weights(root: Any, where: str) -> OrderedDict:
    """The parameters and buffers of a TorchScript module, by their dotted names."""
    found: OrderedDict = OrderedDict()
    todo: list[tuple[str, Any, int]] = [("", root, 0)]
    seen: set[int] = set()
    while todo:
        path, value, depth = todo.pop(0)
        if isinstance(value, TensorRecord):
            found[path] = value
        elif isinstance(value, Opaque) and isinstance(value.state, dict) and id(value) not in seen:
            seen.add(id(value))
            if depth > 100:
                raise fault(where, "modules are nested more than 100 deep")
            todo += [
                (f"{path}.{key}".lstrip("."), part, depth + 1) for key, part in value.state.items()
            ]
    return found
