"""Quicker lines for eager mode: a body that is called often, as one native function.

The body is traced on symbols of the arrays that it meets, like a step under `compile`, and built by
the same passes. Small ones are called as lean as can be, by one thread; large ones run as programs.
"""

from collections import deque
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from .._arrays.meta import MetaArray
from .._arrays.numpy import NUMPY
from .._arrays.strides import tidy
from .._arrays.traced import GraphBreak, Symbol
from .._core.quicken import BENCH, Wish
from .capture import Capture
from .door import leaf
from .graph import Graph, Step, Value
from .kernels import convolution
from .kernels.words import DEAR
from .native import Native, build
from .simplify import simplify
from .straight import Refused
from .unit import _ALONE, Unit

# Elements up to which NumPy is as fast with a single word: it is one call either way.
_SINGLE = 2000
# Work in an update that one thread does: beside NumPy's products, whose library has a thread that
# waits for more, two of ours are slower than one.
_UPDATE = 100 * _ALONE
_MOST = 256  # lines that wait


class _Threads:
    """Whether programs of ours run on threads, and the products that wait until they do.

    NumPy's library does large products alone as fast, on threads of its own; but two pools of
    threads that wait for work take the cores from each other.
    """

    ours = False
    waiting: ClassVar[deque[Wish]] = deque(maxlen=_MOST)


def quicker(wish: Wish) -> Callable | None:
    """A function of the wish's values that gives what its line gives; None: there is none."""
    try:
        body = _Body(wish)
    except GraphBreak:
        return None
    if not body.outputs or any(0 in v.shape for v in body.given.values()):
        return None
    graph = simplify(body.graph())
    if not graph.steps or _one_call(graph.steps):
        return None
    products = 0 if _Threads.ours else _products(graph)
    if products >= _ALONE:
        return _later(wish)
    over = body.over(graph, wish.over)
    if over is None:
        return None
    native = build(graph, over, keeps=False)  # the allocator has the memory of what came before
    if native is None or native.taken != over.keys():
        return None
    lean = _lean(native, body, wish.line)
    if lean is None and any(u.threads > 1 for u in native.parts if isinstance(u, Unit)):
        if products:
            return _later(wish)
        _join()
    return lean or _wide(native, body, wish.line)


def _later(wish: Wish) -> None:
    _Threads.waiting.append(wish)


def _join() -> None:
    """From now on products are ours as well, those that waited too."""
    _Threads.ours = True
    while _Threads.waiting:
        BENCH.take(_Threads.waiting.popleft())


def _one_call(steps: list[Step]) -> bool:
    """Whether a body is a function of NumPy's on few elements."""
    size = max(v.size for step in steps for v in step.results)
    ufunc = isinstance(getattr(NUMPY, steps[0].word, None), np.ufunc)
    return len(steps) < 2 and size < _SINGLE and ufunc


def _products(graph: Graph) -> int:
    """The work in the products of a body that does little else; 0 where it does."""
    if any(step.word in DEAR or step.word in convolution.WORDS for step in graph.steps):
        return 0
    found = [s for s in graph.steps if s.word in ("matmul", "matmul_rows")]
    return sum(s.result.size * s.args[0].shape[-1] for s in found) // 8


class _Body:
    """A body as a graph.

    given: position among the values -> the symbol of an array.
    results: for each result its number among the outputs, or the name of the value that it is.
    """

    def __init__(self, wish: Wish) -> None:
        self.capture = Capture([], {})
        self.every = ", ".join(f"a{i}" for i in range(len(wish.values)))  # the line's parameters
        self.given: dict[int, Symbol] = {}
        values = [
            self._given(i, v) if v.__class__ is MetaArray else v for i, v in enumerate(wish.values)
        ]
        made = wish.body(self.capture, *values, **wish.params)
        self.many = made.__class__ in (tuple, list)
        self.outputs: list[Symbol] = []
        self.results = [self._result(x) for x in (made if self.many else [made])]

    def _given(self, i: int, v: MetaArray) -> Symbol:
        made = self.given[i] = self.capture.symbol(v.shape, v.dtype)
        self.capture.inputs.append(("arg", i, made))
        return made

    def _result(self, x: Any) -> Any:
        if x is None:
            return "None"
        if x.__class__ is not Symbol:
            self.capture.stop("a result that is no array of the trace")
        for i, symbol in self.given.items():
            if x is symbol:
                return f"a{i}"
        known = [s.id for s in self.outputs]  # symbols have no `==` of Python's
        if x.id not in known:
            self.outputs.append(x)
        return (*known, x.id).index(x.id)

    def over(self, graph: Graph, places: tuple) -> dict[int, Value] | None:
        """The inputs that outputs are written over; None where one is another input's value."""
        found: dict[int, Value] = {}
        for made, place in zip(self.results, places):
            if made == f"a{place}":
                continue
            if made.__class__ is not int or made in found:
                return None
            found[made] = graph.inputs[list(self.given).index(place)]
        return found

    def graph(self) -> Graph:
        """What was traced; its inputs are the arrays in their order."""
        return self.capture.graph(self.outputs)

    def function(self, rows: list[str], names: list[str], scope: dict[str, Any]) -> Callable:
        """A function of the values that runs `rows` and gives the results, outputs by name."""
        spelt = [r if isinstance(r, str) else names[r] for r in self.results]
        told = ", ".join(spelt) + "," * self.many
        lines = [f"def line({self.every}):", *(f"    {row}" for row in rows), f"    return {told}"]
        exec(compile("\n".join(lines), "<eager>", "exec"), scope)
        return scope["line"]


