"""Module: the base class of every layer and model."""

import inspect
from collections.abc import Callable, Iterator, Sequence
from operator import attrgetter
from typing import Any

from ..._core.modes import no_grad
from ..._tensor import Tensor
from ..parameter import Buffer, Parameter
from . import conversion, hooks, mistakes, paths
from . import state_dict as states
from .hooks import (  # noqa: F401  (registration for all modules is found here in PyTorch)
    everywhere,
    register_module_backward_hook,
    register_module_buffer_registration_hook,
    register_module_forward_hook,
    register_module_forward_pre_hook,
    register_module_full_backward_hook,
    register_module_full_backward_pre_hook,
    register_module_module_registration_hook,
    register_module_parameter_registration_hook,
)
from .mistakes import PLAIN, typename
from .state_dict import _IncompatibleKeys as _IncompatibleKeys

_set = object.__setattr__


@hooks.with_tables
class Module:
    """A part of a model: its parameters, buffers and submodules by name, and its `forward`.

    A subclass calls `super().__init__()`, assigns layers and parameters as attributes, and defines
    `forward`; calling the module runs it.

        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.hidden = nn.Linear(20, 64)
                self.out = nn.Linear(64, 10)

            def forward(self, x):
                return self.out(torch.relu(self.hidden(x)))
    """

    _version = 1
    # The attributes that `extra_repr` prints, without and with their names.
    _repr_values: Sequence[str] = ()
    _repr_names: Sequence[str] = ()
    call_super_init = False
    dump_patches = False
    _hooks: hooks.Hooks | None = None
    training: bool
    _parameters: dict[str, Parameter | None]
    _buffers: dict[str, Tensor | None]
    _modules: dict[str, Any]
    _non_persistent_buffers_set: set[str]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if not self.call_super_init and (args or kwargs):
            _refuse_arguments(type(self).__name__, args, kwargs)
        _set(self, "training", True)
        _set(self, "_parameters", {})
        _set(self, "_buffers", {})
        _set(self, "_non_persistent_buffers_set", set())
        _set(self, "_modules", {})
        if self.call_super_init:
            super().__init__(*args, **kwargs)

    # ---- the call

    def forward(self, *input: Any) -> Any:
        """What the module computes; every subclass defines it."""
        raise NotImplementedError(
            f'Module [{type(self).__name__}] is missing the required "forward" function'
        )

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        try:
            if self._hooks is None and not everywhere:
                return self.forward(*args, **kwargs)
            return hooks.call(self, args, kwargs)
        except Exception as error:
            other = mistakes.no_tensor(error, args)
            mistakes.locate(other or error, self, args)
            if other is not None:
                raise other from None
            raise

    def _call_impl(self, *args: Any, **kwargs: Any) -> Any:
        return hooks.call(self, args, kwargs)

    # ---- registration

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Add a tensor that is state but no parameter; in the state dictionary if `persistent`."""
        self._check_name("buffer", name, self.__dict__.get("_buffers"))
        if tensor is not None and not isinstance(tensor, Tensor):
            raise TypeError(
                f"cannot assign '{typename(tensor)}' object to buffer '{name}' "
                "(torch Tensor or None required)"
            )
        self._buffers[name] = hooks.announced(hooks.on_buffer, self, name, tensor)
        if persistent:
            self._non_persistent_buffers_set.discard(name)
        else:
            self._non_persistent_buffers_set.add(name)

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Add a parameter, or None in the place of one."""
        self._check_name("parameter", name, self.__dict__.get("_parameters"))
        if param is None:
            self._parameters[name] = None
            return
        if not isinstance(param, Parameter):
            raise TypeError(
                f"cannot assign '{typename(param)}' object to parameter '{name}' "
                "(torch.nn.Parameter or None required)"
            )
        if param.grad_fn:
            raise ValueError(
                f"Cannot assign non-leaf Tensor to parameter '{name}'. Model parameters must be "
                f"created explicitly. To express '{name}' as a function of another Tensor, compute "
                "the value in the forward() method."
            )
        self._parameters[name] = hooks.announced(hooks.on_parameter, self, name, param)

    def add_module(self, name: str, module: "Module | None") -> None:
        """Add a submodule under a name."""
        if not isinstance(module, Module) and module is not None:
            raise TypeError(f"{typename(module)} is not a Module subclass")
        if not isinstance(name, str):
            raise TypeError(f"module name should be a string. Got {typename(name)}")
        if hasattr(self, name) and name not in self._modules:
            raise KeyError(f"attribute '{name}' already exists")
        if "." in name:
            raise KeyError(f'module name can\'t contain ".", got: {name}')
        if name == "":
            raise KeyError('module name can\'t be empty string ""')
        self._modules[name] = hooks.announced(hooks.on_module, self, name, module)

    def register_module(self, name: str, module: "Module | None") -> None:
        """The same as `add_module`."""
        self.add_module(name, module)

    def _check_name(self, kind: str, name: Any, table: dict | None) -> None:
        if table is None:
            raise AttributeError(f"cannot assign {kind} before Module.__init__() call")
        if not isinstance(name, str):
            raise TypeError(f"{kind} name should be a string. Got {typename(name)}")
        if "." in name:
            raise KeyError(f'{kind} name can\'t contain "."')
        if name == "":
            raise KeyError(f'{kind} name can\'t be empty string ""')
        if hasattr(self, name) and name not in table:
            raise KeyError(f"attribute '{name}' already exists")

    # ---- attributes

    def __getattr__(self, name: str) -> Any:
        mine = self.__dict__
        for table in ("_parameters", "_buffers", "_modules"):
            found = mine.get(table)
            if found is not None and name in found:
                return found[name]
        raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")

    def __setattr__(self, name: str, value: Any) -> None:
        mine = self.__dict__
        if isinstance(value, Module):
            self._set_module(name, value)
        elif isinstance(value, Tensor) and isinstance(value, Parameter):
            self._set_parameter(name, value)
        elif name in mine.get("_parameters", ()):
            self._clear("parameter", "torch.nn.Parameter", name, value)
            self.register_parameter(name, None)
        elif name in mine.get("_modules", ()):
            self._clear("child module", "torch.nn.Module", name, value)
            self._modules[name] = hooks.announced(hooks.on_module, self, name, value)
        elif name in mine.get("_buffers", ()) or (
            isinstance(value, Tensor) and isinstance(value, Buffer)
        ):
            self._set_buffer(name, value)
        else:
            _set(self, name, value)
            if type(value) in PLAIN and name[:1] != "_":
                mistakes.watch_plain(self, name, value, Module)

    def _set_module(self, name: str, module: "Module") -> None:
        if "_modules" not in self.__dict__:
            raise AttributeError("cannot assign module before Module.__init__() call")
        if name in self.__dict__.get("_parameters", ()):
            self._clear("parameter", "torch.nn.Parameter", name, module)
        self._forget(name, self.__dict__, self._buffers)
        self._modules[name] = hooks.announced(hooks.on_module, self, name, module)

    def _set_parameter(self, name: str, parameter: Any) -> None:
        if "_parameters" not in self.__dict__:
            raise AttributeError("cannot assign parameters before Module.__init__() call")
        self._forget(name, self.__dict__, self._buffers, self._modules)
        self.register_parameter(name, parameter)

    def _set_buffer(self, name: str, value: Any) -> None:
        if value is not None and not isinstance(value, Tensor):
            raise TypeError(
                f"cannot assign '{typename(value)}' as buffer '{name}' "
                "(torch.nn.Buffer, torch.Tensor or None expected)"
            )
        if value is not None and isinstance(value, Buffer):
            persistent = value.persistent
        else:
            persistent = name not in self._non_persistent_buffers_set
        if persistent or "persistent" in inspect.signature(self.register_buffer).parameters:
            self.register_buffer(name, value, *(() if persistent else (False,)))
        else:
            raise RuntimeError(
                "Registering a non-persistent buffer on a Module subclass that implements "
                "register_buffer() without the persistent argument is not allowed."
            )

    def _clear(self, what: str, kind: str, name: str, value: Any) -> None:
        """Only None may take the place of a parameter or submodule."""
        if value is not None:
            raise TypeError(
                f"cannot assign '{typename(value)}' as {what} '{name}' ({kind} or None expected)"
            )

    def _forget(self, name: str, *tables: dict) -> None:
        for table in tables:
            table.pop(name, None)
        self._non_persistent_buffers_set.discard(name)

    def __delattr__(self, name: str) -> None:
        for table in (self._parameters, self._buffers, self._modules):
            if name in table:
                del table[name]
                self._non_persistent_buffers_set.discard(name)
                return
        object.__delattr__(self, name)

    def __dir__(self) -> list[str]:
        names = [*dir(type(self)), *self.__dict__]
        for table in (self._parameters, self._modules, self._buffers):
            names += table
        return sorted(name for name in names if not name[0].isdigit())

    def __getstate__(self) -> dict[str, Any]:
        return hooks.pack(self.__dict__.copy())

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(hooks.unpack(state))
        self.__dict__.setdefault("_non_persistent_buffers_set", set())

    # ---- walking

    def named_modules(
        self, memo: set | None = None, prefix: str = "", remove_duplicate: bool = True
    ) -> Iterator[tuple[str, "Module"]]:
        """This module and all below it, with their paths, each once."""
        memo = set() if memo is None else memo
        if self in memo:
            return
        if remove_duplicate:
            memo.add(self)
        yield prefix, self
        for name, module in self._modules.items():
            if module is not None:
                path = prefix + ("." if prefix else "") + name
                yield from module.named_modules(memo, path, remove_duplicate)

    def modules(self, remove_duplicate: bool = True) -> Iterator["Module"]:
        """This module and all below it, each once."""
        for _, module in self.named_modules(remove_duplicate=remove_duplicate):
            yield module

    def named_children(self) -> Iterator[tuple[str, "Module"]]:
        """The direct submodules with their names, each once."""
        seen = set()
        for name, module in self._modules.items():
            if module is not None and module not in seen:
                seen.add(module)
                yield name, module

    def children(self) -> Iterator["Module"]:
        """The direct submodules, each once."""
        for _, module in self.named_children():
            yield module

    def _named_members(
        self, get_members_fn: Callable, prefix: str = "", recurse: bool = True,
        remove_duplicate: bool = True,
    ) -> Iterator[tuple[str, Any]]:  # fmt: skip
        seen: set[int] = set()
        found: Any = [(prefix, self)]
        if recurse:
            found = self.named_modules(prefix=prefix, remove_duplicate=remove_duplicate)
        for path, module in found:
            for name, value in get_members_fn(module):
                if value is None or id(value) in seen:
                    continue
                if remove_duplicate:
                    seen.add(id(value))
                yield path + ("." if path else "") + name, value

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """The parameters with their paths, each once."""
        if mistakes.suspects:
            mistakes.review(Module)
        yield from self._named_members(
            lambda module: module._parameters.items(), prefix, recurse, remove_duplicate
        )

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """The parameters, each once."""
        for _, parameter in self.named_parameters(recurse=recurse):
            yield parameter

    def named_buffers(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Tensor]]:
        """The buffers with their paths, each once."""
        yield from self._named_members(
            lambda module: module._buffers.items(), prefix, recurse, remove_duplicate
        )

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """The buffers, each once."""
        for _, buffer in self.named_buffers(recurse=recurse):
            yield buffer

    # ---- states of all modules below

    def apply(self, fn: Callable[["Module"], None]) -> Any:
        """Call `fn` on every module below and then on this one; returns the module."""
        for module in self.children():
            module.apply(fn)
        fn(self)
        return self

    def train(self, mode: bool = True) -> Any:
        """Training mode for this module and all below it."""
        if not isinstance(mode, bool):
            raise ValueError("training mode is expected to be boolean")
        self.training = mode
        for module in self.children():
            module.train(mode)
        return self

    def eval(self) -> Any:
        """Evaluation mode: `train(False)`."""
        return self.train(False)

    def requires_grad_(self, requires_grad: bool = True) -> Any:
        """Whether the parameters get gradients."""
        for parameter in self.parameters():
            parameter.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Drop all gradients (or fill them with zeros)."""
        for parameter in self.parameters():
            grad = parameter.grad
            if grad is None:
                continue
            if set_to_none:
                parameter.grad = None
            else:
                with no_grad():
                    parameter.grad = grad.detach().zero_()

    # ---- printing

    def _get_name(self) -> str:
        return type(self).__name__

    def extra_repr(self) -> str:
        """What a layer prints between its brackets."""
        shown = {name: getattr(self, name) for name in self._repr_names}
        if "bias" in shown:
            shown["bias"] = shown["bias"] is not None
        values = [str(getattr(self, name)) for name in self._repr_values]
        return ", ".join(values + [f"{name}={value}" for name, value in shown.items()])

    def __repr__(self) -> str:
        extra = self.extra_repr()
        own = extra.split("\n") if extra else []
        below = [f"({name}): " + indented(repr(m)) for name, m in self._modules.items()]
        if len(own) == 1 and not below:
            return f"{self._get_name()}({extra})"
        inner = "".join(f"  {line}\n" for line in own + below)
        return f"{self._get_name()}(\n{inner})" if inner else f"{self._get_name()}()"

    # ---- written in files of their own

    get_submodule, set_submodule = paths.get_submodule, paths.set_submodule
    get_parameter, get_buffer = paths.get_parameter, paths.get_buffer

    to, _apply = conversion.to, conversion.apply_to_tensors
    cuda, cpu, type = conversion.cuda, conversion.cpu, conversion.type
    float, double = conversion.float, conversion.double
    half, bfloat16 = conversion.half, conversion.bfloat16
    to_empty, share_memory = conversion.to_empty, conversion.share_memory
    compile = conversion.compile

    state_dict, load_state_dict = states.state_dict, states.load_state_dict
    _save_to_state_dict = states.save_to_state_dict
    _load_from_state_dict = states.load_from_state_dict
    get_extra_state, set_extra_state = states.get_extra_state, states.set_extra_state
    register_state_dict_pre_hook = states.register_state_dict_pre_hook
    register_state_dict_post_hook = states.register_state_dict_post_hook
    _register_state_dict_hook = states.register_private_state_dict_hook
    register_load_state_dict_pre_hook = states.register_load_state_dict_pre_hook
    register_load_state_dict_post_hook = states.register_load_state_dict_post_hook
    _register_load_state_dict_pre_hook = states.register_private_load_hook

    register_forward_pre_hook = hooks.register_forward_pre_hook
    register_forward_hook = hooks.register_forward_hook
    register_full_backward_pre_hook = hooks.register_full_backward_pre_hook
    register_full_backward_hook = hooks.register_full_backward_hook
    register_backward_hook = hooks.register_backward_hook


class Functional(Module):
    """A layer that is `_function` of its input and of the attributes that `_options` names.

    Unless it names any, of its `__constants__`.
    """

    _function: Callable[..., Tensor]
    _options = ""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        function = cls.__dict__.get("_function")
        if function is not None and "forward" not in cls.__dict__:
            names = cls._options.split() or getattr(cls, "__constants__", ())
            cls.forward = forward = _forward(function, *names)
            forward.__module__ = cls.__module__
            forward.__qualname__ = f"{cls.__qualname__}.forward"


def _forward(function: Callable[..., Tensor], *options: str) -> Callable[..., Tensor]:
    if len(options) > 1:
        values = attrgetter(*options)

        def forward(self, input: Tensor) -> Tensor:
            return function(input, *values(self))

    elif options:
        option = options[0]

        def forward(self, input: Tensor) -> Tensor:
            return function(input, getattr(self, option))

    else:

        def forward(self, input: Tensor) -> Tensor:
            return function(input)

    return forward


def indented(text: str) -> str:
    """All lines but the first moved two columns to the right."""
    first, *rest = text.split("\n")
    return "\n".join([first, *("  " + line if line.strip() else "" for line in rest)])


def _refuse_arguments(name: str, args: tuple, kwargs: dict) -> None:
    if kwargs:
        raise TypeError(
            f"{name}.__init__() got an unexpected keyword argument '{next(iter(kwargs))}'"
        )
    raise TypeError(f"{name}.__init__() takes 1 positional argument but {len(args) + 1} were given")
