"""The self-describing model file: safetensors whose header tells how to build the model again.

The format is specified in docs/model-file.md.
"""

import inspect
import json
import types
from collections import OrderedDict
from collections.abc import Iterable
from typing import Any

from .. import version
from .._core import dtypes
from .._core.size import Size
from .._files import safetensors_writer
from .._files.atomic import save_to
from .._files.formats import open_checkpoint
from .._files.pickler import OURS, is_ours, path_of
from .._files.records import Checkpoint
from .._files.standard import loaded
from ..nn.modules.module import Module
from ..nn.parameter import Parameter
from ..random import get_rng_state, set_rng_state
from .loading import Placer
from .saving import Describer

KEY = "rushlight.model"
FORMAT = "rushlight-model/1"
_MAKERS = {"tuple": tuple, "set": set, "size": Size, "dict": dict, "odict": OrderedDict}
_OPTIMIZER, _RNG = "__optimizer__.", "__rng__"
_TABLES = "_parameters _buffers _modules _non_persistent_buffers_set training _hooks".split()


def save_model(
    model: Module, path: Any, *, optimizer: Any = None, rng: bool = False,
    metadata: dict[str, str] | None = None,
) -> None:  # fmt: skip
    """Writes weights and the plan of a model as one safetensors file, never torn.

    Any safetensors reader sees the weights by their names in the state dictionary; tied weights are
    stored once. `load_model` builds the model again.

    Args:
        optimizer: whose state goes along.
        rng: whether the state of the random stream goes along.
        metadata: more strings for the header.

        save_model(net, "net.safetensors")
    """
    tensors, ties = _weights(model)
    plan: dict[str, Any] = {
        "format": FORMAT, "versions": {"rushlight": version.rushlight, "torch": version.matches},
        "tree": _Plan().module(model, ""), "ties": ties,
    }  # fmt: skip
    if optimizer is not None:
        plan["optimizer"] = {
            "class": path_of(type(optimizer)),
            "state": _Flat(tensors).value(optimizer.state_dict(), _OPTIMIZER[:-1]),
        }
    if rng:
        tensors[_RNG] = get_rng_state()
    describer = Describer()
    records = {name: describer.record(t) for name, t in tensors.items()}
    header = {"format": "pt", **(metadata or {}), KEY: json.dumps(plan, separators=(",", ":"))}
    room = sum(record.nbytes for record in records.values())
    save_to(path, lambda put: safetensors_writer.write(put, records, header), room)


def _weights(model: Module) -> tuple[dict[str, Any], dict[str, str]]:
    """Parameters and all buffers by name, each memory once, and which names are tied to which."""
    tensors: dict[str, Any] = {}
    ties: dict[str, str] = {}
    first: dict[int, str] = {}
    kinds = model.named_parameters, model.named_buffers
    for name, value in (pair for named in kinds for pair in named(remove_duplicate=False)):
        known = first.setdefault(id(value), name)
        if known == name:
            tensors[name] = value.detach()
        else:
            ties[name] = known
    return tensors, ties


