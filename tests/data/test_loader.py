"""The loader: order, workers, their ends and their exceptions."""

import gc
import signal
import threading
import time
import weakref

import numpy as np
import pytest

import rushlight as rl
from rushlight.utils.data import (
    DataLoader,
    Dataset,
    IterableDataset,
    Subset,
    TensorDataset,
    crew,
    default_collate,
    get_worker_info,
)


class Squares(Dataset):
    def __init__(self, size=23):
        self.size = size

    def __getitem__(self, index):
        return index * index

    def __len__(self):
        return self.size


class Shares(IterableDataset):
    """0 ... size-1, shared out among workers."""

    def __init__(self, size=20):
        self.size = size

    def __iter__(self):
        info = get_worker_info()
        first, step = (0, 1) if info is None else (info.id, info.num_workers)
        return iter(range(first, self.size, step))


def flat(loader):
    return [value for batch in loader for value in batch.tolist()]


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_order(workers):
    loader = DataLoader(Squares(), batch_size=4, num_workers=workers)
    assert [len(batch) for batch in loader] == [4, 4, 4, 4, 4, 3]
    assert flat(loader) == [i * i for i in range(23)]
    assert len(loader) == 6
    assert len(DataLoader(Squares(), batch_size=4, drop_last=True)) == 5


@pytest.mark.parametrize("workers", [0, 2])
def test_a_seed_fixes_the_order(workers):
    def run():
        generator = rl.Generator().manual_seed(3)
        loader = DataLoader(Squares(), 4, shuffle=True, num_workers=workers, generator=generator)
        return [flat(loader) for _ in range(2)]

    first, second = run(), run()
    assert first == second
    assert first[0] != first[1]
    assert sorted(first[0]) == [i * i for i in range(23)]


def test_workers_do_not_change_the_order():
    def run(workers):
        rl.manual_seed(0)
        return flat(DataLoader(Squares(), 4, shuffle=True, num_workers=workers))

    assert run(0) == run(1) == run(3)


def test_datasets_made_of_closures():
    data = [lambda i=i: i for i in range(5)]
    loader = DataLoader(data, 2, num_workers=2, collate_fn=lambda fs: [f() for f in fs])
    assert list(loader) == [[0, 1], [2, 3], [4]]


class Noisy(Squares):
    def __getitem__(self, index):
        return rl.rand(1).item()


def test_workers_have_random_numbers_of_their_own():
    def run():
        rl.manual_seed(5)
        before = rl.get_rng_state()
        values = flat(DataLoader(Noisy(8), 2, num_workers=2))
        assert not rl.equal(before, rl.get_rng_state())  # the seed of the workers was drawn
        return values, rl.rand(1).item()

    assert run() == run()
    assert len(set(run()[0])) == 8


@pytest.mark.parametrize("workers", [0, 1, 2, 3])
def test_streams_are_read_to_the_end(workers):
    loader = DataLoader(Shares(), batch_size=3, num_workers=workers)
    assert sorted(flat(loader)) == list(range(20))
    assert sorted(flat(loader)) == list(range(20))


def test_unequal_streams_come_in_turn():
    class Unequal(IterableDataset):
        def __iter__(self):
            return iter(
                [get_worker_info().id * 100 + i for i in range(2 + 3 * get_worker_info().id)]
            )

    loader = DataLoader(Unequal(), batch_size=None, num_workers=3)
    seen = list(loader)
    assert sorted(seen) == [0, 1, 100, 101, 102, 103, 104, *range(200, 208)]
    assert seen == list(loader)
    assert seen[:6] == [0, 100, 200, 1, 101, 201]


def test_a_worker_may_set_its_share_on_its_dataset():
    class Range(IterableDataset):
        def __init__(self, start, end):
            self.start, self.end = start, end

        def __iter__(self):
            return iter(range(self.start, self.end))

    def share(number):
        dataset = get_worker_info().dataset
        start, end, step = dataset.start, dataset.end, 4
        dataset.start = start + number * step
        dataset.end = min(dataset.start + step, end)

    dataset = Range(3, 10)
    loader = DataLoader(dataset, batch_size=None, num_workers=2, worker_init_fn=share)
    assert sorted(loader) == list(range(3, 10))
    assert (dataset.start, dataset.end) == (3, 10)


