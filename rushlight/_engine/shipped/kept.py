"""What an exported program keeps: arrays and numbers by name, counts, random streams."""

from collections.abc import Iterator, MutableMapping
from typing import Any

import numpy as np


class State(MutableMapping):
    """Arrays by name: what a name is given is copied into the array, which stays the same one."""

    def __init__(self, arrays: dict[str, np.ndarray]) -> None:
        self.arrays = arrays

    def __getitem__(self, name: str) -> np.ndarray:
        return self.arrays[name]

    def __setitem__(self, name: str, value: Any) -> None:
        value, kept = np.asarray(value), self.arrays[name]
        if value.shape != kept.shape:
            raise ValueError(f"{name}: expected an array of {kept.shape}, got one of {value.shape}")
        kept[...] = value

    def __delitem__(self, name: str) -> None:
        raise TypeError(f"{name} is part of the program and cannot be removed")

    def __iter__(self) -> Iterator[str]:
        return iter(self.arrays)

    def __len__(self) -> int:
        return len(self.arrays)

    def __repr__(self) -> str:
        rows = (f"  {k}: {v.dtype}{list(v.shape)}" for k, v in self.arrays.items())
        return "\n".join(("State:", *rows))


class Numbers(dict):
    """An optimizer's numbers by name. A zero stays one: the code was made for it."""

    changed = True

    def __setitem__(self, name: str, value: Any) -> None:
        if name not in self:
            raise KeyError(f"{name}: the program's numbers are {', '.join(self)}")
        if (not value) is not (not self[name]):
            raise ValueError(f"{name}: {self[name]} cannot become {value}: export the step anew")
        super().__setitem__(name, value)
        self.changed = True

    def update(self, *args: Any, **kwargs: Any) -> None:
        for name, value in dict(*args, **kwargs).items():
            self[name] = value


class Stream:
    """A stream of random numbers, the one that PyTorch has for a seed."""

    def __init__(self, key: np.ndarray, position: int) -> None:
        self.bits = np.random.MT19937(0)
        held = {"key": key, "pos": position}
        self.bits.state = {"bit_generator": "MT19937", "state": held}

    def seed(self, seed: int) -> None:
        np.random.RandomState(self.bits).seed(seed & 0xFFFFFFFF)

    def address(self) -> int:
        """Where its state lies, for programs that draw."""
        return self.bits.ctypes.state_address

    def words32(self, n: int) -> np.ndarray:
        return self.bits.random_raw(n).astype(np.uint32)

    def words64(self, n: int) -> np.ndarray:
        pairs = self.bits.random_raw(2 * n)
        return pairs[0::2] << np.uint64(32) | pairs[1::2]


class Scalar:
    """A count that an optimizer keeps, as the code that works out its numbers sees it."""

    def __init__(self, array: np.ndarray) -> None:
        self.array = array

    def item(self) -> Any:
        return self.array.item()

    def mul_(self, value: Any) -> None:
        self.array *= value

    def tick(self) -> float:
        """One more."""
        self.array += 1
        return float(self.array)

    def store(self, value: float) -> None:
        self.array[...] = value
