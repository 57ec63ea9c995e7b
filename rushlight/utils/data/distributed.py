"""Each process's share of a dataset."""

import math
from collections.abc import Iterator
from typing import Any

from ..._core.rng import Generator
from ..._creation.randoms import randperm
from .sampler import Sampler


class DistributedSampler(Sampler[Any]):
    """Every `num_replicas`-th index, beginning with `rank`.

    Args:
        dataset: whose length counts.
        num_replicas: processes that share it.
        rank: which of them this is.
        shuffle: permute first, by `seed` plus the epoch; the same in all processes.
        seed: of the permutation.
        drop_last: leave out the tail instead of repeating samples to make the shares equal.
    """

    def __init__(
        self, dataset: Any, num_replicas: int | None = None, rank: int | None = None,
        shuffle: bool = True, seed: int = 0, drop_last: bool = False,
    ) -> None:  # fmt: skip
        if num_replicas is None or rank is None:
            raise RuntimeError(
                "Requires distributed package to be available; without it give num_replicas and "
                "rank"
            )
        if rank >= num_replicas or rank < 0:
            raise ValueError(
                f"Invalid rank {rank}, rank should be in the interval [0, {num_replicas - 1}]"
            )
        self.dataset = dataset
        self.num_replicas = num_replicas
        self.rank = rank
        self.epoch = 0
        self.drop_last = drop_last
        if drop_last and len(dataset) % num_replicas != 0:
            self.num_samples = math.ceil((len(dataset) - num_replicas) / num_replicas)
        else:
            self.num_samples = math.ceil(len(dataset) / num_replicas)
        self.total_size = self.num_samples * num_replicas
        self.shuffle = shuffle
        self.seed = seed

    def __iter__(self) -> Iterator[int]:
        size = len(self.dataset)
        indices = list(range(size))
        if self.shuffle:
            generator = Generator()
            generator.manual_seed(self.seed + self.epoch)
            indices = randperm(size, generator=generator).tolist()
        if not self.drop_last:
            indices *= math.ceil(self.total_size / size) if size else 0
        return iter(indices[self.rank : self.total_size : self.num_replicas])

    def __len__(self) -> int:
        return self.num_samples

    def set_epoch(self, epoch: int) -> None:
        """Let the next pass be shuffled another way; call it before each epoch."""
        self.epoch = epoch
