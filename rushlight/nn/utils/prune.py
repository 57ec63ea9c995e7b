"""Pruning: holding part of a tensor's elements at zero by a mask."""

import numbers
from collections.abc import Iterable, Iterator
from typing import Any

from ..._core.modes import no_grad
from ..._creation import ones_like, rand, rand_like, zeros_like
from ..._tensor import Tensor
from ..modules.module import Module
from .convert_parameters import parameters_to_vector
from .weight_norm import norm_except_dim, number_of


class BasePruningMethod:
    """A hook that multiplies a tensor by a mask before each call; subclasses compute the mask."""

    PRUNING_TYPE = "unstructured"
    _tensor_name: str | None = None

    def __call__(self, module: Any, inputs: Any) -> None:
        setattr(module, self._name(), self.apply_mask(module))

    def _name(self) -> str:
        if self._tensor_name is None:
            raise AssertionError("The module has to be pruned first")
        return self._tensor_name

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """The mask for importance scores `t`, within a mask that is there already."""
        raise NotImplementedError(f"{type(self).__name__} does not define compute_mask")

    def apply_mask(self, module: Any) -> Tensor:
        """The original times its mask."""
        name = self._name()
        original = getattr(module, name + "_orig")
        return getattr(module, name + "_mask").to(dtype=original.dtype) * original

    @classmethod
    def apply(
        cls, module: Any, name: str, *args: Any, importance_scores: Any = None, **kwargs: Any
    ) -> "BasePruningMethod":
        """Prune a tensor of a module; once more, where it is pruned already."""
        method = cls._joined(module, name, cls(*args, **kwargs))
        original = getattr(module, name)
        scores = _scores_of(original, importance_scores, f"parameter {name} of {module}")
        again = isinstance(method, PruningContainer)
        default = getattr(module, name + "_mask").clone() if again else ones_like(original)
        with no_grad():
            mask = method.compute_mask(scores, default_mask=default)
        if not again:
            module.register_parameter(name + "_orig", original)
            del module._parameters[name]
        module.register_buffer(name + "_mask", mask)
        setattr(module, name, method.apply_mask(module))
        module.register_forward_pre_hook(method)
        return method

    @staticmethod
    def _joined(module: Any, name: str, method: "BasePruningMethod") -> "BasePruningMethod":
        """The method, or a container of it and of those that are on the tensor already."""
        method._tensor_name = name
        number = number_of(module._forward_pre_hooks, BasePruningMethod, name, "_tensor_name")
        if number is None:
            return method
        hook = module._forward_pre_hooks.pop(number)
        container = hook if isinstance(hook, PruningContainer) else PruningContainer(hook)
        container.add_pruning_method(method)
        return container

    def prune(
        self, t: Tensor, default_mask: Tensor | None = None, importance_scores: Tensor | None = None
    ) -> Tensor:
        """A tensor pruned once, without a module."""
        scores = _scores_of(t, importance_scores, "tensor t")
        default = ones_like(t) if default_mask is None else default_mask
        return t * self.compute_mask(scores, default_mask=default)

    def remove(self, module: Any) -> None:
        """Make the pruned tensor an ordinary parameter."""
        name = self._name()
        weight = self.apply_mask(module)
        delattr(module, name)
        original = module._parameters.pop(name + "_orig")
        original.data = weight.data
        del module._buffers[name + "_mask"]
        setattr(module, name, original)


def _scores_of(t: Tensor, scores: Tensor | None, what: str) -> Tensor:
    """The importance of each element: by itself, unless told."""
    scores = t if scores is None else scores
    if scores.shape != t.shape:
        raise AssertionError(
            f"importance_scores should have the same shape as {what}, "
            f"got {scores.shape} vs {t.shape}"
        )
    return scores


