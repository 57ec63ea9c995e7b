"""Hooks of modules: where they are kept, how they are registered, and the call that runs them."""

import warnings
from collections import OrderedDict
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from ..._core.naming import Made
from ..._tensor import Tensor
from ...utils.hooks import RemovableHandle, add_hook
from .gates import Gate

_BOTH_KINDS = (
    "Cannot use both regular backward hooks and full backward hooks {}. "
    "Please use only one of them."
)
_TABLES = (
    "_forward_hooks _forward_hooks_with_kwargs _forward_hooks_always_called "
    "_forward_pre_hooks _forward_pre_hooks_with_kwargs _backward_hooks _backward_pre_hooks "
    "_state_dict_hooks _state_dict_pre_hooks "
    "_load_state_dict_pre_hooks _load_state_dict_post_hooks"
).split()
_ALL = (*_TABLES, "_is_full_backward_hook")


class Hooks:
    """All hook tables of one module; made when the first is asked for."""

    def __init__(self) -> None:
        for name in _TABLES:
            setattr(self, name, OrderedDict())
        self._is_full_backward_hook: bool | None = None

    def around_call(self) -> bool:
        """Whether a call of the module has anything to run besides `forward`."""
        return bool(
            self._forward_hooks
            or self._forward_pre_hooks
            or self._backward_hooks
            or self._backward_pre_hooks
        )


class _Table:
    """One hook table as an attribute of the module, under PyTorch's name."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __get__(self, module: Any, owner: type) -> Any:
        return self if module is None else getattr(own(module), self.name)

    def __set__(self, module: Any, value: Any) -> None:
        setattr(own(module), self.name, value)


def with_tables(module_class: Made) -> Made:
    """Decorator: the class with an attribute for each hook table."""
    for name in _ALL:
        setattr(module_class, name, _Table(name))
    return module_class


def own(module: Any) -> Hooks:
    """The module's hooks, made at need."""
    hooks = module.__dict__.get("_hooks")
    if hooks is None:
        hooks = module.__dict__["_hooks"] = Hooks()
    return hooks


def table(module: Any, name: str) -> Iterable[Callable]:
    """The hooks in one table of a module (often none, and then no table is made)."""
    hooks = module.__dict__.get("_hooks")
    return () if hooks is None else tuple(getattr(hooks, name).values())


def pack(state: dict) -> dict:
    """A module's attributes as PyTorch pickles them: each hook table under its own name."""
    hooks = state.pop("_hooks", None) or Hooks()
    for name in _ALL:
        state[name] = getattr(hooks, name)
    return state


def unpack(state: dict) -> dict:
    """The opposite of `pack`; files of older versions may lack some tables."""
    state = dict(state)
    found = {name: state.pop(name, None) for name in _ALL}
    if any(value is not None and value != {} for value in found.values()):
        hooks = state["_hooks"] = Hooks()
        for name, value in found.items():
            if value is not None:
                setattr(hooks, name, value)
    return state


# ---- registration on one module (these are methods of Module)


def register_forward_pre_hook(
    self: Any, hook: Callable, *, prepend: bool = False, with_kwargs: bool = False
) -> RemovableHandle:
    """`hook(module, args)` runs before `forward` and may return other arguments."""
    hooks = own(self)
    marks = hooks._forward_pre_hooks_with_kwargs
    handle = add_hook(hooks._forward_pre_hooks, hook, prepend, marks)
    if with_kwargs:
        marks[handle.id] = True
    return handle


def register_forward_hook(
    self: Any, hook: Callable, *, prepend: bool = False, with_kwargs: bool = False,
    always_call: bool = False,
) -> RemovableHandle:  # fmt: skip
    """`hook(module, args, output)` runs after `forward` and may return another output."""
    hooks = own(self)
    kwargs, always = hooks._forward_hooks_with_kwargs, hooks._forward_hooks_always_called
    handle = add_hook(hooks._forward_hooks, hook, prepend, [kwargs, always])
    if with_kwargs:
        kwargs[handle.id] = True
    if always_call:
        always[handle.id] = True
    return handle


