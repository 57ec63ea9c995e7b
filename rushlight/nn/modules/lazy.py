"""Layers that learn a size from their first input."""

from itertools import chain
from typing import Any

from ..._core.modes import no_grad
from ..parameter import UninitializedParameter, is_lazy


class LazyModuleMixin:
    """Before a layer class in a class statement: its parameters get their shapes at the first call.

    The class defines `initialize_parameters(*inputs)`; `cls_to_become` names the class that the
    layer has afterwards.
    """

    cls_to_become: type | None = None

    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._load_hook = self._register_load_state_dict_pre_hook(self._lazy_load_hook)
        self._initialize_hook = self.register_forward_pre_hook(
            self._infer_parameters, with_kwargs=True
        )

    def initialize_parameters(self, *args: Any, **kwargs: Any) -> None:
        """Give every uninitialised parameter its shape, from the inputs of the first call."""
        raise NotImplementedError(
            f"initialize_parameters is not implemented for {type(self).__name__}"
        )

    def has_uninitialized_params(self: Any) -> bool:
        """Whether a parameter or buffer has no shape yet."""
        return any(map(is_lazy, chain(self._parameters.values(), self._buffers.values())))

    def _lazy_load_hook(self: Any, state_dict: Any, prefix: str, *_: Any) -> None:
        """Take the shapes from a state dictionary that is about to be loaded."""
        for name, value in chain(self._parameters.items(), self._buffers.items()):
            given = state_dict.get(prefix + name)
            if value is not None and is_lazy(value) and given is not None and not is_lazy(given):
                with no_grad():
                    value.materialize(given.shape)

    def _infer_parameters(self: Any, module: Any, args: tuple, kwargs: dict | None = None) -> None:
        module.initialize_parameters(*args, **(kwargs or {}))
        if module.has_uninitialized_params():
            raise RuntimeError(f"module {self._get_name()} has not been fully initialized")
        module._initialize_hook.remove()
        module._load_hook.remove()
        del module._initialize_hook
        del module._load_hook
        if module.cls_to_become is not None:
            module.__class__ = module.cls_to_become

    def _replicate_for_data_parallel(self: Any) -> Any:
        raise RuntimeError(
            "Modules with uninitialized parameters can't be used with `DataParallel`. Run a dummy "
            "forward pass to correctly initialize the modules"
        )


class Lazy(LazyModuleMixin):
    """A layer with weight and bias that learns the size called `_learned` from its first input."""

    _learned: str

    def _wait(self: Any, weight: bool, bias: bool, place: dict) -> None:
        """Put parameters without a shape in the place of those made for size 0."""
        for name, wanted in (("weight", weight), ("bias", bias)):
            if wanted:
                setattr(self, name, UninitializedParameter(**place))

    def _materialize(self: Any, weight: tuple, bias: tuple) -> None:
        """Give the parameters their shapes, and draw them."""
        for name, shape in (("weight", weight), ("bias", bias)):
            parameter = getattr(self, name)
            if parameter is not None:
                parameter.materialize(shape)
        self.reset_parameters()

    def reset_parameters(self: Any) -> None:
        """Draw the parameters anew, once they have their shapes."""
        if getattr(self, self._learned) != 0 and not self.has_uninitialized_params():
            super().reset_parameters()
