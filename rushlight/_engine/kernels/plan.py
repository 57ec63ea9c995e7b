"""In how many sweeps over its rows a nest is done, and which values outlive a sweep."""

from dataclasses import replace

from ..builder import Kind
from ..graph import Step, Value
from .nest import Nest, kind
from .totals import REDUCTIONS
from .words import DEAR

_DEAR = 10  # words of arithmetic that one elementary function costs
GRAIN = 1 << 15  # words on elements that a thread takes at once


def eased(nest: Nest) -> Nest:
    """The nest with one division for each row where it had one for each element."""
    top = max([0, *nest.loads, *(s.result.id for s in nest.steps)]) + 1
    steps: list[Step] = []
    thin = set(nest.thin)
    for step in nest.steps:
        if step.word == "divide" and _by_thin(nest, step):
            below = step.args[1]
            inverse = Value(top, below.shape, step.result.dtype)
            top += 1
            thin.add(inverse.id)
            steps.append(Step((inverse,), "divide", (1.0, below)))
            step = Step(step.results, "multiply", (step.args[0], inverse))
        steps.append(step)
    return replace(nest, steps=steps, thin=thin)


def _by_thin(nest: Nest, step: Step) -> bool:
    given = [a for a in step.args if a.__class__ is Value]
    return (
        len(given) == 2
        and step.result.dtype.name == "float32"
        and step.result.id not in nest.thin
        and given[0].id not in nest.thin
        and given[1].id in nest.thin
    )


class Plan:
    """The sweeps of a nest: one more than the reductions that wait for each other.

    Args:
        nest: the rows.
        across: whether vectors lie across the rows, along the last leading axis.
    """

    def __init__(self, nest: Nest, across: bool = False) -> None:
        self.nest, self.across = nest, across
        self.steps = {s.result.id: s for s in nest.steps}
        self.levels = self._levels()  # for each value, the sweeps that must be over before it
        used = [self.levels[v] for v, _ in nest.stores if v not in nest.thin]
        used += [self.levels[s.result.id] - 1 for s in nest.steps if s.word in REDUCTIONS]
        used += [self.levels[v] for v, _ in nest.sums]
        self.sweeps = max(used, default=-1) + 1
        self.kept: dict[int, int] = {}  # value -> the sweep that it is kept from
        self.costs = [0] * self.sweeps
        self._walk()

    def _levels(self) -> dict[int, int]:
        levels = dict.fromkeys(self.nest.loads, 0)
        for step in self.nest.steps:
            level = max((levels.get(v.id, 0) for v in step.values()), default=0)
            levels[step.result.id] = level + (step.word in REDUCTIONS)
        return levels

    def reductions(self, level: int) -> list[Step]:
        """Those that are made in a sweep."""
        return [
            s
            for s in self.nest.steps
            if s.word in REDUCTIONS and self.levels[s.result.id] == level + 1
        ]

    def thin(self, level: int) -> list[Step]:
        """What has one element for each row and is at hand before a sweep."""
        nest = self.nest
        return [
            s for s in nest.steps
            if s.result.id in nest.thin and s.word not in REDUCTIONS
            and self.levels[s.result.id] == level
        ]  # fmt: skip

    def kind(self, v: int) -> Kind:
        step = self.steps.get(v)
        return self.nest.loads[v].kind if step is None else kind(step.result)

    def stores(self, level: int) -> list:
        """What a sweep stores at each place."""
        full = [(v, o) for v, o in self.nest.stores if v not in self.nest.thin]
        return [(v, o) for v, o in full if self.levels[v] == level]

    def sums(self, level: int) -> list:
        """The sums down the columns that a sweep adds to: the last one has all at hand."""
        return self.nest.sums if level == self.sweeps - 1 else []

    def saved(self, level: int) -> list[int]:
        """The values that a sweep keeps for later ones."""
        return [v for v, s in self.kept.items() if s == level]

    @property
    def cost(self) -> int:
        """Words of arithmetic and memory for each element, over all sweeps."""
        memory = len(self.nest.loads) + len(self.nest.stores) + 2 * len(self.nest.sums)
        return max(sum(self.costs) + memory, 1)

    def _walk(self) -> None:
        """Follow each sweep from what it makes down to its loads: what is met again is kept."""
        made: dict[int, int] = {}
        for level in range(self.sweeps):
            roots = [s.args[0].id for s in self.reductions(level)]
            self.costs[level] = len(roots)
            seen: set[int] = set()
            for v in [*roots, *(v for v, _ in self.stores(level) + self.sums(level))]:
                self._needs(v, level, made, seen)

    def _needs(self, v: int, level: int, made: dict[int, int], seen: set[int]) -> None:
        if v in seen or v in self.nest.thin:
            return
        seen.add(v)
        if made.setdefault(v, level) < level and self._is_dear(v):
            self.kept[v] = made[v]
            return
        step = self.steps.get(v)
        if step is not None:
            self.costs[level] += _DEAR if step.word in DEAR else 1
            for a in step.values():
                self._needs(a.id, level, made, seen)

    def _is_dear(self, v: int) -> bool:
        """Whether making a value again costs more than loading it: functions, scattered loads."""
        if v in self.nest.thin:
            return False
        if v in self.nest.loads:
            o = self.nest.loads[v]
            return (o.lead[-1] if self.across else o.along) not in (0, 1)
        step = self.steps[v]
        return step.word in DEAR or any(self._is_dear(a.id) for a in step.values())
