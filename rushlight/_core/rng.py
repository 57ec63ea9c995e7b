"""Random streams: PyTorch's CPU generator, its state format, and the words it yields.

`manual_seed(s)` seeds a Mersenne Twister as `numpy.random.RandomState(s)` does; the words come from
NumPy's bit generator. What is drawn from the words is in `draws`.
"""

import os
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from . import devices, modes
from .tape import make

DEFAULT_SEED = 67280421310721  # of a Generator that nobody has seeded, as in PyTorch
STATE_BYTES = 5056
_WORDS = 624  # of a Mersenne Twister's state
_FEW = 4096  # up to here random_raw is quicker than RandomState.randint (measured)

# PyTorch's CPUGeneratorImplState: seed, left, seeded, next; the words, 64 bits each; three doubles
# and a flag for a normal number kept for the next draw; a float, a flag and padding.
_HEAD, _TAIL = struct.Struct("<QiiQ"), struct.Struct("<dddixxxxf?xxx")


class Generator:
    """A stream of random numbers, the same as PyTorch's for the same seed.

    Example:
        >>> Generator().manual_seed(0).words32(2).tolist()
        [2357136044, 2546248239]
    """

    __slots__ = ("device", "spare", "_seed", "_bits", "_state", "__weakref__")

    def __init__(self, device: Any = "cpu") -> None:
        self.device = devices.concrete(device)
        self._bits: Any = None
        self._restart(DEFAULT_SEED)

    def manual_seed(self, seed: int) -> "Generator":
        """Starts the stream of `seed`; negative seeds count from 2**64.

        Raises:
            RuntimeError: unless `seed` is an integer.
            ValueError: outside [-2**63, 2**64).
        """
        self._restart(checked_seed(seed))
        return self

    def seed(self) -> int:
        """Starts a stream that nobody can foretell, and gives its seed."""
        self._restart(fresh_seed())
        return self._seed

    def initial_seed(self) -> int:
        """The seed of the present stream."""
        return self._seed

    def _restart(self, seed: int) -> None:
        self.moves()
        self._seed, self.spare = seed, None  # spare: the second of a pair of normal numbers
        if self._bits is not None:
            self._state.seed(seed & 0xFFFFFFFF)  # PyTorch, too, uses the low 32 bits alone

    def _open(self) -> Any:
        """The bit generator, made at the first draw: loading numpy.random takes 20 ms."""
        self._bits = np.random.MT19937(0)
        self._state = np.random.RandomState(self._bits)
        self._state.seed(self._seed & 0xFFFFFFFF)
        return self._bits

    def _drawn_from(self) -> Any:
        self.moves()
        return self._bits or self._open()

    def moves(self) -> None:
        """Tell a trace that the stream is about to move."""
        if modes.special and modes.local.trace is not None:
            modes.local.trace.draws(self)

    def word64(self) -> int:
        """The next word of 64 bits: two of 32, the high half first."""
        bits = self._drawn_from()
        high = bits.random_raw()
        return high << 32 | bits.random_raw()

    def words32(self, n: int) -> np.ndarray:
        """The next `n` words of 32 bits."""
        bits = self._drawn_from()
        if n <= _FEW:
            return bits.random_raw(n).astype(np.uint32)
        return self._state.randint(0, 1 << 32, n, dtype=np.uint32)

    def words64(self, n: int) -> np.ndarray:
        """The next `n` words of 64 bits."""
        bits = self._drawn_from()
        if n > _FEW:
            return self._state.randint(0, 1 << 64, n, dtype=np.uint64)
        pairs = bits.random_raw(2 * n)
        return pairs[0::2] << np.uint64(32) | pairs[1::2]

    def state_bytes(self) -> np.ndarray:
        """The whole state in PyTorch's format: 5056 numbers of type uint8."""
        held = (self._bits or self._open()).state["state"]
        key, position = held["key"], held["pos"]
        # A stream just seeded has made no words yet; PyTorch then says next = 0, NumPy the end.
        unborn = position == _WORDS and int(key[0]) == self._seed & 0xFFFFFFFF
        head = _HEAD.pack(
            self._seed, *((1, 1, 0) if unborn else (_WORDS + 1 - position, 1, position))
        )
        kept = self.spare is not None
        tail = _TAIL.pack(0.0, self.spare if kept else 0.0, 0.0, kept, 0.0, False)
        return np.frombuffer(head + key.astype("<u8").tobytes() + tail, np.uint8).copy()

    def set_state_bytes(self, state: np.ndarray) -> None:
        """Continues from a state that `state_bytes` (or PyTorch) gave.

        Raises:
            RuntimeError: for a wrong size, or numbers that are no state.
        """
        if state.size != STATE_BYTES:
            raise RuntimeError(
                f"Expected a CPUGeneratorImplState of size {STATE_BYTES} but found the input RNG "
                f"state size to be {state.size}"
            )
        raw = np.ascontiguousarray(state).tobytes()
        seed, left, seeded, following = _HEAD.unpack_from(raw)
        if not seeded or not 0 < left <= _WORDS or not 0 <= following <= _WORDS:
            raise RuntimeError("Invalid mt19937 state")
        key = np.frombuffer(raw, "<u8", _WORDS, _HEAD.size).astype(np.uint32)
        _, spare, _, kept, _, _ = _TAIL.unpack_from(raw, _HEAD.size + 8 * _WORDS)
        bits = self._drawn_from()
        position = _WORDS if left == 1 else following
        bits.state = {"bit_generator": "MT19937", "state": {"key": key, "pos": position}}
        self._seed, self.spare = seed, spare if kept else None

    def clone(self) -> "Generator":
        """Another generator that will yield the same numbers."""
        twin = Generator(self.device)
        twin.set_state_bytes(self.state_bytes())
        return twin

    def get_state(self) -> Any:
        """The state as a uint8 tensor in PyTorch's format."""
        return make(self.state_bytes())

    def set_state(self, new_state: Any) -> None:
        """Continues from a state tensor.

        Raises:
            TypeError: unless it is a uint8 tensor on the CPU.
        """
        array = getattr(new_state, "array", None)
        if array is None or array.dtype != np.uint8 or new_state.device is not devices.CPU:
            raise TypeError(
                "RNG state must be a torch.ByteTensor: a uint8 tensor on the CPU as get_state() "
                f"gives, not {type(new_state).__name__}"
            )
        self.set_state_bytes(array)

    clone_state = clone
    graphsafe_get_state = clone

    def graphsafe_set_state(self, state: "Generator") -> None:
        """Continues from where another generator is."""
        self.set_state_bytes(state.state_bytes())

    def __repr__(self) -> str:
        return f"<torch.Generator object at {id(self):#x}>"

    def __reduce__(self) -> tuple:
        return _rebuilt, (str(self.device), self.state_bytes())


