"""The base of all optimizers: parameter groups, state, hooks, and PyTorch's state_dict layout."""

import functools
import warnings
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable
from copy import deepcopy
from itertools import chain
from typing import Any, TypeAlias

from .._core.dtypes import float32
from .._core.modes import enable_grad, set_grad_enabled
from .._settings import typename
from .._tensor import Tensor
from ..utils.hooks import RemovableHandle, add_hook

ParamsT: TypeAlias = Iterable[Tensor] | Iterable[dict[str, Any]] | Iterable[tuple[str, Tensor]]
StateDict: TypeAlias = dict[str, Any]
Named: TypeAlias = dict[str, Any]  # values by name: options, the state of a parameter


class _Required:
    """Stands where a group must bring its own value."""

    def __repr__(self) -> str:
        return "<required parameter>"


required = _Required()

_hooks_before_any_step: dict[int, Callable] = OrderedDict()
_hooks_after_any_step: dict[int, Callable] = OrderedDict()


def register_optimizer_step_pre_hook(hook: Callable) -> RemovableHandle:
    """Call `hook(optimizer, args, kwargs)` before the step of every optimizer."""
    return add_hook(_hooks_before_any_step, hook)


def register_optimizer_step_post_hook(hook: Callable) -> RemovableHandle:
    """Call `hook(optimizer, args, kwargs)` after the step of every optimizer."""
    return add_hook(_hooks_after_any_step, hook)


def _with_hooks(step: Callable) -> Callable:
    """`step` between the hooks of its optimizer; a step that calls its parent's runs them once."""

    @functools.wraps(step)
    def hooked(self: "Optimizer", *args: Any, **kwargs: Any) -> Any:
        if self._opt_called is not None:
            self._opt_called = True
        before, after = self._optimizer_step_pre_hooks, self._optimizer_step_post_hooks
        if self._stepping or not (
            before or after or _hooks_before_any_step or _hooks_after_any_step
        ):
            return step(self, *args, **kwargs)
        self._stepping = True
        try:
            args, kwargs = _run_pre_hooks(self, step, args, kwargs)
            out = step(self, *args, **kwargs)
            for hook in [*after.values(), *_hooks_after_any_step.values()]:
                hook(self, (self, *args), kwargs)
        finally:
            self._stepping = False
        return out

    return hooked


def _run_pre_hooks(
    optimizer: "Optimizer", step: Callable, args: tuple, kwargs: dict
) -> tuple[tuple, dict]:
    """The arguments of the step, as the hooks leave them (`self` is the first of theirs)."""
    args = (optimizer, *args)
    own = optimizer._optimizer_step_pre_hooks
    for hook in [*_hooks_before_any_step.values(), *own.values()]:
        result = hook(optimizer, args, kwargs)
        if result is None:
            continue
        if not (isinstance(result, tuple) and len(result) == 2):
            raise RuntimeError(
                f"{step} must return None or a tuple of (new_args, new_kwargs), but got {result}."
            )
        args, kwargs = result
    return args[1:], kwargs


def options(given: Named, names: str) -> Named:
    """What `names` lists of the arguments of an `__init__`, as `locals()` tells them."""
    return {name: given[name] for name in names.split()}


