"""A module's state as a dictionary: writing it, and reading it back with every fault reported."""

import warnings
import weakref
from collections import OrderedDict, namedtuple
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from ..._core.modes import no_grad
from ..._tensor import Tensor
from ...utils.hooks import RemovableHandle, add_hook
from ..parameter import Parameter, is_lazy
from .hooks import own, table

EXTRA = "_extra_state"


class _IncompatibleKeys(namedtuple("IncompatibleKeys", ["missing_keys", "unexpected_keys"])):
    """What `load_state_dict` returns."""

    __slots__ = ()

    def __repr__(self) -> str:
        if not self.missing_keys and not self.unexpected_keys:
            return "<All keys matched successfully>"
        return super().__repr__()

    __str__ = __repr__


class Faults(list):
    """Messages of one load. What is to be written waits here until everything is checked."""

    def __init__(self) -> None:
        super().__init__()
        self.waiting: list[Callable[[], None]] = []
        self.targets: list[Tensor] = []
        self.tied: dict[tuple, Tensor] = {}


# ---- writing


def state_dict(
    self: Any, *args: Any, destination: Any = None, prefix: str = "", keep_vars: bool = False
) -> Any:
    """All parameters and persistent buffers by name, detached unless `keep_vars`.

    The tensors share memory with the model: clone them to keep a copy.
    """
    if args:
        warnings.warn(
            "Positional args are being deprecated, use kwargs instead. Refer to "
            "https://pytorch.org/docs/main/generated/torch.nn.Module.html#torch.nn.Module.state_dict"
            " for details.",
            FutureWarning,
            stacklevel=2,
        )
        given = dict(zip(("destination", "prefix", "keep_vars"), args))
        destination = given.get("destination") if destination is None else destination
        prefix = prefix or given.get("prefix", "")
        keep_vars = keep_vars or bool(given.get("keep_vars"))
    if destination is None:
        destination = OrderedDict()
        destination._metadata = OrderedDict()
    local_metadata = {"version": self._version}
    if hasattr(destination, "_metadata"):
        destination._metadata[prefix[:-1]] = local_metadata
    for hook in table(self, "_state_dict_pre_hooks"):
        hook(self, prefix, keep_vars)
    self._save_to_state_dict(destination, prefix, keep_vars)
    for name, child in self._modules.items():
        if child is not None:
            child.state_dict(
                destination=destination, prefix=f"{prefix}{name}.", keep_vars=keep_vars
            )
    for hook in table(self, "_state_dict_hooks"):
        made = hook(self, destination, prefix, local_metadata)
        if made is None:
            continue
        if getattr(hook, "_from_public_api", False):
            raise RuntimeError("state_dict post-hook must return None")
        destination = made
    return destination


def save_to_state_dict(self: Any, destination: Any, prefix: str, keep_vars: bool) -> None:
    """Write this module's own tensors and extra state, not its children's."""
    for name, value in _own_state(self).items():
        destination[prefix + name] = value if keep_vars or is_lazy(value) else value.detach()
    if _overrides(self, "get_extra_state"):
        destination[prefix + EXTRA] = self.get_extra_state()


def _overrides(module: Any, method: str) -> bool:
    """Whether a class between the module's and Module itself defines `method`."""
    found = getattr(type(module), method, None)
    return found is not None and not getattr(found, "_unused", False)


def get_extra_state(self: Any) -> Any:
    """State that is no tensor; a class that defines this gets an `_extra_state` entry."""
    raise _undefined("get_extra_state", self)


def set_extra_state(self: Any, state: Any) -> None:
    """Takes back what `get_extra_state` gave; a class defines both."""
    raise _undefined("set_extra_state", self)


def _undefined(name: str, module: Any) -> RuntimeError:
    return RuntimeError(
        f"Reached a code path in Module.{name}() that should never be called. "
        f"{type(module).__name__} does not define it."
    )


get_extra_state._unused = set_extra_state._unused = True


# ---- reading


def load_state_dict(
    self: Any, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
) -> _IncompatibleKeys:
    """Copy a state dictionary into the module (or, with `assign`, take its tensors themselves).

    Everything is checked before anything is written: a load that fails leaves the model as it was.

    Raises:
        RuntimeError: naming all missing, unexpected (where `strict`) and wrong-shaped entries.
    """
    if not isinstance(state_dict, Mapping):
        raise TypeError(f"Expected state_dict to be dict-like, got {type(state_dict)}.")
    missing: list[str] = []
    unexpected: list[str] = []
    faults = Faults()
    metadata = getattr(state_dict, "_metadata", None)
    values = OrderedDict(state_dict)
    if metadata is not None:
        values._metadata = metadata
    modules = _check(self, values, "", metadata, assign, missing, unexpected, faults)
    keys = _IncompatibleKeys(missing, unexpected)
    hooked = [m for m in modules if tuple(table(m, "_load_state_dict_post_hooks"))]
    wrong = bool(faults or (strict and (missing or unexpected)))
    before = [t.clone() for t in faults.targets] if wrong and hooked else []
    if hooked or not wrong:
        with no_grad():
            for write in faults.waiting:
                write()
    _after_load(hooked, keys)
    problems = list(faults)
    if strict:
        problems = _key_problems(state_dict, missing, unexpected) + problems
    if problems:
        with no_grad():
            for tensor, old in zip(faults.targets, before):
                tensor.copy_(old)
        raise RuntimeError(
            f"Error(s) in loading state_dict for {type(self).__name__}:\n\t" + "\n\t".join(problems)
        )
    return keys


