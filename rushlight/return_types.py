"""torch.return_types: the named tuples that operations of several results return."""

from typing import Any

from ._core.record import records


def __getattr__(name: str) -> Any:
    for record in records():
        made = getattr(record, "returns", None)
        if made is not None and made.__name__ == name:
            return made
    raise AttributeError(f"module 'torch.return_types' has no attribute {name!r}")
