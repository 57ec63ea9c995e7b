"""Inputs for the walks over all layers."""

import numpy as np
import pytest


def drawn(shapes, seed=5):
    """One NumPy array for each entry of the table, the same in every test."""
    rng = np.random.default_rng(seed)
    made = []
    for shape in shapes:
        kind, size, high = shape if isinstance(shape[0], str) else ("floats", shape, None)
        if kind == "ints" and high > 0:
            made.append(rng.integers(0, high, size))
        elif kind == "ints":  # zeros and ones as floats
            made.append(rng.integers(0, 2, size).astype(np.float32))
        elif kind == "signs":
            made.append((rng.integers(0, 2, size) * 2 - 1).astype(np.float32))
        elif kind == "positive":
            made.append(rng.uniform(0.1, 0.9, size).astype(np.float32))
        else:
            made.append(rng.normal(0, 1, size).astype(np.float32))
    return made


def flat(value):
    """The tensors in nested tuples, in order."""
    if isinstance(value, (tuple, list)):
        return [t for v in value for t in flat(v)]
    return [] if value is None else [value]


@pytest.fixture
def torch():
    """The real PyTorch, where there is one."""
    return pytest.importorskip("torch")