class PruningContainer(BasePruningMethod):
    """Several methods on one tensor; the last computes within the mask of those before."""

    def __init__(self, *args: BasePruningMethod) -> None:
        self._pruning_methods: tuple[BasePruningMethod, ...] = ()
        if args:
            self._tensor_name = args[0]._tensor_name
        for method in args:
            self.add_pruning_method(method)

    def add_pruning_method(self, method: Any) -> None:
        """Add a method on the same tensor."""
        if not isinstance(method, BasePruningMethod):
            raise TypeError(f"{type(method)} is not a BasePruningMethod subclass")
        if self._tensor_name != method._tensor_name:
            raise ValueError(
                f"Can only add pruning methods acting on the parameter named '{self._tensor_name}' "
                f"to PruningContainer {self}. Found '{method._tensor_name}'"
            )
        self._pruning_methods += (method,)

    def __len__(self) -> int:
        return len(self._pruning_methods)

    def __iter__(self) -> Iterator[BasePruningMethod]:
        return iter(self._pruning_methods)

    def __getitem__(self, idx: int) -> BasePruningMethod:
        return self._pruning_methods[idx]

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        method = self._pruning_methods[-1]
        mask = default_mask.clone().to(dtype=t.dtype)
        part = _still_there(method, t, default_mask)
        mask[part] = method.compute_mask(t[part], default_mask=default_mask[part]).to(mask.dtype)
        return mask


def _still_there(method: Any, t: Tensor, mask: Tensor) -> Any:
    """The part of a tensor that a further method looks at."""
    if method.PRUNING_TYPE == "unstructured":
        return mask == 1
    if method.PRUNING_TYPE == "global":
        return (slice(None),) * t.dim()
    if method.PRUNING_TYPE != "structured":
        raise ValueError(f"Unrecognized PRUNING_TYPE {method.PRUNING_TYPE}")
    axis = method.dim % t.dim()
    kept = mask.sum(dim=[d for d in range(t.dim()) if d != axis]) != 0
    return (*(slice(None),) * axis, kept)


class Identity(BasePruningMethod):
    """Prunes nothing, but makes the mask."""

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        return default_mask


class _ByAmount(BasePruningMethod):
    """Prunes `amount` elements (an int) or that share of them (a float)."""

    def __init__(self, amount: Any) -> None:
        if not isinstance(amount, numbers.Real):
            raise TypeError(f"Invalid type for amount: {amount}. Must be int or float.")
        integer = isinstance(amount, numbers.Integral)
        if amount < 0 or (not integer and float(amount) > 1.0):
            raise ValueError(
                f"amount={amount} should either be a float in the range [0, 1] or a non-negative "
                "integer"
            )
        self.amount: Any = amount

    def count(self, size: int) -> int:
        """How many of `size` are pruned."""
        amount = self.amount
        if not isinstance(amount, numbers.Integral):
            return round(amount * size)
        if int(amount) > size:
            raise ValueError(
                f"amount={self.amount} should be smaller than the number of parameters to "
                f"prune={size}"
            )
        return int(amount)

    def without_lowest(self, scores: Tensor, default_mask: Tensor, largest: bool = False) -> Tensor:
        """The mask without the elements of lowest (or highest) score."""
        pruned = self.count(scores.numel())
        mask = default_mask.clone()
        if pruned:
            chosen = scores.reshape(-1).topk(pruned, largest=largest).indices
            flat = mask.reshape(-1)
            flat[chosen] = 0
            mask = flat.reshape(mask.shape)
        return mask


class RandomUnstructured(_ByAmount):
    """Prunes elements drawn at random."""

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        return self.without_lowest(rand_like(t), default_mask, largest=True)


class L1Unstructured(_ByAmount):
    """Prunes the elements of least magnitude."""

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        return self.without_lowest(t.abs(), default_mask)


class _Structured(_ByAmount):
    """Prunes whole channels along one axis."""

    PRUNING_TYPE = "structured"

    def __init__(self, amount: Any, dim: int = -1) -> None:
        super().__init__(amount)
        self.dim = dim

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        if t.dim() <= 1:
            raise ValueError(
                "Structured pruning can only be applied to multidimensional tensors. Found tensor "
                f"of shape {t.shape} with {t.dim()} dims"
            )
        if self.dim >= t.dim():
            raise IndexError(f"Invalid index {self.dim} for tensor of size {t.shape}")
        pruned = self.count(t.shape[self.dim])
        if not pruned:
            return default_mask
        axis = self.dim % t.dim()
        mask = zeros_like(t)
        mask[(*(slice(None),) * axis, self._kept(t, axis, pruned))] = 1
        return mask * default_mask.to(dtype=mask.dtype)

    def _kept(self, t: Tensor, axis: int, pruned: int) -> Tensor:
        """All channels but `pruned` of them: their numbers, or a boolean for each."""
        raise NotImplementedError


