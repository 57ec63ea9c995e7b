"""Mistakes explained: where in the model an error arose, and modules hidden in plain lists."""

import warnings
import weakref
from itertools import islice
from traceback import walk_tb
from typing import Any

from ..._core.errors import wrong_argument
from ..._core.names import torch_name
from ..._tensor import Tensor

_OURS = __name__.partition(".")[0] + "."
# Functions that are C++ in PyTorch; its others raise Python's AttributeError, as ours do.
_STRICT = frozenset(
    "linear conv conv_transpose layer_norm embedding dropout max_pool avg_pool prelu bilinear pad "
    "rms_norm cross_entropy nll_loss kl_div poisson_nll_loss".split()
)
PLAIN = frozenset((list, tuple, dict))
suspects: Any = weakref.WeakKeyDictionary()  # modules with empty lists that may yet get modules
_warned: set[tuple[str, str]] = set()


def typename(value: Any) -> str:
    """The name of a value's type as PyTorch's messages give it."""
    if isinstance(value, Tensor):
        return value.type()
    kind = type(value)
    if kind.__module__ in ("builtins", ""):
        return kind.__qualname__
    ours = kind.__module__.startswith(__name__.partition(".")[0])
    return f"{torch_name(kind.__module__) if ours else kind.__module__}.{kind.__qualname__}"


# ---- where an error arose


def no_tensor(error: Exception, inputs: tuple) -> TypeError | None:
    """PyTorch's error where a function of ours asked an input for what only tensors have."""
    x, told, ours = getattr(error, "obj", None), None, False
    if isinstance(x, Tensor) or not any(x is given for given in inputs):
        return None
    for frame, _ in walk_tb(error.__traceback__):
        code, ours = frame.f_code, frame.f_globals.get("__name__", "").startswith(_OURS)
        for i, name in enumerate(code.co_varnames[: code.co_argcount], 1):
            if told is None and code.co_name in _STRICT and frame.f_locals[name] is x:
                told = wrong_argument(code.co_name, name, i, "Tensor", x)
    return told.with_traceback(error.__traceback__) if told and ours else None


def locate(error: Exception, module: Any, inputs: tuple) -> None:
    """Note on the error the module in which it arose, by its path from the outermost call.

    Each enclosing call rewrites the note with the longer path.
    """
    innermost = getattr(error, "_module", None)
    notes = getattr(error, "__notes__", [])
    if innermost is None:
        try:
            error._module = module
        except AttributeError:  # an exception with slots
            return
        error.add_note(f"in {_outer_name(error, module)}: {_summary(module)}")
        _explain_devices(error, module, inputs)
        return
    path = _path(module, innermost)
    if path is not None:
        mine = [i for i, note in enumerate(notes) if note.startswith("in ")]
        if mine:
            whole = f"{_outer_name(error, module)}.{path}" if path else _outer_name(error, module)
            notes[mine[0]] = f"in {whole}: {_summary(innermost)}"


def _summary(module: Any) -> str:
    """The module's printed form where it is one line, else its class."""
    try:
        text = repr(module)
    except Exception:
        text = "\n"
    return text if "\n" not in text else f"{type(module).__name__}(...)"


def _path(root: Any, wanted: Any) -> str | None:
    """Names from `root` down to `wanted`, found without the methods a subclass may override."""
    pending, seen = [("", root)], {id(root)}
    while pending:
        path, module = pending.pop(0)
        if module is wanted:
            return path
        for name, child in module.__dict__.get("_modules", {}).items():
            if child is not None and id(child) not in seen:
                seen.add(id(child))
                name = name if isinstance(name, str) else type(name).__name__
                pending.append((f"{path}.{name}" if path else name, child))
    return None


def _outer_name(error: Exception, module: Any) -> str:
    """What the caller calls the module: a variable, an attribute of its `self`, else the class."""
    trace = error.__traceback__
    frame = trace.tb_frame.f_back if trace is not None else None
    if frame is not None:
        for names in (frame.f_locals, frame.f_globals):
            for name, value in list(names.items()):
                if value is module and name != "self" and not name.startswith("_"):
                    return name
        holder = frame.f_locals.get("self")
        for name, value in getattr(holder, "__dict__", {}).items():
            if value is module:
                return f"self.{name}"
    return type(module).__name__


def _explain_devices(error: Exception, module: Any, inputs: tuple) -> None:
    if not str(error).startswith("Expected all tensors to be on the same device"):
        return
    given = [(i, x.device) for i, x in enumerate(inputs) if isinstance(x, Tensor)]
    for name, parameter in module.__dict__.get("_parameters", {}).items():
        for place, where in given:
            if parameter is not None and parameter.device is not where:
                home = parameter.device
                error.add_note(
                    f"parameter {name} is on {home}, input {place} is on {where}. Move the input: "
                    f'`x = x.to("{home}")`, or the model: `net.to("{where}")`.'
                )
                return


# ---- modules in plain lists


def holds_modules(value: Any, kind: type) -> bool:
    """Whether a plain list, tuple or dict holds modules."""
    items = value.values() if type(value) is dict else value
    return any(isinstance(item, kind) for item in islice(items, 100))


def watch_plain(module: Any, name: str, value: Any, kind: type) -> None:
    """Warn when a list, tuple or dict of modules becomes an attribute; remember empty ones."""
    if not value:
        if type(module).__hash__ is not None:
            suspects.setdefault(module, set()).add(name)
    elif holds_modules(value, kind):
        warn_plain(module, name, value, stacklevel=4)


def review(kind: type) -> None:
    """Warn for remembered lists that were empty when assigned and hold modules now."""
    for module, names in list(suspects.items()):
        for name in names:
            value = module.__dict__.get(name)
            if type(value) in PLAIN and holds_modules(value, kind):
                warn_plain(module, name, value, stacklevel=5)
    suspects.clear()


def warn_plain(module: Any, name: str, value: Any, stacklevel: int) -> None:
    """Say once that the modules in a plain container do not belong to the model."""
    key = (f"{type(module).__module__}.{type(module).__qualname__}", name)
    if key in _warned:
        return
    _warned.add(key)
    container = "ModuleDict" if type(value) is dict else "ModuleList"
    warnings.warn(
        f"{type(module).__name__}.{name} is a plain {type(value).__name__} of modules: their "
        "parameters do not belong to the model (parameters(), state_dict(), to() and train() "
        f"pass them by). Write self.{name} = nn.{container}(...) instead.",
        stacklevel=stacklevel,
    )
