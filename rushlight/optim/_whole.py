"""Optimizers that look at a parameter as a whole, not at each element by itself."""

from collections.abc import Callable
from typing import Any

from .._core.modes import no_grad
from .optimizer import Optimizer


class Whole(Optimizer):
    """An optimizer of real parameters; a subclass changes one in `_update`."""

    @no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        loss = self._evaluate(closure)
        for group in self.param_groups:
            for param in group["params"]:
                if param.grad is not None:
                    if param.is_complex():
                        name = type(self).__name__
                        raise RuntimeError(f"{name} does not support complex parameters")
                    self._update(param, group)
        return loss

    def _update(self, param: Any, group: dict[str, Any]) -> None:
        raise NotImplementedError