def test_worker_info():
    class Info(Squares):
        def __getitem__(self, index):
            info = get_worker_info()
            return info.id, info.num_workers, info.seed

    assert get_worker_info() is None
    rl.manual_seed(0)
    rows = list(DataLoader(Info(4), None, num_workers=2))
    assert [row[0] for row in rows] == [0, 1, 0, 1]
    assert rows[1][2] == rows[0][2] + 1


class Fails(Squares):
    def __init__(self, error, at=5):
        super().__init__()
        self.error, self.at = error, at

    def __getitem__(self, index):
        if index == self.at:
            raise self.error
        return index


class Odd(Exception):
    def __init__(self, first, second):
        super().__init__(first, second)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ValueError("five"), ValueError),
        (KeyError("five"), KeyError),
        (Odd(1, 2), RuntimeError),
        (SystemExit(3), RuntimeError),
    ],
)
def test_an_exception_reaches_the_user(error, kind):
    loader = iter(DataLoader(Fails(error), 2, num_workers=2))
    assert next(loader).tolist() == [0, 1]
    assert next(loader).tolist() == [2, 3]
    with pytest.raises(kind) as caught:
        next(loader)
    text = str(caught.value)
    assert text.startswith(
        f"Caught {type(error).__name__} in DataLoader worker process 0.\n"
        "Original Traceback (most recent call last):\n"
    )
    assert "in __getitem__" in text
    assert next(loader).tolist() == [6, 7]  # the loader goes on


def test_an_exception_at_the_start_of_a_worker():
    def start(number):
        raise OSError("no disk")

    with pytest.raises(OSError, match="Caught OSError in DataLoader worker process 0"):
        list(DataLoader(Squares(), 2, num_workers=1, worker_init_fn=start))


def test_without_workers_the_exception_is_the_original():
    with pytest.raises(ValueError, match=r"^five$"):
        list(DataLoader(Fails(ValueError("five")), 2))


def workers_alive():
    return [t for t in threading.enumerate() if t.name.startswith("rushlight_data_worker")]


def gone(deadline=10.0):
    gc.collect()  # a traceback may hold an iterator in a circle
    end = time.monotonic() + deadline
    while workers_alive() and time.monotonic() < end:
        for thread in workers_alive():
            thread.join(0.1)
    return not workers_alive()


def test_workers_end_with_the_pass_or_when_it_is_dropped():
    assert gone()
    list(DataLoader(Squares(), 2, num_workers=2))
    assert gone()
    iterator = iter(DataLoader(Squares(), 2, num_workers=2))
    next(iterator)
    assert workers_alive()
    del iterator
    gc.collect()
    assert gone()


def test_persistent_workers_stay_and_start_again():
    calls = []
    loader = DataLoader(
        Squares(), 4, num_workers=2, persistent_workers=True, worker_init_fn=calls.append
    )
    for _ in range(2):
        assert flat(loader) == [i * i for i in range(23)]
        assert len(workers_alive()) == 2
    next(iter(loader))  # leaves batches of this pass behind
    assert flat(loader) == [i * i for i in range(23)]
    assert sorted(calls) == [0, 1]
    del loader
    gc.collect()
    assert gone()


def test_persistent_streams_start_again():
    loader = DataLoader(Shares(), 3, num_workers=2, persistent_workers=True)
    for _ in range(3):
        assert sorted(flat(loader)) == list(range(20))


def test_an_abandoned_dataset_is_freed():
    dataset = Squares()
    reference = weakref.ref(dataset)
    iterator = iter(DataLoader(dataset, 2, num_workers=2))
    next(iterator)
    del iterator, dataset
    assert gone()
    gc.collect()
    assert reference() is None


def test_timeout():
    release = threading.Event()

    class Waits(Squares):
        def __getitem__(self, index):
            release.wait(20)
            return index

    loader = DataLoader(Waits(), 2, num_workers=1, timeout=0.05)
    with pytest.raises(RuntimeError, match=r"DataLoader timed out after 0\.05 seconds"):
        next(iter(loader))
    release.set()


