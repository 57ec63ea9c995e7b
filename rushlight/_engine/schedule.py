"""Where results between kernels lie: in one arena, by lifetime."""

from collections.abc import Iterable

from .._core.memory import LINE


def arranged(lives: Iterable[tuple[int, int, int, int]]) -> tuple[dict[int, int], int]:
    """Offsets of buffers, and the arena's size, from (name, bytes, first use, last use).

    Two buffers share memory where one dies before the other is born. Large ones choose first. Each
    begins on a line of its own, so that no two threads write to one.
    """
    placed: list[tuple[int, int, int, int]] = []  # offset, end, first, last
    offsets: dict[int, int] = {}
    for name, size, first, last in sorted(lives, key=lambda life: -life[1]):
        size = -(-max(size, 1) // LINE) * LINE
        at = 0
        for start, end, born, dead in sorted(placed):
            if dead < first or last < born:
                continue
            if at + size <= start:
                break
            at = max(at, end)
        placed.append((at, at + size, first, last))
        offsets[name] = at
    return offsets, max((end for _, end, _, _ in placed), default=0)
