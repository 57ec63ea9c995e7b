"""Gradients of an op without rules: its body is run again on tensors, and differentiated there."""

from typing import Any

from . import modes
from .kinds import DIFFERENTIABLE
from .record import Op
from .tape import Node, TensorBase, Walk, freed, make, stale
from .views import helpers


class ThroughBody:
    """A plan whose rules are the body's own words."""

    fields: tuple = ()

    def __init__(self, op: Op) -> None:
        self.op = op
        self.node_class = type(op.node_name, (Node,), {"__slots__": (), "plan": self})

    def save(self, flat: list, params: dict) -> tuple:
        """The arguments, with the versions they have."""
        seen = [a.version[0] if isinstance(a, TensorBase) else None for a in flat]
        return list(flat), seen, params

    def run(self, m: Any, g: Any, node: Node, lift: Any) -> list:
        """Run the body on tensors, and walk back over what that recorded."""
        if node.saved is None:
            freed()
        flat, seen, params = node.saved
        for a, v in zip(flat, seen):
            if v is not None and a.version[0] != v:
                stale(node, a, a.version[0], v)
        wanted = [i for i, e in enumerate(node.edges) if e is not None]
        gs = g if isinstance(g, list) else [g]
        if lift is not None and lift.reruns:
            return self._recorded(m, lift, flat, params, wanted, gs)
        inputs = [
            make(a.array, a.device, i in wanted) if isinstance(a, TensorBase) else a
            for i, a in enumerate(flat)
        ]
        with modes.enable_grad():
            outs = self._outputs(inputs, params)
        with modes.no_grad():
            leaves = Walk(m, False, lift, make, lambda t: t.array).run(_roots(outs, gs))
        return [leaves.get(inputs[i]) if i in wanted else None for i in range(len(flat))]

    def _recorded(
        self, m: Any, lift: Any, flat: list, params: dict, wanted: list, gs: list
    ) -> list:
        """The gradients as recorded functions of the arguments.

        Each argument enters through an identity of its own, where the walk stops: an argument that
        depends on another must not pass its gradient on here.
        """
        inputs = [helpers["identity"](a) if i in wanted else a for i, a in enumerate(flat)]
        outs = self._outputs(inputs, params)
        roots = _roots(outs, gs)
        walk = Walk(m, True, lift, lambda t: t, lambda t: t)
        stops = [inputs[i].node for i in wanted]
        walk.ask(stops, [e for e, _ in roots])
        walk.run(roots)
        return [
            walk.found.get((inputs[i].node, 0)) if i in wanted else None for i in range(len(flat))
        ]

    def _outputs(self, inputs: list, params: dict) -> list:
        op = self.op
        if op.lists:
            n = len(inputs) - len(op.arrays) + 1
            inputs = [inputs[:n], *inputs[n:]]
        made = op.body(DIFFERENTIABLE, *inputs, **params)
        made = made[0] if op.keeps else made
        return list(made) if isinstance(made, (tuple, list)) else [made]


def _roots(outs: list, gs: list) -> list:
    return [
        (o.node or o, g)
        for o, g in zip(outs, gs)
        if o is not None and g is not None and o.needs is True
    ]


def through_body(op: Op) -> ThroughBody:
    """The op's plan, made once."""
    found = op.plans.get("body")
    if found is None:
        found = op.plans["body"] = ThroughBody(op)
    return found
