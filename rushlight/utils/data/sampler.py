"""The order in which a loader visits a dataset."""

import itertools
from collections.abc import Iterable, Iterator, Sequence, Sized
from typing import Any, Generic, TypeVar

from ..._core.dtypes import float64, int64
from ..._core.rng import Generator, default
from ..._creation.data import as_tensor
from ..._creation.randoms import multinomial, randint, randperm

T_co = TypeVar("T_co", covariant=True)


class Sampler(Generic[T_co]):
    """Indices (or lists of them); a subclass gives `__iter__`, and `__len__` where it is known."""

    def __iter__(self) -> Iterator[T_co]:
        raise NotImplementedError


class SequentialSampler(Sampler[int]):
    """0, 1, 2 ..."""

    def __init__(self, data_source: Sized) -> None:
        self.data_source = data_source

    def __iter__(self) -> Iterator[int]:
        return iter(range(len(self.data_source)))

    def __len__(self) -> int:
        return len(self.data_source)


def draw_seed(generator: Generator | None = None) -> int:
    """One 63-bit number, drawn as PyTorch draws the seeds of its loaders."""
    return (generator or default()).word64() & 0x7FFF_FFFF_FFFF_FFFF


class RandomSampler(Sampler[int]):
    """All indices in random order, or draws with replacement.

    Args:
        data_source: whose length counts.
        replacement: whether an index may come again.
        num_samples: how many; the length of the source unless given.
        generator: of the draws; seeded from the default one unless given.
    """

    def __init__(
        self, data_source: Sized, replacement: bool = False, num_samples: int | None = None,
        generator: Generator | None = None,
    ) -> None:  # fmt: skip
        self.data_source = data_source
        self.replacement = replacement
        self._num_samples = num_samples
        self.generator = generator
        if not isinstance(replacement, bool):
            raise TypeError(_refusal("replacement", "boolean", replacement))
        if not isinstance(self.num_samples, int) or self.num_samples <= 0:
            raise ValueError(_refusal("num_samples", "positive integer", self.num_samples))

    @property
    def num_samples(self) -> int:
        """How many indices there will be."""
        return len(self.data_source) if self._num_samples is None else self._num_samples

    def __iter__(self) -> Iterator[int]:
        size, generator = len(self.data_source), self.generator
        if generator is None:
            generator = Generator()
            generator.manual_seed(draw_seed())
        if self.replacement:  # in draws of 32, as PyTorch makes them
            whole, rest = divmod(self.num_samples, 32)
            for count in [*[32] * whole, rest]:
                yield from randint(0, size, (count,), dtype=int64, generator=generator).tolist()
            return
        whole, rest = divmod(self.num_samples, size)
        for _ in range(whole):
            yield from randperm(size, generator=generator).tolist()
        yield from randperm(size, generator=generator).tolist()[:rest]

    def __len__(self) -> int:
        return self.num_samples


class SubsetRandomSampler(Sampler[int]):
    """The given indices in random order.

    Args:
        indices: to be shuffled.
        generator: of the permutation.
    """

    def __init__(self, indices: Sequence[int], generator: Generator | None = None) -> None:
        self.indices = indices
        self.generator = generator

    def __iter__(self) -> Iterator[int]:
        for i in randperm(len(self.indices), generator=self.generator).tolist():
            yield self.indices[i]

    def __len__(self) -> int:
        return len(self.indices)


class WeightedRandomSampler(Sampler[int]):
    """Indices drawn with given probabilities.

    Args:
        weights: one for each index; they need not sum to one.
        num_samples: how many draws.
        replacement: whether an index may come again.
        generator: of the draws.
    """

    def __init__(
        self, weights: Sequence[float], num_samples: int, replacement: bool = True,
        generator: Generator | None = None,
    ) -> None:  # fmt: skip
        if not _is_count(num_samples):
            raise ValueError(_refusal("num_samples", "positive integer", num_samples))
        if not isinstance(replacement, bool):
            raise ValueError(_refusal("replacement", "boolean", replacement))
        self.weights = as_tensor(weights, dtype=float64)
        if self.weights.ndim != 1:
            raise ValueError(
                "weights should be a 1d sequence but given weights have shape "
                f"{tuple(self.weights.shape)}"
            )
        self.num_samples = num_samples
        self.replacement = replacement
        self.generator = generator

    def __iter__(self) -> Iterator[int]:
        drawn = multinomial(
            self.weights, self.num_samples, self.replacement, generator=self.generator
        )
        yield from drawn.tolist()

    def __len__(self) -> int:
        return self.num_samples


def _refusal(name: str, wanted: str, value: Any) -> str:
    return f"{name} should be a {wanted} value, but got {name}={value}"


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


class BatchSampler(Sampler[list[int]]):
    """Lists of `batch_size` indices from another sampler.

    Args:
        sampler: anything that can be iterated over.
        batch_size: indices in a list.
        drop_last: leave out a shorter last list.
    """

    def __init__(
        self, sampler: Sampler[int] | Iterable[int], batch_size: int, drop_last: bool
    ) -> None:
        if not _is_count(batch_size):
            raise ValueError(_refusal("batch_size", "positive integer", batch_size))
        if not isinstance(drop_last, bool):
            raise ValueError(_refusal("drop_last", "boolean", drop_last))
        self.sampler = sampler
        self.batch_size = batch_size
        self.drop_last = drop_last

    def __iter__(self) -> Iterator[list[int]]:
        indices = iter(self.sampler)
        while batch := list(itertools.islice(indices, self.batch_size)):
            if self.drop_last and len(batch) < self.batch_size:
                return
            yield batch

    def __len__(self) -> int:
        whole, rest = divmod(len(self.sampler), self.batch_size)  # type: ignore[arg-type]
        return whole + (rest > 0 and not self.drop_last)
