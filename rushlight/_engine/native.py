"""A graph as native programs, with NumPy between them for the words that have no kernel."""

import threading
import warnings
from functools import cache, partial
from importlib.util import find_spec
from sys import getrefcount
from typing import Any

import numpy as np

from . import cache as disk
from .builder import I64, POINTER, Module, kind_of
from .fuse import Fused, Group, along
from .graph import Graph, Step, Value
from .kernels import matmul, rows
from .kernels.matmul import Product
from .kernels.rows import REDUCTIONS, Nest, Operand
from .kernels.words import DEAR
from .load import loaded
from .lower import lowered
from .schedule import arranged
from .straight import Straight
from .targets.host import compiled, host
from .threads import barrier, pool

# Below this much work (elements, dear words counted ten times) waking others does not pay.
_ALONE = 60_000


def build(graph: Graph, over: dict[int, Value] | None = None) -> "Native | None":
    """The graph as a function of arrays; None where nothing in it would be native.

    Args:
        graph: what to run.
        over: output number -> input whose memory it takes over once that is read no more.
    """
    if find_spec("llvmlite") is None:
        return None
    fused = Fused(lowered(graph))
    if not any(g.native for g in fused.groups):
        return None
    try:
        return Native(fused, over or {})
    except (ValueError, RuntimeError, MemoryError, OSError) as error:
        _say_once(error)
        return None


@cache
def _say_once(error: Exception) -> None:
    """A program that cannot be compiled runs in NumPy, with the same results."""
    warnings.warn(f"rushlight.compile: no native program ({error}); NumPy runs it", stacklevel=4)


class Native:
    """The function that a graph is: `run(*arrays)` gives its outputs; `taken`: those in place."""

    def __init__(self, fused: Fused, over: dict[int, Value]) -> None:
        self.fused, self.graph = fused, fused.graph
        self._lock = threading.Lock()
        self._lifetimes()
        self.home: dict[int, Value] = {}  # an output's value -> the input that it is written over
        self.taken: set[int] = set()
        self._take(over)
        self.parts: list[Any] = []
        self._assemble()

    def _lifetimes(self) -> None:
        """For each base value: the groups that read it (an output: one past the last)."""
        self.readers: dict[int, list[int]] = {}
        base = self.fused.base
        for group in self.fused.groups:
            for step in group.steps:
                for v in step.values():
                    self.readers.setdefault(base[v.id].id, []).append(group.at)
        for v in self.graph.outputs:
            self.readers.setdefault(base[v.id].id, []).append(len(self.fused.groups))

    def _take(self, over: dict[int, Value]) -> None:
        """Outputs written over their inputs: where nobody reads the input later, or elsewhere."""
        groups = self.fused.groups
        safe = max(
            (g.at for g in groups for s in g.steps if s.effect or s.word == "check"), default=-1
        )
        outs = [v.id for v in self.graph.outputs]
        for k, given in over.items():
            v = self.graph.outputs[k]
            group = self.fused.makers.get(v.id)
            if group is None or not group.native or group.at <= safe or outs.count(v.id) > 1:
                continue
            if any(at > group.at for at in self.readers.get(given.id, ())) or given.id in outs:
                continue
            if v.shape == given.shape and self._read_in_place(group, given):
                self.home[v.id] = given
                self.taken.add(k)

    def _read_in_place(self, group: Group, given: Value) -> bool:
        """Whether a group reads an input only at the place that it writes."""
        for step in group.steps:
            for v in step.values():
                if self.fused.base[v.id].id == given.id and (
                    step is group.product
                    or step.word in REDUCTIONS
                    or v.shape != step.result.shape
                    or not self.fused.seen[v.id].contiguous
                ):
                    return False
        return tuple(given.shape) in (group.shape, group.lead)

    # -- parts

    def _assemble(self) -> None:
        """Neighbouring native groups become one program; NumPy's groups stay calls."""
        run: list[Group] = []
        for group in [*self.fused.groups, None]:
            if group is not None and group.native:
                run.append(group)
                continue
            if run:
                self.parts.append(_Program(self, run))
                run = []
            if group is not None:
                self.parts.append(self._numpy(group.steps, group.at))
        views = [v for v in self.graph.outputs if v.id in self.fused.views]
        self.last = self._views(views) if views else None

    def _chain(self, v: Value, found: dict[int, Step]) -> None:
        """The view steps that lead to a value."""
        step = self.fused.views.get(v.id)
        if step is not None and v.id not in found:
            self._chain(step.args[0], found)
            found[v.id] = step

    def _numpy(self, steps: list[Step], at: int) -> Any:
        chain: dict[int, Step] = {}
        made = {v.id for s in steps for v in s.results}
        ordered: list[Step] = []
        for step in steps:
            for v in step.values():
                before = set(chain)
                self._chain(v, chain)
                ordered += [s for k, s in chain.items() if k not in before]
            ordered.append(step)
        known = made | set(chain)
        given = {v.id: v for s in ordered for v in s.values() if v.id not in known}
        outs = [
            v for s in steps for v in s.results
            if any(r > at for r in self.readers.get(v.id, ()))
        ]  # fmt: skip
        return _Call(list(given.values()), ordered, outs)

    def _views(self, views: list[Value]) -> Any:
        chain: dict[int, Step] = {}
        for v in views:
            self._chain(v, chain)
        given = {v.id: v for s in chain.values() for v in s.values() if v.id not in chain}
        return _Call(list(given.values()), list(chain.values()), views)

    # -- the run

    def run(self, *arrays: np.ndarray) -> tuple:
        """The outputs for these inputs."""
        with self._lock:
            env: dict[int, np.ndarray] = {}
            for v, a in zip(self.graph.inputs, arrays):
                env[v.id] = a if a.flags.c_contiguous else np.ascontiguousarray(a).reshape(a.shape)
            for part in self.parts:
                part.run(env)
            if self.last is not None:
                self.last.run(env)
            given = {v.id: a for v, a in zip(self.graph.inputs, arrays)}
            return tuple(self._returned(k, v, env, given) for k, v in enumerate(self.graph.outputs))

    def _returned(self, k: int, v: Value, env: dict, given: dict) -> np.ndarray:
        made = env[v.id]
        if k in self.taken:
            mine = given[self.home[v.id].id]
            if made is not mine:  # the input was not contiguous: its copy was written
                mine[...] = made
            return mine
        outs = [self.fused.base[x.id].id for x in self.graph.outputs]
        base = self.fused.base[v.id].id
        shared = base in given or outs.count(base) > 1 or base != v.id
        return made.copy() if shared else made


