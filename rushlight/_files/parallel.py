"""Reads storages that lie plain in the file, several side by side where that helps."""

import os
from typing import Any

import numpy as np

from .records import Storage
from .source import PIECE, PREADV


def read_storages(storages: list[Storage], progress: Any = None) -> None:
    """Reads storages that lie plain in a file, two threads side by side where that helps."""
    plain = [(s, *s.place()) for s in storages if s.place is not None and not s.loaded and s.nbytes]
    todo = [x for x in plain if x[1].fd >= 0 and not x[1].mapped and not x[0].turn]
    if _threads() < 2 or not PREADV or sum(s.nbytes for s, _, _ in todo) < 4 * PIECE:
        todo = []
    _read_side_by_side(todo, progress)
    for storage, _, _ in plain:
        if not storage.loaded:
            storage.bits  # noqa: B018 (reads it)
            if progress:
                progress(storage.nbytes)


def _threads() -> int:
    """How many threads can read: one is enough where there is one processor."""
    if hasattr(os, "sched_getaffinity"):
        return min(len(os.sched_getaffinity(0)), 4)
    return min(os.cpu_count() or 1, 4)


def _read_side_by_side(todo: list[tuple[Storage, Any, int]], progress: Any) -> None:
    if not todo:
        return
    from concurrent.futures import ThreadPoolExecutor  # optional: not in every Python has threads

    # This thread makes the arrays, which costs far less than new memory in each of the others.
    made = [np.empty(storage.nbytes, np.uint8) for storage, _, _ in todo]

    def fetch(number: int) -> None:
        _, source, at = todo[number]
        source.into(at, made[number].data)

    with ThreadPoolExecutor(_threads()) as pool:
        for number, _ in enumerate(pool.map(fetch, range(len(todo)))):
            todo[number][0].bits = made[number]
            if progress:
                progress(made[number].nbytes)