class Optimizer:
    """Parameters in groups, each group with its options, and a state for each parameter.

    A subclass gives `step`; see `sgd.py` for a short one.

    Args:
        params: tensors, (name, tensor) pairs, or dicts with "params" and options of their own.
        defaults: options for groups that do not set them.

    Most optimizers take these arguments, and explain only others:
        lr: length of a step.
        weight_decay: weight of the L2 penalty.
        foreach, fused: accepted; there is one way to run.
        maximize: climb instead of descending.
        capturable: for parameters on a GPU.
        differentiable: let gradients flow through the step.
    """

    _opt_called: bool | None = None  # None until a scheduler asks; see lr_scheduler.py
    _stepping = False

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "step" in cls.__dict__:
            cls.step = _with_hooks(cls.__dict__["step"])

    def __init__(self, params: ParamsT, defaults: Named) -> None:
        self.defaults = defaults
        self._make_hooks()
        if isinstance(params, Tensor):
            raise TypeError(
                "params argument given to the optimizer should be an iterable of Tensors or dicts, "
                f"but got {typename(params)}; write [tensor] for a single one"
            )
        self.state: defaultdict[Tensor, Any] = defaultdict(dict)
        self.param_groups: list[Named] = []
        groups: list[Any] = list(params)
        if not groups:
            raise ValueError("optimizer got an empty parameter list")
        if not isinstance(groups[0], dict):
            groups = [{"params": groups}]
        for group in groups:
            self.add_param_group(group)

    def _make_hooks(self) -> None:
        for what in ("step", "state_dict", "load_state_dict"):
            for when in ("pre", "post"):
                setattr(self, f"_optimizer_{what}_{when}_hooks", OrderedDict())

    def __getstate__(self) -> Named:
        return {name: getattr(self, name) for name in ("defaults", "state", "param_groups")}

    def __setstate__(self, state: Named) -> None:
        self.__dict__.update(state)
        if "_optimizer_step_pre_hooks" not in self.__dict__:
            self._make_hooks()
        self.defaults.setdefault("differentiable", False)

    def __repr__(self) -> str:
        lines = []
        for number, group in enumerate(self.param_groups):
            lines.append(f"\nParameter Group {number}\n")
            lines += [f"    {key}: {group[key]}\n" for key in sorted(group) if key != "params"]
        return f"{type(self).__name__} ({''.join(lines)})"

    # --- hooks

    def register_step_pre_hook(self, hook: Callable) -> RemovableHandle:
        """Call `hook(optimizer, args, kwargs)` before each step; it may return new ones."""
        return add_hook(self._optimizer_step_pre_hooks, hook)

    def register_step_post_hook(self, hook: Callable) -> RemovableHandle:
        """Call `hook(optimizer, args, kwargs)` after each step."""
        return add_hook(self._optimizer_step_post_hooks, hook)

    def register_state_dict_pre_hook(
        self, hook: Callable, prepend: bool = False
    ) -> RemovableHandle:
        """Call `hook(optimizer)` before `state_dict`."""
        return add_hook(self._optimizer_state_dict_pre_hooks, hook, prepend)

    def register_state_dict_post_hook(
        self, hook: Callable, prepend: bool = False
    ) -> RemovableHandle:
        """Call `hook(optimizer, state_dict)` on the result of `state_dict`; it may replace it."""
        return add_hook(self._optimizer_state_dict_post_hooks, hook, prepend)

    def register_load_state_dict_pre_hook(
        self, hook: Callable, prepend: bool = False
    ) -> RemovableHandle:
        """Call `hook(optimizer, state_dict)` before loading; it may replace the dict."""
        return add_hook(self._optimizer_load_state_dict_pre_hooks, hook, prepend)

    def register_load_state_dict_post_hook(
        self, hook: Callable, prepend: bool = False
    ) -> RemovableHandle:
        """Call `hook(optimizer)` after loading."""
        return add_hook(self._optimizer_load_state_dict_post_hooks, hook, prepend)

    # --- saving

    def state_dict(self) -> StateDict:
        """State and groups, with parameters replaced by their running number."""
        for hook in self._optimizer_state_dict_pre_hooks.values():
            hook(self)
        numbers: dict[int, int] = {}
        start, groups = 0, []
        for group in self.param_groups:
            for number, param in enumerate(group["params"], start):
                numbers.setdefault(id(param), number)
            packed = {key: value for key, value in group.items() if key != "params"}
            packed["params"] = [numbers[id(param)] for param in group["params"]]
            start += len(packed["params"])
            groups.append(packed)
        state = {
            numbers[id(key)] if isinstance(key, Tensor) else key: value
            for key, value in self.state.items()
        }
        packed_all: StateDict = {"state": state, "param_groups": groups}
        for hook in self._optimizer_state_dict_post_hooks.values():
            replaced = hook(self, packed_all)
            packed_all = packed_all if replaced is None else replaced
        return packed_all

    def load_state_dict(self, state_dict: StateDict) -> None:
        """Take over state and options from `state_dict`, matching parameters by their order.

        Raises:
            ValueError: the number of groups, or of parameters in one, differs.
        """
        state_dict = state_dict.copy()
        for hook in self._optimizer_load_state_dict_pre_hooks.values():
            replaced = hook(self, state_dict)
            state_dict = state_dict if replaced is None else replaced
        saved = deepcopy(state_dict["param_groups"])
        _check_sizes(self.param_groups, saved)
        numbers = chain.from_iterable(group["params"] for group in saved)
        params = chain.from_iterable(group["params"] for group in self.param_groups)
        by_number = dict(zip(numbers, params, strict=True))
        group_of = {number: group for group in saved for number in group["params"]}
        state: defaultdict[Any, Any] = defaultdict(dict)
        for key, value in state_dict["state"].items():
            if key in by_number:
                state[by_number[key]] = _fit(by_number[key], value, group_of[key])
            else:
                state[key] = value
        for group, new in zip(self.param_groups, saved, strict=True):
            new["params"] = group["params"]
            if "param_names" in group:
                new.setdefault("param_names", group["param_names"])
        self.__setstate__({"state": state, "param_groups": saved})
        for hook in self._optimizer_load_state_dict_post_hooks.values():
            hook(self)

    # --- running

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of all parameters, or fill them with zeros."""
        for group in self.param_groups:
            for param in group["params"]:
                if param.grad is None:
                    continue
                if set_to_none:
                    param.grad = None
                    continue
                if param.grad.grad_fn is not None:
                    param.grad.detach_()
                else:
                    param.grad.requires_grad_(False)
                param.grad.zero_()

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Change every parameter that has a gradient.

        Args:
            closure: evaluates the model again and returns the loss, which `step` returns.
        """
        raise NotImplementedError

    def _evaluate(self, closure: Callable[[], Any] | None) -> Any:
        """What the closure returns, with gradients on."""
        if closure is None:
            return None
        with enable_grad():
            return closure()

    def _grad_mode(self) -> set_grad_enabled:
        """Gradients on only if the step itself is to be differentiated."""
        return set_grad_enabled(bool(self.defaults.get("differentiable", False)))

    def add_param_group(self, param_group: Named) -> None:
        """Add parameters with options of their own, for example layers that were frozen so far.

        Raises:
            TypeError: not a dict, an unordered set of parameters, or something not a tensor.
            ValueError: a non-leaf tensor, a missing option, or a parameter given twice.
        """
        if not isinstance(param_group, dict):
            raise TypeError(f"param_group must be a dict, but got {type(param_group)}")
        _unpack_params(param_group)
        for param in param_group["params"]:
            self._check_param(param)
        for name, default in self.defaults.items():
            if default is required and name not in param_group:
                raise ValueError(
                    "parameter group didn't specify a value of required optimization parameter "
                    f"{name}"
                )
            param_group.setdefault(name, default)
        self._check_disjoint(param_group)
        self.param_groups.append(param_group)

    def _check_param(self, param: Any) -> None:
        if not isinstance(param, Tensor):
            raise TypeError(
                "optimizer can only optimize Tensors, but one of the params is "
                f"{typename(param)}; pass model.parameters() or a list of tensors"
            )
        if self.defaults.get("differentiable") or param.is_leaf or param.retains_grad:
            return
        raise ValueError(
            "can't optimize a non-leaf Tensor; it is the result of "
            f"{param.grad_fn}: optimize the leaves that it came from, or a detached copy"
        )

    def _check_disjoint(self, new: Named) -> None:
        mine = {id(param) for param in new["params"]}
        if len(mine) != len(new["params"]):
            warnings.warn(
                "optimizer contains a parameter group with duplicate parameters; in future, this "
                "will cause an error; see github.com/pytorch/pytorch/issues/40967 for more "
                "information",
                stacklevel=4,
            )
        for group in self.param_groups:
            if ("param_names" in new) != ("param_names" in group):
                how = "with names" if "param_names" in new else "without names"
                raise ValueError(
                    "all optimizer param groups should be with/without names. "
                    f"cannot add param group {how} to the optimizer"
                )
            if any(id(param) in mine for param in group["params"]):
                raise ValueError("some parameters appear in more than one parameter group")


