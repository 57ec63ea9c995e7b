"""Reads storages that lie plain in the file, several side by side where that helps."""

from __future__ import annotations

import os
from typing import Any

from .records import Storage
from .source import PIECE, PREADV, Source


def read_storages(source: Source, storages: list[Storage], progress: Any = None) -> None:
    """Reads storages that lie plain in the file, two threads side by side where that helps."""
    todo = [s for s in storages if s.place is not None and not s.loaded and s.nbytes]
    total = sum(s.nbytes for s in todo)
    if source.mapped or source.fd < 0 or total < 4 * PIECE or not PREADV or not _threads():
        for storage in todo:
            storage.bits  # noqa: B018 (reads it)
            if progress:
                progress(storage.nbytes)
        return
    _read_side_by_side(source, todo, progress)


def _threads() -> int:
    """How many threads can read: one is enough where there is one processor or no threads."""
    count = (
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    )
    return 0 if count < 2 else min(count, 4)


def _read_side_by_side(source: Source, todo: list[Storage], progress: Any) -> None:
    from concurrent.futures import ThreadPoolExecutor  # optional: not in every Python has threads

    def fetch(storage: Storage) -> int:
        storage.bits  # noqa: B018 (reads it)
        return storage.nbytes

    with ThreadPoolExecutor(_threads()) as pool:
        for done in pool.map(fetch, todo):
            if progress:
                progress(done)