def _check(
    module: Any, values: Any, prefix: str, metadata: Any, assign: bool, missing: list[str],
    unexpected: list[str], faults: Faults,
) -> list[Any]:  # fmt: skip
    """Let each module look at its part; returns the modules, children before parents."""
    local = {} if metadata is None else metadata.get(prefix[:-1], {})
    if assign:
        local["assign_to_params_buffers"] = True
    module._load_from_state_dict(values, prefix, local, True, missing, unexpected, faults)
    done = []
    for name, child in module._modules.items():
        if child is not None:
            inner = f"{prefix}{name}."
            part = OrderedDict((k, v) for k, v in values.items() if k.startswith(inner))
            done += _check(child, part, inner, metadata, assign, missing, unexpected, faults)
    return [*done, module]


def _after_load(modules: list[Any], keys: _IncompatibleKeys) -> None:
    for module in modules:
        for hook in table(module, "_load_state_dict_post_hooks"):
            if hook(module, keys) is not None:
                raise AssertionError(
                    "Hooks registered with ``register_load_state_dict_post_hook`` are not expected "
                    "to return new values, if incompatible_keys need to be modified, it should be "
                    "done inplace."
                )


def load_from_state_dict(
    self: Any, state_dict: Any, prefix: str, local_metadata: dict, strict: bool,
    missing_keys: list[str], unexpected_keys: list[str], error_msgs: list[str],
) -> None:  # fmt: skip
    """Check and take this module's own entries; a subclass overrides it to read older versions."""
    report = (state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs)
    for hook in table(self, "_load_state_dict_pre_hooks"):
        hook(*report)
    assign = local_metadata.get("assign_to_params_buffers", False)
    here = _own_state(self)
    for name, parameter in here.items():
        key = prefix + name
        if key in state_dict:
            _offer(self, name, parameter, key, state_dict[key], assign, error_msgs)
        elif strict:
            missing_keys.append(key)
    extra = prefix + EXTRA
    if _overrides(self, "set_extra_state"):
        if extra in state_dict:
            _write_or_wait(error_msgs, partial(self.set_extra_state, state_dict[extra]))
        elif strict:
            missing_keys.append(extra)
    elif strict and extra in state_dict:
        unexpected_keys.append(extra)
    if strict:
        mine = (key for key in state_dict if key.startswith(prefix) and key != extra)
        unexpected_keys += [key for key in mine if _is_stranger(self, key[len(prefix) :], here)]


def _own_state(module: Any) -> dict[str, Tensor]:
    """The module's parameters and persistent buffers, without its children's."""
    transient = module._non_persistent_buffers_set
    buffers = {name: b for name, b in module._buffers.items() if name not in transient}
    return {name: v for name, v in (*module._parameters.items(), *buffers.items()) if v is not None}


def _is_stranger(module: Any, name: str, here: dict[str, Tensor]) -> bool:
    first, dot, _ = name.partition(".")
    return first not in module._modules if dot else first not in here


def _offer(
    module: Any, name: str, parameter: Any, key: str, value: Any, assign: bool,
    error_msgs: list[str],
) -> None:  # fmt: skip
    """Note what is wrong with one entry, or have it written."""
    if not isinstance(value, Tensor):
        error_msgs.append(
            f'While copying the parameter named "{key}", expected torch.Tensor or Tensor-like '
            f"object from checkpoint but received {type(value)}"
        )
        return
    if not is_lazy(parameter):
        if not parameter.shape and value.shape == (1,):
            value = value[0]  # files of PyTorch 0.3 hold scalars so
        if value.shape != parameter.shape:
            error_msgs.append(
                f"size mismatch for {key}: copying a param with shape {value.shape} from "
                f"checkpoint, the shape in current model is {parameter.shape}."
            )
            return
        if parameter.is_meta and not value.is_meta and not assign:
            warnings.warn(
                f"for {key}: copying from a non-meta parameter in the checkpoint to a meta "
                "parameter in the current model, which is a no-op. (Did you mean to pass "
                "`assign=True` to assign items in the state dictionary to their corresponding key "
                "in the module instead of copying them in place?)",
                stacklevel=2,
            )
    tied: dict = {}
    if isinstance(error_msgs, Faults):
        tied = error_msgs.tied
        if not assign and not is_lazy(parameter):
            error_msgs.targets.append(parameter)
    _write_or_wait(error_msgs, partial(_write, module, name, parameter, value, assign, tied))