class _Call:
    """A run of steps in NumPy."""

    def __init__(self, given: list[Value], steps: list[Step], outs: list[Value]) -> None:
        self.given, self.outs = given, outs
        self.straight = Straight(Graph(given, steps, outs)).run

    def run(self, env: dict[int, np.ndarray]) -> None:
        """The steps on the arrays in `env`, their results added to it."""
        for v, a in zip(self.outs, self.straight(*[env[v.id] for v in self.given])):
            env[v.id] = np.ascontiguousarray(a).reshape(v.shape)


class _Program:
    """Neighbouring nests as one native function, its buffers, and what calls it."""

    def __init__(self, owner: Native, groups: list[Group]) -> None:
        self.owner, self.groups = owner, groups
        self.slots: dict[int, int] = {}
        self.kept = _kept(owner, groups)
        nests = [self._nest(group) for group in groups]
        first, last = groups[0].at, groups[-1].at
        made = {v.id: v for g in groups for v in g.made.values() if v.id in self.slots}
        self.fresh = [v for v in made.values() if self._leaves(v, last)]
        self.over = [v for g in groups for v in g.made if v in owner.home]
        leaves = {v.id for v in self.fresh}
        makers = owner.fused.makers
        lives = [
            (v.id, v.size * v.dtype.itemsize, makers[v.id].at,
             max(owner.readers.get(v.id, [first])))
            for v in made.values() if v.id not in leaves
        ]  # fmt: skip
        offsets, size = arranged(lives)
        panels = [n.panel(host()) for n in nests if isinstance(n, Product)]
        panels = max(panels, default=0) * max(pool().threads, 1)
        self.arena = np.zeros(size + matmul.PARTIALS + panels + 128, np.uint8)
        base = -(-self.arena.ctypes.data // 64) * 64
        self.table = np.zeros(len(self.slots) + 1, np.int64)
        self.address = self.table.ctypes.data
        for v, at in offsets.items():
            self.table[self.slots[v]] = base + at
        self.table[-1] = base + size
        inner = set(offsets) | leaves
        self.given = [(v, slot) for v, slot in self.slots.items() if v not in inner]
        self.places = [(v.id, self.slots[v.id], v.shape, v.dtype) for v in self.fresh]
        self.seen: dict[int, Any] = {}
        self.given_out: dict[int, np.ndarray] = {}
        self._compile(nests)

    def _leaves(self, v: Value, last: int) -> bool:
        return max(self.owner.readers.get(v.id, [-1])) > last

    def _slot(self, v: Value) -> int:
        return self.slots.setdefault(v.id, len(self.slots))

    # -- nests

    def _product(self, group: Group, nest: Nest) -> Product:
        """A matrix product, with the group's other steps to follow on each tile."""
        assert group.product is not None
        nest.lead, nest.length = group.shape[:-1], group.shape[-1]
        for o in [*nest.loads.values(), *(o for _, o in nest.stores)]:
            o.lead, o.along = o.lead[:-1], o.lead[-1]
        a, b = group.product.args
        batch = group.shape[:-2]
        left, right = (
            self._operand(v, (*batch, *v.shape[-2:])) for v in (a, b)
        )  # fmt: skip
        return Product(left, right, a.shape[-1], group.product.result.id, nest)

    def _operand(self, v: Value, shape: tuple) -> Operand:
        over, kind = self.owner.fused.over(v, shape), kind_of(v.dtype)
        assert kind is not None
        return Operand(
            self._slot(self.owner.fused.base[v.id]),
            over.offset,
            over.strides[:-1],
            over.strides[-1],
            kind,
        )

    def _nest(self, group: Group) -> "Nest | Product":
        """The group's steps over rows: views become strides, values get one number for each use."""
        fused = self.owner.fused
        nest = Nest(group.lead, int(np.prod(group.shape[len(group.lead) :], dtype=np.int64)))
        nest.thin = {v for v in group.made if v not in group.full} if group.reduced else set()
        uses: dict[tuple, Value] = {}

        def used(v: Value, shape: tuple, thin: bool) -> Value:
            base = fused.base[v.id]
            if base.id in group.made:
                return base
            over = fused.over(v, shape)
            lead = over.strides[: len(group.lead)]
            stride = 0 if thin or not group.reduced else along(over, group.reduced)
            key = (v.id, lead, stride, thin)
            if key not in uses:
                uses[key] = mine = Value(-1 - len(uses), v.shape, v.dtype)
                kind = kind_of(v.dtype)
                assert stride is not None and kind is not None
                nest.loads[mine.id] = Operand(self._slot(base), over.offset, lead, stride, kind)
                if thin:
                    nest.thin.add(mine.id)
            return uses[key]

        for step in group.steps:
            if step is group.product:
                continue
            if step.word in REDUCTIONS:
                nest.steps.append(
                    Step(step.results, step.word, (used(step.args[0], group.shape, False),))
                )
                continue
            thin = step.result.id in nest.thin
            shape = step.result.shape if thin else group.shape
            nest.steps.append(step.replaced(partial(used, shape=shape, thin=thin)))
        self._stores(group, nest)
        if group.product is not None:
            return self._product(group, nest)
        if not group.reduced:
            _collapse(nest)
        nest.shared = nest.rows == 1
        return nest

    def _stores(self, group: Group, nest: Nest) -> None:
        for v in group.made.values():
            if v.id not in self.kept:
                continue
            home = self.owner.home.get(v.id)
            number = self._slot(v if home is None else home)
            kind = kind_of(v.dtype)
            assert kind is not None
            full = v.id in group.full
            strides = fused_strides(group, full)
            nest.stores.append(
                (v.id, Operand(number, 0, strides, int(full and group.reduced > 0), kind))
            )

    # -- code

    def _compile(self, nests: list) -> None:
        target = host()
        work = sum(_work(n) for n in nests)
        self.threads = 1 if work < _ALONE else pool().threads
        key = disk.key_of("program", target.key, repr([_described(n) for n in nests]))
        image = disk.read(key)
        if image is None:
            image = compiled(self._text(nests), target)
            disk.write(key, image)
        self.code = loaded(image, ["program"])
        self.entry = self.code.addresses["program"]

    def _text(self, nests: list) -> str:
        module = Module(host())
        names = [
            matmul.kernel(module, n) if isinstance(n, Product) else rows.kernel(module, n)
            for n in nests
        ]
        f = module.function("program", "buffers:ptr me:i64 threads:i64 control:ptr", shared=True)
        buffers, me, threads, control = f.args
        partials = f.load(buffers.shifted(len(self.slots), I64), POINTER)
        for at, name in enumerate(names):
            if at:
                f.call(barrier(module), control, threads)
            f.call(name, buffers, me, threads, control, partials)
        f.done()
        return str(module)

    # -- the run

    def run(self, env: dict[int, np.ndarray]) -> None:
        """The nests on the arrays in `env`, their results added to it."""
        table, seen, home = self.table, self.seen, self.owner.home
        for v, slot in self.given:
            a = env[v]
            if seen.get(slot) is not a:
                seen[slot] = a
                table[slot] = a.__array_interface__["data"][0]
        for v, slot, shape, dtype in self.places:
            a = self.given_out.get(slot)
            # Fresh pages cost more than most arithmetic: what nobody holds any more is used again.
            # (The dictionary, `a` and the count's own argument hold it: three.)
            if a is None or getrefcount(a) > 3:
                self.given_out[slot] = a = np.empty(shape, dtype)
            env[v] = a
            table[slot] = a.__array_interface__["data"][0]
        pool().run(self.entry, self.address, self.threads)
        for v in self.over:
            env[v] = env[home[v].id]


def _kept(owner: Native, groups: list[Group]) -> set[int]:
    """Values that somebody outside their group reads."""
    return {v for g in groups for v in g.made if any(at != g.at for at in owner.readers.get(v, ()))}


def fused_strides(group: Group, full: bool) -> tuple[int, ...]:
    """Strides along the kept axes of a result that lies in order."""
    size, strides = 1, []
    axes = group.shape if full else group.lead
    for n in reversed(axes):
        strides.append(size)
        size *= n
    return tuple(strides[::-1][: len(group.lead)])


def _collapse(nest: Nest) -> None:
    """Axes that all operands walk through as one become one; the last is the length of a row."""
    operands = [*nest.loads.values(), *(o for _, o in nest.stores)]
    sizes, axes = [], [[] for _ in operands]
    for at, n in enumerate(nest.lead):
        if n == 1 and at < len(nest.lead) - 1:
            continue
        strides = [o.lead[at] for o in operands]
        kept = at == len(nest.lead) - 1 and any(s.word == "position" for s in nest.steps)
        if sizes and not kept and all(a[-1] == s * n for a, s in zip(axes, strides)):
            sizes[-1] *= n
            for a, s in zip(axes, strides):
                a[-1] = s
        else:
            sizes.append(n)
            for a, s in zip(axes, strides):
                a.append(s)
    nest.length = sizes[-1] if sizes else 1
    nest.lead = tuple(sizes[:-1])
    for o, a in zip(operands, axes):
        o.lead, o.along = tuple(a[:-1]), a[-1] if a else 1


def _work(n: Any) -> int:
    """How much a kernel does: a multiply-add counts an eighth of an element's word."""
    if isinstance(n, Product):
        return _work(n.nest) + n.nest.rows * n.nest.length * n.inner // 8
    dear = sum(10 if s.word in DEAR else 1 for s in n.steps)
    return n.rows * n.length * (dear + len(n.loads) + len(n.stores))


def _described(n: Any) -> tuple:
    """All that the text of a kernel depends on."""
    if isinstance(n, Product):
        return ("matmul", n.a, n.b, n.inner, n.value, _described(n.nest))
    steps = [_signature(s) for s in n.steps]
    return ("rows", n.lead, n.length, n.shared, n.loads, n.stores, sorted(n.thin), steps)


def _signature(step: Step) -> str:
    given = [f"{a!r}:{a.dtype}" if isinstance(a, Value) else repr(a) for a in step.args]
    return f"{step.result!r}:{step.result.dtype}={step.word}{given}"
