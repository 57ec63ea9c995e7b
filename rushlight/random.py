"""The default generator: seeding it, keeping its state, and forking it for a while."""

import warnings
from collections.abc import Generator as Steps
from collections.abc import Iterable
from contextlib import contextmanager
from typing import Any

from ._core import devices, rng
from ._core.rng import Generator, default_generator

__all__ = [
    "Generator", "default_generator", "fork_rng", "get_rng_state", "initial_seed", "manual_seed",
    "seed", "set_rng_state",
]  # fmt: skip


def manual_seed(seed: int) -> Generator:
    """Starts the default stream of every device at `seed`; returns the CPU's generator.

    Example:
        >>> manual_seed(0).initial_seed()
        0
    """
    return rng.seed_all(rng.checked_seed(int(seed)))


def seed() -> int:
    """Starts the default streams at a seed that nobody can foretell, and gives it."""
    value = rng.fresh_seed()
    rng.seed_all(value)
    return value


def initial_seed() -> int:
    """The seed of the default stream."""
    return rng.default().initial_seed()


def get_rng_state() -> Any:
    """The state of the default CPU generator: 5056 bytes in PyTorch's format."""
    return rng.default().get_state()


def set_rng_state(new_state: Any) -> None:
    """Continues the default CPU generator from a state."""
    rng.default().set_state(new_state)


@contextmanager
def fork_rng(
    devices: Iterable[Any] | None = None,
    enabled: bool = True,
    _caller: str = "fork_rng",
    _devices_kw: str = "devices",
    device_type: str = "cuda",
) -> Steps[None, None, None]:
    """What is drawn inside leaves no trace: the streams go on afterwards as they were before.

    Args:
        devices: the GPUs whose streams are kept as well; None for all of them.
        enabled: False makes this do nothing.
    """
    if not enabled:
        yield
        return
    streams = [rng.default(), *_streams_of(devices)]
    before = [stream.state_bytes() for stream in streams]
    try:
        yield
    finally:
        for stream, state in zip(streams, before):
            stream.set_state_bytes(state)


def _streams_of(chosen: Iterable[Any] | None) -> list[Generator]:
    count = devices.virtual_count()
    if chosen is None:
        if count > 1:
            warnings.warn(
                f"CUDA reports that you have {count} available devices, and you have used fork_rng "
                "without explicitly specifying which devices are being used. All of them are kept.",
                stacklevel=4,
            )
        chosen = range(count)
    return [rng.default(devices.concrete(devices.device(each))) for each in chosen]