def _unpack_params(group: Named) -> None:
    """Make group["params"] a list of tensors, and keep their names where they came with some."""
    params = group["params"]
    if isinstance(params, set):
        raise TypeError(
            "optimizer parameters need to be organized in ordered collections, but the ordering "
            "of tensors in sets will change between runs. Please use a list instead."
        )
    params = [params] if isinstance(params, Tensor) else list(params)
    names = [item[0] for item in params if isinstance(item, tuple)]
    if names and len(names) != len(params):
        raise ValueError(
            "all optimizer params should be with/without names. Some param names are missing"
        )
    group["params"] = [item[1] for item in params] if names else params
    if names:
        group["param_names"] = names


def _check_sizes(groups: list[dict], saved: list[dict]) -> None:
    if len(groups) != len(saved):
        raise ValueError(
            "loaded state dict has a different number of parameter groups: "
            f"{len(saved)}, the optimizer has {len(groups)}"
        )
    for number, (group, other) in enumerate(zip(groups, saved, strict=True)):
        if len(group["params"]) != len(other["params"]):
            raise ValueError(
                "loaded state dict contains a parameter group that doesn't match the size of "
                f"optimizer's group: group {number} has {len(other['params'])} parameters there "
                f"and {len(group['params'])} here"
            )


def _fit(param: Tensor, value: Any, group: Named, key: Any = None) -> Any:
    """`value` with every tensor in it moved to the parameter's device and floating dtype."""
    if isinstance(value, Tensor):
        if key == "step":  # a count: in float32 whatever the parameter is
            moved = group.get("capturable") or group.get("fused")
            return value.to(dtype=float32, device=param.device) if moved else value
        if param.is_floating_point():
            return value.to(dtype=param.dtype, device=param.device)
        return value.to(device=param.device)
    if isinstance(value, dict):
        return {name: _fit(param, item, group, name) for name, item in value.items()}
    if isinstance(value, Iterable) and not isinstance(value, str | bytes):
        kind: Any = type(value)
        return kind(_fit(param, item, group) for item in value)
    return value
