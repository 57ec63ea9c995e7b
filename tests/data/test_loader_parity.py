"""Samplers, splits, loaders and collating against PyTorch's: same seed, same batches."""

import collections
import warnings

import numpy as np
import pytest

import rushlight as rl
import rushlight.utils.data as ours

torch = pytest.importorskip("torch")
theirs = torch.utils.data
BOTH = [(rl, ours), (torch, theirs)]


def same(action):
    """What `action(module, data)` gives in both."""
    mine, expected = (plain(action(*pair)) for pair in BOTH)
    assert mine == expected


def plain(value):
    if hasattr(value, "detach"):
        return str(value.dtype), value.tolist()
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*map(plain, value))
    if isinstance(value, list | tuple):
        return [type(value).__name__, *map(plain, value)]
    return value


@pytest.mark.parametrize("replacement", [False, True])
@pytest.mark.parametrize("count", [None, 3, 70, 64])
@pytest.mark.parametrize("own", [False, True])
def test_random_sampler(replacement, count, own):
    def draw(module, data):
        module.manual_seed(4)
        generator = module.Generator().manual_seed(7) if own else None
        sampler = data.RandomSampler(range(23), replacement, count, generator)
        return [list(sampler), list(sampler), len(sampler), module.rand(2, generator=generator)]

    same(draw)


def test_other_samplers():
    def draw(module, data):
        module.manual_seed(4)
        return [
            list(data.SubsetRandomSampler([5, 3, 9, 1])),
            list(data.WeightedRandomSampler([0.1, 5.0, 3.0, 0.2], 12)),
            list(data.WeightedRandomSampler([0.1, 5.0, 3.0, 0.2], 3, replacement=False)),
            list(data.BatchSampler(data.SequentialSampler(range(7)), 3, False)),
            list(data.BatchSampler(range(7), 3, True)),
            len(data.BatchSampler(range(7), 3, False)),
        ]

    same(draw)


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("drop_last", [False, True])
@pytest.mark.parametrize("size", [2, 10, 11])
def test_distributed_sampler(shuffle, drop_last, size):
    def draw(module, data):
        seen = []
        for rank in range(4):
            sampler = data.DistributedSampler(
                range(size), 4, rank, shuffle=shuffle, seed=3, drop_last=drop_last
            )
            sampler.set_epoch(2)
            seen.append([list(sampler), len(sampler)])
        return seen

    if size == 2 and drop_last:
        pytest.skip("fewer samples than processes")
    same(draw)


@pytest.mark.parametrize("lengths", [[3, 7], [0.5, 0.5], [0.33, 0.33, 0.34], [1.0]])
def test_random_split(lengths):
    def split(module, data):
        module.manual_seed(1)
        generator = module.Generator().manual_seed(42)
        return [
            [part.indices for part in data.random_split(range(10), lengths)],
            [part.indices for part in data.random_split(range(10), lengths, generator=generator)],
        ]

    same(split)


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("own", [False, True])
def test_shuffled_batches(workers, own):
    def batches(module, data):
        x = module.arange(37).reshape(37, 1) * 1.5
        module.manual_seed(11)
        generator = module.Generator().manual_seed(7) if own else None
        loader = data.DataLoader(
            data.TensorDataset(x, module.arange(37)),
            5,
            shuffle=True,
            num_workers=workers,
            generator=generator,
        )
        return [list(loader), list(loader), module.rand(3)]

    same(batches)


class Noise:
    """Draws in the worker, from whichever module it belongs to."""

    def __init__(self, module, data):
        self.module, self.data = module, data

    def __getitem__(self, index):
        info = self.data.get_worker_info()
        seed = None if info is None else (info.id, info.num_workers, info.seed)
        return self.module.rand(2), index, seed or (0, 0, 0)

    def __len__(self):
        return 11


@pytest.mark.parametrize("workers", [0, 2])
def test_random_numbers_inside_workers(workers):
    def batches(module, data):
        module.manual_seed(3)
        loader = data.DataLoader(Noise(module, data), 2, shuffle=True, num_workers=workers)
        return list(loader), module.rand(1)

    same(batches)


Point = collections.namedtuple("Point", "x y")
BATCHES = [
    [1, 2, 3],
    [1.5, 2.5],
    [True, False],
    ["a", "b"],
    [b"a", b"b"],
    [(1, 2.0), (3, 4.0)],
    [[1, "a"], [2, "b"]],
    [{"a": 1, "b": [1, 2]}, {"a": 2, "b": [3, 4]}],
    [Point(1, 2.0), Point(3, 4.0)],
    [np.ones((2, 2), "f4"), np.zeros((2, 2), "f4")],
    [np.float64(1), np.float64(2)],
    [np.int32(1), np.int32(2)],
    [np.float32(1), np.float32(2)],
    [np.bool_(True), np.bool_(False)],
    [collections.OrderedDict(a=1), collections.OrderedDict(a=2)],
    [np.array(3), np.array(4)],
    [(np.array([1, 2]), {"k": ("s", 1)}), (np.array([3, 4]), {"k": ("t", 2)})],
]


