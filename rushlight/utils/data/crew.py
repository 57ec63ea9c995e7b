"""A loader's workers together: in threads, or one by one where there are none."""

import math
import queue
import threading
import time
import warnings

from .worker import Worker, work

_SLICE = 0.2  # seconds that Ctrl-C may have to wait


class Threads:
    """Workers in threads of their own."""

    def __init__(self, workers: list[Worker]) -> None:
        self.tasks: list[queue.SimpleQueue] = [queue.SimpleQueue() for _ in workers]
        self.results: queue.SimpleQueue = queue.SimpleQueue()
        self.done = threading.Event()
        try:
            for worker, tasks in zip(workers, self.tasks):
                # Daemons: a program that ends in the middle of a pass need not wait for them.
                threading.Thread(
                    target=work,
                    args=(worker, tasks, self.results, self.done),
                    daemon=True,
                    name=f"rushlight_data_worker_{worker.number}",
                ).start()
        except RuntimeError:
            self.close()
            raise

    def ask(self, worker: int, task: tuple) -> None:
        self.tasks[worker].put(task)

    def result(self, timeout: float | None) -> tuple:
        """The next result. Waits in slices: a signal that another thread got is seen between."""
        end = math.inf if timeout is None else time.monotonic() + timeout
        while True:
            left = end - time.monotonic()
            try:
                return self.results.get(timeout=min(_SLICE, max(left, 0.0)))
            except queue.Empty:
                if left <= _SLICE:
                    raise

    def close(self) -> None:
        """Let the workers end after what they are doing now."""
        self.done.set()
        for tasks in self.tasks:
            tasks.put(None)


class OneByOne:
    """Workers without threads: each task is done when its result is wanted, the oldest first."""

    def __init__(self, workers: list[Worker]) -> None:
        self.workers = workers
        self.tasks: list[tuple[int, tuple]] = []

    def ask(self, worker: int, task: tuple) -> None:
        self.tasks.append((worker, task))

    def result(self, timeout: float | None) -> tuple:
        number, (epoch, task, index) = self.tasks.pop(0)
        worker = self.workers[number]
        with worker.at_work():
            return epoch, task, worker.fetch(epoch, index)

    def close(self) -> None:
        self.tasks.clear()


_noticed = False


def crew_of(workers: list[Worker]) -> Threads | OneByOne:
    """The workers in threads; where these cannot start (WebAssembly), one by one."""
    global _noticed
    try:
        return Threads(workers)
    except RuntimeError as error:
        if not _noticed:
            _noticed = True
            warnings.warn(
                f"DataLoader: threads cannot start here ({error}); the batches of num_workers="
                f"{len(workers)} are the same, but they are fetched one by one.",
                stacklevel=6,
            )
        return OneByOne(workers)
