"""One worker of a loader: its seed, its view of the dataset, and how it fetches."""

import copy
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

from ..._core.rng import Generator, using
from .collate import default_collate, is_default
from .dataset import Subset, TensorDataset, look_up


@dataclass(frozen=True, slots=True)
class WorkerInfo:
    """What `get_worker_info` says inside a worker."""

    id: int
    num_workers: int
    seed: int
    dataset: Any
    rng: Any = None
    worker_method: str | None = "thread"


class _Here(threading.local):
    info: WorkerInfo | None = None


_here = _Here()


def get_worker_info() -> WorkerInfo | None:
    """Which worker is running this code; None outside of workers."""
    return _here.info


class End:
    """Stands for the batch that an exhausted stream did not give."""


class Failure:
    """An exception of a worker, on its way to the user with its traceback as text."""

    def __init__(self, error: BaseException, where: str) -> None:
        self.kind = cast(Any, type(error))
        self.text = "".join(traceback.format_exception(error))
        self.where = where

    def reraise(self) -> None:
        """Raise the same type of exception here."""
        text = f"Caught {self.kind.__name__} {self.where}.\nOriginal {self.text}"
        if not issubclass(self.kind, Exception):  # SystemExit must not end the whole program
            raise RuntimeError(text)
        if self.kind is KeyError:
            raise KeyError(_Verbatim(text))
        if getattr(self.kind, "message", None):
            raise cast(Any, self.kind)(message=text)
        try:
            error = self.kind(text)
        except Exception:  # a type with other arguments
            raise RuntimeError(text) from None
        raise error


class _Verbatim(str):
    """Text that a KeyError prints with its line breaks."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


@dataclass(slots=True)
class Recipe:
    """What a loader tells its workers."""

    dataset: Any
    streams: bool  # an IterableDataset
    batches: bool  # indices come in lists
    collate: Callable[[Any], Any]
    drop_last: bool
    init: Callable[[int], None] | None
    base_seed: int
    count: int

    def fetcher(self, dataset: Any) -> Callable[[Any], Any]:
        """A function from an index (or a list of them) to data."""
        if self.streams:
            return _stream_fetcher(iter(dataset), self)
        rows = row_reader(dataset) if self.batches and self.collate is default_collate else None

        def fetch(index: Any) -> Any:
            if rows is not None and all(i.__class__ is int for i in index):
                return rows(index)
            return self.collate(look_up(dataset, index) if self.batches else dataset[index])

        return fetch


def row_reader(dataset: Any) -> Callable[[list[int]], list[Any]] | None:
    """For rows of tensors: a function from indices to the batch, without making the samples."""
    if dataset.__class__ is TensorDataset and is_default():
        return lambda index: [tensor[index] for tensor in dataset.tensors]
    if dataset.__class__ is Subset:
        rows, indices = row_reader(dataset.dataset), dataset.indices
        if rows is not None and isinstance(indices, list):
            return lambda index: rows([indices[i] for i in index])
    return None


def _stream_fetcher(stream: Iterator, recipe: Recipe) -> Callable[[Any], Any]:
    ended = False

    def fetch(index: Any) -> Any:
        nonlocal ended
        if ended:
            raise StopIteration
        if not recipe.batches:
            return recipe.collate(next(stream))
        samples = []
        for _ in index:
            try:
                samples.append(next(stream))
            except StopIteration:
                ended = True
                break
        if not samples or (recipe.drop_last and len(samples) < len(index)):
            raise StopIteration
        return recipe.collate(samples)

    return fetch


class Worker:
    """Fetches what it is told to, with random numbers of its own.

    It has a shallow copy of the dataset, so that a `worker_init_fn` may set its share on
    `get_worker_info().dataset` without the other workers seeing it.
    """

    def __init__(self, number: int, recipe: Recipe) -> None:
        self.number = number
        self.recipe = recipe
        self.dataset = _own_copy(recipe.dataset)
        seed = recipe.base_seed + number
        self.info = WorkerInfo(number, recipe.count, seed, self.dataset)
        self.generator = Generator()
        self.generator.manual_seed(seed)
        self.fetcher: Callable[[Any], Any] | None = None
        self.epoch = -1
        self.begun = False

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """This thread acts as the worker: its number and its random numbers."""
        before, _here.info = _here.info, self.info
        try:
            with using(self.generator):
                yield
        finally:
            _here.info = before

    def fetch(self, epoch: int, index: Any) -> Any:
        """The data, an `End`, or a `Failure`. Begins the epoch first where that is due."""
        try:
            if epoch != self.epoch:
                self._begin(epoch)
            if self.fetcher is None:
                return End  # its start failed, which was reported
            return self.fetcher(index)
        except StopIteration as stop:
            return End if self.recipe.streams else self._failure(stop)
        except BaseException as error:
            return self._failure(error)

    def _begin(self, epoch: int) -> None:
        self.epoch = epoch
        if not self.begun and self.recipe.init is not None:
            self.begun = True
            self.recipe.init(self.number)
        self.fetcher = self.recipe.fetcher(self.dataset)

    def _failure(self, error: BaseException) -> Failure:
        return Failure(error, f"in DataLoader worker process {self.number}")


def _own_copy(dataset: Any) -> Any:
    if not hasattr(dataset, "__dict__"):
        return dataset
    try:
        return copy.copy(dataset)
    except Exception:  # a dataset that cannot be copied is shared
        return dataset


def work(worker: Worker, tasks: Any, results: Any, done: threading.Event) -> None:
    """The life of a worker's thread: (epoch, number, index) in, (epoch, number, data) out."""
    with worker.at_work():
        while (task := tasks.get()) is not None and not done.is_set():
            epoch, number, index = task
            results.put((epoch, number, worker.fetch(epoch, index)))
            del task, index