def _rebuilt(device: str, state: np.ndarray) -> Generator:
    made = Generator(device)
    made.set_state_bytes(state)
    return made


def checked_seed(seed: Any) -> int:
    """A seed as PyTorch takes it: an integer, brought into [0, 2**64)."""
    if isinstance(seed, bool) or not hasattr(seed, "__index__"):
        raise RuntimeError(
            f"manual_seed expected a long, but got {type(seed).__name__}. "
            "A seed is an integer: torch.manual_seed(0)."
        )
    value = seed.__index__()
    if not -(2**63) <= value < 2**64:
        raise ValueError(
            f"Overflow when unpacking long long. The seed {value} is outside [-2**63, 2**64)."
        )
    return value & 0xFFFFFFFFFFFFFFFF


def fresh_seed() -> int:
    """A seed of 64 bits from the operating system."""
    return int.from_bytes(os.urandom(8), "little")


default_generator = Generator()
default_generator.seed()

_of_device: dict[Any, Generator] = {}  # for virtual GPUs, one each
_own = threading.local()
_lock = threading.Lock()
_owners = 0  # threads inside `using`; while 0 nobody reads the thread-local


def default(device: Any = devices.CPU) -> Generator:
    """The generator of draws that name none, for tensors on `device`."""
    if device.type == "cuda":
        found = _of_device.get(device)
        if found is None:
            found = _of_device[device] = Generator(device)
            found.manual_seed(default_generator.initial_seed())
        return found
    if _owners:
        return getattr(_own, "generator", None) or default_generator
    return default_generator


def seed_all(seed: int) -> Generator:
    """Seeds the default generator of this thread and of every device."""
    for generator in _of_device.values():
        generator.manual_seed(seed)
    return default().manual_seed(seed)


@contextmanager
def using(generator: Generator) -> Iterator[Generator]:
    """Inside, this thread's draws come from `generator` (a DataLoader's worker has its own)."""
    before = getattr(_own, "generator", None)
    _own.generator = generator
    _count_owners(1)
    try:
        yield generator
    finally:
        _own.generator = before
        _count_owners(-1)


def _count_owners(step: int) -> None:
    global _owners
    with _lock:
        _owners += step
