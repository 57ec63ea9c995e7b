"""`export`: a captured call as files that run with NumPy alone."""

import platform
import sys
from collections.abc import Callable
from itertools import count
from typing import Any

import numpy as np

from .. import version
from .._arrays.traced import GraphBreak
from .._core.tape import TensorBase, ndarray
from .archive import Archive
from .compiled import Compiled, Forward, _signature
from .encoding import Encoding
from .graph import Graph
from .hosts import Hosts
from .naming import Naming
from .native import build, installed
from .program import Program, Unkept
from .shipped import loader
from .simplify import simplify
from .sources import Sources
from .straight import Straight
from .system import mapped
from .targets.host import host
from .unit import HEAD


class _Traced(Program):
    """A captured call that is not run here."""

    def _begin(self, begun: list) -> None:
        raise Unkept("an optimizer makes its state")

    def _built(self) -> None:
        pass


def export(f: Any, example: Any, path: Any) -> None:
    """Write `f`, captured at a call with these inputs, to a file or folder."""
    if not installed():
        raise RuntimeError("export: machine code is made by llvmlite: pip install rushlight[fast]")
    if not mapped():
        raise RuntimeError(
            f"export: programs are exported on Linux (x86-64, ARM64); this is {sys.platform} on "
            f"{platform.machine()}"
        )
    _Export(_bare(f), *_arguments(example)).write(path)


def _bare(f: Any) -> Any:
    """A function that is not compiled, of a compiled one too."""
    made = getattr(f, "compiled", None)
    if isinstance(made, Compiled):
        return made.f
    if isinstance(getattr(f, "__dict__", {}).get("forward"), Forward):
        return type(f).forward.__get__(f)
    if not callable(f):
        raise TypeError(f"export: expected a function or a Module, got {type(f).__name__}")
    return f


def _arguments(example: Any) -> tuple[tuple, dict]:
    """Positional and named arguments; tensors with their elements in order."""
    if isinstance(example, dict):
        return (), {k: _in_order(v) for k, v in example.items()}
    if isinstance(example, (TensorBase, ndarray)):
        example = (example,)
    if not isinstance(example, (tuple, list)):
        raise TypeError(
            "export: example_inputs is a tuple of arguments, or a dict of named ones; got "
            f"{type(example).__name__}"
        )
    return tuple(map(_in_order, example)), {}


def _in_order(x: Any) -> Any:
    if isinstance(x, TensorBase):
        return x.detach().contiguous()
    if isinstance(x, dict):
        return {k: _in_order(v) for k, v in x.items()}
    if isinstance(x, (list, tuple)) and not hasattr(x, "_fields"):
        return type(x)(map(_in_order, x))
    return x