class _Plan:
    """Describes modules as plain JSON."""

    def __init__(self) -> None:
        self.seen: dict[int, str] = {}

    def module(self, module: Module, path: str) -> dict[str, Any]:
        """One module: class, constructor arguments, other attributes, tensors, children."""
        if id(module) in self.seen:
            return {"same_as": self.seen[id(module)]}
        self.seen[id(module)] = path
        if "parametrizations" in module._modules:  # its class was made for it alone
            raise TypeError(
                f"save_model: module {path!r} has parametrizations. Take them off with "
                "remove_parametrizations, or use save(model.state_dict(), ...)"
            )
        attributes = {k: v for k, v in module.__dict__.items() if k not in _TABLES}
        wanted = inspect.signature(type(module).__init__).parameters
        args = {name: attributes.pop(name) for name in wanted if name in attributes}
        node: dict[str, Any] = {"class": path_of(type(module))}
        for key, table in (("args", args), ("attributes", attributes)):
            if table:
                node[key] = {k: self.value(x, f"{path}.{k}") for k, x in table.items()}
        node["parameters"] = {
            name: None if p is None else {"requires_grad": p.requires_grad}
            for name, p in module._parameters.items()
        }
        transient = module._non_persistent_buffers_set
        node["buffers"] = {
            name: None if b is None else {"persistent": name not in transient}
            for name, b in module._buffers.items()
        }
        node["children"] = {
            name: None if child is None else self.module(child, f"{path}.{name}".lstrip("."))
            for name, child in module._modules.items()
        }
        if not module.training:
            node["training"] = False
        return {key: part for key, part in node.items() if part or key == "class" or part is False}

    def value(self, value: Any, where: str) -> Any:
        """A plain value as JSON; what JSON lacks is written as {"is": kind, "of": ...}."""
        if type(value) in (type(None), bool, int, str):
            return value
        if type(value) is float:
            return value if value - value == 0 else {"is": "float", "of": str(value)}
        if type(value) is list:
            return [self.value(part, where) for part in value]
        if type(value) in (tuple, Size, set, OrderedDict, dict):
            kind = {Size: "size", OrderedDict: "odict"}.get(type(value), type(value).__name__)
            parts: Any = [list(p) for p in value.items()] if isinstance(value, dict) else value
            return {"is": kind, "of": [self.value(part, where) for part in parts]}
        if isinstance(value, dtypes.dtype):
            return {"is": "dtype", "of": value.name}
        if isinstance(value, types.FunctionType) and is_ours(value.__module__):
            return {"is": "function", "of": path_of(value)}
        raise TypeError(
            f"save_model: attribute {where.lstrip('.')} is a {type(value).__name__}, which the "
            "header cannot hold. "
            "Use save(model.state_dict(), ...), or make it a parameter, a buffer or a plain value"
        )


class _Flat:
    """Moves the tensors of a nested state into a table, leaving their names behind."""

    def __init__(self, tensors: dict[str, Any]) -> None:
        self.tensors, self.plan = tensors, _Plan()

    def value(self, value: Any, name: str) -> Any:
        if hasattr(value, "device") and hasattr(value, "requires_grad"):
            self.tensors[name] = value.detach()
            return {"is": "tensor", "of": name}
        if isinstance(value, dict):
            pairs = [
                [self.plan.value(k, name), self.value(v, f"{name}.{k}")] for k, v in value.items()
            ]
            return {"is": "dict", "of": pairs}
        if type(value) in (list, tuple):
            parts = [self.value(part, f"{name}.{i}") for i, part in enumerate(value)]
            return parts if type(value) is list else {"is": "tuple", "of": parts}
        return self.plan.value(value, name)


# -- loading


def load_model(
    path: Any, *, classes: Iterable[type] = (), map_location: Any = None, optimizer: Any = None,
    rng: bool = False, mmap: bool = False,
) -> Any:  # fmt: skip
    """Builds the model of a file that `save_model` wrote; no constructor runs.

    Args:
        classes: your own module classes that the model contains.
        map_location: where the weights go.
        optimizer: made for an equal model; gets the state that the file holds.
        rng: continue the random stream from the file's state.
        mmap: map the weights instead of reading them.

    Raises:
        LookupError: naming a class that must be given in `classes`, and where it stands.
    """
    found = open_checkpoint(path, mapped=mmap)
    plan, placer = _plan(found), Placer(map_location)
    known = {path_of(cls): cls for cls in classes}
    builder = _Builder(found, plan.get("ties") or {}, known, placer)
    model = builder.module(plan.get("tree"), "", 0)
    if optimizer is not None:
        if "optimizer" not in plan:
            raise LookupError(f"load_model: {found.where} holds no optimizer state")
        optimizer.load_state_dict(builder.value(plan["optimizer"]["state"], 0))
    if rng:
        if _RNG not in found.root:
            raise LookupError(f"load_model: {found.where} holds no random state")
        set_rng_state(placer.tensor(found.root[_RNG]))
    for source in found.mapped():
        source.still(source.size)
    return model


def _plan(found: Checkpoint) -> dict[str, Any]:
    text = found.metadata.get(KEY)
    if found.kind != "safetensors" or text is None:
        raise ValueError(
            f"load_model: {found.where} ({found.kind}) does not describe a model; it holds weights "
            "only, which load(path) gives"
        )
    try:
        plan = json.loads(text)
    except (ValueError, RecursionError):
        plan = None
    if not isinstance(plan, dict) or plan.get("format") != FORMAT:
        raise ValueError(f"load_model: {found.where} is not of format {FORMAT}")
    return plan


