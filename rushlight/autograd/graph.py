"""The recorded graph: its nodes, and what happens to the tensors it saves."""

from collections.abc import Callable
from typing import Any

from .._core import modes
from .._core.backward import gradient_edge
from .._core.tape import Handle, Node, TensorBase

__all__ = ["GradientEdge", "Node", "disable_saved_tensors_hooks", "get_gradient_edge",
           "increment_version", "register_multi_grad_hook", "save_on_cpu",
           "saved_tensors_hooks"]  # fmt: skip


class GradientEdge(tuple):
    """A place in the graph: (node, output number)."""

    node = property(lambda self: self[0])
    output_nr = property(lambda self: self[1])


def get_gradient_edge(tensor: TensorBase) -> GradientEdge:
    """Where gradients of `tensor` go."""
    return GradientEdge(gradient_edge(tensor))


def increment_version(tensor: Any) -> None:
    """Note that a tensor's memory was changed behind the tape's back."""
    for t in [tensor] if isinstance(tensor, TensorBase) else tensor:
        t.version[0] += 1


class saved_tensors_hooks:
    """Inside, tensors saved for backward go through `pack_hook`, and back through `unpack_hook`."""

    def __init__(self, pack_hook: Callable, unpack_hook: Callable) -> None:
        self.hooks = pack_hook, unpack_hook

    def __enter__(self) -> None:
        self.before = modes.local.saved_hooks
        modes.count("special", self.before is None)
        modes.local.saved_hooks = self.hooks

    def __exit__(self, *_: Any) -> None:
        modes.count("special", -(self.before is None))
        modes.local.saved_hooks = self.before


class save_on_cpu(saved_tensors_hooks):
    """Inside, tensors saved for backward are kept in host memory."""

    def __init__(self, pin_memory: bool = False, device_type: str = "cuda") -> None:
        super().__init__(lambda t: (t.device, t.cpu()), lambda packed: packed[1].to(packed[0]))


class disable_saved_tensors_hooks:
    """Inside, no saved-tensor hooks may be active."""

    def __init__(self, error_message: str, fn_name: str = "") -> None:
        self.message = error_message

    def __enter__(self) -> None:
        if modes.local.saved_hooks is not None:
            raise RuntimeError(self.message)

    def __exit__(self, *_: Any) -> None:
        pass


def register_multi_grad_hook(tensors: Any, fn: Callable, *, mode: str = "all") -> Any:
    """Call `fn` with the gradients of all `tensors`, or (mode "any") with the first known."""
    tensors = list(tensors)
    found: list = [None] * len(tensors)
    seen = [0]

    def hook_for(i: int) -> Callable:
        def hook(g: Any) -> None:
            if mode == "any":
                if not seen[0]:
                    seen[0] = 1
                    fn(g)
                return
            found[i] = g
            seen[0] += 1
            if seen[0] == len(tensors):
                seen[0] = 0
                fn(list(found))

        return hook

    handles = [t.register_hook(hook_for(i)) for i, t in enumerate(tensors)]
    return _Handles(handles)


class _Handles:
    """Several hooks taken away together."""

    def __init__(self, handles: list[Handle]) -> None:
        self.handles = handles

    def remove(self) -> None:
        for h in self.handles:
            h.remove()
