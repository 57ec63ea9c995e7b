"""Whether a program's inputs lie apart in memory, where it writes to some of them.

A trace knows which tensors are views of others that it met; arguments of a later call may overlap
in ways that the first call's did not. That must cost next to nothing where nothing overlaps: an
array and its views have one owner, and owners are compared by identity.
"""

from collections import Counter
from typing import Any

import numpy as np

from .._core.tape import ndarray


class Apart:
    """The test for one program.

    Args:
        inputs: (how, what, symbol) of the program's inputs.
        written: symbols of those that it writes to.
    """

    def __init__(self, inputs: list[tuple], written: list[Any]) -> None:
        rows = [(how, any(s is w for w in written)) for how, _, s in inputs if how != "seed"]
        tensors = [(i, how, wet) for i, (how, wet) in enumerate(rows) if how != "number"]
        self.written = [i for i, _, wet in tensors if wet]
        self.args = [(i, wet) for i, how, wet in tensors if how == "arg"]
        self.places = [i for i, _ in self.args]
        self.others = [i for i, how, _ in tensors if how != "arg"]
        self.moving = any(how == "grad" for _, how, _ in tensors)  # new arrays at each call
        self.among = any(wet for _, wet in self.args)  # whether arguments matter to each other
        self.turn, self.clash = -1, False
        self.wet, self.dry = frozenset(), frozenset()

    def holds(self, arrays: list, turn: int) -> bool:
        """Whether no input that is written to overlaps another.

        Args:
            arrays: the inputs.
            turn: another number where tensors from outside have other memory than before.
        """
        if turn != self.turn or self.moving:
            self._look(arrays, turn)
        if self.among:
            return self._apart(arrays)
        for i in self.places:
            array = arrays[i]
            if (id(array) if array.base is None else _owner(array)) in self.wet:
                return self._exactly(arrays)
        return not self.clash

    def _apart(self, arrays: list) -> bool:
        """The same where arguments are written to: those must not overlap each other either."""
        seen: list[int] = []
        for i, wet in self.args:
            at = _owner(arrays[i])
            if at in (self.dry if wet else self.wet) or not at or at in seen:
                return self._exactly(arrays)
            seen.append(at)
        return not self.clash

    def _look(self, arrays: list, turn: int) -> None:
        """Take note of the owners of what is no argument."""
        self.turn = turn
        owners = [_owner(arrays[i]) for i in self.others]
        wet = [at for i, at in zip(self.others, owners) if i in self.written]
        self.wet, self.dry = frozenset([*wet, 0]), frozenset(owners)
        times = Counter(owners)
        alone = 0 not in self.dry and all(times[at] == 1 for at in wet)
        self.clash = not alone and self._meet(arrays, self.others, self.others)

    def _exactly(self, arrays: list) -> bool:
        every = [*self.places, *self.others]
        return not (self.clash or self._meet(arrays, self.places, every))

    def _meet(self, arrays: list, some: list[int], rest: list[int]) -> bool:
        """Whether some inputs overlap others, one of the two being written to."""
        return any(
            i != k and (i in self.written or k in self.written)
            and np.may_share_memory(arrays[i], arrays[k])
            for i in some for k in rest
        )  # fmt: skip


def _owner(array: Any) -> int:
    """The identity of what owns an array's memory; 0 where it may have another one as well."""
    while isinstance(base := array.base, ndarray):
        array = base
    if base is None:
        return id(array)
    if base.__class__ is memoryview:
        base = base.obj
        return _owner(base) if isinstance(base, ndarray) else id(base)
    return id(base) if type(base).__name__ in ("mmap", "bytes", "bytearray") else 0
