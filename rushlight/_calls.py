"""Methods that call a function of the user's, or take another tensor's place."""

from collections.abc import Callable
from typing import Any

from ._core import modes


def apply_(self: Any, callable: Callable[[Any], Any]) -> Any:
    """callable(element) in place of each element; slow, in Python."""
    return _mapped("apply_", self, (), callable)


def map_(self: Any, tensor: Any, callable: Callable[[Any, Any], Any]) -> Any:
    """callable(own element, other element) in place of each element; slow, in Python."""
    return _mapped("map_", self, (tensor,), callable)


def map2_(self: Any, x: Any, y: Any, callable: Callable[[Any, Any, Any], Any]) -> Any:
    """callable(own element, x's, y's) in place of each element; slow, in Python."""
    return _mapped("map2_", self, (x, y), callable)


def _mapped(name: str, self: Any, others: tuple, function: Callable) -> Any:
    if any(t.requires_grad for t in (self, *others)):
        raise TypeError(
            f"Can't call {name}() on Variable that requires grad. Use var.detach().{name}() "
            "instead."
        )
    flat = [t.expand_as(self).reshape(-1).tolist() for t in (self, *others)]
    made = [function(*each) for each in zip(*flat)]
    return self.copy_(self.new_tensor(made, dtype=self.dtype).reshape(self.shape))


def module_load(self: Any, other: Any, assign: bool = False) -> Any:
    """What load_state_dict puts in this tensor's place: by default itself, overwritten."""
    if assign:
        return other.detach()
    with modes.no_grad():
        return self.copy_(other).detach()


def is_inference(self: Any) -> bool:
    """Whether it was made in inference mode.

    Differs: always False; tensors made there are usual ones, which may join a graph later.
    """
    return False
