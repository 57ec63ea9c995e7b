"""A function whose result wants gradients: its backward pass, traced with it, as one node."""

from typing import Any

import numpy as np

from .._core import modes
from .._core.backward import walk_for
from .._core.tape import Node, TensorBase, freed, ndarray, stale, ticks
from .._core.views import edge
from .capture import Capture
from .graph import VIEWS, Graph, Step, Value
from .native import runner
from .simplify import dead


class Joint:
    """The gradients of a trace's outputs for the tensors from outside, as symbols of the trace.

    seeds: the symbol of each output's own gradient; leaves: (how, what, symbol of the gradient).
    """

    def __init__(self, capture: Capture, outputs: list[TensorBase]) -> None:
        self.seeds = [capture.symbol(t.array.shape, t.array.dtype) for t in outputs]
        capture.inputs += (("seed", None, seed) for seed in self.seeds)
        roots = [edge(t) for t in outputs]
        with modes.no_grad():
            walk = walk_for([t.array for t in outputs], True, False, outputs[0].device)
            found = walk.run(list(zip(roots, self.seeds)))
        self.leaves = []
        for leaf, g in found.items():
            met = capture.met.get(id(leaf))
            if met is None or not met.root:
                continue
            how, what = next((h, w) for h, w, s in capture.inputs if s is met.symbol)
            if how == "grad":
                capture.stop("the result hangs on a gradient from outside; detach that")
            self.leaves.append((how, what, g))


class CompiledFunction(Node):
    """The node of one call of a compiled function."""

    __slots__ = ()


CompiledFunction.__name__ = CompiledFunction.__qualname__ = "CompiledFunctionBackward"


class Backward:
    """Both halves of a joint graph, and the plan of the node between them.

    Args:
        graph: its outputs are `count` results, then one gradient for each of the joint's leaves.
    """

    def __init__(self, joint: Joint, graph: Graph, count: int, changed: set[int]) -> None:
        self.joint, self.count, self.changed = joint, count, changed
        seeds = {s.id for s in joint.seeds}
        self.forward_steps = dead(Graph([], graph.steps, graph.outputs[:count])).steps
        before = {v.id for s in self.forward_steps for v in s.results}
        given = {v.id for v in graph.inputs if v.id not in seeds}
        makers = graph.makers()
        steps, saved = self._back(graph, before | given, makers)
        self.kept = [v for v in saved if v.id in before]  # made on the way
        self.from_inputs = [v for v in saved if v.id in given]
        self.inputs = [v for v in graph.inputs if v.id not in seeds]
        outs = graph.outputs[:count] + self.kept
        self.forward_graph = Graph(self.inputs, self.forward_steps, outs).check()
        heads = self.kept + self.from_inputs + [v for v in graph.inputs if v.id in seeds]
        self.graph = Graph(heads, steps, graph.outputs[count:]).check()
        ours, theirs = runner(self.forward_graph, exact=True), runner(self.graph)
        self.forward, self.backward = ours.run, theirs.run
        self.runs = (self.forward_graph, ours), (self.graph, theirs)
        self.fields = ()

    def _back(self, graph: Graph, known: set, makers: dict) -> tuple[list[Step], list[Value]]:
        """The backward steps, and what they read of the forward pass; views are made again."""
        needed = {v.id: v for v in graph.outputs[self.count :]}
        steps: list[Step] = []
        saved: list[Value] = []
        for step in reversed(graph.steps):
            made = [v for v in step.results if v.id in needed]
            if not made:
                continue
            again = step.word in VIEWS and step.args and step.args[0].__class__ is Value
            if made[0].id in known and not again:
                saved += made
                continue
            steps.append(step)
            needed.update((v.id, v) for v in step.values())
        saved += [v for v in graph.inputs if v.id in needed and v.id in known]
        return steps[::-1], saved

    def node(self, outs: tuple, arrays: list, owners: list, tensors: list) -> Node:
        """The node of a call; `owners` are the tensors that the arrays belong to (or None)."""
        node = object.__new__(CompiledFunction)
        node.tick, node.extra, node.shapes = next(ticks), None, None
        leaves = (tensors[what] if how == "arg" else what for how, what, _ in self.joint.leaves)
        node.edges = tuple(map(edge, leaves))
        place = {v.id: i for i, v in enumerate(self.inputs)}
        at = [place[v.id] for v in self.from_inputs]
        held, inputs = [], []
        for i, v in zip(at, self.from_inputs):
            # Written by this very program, or by the next run: the value is kept.
            written = v.id in self.changed or owners[i] is None
            inputs.append(arrays[i].copy() if written else arrays[i])
            held.append(None if written else (owners[i], owners[i].version[0]))
        kept = [*outs[self.count :], *inputs]
        node.saved = (self, kept, held)
        return node

    def run(self, g: list, node: Node) -> tuple:
        """The gradients for the node's edges."""
        _, kept, held = node.saved
        for pair in held:
            if pair is not None and pair[0].version[0] != pair[1]:
                stale(node, pair[0], pair[0].version[0], pair[1])
        seeds = [
            np.zeros(s.shape, s.dtype) if x is None else np.asarray(x)
            for x, s in zip(g, self.joint.seeds)
        ]
        with np.errstate(all="ignore"):
            return self.backward(*kept, *seeds)


class _Plan:
    """How the walk runs such a node."""

    fields: tuple = ()

    def run(self, m: Any, g: Any, node: Node, lift: Any) -> Any:
        if node.saved is None:
            freed()
        gs = g if isinstance(g, list) else [g]
        if lift is not None or any(
            x is not None and not isinstance(x, (ndarray, np.generic)) for x in gs
        ):
            raise RuntimeError(
                "torch.compile with aot_autograd does not currently support double backward. "
                "Compile the whole step, backward pass included, or leave this function eager."
            )
        return list(node.saved[0].run(gs, node))


CompiledFunction.plan = _Plan()
