"""A graph as native programs, with NumPy between them for the words that have no kernel."""

import os
import warnings
from collections.abc import Callable, Iterable
from functools import cache
from importlib.util import find_spec
from math import prod
from sys import getrefcount
from typing import Any

from .._arrays.strides import tidy
from .._core.memory import empty
from .assemble import assembled
from .attention import attended
from .forked import lock
from .fuse import Fused
from .graph import Graph, Step, Value
from .group import Group
from .kernels.totals import REDUCTIONS
from .log import outlined, outside, say, wanted
from .loops import hoisted, unrolled
from .lower import lowered
from .shared import shared
from .straight import Refused, Straight
from .threads import pool
from .unit import Unit

_BRIEF = 300_000  # work of an eager line that may run on one thread though it has two


def runner(
    graph: Graph,
    over: dict[int, Value] | None = None,
    fixed: Iterable[int] = (),
    exact: bool = False,
) -> "Native | Straight":
    """The fastest way there is to run a graph: kernels where they can be had, NumPy's words else.

    Environment:
        RUSHLIGHT_ENGINE: 0 leaves everything to NumPy.
    """
    made = build(graph, over, fixed, exact) if enabled() else None
    return Straight(graph, over) if made is None else made


def enabled() -> bool:
    """Whether kernels are made: the extra is there, and the user did not switch it off."""
    return os.environ.get("RUSHLIGHT_ENGINE", "1") != "0" and installed()


def build(
    graph: Graph,
    over: dict[int, Value] | None = None,
    fixed: Iterable[int] = (),
    exact: bool = False,
    keeps: bool = True,
) -> "Native | None":
    """The graph as a function of arrays; None where nothing in it would be native.

    Args:
        graph: what to run.
        over: output number -> input whose memory it takes over once that is read no more.
        fixed: inputs that are the same array mostly: their addresses are remembered.
        exact: the arrays have the strides of the graph's inputs; else any may come.
        keeps: memory of outputs that nobody holds any more is used again.
    """
    if not installed():
        return None
    try:
        fused = _fused(graph, exact)
        if not any(g.native for g in fused.groups):
            return None
        return Native(fused, over or {}, set(fixed), keeps)
    except Exception as error:
        _say_once(f"{type(error).__name__}: {error}")
        return None


def _fused(graph: Graph, exact: bool) -> Fused:
    fused = Fused(_prepared(graph), exact)
    if any(g.loop is not None and not g.native for g in fused.groups):
        fused = Fused(_prepared(unrolled(graph)), exact)
    return fused


def outline(graph: Graph, made: "Native | Straight") -> str:
    """What runs a graph, as text: its kernels and buffers."""
    if isinstance(made, Straight):
        return f"NumPy, step by step; buffers: {len(made.owner)} used again"
    units = [p for p in made.parts if isinstance(p, Unit)]
    values, size = sum(len(u.offsets) for u in units), sum(u.size for u in units)
    kernels = outlined(_fused(graph, made.exact).groups)
    return f"kernels\n{kernels}\nbuffers: {values} values share {size:,} bytes"


def _prepared(graph: Graph) -> Graph:
    """The graph in words that kernels have, bodies of loops too."""
    return shared(hoisted(lowered(assembled(attended(graph))), _body))


def _body(graph: Graph, often: set[int]) -> Graph:
    return shared(lowered(assembled(graph)), often)


@cache
def installed() -> bool:
    """Whether the extra `fast` is there."""
    return find_spec("llvmlite") is not None


@cache
def _say_once(error: str) -> None:
    """A program that cannot be compiled runs in NumPy, with the same results."""
    warnings.warn(
        f"rushlight.compile: no native program ({error}); NumPy runs it", stacklevel=outside()
    )


