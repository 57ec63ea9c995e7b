"""The loader: batches of a dataset, in PyTorch's order, fetched here or by worker threads."""

import math
import queue
import warnings
from collections.abc import Callable, Iterable, Iterator
from itertools import cycle
from typing import Any, Generic, TypeVar

from ..._core.rng import Generator
from ...cuda import is_available as accelerator_is_available
from .collate import default_collate, default_convert
from .crew import crew_of
from .dataset import Dataset, IterableDataset
from .sampler import BatchSampler, RandomSampler, Sampler, SequentialSampler, draw_seed
from .worker import End, Failure, Recipe, Worker

T_co = TypeVar("T_co", covariant=True)

_START_METHODS = "fork", "spawn", "forkserver"
_FIXED = "batch_size", "batch_sampler", "sampler", "drop_last", "dataset", "persistent_workers"


class _DatasetKind:
    Map = 0
    Iterable = 1


class _InfiniteConstantSampler(Sampler):
    """Asks a stream for more, for ever."""

    def __iter__(self) -> Iterator[None]:
        while True:
            yield None


class DataLoader(Generic[T_co]):
    """Batches of a dataset.

    Args:
        dataset: a `Dataset` (or anything with `__getitem__` and `__len__`), or an
            `IterableDataset`.
        batch_size: samples in a batch; None gives the samples themselves.
        shuffle: visit the indices in a new random order each time.
        sampler: gives indices, instead of `shuffle`.
        batch_sampler: gives lists of indices, instead of the four options above and `drop_last`.
        num_workers: threads that fetch ahead; 0 fetches in the loop itself.
        collate_fn: makes a batch from a list of samples.
        pin_memory: accepted; host memory is the same to us.
        drop_last: leave out a shorter last batch.
        timeout: seconds to wait for a worker; 0 for as long as it takes.
        worker_init_fn: called in each worker with its number, after seeding.
        multiprocessing_context: accepted; workers are threads.
        generator: of the order and of the workers' seeds.
        prefetch_factor: batches that each worker is asked for ahead; 2 unless given.
        persistent_workers: keep the workers after the last batch.
        pin_memory_device: accepted.
        in_order: False gives batches as they come.

    Differs from PyTorch: workers are threads of this process, each with its own random numbers
    and a shallow copy of the dataset. What a dataset changes inside its containers is therefore
    seen by all, `random` and `numpy.random` are not seeded anew in workers, and nothing needs to
    be pickled.
    """

    __initialized = False

    def __init__(
        self, dataset: Dataset[T_co], batch_size: int | None = 1, shuffle: bool | None = None,
        sampler: Sampler | Iterable | None = None,
        batch_sampler: Sampler[list] | Iterable[list] | None = None, num_workers: int = 0,
        collate_fn: Callable[[list], Any] | None = None, pin_memory: bool = False,
        drop_last: bool = False, timeout: float = 0,
        worker_init_fn: Callable[[int], None] | None = None, multiprocessing_context: Any = None,
        generator: Generator | None = None, *, prefetch_factor: int | None = None,
        persistent_workers: bool = False, pin_memory_device: str = "", in_order: bool = True,
    ) -> None:  # fmt: skip
        _check_numbers(num_workers, timeout, prefetch_factor, persistent_workers)
        self.dataset = dataset
        self.num_workers = num_workers
        self.prefetch_factor = 2 if num_workers and prefetch_factor is None else prefetch_factor
        self.pin_memory = pin_memory
        self.pin_memory_device = pin_memory_device
        self.timeout = timeout
        self.worker_init_fn = worker_init_fn
        self.multiprocessing_context = multiprocessing_context
        self.in_order = in_order
        streams = isinstance(dataset, IterableDataset)
        self._dataset_kind = _DatasetKind.Iterable if streams else _DatasetKind.Map
        if streams:
            _check_stream_options(shuffle, sampler, batch_sampler)
        _check_exclusive(batch_size, bool(shuffle), sampler, batch_sampler, drop_last)
        if batch_sampler is not None:
            batch_size, drop_last = None, False
        if sampler is None:
            sampler = self._default_sampler(bool(shuffle), generator)
        if batch_size is not None and batch_sampler is None:
            batch_sampler = BatchSampler(sampler, batch_size, drop_last)
        self.batch_size = batch_size
        self.drop_last = drop_last
        self.sampler = sampler
        self.batch_sampler = batch_sampler
        self.generator = generator
        if collate_fn is None:
            collate_fn = default_collate if self._auto_collation else default_convert
        self.collate_fn = collate_fn
        self.persistent_workers = persistent_workers
        self.__initialized = True
        self._IterableDataset_len_called: int | None = None
        self._iterator: _LoaderIterator | None = None

    def _default_sampler(self, shuffle: bool, generator: Generator | None) -> Sampler:
        if self._dataset_kind == _DatasetKind.Iterable:
            return _InfiniteConstantSampler()
        if shuffle:
            return RandomSampler(self.dataset, generator=generator)  # type: ignore[arg-type]
        return SequentialSampler(self.dataset)  # type: ignore[arg-type]

    @property
    def multiprocessing_context(self) -> Any:
        """What was given; nothing depends on it."""
        return self.__multiprocessing_context

    @multiprocessing_context.setter
    def multiprocessing_context(self, context: Any) -> None:
        if context is not None and self.num_workers == 0:
            raise ValueError(
                "multiprocessing_context can only be used with multi-process loading "
                f"(num_workers > 0), but got num_workers={self.num_workers}"
            )
        if isinstance(context, str) and context not in _START_METHODS:
            raise ValueError(
                "multiprocessing_context option should specify a valid start method in "
                f"{list(_START_METHODS)!r}, but got multiprocessing_context={context!r}"
            )
        if not isinstance(context, str | None) and not hasattr(context, "get_start_method"):
            raise TypeError(
                "multiprocessing_context option should be a valid context object or a string "
                f"specifying the start method, but got multiprocessing_context={context}"
            )
        self.__multiprocessing_context = context

    def __setattr__(self, name: str, value: Any) -> None:
        if self.__initialized and name in _FIXED:
            raise ValueError(
                f"{name} attribute should not be set after {type(self).__name__} is initialized; "
                "make a new one"
            )
        super().__setattr__(name, value)

    def __iter__(self) -> "_LoaderIterator":
        if not (self.persistent_workers and self.num_workers):
            return self._get_iterator()
        if self._iterator is None:
            self._iterator = self._get_iterator()
        else:
            self._iterator._reset(self)
        return self._iterator

    def _get_iterator(self) -> "_LoaderIterator":
        return (_WithWorkers if self.num_workers else _InLine)(self)

    _auto_collation = property(lambda self: self.batch_sampler is not None)

    @property
    def _index_sampler(self) -> Any:
        return self.batch_sampler if self._auto_collation else self.sampler

    def __len__(self) -> int:
        if self._dataset_kind == _DatasetKind.Map:
            return len(self._index_sampler)
        length = self._IterableDataset_len_called = len(self.dataset)  # type: ignore[arg-type]
        if self.batch_size is None:
            return length
        return length // self.batch_size if self.drop_last else math.ceil(length / self.batch_size)

    def check_worker_number_rationality(self) -> None:
        """Does nothing: more threads than cores do no harm."""


