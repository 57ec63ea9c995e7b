"""Handles that take a hook out again."""

import weakref
from collections.abc import MutableMapping
from itertools import count
from typing import Any

_numbers = count()


class RemovableHandle:
    """A ticket for one hook in a registry: `remove()` it, or use it as a `with` block.

    Args:
        hooks_dict: the registry, which is not kept alive.
        extra_dict: further registries (one, or a list) with an entry of the same number.
    """

    def __init__(self, hooks_dict: MutableMapping, *, extra_dict: Any = None) -> None:
        self.id = next(_numbers)
        if extra_dict is None:
            extra = []
        else:
            extra = extra_dict if isinstance(extra_dict, list) else [extra_dict]
        self._registries = [weakref.ref(registry) for registry in (hooks_dict, *extra)]

    def remove(self) -> None:
        """Take the hook out; a second call does nothing."""
        for reference in self._registries:
            registry = reference()
            if registry is not None:
                registry.pop(self.id, None)

    def __getstate__(self) -> tuple:
        return self.id, [reference() for reference in self._registries]

    def __setstate__(self, state: tuple) -> None:
        """A copied handle belongs to the copied registries."""
        self.id, registries = state
        self._registries = [weakref.ref(r) for r in registries if r is not None]

    def __enter__(self) -> "RemovableHandle":
        return self

    def __exit__(self, *exception: object) -> None:
        self.remove()


def add_hook(registry: Any, hook: Any, prepend: bool = False, marks: Any = None) -> RemovableHandle:
    """Put a hook last (or first) in a registry; `marks` are the registries of its properties."""
    handle = RemovableHandle(registry, extra_dict=marks)
    registry[handle.id] = hook
    if prepend:
        registry.move_to_end(handle.id, last=False)
    return handle
