"""The mathematics of the ops whose records name none, from the families in `references/`."""

from collections.abc import Callable

from references import (
    images,
    layers,
    matrices,
    movement,
    places,
    pointwise,
    reductions,
    signals,
    windows,
)

FAMILIES = (
    movement, places, pointwise, reductions, matrices, layers, windows, images, signals,
)  # fmt: skip

# name of an op -> its value, from NumPy arrays
VALUES: dict[str, Callable] = {k: v for family in FAMILIES for k, v in family.VALUES.items()}

# name of an op -> what must hold of its result: `law(result, arguments...)` asserts it
LAWS: dict[str, Callable] = {**reductions.LAWS, **matrices.LAWS}