def _check_numbers(
    num_workers: int, timeout: float, prefetch_factor: int | None, persistent_workers: bool
) -> None:
    if num_workers < 0:
        raise ValueError(
            "num_workers option should be non-negative; use num_workers=0 to disable "
            "multiprocessing."
        )
    if timeout < 0:
        raise ValueError("timeout option should be non-negative")
    if num_workers == 0 and prefetch_factor is not None:
        raise ValueError(
            "prefetch_factor option could only be specified in multiprocessing.let num_workers > 0 "
            "to enable multiprocessing, otherwise set prefetch_factor to None."
        )
    if prefetch_factor is not None and prefetch_factor < 0:
        raise ValueError("prefetch_factor option should be non-negative")
    if persistent_workers and num_workers == 0:
        raise ValueError("persistent_workers option needs num_workers > 0")


def _check_stream_options(shuffle: Any, sampler: Any, batch_sampler: Any) -> None:
    refused = {"shuffle": shuffle or None, "sampler": sampler, "batch_sampler": batch_sampler}
    for name, value in refused.items():
        if value is not None:
            raise ValueError(
                f"DataLoader with IterableDataset: expected unspecified {name} option, but got "
                f"{name}={value}"
            )


def _check_exclusive(
    batch_size: int | None, shuffle: bool, sampler: Any, batch_sampler: Any, drop_last: bool
) -> None:
    if sampler is not None and shuffle:
        raise ValueError("sampler option is mutually exclusive with shuffle")
    if batch_sampler is not None:
        if batch_size != 1 or shuffle or sampler is not None or drop_last:
            raise ValueError(
                "batch_sampler option is mutually exclusive with batch_size, shuffle, sampler, "
                "and drop_last"
            )
    elif batch_size is None and drop_last:
        raise ValueError(
            "batch_size=None option disables auto-batching and is mutually exclusive with drop_last"
        )