@pytest.fixture
def interrupts():
    """Ctrl-C raises here also where the tests are a job in the background, which ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_control_c_ends_a_wait(interrupts):
    release = threading.Event()

    class Waits(Squares):
        def __getitem__(self, index):
            if index == 4:
                signal.raise_signal(signal.SIGINT)
                release.wait(20)
            return index

    iterator = iter(DataLoader(Waits(), 2, num_workers=1))
    with pytest.raises(KeyboardInterrupt):
        for _ in iterator:
            pass
    release.set()
    del iterator
    gc.collect()
    assert gone()


def test_without_threads_batches_are_the_same(monkeypatch):
    def run():
        rl.manual_seed(1)
        return flat(DataLoader(Noisy(8), 2, num_workers=3)), flat(
            DataLoader(Squares(), 4, True, num_workers=2)
        )

    expected = run()

    def refuse(self):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    monkeypatch.setattr(crew, "_noticed", False)
    with pytest.warns(UserWarning, match="threads cannot start here") as notices:
        assert run() == expected
    assert len(notices) == 1
    assert sorted(flat(DataLoader(Shares(), 3, num_workers=2))) == list(range(20))
    with pytest.raises(ValueError, match="Caught ValueError in DataLoader worker process 0"):
        list(DataLoader(Fails(ValueError("five")), 2, num_workers=2))


def test_out_of_order_gives_all():
    loader = DataLoader(Squares(), 2, num_workers=3, in_order=False)
    assert sorted(flat(loader)) == [i * i for i in range(23)]


def test_samples_without_batches():
    assert list(DataLoader(Squares(3), batch_size=None)) == [0, 1, 4]
    assert isinstance(next(iter(DataLoader(np.arange(3), batch_size=None))), rl.Tensor)


def test_batch_sampler_and_whole_fetches():
    class Whole(Squares):
        def __getitems__(self, indices):
            return [-i for i in indices]

    loader = DataLoader(Whole(), batch_sampler=[[1, 2], [5]])
    assert [batch.tolist() for batch in loader] == [[-1, -2], [-5]]
    assert loader.batch_size is None
    assert len(loader) == 2


def test_lengths_of_streams():
    class Lies(Shares):
        def __len__(self):
            return 2

    loader = DataLoader(Lies(3), batch_size=1)
    assert len(loader) == 2
    with pytest.warns(UserWarning, match="Length of IterableDataset .* was reported to be 2"):
        list(loader)


def test_attributes_are_fixed():
    loader = DataLoader(Squares(), 2)
    with pytest.raises(ValueError, match="batch_size attribute should not be set after"):
        loader.batch_size = 3
    loader.timeout = 3


def test_accepted_options():
    loader = DataLoader(Squares(), 2, num_workers=1, multiprocessing_context="spawn")
    assert flat(loader) == [i * i for i in range(23)]
    loader = DataLoader(TensorDataset(rl.arange(4)), 2, pin_memory=True)
    if not rl.cuda.is_available():
        with pytest.warns(UserWarning, match="no accelerator is found"):
            assert len(list(loader)) == 2


@pytest.mark.parametrize("workers", [0, 2])
def test_rows_of_tensors_are_the_collated_samples(workers):
    x, y = rl.arange(40.0).reshape(20, 2), rl.arange(20)
    dataset = TensorDataset(x, y)
    subset = Subset(dataset, [3, 17, 5, 0, 9])
    for data in (dataset, subset, Subset(subset, [4, 1])):
        quick = list(DataLoader(data, 3, num_workers=workers))
        slow = list(
            DataLoader(data, 3, num_workers=workers, collate_fn=lambda s: default_collate(s))
        )
        assert len(quick) == len(slow)
        for a, b in zip(quick, slow, strict=True):
            assert type(a) is type(b) is list
            assert [t.tolist() for t in a] == [t.tolist() for t in b]
            assert [t.dtype for t in a] == [t.dtype for t in b]


def test_a_function_for_tensors_in_the_map_is_used(monkeypatch):
    from rushlight.utils.data.collate import default_collate_fn_map

    monkeypatch.setitem(
        default_collate_fn_map, rl.Tensor, lambda batch, *, collate_fn_map: len(batch)
    )
    assert list(DataLoader(TensorDataset(rl.arange(5)), 2)) == [[2], [2], [1]]
