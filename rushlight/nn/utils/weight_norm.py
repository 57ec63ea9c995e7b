"""Weight normalisation by a hook (Salimans and Kingma, 2016); newer: in parametrizations."""

import warnings
from typing import Any

from ..._tensor import Tensor
from ..modules.module import Module
from ..parameter import Parameter, UninitializedParameter


def norm_except_dim(v: Tensor, pow: float = 2, dim: int = 0) -> Tensor:
    """The norm over all axes but one, which keep size 1; over all axes for `dim` -1."""
    if dim == -1:
        return v.norm(pow)
    return v.norm(pow, dim=[axis for axis in range(v.dim()) if axis != dim], keepdim=True)


def normed(v: Tensor, g: Tensor, dim: int = 0) -> Tensor:
    """The direction of `v` with the magnitude `g`."""
    return v * (g / norm_except_dim(v, 2, dim))


def number_of(hooks: dict, kind: type, tensor: str, name: str = "name") -> int | None:
    """Where in a table the hook of a class stands whose attribute `name` is that tensor's name."""
    for number, hook in hooks.items():
        if isinstance(hook, kind) and getattr(hook, name) == tensor:
            return number
    return None


def check_free(module: Module, kind: type, name: str, what: str) -> None:
    """A second hook of a class on one weight, and one on a weight without values, are refused."""
    if number_of(module._forward_pre_hooks, kind, name) is not None:
        raise RuntimeError(f"Cannot register two {what}_norm hooks on the same parameter {name}")
    if isinstance(module._parameters.get(name), UninitializedParameter):
        raise ValueError(
            f"The module passed to `{kind.__name__}` can't have uninitialized parameters. Make "
            f"sure to run the dummy forward before applying {what} normalization"
        )


def take_out(module: Any, kind: type, name: str, what: str) -> None:
    """The hook of a class that computes a weight makes it a parameter again, and goes."""
    number = number_of(module._forward_pre_hooks, kind, name)
    if number is None:
        raise ValueError(f"{what}_norm of '{name}' not found in {module}")
    module._forward_pre_hooks.pop(number).remove(module)


class WeightNorm:
    """The hook: before each call it computes the weight from magnitude and direction."""

    def __init__(self, name: str, dim: int | None) -> None:
        self.name = name
        self.dim = -1 if dim is None else dim

    def compute_weight(self, module: Module) -> Tensor:
        """The weight of the two parameters as they are now."""
        v, g = getattr(module, self.name + "_v"), getattr(module, self.name + "_g")
        return normed(v, g, self.dim)

    @staticmethod
    def apply(module: Module, name: str, dim: int | None) -> "WeightNorm":
        """Split the weight in two parameters and register the hook."""
        warnings.warn(
            "`torch.nn.utils.weight_norm` is deprecated in favor of "
            "`torch.nn.utils.parametrizations.weight_norm`.",
            FutureWarning,
            stacklevel=3,
        )
        check_free(module, WeightNorm, name, "weight")
        hook = WeightNorm(name, dim)
        weight: Any = getattr(module, name)
        del module._parameters[name]
        magnitude = norm_except_dim(weight, 2, hook.dim)
        module.register_parameter(name + "_g", Parameter(magnitude.data))
        module.register_parameter(name + "_v", Parameter(weight.data))
        setattr(module, name, hook.compute_weight(module))
        module.register_forward_pre_hook(hook)
        return hook

    def remove(self, module: Module) -> None:
        """Make the weight one parameter again."""
        weight = self.compute_weight(module)
        delattr(module, self.name)
        del module._parameters[self.name + "_g"]
        del module._parameters[self.name + "_v"]
        setattr(module, self.name, Parameter(weight.data))

    def __call__(self, module: Module, inputs: Any) -> None:
        setattr(module, self.name, self.compute_weight(module))


def weight_norm(module: Any, name: str = "weight", dim: int | None = 0) -> Any:
    """Learn the magnitude of a weight apart from its direction."""
    WeightNorm.apply(module, name, dim)
    return module


def remove_weight_norm(module: Any, name: str = "weight") -> Any:
    """Undo `weight_norm`."""
    take_out(module, WeightNorm, name, "weight")
    return module