def register_full_backward_pre_hook(
    self: Any, hook: Callable, prepend: bool = False
) -> RemovableHandle:
    """`hook(module, grad_output)` runs before the module's gradients are computed."""
    return add_hook(own(self)._backward_pre_hooks, hook, prepend)


def register_full_backward_hook(
    self: Any, hook: Callable, prepend: bool = False
) -> RemovableHandle:
    """`hook(module, grad_input, grad_output)` runs when the input's gradients are known."""
    _choose_backward(own(self), True)
    return add_hook(own(self)._backward_hooks, hook, prepend)


def register_backward_hook(self: Any, hook: Callable) -> RemovableHandle:
    """The older form: the hook sees the gradients of the module's last operation only."""
    _choose_backward(own(self), False)
    return add_hook(own(self)._backward_hooks, hook)


def _choose_backward(hooks: Hooks, full: bool) -> None:
    if hooks._is_full_backward_hook is (not full):
        raise RuntimeError(_BOTH_KINDS.format("on a single Module"))
    hooks._is_full_backward_hook = full


# ---- hooks of all modules

everywhere: OrderedDict[int, tuple[str, Callable, bool, bool]] = OrderedDict()
on_parameter: OrderedDict[int, Callable] = OrderedDict()
on_buffer: OrderedDict[int, Callable] = OrderedDict()
on_module: OrderedDict[int, Callable] = OrderedDict()


def _add_everywhere(
    kind: str, hook: Callable, kwargs: bool = False, always: bool = False
) -> RemovableHandle:
    return add_hook(everywhere, (kind, hook, kwargs, always))


def _everywhere(kind: str) -> list[tuple[int, Callable, bool, bool]]:
    return [(id, *entry[1:]) for id, entry in everywhere.items() if entry[0] == kind]


def register_module_forward_pre_hook(hook: Callable) -> RemovableHandle:
    """As `Module.register_forward_pre_hook`, for every module."""
    return _add_everywhere("pre", hook)


def register_module_forward_hook(
    hook: Callable, *, with_kwargs: bool = False, always_call: bool = False
) -> RemovableHandle:
    """As `Module.register_forward_hook`, for every module."""
    return _add_everywhere("forward", hook, with_kwargs, always_call)


def register_module_full_backward_pre_hook(hook: Callable) -> RemovableHandle:
    """As `Module.register_full_backward_pre_hook`, for every module."""
    return _add_everywhere("backward pre", hook)


def register_module_full_backward_hook(hook: Callable) -> RemovableHandle:
    """As `Module.register_full_backward_hook`, for every module."""
    if _everywhere("backward"):
        raise RuntimeError(_BOTH_KINDS.format("as a global Module hook"))
    return _add_everywhere("full backward", hook)


def register_module_backward_hook(hook: Callable) -> RemovableHandle:
    """As `Module.register_backward_hook`, for every module."""
    if _everywhere("full backward"):
        raise RuntimeError(_BOTH_KINDS.format("as a global Module hook"))
    return _add_everywhere("backward", hook)


def register_module_parameter_registration_hook(hook: Callable) -> RemovableHandle:
    """`hook(module, name, parameter)` runs when any module registers a parameter."""
    return add_hook(on_parameter, hook)


def register_module_buffer_registration_hook(hook: Callable) -> RemovableHandle:
    """`hook(module, name, buffer)` runs when any module registers a buffer."""
    return add_hook(on_buffer, hook)


def register_module_module_registration_hook(hook: Callable) -> RemovableHandle:
    """`hook(module, name, submodule)` runs when any module registers a submodule."""
    return add_hook(on_module, hook)


def announced(hooks: OrderedDict[int, Callable], module: Any, name: str, value: Any) -> Any:
    """`value`, or what the last registration hook that returned something put in its place."""
    for hook in hooks.values():
        other = hook(module, name, value)
        value = value if other is None else other
    return value


# ---- the call


