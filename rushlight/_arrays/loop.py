"""A loop along sequences: a word for all kinds of array, made of other words."""

from collections.abc import Callable
from typing import Any


def scan(m: Any, f: Callable, init: tuple, xs: tuple, reverse: bool = False) -> tuple:
    """What is carried along the first axis of sequences, and what each step made (as in JAX).

    `f(carry, x)` gives the next carry, like `init`, and a tuple of arrays (None: nothing); x are
    the sequences' parts. These arrays are joined along a new first axis, in the sequences' order
    also where `reverse` starts at their end.
    """
    carry, made = init, []
    places = range(xs[0].shape[0])
    for t in reversed(places) if reverse else places:
        carry, ys = f(carry, tuple([m.index(x, t) for x in xs]))
        made.append(ys)
    return carry, tuple([_joined(m, parts) for parts in zip(*(made[::-1] if reverse else made))])


def _joined(m: Any, parts: tuple) -> Any:
    if parts[0] is None:
        return None
    return m.concat([m.reshape(part, (1, *part.shape)) for part in parts], 0)