class _LoaderIterator:
    def __init__(self, loader: DataLoader) -> None:
        if loader.pin_memory and not accelerator_is_available():
            warnings.warn(
                "'pin_memory' argument is set as true but no accelerator is found, then device "
                "pinned memory won't be used.",
                stacklevel=4,
            )
        self._index_sampler = loader._index_sampler
        self._num_workers = loader.num_workers
        self._timeout = loader.timeout
        self._sampler_iter = iter(self._index_sampler)
        self._recipe = Recipe(
            dataset=loader.dataset, streams=loader._dataset_kind == _DatasetKind.Iterable,
            batches=loader._auto_collation, collate=loader.collate_fn, drop_last=loader.drop_last,
            init=loader.worker_init_fn, base_seed=draw_seed(loader.generator),
            count=loader.num_workers,
        )  # fmt: skip
        self._expected = loader._IterableDataset_len_called
        self._num_yielded = 0

    def __iter__(self) -> "_LoaderIterator":
        return self

    def __len__(self) -> int:
        return len(self._index_sampler)

    def __next__(self) -> Any:
        data = self._next_data()
        self._num_yielded += 1
        expected = self._expected if self._recipe.streams else None
        if expected is not None and self._num_yielded > expected:
            self._warn_of_length()
        return data

    def _warn_of_length(self) -> None:
        text = (
            f"Length of IterableDataset {self._recipe.dataset} was reported to be "
            f"{self._expected}(when accessing len(dataloader)), but {self._num_yielded} samples "
            "have been fetched. "
        )
        if self._num_workers:
            text += (
                "For multiprocessing data-loading, this could be caused by not properly "
                "configuring the IterableDataset replica at each worker. Please see "
                "https://pytorch.org/docs/stable/data.html#torch.utils.data.IterableDataset for "
                "examples."
            )
        warnings.warn(text, stacklevel=3)

    def _next_data(self) -> Any:
        raise NotImplementedError

    def _reset(self, loader: DataLoader) -> None:
        self._sampler_iter = iter(self._index_sampler)
        self._num_yielded = 0
        self._expected = loader._IterableDataset_len_called

    def __getstate__(self) -> Any:
        raise NotImplementedError(f"{type(self).__name__} cannot be pickled")


class _InLine(_LoaderIterator):
    """Fetches when asked, in the loop's own thread."""

    def __init__(self, loader: DataLoader) -> None:
        super().__init__(loader)
        if self._timeout != 0:
            raise AssertionError("timeout needs num_workers > 0: nobody waits for this thread")
        self._fetch = self._recipe.fetcher(loader.dataset)

    def _next_data(self) -> Any:
        return self._fetch(next(self._sampler_iter))


class _WithWorkers(_LoaderIterator):
    """Asks its workers for batches ahead and hands them out by number.

    Batch n is asked of the next worker in turn that has not come to its end. What comes early
    waits in `_ready`; what the end of a stream swallowed is passed over.
    """

    def __init__(self, loader: DataLoader) -> None:
        super().__init__(loader)
        self._persistent = loader.persistent_workers
        self._in_order = loader.in_order
        self._ahead = (loader.prefetch_factor or 0) * self._num_workers
        if self._ahead <= 0:
            raise AssertionError("prefetch_factor must be greater than 0 with workers")
        self._crew = crew_of([Worker(i, self._recipe) for i in range(self._num_workers)])
        self._epoch = -1
        self._reset(loader)

    def _reset(self, loader: DataLoader) -> None:
        super()._reset(loader)
        self._epoch += 1
        self._sent = self._received = 0
        self._asked: dict[int, int] = {}  # number -> worker
        self._ready: dict[int, Any] = {}  # number -> data that came early
        self._active = [True] * self._num_workers
        self._turns = cycle(range(self._num_workers))
        for _ in range(self._ahead):
            self._ask()

    def _ask(self) -> None:
        """Ask a worker for the next batch, if there is one of each."""
        try:
            index = next(self._sampler_iter)
        except StopIteration:
            return
        for worker in (next(self._turns) for _ in range(self._num_workers)):
            if self._active[worker] and (self._in_order or self._has_time(worker)):
                break
        else:
            return
        self._asked[self._sent] = worker
        self._crew.ask(worker, (self._epoch, self._sent, index))
        self._sent += 1

    def _has_time(self, worker: int) -> bool:
        mine = list(self._asked.values()).count(worker)
        return mine < self._ahead // sum(self._active)

    def _next_data(self) -> Any:
        while self._asked:
            number, data = self._next_result()
            worker = self._asked.pop(number)
            if data is End:
                self._retire(worker)
                self._ask()
                continue
            self._ask()
            if data.__class__ is Failure:
                data.reraise()
            return data
        if not self._persistent:
            self._crew.close()
        raise StopIteration

    def _next_result(self) -> tuple[int, Any]:
        """The batch whose turn it is (or any, out of order)."""
        while self._in_order:
            while self._received not in self._asked:
                self._received += 1
            if self._received in self._ready:
                return self._received, self._ready.pop(self._received)
            number, data = self._receive()
            self._ready[number] = data
        return self._receive()

    def _receive(self) -> tuple[int, Any]:
        while True:
            try:
                epoch, number, data = self._crew.result(self._timeout or None)
            except queue.Empty:
                raise RuntimeError(
                    f"DataLoader timed out after {self._timeout} seconds; the worker asked next "
                    f"is {self._asked.get(self._received)}"
                ) from None
            if epoch == self._epoch and number in self._asked:
                return number, data

    def _retire(self, worker: int) -> None:
        """A worker came to the end of its stream: nothing more is to be had from it."""
        self._active[worker] = False
        for number in [n for n, asked in self._asked.items() if asked == worker]:
            del self._asked[number]
            self._ready.pop(number, None)

    def __del__(self) -> None:
        if hasattr(self, "_crew"):
            self._crew.close()