def _write_or_wait(error_msgs: list[str], write: Callable[[], None]) -> None:
    if isinstance(error_msgs, Faults):
        error_msgs.waiting.append(write)
        return
    with no_grad():  # the method was called by itself, not by load_state_dict
        write()


def _write(
    module: Any, name: str, parameter: Any, value: Any, assign: bool, tied: dict[tuple, Tensor]
) -> None:
    """Copy, or take the value; what was one parameter and is one memory stays one parameter."""
    if not assign:
        if not (is_lazy(parameter) and is_lazy(value)):
            parameter.copy_(value)
        return
    if isinstance(parameter, Parameter):
        if isinstance(value, Parameter):
            value.requires_grad_(parameter.requires_grad)
        else:
            value = Parameter(value, requires_grad=parameter.requires_grad)
        if not is_lazy(value):
            layout = value.data_ptr(), value.shape, value.stride(), value.dtype, value.device
            value = tied.setdefault((id(parameter), *layout), value)
    setattr(module, name, value)


# ---- explaining


def _key_problems(given: Mapping, missing: list, unexpected: list) -> list[str]:
    problems = []
    for what, keys in (("Missing", missing), ("Unexpected", unexpected)):
        if keys:
            quoted = ", ".join(f'"{key}"' for key in keys)
            problems.append(f"{what} key(s) in state_dict: {quoted}. ")
    if missing and unexpected:
        problems += _mend(given, missing, unexpected)
    return problems


def _mend(given: Mapping, missing: list[str], unexpected: list[str]) -> list[str]:
    """The line that mends a state dictionary whose keys all have one prefix more or less."""
    wanted = set(missing)
    extra = _common_prefix(unexpected, wanted)
    if extra:
        return [
            f'Every key begins with "{extra}", which this model\'s keys do not. Try: '
            f'model.load_state_dict({{k.removeprefix("{extra}"): v '
            "for k, v in state_dict.items()})"
        ]
    lacking = _common_prefix(missing, set(unexpected))
    if lacking:
        return [
            f'This model\'s keys begin with "{lacking}", which those of the state_dict do not. '
            f"Try: model.{lacking[:-1]}.load_state_dict(state_dict)"
        ]
    for key in unexpected:
        value = given.get(key)
        if isinstance(value, Mapping) and wanted.issubset(value):
            return [
                "The state_dict lies one level deeper. Try: "
                f'model.load_state_dict(checkpoint["{key}"])'
            ]
    return []


def _common_prefix(longer: list[str], shorter: set[str]) -> str:
    """The prefix ending in a dot without which all of `longer` are in `shorter`; else ''."""
    parts = longer[0].split(".")
    for length in range(1, len(parts)):
        prefix = ".".join(parts[:length]) + "."
        if all(key.startswith(prefix) and key[len(prefix) :] in shorter for key in longer):
            return prefix
    return ""


# ---- hooks of the state dictionary (methods of Module)


def register_state_dict_post_hook(self: Any, hook: Any) -> RemovableHandle:
    """`hook(module, state_dict, prefix, local_metadata)` runs after the dictionary is written."""
    hook._from_public_api = True
    return add_hook(own(self)._state_dict_hooks, hook)


def register_private_state_dict_hook(self: Any, hook: Any) -> RemovableHandle:
    """As the post hook, but the hook may return another dictionary."""
    if getattr(hook, "_from_public_api", False):
        raise RuntimeError(
            "Cannot register the same function as the state dict post hook that was "
            "previously registered via register_state_dict_post_hook"
        )
    return add_hook(own(self)._state_dict_hooks, hook)


def register_state_dict_pre_hook(self: Any, hook: Any) -> RemovableHandle:
    """`hook(module, prefix, keep_vars)` runs before `state_dict` is written."""
    return add_hook(own(self)._state_dict_pre_hooks, hook)


def register_load_state_dict_post_hook(self: Any, hook: Any) -> RemovableHandle:
    """`hook(module, incompatible_keys)` runs after a load and may change the lists of keys."""
    return add_hook(own(self)._load_state_dict_post_hooks, hook)


def register_load_state_dict_pre_hook(self: Any, hook: Any) -> RemovableHandle:
    """`hook(module, state_dict, prefix, local_metadata, strict, missing, unexpected, errors)`."""
    return register_private_load_hook(self, hook, with_module=True)


def register_private_load_hook(self: Any, hook: Any, with_module: bool = False) -> RemovableHandle:
    """As `register_load_state_dict_pre_hook`; the hook gets the module only if asked."""
    kept = WithModule(hook, self) if with_module else hook
    return add_hook(own(self)._load_state_dict_pre_hooks, kept)


class WithModule:
    """A hook that gets its module first, without keeping the module alive."""

    def __init__(self, hook: Any, module: Any) -> None:
        self.hook, self.module = hook, weakref.ref(module)

    def __call__(self, *args: Any) -> Any:
        module = self.module()
        if module is None:
            raise RuntimeError("You are trying to call the hook of a dead Module!")
        return self.hook(module, *args)

    def __reduce__(self) -> tuple:
        return WithModule, (self.hook, self.module())
