"""Programs whose native parts run on a card: memory goes there before each call and comes back."""

import ctypes
from typing import Any

import pytest

from rushlight._core.spec import contiguous_strides
from rushlight._engine import families, unit
from rushlight._engine.kernels.share import COUNTER, PARTIALS
from rushlight._engine.targets import nvptx
from rushlight._engine.targets.host import host

_CONTROL = 8192  # bytes
_STATE = 2504  # of a random stream: 624 words and a place


def text_for(part: unit.Unit, target: Any) -> str:
    """A part's program for another target; its table holds the addresses of memory."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(unit, "host", lambda: target)
        patch.setattr(part, "objects", set())
        return part.text()


class OnCard(unit.Unit):
    """A part of a program: Python calls it as ever, one block of `block` threads runs it."""

    card: Any
    block = 1
    runs = 0

    def __init__(self, fused: Any, *given: Any) -> None:
        self.fused = fused
        super().__init__(fused, *given)
        made = {v for g in self.groups for v in g.made}
        self.wholes = [whole for v, whole in fused.pieces.items() if v in made]

    def _memory(self, offsets: dict[int, int], size: int) -> None:
        self.objects, self.inside, self.inner = set(), set(offsets), size
        super()._memory(offsets, size)
        self.threads = 1  # `alone` is called

    def _compile(self) -> None:
        super()._compile()
        target = self.target()
        self.function = self.card.load(self.made(text_for(self, target), target), "launch")
        scratch = max(families.workspace(k, target, self.block) for k in self.kernels)
        self.far = self.card.room(self.inner + PARTIALS + scratch + 128)
        self.control = self.card.room(_CONTROL)
        self.alone = self._there

    @staticmethod
    def target() -> Any:
        """What kernels are written for."""
        return nvptx.Device(host().version)

    @staticmethod
    def made(text: str, target: Any) -> bytes:
        """What the driver is given."""
        return nvptx.compiled(nvptx.entry(text), target).encode()

    # -- memory

    def _regions(self) -> dict[int, tuple[int, int]]:
        """For each buffer outside the arena: how many bytes lie before and behind its address."""
        fused = self.fused
        known: dict[int, Any] = {v.id: v for v in fused.base.values()} | fused.constants
        known |= {v.id: v for g in fused.groups for v in g.made.values()}
        known |= {v.id: v for v in [*fused.graph.inputs, *fused.pieces.values()]}
        given = {v.id for v in fused.graph.inputs} if fused.exact else set()
        found = {}
        for v, slot in self.slots.items():
            if v in self.inside:
                continue
            if v < 0:
                found[slot] = 0, _STATE
                continue
            steps = known[v].strides if v in given else contiguous_strides(known[v].shape)
            walks = [(n - 1) * s for n, s in zip(known[v].shape, steps)]
            size = known[v].dtype.itemsize
            low, high = -sum(w for w in walks if w < 0), sum(w for w in walks if w > 0) + 1
            found[slot] = (low * size, high * size) if known[v].size else (0, 0)
        return found

    def _there(self, _: int) -> None:
        """One call."""
        card, n, far = self.card, len(self.slots), {}
        base = self.table[n] - self.inner
        fresh = {self.slots[v.id] for v in self.fresh}
        table = (ctypes.c_int64 * len(self.table))(*self.table)
        for slot in range(n + 1):  # what lies in the arena, and the scratch behind it
            table[slot] += self.far - base
        for slot, (before, behind) in self._regions().items():
            place = far[slot] = card.room(before + behind, 0xFF)
            if slot not in fresh:
                card.put(place, self.table[slot] - before, before + behind)
            table[slot] = place + before
        buffers = card.room(ctypes.sizeof(table))
        card.put(buffers, ctypes.addressof(table), ctypes.sizeof(table))
        card.launch(self.function, self.block, buffers, self.control)
        card.get(buffers, ctypes.addressof(table), ctypes.sizeof(table))
        self.table[n + 1] = table[n + 1]
        written = fresh | {self.slots[home.id] for _, home in self.over}
        written |= {slot for v, slot in self.slots.items() if v < 0}
        written |= {self.slots[v.id] for v in self.wholes}
        for slot, (before, behind) in self._regions().items():
            if slot in written:
                card.get(far[slot], self.table[slot] - before, before + behind)
            card.free(far[slot])
        card.free(buffers)
        self._idle()
        type(self).runs += 1

    def _idle(self) -> None:
        """Check that the counts of drawn tasks stand at 0 again, as they do between kernels."""
        left = (ctypes.c_int64 * (COUNTER // 8))()
        self.card.get(self.far + self.inner, ctypes.addressof(left), COUNTER)
        told = [type(k).__name__ for k in self.kernels]
        assert not any(left), f"{list(left)} left by {self.block} threads of {told}"