@pytest.mark.parametrize("number", range(len(BATCHES)))
def test_collate(number):
    batch = BATCHES[number]
    same(lambda module, data: data.default_collate(batch))
    same(lambda module, data: data.default_convert(batch))
    same(lambda module, data: type(data.default_collate(batch)).__name__)


WRONG = [
    lambda m, d: d.default_collate([None, None]),
    lambda m, d: d.default_collate([[1, 2], [1]]),
    lambda m, d: d.default_collate([np.array(["a"]), np.array(["b"])]),
    lambda m, d: d.default_collate([{1, 2}, {3}]),
    lambda m, d: d.default_collate([{"a": 1}, {"b": 1}]),
    lambda m, d: d.DataLoader([1], num_workers=-1),
    lambda m, d: d.DataLoader([1], timeout=-1),
    lambda m, d: d.DataLoader([1], prefetch_factor=2),
    lambda m, d: d.DataLoader([1], num_workers=1, prefetch_factor=-2),
    lambda m, d: d.DataLoader([1], persistent_workers=True),
    lambda m, d: d.DataLoader([1], shuffle=True, sampler=[0]),
    lambda m, d: d.DataLoader([1], 2, batch_sampler=[[0]]),
    lambda m, d: d.DataLoader([1], None, drop_last=True),
    lambda m, d: d.DataLoader([1], 0),
    lambda m, d: d.DataLoader([1], 1.5),
    lambda m, d: d.DataLoader([1], drop_last=1),
    lambda m, d: d.DataLoader([], shuffle=True),
    lambda m, d: d.DataLoader([1], multiprocessing_context="fork"),
    lambda m, d: d.DataLoader([1], num_workers=1, multiprocessing_context="thread"),
    lambda m, d: d.DataLoader(d.ChainDataset([]), shuffle=True),
    lambda m, d: d.DataLoader(d.ChainDataset([]), sampler=[1]),
    lambda m, d: d.DataLoader(d.ChainDataset([]), batch_sampler=[1]),
    lambda m, d: d.RandomSampler([1], replacement=3),
    lambda m, d: d.RandomSampler([1], num_samples=0),
    lambda m, d: d.WeightedRandomSampler([[1.0]], 1),
    lambda m, d: d.WeightedRandomSampler([1.0], 0),
    lambda m, d: d.WeightedRandomSampler([1.0], 1, replacement=3),
    lambda m, d: d.DistributedSampler([1], 2, 2),
    lambda m, d: d.random_split([1, 2, 3], [1, 1]),
    lambda m, d: d.random_split([1, 2, 3], [1.2, -0.2]),
    lambda m, d: d.ConcatDataset([]),
    lambda m, d: d.ConcatDataset([d.ChainDataset([])]),
    lambda m, d: d.ConcatDataset([[1]])[-2],
    lambda m, d: list(d.ChainDataset([[1]])),
    lambda m, d: d.TensorDataset(m.zeros(2), m.zeros(3)),
    lambda m, d: d.StackDataset([1], a=[2]),
    lambda m, d: d.StackDataset(),
    lambda m, d: d.StackDataset([1], [1, 2]),
    lambda m, d: d.Dataset()[0],
]


@pytest.mark.parametrize("number", range(len(WRONG)))
def test_refusals(number):
    def refusal(module, data):
        with pytest.raises(Exception) as caught:
            WRONG[number](module, data)
        return type(caught.value), str(caught.value)

    (mine, text), (kind, expected) = (refusal(*pair) for pair in BOTH)
    assert mine is kind
    assert text.startswith(expected.rstrip(".!"))


def test_datasets():
    def read(module, data):
        x = module.arange(6)
        tensors = data.TensorDataset(x, x * 2)
        joined = data.ConcatDataset([tensors, tensors]) + data.Subset(tensors, [4, 2])
        stacked = data.StackDataset(a=tensors, b=list(range(6)))
        return [
            tensors[2],
            joined[7],
            joined[-1],
            len(joined),
            stacked[3],
            len(stacked),
            stacked.__getitems__([1, 2]),
            data.Subset(joined, [0, 13])[1],
            data.Subset(list(range(9)), [3, 4]).__getitems__([1]),
            data.StackDataset([1, 2], "ab")[1],
        ]

    same(read)


def test_empty_splits_warn():
    def split(module, data):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            data.random_split([1], [0.5, 0.5])
        return [str(w.message) for w in caught]

    same(split)
