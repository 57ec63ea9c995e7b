"""Random streams of the GPUs: one each, seeded apart from the CPU's."""

from collections.abc import Iterable
from typing import Any

from .._core import devices, rng
from ._checks import index_of


def _generator(device: Any) -> rng.Generator:
    return rng.default(devices.device("cuda", index_of(device)))


def _all() -> range:
    return range(devices.virtual_count())


def manual_seed(seed: int) -> None:
    """Seeds the stream of the current GPU; without a GPU nothing happens."""
    if devices.virtual_count():
        _generator("cuda").manual_seed(seed)


def manual_seed_all(seed: int) -> None:
    """Seeds the streams of all GPUs."""
    for index in _all():
        _generator(index).manual_seed(seed)


def seed() -> None:
    """Seeds the current GPU's stream with a number that nobody can foretell."""
    if devices.virtual_count():
        _generator("cuda").seed()


def seed_all() -> None:
    """Seeds the streams of all GPUs with one number that nobody can foretell."""
    manual_seed_all(rng.fresh_seed())


def initial_seed() -> int:
    """The seed of the current GPU's stream."""
    return _generator("cuda").initial_seed()


def get_rng_state(device: Any = "cuda") -> Any:
    """The state of a GPU's stream, as a uint8 tensor on the CPU."""
    return _generator(device).get_state()


def get_rng_state_all() -> list[Any]:
    """The states of all GPUs' streams."""
    return [get_rng_state(index) for index in _all()]


def set_rng_state(new_state: Any, device: Any = "cuda") -> None:
    """Continues a GPU's stream from a state that `get_rng_state` gave."""
    _generator(device).set_state(new_state)


def set_rng_state_all(new_states: Iterable[Any]) -> None:
    """Continues the streams of all GPUs."""
    for index, state in enumerate(new_states):
        set_rng_state(state, index)