def call(module: Any, args: tuple, kwargs: dict) -> Any:
    """`module(*args, **kwargs)` with the hooks of the module and of all modules around it."""
    hooks = module.__dict__.get("_hooks")
    if not (everywhere or (hooks is not None and hooks.around_call())):
        return module.forward(*args, **kwargs)
    running = _Call(module, own(module), args, kwargs)
    try:
        return running.run()
    except Exception:
        running.call_those_due()
        raise


class _Call:
    """One call of a module with hooks: its arguments and result as the hooks change them."""

    __slots__ = ("module", "hooks", "args", "kwargs", "result", "called")

    def __init__(self, module: Any, hooks: Hooks, args: tuple, kwargs: dict) -> None:
        self.module, self.hooks, self.args, self.kwargs = module, hooks, args, kwargs
        self.result: Any = None
        self.called: set[int] = set()

    def run(self) -> Any:
        self.before()
        gate = self.gate()
        if gate is not None:
            self.args = gate.enter(self.args)
        self.result = self.module.forward(*self.args, **self.kwargs)
        for id, hook, kwargs, _ in self.forward_hooks():
            self.called.add(id)
            self.after(hook, kwargs)
        if gate is not None:
            self.result = gate.leave(self.result)
        self.watch_last_node()
        return self.result

    def before(self) -> None:
        hooks = self.hooks
        for _, hook, _, _ in _everywhere("pre"):
            self.replace_args(hook(self.module, self.args))
        for id, hook in tuple(hooks._forward_pre_hooks.items()):
            if id not in hooks._forward_pre_hooks_with_kwargs:
                self.replace_args(hook(self.module, self.args))
                continue
            made = hook(self.module, self.args, self.kwargs)
            if made is None:
                continue
            if not (isinstance(made, tuple) and len(made) == 2):
                raise RuntimeError(
                    "forward pre-hook must return None or a tuple of (new_args, new_kwargs), "
                    f"but got {made}."
                )
            self.args, self.kwargs = made

    def replace_args(self, made: Any) -> None:
        if made is not None:
            self.args = made if isinstance(made, tuple) else (made,)

    def forward_hooks(self) -> list[tuple[int, Callable, bool, bool]]:
        hooks = self.hooks
        kwargs, always = hooks._forward_hooks_with_kwargs, hooks._forward_hooks_always_called
        mine = [(id, hook, id in kwargs, id in always) for id, hook in hooks._forward_hooks.items()]
        return _everywhere("forward") + mine

    def after(self, hook: Callable, with_kwargs: bool) -> None:
        if with_kwargs:
            made = hook(self.module, self.args, self.kwargs, self.result)
        else:
            made = hook(self.module, self.args, self.result)
        if made is not None:
            self.result = made

    def call_those_due(self) -> None:
        """After an error: the hooks with `always_call` that have not run yet."""
        for id, hook, kwargs, always in self.forward_hooks():
            if not always or id in self.called:
                continue
            try:
                self.after(hook, kwargs)
            except Exception as error:
                warnings.warn(
                    "module forward hook with ``always_call=True`` raised an exception that was "
                    f"silenced as another error was raised in forward: {error}",
                    stacklevel=5,
                )

    def gate(self) -> Gate | None:
        hooks = self.hooks
        full = [hook for _, hook, _, _ in _everywhere("full backward")]
        if hooks._is_full_backward_hook:
            full += hooks._backward_hooks.values()
        before = [hook for _, hook, _, _ in _everywhere("backward pre")]
        before += hooks._backward_pre_hooks.values()
        return Gate(self.module, full, before) if full or before else None

    def watch_last_node(self) -> None:
        hooks = [hook for _, hook, _, _ in _everywhere("backward")]
        if self.hooks._is_full_backward_hook is False:
            hooks += self.hooks._backward_hooks.values()
        node = _first_tensor(self.result).grad_fn if hooks else None
        if node is not None:
            for hook in hooks:
                node.register_hook(partial(hook, self.module))


def _first_tensor(result: Any) -> Tensor:
    while not isinstance(result, Tensor):
        result = next(iter(result.values())) if isinstance(result, dict) else result[0]
    return result