class Native:
    """The function that a graph is: `run(*arrays)` gives its outputs; `taken`: those in place."""

    def __init__(
        self, fused: Fused, over: dict[int, Value], fixed: set[int], keeps: bool = True
    ) -> None:
        self.fused, self.graph, self.fixed, self.keeps = fused, fused.graph, fixed, keeps
        self.exact, self.base, self.constants = fused.exact, fused.base, fused.constants
        self._lifetimes()
        self.home: dict[int, Value] = {}  # an output's value -> the input that it is written over
        self.taken: set[int] = set()
        self._take(over)
        self.parts: list[Any] = []
        self._assemble()
        if wanted("kernels"):
            say(f"rushlight: kernels\n{outlined(fused.groups)}")
        self._bind()

    @classmethod
    def again(cls, **told: Any) -> "Native":
        """The same program from its parts and where its outputs lie: its graph has no steps."""
        made = cls.__new__(cls)
        made.__dict__.update(told)
        made._bind()
        return made

    def _bind(self) -> None:
        self.source, scope = self._source()
        exec(compile(self.source, "<native>", "exec"), scope)
        self.run: Callable[..., tuple] = scope["run"]
        self.quiet = all(isinstance(p, Unit) for p in self.parts)  # NumPy would warn of NaN

    def _lifetimes(self) -> None:
        """For each base value: the groups that read it (an output: one past the last)."""
        outside = len(self.fused.groups)
        self.readers: dict[int, list[int]] = {v: [outside] for v in self.fused.moving}
        base, makers = self.fused.base, self.fused.makers
        for group in self.fused.groups:
            for step in group.steps:
                for v in step.values():
                    v = base[v.id]
                    if v.id in self.fused.moving:
                        v = self.fused.moving[v.id].base
                    maker = makers.get(v.id)
                    again = maker is None or maker.loop is not group.loop  # in each turn
                    at = group.span[1] if again else group.at
                    self.readers.setdefault(v.id, []).append(at)
            if group.refusal is not None:  # a late thread reads it while others run the next group
                self.readers.setdefault(group.refusal.id, []).append(group.at + 1)
        for whole, at in self.fused.born.items():
            self.readers.setdefault(whole, []).extend(at)
        for v in self.graph.outputs:
            self.readers.setdefault(base[v.id].id, []).append(len(self.fused.groups))

    def _take(self, over: dict[int, Value]) -> None:
        """Outputs written over their inputs: where nobody reads the input later, or elsewhere."""
        groups = self.fused.groups
        bound = (g.at for g in groups if g.refusal or any(s.effect for s in g.steps))
        safe = max(bound, default=-1)
        outs = [v.id for v in self.graph.outputs]
        for k, given in over.items():
            v = self.graph.outputs[k]
            group = self.fused.makers.get(v.id)
            if group is None or not group.native or group.at <= safe or outs.count(v.id) > 1:
                continue
            if v.id in self.fused.born:
                continue
            if any(at > group.at for at in self.readers.get(given.id, ())) or given.id in outs:
                continue
            if v.shape == given.shape and given.contiguous and self._read_in_place(group, given):
                self.home[v.id] = given
                self.taken.add(k)

    def _read_in_place(self, group: Group, given: Value) -> bool:
        """Whether a group reads an input only at the place that it writes."""
        if group.product is not None and group.product.word in ("put", "scatter"):
            x, *others = group.product.values()
            mine = [self.fused.base[v.id].id == given.id for v in others]
            return self.fused.base[x.id].id == given.id and x.shape == given.shape and not any(mine)
        for step in group.steps:
            for v in step.values():
                if self.fused.base[v.id].id == given.id and (
                    step is group.product
                    or step.word in REDUCTIONS
                    or v.shape != step.result.shape
                    or not self.fused.seen[v.id].contiguous
                ):
                    return False
        return given.shape == group.lead or given.size == prod(group.shape)

    # -- parts

    def _assemble(self) -> None:
        """Neighbouring native groups become one program; NumPy's groups stay calls."""
        run: list[Group] = []
        for group in [*self.fused.groups, None]:
            if group is not None and group.native:
                run.append(group)
                continue
            if run:
                known = self.fixed | set(self.fused.constants)
                self.parts.append(Unit(self.fused, run, self.readers, self.home, known))
                run = []
            if group is not None:
                self.parts.append(self._numpy(group.steps, group.at))
        views = [v for v in self.graph.outputs if v.id in self.fused.views]
        if views:
            self.parts.append(self._views(views))

    def _chain(self, v: Value, found: dict[int, Step]) -> None:
        """The view steps that lead to a value."""
        step = self.fused.views.get(v.id)
        if step is not None and v.id not in found:
            self._chain(step.args[0], found)
            found[v.id] = step

    def _numpy(self, steps: list[Step], at: int) -> "Call":
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
            v for s in steps for v in s.results if any(r > at for r in self.readers.get(v.id, ()))
        ]
        return Call(list(given.values()), ordered, outs)

    def _views(self, views: list[Value]) -> "Call":
        chain: dict[int, Step] = {}
        for v in views:
            self._chain(v, chain)
        given = {v.id: v for s in chain.values() for v in s.values() if v.id not in chain}
        return Call(list(given.values()), list(chain.values()), views, tidy=False)

    # -- the run

    def _source(self) -> tuple[str, dict[str, Any]]:
        """The run as Python: addresses into tables, one call for each part."""
        scope: dict[str, Any] = {
            "lock": lock(), "run_on": pool().run if self._units() else None,
            "empty": empty,
            "count": getrefcount, "tidy": tidy, "Refused": Refused,
            "parts": self.parts,  # the function may outlive this object: their memory is its own
        }  # fmt: skip
        rows = [f"def run({', '.join(f'v{v.id}' for v in self.graph.inputs)}):", "  with lock:"]
        if not self.exact:
            rows += [f"    v{v.id} = tidy(v{v.id})" for v in self.graph.inputs]
        for v, array in self.constants.items():
            scope[f"K{v}"] = array
            rows.append(f"    v{v} = K{v}")
        last = self._last_parts()
        for at, part in enumerate(self.parts):
            call = isinstance(part, Call)
            lines = part.lines(f"{at}", scope) if call else self._unit(part, at, scope)
            dead = [f"v{v}" for v, k in last.items() if k == at]
            rows += [f"    {line}" for line in lines] + [f"    del {', '.join(dead)}"] * bool(dead)
        made = ", ".join(self._returned(k, v) for k, v in enumerate(self.graph.outputs))
        rows.append(f"    return ({made},)" if made else "    return ()")
        return "\n".join(rows), scope

    def _units(self) -> list[Unit]:
        return [p for p in self.parts if isinstance(p, Unit)]

    def _last_parts(self) -> dict[int, int]:
        """For each array that parts hand on and that is no output: the part that reads it last."""
        outs = {self.base[v.id].id for v in self.graph.outputs}
        outs |= {v.id for v in self.graph.outputs} | {v.id for v in self.graph.inputs}
        made, last = set(), {}
        for at, part in enumerate(self.parts):
            given = part.given if isinstance(part, Unit) else [v.id for v in part.given]
            last.update((v, at) for v in given if v in made)
            made |= {v.id for v in (part.fresh if isinstance(part, Unit) else part.outs)} - outs
            last.update((v, at) for v in made if v not in last)
        return last

    def _unit(self, unit: Unit, at: int, scope: dict) -> list[str]:
        """Lines that fill a unit's table, run it, and name what it made."""
        table, seen, out = f"T{at}", f"S{at}", f"F{at}"
        scope |= {table: unit.table, seen: {}, out: {}}
        rows = []
        for v in unit.given:
            address = f"{table}[{unit.slots[v]}] = v{v}.__array_interface__['data'][0]"
            if unit.slots[v] in unit.objects:
                rows.append(f"{table}[{unit.slots[v]}] = id(v{v})")
            elif v in self.fixed or v in self.constants:
                scope[seen][v] = None
                rows.append(
                    f"if {seen}[{v}] is not v{v}: {seen}[{v}] = None; {address}; {seen}[{v}] = v{v}"
                )
            else:
                rows.append(address)
        for number, stream in unit.streams.items():
            scope[name := f"G{at}_{-number}"], scope["state_of"] = stream, state_of
            rows.append(f"{table}[{unit.slots[number]}] = state_of({name})")
        for v in unit.fresh:
            # Fresh pages cost more than most arithmetic: what nobody holds any more is used again.
            # (It is put there last: what Ctrl-C leaves half done is done again.)
            scope[out][v.id], name = None, f"v{v.id}"
            scope[f"s{v.id}"], scope[f"d{v.id}"] = v.shape, v.dtype
            address = f"{name}.__array_interface__['data'][0]"
            if unit.slots[v.id] in unit.objects:
                address = f"id({name})"
            address = f"{table}[{unit.slots[v.id]}] = {address}"
            if not self.keeps:
                rows.append(f"{name} = empty(s{v.id}, d{v.id}); {address}")
                continue
            rows.append(f"{name} = {out}[{v.id}]")
            rows.append(
                f"if {name} is None or count({name}) > {_held()}: {out}[{v.id}] = None; "
                f"{name} = empty(s{v.id}, d{v.id}); {address}; {out}[{v.id}] = {name}"
            )
        # Of many lines in turn a long one does not go alone: its partner would sleep, and be late
        # at the next. Where both threads got one core, which lasts, short ones are better alone.
        scope[f"P{at}"] = unit.pace if self.keeps or unit.work < _BRIEF else None
        run = f"run_on({unit.entry}, {unit.address}, {unit.threads}, P{at})"
        if unit.threads == 1:
            scope[f"O{at}"] = unit.alone
            run = f"O{at}({unit.address})"
        if unit.clock is None:
            rows.append(run)
        else:
            scope |= {f"B{at}": unit.clock.start, f"N{at}": unit.clock.note, f"A{at}": unit.stamps}
            rows.append(f"B{at}(); {run}; N{at}(A{at}())")
        if unit.refusals:
            scope[f"R{at}"] = unit.refused
            rows.append(f"if {table}[{len(unit.slots) + 1}]: raise Refused(R{at}())")
        return rows + [f"v{v} = v{given.id}" for v, given in unit.over]

    def _returned(self, k: int, v: Value) -> str:
        if k in self.taken:
            return f"v{self.home[v.id].id}"
        given = {x.id for x in self.graph.inputs} | set(self.constants)
        outs = [self.base[x.id].id for x in self.graph.outputs]
        base = self.base[v.id].id
        shared = base in given or outs.count(base) > 1 or base != v.id
        return f"v{v.id}.copy()" if shared else f"v{v.id}"


class Call:
    """A run of steps in NumPy; `tidy`: its results are put in order in memory, for kernels."""

    def __init__(
        self, given: list[Value], steps: list[Step], outs: list[Value], tidy: bool = True
    ) -> None:
        self.given, self.outs, self.tidy = given, outs, tidy
        self.straight = Straight(Graph(given, steps, outs))

    def lines(self, name: str, scope: dict) -> list[str]:
        """The call, and the names of what it made."""
        scope[f"C{name}"] = self.straight.run
        made = "".join(f"v{v.id}, " for v in self.outs)
        rows = [f"{made}{'= ' if made else ''}C{name}({', '.join(f'v{v.id}' for v in self.given)})"]
        if self.tidy:
            rows += [f"v{v.id} = tidy(v{v.id})" for v in self.outs]
        return rows


@cache
def _held() -> int:
    """The count of what only a dictionary and a name hold: three, or less where Python borrows."""
    scope: dict[str, Any] = {"count": getrefcount}
    exec("def held():\n  kept = {0: []}\n  made = kept[0]\n  return count(made)", scope)
    return scope["held"]()


def state_of(stream: Any) -> int:
    """The address of a stream's state."""
    return (stream._bits or stream._open()).ctypes.state_address