class _Builder:
    """Makes modules of a plan without calling a constructor."""

    def __init__(
        self, found: Checkpoint, ties: dict[str, str], classes: dict[str, type], placer: Placer
    ) -> None:
        self.found, self.ties, self.classes, self.placer = found, ties, classes, placer
        self.made: dict[str, Any] = {}
        self.tensors: dict[str, Any] = {}

    def _broken(self, why: str) -> ValueError:
        return ValueError(f"load_model: {self.found.where} {why}")

    def module(self, node: Any, path: str, depth: int) -> Any:
        """The module of one node of the tree."""
        if not isinstance(node, dict) or depth > 200:
            raise self._broken(f"has a broken plan at {path!r}")
        if "same_as" in node:
            return self.made[str(node["same_as"])]
        made = object.__new__(self._class(str(node.get("class")), path))
        self.made[path] = made
        own: dict[str, Any] = made.__dict__
        own["training"] = node.get("training", True) is True
        for key in ("args", "attributes"):
            own.update({str(k): self.value(v, depth) for k, v in _table(node, key).items()})
        buffers = _table(node, "buffers")
        given = _table(node, "parameters").items()
        own["_parameters"] = {k: self._parameter(path, k, v) for k, v in given}
        own["_buffers"] = {
            k: None if v is None else self._tensor(path, k) for k, v in buffers.items()
        }
        transient = (k for k, v in buffers.items() if v and v.get("persistent") is False)
        own["_non_persistent_buffers_set"] = {*transient}
        own["_modules"] = {}
        for name, child in _table(node, "children").items():
            inner = f"{path}.{name}".lstrip(".")
            own["_modules"][name] = None if child is None else self.module(child, inner, depth + 1)
        return made

    def _class(self, name: str, path: str) -> type:
        """A class given by the user, or one of our own layers; nothing else is looked up."""
        if name in self.classes:
            return self.classes[name]
        module, _, short = name.rpartition(".")
        if module.startswith("torch.nn."):
            home = OURS + module[5:]
            cls = loaded(home, short)
            if isinstance(cls, type) and issubclass(cls, Module) and cls.__module__ == home:
                return cls
        where = f"at {path!r}" if path else "at the top"
        raise LookupError(
            f"load_model: {self.found.where} needs the class {name} ({where}). Import it and pass "
            f"classes=[{short}]; or take the weights alone with load(path)"
        )

    def _full(self, path: str, name: str) -> str:
        full = f"{path}.{name}".lstrip(".")
        return str(self.ties.get(full, full))

    def _tensor(self, path: str, name: str) -> Any:
        full = self._full(path, name)
        if full not in self.tensors:
            if full not in self.found.root:
                raise self._broken(f"holds no tensor {full!r}")
            self.tensors[full] = self.placer.tensor(self.found.root[full])
        return self.tensors[full]

    def _parameter(self, path: str, name: str, facts: Any) -> Any:
        if facts is None:
            return None
        made = self._tensor(path, name)
        if not isinstance(made, Parameter):
            made = Parameter(made, bool(facts.get("requires_grad", True)))
            self.tensors[self._full(path, name)] = made
        return made

    def value(self, value: Any, depth: int) -> Any:
        """The plain value that JSON stands for."""
        if depth > 200:
            raise self._broken("has a plan that is nested too deeply")
        if isinstance(value, list):
            return [self.value(part, depth + 1) for part in value]
        if not isinstance(value, dict):
            return value
        kind = value.get("is")
        inner: Any = value.get("of")
        if kind == "tensor":
            return self.placer.tensor(self.found.root[inner])
        if kind == "float":
            return float(inner)
        if kind == "dtype":
            return dtypes.by_name(inner)
        if kind == "function":
            return self._function(str(inner))
        parts = self.value(inner, depth + 1)
        make = _MAKERS.get(str(kind))
        if make is None or not isinstance(parts, list):
            raise self._broken(f"holds a value of unknown kind {kind!r}")
        return make(parts)

    def _function(self, name: str) -> Any:
        """One of our activations, which layers keep as attributes."""
        module, _, short = name.rpartition(".")
        made = loaded(f"{OURS}.nn.functional", short)
        if not module.startswith("torch") or not isinstance(made, types.FunctionType):
            raise LookupError(f"load_model: {self.found.where} needs the function {name}")
        return made


def _table(node: dict[str, Any], key: str) -> dict[str, Any]:
    table = node.get(key, {})
    if not isinstance(table, dict):
        raise ValueError(f"load_model: {key} of a module is a {type(table).__name__}")
    return table
