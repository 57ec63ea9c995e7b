"""The mathematics of the ops, from the families in `references/`."""

from collections.abc import Callable

from references import (
    images,
    in_numpy,
    layers,
    matrices,
    movement,
    places,
    pointwise,
    reductions,
    signals,
    special,
    windows,
)

FAMILIES = (
    in_numpy, movement, places, pointwise, special, reductions, matrices, layers, windows, images,
    signals,
)  # fmt: skip

# name of an op -> its value, from NumPy arrays
VALUES: dict[str, Callable] = {k: v for family in FAMILIES for k, v in family.VALUES.items()}

# name of an op -> what must hold of its result: `law(result, arguments...)` asserts it
LAWS: dict[str, Callable] = {**reductions.LAWS, **matrices.LAWS}
