"""One piece of array code as several records, alike but for the number of axes in their names."""

from collections.abc import Callable
from typing import Any

from .._core.op import op


class Ranks:
    """Records for one, two and three axes: `family[2]` is the one whose node names two."""

    __slots__ = ("records",)

    def __init__(self, records: list) -> None:
        self.records = records

    def __getitem__(self, axes: int) -> Any:
        return self.records[axes - 1]

    def vjp(self, *names: str) -> Callable:
        return self._all("vjp", *names)

    def _all(self, what: str, *names: str) -> Callable:
        def take(rule: Callable) -> Callable:
            for record in self.records:
                getattr(record, what)(*names)(rule)
            return rule

        return take


def ranked(kind: str | None, *nodes: str, **options: Any) -> Callable[[Callable], Ranks]:
    """Decorator: one record of the body for each node name, called body1d, body2d ..."""

    def take(body: Callable) -> Ranks:
        made = []
        for axes, node in enumerate(nodes, 1):
            made.append(op(kind, name=f"{body.__name__}{axes}d", node=node, **options)(body))
        return Ranks(made)

    return take