class RandomStructured(_Structured):
    """Prunes channels drawn at random."""

    def _kept(self, t: Tensor, axis: int, pruned: int) -> Tensor:
        scores = rand(t.shape[axis])
        return scores > scores.kthvalue(pruned).values


class LnStructured(_Structured):
    """Prunes the channels of least n-norm."""

    def __init__(self, amount: Any, n: Any, dim: int = -1) -> None:
        super().__init__(amount, dim)
        self.n = n

    def _kept(self, t: Tensor, axis: int, pruned: int) -> Tensor:
        sizes = norm_except_dim(t, self.n, axis).reshape(-1)
        return sizes.topk(t.shape[axis] - pruned).indices


class CustomFromMask(BasePruningMethod):
    """Prunes by a given mask."""

    PRUNING_TYPE = "global"

    def __init__(self, mask: Tensor) -> None:
        self.mask = mask

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        if default_mask.shape != self.mask.shape:
            raise AssertionError(
                f"default_mask shape {default_mask.shape} must match self.mask shape "
                f"{self.mask.shape}"
            )
        return default_mask * self.mask.to(dtype=default_mask.dtype)


def identity(module: Any, name: str) -> Any:
    """Make the mask of a tensor without pruning it."""
    Identity.apply(module, name)
    return module


def random_unstructured(module: Any, name: str, amount: Any) -> Any:
    """Prune elements drawn at random."""
    RandomUnstructured.apply(module, name, amount)
    return module


def l1_unstructured(module: Any, name: str, amount: Any, importance_scores: Any = None) -> Any:
    """Prune the elements of least magnitude."""
    L1Unstructured.apply(module, name, amount, importance_scores=importance_scores)
    return module


def random_structured(module: Any, name: str, amount: Any, dim: int) -> Any:
    """Prune channels drawn at random."""
    RandomStructured.apply(module, name, amount, dim)
    return module


def ln_structured(
    module: Any, name: str, amount: Any, n: Any, dim: int, importance_scores: Any = None
) -> Any:
    """Prune the channels of least n-norm."""
    LnStructured.apply(module, name, amount, n, dim, importance_scores=importance_scores)
    return module


def custom_from_mask(module: Any, name: str, mask: Tensor) -> Any:
    """Prune by a given mask."""
    CustomFromMask.apply(module, name, mask)
    return module


def global_unstructured(
    parameters: Iterable[tuple[Module, str]],
    pruning_method: type,
    importance_scores: dict | None = None,
    **kwargs: Any,
) -> None:
    """Prune several tensors as if they were one."""
    if not isinstance(parameters, Iterable):
        raise TypeError("global_unstructured(): parameters is not an Iterable")
    scores = {} if importance_scores is None else importance_scores
    if not isinstance(scores, dict):
        raise TypeError("global_unstructured(): importance_scores must be of type dict")
    method = pruning_method(**kwargs)
    if method.PRUNING_TYPE != "unstructured":
        raise TypeError(
            'Only "unstructured" PRUNING_TYPE supported for the `pruning_method`. Found method '
            f"{pruning_method} of type {method.PRUNING_TYPE}"
        )
    pairs = [(module, name, getattr(module, name)) for module, name in parameters]
    with no_grad():
        whole = parameters_to_vector([scores.get((m, n), value) for m, n, value in pairs])
        masks = [getattr(m, n + "_mask", ones_like(value)) for m, n, value in pairs]
        method._tensor_name = "temp"
        final = PruningContainer(method).compute_mask(whole, parameters_to_vector(masks))
    start = 0
    for module, name, value in pairs:
        stop = start + value.numel()
        custom_from_mask(module, name, mask=final[start:stop].reshape(value.shape))
        start = stop


def remove(module: Any, name: str) -> Any:
    """Make a pruned tensor an ordinary parameter."""
    number = number_of(module._forward_pre_hooks, BasePruningMethod, name, "_tensor_name")
    if number is None:
        raise ValueError(
            f"Parameter '{name}' of module {module} has to be pruned before pruning can be removed"
        )
    module._forward_pre_hooks.pop(number).remove(module)
    return module


def is_pruned(module: Module) -> bool:
    """Whether anything in a model is pruned."""
    return any(
        isinstance(hook, BasePruningMethod)
        for each in module.modules()
        for hook in each._forward_pre_hooks.values()
    )
