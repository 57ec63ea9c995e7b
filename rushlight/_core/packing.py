"""Saved tensors on their way through the user's hooks (`autograd.graph.saved_tensors_hooks`)."""

import importlib
from typing import Any

from . import modes
from .tape import Node, TensorBase, extra_of, make, ndarray


class Packed:
    """What a node saved, each tensor as the pack hook made it."""

    def __init__(self, saved: tuple, where: Any, hooks: tuple) -> None:
        self.where, self.unpack = where, hooks[1]
        with modes.no_grad():
            self.entries = [self._packed(entry, hooks[0]) for entry in saved]

    def _packed(self, entry: Any, pack: Any) -> tuple:
        if isinstance(entry, TensorBase):
            if entry.node is None and entry.needs is True:  # a leaf stays alive anyway
                return "as it is", entry, None
            return (
                "tensor", pack(make(entry.array, entry.device)),
                (entry.needs, entry.node, entry.version),
            )  # fmt: skip
        if entry.__class__ is ndarray:
            return "array", pack(make(entry, self.where)), None
        return "as it is", entry, None

    def opened(self) -> tuple:
        """The saved values again, through the unpack hook."""
        with modes.no_grad():
            return tuple(self._opened(*entry) for entry in self.entries)

    def _opened(self, kind: str, value: Any, facts: Any) -> Any:
        if kind == "as it is":
            return value
        t = self.unpack(value)
        if not isinstance(t, TensorBase):
            raise TypeError(
                "Output of saved tensor unpack_hook expected to be a Tensor but got result of "
                f"type {type(t).__name__}"
            )
        if kind == "array":
            return t.array
        made = make(t.array, t.device)
        made.needs, made.node, made.version = facts
        return made


def note(node: Node, where: Any) -> None:
    """What a new node takes with it in special modes: packed values, and where it was made."""
    if modes.local.saved_hooks is not None and node.saved:
        extra_of(node).packed = Packed(node.saved, where, modes.local.saved_hooks)
        node.saved = (None,)  # the values themselves are let go
    if modes.local.anomaly:
        stack = importlib.import_module("traceback").format_stack()  # loaded where it is wanted
        extra_of(node).trace = "".join(stack[:-4])