def _lean(native: Native, body: _Body, line: Callable) -> Callable | None:
    """The call of a single function on one thread, its outputs new memory."""
    units = [p for p in native.parts if isinstance(p, Unit)]
    if len(units) != 1 or any(p.tidy for p in native.parts if not isinstance(p, Unit)):
        return None
    (unit,) = units
    most = _UPDATE if native.taken else _ALONE
    if unit.work >= most or unit.clock is not None or unit.streams:
        return None
    homes = _homes(native, unit)
    read = [(i, v) for i, v in zip(body.given, native.graph.inputs) if v.id in unit.given]
    if homes is None or len(read) + len(native.fused.constants) < len(unit.given):
        return None
    for v, array in native.fused.constants.items():
        if v in unit.given:
            whole = unit.slots[v] in unit.objects
            unit.table[unit.slots[v]] = id(array) if whole else array.__array_interface__["data"][0]
    slots = [unit.slots[v] for v in (*(v.id for _, v in read), *homes)]
    slots = [(slot, slot in unit.objects) for slot in slots]
    run = leaf(unit.entry, unit.table, slots, len(unit.slots) + 1)
    if run is None:
        return None
    scope: dict[str, Any] = {
        "run": run, "empty": np.empty, "tidy": tidy, "other": line, "native": native
    }  # fmt: skip
    rows = []
    fresh = [k for k in range(len(native.graph.outputs)) if k not in native.taken]
    for k in fresh:
        v = native.graph.outputs[k]
        scope |= {f"s{k}": v.shape, f"d{k}": v.dtype}
        rows.append(f"o{k} = empty(s{k}, d{k})")
    made = "".join(f", o{k}" for k in fresh)
    given = ", ".join(f"a{i}" for i, _ in read)
    tidied = ", ".join(f"tidy(a{i})" for i, _ in read)
    again = "" if native.taken else f" and not run({tidied}{made})"
    rows.append(f"if not run({given}{made}){again}: return other({body.every})")
    return body.function(rows, _names(native), scope)


def _homes(native: Native, unit: Unit) -> list[int] | None:
    """For each output the buffer that is it, or that it shows whole; None where one is neither."""
    fused, fresh = native.fused, {v.id for v in unit.fresh}
    outs = [v for k, v in enumerate(native.graph.outputs) if k not in native.taken]
    homes = [fused.base[v.id] for v in outs]
    ids = [v.id for v in homes]
    for v, home in zip(outs, homes):
        whole = fused.seen[v.id].contiguous and v.size == home.size and v.dtype == home.dtype
        if home.id not in fresh or ids.count(home.id) > 1 or not whole:
            return None
    return ids if fresh == set(ids) else None


def _wide(native: Native, body: _Body, line: Callable) -> Callable:
    """The call of a program with several parts, or threads."""
    scope: dict[str, Any] = {"run": native.run, "Refused": Refused, "other": line, "native": native}
    given = ", ".join(f"a{i}" for i in body.given)
    made = ", ".join(f"o{k}" for k in range(len(body.outputs)))
    rows = [f"try: {made}, = run({given})", f"except Refused: return other({body.every})"]
    return body.function(rows, _names(native), scope)


def _names(native: Native) -> list[str]:
    """What a line gives for each output: nothing for one in place."""
    outs = range(len(native.graph.outputs))
    return ["None" if k in native.taken else f"o{k}" for k in outs]