class _Export:
    """One call, captured, and what is written of it."""

    def __init__(self, f: Callable, args: tuple, kwargs: dict) -> None:
        self.f, self.called = f, (args, kwargs)
        call = _signature(args, kwargs)
        if call is None:
            raise TypeError("export: an argument is no plain tensor, number or container of these")
        _, self.tensors, others = call
        if others:
            raise TypeError(
                f"export: an argument is a {type(others[0]).__name__}; a program takes tensors and "
                "fixed numbers. Let the function close over it, or use functools.partial"
            )
        self.program = self._captured(args, kwargs)
        self.naming = Naming(f)
        self._same_every_time()
        self.numbered = count()
        self.words = Sources()
        self.archive = Archive()
        self.encoding = Encoding(self.archive, self.words)

    def _captured(self, args: tuple, kwargs: dict) -> _Traced:
        try:
            return _Traced(self.f, args, kwargs, self.tensors, [])
        except GraphBreak as stop:
            raise RuntimeError(
                f"export: Python needs a value here: {stop}. Leave the value in a tensor: an "
                "exported program has no Python to go on with"
            ) from None
        except Unkept as left:
            raise RuntimeError(
                f"export: this call is not like the next one ({left}). Call the function once on "
                "ordinary inputs, as an optimizer's first step makes its state, then export it"
            ) from None

    def _same_every_time(self) -> None:
        """Refuse a call that leaves a gradient where there was none: the next would add to it."""
        for leaf, k, _ in self.program.gradients:
            if leaf.__class__ is int:
                raise RuntimeError("export: an argument gets a gradient: return it instead")
            if (k is None) is not (leaf.grad is None):
                raise RuntimeError(
                    f"export: the gradient of {self.naming.name(leaf)} is there before the call "
                    "or after it, not both, so that the next call is another one. Call the "
                    "function once, then export it"
                )

    # -- the manifest

    def write(self, path: Any) -> None:
        """All files, at once."""
        program, target = self.program, host()
        run = self._run()
        told = {
            "format": loader.FORMAT, "made_by": f"rushlight {version.rushlight}",
            "name": getattr(self.f, "__qualname__", type(self.f).__name__),
            "system": sys.platform, "machine": platform.machine(), "triple": target.triple,
            "cpu": target.cpu, "head": HEAD,
            "features": [w[1:] for w in target.features.split(",") if w.startswith("+")],
            "arguments": self._told(self.called),
            "run": run, "inputs": [self._place(*one) for one in self._inputs()],
            "changed": [(*self._place(how, what), k, k in self.taken)
                        for how, what, k, _ in program.changed],
            "left": [(self.naming.name(t), k) for t, k, _ in program.gradients],
            "result": self._result(),
            **Hosts(program, self.naming, self.words, self.encoding).told,
        }  # fmt: skip
        told |= self.encoding.told()
        told["gradients"] = self._gradients()
        told["state"] = self._state()
        told["numpy"] = [2, 3] if "out=...)" in str(run) else [2, 0]
        self.archive.write(path, told, self.words.text(), _loader_text())

    def _inputs(self) -> list[tuple]:
        return [(how, what) for how, what, _ in self.program.inputs if how != "seed"]

    def _run(self) -> dict:
        """The program's function as text, built from the graph of its results alone."""
        program = self.program
        values = [v for v, (how, *_) in zip(program.traced.inputs, program.inputs) if how != "seed"]
        outputs = program.traced.outputs[: program.count]
        graph = simplify(Graph(values, program.traced.steps, outputs))
        given = {v.id: v for v in graph.inputs}
        over = {k: given[s.id] for _, _, k, s in program.changed}
        fixed = [s.id for how, _, s in program.inputs if how in ("closed", "number")]
        made: Any = build(graph, over, fixed, exact=True) or Straight(graph, over)
        self.taken = made.taken
        self.graph = graph
        return self.encoding.program(made)

    def _place(self, how: str, what: Any) -> tuple[str, Any]:
        if how in ("arg", "number"):
            return how, what if how == "arg" else next(self.numbered)
        if how == "grad":
            return how, self.naming.name(what)
        return "state", self.archive.array(what.array)

    def _state(self) -> dict[str, Any]:
        """Every name of an array that the program holds, or of a view of one."""
        held = [what for how, what, _ in self.program.inputs if how == "closed"]
        touched = (t for host in self.program.hosts for t in host.touched)
        held += [t for t in touched if isinstance(t, TensorBase)]
        bases = {id(t): self.archive.array(t.array) for t in held}
        made: dict[str, Any] = {}
        shown = set()
        for t in self.naming.held:
            base = t
            while id(base) not in bases and base.origin is not None:
                base = base.origin[0]
            if id(base) in bases:
                shown.add(id(base))
                at = bases[id(base)]
                at = at if base is t else (at, *_seen(t.array, base.array))
                made |= dict.fromkeys(self.naming.tensors[id(t)], at)
        return made | {self.naming.name(t): bases[id(t)] for t in held if id(t) not in shown}

    def _gradients(self) -> dict[str, int | None]:
        read = [what for how, what, _ in self.program.inputs if how == "grad"]
        made = [t for t, _, _ in self.program.gradients if t.grad is not None]
        return {self.naming.name(t): self.archive.array(t.grad.array) for t in read + made}

    def _told(self, x: Any) -> Any:
        if isinstance(x, TensorBase):
            return "array", list(x.array.shape), self.encoding.dtype(x.array.dtype)
        if isinstance(x, (list, tuple)):
            return "list", [self._told(v) for v in x]
        if isinstance(x, dict):
            return "dict", [(k, self._told(v)) for k, v in x.items()]
        return "plain", self.encoding.value(x)

    # -- the result

    def _result(self) -> Any:
        """How the result is made of outputs: asked with empty arrays for them."""
        program = self.program
        outs = [np.empty(v.shape, v.dtype) for v in self.graph.outputs]
        found = program.result((*outs, _Nobody(program.joint)), self.tensors)
        return self._outline(found, outs)

    def _outline(self, x: Any, outs: list) -> Any:
        if isinstance(x, TensorBase):
            return self._found(x.array, outs)
        if isinstance(x, dict):
            return "dict", [(k, self._outline(v, outs)) for k, v in x.items()]
        if isinstance(x, (list, tuple)):
            kind = "list" if isinstance(x, list) else "tuple"
            return kind, [self._outline(v, outs) for v in x]
        try:
            return "plain", self.encoding.value(x)
        except TypeError:
            raise TypeError(f"export: the result holds a {type(x).__name__}") from None

    def _found(self, array: Any, outs: list) -> Any:
        for k, out in enumerate(outs):
            if array is out:
                return "output", k
        for how, what in self._inputs():
            if how == "number":
                continue
            owner = self.tensors[what] if how == "arg" else what
            base = (owner.grad if how == "grad" else owner).array
            if base is array:
                return "input", self._place(how, what)
            if np.may_share_memory(array, base):
                return "view", (*self._place(how, what), *_seen(array, base))
        raise RuntimeError(
            "export: the result is a tensor that the program neither makes nor reads"
        )


def _seen(view: Any, base: Any) -> tuple:
    """Where a view lies in its base: bytes from its start, shape, strides."""
    at = view.__array_interface__["data"][0] - base.__array_interface__["data"][0]
    return at, view.shape, view.strides


class _Nobody:
    """Stands for the node of a call, which an exported program has not."""

    def __init__(self, joint: Any) -> None:
        self.joint, self.saved = joint, (self,)


def _loader_text() -> str:
    """program.py: the loader and all that it names."""
    sources = Sources()
    sources.name(loader.load, "load")
    lines = (loader.__doc__ or "").strip()
    return f'"""{lines}\n"""\n\n{sources.text()}'
