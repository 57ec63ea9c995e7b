"""CheckpointManager: a folder of checkpoints of a training run; the newest whole one counts."""

import contextlib
import os
import random
import re
import sys
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from .._creation import tensor
from .._files import torchzip_writer
from .._files.archive import Archive
from .._files.atomic import save_to
from .._files.checking import verify as verify_archive
from .._files.formats import open_checkpoint
from .._files.records import FAULTS
from .._files.source import Source
from ..random import get_rng_state, set_rng_state
from .loading import load
from .saving import pickle_of

_NAME = re.compile(r"step-(\d{1,18})\.pt")
_LEFT = re.compile(_NAME.pattern + r"\.\w{8}\.part")  # by a save that was killed


class CheckpointManager:
    """Saves and restores all that a training run needs to go on, and tidies up behind itself.

    Every file is written beside its place and renamed, and carries checksums; `restore` verifies
    them and falls back to the next older checkpoint if one is damaged.

    Args:
        folder: where the checkpoints lie; made if it does not exist.
        model, optimizer, scheduler: whatever has `state_dict` and `load_state_dict`.
        keep_last: how many of the newest stay.
        keep_best: how many of the best (by the metric given to `save`) stay.
        mode: "min" if a small metric is good, "max" if a large one is.
        asynchronous: write in a thread, from a snapshot taken first.
        others: more objects of that kind, by name.

        manager = CheckpointManager("run", model=net, optimizer=opt, keep_last=3)
        start = manager.restore().get("step", 0)
        for step in range(start + 1, 1000):
            ...
            manager.save(step, metric=loss.item())
    """

    def __init__(
        self, folder: Any, *, model: Any = None, optimizer: Any = None, scheduler: Any = None,
        keep_last: int = 3, keep_best: int = 1, mode: str = "min", asynchronous: bool = False,
        **others: Any,
    ) -> None:  # fmt: skip
        if mode not in ("min", "max"):
            raise ValueError(f"CheckpointManager: mode must be 'min' or 'max', not {mode!r}")
        if keep_last < 1 or keep_best < 0:
            raise ValueError("CheckpointManager: keep_last must be at least 1, keep_best 0 or more")
        self.folder = os.fsdecode(os.fspath(folder))
        named = {"model": model, "optimizer": optimizer, "scheduler": scheduler, **others}
        self.parts = {name: part for name, part in named.items() if part is not None}
        self.keep_last, self.keep_best, self.mode = keep_last, keep_best, mode
        self.asynchronous = asynchronous
        self.metrics: dict[int, float | None] = {}
        self._thread: Any = None
        self._failed: BaseException | None = None
        os.makedirs(self.folder, exist_ok=True)

    # -- saving

    def save(self, step: int, metric: Any = None, **extra: Any) -> str:
        """Writes one checkpoint and removes those that need not stay; gives its path.

        Args:
            step: its number, which orders the checkpoints.
            metric: how good the model is now, for `keep_best`.
            extra: plain values that `restore` gives back.
        """
        self.wait()
        metric = None if metric is None else float(metric)
        content = {
            "step": int(step), "metric": metric, "extra": extra, "rng": random_state(),
            **{f"part.{name}": part.state_dict() for name, part in self.parts.items()},
        }  # fmt: skip
        path = self.path(step)
        pickled, storages = pickle_of(content)
        if self.asynchronous:
            for storage in storages:
                storage.bits = storage.bits.copy()

        def write() -> None:
            room = sum(storage.nbytes for storage in storages)
            given = pickled, storages, "checkpoint"
            save_to(path, lambda put: torchzip_writer.write(put, *given), room)
            self._done(int(step), metric)

        if self.asynchronous:
            self._start(write)
        else:
            write()
        return path

    def _start(self, job: Callable[[], None]) -> None:
        import threading  # optional: not in every Python

        def run() -> None:
            try:
                job()
            except BaseException as error:  # told to the user at the next call
                self._failed = error

        self._thread = threading.Thread(target=run, name="checkpoint", daemon=False)
        self._thread.start()

    def wait(self) -> None:
        """Waits for a save in the background; raises what went wrong with it."""
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        if self._failed is not None:
            failed, self._failed = self._failed, None
            raise failed

    def __enter__(self) -> "CheckpointManager":
        return self

    def __exit__(self, *_: Any) -> None:
        self.wait()

    def _done(self, step: int, metric: float | None) -> None:
        self.metrics[step] = metric if metric == metric else None  # NaN is the best of nothing
        stay = set(self.steps()[-self.keep_last :]) | set(self._ranked()[: self.keep_best])
        gone = [self.path(old) for old in self.steps() if old not in stay]
        left = (name for name in os.listdir(self.folder) if _LEFT.fullmatch(name))
        for path in (*gone, *(os.path.join(self.folder, name) for name in left)):
            with contextlib.suppress(FileNotFoundError):
                os.remove(path)

    # -- finding

    def path(self, step: int) -> str:
        """Where the checkpoint of a step lies."""
        return os.path.join(self.folder, f"step-{int(step):010d}.pt")

    def steps(self) -> list[int]:
        """The steps of all checkpoints, the oldest first."""
        found = (_NAME.fullmatch(name) for name in os.listdir(self.folder))
        return sorted(int(match[1]) for match in found if match)

    def latest(self) -> int | None:
        """The newest step of which there is a checkpoint."""
        return max(self.steps(), default=None)

    def best(self) -> int | None:
        """The step with the best metric, None where no metric was given."""
        return next(iter(self._ranked()), None)

    def _ranked(self) -> list[int]:
        """Steps with a metric, the best first; of equal ones the newest."""
        sign = 1 if self.mode == "min" else -1
        known = ((self._metric(step), -step) for step in self.steps())
        return [-step for _, step in sorted((sign * x, step) for x, step in known if x is not None)]

    def _metric(self, step: int) -> float | None:
        if step not in self.metrics:
            try:
                root = open_checkpoint(self.path(step)).root
                found = root.get("metric") if isinstance(root, dict) else None
            except FAULTS:
                found = None  # damaged: `restore` will say so
            self.metrics[step] = found if isinstance(found, float) and found == found else None
        return self.metrics[step]

    # -- restoring

    def restore(
        self, which: Any = "latest", *, map_location: Any = None, rng: bool = True
    ) -> dict[str, Any]:
        """Loads a checkpoint into the objects; gives its step, metric and extras ({} if none).

        Args:
            which: "latest" (the newest whole one), "best", or a step.
            rng: also continue the random streams.
        """
        self.wait()
        if which == "latest":
            candidates = self.steps()[::-1]
        elif which == "best":
            candidates = self._ranked()
        else:
            candidates = [int(which)]
            if candidates[0] not in self.steps():
                raise FileNotFoundError(
                    f"no checkpoint of step {which} in {self.folder}; there are {self.steps()}"
                )
        for step in candidates:
            content = self._whole(self.path(step), map_location, last=step == candidates[-1])
            if content is not None:
                return self._apply(content, rng)
        return {}

    def _whole(self, path: str, map_location: Any, last: bool) -> dict[str, Any] | None:
        """A checkpoint whose checksums are right; None, with a warning, where they are not."""
        try:
            verify(path)
            return load(path, map_location)
        except FAULTS as error:
            if last:
                raise
            warnings.warn(
                f"CheckpointManager: {path} is not whole and is passed over ({error})", stacklevel=3
            )
            return None

    def _apply(self, content: dict[str, Any], rng: bool) -> dict[str, Any]:
        missing = [name for name in self.parts if f"part.{name}" not in content]
        if missing:
            raise KeyError(
                f"the checkpoint of step {content.get('step')} holds no {', '.join(missing)}"
            )
        for name, part in reversed(self.parts.items()):  # the model, unless something else fails
            part.load_state_dict(content[f"part.{name}"])
        if rng:
            set_random_state(content["rng"])
        return {"step": content["step"], "metric": content["metric"], **content["extra"]}


def verify(path: Any) -> None:
    """Checks the checksum of every record of a file that `save` or PyTorch wrote.

    Raises:
        pickle.UnpicklingError: naming the first record that is damaged.
    """
    source = Source(path)
    try:
        verify_archive(Archive(source))
    finally:
        source.close()


def random_state() -> dict[str, Any]:
    """The states of our random stream, Python's and NumPy's, as plain data."""
    state: dict[str, Any] = {"torch": get_rng_state(), "python": random.getstate()}
    legacy = sys.modules.get("numpy.random")
    if legacy is not None:
        _, keys, *rest = np.random.get_state()
        state["numpy"] = [tensor(keys.astype(np.int64)), *rest]
    return state


def set_random_state(state: dict[str, Any]) -> None:
    """Continues the random streams from `random_state`."""
    set_rng_state(state["torch"])
    version, numbers, gauss = state["python"]
    random.setstate((version, tuple(numbers), gauss))
    if "numpy" in state:
        keys, *rest = state["numpy"]
        np.random.set_state(("MT19937", keys.numpy().astype(np.uint32), *rest))
